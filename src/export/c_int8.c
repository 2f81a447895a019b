/* A network in 8-bit integers (nn/int8) as calls. */
#include "export/c_network.h"

#include "base/memory.h"

#include <stdlib.h>

const CFormat c_int8 = {.word = "8-bit integers",
                        .element = "int8_t",
                        .element_bytes = 1,
                        .input = "(int8_t)(image[i] - 128)",
                        .always = "Window rescale clamp softmax softmax_int8",
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

static cf_status product(Work *w) {
    const Int8Op *op = w->op;
    const Window *window = &op->window;
    const size_t K = (size_t)window->K,
                 size = (size_t)(window->C / window->groups) * (size_t)window->R * (size_t)window->S;
    char shape[C_SYMBOL], levels[C_SYMBOL], weights[C_SYMBOL], bias[C_SYMBOL], multiplier[C_SYMBOL], shift[C_SYMBOL];
    const int settings[] = {tensor_of(w, op->x[0])->zero, tensor_of(w, op->y)->zero, op->low, op->high};
    w->call.products = (double)K * (double)size * window->P * window->Q;
    FORWARD(c_window(w->net, op->layer, "window", window, shape));
    FORWARD(c_structure(w->net, op->layer, "levels", "Levels", settings, COUNT_OF(settings), levels));
    FORWARD(c_integers(w->net, op->layer, "weight", 1, op->weights, K * size, weights));
    FORWARD(c_integers(w->net, op->layer, "bias", 4, op->bias, K, bias));
    FORWARD(c_integers(w->net, op->layer, "multiplier", 4, op->multiplier, K, multiplier));
    FORWARD(c_integers(w->net, op->layer, "shift", 1, op->shift, K, shift));
    return c_call(w->net, &w->call, "%s, %s, %s, %s, %s, %s, ", shape, levels, weights, bias, multiplier, shift);
}

static cf_status pool(Work *w) {
    char shape[C_SYMBOL];
    FORWARD(c_window(w->net, w->op->layer, "window", &w->op->window, shape));
    return c_call(w->net, &w->call, "%s, ", shape);
}

static cf_status addition(Work *w) {
    const Int8Op *op = w->op;
    char sum[C_SYMBOL];
    const int settings[] = {tensor_of(w, op->x[0])->zero,
                            op->factors[0],
                            op->shifts[0],
                            tensor_of(w, op->x[1])->zero,
                            op->factors[1],
                            op->shifts[1],
                            tensor_of(w, op->y)->zero,
                            op->factors[2],
                            op->shifts[2],
                            op->low,
                            op->high};
    FORWARD(c_structure(w->net, op->layer, "sum", "Sum", settings, COUNT_OF(settings), sum));
    return c_call(w->net, &w->call, "%zu, %s, ", shape_size(tensor_of(w, op->y)->shape), sum);
}

static cf_status limits(Work *w) {
    return c_call(w->net, &w->call, "%zu, %d, %d, ", shape_size(tensor_of(w, w->op->y)->shape), w->op->low,
                  w->op->high);
}

static const struct {
    const char *kernel;
    bool in_place;
    cf_status (*add)(Work *work);
} rows[] = {[INT8_CONV] = {"conv_int8", false, product},
            [INT8_MAXPOOL] = {"maxpool_int8", false, pool},
            [INT8_AVGPOOL] = {"avgpool_int8", false, pool},
            [INT8_ADD] = {"add_int8", true, addition},
            [INT8_CLAMP] = {"clamp_int8", true, limits}};

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
