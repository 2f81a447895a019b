#include "embed/layout.h"

#include "base/memory.h"
#include "base/slices.h"
#include "data/generate/portable.h"
#include "embed/layout_kernels.h"
#include "nn/cpu/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The curve ---- */

enum { DISTANCES = 300, MOST_STEPS = 500 };

typedef struct Curve {
    double d[DISTANCES], wanted[DISTANCES];
} Curve;

/* The sum of squares at (a, b), and the normal equations of its linearisation where they are asked for. */
static double squares_of_curve(const Curve *curve, double a, double b, double normal[3], double right[2]) {
    double sum = 0;
    if (normal) normal[0] = normal[1] = normal[2] = right[0] = right[1] = 0;
    for (int i = 0; i < DISTANCES; i++) {
        double power = portable_pow(curve->d[i], 2 * b), y = 1 / (1 + a * power), off = curve->wanted[i] - y;
        sum += off * off;
        if (!normal || power == 0) continue; /* at distance 0 the curve is 1 whatever a and b */
        double by_a = -power * y * y, by_b = -2 * a * natural_log(curve->d[i]) * power * y * y;
        normal[0] += by_a * by_a;
        normal[1] += by_a * by_b;
        normal[2] += by_b * by_b;
        right[0] += by_a * off;
        right[1] += by_b * off;
    }
    return sum;
}

/* Levenberg and Marquardt: the damping falls after a step that lowers the sum and rises after one that does not. */
cf_status curve_fit(double min_dist, double spread, double *a, double *b) {
    Curve curve;
    double normal[3], right[2], x = 1, y = 1, damping = 1e-3;
    FAIL_IF(!(spread > 0 && min_dist >= 0 && min_dist <= 3 * spread), CF_BAD_USE,
            "min_dist %g with spread %g: min_dist from 0 to 3 times spread was expected", min_dist, spread);
    for (int i = 0; i < DISTANCES; i++) {
        /* Fitted in units of spread: a is scaled back below. */
        double d = 3.0 * i / (DISTANCES - 1), beyond = d - min_dist / spread;
        curve.d[i] = d;
        curve.wanted[i] = beyond < 0 ? 1 : portable_exp2(-beyond * 1.4426950408889634);
    }
    double sum = squares_of_curve(&curve, x, y, normal, right);
    for (int step = 0; step < MOST_STEPS && damping < 1e12; step++) {
        double p = normal[0] * (1 + damping), q = normal[2] * (1 + damping), det = p * q - normal[1] * normal[1];
        double dx = (q * right[0] - normal[1] * right[1]) / det, dy = (p * right[1] - normal[1] * right[0]) / det;
        double next =
            x + dx > 0 && y + dy > 0 && y + dy < 50 ? squares_of_curve(&curve, x + dx, y + dy, NULL, NULL) : INFINITY;
        if (!(next <= sum)) {
            damping *= 10;
            continue;
        }
        x += dx;
        y += dy;
        if (fabs(dx) < 1e-12 * x && fabs(dy) < 1e-12 * y) break;
        damping *= 0.1;
        sum = squares_of_curve(&curve, x, y, normal, right);
    }
    *a = x / portable_pow(spread, 2 * y);
    *b = y;
    return CF_OK;
}

/* ---- The timetable ---- */

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

/* Counts a point's events in the slots behind its own, or, once these are begins, puts the events there. */
static void count_or_place(void *context, size_t i, int thread) {
    const Making *making = context;
    LayoutEvents *events = making->events;
    (void)thread;
    for (int kind = 0; kind < 2; kind++) {
        PerRound place = {0};
        for (int r = 0; r < events->rounds && events->event; r++)
            place[r] = events->start[event_slot(events, r, i) + (size_t)kind];
        place_events(making, i, !kind, place, events->event);
        for (int r = 0; r < events->rounds && !events->event; r++)
            events->start[event_slot(events, r, i) + (size_t)kind + 1] = place[r];
    }
}

cf_status layout_events_new(const FuzzyGraph *graph, bool both, int rounds, int threads, LayoutEvents *events) {
    enum { TOGETHER = 512 }; /* points of a piece */
    const size_t slots = 2 * graph->n * (size_t)rounds;
    Making making = {graph, events, both, fuzzy_graph_strongest(graph)};
    *events = (LayoutEvents){.n = graph->n, .rounds = rounds};
    FORWARD(memory_new(slots + 1, sizeof *events->start, &events->start));
    slices_each(threads, graph->n, TOGETHER, count_or_place, &making);
    for (size_t s = 0; s < slots; s++) events->start[s + 1] += events->start[s];
    FORWARD(memory_new(events->start[slots], sizeof *events->event, &events->event));
    slices_each(threads, graph->n, TOGETHER, count_or_place, &making);
    return CF_OK;
}

