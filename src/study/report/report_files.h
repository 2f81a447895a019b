/* A page of what was done with each file of a set of pictures. */
#pragma once

#include "data/folder/folder.h"

cf_status report_files_write(const char *path, const FolderListing *listing);
