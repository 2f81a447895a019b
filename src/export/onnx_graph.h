/* An ONNX graph that was read, as layers of a model line (onnx_graph.c), and the line that they make (onnx_line.c). */
#ifndef EXPORT_ONNX_GRAPH_H
#define EXPORT_ONNX_GRAPH_H

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

#endif
