#include "embed/umap.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/slices.h"
#include "embed/layout.h"
#include "embed/pca.h"
#include "embed/spectral.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Options ---- */

#define WHOLE(text, member) .name = text, .kind = UMAP_INT, .at = offsetof(UmapOptions, member)
#define REAL(text, member)  .name = text, .kind = UMAP_REAL, .at = offsetof(UmapOptions, member)
const UmapNumber umap_numbers[UMAP_NUMBERS] = {
    {WHOLE("neighbors", neighbors), true, .usual = 15, .least = 2, .most = UMAP_MOST_NEIGHBORS},
    {WHOLE("components", components), true, .usual = 2, .least = 1, .most = UMAP_MOST_COMPONENTS},
    {REAL("min-dist", min_dist), true, .usual = 0.1},
    {REAL("spread", spread), true, .usual = 1, .least = 1e-3, .most = 1e3},
    {WHOLE("epochs", epochs), true, .usual = 0, .least = 0, .most = UMAP_MOST_EPOCHS},
    {WHOLE("negative-sample-rate", negative_sample_rate), true, .usual = 5, .least = 0, .most = 1000},
    {REAL("learning-rate", learning_rate), true, .usual = 1, .least = 1e-6, .most = 1e3},
    {REAL("repulsion", repulsion), true, .usual = 1, .least = 0, .most = 1e3},
    {REAL("set-op-mix", set_op_mix), true, .usual = 1, .least = 0, .most = 1},
    {REAL("local-connectivity", local_connectivity), true, .usual = 1},
    {REAL("target-weight", target_weight), true, .usual = 0.5, .least = 0, .most = 1},
    {REAL("dens-lambda", dens_lambda), false, .usual = 2, .least = 0, .most = 1e6},
    {REAL("dens-frac", dens_frac), false, .usual = 0.3, .least = 0, .most = 1},
    {REAL("dens-var-shift", dens_var_shift), false, .usual = 0.1, .least = 0, .most = 1e6},
};

UmapOptions umap_options_defaults(void) {
    UmapOptions options = {.metric = METRIC_EUCLIDEAN, .method = NEIGHBORS_AUTO, .init = UMAP_SPECTRAL, .seed = 1};
    for (size_t i = 0; i < UMAP_NUMBERS; i++) {
        char *member = (char *)&options + umap_numbers[i].at;
        if (umap_numbers[i].kind == UMAP_INT)
            *(int *)(void *)member = (int)umap_numbers[i].usual;
        else
            *(double *)(void *)member = umap_numbers[i].usual;
    }
    return options;
}

static cf_status check_number(const char *name, double value, double low, double high) {
    FAIL_IF(!(value >= low && value <= high), CF_BAD_USE, "%s %.10g: %g to %g is possible", name, value, low, high);
    return CF_OK;
}

cf_status umap_options_check(const UmapOptions *o) {
    for (size_t i = 0; i < UMAP_NUMBERS; i++) {
        const UmapNumber *number = &umap_numbers[i];
        const void *member = (const char *)o + number->at;
        const double value = number->kind == UMAP_INT ? *(const int *)member : *(const double *)member;
        if (number->least < number->most) FORWARD(check_number(number->name, value, number->least, number->most));
    }
    FAIL_IF(!(o->min_dist >= 0 && o->min_dist <= o->spread), CF_BAD_USE,
            "min-dist %g: 0 to the spread, %g, is possible", o->min_dist, o->spread);
    FORWARD(check_number("local-connectivity", o->local_connectivity, 0, o->neighbors - 1));
    FORWARD(check_number("metric", o->metric, METRIC_EUCLIDEAN, METRICS - 1));
    FORWARD(check_number("init", o->init, UMAP_SPECTRAL, UMAP_RANDOM));
    FAIL_IF(o->method == NEIGHBORS_DESCENT && metric_is_pairwise(o->metric), CF_BAD_USE,
            "search descent has no metric %s, whose neighbours are always found exactly", metric_names[o->metric]);
    return CF_OK;
}

