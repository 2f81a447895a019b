/* Every kernel: cases worked by hand for the reference, then each instruction set against the reference. Elementwise kernels do
 * the same roundings in the same order (contraction is off), so they must agree to the bit; sums may round otherwise. */
#include "nn/problems.h"

#include <stdio.h>

/* ---- The variants ---- */

extern const Kernels kernels_baseline;
#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512;
#endif

typedef void (*CheckFn)(const Kernels *kernels);

static void each_variant(CheckFn check) {
    check(&reference_kernels);
    check(&kernels_baseline);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        check(&kernels_avx2);
    else
        print_message("SKIPPED: avx2 kernels (this processor has no AVX2)\n");
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw"))
        check(&kernels_avx512);
    else
        print_message("SKIPPED: avx512 kernels (this processor has no AVX-512)\n");
#endif
}

/* Aligned to nothing but their own size. */
static float *floats(size_t count) {
    return guarded_bytes(count * sizeof(float), sizeof(float));
}

static double *doubles(size_t count) {
    return guarded_bytes(count * sizeof(double), sizeof(double));
}

static float *reals(size_t count) {
    float *values = floats(count);
    fill_reals(values, count);
    return values;
}

static float *copy_of(const float *values, size_t count) {
    float *copy = floats(count);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

/* What went wrong, where: "avx2 bn_sums 65x17". */
static const char *label(const Kernels *k, const char *kernel, size_t rows, int C) {
    static char text[96];
    snprintf(text, sizeof text, "%s %s %zux%d", k->name, kernel, rows, C);
    return text;
}

static const int channel_counts[] = {1, 3, 10, 17, 32, 64, 65, 130};
static const size_t row_counts[] = {1, 2, 63, 64, 65, 200};

typedef void (*SizedFn)(const Kernels *kernels, size_t rows, int C);

static void each_size(const Kernels *kernels, SizedFn check) {
    for (size_t i = 0; i < COUNT_OF(channel_counts); i++)
        for (size_t j = 0; j < COUNT_OF(row_counts); j++) check(kernels, row_counts[j], channel_counts[i]);
}

/* ---- Over channels ---- */

static void bias_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C;
    float *y = reals(count), *expected = copy_of(y, count), *bias = reals((size_t)C);
    k->add_bias(y, rows, C, bias);
    for (size_t i = 0; i < count; i++) expected[i] += bias[i % (size_t)C];
    assert_same_bits(label(k, "add_bias", rows, C), y, expected, count * sizeof *y);
    guarded_end(y), guarded_end(expected), guarded_end(bias);
}

static void sums_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C, channels = (size_t)C;
    float *dy = floats(count);
    double *sums = doubles(channels), *expected = doubles(channels);
    fill_integers(dy, count, 1000);
    reference_kernels.channel_sums(dy, rows, C, expected);
    k->channel_sums(dy, rows, C, sums);
    assert_same_bits(label(k, "channel_sums of integers", rows, C), sums, expected, channels * sizeof *sums);
    fill_reals(dy, count);
    reference_kernels.channel_sums(dy, rows, C, expected);
    k->channel_sums(dy, rows, C, sums);
    for (size_t c = 0; c < channels; c++)
        assert_near_number(label(k, "channel_sums", rows, C), sums[c], expected[c], 2e-6 * (double)rows);
    guarded_end(dy), guarded_end(sums), guarded_end(expected);
}

static void over_channels(const Kernels *k) {
    each_size(k, bias_sized);
    each_size(k, sums_sized);
}

static void channels(void **state) {
    (void)state;
    const float dy[] = {1, 10, 2, 20, 3, 30};
    double sums[2];
    reference_kernels.channel_sums(dy, 3, 2, sums);
    assert_true(sums[0] == 6 && sums[1] == 60);
    each_variant(over_channels);
}

/* ---- Batch norm ---- */

