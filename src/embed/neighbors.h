/* The k nearest neighbours of every point.
 *
 * Exact: blocks of the distance matrix as a matrix product, |x|^2 + |y|^2 - 2 xy, from which each row keeps a few more
 * candidates than asked for; their distances are then formed anew in double. Approximate, where exact no longer pays:
 * NN-descent (Dong, Moses, Li 2011). Either way the numbers do not depend on the number of threads.
 */
#pragma once

#include "embed/points.h"

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

/* Of a rank that is not the first of a job (base/ranks.h): receives the points, of which `rows` are searched, and sends the first one what
 * its share of the exact search found. options: metric, k, threads. */
cf_status neighbors_serve(size_t n, int dim, size_t rows, const NeighborOptions *options);

/* ---- For the search's own files ---- */

/* Distances in double, squared for METRIC_EUCLIDEAN. Sorted by (distance, index). */
typedef struct Nearest {
    size_t n;
    int k;
    uint32_t *index;  /* [n][k] */
    double *distance; /* [n][k] */
} Nearest;

/* To be freed on any path. */
cf_status nearest_new(size_t n, int k, Nearest *nearest);
void nearest_free(Nearest *nearest);

/* Some rows of points under a metric, in the order of `rows`. */
typedef struct NeighborSide {
    const Points *points;
    const uint32_t *rows; /* [n] */
    size_t n;
    double *square; /* [n] sums of squares, METRIC_COSINE */
} NeighborSide;

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

/* Rows among which one looks, every `stride`-th; UINT32_MAX: none. */
typedef struct RowList {
    const uint32_t *rows;
    size_t count, stride;
} RowList;

static inline void neighbors_report(const NeighborOptions *options, double done) {
    if (options->progress) options->progress(done, options->progress_context);
}

/* In neighbors_exact.c: fills row i of `nearest` with the nearest of row i of `a` among the listed rows of `b` (NULL: among all), itself left
 * out where b == a. What is missing is UINT32_MAX at an infinite distance. A row without a direction is at distance 1 from all, so its
 * nearest are the first ones. */
void nearest_of_row(const NeighborSide *a, size_t i, const NeighborSide *b, Metric metric, const RowList *among,
                    Nearest *nearest);

/* neighbors_exact.c: for each row of `a` its k nearest of `b`; b == a: of the other rows. 1 <= k <= what there is. */
cf_status nearest_exact(const NeighborSide *a, const NeighborSide *b, const NeighborOptions *options, int k,
                        Nearest *nearest);
/* neighbors_descent.c: as nearest_exact(a, a, ..), nearly. */
cf_status nearest_descent(const NeighborSide *a, const NeighborOptions *options, int k, Nearest *nearest);
