/* The nodes of an ONNX graph, one after the other, as layers of a model line. A row of the table is one operator; a pattern of several
 * is recognised at its last node, from the nodes in front of it. What is only a part of a pattern, or nothing that a layer does, is an op
 * with its reason, which is told if the result follows from it. */
#include "export/onnx_graph.h"

#include "base/memory.h"
#include "base/name_table.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_INPUTS = 8 };

typedef struct Nodes {
    OnnxGraph *graph;
    NameTable names;
    const OnnxNode *node;             /* the one at hand */
    OnnxValue *in[MOST_INPUTS], *out; /* NULL: left out */
} Nodes;

static const char part_of_nothing[] = "it stands in no pattern that a layer of the model line computes";
static const char attention_core[] = "an attention without the projection behind it";
static const char softmax_end[] = "a softmax that is not the end of the network";

/* ---- Values ---- */

static OnnxOp *op_of(const Nodes *s, const OnnxValue *v) {
    return &s->graph->ops[v->op];
}

static Shape shape_of(const Nodes *s, const OnnxValue *v) {
    return op_of(s, v)->layer.out;
}

/* A value of an image in one of the known views, made by a layer or the image itself. */
static bool is_whole(const Nodes *s, const OnnxValue *v) {
    return v && !v->constant && v->view != VIEW_PARTIAL && (v->op == ONNX_IMAGE || op_of(s, v)->layer.type);
}

static bool is_maps(const Nodes *s, const OnnxValue *v) {
    return is_whole(s, v) && v->view == VIEW_MAPS;
}

static bool same(const OnnxValue *a, const OnnxValue *b) {
    return a && b && !a->constant && !b->constant && a->op == b->op && a->view == b->view;
}

static const float *floats_of(const OnnxValue *v, size_t count) {
    return v && v->constant && v->constant->count == count ? v->constant->floats : NULL;
}

static bool is_scalar(const OnnxValue *v, double number) {
    const float *value = floats_of(v, 1);
    return value && fabs((double)*value - number) <= 1e-5 * fabs(number);
}

/* The value that a node reads; NULL where it has none there. */
static OnnxValue *input_of(const Nodes *s, const OnnxNode *node, int i) {
    if (!node || i >= node->input_count) return NULL;
    const int place = name_table_find(&s->names, node->inputs[i], strlen(node->inputs[i]));
    return place < 0 ? NULL : &s->graph->values[place];
}

/* The node that made a value, if it is of this operator. */
static const OnnxNode *maker_of(const OnnxValue *v, const char *op) {
    return v && v->maker && strcmp(v->maker->op, op) == 0 ? v->maker : NULL;
}

/* Of a product or sum with this number: the other value. */
static OnnxValue *beside(const Nodes *s, const OnnxNode *node, double number) {
    for (int i = 0; i < 2 && node; i++)
        if (is_scalar(input_of(s, node, i), number)) return input_of(s, node, 1 - i);
    return NULL;
}

/* One number, or one per channel where the value has its channels; or one per value of an image. */
static bool is_per_channel(const OnnxValue *c, View view, Shape shape) {
    const int behind = view == VIEW_MAPS ? 2 : view == VIEW_ROWS ? 1 : 0;
    if (!floats_of(c, (size_t)shape.C) || (view == VIEW_FLAT && shape.H * shape.W > 1)) return false;
    for (int i = 0; i < c->constant->dims; i++) {
        const size_t size = c->constant->shape[c->constant->dims - 1 - i];
        if (size != (i == behind ? (size_t)shape.C : 1)) return false;
    }
    return c->constant->dims > behind || shape.C == 1;
}

static bool has_sizes(const OnnxTensor *t, int count, const size_t *sizes) {
    if (t->dims < count) return false;
    for (int i = 0; i < t->dims; i++)
        if (t->shape[t->dims - 1 - i] != (i < count ? sizes[count - 1 - i] : 1)) return false;
    return true;
}

/* ---- Attributes ---- */

static int64_t integer_or(const OnnxNode *node, const char *name, int64_t other) {
    const OnnxAttribute *a = onnx_attribute(node, name);
    return a ? a->i : other;
}

static float float_or(const OnnxNode *node, const char *name, float other) {
    const OnnxAttribute *a = onnx_attribute(node, name);
    return a ? a->f : other;
}

/* `count` integers from 0 to 65535, or all of them `other`. */
static bool integers_or(const OnnxNode *node, const char *name, int count, int other, int *values) {
    const OnnxAttribute *a = onnx_attribute(node, name);
    for (int i = 0; i < count; i++) values[i] = other;
    if (!a) return true;
    if (a->int_count != (size_t)count) return false;
    for (int i = 0; i < count; i++) {
        if (a->ints[i] < 0 || a->ints[i] > LONGEST_SIDE) return false;
        values[i] = (int)a->ints[i];
    }
    return true;
}

static bool has_order(const OnnxNode *node, int count, const int64_t *order) {
    const OnnxAttribute *a = node ? onnx_attribute(node, "perm") : NULL;
    return a && a->int_count == (size_t)count && memcmp(a->ints, order, (size_t)count * sizeof *order) == 0;
}

/* ---- Ops ---- */

static OnnxOp *add_op(Nodes *s, const OnnxValue *x, View view) {
    OnnxOp *op = &s->graph->ops[s->graph->op_count];
    *op = (OnnxOp){.node = s->node, .layer = {.inputs = 1, .stride = 1, .groups = 1, .dilation = 1, .epsilon = BN_EPSILON}};
    s->out->op = s->graph->op_count++;
    s->out->view = view;
    if (!x || x->constant) return op;
    op->layer.input[0] = x->op;
    op->layer.in = op->layer.out = shape_of(s, x);
    return op;
}

static cf_status not_understood(Nodes *s, const char *why) {
    const OnnxValue *x = NULL;
    for (int i = 0; i < MOST_INPUTS; i++)
        if (s->in[i] && !s->in[i]->constant && (!x || !is_whole(s, s->in[i]))) x = s->in[i];
    add_op(s, x, VIEW_PARTIAL)->why = why;
    return CF_OK;
}

static OnnxOp *add_layer(Nodes *s, const char *word, const OnnxValue *x) {
    OnnxOp *op = add_op(s, x, x->view);
    op->layer.type = layer_type(word);
    return op;
}

static void add_tensor(OnnxOp *op, int i, const float *values, size_t count) {
    op->tensor[i] = values;
    op->tensor_count[i] = count;
}

static cf_status add_constant(Nodes *s, OnnxOp *op, int i, float value) {
    const size_t count = (size_t)op->layer.out.C;
    float *values;
    FORWARD(onnx_take(s->graph->model, count, sizeof *values, &values));
    for (size_t k = 0; k < count; k++) values[k] = value;
    add_tensor(op, i, values, count);
    return CF_OK;
}

static cf_status add_transposed(Nodes *s, OnnxOp *op, int i, const float *from, size_t rows, size_t columns) {
    float *to;
    FORWARD(onnx_take(s->graph->model, rows * columns, sizeof *to, &to));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
    add_tensor(op, i, to, rows * columns);
    return CF_OK;
}

/* The value goes through as it is, seen in another way. */
static cf_status pass(Nodes *s, const OnnxValue *x, View view) {
    const char *name = s->out->name;
    *s->out = *x;
    s->out->name = name;
    s->out->view = view;
    return CF_OK;
}

