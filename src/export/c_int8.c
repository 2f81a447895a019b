/* A network in 8-bit integers (nn/int8) as calls. */
#include "export/c_network.h"

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

static Shape shape_of(const Work *w, int tensor) {
    return w->integers->tensors[tensor].shape;
}

/* The structure that the kernel takes. */
static CSymbol kernel_settings(const Work *w, const char *what, const char *type) {
    int32_t values[INT8_SETTINGS];
    const int count = int8_settings(w->integers, w->op, values);
    return c_structure(w->net, what, type, values, (size_t)count);
}

static void add_conv(Work *w) {
    const Int8Op *op = w->op;
    const Window *seen = &op->window;
    const size_t K = (size_t)seen->K, size = (size_t)(seen->C / seen->groups) * (size_t)seen->R * (size_t)seen->S;
    w->call.products = (double)K * (double)size * seen->P * seen->Q;
    const CSymbol shape = c_window(w->net, "window", seen), levels = kernel_settings(w, "levels", "Levels"),
                  weights = c_integers(w->net, "weight", 1, op->weights, K * size),
                  bias = c_integers(w->net, "bias", 4, op->bias, K),
                  multiplier = c_integers(w->net, "multiplier", 4, op->multiplier, K),
                  shift = c_integers(w->net, "shift", 1, op->shift, K);
    c_call(w->net, &w->call, "%s, %s, %s, %s, %s, %s, ", shape.text, levels.text, weights.text, bias.text,
           multiplier.text, shift.text);
}

static void add_pool(Work *w) {
    const CSymbol window = c_window(w->net, "window", &w->op->window);
    c_call(w->net, &w->call, "%s, ", window.text);
}

static void add_sum(Work *w) {
    const CSymbol sum = kernel_settings(w, "sum", "Sum");
    c_call(w->net, &w->call, "%zu, %s, ", shape_size(shape_of(w, w->op->y)), sum.text);
}

static void add_clamp(Work *w) {
    c_call(w->net, &w->call, "%zu, %d, %d, ", shape_size(shape_of(w, w->op->y)), w->op->low, w->op->high);
}

static void add_table(Work *w) {
    const CSymbol values = c_integers(w->net, "table", 1, w->op->table, 256);
    c_call(w->net, &w->call, "%zu, %s, ", shape_size(shape_of(w, w->op->y)), values.text);
}

static void add_concat(Work *w) {
    const Shape a = shape_of(w, w->op->x[0]), b = shape_of(w, w->op->x[1]);
    const CSymbol tables = c_integers(w->net, "tables", 1, w->op->table, 2 * 256);
    c_call(w->net, &w->call, "%d, %d, %d, %s, ", a.H * a.W, a.C, b.C, tables.text);
}

static void add_mean(Work *w) {
    const Shape in = shape_of(w, w->op->x[0]);
    const CSymbol scaling = kernel_settings(w, "mean", "Scaling");
    c_call(w->net, &w->call, "%d, %d, %s, ", in.H * in.W, in.C, scaling.text);
}

static void add_product(Work *w) {
    const Shape in = shape_of(w, w->op->x[0]);
    const CSymbol scaling = kernel_settings(w, "scaling", "Scaling");
    w->call.products = (double)shape_size(in);
    c_call(w->net, &w->call, "%zu, %d, %s, ", shape_size(in), in.C, scaling.text);
}

static const struct {
    const char *kernel;
    bool in_place;
    void (*add)(Work *work);
} rows[] = {[INT8_CONV] = {"conv_int8", false, add_conv},          [INT8_MAXPOOL] = {"maxpool_int8", false, add_pool},
            [INT8_AVGPOOL] = {"avgpool_int8", false, add_pool},    [INT8_ADD] = {"add_int8", true, add_sum},
            [INT8_CLAMP] = {"clamp_int8", true, add_clamp},        [INT8_TABLE] = {"table_int8", true, add_table},
            [INT8_CONCAT] = {"concat_int8", false, add_concat},    [INT8_MEAN] = {"mean_int8", false, add_mean},
            [INT8_MULTIPLY] = {"multiply_int8", true, add_product}};

cf_status c_layers_int8(CNetwork *net, const Int8Network *integers) {
    const Int8Tensor *result = &integers->tensors[integers->result];
    for (int t = 0; t < integers->tensor_count; t++) /* values have the tensors' numbers */
        c_value(net, shape_size(integers->tensors[t].shape));
    for (int i = 0; i < integers->op_count; i++) {
        const Int8Op *op = &integers->ops[i];
        net->layer = op->layer, net->part = op->part;
        Work work = {net, integers, op, c_call_of(net, rows[op->kind].kernel, op->x[0], op->y)};
        work.call.last = op->last, work.call.x[1] = op->x[1], work.call.in_place = rows[op->kind].in_place;
        rows[op->kind].add(&work);
    }
    net->result = integers->result;
    return memory_print(&net->logits, "%d, %af, %d, ", net->model->classes, (double)result->scale, result->zero);
}
