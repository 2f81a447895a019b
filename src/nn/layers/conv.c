/* conv, dwconv, patch: convolutions. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

/* ---- The layers ---- */

enum { PAD_TF = -1 }; /* Layer.pad_h until the shape is known */

static cf_status read_padding(Reader *reader, Layer *layer, bool *same) {
    *same = false;
    layer->pad_h = layer->pad_w = 0;
    if (reader_take_if(reader, "same")) {
        *same = true;
    } else if (reader_take_if(reader, "tf")) {
        layer->pad_h = PAD_TF;
    } else if (!reader_take_if(reader, "valid")) {
        FORWARD(reader_integer(reader, "same, valid, tf or a padding", 0, 512, &layer->pad_h));
        layer->pad_w = layer->pad_h;
    }
    return CF_OK;
}

/* stride N, pad N|same|valid|tf, groups G, dilation D, bias, nobias: in any order. */
static cf_status read_settings(Reader *reader, Layer *layer, bool depthwise) {
    static const char *const settings[] = {"stride", "pad", "dilation", "bias", "nobias", "groups", NULL};
    bool same = true;
    layer->bias = !reader->bn_follows;
    for (int before = -1; before != reader->next;) {
        before = reader->next;
        if (reader_take_if(reader, "stride"))
            FORWARD(reader_integer(reader, "a stride", 1, 64, &layer->stride));
        else if (reader_take_if(reader, "pad"))
            FORWARD(read_padding(reader, layer, &same));
        else if (reader_take_if(reader, "dilation"))
            FORWARD(reader_integer(reader, "a dilation", 1, 64, &layer->dilation));
        else if (!depthwise && reader_take_if(reader, "groups"))
            FORWARD(reader_integer(reader, "a number of groups", 1, 65536, &layer->groups));
        else if (reader_take_if(reader, "bias"))
            layer->bias = true;
        else if (reader_take_if(reader, "nobias"))
            layer->bias = false;
    }
    if (same) {
        layer->pad_h = (layer->R - 1) * layer->dilation / 2;
        layer->pad_w = (layer->S - 1) * layer->dilation / 2;
    }
    return reader_finish(reader, settings);
}

static cf_status read_conv(Reader *reader, Layer *layer) {
    FORWARD(reader_integer(reader, "the number of filters", 1, 65536, &layer->out.C));
    FORWARD(reader_window(reader, &layer->R, &layer->S));
    return read_settings(reader, layer, false);
}

static cf_status read_depthwise(Reader *reader, Layer *layer) {
    FORWARD(reader_window(reader, &layer->R, &layer->S));
    return read_settings(reader, layer, true);
}

/* P C: a PxP convolution to C channels with stride P (Dosovitskiy et al. 2021). */
static cf_status read_patch(Reader *reader, Layer *layer) {
    FORWARD(reader_integer(reader, "the side of a patch", 1, 64, &layer->R));
    FORWARD(reader_integer(reader, "the number of channels", 1, 65536, &layer->out.C));
    layer->S = layer->stride = layer->R;
    layer->bias = true;
    return reader_finish(reader, NULL);
}

static cf_status window_fits(const Reader *reader, const Layer *layer, int high, int wide) {
    if ((layer->R - 1) * layer->dilation + 1 <= high && (layer->S - 1) * layer->dilation + 1 <= wide) return CF_OK;
    return reader_fail(reader, layer->column, "a window of %dx%d does not fit on the %dx%d that arrives here", layer->R,
                       layer->S, layer->in.H, layer->in.W);
}

static cf_status conv_shape(const Reader *reader, Layer *layer) {
    Shape in = layer->in;
    if (layer->type == &dwconv_type) layer->out.C = layer->groups = in.C;
    if (in.C % layer->groups || layer->out.C % layer->groups)
        return reader_fail(reader, layer->column, "%d channels arrive and %d leave: %d groups divide not both", in.C,
                           layer->out.C, layer->groups);
    if (layer->pad_h == PAD_TF) {
        layer->pad_h = layer_same_padding(in.H, layer->R, layer->stride, layer->dilation, &layer->out.H);
        layer->pad_w = layer_same_padding(in.W, layer->S, layer->stride, layer->dilation, &layer->out.W);
    } else {
        const int high = in.H + 2 * layer->pad_h, wide = in.W + 2 * layer->pad_w;
        FORWARD(window_fits(reader, layer, high, wide));
        layer->out.H = (high - (layer->R - 1) * layer->dilation - 1) / layer->stride + 1;
        layer->out.W = (wide - (layer->S - 1) * layer->dilation - 1) / layer->stride + 1;
    }
    const size_t outputs = (size_t)layer->out.C,
                 weights[] = {outputs, (size_t)(in.C / layer->groups), (size_t)layer->R, (size_t)layer->S};
    layer_add_parameter(layer, "weight", PARAMETER_WEIGHT, 4, weights);
    if (layer->bias) layer_add_parameter(layer, "bias", PARAMETER_BIAS, 1, &outputs);
    layer->flops = 2 * (double)(in.C / layer->groups) * layer->R * layer->S * (double)shape_size(layer->out);
    return CF_OK;
}

static void describe_conv(const Layer *layer, FILE *out) {
    layer_describe_window(layer, out);
    if (layer->groups > 1 && layer->type == &conv_type) fprintf(out, ", groups %d", layer->groups);
    if (layer->dilation > 1) fprintf(out, ", dilation %d", layer->dilation);
}

/* ---- The node ---- */

