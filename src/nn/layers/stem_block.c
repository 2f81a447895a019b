/* The network's first convolution with the batch norm, activation and pool behind it, as the engine's one operation (engine.h). */
#include "nn/layers/batch_norm.h"

#include <string.h>

typedef struct StemNode {
    Node node;
    BatchNorm norm;
    Stem *stem;
    const float *weight;
    float *dweight, *dbias; /* of the convolution */
    double *partial;        /* [plan_rows][sums_size] */
} StemNode;

static StemNode *stem_of(Node *node) {
    return (StemNode *)node;
}

static const StemEngine *engine_of(const Plan *plan) {
    return plan->options.engine->stem;
}

static double count_of(const Plan *plan, const StemNode *n) {
    return plan->all_n * (double)n->norm.block.H * (double)n->norm.block.W;
}

static cf_status pack(Plan *plan, Node *node, int64_t index, int thread) {
    (void)index, (void)thread;
    engine_of(plan)->pack(stem_of(node)->stem, stem_of(node)->weight);
    batch_norm_use_running(&stem_of(node)->norm);
    return CF_OK;
}

static double *slice_partial(const Plan *plan, const StemNode *n, int64_t index) {
    return n->partial + (size_t)index * engine_of(plan)->sums_size(n->stem);
}

static cf_status patches(Plan *plan, Node *node, int64_t index, int thread) {
    StemNode *n = stem_of(node);
    engine_of(plan)->patches(n->stem, thread, plan_valid(plan, index), value_at(plan, node->x[0], index, thread),
                             slice_partial(plan, n, index));
    return CF_OK;
}

static cf_status close_moments(Plan *plan, Node *node, int64_t index, int thread) {
    StemNode *n = stem_of(node);
    (void)index, (void)thread;
    FORWARD(plan_sum(plan, n->partial, engine_of(plan)->sums_size(n->stem)));
    engine_of(plan)->moments(n->stem, n->partial, 1, count_of(plan, n), n->norm.moments,
                             n->norm.moments + n->norm.block.C);
    batch_norm_close(&n->norm, count_of(plan, n));
    return CF_OK;
}

static cf_status stem_forward(Plan *plan, Node *node, int64_t index, int thread) {
    StemNode *n = stem_of(node);
    engine_of(plan)->forward(n->stem, thread, &n->norm.block, value_at(plan, node->x[0], index, thread),
                             value_at(plan, node->y, index, thread),
                             node->extra[1] && !plan->inferring ? buffer_at(plan, node->extra[1], index, thread) : NULL);
    return CF_OK;
}

static cf_status forward(Planner *planner, Node *node) {
    FORWARD(planner_refresh(planner, pack, node, 1));
    if (!planner_frozen(planner, node->number)) {
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, patches, node, 0, USES_X));
        FORWARD(planner_step(planner, IN_TRAINING, STEP_ONCE, close_moments, node, 1, USES_NOTHING));
    }
    return planner_step(planner, IN_BOTH, STEP_SLICES, stem_forward, node, 0, USES_FORWARD);
}

static cf_status stem_backward(Plan *plan, Node *node, int64_t index, int thread) {
    StemNode *n = stem_of(node);
    engine_of(plan)->backward(n->stem, thread, &n->norm.block, plan_valid(plan, index),
                              value_at(plan, node->x[0], index, thread), value_at(plan, node->y, index, thread),
                              gradient_at(plan, node->y, index, thread),
                              node->extra[1] ? buffer_at(plan, node->extra[1], index, thread) : NULL,
                              slice_partial(plan, n, index));
    return CF_OK;
}

static cf_status close_sums(Plan *plan, Node *node, int64_t index, int thread) {
    StemNode *n = stem_of(node);
    const size_t C = (size_t)n->norm.block.C;
    (void)index, (void)thread;
    FORWARD(plan_sum(plan, n->partial, engine_of(plan)->sums_size(n->stem)));
    engine_of(plan)->gradient_sums(n->stem, n->partial, 1, n->norm.moments, n->norm.moments + C);
    batch_norm_close_backward(&n->norm, count_of(plan, n));
    engine_of(plan)->gradient(n->stem, &n->norm.block, n->dweight);
    if (n->dbias) memset(n->dbias, 0, C * sizeof *n->dbias);
    return CF_OK;
}

static cf_status backward(Planner *planner, Node *node) {
    FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, stem_backward, node, 0,
                         USES_X | USES_Y | USES_DY | USES_EXTRA));
    return planner_step(planner, IN_TRAINING, STEP_ONCE, close_sums, node, 1, USES_NOTHING);
}

static void release(const Engine *engine, Node *node) {
    if (stem_of(node)->stem) engine->stem->destroy(stem_of(node)->stem);
}

cf_status lay_stem(Planner *planner, int number, bool *laid) {
    static const NodeType type = {.name = "stem", .forward = forward, .backward = backward, .release = release};
    const Engine *engine = planner_engine(planner);
    Plan *plan = planner->plan;
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
    const Block shape = {.C = window.K, .H = window.P, .W = window.Q, .R = parts.pool ? parts.pool->R : 1,
                         .S = parts.pool ? parts.pool->S : 1, .P = last->out.H, .Q = last->out.W, .act = parts.act};
    if (!engine->stem->fits(&window, &shape)) return CF_OK;
    *laid = true;
    block_take(planner, norm, &parts);
    FORWARD(planner_output(planner, parts.last, &y));
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, true, y, &n));
    FORWARD(batch_norm_init(planner, norm, &parts, &n->norm));
    FORWARD(engine->stem->create(engine->kernels, &window, &shape, plan->options.threads, &n->stem));
    n->weight = planner_parameter(planner, number, "weight");
    n->dweight = planner_gradient(planner, number, "weight");
    n->norm.offset = planner_parameter(planner, number, "bias");
    n->dbias = planner_gradient(planner, number, "bias");
    if (!n->node.learns) return CF_OK;
    y->needed_by_maker = true;
    FORWARD(planner_keep(planner, &n->partial, plan_rows(plan) * engine->stem->sums_size(n->stem), sizeof(double)));
    return parts.pool ? planner_extra(planner, &n->node, 1, LIST_TRAINING, y->size) : CF_OK;
}
