/* The loops of quality.h over all points of an embedding. */
#pragma once

#include "embed/points.h"

/* An embedding with its coordinates side by side, scaled by a power of two so that none exceeds 1. */
typedef struct Plane {
    float *values; /* [components][n] */
    size_t n;
    int components;
    double scale;
} Plane;

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
