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

/* Counts in [round], or where each round's next event goes. */
typedef size_t PerRound[LAYOUT_MOST_ROUNDS];

/* The events of point i that push, or those that do not: counted, and put in place if `event` is there. */
static void place_events(const Making *making, size_t i, bool pushing, PerRound place, Event *event) {
    const FuzzyGraph *graph = making->graph;
    const double scale = scale_of(making, i);
    if (!making->both && !pushing) return;
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) {
        uint32_t j = graph->column[e], own = i > j; /* the event in which i itself is pushed */
        int round = making->both ? round_of((uint32_t)i, j, pushing ? own : !own, making->events->rounds) : 0;
        if (event) event[place[round]] = (Event){j, (uint32_t)((double)graph->weight[e] / scale * EVENT_WHOLE)};
        place[round]++;
    }
}

static size_t piece_end(int64_t piece, size_t n) {
    size_t end = ((size_t)piece + 1) * ROWS;
    return end < n ? end : n;
}

static cf_status count_rows(void *context, int64_t piece, int thread) {
    const Making *making = context;
    LayoutEvents *events = making->events;
    (void)thread;
    for (size_t i = (size_t)piece * ROWS; i < piece_end(piece, events->n); i++)
        for (int kind = 0; kind < 2; kind++) {
            PerRound count = {0};
            place_events(making, i, !kind, count, NULL);
            for (int r = 0; r < events->rounds; r++)
                events->start[event_slot(events, r, i) + (size_t)kind + 1] = count[r];
        }
    return CF_OK;
}

static cf_status fill_rows(void *context, int64_t piece, int thread) {
    const Making *making = context;
    LayoutEvents *events = making->events;
    (void)thread;
    for (size_t i = (size_t)piece * ROWS; i < piece_end(piece, events->n); i++)
        for (int kind = 0; kind < 2; kind++) {
            PerRound place;
            for (int r = 0; r < events->rounds; r++) place[r] = events->start[event_slot(events, r, i) + (size_t)kind];
            place_events(making, i, !kind, place, events->event);
        }
    return CF_OK;
}

cf_status layout_events_new(const FuzzyGraph *graph, bool both, int rounds, int threads, LayoutEvents *events) {
    const size_t slots = 2 * graph->n * (size_t)rounds;
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
