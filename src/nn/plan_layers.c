/* What each kind of layer does to a slice, forward and backward, and how its sums over the batch are closed. */
#include "nn/plan_inside.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { SUM_PIECE = 4096 };                       /* floats of a slot sum that are one piece of work */
static const double bn_momentum = 0.1, bn_epsilon = 1e-5; /* PyTorch's defaults */

int plan_valid(const Plan *plan, int64_t index) {
    int64_t left = plan->n - index * SLICE;
    return left <= 0 ? 0 : left < SLICE ? (int)left : SLICE;
}

static const Kernels *kernels(const Plan *plan) {
    return plan->options.engine->kernels;
}

/* Where slice `index` begins in an array of `size` values per image. */
static size_t at(int64_t index, size_t size) {
    return (size_t)index * SLICE * size;
}

/* ---- Input and loss ---- */

cf_status step_prepare(Plan *plan, Node *node, int64_t index, int thread) {
    int valid = plan_valid(plan, index);
    size_t size = node->x_size;
    float *x = plan->input + at(index, size);
    for (int i = 0; i < valid; i++) {
        uint32_t image = plan->images[index * SLICE + i];
        feed_image(plan->feed, thread, image, x + (size_t)i * size);
        plan->labels[index * SLICE + i] = feed_label(plan->feed, image);
    }
    memset(x + (size_t)valid * size, 0, (size_t)(SLICE - valid) * size * sizeof *x);
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

static int first_largest(const float *values, int count) {
    int best = 0;
    for (int k = 1; k < count; k++)
        if (values[k] > values[best]) best = k;
    return best;
}

cf_status step_loss(Plan *plan, Node *node, int64_t index, int thread) {
    int classes = plan->classes, valid = plan_valid(plan, index);
    double loss = 0;
    int64_t correct = 0;
    (void)thread;
    for (int i = 0; i < SLICE; i++) {
        size_t row = (size_t)(index * SLICE + i), first = row * (size_t)classes;
        float *p = plan->probabilities + first, *d = node->dy ? node->dy + first : NULL;
        if (i >= valid) {
            if (d) memset(d, 0, (size_t)classes * sizeof *d);
            continue;
        }
        int label = plan->labels[row];
        loss += softmax(node->y + first, classes, label, p);
        correct += first_largest(p, classes) == label;
        for (int k = 0; d && k < classes; k++)
            d[k] = (float)(((double)p[k] - (k == label ? 1.0 : 0.0)) / plan->n);
    }
    plan->losses[index] = loss;
    plan->correct[index] = correct;
    return CF_OK;
}

/* ---- Convolution ---- */

static cf_status conv_refresh(Plan *plan, Node *node, int64_t index, int thread) {
    (void)index, (void)thread;
    return plan->options.engine->conv_pack(node->conv, node->weight);
}

static cf_status conv_forward(Plan *plan, Node *node, int64_t index, int thread) {
    float *y = node->y + at(index, node->y_size);
    FORWARD(plan->options.engine->conv_forward(node->conv, thread, node->x + at(index, node->x_size), y));
    if (node->bias) kernels(plan)->add_bias(y, SLICE * node->rows, node->window.K, node->bias);
    return CF_OK;
}

static cf_status conv_backward(Plan *plan, Node *node, int64_t index, int thread) {
    const Engine *engine = plan->options.engine;
    const float *x = node->x + at(index, node->x_size), *dy = node->dy + at(index, node->y_size);
    FORWARD(engine->conv_backward_weights(node->conv, thread, x, dy, node->slots + (size_t)index * node->slot_size));
    if (node->bias)
        kernels(plan)->channel_sums(dy, SLICE * node->rows, node->window.K,
                                    node->partial + (size_t)index * 2 * (size_t)node->window.K);
    if (!node->wants_dx) return CF_OK;
    return engine->conv_backward_data(node->conv, thread, dy, node->dx + at(index, node->x_size));
}

static cf_status conv_sum(Plan *plan, Node *node, int64_t index, int thread) {
    size_t from = (size_t)index * SUM_PIECE, to = from + SUM_PIECE;
    (void)thread;
    kernels(plan)->sum_slots(node->slots, node->slot_size, plan->slices, from, to < node->slot_size ? to : node->slot_size,
                             node->slot_sum);
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

static cf_status dense_forward(Plan *plan, Node *node, int64_t tile, int thread) {
    int K = node->layer->out.C, from = (int)tile * DENSE_TILE, to = from + DENSE_TILE < K ? from + DENSE_TILE : K;
    FORWARD(plan->options.engine->dense_forward(node->dense, thread, (int)tile, node->x, node->weight, node->y));
    if (!node->bias) return CF_OK;
    for (int n = 0; n < plan->batch; n++)
        for (int k = from; k < to; k++) node->y[(size_t)n * (size_t)K + (size_t)k] += node->bias[k];
    return CF_OK;
}

static cf_status dense_backward_data(Plan *plan, Node *node, int64_t index, int thread) {
    return plan->options.engine->dense_backward_data(node->dense, thread, node->dy + at(index, node->y_size), node->weight,
                                                     node->dx + at(index, node->x_size));
}

static cf_status dense_backward_weights(Plan *plan, Node *node, int64_t tile, int thread) {
    int K = node->layer->out.C, from = (int)tile * DENSE_TILE, to = from + DENSE_TILE < K ? from + DENSE_TILE : K;
    for (int k = from; node->bias && k < to; k++) {
        double sum = 0;
        for (int n = 0; n < plan->batch; n++) sum += (double)node->dy[(size_t)n * (size_t)K + (size_t)k];
        node->dbias[k] = (float)sum;
    }
    return plan->options.engine->dense_backward_weights(node->dense, thread, (int)tile, node->x, node->dy, node->dweight);
}

/* ---- Batch norm ---- */

static cf_status bn_moments(Plan *plan, Node *node, int64_t index, int thread) {
    size_t C = (size_t)node->layer->in.C, rows = (size_t)plan_valid(plan, index) * node->rows;
    double *partial = node->partial + (size_t)index * 2 * C;
    (void)thread;
    if (rows) kernels(plan)->bn_moments(node->x + at(index, node->x_size), rows, (int)C, partial, partial + C);
    return CF_OK;
}

/* Slices' moments joined in order (Chan, Golub, LeVeque 1979); then this batch's coefficients and the running statistics. */
static cf_status bn_close(Plan *plan, Node *node, int64_t index, int thread) {
    size_t C = (size_t)node->layer->in.C;
    (void)index, (void)thread;
    for (size_t c = 0; c < C; c++) {
        double count = 0, mean = 0, squares = 0;
        for (int s = 0; s < plan->slices; s++) {
            double rows = (double)plan_valid(plan, s) * (double)node->rows;
            const double *partial = node->partial + (size_t)s * 2 * C;
            if (rows == 0) break;
            double step = partial[c] - mean, total = count + rows;
            mean += step * rows / total;
            squares += partial[C + c] + step * step * count * rows / total;
            count = total;
        }
        double variance = squares / count, unbiased = count > 1 ? squares / (count - 1) : variance;
        node->inverse_deviation[c] = 1 / sqrt(variance + bn_epsilon);
        node->mean[c] = (float)mean;
        node->scale[c] = (float)((double)node->weight[c] * node->inverse_deviation[c]);
        node->running_mean[c] = (float)((1 - bn_momentum) * (double)node->running_mean[c] + bn_momentum * mean);
        node->running_var[c] = (float)((1 - bn_momentum) * (double)node->running_var[c] + bn_momentum * unbiased);
    }
    return CF_OK;
}

static cf_status bn_use_running(Plan *plan, Node *node, int64_t index, int thread) {
    (void)plan, (void)index, (void)thread;
    for (int c = 0; c < node->layer->in.C; c++) {
        node->mean[c] = node->running_mean[c];
        node->scale[c] = (float)((double)node->weight[c] / sqrt((double)node->running_var[c] + bn_epsilon));
    }
    return CF_OK;
}

static cf_status bn_forward(Plan *plan, Node *node, int64_t index, int thread) {
    (void)thread;
    kernels(plan)->bn_forward(node->x + at(index, node->x_size), SLICE * node->rows, node->layer->in.C, node->mean,
                              node->scale, node->bias, node->y + at(index, node->y_size));
    return CF_OK;
}

static cf_status bn_sums(Plan *plan, Node *node, int64_t index, int thread) {
    size_t C = (size_t)node->layer->in.C;
    (void)thread;
    kernels(plan)->bn_sums(node->x + at(index, node->x_size), node->dy + at(index, node->y_size),
                           (size_t)plan_valid(plan, index) * node->rows, (int)C, node->mean,
                           node->partial + (size_t)index * 2 * C);
    return CF_OK;
}

/* dx = scale * (dy - mean(dy) - xhat * mean(dy * xhat)), xhat = (x - mean) * inverse deviation. */
static cf_status bn_close_backward(Plan *plan, Node *node, int64_t index, int thread) {
    size_t C = (size_t)node->layer->in.C;
    double rows = (double)plan->n * (double)node->rows;
    (void)index, (void)thread;
    for (size_t c = 0; c < C; c++) {
        double plain = 0, product = 0, inverse = node->inverse_deviation[c];
        for (int s = 0; s < plan->slices; s++) {
            plain += node->partial[(size_t)s * 2 * C + c];
            product += node->partial[(size_t)s * 2 * C + C + c] * inverse;
        }
        double scale = (double)node->weight[c] * inverse;
        node->dbias[c] = (float)plain;
        node->dweight[c] = (float)product;
        node->a[c] = (float)scale;
        node->b[c] = (float)(-scale * inverse * product / rows);
        node->c[c] = (float)(-scale * plain / rows);
    }
    return CF_OK;
}

static cf_status bn_backward(Plan *plan, Node *node, int64_t index, int thread) {
    size_t valid = (size_t)plan_valid(plan, index), rows = valid * node->rows, size = node->x_size;
    float *dx = node->dx + at(index, size);
    (void)thread;
    kernels(plan)->bn_backward(node->x + at(index, size), node->dy + at(index, size), rows, node->layer->in.C, node->mean,
                               node->a, node->b, node->c, dx);
    /* Filling images have a zero gradient; the formula would give them one. */
    memset(dx + valid * size, 0, (SLICE - valid) * size * sizeof *dx);
    return CF_OK;
}

/* ---- Activations, pools, dropout ---- */

static cf_status relu_forward(Plan *plan, Node *node, int64_t index, int thread) {
    size_t size = node->x_size;
    (void)thread;
    kernels(plan)->relu_forward(node->x + at(index, size), SLICE * size, node->layer->slope, node->y + at(index, size));
    return CF_OK;
}

static cf_status relu_backward(Plan *plan, Node *node, int64_t index, int thread) {
    size_t size = node->x_size;
    (void)thread;
    kernels(plan)->relu_backward(node->y + at(index, size), node->dy + at(index, size), SLICE * size, node->layer->slope,
                                 node->dx + at(index, size));
    return CF_OK;
}

static cf_status maxpool_forward(Plan *plan, Node *node, int64_t index, int thread) {
    (void)thread;
    kernels(plan)->maxpool_forward(&node->window, node->x + at(index, node->x_size), node->y + at(index, node->y_size),
                                   node->place + at(index, node->y_size));
    return CF_OK;
}

static cf_status maxpool_backward(Plan *plan, Node *node, int64_t index, int thread) {
    (void)thread;
    kernels(plan)->maxpool_backward(&node->window, node->dy + at(index, node->y_size),
                                    node->place + at(index, node->y_size), node->dx + at(index, node->x_size));
    return CF_OK;
}

static cf_status avgpool_forward(Plan *plan, Node *node, int64_t index, int thread) {
    (void)thread;
    kernels(plan)->avgpool_forward(&node->window, node->x + at(index, node->x_size), node->y + at(index, node->y_size));
    return CF_OK;
}

static cf_status avgpool_backward(Plan *plan, Node *node, int64_t index, int thread) {
    (void)thread;
    kernels(plan)->avgpool_backward(&node->window, node->dy + at(index, node->y_size), node->dx + at(index, node->x_size));
    return CF_OK;
}

/* Values are kept with probability 1 - rate and scaled up, so that nothing is to be done when not training. The choice is
 * a function of (seed, step, layer, image in the batch, value) and is drawn again on the way back. */
static void drop(const Plan *plan, const Node *node, int64_t index, float *values) {
    size_t first = at(index, node->x_size), size = SLICE * node->x_size;
    RngStream stream = rng_stream(plan->options.seed, RNG_DROPOUT, (uint64_t)plan->number, (uint32_t)node->number);
    float rate = node->layer->rate, scale = 1 / (1 - rate);
    for (size_t i = 0; i < size; i += 4) { /* SLICE * x_size is a multiple of 4 */
        uint32_t words[4];
        rng_block(&stream, (first + i) / 4, words);
        for (int k = 0; k < 4; k++)
            values[first + i + (size_t)k] *= (float)(words[k] >> 8) * 0x1p-24f < rate ? 0.0f : scale;
    }
}

static cf_status dropout_forward(Plan *plan, Node *node, int64_t index, int thread) {
    (void)thread;
    drop(plan, node, index, node->y);
    return CF_OK;
}

static cf_status dropout_backward(Plan *plan, Node *node, int64_t index, int thread) {
    (void)thread;
    drop(plan, node, index, node->dx);
    return CF_OK;
}

/* ---- Lists ---- */

static cf_status add_both(Plan *plan, StepKind kind, StepFn work, Node *node, int64_t count) {
    FORWARD(plan_add(&plan->training, kind, work, node, count));
    return plan_add(&plan->inference, kind, work, node, count);
}

cf_status add_forward_steps(Plan *plan, Node *node) {
    switch (node->layer->kind) {
    case LAYER_CONV:
        FORWARD(plan_add(&plan->refresh, STEP_ONCE, conv_refresh, node, 1));
        return add_both(plan, STEP_SLICES, conv_forward, node, 0);
    case LAYER_DENSE: return add_both(plan, STEP_PIECES, dense_forward, node, dense_tiles(node->layer->out.C));
    case LAYER_BN:
        FORWARD(plan_add(&plan->refresh, STEP_ONCE, bn_use_running, node, 1));
        FORWARD(plan_add(&plan->training, STEP_SLICES, bn_moments, node, 0));
        FORWARD(plan_add(&plan->training, STEP_ONCE, bn_close, node, 1));
        return add_both(plan, STEP_SLICES, bn_forward, node, 0);
    case LAYER_RELU: return add_both(plan, STEP_SLICES, relu_forward, node, 0);
    case LAYER_MAXPOOL: return add_both(plan, STEP_SLICES, maxpool_forward, node, 0);
    case LAYER_AVGPOOL: return add_both(plan, STEP_SLICES, avgpool_forward, node, 0);
    case LAYER_DROPOUT: return plan_add(&plan->training, STEP_SLICES, dropout_forward, node, 0);
    }
    return FAIL(CF_INTERNAL, "a layer without forward steps");
}

cf_status add_backward_steps(Plan *plan, Node *node) {
    StepList *list = &plan->training;
    if (!node->dweight && !node->wants_dx) return CF_OK; /* nothing before it or in it learns */
    switch (node->layer->kind) {
    case LAYER_CONV:
        FORWARD(plan_add(list, STEP_SLICES, conv_backward, node, 0));
        FORWARD(plan_add(list, STEP_PIECES, conv_sum, node, ((int64_t)node->slot_size + SUM_PIECE - 1) / SUM_PIECE));
        return plan_add(list, STEP_ONCE, conv_finish, node, 1);
    case LAYER_DENSE:
        FORWARD(plan_add(list, STEP_PIECES, dense_backward_weights, node, dense_tiles(node->layer->out.C)));
        return node->wants_dx ? plan_add(list, STEP_SLICES, dense_backward_data, node, 0) : CF_OK;
    case LAYER_BN:
        FORWARD(plan_add(list, STEP_SLICES, bn_sums, node, 0));
        FORWARD(plan_add(list, STEP_ONCE, bn_close_backward, node, 1));
        return node->wants_dx ? plan_add(list, STEP_SLICES, bn_backward, node, 0) : CF_OK;
    case LAYER_RELU: return plan_add(list, STEP_SLICES, relu_backward, node, 0);
    case LAYER_MAXPOOL: return plan_add(list, STEP_SLICES, maxpool_backward, node, 0);
    case LAYER_AVGPOOL: return plan_add(list, STEP_SLICES, avgpool_backward, node, 0);
    case LAYER_DROPOUT: return plan_add(list, STEP_SLICES, dropout_backward, node, 0);
    }
    return FAIL(CF_INTERNAL, "a layer without backward steps");
}
