/* The specification: every kernel as the plainest loop that says what it means. Sums in double where the contract has
 * double; otherwise in double and rounded once. */
#include "nn/engine.h"

#include <math.h>
#include <string.h>

static void add_bias(void *output, size_t rows, int C, const float *bias) {
    float *y = output;
    for (size_t r = 0; r < rows; r++)
        for (int c = 0; c < C; c++) y[r * (size_t)C + (size_t)c] += bias[c];
}

static void channel_sums(const void *gradient, size_t rows, int C, double *sums) {
    const float *dy = gradient;
    for (int c = 0; c < C; c++) {
        sums[c] = 0;
        for (size_t r = 0; r < rows; r++) sums[c] += (double)dy[r * (size_t)C + (size_t)c];
    }
}

static void bn_moments(const void *input, size_t rows, int C, double *mean, double *squares) {
    const float *x = input;
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

/* ---- Activations ---- */

static double sigmoid(double v) {
    return 1 / (1 + exp(-v));
}

/* The normal distribution, and its density: pi / 4 = atan(1). */
static double normal(double v) {
    return erfc(-v * sqrt(0.5)) / 2;
}

static double normal_density(double v) {
    return exp(-v * v / 2) / sqrt(8 * atan(1));
}

static float activated(Activation act, float v) {
    switch (act.kind) {
    case ACT_NONE:
        return v;
    case ACT_RELU:
        return v > 0 ? v : act.slope * v;
    case ACT_RELU6:
        return v > 6 ? 6 : v > 0 ? v : 0 * v;
    case ACT_SILU:
        return (float)((double)v * sigmoid((double)v));
    case ACT_GELU:
        return (float)((double)v * normal((double)v));
    case ACT_HARDSWISH:
        return v * ((v > 3 ? 6 : v < -3 ? 0 : v + 3) * (1.0f / 6));
    default:
        return (float)sigmoid((double)v);
    }
}

/* The gradient dy of an activation of v, behind it. */
static float behind_activation(Activation act, float v, float d) {
    double x = (double)v, s = sigmoid(x);
    switch (act.kind) {
    case ACT_NONE:
        return d;
    case ACT_RELU:
        return v > 0 ? d : act.slope * d;
    case ACT_RELU6:
        return v > 0 && v < 6 ? d : 0 * d;
    case ACT_SILU:
        return (float)((double)d * s * (1 + x * (1 - s)));
    case ACT_GELU:
        return (float)((double)d * (normal(x) + x * normal_density(x)));
    case ACT_HARDSWISH:
        return d * (v > 3 ? 1 : v < -3 ? 0 : v * (1.0f / 3) + 0.5f);
    default:
        return (float)((double)d * s * (1 - s));
    }
}

static void act_forward(Activation act, const void *input, size_t count, void *output) {
    const float *x = input;
    float *y = output;
    for (size_t i = 0; i < count; i++) y[i] = activated(act, x[i]);
}

/* An output of the kinds that are not SIGMOID has the input's derivative. */
static void act_backward(Activation act, const void *from, const void *gradient, size_t count, void *result) {
    const float *v = from, *dy = gradient;
    float *dx = result;
    for (size_t i = 0; i < count; i++)
        dx[i] = act.kind == ACT_SIGMOID ? dy[i] * (v[i] * (1 - v[i])) : behind_activation(act, v[i], dy[i]);
}

static void add(const void *one, const void *other, size_t count, Activation act, void *output) {
    const float *a = one, *b = other;
    float *y = output;
    for (size_t i = 0; i < count; i++) y[i] = activated(act, a[i] + b[i]);
}

static void multiply(const void *input, size_t count, float factor, void *output) {
    const float *x = input;
    float *y = output;
    for (size_t i = 0; i < count; i++) y[i] = factor * x[i];
}

/* ---- Batch norm, activation and max pool ---- */

static bool has_pool(const Block *b) {
    return b->R * b->S > 1;
}

static size_t block_outputs(const Block *b, int N) {
    return (size_t)N * (size_t)b->P * (size_t)b->Q * (size_t)b->C;
}

/* The index of the first input in an output's window. */
static size_t first_input(const Block *b, size_t output) {
    const size_t C = (size_t)b->C, Q = (size_t)b->Q, P = (size_t)b->P, R = (size_t)b->R, S = (size_t)b->S;
    const size_t c = output % C, q = output / C % Q, p = output / C / Q % P, n = output / C / Q / P;
    return ((n * (size_t)b->H + p * R) * (size_t)b->W + q * S) * C + c;
}

/* That of the one at a place in the window: row * S + column. */
static size_t window_input(const Block *b, size_t first, int place) {
    return first + ((size_t)(place / b->S) * (size_t)b->W + (size_t)(place % b->S)) * (size_t)b->C;
}

static float normed(const Block *b, float x, size_t c) {
    return (x - b->mean[c]) * b->scale[c] + b->shift[c];
}

static void block_forward(const Block *b, int N, const void *input, const void *added, void *kept, void *output,
                          uint8_t *place) {
    const float *x = input, *residual = added;
    float *picked = kept, *y = output;
    for (size_t i = 0; i < block_outputs(b, N); i++) {
        const size_t c = i % (size_t)b->C, first = first_input(b, i);
        const float sign = b->scale[c] < 0 ? -1.0f : 1.0f;
        float best = x[first];
        int where = 0;
        for (int k = 0; k < b->R * b->S; k++) {
            float v = x[window_input(b, first, k)];
            if (v * sign > best * sign) best = v, where = k;
        }
        float v = normed(b, best, c);
        y[i] = activated(b->act, residual ? v + residual[i] : v);
        if (picked && has_pool(b)) picked[i] = best, place[i] = (uint8_t)where;
    }
}

/* The gradient of the norm, at an output. */
static float norm_gradient(const Block *b, const float *picked, const float *dy, size_t i) {
    return behind_activation(b->act, normed(b, picked[i], i % (size_t)b->C), dy[i]);
}

static void block_sums(const Block *b, int N, const void *kept, const void *dy, double *sums) {
    const float *picked = kept;
    const size_t C = (size_t)b->C;
    memset(sums, 0, 2 * C * sizeof *sums);
    for (size_t i = 0; i < block_outputs(b, N); i++) {
        const double d = (double)norm_gradient(b, picked, dy, i);
        sums[i % C] += d;
        sums[C + i % C] += d * ((double)picked[i] - (double)b->mean[i % C]);
    }
}

/* What every input gets. */
static float spread(const Block *b, float x, size_t c) {
    return b->b[c] * (x - b->mean[c]) + b->c[c];
}

static void block_backward(const Block *b, int N, const void *input, const void *kept, const void *dy,
                           const uint8_t *place, void *result) {
    const float *x = input;
    float *dx = result;
    const size_t C = (size_t)b->C, inputs = (size_t)N * (size_t)b->H * (size_t)b->W * C;
    for (size_t i = 0; i < inputs && !has_pool(b); i++) {
        const float d = norm_gradient(b, x, dy, i); /* before dx, which may be x */
        dx[i] = b->a[i % C] * d + spread(b, x[i], i % C);
    }
    if (!has_pool(b)) return;
    for (size_t i = 0; i < inputs; i++) dx[i] = spread(b, x[i], i % C);
    for (size_t i = 0; i < block_outputs(b, N); i++)
        dx[window_input(b, first_input(b, i), place[i])] += b->a[i % C] * norm_gradient(b, kept, dy, i);
}

/* ---- Norms of single images ---- */

/* A set of values normed together: `count` of them, in rows of `run` neighbours, the rows `row` apart. */
typedef struct NormSet {
    size_t first, run, row, count, C;
} NormSet;

static NormSet norm_set(const NormShape *s, size_t n, size_t set) {
    size_t C = (size_t)s->C, pixels = (size_t)s->pixels, run = C / (size_t)s->groups;
    if (s->by_position) return (NormSet){(n * pixels + set) * C, C, C, C, C};
    return (NormSet){n * pixels * C + set * run, run, C, pixels * run, C};
}

static size_t set_index(const NormSet *set, size_t i) {
    return set->first + i / set->run * set->row + i % set->run;
}

static void set_moments(const NormSet *set, const float *x, double moments[2]) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < set->count; i++) sum += (double)x[set_index(set, i)];
    double mean = sum / (double)set->count;
    for (size_t i = 0; i < set->count; i++) {
        double deviation = (double)x[set_index(set, i)] - mean;
        squares += deviation * deviation;
    }
    moments[0] = mean, moments[1] = 1 / sqrt(squares / (double)set->count + BN_EPSILON);
}

