/* What the layers of a network are written with as nodes of an ONNX graph. Values are float32, images N x C x H x W. */
#pragma once

#include "export/onnx_messages.h"
#include "nn/int8/int8.h"

/* The name of a value; names of parameters have no '/', those of values and constants do. */
typedef struct OnnxName {
    char text[LAYER_NAME + 32];
} OnnxName;

/* A layer's output: its name, and whether it is N x values. */
typedef struct OnnxFlow {
    OnnxName name;
    bool flat;
} OnnxFlow;

typedef struct OnnxOut {
    ProtoWriter file;
    const cf_model *model;
    const Int8Network *integers; /* NULL: float32 */
    int layer;                   /* which one is being written */
    int values;                  /* of this layer, so far */
    float *scratch;              /* room for the largest parameter */
    size_t begun[2];             /* the node under way */
} OnnxOut;

/* One row of the table: how the layers of these words are written. */
typedef struct OnnxLayer {
    const char *words;
    /* From the values that arrive to the one that leaves. */
    void (*write)(OnnxOut *out, const Layer *layer, const OnnxName *x, OnnxName *y);
    enum { ONNX_ANY, ONNX_MAPS, ONNX_FLAT } takes; /* N x C x H x W, N x values, or what arrives */
} OnnxLayer;

/* onnx_layers.c; NULL: there is no such word. */
const OnnxLayer *onnx_layer(const char *word);

/* Names of values, NULL at their end; integers. */
#define INPUTS(...) ((const char *[]){__VA_ARGS__, NULL})
#define DIMS(...)   ((const int64_t[]){__VA_ARGS__})

/* A node from values whose names end with NULL; attributes may follow, then onnx_end. *y, which may be an input, is its output's
 * new name. */
void onnx_begin(OnnxOut *out, const char *op, const char *const *inputs, OnnxName *y);
void onnx_integer(OnnxOut *out, const char *attribute, int64_t value);
void onnx_integers(OnnxOut *out, const char *attribute, int count, const int64_t *values);
void onnx_float(OnnxOut *out, const char *attribute, float value);
void onnx_end(OnnxOut *out);
/* A node without attributes. */
void onnx_node(OnnxOut *out, const char *op, const char *const *inputs, OnnxName *y);

/* Constants of the layer under way: a number; floats, values NULL: all of them `value`; a shape. */
OnnxName onnx_number(OnnxOut *out, float value);
OnnxName onnx_floats(OnnxOut *out, int dims, const int64_t *shape, const float *values, float value);
OnnxName onnx_shape(OnnxOut *out, int dims, const int64_t *shape);
/* So many bytes of integers. */
OnnxName onnx_integers_of(OnnxOut *out, int type, int dims, const int64_t *shape, const void *values, size_t bytes);
/* The attributes of a window, but for dilations and groups. */
void onnx_window(OnnxOut *out, const Window *window);
/* A parameter of the layer under way as it is in files; or in this shape, `transposed` from [a][b] to [b][a]. */
OnnxName onnx_parameter(OnnxOut *out, const char *what);
OnnxName onnx_shaped_parameter(OnnxOut *out, const char *what, int dims, const int64_t *shape, bool transposed);

/* onnx_int8.c: the layers as QDQ, from the input to the logits, N x C x H x W. */
cf_status onnx_write_int8(OnnxOut *out, OnnxName *logits);

/* As cf_export_onnx; integers NULL: in float32. */
cf_status onnx_write(const cf_model *model, const char *path, bool softmax, const Int8Network *integers);