/* ---- Windows ---- */

/* Stride, dilation and padding of a window R x S; out.H, out.W. Why it is none of the line's, or NULL. */
static const char *read_window(const OnnxNode *node, Layer *l) {
    int strides[2], dilations[2], pads[4];
    const OnnxAttribute *automatic = onnx_attribute(node, "auto_pad");
    const bool same_upper = automatic && strcmp(automatic->text, "SAME_UPPER") == 0;
    if (!integers_or(node, "strides", 2, 1, strides) || strides[0] != strides[1] || strides[0] < 1 || strides[0] > 64)
        return "one stride from 1 to 64 for both directions expected";
    if (!integers_or(node, "dilations", 2, 1, dilations) || dilations[0] != dilations[1] || dilations[0] < 1 || dilations[0] > 64)
        return "one dilation from 1 to 64 for both directions expected";
    if (!integers_or(node, "pads", 4, 0, pads) || pads[0] > 512 || pads[1] > 512 || pads[2] > 1024 || pads[3] > 1024)
        return "four paddings from 0 to 512 expected";
    if (automatic && *automatic->text && !same_upper && strcmp(automatic->text, "NOTSET") != 0 && strcmp(automatic->text, "VALID") != 0)
        return "this auto_pad is none of the model line's";
    l->stride = strides[0], l->dilation = dilations[0];
    if (l->R > 1024 || l->S > 1024) return "a window of more than 1024";
    for (int i = 0; i < 2; i++) {
        const int side = i ? l->in.W : l->in.H, size = ((i ? l->S : l->R) - 1) * l->dilation + 1;
        int whole = side + pads[i] + pads[i + 2], before = pads[i];
        if (same_upper) {
            const int wanted = ((side + l->stride - 1) / l->stride - 1) * l->stride + size;
            whole = wanted > side ? wanted : side, before = (whole - side) / 2;
        }
        if (whole < size) return "the window does not fit on what arrives";
        if (integer_or(node, "ceil_mode", 0) && (whole - size) % l->stride) return "ceil_mode, and a last window that is not whole";
        *(i ? &l->out.W : &l->out.H) = (whole - size) / l->stride + 1;
        *(i ? &l->pad_w : &l->pad_h) = before;
    }
    return NULL;
}

static bool is_pointwise(const OnnxOp *op) {
    const Layer *l = &op->layer;
    return l->type == &conv_type && l->R == 1 && l->S == 1 && l->stride == 1 && l->groups == 1 && !l->pad_h && !l->pad_w;
}

static cf_status finish_attention(Nodes *s, const OnnxOp *core, const OnnxTensor *w, const float *bias) {
    const Shape in = core->layer.out;
    OnnxOp *op = add_op(s, s->in[0], VIEW_MAPS);
    op->layer.type = layer_type("attention");
    op->layer.input[0] = core->layer.input[0];
    op->layer.number = core->layer.number;
    op->layer.in = op->layer.out = in;
    op->tensor_name = core->tensor_name;
    for (int i = 0; i < 2; i++) add_tensor(op, i, core->tensor[i], core->tensor_count[i]);
    add_tensor(op, 2, w->floats, w->count);
    add_tensor(op, 3, bias, (size_t)in.C);
    return CF_OK;
}

static cf_status conv(Nodes *s) {
    OnnxValue *x = s->in[0];
    const OnnxTensor *w = s->in[1] ? s->in[1]->constant : NULL;
    if (!w || !w->floats || w->dims != 4 || !w->count) return not_understood(s, "constant weights of four dimensions expected");
    const float *bias = s->in[2] ? floats_of(s->in[2], w->shape[0]) : NULL;
    const int64_t groups = integer_or(s->node, "group", 1);
    if (s->in[2] && !bias) return not_understood(s, "a constant bias of each filter expected");
    if (x && !x->constant && op_of(s, x)->why == attention_core && bias && w->shape[2] == 1 && w->shape[3] == 1 &&
        w->shape[0] == w->shape[1] && w->shape[0] == (size_t)shape_of(s, x).C)
        return finish_attention(s, op_of(s, x), w, bias);
    if (!is_maps(s, x)) return not_understood(s, "images N x C x H x W of a known layer expected");
    if (groups < 1 || (size_t)groups > w->shape[0] || w->shape[0] > 65536 || w->shape[0] % (size_t)groups || w->shape[1] > 65536 ||
        w->shape[1] * (size_t)groups != (size_t)shape_of(s, x).C || w->shape[2] > 1024 || w->shape[3] > 1024)
        return not_understood(s, "weights that fit the channels and groups expected");
    OnnxOp *op = add_layer(s, "conv", x);
    Layer *l = &op->layer;
    l->out.C = (int)w->shape[0], l->R = (int)w->shape[2], l->S = (int)w->shape[3], l->groups = (int)groups, l->bias = bias != NULL;
    if ((op->why = read_window(s->node, l))) {
        l->type = NULL;
        return CF_OK;
    }
    if (l->groups > 1 && l->groups == l->in.C && l->out.C == l->in.C) l->type = &dwconv_type;
    if (l->R == l->S && l->R == l->stride && l->R > 1 && l->R <= 64 && bias && groups == 1 && l->dilation == 1 && !l->pad_h && !l->pad_w)
        l->type = &patch_type;
    op->tensor_name = w->name;
    add_tensor(op, 0, w->floats, w->count);
    add_tensor(op, 1, bias, w->shape[0]);
    return CF_OK;
}

static cf_status pool(Nodes *s) {
    const bool average = strcmp(s->node->op, "AveragePool") == 0;
    int window[2];
    if (!is_maps(s, s->in[0])) return not_understood(s, "images N x C x H x W of a known layer expected");
    if (!integers_or(s->node, "kernel_shape", 2, 0, window) || window[0] < 1 || window[1] < 1) return not_understood(s, "a window expected");
    OnnxOp *op = add_layer(s, average ? "avgpool" : "maxpool", s->in[0]);
    Layer *l = &op->layer;
    l->R = window[0], l->S = window[1];
    op->why = read_window(s->node, l);
    if (!op->why && l->dilation > 1) op->why = "a pool without dilation expected";
    if (!op->why && average && (l->pad_h || l->pad_w) && integer_or(s->node, "count_include_pad", 0))
        op->why = "padding that counts in the average; in the model line it does not (count_include_pad 0)";
    if (op->why) l->type = NULL;
    return CF_OK;
}

static cf_status average_of_all(Nodes *s, View view) {
    OnnxOp *op = add_layer(s, "globalavgpool", s->in[0]);
    op->layer.R = op->layer.in.H, op->layer.S = op->layer.in.W;
    op->layer.out.H = op->layer.out.W = 1;
    s->out->view = view;
    return CF_OK;
}

static cf_status global_pool(Nodes *s) {
    if (!is_maps(s, s->in[0])) return not_understood(s, "images N x C x H x W of a known layer expected");
    cf_status status = average_of_all(s, VIEW_MAPS);
    if (strcmp(s->node->op, "GlobalMaxPool") == 0) op_of(s, s->out)->layer.type = layer_type("globalmaxpool");
    return status;
}

