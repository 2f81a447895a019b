/* One file being fetched: what fetch_file.c, fetch_part.c and fetch_mirrors.c share. */
#pragma once

#include "data/fetch/fetch_content.h"

typedef struct Job {
    const FetchSet *set;
    const FetchFile *file;
    const FetchOptions *options;
    FetchResult *result;
    char *folder, *name, *bare, *part; /* bare: without .gz, NULL where the name has none */
    char *made;                        /* what had to be made for the folder (file_make_folders) */
    int descriptor;                    /* of the partial file, locked; -1: none */
} Job;

/* ---- fetch_part.c: the partial file ---- */

/* Opens and locks it, made where it is not there; *taken false: another process works on it. */
cf_status part_try(Job *job, bool *taken);
/* The same, waiting for who has it. */
cf_status part_take(Job *job);
uint64_t part_size(const Job *job);
cf_status part_empty(Job *job);
/* Lets go of it. Fine when it is not held. */
void part_leave(Job *job);
/* Gives it its name: the content was verified. `url`: where it came from. */
cf_status part_keep(Job *job, ContentKind kind, const char *url);
/* Waits, with the progress told. */
cf_status job_sleep(const Job *job, int milliseconds);
/* The file is there as `path`: notes so in the result. */
cf_status job_is_there(Job *job, const char *path);

/* ---- fetch_mirrors.c ---- */

/* Asks one after the other until the file is there; the partial file is held. */
cf_status mirrors_ask(Job *job);
