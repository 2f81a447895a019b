/* NumPy's .npy and .npz files: matrices of features, lists of labels. */
#pragma once

#include "data/narrow.h"

/* Rows of floats. The first axis is the rows; further axes become one: (60000, 28, 28) gives rows of 784, (500,) rows of 1.
 * Numbers of any type and order; what is no float32 becomes one by narrow.h. NaN and infinity pass. Of an archive "X.npz" its only
 * array, or "X.npz:NAME". */
cf_status npy_read_rows(const char *path, const RowsFrame *frame, NpyRows *rows);
/* Whole numbers, one per row, in a new array; of shape (n,) or (n, 1); floats only where they are whole. */
cf_status npy_read_labels(const char *path, int64_t **labels, size_t *n);
/* float32 of shape (n, dim), written aside and renamed. */
cf_status npy_write_rows(const char *path, const float *values, size_t n, int dim);

/* ---- Numbers as files have them: of kind 'f', 'i' or 'u' ('b': a bool), of 1 to 8 bytes ---- */

/* Of the other byte order, in place. */
void elements_swap(void *elements, size_t count, size_t size);
/* Of 64-bit numbers beyond 2^53 the nearest double. */
void elements_to_doubles(char kind, size_t size, const void *elements, size_t count, double *values);
