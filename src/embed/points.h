/* What is embedded: rows of floats. */
#ifndef EMBED_POINTS_H
#define EMBED_POINTS_H

#include "base/status.h"

typedef struct Points {
    const float *values; /* [n][dim], row after row; borrowed */
    size_t n;
    int dim;
} Points;

enum { MOST_POINTS = 100000000, MOST_DIMENSIONS = 1 << 20 };

/* Refuses no points, no dimension, more than the limits, and values that are NaN or infinite, naming the first row.
 * `what` stands before the message: "X.npy", "the features". */
cf_status points_check(const Points *points, const char *what);

/* Each row less its mean, in new memory of *values, which is the caller's to free(). */
cf_status points_centered(const Points *points, Points *centered, float **values);

static inline const float *points_row(const Points *points, size_t i) {
    return points->values + i * (size_t)points->dim;
}

/* Told how much of a stage is done, 0 to 1, by the thread that called it. NULL: nobody asks. */
typedef void (*FractionFn)(double done, void *context);

#endif
