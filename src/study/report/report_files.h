/* A page of what was done with each file of a set of pictures. */
#ifndef STUDY_REPORT_FILES_H
#define STUDY_REPORT_FILES_H

#include "data/folder/folder.h"

cf_status report_files_write(const char *path, const FolderListing *listing);

#endif