static void moments_by_hand(const Kernels *k) {
    const float x[] = {1, -7, 2, -7, 3, -7, 4, -7};
    double mean[2], squares[2];
    k->bn_moments(x, 4, 2, mean, squares);
    assert_true(mean[0] == 2.5 && mean[1] == -7);
    assert_true(squares[0] == 5 && squares[1] == 0);
    k->bn_moments(x, 1, 2, mean, squares);
    assert_true(mean[0] == 1 && mean[1] == -7 && squares[0] == 0 && squares[1] == 0);
}

static void moments_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C, channels = (size_t)C;
    float *x = reals(count);
    double *mean = doubles(channels), *squares = doubles(channels);
    double *mean2 = doubles(channels), *squares2 = doubles(channels);
    for (size_t i = 0; i < count; i++) x[i] += (float)(i % channels % 5); /* means far from 0 */
    reference_kernels.bn_moments(x, rows, C, mean2, squares2);
    k->bn_moments(x, rows, C, mean, squares);
    for (size_t c = 0; c < channels; c++) {
        assert_near_number(label(k, "bn_moments mean", rows, C), mean[c], mean2[c], 1e-5);
        assert_near_number(label(k, "bn_moments squares", rows, C), squares[c], squares2[c],
                           1e-5 * (squares2[c] + 1e-3));
        assert_true(squares[c] >= 0);
    }
    guarded_end(x), guarded_end(mean), guarded_end(squares), guarded_end(mean2), guarded_end(squares2);
}

/* Deviations of 1 around a mean of 10,000: E[x2] - E[x]2 in float would give noise. */
static void moments_far_from_zero(const Kernels *k) {
    enum { ROWS = 1000 };
    float x[ROWS];
    double mean, squares;
    for (int i = 0; i < ROWS; i++) x[i] = 10000 + (i % 2 ? 1.0f : -1.0f);
    k->bn_moments(x, ROWS, 1, &mean, &squares);
    assert_near_number("far mean", mean, 10000, 1e-2);
    assert_near_number("far variance", squares / ROWS, 1, 1e-3);
}

static void bn_forward_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C, c = (size_t)C;
    float *x = reals(count), *y = floats(count), *expected = floats(count);
    float *mean = reals(c), *scale = reals(c), *shift = reals(c);
    reference_kernels.bn_forward(x, rows, C, mean, scale, shift, expected);
    k->bn_forward(x, rows, C, mean, scale, shift, y);
    assert_same_bits(label(k, "bn_forward", rows, C), y, expected, count * sizeof *y);
    guarded_end(x), guarded_end(y), guarded_end(expected), guarded_end(mean), guarded_end(scale), guarded_end(shift);
}

static void bn_sums_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C, c = (size_t)C;
    float *x = floats(count), *dy = floats(count), *mean = floats(c);
    double *sums = doubles(2 * c), *expected = doubles(2 * c);
    fill_integers(x, count, 9), fill_integers(dy, count, 9), fill_integers(mean, c, 3);
    reference_kernels.bn_sums(x, dy, rows, C, mean, expected);
    k->bn_sums(x, dy, rows, C, mean, sums);
    assert_same_bits(label(k, "bn_sums of integers", rows, C), sums, expected, 2 * c * sizeof *sums);
    fill_reals(x, count), fill_reals(dy, count), fill_reals(mean, c);
    reference_kernels.bn_sums(x, dy, rows, C, mean, expected);
    k->bn_sums(x, dy, rows, C, mean, sums);
    for (size_t i = 0; i < 2 * c; i++)
        assert_near_number(label(k, "bn_sums", rows, C), sums[i], expected[i], 3e-6 * (double)rows);
    guarded_end(x), guarded_end(dy), guarded_end(mean), guarded_end(sums), guarded_end(expected);
}

