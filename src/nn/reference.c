/* The plain-C engine: convolution, dense layer and attention by their definitions. Sums in float, in a fixed order, as an exact
 * specification on small integers; reference_kernels.c has the rest. */
#include "nn/engine.h"

#include "base/memory.h"
#include "nn/cpu/matrix_product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Convolution ---- */

struct Conv {
    Window w;
    float weights[]; /* a copy: the contract says weights are taken into use by conv_pack */
};

static size_t weight_count(const Window *w) {
    return (size_t)w->K * (size_t)(w->C / w->groups) * (size_t)w->R * (size_t)w->S;
}

static cf_status conv_new(const Window *w, bool training, bool input_gradient, int threads, Conv **conv) {
    (void)training, (void)input_gradient, (void)threads;
    FORWARD(memory_new(1, sizeof **conv + weight_count(w) * sizeof *(*conv)->weights, conv));
    (*conv)->w = *w;
    return CF_OK;
}

static void conv_free(Conv *conv) {
    free(conv);
}

static cf_status conv_pack(Conv *conv, const float *weights) {
    memcpy(conv->weights, weights, weight_count(&conv->w) * sizeof *weights);
    return CF_OK;
}

/* What the three passes share: every product of two of an input, an output and a weight, given by their indices. */
typedef struct Arrays {
    const float *x, *dy, *weights;
    float *out;
} Arrays;

typedef void (*ProductFn)(const Arrays *a, size_t x, size_t y, size_t weight);

static inline __attribute__((always_inline)) void each_product(const Window *w, ProductFn add, const Arrays *a) {
    const size_t channels = (size_t)(w->C / w->groups), filters = (size_t)(w->K / w->groups),
                 taps = (size_t)w->R * (size_t)w->S;
    for (int n = 0; n < w->N; n++)
        for (int p = 0; p < w->P; p++)
            for (int q = 0; q < w->Q; q++)
                for (int r = 0; r < w->R; r++)
                    for (int s = 0; s < w->S; s++) {
                        int h = p * w->stride + r * w->dilation - w->pad_h;
                        int v = q * w->stride + s * w->dilation - w->pad_w;
                        if (h < 0 || h >= w->H || v < 0 || v >= w->W) continue;
                        size_t x = (((size_t)n * (size_t)w->H + (size_t)h) * (size_t)w->W + (size_t)v) * (size_t)w->C;
                        size_t y = (((size_t)n * (size_t)w->P + (size_t)p) * (size_t)w->Q + (size_t)q) * (size_t)w->K;
                        const size_t tap = (size_t)(r * w->S + s);
                        for (size_t k = 0; k < (size_t)w->K; k++)
                            for (size_t c = 0; c < channels; c++)
                                add(a, x + k / filters * channels + c, y + k, (k * channels + c) * taps + tap);
                    }
}

static void add_to_output(const Arrays *a, size_t x, size_t y, size_t weight) {
    a->out[y] += a->x[x] * a->weights[weight];
}

static void add_to_input(const Arrays *a, size_t x, size_t y, size_t weight) {
    a->out[x] += a->dy[y] * a->weights[weight];
}

static void add_to_weight(const Arrays *a, size_t x, size_t y, size_t weight) {
    a->out[weight] += a->x[x] * a->dy[y];
}

static cf_status conv_forward(Conv *conv, int thread, const void *x, void *y) {
    const Window *w = &conv->w;
    (void)thread;
    memset(y, 0, (size_t)w->N * (size_t)w->P * (size_t)w->Q * (size_t)w->K * sizeof(float));
    each_product(w, add_to_output, &(Arrays){.x = x, .weights = conv->weights, .out = y});
    return CF_OK;
}

static cf_status conv_backward_data(Conv *conv, int thread, const void *dy, void *dx) {
    const Window *w = &conv->w;
    (void)thread;
    memset(dx, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof(float));
    each_product(w, add_to_input, &(Arrays){.dy = dy, .weights = conv->weights, .out = dx});
    return CF_OK;
}

static size_t conv_slot_size(const Conv *conv) {
    return weight_count(&conv->w);
}

static cf_status conv_backward_weights(Conv *conv, int thread, const void *x, const void *dy, float *slot, bool add) {
    (void)thread;
    if (!add) memset(slot, 0, weight_count(&conv->w) * sizeof *slot);
    each_product(&conv->w, add_to_weight, &(Arrays){.x = x, .dy = dy, .out = slot});
    return CF_OK;
}

static cf_status conv_unpack(Conv *conv, const float *slot, float *dw) {
    memcpy(dw, slot, weight_count(&conv->w) * sizeof *dw);
    return CF_OK;
}

/* ---- Dense layer ---- */