/* Over all pixels: axes 2, 3 of maps, 1, 2 with channels last, 1 of tokens. */
static cf_status reduce_mean(Nodes *s) {
    const OnnxAttribute *a = onnx_attribute(s->node, "axes");
    const OnnxTensor *t = s->in[1] ? s->in[1]->constant : NULL;
    const int64_t *axes = a ? a->ints : t ? t->integers : NULL;
    const size_t count = a ? a->int_count : t ? t->count : 0;
    const OnnxValue *x = s->in[0];
    const bool keeps = integer_or(s->node, "keepdims", 1);
    if (!is_whole(s, x) || !axes || x->view == VIEW_FLAT) return not_understood(s, "a mean over all pixels of images expected");
    const int dims = x->view == VIEW_MAPS || x->view == VIEW_LAST ? 4 : 3;
    unsigned found = 0, wanted = x->view == VIEW_MAPS ? 12 : x->view == VIEW_LAST ? 6 : x->view == VIEW_ROWS ? 4 : 2;
    for (size_t i = 0; i < count; i++)
        if (axes[i] >= -dims && axes[i] < dims) found |= 1u << (axes[i] < 0 ? axes[i] + dims : axes[i]);
    if (found != wanted) return not_understood(s, "a mean over all pixels of images expected");
    return average_of_all(s, keeps ? x->view : VIEW_FLAT);
}

/* ---- Dense layers ---- */

/* By weights [outputs][inputs], or [inputs][outputs]. */
static cf_status product(Nodes *s, const OnnxTensor *w, bool inputs_first, const OnnxValue *bias) {
    const OnnxValue *x = s->in[0];
    if (!w || !w->floats || w->dims != 2 || !w->count) return not_understood(s, "constant weights of two dimensions expected");
    const size_t inputs = w->shape[!inputs_first], outputs = w->shape[inputs_first];
    if (!is_whole(s, x) || x->view == VIEW_MAPS || x->view == VIEW_ROWS) return not_understood(s, "values of a known layer expected, flat or a row per pixel");
    const bool flat = x->view == VIEW_FLAT;
    const Shape in = shape_of(s, x);
    if (inputs != (flat ? shape_size(in) : (size_t)in.C) || outputs > (flat ? 1 << 20 : 65536))
        return not_understood(s, "weights that fit what arrives expected");
    if (bias && (!floats_of(bias, outputs) || bias->constant->shape[bias->constant->dims ? bias->constant->dims - 1 : 0] != outputs))
        return not_understood(s, "a constant bias of each output expected");
    OnnxOp *op = add_layer(s, flat ? "dense" : "conv", x);
    op->layer.out = (Shape){(int)outputs, flat ? 1 : in.H, flat ? 1 : in.W};
    op->layer.R = op->layer.S = flat ? 0 : 1;
    op->layer.bias = bias != NULL;
    op->tensor_name = w->name;
    if (bias) add_tensor(op, 1, bias->constant->floats, outputs);
    if (inputs_first) return add_transposed(s, op, 0, w->floats, inputs, outputs);
    add_tensor(op, 0, w->floats, w->count);
    return CF_OK;
}

static cf_status gemm(Nodes *s) {
    if (integer_or(s->node, "transA", 0) || float_or(s->node, "alpha", 1) != 1 || (s->in[2] && float_or(s->node, "beta", 1) != 1))
        return not_understood(s, "alpha 1, beta 1 and no transA expected");
    return product(s, s->in[1] ? s->in[1]->constant : NULL, !integer_or(s->node, "transB", 0), s->in[2]);
}

static cf_status matmul(Nodes *s) {
    return product(s, s->in[1] ? s->in[1]->constant : NULL, true, NULL);
}

/* ---- Activations ---- */

static cf_status activation(Nodes *s) {
    static const struct {
        const char *op, *word;
    } words[] = {{"Relu", "relu"}, {"LeakyRelu", "leakyrelu"}, {"HardSwish", "hardswish"}, {"Sigmoid", "sigmoid"}, {"Gelu", "gelu"}};
    const OnnxAttribute *approximate = onnx_attribute(s->node, "approximate");
    const float slope = float_or(s->node, "alpha", 0.01f);
    size_t i = 0;
    if (!is_whole(s, s->in[0])) return not_understood(s, "values of a known layer expected");
    if (approximate && strcmp(approximate->text, "none") != 0) return not_understood(s, "the exact function expected, no approximation");
    while (strcmp(words[i].op, s->node->op) != 0) i++;
    const bool leaky = strcmp(words[i].word, "leakyrelu") == 0;
    if (leaky && !(slope >= 0 && slope < 1)) return not_understood(s, "a slope from 0 on and below 1 expected");
    OnnxOp *op = add_layer(s, words[i].word, s->in[0]);
    if (leaky) op->layer.activation.slope = slope;
    return CF_OK;
}

static cf_status clip(Nodes *s) {
    const float *low = floats_of(s->in[1], 1), *high = floats_of(s->in[2], 1);
    const float least = s->in[1] ? (low ? *low : NAN) : float_or(s->node, "min", -INFINITY);
    const float most = s->in[2] ? (high ? *high : NAN) : float_or(s->node, "max", INFINITY);
    if (!is_whole(s, s->in[0]) || least != 0 || !(most == 6 || most >= 3.4e38f))
        return not_understood(s, "values of a known layer, and 0 to 6 (relu6) or from 0 on (relu), expected");
    add_layer(s, most == 6 ? "relu6" : "relu", s->in[0]);
    return CF_OK;
}

/* The x of 1 + erf(x / sqrt 2). */
static const OnnxValue *erf_of(const Nodes *s, const OnnxValue *v) {
    const OnnxNode *erf = maker_of(beside(s, maker_of(v, "Add"), 1), "Erf");
    const OnnxValue *scaled = input_of(s, erf, 0);
    const OnnxNode *div = maker_of(scaled, "Div");
    if (div) return is_scalar(input_of(s, div, 1), sqrt(2)) ? input_of(s, div, 0) : NULL;
    return beside(s, maker_of(scaled, "Mul"), sqrt(0.5));
}

/* x of x (1 + erf(x / sqrt 2)). */
static const OnnxValue *gelu_of(const Nodes *s, const OnnxValue *a, const OnnxValue *b) {
    const OnnxValue *x = erf_of(s, b);
    return x && same(x, a) ? a : NULL;
}

/* ---- Products and sums ---- */

/* The squeeze and excitation whose gate this is; NULL: none. */
static const OnnxOp *gate_part(const Nodes *s, const OnnxOp *op, const char *word) {
    const OnnxOp *before = &s->graph->ops[op->layer.input[0]];
    return before->layer.type && strcmp(before->layer.type->word, word) == 0 ? before : NULL;
}

static bool is_projection(const OnnxOp *op) {
    return op && op->layer.bias && (op->layer.type == &dense_type || is_pointwise(op));
}

static const OnnxOp *projection_before(const Nodes *s, const OnnxOp *op) {
    const OnnxOp *before = op ? &s->graph->ops[op->layer.input[0]] : NULL;
    return is_projection(before) ? before : NULL;
}

