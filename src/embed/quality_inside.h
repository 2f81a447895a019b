/* What the parts of quality.h share. */
#ifndef EMBED_QUALITY_INSIDE_H
#define EMBED_QUALITY_INSIDE_H

#include "embed/quality.h"

/* An embedding with its coordinates side by side, scaled by a power of two so that none exceeds 1. */
typedef struct Plane {
    float *values; /* [components][n] */
    size_t n;
    int components;
    double scale;
} Plane;

/* `rows` [n] of the embedding, NULL: all. */
cf_status plane_new(const Points *embedding, const uint32_t *rows, size_t n, Plane *plane);
void plane_free(Plane *plane);

/* distances[j] = squared distance of point i to point j, for all j; infinite to itself. */
void plane_distances(const Plane *plane, size_t i, float *distances);
/* The sum of the (scaled) distances of the point at `x` [components] to points from .. to-1. */
double plane_sum(const Plane *plane, const float *x, size_t from, size_t to);

/* The k <= n smallest of n distances, ascending, of equals the first; places may not be NULL. */
void smallest(const float *distances, size_t n, int k, float *values, uint32_t *places);
/* counts[t] = how many of n distances are below limits[t]. */
void count_below(const float *distances, size_t n, const float *limits, int count, uint32_t *counts);
/* distances[j] = (norm + norms[j]) - 2 products[j]; in place allowed. */
void products_to_distances(const float *products, float norm, const float *norms, size_t n, float *distances);

/* A sorted sample of `wanted` of n rows, or all of them. */
cf_status sample_rows(size_t n, size_t wanted, uint64_t seed, uint32_t **rows, size_t *count);

/* quality_ranks.c, quality_labels.c: fill their part of `quality`, whose k is set. */
cf_status measure_ranks(const Points *points, const Points *embedding, const QualityOptions *options, Quality *quality);
cf_status measure_labels(const Points *embedding, const int *labels, const QualityOptions *options, Quality *quality);

#endif
