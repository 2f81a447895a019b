/* The layers of a model line as calls in float32: one row for each word. What nn/ fuses is apart here, which changes no bit but the
 * sign of a zero that no probability depends on: a norm, an activation and a pool are each monotonic. */
#include "export/c_network.h"

#include "base/text.h"

#include <string.h>

const CFormat c_float32 = {.word = "float32",
                           .element = "float",
                           .element_bytes = sizeof(float),
                           .input = "(float)image[i] / 255",
                           .always = "Window softmax",
                           .softmax = "softmax"};

/* A layer on its way: what it reads. */
typedef struct Work {
    CNetwork *net;
    const Layer *layer;
    int x[2];
} Work;

static const float *parameter(const Work *w, const char *what) {
    return parameters_find(&w->net->model->parameters, w->net->layer, what);
}

/* A parameter as it lies in memory; "0" where the layer has none. */
static CSymbol parameter_symbol(const Work *w, const char *what, size_t count) {
    const float *values = parameter(w, what);
    return values ? c_floats(w->net, what, values, count, NULL) : (CSymbol){"0"};
}

static int new_value(const Work *w, Shape shape) {
    return c_value(w->net, shape_size(shape));
}

/* From what the layer reads to what it gives. */
static CCall call_of_layer(const Work *w, const char *kernel) {
    return c_call_of(w->net, kernel, w->x[0], new_value(w, w->layer->out));
}

/* ---- Convolutions, dense layers ---- */

static int convolution(const Work *w, const char *name, const Window *window, const char *weight, const char *bias,
                       int x, int y) {
    CCall call = c_call_of(w->net, "conv", x, y);
    const double taps = (double)window->R * window->S * (window->C / window->groups);
    call.products = (double)window->K * window->P * window->Q * taps;
    const CSymbol shape = c_window(w->net, name, window),
                  weights = c_floats(w->net, weight, parameter(w, weight), (size_t)window->K * (size_t)taps, window),
                  biases = parameter_symbol(w, bias, (size_t)window->K);
    c_call(w->net, &call, "%s, %s, %s, ", shape.text, weights.text, biases.text);
    return y;
}

static int add_conv(const Work *w) {
    const Window window = layer_window(w->layer, 1);
    return convolution(w, "window", &window, "weight", "bias", w->x[0], new_value(w, w->layer->out));
}

static int fully_connected(const Work *w, const char *weight, const char *bias, int inputs, int outputs, int x, int y) {
    CCall call = c_call_of(w->net, "dense", x, y);
    call.products = (double)inputs * outputs;
    const CSymbol weights = parameter_symbol(w, weight, (size_t)inputs * (size_t)outputs),
                  biases = parameter_symbol(w, bias, (size_t)outputs);
    c_call(w->net, &call, "%d, %d, %s, %s, ", inputs, outputs, weights.text, biases.text);
    return y;
}

static int add_dense(const Work *w) {
    return fully_connected(w, "weight", "bias", (int)shape_size(w->layer->in), w->layer->out.C, w->x[0],
                           new_value(w, w->layer->out));
}

/* ---- Norms ---- */

static CCall call_of_norm(const Work *w, const char *kernel) {
    CCall call = call_of_layer(w, kernel);
    call.in_place = true, call.products = (double)shape_size(w->layer->in);
    return call;
}

static int affine(const Work *w, const float *mean, const float *scale, const float *shift) {
    const size_t C = (size_t)w->layer->in.C;
    const CCall call = call_of_norm(w, "affine");
    const CSymbol means = c_floats(w->net, "mean", mean, C, NULL), scales = c_floats(w->net, "scale", scale, C, NULL),
                  shifts = c_floats(w->net, "shift", shift, C, NULL);
    c_call(w->net, &call, "%zu, %zu, %s, %s, %s, ", shape_size(w->layer->in), C, means.text, scales.text, shifts.text);
    return call.y;
}

