/* What the kernels of nn/cpu are written with: vectors, masks, and elements in memory. Included only by sources compiled once
 * per instruction set and element type (KERNEL_ISA, KERNEL_BF16).
 *
 * A vector is one register of the instruction set: 16, 8 or 4 floats. Wider ones are no gain: a compiler keeps vectors that fit
 * no register in memory, which costs a factor of ten. Kernels give channels to lanes, so results do not depend on LANES.
 *
 * In bfloat16 a register holds twice the elements, so a Wide is what one register of elements is in float: one vector, or two
 * (the elements with an even index, and the others: a shift and a mask take them apart).
 */
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define TEXT_(a)     #a
#define TEXT(a)      TEXT_(a)

#define INLINE static inline __attribute__((always_inline))

/* A loop of a constant number of turns, at most 32, written out, so that what it indexes stays in registers (clang unrolls in time for
 * that by its own word alone). */
#if defined(__clang__)
#define UNROLLED(i, count) _Pragma("clang loop unroll(full)") for (__typeof__(+(count)) i = 0; i < (count); i++)
#else
#define UNROLLED(i, count) _Pragma("GCC unroll 32") for (__typeof__(+(count)) i = 0; i < (count); i++)
#endif

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

/* what(1, v) .. what(14, v): functions whose unrolled loops have so many turns, and tables of them. */
#define UP_TO_6(what, v)  what(1, v) what(2, v) what(3, v) what(4, v) what(5, v) what(6, v)
#define UP_TO_8(what, v)  UP_TO_6(what, v) what(7, v) what(8, v)
#define UP_TO_10(what, v) UP_TO_8(what, v) what(9, v) what(10, v)
#define UP_TO_12(what, v) UP_TO_10(what, v) what(11, v) what(12, v)
#define UP_TO_14(what, v) UP_TO_12(what, v) what(13, v) what(14, v)

typedef float V __attribute__((vector_size(4 * LANES)));
typedef int32_t VI __attribute__((vector_size(4 * LANES)));
typedef uint32_t VU __attribute__((vector_size(4 * LANES)));

/* Bit by bit: an addition of 0 would make 0 of -0, and another NaN of a NaN. */
INLINE V all_lanes(float value) {
#if defined(__AVX512F__)
    return (V)_mm512_set1_ps(value);
#elif defined(__AVX2__)
    return (V)_mm256_set1_ps(value);
#else
    return (V){value, value, value, value};
#endif
}

INLINE VI all_lanes_int(int32_t value) {
    return (VI){0} + value;
}

/* ---- Masks: a bit per lane, or where the instruction set has no such registers, a lane of ones or zeros ---- */

#if defined(__AVX512F__)
typedef __mmask16 Mask;
#else
typedef VI Mask;
#endif

/* False for NaN. */
INLINE Mask greater(V a, V b) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
#else
    return a > b;
#endif
}

INLINE Mask is_nan(V v) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q);
#else
    return v != v;
#endif
}

INLINE Mask equal_int(VI a, VI b) {
#if defined(__AVX512F__)
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
#else
    return a == b;
#endif
}

INLINE Mask greater_int(VI a, VI b) {
#if defined(__AVX512F__)
    return _mm512_cmpgt_epi32_mask((__m512i)a, (__m512i)b);
#else
    return a > b;
#endif
}

INLINE Mask either(Mask a, Mask b) {
    return (Mask)(a | b);
}

INLINE Mask both(Mask a, Mask b) {
    return (Mask)(a & b);
}

INLINE Mask but_not(Mask a, Mask b) {
    return (Mask)(a & ~b);
}

INLINE VI choose_int(Mask mask, VI yes, VI no) {
#if defined(__AVX512F__)
    return (VI)_mm512_mask_blend_epi32(mask, (__m512i)no, (__m512i)yes);
#elif defined(__AVX2__)
    return (VI)_mm256_blendv_epi8((__m256i)no, (__m256i)yes, (__m256i)mask);
#else
    return (yes & mask) | (no & ~mask);
#endif
}

INLINE V choose(Mask mask, V yes, V no) {
#if defined(__AVX512F__)
    return (V)_mm512_mask_blend_ps(mask, (__m512)no, (__m512)yes);
#elif defined(__AVX2__)
    return (V)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)mask);
#else
    return (V)choose_int(mask, (VI)yes, (VI)no);
#endif
}

