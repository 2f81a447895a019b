/* Rows of doubles become rows of floats, so that the distances between them survive.
 *
 * A float32 has 24 bits: around 1e9 its steps are 64 wide, and clusters of times or coordinates fall together. What is far from 0
 * only as a whole is moved there first: a column's median is taken off where its values lie at least four times closer to that
 * than to 0, two bits gained. Angles do not survive a move, so for the cosine metric all columns stay. Where float32 is too coarse
 * all the same, the loss says by how much. A file of float32 numbers is taken as it is, whatever it holds them in.
 *
 * The doubles are asked for in parts, in order, up to three times: to look at them, to weigh what may be taken off, to convert them.
 */
#pragma once

#include "base/status.h"

typedef struct RowsFrame {
    bool angles; /* they are compared by angles: no column may be moved */
    bool stay;   /* nor here: they will lie among rows that were not moved */
    /* [dim] to take off, of earlier rows among which these will lie; NULL: chosen here. Borrowed. */
    const double *offset;
    int dim; /* of offset */
} RowsFrame;

/* What rounding to float32 has done to the rows. */
typedef struct NarrowLoss {
    /* Different rows; how many of them are equal to another one now (of the first 2^20 rows). */
    size_t different, merged;
    size_t sampled, changed; /* rows of a sample; those whose nearest other is 10 % nearer or farther now */
} NarrowLoss;

typedef struct NpyRows {
    float *values; /* [n][dim] */
    size_t n;
    int dim;
    double *offset; /* [dim] what was taken off each column, each the sum of two floats exactly; NULL: nothing was */
    NarrowLoss loss;
} NpyRows;
void npy_rows_free(NpyRows *rows);

/* Values first .. first + count - 1 of the n x dim. */
typedef cf_status (*PartReader)(void *source, size_t first, size_t count, double *part);

/* Rows of this n and dim. `exact`: their values are floats for sure, which spares the look. */
cf_status narrow_rows(PartReader read, void *source, bool exact, const RowsFrame *frame, NpyRows *rows);
