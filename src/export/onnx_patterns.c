/* Layers that are several operators of ONNX, recognised at the last one: products and sums, norms of groups, attention. */
#include "export/onnx_graph.h"

#include <math.h>
#include <string.h>

/* ---- Products and sums ---- */

/* The x of 1 + erf(x / sqrt 2). */
static const OnnxValue *erf_of(const Nodes *s, const OnnxValue *v) {
    const OnnxNode *erf = node_that_made(node_beside(s, node_that_made(v, "Add"), 1), "Erf");
    const OnnxValue *scaled = node_input(s, erf, 0);
    const OnnxNode *div = node_that_made(scaled, "Div");
    if (div) return value_is_number(node_input(s, div, 1), sqrt(2)) ? node_input(s, div, 0) : NULL;
    return node_beside(s, node_that_made(scaled, "Mul"), sqrt(0.5));
}

/* x of x (1 + erf(x / sqrt 2)). */
static const OnnxValue *gelu_of(const Nodes *s, const OnnxValue *a, const OnnxValue *b) {
    const OnnxValue *x = erf_of(s, b);
    return x && value_is(x, a) ? a : NULL;
}

static bool has_sizes(const OnnxTensor *t, int count, const size_t *sizes) {
    if (t->dims < count) return false;
    for (int i = 0; i < t->dims; i++)
        if (t->shape[t->dims - 1 - i] != (i < count ? sizes[count - 1 - i] : 1)) return false;
    return true;
}

/* The squeeze and excitation whose gate this is; NULL: none. */
static const OnnxOp *gate_part(const Nodes *s, const OnnxOp *op, const char *word) {
    const OnnxOp *before = &s->graph->ops[op->layer.input[0]];
    return before->layer.type && strcmp(before->layer.type->word, word) == 0 ? before : NULL;
}

static bool is_projection(const OnnxOp *op) {
    return op && op->layer.bias && (op->layer.type == &dense_type || op_is_pointwise(op));
}

static const OnnxOp *projection_before(const Nodes *s, const OnnxOp *op) {
    const OnnxOp *before = op ? &s->graph->ops[op->layer.input[0]] : NULL;
    return is_projection(before) ? before : NULL;
}

static bool squeeze_excite(Nodes *s, const OnnxValue *x, const OnnxValue *gate) {
    const OnnxOp *sigmoid = gate->view == VIEW_MAPS && value_is_whole(s, gate) ? value_op(s, gate) : NULL;
    if (!sigmoid || !sigmoid->layer.type || strcmp(sigmoid->layer.type->word, "sigmoid") != 0 || !value_is_maps(s, x))
        return false;
    const OnnxOp *second = projection_before(s, sigmoid), *relu = second ? gate_part(s, second, "relu") : NULL;
    const OnnxOp *first = projection_before(s, relu), *mean = first ? gate_part(s, first, "globalavgpool") : NULL;
    const int C = value_shape(s, x).C;
    if (!mean || mean->layer.input[0] != x->op || second->layer.out.C != C || first->layer.out.C < 1 ||
        first->layer.out.C > C)
        return false;
    const int reduction = C / first->layer.out.C;
    if (C / reduction != first->layer.out.C) return false;
    OnnxOp *op = op_new_layer(s, "se", x);
    op->layer.number = reduction;
    op->tensor_name = first->tensor_name;
    for (int i = 0; i < 2; i++) op_add_tensor(op, i, first->tensor[i], first->tensor_count[i]);
    for (int i = 0; i < 2; i++) op_add_tensor(op, 2 + i, second->tensor[i], second->tensor_count[i]);
    return true;
}

static bool hard_sigmoid_of(const Nodes *s, const OnnxValue *v, const OnnxValue *x) {
    const OnnxNode *node = node_that_made(v, "HardSigmoid");
    return node && value_is(node_input(s, node, 0), x) && fabsf(node_float(node, "alpha", 0.2f) - 1.0f / 6) < 1e-5f &&
           node_float(node, "beta", 0.5f) == 0.5f;
}

