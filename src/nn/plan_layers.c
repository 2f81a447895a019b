/* What each kind of node does to a slice, forward and backward, and how its sums over the batch are closed. */
#include "nn/plan_inside.h"

#include "base/numbers.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { SUM_PIECE = 4096 };             /* values of a sum that are one piece of work */
static const double bn_momentum = 0.1; /* PyTorch's default */

int plan_valid(const Plan *plan, int64_t index) {
    int64_t left = plan->n - index * plan->slice;
    return left <= 0 ? 0 : left < plan->slice ? (int)left : plan->slice;
}

static const Kernels *kernels(const Plan *plan) {
    return plan->options.engine->kernels;
}

static void *x_of(const Plan *plan, const Node *node, int64_t index, int thread) {
    return slice_of(plan, &node->x, index, thread);
}

static void *y_of(const Plan *plan, const Node *node, int64_t index, int thread) {
    return slice_of(plan, &node->y, index, thread);
}

static void *dx_of(const Plan *plan, const Node *node, int64_t index, int thread) {
    return slice_of(plan, &node->dx, index, thread);
}

static void *dy_of(const Plan *plan, const Node *node, int64_t index, int thread) {
    return slice_of(plan, &node->dy, index, thread);
}

/* ---- Input and loss ---- */

cf_status step_prepare(Plan *plan, Node *node, int64_t index, int thread) {
    int valid = plan_valid(plan, index);
    size_t size = plan->input.size, bytes = size * plan->input.element;
    char *x = slice_of(plan, &plan->input, index, thread);
    (void)node;
    for (int i = 0; i < valid; i++) {
        uint32_t image = plan->images[index * plan->slice + i];
        const int label = feed_label(plan->feed, image);
        /* The model may know more classes than a plan of its first layers has outputs. */
        plan->labels[index * plan->slice + i] = label < plan->classes ? label : -1;
        if (plan->input.element == sizeof(float)) {
            feed_image(plan->feed, thread, image, (float *)(void *)(x + (size_t)i * bytes));
            continue;
        }
        float *whole = plan->image + (size_t)thread * size;
        feed_image(plan->feed, thread, image, whole);
        kernels(plan)->from_float(whole, size, x + (size_t)i * bytes);
    }
    memset(x + (size_t)valid * bytes, 0, (size_t)(plan->slice - valid) * bytes);
    return CF_OK;
}

/* Softmax and cross-entropy of one image, in double; returns the loss, 0 for an unknown label. */
static double softmax(const float *logits, int classes, int label, float *probabilities) {
    double largest = (double)logits[0], sum = 0;
    for (int k = 1; k < classes; k++)
        if ((double)logits[k] > largest) largest = (double)logits[k];
    for (int k = 0; k < classes; k++) {
        double e = exp((double)logits[k] - largest);
        probabilities[k] = (float)e;
        sum += e;
    }
    for (int k = 0; k < classes; k++) probabilities[k] = (float)((double)probabilities[k] / sum);
    return label < 0 ? 0 : log(sum) + largest - (double)logits[label];
}

/* The gradient of the mean loss by the logits of one image: (p - 1 at the label) / n, n the images that have a loss; 0 for
 * one without: a filling image, or one whose label the network does not know. */
static void loss_gradient(const Plan *plan, const Node *node, size_t row, bool valid) {
    size_t classes = (size_t)plan->classes;
    float d[MAX_CLASSES] = {0};
    for (size_t k = 0; valid && plan->labels[row] >= 0 && k < classes; k++) {
        double p = (double)plan->probabilities[row * classes + k];
        d[k] = (float)((p - ((int)k == plan->labels[row] ? 1.0 : 0.0)) / plan->labelled);
    }
    kernels(plan)->from_float(d, classes, (char *)node->dy.base + row * classes * node->dy.element);
}

