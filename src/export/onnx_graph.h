/* An ONNX graph that was read, as layers of a model line (onnx_graph.c), and the line that they make (onnx_line.c). */
#pragma once

#include "base/name_table.h"
#include "export/onnx_messages.h"
#include "nn/model.h"

/* How a value of an image's C x H x W values lies in ONNX: N x C x H x W; N x (C H W); N x C x (H W); N x H x W x C;
 * N x (H W) x C. PARTIAL: some other way, which only the pattern that it is part of knows. */
typedef enum View { VIEW_MAPS, VIEW_FLAT, VIEW_ROWS, VIEW_LAST, VIEW_TOKENS, VIEW_PARTIAL } View;

/* What a node computes: a layer of the line, or a part of one, or nothing that is understood. */
typedef struct OnnxOp {
    Layer layer;          /* type NULL: no layer; else its settings, inputs as numbers of ops, and output shape */
    const OnnxNode *node; /* NULL: the image */
    const char *why;      /* no layer: why not */
    bool plain_scale, plain_shift;         /* a groupnorm without weight, without bias so far */
    const float *tensor[LAYER_PARAMETERS]; /* as LayerType.shape adds the parameters, in the order of files */
    size_t tensor_count[LAYER_PARAMETERS];
    const char *tensor_name; /* of the first; NULL: none */
} OnnxOp;

/* A value by its name: a constant, or what an op gives. */
typedef struct OnnxValue {
    const char *name;
    const OnnxTensor *constant;
    int op;
    View view;
    const OnnxNode *maker; /* NULL: an input or initializer */
} OnnxValue;

typedef struct OnnxGraph {
    OnnxModel *model; /* its memory */
    OnnxOp *ops;      /* 0: the image */
    OnnxValue *values;
    int op_count, op_room, value_count;
    Shape input;
    bool scaled; /* the graph divides by 255 */
    int result;  /* the op that gives the logits */
} OnnxGraph;

enum { ONNX_IMAGE = 0 };

/* The ops of a file; those that are not understood among them. */
cf_status onnx_graph_read(OnnxModel *model, OnnxGraph *graph);
/* "node NAME (OP): why", as the message of a failure. */
cf_status onnx_refuse(const OnnxNode *node, const char *why);

/* The decimal number that was meant: 0.001 of 0.001f. */
double onnx_as_written(float value);

/* What gives a layer its parameters. */
typedef struct OnnxPlace {
    int op;      /* -1: it has none */
    bool folded; /* a batch norm, of which the op, a convolution, holds no more than the bias */
} OnnxPlace;

typedef struct OnnxLine {
    char *line;
    OnnxPlace *places; /* [count]: of the layers that the line makes, in their order */
    int count;
} OnnxLine;

/* The line of the ops that the result follows from. `before`: layers in front of the others, "" or "normalize 0.5 0.5"; `named`: layers have
 * the names of their parameters, where all of them have some. */
cf_status onnx_line_new(const OnnxGraph *graph, const char *before, bool named, OnnxLine *line);
void onnx_line_free(OnnxLine *line);

/* ---- For the readers of operators. A reader looks at the node at hand and what it reads, and says in `out` what its first output
 * is; a failure is one of memory. ---- */

enum { MOST_INPUTS = 8 };

typedef struct Nodes {
    OnnxGraph *graph;
    NameTable names;
    const OnnxNode *node;             /* the one at hand */
    OnnxValue *in[MOST_INPUTS], *out; /* NULL: left out */
} Nodes;

/* Reasons that are looked for; others are texts where they arise. */
extern const char part_of_nothing[], attention_core[], softmax_end[];

/* ---- Values; all take NULL for one that is left out, but value_op and value_shape ---- */

OnnxOp *value_op(const Nodes *s, const OnnxValue *v);
Shape value_shape(const Nodes *s, const OnnxValue *v);
/* Of an image, in one of the known views, made by a layer or the image itself; and N x C x H x W. */
bool value_is_whole(const Nodes *s, const OnnxValue *v);
bool value_is_maps(const Nodes *s, const OnnxValue *v);
bool value_is(const OnnxValue *a, const OnnxValue *b);
/* Of a constant of so many floats; NULL else. */
const float *value_floats(const OnnxValue *v, size_t count);
bool value_is_number(const OnnxValue *v, double number);
/* A constant with a number per channel, lying as the channels of this view do. */
bool value_is_per_channel(const OnnxValue *c, View view, Shape shape);

/* ---- Nodes; `node` may be NULL ---- */

/* The value that a node reads; NULL where it has none there. */
OnnxValue *node_input(const Nodes *s, const OnnxNode *node, int i);
/* The node that made a value, if it is of this operator. */
const OnnxNode *node_that_made(const OnnxValue *v, const char *op);
/* Of a product or sum with this number: the other value. */
OnnxValue *node_beside(const Nodes *s, const OnnxNode *node, double number);
int64_t node_integer(const OnnxNode *node, const char *name, int64_t other);
float node_float(const OnnxNode *node, const char *name, float other);
/* `count` integers from 0 to 65535, or all of them `other`; false: others. */
bool node_integers(const OnnxNode *node, const char *name, int count, int other, int *values);
/* The axes of the node at hand, of values with so many dimensions: bit i for axis i; 0: none. */
unsigned node_axes(const Nodes *s, int dims);
/* Whether it transposes in this order. */
bool node_turns(const OnnxNode *node, int count, const int64_t *order);
bool node_has_usual_epsilon(const OnnxNode *node);

/* ---- What the node at hand gives: one of these ---- */

cf_status node_not_understood(Nodes *s, const char *why);
/* x as it is, seen in another way. */
cf_status node_pass(Nodes *s, const OnnxValue *x, View view);
OnnxOp *op_new(Nodes *s, const OnnxValue *x, View view);
/* A layer whose output has the shape and the view of x, until the caller says another. */
OnnxOp *op_new_layer(Nodes *s, const char *word, const OnnxValue *x);
void op_add_tensor(OnnxOp *op, int i, const float *values, size_t count);
cf_status op_add_constant(Nodes *s, OnnxOp *op, int i, float value);
cf_status op_add_transposed(Nodes *s, OnnxOp *op, int i, const float *from, size_t rows, size_t columns);
/* A 1x1 convolution with nothing else to it. */
bool op_is_pointwise(const OnnxOp *op);

/* The last node of a pattern is a Reshape: *found. */
cf_status pattern_grouped_norm(Nodes *s, const OnnxNode *instance, bool *found);
bool pattern_attention(Nodes *s, const OnnxNode *product);
cf_status pattern_concat(Nodes *s);

/* ---- The readers, of one operator or several ---- */

typedef cf_status NodeReader(Nodes *s);
NodeReader conv_node, gemm_node, matmul_node, batch_norm_node, instance_norm_node, layer_norm_node, group_norm_node,
    activation_node, clip_node, part_node, mul_node, divide_node, add_node, concat_any_node, pool_node,
    global_pool_node, reduce_mean_node, reshape_node, flatten_node, transpose_node, squeeze_node, softmax_node,
    through_node, constant_node, shape_node, gather_node, slice_node;
