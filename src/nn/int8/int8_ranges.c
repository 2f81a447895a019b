/* The ranges of what the operations of a network in integers give, and their scales. */
#include "nn/int8/int8.h"

#include "base/slices.h"

#include <math.h>
#include <stdlib.h>

/* Pools and rectifiers by themselves give values of the scale that they read. */
static bool has_range(const Int8Op *op) {
    return op->kind != INT8_MAXPOOL && op->kind != INT8_AVGPOOL && op->kind != INT8_CLAMP;
}

/* From the smallest and the largest value, 0 among them. */
static void choose_scale(Int8Tensor *tensor, float smallest, float largest) {
    const double range = (double)largest - (double)smallest;
    tensor->scale = range > 0 ? (float)(range / 255) : 1;
    tensor->zero = (int)lround(-128 - (double)smallest / (double)tensor->scale);
}

static cf_status widen(const Layer *layer, const float *values, size_t count, float range[2]) {
    for (size_t k = 0; k < count; k++) {
        FAIL_IF(!isfinite(values[k]), CF_DIVERGED, "the network gives values that are not finite at %s", layer->name);
        if (values[k] < range[0]) range[0] = values[k];
        if (values[k] > range[1]) range[1] = values[k];
    }
    return CF_OK;
}

static void run_inner(const Int8Network *network, const Int8Op *op, const float *x, float *y) {
    const size_t inputs = (size_t)op->window.C;
    const float *weights = int8_parameter(network, op, "weight"), *biases = int8_parameter(network, op, "bias");
    for (size_t k = 0; k < (size_t)op->window.K; k++) {
        double sum = (double)biases[k];
        for (size_t c = 0; c < inputs; c++) sum += (double)weights[k * inputs + c] * (double)x[c];
        y[k] = (float)sum;
    }
    reference_engine.kernels->act_forward(op->act, y, (size_t)op->window.K, y);
}

/* Of what is within a layer se, whose first operation is op, from what it reads: no plan tells of it. */
static cf_status squeeze_ranges(const Int8Network *network, const Int8Op *op, int images, const float *x, float *room,
                                float (*ranges)[2]) {
    const Layer *layer = &network->model->layers.layers[op->layer];
    const size_t C = (size_t)layer->in.C, area = (size_t)layer->in.H * (size_t)layer->in.W,
                 few = (size_t)op[1].window.K;
    float *means = room, *squeezed = means + C, *opened = squeezed + few, *scales = opened + C;
    for (int i = 0; i < images; i++, x += area * C) {
        for (size_t c = 0; c < C; c++) {
            double sum = 0;
            for (size_t k = 0; k < area; k++) sum += (double)x[k * C + c];
            means[c] = (float)(sum / (double)area);
        }
        run_inner(network, op + 1, means, squeezed);
        run_inner(network, op + 2, squeezed, opened);
        reference_engine.kernels->act_forward(op[3].act, opened, C, scales);
        FORWARD(widen(layer, means, C, ranges[0]));
        FORWARD(widen(layer, squeezed, few, ranges[1]));
        FORWARD(widen(layer, opened, C, ranges[2]));
        FORWARD(widen(layer, scales, C, ranges[3]));
    }
    return CF_OK;
}

/* Which operation gives the tensor, where it has a range and nobody else reads it; -1: none. */
static int giver_of(const Int8Network *network, int tensor) {
    int giver = -1, readers = tensor == network->result;
    for (int i = 0; i < network->op_count; i++) {
        const Int8Op *op = &network->ops[i];
        if (op->y == tensor && has_range(op)) giver = i;
        readers += (op->x[0] == tensor) + (op->x[1] == tensor);
    }
    return readers == 1 ? giver : -1;
}

/* The integer of what the activation makes of a value. */
static long level_behind(Activation act, float value, float step) {
    reference_engine.kernels->act_forward(act, &value, 1, &value);
    return lround((double)value / (double)step);
}

/* What an activation alone reads ends where the integers of what it gives no longer change: hardswish near -3, so that no values are
 * spent on what is 0 behind it. */
static void trim_range(Activation act, const float y[2], float x[2]) {
    const float step = (y[1] - y[0]) / 255;
    for (int side = 0; side < 2 && step > 0; side++) {
        const float from = x[side];
        const long end = level_behind(act, from, step);
        for (int k = 1; k < 256; k++) {
            const float nearer = from * (float)(256 - k) / 256;
            if (level_behind(act, nearer, step) != end) break;
            x[side] = nearer;
        }
    }
}