void layout_events_free(LayoutEvents *events) {
    free(events->start);
    free(events->event);
    *events = (LayoutEvents){0};
}

enum { LAYOUT_ROUNDS = 32, PIECE = 1024, BUCKETS = 64, MOST_SORTED = 7 };

/* What a thread needs for a piece of points. */
typedef struct Scratch {
    uint32_t *due;         /* the targets of all events of the piece that are due */
    uint32_t *rates;       /* theirs, with a density */
    uint32_t *before;      /* for each event, due or not, how many before it are due */
    uint32_t begin[PIECE]; /* of each point's in `due` */
    int32_t pulls[PIECE], pushes[PIECE];
    uint8_t bucket[PIECE];
    uint16_t order[PIECE]; /* the points by their numbers of events, so that lanes end together */
} Scratch;

typedef struct Layout {
    const LayoutJob *job;
    const LayoutKernels *kernels;
    LayoutPass pass;
    LayoutEvents events;
    const float *now; /* positions at the round's beginning */
    float *next;      /* and at its end */
    float *ends;      /* [n][2] what the density's pulls need of a point; NULL: no density */
    double weights;   /* their sum, in units of the strongest */
    double *radius;   /* [3][n] of the original, standardised; of the embedding; the sum of closeness; NaN: of none */
    Scratch *scratch; /* [threads] */
    uint32_t *lists;  /* theirs */
    uint32_t epoch;
    int round;
} Layout;

/* ---- A piece of points in one round ---- */

/* One run over all events of the piece, without a branch: which are due is as good as random. */
static void list_due(const Layout *layout, size_t first, int count, Scratch *s) {
    const LayoutEvents *events = &layout->events;
    const size_t *start = events->start + event_slot(events, layout->round, first);
    const Event *event = events->event + start[0];
    const size_t total = start[2 * count] - start[0];
    uint32_t listed = 0;
    for (size_t e = 0; e < total; e++) {
        s->before[e] = listed;
        s->due[listed] = event[e].target;
        listed += event_due(event[e], layout->epoch);
    }
    s->before[total] = listed;
    for (size_t e = 0; e < total && layout->pass.density; e++) s->rates[s->before[e]] = event[e].rate; /* as `due` */
    for (int p = 0; p < count; p++) {
        s->begin[p] = s->before[start[2 * p] - start[0]];
        s->pushes[p] = (int32_t)(s->before[start[2 * p + 1] - start[0]] - s->begin[p]);
        s->pulls[p] = (int32_t)(s->before[start[2 * p + 2] - start[0]] - s->begin[p]);
    }
}

/* Points with equal numbers of pushes and of other pulls, up to MOST_SORTED of each, make a bucket. Returns how many points have no event at
 * all; they come first. */
static int order_by_events(Scratch *s, int count) {
    int start[BUCKETS + 1] = {0};
    for (int p = 0; p < count; p++) {
        int32_t pushes = s->pushes[p], others = s->pulls[p] - pushes;
        pushes = pushes < MOST_SORTED ? pushes : MOST_SORTED;
        others = others < MOST_SORTED ? others : MOST_SORTED;
        s->bucket[p] = (uint8_t)(pushes * (MOST_SORTED + 1) + others);
        start[s->bucket[p] + 1]++;
    }
    int idle = start[1];
    for (int b = 0; b < BUCKETS; b++) start[b + 1] += start[b];
    for (int p = 0; p < count; p++) s->order[start[s->bucket[p]]++] = (uint16_t)p;
    return idle;
}

static void move_group(const Layout *layout, size_t first, const uint16_t *order, int count, const Scratch *s) {
    const LayoutJob *job = layout->job;
    const int components = job->components;
    float y[LAYOUT_MOST_COMPONENTS * LAYOUT_LANES] __attribute__((aligned(64)));
    LayoutGroup group = {0};
    for (int l = 0; l < LAYOUT_LANES; l++) {
        int p = order[l < count ? l : 0];
        size_t i = first + (size_t)p;
        group.pulls[l] = s->due + s->begin[p];
        group.pull_count[l] = l < count ? s->pulls[p] : 0;
        group.push_count[l] = l < count ? s->pushes[p] : 0;
        group.own[l] = job->fixed ? UINT32_MAX : (uint32_t)i;
        group.key[l] = job->key ? job->key[i] : (uint32_t)i;
        if (layout->pass.density) {
            group.rates[l] = s->rates + s->begin[p];
            for (int d = 0; d < 2; d++) group.density[d][l] = layout->ends[2 * i + (size_t)d];
        }
        for (int c = 0; c < components; c++) y[c * LAYOUT_LANES + l] = layout->now[i * (size_t)components + (size_t)c];
    }
    layout->kernels->move(&layout->pass, &group, y);
    for (int l = 0; l < count; l++)
        for (int c = 0; c < components; c++)
            layout->next[(first + order[l]) * (size_t)components + (size_t)c] = y[c * LAYOUT_LANES + l];
}