const char *umap_stage_name(UmapStage stage) {
    static const char *const names[UMAP_STAGES] = {"neighbors", "graph", "init", "layout"};
    return names[stage];
}

const char *umap_init_name(UmapInit init) {
    static const char *const names[] = {"spectral", "pca", "random"};
    return names[init];
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

size_t umap_memory(size_t n, int dim, const UmapOptions *options) {
    const int k = (size_t)options->neighbors > n ? (int)n : options->neighbors;
    const int others = k > 2 ? k - 1 : 1;
    NeighborOptions search = {.k = others,
                              .metric = options->metric,
                              .method = options->method,
                              .seed = options->seed,
                              .threads = options->threads};
    const size_t kept = n * ((size_t)dim + (size_t)options->components) * sizeof(float);
    const size_t found = n * (size_t)others * (sizeof(uint32_t) + sizeof(float));
    size_t most = n > 1 ? neighbors_memory(n, dim, &search) : 0;
    most = larger(most, found + fuzzy_graph_memory(n, others));
    const size_t graph = fuzzy_graph_size(n, others);
    if (options->init == UMAP_SPECTRAL) most = larger(most, graph + spectral_memory(n, others, options->components));
    most = larger(most, graph + layout_memory(n, others, options->components));
    /* densMAP: four numbers in double and two floats of a point, and a third list of the layout. */
    const size_t density = options->densmap ? n * (4 * sizeof(double) + 2 * sizeof(float)) + 4 * n * (size_t)others : 0;
    return kept + density + most;
}

/* ---- Fitting ---- */

enum { MANY_POINTS = 10000, EPOCHS_FEW = 500, EPOCHS_MANY = 200, EPOCHS_DENSMAP = 200 };

typedef struct Fit {
    Umap *umap;
    const UmapOptions *asked;
    Points points;       /* the copy */
    Neighbors neighbors; /* released when the graph is made of them, before other stages take their memory */
    FuzzyGraph graph;
    UmapStage stage;
    bool stopped;
} Fit;

static void fit_release(Fit *fit) {
    neighbors_free(&fit->neighbors);
    fuzzy_graph_free(&fit->graph);
    umap_free(fit->umap);
}

/* ---- Progress ---- */

/* False once the caller has said so, in this stage or before. */
static bool report(double done, void *context) {
    Fit *fit = context;
    const UmapOptions *asked = fit->asked;
    if (asked->progress && !fit->stopped) fit->stopped = !asked->progress(fit->stage, done, asked->progress_context);
    return !fit->stopped;
}

/* ---- First coordinates ---- */

static const double extent = 10, noise = 1e-4; /* umap-learn's */
static const double eigen_tolerance = 1e-4;

static void draw_uniform(Umap *umap) {
    const RngStream stream = rng_stream(umap->options.seed, RNG_EMBED_INIT, 3, 0);
    const size_t values = umap->n * (size_t)umap->options.components;
    for (size_t v = 0; v < values; v++)
        umap->embedding[v] = (float)(extent * (2 * (double)rng_uniform(&stream, v) - 1));
}

/* The largest coordinate becomes 10; then each a little off, so that no two points begin at one place. */
static void scale_and_part(Umap *umap) {
    const RngStream stream = rng_stream(umap->options.seed, RNG_EMBED_INIT, 4, 0);
    const size_t values = umap->n * (size_t)umap->options.components;
    const double largest = largest_magnitude(umap->embedding, values), factor = largest > 0 ? extent / largest : 0;
    for (size_t v = 0; v < values; v++)
        umap->embedding[v] = (float)(factor * (double)umap->embedding[v] + noise * rng_normal(&stream, v));
}

/* Each coordinate from 0 to 10; one that is noise alone is left so. */
static void fill_extent(Umap *umap) {
    const size_t components = (size_t)umap->options.components, values = umap->n * components;
    for (float *y = umap->embedding; y < umap->embedding + components; y++) {
        float low = *y, high = low;
        for (size_t v = 0; v < values; v += components) {
            low = y[v] < low ? y[v] : low;
            high = y[v] > high ? y[v] : high;
        }
        const double range = (double)high - (double)low, factor = range > 20 * noise ? extent / range : 1;
        for (size_t v = 0; v < values; v += components) y[v] = (float)(factor * ((double)y[v] - (double)low));
    }
}

static cf_status place_first(Fit *fit) {
    Umap *umap = fit->umap;
    const UmapOptions *options = &umap->options;
    char why[100] = "";
    snprintf(umap->init_used, UMAP_INIT_TEXT, "%s", umap_init_name(options->init));
    if (options->init == UMAP_SPECTRAL) {
        SpectralJob job = {
            &fit->graph, &fit->points, options->components, eigen_tolerance, options->seed, options->threads,
            report,      fit};
        FORWARD(spectral_layout(&job, umap->embedding, why));
    }
    if (why[0]) snprintf(umap->init_used, UMAP_INIT_TEXT, "pca (%s)", why);
    if (why[0] || options->init == UMAP_PCA)
        FORWARD(pca_fit(&fit->points, options->components, options->threads, umap->embedding, NULL));
    if (options->init == UMAP_RANDOM)
        draw_uniform(umap);
    else
        scale_and_part(umap);
    fill_extent(umap);
    return CF_OK;
}

/* ---- The other stages ---- */

static cf_status find_neighbors(Fit *fit) {
    const UmapOptions *options = &fit->umap->options;
    NeighborOptions search = {.k = options->neighbors - 1,
                              .metric = options->metric,
                              .method = options->method,
                              .seed = options->seed,
                              .threads = options->threads,
                              .progress = report,
                              .progress_context = fit};
    FORWARD(neighbors_find(&fit->points, &search, &fit->neighbors));
    fit->umap->neighbors_method = fit->neighbors.method;
    return CF_OK;
}

static cf_status make_graph(Fit *fit) {
    const UmapOptions *options = &fit->umap->options;
    const int threads = options->threads;
    FORWARD(fuzzy_graph_new(&fit->neighbors, options->set_op_mix, options->local_connectivity, threads, &fit->graph));
    if (fit->asked->target)
        FORWARD(fuzzy_graph_supervise(&fit->graph, fit->asked->target, options->target_weight, threads));
    fuzzy_graph_prune(&fit->graph, options->epochs);
    fit->umap->edges = fit->graph.start[fit->graph.n] / 2;
    if (options->densmap) {
        FORWARD(memory_new(fit->umap->n, sizeof(double), &fit->umap->radius));
        fuzzy_graph_radii(&fit->graph, &fit->neighbors, threads, fit->umap->radius);
    }
    neighbors_free(&fit->neighbors);
    return CF_OK;
}

/* What the layout of a graph takes from the options. */
static LayoutJob layout_job(const Umap *umap, const FuzzyGraph *graph) {
    const UmapOptions *options = &umap->options;
    return (LayoutJob){.graph = graph,
                       .components = options->components,
                       .epochs = options->epochs,
                       .negatives = options->negative_sample_rate,
                       .a = umap->a,
                       .b = umap->b,
                       .learning_rate = options->learning_rate,
                       .repulsion = options->repulsion,
                       .seed = options->seed,
                       .threads = options->threads};
}

static cf_status lay_out(Fit *fit) {
    const Umap *umap = fit->umap;
    const UmapOptions *options = &umap->options;
    const LayoutDensity density = {umap->radius, options->dens_lambda, options->dens_frac, options->dens_var_shift};
    LayoutJob job = layout_job(umap, &fit->graph);
    job.density = umap->radius ? &density : NULL;
    job.progress = report;
    job.progress_context = fit;
    return layout_run(&job, umap->embedding);
}

/* ---- The whole ---- */

static void settle_options(const UmapOptions *asked, size_t n, UmapOptions *options) {
    *options = *asked;
    options->target = NULL;
    options->progress = NULL;
    options->progress_context = NULL;
    options->threads = slices_threads(asked->threads);
    if (!options->epochs)
        options->epochs = (n <= MANY_POINTS ? EPOCHS_FEW : EPOCHS_MANY) + (asked->densmap ? EPOCHS_DENSMAP : 0);
    if ((size_t)options->neighbors <= n) return;
    notice("%d neighbors were asked for, of %zu points each: %zu are taken", asked->neighbors, n, n);
    options->neighbors = (int)n;
    if (options->local_connectivity > (double)n - 1) options->local_connectivity = (double)n - 1;
}

static cf_status run_stages(Fit *fit) {
    static cf_status (*const run[UMAP_STAGES])(Fit *) = {find_neighbors, make_graph, place_first, lay_out};
    for (fit->stage = UMAP_NEIGHBORS; fit->stage < UMAP_STAGES; fit->stage++) {
        const double begun = clock_seconds();
        report(0, fit);
        FORWARD(run[fit->stage](fit));
        fit->umap->seconds[fit->stage] = clock_seconds() - begun;
        FAIL_IF(!report(1, fit), CF_INTERRUPTED, "stopped in the stage \"%s\"", umap_stage_name(fit->stage));
    }
    return CF_OK;
}

cf_status umap_fit(const Points *points, const UmapOptions *options, Umap **umap) {
    const size_t n = points->n, dim = (size_t)points->dim;
    AUTO(fit_release) Fit fit = {.asked = options};
    size_t values;
    FORWARD(umap_options_check(options));
    FAIL_IF(n < 1 || n > MOST_POINTS || dim < 1 || !size_multiply(n, dim, &values), CF_BAD_INPUT,
            "%zu points of %d values: 1 to %d points were expected", n, points->dim, MOST_POINTS);
    FORWARD(memory_new(1, sizeof *fit.umap, &fit.umap));
    Umap *made = fit.umap;
    settle_options(options, n, &made->options);
    made->n = n;
    made->dim = points->dim;
    made->neighbors_method = "";
    FORWARD(curve_fit(options->min_dist, options->spread, &made->a, &made->b));
    FORWARD(memory_copy(points->values, values, sizeof(float), &made->points));
    FORWARD(memory_new(n * (size_t)options->components, sizeof(float), &made->embedding));
    fit.points = (Points){made->points, n, points->dim};
    if (n > 1) FORWARD(run_stages(&fit)); /* one point lies at 0 */
    *umap = memory_take(&fit.umap);
    return CF_OK;
}

void umap_free(Umap *umap) {
    if (!umap) return;
    free(umap->points);
    free(umap->offset);
    free(umap->embedding);
    free(umap->radius);
    free(umap);
}

/* ---- How well densities are kept ---- */

static double correlation(const double *a, const double *b, size_t n) {
    double mean[2] = {0}, square[2] = {0}, product = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(a[i]) && !isnan(b[i])) mean[0] += a[i], mean[1] += b[i], count++;
    for (size_t i = 0; i < n; i++) {
        if (isnan(a[i]) || isnan(b[i])) continue;
        const double x = a[i] - mean[0] / (double)count, y = b[i] - mean[1] / (double)count;
        square[0] += x * x, square[1] += y * y, product += x * y;
    }
    return product / sqrt(square[0] * square[1]);
}