static void bn_backward_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C, n = (size_t)C;
    float *x = reals(count), *dy = reals(count), *dx = floats(count), *expected = floats(count);
    float *mean = reals(n), *a = reals(n), *b = reals(n), *c = reals(n);
    reference_kernels.bn_backward(x, dy, rows, C, mean, a, b, c, expected);
    k->bn_backward(x, dy, rows, C, mean, a, b, c, dx);
    assert_same_bits(label(k, "bn_backward", rows, C), dx, expected, count * sizeof *dx);
    guarded_end(x), guarded_end(dy), guarded_end(dx), guarded_end(expected);
    guarded_end(mean), guarded_end(a), guarded_end(b), guarded_end(c);
}

static void bn_by_hand(const Kernels *k) {
    const float x[] = {1, 2, 3, 4}, dy[] = {1, 0, 2, -1}, mean = 2, scale = 3, shift = 10, a = 2, b = 0.5f, c = -1;
    float y[4], dx[4];
    double sums[2];
    k->bn_forward(x, 4, 1, &mean, &scale, &shift, y);
    assert_same_bits("y", y, (const float[]){7, 10, 13, 16}, sizeof y);
    k->bn_sums(x, dy, 4, 1, &mean, sums); /* 1 + 0 + 2 - 1; -1 + 0 + 2 - 2 */
    assert_true(sums[0] == 2 && sums[1] == -1);
    k->bn_backward(x, dy, 4, 1, &mean, &a, &b, &c, dx);
    assert_same_bits("dx", dx, (const float[]){0.5f, -1, 3.5f, -2}, sizeof dx);
}

static void batch_norm_of(const Kernels *k) {
    moments_by_hand(k);
    moments_far_from_zero(k);
    bn_by_hand(k);
    each_size(k, moments_sized);
    each_size(k, bn_forward_sized);
    each_size(k, bn_sums_sized);
    each_size(k, bn_backward_sized);
}

static void batch_norm(void **state) {
    (void)state;
    each_variant(batch_norm_of);
}

/* ---- Activations ---- */

static void relu_by_hand(const Kernels *k) {
    const float x[] = {-2, -0.5f, 0, 0.5f, 2}, dy[] = {1, 2, 3, 4, 5};
    float y[5], dx[5];
    k->relu_forward(x, 5, 0, y);
    assert_equal_floats("relu", y, (const float[]){0, 0, 0, 0.5f, 2}, 5);
    k->relu_backward(y, dy, 5, 0, dx);
    assert_equal_floats("relu backward", dx, (const float[]){0, 0, 0, 4, 5}, 5);
    k->relu_forward(x, 5, 0.25f, y);
    assert_equal_floats("leaky relu", y, (const float[]){-0.5f, -0.125f, 0, 0.5f, 2}, 5);
    k->relu_backward(y, dy, 5, 0.25f, dx);
    assert_equal_floats("leaky relu backward", dx, (const float[]){0.25f, 0.5f, 0.75f, 4, 5}, 5);
    const float lost = NAN;
    k->relu_forward(&lost, 1, 0, y);
    assert_true(isnan(y[0])); /* a NaN must reach the loss */
}

static void relu_of(const Kernels *k) {
    static const size_t counts[] = {1, 3, 15, 16, 17, 31, 33, 1000};
    static const float slopes[] = {0, 0.01f};
    relu_by_hand(k);
    for (size_t i = 0; i < 2 * COUNT_OF(counts); i++) {
        size_t count = counts[i / 2];
        float slope = slopes[i % 2], *x = reals(count), *dy = reals(count), *y = floats(count), *dx = floats(count);
        float *y2 = floats(count), *dx2 = floats(count);
        reference_kernels.relu_forward(x, count, slope, y2);
        k->relu_forward(x, count, slope, y);
        assert_same_bits(label(k, "relu_forward", count, 1), y, y2, count * sizeof *y);
        reference_kernels.relu_backward(y, dy, count, slope, dx2);
        k->relu_backward(y, dy, count, slope, dx);
        assert_same_bits(label(k, "relu_backward", count, 1), dx, dx2, count * sizeof *dx);
        k->relu_forward(x, count, slope, x);
        assert_same_bits(label(k, "relu_forward in place", count, 1), x, y2, count * sizeof *y);
        k->relu_backward(y, dy, count, slope, dy);
        assert_same_bits(label(k, "relu_backward in place", count, 1), dy, dx2, count * sizeof *dx);
        guarded_end(x), guarded_end(dy), guarded_end(y), guarded_end(dx), guarded_end(y2), guarded_end(dx2);
    }
}

