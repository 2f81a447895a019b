/* What a network is computed with: two implementations of one contract, chosen once.
 *
 * Layout, the same for both: activations are image after image, each H x W x C (channels innermost); a dense layer sees an
 * image as H*W*C values in that order. Their elements (`void *`) are float32, or bfloat16 (the upper half of a float32,
 * rounded to nearest even) where Kernels.element is 2. Everything typed float is float32 in both cases: weights
 * [K][C / groups][R][S] (OIHW) and [outputs][inputs], gradients of weights, statistics, sums, optimizer state.
 * N is the images of a slice or, where said, of the whole batch. Every function works on one thread and keeps no state
 * but what `thread` (an index) selects.
 *
 * reference.c is plain C and the specification; nn/cpu is oneDNN and kernels compiled per instruction set.
 */
#pragma once

#include "base/status.h"

/* A window over images: of a convolution (K filters) or a pool (K = C). P x Q is the output's size. The padding is that at the
 * top and left; what there is below and at the right follows from P and Q: more, less, or rows (fewer than `stride`) that no
 * window reaches. A convolution's filter sees the C / groups channels of its group (groups divides C and K) at pixels `dilation`
 * apart: weights are [K][C / groups][R][S]. Both are 1 of a pool. */
typedef struct Window {
    int N, C, H, W, K, R, S, stride, pad_h, pad_w, P, Q, groups, dilation;
} Window;

/* NONE v; RELU v > 0 ? v : slope * v; RELU6 min(max(v, 0), 6); SILU v / (1 + e^-v) (Elfwing et al. 2018); GELU v times the normal
 * distribution (Hendrycks, Gimpel 2016, exact); HARDSWISH v * min(max(v + 3, 0), 6) / 6 (Howard et al. 2019); SIGMOID
 * 1 / (1 + e^-v). A NaN stays one; an infinity may become one, where it is multiplied by 0. */
typedef enum ActivationKind {
    ACT_NONE,
    ACT_RELU,
    ACT_RELU6,
    ACT_SILU,
    ACT_GELU,
    ACT_HARDSWISH,
    ACT_SIGMOID
} ActivationKind;

typedef struct Activation {
    ActivationKind kind;
    float slope; /* of ACT_RELU for v <= 0: leaky where it is not 0 */
} Activation;

/* These rise everywhere, and their derivative follows from y; that of the others needs x. */
static inline bool activation_from_output(Activation act) {
    return act.kind == ACT_NONE || act.kind == ACT_RELU || act.kind == ACT_RELU6 || act.kind == ACT_SIGMOID;
}

/* What is added to a variance before its root is taken: PyTorch's default. */
#define BN_EPSILON  1e-5
#define BN_MOMENTUM 0.1 /* what a step adds to the running statistics; PyTorch's default */

/* Batch norm (Ioffe, Szegedy 2015), activation and max pool as one operation over an H x W x C image:
 *   y = act(pool((x - mean) * scale + shift))
 * The pool's windows are R x S, side by side from the top left corner; what is left over at the right and below is in none.
 * R = S = 1 is no pool. With a pool act must be activation_from_output: since act and the norm are monotonic, the pool picks the
 * largest x of a channel with scale >= 0 and the smallest of another; the first of equals, which 0 and -0 are. A NaN beside
 * numbers in a window may be picked or passed over: in training it is not lost, since the moments of its channel are NaN, and so
 * every y. */
typedef struct Block {
    int C, H, W, R, S, P, Q; /* P x Q: the output's size */
    Activation act;
    const float *mean, *scale, *shift; /* [C] */
    const float *a, *b, *c;            /* [C]: dx = a * d + b * (x - mean) + c, d the gradient behind act and pool */
} Block;

/* A norm of each image by itself, over sets of its values: `groups` sets, each of C / groups channels over all pixels (group norm,
 * Wu, He 2018; instance norm where groups = C); or by position, a set per pixel, of its C channels (layer norm of transformers,
 * Ba et al. 2016; groups 1). */
typedef struct NormShape {
    int C, pixels, groups;
    bool by_position;
} NormShape;

/* Of an image. */
static inline size_t norm_sets(const NormShape *s) {
    return (size_t)(s->by_position ? s->pixels : s->groups);
}

