/* The table: how each word of a model line is written as nodes of ONNX's opset 17. */
#include "base/text.h"
#include "export/onnx_write.h"

#include <math.h>
#include <string.h>

/* ---- One operator ---- */

/* The operator that LayerType names. */
static void one_operator(OnnxOut *o, const Layer *layer, const OnnxName *x, OnnxName *y) {
    onnx_begin(o, layer->type->onnx, layer->inputs > 1 ? INPUTS(x[0].text, x[1].text) : INPUTS(x[0].text), y);
    if (layer->activation.kind == ACT_RELU && strcmp(layer->type->onnx, "Relu") != 0)
        onnx_float(o, "alpha", layer->activation.slope);
    if (layer->type == &concat_type) onnx_integer(o, "axis", 1);
    onnx_end(o);
}

/* What does nothing when predicting. */
static void no_operator(OnnxOut *o, const Layer *layer, const OnnxName *x, OnnxName *y) {
    (void)o, (void)layer;
    *y = x[0];
}

/* ---- Windows ---- */

/* What a window of `size` reaches of padding behind the end of a side. */
static int padding_behind(int side, int size, int stride, int before, int outputs) {
    const int behind = (outputs - 1) * stride + size - side - before;
    return behind > 0 ? behind : 0;
}

/* The same padding behind as in front, where that gives the same outputs; else just what is reached. */
void onnx_window(OnnxOut *o, const Window *w) {
    const int R = (w->R - 1) * w->dilation + 1, S = (w->S - 1) * w->dilation + 1;
    const bool even =
        (w->H + 2 * w->pad_h - R) / w->stride + 1 == w->P && (w->W + 2 * w->pad_w - S) / w->stride + 1 == w->Q;
    const int below = even ? w->pad_h : padding_behind(w->H, R, w->stride, w->pad_h, w->P);
    const int right = even ? w->pad_w : padding_behind(w->W, S, w->stride, w->pad_w, w->Q);
    onnx_integers(o, "kernel_shape", 2, DIMS(w->R, w->S));
    onnx_integers(o, "strides", 2, DIMS(w->stride, w->stride));
    onnx_integers(o, "pads", 4, DIMS(w->pad_h, w->pad_w, below, right));
}

/* By the layer's weights, and its bias if it has one. */
static void begin_product(OnnxOut *o, const char *op, const Layer *l, const OnnxName *x, OnnxName *y) {
    const OnnxName weight = onnx_parameter(o, "weight"), bias = l->bias ? onnx_parameter(o, "bias") : (OnnxName){""};
    onnx_begin(o, op, INPUTS(x->text, weight.text, l->bias ? bias.text : NULL), y);
}

static void conv(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    begin_product(o, "Conv", l, x, y);
    const Window w = layer_window(l, 1);
    onnx_window(o, &w);
    onnx_integers(o, "dilations", 2, DIMS(l->dilation, l->dilation));
    onnx_integer(o, "group", l->groups);
    onnx_end(o);
}

/* A 1x1 convolution by parameters of [K][C]. */
static void project(OnnxOut *o, const char *weight, const char *bias, int K, int C, const char *x, OnnxName *y) {
    const OnnxName w = onnx_shaped_parameter(o, weight, 4, DIMS(K, C, 1, 1), false), b = onnx_parameter(o, bias);
    onnx_node(o, "Conv", INPUTS(x, w.text, b.text), y);
}

static void pool(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    onnx_begin(o, l->type->onnx, INPUTS(x->text), y);
    const Window w = layer_window(l, 1);
    onnx_window(o, &w);
    onnx_end(o);
}

static void dense(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    begin_product(o, "Gemm", l, x, y);
    onnx_integer(o, "transB", 1);
    onnx_end(o);
}

/* ---- Activations of several operators ---- */

static void relu6(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const OnnxName least = onnx_number(o, 0), most = onnx_number(o, 6);
    (void)l;
    onnx_node(o, "Clip", INPUTS(x->text, least.text, most.text), y);
}

static void silu(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    (void)l;
    onnx_node(o, "Sigmoid", INPUTS(x->text), y);
    onnx_node(o, "Mul", INPUTS(x->text, y->text), y);
}