static void use_ranges(Int8Network *network, float (*ranges)[2]) {
    for (int i = 0; i < network->op_count; i++) {
        const Int8Op *op = &network->ops[i];
        const int giver = op->kind == INT8_TABLE ? giver_of(network, op->x[0]) : -1;
        if (giver >= 0) trim_range(op->act, ranges[i], ranges[giver]);
    }
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
    float *values, *room, (*ranges)[2]; /* room: for what is within a layer */
    uint32_t *images;
} Calibration;

static void calibration_free(Calibration *c) {
    feed_free(&c->feed);
    plan_free(c->plan);
    free(c->taps);
    free(c->values);
    free(c->room);
    free(c->ranges);
    free(c->images);
}

enum { BATCH = 32 };

/* The layer whose values tell the operation's range: its own, or what se reads for all that is within it. */
static int tap_of(const Int8Network *network, const Int8Op *op) {
    return op->inner ? network->model->layers.layers[op->layer].input[0] : op->last;
}

static bool is_tapped(const Int8Op *op) {
    return op->inner ? op->kind == INT8_MEAN : has_range(op);
}

static cf_status read_ranges(const Int8Network *network, const Calibration *c, int images) {
    const Layer *layers = network->model->layers.layers;
    for (int i = 0; i < network->op_count; i++) {
        const Int8Op *op = &network->ops[i];
        if (!is_tapped(op)) continue;
        const int tap = tap_of(network, op);
        plan_read_tap(c->plan, tap, c->values);
        if (op->inner)
            FORWARD(squeeze_ranges(network, op, images, c->values, c->room, c->ranges + i));
        else
            FORWARD(widen(&layers[tap], c->values, (size_t)images * shape_size(layers[tap].out), c->ranges[i]));
    }
    return CF_OK;
}

static cf_status calibration_new(const Int8Network *network, Parameters *parameters, const cf_subset *images,
                                 const Engine *engine, int threads, size_t count, Calibration *c) {
    const cf_model *model = network->model;
    size_t largest = 1, widest = 1;
    int tap_count = 0;
    FORWARD(memory_new((size_t)network->op_count, sizeof *c->taps, &c->taps));
    FORWARD(memory_new((size_t)network->op_count, sizeof *c->ranges, &c->ranges));
    FORWARD(memory_new(count, sizeof *c->images, &c->images));
    for (int i = 0; i < network->op_count; i++) {
        const Int8Op *op = &network->ops[i];
        const Shape shape = network->tensors[op->y].shape;
        if (is_tapped(op)) c->taps[tap_count++] = tap_of(network, op);
        if (shape_size(shape) > largest) largest = shape_size(shape);
        if ((size_t)shape.C > widest) widest = (size_t)shape.C;
    }
    FORWARD(memory_new(4 * widest, sizeof *c->room, &c->room));
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

cf_status int8_calibrate(Int8Network *network, const cf_subset *images, const Engine *engine, int threads) {
    const size_t count = images->count < INT8_IMAGES ? images->count : INT8_IMAGES;
    Parameters borrowed = network->model->parameters; /* a forward plan does not write to them */
    AUTO(calibration_free) Calibration c = {0};
    FAIL_IF(!count, CF_BAD_USE, "ranges for 8-bit integers come from training images, and there are none");
    FORWARD(calibration_new(network, &borrowed, images, engine, slices_threads(threads), count, &c));
    for (size_t first = 0; first < count; first += BATCH) {
        const int n = (int)(count - first < BATCH ? count - first : BATCH);
        FORWARD(plan_infer(c.plan, &c.feed, c.images + first, n, NULL));
        FORWARD(read_ranges(network, &c, n));
    }
    use_ranges(network, c.ranges);
    return CF_OK;
}

cf_status int8_ranges(const cf_model *model, const cf_subset *images, const Engine *engine, int threads,
                      FakeRange *ranges, bool *weights) {
    AUTO(int8_network_free_at) Int8Network *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->model = model;
    FORWARD(int8_group(made));
    FORWARD(int8_calibrate(made, images, engine, threads));
    for (int i = 0; i < made->op_count; i++) {
        const Int8Op *op = &made->ops[i];
        const Int8Tensor *y = &made->tensors[op->y];
        /* A largest value, or a limited one, is one of those that were rounded already. */
        if (!op->inner && (has_range(op) || op->kind == INT8_AVGPOOL))
            ranges[op->last] = (FakeRange){y->scale, (float)y->zero};
        if (op->kind == INT8_CONV && op->norm != op->layer) weights[op->layer] = true;
    }
    return CF_OK;
}
