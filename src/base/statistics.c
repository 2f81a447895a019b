#include "base/statistics.h"

#include <math.h>

void wilson_interval(size_t successes, size_t trials, double *low, double *high) {
    const double z = 1.959964;
    *low = 0, *high = 1;
    if (trials == 0) return; /* nothing is known */
    double n = (double)trials, p = (double)successes / n, square = z * z / n;
    double middle = p + square / 2, spread = z * sqrt(p * (1 - p) / n + square / (4 * n));
    /* The ends are exact in theory at 0 and n successes; rounding must not make them -1e-17. */
    if (successes > 0) *low = (middle - spread) / (1 + square);
    if (successes < trials) *high = (middle + spread) / (1 + square);
}

/* P(|T| <= sqrt(degrees) tan(angle)), which for whole degrees of freedom is a finite sum (Abramowitz and Stegun, 26.7.3 and
 * 26.7.4). */
static double t_within(int degrees, double angle) {
    const double cosine = cos(angle), sine = sin(angle), square = cosine * cosine;
    double sum = 0, term = degrees % 2 ? cosine : 1;
    for (int k = degrees % 2 ? 3 : 2; k <= degrees; k += 2) {
        sum += term;
        term *= square * (k - 1) / k;
    }
    return degrees % 2 ? 2 / M_PI * (angle + sine * sum) : sine * sum;
}

double student_t_multiple(int degrees, double confidence) {
    double low = 0, high = M_PI / 2;
    for (int i = 0; i < 60; i++) { /* halves until a double is used up */
        const double middle = (low + high) / 2;
        if (t_within(degrees, middle) < confidence)
            low = middle;
        else
            high = middle;
    }
    return sqrt(degrees) * tan((low + high) / 2);
}

MeanInterval mean_interval(const double *values, size_t count) {
    MeanInterval m = {.count = count, .mean = NAN, .deviation = NAN, .low = NAN, .high = NAN};
    double sum = 0, squares = 0;
    if (count == 0) return m;
    for (size_t i = 0; i < count; i++) sum += values[i];
    m.mean = sum / (double)count;
    if (count == 1) return m;
    for (size_t i = 0; i < count; i++) squares += (values[i] - m.mean) * (values[i] - m.mean);
    m.deviation = sqrt(squares / (double)(count - 1));
    const double half = student_t_multiple((int)count - 1, 0.95) * m.deviation / sqrt((double)count);
    m.low = m.mean - half, m.high = m.mean + half;
    return m;
}

/* The tail up to the smaller number, twice. Each term from the largest of them, which is the last, so that none is lost
 * before the sum is. */
double sign_test_p(size_t for_one, size_t for_other) {
    const size_t few = for_one < for_other ? for_one : for_other, n = for_one + for_other;
    if (for_one == for_other) return 1;
    double term = 1, sum = 0;
    for (size_t k = few;; k--) {
        sum += term;
        if (k == 0 || term < 1e-18 * sum) break;
        term *= (double)k / (double)(n - k + 1); /* C(n, k - 1) over C(n, k) */
    }
    const double log_choose =
        lgamma((double)n + 1) - lgamma((double)few + 1) - lgamma((double)(n - few) + 1) - (double)n * M_LN2;
    return fmin(1, 2 * sum * exp(log_choose));
}
