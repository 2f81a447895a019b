/* Libraries that are loaded when they are first needed: those that a program is linked with cost time at its every start, with all that
 * they bring along. */
#pragma once

#include "base/status.h"

typedef struct Library {
    const char *name; /* "libtiff.so.6" */
    bool global;      /* its own parts, loaded by it, find its names in the process */
    void *handle;
    char fault[300]; /* "": loaded, and nothing was missing */
} Library;

/* Loads it for the rest of the process. Call once (pthread_once), then find what is needed. */
void library_load(Library *library);
/* The address of a function, or NULL; `expected`: the version that has it, for the message. */
void *library_find(Library *library, const char *function, const char *expected);