cf_status umap_density_correlation(const Umap *umap, double *result) {
    const UmapOptions *options = &umap->options;
    const Points embedding = {umap->embedding, umap->n, options->components};
    const NeighborOptions search = {.k = options->neighbors - 1, .seed = options->seed, .threads = options->threads};
    AUTO(neighbors_free) Neighbors neighbors = {0};
    AUTO(fuzzy_graph_free) FuzzyGraph graph = {0};
    AUTO_FREE double *radius = NULL;
    *result = NAN;
    if (!umap->radius) return CF_OK;
    FORWARD(neighbors_find(&embedding, &search, &neighbors));
    FORWARD(fuzzy_graph_new(&neighbors, options->set_op_mix, options->local_connectivity, options->threads, &graph));
    FORWARD(memory_new(umap->n, sizeof *radius, &radius));
    fuzzy_graph_radii(&graph, &neighbors, options->threads, radius);
    *result = correlation(umap->radius, radius, umap->n);
    return CF_OK;
}

/* ---- New points into an embedding that stays as it is ----
 *
 * As in umap-learn: memberships in the nearest training points, from distance 0 on; the weighted mean of these as a beginning;
 * a third of the epochs at a quarter of the step, the training points fixed. Unlike it, nothing depends on the other new
 * points: edges are scaled by the point's own strongest, the number of epochs follows the training points, random numbers
 * follow the point's values, and the floor of sigma its own distances. The sum of memberships runs over all neighbours found.
 */

