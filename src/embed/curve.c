#include "embed/curve.h"

#include "data/generate/portable.h"

#include <math.h>

enum { DISTANCES = 300, MOST_STEPS = 500 };

typedef struct Curve {
    double d[DISTANCES], wanted[DISTANCES];
} Curve;

static double natural_log(double x) {
    return portable_log2(x) * 0.6931471805599453;
}

/* The sum of squares at (a, b), and the normal equations of its linearisation where they are asked for. */
static double squares(const Curve *curve, double a, double b, double normal[3], double right[2]) {
    double sum = 0;
    if (normal) normal[0] = normal[1] = normal[2] = right[0] = right[1] = 0;
    for (int i = 0; i < DISTANCES; i++) {
        double power = portable_pow(curve->d[i], 2 * b), y = 1 / (1 + a * power), off = curve->wanted[i] - y;
        sum += off * off;
        if (!normal || power == 0) continue; /* at distance 0 the curve is 1 whatever a and b */
        double by_a = -power * y * y, by_b = -2 * a * natural_log(curve->d[i]) * power * y * y;
        normal[0] += by_a * by_a;
        normal[1] += by_a * by_b;
        normal[2] += by_b * by_b;
        right[0] += by_a * off;
        right[1] += by_b * off;
    }
    return sum;
}

/* Levenberg and Marquardt: the damping falls after a step that lowers the sum and rises after one that does not. */
cf_status curve_fit(double min_dist, double spread, double *a, double *b) {
    Curve curve;
    double normal[3], right[2], x = 1, y = 1, damping = 1e-3;
    FAIL_IF(!(spread > 0 && min_dist >= 0 && min_dist <= 3 * spread), CF_BAD_USE,
            "min_dist %g with spread %g: min_dist from 0 to 3 times spread was expected", min_dist, spread);
    for (int i = 0; i < DISTANCES; i++) {
        /* Fitted in units of spread: a is scaled back below. */
        double d = 3.0 * i / (DISTANCES - 1), beyond = d - min_dist / spread;
        curve.d[i] = d;
        curve.wanted[i] = beyond < 0 ? 1 : portable_exp2(-beyond * 1.4426950408889634);
    }
    double sum = squares(&curve, x, y, normal, right);
    for (int step = 0; step < MOST_STEPS && damping < 1e12; step++) {
        double p = normal[0] * (1 + damping), q = normal[2] * (1 + damping), det = p * q - normal[1] * normal[1];
        double dx = (q * right[0] - normal[1] * right[1]) / det, dy = (p * right[1] - normal[1] * right[0]) / det;
        double next = x + dx > 0 && y + dy > 0 && y + dy < 50 ? squares(&curve, x + dx, y + dy, NULL, NULL) : INFINITY;
        if (!(next <= sum)) {
            damping *= 10;
            continue;
        }
        x += dx;
        y += dy;
        if (fabs(dx) < 1e-12 * x && fabs(dy) < 1e-12 * y) break;
        damping *= 0.1;
        sum = squares(&curve, x, y, normal, right);
    }
    *a = x / portable_pow(spread, 2 * y);
    *b = y;
    return CF_OK;
}