/* x (1 + erf(x / sqrt 2)) / 2, in the order of PyTorch's exporter: Gelu is an operator from opset 20 on. */
static void gelu(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const OnnxName root = onnx_number(o, sqrtf(2)), one = onnx_number(o, 1), half = onnx_number(o, 0.5f);
    (void)l;
    onnx_node(o, "Div", INPUTS(x->text, root.text), y);
    onnx_node(o, "Erf", INPUTS(y->text), y);
    onnx_node(o, "Add", INPUTS(y->text, one.text), y);
    onnx_node(o, "Mul", INPUTS(x->text, y->text), y);
    onnx_node(o, "Mul", INPUTS(y->text, half.text), y);
}

/* ---- Norms ---- */

static void bn(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    static const char *const what[] = {"weight", "bias", "running_mean", "running_var"};
    OnnxName p[4];
    for (int i = 0; i < 4; i++) p[i] = onnx_parameter(o, what[i]);
    onnx_begin(o, "BatchNormalization", INPUTS(x->text, p[0].text, p[1].text, p[2].text, p[3].text), y);
    onnx_float(o, "epsilon", (float)l->epsilon);
    onnx_end(o);
}

static void instance(OnnxOut *o, const OnnxName *x, const OnnxName *weight, const OnnxName *bias, OnnxName *y) {
    onnx_begin(o, "InstanceNormalization", INPUTS(x->text, weight->text, bias->text), y);
    onnx_float(o, "epsilon", (float)BN_EPSILON);
    onnx_end(o);
}

static void instancenorm(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const OnnxName weight = onnx_parameter(o, "weight"), bias = onnx_parameter(o, "bias");
    (void)l;
    instance(o, x, &weight, &bias, y);
}

/* Groups as channels of an instance norm (in opset 17 there is no norm of groups with a scale per channel); one group for standardize. */
static void groupnorm(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const OnnxName ones = onnx_floats(o, 1, DIMS(l->number), NULL, 1),
                   zeros = onnx_floats(o, 1, DIMS(l->number), NULL, 0),
                   groups = onnx_shape(o, 3, DIMS(0, l->number, -1)),
                   maps = onnx_shape(o, 4, DIMS(0, l->in.C, l->in.H, l->in.W));
    onnx_node(o, "Reshape", INPUTS(x->text, groups.text), y);
    instance(o, y, &ones, &zeros, y);
    onnx_node(o, "Reshape", INPUTS(y->text, maps.text), y);
    if (!l->parameter_count) return;
    const OnnxName weight = onnx_shaped_parameter(o, "weight", 3, DIMS(l->in.C, 1, 1), false),
                   bias = onnx_shaped_parameter(o, "bias", 3, DIMS(l->in.C, 1, 1), false);
    onnx_node(o, "Mul", INPUTS(y->text, weight.text), y);
    onnx_node(o, "Add", INPUTS(y->text, bias.text), y);
}

static void transposed(OnnxOut *o, const char *x, const int64_t *order, OnnxName *y) {
    onnx_begin(o, "Transpose", INPUTS(x), y);
    onnx_integers(o, "perm", 4, order);
    onnx_end(o);
}

static void layernorm(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const OnnxName weight = onnx_parameter(o, "weight"), bias = onnx_parameter(o, "bias");
    (void)l;
    transposed(o, x->text, DIMS(0, 2, 3, 1), y);
    onnx_begin(o, "LayerNormalization", INPUTS(y->text, weight.text, bias.text), y);
    onnx_integer(o, "axis", -1);
    onnx_float(o, "epsilon", (float)BN_EPSILON);
    onnx_end(o);
    transposed(o, y->text, DIMS(0, 3, 1, 2), y);
}

static void normalize(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const OnnxName means = onnx_floats(o, 3, DIMS(l->number, 1, 1), l->means, 0),
                   deviations = onnx_floats(o, 3, DIMS(l->number, 1, 1), l->deviations, 0);
    onnx_node(o, "Sub", INPUTS(x->text, means.text), y);
    onnx_node(o, "Div", INPUTS(y->text, deviations.text), y);
}