typedef struct Transform {
    const Umap *umap;
    const Points *points;
    const Neighbors *neighbors;
    FuzzyGraph *graph;
    uint32_t *key;
    float *embedding;
} Transform;

static void weigh_row(const Transform *t, size_t i) {
    const int k = t->neighbors->k;
    const size_t first = i * (size_t)k;
    const float *distance = t->neighbors->distance + first;
    double connectivity = t->umap->options.local_connectivity - 1, mean = 0;
    for (int j = 0; j < k; j++) mean += (double)distance[j] / (k + 1);
    Smooth smooth = fuzzy_smooth(distance, k, connectivity > 0 ? connectivity : 0, mean);
    for (int j = 0; j < k; j++) {
        t->graph->column[first + (size_t)j] = t->neighbors->index[first + (size_t)j];
        t->graph->weight[first + (size_t)j] = fuzzy_membership(distance[j], smooth);
    }
    t->graph->start[i + 1] = first + (size_t)k;
}

/* The weighted mean of the neighbours; where a training point is met exactly, that point. */
static void begin_row(const Transform *t, size_t i) {
    const size_t components = (size_t)t->umap->options.components, first = i * (size_t)t->neighbors->k;
    const size_t count = t->neighbors->distance[first] > 0 ? (size_t)t->neighbors->k : 1;
    for (size_t c = 0; c < components; c++) {
        double sum = 0, weights = 0;
        for (size_t e = first; e < first + count; e++) {
            double w = (double)t->graph->weight[e];
            sum += w * (double)t->umap->embedding[t->graph->column[e] * components + c];
            weights += w;
        }
        t->embedding[i * components + c] = (float)(sum / weights);
    }
}

