/* bn: batch norm (Ioffe, Szegedy 2015) with the addition, activation and max pool that follow it, as one node. */
#include "nn/layers/batch_norm.h"

#include "nn/layers/reader.h"

#include <math.h>
#include <string.h>

/* ---- The layer ---- */

/* [eps E] [momentum M] */
static cf_status read_norm(Reader *reader, Layer *layer) {
    static const char *const settings[] = {"eps", "momentum", NULL};
    for (;;)
        if (reader_take_if(reader, "eps"))
            FORWARD(reader_number(reader, "an epsilon", 1e-12, 1, false, &layer->epsilon));
        else if (reader_take_if(reader, "momentum"))
            FORWARD(reader_number(reader, "a momentum", 1e-6, 1, false, &layer->momentum));
        else
            return reader_finish(reader, settings);
}

static cf_status norm_shape(const Reader *reader, Layer *layer) {
    const size_t channels[] = {(size_t)layer->in.C};
    (void)reader;
    layer->out = layer->in;
    layer_add_parameter(layer, "weight", PARAMETER_SCALE, 1, channels);
    layer_add_parameter(layer, "bias", PARAMETER_BIAS, 1, channels);
    layer_add_parameter(layer, "running_mean", PARAMETER_RUNNING_MEAN, 1, channels);
    layer_add_parameter(layer, "running_var", PARAMETER_RUNNING_VAR, 1, channels);
    return CF_OK;
}

static void describe(const Layer *layer, FILE *out) {
    const bool both = layer->epsilon != BN_EPSILON && layer->momentum != BN_MOMENTUM;
    if (layer->epsilon != BN_EPSILON) fprintf(out, "eps %g%s", layer->epsilon, both ? ", " : "");
    if (layer->momentum != BN_MOMENTUM) fprintf(out, "momentum %g", layer->momentum);
}

/* ---- What is one node ---- */

static bool is_monotonic(Activation act) {
    return act.kind == ACT_NONE || act.kind == ACT_RELU || act.kind == ACT_RELU6 || act.kind == ACT_SIGMOID;
}

/* Windows side by side, whose places fit a byte. */
static bool pool_fits(const Layer *layer) {
    return layer->type == &maxpool_type && layer->R == layer->stride && layer->S == layer->stride && !layer->pad_h &&
           !layer->pad_w && layer->R * layer->S <= 256;
}

BlockParts block_parts(const Planner *planner, int number, bool with_addition) {
    BlockParts parts = {.last = number, .addition = -1};
    int next = planner_follower(planner, number);
    if (with_addition && next >= 0 && planner_layer(planner, next)->type == &add_type) {
        parts.addition = parts.last = next;
        next = planner_follower(planner, next);
    }
    if (next >= 0 && layer_is_activation(planner_layer(planner, next))) {
        const Activation act = planner_layer(planner, next)->activation;
        if (parts.addition < 0 || activation_from_output(act)) {
            parts.act = act;
            parts.last = next;
            next = planner_follower(planner, next);
        }
    }
    if (next >= 0 && parts.addition < 0 && is_monotonic(parts.act) && pool_fits(planner_layer(planner, next))) {
        parts.pool = planner_layer(planner, next);
        parts.last = next;
    }
    return parts;
}

void block_take(Planner *planner, int number, const BlockParts *parts) {
    for (int i = number; i <= parts->last; i++) planner_take(planner, i);
}

/* ---- Coefficients ---- */

