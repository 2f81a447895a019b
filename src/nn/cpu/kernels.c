/* The kernels of nn/engine.h, compiled once per instruction set (KERNEL_ISA): loops over channels that the compiler turns
 * into that set's vectors. Sums over rows run in float over at most BLOCK rows and in double above them, so they neither
 * lose digits on large images nor depend on anything but the slice. */
#include "nn/engine.h"

#include <math.h>
#include <string.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define TEXT_(a)     #a
#define TEXT(a)      TEXT_(a)

enum { BLOCK = 64, LANES = 64 }; /* rows summed in float; channels summed at once, held in registers */

static void add_bias(float *restrict y, size_t rows, int C, const float *restrict bias) {
    for (size_t r = 0; r < rows; r++, y += C)
        for (int c = 0; c < C; c++) y[c] += bias[c];
}

/* Calls body for the columns [from, from + width) of all rows, BLOCK rows at a time. */
static int lanes(int C, int from) {
    return C - from < LANES ? C - from : LANES;
}

static void channel_sums(const float *dy, size_t rows, int C, double *sums) {
    memset(sums, 0, (size_t)C * sizeof *sums);
    for (int from = 0; from < C; from += LANES) {
        int width = lanes(C, from);
        for (size_t first = 0; first < rows; first += BLOCK) {
            size_t end = first + BLOCK < rows ? first + BLOCK : rows;
            float block[LANES] = {0};
            for (size_t r = first; r < end; r++) {
                const float *row = dy + r * (size_t)C + from;
                for (int c = 0; c < width; c++) block[c] += row[c];
            }
            for (int c = 0; c < width; c++) sums[from + c] += (double)block[c];
        }
    }
}

static void bn_moments(const float *x, size_t rows, int C, double *mean, double *squares) {
    channel_sums(x, rows, C, mean);
    memset(squares, 0, (size_t)C * sizeof *squares);
    for (int from = 0; from < C; from += LANES) {
        int width = lanes(C, from);
        float centre[LANES];
        double correction[LANES];
        for (int c = 0; c < width; c++) {
            mean[from + c] /= (double)rows;
            centre[c] = (float)mean[from + c];
            correction[c] = mean[from + c] - (double)centre[c];
        }
        for (size_t first = 0; first < rows; first += BLOCK) {
            size_t end = first + BLOCK < rows ? first + BLOCK : rows;
            float block[LANES] = {0};
            for (size_t r = first; r < end; r++) {
                const float *row = x + r * (size_t)C + from;
                for (int c = 0; c < width; c++) block[c] += (row[c] - centre[c]) * (row[c] - centre[c]);
            }
            for (int c = 0; c < width; c++) squares[from + c] += (double)block[c];
        }
        /* About the exact mean instead of its float: less rows * (mean - centre)^2. */
        for (int c = 0; c < width; c++) {
            squares[from + c] -= (double)rows * correction[c] * correction[c];
            if (squares[from + c] < 0) squares[from + c] = 0;
        }
    }
}

static void bn_forward(const float *x, size_t rows, int C, const float *restrict mean, const float *restrict scale,
                       const float *restrict shift, float *y) {
    for (size_t r = 0; r < rows; r++, x += C, y += C)
#pragma GCC ivdep
        for (int c = 0; c < C; c++) y[c] = (x[c] - mean[c]) * scale[c] + shift[c];
}

static void bn_sums(const float *x, const float *dy, size_t rows, int C, const float *mean, double *sums) {
    memset(sums, 0, 2 * (size_t)C * sizeof *sums);
    for (int from = 0; from < C; from += LANES) {
        int width = lanes(C, from);
        for (size_t first = 0; first < rows; first += BLOCK) {
            size_t end = first + BLOCK < rows ? first + BLOCK : rows;
            float plain[LANES] = {0}, product[LANES] = {0};
            for (size_t r = first; r < end; r++) {
                const float *xr = x + r * (size_t)C + from, *dr = dy + r * (size_t)C + from;
                for (int c = 0; c < width; c++) {
                    plain[c] += dr[c];
                    product[c] += dr[c] * (xr[c] - mean[from + c]);
                }
            }
            for (int c = 0; c < width; c++) {
                sums[from + c] += (double)plain[c];
                sums[C + from + c] += (double)product[c];
            }
        }
    }
}

static void bn_backward(const float *x, const float *dy, size_t rows, int C, const float *restrict mean,
                        const float *restrict a, const float *restrict b, const float *restrict c, float *dx) {
    for (size_t r = 0; r < rows; r++, x += C, dy += C, dx += C)
#pragma GCC ivdep
        for (int k = 0; k < C; k++) dx[k] = a[k] * dy[k] + (b[k] * (x[k] - mean[k]) + c[k]);
}

static void relu_forward(const float *x, size_t count, float slope, float *y) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; i++) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

static void relu_backward(const float *y, const float *dy, size_t count, float slope, float *dx) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : slope * dy[i];
}

/* The part of the window's rows (or columns) that lies inside the image: [*from, *to). */
static void clip(int start, int length, int side, int *from, int *to) {
    *from = start < 0 ? -start : 0;
    *to = start + length > side ? side - start : length;
}