/* (x - means) / deviations, or times their inverses. */
static bool normalized(Nodes *s, const OnnxValue *difference, const OnnxValue *by, bool inverse) {
    const OnnxNode *sub = node_that_made(difference, "Sub");
    const OnnxValue *x = node_input(s, sub, 0), *means = node_input(s, sub, 1);
    if (!value_is_maps(s, x)) return false;
    const Shape in = value_shape(s, x);
    const bool many = !value_floats(means, 1) || !value_floats(by, 1);
    const int count = many ? in.C : 1;
    if (count > MOST_NORMALIZED || !(value_floats(means, 1) || value_is_per_channel(means, VIEW_MAPS, in)) ||
        !(value_floats(by, 1) || value_is_per_channel(by, VIEW_MAPS, in)))
        return false;
    OnnxOp *op = op_new_layer(s, "normalize", x);
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
    const OnnxOp before = *value_op(s, x);
    OnnxOp *op = op_new(s, x, x->view);
    *op = before;
    op->node = s->node;
    op_add_tensor(op, i, constant->constant->floats, constant->constant->count);
    if (i == 0) op->tensor_name = constant->constant->name;
    return op;
}

static cf_status multiply_by(Nodes *s, const OnnxValue *x, const OnnxValue *c) {
    const OnnxNode *mul = node_that_made(x, "Mul");
    const OnnxValue *a = node_input(s, mul, 0), *b = node_input(s, mul, 1);
    if (x->op == ONNX_IMAGE && !s->graph->scaled && value_is_number(c, 1.0 / 255)) {
        s->graph->scaled = true;
        return node_pass(s, x, x->view);
    }
    if (normalized(s, x, c, true)) return CF_OK;
    if (value_is_maps(s, x) && value_op(s, x)->plain_scale && value_is_per_channel(c, VIEW_MAPS, value_shape(s, x))) {
        OnnxOp *op = completed(s, x, 0, c);
        op->layer.type = layer_type("groupnorm"); /* a standardize has become one */
        op->plain_scale = false;
        return CF_OK;
    }
    const OnnxValue *gelu = value_is_number(c, 0.5) && mul ? gelu_of(s, a, b) : NULL;
    if (value_is_number(c, 0.5) && mul && !gelu) gelu = gelu_of(s, b, a);
    if (!gelu || !value_is_whole(s, gelu)) return node_not_understood(s, part_of_nothing);
    op_new_layer(s, "gelu", gelu);
    return CF_OK;
}

/* Of a constant and another value the latter; NULL: the node reads others. */
static const OnnxValue *value_beside_constant(const Nodes *s, const OnnxValue **constant) {
    for (int i = 0; i < 2; i++) {
        *constant = s->in[i];
        if (s->in[i] && s->in[i]->constant && s->in[1 - i] && !s->in[1 - i]->constant) return s->in[1 - i];
    }
    return NULL;
}

cf_status mul_node(Nodes *s) {
    const OnnxValue *constant = NULL, *x = value_beside_constant(s, &constant);
    if (x) return multiply_by(s, x, constant);
    for (int i = 0; i < 2; i++) {
        const OnnxValue *gate = s->in[1 - i];
        x = s->in[i];
        if (!x || !gate || x->constant) break;
        const OnnxValue *half = node_beside(s, node_that_made(x, "Mul"), 0.5);
        const char *word = value_is_whole(s, x) && value_is(node_input(s, node_that_made(gate, "Sigmoid"), 0), x)
                               ? "silu"
                           : value_is_whole(s, x) && hard_sigmoid_of(s, gate, x) ? "hardswish"
                                                                                 : NULL;
        if (word) return op_new_layer(s, word, x), CF_OK;
        if (half && value_is_whole(s, half) && gelu_of(s, half, gate)) return op_new_layer(s, "gelu", half), CF_OK;
        if (squeeze_excite(s, x, gate)) return CF_OK;
    }
    return node_not_understood(s, part_of_nothing);
}

