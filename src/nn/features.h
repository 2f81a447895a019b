/* What a trained network makes of images before it decides: the values of a hidden layer. */
#pragma once

#include "nn/model.h"

/* The number of the layer of that name (as in the table of layers: "conv2", "relu3", "dense1"), or, for NULL, of the one that
 * the last dense layer reads. An unknown name, or a network without a hidden layer, is CF_BAD_USE. */
cf_status features_layer(const cf_model *model, const char *name, int *layer);
/* Values per image of a layer's output. */
size_t features_size(const cf_model *model, int layer);

/* values[count][features_size] of a subset's images in order, as inference sees them (running statistics, no dropout);
 * a convolution's values in H x W x C order. Classes of the images do not matter. */
cf_status features_compute(const cf_model *model, int layer, const cf_subset *subset, const ClassifyOptions *options,
                           float *values);
