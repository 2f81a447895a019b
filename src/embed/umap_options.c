/* Options, their ranges and names; memory. */
#include "base/slices.h"
#include "embed/layout.h"
#include "embed/spectral.h"
#include "embed/umap.h"

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
    return kept + most;
}
