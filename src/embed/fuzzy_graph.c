#include "embed/fuzzy_graph.h"

#include "base/memory.h"
#include "base/slices.h"
#include "data/generate/portable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOGETHER = 512 }; /* points of a piece */

/* ---- One point's memberships in its neighbours ---- */

enum { MOST_STEPS = 200 };

/* e^-x for x >= 0, the same bits everywhere. */
static double decay(double x) {
    return x > 600 ? 0 : portable_exp2(-x * 1.4426950408889634);
}

double natural_log(double x) {
    return portable_log2(x) * 0.6931471805599453;
}

/* The local_connectivity-th distance above zero, between two of them where it is no whole number (umap-learn). */
static double nearest_above_zero(const float *distance, int count, double local_connectivity) {
    const int index = (int)local_connectivity;
    const double between = local_connectivity - index;
    int zeros = 0;
    while (zeros < count && distance[zeros] <= 0) zeros++;
    const float *above = distance + zeros;
    const int left = count - zeros;
    if (left < local_connectivity) return left ? (double)above[left - 1] : 0;
    if (!left) return 0;
    if (!index) return between * (double)above[0];
    double rho = (double)above[index - 1];
    if (between > 1e-5) rho += between * ((double)above[index] - rho);
    return rho;
}

/* Newton's method for t = 1 / sigma on log(sum exp(-t (d - rho))) - log(target). That function of t is convex and falls, so
 * from t = 0 the steps go up to the root and never beyond. Infinite sigma comes back as 0 / t = a large number. */
static double solve_sigma(const float *distance, int count, double rho) {
    const double target = portable_log2(count + 1.0);
    double t = 0;
    int within = 0;
    while (within < count && (double)distance[within] <= rho) within++;
    if (within >= target) return 0;
    for (int step = 0; step < MOST_STEPS; step++) {
        double sum = within, slope = 0;
        for (int j = within; j < count; j++) {
            double d = (double)distance[j] - rho, e = decay(t * d);
            sum += e;
            slope += d * e;
        }
        if (sum - target < 1e-6 && t > 0) break;
        double next = t + natural_log(sum / target) * sum / slope;
        if (!(next > t && next < 1e300)) break;
        t = next;
    }
    return t > 1e-30 ? 1 / t : 1e30;
}

Smooth fuzzy_smooth(const float *distance, int count, double local_connectivity, double mean) {
    Smooth smooth = {.rho = nearest_above_zero(distance, count, local_connectivity)};
    double own = 0;
    for (int j = 0; j < count; j++) own += (double)distance[j];
    own /= count + 1;
    smooth.sigma = solve_sigma(distance, count, smooth.rho);
    double lowest = 1e-3 * (smooth.rho > 0 ? own : mean);
    if (smooth.sigma < lowest) smooth.sigma = lowest;
    return smooth;
}

float fuzzy_membership(float distance, Smooth smooth) {
    double beyond = (double)distance - smooth.rho;
    return beyond <= 0 || smooth.sigma <= 0 ? 1 : (float)decay(beyond / smooth.sigma);
}

/* ---- Both directions joined ---- */

typedef struct Link {
    uint32_t to;
    float weight;
} Link;

typedef struct Joining {
    const Neighbors *neighbors;
    double local_connectivity, mix, mean;
    Link *out;        /* [n][k], ascending */
    Link *in;         /* ascending in each point's range */
    size_t *in_start; /* [n + 1] */
    FuzzyGraph *graph;
} Joining;

static int by_target(const void *left, const void *right) {
    const Link *a = left, *b = right;
    return (a->to > b->to) - (a->to < b->to);
}

static void weigh_row(void *context, size_t i, int thread) {
    const Joining *joining = context;
    const size_t k = (size_t)joining->neighbors->k;
    const float *distance = joining->neighbors->distance + i * k;
    Link *out = joining->out + i * k;
    Smooth smooth = fuzzy_smooth(distance, (int)k, joining->local_connectivity, joining->mean);
    (void)thread;
    for (size_t j = 0; j < k; j++)
        out[j] = (Link){joining->neighbors->index[i * k + j], fuzzy_membership(distance[j], smooth)};
    qsort(out, k, sizeof *out, by_target);
}

/* Every link seen from its other end. Sources come in ascending order, so each range is sorted. */
static void turn_around(Joining *joining) {
    const size_t n = joining->neighbors->n, k = (size_t)joining->neighbors->k;
    size_t *start = joining->in_start;
    for (size_t e = 0; e < n * k; e++) start[joining->out[e].to + 1]++;
    for (size_t i = 0; i < n; i++) start[i + 1] += start[i];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++) {
            const Link *link = &joining->out[i * k + j];
            joining->in[start[link->to]++] = (Link){(uint32_t)i, link->weight};
        }
    memmove(start + 1, start, n * sizeof *start); /* each start has moved to its range's end */
    start[0] = 0;
}