struct Dense {
    DenseShape shape;
    float weights[]; /* a copy, as a convolution has it */
};

static size_t dense_weight_count(const DenseShape *shape) {
    return (size_t)shape->outputs * (size_t)shape->inputs;
}

static cf_status dense_new(const DenseShape *shape, bool training, bool input_gradient, int threads, Dense **dense) {
    (void)training, (void)input_gradient, (void)threads;
    FORWARD(memory_new(1, sizeof **dense + dense_weight_count(shape) * sizeof *(*dense)->weights, dense));
    (*dense)->shape = *shape;
    return CF_OK;
}

static void dense_free(Dense *dense) {
    free(dense);
}

static int dense_pieces(const Dense *dense, DensePass pass) {
    (void)dense, (void)pass;
    return 1;
}

static void dense_pack(Dense *dense, int piece, const float *weights) {
    (void)piece;
    memcpy(dense->weights, weights, dense_weight_count(&dense->shape) * sizeof *weights);
}

static size_t dense_images(const DenseShape *shape) {
    return (size_t)(dense_by_slice(shape->outputs) ? shape->slice : shape->N);
}

static void dense_forward(Dense *dense, int thread, int piece, const void *input, const float *bias, void *output) {
    size_t inputs = (size_t)dense->shape.inputs, outputs = (size_t)dense->shape.outputs;
    const float *x = input, *w = dense->weights;
    float *y = output;
    (void)thread, (void)piece;
    for (size_t n = 0; n < dense_images(&dense->shape); n++)
        for (size_t k = 0; k < outputs; k++) {
            float sum = 0;
            for (size_t i = 0; i < inputs; i++) sum += x[n * inputs + i] * w[k * inputs + i];
            if (bias) sum += bias[k];
            y[n * outputs + k] = sum > 0 ? sum : dense->shape.slope * sum;
        }
}

static void dense_backward_data(Dense *dense, int thread, int piece, const void *gradient, const float *w,
                                void *result) {
    size_t inputs = (size_t)dense->shape.inputs, outputs = (size_t)dense->shape.outputs,
           images = dense_images(&dense->shape);
    const float *dy = gradient;
    float *dx = result;
    (void)thread, (void)piece;
    memset(dx, 0, images * inputs * sizeof *dx);
    for (size_t n = 0; n < images; n++)
        for (size_t k = 0; k < outputs; k++)
            for (size_t i = 0; i < inputs; i++) dx[n * inputs + i] += dy[n * outputs + k] * w[k * inputs + i];
}

static void dense_backward_weights(Dense *dense, int thread, int piece, const void *input, const void *gradient,
                                   float *dw) {
    size_t inputs = (size_t)dense->shape.inputs, outputs = (size_t)dense->shape.outputs, N = (size_t)dense->shape.N;
    const float *x = input, *dy = gradient;
    (void)thread, (void)piece;
    for (size_t k = 0; k < outputs; k++)
        for (size_t i = 0; i < inputs; i++) {
            float sums[TREE_DEPTH], *top = sums;
            for (size_t first = 0; first < N; first += DENSE_GROUP, top++) {
                *top = 0;
                for (size_t n = first; n < N && n < first + DENSE_GROUP; n++)
                    *top += dy[n * outputs + k] * x[n * inputs + i];
                for (int joins = tree_joins(first / DENSE_GROUP); joins > 0; joins--, top--) top[-1] += *top;
            }
            while (--top > sums) top[-1] += *top;
            dw[k * inputs + i] = *sums;
        }
}

/* ---- Attention ---- */

struct Attention {
    AttentionShape shape;
    float row[]; /* [threads][positions]: what is not kept */
};

static cf_status attention_new(const AttentionShape *shape, bool training, int threads, Attention **attention) {
    const size_t count = (size_t)threads * (size_t)shape->positions;
    (void)training;
    FORWARD(memory_new(1, sizeof **attention + count * sizeof *(*attention)->row, attention));
    (*attention)->shape = *shape;
    return CF_OK;
}

static void attention_free(Attention *attention) {
    free(attention);
}

