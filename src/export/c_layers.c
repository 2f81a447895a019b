/* The layers of a model line as calls in float32: one row for each word. What nn/ fuses is apart here, which changes no bit but the
 * sign of a zero that no probability depends on: a norm, an activation and a pool are each monotonic. */
#include "export/c_network.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const CFormat c_float32 = {.word = "float32",
                           .element = "float",
                           .element_bytes = sizeof(float),
                           .input = "(float)image[i] / 255",
                           .always = "Window softmax",
                           .softmax = "softmax"};

/* A layer on its way: what it reads, and what it gives, which its function makes. */
typedef struct Work {
    CNetwork *net;
    const Layer *layer;
    int number, x[2], y;
} Work;

static const float *parameter(const Work *w, const char *what) {
    return parameters_find(&w->net->model->parameters, w->number, what);
}

/* The symbol of a parameter as it lies in memory; "0" where the layer has none. */
static cf_status take(const Work *w, const char *what, size_t count, char symbol[C_SYMBOL]) {
    const float *values = parameter(w, what);
    if (values) return c_floats(w->net, w->number, what, values, count, symbol);
    snprintf(symbol, C_SYMBOL, "0");
    return CF_OK;
}

static CCall call_of(const Work *w, const char *kernel, int x, int y) {
    return (CCall){.layer = w->number, .last = w->number, .kernel = kernel, .x = {x, -1}, .y = y, .room = -1};
}

static cf_status value_of(const Work *w, Shape shape, int *value) {
    return c_value(w->net, shape_size(shape), value);
}

/* ---- Convolutions, dense layers ---- */

/* [K][channels][taps] as [K][taps][channels], in which a filter meets the values in the order in which they lie. */
static cf_status take_filters(const Work *w, const char *what, const Window *window, char symbol[C_SYMBOL]) {
    const size_t channels = (size_t)(window->C / window->groups), taps = (size_t)window->R * (size_t)window->S,
                 count = (size_t)window->K * channels * taps;
    const float *from = parameter(w, what);
    float *turned;
    FORWARD(memory_new(count, sizeof *turned, &turned));
    for (size_t i = 0; i < count; i++) {
        const size_t k = i / (channels * taps), c = i / taps % channels, tap = i % taps;
        turned[(k * taps + tap) * channels + c] = from[i];
    }
    const cf_status status = c_floats(w->net, w->number, what, turned, count, symbol);
    free(turned);
    return status;
}

static cf_status convolution(const Work *w, const char *name, const Window *window, const char *weight,
                             const char *bias, int x, int y) {
    char shape[C_SYMBOL], weights[C_SYMBOL], biases[C_SYMBOL];
    CCall call = call_of(w, "conv", x, y);
    call.products = (double)window->K * window->P * window->Q * window->R * window->S * (window->C / window->groups);
    FORWARD(c_window(w->net, w->number, name, window, shape));
    FORWARD(take_filters(w, weight, window, weights));
    FORWARD(take(w, bias, (size_t)window->K, biases));
    return c_call(w->net, &call, "%s, %s, %s, ", shape, weights, biases);
}

static cf_status conv(Work *w) {
    const Window window = layer_window(w->layer, 1);
    FORWARD(value_of(w, w->layer->out, &w->y));
    return convolution(w, "window", &window, "weight", "bias", w->x[0], w->y);
}

static cf_status fully_connected(const Work *w, const char *weight, const char *bias, int inputs, int outputs, int x,
                                 int y) {
    char weights[C_SYMBOL], biases[C_SYMBOL];
    CCall call = call_of(w, "dense", x, y);
    call.products = (double)inputs * outputs;
    FORWARD(take(w, weight, (size_t)inputs * (size_t)outputs, weights));
    FORWARD(take(w, bias, (size_t)outputs, biases));
    return c_call(w->net, &call, "%d, %d, %s, %s, ", inputs, outputs, weights, biases);
}

static cf_status dense(Work *w) {
    FORWARD(value_of(w, w->layer->out, &w->y));
    return fully_connected(w, "weight", "bias", (int)shape_size(w->layer->in), w->layer->out.C, w->x[0], w->y);
}

/* ---- Norms ---- */

static cf_status affine(Work *w, const float *mean, const float *scale, const float *shift) {
    const Shape in = w->layer->in;
    const size_t C = (size_t)in.C;
    char means[C_SYMBOL], scales[C_SYMBOL], shifts[C_SYMBOL];
    CCall call = call_of(w, "affine", w->x[0], -1);
    FORWARD(value_of(w, w->layer->out, &w->y));
    call.y = w->y, call.in_place = true, call.products = (double)shape_size(in);
    FORWARD(c_floats(w->net, w->number, "mean", mean, C, means));
    FORWARD(c_floats(w->net, w->number, "scale", scale, C, scales));
    FORWARD(c_floats(w->net, w->number, "shift", shift, C, shifts));
    return c_call(w->net, &call, "%zu, %zu, %s, %s, %s, ", shape_size(in), C, means, scales, shifts);
}

