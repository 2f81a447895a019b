/* Which layers become one operation, the ranges of their values, and their integers. */
#include "nn/int8/int8.h"

#include "base/memory.h"
#include "base/slices.h"
#include "nn/layers/batch_norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void int8_network_free(Int8Network *network) {
    if (!network) return;
    for (int i = 0; i < network->op_count; i++) {
        free(network->ops[i].weights);
        free(network->ops[i].scale);
        free(network->ops[i].bias);
        free(network->ops[i].multiplier);
        free(network->ops[i].shift);
    }
    free(network->ops);
    free(network->tensors);
    free(network);
}

/* ---- Which layers are one operation ---- */

/* Layers on their way into operations. */
typedef struct Grouping {
    Int8Network *network;
    const LayerList *layers;
    bool *needed, *taken;           /* [layers] */
    int *readers, *reader, *tensor; /* [layers]: how many read it, one of them, where its values are */
} Grouping;

static const char *word_of(const Grouping *g, int layer) {
    return g->layers->layers[layer].type->word;
}

static bool is_rectifier(const Layer *layer) {
    return layer_is_activation(layer) && ((layer->activation.kind == ACT_RELU && layer->activation.slope <= 0) ||
                                          layer->activation.kind == ACT_RELU6);
}

static void count_readers(Grouping *g) {
    const int output = g->layers->heads[0];
    g->readers[output]++;
    for (int i = 0; i < g->layers->count; i++)
        for (int k = 0; g->needed[i] && k < g->layers->layers[i].inputs; k++) {
            const int from = g->layers->layers[i].input[k];
            if (from >= 0) g->readers[from]++, g->reader[from] = i;
        }
}

/* The one layer that reads what `layer` gives; -1: none or several. */
static int follower(const Grouping *g, int layer) {
    return g->readers[layer] == 1 && layer != g->layers->heads[0] ? g->reader[layer] : -1;
}

static int input_of(const Grouping *g, int layer, int which) {
    const int from = g->layers->layers[layer].input[which];
    return from < 0 ? 0 : g->tensor[from];
}

static Int8Op *add_op(Grouping *g, Int8Kind kind, int layer) {
    Int8Network *n = g->network;
    Int8Op *op = &n->ops[n->op_count++];
    *op = (Int8Op){.kind = kind, .layer = layer, .last = layer, .norm = -1, .x = {input_of(g, layer, 0), -1}};
    op->window = layer_window(&g->layers->layers[layer], 1);
    return op;
}

/* The operation takes the next layer in. */
static void extend(Grouping *g, Int8Op *op, int layer) {
    op->last = layer;
    g->taken[layer] = true;
}

static void take_rectifier(Grouping *g, Int8Op *op) {
    const int next = follower(g, op->last);
    if (next >= 0 && is_rectifier(&g->layers->layers[next])) extend(g, op, next);
}

static void close_op(Grouping *g, Int8Op *op) {
    Int8Network *n = g->network;
    op->y = n->tensor_count++;
    n->tensors[op->y] = (Int8Tensor){.shape = g->layers->layers[op->last].out};
    g->tensor[op->last] = op->y;
}

static void group_product(Grouping *g, int layer) {
    const Layer *l = &g->layers->layers[layer];
    Int8Op *op = add_op(g, INT8_CONV, layer);
    const int next = follower(g, layer);
    if (l->type == &dense_type)
        op->window = (Window){.N = 1,
                              .C = l->in.C,
                              .H = l->in.H,
                              .W = l->in.W,
                              .K = l->out.C,
                              .R = l->in.H,
                              .S = l->in.W,
                              .stride = 1,
                              .groups = 1,
                              .dilation = 1,
                              .P = 1,
                              .Q = 1};
    if (next >= 0 && g->layers->layers[next].type == &bn_type) extend(g, op, next), op->norm = next;
    take_rectifier(g, op);
    close_op(g, op);
}

/* A norm that no convolution is in front of: a convolution of single values. */
static void group_norm(Grouping *g, int layer) {
    const Shape in = g->layers->layers[layer].in;
    Int8Op *op = add_op(g, INT8_CONV, layer);
    op->window = (Window){.N = 1,
                          .C = in.C,
                          .H = in.H,
                          .W = in.W,
                          .K = in.C,
                          .R = 1,
                          .S = 1,
                          .stride = 1,
                          .groups = in.C,
                          .dilation = 1,
                          .P = in.H,
                          .Q = in.W};
    op->norm = layer;
    take_rectifier(g, op);
    close_op(g, op);
}

static void group_addition(Grouping *g, int layer) {
    Int8Op *op = add_op(g, INT8_ADD, layer);
    op->x[1] = input_of(g, layer, 1);
    take_rectifier(g, op);
    close_op(g, op);
}