/* The probabilities. */
static size_t attention_kept(const Attention *attention) {
    const AttentionShape *s = &attention->shape;
    return (size_t)s->heads * (size_t)s->positions * (size_t)s->positions * sizeof(float);
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* One query's softmax over keys that lie `step` apart, the largest score taken off so that no exponential overflows. */
static void attention_row(const float *q, const float *k, size_t step, size_t positions, size_t d, float *p) {
    double root = sqrt((double)d), largest = -INFINITY, sum = 0;
    for (size_t j = 0; j < positions; j++) largest = fmax(largest, dot(q, k + j * step, d) / root);
    for (size_t j = 0; j < positions; j++) sum += exp(dot(q, k + j * step, d) / root - largest);
    for (size_t j = 0; j < positions; j++) p[j] = (float)(exp(dot(q, k + j * step, d) / root - largest) / sum);
}

static void attention_forward(Attention *attention, int thread, const void *qkv, void *output, void *kept) {
    const AttentionShape *s = &attention->shape;
    size_t L = (size_t)s->positions, C = (size_t)s->channels, heads = (size_t)s->heads, d = C / heads, step = 3 * C;
    for (size_t n = 0; n < (size_t)s->N; n++)
        for (size_t h = 0; h < heads; h++)
            for (size_t i = 0; i < L; i++) {
                const float *x = (const float *)qkv + n * L * step + h * d;
                float *y = (float *)output + (n * L + i) * C + h * d;
                float *p = kept ? (float *)kept + ((n * heads + h) * L + i) * L : attention->row + (size_t)thread * L;
                attention_row(x + i * step, x + C, step, L, d, p);
                for (size_t c = 0; c < d; c++) {
                    double sum = 0;
                    for (size_t j = 0; j < L; j++) sum += (double)p[j] * (double)x[j * step + 2 * C + c];
                    y[c] = (float)sum;
                }
            }
}

static void attention_weights(Attention *attention, int thread, const void *qkv, float *weights) {
    const AttentionShape *s = &attention->shape;
    size_t L = (size_t)s->positions, C = (size_t)s->channels, heads = (size_t)s->heads, d = C / heads, step = 3 * C;
    (void)thread;
    for (size_t row = 0; row < (size_t)s->N * heads * L; row++) {
        const float *x = (const float *)qkv + row / (heads * L) * L * step + row / L % heads * d;
        attention_row(x + row % L * step, x + C, step, L, d, weights + row * L);
    }
}

/* With s the scores: dp = dy v, ds = p (dp - sum p dp), and the rest is products. */
static void attention_backward(Attention *attention, int thread, const void *qkv, const void *y, const void *kept,
                               const void *gradient, void *result) {
    const AttentionShape *s = &attention->shape;
    size_t L = (size_t)s->positions, C = (size_t)s->channels, heads = (size_t)s->heads, d = C / heads, step = 3 * C;
    float *dp = attention->row + (size_t)thread * L;
    (void)y;
    memset(result, 0, (size_t)s->N * L * step * sizeof(float));
    for (size_t n = 0; n < (size_t)s->N; n++)
        for (size_t h = 0; h < heads; h++)
            for (size_t i = 0; i < L; i++) {
                const float *q = (const float *)qkv + n * L * step + h * d, *k = q + C, *v = k + C;
                const float *p = (const float *)kept + ((n * heads + h) * L + i) * L;
                const float *dy = (const float *)gradient + (n * L + i) * C + h * d;
                float *dq = (float *)result + n * L * step + h * d, *dk = dq + C, *dv = dk + C;
                for (size_t j = 0; j < L; j++) dp[j] = (float)dot(dy, v + j * step, d);
                double mean = dot(p, dp, L);
                for (size_t j = 0; j < L; j++) {
                    float ds = (float)((double)p[j] * ((double)dp[j] - mean) / sqrt((double)d));
                    for (size_t c = 0; c < d; c++) {
                        dq[i * step + c] += ds * k[j * step + c];
                        dk[j * step + c] += ds * q[i * step + c];
                        dv[j * step + c] += p[j] * dy[c];
                    }
                }
            }
}

const Engine reference_engine = {
    .name = "reference (plain C)",
    .kernels = &reference_kernels,
    .conv_new = conv_new,
    .conv_free = conv_free,
    .conv_pack = conv_pack,
    .conv_forward = conv_forward,
    .conv_backward_data = conv_backward_data,
    .conv_slot_size = conv_slot_size,
    .conv_backward_weights = conv_backward_weights,
    .conv_unpack = conv_unpack,
    .dense_new = dense_new,
    .dense_free = dense_free,
    .dense_pieces = dense_pieces,
    .dense_pack = dense_pack,
    .dense_forward = dense_forward,
    .dense_backward_data = dense_backward_data,
    .dense_backward_weights = dense_backward_weights,
    .attention_new = attention_new,
    .attention_free = attention_free,
    .attention_kept = attention_kept,
    .attention_forward = attention_forward,
    .attention_backward = attention_backward,
    .attention_weights = attention_weights,
};

void matrix_product_reference(int m, int n, int k, const float *a, const float *b, float *c) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int l = 0; l < k; l++)
                sum += a[(size_t)i * (size_t)k + (size_t)l] * b[(size_t)j * (size_t)k + (size_t)l];
            c[(size_t)i * (size_t)n + (size_t)j] = sum;
        }
}
