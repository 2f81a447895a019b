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

UmapOptions umap_options_defaults(void) {
    return (UmapOptions){
        .neighbors = 15,
        .components = 2,
        .min_dist = 0.1,
        .spread = 1,
        .metric = METRIC_EUCLIDEAN,
        .method = NEIGHBORS_AUTO,
        .init = UMAP_SPECTRAL,
        .negative_sample_rate = 5,
        .learning_rate = 1,
        .repulsion = 1,
        .set_op_mix = 1,
        .local_connectivity = 1,
        .target_weight = 0.5,
        .dens_lambda = 2,
        .dens_frac = 0.3,
        .dens_var_shift = 0.1,
        .seed = 1,
    };
}

static cf_status check_real(const char *name, double value, double low, double high) {
    FAIL_IF(!(value >= low && value <= high), CF_BAD_USE, "%s %g: %g to %g is possible", name, value, low, high);
    return CF_OK;
}

static cf_status check_whole(const char *name, int value, int low, int high) {
    FAIL_IF(value < low || value > high, CF_BAD_USE, "%s %d: %d to %d is possible", name, value, low, high);
    return CF_OK;
}

cf_status umap_options_check(const UmapOptions *o) {
    FORWARD(check_whole("neighbors", o->neighbors, 2, UMAP_MOST_NEIGHBORS));
    FORWARD(check_whole("components", o->components, 1, UMAP_MOST_COMPONENTS));
    FORWARD(check_whole("metric", (int)o->metric, METRIC_EUCLIDEAN, METRICS - 1));
    FAIL_IF(o->method == NEIGHBORS_DESCENT && metric_is_pairwise(o->metric), CF_BAD_USE,
            "search descent has no metric %s, whose neighbours are always found exactly", metric_names[o->metric]);
    FORWARD(check_whole("init", (int)o->init, UMAP_SPECTRAL, UMAP_RANDOM));
    FORWARD(check_whole("epochs", o->epochs, 0, UMAP_MOST_EPOCHS));
    FORWARD(check_whole("negative-sample-rate", o->negative_sample_rate, 0, 1000));
    FORWARD(check_real("spread", o->spread, 1e-3, 1e3));
    FAIL_IF(!(o->min_dist >= 0 && o->min_dist <= o->spread), CF_BAD_USE,
            "min-dist %g: 0 to the spread, %g, is possible", o->min_dist, o->spread);
    FORWARD(check_real("learning-rate", o->learning_rate, 1e-6, 1e3));
    FORWARD(check_real("repulsion", o->repulsion, 0, 1e3));
    FORWARD(check_real("set-op-mix", o->set_op_mix, 0, 1));
    FORWARD(check_real("local-connectivity", o->local_connectivity, 0, o->neighbors - 1));
    FORWARD(check_real("dens-lambda", o->dens_lambda, 0, 1e6));
    FORWARD(check_real("dens-frac", o->dens_frac, 0, 1));
    FORWARD(check_real("dens-var-shift", o->dens_var_shift, 0, 1e6));
    return check_real("target-weight", o->target_weight, 0, 1);
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
    Points points; /* the copy */
    FuzzyGraph graph;
    UmapStage stage;
    double begun;
    bool stopped;
} Fit;

/* ---- Progress ---- */

static bool tell(Fit *fit, double done) {
    const UmapOptions *asked = fit->asked;
    if (asked->progress && !fit->stopped) fit->stopped = !asked->progress(fit->stage, done, asked->progress_context);
    return !fit->stopped;
}

static void tell_fraction(double done, void *context) {
    tell(context, done);
}

static bool tell_layout(double done, void *context) {
    return tell(context, done);
}

static bool go_on(void *context) {
    return tell(context, 0);
}

static void begin(Fit *fit, UmapStage stage) {
    fit->stage = stage;
    fit->begun = clock_seconds();
    tell(fit, 0);
}

