/* The pictures that a command line names: files, and folders with all that is in them. */
#pragma once

#include "base/status.h"

typedef struct ListedPicture {
    char *path;
    char *error; /* a folder that cannot be read, and why; else NULL */
} ListedPicture;

typedef struct PictureList {
    ListedPicture *files;
    size_t count, capacity;
    size_t others;     /* files in folders that are no pictures, passed over */
    char *first_other; /* the first of them, or NULL */
} PictureList;

/* A file is taken whatever it is, so that what it lacks is told of it. Of a folder, the pictures in it and in its folders, in byte
 * order of their paths; names that begin with '.' are passed over, links are followed, but not back into a folder on the way. */
cf_status picture_list_add(PictureList *list, const char *path);
void picture_list_free(PictureList *list);
