/* A trained network in 8-bit integers: how it is made from one in float32, and the plain way of running it.
 *
 * After Jacob et al. 2018 and TensorFlow Lite's specification: activations have one scale and zero per tensor, weights a scale per
 * filter; batch norm and rectifiers are part of the convolution, dense layer or addition in front of them. The ranges of activations
 * are the smallest and the largest values that the reference engine gives over some training images, so that a network has the same
 * integers wherever it is made. The input's integers are the bytes of an image less 128: images of another size are resized to whole
 * bytes first. Logits are integers, too; from there on probabilities are computed as ever.
 *
 * Layers: conv, dwconv, patch, dense, bn, normalize, relu, relu6, pools, add (res), and those that only train. Others are refused by
 * their names. The kernels are those of int8_kernels.inc.
 */
#ifndef NN_INT8_H
#define NN_INT8_H

#include "nn/model.h"

typedef struct Int8Tensor {
    Shape shape;
    float scale; /* a value is scale * (q - zero) */
    int zero;
} Int8Tensor;

typedef enum Int8Kind { INT8_CONV, INT8_MAXPOOL, INT8_AVGPOOL, INT8_ADD, INT8_CLAMP } Int8Kind;

typedef struct Int8Op {
    Int8Kind kind;
    int layer, last; /* the first and the last layer of those that are in it */
    int norm;        /* the bn or normalize among them; -1: none */
    int x[2], y;     /* tensors; x[1] is -1 but for an addition */
    int low, high;   /* what y is limited to */
    Window window;   /* of one image */
    int8_t *weights; /* [K][R][S][C / groups] */
    float *scale;    /* [K] of these */
    int32_t *bias, *multiplier;
    int8_t *shift;                 /* [K] each */
    int32_t factors[3], shifts[3]; /* of an addition: of the first, the second, the sum */
} Int8Op;

struct Int8Network {
    const cf_model *model; /* borrowed */
    Int8Tensor *tensors;   /* the first is the image */
    Int8Op *ops;           /* in the order in which they run */
    int tensor_count, op_count;
    int result; /* the tensor of the logits */
};

/* Calibrated on INT8_IMAGES of `images`, evenly spread. CF_BAD_USE, with the layer's name, where one has no form in integers. */
enum { INT8_IMAGES = 256 };
cf_status int8_network_new(const cf_model *model, const cf_subset *images, int threads, Int8Network **network);
void int8_network_free(Int8Network *network);

/* The ranges that it would have, found by an engine's plain kernels: [layers], of the last layer of each operation whose values are
 * rounded; and of which layers weights are. The same errors. */
cf_status int8_ranges(const cf_model *model, const cf_subset *images, const Engine *engine, int threads, FakeRange *ranges,
                      bool *weights);

/* As classify(), with the network's integers: the same bits on any number of threads. */
cf_status int8_classify(const Int8Network *network, const cf_subset *subset, int threads, float *probabilities,
                        StepResult *result);
/* (*multiplier, *shift) as rescale() takes them, for factor > 0. */
void int8_multiplier(double factor, int32_t *multiplier, int *shift);

#endif