cf_status step_loss(Plan *plan, Node *node, int64_t index, int thread) {
    int classes = plan->classes, valid = plan_valid(plan, index);
    double loss = 0;
    int64_t correct = 0;
    (void)thread;
    for (int i = 0; i < plan->slice; i++) {
        size_t row = (size_t)(index * plan->slice + i), first = row * (size_t)classes;
        float *p = plan->probabilities + first;
        if (i < valid) {
            int label = plan->labels[row];
            loss += softmax(plan->logits + first, classes, label, p);
            correct += first_largest(p, classes) == label;
        }
        if (!plan->inferring) loss_gradient(plan, node, row, i < valid);
    }
    plan->losses[index] = loss;
    plan->correct[index] = correct;
    return CF_OK;
}

/* The logits as floats, where the last node is not a dense layer that gives them so. */
static cf_status step_logits(Plan *plan, Node *node, int64_t index, int thread) {
    size_t classes = (size_t)plan->classes;
    kernels(plan)->to_float(y_of(plan, node, index, thread), (size_t)plan->slice * classes,
                            plan->logits + (size_t)index * (size_t)plan->slice * classes);
    return CF_OK;
}

/* ---- Convolution ---- */

static cf_status conv_refresh(Plan *plan, Node *node, int64_t index, int thread) {
    (void)index, (void)thread;
    if (!node->stem) return plan->options.engine->conv_pack(node->conv, node->weight);
    plan->options.engine->stem->pack(node->stem, node->weight);
    return CF_OK;
}

/* Where the output of a slice goes: to the thread's own place when nothing but the next node needs it. */
static void *conv_output(const Plan *plan, const Node *node, int64_t index, int thread) {
    if (!node->own || !plan->inferring) return y_of(plan, node, index, thread);
    Values own = {node->own, node->y.size, node->y.element, true};
    return slice_of(plan, &own, index, thread);
}

static cf_status conv_forward(Plan *plan, Node *node, int64_t index, int thread) {
    void *y = conv_output(plan, node, index, thread);
    FORWARD(plan->options.engine->conv_forward(node->conv, thread, x_of(plan, node, index, thread), y));
    if (node->bias) kernels(plan)->add_bias(y, (size_t)plan->slice * node->rows, node->window.K, node->bias);
    return CF_OK;
}

static cf_status conv_backward(Plan *plan, Node *node, int64_t index, int thread) {
    const Engine *engine = plan->options.engine;
    const void *x = x_of(plan, node, index, thread), *dy = dy_of(plan, node, index, thread);
    FORWARD(engine->conv_backward_weights(node->conv, thread, x, dy, node->slots + (size_t)index * node->slot_size));
    if (node->bias)
        kernels(plan)->channel_sums(dy, (size_t)plan->slice * node->rows, node->window.K,
                                    node->partial + (size_t)index * 2 * (size_t)node->window.K);
    if (!node->wants_dx) return CF_OK;
    return engine->conv_backward_data(node->conv, thread, dy, dx_of(plan, node, index, thread));
}

static cf_status conv_sum(Plan *plan, Node *node, int64_t index, int thread) {
    size_t from = (size_t)index * SUM_PIECE, to = from + SUM_PIECE;
    (void)thread;
    kernels(plan)->sum_slots(node->slots, node->slot_size, plan->slices, from,
                             to < node->slot_size ? to : node->slot_size, node->slot_sum);
    return CF_OK;
}

static cf_status conv_finish(Plan *plan, Node *node, int64_t index, int thread) {
    (void)index, (void)thread;
    size_t K = (size_t)node->window.K;
    for (size_t k = 0; node->bias && k < K; k++) {
        double sum = 0;
        for (int s = 0; s < plan->slices; s++) sum += node->partial[(size_t)s * 2 * K + k];
        node->dbias[k] = (float)sum;
    }
    return plan->options.engine->conv_unpack(node->conv, node->slot_sum, node->dweight);
}

/* ---- Dense ---- */

/* Pieces, or slices where the layer goes slice by slice: arrays are then the slice's. */
static bool by_slice(const Node *node) {
    return dense_by_slice(node->layer->out.C);
}