static void norm_forward(const NormShape *s, int N, const void *input, const float *weight, const float *bias,
                         void *output, float *moments) {
    const float *x = input;
    float *y = output;
    for (size_t n = 0; n < (size_t)N; n++)
        for (size_t k = 0; k < norm_sets(s); k++) {
            const NormSet set = norm_set(s, n, k);
            double m[2];
            set_moments(&set, x, m);
            for (size_t i = 0; i < set.count; i++) {
                size_t at = set_index(&set, i), c = at % set.C;
                double xhat = ((double)x[at] - m[0]) * m[1];
                y[at] = (float)(xhat * (weight ? (double)weight[c] : 1) + (bias ? (double)bias[c] : 0));
            }
            if (moments) *moments++ = (float)m[0], *moments++ = (float)m[1];
        }
}

static void norm_backward(const NormShape *s, int N, const void *input, const float *weight, const float *moments,
                          const void *gradient, void *result, double *sums) {
    const float *x = input, *dy = gradient;
    float *dx = result;
    if (sums) memset(sums, 0, 2 * (size_t)s->C * sizeof *sums);
    for (size_t n = 0; n < (size_t)N; n++)
        for (size_t k = 0; k < norm_sets(s); k++, moments += 2) {
            const NormSet set = norm_set(s, n, k);
            const double mean = (double)moments[0], factor = (double)moments[1], count = (double)set.count;
            double plain = 0, product = 0;
            for (size_t i = 0; i < set.count; i++) {
                size_t at = set_index(&set, i), c = at % set.C;
                double d = (double)dy[at], xhat = ((double)x[at] - mean) * factor, w = weight ? (double)weight[c] : 1;
                plain += d * w, product += d * w * xhat;
                if (sums) sums[c] += d, sums[set.C + c] += d * xhat;
            }
            for (size_t i = 0; dx && i < set.count; i++) {
                size_t at = set_index(&set, i), c = at % set.C;
                double g = (double)dy[at] * (weight ? (double)weight[c] : 1), xhat = ((double)x[at] - mean) * factor;
                dx[at] = (float)((g - plain / count - xhat * (product / count)) * factor);
            }
        }
}