static bool squeeze_excite(Nodes *s, const OnnxValue *x, const OnnxValue *gate) {
    const OnnxOp *sigmoid = gate->view == VIEW_MAPS && is_whole(s, gate) ? op_of(s, gate) : NULL;
    if (!sigmoid || !sigmoid->layer.type || strcmp(sigmoid->layer.type->word, "sigmoid") != 0 || !is_maps(s, x)) return false;
    const OnnxOp *second = projection_before(s, sigmoid), *relu = second ? gate_part(s, second, "relu") : NULL;
    const OnnxOp *first = projection_before(s, relu), *mean = first ? gate_part(s, first, "globalavgpool") : NULL;
    const int C = shape_of(s, x).C;
    if (!mean || mean->layer.input[0] != x->op || second->layer.out.C != C || first->layer.out.C < 1 || first->layer.out.C > C) return false;
    const int reduction = C / first->layer.out.C;
    if (C / reduction != first->layer.out.C) return false;
    OnnxOp *op = add_layer(s, "se", x);
    op->layer.number = reduction;
    op->tensor_name = first->tensor_name;
    for (int i = 0; i < 2; i++) add_tensor(op, i, first->tensor[i], first->tensor_count[i]);
    for (int i = 0; i < 2; i++) add_tensor(op, 2 + i, second->tensor[i], second->tensor_count[i]);
    return true;
}

static bool hard_sigmoid_of(const Nodes *s, const OnnxValue *v, const OnnxValue *x) {
    const OnnxNode *node = maker_of(v, "HardSigmoid");
    return node && same(input_of(s, node, 0), x) && fabsf(float_or(node, "alpha", 0.2f) - 1.0f / 6) < 1e-5f && float_or(node, "beta", 0.5f) == 0.5f;
}

/* (x - means) / deviations, or times their inverses. */
static bool normalized(Nodes *s, const OnnxValue *difference, const OnnxValue *by, bool inverse) {
    const OnnxNode *sub = maker_of(difference, "Sub");
    const OnnxValue *x = input_of(s, sub, 0), *means = input_of(s, sub, 1);
    if (!is_maps(s, x)) return false;
    const Shape in = shape_of(s, x);
    const bool many = !floats_of(means, 1) || !floats_of(by, 1);
    const int count = many ? in.C : 1;
    if (count > MOST_NORMALIZED || !(floats_of(means, 1) || is_per_channel(means, VIEW_MAPS, in)) ||
        !(floats_of(by, 1) || is_per_channel(by, VIEW_MAPS, in)))
        return false;
    OnnxOp *op = add_layer(s, "normalize", x);
    op->layer.number = count;
    for (int i = 0; i < count; i++) {
        const float deviation = by->constant->floats[by->constant->count > 1 ? i : 0];
        op->layer.means[i] = means->constant->floats[means->constant->count > 1 ? i : 0];
        op->layer.deviations[i] = inverse ? 1 / deviation : deviation;
    }
    return true;
}

/* The op behind it, with one tensor more. */
static OnnxOp *completed(Nodes *s, const OnnxValue *x, int i, const OnnxValue *constant) {
    const OnnxOp before = *op_of(s, x);
    OnnxOp *op = add_op(s, x, x->view);
    *op = before;
    op->node = s->node;
    add_tensor(op, i, constant->constant->floats, constant->constant->count);
    if (i == 0) op->tensor_name = constant->constant->name;
    return op;
}

static cf_status multiply_by(Nodes *s, const OnnxValue *x, const OnnxValue *c) {
    const OnnxNode *mul = maker_of(x, "Mul");
    const OnnxValue *a = input_of(s, mul, 0), *b = input_of(s, mul, 1);
    if (x->op == ONNX_IMAGE && !s->graph->scaled && is_scalar(c, 1.0 / 255)) {
        s->graph->scaled = true;
        return pass(s, x, x->view);
    }
    if (normalized(s, x, c, true)) return CF_OK;
    if (is_maps(s, x) && op_of(s, x)->plain_scale && is_per_channel(c, VIEW_MAPS, shape_of(s, x))) {
        OnnxOp *op = completed(s, x, 0, c);
        op->layer.type = layer_type("groupnorm"); /* a standardize has become one */
        op->plain_scale = false;
        return CF_OK;
    }
    const OnnxValue *gelu = is_scalar(c, 0.5) && mul ? gelu_of(s, a, b) : NULL;
    if (is_scalar(c, 0.5) && mul && !gelu) gelu = gelu_of(s, b, a);
    if (!gelu || !is_whole(s, gelu)) return not_understood(s, part_of_nothing);
    add_layer(s, "gelu", gelu);
    return CF_OK;
}

static cf_status mul(Nodes *s) {
    for (int i = 0; i < 2; i++)
        if (s->in[i] && s->in[i]->constant && s->in[1 - i] && !s->in[1 - i]->constant) return multiply_by(s, s->in[1 - i], s->in[i]);
    for (int i = 0; i < 2; i++) {
        const OnnxValue *x = s->in[i], *gate = s->in[1 - i];
        if (!x || !gate || x->constant) break;
        const OnnxValue *half = beside(s, maker_of(x, "Mul"), 0.5);
        const char *word = is_whole(s, x) && same(input_of(s, maker_of(gate, "Sigmoid"), 0), x) ? "silu"
                           : is_whole(s, x) && hard_sigmoid_of(s, gate, x)                      ? "hardswish"
                                                                                                 : NULL;
        if (word) return add_layer(s, word, x), CF_OK;
        if (half && is_whole(s, half) && gelu_of(s, half, gate)) return add_layer(s, "gelu", half), CF_OK;
        if (squeeze_excite(s, x, gate)) return CF_OK;
    }
    return not_understood(s, part_of_nothing);
}

static cf_status divide(Nodes *s) {
    const OnnxValue *x = s->in[0];
    if (!x || x->constant) return not_understood(s, part_of_nothing);
    if (x->op == ONNX_IMAGE && !s->graph->scaled && is_scalar(s->in[1], 255)) {
        s->graph->scaled = true;
        return pass(s, x, x->view);
    }
    return normalized(s, x, s->in[1], false) ? CF_OK : not_understood(s, part_of_nothing);
}

static cf_status add_to(Nodes *s, const OnnxValue *x, const OnnxValue *c) {
    if (!is_whole(s, x) || !c->constant->floats) return not_understood(s, part_of_nothing);
    const OnnxOp *before = op_of(s, x);
    const Shape in = shape_of(s, x);
    const size_t maps[] = {(size_t)in.C, (size_t)in.H, (size_t)in.W}, tokens[] = {(size_t)in.H * (size_t)in.W, (size_t)in.C};
    const bool channels = is_per_channel(c, x->view, in);
    if (channels && before->plain_shift && !before->plain_scale) {
        completed(s, x, 1, c)->plain_shift = false;
        return CF_OK;
    }
    if (channels && before->layer.type && !before->layer.bias && before->tensor[0] &&
        (before->layer.type == &dense_type || layer_is_conv(&before->layer))) {
        completed(s, x, 1, c)->layer.bias = true;
        return CF_OK;
    }
    if (x->view == VIEW_TOKENS && has_sizes(c->constant, 2, tokens)) {
        OnnxOp *op = add_layer(s, "position", x);
        op->tensor_name = c->constant->name;
        add_tensor(op, 0, c->constant->floats, c->constant->count);
        return CF_OK;
    }
    if (x->view == VIEW_MAPS && has_sizes(c->constant, 3, maps)) {
        OnnxOp *op = add_layer(s, "position", x);
        op->tensor_name = c->constant->name;
        return add_transposed(s, op, 0, c->constant->floats, maps[0], tokens[0]);
    }
    return not_understood(s, part_of_nothing);
}

static bool same_shape(Shape a, Shape b) {
    return a.C == b.C && a.H == b.H && a.W == b.W;
}

