/* Operators of ONNX that are a layer by themselves: windows, dense layers, activations, norms. */
#include "export/onnx_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Windows ---- */

/* Stride, dilation and padding of a window R x S; out.H, out.W. Why it is none of the line's, or NULL. */
static const char *read_window(const OnnxNode *node, Layer *l) {
    int strides[2], dilations[2], pads[4];
    const OnnxAttribute *automatic = onnx_attribute(node, "auto_pad");
    const bool same_upper = automatic && strcmp(automatic->text, "SAME_UPPER") == 0;
    if (!node_integers(node, "strides", 2, 1, strides) || strides[0] != strides[1] || strides[0] < 1 || strides[0] > 64)
        return "one stride from 1 to 64 for both directions expected";
    if (!node_integers(node, "dilations", 2, 1, dilations) || dilations[0] != dilations[1] || dilations[0] < 1 ||
        dilations[0] > 64)
        return "one dilation from 1 to 64 for both directions expected";
    if (!node_integers(node, "pads", 4, 0, pads) || pads[0] > 512 || pads[1] > 512 || pads[2] > 1024 || pads[3] > 1024)
        return "four paddings from 0 to 512 expected";
    if (automatic && *automatic->text && !same_upper && strcmp(automatic->text, "NOTSET") != 0 &&
        strcmp(automatic->text, "VALID") != 0)
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
        if (node_integer(node, "ceil_mode", 0) && (whole - size) % l->stride)
            return "ceil_mode, and a last window that is not whole";
        *(i ? &l->out.W : &l->out.H) = (whole - size) / l->stride + 1;
        *(i ? &l->pad_w : &l->pad_h) = before;
    }
    return NULL;
}

bool op_is_pointwise(const OnnxOp *op) {
    const Layer *l = &op->layer;
    return l->type == &conv_type && l->R == 1 && l->S == 1 && l->stride == 1 && l->groups == 1 && !l->pad_h &&
           !l->pad_w;
}

static cf_status finish_attention(Nodes *s, const OnnxOp *core, const OnnxTensor *w, const float *bias) {
    const Shape in = core->layer.out;
    OnnxOp *op = op_new(s, s->in[0], VIEW_MAPS);
    op->layer.type = layer_type("attention");
    op->layer.input[0] = core->layer.input[0];
    op->layer.number = core->layer.number;
    op->layer.in = op->layer.out = in;
    op->tensor_name = core->tensor_name;
    for (int i = 0; i < 2; i++) op_add_tensor(op, i, core->tensor[i], core->tensor_count[i]);
    op_add_tensor(op, 2, w->floats, w->count);
    op_add_tensor(op, 3, bias, (size_t)in.C);
    return CF_OK;
}

cf_status conv_node(Nodes *s) {
    OnnxValue *x = s->in[0];
    const OnnxTensor *w = s->in[1] ? s->in[1]->constant : NULL;
    if (!w || !w->floats || w->dims != 4 || !w->count)
        return node_not_understood(s, "constant weights of four dimensions expected");
    const float *bias = s->in[2] ? value_floats(s->in[2], w->shape[0]) : NULL;
    const int64_t groups = node_integer(s->node, "group", 1);
    if (s->in[2] && !bias) return node_not_understood(s, "a constant bias of each filter expected");
    if (x && !x->constant && value_op(s, x)->why == attention_core && bias && w->shape[2] == 1 && w->shape[3] == 1 &&
        w->shape[0] == w->shape[1] && w->shape[0] == (size_t)value_shape(s, x).C)
        return finish_attention(s, value_op(s, x), w, bias);
    if (!value_is_maps(s, x)) return node_not_understood(s, "images N x C x H x W of a known layer expected");
    if (groups < 1 || (size_t)groups > w->shape[0] || w->shape[0] > 65536 || w->shape[0] % (size_t)groups ||
        w->shape[1] > 65536 || w->shape[1] * (size_t)groups != (size_t)value_shape(s, x).C || w->shape[2] > 1024 ||
        w->shape[3] > 1024)
        return node_not_understood(s, "weights that fit the channels and groups expected");
    OnnxOp *op = op_new_layer(s, "conv", x);
    Layer *l = &op->layer;
    l->out.C = (int)w->shape[0], l->R = (int)w->shape[2], l->S = (int)w->shape[3], l->groups = (int)groups,
    l->bias = bias != NULL;
    if ((op->why = read_window(s->node, l))) {
        l->type = NULL;
        return CF_OK;
    }
    if (l->groups > 1 && l->groups == l->in.C && l->out.C == l->in.C) l->type = &dwconv_type;
    if (l->R == l->S && l->R == l->stride && l->R > 1 && l->R <= 64 && bias && groups == 1 && l->dilation == 1 &&
        !l->pad_h && !l->pad_w)
        l->type = &patch_type;
    op->tensor_name = w->name;
    op_add_tensor(op, 0, w->floats, w->count);
    op_add_tensor(op, 1, bias, w->shape[0]);
    return CF_OK;
}