static void activations(void **state) {
    (void)state;
    each_variant(relu_of);
}

/* ---- Pools ---- */

/* A 3x3 image, window 2, padding 1, stride 2: each output sees 1, 2 or 4 pixels. */
static void pools_by_hand(const Kernels *k) {
    const Window w = {1, 1, 3, 3, 1, 2, 2, 2, 1, 1, 2, 2};
    const float x[] = {-1, -2, -3, -4, -5, -6, -7, -8, -9}, dy[] = {1, 10, 100, 1000};
    float y[4], dx[9];
    uint16_t place[4];
    k->maxpool_forward(&w, x, y, place);
    assert_equal_floats("max", y, (const float[]){-1, -2, -4, -5}, 4); /* padding, a 0, would win */
    assert_same_bits("place", place, (const uint16_t[]){3, 2, 1, 0}, sizeof place);
    k->maxpool_backward(&w, dy, place, dx);
    assert_equal_floats("max backward", dx, (const float[]){1, 10, 0, 100, 1000, 0, 0, 0, 0}, 9);
    k->avgpool_forward(&w, x, y);
    assert_equal_floats("average", y, (const float[]){-1, -2.5f, -5.5f, -7}, 4);
    k->avgpool_backward(&w, dy, dx);
    assert_equal_floats("average backward", dx, (const float[]){1, 5, 5, 50, 250, 250, 50, 250, 250}, 9);
}

/* Windows that overlap: one pixel wins in several, and the first of equals wins. */
static void overlap_by_hand(const Kernels *k) {
    const Window w = {1, 1, 3, 3, 1, 2, 2, 1, 0, 0, 2, 2};
    const float x[] = {0, 0, 0, 0, 7, 0, 0, 0, 0}, flat[9] = {0}, dy[] = {1, 10, 100, 1000};
    float y[4], dx[9];
    uint16_t place[4];
    k->maxpool_forward(&w, x, y, place);
    assert_same_bits("place", place, (const uint16_t[]){3, 2, 1, 0}, sizeof place);
    k->maxpool_backward(&w, dy, place, dx);
    assert_equal_floats("all to the middle", dx, (const float[]){0, 0, 0, 0, 1111, 0, 0, 0, 0}, 9);
    k->maxpool_forward(&w, flat, y, place);
    assert_same_bits("first of equals", place, (const uint16_t[]){0, 0, 0, 0}, sizeof place);
    const float lost[] = {9, 9, 9, 9, NAN, 9, 9, 9, 9};
    k->maxpool_forward(&w, lost, y, place);
    for (int i = 0; i < 4; i++) assert_true(isnan(y[i]));
    assert_same_bits("place of the NaN", place, (const uint16_t[]){3, 2, 1, 0}, sizeof place);
}

