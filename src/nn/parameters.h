/* The weights of a model: one table of tensors over one allocation.
 *
 * In memory a dense layer's inputs are in the engine's order (H, W, C); in files they are in PyTorch's (C, H, W), and
 * parameters_to_file / _from_file convert. Everything else is the same in both.
 */
#pragma once

#include "base/files.h"
#include "nn/model_line.h"

typedef struct Parameter {
    char name[LAYER_NAME + 24]; /* "conv1.weight", "bn1.running_mean" */
    int layer;
    const ParameterSpec *spec; /* of the layer */
    int dims;
    size_t shape[4];      /* as in files: [K][C][R][S], [outputs][inputs], [channels] */
    size_t offset, count; /* floats, in `values` */
    bool trainable;       /* false: the running statistics of batch norm */
} Parameter;

typedef struct Parameters {
    const LayerList *layers; /* borrowed */
    Parameter *table;
    int count;
    float *values; /* trainable ones first, [0, trainable); padded to 16 floats each */
    size_t trainable, total;
} Parameters;

/* The table alone, values NULL: where what a file holds is to be looked at before memory is taken. */
cf_status parameters_layout(const LayerList *layers, Parameters *parameters);
cf_status parameters_new(const LayerList *layers, Parameters *parameters);
void parameters_free(Parameters *parameters);
/* The tensor "layer.what" for what = "weight", "bias", "running_mean" ..; and its values. NULL where the layer has none. */
const Parameter *parameters_of_layer(const Parameters *parameters, int layer, const char *what);
float *parameters_find(const Parameters *parameters, int layer, const char *what);
/* The tensor of this name; NULL: there is none. */
const Parameter *parameters_named(const Parameters *parameters, const char *name);
/* He-normal weights (He, Zhang, Ren, Sun 2015): N(0, 2 / fan-in), for the last layer, behind which nothing is rectified,
 * N(0, 1 / fan-in); learned positions N(0, 0.02^2) (Dosovitskiy et al. 2021); biases 0; norms 1, 0, mean 0, variance 1. */
cf_status parameters_initialise(Parameters *parameters, uint64_t seed);

/* One tensor between the order in memory and the order in files; `from` and `to` have parameter->count floats. */
void parameter_to_file(const Parameters *parameters, const Parameter *parameter, const float *from, float *to);
void parameter_from_file(const Parameters *parameters, const Parameter *parameter, const float *from, float *to);

/* The place of the first of parameter->count values that no model may have: not finite, or a variance below 0;
 * parameter->count where there is none. In whatever order the values lie. */
size_t parameter_first_unsound(const Parameter *parameter, const float *values);

/* The same of `count` values of a file, whose tensor `name` is: CF_BAD_INPUT where one of them is such. */
cf_status parameter_check(const Parameter *parameter, const char *name, const float *values, size_t count);

/* SHA-256 over all tensors in table order, as in files. */
cf_status parameters_sha256(const Parameters *parameters, char hex[SHA256_HEX]);
