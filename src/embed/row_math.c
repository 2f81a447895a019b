#include "embed/row_math.h"

#include <string.h>

enum { LANES = 8 };

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef double Doubles __attribute__((vector_size(8 * LANES)));
typedef long long Longs __attribute__((vector_size(8 * LANES)));

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

/* The sum of `term`, which has the eight values x and y; values that are missing at the end are 0 in both. */
#define SUM_OF(term)                                                                                                   \
    Doubles sum = {0}, x, y;                                                                                           \
    int d = 0;                                                                                                         \
    for (; d + LANES <= dim; d += LANES) {                                                                             \
        LOAD(x, a + d);                                                                                                \
        LOAD(y, b + d);                                                                                                \
        sum += (term);                                                                                                 \
    }                                                                                                                  \
    if (d < dim) {                                                                                                     \
        REST(x, a + d, dim - d);                                                                                       \
        REST(y, b + d, dim - d);                                                                                       \
        sum += (term);                                                                                                 \
    }                                                                                                                  \
    return SUM(sum)

EVERY_ISA double row_squared_distance(const float *a, const float *b, int dim) {
    SUM_OF((x - y) * (x - y));
}

EVERY_ISA double row_dot(const float *a, const float *b, int dim) {
    SUM_OF(x * y);
}

EVERY_ISA double row_manhattan_distance(const float *a, const float *b, int dim) {
    const long long not_sign = 0x7fffffffffffffff;
    SUM_OF((Doubles)((Longs)(x - y) & not_sign));
}

EVERY_ISA double row_differences(const float *a, const float *b, int dim) {
    const Doubles one = {1, 1, 1, 1, 1, 1, 1, 1};
    SUM_OF((Doubles)((x != y) & (Longs)one));
}
