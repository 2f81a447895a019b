/* The kernels of nn/engine.h, compiled once per instruction set and element type (KERNEL_ISA, KERNEL_BF16): those over channels and
 * over single elements, and the table of all. */
#include "nn/cpu/rows.h"

/* ---- Over channels ---- */

void KERNEL(add_bias)(void *y, size_t rows, int C, const float *bias) {
    T *to = y;
    EACH_BLOCK(rows, C, {
        const Wide term = load_wide_float(bias + c, n);
        T *row = to + at + c;
        for (size_t r = 0; r < count; r++, row += C) store_wide(row, add_wide(load_wide(row, n), term), n);
    })
}

void KERNEL(channel_sums)(const void *dy, size_t rows, int C, double *sums) {
    const T *from = dy;
    memset(sums, 0, (size_t)C * sizeof *sums);
    EACH_BLOCK(rows, C, gather(sums + c, sum_of_rows(from + at + c, count, C, n), n));
}

static void moments_of_rows(const T *from, size_t rows, int C, double *mean, double *squares) {
    memset(mean, 0, (size_t)C * sizeof *mean);
    memset(squares, 0, (size_t)C * sizeof *squares);
    EACH_BLOCK(rows, C, join_moments(from + at + c, count, at / (size_t)C, C, n, mean + c, squares + c));
    for (int c = 0; c < C; c++)
        if (squares[c] < 0) squares[c] = 0;
}

void KERNEL(bn_moments)(const void *x, size_t rows, int C, double *mean, double *squares) {
    const size_t times = rows_at_once(C, rows), width = (size_t)C;
    double means[WIDE], all_squares[WIDE];
    if (times == 1) {
        moments_of_rows(x, rows, C, mean, squares);
        return;
    }
    moments_of_rows(x, rows / times, WIDE, means, all_squares);
    memcpy(mean, means, width * sizeof *mean);
    memcpy(squares, all_squares, width * sizeof *squares);
    for (size_t i = width; i < WIDE; i++)
        join_equal((double)(rows / times), (double)(i / width), means[i], all_squares[i], mean + i % width,
                   squares + i % width);
}

/* ---- Over single elements ---- */

