/* The nodes of an ONNX graph, one after the other, as layers of a model line: what they share, the table, and the whole. */
#include "export/onnx_graph.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char part_of_nothing[] = "it stands in no pattern that a layer of the model line computes";
const char attention_core[] = "an attention without the projection behind it";
const char softmax_end[] = "a softmax that is not the end of the network";

/* ---- Values ---- */

OnnxOp *value_op(const Nodes *s, const OnnxValue *v) {
    return &s->graph->ops[v->op];
}

Shape value_shape(const Nodes *s, const OnnxValue *v) {
    return value_op(s, v)->layer.out;
}

bool value_is_whole(const Nodes *s, const OnnxValue *v) {
    return v && !v->constant && v->view != VIEW_PARTIAL && (v->op == ONNX_IMAGE || value_op(s, v)->layer.type);
}

bool value_is_maps(const Nodes *s, const OnnxValue *v) {
    return value_is_whole(s, v) && v->view == VIEW_MAPS;
}

bool value_is(const OnnxValue *a, const OnnxValue *b) {
    return a && b && !a->constant && !b->constant && a->op == b->op && a->view == b->view;
}

const float *value_floats(const OnnxValue *v, size_t count) {
    return v && v->constant && v->constant->count == count ? v->constant->floats : NULL;
}

bool value_is_number(const OnnxValue *v, double number) {
    const float *value = value_floats(v, 1);
    return value && fabs((double)*value - number) <= 1e-5 * fabs(number);
}

OnnxValue *node_input(const Nodes *s, const OnnxNode *node, int i) {
    if (!node || i >= node->input_count) return NULL;
    const int place = name_table_find(&s->names, node->inputs[i], strlen(node->inputs[i]));
    return place < 0 ? NULL : &s->graph->values[place];
}

const OnnxNode *node_that_made(const OnnxValue *v, const char *op) {
    return v && v->maker && strcmp(v->maker->op, op) == 0 ? v->maker : NULL;
}

OnnxValue *node_beside(const Nodes *s, const OnnxNode *node, double number) {
    for (int i = 0; i < 2 && node; i++)
        if (value_is_number(node_input(s, node, i), number)) return node_input(s, node, 1 - i);
    return NULL;
}

bool value_is_per_channel(const OnnxValue *c, View view, Shape shape) {
    const int behind = view == VIEW_MAPS ? 2 : view == VIEW_ROWS ? 1 : 0;
    if (!value_floats(c, (size_t)shape.C) || (view == VIEW_FLAT && shape.H * shape.W > 1)) return false;
    for (int i = 0; i < c->constant->dims; i++) {
        const size_t size = c->constant->shape[c->constant->dims - 1 - i];
        if (size != (i == behind ? (size_t)shape.C : 1)) return false;
    }
    return c->constant->dims > behind || shape.C == 1;
}

/* ---- Attributes ---- */

int64_t node_integer(const OnnxNode *node, const char *name, int64_t other) {
    const OnnxAttribute *a = onnx_attribute(node, name);
    return a ? a->i : other;
}

float node_float(const OnnxNode *node, const char *name, float other) {
    const OnnxAttribute *a = onnx_attribute(node, name);
    return a ? a->f : other;
}