static void move_piece(void *context, size_t piece, int thread) {
    const Layout *layout = context;
    const size_t first = piece * PIECE, n = layout->events.n, components = (size_t)layout->job->components;
    const int count = n - first < PIECE ? (int)(n - first) : PIECE;
    Scratch *s = &layout->scratch[thread];
    list_due(layout, first, count, s);
    memcpy(layout->next + first * components, layout->now + first * components,
           (size_t)count * components * sizeof(float));
    for (int g = order_by_events(s, count); g < count; g += LAYOUT_LANES)
        move_group(layout, first, s->order + g, count - g < LAYOUT_LANES ? count - g : LAYOUT_LANES, s);
}

/* ---- Density ---- */

/* Over the points that have a radius, in their order; returns how many those are. */
static size_t moments(const double *radius, size_t n, double *mean, double *variance) {
    size_t count = 0;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(radius[i])) sum += radius[i], count++;
    *mean = sum / (double)count;
    for (size_t i = 0; i < n; i++)
        if (!isnan(radius[i])) squares += (radius[i] - *mean) * (radius[i] - *mean);
    *variance = squares / (double)count;
    return count;
}

/* Where all radii are equal there is nothing to correlate with. */
static cf_status density_new(Layout *layout) {
    const LayoutDensity *density = layout->job->density;
    const size_t n = layout->job->graph->n;
    double mean, variance;
    if (!density || density->lambda <= 0 || density->fraction <= 0) return CF_OK;
    if (moments(density->radius, n, &mean, &variance) < 2 || !(variance > 0)) return CF_OK;
    FORWARD(memory_new(3 * n, sizeof(double), &layout->radius));
    FORWARD(memory_new(2 * n, sizeof(float), &layout->ends));
    for (size_t i = 0; i < n; i++) layout->radius[i] = (density->radius[i] - mean) / sqrt(variance);
    for (size_t e = 0; e < layout->job->graph->start[n]; e++) layout->weights += (double)layout->job->graph->weight[e];
    layout->weights /= (double)fuzzy_graph_strongest(layout->job->graph);
    return CF_OK;
}

/* Radii in the embedding as it is, of so many points as the kernel takes. */
static void measure_group(void *context, size_t group_number, int thread) {
    const Layout *layout = context;
    const FuzzyGraph *graph = layout->job->graph;
    const size_t n = graph->n, components = (size_t)layout->job->components, g = group_number * LAYOUT_LANES;
    float y[LAYOUT_MOST_COMPONENTS * LAYOUT_LANES] __attribute__((aligned(64))), sums[2][LAYOUT_LANES];
    LayoutGroup group = {0};
    (void)thread;
    for (size_t l = 0; l < LAYOUT_LANES; l++) {
        const size_t i = g + l < n ? g + l : g;
        group.pull_count[l] = g + l < n ? (int32_t)(graph->start[i + 1] - graph->start[i]) : 0;
        group.pulls[l] = graph->column + (group.pull_count[l] ? graph->start[i] : 0);
        for (size_t c = 0; c < components; c++) y[c * LAYOUT_LANES + l] = layout->now[i * components + c];
    }
    layout->kernels->closeness(&layout->pass, &group, y, sums);
    for (size_t l = 0; l < LAYOUT_LANES && g + l < n; l++) {
        const double near = (double)sums[0][l];
        const bool known = near > 0 && !isnan(layout->radius[g + l]);
        layout->radius[n + g + l] = known ? natural_log(1e-8 + (double)sums[1][l] / near) : NAN;
        layout->radius[2 * n + g + l] = near;
    }
}

/* What pulls need in this epoch: of each point w / (S e^r) and w / S, S its sum of closeness, r its radius, w the derivative of the
 * correlation by it. umap-learn's constants: the covariance over n - 1, the variance over n with the shift. */
static void density_begin(Layout *layout) {
    const LayoutJob *job = layout->job;
    const size_t n = job->graph->n;
    const double *original = layout->radius, *radius = original + n, *near = radius + n;
    double mean, variance, covariance = 0;
    layout->pass.density = NULL;
    if (!layout->ends || (layout->epoch + 1.0) / job->epochs <= 1 - job->density->fraction) return;
    layout->pass.others = layout->now;
    slices_each(job->threads, (n + LAYOUT_LANES - 1) / LAYOUT_LANES, PIECE / LAYOUT_LANES, measure_group, layout);
    const size_t count = moments(radius, n, &mean, &variance);
    variance += job->density->shift;
    for (size_t i = 0; i < n; i++)
        if (!isnan(radius[i])) covariance += radius[i] * original[i];
    covariance /= (double)count - 1;
    for (size_t i = 0; i < n; i++) {
        const double w = isnan(radius[i]) ? 0 : original[i] - covariance * (radius[i] - mean) / variance;
        layout->ends[2 * i] = w == 0 ? 0 : (float)(w / (near[i] * portable_exp2(radius[i] * 1.4426950408889634)));
        layout->ends[2 * i + 1] = w == 0 ? 0 : (float)(w / near[i]);
    }
    layout->pass.density = layout->ends;
    layout->pass.density_scale =
        (float)(job->density->lambda * layout->weights * (EVENT_WHOLE / 2) / (sqrt(variance) * (double)count));
}

