/* What the tests of nn share: a table of odd windows, arrays between guard words, numbers to fill them with, bfloat16. */
#pragma once

#include "testing.h"

#include "base/memory.h"
#include "nn/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Windows: N, C, H, W, K, R, S, stride, pad_h, pad_w, P, Q, groups, dilation; window_at() gives a P and Q of 0 those of
 * the same padding on all sides ---- */

static const Window window_table[] = {
    {1, 1, 5, 5, 1, 3, 3, 1, 1, 1, 0, 0, 1, 1},     /* one of everything */
    {2, 1, 1, 1, 3, 1, 1, 1, 0, 0, 0, 0, 1, 1},     /* one pixel */
    {2, 3, 7, 6, 5, 3, 3, 1, 1, 1, 0, 0, 1, 1},     /* neither square nor even */
    {8, 1, 12, 12, 32, 3, 3, 1, 1, 1, 0, 0, 1, 1},  /* grey input, a vector's worth of filters */
    {8, 32, 6, 6, 64, 3, 3, 1, 1, 1, 0, 0, 1, 1},   /* the study's second convolution, smaller */
    {3, 17, 9, 4, 10, 3, 3, 2, 1, 1, 0, 0, 1, 1},   /* channels that fill no vector, stride 2 */
    {2, 16, 8, 8, 16, 1, 1, 1, 0, 0, 0, 0, 1, 1},   /* 1x1 */
    {1, 3, 11, 9, 7, 5, 3, 1, 2, 1, 0, 0, 1, 1},    /* non-square window, padding as it needs */
    {2, 3, 10, 13, 7, 2, 4, 3, 0, 0, 0, 0, 1, 1},   /* stride 3 */
    {1, 65, 5, 5, 33, 3, 3, 1, 1, 1, 0, 0, 1, 1},   /* one channel more than fits */
    {4, 10, 7, 7, 12, 7, 7, 1, 0, 0, 0, 0, 1, 1},   /* the window is the image */
    {2, 5, 6, 8, 3, 5, 5, 2, 2, 2, 0, 0, 1, 1},     /* wide padding and a stride */
    {3, 1, 28, 28, 6, 5, 5, 1, 0, 0, 0, 0, 1, 1},   /* LeNet's first */
    {1, 2, 4, 4, 3, 3, 3, 1, 2, 2, 0, 0, 1, 1},     /* output larger than input */
    {2, 4, 9, 9, 8, 3, 3, 4, 0, 0, 0, 0, 1, 1},     /* stride wider than the window, pixels left over */
    {5, 20, 3, 3, 40, 2, 2, 1, 0, 0, 0, 0, 1, 1},   /* even window */
    {1, 8, 6, 5, 16, 3, 3, 2, 0, 0, 0, 0, 1, 1},    /* a row left over */
    {2, 3, 1, 9, 4, 1, 5, 1, 0, 2, 0, 0, 1, 1},     /* one row */
    {1, 130, 4, 4, 20, 3, 3, 1, 1, 1, 0, 0, 1, 1},  /* many channels */
    {2, 6, 12, 12, 6, 2, 2, 2, 0, 0, 0, 0, 1, 1},   /* the usual pool */
    {2, 3, 4, 5, 7, 3, 3, 1, 3, 3, 0, 0, 1, 1},     /* a rim of nothing but padding */
    {1, 16, 3, 4, 16, 2, 3, 2, 5, 7, 0, 0, 1, 1},   /* padding wider than the window, and than the image */
    {8, 32, 5, 5, 33, 1, 1, 1, 4, 4, 0, 0, 1, 1},   /* around a single tap */
    {2, 12, 9, 8, 12, 3, 3, 1, 1, 1, 0, 0, 12, 1},  /* depthwise */
    {3, 33, 10, 7, 33, 3, 3, 2, 1, 1, 0, 0, 33, 1}, /* depthwise, channels that fill no vector, stride 2 */
    {2, 16, 6, 9, 16, 5, 3, 1, 2, 1, 0, 0, 16, 1},  /* depthwise, one vector */
    {2, 70, 7, 7, 70, 5, 5, 2, 2, 2, 0, 0, 70, 2},  /* depthwise, dilated, with a stride */
    {2, 20, 9, 10, 20, 5, 5, 1, 2, 2, 0, 0, 20, 1}, /* depthwise 5x5 */
    {1, 18, 8, 7, 18, 7, 7, 1, 3, 3, 0, 0, 18, 1},  /* depthwise 7x7 */
    {2, 5, 6, 5, 10, 3, 3, 1, 1, 1, 0, 0, 5, 1},    /* two filters of each channel */
    {2, 48, 4, 5, 96, 3, 3, 1, 1, 1, 0, 0, 48, 1},  /* the same of many */
    {2, 12, 7, 6, 18, 3, 3, 1, 1, 1, 0, 0, 3, 1},   /* three groups */
    {1, 32, 8, 8, 64, 3, 3, 2, 1, 1, 0, 0, 2, 1},   /* groups as wide as a vector */
    {2, 8, 5, 5, 12, 1, 1, 1, 0, 0, 0, 0, 4, 1},    /* 1x1 in groups */
    {2, 6, 9, 11, 9, 3, 3, 1, 2, 2, 0, 0, 1, 2},    /* dilated */
    {2, 17, 12, 10, 8, 3, 2, 2, 3, 1, 0, 0, 1, 3},  /* dilated, with a stride */
    {1, 4, 9, 9, 6, 3, 3, 1, 4, 4, 0, 0, 2, 4},     /* dilated, in groups */
    {2, 3, 8, 8, 5, 3, 3, 2, 0, 0, 4, 4, 1, 1},     /* padding only below and at the right: TensorFlow's SAME */
    {2, 16, 7, 9, 20, 4, 4, 1, 1, 1, 7, 9, 1, 1},   /* more padding below than above */
    {2, 20, 8, 8, 20, 3, 3, 2, 0, 0, 4, 4, 20, 1},  /* the same, depthwise */
    {1, 6, 9, 7, 9, 2, 2, 1, 1, 1, 9, 7, 1, 1},     /* padding above and at the left alone */
    {2, 9, 10, 10, 9, 3, 3, 1, 1, 0, 9, 9, 9, 1},   /* above and at the right, depthwise */
    {3, 18, 7, 9, 40, 3, 3, 1, 1, 1, 0, 0, 1, 1},   /* Winograd's patches of 2x2 over the rim, on neither side whole vectors */
    {2, 33, 7, 8, 23, 3, 3, 1, 0, 0, 0, 0, 1, 1},   /* the same without padding */
    {1, 16, 5, 4, 50, 3, 3, 1, 2, 2, 0, 0, 1, 1},   /* output larger than input */
    {2, 20, 9, 8, 24, 3, 3, 1, 0, 2, 9, 8, 1, 1},   /* padding below and at the left alone */
    {2, 32, 9, 7, 48, 1, 1, 2, 0, 0, 0, 0, 1, 1},   /* 1x1 with a stride */
    {8, 40, 8, 8, 70, 1, 1, 1, 0, 0, 0, 0, 1, 1},   /* 1x1, more than a panel */
    {2, 300, 3, 4, 33, 1, 1, 1, 0, 0, 0, 0, 1, 1},  /* 1x1, long sums */
    {3, 7, 5, 6, 5, 1, 1, 3, 0, 0, 0, 0, 1, 1},     /* 1x1, odd everything */
    {1, 290, 4, 5, 24, 3, 3, 1, 1, 1, 0, 0, 1, 1},  /* more weights than a cache is to hold at once */
    {3, 8, 48, 40, 24, 3, 3, 1, 1, 1, 0, 0, 1, 1},  /* larger images than that */
    {2, 24, 11, 9, 40, 3, 3, 2, 1, 1, 0, 0, 1, 1},  /* stride 2, blocks of filters and of channels with a rest */
    {1, 9, 6, 5, 11, 3, 3, 5, 1, 1, 0, 0, 1, 1},    /* lines that no window sees */
};