/* ---- What is made of several layers ---- */

static void se(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const int C = l->in.C, few = C / l->number;
    onnx_node(o, "GlobalAveragePool", INPUTS(x->text), y);
    project(o, "fc1.weight", "fc1.bias", few, C, y->text, y);
    onnx_node(o, "Relu", INPUTS(y->text), y);
    project(o, "fc2.weight", "fc2.bias", C, few, y->text, y);
    onnx_node(o, "Sigmoid", INPUTS(y->text), y);
    onnx_node(o, "Mul", INPUTS(x->text, y->text), y);
}

/* Queries, keys and values are N x heads x d x positions; y = v softmax(q^T k / sqrt d)^T. */
static void attention(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const int C = l->in.C, heads = l->number, d = C / heads;
    const OnnxName split_shape = onnx_shape(o, 4, DIMS(0, heads, d, (int64_t)l->in.H * l->in.W)),
                   maps = onnx_shape(o, 4, DIMS(0, C, l->in.H, l->in.W)), scale = onnx_number(o, 1 / sqrtf((float)d));
    OnnxName projected, part[3];
    project(o, "in_proj_weight", "in_proj_bias", 3 * C, C, x->text, &projected);
    onnx_begin(o, "Split", INPUTS(projected.text), &part[0]);
    for (int i = 1; i < 3; i++) {
        part[i] = part[0];
        snprintf(part[i].text + strlen(part[i].text), 3, ":%d", i);
        proto_text(&o->file, NODE_OUTPUT, part[i].text);
    }
    onnx_integer(o, "axis", 1);
    onnx_end(o);
    for (int i = 0; i < 3; i++) onnx_node(o, "Reshape", INPUTS(part[i].text, split_shape.text), &part[i]);
    transposed(o, part[0].text, DIMS(0, 1, 3, 2), y);
    onnx_node(o, "MatMul", INPUTS(y->text, part[1].text), y);
    onnx_node(o, "Mul", INPUTS(y->text, scale.text), y);
    onnx_begin(o, "Softmax", INPUTS(y->text), y);
    onnx_integer(o, "axis", -1);
    onnx_end(o);
    transposed(o, y->text, DIMS(0, 1, 3, 2), y);
    onnx_node(o, "MatMul", INPUTS(part[2].text, y->text), y);
    onnx_node(o, "Reshape", INPUTS(y->text, maps.text), y);
    project(o, "out_proj.weight", "out_proj.bias", C, C, y->text, y);
}

static void position(OnnxOut *o, const Layer *l, const OnnxName *x, OnnxName *y) {
    const OnnxName weight = onnx_shaped_parameter(o, "weight", 4, DIMS(1, l->in.C, l->in.H, l->in.W), true);
    onnx_node(o, "Add", INPUTS(x->text, weight.text), y);
}

static const OnnxLayer rows[] = {
    {"conv dwconv patch", conv, ONNX_MAPS},
    {"dense", dense, ONNX_FLAT},
    {"bn", bn, ONNX_ANY},
    {"groupnorm standardize", groupnorm, ONNX_MAPS},
    {"instancenorm", instancenorm, ONNX_MAPS},
    {"layernorm", layernorm, ONNX_MAPS},
    {"normalize", normalize, ONNX_MAPS},
    {"relu leakyrelu hardswish sigmoid", one_operator, ONNX_ANY},
    {"relu6", relu6, ONNX_ANY},
    {"silu", silu, ONNX_ANY},
    {"gelu", gelu, ONNX_ANY},
    {"maxpool avgpool", pool, ONNX_MAPS},
    {"globalavgpool globalmaxpool add concat", one_operator, ONNX_MAPS},
    {"dropout droppath reverse", no_operator, ONNX_ANY},
    {"se", se, ONNX_MAPS},
    {"attention", attention, ONNX_MAPS},
    {"position", position, ONNX_MAPS},
};

const OnnxLayer *onnx_layer(const char *word) {
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (text_has_word(rows[i].words, word)) return &rows[i];
    return NULL;
}
