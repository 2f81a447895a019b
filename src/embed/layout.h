/* UMAP's layout: points pulled to their neighbours in a graph and pushed away from random others.
 *
 * Stochastic gradient descent on the cross entropy between the graph's weights and closeness in the embedding, after
 * umap-learn: an edge is used in weight / strongest of the epochs, in either direction; a use moves both ends towards each
 * other and then pushes the one it starts from away from random points; the step falls linearly to 0. umap-learn moves points
 * in place, one use after the other. Here an epoch has rounds: the uses of an edge fall into rounds that its ends give
 * (the timetable below); in a round each point moves itself through its own events in order, and reads where the others were when
 * the round began. So both ends of an edge still move at once and by equal steps, which is what keeps clusters whole (measured,
 * docs/design.md), and points move in parallel.
 */
#pragma once

#include "base/status.h"
#include "embed/fuzzy_graph.h"

/* densMAP (Narayan, Berger, Cho 2021): in the last `fraction` of the epochs points also move so that the correlation of the local
 * radii in the embedding with those of the original grows. The radius of a point in the embedding is the logarithm of the mean
 * squared distance to those it has edges to, by their closeness. */
typedef struct LayoutDensity {
    const double *radius; /* [graph->n] of the original (fuzzy_graph_radii); NaN: of none */
    double lambda;        /* weight of the correlation */
    double fraction;      /* of the epochs, the last ones */
    double shift;         /* is added to the variance of the embedded radii */
} LayoutDensity;

typedef struct LayoutJob {
    const FuzzyGraph *graph; /* row i: what point i is pulled to; columns are among the others */
    const float *fixed;      /* [fixed_count][components], the others; NULL: the moving points are their own others */
    size_t fixed_count;
    const uint32_t *key; /* [graph->n], of each point's random numbers; NULL: its index */
    int components, epochs, negatives;
    double a, b, learning_rate, repulsion;
    const LayoutDensity *density; /* NULL: none; never with fixed points */
    uint64_t seed;
    int threads;
    FractionFn progress;
    void *progress_context;
} LayoutJob;

/* `points` [graph->n][components]: where they begin, and where they end. */
cf_status layout_run(const LayoutJob *job, float *points);
/* Bytes that layout_run takes for a graph of so many points with `others` neighbours each. */
size_t layout_memory(size_t n, int others, int components);

/* The curve that stands for closeness in the embedding, 1 / (1 + a d^(2b)), fitted to what min_dist and spread ask for: least
 * squares against 1 up to min_dist and exp(-(d - min_dist) / spread) beyond, on 300 distances from 0 to 3 spread, as
 * umap-learn does. spread > 0, 0 <= min_dist <= 3 spread. */
cf_status curve_fit(double min_dist, double spread, double *a, double *b);

/* ---- The timetable: which edge moves a point in which round, and in which epochs ----
 *
 * umap-learn uses an edge in both directions in an epoch: each time both ends step towards each other, and then the one the
 * direction starts from is pushed from random points. Here these two events of an edge fall into rounds drawn by a hash of its
 * ends, the same for both ends, so that both move in the same round, from the same positions. */

enum { LAYOUT_MOST_ROUNDS = 64 };

/* The rate of an edge that is used in every epoch. */
#define EVENT_WHOLE (1u << 31)

typedef struct Event {
    uint32_t target; /* what the point is pulled to */
    uint32_t rate;   /* share of the epochs, in units of 1 / EVENT_WHOLE */
} Event;

/* In round r, point i has the events start[s] .. start[s + 1] - 1 with pushes after the pull, and start[s + 1] ..
 * start[s + 2] - 1 without, s = 2 (r n + i). */
typedef struct LayoutEvents {
    size_t n;
    int rounds;
    size_t *start; /* [2 rounds n + 1] */
    Event *event;
} LayoutEvents;

static inline size_t event_slot(const LayoutEvents *events, int round, size_t i) {
    return 2 * ((size_t)round * events->n + i);
}

/* One event per entry of the graph, all with pushes, in one round (`both` false: the columns are fixed points, and each row's
 * strongest edge is used in every epoch); or two in `rounds` rounds (`both`: the graph is symmetric, and its strongest edge is
 * used in every epoch). To be freed on any path. */
cf_status layout_events_new(const FuzzyGraph *graph, bool both, int rounds, int threads, LayoutEvents *events);
void layout_events_free(LayoutEvents *events);

/* Whether epoch x rate has passed a whole number since the epoch before: umap-learn's schedule in closed form. */
static inline bool event_due(Event event, uint32_t epoch) {
    return ((epoch * event.rate) & (EVENT_WHOLE - 1)) < event.rate;
}
