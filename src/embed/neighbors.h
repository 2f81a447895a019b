/* The k nearest neighbours of every point.
 *
 * Exact: blocks of the distance matrix as a matrix product, |x|^2 + |y|^2 - 2 xy, from which each row keeps a few more
 * candidates than asked for; their distances are then formed anew in double. Approximate, where exact no longer pays:
 * NN-descent (Dong, Moses, Li 2011). Either way the numbers do not depend on the number of threads.
 */
#ifndef EMBED_NEIGHBORS_H
#define EMBED_NEIGHBORS_H

#include "embed/points.h"

typedef enum Metric {
    METRIC_EUCLIDEAN,
    METRIC_COSINE,      /* 1 - cos; a row of zeros has no direction and is at distance 1 from every other */
    METRIC_CORRELATION, /* 1 - Pearson's r: the cosine of rows less their means, which are rounded to floats */
    METRIC_MANHATTAN,   /* sum of |x - y| */
    METRIC_HAMMING      /* share of the columns that differ */
} Metric;
enum { METRICS = METRIC_HAMMING + 1 };

typedef enum NeighborMethod {
    NEIGHBORS_AUTO, /* exact up to 100,000 points, or for more than 32 neighbours; see neighbors.c */
    NEIGHBORS_EXACT,
    NEIGHBORS_DESCENT
} NeighborMethod;

typedef struct NeighborOptions {
    int k;         /* 1 <= k < n; k <= n for a query */
    Metric metric; /* default METRIC_EUCLIDEAN */
    NeighborMethod method;
    uint64_t seed; /* of the approximate method alone */
    int threads;   /* 0: all processors; changes no numbers */
    FractionFn progress;
    void *progress_context;
} NeighborOptions;

typedef struct Neighbors {
    size_t n;
    int k;
    uint32_t *index; /* [n][k], nearest first, of equals the lower index first; a point is not among its own */
    float *distance; /* [n][k] */
    bool exact;
    const char *method; /* to be printed: "exact", "NN-descent"; static */
} Neighbors;

/* The points are taken as checked (points_check). Fewer points than k + 1 is an error: lower k first. Release with
 * neighbors_free, which is fine on a zeroed one. */
cf_status neighbors_find(const Points *points, const NeighborOptions *options, Neighbors *neighbors);
/* For each query its k nearest among `reference`, always exact. A query that is itself a reference point finds that
 * point. A query's row does not depend on what other queries come with it, to the bit. */
cf_status neighbors_query(const Points *reference, const Points *queries, const NeighborOptions *options,
                          Neighbors *neighbors);
void neighbors_free(Neighbors *neighbors);
/* Bytes that neighbors_find takes at most, its result included. */
size_t neighbors_memory(size_t n, int dim, const NeighborOptions *options);
/* "euclidean", "cosine" ..: umap-learn's names; ends with NULL. */
extern const char *const metric_names[METRICS + 1];
/* No matrix product gives it, so every pair is measured by itself: always exact, and slower. */
static inline bool metric_is_pairwise(Metric metric) {
    return metric == METRIC_MANHATTAN || metric == METRIC_HAMMING;
}

/* Of a rank that is not the first of a job (base/ranks.h): receives the points, of which `rows` are searched, and sends the first one what
 * its share of the exact search found. options: metric, k, threads. */
cf_status neighbors_serve(size_t n, int dim, size_t rows, const NeighborOptions *options);

#endif