static int add_batch_norm(const Work *w) {
    const size_t C = (size_t)w->layer->in.C;
    const float *weight = parameter(w, "weight"), *variance = parameter(w, "running_var");
    AUTO_FREE float *scale = NULL;
    if (!w->net->status) w->net->status = memory_new(C, sizeof *scale, &scale);
    if (!scale) return 0;
    for (size_t c = 0; c < C; c++) scale[c] = batch_norm_scale(weight[c], variance[c], w->layer->epsilon);
    return affine(w, parameter(w, "running_mean"), scale, parameter(w, "bias"));
}

static int add_normalize(const Work *w) {
    const size_t C = (size_t)w->layer->in.C;
    AUTO_FREE float *vectors = NULL;
    if (!w->net->status) w->net->status = memory_new(3 * C, sizeof *vectors, &vectors);
    if (!vectors) return 0;
    for (size_t c = 0; c < C; c++) {
        const size_t i = w->layer->number == 1 ? 0 : c;
        vectors[c] = w->layer->means[i], vectors[C + c] = 1 / w->layer->deviations[i];
    }
    return affine(w, vectors, vectors + C, vectors + 2 * C);
}

static int add_norm(const Work *w) {
    const Shape in = w->layer->in;
    const bool by_position = strcmp(w->layer->type->word, "layernorm") == 0;
    const int area = in.H * in.W, run = by_position ? in.C : in.C / w->layer->number;
    const CCall call = call_of_norm(w, "norm");
    const CSymbol weights = parameter_symbol(w, "weight", (size_t)in.C),
                  biases = parameter_symbol(w, "bias", (size_t)in.C);
    c_call(w->net, &call, "%d, %d, %d, %d, %d, %d, %s, %s, ", by_position ? area : w->layer->number, run,
           by_position ? 1 : area, run, in.C, in.C, weights.text, biases.text);
    return call.y;
}

/* ---- Functions of each value, pools, joins ---- */

static int each_value(const Work *w, const char *kernel, const char *setting, size_t count, int x, int y) {
    CCall call = c_call_of(w->net, kernel, x, y);
    call.in_place = true;
    c_call(w->net, &call, "%zu, %s", count, setting);
    return y;
}

static int add_activation(const Work *w) {
    const Activation act = w->layer->activation;
    const bool rectifies = act.kind == ACT_RELU;
    char slope[48] = "";
    if (rectifies) snprintf(slope, sizeof slope, act.slope > 0 ? "%af, " : "0, ", (double)act.slope);
    return each_value(w, rectifies ? "relu" : w->layer->type->word, slope, shape_size(w->layer->in), w->x[0],
                      new_value(w, w->layer->out));
}

static int pool(const Work *w, const char *kernel, const Window *window, int y) {
    const CCall call = c_call_of(w->net, kernel, w->x[0], y);
    const CSymbol shape = c_window(w->net, "window", window);
    c_call(w->net, &call, "%s, ", shape.text);
    return y;
}

static int add_pool(const Work *w) {
    const Window window = layer_window(w->layer, 1);
    return pool(w, strstr(w->layer->type->word, "avg") ? "avgpool" : "maxpool", &window, new_value(w, w->layer->out));
}

static int add_sum(const Work *w) {
    CCall call = call_of_layer(w, "add");
    call.x[1] = w->x[1], call.in_place = true;
    c_call(w->net, &call, "%zu, ", shape_size(w->layer->out));
    return call.y;
}

static int add_concat(const Work *w) {
    const Shape out = w->layer->out;
    CCall call = call_of_layer(w, "concat");
    call.x[1] = w->x[1];
    c_call(w->net, &call, "%d, %d, %d, ", out.H * out.W, w->layer->in.C, out.C - w->layer->in.C);
    return call.y;
}

/* What is learned for each value is added: as if it were another value. */
static int add_position(const Work *w) {
    const size_t count = shape_size(w->layer->in);
    CCall call = call_of_layer(w, "add");
    const CSymbol weights = parameter_symbol(w, "weight", count);
    call.in_place = true;
    c_call(w->net, &call, "%zu, %s, ", count, weights.text);
    return call.y;
}

static int add_nothing(const Work *w) {
    return w->x[0];
}

/* ---- Layers of several calls ---- */

