/* Attention's kernels of product_kernels.h (KERNEL_ISA, KERNEL_BF16): keys are in lanes, and a row's sums are those of the lanes. */
#include "nn/cpu/product_kernels.h"

#include "nn/cpu/vectors.h"

INLINE V larger(V a, V b) {
#if defined(__AVX512F__)
    return (V)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return choose(greater(a, b), a, b);
#endif
}

INLINE float largest_lane(V v) {
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)v);
#else
    float largest = v[0];
    for (int i = 1; i < LANES; i++) largest = v[i] > largest ? v[i] : largest;
    return largest;
#endif
}

INLINE float sum_of_lanes(V v) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v);
#else
    float sum = v[0];
    for (int i = 1; i < LANES; i++) sum += v[i];
    return sum;
#endif
}

/* 2^x for x <= 0, within 1.5e-7 of it: 2^n 2^f with n whole and |f| <= 1/2, the latter by a polynomial (minimax, 9e-8). Below
 * 2^-126 the result may be 0; NaN stays. */
INLINE V power_of_two(V x) {
#if defined(__AVX512F__)
    V n = (V)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    const float round = 0x1.8p23f; /* behind whose sum no fraction is left */
    x = choose(greater(all_lanes(-127), x), all_lanes(-127), x);
    V sum = x + round, n = sum - round;
#endif
    V f = x - n, v = all_lanes(0.001326472730307149f);
    v = multiply_add(v, f, all_lanes(0.009671512991189957f));
    v = multiply_add(v, f, all_lanes(0.05550733581185341f));
    v = multiply_add(v, f, all_lanes(0.24022242426872253f));
    v = multiply_add(v, f, all_lanes(0.6931470036506653f));
    v = multiply_add(v, f, all_lanes(1));
#if defined(__AVX512F__)
    return (V)_mm512_scalef_ps((__m512)v, (__m512)n);
#else
    return v * (V)(((VU)sum << 23) + 0x3f800000u); /* the sum's last bits are n; of -127 it is 0 */
#endif
}

/* So many lanes of a vector, of another in the rest. */
INLINE V first_or(V v, int n, V rest) {
#if defined(__AVX512F__)
    return n == LANES ? v : (V)_mm512_mask_mov_ps((__m512)rest, first_lanes(n), (__m512)v);
#else
    for (int i = n; i < LANES; i++) v[i] = rest[i];
    return v;
#endif
}

/* `whole`: the columns fill vectors. */
INLINE void exponentials_of(const AttentionRows *a, float *moments, bool whole) {
    const int columns = (int)a->columns;
    const V factor = all_lanes(a->factor);
    for (size_t r = 0; r < a->rows; r++) {
        float *scores = a->scores + r * a->step;
        T *to = (T *)(void *)scores; /* never ahead of what is read */
        V largest = all_lanes(-INFINITY), sum = {0};
        for (int c = 0; c < columns; c += LANES) {
            const int n = whole ? LANES : lanes_at(columns, c);
            V s = load_float(scores + c, n);
            largest = larger(first_or(s, n, largest), largest);
        }
        const float most = largest_lane(largest) * a->factor;
        for (int c = 0; c < columns; c += LANES) {
            const int n = whole ? LANES : lanes_at(columns, c);
            V p = first_or(power_of_two(multiply_add(load_float(scores + c, n), factor, all_lanes(-most))), n, (V){0});
            sum += p;
            store(to + c, p, LANES);
        }
        moments[2 * r] = most;
        moments[2 * r + 1] = 1 / sum_of_lanes(sum);
    }
}

/* The probabilities of a row in place of its scores; the mean of its gradients that they give. */
INLINE float probabilities(float *scores, const float *gradients, int columns, V factor, const float *moments,
                           bool whole) {
    const V most = all_lanes(-moments[0]), inverse = all_lanes(moments[1]);
    V sum = {0};
    for (int c = 0; c < columns; c += LANES) {
        const int n = whole ? LANES : lanes_at(columns, c);
        V p = first_or(power_of_two(multiply_add(load_float(scores + c, n), factor, most)) * inverse, n, (V){0});
        sum = multiply_add(p, load_float(gradients + c, n), sum);
        store_float(scores + c, p, LANES);
    }
    return sum_of_lanes(sum);
}

/* A word's rows, of which `there` are there. */
INLINE void gradients_of_word(const AttentionRows *a, size_t r, const float *moments, size_t there, bool whole) {
    const size_t step = a->step;
    const int columns = (int)a->columns;
    float *scores = a->scores + r * step, *gradient = a->gradients + r * step;
    V mean[IN_WORD];
    for (size_t k = 0; k < there; k++)
        mean[k] = all_lanes(probabilities(scores + k * step, gradient + k * step, columns, all_lanes(a->factor),
                                          moments + 2 * (r + k), whole));
#ifdef KERNEL_BF16
    T *halves = (T *)(void *)a->halves + 2 * r * step;
#endif
    for (int c = 0; c < columns; c += LANES) {
        const int n = whole ? LANES : lanes_at(columns, c);
        V p[IN_WORD] = {0}, d[IN_WORD] = {0};
        for (size_t k = 0; k < there; k++) {
            p[k] = load_float(scores + k * step + c, LANES);
            d[k] = p[k] * (load_float(gradient + k * step + c, n) - mean[k]);
        }
#ifdef KERNEL_BF16
        store_wide((T *)(void *)(scores + c), (Wide){{p[0], p[1]}}, WIDE);
        store_wide((T *)(void *)(gradient + c), (Wide){{d[0], d[1]}}, WIDE);
        for (size_t k = 0; k < there; k++) store(halves + 2 * k * step + c, d[k], LANES);
#else
        store_float(gradient + c, d[0], LANES);
#endif
    }
}

INLINE void gradients_of(const AttentionRows *a, const float *moments, bool whole) {
    const size_t rows = a->rows / IN_WORD * IN_WORD;
    for (size_t r = 0; r < rows; r += IN_WORD) gradients_of_word(a, r, moments, IN_WORD, whole);
    if (rows < a->rows) gradients_of_word(a, rows, moments, 1, whole);
}

static void exponentials(const AttentionRows *a, float *moments) {
    if (a->columns % LANES == 0)
        exponentials_of(a, moments, true);
    else
        exponentials_of(a, moments, false);
}

static void gradients(const AttentionRows *a, const float *moments) {
    if (a->columns % LANES == 0)
        gradients_of(a, moments, true);
    else
        gradients_of(a, moments, false);
}

static void write_rows(size_t rows, size_t columns, const float *sums, size_t sum_row, const float *factors,
                       size_t factor_step, void *to, size_t to_row) {
    for (size_t r = 0; r < rows; r++)
        for (int c = 0; c < (int)columns; c += LANES) {
            const int n = lanes_at((int)columns, c);
            store((T *)to + r * to_row + c, load_float(sums + r * sum_row + c, n) * factors[r * factor_step], n);
        }
}

const AttentionKernels PASTE(attention_kernels_, KERNEL_ISA) = {
    .exponentials = exponentials,
    .gradients = gradients,
    .write = write_rows,
};
