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

static void describe_norm(const Layer *layer, FILE *out) {
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
                                  .act = parts->act},
                        .epsilon = layer->epsilon,
                        .momentum = layer->momentum,
                        .weight = planner_weights(planner, number, "weight"),
                        .bias = planner_weights(planner, number, "bias"),
                        .running_mean = planner_weights(planner, number, "running_mean").values,
                        .running_var = planner_weights(planner, number, "running_var").values};
    norm->block.shift = norm->bias.values;
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
        norm->scale[c] = batch_norm_scale(norm->weight.values[c], norm->running_var[c], norm->epsilon);
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
        norm->scale[c] = (float)((double)norm->weight.values[c] * inverse[c]);
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
        const double scale = (double)norm->weight.values[c] * inverse[c], along = product[c] * inverse[c];
        norm->bias.gradient[c] = (float)plain[c];
        norm->weight.gradient[c] = (float)along;
        norm->a[c] = (float)scale;
        norm->b[c] = (float)(-scale * inverse[c] * along / count);
        norm->c[c] = (float)(-scale * plain[c] / count);
    }
}

/* ---- The node ---- */

typedef struct BlockNode {
    Node node; /* x[1]: the addition's other input */
    BatchNorm norm;
    double *partial; /* [plan_rows][2 C]: moments, then sums */
} BlockNode;

static BlockNode *block_of(const Node *node) {
    return (BlockNode *)node;
}

static double pixels_of(const BlockNode *n) {
    return (double)n->norm.block.H * (double)n->norm.block.W;
}

static cf_status use_running(const Work *w) {
    batch_norm_use_running(&block_of(w->node)->norm);
    return CF_OK;
}

static cf_status slice_moments(const Work *w) {
    BlockNode *n = block_of(w->node);
    const size_t C = (size_t)n->norm.block.C, rows = (size_t)work_valid(w) * (size_t)pixels_of(n);
    double *partial = n->partial + (size_t)w->index * 2 * C;
    if (rows) work_kernels(w)->bn_moments(work_x(w, 0), rows, (int)C, partial, partial + C);
    return CF_OK;
}

typedef struct MomentsJoin {
    size_t C;
    double pixels;
    int images; /* of the batch: those behind fill it up */
} MomentsJoin;

static double pixels_between(const MomentsJoin *m, int from, int to) {
    return (double)((to < m->images ? to : m->images) - from) * m->pixels;
}

/* Chan, Golub, LeVeque 1979. */
static void join_moments(void *context, double *to, const double *from, int first, int middle, int end) {
    const MomentsJoin *m = context;
    const size_t C = m->C;
    if (middle >= m->images) return;
    const double left = pixels_between(m, first, middle), right = pixels_between(m, middle, end), total = left + right;
    for (size_t c = 0; c < C; c++) {
        const double apart = from[c] - to[c];
        to[c] += apart * right / total;
        to[C + c] += from[C + c] + apart * apart * left * right / total;
    }
}

static cf_status close_moments(const Work *w) {
    BlockNode *n = block_of(w->node);
    const size_t C = (size_t)n->norm.block.C;
    const int images = w->plan->all_n;
    MomentsJoin join = {C, pixels_of(n), images};
    FORWARD(plan_join_parts(w->plan, n->partial, 2 * C, join_moments, &join));
    for (size_t c = 0; c < C; c++) {
        n->norm.moments[c] = n->partial[c];
        n->norm.moments[C + c] = n->partial[C + c] / (images * pixels_of(n));
    }
    batch_norm_close(&n->norm, images * pixels_of(n));
    return CF_OK;
}

static cf_status block_forward(const Work *w) {
    work_kernels(w)->block_forward(&block_of(w->node)->norm.block, w->plan->slice, work_x(w, 0), work_x(w, 1),
                                   work_extra(w, 0), work_y(w), work_extra(w, 1));
    return CF_OK;
}