static inline Window window_at(size_t i) {
    Window w = window_table[i];
    if (!w.P) w.P = (w.H + 2 * w.pad_h - (w.R - 1) * w.dilation - 1) / w.stride + 1;
    if (!w.Q) w.Q = (w.W + 2 * w.pad_w - (w.S - 1) * w.dilation - 1) / w.stride + 1;
    return w;
}

/* What a pool can be, whose windows all see a pixel. */
static inline bool pool_at(size_t i, Window *w) {
    *w = window_at(i);
    w->K = w->C;
    return w->groups == 1 && w->dilation == 1 && w->pad_h < w->R && w->pad_w < w->S;
}

static inline size_t inputs_of(const Window *w) {
    return (size_t)w->N * (size_t)w->C * (size_t)w->H * (size_t)w->W;
}

static inline size_t outputs_of(const Window *w) {
    return (size_t)w->N * (size_t)w->K * (size_t)w->P * (size_t)w->Q;
}

static inline size_t weights_of(const Window *w) {
    return (size_t)w->K * (size_t)(w->C / w->groups) * (size_t)w->R * (size_t)w->S;
}

/* ---- Arrays between guard words ---- */

enum { GUARD = 64, GUARD_BYTE = 0x5c };

/* Bytes that begin `skew` behind a multiple of 64, full of NaN: a value that nothing writes is found. */
static inline void *guarded_bytes(size_t size, size_t skew) {
    size_t whole = (2 * GUARD + skew + size + GUARD + 63) / 64 * 64;
    unsigned char *memory = aligned_alloc(64, whole);
    if (!memory) abort();
    memset(memory, GUARD_BYTE, whole);
    memcpy(memory, &size, sizeof size);
    memset(memory + 2 * GUARD + skew, 0xff, size);
    return memory + 2 * GUARD + skew;
}

/* Floats as a plan has them at worst: at a multiple of 32 bytes. */
static inline float *guarded(size_t count) {
    return guarded_bytes(count * sizeof(float), 32);
}