static cf_status dense_pack(Plan *plan, Node *node, int64_t piece, int thread) {
    (void)thread;
    plan->options.engine->dense_pack(node->dense, (int)piece, node->weight);
    return CF_OK;
}

/* SLICE images' part of a dense layer's values, whatever a slice of the plan is. */
static void *rows_of(const Values *values, int64_t index) {
    return (char *)values->base + (size_t)index * SLICE * values->size * values->element;
}

static cf_status dense_forward(Plan *plan, Node *node, int64_t index, int thread) {
    const int64_t rows = by_slice(node) ? index : 0;
    plan->options.engine->dense_forward(node->dense, thread, (int)(index - rows), rows_of(&node->x, rows), node->bias,
                                        rows_of(&node->y, rows));
    return CF_OK;
}

static cf_status dense_backward_data(Plan *plan, Node *node, int64_t index, int thread) {
    const int64_t rows = by_slice(node) ? index : 0;
    plan->options.engine->dense_backward_data(node->dense, thread, (int)(index - rows), rows_of(&node->dy, rows),
                                              node->weight, rows_of(&node->dx, rows));
    return CF_OK;
}

static cf_status dense_backward_weights(Plan *plan, Node *node, int64_t piece, int thread) {
    plan->options.engine->dense_backward_weights(node->dense, thread, (int)piece, node->x.base, node->dy.base,
                                                 node->dweight);
    return CF_OK;
}

static cf_status dense_bias(Plan *plan, Node *node, int64_t index, int thread) {
    (void)index, (void)thread;
    kernels(plan)->channel_sums(node->dy.base, (size_t)plan->batch, node->layer->out.C, node->partial);
    for (int k = 0; k < node->layer->out.C; k++) node->dbias[k] = (float)node->partial[k];
    return CF_OK;
}

/* The gradient behind the layer's activation, in place of the one in front of it. */
static cf_status activation_backward(Plan *plan, Node *node, int64_t index, int thread) {
    void *dy = dy_of(plan, node, index, thread);
    kernels(plan)->act_backward(node_activation(node), y_of(plan, node, index, thread), dy,
                                (size_t)plan->slice * node->y.size, dy);
    return CF_OK;
}

/* ---- Block: batch norm, activation, max pool ---- */

static void *block_input(const Plan *plan, const Node *node, int64_t index, int thread) {
    const Node *before = node->number ? node - 1 : NULL;
    return before && before->kind == NODE_CONV ? conv_output(plan, before, index, thread)
                                               : x_of(plan, node, index, thread);
}

/* The x behind each output: what the pool picked, or without a pool x itself. */
static void *block_picked(const Plan *plan, const Node *node, int64_t index, int thread) {
    Values picked = {node->picked, node->y.size, node->y.element, false};
    return node->picked ? slice_of(plan, &picked, index, thread) : block_input(plan, node, index, thread);
}

static uint8_t *block_place(const Plan *plan, const Node *node, int64_t index) {
    return node->place_small ? node->place_small + (size_t)index * (size_t)plan->slice * node->y.size : NULL;
}

static cf_status bn_moments(Plan *plan, Node *node, int64_t index, int thread) {
    size_t C = (size_t)node->layer->in.C, pixels = (size_t)node->layer->in.H * (size_t)node->layer->in.W;
    size_t rows = (size_t)plan_valid(plan, index) * pixels;
    double *partial = node->partial + (size_t)index * 2 * C;
    if (rows) kernels(plan)->bn_moments(block_input(plan, node, index, thread), rows, (int)C, partial, partial + C);
    return CF_OK;
}

static double pixels_of(const Node *node) {
    return (double)node->layer->in.H * (double)node->layer->in.W;
}

/* Slices' moments joined in order (Chan, Golub, LeVeque 1979). */
static void join_moments(const Plan *plan, const Node *node, double *means, double *variances) {
    size_t C = (size_t)node->block.C;
    for (size_t c = 0; c < C; c++) {
        double count = 0, mean = 0, squares = 0;
        for (int s = 0; s < plan->slices; s++) {
            double rows = (double)plan_valid(plan, s) * pixels_of(node);
            const double *partial = node->partial + (size_t)s * 2 * C;
            if (rows == 0) break;
            double step = partial[c] - mean, total = count + rows;
            mean += step * rows / total;
            squares += partial[C + c] + step * step * count * rows / total;
            count = total;
        }
        means[c] = mean;
        variances[c] = squares / count;
    }
}

