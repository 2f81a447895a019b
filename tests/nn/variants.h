/* What the tests of kernels share: each instruction set and element type in turn, and arrays of their elements. */
#pragma once

#include "nn/problems.h"

#include <stdio.h>

/* ---- The variants ---- */

extern const Kernels kernels_baseline;
#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512, kernels_avx512_bf16;
#endif

typedef void (*CheckFn)(const Kernels *kernels);

static inline void each_variant(CheckFn check) {
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
    if (__builtin_cpu_supports("avx512bf16"))
        check(&kernels_avx512_bf16);
    else
        print_message("SKIPPED: avx512_bf16 kernels (this processor has no AVX512_BF16)\n");
#endif
}

/* Aligned to nothing but their own size. */
static inline float *floats(size_t count) {
    return guarded_bytes(count * sizeof(float), sizeof(float));
}

static inline double *doubles(size_t count) {
    return guarded_bytes(count * sizeof(double), sizeof(double));
}

static inline float *reals(size_t count) {
    float *values = floats(count);
    fill_reals(values, count);
    return values;
}

static inline float *copy_of(const float *values, size_t count) {
    float *copy = floats(count);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

/* Reals that the kernels' elements can hold. */
static inline float *element_reals(const Kernels *k, size_t count) {
    float *values = reals(count);
    make_representable(k, values, count);
    return values;
}

static inline float *integers(size_t count, int largest) {
    float *values = floats(count);
    fill_integers(values, count, largest);
    return values;
}

/* Arrays of the kernels' elements, likewise at their own size. */
static inline void *unwritten(const Kernels *k, size_t count) {
    return elements_new(k, count, k->element);
}

static inline void *packed(const Kernels *k, const float *values, size_t count) {
    return elements_of(k, values, count, k->element);
}

/* Elements that are `expected` but for `share` of them and `floor`, and for the rounding of an element. */
static inline void assert_near_elements(const char *what, const Kernels *k, const void *elements, const float *expected,
                                        size_t count, double share, double floor) {
    const double rounding = k->element == sizeof(float) ? 0 : 0x1.02p-8;
    for (size_t i = 0; i < count; i++) {
        double got = (double)element_at(k, elements, i), wanted = (double)expected[i],
               limit = share * fabs(wanted) + floor;
        if (fabs(got - wanted) <= limit + rounding * (fabs(wanted) + limit)) continue;
        print_error("%s: value %zu of %zu is %.9g, %.9g expected\n", what, i, count, got, wanted);
        fail();
    }
}

/* What went wrong, where: "avx2 block_sums 65x17". */
static inline const char *label(const Kernels *k, const char *kernel, size_t rows, int C) {
    static char text[96];
    snprintf(text, sizeof text, "%s %s %zux%d", k->name, kernel, rows, C);
    return text;
}