cf_status divide_node(Nodes *s) {
    const OnnxValue *x = s->in[0];
    if (!x || x->constant) return node_not_understood(s, part_of_nothing);
    if (x->op == ONNX_IMAGE && !s->graph->scaled && value_is_number(s->in[1], 255)) {
        s->graph->scaled = true;
        return node_pass(s, x, x->view);
    }
    return normalized(s, x, s->in[1], false) ? CF_OK : node_not_understood(s, part_of_nothing);
}

static cf_status add_to(Nodes *s, const OnnxValue *x, const OnnxValue *c) {
    if (!value_is_whole(s, x) || !c->constant->floats) return node_not_understood(s, part_of_nothing);
    const OnnxOp *before = value_op(s, x);
    const Shape in = value_shape(s, x);
    const size_t maps[] = {(size_t)in.C, (size_t)in.H, (size_t)in.W},
                 tokens[] = {(size_t)in.H * (size_t)in.W, (size_t)in.C};
    const bool channels = value_is_per_channel(c, x->view, in);
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
        OnnxOp *op = op_new_layer(s, "position", x);
        op->tensor_name = c->constant->name;
        op_add_tensor(op, 0, c->constant->floats, c->constant->count);
        return CF_OK;
    }
    if (x->view == VIEW_MAPS && has_sizes(c->constant, 3, maps)) {
        OnnxOp *op = op_new_layer(s, "position", x);
        op->tensor_name = c->constant->name;
        return op_add_transposed(s, op, 0, c->constant->floats, maps[0], tokens[0]);
    }
    return node_not_understood(s, part_of_nothing);
}

static bool same_shape(Shape a, Shape b) {
    return a.C == b.C && a.H == b.H && a.W == b.W;
}

static cf_status join_values(Nodes *s, const char *word) {
    OnnxOp *op = op_new_layer(s, word, s->in[0]);
    op->layer.inputs = 2;
    op->layer.input[1] = s->in[1]->op;
    return CF_OK;
}

cf_status add_node(Nodes *s) {
    const OnnxValue *constant = NULL, *x = value_beside_constant(s, &constant);
    if (x) return add_to(s, x, constant);
    if (!value_is_whole(s, s->in[0]) || !value_is_whole(s, s->in[1])) return node_not_understood(s, part_of_nothing);
    if (s->in[0]->view != s->in[1]->view || !same_shape(value_shape(s, s->in[0]), value_shape(s, s->in[1])))
        return node_not_understood(s, "two values of one shape expected");
    return join_values(s, "add");
}

cf_status pattern_concat(Nodes *s) {
    if (s->node->input_count != 2 || !value_is_maps(s, s->in[0]) || !value_is_maps(s, s->in[1]) ||
        node_integer(s->node, "axis", 1) != 1)
        return node_not_understood(s, "the channels of two images expected");
    const Shape a = value_shape(s, s->in[0]), b = value_shape(s, s->in[1]);
    if (a.H != b.H || a.W != b.W || a.C + b.C > LONGEST_SIDE)
        return node_not_understood(s, "the channels of two images of one size expected");
    FORWARD(join_values(s, "concat"));
    value_op(s, s->out)->layer.out.C = a.C + b.C;
    return CF_OK;
}

/* ---- Norms of groups ---- */

static bool all_are(const OnnxTensor *t, float value) {
    for (size_t i = 0; i < t->count; i++)
        if (t->floats[i] != value) return false;
    return true;
}