/* The bias of a stem's convolution, which its outputs lack: it only moves their mean. */
static double stem_bias(const Node *node, size_t c) {
    return node->stem && node[-1].bias ? (double)node[-1].bias[c] : 0;
}

/* This batch's coefficients and the running statistics. */
static cf_status bn_close(Plan *plan, Node *node, int64_t index, int thread) {
    size_t C = (size_t)node->block.C;
    double *mean = node->moments, *variance = mean + C, *inverse = mean + 2 * C, rows = plan->n * pixels_of(node);
    (void)index, (void)thread;
    if (node->stem)
        plan->options.engine->stem->moments(node->stem, node->partial, plan->slices, rows, mean, variance);
    else
        join_moments(plan, node, mean, variance);
    for (size_t c = 0; c < C; c++) {
        double unbiased = rows > 1 ? variance[c] * rows / (rows - 1) : variance[c];
        inverse[c] = 1 / sqrt(variance[c] + BN_EPSILON);
        node->mean[c] = (float)mean[c];
        node->scale[c] = (float)((double)node->weight[c] * inverse[c]);
        node->running_mean[c] =
            (float)((1 - bn_momentum) * (double)node->running_mean[c] + bn_momentum * (mean[c] + stem_bias(node, c)));
        node->running_var[c] = (float)((1 - bn_momentum) * (double)node->running_var[c] + bn_momentum * unbiased);
    }
    return CF_OK;
}

static cf_status bn_use_running(Plan *plan, Node *node, int64_t index, int thread) {
    (void)plan, (void)index, (void)thread;
    for (size_t c = 0; c < (size_t)node->block.C; c++) {
        node->mean[c] = (float)((double)node->running_mean[c] - stem_bias(node, c));
        node->scale[c] = (float)((double)node->weight[c] / sqrt((double)node->running_var[c] + BN_EPSILON));
    }
    return CF_OK;
}

static cf_status block_forward(Plan *plan, Node *node, int64_t index, int thread) {
    void *picked = node->picked && !plan->inferring ? block_picked(plan, node, index, thread) : NULL;
    kernels(plan)->block_forward(&node->block, plan->slice, block_input(plan, node, index, thread), NULL, picked,
                                 y_of(plan, node, index, thread), picked ? block_place(plan, node, index) : NULL);
    return CF_OK;
}

static cf_status block_sums(Plan *plan, Node *node, int64_t index, int thread) {
    kernels(plan)->block_sums(&node->block, plan_valid(plan, index), block_picked(plan, node, index, thread),
                              dy_of(plan, node, index, thread),
                              node->partial + (size_t)index * 2 * (size_t)node->block.C);
    return CF_OK;
}

static void join_sums(const Plan *plan, const Node *node, double *plain, double *product) {
    size_t C = (size_t)node->block.C;
    for (size_t c = 0; c < C; c++) {
        plain[c] = product[c] = 0;
        for (int s = 0; s < plan->slices; s++) {
            plain[c] += node->partial[(size_t)s * 2 * C + c];
            product[c] += node->partial[(size_t)s * 2 * C + C + c];
        }
    }
}

/* dx = scale * (d - mean(d) - xhat * mean(d * xhat)), xhat = (x - mean) * inverse deviation, d behind the activation. Of the
 * moments only the deviation is needed any longer. */
