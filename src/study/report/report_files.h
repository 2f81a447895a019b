/* A page of what was done with each file of a set of pictures. */
#ifndef STUDY_REPORT_FILES_H
#define STUDY_REPORT_FILES_H

#include "data/folder/folder.h"

/* `name` is what the set is called. */
cf_status report_files_write(const char *path, const char *name, const FolderListing *listing);

#endif
