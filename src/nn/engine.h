/* What a network is computed with: two implementations of one contract, chosen once.
 *
 * Layout, the same for both: activations are float32, image after image, each H x W x C (channels innermost); a dense layer
 * sees an image as H*W*C values in that order. Convolution weights are [K][C][R][S] (OIHW), dense weights [K][inputs].
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

/* ---- Kernels: elementwise, over channels, pools ---- */

/* rows = N*H*W; an array of rows x C. In-place (y == x, dx == dy) is allowed where said. */
typedef struct Kernels {
    const char *name;

    /* y += bias, per channel. */
    void (*add_bias)(float *y, size_t rows, int C, const float *bias);
    /* sums[c] = sum over rows of dy. */
    void (*channel_sums)(const float *dy, size_t rows, int C, double *sums);

    /* Batch norm (Ioffe, Szegedy 2015). Moments of one slice: mean and sum of squared deviations from it (rows >= 1). */
    void (*bn_moments)(const float *x, size_t rows, int C, double *mean, double *squares);
    /* y = (x - mean) * scale + shift. */
    void (*bn_forward)(const float *x, size_t rows, int C, const float *mean, const float *scale, const float *shift,
                       float *y);
    /* sums[c] = sum dy, sums[C + c] = sum dy * (x - mean). */
    void (*bn_sums)(const float *x, const float *dy, size_t rows, int C, const float *mean, double *sums);
    /* dx = a * dy + b * (x - mean) + c. */
    void (*bn_backward)(const float *x, const float *dy, size_t rows, int C, const float *mean, const float *a,
                        const float *b, const float *c, float *dx);

    /* y = x where x > 0, slope * x elsewhere; dx = dy where y > 0, slope * dy elsewhere. In place allowed. */
    void (*relu_forward)(const float *x, size_t count, float slope, float *y);
    void (*relu_backward)(const float *y, const float *dy, size_t count, float slope, float *dx);

    /* place[...] is the index in the window (row * S + column) of the first largest value; padding never wins. */
    void (*maxpool_forward)(const Window *w, const float *x, float *y, uint16_t *place);
    void (*maxpool_backward)(const Window *w, const float *dy, const uint16_t *place, float *dx);
    /* Divides by the taps inside the image. */
    void (*avgpool_forward)(const Window *w, const float *x, float *y);
    void (*avgpool_backward)(const Window *w, const float *dy, float *dx);

    /* out[i] = slots[0][i] + slots[1][i] + ..., added in that order, for i in [from, to); slots are `stride` apart. */
    void (*sum_slots)(const float *slots, size_t stride, int count, size_t from, size_t to, float *out);

    /* One step of an optimizer over `count` values. SGD with momentum: m = momentum * m + g; w -= rate * m, where
     * g = dw + decay * w. Adam (Kingma, Ba 2015): m, v the moments, `rate` with the bias corrections' first factor in it,
     * `root` = 1 / sqrt(1 - beta2^t); decay as in SGD when `decoupled` is 0, else w -= decoupled * w first (AdamW:
     * Loshchilov, Hutter 2019). */
    void (*sgd)(float *w, const float *dw, float *m, size_t count, float rate, float momentum, float decay);
    void (*adam)(float *w, const float *dw, float *m, float *v, size_t count, float rate, float root, float decay,
                 float decoupled);
} Kernels;

/* ---- Convolutions and dense layers: objects that may hold compiled code and reordered weights ---- */

typedef struct Conv Conv;
typedef struct Dense Dense;

typedef struct Engine {
    const char *name; /* printed with the run: library, its version, instruction set */
    const Kernels *kernels;

    /* `training` builds the backward passes, `input_gradient` the one for the input; for at most `threads` threads. */
    cf_status (*conv_new)(const Window *w, bool training, bool input_gradient, int threads, Conv **conv);
    void (*conv_free)(Conv *conv);
    /* Takes new weights [K][C][R][S] into use; not while slices run. */
    cf_status (*conv_pack)(Conv *conv, const float *weights);
    cf_status (*conv_forward)(Conv *conv, int thread, const float *x, float *y);
    cf_status (*conv_backward_data)(Conv *conv, int thread, const float *dy, float *dx);
    /* A slice's weight gradient goes to a slot of conv_slot_size floats in the engine's own order; slots are added, and
     * conv_unpack turns the sum into [K][C][R][S]. */
    size_t (*conv_slot_size)(const Conv *conv);
    cf_status (*conv_backward_weights)(Conv *conv, int thread, const float *x, const float *dy, float *slot);
    cf_status (*conv_unpack)(Conv *conv, const float *slot, float *dw);

    /* N is the whole batch, in slices of `slice` images. Outputs are cut into DENSE_TILE-wide tiles, the last one narrower:
     * pieces of work whose size depends on nothing but the layer. */
    cf_status (*dense_new)(int N, int slice, int inputs, int outputs, bool training, bool input_gradient, int threads,
                           Dense **dense);
    void (*dense_free)(Dense *dense);
    /* y[n][tile] = x[n] . w[tile], all n. */
    cf_status (*dense_forward)(Dense *dense, int thread, int tile, const float *x, const float *weights, float *y);
    /* dx[n] = dy[n] . w, the n of one slice. */
    cf_status (*dense_backward_data)(Dense *dense, int thread, const float *dy, const float *weights, float *dx);
    /* dw[tile] = sum over all n of dy[n][tile] x[n]. */
    cf_status (*dense_backward_weights)(Dense *dense, int thread, int tile, const float *x, const float *dy, float *dw);
} Engine;

enum { DENSE_TILE = 32 };

static inline int dense_tiles(int outputs) {
    return (outputs + DENSE_TILE - 1) / DENSE_TILE;
}

extern const Engine reference_engine;
extern const Kernels reference_kernels;

/* The fast engine of this machine. */
const Engine *cpu_engine(void);

/* Measures this machine's peak of fused multiply-adds on so many threads at once: GFLOP/s, a multiply-add is 2. Takes about
 * 50 ms; the best of several short runs. */
double cpu_peak_gflops(int threads);

#endif
