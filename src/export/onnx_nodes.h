/* What the readers of operators share. A reader looks at the node at hand and what it reads, and says in `out` what its first output is; a
 * failure is one of memory. */
#ifndef EXPORT_ONNX_NODES_H
#define EXPORT_ONNX_NODES_H

#include "base/name_table.h"
#include "export/onnx_graph.h"

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

#endif