static cf_status group_layer(Grouping *g, int layer) {
    const Layer *l = &g->layers->layers[layer];
    const char *word = word_of(g, layer);
    if (layer_is_conv(l) || l->type == &dense_type)
        group_product(g, layer);
    else if (l->type == &bn_type || strcmp(word, "normalize") == 0)
        group_norm(g, layer);
    else if (l->type == &add_type)
        group_addition(g, layer);
    else if (strstr(word, "pool"))
        close_op(g, add_op(g, strstr(word, "avg") ? INT8_AVGPOOL : INT8_MAXPOOL, layer));
    else if (is_rectifier(l))
        close_op(g, add_op(g, INT8_CLAMP, layer));
    else if (strcmp(word, "dropout") == 0 || strcmp(word, "droppath") == 0 || strcmp(word, "reverse") == 0)
        g->tensor[layer] = input_of(g, layer, 0);
    else
        return FAIL(
            CF_BAD_USE,
            "the layer %s (%s) has no form in 8-bit integers yet; those that have: conv, dwconv, patch, dense, bn, "
            "normalize, relu, relu6, pools, res, dropout, droppath",
            l->name, word);
    return CF_OK;
}

static cf_status group_all(Grouping *g) {
    const size_t count = (size_t)g->layers->count;
    Int8Network *n = g->network;
    FORWARD(memory_new(count + 1, sizeof *n->tensors, &n->tensors));
    FORWARD(memory_new(count, sizeof *n->ops, &n->ops));
    FORWARD(layer_list_needed(g->layers, g->layers->heads[0], &g->needed));
    FORWARD(memory_new(count, sizeof *g->taken, &g->taken));
    FORWARD(memory_new(3 * count, sizeof *g->readers, &g->readers));
    g->reader = g->readers + count, g->tensor = g->reader + count;
    count_readers(g);
    n->tensors[0] = (Int8Tensor){g->layers->input, 1.0f / 255, -128};
    n->tensor_count = 1;
    for (int i = 0; i < g->layers->count; i++)
        if (g->needed[i] && !g->taken[i]) FORWARD(group_layer(g, i));
    n->result = g->tensor[g->layers->heads[0]];
    return CF_OK;
}

static cf_status group(Int8Network *network) {
    Grouping g = {.network = network, .layers = &network->model->layers};
    const cf_status status = group_all(&g);
    free(g.needed);
    free(g.taken);
    free(g.readers);
    return status;
}

/* ---- Ranges ---- */

/* Pools and rectifiers by themselves give values of the scale that they read. */
static bool has_range(const Int8Op *op) {
    return op->kind == INT8_CONV || op->kind == INT8_ADD;
}

/* From the smallest and the largest value, 0 among them. */
static void choose_scale(Int8Tensor *tensor, float smallest, float largest) {
    const double range = (double)largest - (double)smallest;
    tensor->scale = range > 0 ? (float)(range / 255) : 1;
    tensor->zero = (int)lround(-128 - (double)smallest / (double)tensor->scale);
}

static cf_status read_ranges(Int8Network *network, const Plan *plan, int images, float (*ranges)[2], float *values) {
    for (int i = 0; i < network->op_count; i++) {
        const Int8Op *op = &network->ops[i];
        if (!has_range(op)) continue;
        const size_t count = (size_t)images * shape_size(network->tensors[op->y].shape);
        plan_read_tap(plan, op->last, values);
        for (size_t k = 0; k < count; k++) {
            FAIL_IF(!isfinite(values[k]), CF_DIVERGED, "the network gives values that are not finite at %s",
                    network->model->layers.layers[op->last].name);
            if (values[k] < ranges[i][0]) ranges[i][0] = values[k];
            if (values[k] > ranges[i][1]) ranges[i][1] = values[k];
        }
    }
    return CF_OK;
}

static void use_ranges(Int8Network *network, float (*ranges)[2]) {
    for (int i = 0; i < network->op_count; i++) {
        const Int8Op *op = &network->ops[i];
        Int8Tensor *y = &network->tensors[op->y], *x = &network->tensors[op->x[0]];
        if (has_range(op))
            choose_scale(y, ranges[i][0], ranges[i][1]);
        else
            y->scale = x->scale, y->zero = x->zero;
    }
}

typedef struct Calibration {
    Plan *plan;
    Feed feed;
    int *taps;
    float *values, (*ranges)[2];
    uint32_t *images;
} Calibration;

enum { BATCH = 32 };