/* ---- Kernels: elementwise, over channels, norms, pools ---- */

/* What a step of Adam works with, epsilon being 1e-8. */
typedef struct AdamStep {
    float rate;                         /* with the first bias correction in it: / (1 - beta1^t) */
    float root;                         /* 1 / sqrt(1 - beta2^t) */
    float decay;                        /* as in SGD: part of the gradient */
    float decoupled;                    /* w -= decoupled * w first (AdamW: Loshchilov, Hutter 2019) */
    float beta1, fresh1, beta2, fresh2; /* shares of the old moments, and of what is new: 1 - beta */
} AdamStep;

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
     * NULL: not kept. Without a pool they are not written: the x picked is x itself. In place allowed without a pool.
     * residual [N][H][W][C], without a pool only: is added before the activation; NULL: none. (The way back of such a block is
     * act_backward on dy, then block_sums and block_backward with ACT_NONE.) y may be residual. */
    void (*block_forward)(const Block *b, int N, const void *x, const void *residual, void *picked, void *y,
                          uint8_t *place);
    /* d = the gradient behind act: sums[c] = sum d, sums[C + c] = sum d * (picked - mean). */
    void (*block_sums)(const Block *b, int N, const void *picked, const void *dy, double *sums);
    /* dx may be x. Without a pool `picked` and `place` are not read. */
    void (*block_backward)(const Block *b, int N, const void *x, const void *picked, const void *dy,
                           const uint8_t *place, void *dx);

    /* y = act(x); dx = act'(x) dy, `from` being y where activation_from_output(act), else x. In place allowed. */
    void (*act_forward)(Activation act, const void *x, size_t count, void *y);
    void (*act_backward)(Activation act, const void *from, const void *dy, size_t count, void *dx);
    /* y = act(a + b); y = factor * x. In place allowed. */
    void (*add)(const void *a, const void *b, size_t count, Activation act, void *y);
    void (*multiply)(const void *x, size_t count, float factor, void *y);

    /* y = xhat * weight + bias, xhat = (x - mean) / deviation over x's set, deviation = sqrt(variance + BN_EPSILON).
     * weight, bias [C]: NULL 1 and 0. moments [N][norm_sets][2]: mean and 1 / deviation; NULL: not kept. In place allowed. */
    void (*norm_forward)(const NormShape *s, int N, const void *x, const float *weight, const float *bias, void *y,
                         float *moments);
    /* With g = dy * weight: dx = (g - mean(g) - xhat * mean(g * xhat)) / deviation, means over the set. Over the N images
     * sums[c] = sum dy, sums[C + c] = sum dy * xhat; NULL: not wanted. dx NULL: not wanted; it may be dy. */
    void (*norm_backward)(const NormShape *s, int N, const void *x, const float *weight, const float *moments,
                          const void *dy, void *dx, double *sums);

    /* y[n][i][c] = x[n][i][c] * s[n][c], i over the pixels (squeeze and excitation: Hu et al. 2018). In place allowed. */
    void (*scale_forward)(int N, size_t pixels, int C, const void *x, const void *s, void *y);
    /* dx = dy * s, which may be dy; ds[n][c] = sum over i of dy * x. */
    void (*scale_backward)(int N, size_t pixels, int C, const void *x, const void *s, const void *dy, void *dx,
                           void *ds);

    /* y[n][i] = x[n][i] + p[i] for i < size (learned positions), in place allowed; sums[i] = dy[0][i] + dy[1][i] + ... in
     * that order. */
    void (*add_to_images)(int N, size_t size, const void *x, const float *p, void *y);
    void (*sum_images)(int N, size_t size, const void *dy, float *sums);

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

    /* out[i] = the sum of slots[s][i] over `count` (>= 1) slots, which are `stride` apart, in tree order (below), for i in
     * [from, to). */
    void (*sum_slots)(const float *slots, size_t stride, int count, size_t from, size_t to, float *out);

    /* One step of an optimizer over `count` values. SGD with momentum: m = momentum * m + g; w -= rate * m, where
     * g = dw + decay * w; with `nesterov` (Sutskever et al. 2013, as PyTorch has it) w -= rate * (g + momentum * m).
     * Adam (Kingma, Ba 2015): m, v the moments. True if every w (and v) is finite after it; a moment m that is not makes its
     * w the same. */
    bool (*sgd)(float *w, const float *dw, float *m, size_t count, float rate, float momentum, float decay,
                bool nesterov);
    bool (*adam)(float *w, const float *dw, float *m, float *v, size_t count, const AdamStep *step);
} Kernels;