static void pool_window(const Kernels *k, const Window *w, bool integers) {
    size_t in = inputs_of(w), out = outputs_of(w);
    float *x = floats(in), *dy = floats(out), *y = floats(out), *y2 = floats(out), *dx = floats(in), *dx2 = floats(in);
    uint16_t *place = guarded_bytes(out * 2, 2), *place2 = guarded_bytes(out * 2, 2);
    if (integers) /* few values: many equals */
        fill_integers(x, in, 2), fill_integers(dy, out, 9);
    else
        fill_reals(x, in), fill_reals(dy, out);
    reference_kernels.maxpool_forward(w, x, y2, place2);
    k->maxpool_forward(w, x, y, place);
    assert_same_bits(label(k, "maxpool_forward", outputs_of(w), w->C), y, y2, out * sizeof *y);
    assert_same_bits(label(k, "maxpool_forward's place", outputs_of(w), w->C), place, place2, out * sizeof *place);
    reference_kernels.maxpool_backward(w, dy, place, dx2);
    k->maxpool_backward(w, dy, place, dx);
    assert_same_bits(label(k, "maxpool_backward", outputs_of(w), w->C), dx, dx2, in * sizeof *dx);
    reference_kernels.avgpool_forward(w, x, y2);
    k->avgpool_forward(w, x, y);
    assert_same_bits(label(k, "avgpool_forward", outputs_of(w), w->C), y, y2, out * sizeof *y);
    reference_kernels.avgpool_backward(w, dy, dx2);
    k->avgpool_backward(w, dy, dx);
    assert_same_bits(label(k, "avgpool_backward", outputs_of(w), w->C), dx, dx2, in * sizeof *dx);
    guarded_end(x), guarded_end(dy), guarded_end(y), guarded_end(y2), guarded_end(dx), guarded_end(dx2);
    guarded_end(place), guarded_end(place2);
}

static void pools_of(const Kernels *k) {
    int done = 0;
    pools_by_hand(k);
    overlap_by_hand(k);
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        Window w = window_at(i);
        if (w.pad_h >= w.R || w.pad_w >= w.S) continue; /* a model line refuses these for pools */
        w.K = w.C;
        pool_window(k, &w, true);
        pool_window(k, &w, false);
        done++;
    }
    assert_true(done > 15);
}

static void pools(void **state) {
    (void)state;
    each_variant(pools_of);
}

/* A pool gives its gradient back whole: the sum of dx is the sum of dy. */
static void pools_lose_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        Window w = window_at(i);
        if (w.pad_h >= w.R || w.pad_w >= w.S) continue;
        w.K = w.C;
        float *x = reals(inputs_of(&w)), *y = floats(outputs_of(&w)), *dy = reals(outputs_of(&w));
        float *dx = floats(inputs_of(&w));
        uint16_t *place = guarded_bytes(outputs_of(&w) * 2, 2);
        for (int average = 0; average < 2; average++) {
            double sum = 0, expected = 0;
            reference_kernels.maxpool_forward(&w, x, y, place);
            if (average)
                reference_kernels.avgpool_backward(&w, dy, dx);
            else
                reference_kernels.maxpool_backward(&w, dy, place, dx);
            for (size_t k = 0; k < inputs_of(&w); k++) sum += (double)dx[k];
            for (size_t k = 0; k < outputs_of(&w); k++) expected += (double)dy[k];
            assert_near_number("sum of dx", sum, expected, 1e-4);
        }
        guarded_end(x), guarded_end(y), guarded_end(dy), guarded_end(dx), guarded_end(place);
    }
}

/* ---- Sums of slots ---- */

static void slots_of(const Kernels *k) {
    enum { SIZE = 1000, STRIDE = 1016, COUNT = 7 };
    float *slots = reals(STRIDE * COUNT), *out = floats(SIZE);
    k->sum_slots(slots, STRIDE, COUNT, 0, SIZE, out);
    for (size_t i = 0; i < SIZE; i++) {
        float sum = 0; /* in slot order: another order would round otherwise */
        for (size_t s = 0; s < COUNT; s++) sum += slots[s * STRIDE + i];
        assert_true(out[i] == sum);
    }
    /* A range touches nothing outside it, and ranges together are the whole. */
    float *pieces = floats(SIZE);
    fill_with(pieces, SIZE, 77);
    k->sum_slots(slots, STRIDE, COUNT, 37, 555, pieces);
    for (size_t i = 0; i < SIZE; i++) assert_true(pieces[i] == (i >= 37 && i < 555 ? out[i] : 77));
    k->sum_slots(slots, STRIDE, COUNT, 555, SIZE, pieces);
    k->sum_slots(slots, STRIDE, COUNT, 0, 37, pieces);
    assert_same_bits("pieces", pieces, out, SIZE * sizeof *out);
    guarded_end(slots), guarded_end(out), guarded_end(pieces);
}