/* v where `gate` is positive, slope * v elsewhere, also where it is NaN. */
INLINE V where_positive(V gate, V v, float slope) {
#if defined(__AVX512F__)
    __mmask16 rest = _mm512_cmp_ps_mask((__m512)gate, _mm512_setzero_ps(), _CMP_NGT_UQ);
    return (V)_mm512_mask_mul_ps((__m512)v, rest, (__m512)v, _mm512_set1_ps(slope));
#else
    return choose(greater(gate, (V){0}), v, v * slope);
#endif
}

/* a * b + c, rounded once where the instruction set has that. */
INLINE V multiply_add(V a, V b, V c) {
#if defined(__AVX512F__)
    return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* ---- Floats in memory: n of LANES; the others read as 0 and are not written ---- */

#if defined(__AVX512F__)
INLINE __mmask16 first_lanes(int n) {
    return (__mmask16)((1u << n) - 1);
}
#elif defined(__AVX2__)
INLINE __m256i first_lanes(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

INLINE V load_float(const float *from, int n) {
    V v = {0};
    if (n == LANES) {
        memcpy(&v, from, sizeof v);
        return v;
    }
#if defined(__AVX512F__)
    return (V)_mm512_maskz_loadu_ps(first_lanes(n), from);
#elif defined(__AVX2__)
    return (V)_mm256_maskload_ps(from, first_lanes(n));
#else
    for (int i = 0; i < n; i++) v[i] = from[i];
    return v;
#endif
}

INLINE void store_float(float *to, V v, int n) {
    if (n == LANES) {
        memcpy(to, &v, sizeof v);
        return;
    }
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, first_lanes(n), (__m512)v);
#elif defined(__AVX2__)
    _mm256_maskstore_ps(to, first_lanes(n), (__m256)v);
#else
    for (int i = 0; i < n; i++) to[i] = v[i];
#endif
}

/* ---- Bytes in memory, likewise; as whole numbers ---- */

typedef uint8_t Bytes __attribute__((vector_size(LANES)));

INLINE VI load_bytes(const uint8_t *from, int n) {
#if defined(__AVX512F__)
    return (VI)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first_lanes(n), from));
#else
    Bytes bytes = {0};
    memcpy(&bytes, from, (size_t)n);
    return __builtin_convertvector(bytes, VI);
#endif
}

INLINE void store_bytes(uint8_t *to, VI v, int n) {
    Bytes bytes = __builtin_convertvector(v, Bytes);
    if (n == LANES)
        memcpy(to, &bytes, sizeof bytes);
    else
#if defined(__AVX512BW__)
        _mm_mask_storeu_epi8(to, first_lanes(n), (__m128i)bytes);
#else
        for (int i = 0; i < n; i++) to[i] = bytes[i];
#endif
}

/* ---- Elements in memory: float32, or bfloat16 rounded to nearest even ---- */

#ifdef KERNEL_BF16
typedef uint16_t T;
typedef uint16_t VT __attribute__((vector_size(2 * LANES)));

INLINE V widen(VT t) {
#if defined(__AVX512F__)
    return (V)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)t), 16); /* gcc 12 converts by halves */
#else
    return (V)(__builtin_convertvector(t, VU) << 16);
#endif
}

INLINE VT narrow(V v) {
#ifdef __AVX512BF16__
    return (VT)_mm512_cvtneps_pbh((__m512)v);
#else
    VU bits = (VU)v, rounded = bits + 0x7fff + ((bits >> 16) & 1);
    VU nan = (VU)((bits << 1) > 0xff000000u); /* rounding must not turn a NaN into a number */
    return __builtin_convertvector(((rounded & ~nan) | ((bits | 0x400000) & nan)) >> 16, VT);
#endif
}

INLINE V load(const T *from, int n) {
    VT t = {0};
    if (n == LANES)
        memcpy(&t, from, sizeof t);
    else
#if defined(__AVX512BW__)
        t = (VT)_mm256_maskz_loadu_epi16(first_lanes(n), from);
#else
        for (int i = 0; i < n; i++) t[i] = from[i];
#endif
    return widen(t);
}

INLINE void store(T *to, V v, int n) {
    VT t = narrow(v);
    if (n == LANES)
        memcpy(to, &t, sizeof t);
    else
#if defined(__AVX512BW__)
        _mm256_mask_storeu_epi16(to, first_lanes(n), (__m256i)t);
#else
        for (int i = 0; i < n; i++) to[i] = t[i];
#endif
}
#else
typedef float T;

INLINE V load(const T *from, int n) {
    return load_float(from, n);
}

INLINE void store(T *to, V v, int n) {
    store_float(to, v, n);
}
#endif

/* ---- Words of 4 bytes, which are multiplied at once: a float32, or two neighbouring bfloat16, whose products are both added ---- */

enum { IN_WORD = 4 / sizeof(T) };

