/* The steps of fetching one file, which fetch_file.c puts together: a transfer, and whether a file holds what it should. */
#pragma once

#include "data/fetch/fetch.h"

/* What is fetched; borrowed all. */
typedef struct FetchTask {
    const FetchSet *set;
    const FetchFile *file;
    const FetchOptions *options;
} FetchTask;

/* Tells of the progress; false: it is to stop. */
bool fetch_goes_on(const FetchTask *task, FetchStage stage, uint64_t done, uint64_t total);

/* ---- fetch_content.c: what a file holds, and the record that it was found to ---- */

typedef enum ContentKind {
    CONTENT_WRONG,
    CONTENT_AS_NAMED, /* right, and packed where the name ends in .gz */
    CONTENT_UNPACKED  /* right, but not packed though the name ends in .gz */
} ContentKind;

typedef struct ContentCheck {
    ContentKind kind;
    char why[256]; /* of CONTENT_WRONG: "it ends after 12 bytes; 60008 were expected" */
} ContentCheck;

/* Reads the whole file, in pieces; never more of it than its size should be. What cannot be read is an error. */
cf_status content_check(const char *path, const FetchTask *task, ContentCheck *check);
/* Whether the record beside `path` says that these bytes were verified against `file`'s checksum. */
bool content_is_recorded(const char *path, const FetchFile *file);
/* Makes the record. Where it cannot be made, the next call reads the file again, which is no failure. */
void content_record(const char *path, const FetchFile *file);
/* Removes a file and its record. */
void content_remove(const char *path);

/* ---- fetch_http.c: one transfer from one address to the end of an open file ---- */

typedef enum TransferEnd {
    TRANSFER_WHOLE,   /* the server has sent all it has */
    TRANSFER_BROKEN,  /* the transfer broke off or stalled after it had begun; it can be resumed */
    TRANSFER_REFUSED, /* this address does not give the file */
    TRANSFER_NO_MORE, /* asked to go on, the server says that there is nothing behind what is there */
    TRANSFER_OTHER    /* asked to go on, the server would from elsewhere, or in another file: begin anew */
} TransferEnd;

enum { TRANSFER_WHY = 640, VALIDATOR = 128 };

typedef struct Transfer {
    const FetchTask *task;
    const char *url, *shown;   /* `shown` in messages */
    int descriptor;            /* of the partial file; its offset is not used */
    const char *path;          /* its name, for messages */
    uint64_t size;             /* of what is there; counts on. 0: from the beginning */
    uint64_t most;             /* the file cannot be larger */
    bool exact;                /* nor smaller: `most` is its size */
    char validator[VALIDATOR]; /* of the file that the bytes there are of: If-Range; "": not known. Kept up to date */
    /* The answer. */
    TransferEnd end;
    bool continued;         /* what was there before is still a part of it */
    char why[TRANSFER_WHY]; /* unless TRANSFER_WHOLE: "404 Not Found, from http://.." */
} Transfer;

/* A failure of the disk, of memory, or an interruption is a failure; whatever the network does is an answer. */
cf_status http_transfer(Transfer *transfer);