cf_status pool_node(Nodes *s) {
    const bool average = strcmp(s->node->op, "AveragePool") == 0;
    int window[2];
    if (!value_is_maps(s, s->in[0])) return node_not_understood(s, "images N x C x H x W of a known layer expected");
    if (!node_integers(s->node, "kernel_shape", 2, 0, window) || window[0] < 1 || window[1] < 1)
        return node_not_understood(s, "a window expected");
    OnnxOp *op = op_new_layer(s, average ? "avgpool" : "maxpool", s->in[0]);
    Layer *l = &op->layer;
    l->R = window[0], l->S = window[1];
    op->why = read_window(s->node, l);
    if (!op->why && l->dilation > 1) op->why = "a pool without dilation expected";
    if (!op->why && average && (l->pad_h || l->pad_w) && node_integer(s->node, "count_include_pad", 0))
        op->why = "padding that counts in the average; in the model line it does not (count_include_pad 0)";
    if (op->why) l->type = NULL;
    return CF_OK;
}

static cf_status average_of_all(Nodes *s, View view) {
    OnnxOp *op = op_new_layer(s, "globalavgpool", s->in[0]);
    op->layer.R = op->layer.in.H, op->layer.S = op->layer.in.W;
    op->layer.out.H = op->layer.out.W = 1;
    s->out->view = view;
    return CF_OK;
}

cf_status global_pool_node(Nodes *s) {
    if (!value_is_maps(s, s->in[0])) return node_not_understood(s, "images N x C x H x W of a known layer expected");
    cf_status status = average_of_all(s, VIEW_MAPS);
    if (strcmp(s->node->op, "GlobalMaxPool") == 0) value_op(s, s->out)->layer.type = layer_type("globalmaxpool");
    return status;
}

/* Over all pixels: axes 2, 3 of maps, 1, 2 with channels last, 1 of tokens. */
cf_status reduce_mean_node(Nodes *s) {
    static const unsigned pixels[] = {[VIEW_MAPS] = 12, [VIEW_LAST] = 6, [VIEW_ROWS] = 4, [VIEW_TOKENS] = 2};
    const OnnxValue *x = s->in[0];
    const bool keeps = node_integer(s->node, "keepdims", 1);
    if (!value_is_whole(s, x) || x->view == VIEW_FLAT ||
        node_axes(s, x->view == VIEW_MAPS || x->view == VIEW_LAST ? 4 : 3) != pixels[x->view])
        return node_not_understood(s, "a mean over all pixels of images expected");
    return average_of_all(s, keeps ? x->view : VIEW_FLAT);
}

/* ---- Dense layers ---- */

/* By weights [outputs][inputs], or [inputs][outputs]. */
static cf_status dense_product(Nodes *s, const OnnxTensor *w, bool inputs_first, const OnnxValue *bias) {
    const OnnxValue *x = s->in[0];
    if (!w || !w->floats || w->dims != 2 || !w->count)
        return node_not_understood(s, "constant weights of two dimensions expected");
    const size_t inputs = w->shape[!inputs_first], outputs = w->shape[inputs_first];
    if (!value_is_whole(s, x) || x->view == VIEW_MAPS || x->view == VIEW_ROWS)
        return node_not_understood(s, "values of a known layer expected, flat or a row per pixel");
    const bool flat = x->view == VIEW_FLAT;
    const Shape in = value_shape(s, x);
    if (inputs != (flat ? shape_size(in) : (size_t)in.C) || outputs > (flat ? 1 << 20 : 65536))
        return node_not_understood(s, "weights that fit what arrives expected");
    if (bias && (!value_floats(bias, outputs) ||
                 bias->constant->shape[bias->constant->dims ? bias->constant->dims - 1 : 0] != outputs))
        return node_not_understood(s, "a constant bias of each output expected");
    OnnxOp *op = op_new_layer(s, flat ? "dense" : "conv", x);
    op->layer.out = (Shape){(int)outputs, flat ? 1 : in.H, flat ? 1 : in.W};
    op->layer.R = op->layer.S = flat ? 0 : 1;
    op->layer.bias = bias != NULL;
    op->tensor_name = w->name;
    if (bias) op_add_tensor(op, 1, bias->constant->floats, outputs);
    if (inputs_first) return op_add_transposed(s, op, 0, w->floats, inputs, outputs);
    op_add_tensor(op, 0, w->floats, w->count);
    return CF_OK;
}

cf_status gemm_node(Nodes *s) {
    if (node_integer(s->node, "transA", 0) || node_float(s->node, "alpha", 1) != 1 ||
        (s->in[2] && node_float(s->node, "beta", 1) != 1))
        return node_not_understood(s, "alpha 1, beta 1 and no transA expected");
    return dense_product(s, s->in[1] ? s->in[1]->constant : NULL, !node_integer(s->node, "transB", 0), s->in[2]);
}

cf_status matmul_node(Nodes *s) {
    return dense_product(s, s->in[1] ? s->in[1]->constant : NULL, true, NULL);
}

/* ---- Activations ---- */