static cf_status join(Nodes *s, const char *word) {
    OnnxOp *op = add_layer(s, word, s->in[0]);
    op->layer.inputs = 2;
    op->layer.input[1] = s->in[1]->op;
    return CF_OK;
}

static cf_status add(Nodes *s) {
    for (int i = 0; i < 2; i++)
        if (s->in[i] && s->in[i]->constant && s->in[1 - i] && !s->in[1 - i]->constant) return add_to(s, s->in[1 - i], s->in[i]);
    if (!is_whole(s, s->in[0]) || !is_whole(s, s->in[1])) return not_understood(s, part_of_nothing);
    if (s->in[0]->view != s->in[1]->view || !same_shape(shape_of(s, s->in[0]), shape_of(s, s->in[1])))
        return not_understood(s, "two values of one shape expected");
    return join(s, "add");
}

static cf_status concat(Nodes *s) {
    if (s->node->input_count != 2 || !is_maps(s, s->in[0]) || !is_maps(s, s->in[1]) || integer_or(s->node, "axis", 1) != 1)
        return not_understood(s, "the channels of two images expected");
    const Shape a = shape_of(s, s->in[0]), b = shape_of(s, s->in[1]);
    if (a.H != b.H || a.W != b.W || a.C + b.C > LONGEST_SIDE) return not_understood(s, "the channels of two images of one size expected");
    FORWARD(join(s, "concat"));
    op_of(s, s->out)->layer.out.C = a.C + b.C;
    return CF_OK;
}

/* ---- Norms ---- */

double onnx_as_written(float value) {
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return strtod(text, NULL);
}

static bool usual_epsilon(const OnnxNode *node) {
    return float_or(node, "epsilon", 1e-5f) == (float)BN_EPSILON;
}

static const char needs_epsilon[] = "epsilon 1e-5 expected; the model line's norms of single images have no other";

static cf_status batch_norm(Nodes *s) {
    const OnnxValue *x = s->in[0];
    if (!is_whole(s, x) || !(x->view == VIEW_MAPS || (x->view == VIEW_FLAT && shape_of(s, x).H * shape_of(s, x).W == 1)))
        return not_understood(s, "values of a known layer, N x C x H x W or N x C, expected");
    OnnxOp *op = add_layer(s, "bn", x);
    for (int i = 0; i < 4; i++) {
        add_tensor(op, i, floats_of(s->in[i + 1], (size_t)op->layer.in.C), (size_t)op->layer.in.C);
        if (!op->tensor[i]) op->why = "a constant scale, bias, mean and variance of each channel expected";
    }
    op->layer.epsilon = onnx_as_written(float_or(s->node, "epsilon", 1e-5f));
    if (!(op->layer.epsilon >= 1e-12 && op->layer.epsilon < 1)) op->why = "an epsilon from 1e-12 on and below 1 expected";
    if (integer_or(s->node, "training_mode", 0)) op->why = "it is in training mode";
    if (op->why) op->layer.type = NULL;
    if (!op->why) op->tensor_name = s->in[1]->constant->name;
    return CF_OK;
}

/* instancenorm, layernorm, groupnorm by one operator: weight and bias of each channel. */
static cf_status norm(Nodes *s, const char *word) {
    const OnnxValue *x = s->in[0];
    const size_t C = (size_t)shape_of(s, x).C;
    const float *weight = floats_of(s->in[1], C), *bias = floats_of(s->in[2], C);
    if (!weight || !bias) return not_understood(s, "a constant scale and bias of each channel expected");
    if (!usual_epsilon(s->node)) return not_understood(s, needs_epsilon);
    OnnxOp *op = add_layer(s, word, x);
    op->tensor_name = s->in[1]->constant->name;
    add_tensor(op, 0, weight, C);
    add_tensor(op, 1, bias, C);
    return CF_OK;
}

static cf_status instance_norm(Nodes *s) {
    return is_maps(s, s->in[0]) ? norm(s, "instancenorm") : not_understood(s, part_of_nothing);
}

static cf_status layer_norm(Nodes *s) {
    const OnnxValue *x = s->in[0];
    const bool rows = is_whole(s, x) && (x->view == VIEW_TOKENS || x->view == VIEW_LAST || (x->view == VIEW_FLAT && shape_of(s, x).H * shape_of(s, x).W == 1));
    const int64_t axis = integer_or(s->node, "axis", -1), last = !rows ? 0 : x->view == VIEW_LAST ? 3 : x->view == VIEW_TOKENS ? 2 : 1;
    if (!rows || (axis != -1 && axis != last)) return not_understood(s, "a norm over the channels of each pixel expected");
    return norm(s, "layernorm");
}

static cf_status group_norm(Nodes *s) {
    const int64_t groups = integer_or(s->node, "num_groups", 0);
    if (!is_maps(s, s->in[0]) || groups < 1 || groups > shape_of(s, s->in[0]).C || shape_of(s, s->in[0]).C % groups)
        return not_understood(s, "images N x C x H x W of a known layer, and groups that divide C, expected");
    FORWARD(norm(s, "groupnorm"));
    op_of(s, s->out)->layer.number = (int)groups;
    return CF_OK;
}

static bool all_are(const OnnxTensor *t, float value) {
    for (size_t i = 0; i < t->count; i++)
        if (t->floats[i] != value) return false;
    return true;
}

/* Images reshaped to groups, an instance norm of these, and back: one group is standardize, until a scale follows. */
static cf_status grouped_norm(Nodes *s, const OnnxNode *instance, bool *found) {
    const OnnxNode *apart = maker_of(input_of(s, instance, 0), "Reshape");
    const OnnxValue *x = input_of(s, apart, 0), *scale = input_of(s, instance, 1), *bias = input_of(s, instance, 2);
    const OnnxTensor *shape = apart && input_of(s, apart, 1) ? input_of(s, apart, 1)->constant : NULL;
    *found = false;
    if (!is_maps(s, x) || !scale || !scale->constant || !scale->constant->floats || !shape || !shape->integers || shape->count != 3) return CF_OK;
    const size_t groups = scale->constant->count, C = (size_t)shape_of(s, x).C;
    if (!groups || C % groups || shape->integers[1] != (int64_t)groups || !floats_of(bias, groups) || !all_are(scale->constant, 1) ||
        !all_are(bias->constant, 0) || !usual_epsilon(instance))
        return CF_OK;
    OnnxOp *op = add_layer(s, groups == 1 ? "standardize" : "groupnorm", x);
    op->layer.number = (int)groups;
    op->plain_scale = op->plain_shift = *found = true;
    FORWARD(add_constant(s, op, 0, 1));
    return add_constant(s, op, 1, 0);
}

/* ---- Attention ---- */

/* Where `v` is a part of a projection to queries, keys and values, reshaped to N x heads x d x positions: the node that parts it. */
static const OnnxNode *part_of_heads(const Nodes *s, const OnnxValue *v, int part, int64_t sizes[2]) {
    const OnnxNode *reshape = maker_of(v, "Reshape"), *split = maker_of(input_of(s, reshape, 0), "Split");
    const OnnxValue *shape = input_of(s, reshape, 1);
    if (!split || split->output_count != 3 || strcmp(reshape->inputs[0], split->outputs[part]) != 0) return NULL;
    if (!shape || !shape->constant || !shape->constant->integers || shape->constant->count != 4) return NULL;
    memcpy(sizes, shape->constant->integers + 1, 2 * sizeof *sizes);
    return integer_or(split, "axis", 0) == 1 && split->input_count == 1 ? split : NULL;
}

