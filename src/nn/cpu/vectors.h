/* What the kernels of nn/cpu are written with: the compiler's vectors of 16 lanes, which it turns into one AVX-512, two AVX2 or
 * four SSE registers, and elements in memory. Included only by sources compiled once per instruction set and element type
 * (KERNEL_ISA, KERNEL_BF16).
 */
#ifndef NN_CPU_VECTORS_H
#define NN_CPU_VECTORS_H

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

enum { LANES = 16 };

typedef float V __attribute__((vector_size(64)));
typedef int32_t VI __attribute__((vector_size(64)));

/* ---- Elements in memory: float32, or bfloat16 rounded to nearest even ---- */

#ifdef KERNEL_BF16
typedef uint16_t T;
typedef uint16_t VT __attribute__((vector_size(32)));
typedef uint32_t VU __attribute__((vector_size(64)));

INLINE V widen(VT t) {
    VU bits = __builtin_convertvector(t, VU) << 16;
    V v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

INLINE VT narrow(V v) {
#ifdef __AVX512BF16__
    __m512 lanes;
    VT t;
    memcpy(&lanes, &v, sizeof lanes);
    __m256bh rounded = _mm512_cvtneps_pbh(lanes);
    memcpy(&t, &rounded, sizeof t);
    return t;
#else
    VU bits;
    memcpy(&bits, &v, sizeof bits);
    VU rounded = bits + 0x7fff + ((bits >> 16) & 1);
    VU nan = (VU)((bits << 1) > 0xff000000u); /* rounding must not turn a NaN into a number */
    return __builtin_convertvector(((rounded & ~nan) | ((bits | 0x400000) & nan)) >> 16, VT);
#endif
}
#else
typedef float T;
typedef V VT;

INLINE V widen(VT t) {
    return t;
}

INLINE VT narrow(V v) {
    return v;
}
#endif

/* n of 16 lanes; the others read as 0 and are not written. */
INLINE V load(const T *from, int n) {
    VT t = {0};
    if (n == LANES)
        memcpy(&t, from, sizeof t);
    else
        memcpy(&t, from, (size_t)n * sizeof(T));
    return widen(t);
}

INLINE void store(T *to, V v, int n) {
    VT t = narrow(v);
    if (n == LANES)
        memcpy(to, &t, sizeof t);
    else
        memcpy(to, &t, (size_t)n * sizeof(T));
}

/* The same for arrays that are float whatever the element type. */
INLINE V load_float(const float *from, int n) {
    V v = {0};
    if (n == LANES)
        memcpy(&v, from, sizeof v);
    else
        memcpy(&v, from, (size_t)n * sizeof(float));
    return v;
}

INLINE void store_float(float *to, V v, int n) {
    if (n == LANES)
        memcpy(to, &v, sizeof v);
    else
        memcpy(to, &v, (size_t)n * sizeof(float));
}

INLINE V choose(VI mask, V yes, V no) {
    VI a, b;
    memcpy(&a, &yes, sizeof a);
    memcpy(&b, &no, sizeof b);
    a = (a & mask) | (b & ~mask);
    memcpy(&yes, &a, sizeof yes);
    return yes;
}

INLINE VI choose_int(VI mask, VI yes, VI no) {
    return (yes & mask) | (no & ~mask);
}

/* a * b + c, rounded once where the instruction set has that. */
INLINE V multiply_add(V a, V b, V c) {
#if defined(__AVX512F__)
    return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    __m256 x[2], y[2], z[2];
    memcpy(x, &a, sizeof x), memcpy(y, &b, sizeof y), memcpy(z, &c, sizeof z);
    z[0] = _mm256_fmadd_ps(x[0], y[0], z[0]), z[1] = _mm256_fmadd_ps(x[1], y[1], z[1]);
    memcpy(&c, z, sizeof c);
    return c;
#else
    return a * b + c;
#endif
}

INLINE int lanes_at(int C, int c) {
    return C - c < LANES ? C - c : LANES;
}

#endif
