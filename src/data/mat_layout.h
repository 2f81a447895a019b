/* What stands where in a MATLAB v5 file: for readers, before anything is believed. See mat_layout.c for the
 * format. */
#ifndef DATA_MAT_LAYOUT_H
#define DATA_MAT_LAYOUT_H

#include "base/status.h"

#include <stdio.h>

/* One top-level element, which is one variable. */
typedef struct MatElement {
    size_t offset, size; /* of what comes after its tag, in the file */
    bool compressed;
} MatElement;

typedef struct MatLayout {
    size_t file_size;
    bool swapped; /* the file's byte order is not this machine's */
    MatElement *elements;
    size_t count;
} MatLayout;

/* Checks the header and that every element lies inside the file; that is where a cut download is found. */
cf_status mat_layout_read(const char *path, MatLayout *layout);
void mat_layout_free(MatLayout *layout);

/* Checks the checksums (Adler-32) of all compressed elements. Those of `known` bytes, the largest variable as
 * it was read, are checked against these; everything else is inflated once more. */
cf_status mat_layout_verify(const char *path, const MatLayout *layout, const void *known, size_t known_size);

#endif