static cf_status bn_close_backward(Plan *plan, Node *node, int64_t index, int thread) {
    size_t C = (size_t)node->block.C;
    double *plain = node->moments, *product = plain + C, *inverse = plain + 2 * C, rows = plan->n * pixels_of(node);
    (void)index, (void)thread;
    if (node->stem)
        plan->options.engine->stem->gradient_sums(node->stem, node->partial, plan->slices, plain, product);
    else
        join_sums(plan, node, plain, product);
    for (size_t c = 0; c < C; c++) {
        double scale = (double)node->weight[c] * inverse[c], along = product[c] * inverse[c];
        node->dbias[c] = (float)plain[c];
        node->dweight[c] = (float)along;
        node->a[c] = (float)scale;
        node->b[c] = (float)(-scale * inverse[c] * along / rows);
        node->c[c] = (float)(-scale * plain[c] / rows);
    }
    if (!node->stem) return CF_OK;
    plan->options.engine->stem->gradient(node->stem, &node->block, node[-1].dweight);
    if (node[-1].bias) memset(node[-1].dbias, 0, C * sizeof *node[-1].dbias);
    return CF_OK;
}

/* ---- Stem: a convolution and its block ---- */

static cf_status stem_patches(Plan *plan, Node *node, int64_t index, int thread) {
    const StemEngine *engine = plan->options.engine->stem;
    engine->patches(node->stem, thread, plan_valid(plan, index), x_of(plan, node - 1, index, thread),
                    node->partial + (size_t)index * engine->sums_size(node->stem));
    return CF_OK;
}

static cf_status stem_forward(Plan *plan, Node *node, int64_t index, int thread) {
    plan->options.engine->stem->forward(node->stem, thread, &node->block, x_of(plan, node - 1, index, thread),
                                        y_of(plan, node, index, thread),
                                        plan->inferring ? NULL : block_place(plan, node, index));
    return CF_OK;
}

static cf_status stem_backward(Plan *plan, Node *node, int64_t index, int thread) {
    const StemEngine *engine = plan->options.engine->stem;
    engine->backward(node->stem, thread, &node->block, plan_valid(plan, index), x_of(plan, node - 1, index, thread),
                     y_of(plan, node, index, thread), dy_of(plan, node, index, thread), block_place(plan, node, index),
                     node->partial + (size_t)index * engine->sums_size(node->stem));
    return CF_OK;
}

static cf_status block_backward(Plan *plan, Node *node, int64_t index, int thread) {
    int valid = plan_valid(plan, index);
    char *dx = dx_of(plan, node, index, thread);
    size_t bytes = node->x.size * node->dx.element;
    kernels(plan)->block_backward(&node->block, valid, block_input(plan, node, index, thread),
                                  block_picked(plan, node, index, thread), dy_of(plan, node, index, thread),
                                  block_place(plan, node, index), dx);
    /* Filling images have a zero gradient; the formula would give them one. */
    memset(dx + (size_t)valid * bytes, 0, (size_t)(plan->slice - valid) * bytes);
    return CF_OK;
}

/* ---- Activations, pools, dropout ---- */

static cf_status relu_forward(Plan *plan, Node *node, int64_t index, int thread) {
    kernels(plan)->act_forward(node_activation(node), x_of(plan, node, index, thread),
                               (size_t)plan->slice * node->x.size, y_of(plan, node, index, thread));
    return CF_OK;
}

static cf_status maxpool_forward(Plan *plan, Node *node, int64_t index, int thread) {
    kernels(plan)->maxpool_forward(&node->window, x_of(plan, node, index, thread), y_of(plan, node, index, thread),
                                   node->place + (size_t)index * (size_t)plan->slice * node->y.size);
    return CF_OK;
}

static cf_status maxpool_backward(Plan *plan, Node *node, int64_t index, int thread) {
    kernels(plan)->maxpool_backward(&node->window, dy_of(plan, node, index, thread),
                                    node->place + (size_t)index * (size_t)plan->slice * node->y.size,
                                    dx_of(plan, node, index, thread));
    return CF_OK;
}

static cf_status avgpool_forward(Plan *plan, Node *node, int64_t index, int thread) {
    kernels(plan)->avgpool_forward(&node->window, x_of(plan, node, index, thread), y_of(plan, node, index, thread));
    return CF_OK;
}

