/* NumPy's .npy and .npz files: matrices of features, lists of labels. */
#pragma once

#include "data/narrow.h"

typedef struct NpyRows {
    float *values; /* [n][dim] */
    size_t n;
    int dim;
    double *offset; /* [dim] what was taken off each column; NULL: nothing was */
    NarrowLoss loss;
} NpyRows;

/* Rows of floats. The first axis is the rows; further axes become one: (60000, 28, 28) gives rows of 784, (500,) rows of 1.
 * Numbers of any type and order; what is no float32 becomes one by narrow.h. NaN and infinity pass. Of an archive "X.npz" its only
 * array, or "X.npz:NAME". */
cf_status npy_read_rows(const char *path, const RowsFrame *frame, NpyRows *rows);
void npy_rows_free(NpyRows *rows);
/* Whole numbers, one per row, in a new array; of shape (n,) or (n, 1); floats only where they are whole. */
cf_status npy_read_labels(const char *path, int64_t **labels, size_t *n);
/* float32 of shape (n, dim), written aside and renamed. */
cf_status npy_write_rows(const char *path, const float *values, size_t n, int dim);
