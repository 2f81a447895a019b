#include "embed/points.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const char *const metric_names[METRICS + 1] = {"euclidean", "cosine", "correlation", "manhattan", "hamming", NULL};

cf_status points_check(const Points *points, const char *what) {
    /* Squares of differences and their sums must fit a float with room to spare. */
    const float largest = 1e16f;
    FAIL_IF(points->n == 0, CF_BAD_INPUT, "%s: there are no rows", what);
    FAIL_IF(points->n > MOST_POINTS, CF_BAD_INPUT, "%s: %zu rows, and at most %d can be embedded", what, points->n,
            MOST_POINTS);
    FAIL_IF(points->dim < 1 || points->dim > MOST_DIMENSIONS, CF_BAD_INPUT,
            "%s: rows of %d values, and 1 to %d are expected", what, points->dim, MOST_DIMENSIONS);
    for (size_t i = 0; i < points->n; i++) {
        const float *row = points_row(points, i);
        for (int d = 0; d < points->dim; d++) {
            FAIL_IF(!isfinite(row[d]), CF_BAD_INPUT,
                    "%s: row %zu (counted from 0) has %s in column %d; take such rows out, or put a number there", what,
                    i, isnan(row[d]) ? "NaN" : "infinity", d);
            FAIL_IF(fabsf(row[d]) > largest, CF_BAD_INPUT,
                    "%s: row %zu (counted from 0) has %g in column %d; distances of values beyond %g do not fit a "
                    "float, so scale the columns first",
                    what, i, (double)row[d], d, (double)largest);
        }
    }
    return CF_OK;
}

cf_status points_prepare(const Points *points, Metric metric, Points *prepared, float **values) {
    const size_t dim = (size_t)points->dim;
    *prepared = *points;
    *values = NULL;
    if (metric != METRIC_CORRELATION) return CF_OK;
    FORWARD(memory_new(points->n * dim, sizeof **values, values));
    for (size_t i = 0; i < points->n; i++) {
        const float *row = points_row(points, i);
        double sum = 0;
        for (size_t d = 0; d < dim; d++) sum += (double)row[d];
        for (size_t d = 0; d < dim; d++) (*values)[i * dim + d] = (float)((double)row[d] - sum / (double)dim);
    }
    prepared->values = *values;
    return CF_OK;
}

/* ---- Rows ---- */

uint64_t row_hash(const float *row, int dim) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int d = 0; d < dim; d++) {
        uint32_t bits;
        memcpy(&bits, row + d, sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
        hash ^= hash >> 32; /* high bits come down: FNV alone only goes up */
    }
    return hash;
}

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

/* ---- Means of columns ---- */

enum { MOST_PIECES = 32 };

typedef struct Sums {
    const Points *points;
    size_t pieces;
    double *partial; /* [pieces][dim] */
    float largest[MOST_PIECES];
} Sums;

EVERY_ISA static float add_row(const float *row, int dim, double *sums, float largest) {
    for (int d = 0; d < dim; d++) {
        float size = fabsf(row[d]);
        sums[d] += (double)row[d];
        largest = size > largest ? size : largest;
    }
    return largest;
}

static void sum_piece(void *context, size_t piece, int thread) {
    Sums *sums = context;
    const Points *points = sums->points;
    double *partial = sums->partial + piece * (size_t)points->dim;
    (void)thread;
    for (size_t i = points->n * piece / sums->pieces; i < points->n * (piece + 1) / sums->pieces; i++)
        sums->largest[piece] = add_row(points_row(points, i), points->dim, partial, sums->largest[piece]);
}

cf_status column_means(const Points *points, int threads, double *means, double *largest) {
    Sums sums = {.points = points, .pieces = points->n < MOST_PIECES ? points->n : MOST_PIECES};
    AUTO_FREE double *partial = NULL;
    const size_t dim = (size_t)points->dim;
    float most = 0;
    FORWARD(memory_new(sums.pieces * dim, sizeof(double), &partial));
    sums.partial = partial;
    slices_each(threads, sums.pieces, 1, sum_piece, &sums);
    for (size_t d = 0; d < dim; d++) {
        double sum = 0;
        for (size_t p = 0; p < sums.pieces; p++) sum += partial[p * dim + d];
        means[d] = sum / (double)points->n;
    }
    for (size_t p = 0; p < sums.pieces; p++) most = sums.largest[p] > most ? sums.largest[p] : most;
    if (largest) *largest = (double)most;
    return CF_OK;
}

/* ---- Rows of whole numbers ---- */

enum { LARGEST = 256, TOGETHER = 64 /* rows */ };

