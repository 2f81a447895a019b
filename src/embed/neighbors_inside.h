/* What the parts of the neighbour search share. */
#ifndef EMBED_NEIGHBORS_INSIDE_H
#define EMBED_NEIGHBORS_INSIDE_H

#include "embed/neighbors.h"

/* Distances in double, squared for METRIC_EUCLIDEAN. Sorted by (distance, index). */
typedef struct Nearest {
    size_t n;
    int k;
    uint32_t *index;  /* [n][k] */
    double *distance; /* [n][k] */
} Nearest;

cf_status nearest_new(size_t n, int k, Nearest *nearest);
void nearest_free(Nearest *nearest);

/* Some rows of points under a metric, in the order of `rows`. */
typedef struct Side {
    const Points *points;
    const uint32_t *rows; /* [n] */
    size_t n;
    double *square; /* [n] sums of squares, METRIC_COSINE */
} Side;

/* The distance of row i of `a` from row j of `b` (squared for METRIC_EUCLIDEAN; METRIC_CORRELATION is METRIC_COSINE by then). */
double side_distance(const Side *a, size_t i, const Side *b, size_t j, Metric metric);

/* Puts (distance, index) in its place in the ascending list, whose last entry falls out; nothing if it is no better
 * than the last. */
static inline void nearest_insert(double *distance, uint32_t *index, int k, double d, uint32_t i) {
    int at = k - 1;
    if (d > distance[at] || (d == distance[at] && i >= index[at])) return;
    for (; at > 0 && (d < distance[at - 1] || (d == distance[at - 1] && i < index[at - 1])); at--) {
        distance[at] = distance[at - 1];
        index[at] = index[at - 1];
    }
    distance[at] = d;
    index[at] = i;
}

/* The nearest of row `self` (SIZE_MAX: of a query), which has no direction: all distances are 1, so the first rows. */
void nearest_take_first(size_t self, int k, double *distance, uint32_t *index);

/* neighbors_exact.c: for each row of `a` its k nearest of `b`; b == a: of the other rows. 1 <= k <= what there is. */
cf_status nearest_exact(const Side *a, const Side *b, const NeighborOptions *options, int k, Nearest *nearest);
/* neighbors_descent.c: as nearest_exact(a, a, ..), nearly. */
cf_status nearest_descent(const Side *a, const NeighborOptions *options, int k, Nearest *nearest);

#endif
