/* Exponentials of vectors, and activations made of them: each lane by itself, so a value's result does not depend on its place.
 *
 * e^x is within 1.5 units of the last place; the normal distribution and the activations are within 1e-6 of themselves, where they
 * cross 0 within 1e-7 of their larger term. What is below 2^-126 is 0. NaN stays NaN.
 */
#pragma once

#include "nn/cpu/vectors.h"

#include "nn/engine.h"

/* c[0] + c[1] x + ... of `count` terms. */
INLINE V polynomial(V x, const float *c, size_t count) {
    V sum = all_lanes(c[count - 1]);
#pragma GCC unroll 16
    for (size_t i = count - 1; i-- > 0;) sum = multiply_add(sum, x, all_lanes(c[i]));
    return sum;
}

/* e^(x + more) for x up to 88 and a `more` that is small beside 1: the digits that x had no room for. With n the whole number
 * nearest to x / ln 2, which the addition of 1.5 * 2^23 rounds to and leaves in the last bits, it is 2^n e^(x - n ln 2). */
INLINE V exponential(V x, V more) {
    static const float c[] = {0x1p0f,         0x1p0f,         0x1.fffffcp-2f, 0x1.55549p-3f,
                              0x1.5558f8p-5f, 0x1.123b0ep-7f, 0x1.6a2242p-10f};
    const V shifter = all_lanes(0x1.8p23f), lowest = all_lanes(-87.3365f);
    V shifted = multiply_add(x, all_lanes(1.44269504f), shifter), n = shifted - shifter;
    V r = multiply_add(n, all_lanes(-0.693359375f), x); /* exact: ln 2 in nine bits, and the rest of it */
    r = multiply_add(n, all_lanes(2.12194440e-4f), r) + more;
    V power = (V)(((VU)shifted << 23) + 0x3f800000u); /* unsigned: below `lowest` it wraps */
    return choose(greater(lowest, x), (V){0}, polynomial(r, c, sizeof c / sizeof *c) * power);
}

INLINE V magnitude(V v) {
    return (V)((VI)v & INT32_MAX);
}

/* 1 / (1 + e^-v), and one less that. */
INLINE void logistic(V v, V *value, V *rest) {
    V e = exponential((V)((VI)v | INT32_MIN), (V){0}), share = 1 / (1 + e), other = e * share;
    Mask rises = greater(v, (V){0});
    *value = choose(rises, share, other), *rest = choose(rises, other, share);
}

/* The normal distribution at v, and its density. Its smaller side is e^(-t^2 / 2) f(t), t = |v|, where f is a polynomial in
 * 1 / (1 + 0.265 t), fitted to 2e-8 of itself. The square is split so that its rounding, which e^ would multiply, is not lost. */
INLINE void normal(V v, V *value, V *density) {
    static const float c[] = {0x1.b11ea8p-4f,  0x1.af0d1p-4f,  0x1.a4f258p-4f,  0x1.ebd57ep-5f, 0x1.1be028p-3f,
                              -0x1.e09d46p-4f, 0x1.bfe026p-3f, -0x1.284552p-3f, 0x1.fa7a0ap-6f};
    V t = magnitude(v);
    t = choose(greater(t, all_lanes(16)), all_lanes(16), t);
    V high = (V)((VI)t & -0x1000), e = exponential(high * high * -0.5f, (t - high) * (t + high) * -0.5f);
    V k = 1 / multiply_add(t, all_lanes(0.265f), all_lanes(1));
    V tail = e * (k * polynomial(k, c, sizeof c / sizeof *c));
    *value = choose(greater(v, (V){0}), 1 - tail, tail), *density = e * 0.398942280f;
}

/* Kinds that are no constants where these are compiled are chosen between vector by vector. */
INLINE V activate(ActivationKind kind, float slope, V v) {
    V value, other;
    switch (kind) {
    case ACT_NONE:
        return v;
    case ACT_RELU:
        return where_positive(v, v, slope);
    case ACT_RELU6:
        return where_positive(v, choose(greater(v, all_lanes(6)), all_lanes(6), v), 0);
    case ACT_SILU:
        logistic(v, &value, &other);
        return v * value;
    case ACT_GELU:
        normal(v, &value, &other);
        return v * value;
    case ACT_HARDSWISH:
        value = choose(greater(all_lanes(-3), v), (V){0}, v + 3);
        return v * (choose(greater(v, all_lanes(3)), all_lanes(6), value) * (1.0f / 6));
    default:
        logistic(v, &value, &other);
        return value;
    }
}

/* The gradient d of an activation of v, behind it. */
INLINE V activate_backward(ActivationKind kind, float slope, V v, V d) {
    V value, other;
    switch (kind) {
    case ACT_NONE:
        return d;
    case ACT_RELU:
        return where_positive(v, d, slope);
    case ACT_RELU6:
        return choose(both(greater(v, (V){0}), greater(all_lanes(6), v)), d, d * 0);
    case ACT_SILU:
        logistic(v, &value, &other);
        return d * (value * multiply_add(v, other, all_lanes(1)));
    case ACT_GELU:
        normal(v, &value, &other);
        return d * multiply_add(v, other, value);
    case ACT_HARDSWISH:
        value = choose(greater(all_lanes(-3), v), (V){0}, v * (1.0f / 3) + 0.5f);
        return d * choose(greater(v, all_lanes(3)), all_lanes(1), value);
    default:
        logistic(v, &value, &other);
        return d * (value * other);
    }
}

/* The same from the activation's output. */
INLINE V activate_backward_from(ActivationKind kind, float slope, V y, V d) {
    return kind == ACT_SIGMOID ? d * (y * (1 - y)) : activate_backward(kind, slope, y, d);
}

/* The statement, with `kind` the activation's as a constant. */
#define WITH_ACTIVATION(act, ...)                                                                                      \
    switch ((act).kind) {                                                                                              \
        OF_KIND_(ACT_NONE, __VA_ARGS__)                                                                                \
        OF_KIND_(ACT_RELU, __VA_ARGS__)                                                                                \
        OF_KIND_(ACT_RELU6, __VA_ARGS__)                                                                               \
        OF_KIND_(ACT_SILU, __VA_ARGS__)                                                                                \
        OF_KIND_(ACT_GELU, __VA_ARGS__)                                                                                \
        OF_KIND_(ACT_HARDSWISH, __VA_ARGS__)                                                                           \
        OF_KIND_(ACT_SIGMOID, __VA_ARGS__)                                                                             \
    }
#define OF_KIND_(constant, ...)                                                                                        \
    case constant: {                                                                                                   \
        const ActivationKind kind = constant;                                                                          \
        __VA_ARGS__;                                                                                                   \
        break;                                                                                                         \
    }
