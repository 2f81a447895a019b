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