/* The statement for all values, n of them from i on at a time: a whole register, or what is left. */
#define EACH_WIDE(all, ...)                                                                                            \
    do {                                                                                                               \
        size_t i = 0;                                                                                                  \
        for (; i + WIDE <= (all); i += WIDE) {                                                                         \
            const int n = WIDE;                                                                                        \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
        if (i < (all)) {                                                                                               \
            const int n = (int)((all)-i);                                                                              \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
    } while (0)

void KERNEL(act_forward)(Activation act, const void *x, size_t count, void *y) {
    const T *from = x;
    T *to = y;
    WITH_ACTIVATION(act, EACH_WIDE(count, {
                        Wide v = load_wide(from + i, n);
                        EACH_PART(p) v.part[p] = activate(kind, act.slope, v.part[p]);
                        store_wide(to + i, v, n);
                    }));
}

void KERNEL(act_backward)(Activation act, const void *from, const void *dy, size_t count, void *dx) {
    const T *known = from, *gradient = dy;
    T *to = dx;
    WITH_ACTIVATION(act, EACH_WIDE(count, {
                        const Wide v = load_wide(known + i, n);
                        Wide d = load_wide(gradient + i, n);
                        EACH_PART(p) d.part[p] = activate_backward_from(kind, act.slope, v.part[p], d.part[p]);
                        store_wide(to + i, d, n);
                    }));
}

void KERNEL(add)(const void *a, const void *b, size_t count, Activation act, void *y) {
    const T *one = a, *other = b;
    T *to = y;
    WITH_ACTIVATION(act, EACH_WIDE(count, {
                        Wide sum = add_wide(load_wide(one + i, n), load_wide(other + i, n));
                        EACH_PART(p) sum.part[p] = activate(kind, act.slope, sum.part[p]);
                        store_wide(to + i, sum, n);
                    }));
}

void KERNEL(multiply)(const void *x, size_t count, float factor, void *y) {
    const T *from = x;
    T *to = y;
    EACH_WIDE(count, {
        Wide v = load_wide(from + i, n);
        EACH_PART(p) v.part[p] *= factor;
        store_wide(to + i, v, n);
    });
}

/* ---- Over images: terms of positions ---- */

void KERNEL(add_to_images)(int N, size_t size, const void *x, const float *p, void *y) {
    const T *from = x;
    T *to = y;
    for (; N > 0; N--, from += size, to += size)
        EACH_WIDE(size, store_wide(to + i, add_wide(load_wide(from + i, n), load_wide_float(p + i, n)), n));
}

void KERNEL(sum_images)(int N, size_t size, const void *dy, float *sums) {
    EACH_WIDE(size, {
        const T *from = (const T *)dy + i;
        Wide sum = {{{0}}};
        for (int image = 0; image < N; image++, from += size) sum = add_wide(sum, load_wide(from, n));
        store_wide_float(sums + i, sum, n);
    });
}

/* ---- Conversion ---- */

void KERNEL(from_float)(const float *x, size_t count, void *y) {
    T *to = y;
    for (size_t i = 0; i < count; i += LANES) {
        int n = count - i < LANES ? (int)(count - i) : LANES;
        store(to + i, load_float(x + i, n), n);
    }
}

void KERNEL(to_float)(const void *x, size_t count, float *y) {
    const T *from = x;
    for (size_t i = 0; i < count; i += LANES) {
        int n = count - i < LANES ? (int)(count - i) : LANES;
        store_float(y + i, load(from + i, n), n);
    }
}

/* ---- Gradients and optimizers: always float ---- */

/* `vectors` (at most 4) of n lanes. Two slots at a time: their sum is the lowest join. */
INLINE void sum_columns(const float *slots, size_t stride, int count, int vectors, int n, float *out) {
    V stack[TREE_DEPTH][4], sum[4];
    size_t height = 0;
    for (size_t s = 0;; s += 2, slots += 2 * stride) {
        for (int k = 0; k < vectors; k++) {
            sum[k] = load_float(slots + k * LANES, n);
            if (s + 1 < (size_t)count) sum[k] += load_float(slots + stride + k * LANES, n);
        }
        const bool more = s + 2 < (size_t)count;
        for (size_t joins = more ? (size_t)tree_joins(s / 2) : height; joins > 0; joins--) {
            height--;
            for (int k = 0; k < vectors; k++) sum[k] += stack[height][k];
        }
        if (!more) break;
        for (int k = 0; k < vectors; k++) stack[height][k] = sum[k];
        height++;
    }
    for (int k = 0; k < vectors; k++) store_float(out + k * LANES, sum[k], n);
}

void KERNEL(sum_slots)(const float *slots, size_t stride, int count, size_t from, size_t to, float *out) {
    enum { AT_ONCE = 4 }; /* vectors: fewer streams of memory are followed at a time than there are slots */
    size_t i = from;
    for (; i + AT_ONCE * LANES <= to; i += AT_ONCE * LANES)
        sum_columns(slots + i, stride, count, AT_ONCE, LANES, out + i);
    for (; i < to; i += LANES)
        sum_columns(slots + i, stride, count, 1, to - i < LANES ? (int)(to - i) : LANES, out + i);
}

/* The largest of these tells whether all values are finite; as integers, their largest is found in any order. */
INLINE uint32_t magnitude_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x7fffffff;
}

INLINE uint32_t larger_bits(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

enum { INFINITY_BITS = 0x7f800000 };

bool KERNEL(sgd)(float *restrict w, const float *restrict dw, float *restrict m, size_t count, float rate,
                 float momentum, float decay, bool nesterov) {
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        float g = dw[i] + decay * w[i];
        m[i] = momentum * m[i] + g;
        w[i] -= rate * (nesterov ? g + momentum * m[i] : m[i]);
        largest = larger_bits(largest, magnitude_bits(w[i]));
    }
    return largest < INFINITY_BITS;
}

bool KERNEL(adam)(float *restrict w, const float *restrict dw, float *restrict m, float *restrict v, size_t count,
                  const AdamStep *step) {
    const AdamStep s = *step;
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        float kept = w[i] - s.decoupled * w[i], g = dw[i] + s.decay * w[i];
        m[i] = s.beta1 * m[i] + s.fresh1 * g;
        v[i] = s.beta2 * v[i] + s.fresh2 * (g * g);
        w[i] = kept - s.rate * m[i] / (sqrtf(v[i]) * s.root + 1e-8f);
        largest = larger_bits(largest, larger_bits(magnitude_bits(w[i]), magnitude_bits(v[i])));
    }
    return largest < INFINITY_BITS;
}

const Kernels PASTE(kernels_, KERNEL_ISA) = {.name = TEXT(KERNEL_ISA),
                                             .element = sizeof(T),
#define KERNEL_ROW(kernel) .kernel = KERNEL(kernel),
                                             EACH_KERNEL(KERNEL_ROW)};
