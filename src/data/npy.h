/* NumPy's .npy files: matrices of features, lists of labels. */
#ifndef DATA_NPY_H
#define DATA_NPY_H

#include "base/status.h"

/* Rows of floats in a new array *values [*n][*dim]; release with free(). The first axis is the rows; further axes
 * become one: (60000, 28, 28) gives rows of 784, (500,) rows of 1. float32, float64 and uint8; a float64 is rounded to
 * the nearest float32. Values are not looked at: NaN and infinity pass. */
cf_status npy_read_rows(const char *path, float **values, size_t *n, int *dim);
/* Whole numbers, one per row, in a new array: int64, int32 or uint8, of shape (n,) or (n, 1). */
cf_status npy_read_labels(const char *path, int64_t **labels, size_t *n);
/* float32 of shape (n, dim), written aside and renamed. */
cf_status npy_write_rows(const char *path, const float *values, size_t n, int dim);

#endif