static int add_squeeze(const Work *w) {
    const Shape in = w->layer->in;
    const int few = in.C / w->layer->number;
    const Window whole = window_whole(in, in.C);
    const int means = c_value(w->net, (size_t)in.C), squeezed = c_value(w->net, (size_t)few),
              opened = c_value(w->net, (size_t)in.C);
    CCall call = call_of_norm(w, "multiply");
    call.x[1] = opened;
    pool(w, "avgpool", &whole, means);
    fully_connected(w, "fc1.weight", "fc1.bias", in.C, few, means, squeezed);
    each_value(w, "relu", "0, ", (size_t)few, squeezed, squeezed);
    fully_connected(w, "fc2.weight", "fc2.bias", few, in.C, squeezed, opened);
    each_value(w, "sigmoid", "", (size_t)in.C, opened, opened);
    c_call(w->net, &call, "%zu, %d, ", shape_size(in), in.C);
    return call.y;
}

static int add_attention(const Work *w) {
    const Shape in = w->layer->in;
    const Window into = window_pixel(in, 3 * in.C), out = window_pixel(in, in.C);
    const int positions = in.H * in.W;
    const int projected = c_value(w->net, 3 * shape_size(in)), attended = new_value(w, in),
              room = c_value(w->net, (size_t)positions), y = new_value(w, in);
    convolution(w, "in_window", &into, "in_proj_weight", "in_proj_bias", w->x[0], projected);
    CCall call = c_call_of(w->net, "attention", projected, attended);
    call.room = room, call.products = 2.0 * positions * positions * in.C;
    c_call(w->net, &call, "%d, %d, %d, ", positions, in.C, w->layer->number);
    return convolution(w, "out_window", &out, "out_proj.weight", "out_proj.bias", attended, y);
}

/* ---- The table ---- */

/* How the layers of these words are written; gives the value that they end in. */
static const struct {
    const char *words;
    int (*add)(const Work *work);
} rows[] = {{"conv dwconv patch", add_conv},
            {"dense", add_dense},
            {"add", add_sum},
            {"concat", add_concat},
            {"se", add_squeeze},
            {"attention", add_attention},
            {"position", add_position},
            {"bn", add_batch_norm},
            {"groupnorm instancenorm layernorm standardize", add_norm},
            {"normalize", add_normalize},
            {"relu leakyrelu relu6 silu gelu hardswish sigmoid", add_activation},
            {"maxpool avgpool globalavgpool globalmaxpool", add_pool},
            {"dropout droppath reverse", add_nothing}};

static int row_of(const char *word) {
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (text_has_word(rows[i].words, word)) return (int)i;
    return -1;
}

bool c_layer_known(const char *word) {
    return row_of(word) >= 0;
}

static void add_layer(CNetwork *net, int number, int *given) {
    const Layer *layer = &net->model->layers.layers[number];
    const int row = row_of(layer->type->word);
    Work work = {.net = net, .layer = layer, .x = {-1, -1}};
    net->layer = number;
    for (int i = 0; i < layer->inputs; i++) work.x[i] = layer->input[i] < 0 ? 0 : given[layer->input[i]];
    if (row >= 0)
        given[number] = rows[row].add(&work);
    else if (!net->status)
        net->status = FAIL(CF_INTERNAL, "the layer %s (%s) cannot be written as C", layer->name, layer->type->word);
}

cf_status c_layers_float32(CNetwork *net) {
    const LayerList *layers = &net->model->layers;
    const int last = layers->heads[0];
    AUTO_FREE bool *needed = NULL;
    AUTO_FREE int *given = NULL;
    FORWARD(layer_list_needed(layers, last, &needed));
    FORWARD(memory_new((size_t)layers->count, sizeof *given, &given));
    c_value(net, shape_size(layers->input)); /* value 0, written by what `format->input` says */
    for (int i = 0; i < layers->count; i++)
        if (needed[i]) add_layer(net, i, given);
    net->result = given[last];
    return memory_print(&net->logits, "%zu, ", shape_size(layers->layers[last].out));
}
