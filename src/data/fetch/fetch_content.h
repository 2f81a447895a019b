/* Whether a file holds what it should, and the record that it was found to. */
#pragma once

#include "data/fetch/fetch.h"

typedef enum ContentKind {
    CONTENT_WRONG,
    CONTENT_AS_NAMED, /* right, and packed where the name ends in .gz */
    CONTENT_UNPACKED  /* right, but not packed though the name ends in .gz */
} ContentKind;

typedef struct ContentCheck {
    const FetchSet *set;
    const FetchFile *file;
    const FetchOptions *options; /* for their progress */
    ContentKind kind;            /* the answer */
    char why[256];               /* of CONTENT_WRONG: "it ends after 12 bytes; 60008 were expected" */
} ContentCheck;

/* Reads the whole file, in pieces; never more of it than its size should be. What cannot be read is an error. */
cf_status content_check(const char *path, ContentCheck *check);

/* Whether the record beside `path` says that these bytes were verified against `file`'s checksum. */
bool content_is_recorded(const char *path, const FetchFile *file);
/* Makes the record. Where it cannot be made, the next call reads the file again, which is no failure. */
void content_record(const char *path, const FetchFile *file);
/* Removes a file and its record. */
void content_remove(const char *path);
