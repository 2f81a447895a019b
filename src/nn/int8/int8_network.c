/* The integers of a network whose operations and scales are known. */
#include "nn/int8/int8.h"

#include "nn/layers/batch_norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void int8_network_free(Int8Network *network) {
    if (!network) return;
    for (int i = 0; i < network->op_count; i++) {
        const Int8Op *op = &network->ops[i];
        void *const arrays[] = {op->weights, op->scale, op->bias, op->multiplier, op->shift, op->table};
        for (size_t k = 0; k < COUNT_OF(arrays); k++) free(arrays[k]);
    }
    free(network->ops);
    free(network->tensors);
    free(network);
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
    const Int8Tensor *y = &network->tensors[op->y];
    op->low = int8_is_limit(op->act) ? level(y, 0) : -128;
    op->high = op->act.kind == ACT_RELU6 ? level(y, 6) : 127;
}

const float *int8_parameter(const Int8Network *network, const Int8Op *op, const char *name) {
    char whole[16];
    snprintf(whole, sizeof whole, "%s%s", op->part, name);
    return parameters_find(&network->model->parameters, op->layer, whole);
}

/* A filter k of an operation in real numbers: its weights in the order of a window's taps, its bias, both behind the norm. */
static void real_filter(const Int8Network *network, const Int8Op *op, int k, double *weights, double *bias) {
    const cf_model *model = network->model;
    const Layer *layer = &model->layers.layers[op->layer];
    const Window *w = &op->window;
    const Parameters *p = &model->parameters;
    const size_t channels = (size_t)(w->C / w->groups), taps = (size_t)w->R * (size_t)w->S, size = channels * taps;
    const bool alone = op->norm == op->layer, is_dense = layer->type == &dense_type;
    const float *from = alone ? NULL : int8_parameter(network, op, "weight"),
                *biases = alone ? NULL : int8_parameter(network, op, "bias");
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
    AUTO_FREE double *real = NULL;
    FAIL_IF(size > MOST_TERMS, CF_BAD_USE, "%s: sums of %zu products are too long for 8-bit integers, %d at most",
            network->model->layers.layers[op->layer].name, size, MOST_TERMS);
    FORWARD(memory_new(K * size, 1, &op->weights));
    FORWARD(memory_new(K, sizeof *op->scale, &op->scale));
    FORWARD(memory_new(K, sizeof *op->bias, &op->bias));
    FORWARD(memory_new(K, sizeof *op->multiplier, &op->multiplier));
    FORWARD(memory_new(K, 1, &op->shift));
    FORWARD(memory_new(size, sizeof *real, &real));
    for (int k = 0; k < w->K; k++) quantize_filter(network, op, k, real);
    return CF_OK;
}

static void quantize_addition(const Int8Network *network, Int8Op *op) {
    const double a = (double)network->tensors[op->x[0]].scale, b = (double)network->tensors[op->x[1]].scale,
                 y = (double)network->tensors[op->y].scale, twice = 2 * fmax(a, b);
    const double factors[] = {a / twice, b / twice, twice / (0x1p20 * y)};
    for (int i = 0; i < 3; i++) int8_multiplier(factors[i], &op->factors[i], &op->shifts[i]);
}

static void quantize_scaling(const Int8Network *network, Int8Op *op) {
    const Int8Tensor *x = &network->tensors[op->x[0]], *y = &network->tensors[op->y];
    const double by =
        op->kind == INT8_MEAN ? 1.0 / (x->shape.H * x->shape.W) : (double)network->tensors[op->x[1]].scale;
    int8_multiplier((double)x->scale * by / (double)y->scale, &op->factors[0], &op->shifts[0]);
}

static cf_status make_tables(const Int8Network *network, Int8Op *op) {
    FORWARD(memory_new(2 * 256, 1, &op->table));
    for (int i = 0; i < 2 && op->x[i] >= 0; i++) {
        const Int8Tensor *x = &network->tensors[op->x[i]];
        for (int q = -128; q < 128; q++) {
            float value = x->scale * (float)(q - x->zero);
            reference_engine.kernels->act_forward(op->act, &value, 1, &value);
            op->table[256 * i + q + 128] = (int8_t)level(&network->tensors[op->y], (double)value);
        }
    }
    return CF_OK;
}

static cf_status quantize(Int8Network *network) {
    for (int i = 0; i < network->op_count; i++) {
        Int8Op *op = &network->ops[i];
        choose_limits(network, op);
        if (op->kind == INT8_CONV) FORWARD(quantize_product(network, op));
        if (op->kind == INT8_ADD) quantize_addition(network, op);
        if (op->kind == INT8_MEAN || op->kind == INT8_MULTIPLY) quantize_scaling(network, op);
        if (op->kind == INT8_TABLE || op->kind == INT8_CONCAT) FORWARD(make_tables(network, op));
    }
    return CF_OK;
}

int int8_settings(const Int8Network *network, const Int8Op *op, int32_t settings[INT8_SETTINGS]) {
    const int x = network->tensors[op->x[0]].zero, by = op->x[1] < 0 ? 0 : network->tensors[op->x[1]].zero,
              y = network->tensors[op->y].zero;
    const int32_t levels[] = {x, y, op->low, op->high},
                  scaling[] = {x, by, y, op->factors[0], op->shifts[0], op->low, op->high},
                  sum[] = {x, op->factors[0], op->shifts[0], by,      op->factors[1], op->shifts[1],
                           y, op->factors[2], op->shifts[2], op->low, op->high};
    const bool is_sum = op->kind == INT8_ADD, is_conv = op->kind == INT8_CONV;
    const int count = (int)(is_sum ? COUNT_OF(sum) : is_conv ? COUNT_OF(levels) : COUNT_OF(scaling));
    memcpy(settings, is_sum ? sum : is_conv ? levels : scaling, (size_t)count * sizeof *settings);
    return count;
}

cf_status int8_network_new(const cf_model *model, const cf_subset *images, int threads, Int8Network **network) {
    AUTO(int8_network_free_at) Int8Network *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->model = model;
    FORWARD(int8_group(made));
    FORWARD(int8_calibrate(made, images, &reference_engine, threads));
    FORWARD(quantize(made));
    *network = memory_take(&made);
    return CF_OK;
}