static float join_directions(double mix, double v, double w) {
    return (float)(mix * (v + w - v * w) + (1 - mix) * (v * w));
}

/* Merges point i's two lists into the graph, or only counts where that has no room yet. */
static void merge_row(void *context, size_t i, int thread) {
    const Joining *joining = context;
    FuzzyGraph *graph = joining->graph;
    const size_t k = (size_t)joining->neighbors->k;
    const Link *out = joining->out + i * k, *out_end = out + k;
    const Link *in = joining->in + joining->in_start[i], *in_end = joining->in + joining->in_start[i + 1];
    size_t count = 0;
    (void)thread;
    while (out < out_end || in < in_end) {
        bool take_out = out < out_end && (in == in_end || out->to <= in->to);
        bool take_in = in < in_end && (!take_out || in->to == out->to);
        uint32_t to = take_out ? out->to : in->to;
        float joined =
            join_directions(joining->mix, take_out ? (double)out->weight : 0, take_in ? (double)in->weight : 0);
        out += take_out;
        in += take_in;
        if (!(joined > 0)) continue;
        if (graph->weight) {
            graph->column[graph->start[i] + count] = to;
            graph->weight[graph->start[i] + count] = joined;
        }
        count++;
    }
    if (!graph->weight) graph->start[i + 1] = count;
}

static double mean_distance(const Neighbors *neighbors) {
    double sum = 0;
    const size_t count = neighbors->n * (size_t)neighbors->k;
    for (size_t e = 0; e < count; e++) sum += (double)neighbors->distance[e];
    return sum / ((double)neighbors->n * (neighbors->k + 1));
}

cf_status fuzzy_graph_new(const Neighbors *neighbors, double set_op_mix, double local_connectivity, int threads,
                          FuzzyGraph *graph) {
    const size_t n = neighbors->n, links = n * (size_t)neighbors->k;
    AUTO(fuzzy_graph_free) FuzzyGraph made = {.n = n};
    AUTO_FREE Link *out = NULL, *in = NULL;
    AUTO_FREE size_t *in_start = NULL;
    FORWARD(memory_new(links, sizeof(Link), &out));
    FORWARD(memory_new(links, sizeof(Link), &in));
    FORWARD(memory_new(n + 2, sizeof(size_t), &in_start));
    FORWARD(memory_new(n + 1, sizeof(size_t), &made.start));
    Joining joining = {neighbors, local_connectivity, set_op_mix, mean_distance(neighbors), out, in, in_start, &made};
    slices_each(threads, n, TOGETHER, weigh_row, &joining);
    turn_around(&joining);
    slices_each(threads, n, TOGETHER, merge_row, &joining);
    for (size_t i = 0; i < n; i++) made.start[i + 1] += made.start[i];
    FORWARD(memory_new(made.start[n], sizeof *made.column, &made.column));
    FORWARD(memory_new(made.start[n], sizeof *made.weight, &made.weight));
    slices_each(threads, n, TOGETHER, merge_row, &joining);
    *graph = made;
    made = (FuzzyGraph){0};
    return CF_OK;
}

/* ---- Classes ---- */

typedef struct Supervising {
    FuzzyGraph *graph;
    const int *target;
    double far, unknown; /* factors */
    float *strongest;    /* [n] of each row, after the factors */
} Supervising;

static void weaken_row(void *context, size_t i, int thread) {
    const Supervising *s = context;
    FuzzyGraph *graph = s->graph;
    float strongest = 0;
    (void)thread;
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) {
        int own = s->target[i], other = s->target[graph->column[e]];
        double factor = own < 0 || other < 0 ? s->unknown : own == other ? 1 : s->far;
        graph->weight[e] = (float)((double)graph->weight[e] * factor);
        if (graph->weight[e] > strongest) strongest = graph->weight[e];
    }
    s->strongest[i] = strongest;
}

/* The two directions of an edge are its weight over either end's strongest. */
static void rejoin_row(void *context, size_t i, int thread) {
    const Supervising *s = context;
    FuzzyGraph *graph = s->graph;
    (void)thread;
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) {
        double w = (double)graph->weight[e];
        if (w > 0)
            graph->weight[e] =
                join_directions(1, w / (double)s->strongest[i], w / (double)s->strongest[graph->column[e]]);
    }
}

static void keep_from(FuzzyGraph *graph, float lowest) {
    size_t kept = 0, begin = 0;
    for (size_t i = 0; i < graph->n; i++) {
        size_t end = graph->start[i + 1];
        for (size_t e = begin; e < end; e++)
            if (graph->weight[e] >= lowest && graph->weight[e] > 0) {
                graph->column[kept] = graph->column[e];
                graph->weight[kept++] = graph->weight[e];
            }
        graph->start[i + 1] = kept;
        begin = end;
    }
}