/* To the nearest whole number: what is added leaves no bits for a fraction. */
static inline double whole(double value) {
    const double shift = 0x1.8p52;
    return (value + shift) - shift;
}

EVERY_ISA static bool row_is_whole(const float *row, int dim, double scale) {
    int others = 0;
    for (int d = 0; d < dim; d++) {
        double value = (double)row[d] * scale, nearest = whole(value);
        others += (fabs(value - nearest) > 0x1p-22 * fabs(nearest)) | (fabs(nearest) > LARGEST);
    }
    return others == 0;
}

typedef struct Look {
    const Points *points;
    double scale;
    atomic_bool others; /* something is not whole */
} Look;

static void look_at_row(void *context, size_t i, int thread) {
    Look *look = context;
    (void)thread;
    if (!look->others && !row_is_whole(points_row(look->points, i), look->points->dim, look->scale))
        look->others = true;
}

static bool all_whole(const Points *points, double scale, int threads) {
    Look look = {points, scale, false};
    if (!row_is_whole(points_row(points, points->n / 2), points->dim, scale)) return false; /* mostly the answer */
    slices_each(threads, points->n, TOGETHER, look_at_row, &look);
    return !look.others;
}

double whole_rows_scale(const Points *points, const Points *others, int threads) {
    static const double scales[] = {1, 255};
    for (size_t s = 0; s < COUNT_OF(scales); s++)
        if (all_whole(points, scales[s], threads) && (!others || all_whole(others, scales[s], threads)))
            return scales[s];
    return 0;
}

/* ---- Rows ready for products ---- */

cf_status product_frame_new(const Points *points, const Points *others, Metric metric, int threads,
                            ProductFrame *frame) {
    double largest, other = 0;
    int exponent;
    *frame = (ProductFrame){.metric = metric, .scale = 1};
    FORWARD(memory_new((size_t)points->dim, sizeof(double), &frame->means));
    if (metric == METRIC_COSINE) return CF_OK;
    if (others) FORWARD(column_means(others, threads, frame->means, &other));
    FORWARD(column_means(points, threads, frame->means, &largest));
    frexp(largest > other ? largest : other, &exponent);
    frame->scale = ldexp(1, -exponent - 1);
    return CF_OK;
}

void product_frame_free(ProductFrame *frame) {
    free(frame->means);
    *frame = (ProductFrame){0};
}

typedef struct ProductFilling {
    const ProductFrame *frame;
    const Points *points;
    const uint32_t *rows;
    ProductRows *made;
} ProductFilling;

static float fill_whole(const float *row, size_t dim, double scale, uint16_t *made) {
    double sum = 0;
    for (size_t d = 0; d < dim; d++) {
        float value = (float)whole((double)row[d] * scale);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        made[d] = (uint16_t)(bits >> 16);
        sum += (double)value * (double)value;
    }
    return (float)sum;
}

static void fill_row(void *context, size_t i, int thread) {
    const ProductFilling *work = context;
    const ProductFrame *frame = work->frame;
    const float *row = points_row(work->points, work->rows ? work->rows[i] : i);
    const size_t dim = (size_t)work->made->dim;
    const bool cosine = frame->metric == METRIC_COSINE;
    double factor = frame->scale;
    (void)thread;
    if (!frame->means) {
        work->made->norms[i] = fill_whole(row, dim, factor, work->made->whole + i * dim);
        return;
    }
    if (cosine) {
        double square = row_dot(row, row, work->made->dim);
        factor = square > 0 ? 1 / sqrt(square) : 0;
    }
    float *made = work->made->values + i * dim;
    for (size_t d = 0; d < dim; d++) made[d] = (float)(((double)row[d] - frame->means[d]) * factor);
    work->made->norms[i] = cosine ? 1 : (float)row_dot(made, made, work->made->dim);
}

cf_status product_rows_new(const ProductFrame *frame, const Points *points, const uint32_t *rows, size_t n, int threads,
                           ProductRows *made) {
    ProductFilling work = {frame, points, rows, made};
    size_t size;
    *made = (ProductRows){.n = n, .dim = points->dim};
    FAIL_IF(!size_multiply(n, (size_t)points->dim, &size), CF_NO_MEMORY, "these points are too many");
    if (frame->means)
        FORWARD(memory_new(size, sizeof *made->values, &made->values));
    else
        FORWARD(memory_new(size, sizeof *made->whole, &made->whole));
    FORWARD(memory_new(n, sizeof *made->norms, &made->norms));
    slices_each(threads, n, TOGETHER, fill_row, &work);
    return CF_OK;
}

void product_rows_free(ProductRows *rows) {
    free(rows->values);
    free(rows->whole);
    free(rows->norms);
    *rows = (ProductRows){0};
}
