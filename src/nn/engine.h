/* What a network is computed with: two implementations of one contract, chosen once.
 *
 * Layout, the same for both: activations are image after image, each H x W x C (channels innermost); a dense layer sees an
 * image as H*W*C values in that order. Their elements (`void *`) are float32, or bfloat16 (the upper half of a float32,
 * rounded to nearest even) where Kernels.element is 2. Everything typed float is float32 in both cases: weights
 * [K][C][R][S] (OIHW) and [outputs][inputs], gradients of weights, statistics, sums, optimizer state.
 * N is the images of a slice or, where said, of the whole batch. Every function works on one thread and keeps no state
 * but what `thread` (an index) selects.
 *
 * reference.c is plain C and the specification; nn/cpu is oneDNN and kernels compiled per instruction set.
 */
#ifndef NN_ENGINE_H
#define NN_ENGINE_H

#include "base/status.h"

/* A window over images: of a convolution (K filters) or a pool (K = C). P x Q is the output's size. */
typedef struct Window {
    int N, C, H, W, K, R, S, stride, pad_h, pad_w, P, Q;
} Window;

/* What is added to a variance before its root is taken: PyTorch's default. */
#define BN_EPSILON 1e-5

/* Batch norm (Ioffe, Szegedy 2015), activation and max pool as one operation over an H x W x C image:
 *   y = act(pool((x - mean) * scale + shift)),   act(v) = v > 0 ? v : slope * v
 * The pool's windows are R x S, side by side from the top left corner; what is left over at the right and below is in none.
 * R = S = 1 is no pool, slope 1 no activation. Since act and the norm are monotonic, the pool picks the largest x of a
 * channel with scale >= 0 and the smallest of another; the first of equals, which 0 and -0 are. A NaN beside numbers in a
 * window may be picked or passed over: in training it is not lost, since the moments of its channel are NaN, and so every y. */
typedef struct Block {
    int C, H, W, R, S, P, Q; /* P x Q: the output's size */
    float slope;
    const float *mean, *scale, *shift; /* [C] */
    const float *a, *b, *c;            /* [C]: dx = a * d + b * (x - mean) + c, d the gradient behind act and pool */
} Block;

/* ---- Kernels: elementwise, over channels, pools ---- */

/* rows = N*H*W; an array of rows x C. In-place (y == x, dx == dy) is allowed where said. */
typedef struct Kernels {
    const char *name;
    size_t element; /* bytes of an activation: 4 float32, 2 bfloat16 */

    /* y += bias, per channel. */
    void (*add_bias)(void *y, size_t rows, int C, const float *bias);
    /* sums[c] = sum over rows of dy. */
    void (*channel_sums)(const void *dy, size_t rows, int C, double *sums);

    /* Moments of one slice: mean and sum of squared deviations from it (rows >= 1). */
    void (*bn_moments)(const void *x, size_t rows, int C, double *mean, double *squares);
    /* `picked` and `place` [N][P][Q][C] keep the x that the pool picked and its index in the window (row * S + column); both
     * NULL: not kept. Without a pool they are not written: the x picked is x itself. In place allowed without a pool. */
    void (*block_forward)(const Block *b, int N, const void *x, void *picked, void *y, uint8_t *place);
    /* d = the gradient behind act: sums[c] = sum d, sums[C + c] = sum d * (picked - mean). */
    void (*block_sums)(const Block *b, int N, const void *picked, const void *dy, double *sums);
    /* dx may be x. Without a pool `picked` and `place` are not read. */
    void (*block_backward)(const Block *b, int N, const void *x, const void *picked, const void *dy,
                           const uint8_t *place, void *dx);

    /* y = act(x); dx = dy where y > 0, slope * dy elsewhere. In place allowed. */
    void (*relu_forward)(const void *x, size_t count, float slope, void *y);
    void (*relu_backward)(const void *y, const void *dy, size_t count, float slope, void *dx);

    /* Pools with strides and padding. place[...] is the index in the window of the first largest value; padding never
     * wins, a NaN does. */
    void (*maxpool_forward)(const Window *w, const void *x, void *y, uint16_t *place);
    void (*maxpool_backward)(const Window *w, const void *dy, const uint16_t *place, void *dx);
    /* Divides by the taps inside the image. */
    void (*avgpool_forward)(const Window *w, const void *x, void *y);
    void (*avgpool_backward)(const Window *w, const void *dy, void *dx);

    /* Between float32 and activations. A bfloat16 below 2^-126 may become 0 of its sign. */
    void (*from_float)(const float *x, size_t count, void *y);
    void (*to_float)(const void *x, size_t count, float *y);

    /* out[i] = slots[0][i] + slots[1][i] + ..., added in that order, for i in [from, to); slots are `stride` apart. */
    void (*sum_slots)(const float *slots, size_t stride, int count, size_t from, size_t to, float *out);

    /* One step of an optimizer over `count` values. SGD with momentum: m = momentum * m + g; w -= rate * m, where
     * g = dw + decay * w. Adam (Kingma, Ba 2015): m, v the moments, `rate` with the bias corrections' first factor in it,
     * `root` = 1 / sqrt(1 - beta2^t); decay as in SGD when `decoupled` is 0, else w -= decoupled * w first (AdamW:
     * Loshchilov, Hutter 2019). True if every w (and v) is finite after it; a moment m that is not makes its w the same. */
    bool (*sgd)(float *w, const float *dw, float *m, size_t count, float rate, float momentum, float decay);
    bool (*adam)(float *w, const float *dw, float *m, float *v, size_t count, float rate, float root, float decay,
                 float decoupled);
} Kernels;

