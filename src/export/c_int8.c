/* A network in 8-bit integers (nn/int8) as calls. */
#include "export/c_network.h"

#include "base/memory.h"

#include <stdlib.h>

const CFormat c_int8 = {.word = "8-bit integers",
                        .element = "int8_t",
                        .element_bytes = 1,
                        .input = "(int8_t)(image[i] - 128)",
                        .always = "Window rescale clamp Scaling softmax softmax_int8",
                        .softmax = "softmax_int8"};

typedef struct Work {
    CNetwork *net;
    const Int8Network *integers;
    const Int8Op *op;
    CCall call;
} Work;

static const Int8Tensor *tensor_of(const Work *w, int tensor) {
    return &w->integers->tensors[tensor];
}

/* The constant of a part of the layer, "fc1_weight". */
static cf_status integers(const Work *w, const char *what, int bytes, const void *values, size_t count,
                          char symbol[C_SYMBOL]) {
    char name[32];
    snprintf(name, sizeof name, "%s%s", w->op->part, what);
    return c_integers(w->net, w->op->layer, name, bytes, values, count, symbol);
}

/* The structure that the kernel takes. */
static cf_status settings(const Work *w, const char *what, const char *type, char symbol[C_SYMBOL]) {
    int32_t values[INT8_SETTINGS];
    const int count = int8_settings(w->integers, w->op, values);
    char name[32];
    snprintf(name, sizeof name, "%s%s", w->op->part, what);
    return c_structure(w->net, w->op->layer, name, type, values, (size_t)count, symbol);
}

static cf_status window(const Work *w, char symbol[C_SYMBOL]) {
    char name[32];
    snprintf(name, sizeof name, "%swindow", w->op->part);
    return c_window(w->net, w->op->layer, name, &w->op->window, symbol);
}

static cf_status product(Work *w) {
    const Int8Op *op = w->op;
    const Window *seen = &op->window;
    const size_t K = (size_t)seen->K, size = (size_t)(seen->C / seen->groups) * (size_t)seen->R * (size_t)seen->S;
    char shape[C_SYMBOL], levels[C_SYMBOL], weights[C_SYMBOL], bias[C_SYMBOL], multiplier[C_SYMBOL], shift[C_SYMBOL];
    w->call.products = (double)K * (double)size * seen->P * seen->Q;
    FORWARD(window(w, shape));
    FORWARD(settings(w, "levels", "Levels", levels));
    FORWARD(integers(w, "weight", 1, op->weights, K * size, weights));
    FORWARD(integers(w, "bias", 4, op->bias, K, bias));
    FORWARD(integers(w, "multiplier", 4, op->multiplier, K, multiplier));
    FORWARD(integers(w, "shift", 1, op->shift, K, shift));
    return c_call(w->net, &w->call, "%s, %s, %s, %s, %s, %s, ", shape, levels, weights, bias, multiplier, shift);
}

static cf_status pool(Work *w) {
    char shape[C_SYMBOL];
    FORWARD(window(w, shape));
    return c_call(w->net, &w->call, "%s, ", shape);
}

static cf_status addition(Work *w) {
    char sum[C_SYMBOL];
    FORWARD(settings(w, "sum", "Sum", sum));
    return c_call(w->net, &w->call, "%zu, %s, ", shape_size(tensor_of(w, w->op->y)->shape), sum);
}

static cf_status limits(Work *w) {
    return c_call(w->net, &w->call, "%zu, %d, %d, ", shape_size(tensor_of(w, w->op->y)->shape), w->op->low,
                  w->op->high);
}

static cf_status table(Work *w) {
    char values[C_SYMBOL];
    FORWARD(integers(w, "table", 1, w->op->table, 256, values));
    return c_call(w->net, &w->call, "%zu, %s, ", shape_size(tensor_of(w, w->op->y)->shape), values);
}

static cf_status concat(Work *w) {
    const Shape a = tensor_of(w, w->op->x[0])->shape, b = tensor_of(w, w->op->x[1])->shape;
    char tables[C_SYMBOL];
    FORWARD(integers(w, "tables", 1, w->op->table, 2 * 256, tables));
    return c_call(w->net, &w->call, "%d, %d, %d, %s, ", a.H * a.W, a.C, b.C, tables);
}

static cf_status mean(Work *w) {
    const Shape in = tensor_of(w, w->op->x[0])->shape;
    char scaling[C_SYMBOL];
    FORWARD(settings(w, "mean", "Scaling", scaling));
    return c_call(w->net, &w->call, "%d, %d, %s, ", in.H * in.W, in.C, scaling);
}

static cf_status multiply(Work *w) {
    const Shape in = tensor_of(w, w->op->x[0])->shape;
    char scaling[C_SYMBOL];
    w->call.products = (double)shape_size(in);
    FORWARD(settings(w, "scaling", "Scaling", scaling));
    return c_call(w->net, &w->call, "%zu, %d, %s, ", shape_size(in), in.C, scaling);
}

static const struct {
    const char *kernel;
    bool in_place;
    cf_status (*add)(Work *work);
} rows[] = {[INT8_CONV] = {"conv_int8", false, product},        [INT8_MAXPOOL] = {"maxpool_int8", false, pool},
            [INT8_AVGPOOL] = {"avgpool_int8", false, pool},     [INT8_ADD] = {"add_int8", true, addition},
            [INT8_CLAMP] = {"clamp_int8", true, limits},        [INT8_TABLE] = {"table_int8", true, table},
            [INT8_CONCAT] = {"concat_int8", false, concat},     [INT8_MEAN] = {"mean_int8", false, mean},
            [INT8_MULTIPLY] = {"multiply_int8", true, multiply}};

cf_status c_layers_int8(CNetwork *net, const Int8Network *integers) {
    const Int8Tensor *result = &integers->tensors[integers->result];
    for (int t = 0, value; t < integers->tensor_count; t++) /* values have the tensors' numbers */
        FORWARD(c_value(net, shape_size(integers->tensors[t].shape), &value));
    for (int i = 0; i < integers->op_count; i++) {
        const Int8Op *op = &integers->ops[i];
        Work work = {net,
                     integers,
                     op,
                     {.layer = op->layer,
                      .last = op->last,
                      .kernel = rows[op->kind].kernel,
                      .x = {op->x[0], op->x[1]},
                      .y = op->y,
                      .room = -1,
                      .in_place = rows[op->kind].in_place}};
        FORWARD(rows[op->kind].add(&work));
    }
    net->result = integers->result;
    return memory_print(&net->logits, "%d, %af, %d, ", net->model->classes, (double)result->scale, result->zero);
}