/* umap-learn has exp(-2.5 / (1 - weight)) and exp(-1), which leave the classes most of their say at weight 0 (lmcinnes/umap, issue
 * 474). Here what stands in the exponents goes from 0 at weight 0 to umap-learn's at 0.5, the default. */
cf_status fuzzy_graph_supervise(FuzzyGraph *graph, const int *target, double weight, int threads) {
    const double odds = weight < 1 ? weight / (1 - weight) : INFINITY;
    AUTO_FREE float *strongest = NULL;
    if (weight <= 0) return CF_OK; /* also not each point's strongest edge as 1, which is of this step */
    FORWARD(memory_new(graph->n, sizeof *strongest, &strongest));
    Supervising s = {graph, target, decay(5 * odds), decay(odds < 1 ? odds : 1), strongest};
    slices_each(threads, graph->n, TOGETHER, weaken_row, &s);
    slices_each(threads, graph->n, TOGETHER, rejoin_row, &s);
    keep_from(graph, 0); /* what has become 0 is no edge */
    return CF_OK;
}

/* ---- Local radii ---- */

typedef struct Radii {
    const FuzzyGraph *graph;
    const Neighbors *neighbors;
    double *radius;
} Radii;

/* Of two points that have an edge: one of them is a neighbour of the other. */
static double edge_distance(const Neighbors *neighbors, size_t i, uint32_t j) {
    const size_t k = (size_t)neighbors->k;
    for (int turn = 0; turn < 2; turn++) {
        const size_t from = (turn ? j : i) * k, other = turn ? i : j;
        for (size_t e = from; e < from + k; e++)
            if (neighbors->index[e] == other) return (double)neighbors->distance[e];
    }
    return NAN;
}

static void measure_radius(void *context, size_t i, int thread) {
    const Radii *r = context;
    const FuzzyGraph *graph = r->graph;
    double sum = 0, weights = 0;
    (void)thread;
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) {
        const double d = edge_distance(r->neighbors, i, graph->column[e]);
        sum += (double)graph->weight[e] * d * d;
        weights += (double)graph->weight[e];
    }
    r->radius[i] = weights > 0 ? natural_log(1e-8 + sum / weights) : NAN;
}

void fuzzy_graph_radii(const FuzzyGraph *graph, const Neighbors *neighbors, int threads, double *radius) {
    Radii radii = {graph, neighbors, radius};
    slices_each(threads, graph->n, TOGETHER, measure_radius, &radii);
}

/* ---- The whole graph ---- */

float fuzzy_graph_strongest(const FuzzyGraph *graph) {
    float strongest = 0;
    for (size_t e = 0; e < graph->start[graph->n]; e++)
        if (graph->weight[e] > strongest) strongest = graph->weight[e];
    return strongest;
}

void fuzzy_graph_prune(FuzzyGraph *graph, int epochs) {
    keep_from(graph, fuzzy_graph_strongest(graph) / (float)epochs);
}

cf_status fuzzy_graph_parts(const FuzzyGraph *graph, uint32_t *part, size_t *parts) {
    const uint32_t none = UINT32_MAX;
    AUTO_FREE uint32_t *queue = NULL;
    uint32_t count = 0;
    FORWARD(memory_new(graph->n, sizeof *queue, &queue));
    memset(part, 0xff, graph->n * sizeof *part);
    for (size_t i = 0; i < graph->n; i++) {
        if (part[i] != none) continue;
        size_t first = 0, last = 0;
        part[i] = count;
        queue[last++] = (uint32_t)i;
        while (first < last) {
            uint32_t v = queue[first++];
            for (size_t e = graph->start[v]; e < graph->start[v + 1]; e++)
                if (part[graph->column[e]] == none) {
                    part[graph->column[e]] = count;
                    queue[last++] = graph->column[e];
                }
        }
        count++;
    }
    *parts = count;
    return CF_OK;
}

size_t fuzzy_graph_size(size_t n, int others) {
    return (n + 1) * sizeof(size_t) + 2 * n * (size_t)others * (sizeof(uint32_t) + sizeof(float));
}

size_t fuzzy_graph_memory(size_t n, int others) {
    return fuzzy_graph_size(n, others) + (n + 2) * sizeof(size_t) + 2 * n * (size_t)others * sizeof(Link);
}

void fuzzy_graph_free(FuzzyGraph *graph) {
    free(graph->start);
    free(graph->column);
    free(graph->weight);
    *graph = (FuzzyGraph){0};
}
