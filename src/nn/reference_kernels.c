/* The specification: every kernel as the plainest loop that says what it means. Sums in double where the contract has
 * double; otherwise in double and rounded once. */
#include "nn/engine.h"

#include <math.h>
#include <string.h>

static void add_bias(float *y, size_t rows, int C, const float *bias) {
    for (size_t r = 0; r < rows; r++)
        for (int c = 0; c < C; c++) y[r * (size_t)C + (size_t)c] += bias[c];
}

static void channel_sums(const float *dy, size_t rows, int C, double *sums) {
    for (int c = 0; c < C; c++) {
        sums[c] = 0;
        for (size_t r = 0; r < rows; r++) sums[c] += (double)dy[r * (size_t)C + (size_t)c];
    }
}

static void bn_moments(const float *x, size_t rows, int C, double *mean, double *squares) {
    channel_sums(x, rows, C, mean);
    for (int c = 0; c < C; c++) {
        mean[c] /= (double)rows;
        squares[c] = 0;
        for (size_t r = 0; r < rows; r++) {
            double deviation = (double)x[r * (size_t)C + (size_t)c] - mean[c];
            squares[c] += deviation * deviation;
        }
    }
}

static void bn_forward(const float *x, size_t rows, int C, const float *mean, const float *scale, const float *shift,
                       float *y) {
    for (size_t r = 0; r < rows; r++)
        for (int c = 0; c < C; c++) {
            size_t i = r * (size_t)C + (size_t)c;
            y[i] = (x[i] - mean[c]) * scale[c] + shift[c];
        }
}

static void bn_sums(const float *x, const float *dy, size_t rows, int C, const float *mean, double *sums) {
    for (int c = 0; c < C; c++) {
        sums[c] = sums[C + c] = 0;
        for (size_t r = 0; r < rows; r++) {
            size_t i = r * (size_t)C + (size_t)c;
            sums[c] += (double)dy[i];
            sums[C + c] += (double)dy[i] * ((double)x[i] - (double)mean[c]);
        }
    }
}

static void bn_backward(const float *x, const float *dy, size_t rows, int C, const float *mean, const float *a,
                        const float *b, const float *c, float *dx) {
    for (size_t r = 0; r < rows; r++)
        for (int k = 0; k < C; k++) {
            size_t i = r * (size_t)C + (size_t)k;
            dx[i] = a[k] * dy[i] + (b[k] * (x[i] - mean[k]) + c[k]);
        }
}

static void relu_forward(const float *x, size_t count, float slope, float *y) {
    for (size_t i = 0; i < count; i++) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

static void relu_backward(const float *y, const float *dy, size_t count, float slope, float *dx) {
    for (size_t i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : slope * dy[i];
}

/* The index of x[n][h][w][c], or -1 for padding. */
static ptrdiff_t tap(const Window *w, int n, int p, int q, int r, int s, int c) {
    int h = p * w->stride + r - w->pad_h, v = q * w->stride + s - w->pad_w;
    if (h < 0 || h >= w->H || v < 0 || v >= w->W) return -1;
    return (((ptrdiff_t)n * w->H + h) * w->W + v) * w->C + c;
}

static size_t output_index(const Window *w, int n, int p, int q, int k) {
    return (((size_t)n * (size_t)w->P + (size_t)p) * (size_t)w->Q + (size_t)q) * (size_t)w->K + (size_t)k;
}

static void clear_input(const Window *w, float *dx) {
    memset(dx, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof *dx);
}

/* Every (n, p, q, c) of a window's output, channels innermost. */
#define EACH_OUTPUT(w)                                                                                                 \
    for (int n = 0; n < (w)->N; n++)                                                                                   \
        for (int p = 0; p < (w)->P; p++)                                                                               \
            for (int q = 0; q < (w)->Q; q++)                                                                           \
                for (int c = 0; c < (w)->K; c++)

static void maxpool_forward(const Window *w, const float *x, float *y, uint16_t *place) {
    EACH_OUTPUT(w) {
        float largest = -INFINITY;
        int where = 0;
        for (int r = 0; r < w->R; r++)
            for (int s = 0; s < w->S; s++) {
                ptrdiff_t i = tap(w, n, p, q, r, s, c);
                /* A NaN must not vanish in the pool: it wins, so that the loss shows it. */
                if (i >= 0 && (x[i] > largest || x[i] != x[i])) largest = x[i], where = r * w->S + s;
            }
        y[output_index(w, n, p, q, c)] = largest;
        place[output_index(w, n, p, q, c)] = (uint16_t)where;
    }
}

static void maxpool_backward(const Window *w, const float *dy, const uint16_t *place, float *dx) {
    clear_input(w, dx);
    EACH_OUTPUT(w) {
        size_t o = output_index(w, n, p, q, c);
        ptrdiff_t i = tap(w, n, p, q, place[o] / w->S, place[o] % w->S, c);
        if (i >= 0) dx[i] += dy[o];
    }
}

static int taps_inside(const Window *w, int p, int q) {
    int count = 0;
    for (int r = 0; r < w->R; r++)
        for (int s = 0; s < w->S; s++) count += tap(w, 0, p, q, r, s, 0) >= 0;
    return count;
}

static void avgpool_forward(const Window *w, const float *x, float *y) {
    EACH_OUTPUT(w) {
        float sum = 0;
        for (int r = 0; r < w->R; r++)
            for (int s = 0; s < w->S; s++) {
                ptrdiff_t i = tap(w, n, p, q, r, s, c);
                if (i >= 0) sum += x[i];
            }
        y[output_index(w, n, p, q, c)] = sum / (float)taps_inside(w, p, q);
    }
}

static void avgpool_backward(const Window *w, const float *dy, float *dx) {
    clear_input(w, dx);
    EACH_OUTPUT(w) {
        float share = dy[output_index(w, n, p, q, c)] / (float)taps_inside(w, p, q);
        for (int r = 0; r < w->R; r++)
            for (int s = 0; s < w->S; s++) {
                ptrdiff_t i = tap(w, n, p, q, r, s, c);
                if (i >= 0) dx[i] += share;
            }
    }
}

static void sum_slots(const float *slots, size_t stride, int count, size_t from, size_t to, float *out) {
    for (size_t i = from; i < to; i++) {
        float sum = 0;
        for (int s = 0; s < count; s++) sum += slots[(size_t)s * stride + i];
        out[i] = sum;
    }
}

static void sgd(float *w, const float *dw, float *m, size_t count, float rate, float momentum, float decay) {
    for (size_t i = 0; i < count; i++) {
        m[i] = momentum * m[i] + (dw[i] + decay * w[i]);
        w[i] -= rate * m[i];
    }
}

static void adam(float *w, const float *dw, float *m, float *v, size_t count, float rate, float root, float decay,
                 float decoupled) {
    for (size_t i = 0; i < count; i++) {
        float kept = w[i] - decoupled * w[i], g = dw[i] + decay * w[i];
        m[i] = 0.9f * m[i] + 0.1f * g;
        v[i] = 0.999f * v[i] + 0.001f * (g * g);
        w[i] = kept - rate * m[i] / (sqrtf(v[i]) * root + 1e-8f);
    }
}

const Kernels reference_kernels = {
    "reference",     add_bias,         channel_sums,    bn_moments,       bn_forward, bn_sums, bn_backward, relu_forward,
    relu_backward,   maxpool_forward,  maxpool_backward, avgpool_forward, avgpool_backward, sum_slots, sgd, adam,
};
