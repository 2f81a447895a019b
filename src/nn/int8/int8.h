/* A trained network in 8-bit integers: how it is made from one in float32, and the plain way of running it.
 *
 * After Jacob et al. 2018 and TensorFlow Lite's specification: activations have one scale and zero per tensor, weights a scale per
 * filter; batch norm and rectifiers are part of the convolution, dense layer or addition in front of them. The ranges of activations
 * are the smallest and the largest values that the reference engine gives over some training images, so that a network has the same
 * integers wherever it is made. The input's integers are the bytes of an image less 128: images of another size are resized to whole
 * bytes first. Logits are integers, too; from there on probabilities are computed as ever. Any other activation is a table of what it
 * makes of the 256 values of the tensor that it reads (TensorFlow Lite has them so, too); squeeze and excitation is five operations.
 *
 * Layers: conv, dwconv, patch, dense, bn, normalize, activations, pools, add (res), concat, se, and those that only train. Others are
 * refused by their names. The kernels are those of int8_kernels.inc. int8_group.c says which layers are one operation, int8_ranges.c
 * finds the scales, int8_network.c makes the integers.
 */
#pragma once

#include "base/memory.h"
#include "nn/model.h"

typedef struct Int8Tensor {
    Shape shape;
    float scale; /* a value is scale * (q - zero) */
    int zero;
} Int8Tensor;

/* INT8_MEAN: of each channel, on a scale of its own; INT8_MULTIPLY: by a number for each channel. */
typedef enum Int8Kind {
    INT8_CONV,
    INT8_MAXPOOL,
    INT8_AVGPOOL,
    INT8_ADD,
    INT8_CLAMP,
    INT8_TABLE,
    INT8_CONCAT,
    INT8_MEAN,
    INT8_MULTIPLY
} Int8Kind;

typedef struct Int8Op {
    Int8Kind kind;
    int layer, last;             /* the first and the last layer of those that are in it */
    bool inner;                  /* y is a value within the layer */
    const char *part;            /* of the layer's weights, "fc1."; else "" */
    int norm;                    /* the bn or normalize among them; -1: none */
    const LayerType *activation; /* the last of them, and how it is set; NULL: none */
    Activation act;
    int x[2], y;     /* tensors; x[1] is -1 but where two are read */
    int low, high;   /* what y is limited to */
    Window window;   /* of one image */
    int8_t *weights; /* [K][R][S][C / groups] */
    float *scale;    /* [K] of these */
    int32_t *bias, *multiplier;
    int8_t *shift; /* [K] each */
    int8_t *table; /* INT8_TABLE, INT8_CONCAT: [tensors read][256], what becomes of -128, -127 .. */
    int32_t factors[3],
        shifts[3]; /* of an addition: of the first, the second, the sum; of a mean or product: the first */
} Int8Op;

struct Int8Network {
    const cf_model *model; /* borrowed */
    Int8Tensor *tensors;   /* the first is the image */
    Int8Op *ops;           /* in the order in which they run */
    int tensor_count, op_count;
    int result; /* the tensor of the logits */
};

/* ReLU, ReLU6: limits of an operation, in place of a table. */
static inline bool int8_is_limit(Activation act) {
    return (act.kind == ACT_RELU && act.slope <= 0) || act.kind == ACT_RELU6;
}

/* Calibrated on INT8_IMAGES of `images`, evenly spread. CF_BAD_USE, with the layer's name, where one has no form in integers. */
enum { INT8_IMAGES = 256 };
cf_status int8_network_new(const cf_model *model, const cf_subset *images, int threads, Int8Network **network);
void int8_network_free(Int8Network *network);
AUTO_HANDLE(Int8Network, int8_network_free)

/* The ranges that it would have, found by an engine's plain kernels: [layers], of the last layer of each operation whose values are
 * rounded; and of which layers weights are. The same errors. */
cf_status int8_ranges(const cf_model *model, const cf_subset *images, const Engine *engine, int threads,
                      FakeRange *ranges, bool *weights);

/* As classify(), with the network's integers: the same bits on any number of threads. */
cf_status int8_classify(const Int8Network *network, const cf_subset *subset, int threads, float *probabilities,
                        StepResult *result);
/* (*multiplier, *shift) as rescale() takes them, for factor > 0. */
void int8_multiplier(double factor, int32_t *multiplier, int *shift);
/* The structure that the operation's kernel takes (Levels, Scaling, Sum), as the integers in it; returns how many. */
enum { INT8_SETTINGS = 11 };
int int8_settings(const Int8Network *network, const Int8Op *op, int32_t settings[INT8_SETTINGS]);

/* A tensor of the operation's layer by the end of its name, "weight" or "bias"; NULL: it has none. */
const float *int8_parameter(const Int8Network *network, const Int8Op *op, const char *name);

/* ---- How one is made ---- */

/* The tensors and operations of network->model, without scales and integers. CF_BAD_USE as above. */
cf_status int8_group(Int8Network *network);
/* The scale and zero of every tensor, by an engine's plain kernels. */
cf_status int8_calibrate(Int8Network *network, const cf_subset *images, const Engine *engine, int threads);

/* ---- int8_vnni.c: products by AVX512-VNNI, which adds four products of bytes to 32 bits: the bits of the plain kernels ---- */

/* The weights of an operation in the order in which they are met, and its bias for values counted from -128. */
typedef struct Int8Packed {
    int8_t *weights; /* [filters / 16][runs][words][16][4]; NULL: the operation is not for these instructions */
    int32_t *bias, *multiplier, *right; /* [filters, those of a group filled up to whole 16s] */
    size_t runs, run, words;            /* a filter sees so many runs of `run` neighbouring values: words of four */
    size_t channels, filters, blocks;   /* of a group: what it sees, and its filters in blocks of 16 */
    int high, wide;                     /* pixels of what it sees in all, with the rim */
    /* A filter of its own for each channel: so many neighbouring pixels at once, [64 values][taps / 4][4][16][4]; 0: otherwise. */
    int pixels;
    int32_t *offsets; /* [taps, filled up to whole fours]: from the first value that a window sees */
} Int8Packed;

void int8_vnni_free(Int8Packed *packed);

typedef struct Int8Vnni {
    /* Leaves `packed` zero where the operation has a factor above 1 or is no product. */
    cf_status (*pack)(const Int8Network *network, const Int8Op *op, Int8Packed *packed);
    /* Bytes that a thread needs, at a multiple of 64. */
    size_t (*scratch)(const Int8Op *op, const Int8Packed *packed);
    void (*run)(const Int8Network *network, const Int8Op *op, const Int8Packed *packed, uint8_t *scratch,
                const int8_t *x, int8_t *y);
    /* The bits of maxpool_int8. */
    void (*maxpool)(const Window *w, const int8_t *x, int8_t *y);
    /* The bits of add_int8 and multiply_int8, where no factor is above 1: no shift of the operation above 0. */
    void (*pair)(const Int8Network *n, const Int8Op *op, const int8_t *a, const int8_t *b, int8_t *y);
} Int8Vnni;

/* NULL: this processor has no such instructions, or $CIFRA_ISA forbids them. */
const Int8Vnni *int8_vnni(void);