static void slot_sums(void **state) {
    (void)state;
    each_variant(slots_of);
}

/* ---- Optimizers ---- */

static void sgd_by_hand(const Kernels *k) {
    float w = 1, m = 0.5f;
    const float dw = 0.25f;
    k->sgd(&w, &dw, &m, 1, 0.5f, 0.5f, 0); /* m = 0.25 + 0.25; w = 1 - 0.25 */
    assert_true(m == 0.5f && w == 0.75f);
    k->sgd(&w, &dw, &m, 1, 0.5f, 0.5f, 1); /* g = 0.25 + 0.75; m = 0.25 + 1; w = 0.75 - 0.625 */
    assert_true(m == 1.25f && w == 0.125f);
}

/* Adam's first step is the rate against the sign of the gradient, however large that is. */
static void adam_by_hand(const Kernels *k) {
    const float dw[] = {3, -0.001f, 1e4f, -50};
    float w[4] = {0}, m[4] = {0}, v[4] = {0};
    float rate = (float)(0.1 / (1 - 0.9)), root = (float)(1 / sqrt(1 - 0.999));
    k->adam(w, dw, m, v, 4, rate, root, 0, 0);
    assert_near_floats("first step", w, (const float[]){-0.1f, 0.1f, -0.1f, 0.1f}, 4, 2e-6);
    assert_near_floats("m", m, (const float[]){0.3f, -0.0001f, 1000, -5}, 4, 1e-4);
    assert_near_floats("v", v, (const float[]){0.009f, 1e-9f, 1e5f, 2.5f}, 4, 1e-2);
    /* Decay alone: coupled it is a gradient (a whole step), decoupled a shrinking. */
    float one = 1, zero = 0, first = 0, second = 0;
    k->adam(&one, &zero, &first, &second, 1, rate, root, 0.01f, 0);
    assert_near_number("coupled", (double)one, 0.9, 1e-5);
    one = 1, first = second = 0;
    k->adam(&one, &zero, &first, &second, 1, rate, root, 0, 0.01f);
    assert_near_number("decoupled", (double)one, 0.99, 1e-6);
}

static void optimizers_of(const Kernels *k) {
    static const size_t counts[] = {1, 3, 16, 17, 1000};
    sgd_by_hand(k);
    adam_by_hand(k);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        size_t count = counts[i], size = count * sizeof(float);
        float *w = reals(count), *dw = reals(count), *m = reals(count), *v = reals(count);
        float *w2 = copy_of(w, count), *m2 = copy_of(m, count);
        for (size_t j = 0; j < count; j++) v[j] *= v[j];
        float *v2 = copy_of(v, count);
        k->sgd(w, dw, m, count, 0.1f, 0.9f, 0.01f);
        reference_kernels.sgd(w2, dw, m2, count, 0.1f, 0.9f, 0.01f);
        assert_same_bits(label(k, "sgd", count, 1), w, w2, size);
        assert_same_bits(label(k, "sgd's m", count, 1), m, m2, size);
        k->adam(w, dw, m, v, count, 0.1f, 2, 0.01f, 0.02f);
        reference_kernels.adam(w2, dw, m2, v2, count, 0.1f, 2, 0.01f, 0.02f);
        assert_same_bits(label(k, "adam", count, 1), w, w2, size);
        assert_same_bits(label(k, "adam's m", count, 1), m, m2, size);
        assert_same_bits(label(k, "adam's v", count, 1), v, v2, size);
        guarded_end(w), guarded_end(dw), guarded_end(m), guarded_end(v), guarded_end(w2), guarded_end(m2),
            guarded_end(v2);
    }
}

static void optimizers(void **state) {
    (void)state;
    each_variant(optimizers_of);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels),   cmocka_unit_test(batch_norm),         cmocka_unit_test(activations),
        cmocka_unit_test(pools),      cmocka_unit_test(pools_lose_nothing), cmocka_unit_test(slot_sums),
        cmocka_unit_test(optimizers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
