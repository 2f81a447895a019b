/* A layer: one word of a model line, with what it was told, its shapes and its weights; and its type, one row of one table.
 *
 * A type says everything of a layer in one place: how its arguments are read, what it makes of shapes, its parameters, how a
 * table shows it, how the plan computes it. A family of types is one file of this folder; layers.c lists them all.
 */
#pragma once

#include "base/limits.h"
#include "nn/engine.h"

#include <stdio.h>

typedef struct Shape {
    int C, H, W;
} Shape;

static inline size_t shape_size(Shape shape) {
    return (size_t)shape.C * (size_t)shape.H * (size_t)shape.W;
}

/* "3x32x32": channels, height, width, each 1 to LONGEST_SIDE. */
bool shape_from_text(const char *text, Shape *shape);

/* One window over a whole image, to K values. */
static inline Window window_whole(Shape in, int K) {
    return (Window){.N = 1, .C = in.C, .H = in.H, .W = in.W, .K = K, .R = in.H, .S = in.W, .stride = 1,
                    .P = 1, .Q = 1, .groups = 1, .dilation = 1};
}

/* A 1x1 convolution to K channels. */
static inline Window window_pixel(Shape in, int K) {
    return (Window){.N = 1, .C = in.C, .H = in.H, .W = in.W, .K = K, .R = 1, .S = 1, .stride = 1,
                    .P = in.H, .Q = in.W, .groups = 1, .dilation = 1};
}

/* What a tensor of weights is for: how it begins, and whether it is trained. */
typedef enum ParameterRole {
    PARAMETER_WEIGHT,   /* multiplies values: drawn */
    PARAMETER_POSITION, /* learned positions: drawn small */
    PARAMETER_BIAS,     /* begins as 0 */
    PARAMETER_SCALE,    /* of a norm: begins as 1 */
    PARAMETER_RUNNING_MEAN, /* statistics, not trained */
    PARAMETER_RUNNING_VAR
} ParameterRole;

static inline bool parameter_is_trained(ParameterRole kind) {
    return kind != PARAMETER_RUNNING_MEAN && kind != PARAMETER_RUNNING_VAR;
}

typedef struct ParameterSpec {
    const char *what; /* "weight": the tensor of layer conv1 is conv1.weight */
    ParameterRole kind;
    int dims;
    size_t shape[4];   /* as in files: [K][C][R][S], [outputs][inputs], [channels] */
    bool channels_last; /* its last dimension is C x H x W in files and H x W x C in memory */
} ParameterSpec;

enum { LAYER_PARAMETERS = 4, LAYER_NAME = 48, MOST_NORMALIZED = 4 };

typedef struct LayerType LayerType;

typedef struct Layer {
    const LayerType *type;
    char name[LAYER_NAME]; /* the word and its number among its word (conv1, bn2), or what `as` says; names the weights */
    bool implied;          /* by a res group, its addition or projection: no word of the line */
    int column;            /* in the line, 1-based, for messages */
    int inputs, input[2];  /* numbers of the layers whose outputs it reads; -1 is the image */
    int readers;           /* layers that read its output */
    Shape in, out;         /* of one image; in: of the first input */
    int R, S;              /* window: rows and columns */
    int stride, pad_h, pad_w, groups, dilation;
    bool bias;
    Activation activation;
    float rate;    /* dropout, droppath: share set to 0 while training; reverse: what the gradient is multiplied by */
    double epsilon; /* of a norm */
    double momentum; /* of bn: the weight of a batch in the running statistics */
    int number;     /* groups of a norm, heads of attention, reduction of se */
    float means[MOST_NORMALIZED], deviations[MOST_NORMALIZED]; /* normalize */
    ParameterSpec parameter[LAYER_PARAMETERS];
    int parameter_count;
    size_t parameters; /* trained values */
    double flops;      /* forward, one image; a multiply-add is 2 */
} Layer;

typedef struct Reader Reader;
typedef struct Planner Planner;

struct LayerType {
    const char *word;
    const char *onnx; /* the operator of ONNX that does the same; NULL: several, or none */
    /* Its arguments; errors point at the column. NULL: it has none. */
    cf_status (*read)(Reader *reader, Layer *layer);
    /* From layer->in: out, parameters, flops. */
    cf_status (*shape)(const Reader *reader, Layer *layer);
    /* Its settings, as a table of layers shows them; NULL: none. */
    void (*describe)(const Layer *layer, FILE *out);
    /* Its nodes of a plan; `number` is the layer's. It may take layers that follow it into the same node. */
    cf_status (*lay)(Planner *planner, int number);
};

/* Of a word; NULL: there is none. */
const LayerType *layer_type(const char *word);
/* All words, in the order of layers.c; ends with NULL. */
const char *const *layer_words(void);

/* Those that the line, the plan or pictures of a network know by themselves. */
extern const LayerType conv_type, dwconv_type, patch_type, bn_type, dense_type, maxpool_type, add_type, concat_type,
    attention_type;
/* A convolution of any word (conv, dwconv, patch); an activation of any word. */
static inline bool layer_is_conv(const Layer *layer) {
    return layer->type == &conv_type || layer->type == &dwconv_type || layer->type == &patch_type;
}
bool layer_is_activation(const Layer *layer);
/* dropout, droppath: what it gives in training is drawn. */
bool layer_drops(const Layer *layer);

/* A layer that reads `from`, with what is so where its line says nothing. */
Layer layer_begin(const LayerType *type, int column, int from);
/* A LayerType.shape: what leaves has the shape of what arrives, and there are no weights. */
cf_status layer_same_shape(const Reader *reader, Layer *layer);
/* "3x3, stride 1, pad 1", of a convolution or pool, as LayerType.describe. */
void layer_describe_window(const Layer *layer, FILE *out);
void layer_add_parameter(Layer *layer, const char *what, ParameterRole kind, int dims, const size_t *shape);

/* What a batch norm multiplies (x - mean) by when predicting. */
float batch_norm_scale(float weight, float running_var, double epsilon);

/* The padding of TensorFlow's SAME in front of a side, the smaller half of what makes ceil(size / stride) outputs. */
int layer_same_padding(int size, int window, int stride, int dilation, int *outputs);
/* The window of a convolution or pool over N images. */
Window layer_window(const Layer *layer, int N);