/* ---- Factors of channels, terms of positions ---- */

static void scale_forward(int N, size_t pixels, int C, const void *input, const void *factors, void *output) {
    const float *x = input, *s = factors;
    float *y = output;
    size_t width = (size_t)C, image = pixels * width;
    for (size_t i = 0; i < (size_t)N * image; i++) y[i] = x[i] * s[i / image * width + i % width];
}

static void scale_backward(int N, size_t pixels, int C, const void *input, const void *factors, const void *gradient,
                           void *result, void *of_factors) {
    const float *x = input, *s = factors, *dy = gradient;
    float *dx = result, *ds = of_factors;
    size_t width = (size_t)C, image = pixels * width;
    for (size_t k = 0; k < (size_t)N * width; k++) {
        double sum = 0;
        for (size_t i = 0; i < pixels; i++) {
            size_t at = k / width * image + i * width + k % width;
            sum += (double)dy[at] * (double)x[at];
            dx[at] = dy[at] * s[k];
        }
        ds[k] = (float)sum;
    }
}

static void add_to_images(int N, size_t size, const void *input, const float *p, void *output) {
    const float *x = input;
    float *y = output;
    for (size_t i = 0; i < (size_t)N * size; i++) y[i] = x[i] + p[i % size];
}

static void sum_images(int N, size_t size, const void *gradient, float *sums) {
    const float *dy = gradient;
    for (size_t i = 0; i < size; i++) {
        sums[i] = 0;
        for (size_t n = 0; n < (size_t)N; n++) sums[i] += dy[n * size + i];
    }
}

/* ---- Pools ---- */

/* The index of the input that an output sees at a place in its window, row * S + column; -1: padding. */
static ptrdiff_t tap(const Window *w, size_t output, int place) {
    const int at = (int)(output / (size_t)w->C), q = at % w->Q, p = at / w->Q % w->P, n = at / w->Q / w->P;
    const int h = p * w->stride + place / w->S - w->pad_h, v = q * w->stride + place % w->S - w->pad_w;
    if (h < 0 || h >= w->H || v < 0 || v >= w->W) return -1;
    return (((ptrdiff_t)n * w->H + h) * w->W + v) * w->C + (ptrdiff_t)(output % (size_t)w->C);
}

