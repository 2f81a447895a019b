/* Mathematics with the same bits on any machine: only +, -, *, / and sqrt, which IEEE 754 rounds in one way, and no calls
 * to libm, whose sine and exponential differ from one version to the next. The project is built without contraction.
 * Errors are below 1e-9 (sine, cosine: absolute; powers of 2: relative), far below what a byte of a pixel shows.
 */
#pragma once

#include <math.h> /* floor, sqrt, fabs: exact everywhere */
#include <stdint.h>
#include <string.h>

/* Sine of an angle given in turns: 0.25 is a quarter turn. */
static inline double portable_sin(double turns) {
    double x = turns - floor(turns + 0.5); /* -0.5 .. 0.5 */
    if (x > 0.25) x = 0.5 - x;             /* sin(pi - x) = sin(x) */
    if (x < -0.25) x = -0.5 - x;
    x *= 6.283185307179586;
    const double y = x * x;
    /* Taylor up to x^15: 6e-12 at a quarter turn. */
    return x * (1 + y * (-1.0 / 6 +
                         y * (1.0 / 120 +
                              y * (-1.0 / 5040 +
                                   y * (1.0 / 362880 + y * (-1.0 / 39916800 + y * (1.0 / 6227020800.0 +
                                                                                   y * (-1.0 / 1307674368000.0))))))));
}

static inline double portable_cos(double turns) {
    return portable_sin(turns + 0.25);
}

/* Away from a quarter turn, where there is none. */
static inline double portable_tan(double turns) {
    return portable_sin(turns) / portable_cos(turns);
}

/* 2^x for |x| < 1000. */
static inline double portable_exp2(double x) {
    const double whole = floor(x + 0.5), z = (x - whole) * 0.6931471805599453;
    double power;
    const uint64_t bits = (uint64_t)((int64_t)whole + 1023) << 52;
    memcpy(&power, &bits, sizeof power);
    return power *
           (1 +
            z * (1 + z * (1.0 / 2 +
                          z * (1.0 / 6 +
                               z * (1.0 / 24 + z * (1.0 / 120 +
                                                    z * (1.0 / 720 + z * (1.0 / 5040 + z * (1.0 / 40320 +
                                                                                            z * (1.0 / 362880))))))))));
}

/* log2(x) for normal x > 0. */
static inline double portable_log2(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | (uint64_t)1023 << 52;
    memcpy(&x, &bits, sizeof x);
    if (x > 1.4142135623730951) x *= 0.5, exponent++;
    /* ln x = 2 atanh((x - 1) / (x + 1)), the argument within 0.172. */
    const double t = (x - 1) / (x + 1), y = t * t;
    const double series =
        t * (1 + y * (1.0 / 3 + y * (1.0 / 5 + y * (1.0 / 7 + y * (1.0 / 9 + y * (1.0 / 11 + y / 13))))));
    return exponent + 2.8853900817779268 * series;
}

/* x^p for x >= 0. */
static inline double portable_pow(double x, double p) {
    return x > 0 ? portable_exp2(p * portable_log2(x)) : p == 0;
}
