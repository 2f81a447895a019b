/* Rows of doubles become rows of floats, so that the distances between them survive.
 *
 * A float32 has 24 bits: around 1e9 its steps are 64 wide, and clusters of times or coordinates fall together. What is far from 0
 * only as a whole is moved there first: a column's median is taken off where its values lie at least four times closer to that
 * than to 0, two bits gained. Angles do not survive a move, so for the cosine metric all columns stay. Where float32 is too coarse
 * all the same, the loss says by how much. A file of float32 numbers is taken as it is, whatever it holds them in.
 *
 * The doubles come in parts, in order, once for each step: look, weigh, convert.
 */
#pragma once

#include "base/status.h"

typedef struct RowsFrame {
    bool angles; /* they are compared by angles: no column may be moved */
    bool stay;   /* nor here: they will lie among rows that were not moved */
    const double
        *offset; /* [dim] to take off, of earlier rows among which these will lie; NULL: chosen here. Borrowed */
    int dim;     /* of offset */
} RowsFrame;

/* What rounding to float32 has done to the rows. */
typedef struct NarrowLoss {
    size_t different,
        merged; /* different rows; how many of them are equal to another one now (of the first 2^20 rows) */
    size_t sampled, changed; /* rows of a sample; those whose nearest other is 10 % nearer or farther now */
} NarrowLoss;

typedef struct Narrow Narrow;

cf_status narrow_new(size_t n, int dim, const RowsFrame *frame, Narrow **narrow);
void narrow_free(Narrow *narrow);
/* Part [first, first + count) of the n x dim values; the first step. */
void narrow_look(Narrow *narrow, const double *part, size_t first, size_t count);
/* Whether the second step is wanted. */
bool narrow_wants_weighing(Narrow *narrow);
void narrow_weigh(Narrow *narrow, const double *part, size_t first, size_t count);
/* The last step: into values[first .. first + count). */
void narrow_convert(Narrow *narrow, const double *part, size_t first, size_t count, float *values);
/* *offset [dim]: what was taken off, now the caller's, each the sum of two floats exactly; NULL: nothing was. */
cf_status narrow_finish(Narrow *narrow, const float *values, double **offset, NarrowLoss *loss);