static cf_status batch_norm(Work *w) {
    const size_t C = (size_t)w->layer->in.C;
    const float *weight = parameter(w, "weight"), *variance = parameter(w, "running_var");
    float *scale;
    FORWARD(memory_new(C, sizeof *scale, &scale));
    for (size_t c = 0; c < C; c++) scale[c] = batch_norm_scale(weight[c], variance[c], w->layer->epsilon);
    const cf_status status = affine(w, parameter(w, "running_mean"), scale, parameter(w, "bias"));
    free(scale);
    return status;
}

static cf_status normalize(Work *w) {
    const size_t C = (size_t)w->layer->in.C;
    float *vectors;
    FORWARD(memory_new(3 * C, sizeof *vectors, &vectors));
    for (size_t c = 0; c < C; c++) {
        const size_t i = w->layer->number == 1 ? 0 : c;
        vectors[c] = w->layer->means[i], vectors[C + c] = 1 / w->layer->deviations[i];
    }
    const cf_status status = affine(w, vectors, vectors + C, vectors + 2 * C);
    free(vectors);
    return status;
}

static cf_status norm(Work *w) {
    const Shape in = w->layer->in;
    const bool by_position = strcmp(w->layer->type->word, "layernorm") == 0;
    const int area = in.H * in.W, run = by_position ? in.C : in.C / w->layer->number;
    char weights[C_SYMBOL], biases[C_SYMBOL];
    CCall call = call_of(w, "norm", w->x[0], -1);
    FORWARD(value_of(w, w->layer->out, &w->y));
    call.y = w->y, call.in_place = true, call.products = (double)shape_size(in);
    FORWARD(take(w, "weight", (size_t)in.C, weights));
    FORWARD(take(w, "bias", (size_t)in.C, biases));
    return c_call(w->net, &call, "%d, %d, %d, %d, %d, %d, %s, %s, ", by_position ? area : w->layer->number, run,
                  by_position ? 1 : area, run, in.C, in.C, weights, biases);
}

/* ---- Functions of each value, pools, joins ---- */

static cf_status each_value(const Work *w, const char *kernel, const char *setting, size_t count, int x, int y) {
    CCall call = call_of(w, kernel, x, y);
    call.in_place = true;
    return c_call(w->net, &call, "%zu, %s", count, setting);
}

static cf_status activation(Work *w) {
    const Activation act = w->layer->activation;
    char slope[48] = "";
    if (act.kind == ACT_RELU) snprintf(slope, sizeof slope, act.slope > 0 ? "%af, " : "0, ", (double)act.slope);
    FORWARD(value_of(w, w->layer->out, &w->y));
    return each_value(w, act.kind == ACT_RELU ? "relu" : w->layer->type->word, slope, shape_size(w->layer->in), w->x[0],
                      w->y);
}

static cf_status average(const Work *w, const Window *window, int x, int y) {
    char shape[C_SYMBOL];
    const CCall call = call_of(w, "avgpool", x, y);
    FORWARD(c_window(w->net, w->number, "window", window, shape));
    return c_call(w->net, &call, "%s, ", shape);
}

static cf_status pool(Work *w) {
    const Window window = layer_window(w->layer, 1);
    char shape[C_SYMBOL];
    FORWARD(value_of(w, w->layer->out, &w->y));
    const CCall call = call_of(w, "maxpool", w->x[0], w->y);
    if (strstr(w->layer->type->word, "avg")) return average(w, &window, w->x[0], w->y);
    FORWARD(c_window(w->net, w->number, "window", &window, shape));
    return c_call(w->net, &call, "%s, ", shape);
}

static cf_status add(Work *w) {
    FORWARD(value_of(w, w->layer->out, &w->y));
    CCall call = call_of(w, "add", w->x[0], w->y);
    call.x[1] = w->x[1], call.in_place = true;
    return c_call(w->net, &call, "%zu, ", shape_size(w->layer->out));
}

static cf_status concat(Work *w) {
    const Shape out = w->layer->out;
    FORWARD(value_of(w, out, &w->y));
    CCall call = call_of(w, "concat", w->x[0], w->y);
    call.x[1] = w->x[1];
    return c_call(w->net, &call, "%d, %d, %d, ", out.H * out.W, w->layer->in.C, out.C - w->layer->in.C);
}

/* What is learned for each value is added: as if it were another value. */
static cf_status position(Work *w) {
    char weights[C_SYMBOL];
    const size_t count = shape_size(w->layer->in);
    FORWARD(value_of(w, w->layer->out, &w->y));
    FORWARD(take(w, "weight", count, weights));
    CCall call = call_of(w, "add", w->x[0], w->y);
    call.in_place = true;
    return c_call(w->net, &call, "%zu, %s, ", count, weights);
}

static cf_status nothing(Work *w) {
    w->y = w->x[0];
    return CF_OK;
}

/* ---- Layers of several calls ---- */

