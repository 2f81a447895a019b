/* The fuzzy graph of UMAP: how strongly each point belongs with its neighbours, in (0, 1].
 *
 * A point's membership in its neighbour at distance d is exp(-(d - rho) / sigma), 1 up to rho: rho is the distance of its
 * nearest neighbour, sigma the scale at which the memberships sum to log2 of the number of neighbours, the point included.
 * The graph joins both directions of a pair, v and w: v + w - v w.
 */
#pragma once

#include "embed/neighbors.h"

/* Symmetric, in compressed rows: row i holds start[i] .. start[i + 1] - 1, columns ascending, i itself not among them. */
typedef struct FuzzyGraph {
    size_t n;
    size_t *start;    /* [n + 1] */
    uint32_t *column; /* [start[n]] */
    float *weight;    /* in (0, 1]; an edge's two entries are equal, to the bit */
} FuzzyGraph;

typedef struct Smooth {
    double rho, sigma;
} Smooth;

/* For one point, the `count` distances of its neighbours, ascending, itself not among them. Sum of memberships =
 * log2(count + 1) to 1e-6, unless too many neighbours are within rho, or sigma would fall below a thousandth of the mean
 * distance, of this point's neighbours where rho > 0, else `mean` (umap-learn's floors, which its own zero distance is
 * counted in). local_connectivity 0 puts rho at 0. */
Smooth fuzzy_smooth(const float *distance, int count, double local_connectivity, double mean);
float fuzzy_membership(float distance, Smooth smooth);
/* The natural logarithm, the same bits everywhere. */
double natural_log(double x);

cf_status fuzzy_graph_new(const Neighbors *neighbors, double set_op_mix, double local_connectivity, int threads,
                          FuzzyGraph *graph);
/* Weakens edges between different classes of `target` ([n], negative: unknown) by exp(-5 odds) with odds = weight / (1 - weight),
 * and those to unknown ones by exp(-min(odds, 1)); then each point's strongest edge counts as 1 again, and directions are joined
 * as before. Weight 0 leaves the graph as it is, to the bit. */
cf_status fuzzy_graph_supervise(FuzzyGraph *graph, const int *target, double weight, int threads);
/* Drops edges that a layout of so many epochs would not use once: weight below the largest / epochs. */
void fuzzy_graph_prune(FuzzyGraph *graph, int epochs);
/* The number of connected parts, and each vertex's in part [n]; parts are numbered by their lowest vertex. */
cf_status fuzzy_graph_parts(const FuzzyGraph *graph, uint32_t *part, size_t *parts);
/* radius[i] = log(1e-8 + the mean squared distance of point i to those it has edges to, by the weights): its local radius (Narayan,
 * Berger, Cho 2021). `neighbors` are those that the graph was made of. NaN of a point without an edge. */
void fuzzy_graph_radii(const FuzzyGraph *graph, const Neighbors *neighbors, int threads, double *radius);
/* Bytes of a graph of so many points with `others` neighbours each, at most, and bytes that making it takes, itself included. */
size_t fuzzy_graph_size(size_t n, int others);
size_t fuzzy_graph_memory(size_t n, int others);
float fuzzy_graph_strongest(const FuzzyGraph *graph);
void fuzzy_graph_free(FuzzyGraph *graph);