static cf_status prepare(Int8Network *network, Parameters *parameters, const cf_subset *images, const Engine *engine,
                         int threads, size_t count, Calibration *c) {
    const cf_model *model = network->model;
    size_t largest = 1;
    int tap_count = 0;
    FORWARD(memory_new((size_t)network->op_count, sizeof *c->taps, &c->taps));
    FORWARD(memory_new((size_t)network->op_count, sizeof *c->ranges, &c->ranges));
    FORWARD(memory_new(count, sizeof *c->images, &c->images));
    for (int i = 0; i < network->op_count; i++) {
        const size_t size = shape_size(network->tensors[network->ops[i].y].shape);
        if (has_range(&network->ops[i])) c->taps[tap_count++] = network->ops[i].last;
        if (size > largest) largest = size;
    }
    FORWARD(memory_new(BATCH * largest, sizeof *c->values, &c->values));
    const PlanOptions options = {.engine = engine,
                                 .batch = BATCH,
                                 .threads = threads,
                                 .taps = c->taps,
                                 .tap_count = tap_count,
                                 .only_taps = true};
    FORWARD(plan_new(&model->layers, parameters, &options, &c->plan));
    FORWARD(plan_use_parameters(c->plan));
    for (size_t i = 0; i < count; i++) c->images[i] = images->images[i * images->count / count];
    return feed_new(images->set, model->layers.input, (const char *const *)model->class_names, model->classes, threads,
                    &c->feed);
}

static cf_status calibrate(Int8Network *network, const cf_subset *images, const Engine *engine, int threads) {
    const size_t count = images->count < INT8_IMAGES ? images->count : INT8_IMAGES;
    Parameters borrowed = network->model->parameters; /* a forward plan does not write to them */
    Calibration c = {0};
    cf_status status;
    FAIL_IF(!count, CF_BAD_USE, "ranges for 8-bit integers come from training images, and there are none");
    FORWARD_TO(done, prepare(network, &borrowed, images, engine, slices_threads(threads), count, &c));
    for (size_t first = 0; first < count; first += BATCH) {
        const int n = (int)(count - first < BATCH ? count - first : BATCH);
        FORWARD_TO(done, plan_infer(c.plan, &c.feed, c.images + first, n, NULL));
        FORWARD_TO(done, read_ranges(network, c.plan, n, c.ranges, c.values));
    }
    use_ranges(network, c.ranges);
done:
    feed_free(&c.feed);
    plan_free(c.plan);
    free(c.taps);
    free(c.values);
    free(c.ranges);
    free(c.images);
    return status;
}

/* ---- Integers ---- */

void int8_multiplier(double factor, int32_t *multiplier, int *shift) {
    int64_t whole = llround(frexp(factor, shift) * 0x1p31);
    if (whole == (int64_t)1 << 31) whole /= 2, ++*shift;
    if (*shift < -31) whole = 0, *shift = 0; /* nothing would be left of any sum */
    *multiplier = (int32_t)whole;
}

static int level(const Int8Tensor *tensor, double value) {
    const double q = round(value / (double)tensor->scale) + tensor->zero;
    return (int)fmin(fmax(q, -128), 127);
}

/* What a rectifier in the operation leaves; without one, all. */
static void choose_limits(const Int8Network *network, Int8Op *op) {
    const Layer *last = &network->model->layers.layers[op->last];
    const Int8Tensor *y = &network->tensors[op->y];
    op->low = is_rectifier(last) ? level(y, 0) : -128;
    op->high = is_rectifier(last) && last->activation.kind == ACT_RELU6 ? level(y, 6) : 127;
}

/* A filter k of an operation in real numbers: its weights in the order of a window's taps, its bias, both behind the norm. */
static void real_filter(const Int8Network *network, const Int8Op *op, int k, double *weights, double *bias) {
    const cf_model *model = network->model;
    const Layer *layer = &model->layers.layers[op->layer];
    const Window *w = &op->window;
    const Parameters *p = &model->parameters;
    const size_t channels = (size_t)(w->C / w->groups), taps = (size_t)w->R * (size_t)w->S, size = channels * taps;
    const bool alone = op->norm == op->layer, is_dense = layer->type == &dense_type;
    const float *from = alone ? NULL : parameters_find(p, op->layer, "weight"),
                *biases = alone ? NULL : parameters_find(p, op->layer, "bias");
    double factor = 1, mean = 0, shift = 0;
    if (op->norm >= 0 && parameters_find(p, op->norm, "running_mean")) {
        factor = (double)batch_norm_scale(parameters_find(p, op->norm, "weight")[k],
                                          parameters_find(p, op->norm, "running_var")[k],
                                          model->layers.layers[op->norm].epsilon);
        mean = (double)parameters_find(p, op->norm, "running_mean")[k];
        shift = (double)parameters_find(p, op->norm, "bias")[k];
    } else if (op->norm >= 0) { /* normalize */
        const int i = layer->number == 1 ? 0 : k;
        factor = 1 / (double)layer->deviations[i], mean = (double)layer->means[i];
    }
    for (size_t i = 0; i < size; i++) {
        const size_t tap = i / channels, c = i % channels, at = is_dense ? i : c * taps + tap;
        weights[i] = factor * (from ? (double)from[(size_t)k * size + at] : 1);
    }
    *bias = ((biases ? (double)biases[k] : 0) - mean) * factor + shift;
}

