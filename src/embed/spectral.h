/* First coordinates from the graph: eigenvectors of its normalised Laplacian, I - D^-1/2 W D^-1/2, to the smallest eigenvalues
 * above 0 (Belkin, Niyogi 2003), D the weights' row sums. */
#pragma once

#include "embed/fuzzy_graph.h"

enum { SPECTRAL_MOST_PARTS = 256 };

typedef struct SpectralJob {
    const FuzzyGraph *graph;
    const Points *points; /* what the graph is of; used where it is in several parts, to place these */
    int components;
    double tolerance; /* largest length of L v - lambda v, v of length 1 */
    uint64_t seed;
    int threads;
    FractionFn progress; /* told 0 now and then, for being stopped */
    void *progress_context;
} SpectralJob;

/* `coordinates` [n][components], of no particular scale. A graph in several parts is laid out as in umap-learn: each part by its
 * own eigenvectors, around places that the parts' mean points are given. Where this cannot be had, `why` ([100]) says why, and
 * the coordinates are not to be used; else it is empty. */
cf_status spectral_layout(const SpectralJob *job, float *coordinates, char *why);

/* eigenvalues [components] of the Laplacian of a connected graph, smallest first, the 0 left out; vectors [components][n]. */
cf_status spectral_vectors(const SpectralJob *job, double *values, double *vectors, double *residual);

/* Bytes that spectral_layout takes at most, the graph not counted. */
size_t spectral_memory(size_t n, int others, int components);