cf_status batch_norm_init(Planner *planner, int number, const BlockParts *parts, BatchNorm *norm) {
    const Layer *layer = planner_layer(planner, number), *last = planner_layer(planner, parts->last);
    const size_t C = (size_t)layer->in.C;
    float **vectors[] = {&norm->mean, &norm->scale, &norm->a, &norm->b, &norm->c};
    *norm = (BatchNorm){.block = {.C = layer->in.C,
                                  .H = layer->in.H,
                                  .W = layer->in.W,
                                  .R = parts->pool ? parts->pool->R : 1,
                                  .S = parts->pool ? parts->pool->S : 1,
                                  .P = last->out.H,
                                  .Q = last->out.W,
                                  .act = parts->act,
                                  .shift = planner_parameter(planner, number, "bias")},
                        .epsilon = layer->epsilon,
                        .momentum = layer->momentum,
                        .weight = planner_parameter(planner, number, "weight"),
                        .dweight = planner_gradient(planner, number, "weight"),
                        .dbias = planner_gradient(planner, number, "bias"),
                        .running_mean = planner_parameter(planner, number, "running_mean"),
                        .running_var = planner_parameter(planner, number, "running_var")};
    for (size_t i = 0; i < COUNT_OF(vectors); i++) FORWARD(planner_keep(planner, vectors[i], C, sizeof(float)));
    return planner_keep(planner, &norm->moments, 3 * C, sizeof(double));
}

static double offset_of(const BatchNorm *norm, size_t c) {
    return norm->offset ? (double)norm->offset[c] : 0;
}

float batch_norm_scale(float weight, float running_var, double epsilon) {
    return (float)((double)weight / sqrt((double)running_var + epsilon));
}

/* As constants, which the running statistics are, the way back is that of a scale: a = scale, b = c = 0. */
void batch_norm_use_running(BatchNorm *norm) {
    Block *block = &norm->block;
    for (size_t c = 0; c < (size_t)block->C; c++) {
        norm->mean[c] = (float)((double)norm->running_mean[c] - offset_of(norm, c));
        norm->scale[c] = batch_norm_scale(norm->weight[c], norm->running_var[c], norm->epsilon);
        norm->a[c] = norm->scale[c];
        norm->b[c] = norm->c[c] = 0;
    }
    block->mean = norm->mean, block->scale = norm->scale;
    block->a = norm->a, block->b = norm->b, block->c = norm->c;
}

void batch_norm_close(BatchNorm *norm, double count) {
    const size_t C = (size_t)norm->block.C;
    const double *mean = norm->moments, *variance = mean + C;
    double *inverse = norm->moments + 2 * C;
    const double momentum = norm->momentum;
    for (size_t c = 0; c < C; c++) {
        const double unbiased = count > 1 ? variance[c] * count / (count - 1) : variance[c];
        inverse[c] = 1 / sqrt(variance[c] + norm->epsilon);
        norm->mean[c] = (float)mean[c];
        norm->scale[c] = (float)((double)norm->weight[c] * inverse[c]);
        norm->running_mean[c] =
            (float)((1 - momentum) * (double)norm->running_mean[c] + momentum * (mean[c] + offset_of(norm, c)));
        norm->running_var[c] = (float)((1 - momentum) * (double)norm->running_var[c] + momentum * unbiased);
    }
}

/* dx = scale * (d - mean(d) - xhat * mean(d * xhat)), xhat = (x - mean) * inverse deviation, d behind the activation. Of the
 * moments only the deviation is needed any longer. */
void batch_norm_close_backward(BatchNorm *norm, double count) {
    const size_t C = (size_t)norm->block.C;
    const double *plain = norm->moments, *product = plain + C, *inverse = plain + 2 * C;
    for (size_t c = 0; c < C; c++) {
        const double scale = (double)norm->weight[c] * inverse[c], along = product[c] * inverse[c];
        norm->dbias[c] = (float)plain[c];
        norm->dweight[c] = (float)along;
        norm->a[c] = (float)scale;
        norm->b[c] = (float)(-scale * inverse[c] * along / count);
        norm->c[c] = (float)(-scale * plain[c] / count);
    }
}

/* ---- The node ---- */

typedef struct BlockNode {
    Node node; /* x[1]: the addition's other input */
    BatchNorm norm;
    bool pools;
    double *partial; /* [plan_rows][2 C]: moments, then sums */
} BlockNode;

static BlockNode *block_of(Node *node) {
    return (BlockNode *)node;
}

