/* All that lies below a folder. */
#pragma once

#include "base/status.h"

typedef struct WalkedFile {
    const char *path; /* the folder's path, and the way below it */
    bool folder;
    const char *error; /* a folder that cannot be read, and why: nothing of what it holds comes; else NULL */
} WalkedFile;

typedef cf_status (*WalkFn)(const WalkedFile *file, void *context);

/* Tells of every file and folder, a folder before what it holds, else in no order. Links are followed, but not back into a folder on
 * the way. With `hidden`, names that begin with '.' are told as files, whatever they are; else they are passed over. */
cf_status file_walk(const char *folder, bool hidden, WalkFn visit, void *context);