INLINE V words_at(const void *from) {
    V words;
    memcpy(&words, from, sizeof words);
    return words;
}

/* One of them in all lanes. */
INLINE V word_at(const void *from) {
    float word;
    memcpy(&word, from, sizeof word);
    return all_lanes(word);
}

/* sum + left * right, in float32. */
INLINE V add_product(V sum, V left, V right) {
#ifdef KERNEL_BF16
    return (V)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
#else
    return multiply_add(left, right, sum);
#endif
}

INLINE int lanes_at(int C, int c) {
    return C - c < LANES ? C - c : LANES;
}

/* ---- A register of elements: n of WIDE in memory; as vectors of float, a Wide ---- */

#if defined(KERNEL_BF16) && defined(__AVX512BW__)
#define WIDE_BF16
enum { PARTS = 2 };
typedef __m512i Elements;
#else
enum { PARTS = 1 };
#ifdef KERNEL_BF16
typedef VT Elements;
#else
typedef V Elements;
#endif
#endif
enum { WIDE = PARTS * LANES };

typedef struct Wide {
    V part[PARTS];
} Wide;

INLINE int wide_at(int C, int c) {
    return C - c < WIDE ? C - c : WIDE;
}

#ifdef WIDE_BF16
INLINE __mmask32 first_elements(int n) {
    return (__mmask32)((1ull << n) - 1);
}

INLINE Elements load_elements(const T *from, int n) {
    return n == WIDE ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi16(first_elements(n), from);
}

INLINE void store_elements(T *to, Elements elements, int n) {
    if (n == WIDE)
        _mm512_storeu_si512(to, elements);
    else
        _mm512_mask_storeu_epi16(to, first_elements(n), elements);
}

INLINE Wide widen_elements(Elements elements) {
    return (Wide){{(V)_mm512_slli_epi32(elements, 16), (V)_mm512_and_si512(elements, _mm512_set1_epi32(-0x10000))}};
}

INLINE Elements narrow_wide(Wide w) {
    const __m512i in_turn = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                             21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
#ifdef __AVX512BF16__
    __m512i halves = (__m512i)_mm512_cvtne2ps_pbh((__m512)w.part[1], (__m512)w.part[0]);
#else
    VT even = narrow(w.part[0]), odd = narrow(w.part[1]);
    __m512i halves = _mm512_inserti64x4(_mm512_castsi256_si512((__m256i)even), (__m256i)odd, 1);
#endif
    return _mm512_permutexvar_epi16(in_turn, halves);
}

/* Floats in the order of a Wide's lanes. */
INLINE Wide load_wide_float(const float *from, int n) {
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    V low = load_float(from, n < LANES ? n : LANES), high = n > LANES ? load_float(from + LANES, n - LANES) : (V){0};
    return (Wide){{(V)_mm512_permutex2var_ps((__m512)low, even, (__m512)high),
                   (V)_mm512_permutex2var_ps((__m512)low, odd, (__m512)high)}};
}

INLINE void store_wide_float(float *to, Wide w, int n) {
    const __m512i first = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i second = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
    store_float(to, (V)_mm512_permutex2var_ps((__m512)w.part[0], first, (__m512)w.part[1]), n < LANES ? n : LANES);
    if (n > LANES)
        store_float(to + LANES, (V)_mm512_permutex2var_ps((__m512)w.part[0], second, (__m512)w.part[1]), n - LANES);
}
#else
#ifdef KERNEL_BF16
INLINE Elements load_elements(const T *from, int n) {
    return narrow(load(from, n));
}

INLINE void store_elements(T *to, Elements elements, int n) {
    store(to, widen(elements), n);
}

INLINE Wide widen_elements(Elements elements) {
    return (Wide){{widen(elements)}};
}

INLINE Elements narrow_wide(Wide w) {
    return narrow(w.part[0]);
}
#else
INLINE Elements load_elements(const T *from, int n) {
    return load_float(from, n);
}

INLINE void store_elements(T *to, Elements elements, int n) {
    store_float(to, elements, n);
}

INLINE Wide widen_elements(Elements elements) {
    return (Wide){{elements}};
}

INLINE Elements narrow_wide(Wide w) {
    return w.part[0];
}
#endif

INLINE Wide load_wide_float(const float *from, int n) {
    return (Wide){{load_float(from, n)}};
}

INLINE void store_wide_float(float *to, Wide w, int n) {
    store_float(to, w.part[0], n);
}
#endif

INLINE Wide load_wide(const T *from, int n) {
    return widen_elements(load_elements(from, n));
}

INLINE void store_wide(T *to, Wide w, int n) {
    store_elements(to, narrow_wide(w), n);
}