typedef struct ConvNode {
    Node node;
    Window window; /* of one slice */
    Conv *conv;
    Weights weight, bias;
    float *slots; /* a weight gradient per group of slices */
    size_t slot_size;
    float *slot_sum;
    double *sums; /* [slices][K]: of the bias */
} ConvNode;

static ConvNode *conv_of(Node *node) {
    return (ConvNode *)node;
}

static cf_status pack_conv(const Work *w) {
    const ConvNode *n = conv_of(w->node);
    return w->plan->options.engine->conv_pack(n->conv, n->weight.values);
}

static size_t rows_of(const Window *window) {
    return (size_t)window->N * (size_t)window->P * (size_t)window->Q;
}

static cf_status conv_forward(const Work *w) {
    const ConvNode *n = conv_of(w->node);
    void *y = work_y(w);
    FORWARD(w->plan->options.engine->conv_forward(n->conv, w->thread, work_x(w, 0), y));
    if (n->bias.values) work_kernels(w)->add_bias(y, rows_of(&n->window), n->window.K, n->bias.values);
    return CF_OK;
}

static cf_status conv_backward(const Work *w) {
    const ConvNode *n = conv_of(w->node);
    const Engine *engine = w->plan->options.engine;
    const int group = w->plan->group;
    const void *dy = work_dy(w);
    if (w->node->learns)
        FORWARD(engine->conv_backward_weights(n->conv, w->thread, work_x(w, 0), dy,
                                              n->slots + (size_t)(w->index / group) * n->slot_size,
                                              w->index % group != 0));
    if (n->bias.gradient)
        work_kernels(w)->channel_sums(dy, rows_of(&n->window), n->window.K,
                                      n->sums + (size_t)w->index * (size_t)n->window.K);
    return w->node->dx[0] ? engine->conv_backward_data(n->conv, w->thread, dy, work_dx(w, 0)) : CF_OK;
}

static int groups_of(const Plan *plan) {
    return (plan->slices + plan->group - 1) / plan->group;
}

static cf_status sum_weights(const Work *w) {
    const ConvNode *n = conv_of(w->node);
    work_sum_slots(w, n->slots, n->slot_size, groups_of(w->plan), n->slot_sum);
    return CF_OK;
}

static cf_status unpack_weights(const Work *w) {
    const ConvNode *n = conv_of(w->node);
    return w->plan->options.engine->conv_unpack(n->conv, n->slot_sum, n->weight.gradient);
}

static cf_status close_gradients(Planner *planner, Node *node) {
    const ConvNode *n = conv_of(node);
    const Window *w = &n->window;
    const size_t K = (size_t)w->K, inputs = (size_t)(w->C / w->groups) * (size_t)w->R * (size_t)w->S;
    const DoubleSum bias = {&n->sums, 0, K, K, planner->plan->slices, n->bias.gradient};
    if (!node->learns) return CF_OK;
    if (bias.to) FORWARD(planner_sum(planner, &bias));
    FORWARD(planner_part_gradient(planner, n->weight.gradient, K * inputs));
    FORWARD(planner_close(planner, sum_weights, node, sum_pieces(n->slot_size), USES_NOTHING));
    return planner_finish(planner, unpack_weights, node);
}

static void release_conv(const Engine *engine, Node *node) {
    engine->conv_free(conv_of(node)->conv);
}

cf_status lay_convolution(Planner *planner, int number, const Window *window, const char *weight, const char *bias,
                          Tensor *x, Tensor *y) {
    static const NodeType type = {.name = "convolution",
                                  .refresh = pack_conv,
                                  .forward = {conv_forward, USES_X | USES_Y},
                                  .backward = {conv_backward, USES_X | USES_DX | USES_DY},
                                  .add_backward = close_gradients,
                                  .release = release_conv};
    const Plan *plan = planner->plan;
    const Engine *engine = plan->options.engine;
    ConvNode *n;
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, true, y, &n));
    n->window = *window;
    n->window.N = plan->slice;
    n->weight = planner_weights(planner, number, weight);
    n->bias = planner_weights(planner, number, bias);
    FORWARD(engine->conv_new(&n->window, n->node.learns || x->wants_gradient, x->wants_gradient, plan->options.threads,
                             &n->conv));
    if (!n->node.learns) return CF_OK;
    n->slot_size = engine->conv_slot_size(n->conv);
    FORWARD(planner_keep(planner, &n->slots, (size_t)groups_of(plan) * n->slot_size, sizeof(float)));
    FORWARD(planner_keep(planner, &n->slot_sum, n->slot_size, sizeof(float)));
    return planner_keep(planner, &n->sums, (size_t)plan->slices * (size_t)n->window.K, sizeof(double));
}

static cf_status lay_conv(Planner *planner, int number) {
    const Layer *layer = planner_layer(planner, number);
    const Window window = layer_window(layer, 1);
    bool laid;
    Tensor *y;
    FORWARD(lay_stem(planner, number, &laid));
    if (laid) return CF_OK;
    FORWARD(planner_output(planner, number, &y));
    return lay_convolution(planner, number, &window, "weight", "bias", planner_input(planner, number, 0), y);
}

const LayerType conv_type = {"conv", "Conv", read_conv, conv_shape, describe_conv, lay_conv};
const LayerType dwconv_type = {"dwconv", "Conv", read_depthwise, conv_shape, describe_conv, lay_conv};
const LayerType patch_type = {"patch", "Conv", read_patch, conv_shape, describe_conv, lay_conv};