/* v softmax(q^T k / sqrt d)^T, reshaped to images: as cifra writes it. */
static bool attended(Nodes *s, const OnnxNode *product) {
    static const int64_t order[] = {0, 1, 3, 2};
    const OnnxNode *back = maker_of(input_of(s, product, 1), "Transpose"), *softmax = maker_of(input_of(s, back, 0), "Softmax"),
                   *scale = maker_of(input_of(s, softmax, 0), "Mul");
    int64_t sizes[3][2];
    for (int i = 0; i < 2 && scale; i++) {
        const float *factor = floats_of(input_of(s, scale, i), 1);
        const OnnxNode *scores = maker_of(input_of(s, scale, 1 - i), "MatMul"), *turned = maker_of(input_of(s, scores, 0), "Transpose");
        if (!factor || !has_order(turned, 4, order) || !has_order(back, 4, order)) continue;
        const OnnxNode *split = part_of_heads(s, input_of(s, turned, 0), 0, sizes[0]);
        if (!split || part_of_heads(s, input_of(s, scores, 1), 1, sizes[1]) != split || part_of_heads(s, input_of(s, product, 0), 2, sizes[2]) != split)
            continue;
        const OnnxValue *x = input_of(s, split, 0);
        const OnnxOp *in = is_maps(s, x) ? op_of(s, x) : NULL;
        const int64_t heads = sizes[0][0], d = sizes[0][1], C = in ? in->layer.in.C : 0;
        if (!in || !is_pointwise(in) || !in->layer.bias || in->layer.out.C != 3 * C || memcmp(sizes[0], sizes[1], sizeof sizes[0]) ||
            memcmp(sizes[0], sizes[2], sizeof sizes[0]) || heads < 1 || heads > C || d < 1 || d > C || heads * d != C ||
            fabs((double)*factor * sqrt((double)d) - 1) > 1e-5)
            continue;
        OnnxOp *op = add_op(s, x, VIEW_PARTIAL);
        op->why = attention_core;
        op->layer.input[0] = in->layer.input[0];
        op->layer.out = in->layer.in;
        op->layer.number = (int)heads;
        op->tensor_name = in->tensor_name;
        for (int k = 0; k < 2; k++) add_tensor(op, k, in->tensor[k], in->tensor_count[k]);
        return true;
    }
    return false;
}

/* ---- Shapes ---- */

/* The sizes behind the first dimension, the images; returns how many. */
static int sizes_of(View view, Shape s, int64_t sizes[3]) {
    const int64_t C = s.C, H = s.H, W = s.W;
    const int64_t all[][3] = {[VIEW_MAPS] = {C, H, W}, [VIEW_FLAT] = {C * H * W}, [VIEW_ROWS] = {C, H * W}, [VIEW_LAST] = {H, W, C}, [VIEW_TOKENS] = {H * W, C}};
    static const int counts[] = {[VIEW_MAPS] = 3, [VIEW_FLAT] = 1, [VIEW_ROWS] = 2, [VIEW_LAST] = 3, [VIEW_TOKENS] = 2};
    memcpy(sizes, all[view], sizeof all[view]);
    return counts[view];
}

/* The view of a value whose elements stay in their order and whose sizes become these. */
static View view_of(View view, Shape shape, int count, const int64_t *wanted) {
    const bool either = shape.C == 1 || shape.H * shape.W == 1, last = view == VIEW_LAST || view == VIEW_TOKENS;
    for (View to = VIEW_MAPS; to < VIEW_PARTIAL; to++) {
        int64_t sizes[3];
        const bool to_last = to == VIEW_LAST || to == VIEW_TOKENS;
        if ((to_last == last || either) && sizes_of(to, shape, sizes) == count && memcmp(sizes, wanted, (size_t)count * sizeof *sizes) == 0) return to;
    }
    return VIEW_PARTIAL;
}

/* The sizes behind the images that a shape asks for: 0 as it was, one -1 what is left. */
static bool wanted_sizes(const OnnxTensor *shape, View view, Shape s, int64_t wanted[3]) {
    int64_t sizes[3], left = (int64_t)shape_size(s);
    const int count = sizes_of(view, s, sizes);
    int open = -1;
    if (!shape->integers || shape->count < 2 || shape->count > 4) return false;
    for (int i = 0; i < (int)shape->count - 1; i++) {
        const int64_t size = shape->integers[i + 1];
        wanted[i] = size == 0 && i < count ? sizes[i] : size;
        if (size == -1 && open < 0)
            open = i;
        else if (wanted[i] < 1 || left % wanted[i])
            return false;
        else
            left /= wanted[i];
    }
    if (open >= 0) wanted[open] = left;
    return open >= 0 || left == 1;
}

static cf_status reshape(Nodes *s) {
    const OnnxValue *x = s->in[0];
    const OnnxTensor *shape = s->in[1] ? s->in[1]->constant : NULL;
    int64_t wanted[3];
    if (!x || x->constant || !shape) return not_understood(s, "a constant shape expected");
    if (is_whole(s, x)) {
        const Shape in = shape_of(s, x);
        const View view = wanted_sizes(shape, x->view, in, wanted) ? view_of(x->view, in, (int)shape->count - 1, wanted) : VIEW_PARTIAL;
        return view == VIEW_PARTIAL ? not_understood(s, part_of_nothing) : pass(s, x, view);
    }
    const OnnxNode *instance = maker_of(x, "InstanceNormalization"), *product = maker_of(x, "MatMul");
    bool found = false;
    if (instance) FORWARD(grouped_norm(s, instance, &found));
    if (!found && !(product && attended(s, product))) return not_understood(s, part_of_nothing);
    if (wanted_sizes(shape, VIEW_MAPS, op_of(s, s->out)->layer.out, wanted) && shape->count == 4 &&
        view_of(VIEW_MAPS, op_of(s, s->out)->layer.out, 3, wanted) == VIEW_MAPS)
        return CF_OK;
    return not_understood(s, part_of_nothing);
}

static cf_status flatten(Nodes *s) {
    const OnnxValue *x = s->in[0];
    int64_t size;
    if (!is_whole(s, x) || integer_or(s->node, "axis", 1) != 1) return not_understood(s, "values of a known layer, and axis 1, expected");
    size = (int64_t)shape_size(shape_of(s, x));
    const View view = view_of(x->view, shape_of(s, x), 1, &size);
    return view == VIEW_PARTIAL ? not_understood(s, "flat values in the order C, H, W expected") : pass(s, x, view);
}

static cf_status transpose(Nodes *s) {
    static const struct {
        View from, to;
        int count;
        int64_t order[4];
    } turns[] = {{VIEW_MAPS, VIEW_LAST, 4, {0, 2, 3, 1}}, {VIEW_LAST, VIEW_MAPS, 4, {0, 3, 1, 2}}, {VIEW_ROWS, VIEW_TOKENS, 3, {0, 2, 1}}, {VIEW_TOKENS, VIEW_ROWS, 3, {0, 2, 1}}};
    for (size_t i = 0; i < COUNT_OF(turns) && is_whole(s, s->in[0]); i++)
        if (s->in[0]->view == turns[i].from && has_order(s->node, turns[i].count, turns[i].order)) return pass(s, s->in[0], turns[i].to);
    return not_understood(s, part_of_nothing);
}