static void prepare_row(void *context, size_t i, int thread) {
    const Transform *t = context;
    (void)thread;
    t->key[i] = (uint32_t)row_hash(points_row(t->points, i), t->points->dim);
    weigh_row(t, i);
    begin_row(t, i);
}

cf_status umap_transform(const Umap *umap, const Points *points, int threads, float *embedding) {
    enum { TOGETHER = 512 }; /* rows of a piece */
    const Points training = {umap->points, umap->n, umap->dim};
    const size_t n = points->n;
    const int others = umap->options.neighbors > 2 ? umap->options.neighbors - 1 : 1;
    NeighborOptions search = {.k = (size_t)others < umap->n ? others : (int)umap->n,
                              .metric = umap->options.metric,
                              .threads = threads = slices_threads(threads)};
    AUTO(neighbors_free) Neighbors neighbors = {0};
    AUTO(fuzzy_graph_free) FuzzyGraph graph = {.n = n};
    AUTO_FREE uint32_t *key = NULL;
    const size_t entries = n * (size_t)search.k;
    FAIL_IF(umap->options.densmap, CF_BAD_USE,
            "a densMAP embedding takes no new points: its radii are of the points it was fitted to");
    FAIL_IF(points->dim != umap->dim, CF_BAD_USE, "the new points have %d values each, those the embedding is of %d",
            points->dim, umap->dim);
    FORWARD(neighbors_query(&training, points, &search, &neighbors));
    FORWARD(memory_new(n + 1, sizeof(size_t), &graph.start));
    FORWARD(memory_new(entries, sizeof(uint32_t), &graph.column));
    FORWARD(memory_new(entries, sizeof(float), &graph.weight));
    FORWARD(memory_new(n, sizeof(uint32_t), &key));
    Transform t = {umap, points, &neighbors, &graph, key, embedding};
    slices_each(threads, n, TOGETHER, prepare_row, &t);
    LayoutJob job = layout_job(umap, &graph);
    job.fixed = umap->embedding;
    job.fixed_count = umap->n;
    job.key = key;
    job.epochs = (job.epochs + 2) / 3;
    job.learning_rate /= 4;
    job.threads = threads;
    return layout_run(&job, embedding);
}

