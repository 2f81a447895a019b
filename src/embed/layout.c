#include "embed/layout.h"

#include "base/memory.h"
#include "base/slices.h"
#include "embed/layout_kernels.h"
#include "nn/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

int LAYOUT_TURNS = 8;
float LAYOUT_PULLS = 2;
enum { PIECE = 256, BUCKETS = 64 };
static const uint32_t whole = 1u << 31; /* the rate of an edge that is used in every epoch */

/* What a thread needs for a piece of points. */
typedef struct Scratch {
    uint32_t *due;       /* the targets of all pulls of the piece */
    size_t begin[PIECE]; /* of each point's in `due` */
    int32_t count[PIECE];
    uint16_t order[PIECE]; /* the points by count, so that lanes end together */
} Scratch;

typedef struct Layout {
    const LayoutJob *job;
    const LayoutKernels *kernels;
    LayoutPass pass;
    uint32_t *rate;   /* [entries] of the graph, share of the epochs in units of 1 / whole */
    float *points;    /* the caller's */
    float *moved;     /* where the points of this turn go, until the turn is over */
    Scratch *scratch; /* [threads] */
    uint32_t *due;
    uint32_t epoch;
    size_t turn, turns;
} Layout;

/* ---- Rates ---- */

static float row_strongest(const FuzzyGraph *graph, size_t i) {
    float strongest = 0;
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
        if (graph->weight[e] > strongest) strongest = graph->weight[e];
    return strongest;
}

static void set_rates(const LayoutJob *job, uint32_t *rate) {
    const FuzzyGraph *graph = job->graph;
    float strongest = fuzzy_graph_strongest(graph);
    for (size_t i = 0; i < graph->n; i++) {
        double unit = (double)(job->own_scale ? row_strongest(graph, i) : strongest);
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
            rate[e] = (uint32_t)((double)graph->weight[e] / unit * whole);
    }
}

/* Whether epoch x rate has passed a whole number since the epoch before: the use of umap-learn's schedule, in closed form. */
static inline bool is_due(uint32_t epoch, uint32_t rate) {
    return ((epoch * rate) & (whole - 1)) < rate;
}

/* ---- A piece of points of one turn ---- */

/* Points of turn t are t, t + turns, ..; the place of one among them is its number in the turn. */
static size_t turn_size(const Layout *layout, size_t turn) {
    size_t n = layout->job->graph->n;
    return turn < n ? (n - turn - 1) / layout->turns + 1 : 0;
}

static size_t point_of(const Layout *layout, size_t place) {
    return layout->turn + place * layout->turns;
}

static void list_due(const Layout *layout, size_t first, int count, Scratch *s) {
    const FuzzyGraph *graph = layout->job->graph;
    size_t listed = 0;
    for (int p = 0; p < count; p++) {
        size_t i = point_of(layout, first + (size_t)p);
        s->begin[p] = listed;
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) {
            s->due[listed] = graph->column[e];
            listed += is_due(layout->epoch, layout->rate[e]);
        }
        s->count[p] = (int32_t)(listed - s->begin[p]);
    }
}

static void order_by_count(Scratch *s, int count) {
    int start[BUCKETS + 1] = {0};
    for (int p = 0; p < count; p++) start[(s->count[p] < BUCKETS ? s->count[p] : BUCKETS - 1) + 1]++;
    for (int b = 0; b < BUCKETS; b++) start[b + 1] += start[b];
    for (int p = 0; p < count; p++) s->order[start[s->count[p] < BUCKETS ? s->count[p] : BUCKETS - 1]++] = (uint16_t)p;
}

static void move_group(const Layout *layout, size_t first, const uint16_t *order, int count, const Scratch *s) {
    const LayoutJob *job = layout->job;
    const int components = job->components;
    float y[LAYOUT_MOST_COMPONENTS * LAYOUT_LANES] __attribute__((aligned(64)));
    LayoutGroup group = {0};
    for (int l = 0; l < LAYOUT_LANES; l++) {
        int p = order[l < count ? l : 0];
        size_t i = point_of(layout, first + (size_t)p);
        group.pulls[l] = s->due + s->begin[p];
        group.pull_count[l] = l < count ? s->count[p] : 0;
        group.own[l] = job->fixed ? UINT32_MAX : (uint32_t)i;
        group.key[l] = job->key ? job->key[i] : (uint32_t)i;
        for (int c = 0; c < components; c++)
            y[c * LAYOUT_LANES + l] = layout->points[i * (size_t)components + (size_t)c];
    }
    layout->kernels->move(&layout->pass, &group, y);
    for (int l = 0; l < count; l++)
        for (int c = 0; c < components; c++)
            layout->moved[(first + order[l]) * (size_t)components + (size_t)c] = y[c * LAYOUT_LANES + l];
}

