/* ONNX files: the few messages of onnx.proto3 that a network needs, read and written.
 *
 * A file is one ModelProto in protobuf's wire format: fields one behind the other, each a varint `number << 3 | wire` and
 *   wire 0: a varint (7 bits a byte, the lowest first)      1, 5: 8 or 4 bytes, little-endian
 *   wire 2: a varint length and so many bytes: a text, a message, or numbers packed
 *
 *   Model       1 ir_version  2 producer_name  3 producer_version  6 doc_string  7 graph  8 opset_import {1 domain, 2 version}
 *               14 metadata_props {1 key, 2 value}
 *   Graph       1 node  2 name  5 initializer  11 input  12 output
 *   Node        1 input  2 output  3 name  4 op_type  5 attribute  7 domain
 *   Attribute   1 name  2 f  3 i  4 s  5 t  7 floats  8 ints  20 type (1 f, 2 i, 3 s, 4 t, 6 floats, 7 ints)
 *   Tensor      1 dims  2 data_type (1 float, 3 int8: written alone, 6 int32, 7 int64)  4 float_data  5 int32_data  7 int64_data  8 name  9 raw_data
 *               14 data_location (1: in another file)
 *   ValueInfo   1 name  2 type {1 tensor_type {1 elem_type, 2 shape {1 dim {1 dim_value, 2 dim_param}}}}
 *
 * Limits of the reader: base/limits.h; tensors of float, int32 and int64, within the file; other fields are passed over.
 */
#pragma once

#include "base/memory.h"

enum { ONNX_OPSET = 17, ONNX_IR = 8, ONNX_FLOAT = 1, ONNX_INT8 = 3, ONNX_INT32 = 6, ONNX_INT64 = 7 };
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER,
    MODEL_PRODUCER_VERSION,
    MODEL_DOC = 6,
    MODEL_GRAPH,
    MODEL_OPSET,
    MODEL_TEXT = 14,
    GRAPH_NODE = 1,
    GRAPH_NAME,
    GRAPH_TENSOR = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT,
    NODE_INPUT = 1,
    NODE_OUTPUT,
    NODE_NAME,
    NODE_OP,
    NODE_ATTRIBUTE,
    NODE_DOMAIN = 7,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F,
    ATTRIBUTE_I,
    ATTRIBUTE_S,
    ATTRIBUTE_T,
    ATTRIBUTE_FLOATS = 7,
    ATTRIBUTE_INTS,
    ATTRIBUTE_TYPE = 20,
    TENSOR_DIMS = 1,
    TENSOR_TYPE,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S,
    TENSOR_INT64S = 7,
    TENSOR_NAME,
    TENSOR_RAW,
    TENSOR_LOCATION = 14
};

/* ---- Writing ---- */

/* What is written so far. The first failure stays in `status`, and what follows is passed over. */
typedef struct ProtoWriter {
    unsigned char *bytes; /* release with free() */
    size_t size, room;
    cf_status status;
} ProtoWriter;

void proto_integer(ProtoWriter *w, int field, uint64_t value);
void proto_float(ProtoWriter *w, int field, float value);
void proto_bytes(ProtoWriter *w, int field, const void *bytes, size_t size);
void proto_text(ProtoWriter *w, int field, const char *text);
/* A message within the message: what is written up to proto_end, which takes what this gave. */
size_t proto_begin(ProtoWriter *w, int field);
void proto_end(ProtoWriter *w, size_t begun);

/* ---- Reading ---- */

enum { ONNX_DIMS = 8 };

typedef struct OnnxTensor {
    const char *name;
    int type, dims;
    size_t shape[ONNX_DIMS], count; /* count: the product */
    const float *floats;            /* of ONNX_FLOAT, else NULL */
    const int64_t *integers;        /* of the two others, else NULL */
} OnnxTensor;

typedef struct OnnxAttribute {
    const char *name, *text; /* text: s, or "" */
    float f;
    int64_t i;
    const int64_t *ints;
    size_t int_count;
    const OnnxTensor *tensor;
} OnnxAttribute;

typedef struct OnnxNode {
    const char *op, *name, *domain;
    const char **inputs, **outputs; /* "": left out */
    int input_count, output_count, attribute_count;
    OnnxAttribute *attributes;
} OnnxNode;

/* An input or output of the graph; a dimension that has no number is 0. */
typedef struct OnnxPort {
    const char *name;
    int type, dims;
    size_t shape[ONNX_DIMS];
} OnnxPort;

typedef struct OnnxText {
    const char *key, *value;
} OnnxText;

/* All that belongs to it lives until onnx_free. */
typedef struct OnnxModel {
    OnnxNode *nodes;
    OnnxTensor *tensors; /* initializers */
    OnnxPort *inputs, *outputs;
    OnnxText *texts; /* metadata_props */
    int node_count, tensor_count, input_count, output_count, text_count;
    int64_t opset; /* of the domain ""; 0: none */
    Blocks blocks;
} OnnxModel;

/* CF_BAD_INPUT: no such file as the head of this one describes, whose path is not in the message. onnx_free releases it in any case. */
cf_status onnx_parse(const unsigned char *bytes, size_t size, OnnxModel *model);
void onnx_free(OnnxModel *model);
/* NULL: there is none of that name. */
const OnnxAttribute *onnx_attribute(const OnnxNode *node, const char *name);
const char *onnx_text(const OnnxModel *model, const char *key);