/* ---- Epochs ---- */

static void run_epoch(Layout *layout) {
    const LayoutJob *job = layout->job;
    /* umap-learn's: the step of an epoch is the one set at the end of the epoch before. */
    layout->pass.step = (float)(job->learning_rate * (1 - (double)(layout->epoch - 1) / job->epochs));
    density_begin(layout);
    for (layout->round = 0; layout->round < layout->events.rounds; layout->round++) {
        layout->pass.random = rng_stream(job->seed, RNG_LAYOUT, layout->epoch, (uint32_t)layout->round);
        layout->pass.others = job->fixed ? job->fixed : layout->now;
        slices_each(job->threads, (layout->events.n + PIECE - 1) / PIECE, 1, move_piece, layout);
        float *reached = layout->next;
        layout->next = (float *)layout->now;
        layout->now = reached;
    }
}

/* Events of the piece and round with the most. */
static size_t most_events(const LayoutEvents *events) {
    size_t most = 0;
    for (int r = 0; r < events->rounds; r++)
        for (size_t i = 0; i < events->n; i += PIECE) {
            size_t end = i + PIECE < events->n ? i + PIECE : events->n;
            size_t count = events->start[event_slot(events, r, end)] - events->start[event_slot(events, r, i)];
            if (count > most) most = count;
        }
    return most;
}

static cf_status prepare_layout(Layout *layout) {
    const LayoutJob *job = layout->job;
    const size_t threads = (size_t)job->threads;
    FORWARD(layout_events_new(job->graph, !job->fixed, job->fixed ? 1 : LAYOUT_ROUNDS, job->threads, &layout->events));
    const size_t room = most_events(&layout->events) + 1; /* one more is written or read without use */
    FAIL_IF(room > INT32_MAX, CF_BAD_INPUT, "a few points have %zu edges: more than a layout can take", room);
    FORWARD(memory_new(threads, sizeof(Scratch), &layout->scratch));
    FORWARD(density_new(layout));
    const size_t lists = layout->ends ? 3 : 2;
    FORWARD(memory_new(lists * threads * room, sizeof(uint32_t), &layout->lists));
    for (size_t t = 0; t < threads; t++) {
        layout->scratch[t].due = layout->lists + lists * t * room;
        layout->scratch[t].before = layout->scratch[t].due + room;
        if (layout->ends) layout->scratch[t].rates = layout->scratch[t].before + room;
    }
    return CF_OK;
}

static void layout_release(Layout *layout) {
    layout_events_free(&layout->events);
    free(layout->scratch);
    free(layout->lists);
    free(layout->ends);
    free(layout->radius);
}

cf_status layout_run(const LayoutJob *job, float *points) {
    const size_t values = job->graph->n * (size_t)job->components;
    AUTO_FREE float *second = NULL;
    AUTO(layout_release) Layout layout = {.job = job, .kernels = layout_kernels(), .now = points};
    FORWARD(memory_new(values, sizeof *second, &second));
    layout.next = second;
    layout.pass = (LayoutPass){.count = (uint32_t)(job->fixed ? job->fixed_count : job->graph->n),
                               .components = job->components,
                               .negatives = job->negatives,
                               .a = (float)job->a,
                               .b = (float)job->b,
                               .repulsion = (float)job->repulsion};
    FORWARD(prepare_layout(&layout));
    for (layout.epoch = 1; layout.epoch < (uint32_t)job->epochs; layout.epoch++) {
        run_epoch(&layout);
        FAIL_IF(job->progress && !job->progress((double)layout.epoch / job->epochs, job->progress_context),
                CF_INTERRUPTED, "stopped in epoch %u of %d of the layout", layout.epoch, job->epochs);
    }
    if (layout.now == second) memcpy(points, second, values * sizeof *points);
    return CF_OK;
}

size_t layout_memory(size_t n, int others, int components) {
    const size_t positions = n * (size_t)components * sizeof(float), slots = 2 * n * LAYOUT_ROUNDS * sizeof(size_t);
    return positions + slots + 4 * n * (size_t)others * sizeof(Event);
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