static inline void guarded_end(void *array) {
    unsigned char *bytes = array, *memory = (unsigned char *)((uintptr_t)bytes / 64 * 64) - 2 * GUARD;
    size_t size, broken = 0;
    memcpy(&size, memory, sizeof size);
    for (unsigned char *p = memory + GUARD; p < bytes; p++) broken += *p != GUARD_BYTE;
    for (size_t i = 0; i < GUARD; i++) broken += bytes[size + i] != GUARD_BYTE;
    if (broken) print_error("%zu bytes beside an array of %zu were written\n", broken, size);
    assert_int_equal(broken, 0);
    free(memory);
}

/* ---- Numbers ---- */

static inline uint32_t next_number(void) {
    static uint64_t state = 1; /* SplitMix64 */
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* -largest .. largest: sums of their products are exact in float. */
static inline void fill_integers(float *values, size_t count, int largest) {
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)(next_number() % (2 * (uint32_t)largest + 1)) - largest);
}

/* [-1, 1) */
static inline void fill_reals(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = (float)next_number() * 0x1p-31f - 1;
}

static inline void fill_with(float *values, size_t count, float value) {
    for (size_t i = 0; i < count; i++) values[i] = value;
}

/* ---- Elements: float32 or bfloat16, converted by arithmetic of the tests' own ---- */

static inline float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The bfloat16 nearest to a finite value, as a float: eight significant bits, ties to even, subnormals in steps of 2^-133. */
static inline float nearest_bf16(float value) {
    int exponent;
    frexp((double)value, &exponent);
    if (exponent < -125) exponent = -125;
    double unit = ldexp(1, exponent - 8), rounded = nearbyint((double)value / unit) * unit;
    return fabs(rounded) >= 0x1p128 ? (float)copysign(INFINITY, rounded) : (float)copysign(rounded, (double)value);
}

static inline float nearest_element(const Kernels *k, float value) {
    return k->element == sizeof(float) ? value : nearest_bf16(value);
}

/* Rounds floats to what the kernels' elements can hold. */
static inline void make_representable(const Kernels *k, float *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = nearest_element(k, values[i]);
}

/* Elements between guard words, not yet written. */
static inline void *elements_new(const Kernels *k, size_t count, size_t skew) {
    return guarded_bytes(count * k->element, skew);
}

/* Representable values as elements. */
static inline void *elements_of(const Kernels *k, const float *values, size_t count, size_t skew) {
    unsigned char *elements = elements_new(k, count, skew);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(values[i]);
        uint16_t upper = (uint16_t)(bits >> 16);
        if (k->element == sizeof upper) assert_int_equal(bits & 0xffff, 0);
        memcpy(elements + i * k->element, k->element == sizeof upper ? (void *)&upper : (void *)&bits, k->element);
    }
    return elements;
}

static inline float element_at(const Kernels *k, const void *elements, size_t i) {
    uint32_t bits;
    uint16_t upper;
    const char *at = (const char *)elements + i * k->element;
    if (k->element == sizeof upper) {
        memcpy(&upper, at, sizeof upper);
        return float_of_bits((uint32_t)upper << 16);
    }
    memcpy(&bits, at, sizeof bits);
    return float_of_bits(bits);
}

static inline void floats_of(const Kernels *k, const void *elements, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) values[i] = element_at(k, elements, i);
}

/* ---- Comparing ---- */

static inline void assert_same_bits(const char *what, const void *a, const void *b, size_t size) {
    const unsigned char *p = a, *q = b;
    for (size_t i = 0; i < size; i++) {
        if (p[i] == q[i]) continue;
        print_error("%s: byte %zu of %zu differs\n", what, i, size);
        fail();
    }
}

/* Equal as numbers: 0 and -0 are. */
static inline void assert_equal_floats(const char *what, const float *a, const float *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (a[i] == b[i]) continue;
        print_error("%s: value %zu of %zu is %.9g, %.9g expected\n", what, i, count, (double)a[i], (double)b[i]);
        fail();
    }
}

/* Elements that are `expected`, computed in float and rounded once: equal as numbers. */
static inline void assert_elements(const char *what, const Kernels *k, const void *elements, const float *expected,
                                   size_t count) {
    for (size_t i = 0; i < count; i++) {
        float got = element_at(k, elements, i), wanted = nearest_element(k, expected[i]);
        if (got == wanted) continue;
        print_error("%s: value %zu of %zu is %.9g, %.9g expected\n", what, i, count, (double)got, (double)wanted);
        fail();
    }
}

/* |a - b| <= limit everywhere; a NaN is not near. */
static inline void assert_near_floats(const char *what, const float *a, const float *b, size_t count, double limit) {
    for (size_t i = 0; i < count; i++) {
        if (fabs((double)a[i] - (double)b[i]) <= limit) continue;
        print_error("%s: value %zu of %zu is %.9g, %.9g expected\n", what, i, count, (double)a[i], (double)b[i]);
        fail();
    }
}

static inline void assert_near_number(const char *what, double a, double b, double limit) {
    if (fabs(a - b) <= limit) return;
    print_error("%s: %.17g, %.17g expected, within %g\n", what, a, b, limit);
    fail();
}
