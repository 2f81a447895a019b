#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "embed/curve.h"
#include "embed/layout.h"
#include "embed/umap.h"
#include "embed/umap_start.h"

#include <stdlib.h>
#include <string.h>

enum { MANY_POINTS = 10000, EPOCHS_FEW = 500, EPOCHS_MANY = 200 };

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

/* ---- Stages ---- */

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
    return end(fit);
}

static cf_status start(Fit *fit) {
    UmapStart job = {&fit->graph, &fit->points, &fit->umap->options, go_on, fit};
    begin(fit, UMAP_START);
    FORWARD(umap_start(&job, fit->umap->embedding, fit->umap->init_used));
    return end(fit);
}

static cf_status lay_out(Fit *fit) {
    const Umap *umap = fit->umap;
    const UmapOptions *options = &umap->options;
    LayoutJob job = {.graph = &fit->graph,
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
    if (!options->epochs) options->epochs = n <= MANY_POINTS ? EPOCHS_FEW : EPOCHS_MANY;
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
    free(umap);
}