static cf_status end(Fit *fit) {
    fit->umap->seconds[fit->stage] = clock_seconds() - fit->begun;
    tell(fit, 1);
    FAIL_IF(fit->stopped, CF_INTERRUPTED, "stopped in the stage \"%s\"", umap_stage_name(fit->stage));
    return CF_OK;
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

static cf_status start(Fit *fit) {
    Umap *umap = fit->umap;
    const UmapOptions *options = &umap->options;
    char why[100] = "";
    begin(fit, UMAP_START);
    snprintf(umap->init_used, UMAP_INIT_TEXT, "%s", umap_init_name(options->init));
    if (options->init == UMAP_SPECTRAL) {
        SpectralJob job = {
            &fit->graph, &fit->points, options->components, eigen_tolerance, options->seed, options->threads,
            go_on,       fit};
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
    return end(fit);
}

/* ---- The other stages ---- */

static cf_status find_neighbors(Fit *fit, Neighbors *neighbors) {
    const UmapOptions *options = &fit->umap->options;
    NeighborOptions search = {.k = options->neighbors - 1,
                              .metric = options->metric,
                              .method = options->method,
                              .seed = options->seed,
                              .threads = options->threads,
                              .progress = tell_fraction,
                              .progress_context = fit};
    begin(fit, UMAP_NEIGHBORS);
    FORWARD(neighbors_find(&fit->points, &search, neighbors));
    fit->umap->neighbors_method = neighbors->method;
    return end(fit);
}

static cf_status make_graph(Fit *fit, const Neighbors *neighbors) {
    const UmapOptions *options = &fit->umap->options;
    begin(fit, UMAP_GRAPH);
    FORWARD(
        fuzzy_graph_new(neighbors, options->set_op_mix, options->local_connectivity, options->threads, &fit->graph));
    if (fit->asked->target)
        FORWARD(fuzzy_graph_supervise(&fit->graph, fit->asked->target, options->target_weight, options->threads));
    fuzzy_graph_prune(&fit->graph, options->epochs);
    fit->umap->edges = fit->graph.start[fit->graph.n] / 2;
    if (options->densmap) {
        FORWARD(memory_new(fit->umap->n, sizeof(double), &fit->umap->radius));
        FORWARD(fuzzy_graph_radii(&fit->graph, neighbors, options->threads, fit->umap->radius));
    }
    return end(fit);
}

static cf_status lay_out(Fit *fit) {
    const Umap *umap = fit->umap;
    const UmapOptions *options = &umap->options;
    const LayoutDensity density = {umap->radius, options->dens_lambda, options->dens_frac, options->dens_var_shift};
    LayoutJob job = {.graph = &fit->graph,
                     .density = umap->radius ? &density : NULL,
                     .components = options->components,
                     .epochs = options->epochs,
                     .negatives = options->negative_sample_rate,
                     .a = umap->a,
                     .b = umap->b,
                     .learning_rate = options->learning_rate,
                     .repulsion = options->repulsion,
                     .seed = options->seed,
                     .threads = options->threads,
                     .progress = tell_layout,
                     .progress_context = fit};
    begin(fit, UMAP_LAYOUT);
    FORWARD(layout_run(&job, umap->embedding));
    return end(fit);
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
    Neighbors neighbors = {0};
    cf_status status = find_neighbors(fit, &neighbors);
    if (!status) status = make_graph(fit, &neighbors);
    neighbors_free(&neighbors); /* before the other stages take their memory */
    if (!status) status = start(fit);
    if (!status) status = lay_out(fit);
    return status;
}

cf_status umap_fit(const Points *points, const UmapOptions *options, Umap **umap) {
    const size_t n = points->n, dim = (size_t)points->dim;
    Fit fit = {.asked = options};
    size_t values;
    cf_status status;
    FORWARD(umap_options_check(options));
    FAIL_IF(n < 1 || n > MOST_POINTS || dim < 1 || !size_multiply(n, dim, &values), CF_BAD_INPUT,
            "%zu points of %d values: 1 to %d points were expected", n, points->dim, MOST_POINTS);
    FORWARD(memory_new(1, sizeof *fit.umap, &fit.umap));
    Umap *made = fit.umap;
    settle_options(options, n, &made->options);
    made->n = n;
    made->dim = points->dim;
    made->neighbors_method = "";
    FORWARD_TO(failed, curve_fit(options->min_dist, options->spread, &made->a, &made->b));
    FORWARD_TO(failed, memory_new(values, sizeof(float), &made->points));
    FORWARD_TO(failed, memory_new(n * (size_t)options->components, sizeof(float), &made->embedding));
    memcpy(made->points, points->values, values * sizeof(float));
    fit.points = (Points){made->points, n, points->dim};
    if (n > 1) FORWARD_TO(failed, run_stages(&fit)); /* one point lies at 0 */
    fuzzy_graph_free(&fit.graph);
    *umap = made;
    return CF_OK;
failed:
    fuzzy_graph_free(&fit.graph);
    umap_free(made);
    return status;
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
    Neighbors neighbors = {0};
    FuzzyGraph graph = {0};
    double *radius = NULL;
    cf_status status;
    *result = NAN;
    if (!umap->radius) return CF_OK;
    FORWARD_TO(done, neighbors_find(&embedding, &search, &neighbors));
    FORWARD_TO(done,
               fuzzy_graph_new(&neighbors, options->set_op_mix, options->local_connectivity, options->threads, &graph));
    FORWARD_TO(done, memory_new(umap->n, sizeof *radius, &radius));
    FORWARD_TO(done, fuzzy_graph_radii(&graph, &neighbors, options->threads, radius));
    *result = correlation(umap->radius, radius, umap->n);
done:
    neighbors_free(&neighbors);
    fuzzy_graph_free(&graph);
    free(radius);
    return status;
}

/* ---- New points into an embedding that stays as it is ----
 *
 * As in umap-learn: memberships in the nearest training points, from distance 0 on; the weighted mean of these as a beginning;
 * a third of the epochs at a quarter of the step, the training points fixed. Unlike it, nothing depends on the other new
 * points: edges are scaled by the point's own strongest, the number of epochs follows the training points, random numbers
 * follow the point's values, and the floor of sigma its own distances. The sum of memberships runs over all neighbours found.
 */

enum { ROWS = 512 };

typedef struct Transform {
    const Umap *umap;
    const Points *points;
    const Neighbors *neighbors;
    FuzzyGraph *graph;
    uint32_t *key;
    float *embedding;
} Transform;

/* A number for a point's values, FNV-1a over their bits. */
static uint32_t key_of(const float *x, int dim) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int d = 0; d < dim; d++) {
        uint32_t bits;
        memcpy(&bits, x + d, sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
        hash ^= hash >> 32; /* high bits come down: FNV alone only goes up */
    }
    return (uint32_t)hash;
}

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

static cf_status prepare_piece(void *context, int64_t piece, int thread) {
    const Transform *t = context;
    (void)thread;
    for (size_t i = (size_t)piece * ROWS; i < t->points->n && i < ((size_t)piece + 1) * ROWS; i++) {
        t->key[i] = key_of(points_row(t->points, i), t->points->dim);
        weigh_row(t, i);
        begin_row(t, i);
    }
    return CF_OK;
}

static cf_status lay_out_new(const Transform *t, int threads) {
    const Umap *umap = t->umap;
    const UmapOptions *options = &umap->options;
    LayoutJob job = {.graph = t->graph,
                     .fixed = umap->embedding,
                     .fixed_count = umap->n,
                     .key = t->key,
                     .components = options->components,
                     .epochs = (options->epochs + 2) / 3,
                     .negatives = options->negative_sample_rate,
                     .a = umap->a,
                     .b = umap->b,
                     .learning_rate = options->learning_rate / 4,
                     .repulsion = options->repulsion,
                     .seed = options->seed,
                     .threads = threads};
    return layout_run(&job, t->embedding);
}

cf_status umap_transform(const Umap *umap, const Points *points, int threads, float *embedding) {
    const Points training = {umap->points, umap->n, umap->dim};
    const size_t n = points->n;
    const int others = umap->options.neighbors > 2 ? umap->options.neighbors - 1 : 1;
    NeighborOptions search = {.k = (size_t)others < umap->n ? others : (int)umap->n,
                              .metric = umap->options.metric,
                              .threads = threads = slices_threads(threads)};
    Neighbors neighbors = {0};
    FuzzyGraph graph = {.n = n};
    Transform t = {umap, points, &neighbors, &graph, NULL, embedding};
    const size_t entries = n * (size_t)search.k;
    cf_status status;
    FAIL_IF(umap->options.densmap, CF_BAD_USE,
            "a densMAP embedding takes no new points: its radii are of the points it was fitted to");
    FAIL_IF(points->dim != umap->dim, CF_BAD_USE, "the new points have %d values each, those the embedding is of %d",
            points->dim, umap->dim);
    FORWARD_TO(done, neighbors_query(&training, points, &search, &neighbors));
    FORWARD_TO(done, memory_new(n + 1, sizeof(size_t), &graph.start));
    FORWARD_TO(done, memory_new(entries, sizeof(uint32_t), &graph.column));
    FORWARD_TO(done, memory_new(entries, sizeof(float), &graph.weight));
    FORWARD_TO(done, memory_new(n, sizeof(uint32_t), &t.key));
    FORWARD_TO(done, slices_run(threads, (int64_t)((n + ROWS - 1) / ROWS), prepare_piece, &t));
    FORWARD_TO(done, lay_out_new(&t, threads));
done:
    neighbors_free(&neighbors);
    fuzzy_graph_free(&graph);
    free(t.key);
    return status;
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

static cf_status draw_rows(size_t n, size_t count, uint64_t seed, bool **drawn) {
    const RngStream stream = rng_stream(seed, RNG_EMBED_INIT, 5, 0);
    uint32_t *order;
    FORWARD(memory_new(n, sizeof *order, &order));
    cf_status status = memory_new(n, sizeof **drawn, drawn);
    for (size_t i = 0; i < n && !status; i++) order[i] = (uint32_t)i;
    if (!status) rng_shuffle(&stream, order, n);
    for (size_t i = 0; i < count && !status; i++) (*drawn)[order[i]] = true;
    free(order);
    return status;
}

cf_status umap_fit_subset(const Points *points, size_t count, const UmapOptions *options, Umap **umap,
                          float *coordinates) {
    UmapOptions own = *options;
    Part fitted = {0}, others = {0};
    bool *drawn = NULL;
    Umap *made = NULL;
    const size_t row = (size_t)options->components * sizeof(float);
    cf_status status;
    FAIL_IF(count < 1 || count >= points->n, CF_BAD_USE, "a subset of %zu rows of %zu: 1 to %zu are possible", count,
            points->n, points->n - 1);
    FAIL_IF(options->densmap, CF_BAD_USE,
            "a densMAP takes no other rows than those that it is fitted to, so it has no subset");
    FORWARD_TO(done, draw_rows(points->n, count, options->seed, &drawn));
    FORWARD_TO(done, part_new(points, options, drawn, true, count, &fitted));
    FORWARD_TO(done, part_new(points, options, drawn, false, points->n - count, &others));
    own.target = fitted.target;
    const Points those = {fitted.values, count, points->dim}, rest = {others.values, others.n, points->dim};
    FORWARD_TO(done, umap_fit(&those, &own, &made));
    FORWARD_TO(done, umap_transform(made, &rest, options->threads, others.coordinates));
    const char *from[2] = {(const char *)others.coordinates, (const char *)made->embedding};
    for (size_t i = 0; i < points->n; i++) {
        memcpy((char *)coordinates + i * row, from[drawn[i]], row);
        from[drawn[i]] += row;
    }
    *umap = made;
    made = NULL;
done:
    umap_free(made);
    part_free(&fitted);
    part_free(&others);
    free(drawn);
    return status;
}