static cf_status avgpool_backward(Plan *plan, Node *node, int64_t index, int thread) {
    kernels(plan)->avgpool_backward(&node->window, dy_of(plan, node, index, thread), dx_of(plan, node, index, thread));
    return CF_OK;
}

/* Values are kept with probability 1 - rate and scaled up, so that nothing is to be done when not training. The choice is
 * a function of (seed, step, layer, image in the batch, value) and is drawn again on the way back. */
static void drop(const Plan *plan, const Node *node, int64_t index, void *values) {
    enum { AT_ONCE = 64 };
    size_t size = (size_t)plan->slice * node->x.size, first = (size_t)index * size, element = node->x.element;
    RngStream stream = rng_stream(plan->options.seed, RNG_DROPOUT, (uint64_t)plan->number, (uint32_t)node->number);
    float rate = node->layer->rate, scale = 1 / (1 - rate), part[AT_ONCE];
    for (size_t i = 0; i < size; i += AT_ONCE) {
        size_t count = size - i < AT_ONCE ? size - i : AT_ONCE;
        char *at = (char *)values + i * element;
        kernels(plan)->to_float(at, count, part);
        uint32_t words[4];
        for (size_t k = 0; k < count; k++) {
            const size_t number = first + i + k;
            if (k == 0 || number % 4 == 0) rng_block(&stream, number / 4, words);
            part[k] *= (float)(words[number % 4] >> 8) * 0x1p-24f < rate ? 0.0f : scale;
        }
        kernels(plan)->from_float(part, count, at);
    }
}

static cf_status dropout_forward(Plan *plan, Node *node, int64_t index, int thread) {
    drop(plan, node, index, y_of(plan, node, index, thread));
    return CF_OK;
}

static cf_status dropout_backward(Plan *plan, Node *node, int64_t index, int thread) {
    drop(plan, node, index, dx_of(plan, node, index, thread));
    return CF_OK;
}

/* ---- Lists ---- */

/* Work that needs nothing of the steps before it in the list, and runs together with them. */
static cf_status add_joined(StepList *list, StepFn work, Node *node, int64_t count) {
    FORWARD(plan_add(list, STEP_PIECES, work, node, count));
    list->steps[list->count - 1].joins_last = true;
    return CF_OK;
}

static cf_status add_both(Plan *plan, StepKind kind, StepFn work, Node *node, int64_t count) {
    FORWARD(plan_add(&plan->training, kind, work, node, count));
    return plan_add(&plan->inference, kind, work, node, count);
}

/* Where a dense layer goes row by row, SLICE of them are a piece also where a slice has fewer: a product reads all weights. */
static int64_t dense_pieces(const Plan *plan, const Node *node, DensePass pass) {
    bool by_rows = by_slice(node) && (pass == DENSE_FORWARD || pass == DENSE_BACKWARD_DATA);
    return by_rows ? plan->batch / SLICE : plan->options.engine->dense_pieces(node->dense, pass);
}

static StepKind dense_kind(const Plan *plan, const Node *node) {
    return by_slice(node) && plan->slice == SLICE ? STEP_SLICES : STEP_PIECES;
}

static cf_status add_block_forward(Plan *plan, Node *node) {
    FORWARD(add_joined(&plan->refresh, bn_use_running, node, 1));
    FORWARD(plan_add(&plan->training, STEP_SLICES, node->stem ? stem_patches : bn_moments, node, 0));
    FORWARD(plan_add(&plan->training, STEP_ONCE, bn_close, node, 1));
    return add_both(plan, STEP_SLICES, node->stem ? stem_forward : block_forward, node, 0);
}