/* As the way back sees it: without an activation where that was done before. */
static Block back_block(const BlockNode *n) {
    Block block = n->norm.block;
    if (n->node.x[1]) block.act = (Activation){ACT_NONE, 0};
    return block;
}

/* The x behind each output: what the pool picked, or without a pool x itself. */
static void *picked_values(const Work *w) {
    return w->node->extra[0] ? work_extra(w, 0) : work_x(w, 0);
}

static cf_status slice_sums(const Work *w) {
    const BlockNode *n = block_of(w->node);
    const Block block = back_block(n);
    double *sums = n->partial + (size_t)w->index * 2 * (size_t)block.C;
    work_kernels(w)->block_sums(&block, work_valid(w), picked_values(w), work_d(w), sums);
    return CF_OK;
}

static cf_status close_sums(const Work *w) {
    BlockNode *n = block_of(w->node);
    const size_t sums = 2 * (size_t)n->norm.block.C;
    FORWARD(plan_sum(w->plan, n->partial, sums));
    memcpy(n->norm.moments, n->partial, sums * sizeof *n->partial);
    batch_norm_close_backward(&n->norm, w->plan->all_n * pixels_of(n));
    return CF_OK;
}

static cf_status block_backward(const Work *w) {
    const Block block = back_block(block_of(w->node));
    const int valid = work_valid(w);
    char *dx = work_dx(w, 0);
    const size_t bytes = w->node->dx[0]->image_bytes;
    work_kernels(w)->block_backward(&block, valid, work_x(w, 0), picked_values(w), work_d(w), work_extra(w, 1), dx);
    /* Filling images have a zero gradient; the formula would give them one. */
    memset(dx + (size_t)valid * bytes, 0, (size_t)(w->plan->slice - valid) * bytes);
    return CF_OK;
}

static cf_status add_backward(Planner *planner, Node *node) {
    FORWARD(planner_behind_activation(planner, node));
    if (node->learns) {
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, slice_sums, node, 0, USES_X | USES_EXTRA | USES_D));
        FORWARD(planner_step(planner, IN_TRAINING, STEP_ONCE, close_sums, node, 1, USES_NOTHING));
    }
    if (node->dx[0])
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, block_backward, node, 0,
                             USES_X | USES_DX | USES_EXTRA | USES_D));
    return planner_lend(planner, node, 1, node->d);
}

static cf_status lay_block(Planner *planner, int number) {
    static const NodeType type = {.name = "block",
                                  .refresh = use_running,
                                  .statistics = {slice_moments, close_moments},
                                  .forward = {block_forward, USES_FORWARD},
                                  .add_backward = add_backward,
                                  .lends = {false, true}};
    const BlockParts parts = block_parts(planner, number, true);
    Tensor *x = planner_input(planner, number, 0), *y,
           *other = parts.addition < 0 ? NULL : planner_input(planner, parts.addition, 1);
    BlockNode *n;
    block_take(planner, number, &parts);
    FORWARD(planner_output(planner, parts.last, &y));
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, other, true, y, &n));
    FORWARD(batch_norm_init(planner, number, &parts, &n->norm));
    /* Behind an addition the gradient in front of the activation is that of both its sides; else the kernels see to it. */
    if (other) n->node.act = parts.act;
    if (!parts.pool) FORWARD(planner_in_place(planner, &n->node, false));
    if (!y->wants_gradient) return CF_OK;
    y->needed_by_maker = other && parts.act.kind != ACT_NONE;
    FORWARD(planner_keep(planner, &n->partial, plan_rows(planner->plan) * 2 * (size_t)x->shape.C, sizeof(double)));
    if (!parts.pool || parts.pool->R * parts.pool->S == 1) return CF_OK;
    FORWARD(planner_extra(planner, &n->node, 0, LIST_TRAINING, y->size * y->element));
    return planner_extra(planner, &n->node, 1, LIST_TRAINING, y->size);
}

const LayerType bn_type = {"bn", "BatchNormalization", read_norm, norm_shape, describe_norm, lay_block};
