/* One transfer from one address to the end of an open file, by libcurl: HTTP and HTTPS, redirects to them only, proxies by
 * libcurl's environment variables, certificates checked. */
#pragma once

#include "data/fetch/fetch.h"

typedef enum TransferEnd {
    TRANSFER_WHOLE,   /* the server has sent all it has */
    TRANSFER_BROKEN,  /* the transfer broke off or stalled after it had begun; it can be resumed */
    TRANSFER_REFUSED, /* this address does not give the file */
    TRANSFER_NO_MORE, /* asked to go on, the server says that there is nothing behind what is there */
    TRANSFER_OTHER    /* asked to go on, the server would from elsewhere, or in another file: begin anew */
} TransferEnd;

enum { TRANSFER_WHY = 640, VALIDATOR = 128 };

typedef struct Transfer {
    const FetchSet *set;
    const FetchFile *file;
    const FetchOptions *options;
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
