/* What the makers of the corpus share. */
#ifndef MAKE_CORPUS_H
#define MAKE_CORPUS_H

#include "base/files.h"

/* The set of the run in the corpus of fuzz_report. */
#define CORPUS_SET "hand:n=200,test=20"

typedef struct Corpus {
    char *folder;
    char *images, *packed, *labels, *run; /* scratch */
} Corpus;

typedef struct Bytes {
    unsigned char *bytes;
    size_t size;
} Bytes;

/* Ends the program where a file cannot be made. */
#define must(call) must_((call), #call)
void must_(cf_status status, const char *what);
Bytes bytes_read(const char *path);
/* "OUT/target/name", with its folder made; until the next call. */
const char *corpus_path(const Corpus *corpus, const char *target, const char *name);

/* make_pictures.c */
void make_pictures(const Corpus *corpus);

/* make_study.c; after the run was made */
void make_study(const Corpus *corpus);

#endif
