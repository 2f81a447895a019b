/* UMAP's layout: points pulled to their neighbours in a graph and pushed away from random others.
 *
 * Stochastic gradient descent on the cross entropy between the graph's weights and closeness in the embedding, after
 * umap-learn: an edge is used in weight / strongest of the epochs, in either direction; a use moves both ends towards each
 * other and then pushes the one it starts from away from random points; the step falls linearly to 0. umap-learn moves points
 * in place, one use after the other. Here an epoch has rounds: the uses of an edge fall into rounds that its ends give
 * (layout_events.h); in a round each point moves itself through its own events in order, and reads where the others were when
 * the round began. So both ends of an edge still move at once and by equal steps, which is what keeps clusters whole (measured,
 * docs/design.md), and points move in parallel.
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