static cf_status squeeze(Work *w) {
    const Shape in = w->layer->in;
    const int few = in.C / w->layer->number;
    const Window whole = window_whole(in, in.C);
    int means, squeezed, opened;
    FORWARD(c_value(w->net, (size_t)in.C, &means));
    FORWARD(c_value(w->net, (size_t)few, &squeezed));
    FORWARD(c_value(w->net, (size_t)in.C, &opened));
    FORWARD(value_of(w, in, &w->y));
    FORWARD(average(w, &whole, w->x[0], means));
    FORWARD(fully_connected(w, "fc1.weight", "fc1.bias", in.C, few, means, squeezed));
    FORWARD(each_value(w, "relu", "0, ", (size_t)few, squeezed, squeezed));
    FORWARD(fully_connected(w, "fc2.weight", "fc2.bias", few, in.C, squeezed, opened));
    FORWARD(each_value(w, "sigmoid", "", (size_t)in.C, opened, opened));
    CCall call = call_of(w, "multiply", w->x[0], w->y);
    call.x[1] = opened, call.in_place = true, call.products = (double)shape_size(in);
    return c_call(w->net, &call, "%zu, %d, ", shape_size(in), in.C);
}

static Window projection(Shape in, int K) {
    return (Window){.C = in.C,
                    .H = in.H,
                    .W = in.W,
                    .K = K,
                    .R = 1,
                    .S = 1,
                    .stride = 1,
                    .groups = 1,
                    .dilation = 1,
                    .P = in.H,
                    .Q = in.W};
}

static cf_status attention(Work *w) {
    const Shape in = w->layer->in;
    const Window into = projection(in, 3 * in.C), out = projection(in, in.C);
    const int positions = in.H * in.W;
    int projected, attended, room;
    FORWARD(c_value(w->net, 3 * shape_size(in), &projected));
    FORWARD(c_value(w->net, shape_size(in), &attended));
    FORWARD(c_value(w->net, (size_t)positions, &room));
    FORWARD(value_of(w, in, &w->y));
    FORWARD(convolution(w, "in_window", &into, "in_proj_weight", "in_proj_bias", w->x[0], projected));
    CCall call = call_of(w, "attention", projected, attended);
    call.room = room, call.products = 2.0 * positions * positions * in.C;
    FORWARD(c_call(w->net, &call, "%d, %d, %d, ", positions, in.C, w->layer->number));
    return convolution(w, "out_window", &out, "out_proj.weight", "out_proj.bias", attended, w->y);
}

/* ---- The table ---- */

static const struct {
    const char *word;
    cf_status (*add)(Work *work);
} rows[] = {{"conv", conv},
            {"dwconv", conv},
            {"patch", conv},
            {"dense", dense},
            {"add", add},
            {"concat", concat},
            {"se", squeeze},
            {"attention", attention},
            {"position", position},
            {"bn", batch_norm},
            {"groupnorm", norm},
            {"instancenorm", norm},
            {"layernorm", norm},
            {"standardize", norm},
            {"normalize", normalize},
            {"relu", activation},
            {"leakyrelu", activation},
            {"relu6", activation},
            {"silu", activation},
            {"gelu", activation},
            {"hardswish", activation},
            {"sigmoid", activation},
            {"maxpool", pool},
            {"avgpool", pool},
            {"globalavgpool", pool},
            {"globalmaxpool", pool},
            {"dropout", nothing},
            {"droppath", nothing},
            {"reverse", nothing}};

static int row_of(const char *word) {
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].word, word) == 0) return (int)i;
    return -1;
}

bool c_layer_known(const char *word) {
    return row_of(word) >= 0;
}

static cf_status add_layer(CNetwork *net, int number, int *given) {
    const Layer *layer = &net->model->layers.layers[number];
    const int row = row_of(layer->type->word);
    Work work = {.net = net, .layer = layer, .number = number, .x = {-1, -1}};
    FAIL_IF(row < 0, CF_INTERNAL, "the layer %s (%s) cannot be written as C", layer->name, layer->type->word);
    for (int i = 0; i < layer->inputs; i++) work.x[i] = layer->input[i] < 0 ? 0 : given[layer->input[i]];
    FORWARD(rows[row].add(&work));
    given[number] = work.y;
    return CF_OK;
}

cf_status c_layers_float32(CNetwork *net) {
    const LayerList *layers = &net->model->layers;
    bool *needed;
    int *given, image;
    cf_status status = CF_OK;
    FORWARD(c_value(net, shape_size(layers->input), &image)); /* value 0, written by what `format->input` says */
    FORWARD(layer_list_needed(layers, layers->heads[0], &needed));
    status = memory_new((size_t)layers->count, sizeof *given, &given);
    if (status) {
        free(needed);
        return status;
    }
    for (int i = 0; i < layers->count && !status; i++)
        if (needed[i]) status = add_layer(net, i, given);
    if (!status) {
        const Layer *last = &layers->layers[layers->heads[0]];
        net->result = given[layers->heads[0]];
        status = memory_print(&net->logits, "%zu, ", shape_size(last->out));
    }
    free(given);
    free(needed);
    return status;
}
