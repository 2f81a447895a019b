/* How well an embedding keeps what was near near, and classes apart. */
#pragma once

#include "embed/neighbors.h"

enum {
    QUALITY_K = 15,
    QUALITY_MOST_COMPONENTS = 64,
    QUALITY_EXACT = 20000,        /* up to so many points everything is measured on all of them */
    QUALITY_RANK_SAMPLE = 2000,   /* beyond: points whose ranks among all others are taken */
    QUALITY_PLANE_SAMPLE = 10000, /* and points whose embedded distances to all others are */
};

/* Not-a-number where a figure does not exist: fewer than 3 points, no labels, fewer than 2 classes. */
typedef struct Quality {
    int k; /* QUALITY_K, lowered to less than half the points */
    /* Venna, Kaski 2001. Of equally distant points the one asked about counts as the nearest. */
    double trustworthiness, continuity;
    /* Share of labelled points that the majority of their k nearest labelled neighbours in the embedding gives their
     * label; of classes with equal votes the one with the nearest neighbour wins. */
    double knn_accuracy;
    /* Rousseeuw 1987, mean over the labelled points; 0 for the only point of its class. */
    double silhouette;
    size_t rank_points, plane_points; /* what the first two and the last two were measured on */
} Quality;

typedef struct QualityOptions {
    Metric metric; /* of the points; embeddings are euclidean */
    uint64_t seed; /* of the samples */
    int threads;   /* 0: all processors; changes no numbers */
} QualityOptions;

/* `embedding` has a row for each of the points, both checked; `labels` [n] counted from 0, negative: unknown; or NULL. */
cf_status quality_measure(const Points *points, const Points *embedding, const int *labels,
                          const QualityOptions *options, Quality *quality);
/* Bytes that quality_measure takes at most. */
size_t quality_memory(size_t n, int dim, int threads);

/* ---- The loops over all points of an embedding, in quality_kernels.c ---- */

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
