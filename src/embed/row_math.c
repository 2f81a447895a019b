#include "embed/row_math.h"

#include <string.h>

enum { LANES = 8 };

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef double Doubles __attribute__((vector_size(8 * LANES)));

/* n of 8 values, the others 0. */
#define LOAD(into, from, n)                                                                                            \
    do {                                                                                                               \
        Floats loaded_ = {0};                                                                                          \
        memcpy(&loaded_, (from), (size_t)(n) * sizeof(float));                                                         \
        (into) = __builtin_convertvector(loaded_, Doubles);                                                            \
    } while (0)
#define SUM(s) ((((s)[0] + (s)[4]) + ((s)[2] + (s)[6])) + (((s)[1] + (s)[5]) + ((s)[3] + (s)[7])))

EVERY_ISA double row_squared_distance(const float *a, const float *b, int dim) {
    Doubles sum = {0}, x, y;
    int d = 0;
    for (; d + LANES <= dim; d += LANES) {
        LOAD(x, a + d, LANES);
        LOAD(y, b + d, LANES);
        sum += (x - y) * (x - y);
    }
    if (d < dim) {
        LOAD(x, a + d, dim - d);
        LOAD(y, b + d, dim - d);
        sum += (x - y) * (x - y);
    }
    return SUM(sum);
}

EVERY_ISA double row_dot(const float *a, const float *b, int dim) {
    Doubles sum = {0}, x, y;
    int d = 0;
    for (; d + LANES <= dim; d += LANES) {
        LOAD(x, a + d, LANES);
        LOAD(y, b + d, LANES);
        sum += x * y;
    }
    if (d < dim) {
        LOAD(x, a + d, dim - d);
        LOAD(y, b + d, dim - d);
        sum += x * y;
    }
    return SUM(sum);
}
