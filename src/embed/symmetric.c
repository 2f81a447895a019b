#include "embed/symmetric.h"

#include <math.h>
#include <stddef.h>

enum { MOST_SWEEPS = 60 };

#define AT(m, i, j) (m)[(size_t)(i) * (size_t)n + (size_t)(j)]

/* Turns rows and columns p, q of `a` so that a[p][q] is 0; vectors, which are rows, turn along. */
static void turn(double *a, double *vectors, int n, int p, int q) {
    double theta = (AT(a, q, q) - AT(a, p, p)) / (2 * AT(a, p, q));
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int i = 0; i < n; i++) {
        double x = AT(a, i, p), y = AT(a, i, q);
        AT(a, i, p) = c * x - s * y;
        AT(a, i, q) = s * x + c * y;
    }
    for (int i = 0; i < n; i++) {
        double x = AT(a, p, i), y = AT(a, q, i);
        AT(a, p, i) = c * x - s * y;
        AT(a, q, i) = s * x + c * y;
        x = AT(vectors, p, i), y = AT(vectors, q, i);
        AT(vectors, p, i) = c * x - s * y;
        AT(vectors, q, i) = s * x + c * y;
    }
    AT(a, p, q) = AT(a, q, p) = 0;
}

/* Selection sort: n is small, and rows move once. */
static void sort_descending(double *values, double *vectors, int n) {
    for (int i = 0; i < n; i++) {
        int best = i;
        for (int j = i + 1; j < n; j++)
            if (values[j] > values[best]) best = j;
        if (best == i) continue;
        double kept = values[i];
        values[i] = values[best];
        values[best] = kept;
        for (int d = 0; d < n; d++) {
            kept = AT(vectors, i, d);
            AT(vectors, i, d) = AT(vectors, best, d);
            AT(vectors, best, d) = kept;
        }
    }
}

void symmetric_eigen(double *a, int n, double *values, double *vectors) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) AT(vectors, i, j) = i == j;
    for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
        int turned = 0;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                if (fabs(AT(a, p, q)) <= 1e-17 * sqrt(fabs(AT(a, p, p)) * fabs(AT(a, q, q))) + 1e-300) continue;
                turn(a, vectors, n, p, q);
                turned++;
            }
        if (!turned) break;
    }
    for (int i = 0; i < n; i++) values[i] = AT(a, i, i);
    sort_descending(values, vectors, n);
}
