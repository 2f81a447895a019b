/* The covariance of points, formed or only applied. */
#ifndef EMBED_COVARIANCE_H
#define EMBED_COVARIANCE_H

#include "embed/points.h"

typedef struct Covariance {
    const Points *points; /* borrowed */
    int threads;
    double *means;  /* [dim] */
    double *matrix; /* [dim][dim], or NULL for more than 2,048 columns */
    double *room;   /* without a matrix: partial sums of covariance_multiply */
    double total;   /* the variances' sum */
    double scale;   /* a power of two that keeps the matrix's products within a float */
} Covariance;

/* The covariance times a factor, which neither directions nor shares see. */
cf_status covariance_make(const Points *points, int threads, Covariance *covariance);
void covariance_free(Covariance *covariance);
/* out[i] = covariance . vectors[i], `count` rows of dim. `count` must not grow from call to call. */
cf_status covariance_multiply(Covariance *covariance, const double *vectors, int count, double *out);

#endif