/* Of images of one pixel: to N x C, and back. */
static cf_status squeeze(Nodes *s) {
    const OnnxValue *x = s->in[0];
    const bool adds = strcmp(s->node->op, "Unsqueeze") == 0;
    if (x && x->constant) return pass(s, x, x->view);
    if (!is_whole(s, x) || shape_of(s, x).H * shape_of(s, x).W != 1 || x->view != (adds ? VIEW_FLAT : VIEW_MAPS))
        return not_understood(s, "images of one pixel expected");
    const OnnxAttribute *a = onnx_attribute(s->node, "axes");
    const OnnxTensor *t = s->in[1] ? s->in[1]->constant : NULL;
    const int64_t *axes = a ? a->ints : t ? t->integers : NULL;
    const size_t count = a ? a->int_count : t ? t->count : 0;
    unsigned found = 0;
    for (size_t i = 0; axes && i < count; i++)
        if (axes[i] >= -4 && axes[i] < 4) found |= 1u << (axes[i] & 3);
    return found == 12 ? pass(s, x, adds ? VIEW_MAPS : VIEW_FLAT) : not_understood(s, "axes 2 and 3 expected");
}

static cf_status through(Nodes *s) {
    if (!s->in[0]) return not_understood(s, "a value expected");
    if (strcmp(s->node->op, "Cast") == 0 && !s->in[0]->constant && integer_or(s->node, "to", 0) != ONNX_FLOAT)
        return not_understood(s, "a cast to float32 expected");
    return pass(s, s->in[0], s->in[0]->view);
}

static cf_status softmax_node(Nodes *s) {
    const int64_t axis = integer_or(s->node, "axis", -1);
    const bool whole = is_whole(s, s->in[0]);
    return not_understood(s, whole && s->in[0]->view == VIEW_FLAT && (axis == 1 || axis == -1) ? softmax_end : part_of_nothing);
}

/* ---- Constants ---- */

static cf_status make_constant(Nodes *s, const OnnxTensor *tensor) {
    s->out->constant = tensor;
    return CF_OK;
}

static cf_status integers_constant(Nodes *s, size_t count, const int64_t *values) {
    OnnxTensor *t;
    int64_t *copy;
    FORWARD(onnx_take(s->graph->model, 1, sizeof *t, &t));
    FORWARD(onnx_take(s->graph->model, count, sizeof *copy, &copy));
    if (count) memcpy(copy, values, count * sizeof *copy);
    *t = (OnnxTensor){.name = s->out->name, .type = ONNX_INT64, .dims = 1, .shape = {count}, .count = count, .integers = copy};
    return make_constant(s, t);
}

static cf_status constant(Nodes *s) {
    const OnnxAttribute *value = onnx_attribute(s->node, "value"), *one = onnx_attribute(s->node, "value_float"),
                        *integer = onnx_attribute(s->node, "value_int"), *many = onnx_attribute(s->node, "value_ints");
    OnnxTensor *t;
    if (value && value->tensor) return make_constant(s, value->tensor);
    if (integer) return integers_constant(s, 1, &integer->i);
    if (many) return integers_constant(s, many->int_count, many->ints);
    if (!one) return not_understood(s, "a constant of numbers expected");
    FORWARD(onnx_take(s->graph->model, 1, sizeof *t, &t));
    *t = (OnnxTensor){.name = s->out->name, .type = ONNX_FLOAT, .count = 1, .floats = &one->f};
    return make_constant(s, t);
}

/* The images count as 0, which means "as it was" in the shape of a Reshape. */
static cf_status shape(Nodes *s) {
    int64_t sizes[4] = {0};
    if (!is_whole(s, s->in[0])) return not_understood(s, "values of a known layer expected");
    const int count = sizes_of(s->in[0]->view, shape_of(s, s->in[0]), sizes + 1);
    return integers_constant(s, (size_t)count + 1, sizes);
}

static const OnnxTensor *integers_in(const Nodes *s, int i) {
    return s->in[i] && s->in[i]->constant && s->in[i]->constant->integers ? s->in[i]->constant : NULL;
}

static cf_status gather(Nodes *s) {
    const OnnxTensor *from = integers_in(s, 0), *at = integers_in(s, 1);
    if (!from || !at || at->count != 1 || at->integers[0] < 0 || (size_t)at->integers[0] >= from->count || from->dims != 1)
        return not_understood(s, "one size of a shape expected");
    return integers_constant(s, 1, &from->integers[at->integers[0]]);
}

/* A part of a shape: from, to, of axis 0, by steps of 1. */
static cf_status slice(Nodes *s) {
    const OnnxTensor *from = integers_in(s, 0), *limits[] = {integers_in(s, 1), integers_in(s, 2)}, *axes = integers_in(s, 3), *steps = integers_in(s, 4);
    size_t at[2];
    if (!from || from->dims != 1 || (s->in[3] && (!axes || axes->count != 1 || axes->integers[0])) ||
        (s->in[4] && (!steps || steps->count != 1 || steps->integers[0] != 1)))
        return not_understood(s, "a part of a shape expected");
    for (int i = 0; i < 2; i++) {
        if (!limits[i] || limits[i]->count != 1) return not_understood(s, "a part of a shape expected");
        const int64_t size = (int64_t)from->count, limit = limits[i]->integers[0];
        at[i] = (size_t)(limit < -size ? 0 : limit < 0 ? limit + size : limit > size ? size : limit);
    }
    return integers_constant(s, at[1] > at[0] ? at[1] - at[0] : 0, from->integers + at[0]);
}

/* Of shapes, or of images. */
static cf_status concat_any(Nodes *s) {
    enum { MOST_SIZES = 16 };
    int64_t sizes[MOST_SIZES];
    size_t count = 0;
    if (!integers_in(s, 0)) return concat(s);
    for (int i = 0; i < s->node->input_count; i++) {
        const OnnxTensor *t = i < MOST_INPUTS ? integers_in(s, i) : NULL;
        if (!t || t->count > MOST_SIZES - count) return not_understood(s, "constant sizes expected");
        if (t->count) memcpy(sizes + count, t->integers, t->count * sizeof *sizes);
        count += t->count;
    }
    return integers_constant(s, count, sizes);
}

static cf_status part(Nodes *s) {
    return not_understood(s, part_of_nothing);
}

/* ---- The table ---- */

static const struct {
    const char *op;
    cf_status (*read)(Nodes *s);
} operators[] = {
    {"Conv", conv},
    {"Gemm", gemm},
    {"MatMul", matmul},
    {"BatchNormalization", batch_norm},
    {"InstanceNormalization", instance_norm},
    {"LayerNormalization", layer_norm},
    {"GroupNormalization", group_norm},
    {"Relu", activation},
    {"LeakyRelu", activation},
    {"HardSwish", activation},
    {"Sigmoid", activation},
    {"Gelu", activation},
    {"Clip", clip},
    {"Erf", part},
    {"HardSigmoid", part},
    {"Split", part},
    {"Sub", part},
    {"Mul", mul},
    {"Div", divide},
    {"Add", add},
    {"Concat", concat_any},
    {"MaxPool", pool},
    {"AveragePool", pool},
    {"GlobalAveragePool", global_pool},
    {"GlobalMaxPool", global_pool},
    {"ReduceMean", reduce_mean},
    {"Reshape", reshape},
    {"Flatten", flatten},
    {"Transpose", transpose},
    {"Squeeze", squeeze},
    {"Unsqueeze", squeeze},
    {"Softmax", softmax_node},
    {"LogSoftmax", softmax_node},
    {"Identity", through},
    {"Dropout", through},
    {"Cast", through},
    {"Constant", constant},
    {"Shape", shape},
    {"Gather", gather},
    {"Slice", slice},
};