/* ---- A subset is fitted, the others are put into its embedding ---- */

typedef struct Part {
    float *values, *coordinates; /* [n][dim], [n][components] */
    int *target;                 /* [n], or NULL */
    size_t n;
} Part;

static void part_free(Part *part) {
    free(part->values);
    free(part->coordinates);
    free(part->target);
}

/* The rows whose mark is `wanted`, in their order. */
static cf_status part_new(const Points *points, const UmapOptions *options, const bool *drawn, bool wanted, size_t n,
                          Part *part) {
    const size_t dim = (size_t)points->dim;
    *part = (Part){0};
    FORWARD(memory_new(n * dim, sizeof(float), &part->values));
    FORWARD(memory_new(n * (size_t)options->components, sizeof(float), &part->coordinates));
    if (options->target) FORWARD(memory_new(n, sizeof(int), &part->target));
    for (size_t i = 0; i < points->n; i++) {
        if (drawn[i] != wanted) continue;
        memcpy(part->values + part->n * dim, points_row(points, i), dim * sizeof(float));
        if (options->target) part->target[part->n] = options->target[i];
        part->n++;
    }
    return CF_OK;
}

static cf_status draw_rows(size_t n, size_t count, uint64_t seed, bool *drawn) {
    const RngStream stream = rng_stream(seed, RNG_EMBED_INIT, 5, 0);
    AUTO_FREE uint32_t *order = NULL;
    FORWARD(memory_new(n, sizeof *order, &order));
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    rng_shuffle(&stream, order, n);
    for (size_t i = 0; i < count; i++) drawn[order[i]] = true;
    return CF_OK;
}

cf_status umap_fit_subset(const Points *points, size_t count, const UmapOptions *options, Umap **umap,
                          float *coordinates) {
    UmapOptions own = *options;
    AUTO(part_free) Part fitted = {0}, others = {0};
    AUTO_FREE bool *drawn = NULL;
    AUTO(umap_free_at) Umap *made = NULL;
    const size_t row = (size_t)options->components * sizeof(float);
    FAIL_IF(count < 1 || count >= points->n, CF_BAD_USE, "a subset of %zu rows of %zu: 1 to %zu are possible", count,
            points->n, points->n - 1);
    FAIL_IF(options->densmap, CF_BAD_USE,
            "a densMAP takes no other rows than those that it is fitted to, so it has no subset");
    FORWARD(memory_new(points->n, sizeof *drawn, &drawn));
    FORWARD(draw_rows(points->n, count, options->seed, drawn));
    FORWARD(part_new(points, options, drawn, true, count, &fitted));
    FORWARD(part_new(points, options, drawn, false, points->n - count, &others));
    own.target = fitted.target;
    const Points those = {fitted.values, count, points->dim}, rest = {others.values, others.n, points->dim};
    FORWARD(umap_fit(&those, &own, &made));
    FORWARD(umap_transform(made, &rest, options->threads, others.coordinates));
    const char *from[2] = {(const char *)others.coordinates, (const char *)made->embedding};
    for (size_t i = 0; i < points->n; i++) {
        memcpy((char *)coordinates + i * row, from[drawn[i]], row);
        from[drawn[i]] += row;
    }
    *umap = memory_take(&made);
    return CF_OK;
}
