#include "embed/layout_events.h"

#include "base/memory.h"
#include "base/slices.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 512 }; /* points a piece */

typedef struct Making {
    const FuzzyGraph *graph;
    LayoutEvents *events;
    bool both;
    float strongest;
} Making;

/* Multiplications and shifts that spread every bit over all. */
static uint32_t spread(uint32_t x) {
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

/* The round of the event in which the lower end (`which` 0) or the higher one is pushed. */
static int round_of(uint32_t i, uint32_t j, uint32_t which, int rounds) {
    uint32_t low = i < j ? i : j, high = i < j ? j : i;
    uint32_t hash = spread(spread(low + 0x9e3779b9u) ^ (2 * high + which));
    return (int)(((uint64_t)hash * (uint32_t)rounds) >> 32);
}

static double scale_of(const Making *making, size_t i) {
    const FuzzyGraph *graph = making->graph;
    float strongest = 0;
    if (making->both) return (double)making->strongest;
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
        if (graph->weight[e] > strongest) strongest = graph->weight[e];
    return (double)strongest;
}

/* Gives every event of point i to `take`, in the order of its row. */
typedef struct Placing {
    size_t count[LAYOUT_MOST_ROUNDS]; /* counted, or where the next one goes */
    Event *event;                     /* NULL: only count */
} Placing;

static void place(Placing *placing, int round, Event event) {
    if (placing->event) placing->event[placing->count[round]] = event;
    placing->count[round]++;
}

/* The events of point i that push, or those that do not. */
static void place_events(const Making *making, size_t i, bool pushing, Placing *placing) {
    const FuzzyGraph *graph = making->graph;
    const double scale = scale_of(making, i);
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) {
        uint32_t j = graph->column[e];
        Event event = {pushing ? j | EVENT_PUSHES : j, (uint32_t)((double)graph->weight[e] / scale * EVENT_WHOLE)};
        uint32_t own = i > j; /* the event in which i itself is pushed */
        int round = making->both ? round_of((uint32_t)i, j, pushing ? own : !own, making->events->rounds) : 0;
        if (making->both || pushing) place(placing, round, event);
    }
}

static cf_status count_rows(void *context, int64_t piece, int thread) {
    const Making *making = context;
    LayoutEvents *events = making->events;
    (void)thread;
    for (size_t i = (size_t)piece * ROWS; i < events->n && i < ((size_t)piece + 1) * ROWS; i++) {
        Placing placing = {0};
        place_events(making, i, true, &placing);
        place_events(making, i, false, &placing);
        for (int r = 0; r < events->rounds; r++) events->start[(size_t)r * events->n + i + 1] = placing.count[r];
    }
    return CF_OK;
}

static cf_status fill_rows(void *context, int64_t piece, int thread) {
    const Making *making = context;
    LayoutEvents *events = making->events;
    (void)thread;
    for (size_t i = (size_t)piece * ROWS; i < events->n && i < ((size_t)piece + 1) * ROWS; i++) {
        Placing placing = {.event = events->event};
        for (int r = 0; r < events->rounds; r++) placing.count[r] = events->start[(size_t)r * events->n + i];
        place_events(making, i, true, &placing);
        place_events(making, i, false, &placing);
    }
    return CF_OK;
}

cf_status layout_events_new(const FuzzyGraph *graph, bool both, int rounds, int threads, LayoutEvents *events) {
    const size_t slots = graph->n * (size_t)rounds;
    const int64_t pieces = (int64_t)((graph->n + ROWS - 1) / ROWS);
    LayoutEvents made = {.n = graph->n, .rounds = rounds};
    Making making = {graph, &made, both, fuzzy_graph_strongest(graph)};
    cf_status status;
    FORWARD_TO(failed, memory_new(slots + 1, sizeof *made.start, &made.start));
    FORWARD_TO(failed, slices_run(threads, pieces, count_rows, &making));
    for (size_t s = 0; s < slots; s++) made.start[s + 1] += made.start[s];
    FORWARD_TO(failed, memory_new(made.start[slots], sizeof *made.event, &made.event));
    FORWARD_TO(failed, slices_run(threads, pieces, fill_rows, &making));
    *events = made;
    return CF_OK;
failed:
    layout_events_free(&made);
    return status;
}

void layout_events_free(LayoutEvents *events) {
    free(events->start);
    free(events->event);
    *events = (LayoutEvents){0};
}