static double pixels(const BlockNode *n) {
    return (double)n->norm.block.H * (double)n->norm.block.W;
}

static cf_status use_running(Plan *plan, Node *node, int64_t index, int thread) {
    (void)plan, (void)index, (void)thread;
    batch_norm_use_running(&block_of(node)->norm);
    return CF_OK;
}

static cf_status slice_moments(Plan *plan, Node *node, int64_t index, int thread) {
    BlockNode *n = block_of(node);
    const size_t C = (size_t)n->norm.block.C, rows = (size_t)plan_valid(plan, index) * (size_t)pixels(n);
    double *partial = n->partial + (size_t)index * 2 * C;
    if (rows)
        plan_kernels(plan)->bn_moments(value_at(plan, node->x[0], index, thread), rows, (int)C, partial, partial + C);
    return CF_OK;
}

typedef struct MomentsJoin {
    size_t C;
    double pixels;
    int images; /* of the batch: those behind fill it up */
} MomentsJoin;

static double pixels_of(const MomentsJoin *m, int from, int to) {
    return (double)((to < m->images ? to : m->images) - from) * m->pixels;
}

/* Chan, Golub, LeVeque 1979. */
static void join_moments(void *context, double *to, const double *from, int first, int middle, int end) {
    const MomentsJoin *m = context;
    const size_t C = m->C;
    if (middle >= m->images) return;
    const double left = pixels_of(m, first, middle), right = pixels_of(m, middle, end), total = left + right;
    for (size_t c = 0; c < C; c++) {
        const double apart = from[c] - to[c];
        to[c] += apart * right / total;
        to[C + c] += from[C + c] + apart * apart * left * right / total;
    }
}

static cf_status close_moments(Plan *plan, Node *node, int64_t index, int thread) {
    BlockNode *n = block_of(node);
    const size_t C = (size_t)n->norm.block.C;
    MomentsJoin join = {C, pixels(n), plan->all_n};
    (void)index, (void)thread;
    FORWARD(plan_join_parts(plan, n->partial, 2 * C, join_moments, &join));
    for (size_t c = 0; c < C; c++) {
        n->norm.moments[c] = n->partial[c];
        n->norm.moments[C + c] = n->partial[C + c] / (plan->all_n * pixels(n));
    }
    batch_norm_close(&n->norm, plan->all_n * pixels(n));
    return CF_OK;
}

static cf_status block_forward(Plan *plan, Node *node, int64_t index, int thread) {
    const bool keeps = node->extra[0] && !plan->inferring;
    plan_kernels(plan)->block_forward(
        &block_of(node)->norm.block, plan->slice, value_at(plan, node->x[0], index, thread),
        node->x[1] ? value_at(plan, node->x[1], index, thread) : NULL,
        keeps ? buffer_at(plan, node->extra[0], index, thread) : NULL, value_at(plan, node->y, index, thread),
        keeps ? buffer_at(plan, node->extra[1], index, thread) : NULL);
    return CF_OK;
}

static cf_status forward(Planner *planner, Node *node) {
    FORWARD(planner_refresh(planner, use_running, node, 1));
    if (!planner_frozen(planner, node->number)) {
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, slice_moments, node, 0, USES_X));
        FORWARD(planner_step(planner, IN_TRAINING, STEP_ONCE, close_moments, node, 1, USES_NOTHING));
    }
    return planner_step(planner, IN_BOTH, STEP_SLICES, block_forward, node, 0, USES_FORWARD);
}

/* As the way back sees it: without an activation where that was done before. */
static Block back_block(const BlockNode *n) {
    Block block = n->norm.block;
    if (n->node.x[1]) block.act = (Activation){ACT_NONE, 0};
    return block;
}

/* The x behind each output: what the pool picked, or without a pool x itself. */
static void *picked(const Plan *plan, const Node *node, int64_t index, int thread) {
    return node->extra[0] ? buffer_at(plan, node->extra[0], index, thread) : value_at(plan, node->x[0], index, thread);
}