static void maxpool_forward(const Window *w, const float *x, float *y, uint16_t *place) {
    size_t C = (size_t)w->C;
    for (int n = 0; n < w->N; n++)
        for (int p = 0; p < w->P; p++)
            for (int q = 0; q < w->Q; q++, y += C, place += C) {
                int top = p * w->stride - w->pad_h, left = q * w->stride - w->pad_w, r0, r1, s0, s1;
                clip(top, w->R, w->H, &r0, &r1);
                clip(left, w->S, w->W, &s0, &s1);
                for (size_t c = 0; c < C; c++) y[c] = -INFINITY, place[c] = 0;
                for (int r = r0; r < r1; r++)
                    for (int s = s0; s < s1; s++) {
                        const float *restrict in = x + (((size_t)n * (size_t)w->H + (size_t)(top + r)) * (size_t)w->W +
                                                        (size_t)(left + s)) * C;
                        float *restrict out = y;
                        uint16_t *restrict where = place;
                        uint16_t index = (uint16_t)(r * w->S + s);
                        for (size_t c = 0; c < C; c++) {
                            bool larger = in[c] > out[c] || in[c] != in[c]; /* a NaN wins, see the reference */
                            out[c] = larger ? in[c] : out[c];
                            where[c] = larger ? index : where[c];
                        }
                    }
            }
}

static void maxpool_backward(const Window *w, const float *dy, const uint16_t *place, float *dx) {
    size_t C = (size_t)w->C;
    memset(dx, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * C * sizeof *dx);
    for (int n = 0; n < w->N; n++)
        for (int p = 0; p < w->P; p++)
            for (int q = 0; q < w->Q; q++, dy += C, place += C) {
                int top = p * w->stride - w->pad_h, left = q * w->stride - w->pad_w, r0, r1, s0, s1;
                clip(top, w->R, w->H, &r0, &r1);
                clip(left, w->S, w->W, &s0, &s1);
                for (int r = r0; r < r1; r++)
                    for (int s = s0; s < s1; s++) {
                        float *restrict to = dx + (((size_t)n * (size_t)w->H + (size_t)(top + r)) * (size_t)w->W +
                                                   (size_t)(left + s)) * C;
                        uint16_t index = (uint16_t)(r * w->S + s);
                        for (size_t c = 0; c < C; c++) to[c] += place[c] == index ? dy[c] : 0.0f;
                    }
            }
}

static void avgpool_forward(const Window *w, const float *x, float *y) {
    size_t C = (size_t)w->C;
    for (int n = 0; n < w->N; n++)
        for (int p = 0; p < w->P; p++)
            for (int q = 0; q < w->Q; q++, y += C) {
                int top = p * w->stride - w->pad_h, left = q * w->stride - w->pad_w, r0, r1, s0, s1;
                clip(top, w->R, w->H, &r0, &r1);
                clip(left, w->S, w->W, &s0, &s1);
                memset(y, 0, C * sizeof *y);
                for (int r = r0; r < r1; r++)
                    for (int s = s0; s < s1; s++) {
                        const float *restrict in = x + (((size_t)n * (size_t)w->H + (size_t)(top + r)) * (size_t)w->W +
                                                        (size_t)(left + s)) * C;
                        for (size_t c = 0; c < C; c++) y[c] += in[c];
                    }
                float taps = (float)((r1 - r0) * (s1 - s0));
                for (size_t c = 0; c < C; c++) y[c] /= taps;
            }
}

static void avgpool_backward(const Window *w, const float *dy, float *dx) {
    size_t C = (size_t)w->C;
    memset(dx, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * C * sizeof *dx);
    for (int n = 0; n < w->N; n++)
        for (int p = 0; p < w->P; p++)
            for (int q = 0; q < w->Q; q++, dy += C) {
                int top = p * w->stride - w->pad_h, left = q * w->stride - w->pad_w, r0, r1, s0, s1;
                clip(top, w->R, w->H, &r0, &r1);
                clip(left, w->S, w->W, &s0, &s1);
                float taps = (float)((r1 - r0) * (s1 - s0));
                for (int r = r0; r < r1; r++)
                    for (int s = s0; s < s1; s++) {
                        float *restrict to = dx + (((size_t)n * (size_t)w->H + (size_t)(top + r)) * (size_t)w->W +
                                                   (size_t)(left + s)) * C;
                        for (size_t c = 0; c < C; c++) to[c] += dy[c] / taps;
                    }
            }
}

static void sum_slots(const float *slots, size_t stride, int count, size_t from, size_t to, float *out) {
    for (size_t i = from; i < to; i++) out[i] = 0;
    for (int s = 0; s < count; s++) {
        const float *restrict slot = slots + (size_t)s * stride;
        float *restrict sum = out;
        for (size_t i = from; i < to; i++) sum[i] += slot[i];
    }
}

static void sgd(float *restrict w, const float *restrict dw, float *restrict m, size_t count, float rate, float momentum,
                float decay) {
    for (size_t i = 0; i < count; i++) {
        m[i] = momentum * m[i] + (dw[i] + decay * w[i]);
        w[i] -= rate * m[i];
    }
}

static void adam(float *restrict w, const float *restrict dw, float *restrict m, float *restrict v, size_t count,
                 float rate, float root, float decay, float decoupled) {
    for (size_t i = 0; i < count; i++) {
        float kept = w[i] - decoupled * w[i], g = dw[i] + decay * w[i];
        m[i] = 0.9f * m[i] + 0.1f * g;
        v[i] = 0.999f * v[i] + 0.001f * (g * g);
        w[i] = kept - rate * m[i] / (sqrtf(v[i]) * root + 1e-8f);
    }
}

extern const Kernels PASTE(kernels_, KERNEL_ISA);
const Kernels PASTE(kernels_, KERNEL_ISA) = {
    TEXT(KERNEL_ISA), add_bias,        channel_sums,     bn_moments,      bn_forward,       bn_sums,   bn_backward, relu_forward,
    relu_backward,    maxpool_forward, maxpool_backward, avgpool_forward, avgpool_backward, sum_slots, sgd,         adam,
};