static cf_status move_piece(void *context, int64_t piece, int thread) {
    const Layout *layout = context;
    Scratch *s = &layout->scratch[thread];
    size_t first = (size_t)piece * PIECE, size = turn_size(layout, layout->turn);
    int count = size - first < PIECE ? (int)(size - first) : PIECE;
    list_due(layout, first, count, s);
    order_by_count(s, count);
    for (int g = 0; g < count; g += LAYOUT_LANES)
        move_group(layout, first, s->order + g, count - g < LAYOUT_LANES ? count - g : LAYOUT_LANES, s);
    return CF_OK;
}

/* ---- Epochs ---- */

static void settle_turn(const Layout *layout, size_t size) {
    const size_t components = (size_t)layout->job->components;
    for (size_t p = 0; p < size; p++)
        memcpy(layout->points + point_of(layout, p) * components, layout->moved + p * components,
               components * sizeof(float));
}

static cf_status run_epoch(Layout *layout) {
    const LayoutJob *job = layout->job;
    /* umap-learn's: the rate of epoch e is that set at the end of the one before. */
    double rate = job->learning_rate * (1 - (double)(layout->epoch - 1) / job->epochs);
    layout->pass.pull = (float)(job->fixed ? rate : LAYOUT_PULLS * rate);
    layout->pass.push = (float)rate;
    layout->pass.random = rng_stream(job->seed, RNG_LAYOUT, layout->epoch, 0);
    for (layout->turn = 0; layout->turn < layout->turns; layout->turn++) {
        size_t size = turn_size(layout, layout->turn);
        FORWARD(slices_run(job->threads, (int64_t)((size + PIECE - 1) / PIECE), move_piece, layout));
        settle_turn(layout, size);
    }
    return CF_OK;
}

/* Entries of the piece with the most, over all turns; and one more to be read. */
static size_t most_due(const Layout *layout) {
    const FuzzyGraph *graph = layout->job->graph;
    size_t most = 0;
    for (size_t t = 0; t < layout->turns; t++)
        for (size_t first = t, sum; first < graph->n; first += PIECE * layout->turns) {
            sum = 0;
            for (size_t i = first; i < graph->n && i < first + PIECE * layout->turns; i += layout->turns)
                sum += graph->start[i + 1] - graph->start[i];
            if (sum > most) most = sum;
        }
    return most + 1;
}

static cf_status prepare(Layout *layout) {
    const LayoutJob *job = layout->job;
    const FuzzyGraph *graph = job->graph;
    const size_t components = (size_t)job->components, due = most_due(layout);
    FORWARD(memory_new(graph->start[graph->n], sizeof(uint32_t), &layout->rate));
    FORWARD(memory_new((turn_size(layout, 0)) * components, sizeof(float), &layout->moved));
    FORWARD(memory_new((size_t)job->threads, sizeof(Scratch), &layout->scratch));
    FORWARD(memory_new((size_t)job->threads * due, sizeof(uint32_t), &layout->due));
    for (int t = 0; t < job->threads; t++) layout->scratch[t].due = layout->due + (size_t)t * due;
    set_rates(job, layout->rate);
    return CF_OK;
}

cf_status layout_run(const LayoutJob *job, float *points) {
    Layout layout = {
        .job = job, .kernels = layout_kernels(), .points = points, .turns = job->fixed ? 1 : (size_t)LAYOUT_TURNS};
    cf_status status;
    layout.pass = (LayoutPass){.others = job->fixed ? job->fixed : points,
                               .count = (uint32_t)(job->fixed ? job->fixed_count : job->graph->n),
                               .components = job->components,
                               .negatives = job->negatives,
                               .a = (float)job->a,
                               .b = (float)job->b,
                               .repulsion = (float)job->repulsion};
    FORWARD_TO(done, prepare(&layout));
    for (layout.epoch = 1; layout.epoch < (uint32_t)job->epochs; layout.epoch++) {
        FORWARD_TO(done, run_epoch(&layout));
        if (job->progress && !job->progress((double)layout.epoch / job->epochs, job->progress_context)) {
            status = FAIL(CF_INTERRUPTED, "stopped in epoch %u of %d of the layout", layout.epoch, job->epochs);
            break;
        }
    }
done:
    free(layout.rate);
    free(layout.moved);
    free(layout.scratch);
    free(layout.due);
    return status;
}

/* ---- Choosing ---- */

extern const LayoutKernels layout_kernels_baseline;
#if defined(__x86_64__)
extern const LayoutKernels layout_kernels_avx2, layout_kernels_avx512;
#endif

const LayoutKernels *layout_kernels(void) {
#if defined(__x86_64__)
    const char *isa = cpu_kernels()->name;
    if (strcmp(isa, layout_kernels_avx512.name) == 0) return &layout_kernels_avx512;
    if (strcmp(isa, layout_kernels_avx2.name) == 0) return &layout_kernels_avx2;
#endif
    return &layout_kernels_baseline;
}