static size_t pool_outputs(const Window *w) {
    return (size_t)w->N * (size_t)w->P * (size_t)w->Q * (size_t)w->C;
}

static int taps_inside(const Window *w, size_t output) {
    int count = 0;
    for (int k = 0; k < w->R * w->S; k++) count += tap(w, output, k) >= 0;
    return count;
}

static void clear_input(const Window *w, float *dx) {
    memset(dx, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof *dx);
}

static void maxpool_forward(const Window *w, const void *input, void *output, uint16_t *place) {
    const float *x = input;
    float *y = output;
    for (size_t o = 0; o < pool_outputs(w); o++) {
        y[o] = -INFINITY, place[o] = 0;
        for (int k = 0; k < w->R * w->S; k++) {
            const ptrdiff_t i = tap(w, o, k);
            /* A NaN must not vanish in the pool: it wins, so that the loss shows it. */
            if (i >= 0 && (x[i] > y[o] || x[i] != x[i])) y[o] = x[i], place[o] = (uint16_t)k;
        }
    }
}

static void maxpool_backward(const Window *w, const void *gradient, const uint16_t *place, void *result) {
    const float *dy = gradient;
    float *dx = result;
    clear_input(w, dx);
    for (size_t o = 0; o < pool_outputs(w); o++) {
        const ptrdiff_t i = tap(w, o, place[o]);
        if (i >= 0) dx[i] += dy[o];
    }
}

static void avgpool_forward(const Window *w, const void *input, void *output) {
    const float *x = input;
    float *y = output;
    for (size_t o = 0; o < pool_outputs(w); o++) {
        float sum = 0;
        for (int k = 0; k < w->R * w->S; k++) {
            const ptrdiff_t i = tap(w, o, k);
            if (i >= 0) sum += x[i];
        }
        y[o] = sum / (float)taps_inside(w, o);
    }
}

static void avgpool_backward(const Window *w, const void *gradient, void *result) {
    const float *dy = gradient;
    float *dx = result;
    clear_input(w, dx);
    for (size_t o = 0; o < pool_outputs(w); o++) {
        const float share = dy[o] / (float)taps_inside(w, o);
        for (int k = 0; k < w->R * w->S; k++) {
            const ptrdiff_t i = tap(w, o, k);
            if (i >= 0) dx[i] += share;
        }
    }
}

static void from_float(const float *x, size_t count, void *y) {
    memcpy(y, x, count * sizeof *x);
}

static void to_float(const void *x, size_t count, float *y) {
    memcpy(y, x, count * sizeof *y);
}

static void sum_slots(const float *slots, size_t stride, int count, size_t from, size_t to, float *out) {
    for (size_t i = from; i < to; i++) {
        float sums[TREE_DEPTH], *top = sums;
        for (size_t s = 0; s < (size_t)count; s++, top++) {
            *top = slots[s * stride + i];
            for (int joins = tree_joins(s); joins > 0; joins--, top--) top[-1] += *top;
        }
        while (--top > sums) top[-1] += *top;
        out[i] = *sums;
    }
}

static bool sgd(float *w, const float *dw, float *m, size_t count, float rate, float momentum, float decay,
                bool nesterov) {
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        float g = dw[i] + decay * w[i];
        m[i] = momentum * m[i] + g;
        w[i] -= rate * (nesterov ? g + momentum * m[i] : m[i]);
        finite = finite && isfinite(w[i]);
    }
    return finite;
}

static bool adam(float *w, const float *dw, float *m, float *v, size_t count, const AdamStep *step) {
    const AdamStep s = *step;
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        float kept = w[i] - s.decoupled * w[i], g = dw[i] + s.decay * w[i];
        m[i] = s.beta1 * m[i] + s.fresh1 * g;
        v[i] = s.beta2 * v[i] + s.fresh2 * (g * g);
        w[i] = kept - s.rate * m[i] / (sqrtf(v[i]) * s.root + 1e-8f);
        finite = finite && isfinite(w[i]) && isfinite(v[i]);
    }
    return finite;
}

const Kernels reference_kernels = {.name = "reference",
                                   .element = sizeof(float),
#define KERNEL_ROW(kernel) .kernel = kernel,
                                   EACH_KERNEL(KERNEL_ROW)};
