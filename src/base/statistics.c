#include "base/statistics.h"

#include <math.h>

static const double z = 1.959964; /* 95 % of a normal distribution lie within -z .. z */

void wilson_interval(size_t successes, size_t trials, double *low, double *high) {
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

/* ---- The difference of two proportions ---- */

/* How far the counts are from what a difference of `delta` lets expect, less z times its deviation: 0 at the interval's end. The share
 * that speaks for the other alone is the likeliest one under that difference, the root of a quadratic equation. `sign` 1: the lower
 * end; -1: the upper end. */
static double score_beyond(double one, double other, double n, double delta, double sign) {
    const double a = 2 * n, b = (2 * n - one + other) * delta - one - other, c = -other * delta * (1 - delta);
    const double share = (sqrt(fmax(0, b * b - 4 * a * c)) - b) / (2 * a);
    const double variance = n * (2 * share + delta * (1 - delta));
    return sign * (one - other - n * delta) - z * sqrt(fmax(0, variance));
}

void paired_difference_interval(size_t for_one, size_t for_other, size_t pairs, double *low, double *high) {
    const double one = (double)for_one, other = (double)for_other, n = (double)pairs;
    *low = -1, *high = 1;
    if (pairs == 0) return; /* nothing is known */
    for (int end = 0; end < 2; end++) {
        const double sign = end ? -1 : 1;
        double outside = -sign, inside = (one - other) / n;
        for (int i = 0; i < 60; i++) {
            const double middle = (outside + inside) / 2;
            if (score_beyond(one, other, n, middle, sign) > 0)
                outside = middle;
            else
                inside = middle;
        }
        *(end ? high : low) = inside;
    }
}

/* ---- Student's t with any degrees of freedom ---- */

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method as Thompson and Barnett (1986) have it. */
static double beta_fraction(double a, double b, double x) {
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int m = 1; m <= 1000; m++) {
        const double steps[] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                                -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
        double last = 1;
        for (int i = 0; i < 2; i++) {
            d = 1 + steps[i] * d, c = 1 + steps[i] / c;
            d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
            last = d * c;
            f *= last;
        }
        if (fabs(last - 1) < 1e-15) break;
    }
    return f;
}

/* I_x(a, b), the regularized incomplete beta function; `y` is 1 - x, which the caller may know better. */
static double incomplete_beta(double a, double b, double x, double y) {
    if (x <= 0 || y <= 0) return x <= 0 ? 0 : 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, y) / b;
}

double student_t_p(double degrees, double t) {
    if (isinf(t)) return 0;
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t), t * t / (degrees + t * t));
}

/* As student_t_multiple at 0.95, for degrees that are not whole. */
static double t_multiple(double degrees) {
    double low = 0, high = M_PI / 2;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        if (student_t_p(degrees, sqrt(degrees) * tan(middle)) > 0.05)
            low = middle;
        else
            high = middle;
    }
    return sqrt(degrees) * tan((low + high) / 2);
}

static MeanDifference difference_of(double difference, double error, double degrees) {
    MeanDifference d = {.difference = difference, .degrees = degrees};
    d.t = error > 0 ? difference / error : difference == 0 ? 0 : copysign(INFINITY, difference);
    d.p = student_t_p(degrees, d.t);
    const double half = error > 0 ? t_multiple(degrees) * error : 0;
    d.low = difference - half, d.high = difference + half;
    return d;
}

static MeanDifference too_few(double difference) {
    return (MeanDifference){difference, NAN, NAN, NAN, NAN, NAN};
}

MeanDifference paired_t_test(const double *a, const double *b, size_t count) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] - b[i];
    const double mean = count ? sum / (double)count : NAN;
    if (count < 2) return too_few(mean);
    for (size_t i = 0; i < count; i++) squares += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
    const double n = (double)count;
    return difference_of(mean, sqrt(squares / (n - 1) / n), n - 1);
}

MeanDifference welch_t_test(const double *a, size_t a_count, const double *b, size_t b_count) {
    const MeanInterval of_a = mean_interval(a, a_count), of_b = mean_interval(b, b_count);
    const double difference = of_a.mean - of_b.mean;
    if (a_count < 2 || b_count < 2) return too_few(difference);
    const double one = of_a.deviation * of_a.deviation / (double)a_count,
                 other = of_b.deviation * of_b.deviation / (double)b_count, both = one + other;
    /* Where neither varies any number of degrees says the same. */
    const double degrees =
        both > 0 ? both * both / (one * one / (double)(a_count - 1) + other * other / (double)(b_count - 1))
                 : (double)(a_count + b_count - 2);
    return difference_of(difference, sqrt(both), degrees);
}
