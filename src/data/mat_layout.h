/* What stands where in a MATLAB v5 file. See mat_layout.c for the format. */
#pragma once

#include "data/mat_stream.h"

enum { MAT_DIMS = 8, MAT_NAME = 64 };

/* Classes of a variable, as numbers of the format, of which only the numeric ones matter here. */
enum { MAT_DOUBLE = 6, MAT_UINT8 = 9, MAT_UINT64 = 15 };

typedef struct MatVariable {
    char name[MAT_NAME];
    size_t offset, size; /* of the element behind its tag, in the file */
    bool compressed;
    int class_type;
    bool complex_values;
    int rank; /* may be above MAT_DIMS; then the dims beyond are not kept */
    size_t dims[MAT_DIMS];
    uint32_t stored_type;      /* of the data's numbers; 0 for classes that are not numeric */
    size_t data_at, data_size; /* bytes of the (inflated) element before the data, and of the data */
} MatVariable;

typedef struct MatLayout {
    bool swapped; /* the file's byte order is not this machine's */
    MatVariable *variables;
    size_t count;
} MatLayout;

/* Checks the file's header and that every element lies inside the file (that is where a cut download is
 * found), and reads the head of each variable. */
cf_status mat_layout_read(MatStream *stream, const char *path, MatLayout *layout);
void mat_layout_free(MatLayout *layout);
/* NULL when there is none. */
const MatVariable *mat_layout_find(const MatLayout *layout, const char *name);

/* "uint8" */
const char *mat_class_text(int class_type);
/* Bytes of one number of a stored type; 0 if it is none. */
size_t mat_stored_size(uint32_t stored_type);