/* clang-format off */
/* row(name) for every function of a Kernels. */
#define EACH_KERNEL(row)                                                                                               \
    row(add_bias) row(channel_sums) row(bn_moments) row(block_forward) row(block_sums) row(block_backward)             \
    row(act_forward) row(act_backward) row(add) row(multiply) row(norm_forward) row(norm_backward) row(scale_forward)  \
    row(scale_backward) row(add_to_images) row(sum_images) row(maxpool_forward) row(maxpool_backward)                  \
    row(avgpool_forward) row(avgpool_backward) row(from_float) row(to_float) row(sum_slots) row(sgd) row(adam)
/* clang-format on */

/* ---- Convolutions and dense layers: objects that may hold compiled code and reordered weights ---- */

typedef struct Conv Conv;
typedef struct Dense Dense;

typedef enum DensePass { DENSE_PACK, DENSE_FORWARD, DENSE_BACKWARD_DATA, DENSE_BACKWARD_WEIGHTS } DensePass;

typedef struct DenseShape {
    int N, slice; /* images of the whole batch, in slices */
    int inputs, outputs;
    float slope; /* act behind the layer, through which NaN passes; 1: none */
    bool bias;
    bool float_out; /* the outputs are float32 whatever the element: the network's last layer */
} DenseShape;

/* The network's first convolution with the batch norm, activation and pool behind it, whose output is never written: it has few
 * taps, so its moments and gradients follow from sums over its patches. With p the patch of an output pixel (the taps' values),
 * x = w . p its output and n their number, S = sum p and M = sum p p^T - S S^T / n give
 *   mean(x) = w . S / n,   variance(x) = w . M w / n,
 * and with D = sum d p over the pixels that the pool picked, d the gradient behind it, and Block's a, b, c:
 *   sum d (x - mean) = w . D - mean sum d,   dw = a D + b M w + c S.
 * w is rounded as an element is. A bias would only move the mean: it has no part here, and no gradient. */
typedef struct Stem Stem;

typedef struct StemEngine {
    bool (*fits)(const Window *w, const Block *b);
    /* w and b as above; for at most `threads` threads. `kernels` are the engine's. */
    cf_status (*create)(const Kernels *kernels, const Window *w, const Block *b, int threads, Stem **stem);
    void (*destroy)(Stem *stem);
    void (*pack)(Stem *stem, const float *weights); /* [K][C][R][S]; not while slices run */
    /* Doubles that a slice's sums take, of patches as of gradients. */
    size_t (*sums_size)(const Stem *stem);
    /* Sums over the patches of N images of a slice. */
    void (*patches)(Stem *stem, int thread, int N, const void *x, double *sums);
    /* Adds the sums of so many slices in order: mean and variance [K] of `count` outputs; kept for gradient(). */
    void (*moments)(Stem *stem, const double *sums, int slices, double count, double *mean, double *variance);
    /* y and place as of block_forward, for a whole slice. */
    void (*forward)(Stem *stem, int thread, const Block *b, const void *x, void *y, uint8_t *place);
    /* Sums over the gradients of N images of a slice. */
    void (*backward)(Stem *stem, int thread, const Block *b, int N, const void *x, const void *y, const void *dy,
                     const uint8_t *place, double *sums);
    /* Adds them in order: sum d and sum d (x - mean), [K] each; kept for gradient(). */
    void (*gradient_sums)(Stem *stem, const double *sums, int slices, double *plain, double *product);
    void (*gradient)(const Stem *stem, const Block *b, float *dw); /* [K][C][R][S] */
} StemEngine;

/* Multi-head self-attention (Vaswani et al. 2017) without its projections. */
typedef struct Attention Attention;

typedef struct AttentionShape {
    int N, positions, channels, heads; /* N: images of a slice; heads divide the channels */
} AttentionShape;