static cf_status slice_sums(Plan *plan, Node *node, int64_t index, int thread) {
    const BlockNode *n = block_of(node);
    const Block block = back_block(n);
    plan_kernels(plan)->block_sums(&block, plan_valid(plan, index), picked(plan, node, index, thread),
                                   buffer_at(plan, node->d, index, thread),
                                   n->partial + (size_t)index * 2 * (size_t)block.C);
    return CF_OK;
}

static cf_status close_sums(Plan *plan, Node *node, int64_t index, int thread) {
    BlockNode *n = block_of(node);
    const size_t sums = 2 * (size_t)n->norm.block.C;
    (void)index, (void)thread;
    FORWARD(plan_sum(plan, n->partial, sums));
    memcpy(n->norm.moments, n->partial, sums * sizeof *n->partial);
    batch_norm_close_backward(&n->norm, plan->all_n * pixels(n));
    return CF_OK;
}

static cf_status block_backward(Plan *plan, Node *node, int64_t index, int thread) {
    const BlockNode *n = block_of(node);
    const Block block = back_block(n);
    const int valid = plan_valid(plan, index);
    char *dx = dx_at(plan, node, index, thread);
    const size_t bytes = node->dx[0]->image_bytes;
    plan_kernels(plan)->block_backward(&block, valid, value_at(plan, node->x[0], index, thread),
                                       picked(plan, node, index, thread), buffer_at(plan, node->d, index, thread),
                                       node->extra[1] ? buffer_at(plan, node->extra[1], index, thread) : NULL, dx);
    /* Filling images have a zero gradient; the formula would give them one. */
    memset(dx + (size_t)valid * bytes, 0, (size_t)(plan->slice - valid) * bytes);
    return CF_OK;
}

static cf_status backward(Planner *planner, Node *node) {
    /* Behind an addition the gradient in front of the activation is that of both its sides; else the kernels see to it. */
    const Activation none = {ACT_NONE, 0};
    FORWARD(planner_behind_activation(planner, node, node->x[1] ? block_of(node)->norm.block.act : none));
    if (node->learns) {
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, slice_sums, node, 0, USES_X | USES_EXTRA));
        planner_uses(planner, node->d);
        FORWARD(planner_step(planner, IN_TRAINING, STEP_ONCE, close_sums, node, 1, USES_NOTHING));
    }
    if (node->dx[0]) {
        FORWARD(
            planner_step(planner, IN_TRAINING, STEP_SLICES, block_backward, node, 0, USES_X | USES_DX | USES_EXTRA));
        planner_uses(planner, node->d);
    }
    return planner_lend(planner, node, 1, node->d);
}

static cf_status lay(Planner *planner, int number) {
    static const NodeType type = {.name = "block", .forward = forward, .backward = backward, .lends = {false, true}};
    const BlockParts parts = block_parts(planner, number, true);
    Tensor *x = planner_input(planner, number, 0), *y,
           *other = parts.addition < 0 ? NULL : planner_input(planner, parts.addition, 1);
    BlockNode *n;
    block_take(planner, number, &parts);
    FORWARD(planner_output(planner, parts.last, &y));
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, other, true, y, &n));
    FORWARD(batch_norm_init(planner, number, &parts, &n->norm));
    if (!parts.pool) FORWARD(planner_in_place(planner, &n->node, false));
    if (!y->wants_gradient) return CF_OK;
    y->needed_by_maker = other && parts.act.kind != ACT_NONE;
    FORWARD(planner_keep(planner, &n->partial, plan_rows(planner->plan) * 2 * (size_t)x->shape.C, sizeof(double)));
    if (!parts.pool || parts.pool->R * parts.pool->S == 1) return CF_OK;
    FORWARD(planner_extra(planner, &n->node, 0, LIST_TRAINING, y->size * y->element));
    return planner_extra(planner, &n->node, 1, LIST_TRAINING, y->size);
}

const LayerType bn_type = {"bn", "BatchNormalization", read_norm, norm_shape, describe, lay};