/* Images reshaped to groups, an instance norm of these, and back: one group is standardize, until a scale follows. */
cf_status pattern_grouped_norm(Nodes *s, const OnnxNode *instance, bool *found) {
    const OnnxNode *apart = node_that_made(node_input(s, instance, 0), "Reshape");
    const OnnxValue *x = node_input(s, apart, 0), *scale = node_input(s, instance, 1),
                    *bias = node_input(s, instance, 2);
    const OnnxTensor *shape = apart && node_input(s, apart, 1) ? node_input(s, apart, 1)->constant : NULL;
    *found = false;
    if (!value_is_maps(s, x) || !scale || !scale->constant || !scale->constant->floats || !shape || !shape->integers ||
        shape->count != 3)
        return CF_OK;
    const size_t groups = scale->constant->count, C = (size_t)value_shape(s, x).C;
    if (!groups || C % groups || shape->integers[1] != (int64_t)groups || !value_floats(bias, groups) ||
        !all_are(scale->constant, 1) || !all_are(bias->constant, 0) || !node_has_usual_epsilon(instance))
        return CF_OK;
    OnnxOp *op = op_new_layer(s, groups == 1 ? "standardize" : "groupnorm", x);
    op->layer.number = (int)groups;
    op->plain_scale = op->plain_shift = *found = true;
    FORWARD(op_add_constant(s, op, 0, 1));
    return op_add_constant(s, op, 1, 0);
}

/* ---- Attention ---- */

/* Where `v` is a part of a projection to queries, keys and values, reshaped to N x heads x d x positions: the node that parts it. */
static const OnnxNode *part_of_heads(const Nodes *s, const OnnxValue *v, int part, int64_t sizes[2]) {
    const OnnxNode *reshape = node_that_made(v, "Reshape"), *split = node_that_made(node_input(s, reshape, 0), "Split");
    const OnnxValue *shape = node_input(s, reshape, 1);
    if (!split || split->output_count != 3 || strcmp(reshape->inputs[0], split->outputs[part]) != 0) return NULL;
    if (!shape || !shape->constant || !shape->constant->integers || shape->constant->count != 4) return NULL;
    memcpy(sizes, shape->constant->integers + 1, 2 * sizeof *sizes);
    return node_integer(split, "axis", 0) == 1 && split->input_count == 1 ? split : NULL;
}

/* v softmax(q^T k / sqrt d)^T, reshaped to images: as cifra writes it. */
bool pattern_attention(Nodes *s, const OnnxNode *product) {
    static const int64_t order[] = {0, 1, 3, 2};
    const OnnxNode *back = node_that_made(node_input(s, product, 1), "Transpose"),
                   *softmax = node_that_made(node_input(s, back, 0), "Softmax"),
                   *scale = node_that_made(node_input(s, softmax, 0), "Mul");
    int64_t sizes[3][2];
    for (int i = 0; i < 2 && scale; i++) {
        const float *factor = value_floats(node_input(s, scale, i), 1);
        const OnnxNode *scores = node_that_made(node_input(s, scale, 1 - i), "MatMul"),
                       *turned = node_that_made(node_input(s, scores, 0), "Transpose");
        if (!factor || !node_turns(turned, 4, order) || !node_turns(back, 4, order)) continue;
        const OnnxNode *split = part_of_heads(s, node_input(s, turned, 0), 0, sizes[0]);
        if (!split || part_of_heads(s, node_input(s, scores, 1), 1, sizes[1]) != split ||
            part_of_heads(s, node_input(s, product, 0), 2, sizes[2]) != split)
            continue;
        const OnnxValue *x = node_input(s, split, 0);
        const OnnxOp *in = value_is_maps(s, x) ? value_op(s, x) : NULL;
        const int64_t heads = sizes[0][0], d = sizes[0][1], C = in ? in->layer.in.C : 0;
        if (!in || !op_is_pointwise(in) || !in->layer.bias || in->layer.out.C != 3 * C ||
            memcmp(sizes[0], sizes[1], sizeof sizes[0]) || memcmp(sizes[0], sizes[2], sizeof sizes[0]) || heads < 1 ||
            heads > C || d < 1 || d > C || heads * d != C || fabs((double)*factor * sqrt((double)d) - 1) > 1e-5)
            continue;
        OnnxOp *op = op_new(s, x, VIEW_PARTIAL);
        op->why = attention_core;
        op->layer.input[0] = in->layer.input[0];
        op->layer.out = in->layer.in;
        op->layer.number = (int)heads;
        op->tensor_name = in->tensor_name;
        for (int k = 0; k < 2; k++) op_add_tensor(op, k, in->tensor[k], in->tensor_count[k]);
        return true;
    }
    return false;
}