/* ---- Convolutions and dense layers: objects that may hold compiled code and reordered weights ---- */

typedef struct Conv Conv;
typedef struct Dense Dense;

typedef struct DenseShape {
    int N, slice; /* images of the whole batch, in slices */
    int inputs, outputs;
    float slope; /* act behind the layer, through which NaN passes; 1: none */
    bool bias;
    bool float_out; /* the outputs are float32 whatever the element: the network's last layer */
} DenseShape;

typedef struct Engine {
    const char *name; /* printed with the run: library, its version, instruction set */
    const Kernels *kernels;

    /* `training` builds the backward passes, `input_gradient` the one for the input; for at most `threads` threads. */
    cf_status (*conv_new)(const Window *w, bool training, bool input_gradient, int threads, Conv **conv);
    void (*conv_free)(Conv *conv);
    /* Takes new weights [K][C][R][S] into use; not while slices run. */
    cf_status (*conv_pack)(Conv *conv, const float *weights);
    cf_status (*conv_forward)(Conv *conv, int thread, const void *x, void *y);
    cf_status (*conv_backward_data)(Conv *conv, int thread, const void *dy, void *dx);
    /* A slice's weight gradient goes to a slot of conv_slot_size floats in the engine's own order; slots are added, and
     * conv_unpack turns the sum into [K][C][R][S]. */
    size_t (*conv_slot_size)(const Conv *conv);
    cf_status (*conv_backward_weights)(Conv *conv, int thread, const void *x, const void *dy, float *slot);
    cf_status (*conv_unpack)(Conv *conv, const float *slot, float *dw);

    /* Outputs are cut into DENSE_TILE-wide tiles, the last one narrower: pieces of work whose size depends on nothing but
     * the layer. `weights` [outputs][inputs] are elements: the float weights themselves, or their rounded copy.
     * A layer of a single tile goes forward slice by slice instead (dense_by_slice). */
    cf_status (*dense_new)(const DenseShape *shape, bool training, bool input_gradient, int threads, Dense **dense);
    void (*dense_free)(Dense *dense);
    /* y[n][tile] = act(x[n] . w[tile] + bias[tile]), all n, or those of one slice; bias NULL where the shape has none. */
    cf_status (*dense_forward)(Dense *dense, int thread, int tile, const void *x, const void *weights,
                               const float *bias, void *y);
    /* dx[n] = dy[n] . w, the n of one slice; dy is already behind act. */
    cf_status (*dense_backward_data)(Dense *dense, int thread, const void *dy, const void *weights, void *dx);
    /* dw[tile] = sum over all n of dy[n][tile] x[n]. */
    cf_status (*dense_backward_weights)(Dense *dense, int thread, int tile, const void *x, const void *dy, float *dw);
} Engine;

enum { DENSE_TILE = 32 };

static inline int dense_tiles(int outputs) {
    return (outputs + DENSE_TILE - 1) / DENSE_TILE;
}

static inline bool dense_by_slice(int outputs) {
    return outputs <= DENSE_TILE;
}

extern const Engine reference_engine;
extern const Kernels reference_kernels;

/* The fast engine of this machine for float32; and for bfloat16, NULL where the processor has no instructions for it. */
const Engine *cpu_engine(void);
const Engine *cpu_engine_bf16(void);

/* Measures this machine's peak of fused multiply-adds on so many threads at once: GFLOP/s, a multiply-add is 2. Takes about
 * 50 ms; the best of several short runs. */
double cpu_peak_gflops(int threads);
/* The same of bfloat16 products added to float32 sums; 0 where the processor has no such instructions. */
double cpu_peak_gflops_bf16(int threads);
/* GB/s from and to memory (two arrays read, one written, each far larger than any cache), best of several passes. */
cf_status cpu_bandwidth(int threads, double *gigabytes_per_second);

#endif