cf_status activation_node(Nodes *s) {
    const OnnxAttribute *approximate = onnx_attribute(s->node, "approximate");
    const float slope = node_float(s->node, "alpha", 0.01f);
    const char *const *word = layer_words();
    if (!value_is_whole(s, s->in[0])) return node_not_understood(s, "values of a known layer expected");
    if (approximate && strcmp(approximate->text, "none") != 0)
        return node_not_understood(s, "the exact function expected, no approximation");
    while (!layer_type(*word)->onnx || strcmp(layer_type(*word)->onnx, s->node->op) != 0) word++;
    const bool leaky = strcmp(*word, "leakyrelu") == 0;
    if (leaky && !(slope >= 0 && slope < 1)) return node_not_understood(s, "a slope from 0 on and below 1 expected");
    OnnxOp *op = op_new_layer(s, *word, s->in[0]);
    if (leaky) op->layer.activation.slope = slope;
    return CF_OK;
}

cf_status clip_node(Nodes *s) {
    const float *low = value_floats(s->in[1], 1), *high = value_floats(s->in[2], 1);
    const float least = s->in[1] ? (low ? *low : NAN) : node_float(s->node, "min", -INFINITY);
    const float most = s->in[2] ? (high ? *high : NAN) : node_float(s->node, "max", INFINITY);
    if (!value_is_whole(s, s->in[0]) || least != 0 || !(most == 6 || most >= 3.4e38f))
        return node_not_understood(s, "values of a known layer, and 0 to 6 (relu6) or from 0 on (relu), expected");
    op_new_layer(s, most == 6 ? "relu6" : "relu", s->in[0]);
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

bool node_has_usual_epsilon(const OnnxNode *node) {
    return node_float(node, "epsilon", 1e-5f) == (float)BN_EPSILON;
}

static const char needs_epsilon[] = "epsilon 1e-5 expected; the model line's norms of single images have no other";

cf_status batch_norm_node(Nodes *s) {
    const OnnxValue *x = s->in[0];
    if (!value_is_whole(s, x) ||
        !(x->view == VIEW_MAPS || (x->view == VIEW_FLAT && value_shape(s, x).H * value_shape(s, x).W == 1)))
        return node_not_understood(s, "values of a known layer, N x C x H x W or N x C, expected");
    OnnxOp *op = op_new_layer(s, "bn", x);
    for (int i = 0; i < 4; i++) {
        op_add_tensor(op, i, value_floats(s->in[i + 1], (size_t)op->layer.in.C), (size_t)op->layer.in.C);
        if (!op->tensor[i]) op->why = "a constant scale, bias, mean and variance of each channel expected";
    }
    op->layer.epsilon = onnx_as_written(node_float(s->node, "epsilon", 1e-5f));
    if (!(op->layer.epsilon >= 1e-12 && op->layer.epsilon < 1))
        op->why = "an epsilon from 1e-12 on and below 1 expected";
    if (node_integer(s->node, "training_mode", 0)) op->why = "it is in training mode";
    if (op->why) op->layer.type = NULL;
    if (!op->why) op->tensor_name = s->in[1]->constant->name;
    return CF_OK;
}

/* instancenorm, layernorm, groupnorm by one operator: weight and bias of each channel. */
static cf_status norm(Nodes *s, const char *word) {
    const OnnxValue *x = s->in[0];
    const size_t C = (size_t)value_shape(s, x).C;
    const float *weight = value_floats(s->in[1], C), *bias = value_floats(s->in[2], C);
    if (!weight || !bias) return node_not_understood(s, "a constant scale and bias of each channel expected");
    if (!node_has_usual_epsilon(s->node)) return node_not_understood(s, needs_epsilon);
    OnnxOp *op = op_new_layer(s, word, x);
    op->tensor_name = s->in[1]->constant->name;
    op_add_tensor(op, 0, weight, C);
    op_add_tensor(op, 1, bias, C);
    return CF_OK;
}

cf_status instance_norm_node(Nodes *s) {
    return value_is_maps(s, s->in[0]) ? norm(s, "instancenorm") : node_not_understood(s, part_of_nothing);
}

cf_status layer_norm_node(Nodes *s) {
    const OnnxValue *x = s->in[0];
    const bool rows =
        value_is_whole(s, x) && (x->view == VIEW_TOKENS || x->view == VIEW_LAST ||
                                 (x->view == VIEW_FLAT && value_shape(s, x).H * value_shape(s, x).W == 1));
    const int64_t axis = node_integer(s->node, "axis", -1), last = !rows                    ? 0
                                                                   : x->view == VIEW_LAST   ? 3
                                                                   : x->view == VIEW_TOKENS ? 2
                                                                                            : 1;
    if (!rows || (axis != -1 && axis != last))
        return node_not_understood(s, "a norm over the channels of each pixel expected");
    return norm(s, "layernorm");
}

cf_status group_norm_node(Nodes *s) {
    const int64_t groups = node_integer(s->node, "num_groups", 0);
    if (!value_is_maps(s, s->in[0]) || groups < 1 || groups > value_shape(s, s->in[0]).C ||
        value_shape(s, s->in[0]).C % groups)
        return node_not_understood(s, "images N x C x H x W of a known layer, and groups that divide C, expected");
    FORWARD(norm(s, "groupnorm"));
    value_op(s, s->out)->layer.number = (int)groups;
    return CF_OK;
}