cf_status add_forward_steps(Plan *plan, Node *node) {
    switch (node->kind) {
    case NODE_CONV:
        FORWARD(add_joined(&plan->refresh, conv_refresh, node, 1));
        return node->stem ? CF_OK : add_both(plan, STEP_SLICES, conv_forward, node, 0);
    case NODE_DENSE:
        FORWARD(add_joined(&plan->refresh, dense_pack, node, dense_pieces(plan, node, DENSE_PACK)));
        return add_both(plan, dense_kind(plan, node), dense_forward, node, dense_pieces(plan, node, DENSE_FORWARD));
    case NODE_BLOCK:
        return add_block_forward(plan, node);
    case NODE_RELU:
        return add_both(plan, STEP_SLICES, relu_forward, node, 0);
    case NODE_MAXPOOL:
        return add_both(plan, STEP_SLICES, maxpool_forward, node, 0);
    case NODE_AVGPOOL:
        return add_both(plan, STEP_SLICES, avgpool_forward, node, 0);
    case NODE_DROPOUT:
        return plan_add(&plan->training, STEP_SLICES, dropout_forward, node, 0);
    }
    return FAIL(CF_INTERNAL, "a node without forward steps");
}

cf_status add_loss_steps(Plan *plan, Node *last) {
    if (plan->logits != last->y.base) FORWARD(add_both(plan, STEP_SLICES, step_logits, last, 0));
    return add_both(plan, STEP_SLICES, step_loss, last, 0);
}

static cf_status add_block_backward(Plan *plan, Node *node) {
    StepList *list = &plan->training;
    FORWARD(plan_add(list, STEP_SLICES, node->stem ? stem_backward : block_sums, node, 0));
    FORWARD(plan_add(list, STEP_ONCE, bn_close_backward, node, 1));
    if (!node->wants_dx || node->stem) return CF_OK;
    return plan_add(list, STEP_SLICES, block_backward, node, 0);
}

cf_status add_backward_steps(Plan *plan, Node *node) {
    StepList *list = &plan->training;
    if (!node->dweight && !node->wants_dx) return CF_OK; /* nothing before it or in it learns */
    switch (node->kind) {
    case NODE_CONV:
        if (node->stem) return CF_OK;
        FORWARD(plan_add(list, STEP_SLICES, conv_backward, node, 0));
        return add_joined(&plan->closing, conv_sum, node, ((int64_t)node->slot_size + SUM_PIECE - 1) / SUM_PIECE);
    case NODE_DENSE:
        if (node->slope < 1) FORWARD(plan_add(list, STEP_SLICES, activation_backward, node, 0));
        if (node->bias) FORWARD(add_joined(&plan->closing, dense_bias, node, 1));
        FORWARD(
            add_joined(&plan->closing, dense_backward_weights, node, dense_pieces(plan, node, DENSE_BACKWARD_WEIGHTS)));
        if (!node->wants_dx) return CF_OK;
        return plan_add(list, dense_kind(plan, node), dense_backward_data, node,
                        dense_pieces(plan, node, DENSE_BACKWARD_DATA));
    case NODE_BLOCK:
        return add_block_backward(plan, node);
    case NODE_RELU:
        return plan_add(list, STEP_SLICES, activation_backward, node, 0);
    case NODE_MAXPOOL:
        return plan_add(list, STEP_SLICES, maxpool_backward, node, 0);
    case NODE_AVGPOOL:
        return plan_add(list, STEP_SLICES, avgpool_backward, node, 0);
    case NODE_DROPOUT:
        return plan_add(list, STEP_SLICES, dropout_backward, node, 0);
    }
    return FAIL(CF_INTERNAL, "a node without backward steps");
}

/* Weight gradients need nothing but what stays: they wait until the way back is done, and then run together. So do the
 * convolutions' last touches, when all sums are there. */
cf_status add_closing_steps(Plan *plan) {
    StepList *list = &plan->training;
    for (int i = 0; i < plan->closing.count; i++) {
        const Step *step = &plan->closing.steps[i];
        FORWARD(add_joined(list, step->work, step->node, step->count));
    }
    int sums_end = list->count;
    for (int i = 0; i < plan->node_count; i++)
        if (plan->nodes[i].kind == NODE_CONV && !plan->nodes[i].stem)
            FORWARD(add_joined(list, conv_finish, &plan->nodes[i], 1));
    if (list->count > sums_end) list->steps[sums_end].joins_last = false;
    return CF_OK;
}
