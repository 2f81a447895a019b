/* The timetable of UMAP's layout: which edge moves a point in which round, and in which epochs.
 *
 * umap-learn uses an edge in both directions in an epoch: each time both ends step towards each other, and then the one the
 * direction starts from is pushed from random points. Here these two events of an edge fall into rounds drawn by a hash of its
 * ends, the same for both ends, so that both move in the same round, from the same positions.
 */
#ifndef EMBED_LAYOUT_EVENTS_H
#define EMBED_LAYOUT_EVENTS_H

#include "embed/fuzzy_graph.h"

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
 * used in every epoch). */
cf_status layout_events_new(const FuzzyGraph *graph, bool both, int rounds, int threads, LayoutEvents *events);
void layout_events_free(LayoutEvents *events);

/* Whether epoch x rate has passed a whole number since the epoch before: umap-learn's schedule in closed form. */
static inline bool event_due(Event event, uint32_t epoch) {
    return ((epoch * event.rate) & (EVENT_WHOLE - 1)) < event.rate;
}

#endif