typedef struct Engine {
    const char *name; /* printed with the run: library, its version, instruction set */
    const Kernels *kernels;
    const StemEngine *stem; /* NULL: none */

    /* `training` builds the backward passes, `input_gradient` the one for the input; for at most `threads` threads. */
    cf_status (*conv_new)(const Window *w, bool training, bool input_gradient, int threads, Conv **conv);
    void (*conv_free)(Conv *conv);
    /* Takes new weights into use; not while the object is at work. Different objects' may run at once. */
    cf_status (*conv_pack)(Conv *conv, const float *weights);
    cf_status (*conv_forward)(Conv *conv, int thread, const void *x, void *y);
    cf_status (*conv_backward_data)(Conv *conv, int thread, const void *dy, void *dx);
    /* A slice's weight gradient goes to a slot of conv_slot_size floats in the engine's own order, or is added to what the slot
     * holds; slots are added, and conv_unpack turns the sum into the weights' order, of different objects at once if need
     * be. */
    size_t (*conv_slot_size)(const Conv *conv);
    cf_status (*conv_backward_weights)(Conv *conv, int thread, const void *x, const void *dy, float *slot, bool add);
    cf_status (*conv_unpack)(Conv *conv, const float *slot, float *dw);

    /* A dense layer's passes are cut into pieces, in any order and on any thread, whose number depends on the layer and the
     * engine alone. Of a layer with few outputs (dense_by_slice) a forward or backward-data pass is one piece, of one
     * slice: x, y, dx and dy are then that slice's, else the whole batch's. */
    cf_status (*dense_new)(const DenseShape *shape, bool training, bool input_gradient, int threads, Dense **dense);
    void (*dense_free)(Dense *dense);
    int (*dense_pieces)(const Dense *dense, DensePass pass);
    /* Takes new weights [outputs][inputs] into use; not while another pass runs. */
    void (*dense_pack)(Dense *dense, int piece, const float *weights);
    /* y[n] = act(w x[n] + bias), by the weights last packed; bias NULL where the shape has none. */
    void (*dense_forward)(Dense *dense, int thread, int piece, const void *x, const float *bias, void *y);
    /* dx[n] = dy[n] . w with the same weights; dy is already behind act. */
    void (*dense_backward_data)(Dense *dense, int thread, int piece, const void *dy, const float *weights, void *dx);
    /* dw = sum over all n of dy[n] x[n]: in each group of DENSE_GROUP images one after the other, the groups in tree order. */
    void (*dense_backward_weights)(Dense *dense, int thread, int piece, const void *x, const void *dy, float *dw);

    /* Per image and head y = softmax(q k^T / sqrt(d)) v over the positions, d = channels / heads. qkv [N][positions][3 channels]
     * holds q, then k, then v, of which head h has channels h*d .. h*d + d - 1; y [N][positions][channels]. */
    cf_status (*attention_new)(const AttentionShape *shape, bool training, int threads, Attention **attention);
    void (*attention_free)(Attention *attention);
    /* Bytes of one image, a multiple of 4, that the way back needs of the way forward. */
    size_t (*attention_kept)(const Attention *attention);
    /* A slice; kept [N][attention_kept], NULL: inference. */
    void (*attention_forward)(Attention *attention, int thread, const void *qkv, void *y, void *kept);
    void (*attention_backward)(Attention *attention, int thread, const void *qkv, const void *y, const void *kept,
                               const void *dy, void *dqkv);
    /* The softmax alone, of a slice: weights [N][heads][queries][keys], whose rows sum to 1 but for rounding. */
    void (*attention_weights)(Attention *attention, int thread, const void *qkv, float *weights);
} Engine;

/* Sums over a batch are formed over groups of it, and these added as a binary tree that only their number decides: the first
 * with the second, pairs with the next pair, and so on. So parts of a batch can be summed apart and give the same bits.
 * As a stack: behind group s, this many of the last sums are joined, the last two first; at the end, all. */
static inline int tree_joins(size_t s) {
    return __builtin_ctzll(~(unsigned long long)s);
}

enum { DENSE_GROUP = 32, TREE_DEPTH = 64 }; /* TREE_DEPTH: more than any stack of sums holds */

/* So few outputs that going slice by slice costs less than a wait for all slices. */
static inline bool dense_by_slice(int outputs) {
    return outputs <= 32;
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
