/* What the makers of the corpus share. */
#pragma once

#include "base/files.h"

#include <stddef.h>

/* The set of the run in the corpus of fuzz_report. */
#define CORPUS_SET "hand:n=200,test=20"

/* The content that is right for fuzz_content. */
enum { CORPUS_CONTENT = 700 };
static inline void corpus_content(unsigned char content[CORPUS_CONTENT]) {
    for (size_t i = 0; i < CORPUS_CONTENT; i++) content[i] = (unsigned char)(i * i / 7);
}

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

void put(const Corpus *corpus, const char *target, const char *name, const void *bytes, size_t size);
/* Each as a file; the last one is NULL. */
void put_texts(const Corpus *corpus, const char *target, const char *const *texts);

/* make_pictures.c, make_downloads.c, make_weights.c, make_store.c; the last after the run was made: make_study.c */
void make_pictures(const Corpus *corpus);
void make_downloads(const Corpus *corpus);
void make_weights(const Corpus *corpus);
void make_store(const Corpus *corpus);
void make_study(const Corpus *corpus);
