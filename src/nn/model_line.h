/* A network as one line of text, and what it means.
 *
 *     line  = item { "|" item }
 *     item  = "input" CxHxW                          first only; without it the data's own shape
 *           | layer ["as" NAME]                      layer: a word of layers/layers.c with its arguments
 *           | "res" "(" line ")" ["as" NAME]         adds its input to its output (He et al. 2016)
 *           | N"x" "(" line ")"                      the line N times
 *           | "head" NAME "(" line ")"               a second output; what follows reads what it reads
 *     layer = "conv" K RxS [stride N] [pad N|same|valid|tf] [groups G] [dilation D] [bias|nobias] | .. | "add" NAME | "concat" NAME
 *
 * RxS may be one number. Each layer reads the one before it. Defaults: stride 1 and pad same for conv (same = (R-1)/2), stride =
 * window (which must then be square) and no padding for pools, slope 0.01, rate 0.5; a bias unless the next layer is bn.
 * Where the input and the output of a res group differ in shape, a 1x1 convolution with the stride and a batch norm, RES.0
 * and RES.1, stand in front of it. A name of nn/models.h ("paper") stands for such a line.
 */
#pragma once

#include "nn/layers/layer.h"

enum { MOST_HEADS = 4 };

typedef struct LayerList {
    char *line; /* without names and defaults' variables: what parses to this list again */
    Shape input;
    Layer *layers; /* each behind those that it reads */
    int count;
    int heads[MOST_HEADS]; /* the layers that give outputs: first that of the classes */
    char head_names[MOST_HEADS][LAYER_NAME];
    int head_count;
} LayerList;

/* `data` is the shape of the images, `classes` what the last layer must give. An error points at the column. */
cf_status model_line_parse(const char *name_or_line, Shape data, int classes, LayerList *list);
void layer_list_free(LayerList *list);
/* Whether a network asks for images of its own: the shape behind `input`, with which the line begins, or that which a named model
 * for photographs was made for. False, too, where `input` names none. */
bool model_line_input(const char *name_or_line, Shape *shape);

/* needed[i], of each layer: whether what layer `output` gives needs layer i; itself, too. */
void layer_list_mark_needed(const LayerList *list, int output, bool *needed);
/* The same in new memory; release with free(). */
cf_status layer_list_needed(const LayerList *list, int output, bool **needed);

size_t layer_list_parameters(const LayerList *list);
/* Useful floating-point operations for one image: forward; and forward, both gradients (the first layer with weights
 * needs none for its input). Of a training in which the layers in `frozen` (NULL: none) do not learn, from layer `first` on. */
double layer_list_flops(const LayerList *list);
double layer_list_training_flops(const LayerList *list, const bool *frozen, int first);

/* The layers that give outputs, each back to the last that has a weight: head[list->count] becomes true for these. */
void layer_list_mark_heads(const LayerList *list, bool *head);
/* Whether a text may be the name of a layer. */
bool layer_name_fits(const char *text);

/* "3x3, stride 1, pad 1, of conv2": the settings of a layer of the list, in a new string; release with free(). */
cf_status layer_settings(const LayerList *list, const Layer *layer, char **text);
/* The table of layers as text, in a new string; release with free(). */
cf_status layer_list_table(const LayerList *list, char **text);
