/* The network's first convolution with the batch norm, activation and pool behind it, as the engine's one operation (engine.h). */
#include "nn/layers/batch_norm.h"

#include <string.h>

typedef struct StemNode {
    Node node;
    BatchNorm norm;
    Stem *stem;
    Weights weight, bias; /* of the convolution */
    double *partial;      /* [plan_rows][sums_size] */
} StemNode;

static StemNode *stem_of(const Node *node) {
    return (StemNode *)node;
}

static const StemEngine *engine_of(const Work *w) {
    return w->plan->options.engine->stem;
}

/* Values of a channel in the whole batch. */
static double count_of(const Work *w) {
    const Block *block = &stem_of(w->node)->norm.block;
    return w->plan->all_n * (double)block->H * (double)block->W;
}

static cf_status pack_stem(const Work *w) {
    StemNode *n = stem_of(w->node);
    engine_of(w)->pack(n->stem, n->weight.values);
    batch_norm_use_running(&n->norm);
    return CF_OK;
}

static double *slice_partial(const Work *w) {
    const StemNode *n = stem_of(w->node);
    return n->partial + (size_t)w->index * engine_of(w)->sums_size(n->stem);
}

static cf_status sum_patches(const Work *w) {
    engine_of(w)->patches(stem_of(w->node)->stem, w->thread, work_valid(w), work_x(w, 0), slice_partial(w));
    return CF_OK;
}

static cf_status close_moments(const Work *w) {
    StemNode *n = stem_of(w->node);
    FORWARD(plan_sum(w->plan, n->partial, engine_of(w)->sums_size(n->stem)));
    engine_of(w)->moments(n->stem, n->partial, 1, count_of(w), n->norm.moments, n->norm.moments + n->norm.block.C);
    batch_norm_close(&n->norm, count_of(w));
    return CF_OK;
}

static cf_status stem_forward(const Work *w) {
    StemNode *n = stem_of(w->node);
    engine_of(w)->forward(n->stem, w->thread, &n->norm.block, work_x(w, 0), work_y(w), work_extra(w, 1));
    return CF_OK;
}

static cf_status stem_backward(const Work *w) {
    StemNode *n = stem_of(w->node);
    engine_of(w)->backward(n->stem, w->thread, &n->norm.block, work_valid(w), work_x(w, 0), work_y(w), work_dy(w),
                           work_extra(w, 1), slice_partial(w));
    return CF_OK;
}

static cf_status close_sums(const Work *w) {
    StemNode *n = stem_of(w->node);
    const size_t C = (size_t)n->norm.block.C;
    FORWARD(plan_sum(w->plan, n->partial, engine_of(w)->sums_size(n->stem)));
    engine_of(w)->gradient_sums(n->stem, n->partial, 1, n->norm.moments, n->norm.moments + C);
    batch_norm_close_backward(&n->norm, count_of(w));
    engine_of(w)->gradient(n->stem, &n->norm.block, n->weight.gradient);
    if (n->bias.gradient) memset(n->bias.gradient, 0, C * sizeof *n->bias.gradient);
    return CF_OK;
}

static cf_status add_closing(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_ONCE, close_sums, node, 1, USES_NOTHING);
}

static void release_stem(const Engine *engine, Node *node) {
    if (stem_of(node)->stem) engine->stem->destroy(stem_of(node)->stem);
}

cf_status lay_stem(Planner *planner, int number, bool *laid) {
    static const NodeType type = {.name = "stem",
                                  .refresh = pack_stem,
                                  .statistics = {sum_patches, close_moments},
                                  .forward = {stem_forward, USES_FORWARD},
                                  .backward = {stem_backward, USES_X | USES_Y | USES_DY | USES_EXTRA},
                                  .add_backward = add_closing,
                                  .release = release_stem};
    Plan *plan = planner->plan;
    const Engine *engine = plan->options.engine;
    Tensor *x = planner_input(planner, number, 0), *y;
    const int norm = planner_follower(planner, number);
    StemNode *n;
    *laid = false;
    if (!engine->stem || x->behind_weights || x->element != engine->kernels->element) return CF_OK;
    if (norm < 0 || planner_layer(planner, norm)->type != &bn_type) return CF_OK;
    if (planner_frozen(planner, number) != planner_frozen(planner, norm)) return CF_OK;
    const Window window = layer_window(planner_layer(planner, number), plan->slice);
    const BlockParts parts = block_parts(planner, norm, false);
    const Layer *last = planner_layer(planner, parts.last);
    const Block shape = {.C = window.K,
                         .H = window.P,
                         .W = window.Q,
                         .R = parts.pool ? parts.pool->R : 1,
                         .S = parts.pool ? parts.pool->S : 1,
                         .P = last->out.H,
                         .Q = last->out.W,
                         .act = parts.act};
    if (!engine->stem->fits(&window, &shape)) return CF_OK;
    *laid = true;
    block_take(planner, norm, &parts);
    FORWARD(planner_output(planner, parts.last, &y));
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, true, y, &n));
    FORWARD(batch_norm_init(planner, norm, &parts, &n->norm));
    FORWARD(engine->stem->create(engine->kernels, &window, &shape, plan->options.threads, &n->stem));
    n->weight = planner_weights(planner, number, "weight");
    n->bias = planner_weights(planner, number, "bias");
    n->norm.offset = n->bias.values;
    if (!n->node.learns) return CF_OK;
    y->needed_by_maker = true;
    FORWARD(planner_keep(planner, &n->partial, plan_rows(plan) * engine->stem->sums_size(n->stem), sizeof(double)));
    return parts.pool ? planner_extra(planner, &n->node, 1, LIST_TRAINING, y->size) : CF_OK;
}
