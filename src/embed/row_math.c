#include "embed/row_math.h"

#include <string.h>

enum { LANES = 8 };

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef double Doubles __attribute__((vector_size(8 * LANES)));

/* 8 values; or the n < 8 that are left, the others 0: one by one, since a copy of unknown size costs as much as 50 values. */
#define LOAD(into, from)                                                                                               \
    do {                                                                                                               \
        Floats loaded_;                                                                                                \
        memcpy(&loaded_, (from), sizeof loaded_);                                                                      \
        (into) = __builtin_convertvector(loaded_, Doubles);                                                            \
    } while (0)
#define REST(into, from, n)                                                                                            \
    do {                                                                                                               \
        const float *f_ = (from);                                                                                      \
        (into) = (Doubles){(double)f_[0],                                                                              \
                           (n) > 1 ? (double)f_[1] : 0,                                                                \
                           (n) > 2 ? (double)f_[2] : 0,                                                                \
                           (n) > 3 ? (double)f_[3] : 0,                                                                \
                           (n) > 4 ? (double)f_[4] : 0,                                                                \
                           (n) > 5 ? (double)f_[5] : 0,                                                                \
                           (n) > 6 ? (double)f_[6] : 0,                                                                \
                           0};                                                                                         \
    } while (0)
#define SUM(s) ((((s)[0] + (s)[4]) + ((s)[2] + (s)[6])) + (((s)[1] + (s)[5]) + ((s)[3] + (s)[7])))

EVERY_ISA double row_squared_distance(const float *a, const float *b, int dim) {
    Doubles sum = {0}, x, y;
    int d = 0;
    for (; d + LANES <= dim; d += LANES) {
        LOAD(x, a + d);
        LOAD(y, b + d);
        sum += (x - y) * (x - y);
    }
    if (d < dim) {
        REST(x, a + d, dim - d);
        REST(y, b + d, dim - d);
        sum += (x - y) * (x - y);
    }
    return SUM(sum);
}

EVERY_ISA double row_dot(const float *a, const float *b, int dim) {
    Doubles sum = {0}, x, y;
    int d = 0;
    for (; d + LANES <= dim; d += LANES) {
        LOAD(x, a + d);
        LOAD(y, b + d);
        sum += x * y;
    }
    if (d < dim) {
        REST(x, a + d, dim - d);
        REST(y, b + d, dim - d);
        sum += x * y;
    }
    return SUM(sum);
}
