/* A network as one line of text, and what it means.
 *
 *     line   = layer { "|" layer }
 *     layer  = "input" CxHxW                       first only; without it the data's own shape
 *            | "conv" K RxS [stride N] [pad N|same|valid] [bias|nobias]
 *            | "bn" | "relu" | "leakyrelu" [SLOPE] | "dropout" [RATE]
 *            | ("maxpool"|"avgpool") RxS [stride N] [pad N|same|valid] | "globalavgpool"
 *            | "dense" (K|"classes") [bias|nobias]
 *
 * RxS may be one number. Defaults: stride 1 and pad same for conv (same = (R-1)/2), stride = window (which must then be square) and no
 * padding for pools, slope 0.01, rate 0.5; a bias unless the next layer is bn. A name ("paper") stands for such a line.
 */
#ifndef NN_MODEL_LINE_H
#define NN_MODEL_LINE_H

#include "base/status.h"

typedef enum LayerKind {
    LAYER_CONV,
    LAYER_BN,
    LAYER_RELU, /* and leakyrelu: slope 0 or more */
    LAYER_MAXPOOL,
    LAYER_AVGPOOL, /* and globalavgpool: the window is the image */
    LAYER_DENSE,
    LAYER_DROPOUT
} LayerKind;
enum { LAYER_KINDS = LAYER_DROPOUT + 1 };

typedef struct Shape {
    int C, H, W;
} Shape;

typedef struct Layer {
    LayerKind kind;
    char name[32]; /* the word and its number among its kind: conv1, bn2; names the weights */
    int column;    /* in the line, 1-based, for messages */
    Shape in, out; /* of one image */
    int R, S;      /* window: rows and columns */
    int stride, pad_h, pad_w;
    bool bias;
    float slope; /* LAYER_RELU */
    float rate;  /* LAYER_DROPOUT: share of values set to 0 while training */
    size_t parameters;
    double flops; /* forward, one image; a multiply-add is 2 */
} Layer;

typedef struct LayerList {
    char *line; /* without names and defaults' variables: what parses to this list again */
    Shape input;
    Layer *layers;
    int count;
} LayerList;

/* `data` is the shape of the images, `classes` what the last layer must give. An error points at the column. */
cf_status model_line_parse(const char *name_or_line, Shape data, int classes, LayerList *list);
void layer_list_free(LayerList *list);
/* Whether the line begins with `input`, and the shape that it names; false, too, where that is none. */
bool model_line_input(const char *name_or_line, Shape *shape);

size_t shape_size(Shape shape);
size_t layer_list_parameters(const LayerList *list);
/* Useful floating-point operations for one image: forward; and forward, both gradients (the first layer with weights
 * needs none for its input). */
double layer_list_flops(const LayerList *list);
double layer_list_training_flops(const LayerList *list);

/* The table of layers as text, in a new string; release with free(). */
cf_status layer_list_table(const LayerList *list, char **text);

#endif