static int32_t to_int32(double value) {
    return (int32_t)fmin(fmax(round(value), INT32_MIN), INT32_MAX);
}

static void quantize_filter(const Int8Network *network, Int8Op *op, int k, double *real) {
    const Window *w = &op->window;
    const size_t size = (size_t)(w->C / w->groups) * (size_t)w->R * (size_t)w->S;
    const double x_scale = (double)network->tensors[op->x[0]].scale, y_scale = (double)network->tensors[op->y].scale;
    double largest = 0, bias;
    int shift;
    real_filter(network, op, k, real, &bias);
    for (size_t i = 0; i < size; i++) largest = fmax(largest, fabs(real[i]));
    /* A filter of next to nothing has a scale at which its bias fits. */
    const double scale = fmax(fmax(largest / 127, fabs(bias) / (x_scale * 0x1p29)), 1e-30);
    for (size_t i = 0; i < size; i++) op->weights[(size_t)k * size + i] = (int8_t)lround(real[i] / scale);
    op->scale[k] = (float)scale;
    op->bias[k] = to_int32(bias / (x_scale * scale));
    int8_multiplier(x_scale * scale / y_scale, &op->multiplier[k], &shift);
    op->shift[k] = (int8_t)shift;
}

static cf_status quantize_product(const Int8Network *network, Int8Op *op) {
    enum { MOST_TERMS = 1 << 15 }; /* of 127 x 255 each, and a bias up to 2^29 or 2^30: a sum that 32 bits hold */
    const Window *w = &op->window;
    const size_t size = (size_t)(w->C / w->groups) * (size_t)w->R * (size_t)w->S, K = (size_t)w->K;
    double *real;
    FAIL_IF(size > MOST_TERMS, CF_BAD_USE, "%s: sums of %zu products are too long for 8-bit integers, %d at most",
            network->model->layers.layers[op->layer].name, size, MOST_TERMS);
    FORWARD(memory_new(K * size, 1, &op->weights));
    FORWARD(memory_new(K, sizeof *op->scale, &op->scale));
    FORWARD(memory_new(K, sizeof *op->bias, &op->bias));
    FORWARD(memory_new(K, sizeof *op->multiplier, &op->multiplier));
    FORWARD(memory_new(K, 1, &op->shift));
    FORWARD(memory_new(size, sizeof *real, &real));
    for (int k = 0; k < w->K; k++) quantize_filter(network, op, k, real);
    free(real);
    return CF_OK;
}

static void quantize_addition(const Int8Network *network, Int8Op *op) {
    const double a = (double)network->tensors[op->x[0]].scale, b = (double)network->tensors[op->x[1]].scale,
                 y = (double)network->tensors[op->y].scale, twice = 2 * fmax(a, b);
    const double factors[] = {a / twice, b / twice, twice / (0x1p20 * y)};
    for (int i = 0; i < 3; i++) {
        int shift;
        int8_multiplier(factors[i], &op->factors[i], &shift);
        op->shifts[i] = shift;
    }
}

static cf_status quantize(Int8Network *network) {
    for (int i = 0; i < network->op_count; i++) {
        Int8Op *op = &network->ops[i];
        choose_limits(network, op);
        if (op->kind == INT8_CONV) FORWARD(quantize_product(network, op));
        if (op->kind == INT8_ADD) quantize_addition(network, op);
    }
    return CF_OK;
}

cf_status int8_network_new(const cf_model *model, const cf_subset *images, int threads, Int8Network **network) {
    Int8Network *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->model = model;
    FORWARD_TO(failed, group(made));
    FORWARD_TO(failed, calibrate(made, images, &reference_engine, threads));
    FORWARD_TO(failed, quantize(made));
    *network = made;
    return CF_OK;
failed:
    int8_network_free(made);
    return status;
}

cf_status int8_ranges(const cf_model *model, const cf_subset *images, const Engine *engine, int threads,
                      FakeRange *ranges, bool *weights) {
    Int8Network *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->model = model;
    FORWARD_TO(done, group(made));
    FORWARD_TO(done, calibrate(made, images, engine, threads));
    for (int i = 0; i < made->op_count; i++) {
        const Int8Op *op = &made->ops[i];
        const Int8Tensor *y = &made->tensors[op->y];
        /* A largest value, or a limited one, is one of those that were rounded already. */
        if (has_range(op) || op->kind == INT8_AVGPOOL) ranges[op->last] = (FakeRange){y->scale, (float)y->zero};
        if (op->kind == INT8_CONV && op->norm != op->layer) weights[op->layer] = true;
    }
done:
    int8_network_free(made);
    return status;
}