/* ---- The whole ---- */

cf_status onnx_refuse(const OnnxNode *node, const char *why) {
    char name[100], op[60];
    snprintf(name, sizeof name, "%s", *node->name ? node->name : node->output_count ? node->outputs[0] : "?");
    snprintf(op, sizeof op, "%s", node->op);
    text_tame(name);
    text_tame(op);
    return FAIL(CF_BAD_INPUT, "node %s (%s) is not understood: %s", name, op, why);
}

static cf_status new_value(Nodes *s, const char *name, OnnxValue **value) {
    OnnxGraph *g = s->graph;
    if (name_table_find(&s->names, name, strlen(name)) >= 0)
        return FAIL(CF_BAD_INPUT, "the value %.80s is made twice; the file is no sound ONNX graph", name);
    *value = &g->values[g->value_count];
    **value = (OnnxValue){.name = name, .maker = s->node};
    name_table_put(&s->names, name, g->value_count++);
    return CF_OK;
}

/* The inputs of the node at hand; those of a number beyond MOST_INPUTS belong to no operator that is known. */
static cf_status find_inputs(Nodes *s) {
    const OnnxNode *node = s->node;
    for (int i = 0; i < MOST_INPUTS; i++) s->in[i] = NULL;
    for (int i = 0; i < node->input_count; i++) {
        OnnxValue *v = *node->inputs[i] ? input_of(s, node, i) : NULL;
        if (!v && *node->inputs[i]) return onnx_refuse(node, "it reads a value that no node in front of it makes; the file is no sound ONNX graph");
        if (i < MOST_INPUTS) s->in[i] = v;
    }
    return CF_OK;
}

static cf_status read_node(Nodes *s, const OnnxNode *node) {
    s->node = node;
    if (!node->output_count) return onnx_refuse(node, "it has no output; the file is no sound ONNX graph");
    FORWARD(find_inputs(s));
    for (int i = node->output_count - 1; i > 0; i--) {
        if (!*node->outputs[i]) continue;
        FORWARD(new_value(s, node->outputs[i], &s->out));
        FORWARD(not_understood(s, "only its first output is known"));
    }
    FORWARD(new_value(s, node->outputs[0], &s->out));
    if (*node->domain && strcmp(node->domain, "ai.onnx") != 0) return not_understood(s, "it belongs to an extension of ONNX");
    size_t i = 0;
    while (i < COUNT_OF(operators) && strcmp(operators[i].op, node->op) != 0) i++;
    FORWARD(i < COUNT_OF(operators) ? operators[i].read(s) : not_understood(s, "no layer of the model line does this"));
    OnnxOp *op = &s->graph->ops[s->out->op];
    if (s->out->constant || shape_size(op->layer.out) <= LARGEST_LAYER) return CF_OK;
    op->layer.type = NULL, op->layer.out = (Shape){0};
    op->why = "it gives more values than a layer may have";
    s->out->view = VIEW_PARTIAL;
    return CF_OK;
}

static bool is_initializer(const OnnxModel *m, const char *name) {
    for (int i = 0; i < m->tensor_count; i++)
        if (strcmp(m->tensors[i].name, name) == 0) return true;
    return false;
}

static cf_status read_input(Nodes *s) {
    const OnnxModel *m = s->graph->model;
    const OnnxPort *image = NULL;
    for (int i = 0; i < m->input_count; i++) {
        if (m->input_count > 1 && is_initializer(m, m->inputs[i].name)) continue; /* as files of before 2018 have them */
        FAIL_IF(image, CF_BAD_INPUT, "the network has the inputs %.60s and %.60s; one of images is expected", image->name, m->inputs[i].name);
        image = &m->inputs[i];
    }
    FAIL_IF(!image, CF_BAD_INPUT, "the network has no input");
    const size_t *d = image->shape;
    FAIL_IF(image->type != ONNX_FLOAT || image->dims != 4 || !d[1] || !d[2] || !d[3] || d[1] > LONGEST_SIDE || d[2] > LONGEST_SIDE || d[3] > LONGEST_SIDE,
            CF_BAD_INPUT,
            "the input %.60s: images of float32 expected, N x C x H x W, with numbers for C, H and W; found %d dimensions, %zu x %zu x %zu behind "
            "the first, of type %d",
            image->name, image->dims, d[1], d[2], d[3], image->type);
    FAIL_IF(d[1] * d[2] * d[3] > LARGEST_LAYER, CF_BAD_INPUT, "images of %zu x %zu x %zu are larger than %d values", d[1], d[2], d[3], LARGEST_LAYER);
    s->graph->input = (Shape){(int)d[1], (int)d[2], (int)d[3]};
    FORWARD(new_value(s, image->name, &s->out));
    add_op(s, NULL, VIEW_MAPS)->layer.out = s->graph->input;
    return CF_OK;
}

/* The logits in front of what makes probabilities of them. */
static cf_status find_result(Nodes *s) {
    OnnxGraph *g = s->graph;
    const OnnxModel *m = g->model;
    FAIL_IF(!m->output_count, CF_BAD_INPUT, "the network has no output");
    if (m->output_count > 1) notice("the network has %d outputs: the first one is taken", m->output_count);
    const char *name = m->outputs[0].name;
    const int place = name_table_find(&s->names, name, strlen(name));
    FAIL_IF(place < 0, CF_BAD_INPUT, "no node makes the output %.80s", name);
    const OnnxValue *v = &g->values[place];
    FAIL_IF(v->constant, CF_BAD_INPUT, "the output %.80s does not follow from the image", name);
    const OnnxOp *op = &g->ops[v->op];
    g->result = op->why == softmax_end ? op->layer.input[0] : v->op;
    op = &g->ops[g->result];
    FAIL_IF(op->layer.type && op->layer.out.C > 1 && op->layer.out.H * op->layer.out.W > 1, CF_BAD_INPUT,
            "the output %.80s: N x classes expected; one of the last layer has %d x %d x %d values of each image", name,
            op->layer.out.C, op->layer.out.H, op->layer.out.W);
    return CF_OK;
}

cf_status onnx_graph_read(OnnxModel *model, OnnxGraph *graph) {
    Nodes s = {.graph = graph};
    size_t names = (size_t)model->tensor_count + 1;
    cf_status status;
    for (int i = 0; i < model->node_count; i++) names += (size_t)model->nodes[i].output_count;
    *graph = (OnnxGraph){.model = model};
    FORWARD(onnx_take(model, names, sizeof *graph->values, &graph->values));
    FORWARD(onnx_take(model, 2 * names, sizeof *graph->ops, &graph->ops));
    FORWARD(name_table_new(names, &s.names));
    FORWARD_TO(done, read_input(&s));
    for (int i = 0; i < model->tensor_count; i++) {
        FORWARD_TO(done, new_value(&s, model->tensors[i].name, &s.out));
        s.out->constant = &model->tensors[i];
    }
    for (int i = 0; i < model->node_count; i++) FORWARD_TO(done, read_node(&s, &model->nodes[i]));
    FORWARD_TO(done, find_result(&s));
done:
    name_table_free(&s.names);
    return status;
}