bool node_integers(const OnnxNode *node, const char *name, int count, int other, int *values) {
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

unsigned node_axes(const Nodes *s, int dims) {
    const OnnxAttribute *a = onnx_attribute(s->node, "axes");
    const OnnxTensor *t = s->in[1] ? s->in[1]->constant : NULL;
    const int64_t *axes = a ? a->ints : t ? t->integers : NULL;
    const size_t count = !axes ? 0 : a ? a->int_count : t->count;
    unsigned found = 0;
    for (size_t i = 0; i < count; i++)
        if (axes[i] >= -dims && axes[i] < dims) found |= 1u << (axes[i] < 0 ? axes[i] + dims : axes[i]);
    return found;
}

bool node_turns(const OnnxNode *node, int count, const int64_t *order) {
    const OnnxAttribute *a = node ? onnx_attribute(node, "perm") : NULL;
    return a && a->int_count == (size_t)count && memcmp(a->ints, order, (size_t)count * sizeof *order) == 0;
}

/* ---- Ops ---- */

OnnxOp *op_new(Nodes *s, const OnnxValue *x, View view) {
    OnnxOp *op = &s->graph->ops[s->graph->op_count];
    *op = (OnnxOp){.node = s->node, .layer = layer_begin(NULL, 0, 0)};
    s->out->op = s->graph->op_count++;
    s->out->view = view;
    if (!x || x->constant) return op;
    op->layer.input[0] = x->op;
    op->layer.in = op->layer.out = value_shape(s, x);
    return op;
}

cf_status node_not_understood(Nodes *s, const char *why) {
    const OnnxValue *x = NULL;
    for (int i = 0; i < MOST_INPUTS; i++)
        if (s->in[i] && !s->in[i]->constant && (!x || !value_is_whole(s, s->in[i]))) x = s->in[i];
    op_new(s, x, VIEW_PARTIAL)->why = why;
    return CF_OK;
}

OnnxOp *op_new_layer(Nodes *s, const char *word, const OnnxValue *x) {
    OnnxOp *op = op_new(s, x, x->view);
    op->layer.type = layer_type(word);
    return op;
}

void op_add_tensor(OnnxOp *op, int i, const float *values, size_t count) {
    op->tensor[i] = values;
    op->tensor_count[i] = count;
}

cf_status op_add_constant(Nodes *s, OnnxOp *op, int i, float value) {
    const size_t count = (size_t)op->layer.out.C;
    float *values;
    FORWARD(blocks_take(&s->graph->model->blocks, count, sizeof *values, &values));
    for (size_t k = 0; k < count; k++) values[k] = value;
    op_add_tensor(op, i, values, count);
    return CF_OK;
}

cf_status op_add_transposed(Nodes *s, OnnxOp *op, int i, const float *from, size_t rows, size_t columns) {
    float *to;
    FORWARD(blocks_take(&s->graph->model->blocks, rows * columns, sizeof *to, &to));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
    op_add_tensor(op, i, to, rows * columns);
    return CF_OK;
}

cf_status node_pass(Nodes *s, const OnnxValue *x, View view) {
    const char *name = s->out->name;
    *s->out = *x;
    s->out->name = name;
    s->out->view = view;
    return CF_OK;
}

/* ---- The table ---- */

static const struct {
    const char *operators; /* between spaces */
    NodeReader *read;
} readers[] = {
    {"Conv", conv_node},
    {"Gemm", gemm_node},
    {"MatMul", matmul_node},
    {"BatchNormalization", batch_norm_node},
    {"InstanceNormalization", instance_norm_node},
    {"LayerNormalization", layer_norm_node},
    {"GroupNormalization", group_norm_node},
    {"Relu LeakyRelu HardSwish Sigmoid Gelu", activation_node},
    {"Clip", clip_node},
    {"Erf HardSigmoid Split Sub", part_node},
    {"Mul", mul_node},
    {"Div", divide_node},
    {"Add", add_node},
    {"Concat", concat_any_node},
    {"MaxPool AveragePool", pool_node},
    {"GlobalAveragePool GlobalMaxPool", global_pool_node},
    {"ReduceMean", reduce_mean_node},
    {"Reshape", reshape_node},
    {"Flatten", flatten_node},
    {"Transpose", transpose_node},
    {"Squeeze Unsqueeze", squeeze_node},
    {"Softmax LogSoftmax", softmax_node},
    {"Identity Dropout Cast", through_node},
    {"Constant", constant_node},
    {"Shape", shape_node},
    {"Gather", gather_node},
    {"Slice", slice_node},
};

/* ---- The whole ---- */

cf_status onnx_refuse(const OnnxNode *node, const char *why) {
    char name[100], op[60];
    snprintf(name, sizeof name, "%s", *node->name ? node->name : node->output_count ? node->outputs[0] : "?");
    snprintf(op, sizeof op, "%s", node->op);
    text_replace_controls(name);
    text_replace_controls(op);
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
        OnnxValue *v = *node->inputs[i] ? node_input(s, node, i) : NULL;
        if (!v && *node->inputs[i])
            return onnx_refuse(node,
                               "it reads a value that no node in front of it makes; the file is no sound ONNX graph");
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
        FORWARD(node_not_understood(s, "only its first output is known"));
    }
    FORWARD(new_value(s, node->outputs[0], &s->out));
    if (*node->domain && strcmp(node->domain, "ai.onnx") != 0)
        return node_not_understood(s, "it belongs to an extension of ONNX");
    size_t i = 0;
    while (i < COUNT_OF(readers) && !text_has_word(readers[i].operators, node->op)) i++;
    FORWARD(i < COUNT_OF(readers) ? readers[i].read(s)
                                  : node_not_understood(s, "no layer of the model line does this"));
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
        if (m->input_count > 1 && is_initializer(m, m->inputs[i].name))
            continue; /* as files of before 2018 have them */
        FAIL_IF(image, CF_BAD_INPUT, "the network has the inputs %.60s and %.60s; one of images is expected",
                image->name, m->inputs[i].name);
        image = &m->inputs[i];
    }
    FAIL_IF(!image, CF_BAD_INPUT, "the network has no input");
    const size_t *d = image->shape;
    FAIL_IF(image->type != ONNX_FLOAT || image->dims != 4 || !d[1] || !d[2] || !d[3] || d[1] > LONGEST_SIDE ||
                d[2] > LONGEST_SIDE || d[3] > LONGEST_SIDE,
            CF_BAD_INPUT,
            "the input %.60s: images of float32 expected, N x C x H x W, with numbers for C, H and W; found %d "
            "dimensions, %zu x %zu x %zu behind the first, of type %d",
            image->name, image->dims, d[1], d[2], d[3], image->type);
    FAIL_IF(d[1] * d[2] * d[3] > LARGEST_LAYER, CF_BAD_INPUT, "images of %zu x %zu x %zu are larger than %d values",
            d[1], d[2], d[3], LARGEST_LAYER);
    s->graph->input = (Shape){(int)d[1], (int)d[2], (int)d[3]};
    FORWARD(new_value(s, image->name, &s->out));
    op_new(s, NULL, VIEW_MAPS)->layer.out = s->graph->input;
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

static void nodes_free(Nodes *s) {
    name_table_free(&s->names);
}

cf_status onnx_graph_read(OnnxModel *model, OnnxGraph *graph) {
    AUTO(nodes_free) Nodes s = {.graph = graph};
    size_t names = (size_t)model->tensor_count + 1;
    for (int i = 0; i < model->node_count; i++) names += (size_t)model->nodes[i].output_count;
    *graph = (OnnxGraph){.model = model};
    FORWARD(blocks_take(&model->blocks, names, sizeof *graph->values, &graph->values));
    FORWARD(blocks_take(&model->blocks, 2 * names, sizeof *graph->ops, &graph->ops));
    FORWARD(name_table_new(names, &s.names));
    FORWARD(read_input(&s));
    for (int i = 0; i < model->tensor_count; i++) {
        FORWARD(new_value(&s, model->tensors[i].name, &s.out));
        s.out->constant = &model->tensors[i];
    }
    for (int i = 0; i < model->node_count; i++) FORWARD(read_node(&s, &model->nodes[i]));
    return find_result(&s);
}
