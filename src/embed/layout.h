/* UMAP's layout: points pulled to their neighbours in a graph and pushed away from random others.
 *
 * Stochastic gradient descent on the cross entropy between the graph's weights and closeness in the embedding, after
 * umap-learn: an edge is used in weight / strongest of the epochs, each use is followed by pushes from random points, the
 * step size falls linearly to 0. umap-learn moves both ends of an edge in place, one after the other. Here each point moves
 * itself, by its own edges in order, and reads where the others were; as an undirected edge stands in both ends' rows, a pull
 * has twice the step, and the movement is the same. 
 * turn at the same time, so that most of what a point reads is as new as in the sequential method.
 */
#ifndef EMBED_LAYOUT_H
#define EMBED_LAYOUT_H

#include "embed/fuzzy_graph.h"

/* Return false to stop: CF_INTERRUPTED. */
typedef bool (*LayoutProgressFn)(double done, void *context);

typedef struct LayoutJob {
    const FuzzyGraph *graph; /* row i: what point i is pulled to; columns are among the others */
    const float *fixed;      /* [fixed_count][components], the others; NULL: the moving points are their own others */
    size_t fixed_count;
    const uint32_t *key; /* [graph->n], of each point's random numbers; NULL: its index */
    bool own_scale;      /* each row's strongest edge is used in every epoch, not the graph's */
    int components, epochs, negatives;
    double a, b, learning_rate, repulsion;
    uint64_t seed;
    int threads;
    LayoutProgressFn progress; /* NULL: none */
    void *progress_context;
} LayoutJob;

/* `points` [graph->n][components]: where they begin, and where they end. */
cf_status layout_run(const LayoutJob *job, float *points);
/* Bytes that layout_run takes for a graph of so many points with `others` neighbours each. */
size_t layout_memory(size_t n, int others, int components);

#endif
