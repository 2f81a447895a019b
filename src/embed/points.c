#include "embed/points.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
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

cf_status points_centered(const Points *points, Points *centered, float **values) {
    const size_t dim = (size_t)points->dim;
    FORWARD(memory_new(points->n * dim, sizeof **values, values));
    for (size_t i = 0; i < points->n; i++) {
        const float *row = points_row(points, i);
        double sum = 0;
        for (size_t d = 0; d < dim; d++) sum += (double)row[d];
        for (size_t d = 0; d < dim; d++) (*values)[i * dim + d] = (float)((double)row[d] - sum / (double)dim);
    }
    *centered = (Points){*values, points->n, points->dim};
    return CF_OK;
}

/* ---- Sums over rows ---- */

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

static cf_status sum_piece(void *context, int64_t index, int thread) {
    Sums *sums = context;
    size_t piece = (size_t)index, dim = (size_t)sums->points->dim;
    size_t from = sums->points->n * piece / sums->pieces, to = sums->points->n * (piece + 1) / sums->pieces;
    (void)thread;
    for (size_t i = from; i < to; i++)
        sums->largest[piece] =
            add_row(points_row(sums->points, i), sums->points->dim, sums->partial + piece * dim, sums->largest[piece]);
    return CF_OK;
}

cf_status column_means(const Points *points, int threads, double *means, double *largest) {
    Sums sums = {.points = points, .pieces = points->n < MOST_PIECES ? points->n : MOST_PIECES};
    size_t dim = (size_t)points->dim;
    float most = 0;
    FORWARD(memory_new(sums.pieces * dim, sizeof(double), &sums.partial));
    cf_status status = slices_run(threads, (int64_t)sums.pieces, sum_piece, &sums);
    for (size_t d = 0; d < dim && !status; d++) {
        double sum = 0;
        for (size_t p = 0; p < sums.pieces; p++) sum += sums.partial[p * dim + d];
        means[d] = sum / (double)points->n;
    }
    for (size_t p = 0; p < sums.pieces; p++) most = sums.largest[p] > most ? sums.largest[p] : most;
    if (largest) *largest = (double)most;
    free(sums.partial);
    return status;
}

/* ---- Rows ready for products ---- */

enum { PIECE = 64 }; /* rows */

cf_status product_frame_new(const Points *points, const Points *others, Metric metric, int threads,
                            ProductFrame *frame) {
    ProductFrame made = {.metric = metric, .scale = 1};
    double largest, other = 0, *room;
    int exponent;
    cf_status status;
    FORWARD(memory_new((size_t)points->dim, sizeof(double), &made.means));
    *frame = made;
    if (metric == METRIC_COSINE) return CF_OK;
    FORWARD_TO(failed, memory_new((size_t)points->dim, sizeof(double), &room));
    status = others ? column_means(others, threads, room, &other) : CF_OK;
    free(room);
    FORWARD_TO(failed, status);
    FORWARD_TO(failed, column_means(points, threads, made.means, &largest));
    frexp(largest > other ? largest : other, &exponent);
    frame->scale = ldexp(1, -exponent - 1);
    return CF_OK;
failed:
    product_frame_free(frame);
    return status;
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

static cf_status fill_products(void *context, int64_t index, int thread) {
    const ProductFilling *work = context;
    const ProductFrame *frame = work->frame;
    size_t from = (size_t)index * PIECE, to = from + PIECE, dim = (size_t)work->made->dim;
    bool cosine = frame->metric == METRIC_COSINE;
    (void)thread;
    for (size_t i = from; i < to && i < work->made->n; i++) {
        const float *row = points_row(work->points, work->rows ? work->rows[i] : i);
        float *made = work->made->values + i * dim;
        double factor = frame->scale;
        if (cosine) {
            double square = row_dot(row, row, work->made->dim);
            factor = square > 0 ? 1 / sqrt(square) : 0;
        }
        for (size_t d = 0; d < dim; d++) made[d] = (float)(((double)row[d] - frame->means[d]) * factor);
        work->made->norms[i] = cosine ? 1 : (float)row_dot(made, made, work->made->dim);
    }
    return CF_OK;
}

cf_status product_rows_new(const ProductFrame *frame, const Points *points, const uint32_t *rows, size_t n, int threads,
                           ProductRows *made) {
    ProductRows all = {.n = n, .dim = points->dim};
    ProductFilling work = {frame, points, rows, &all};
    size_t size;
    cf_status status;
    FAIL_IF(!size_multiply(n, (size_t)points->dim, &size), CF_NO_MEMORY, "these points are too many");
    FORWARD_TO(failed, memory_new(size, sizeof(float), &all.values));
    FORWARD_TO(failed, memory_new(n, sizeof(float), &all.norms));
    FORWARD_TO(failed, slices_run(threads, (int64_t)((n + PIECE - 1) / PIECE), fill_products, &work));
    *made = all;
    return CF_OK;
failed:
    product_rows_free(&all);
    return status;
}

void product_rows_free(ProductRows *rows) {
    free(rows->values);
    free(rows->norms);
    *rows = (ProductRows){0};
}

/* ---- Rows of whole numbers ---- */

enum { LARGEST = 256 };
static const double scales[] = {1, 255};

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
    bool *others; /* [pieces] something is not whole */
} Look;

static cf_status look_at_piece(void *context, int64_t index, int thread) {
    const Look *look = context;
    size_t from = (size_t)index * PIECE, to = from + PIECE;
    (void)thread;
    for (size_t i = from; i < to && i < look->points->n && !look->others[index]; i++)
        look->others[index] = !row_is_whole(points_row(look->points, i), look->points->dim, look->scale);
    return CF_OK;
}

static cf_status all_whole(const Points *points, double scale, int threads, bool *yes) {
    size_t pieces = (points->n + PIECE - 1) / PIECE;
    Look look = {points, scale, NULL};
    *yes = row_is_whole(points_row(points, points->n / 2), points->dim, scale); /* mostly the answer */
    if (!*yes) return CF_OK;
    FORWARD(memory_new(pieces, sizeof *look.others, &look.others));
    cf_status status = slices_run(threads, (int64_t)pieces, look_at_piece, &look);
    for (size_t p = 0; p < pieces; p++) *yes &= !look.others[p];
    free(look.others);
    return status;
}

cf_status whole_rows_scale(const Points *points, const Points *others, int threads, double *scale) {
    *scale = 0;
    for (size_t s = 0; s < COUNT_OF(scales); s++) {
        bool yes;
        FORWARD(all_whole(points, scales[s], threads, &yes));
        if (yes && others) FORWARD(all_whole(others, scales[s], threads, &yes));
        if (!yes) continue;
        *scale = scales[s];
        return CF_OK;
    }
    return CF_OK;
}

typedef struct WholeFilling {
    const Points *points;
    const uint32_t *rows;
    size_t n;
    double scale;
    WholeRows *made;
} WholeFilling;

static cf_status fill_whole(void *context, int64_t index, int thread) {
    const WholeFilling *work = context;
    size_t from = (size_t)index * PIECE, to = from + PIECE, dim = (size_t)work->points->dim;
    (void)thread;
    for (size_t i = from; i < to && i < work->n; i++) {
        const float *row = points_row(work->points, work->rows[i]);
        double sum = 0;
        for (size_t d = 0; d < dim; d++) {
            float value = (float)whole((double)row[d] * work->scale);
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            work->made->values[i * dim + d] = (uint16_t)(bits >> 16);
            sum += (double)value * (double)value;
        }
        work->made->norms[i] = (float)sum;
    }
    return CF_OK;
}

cf_status whole_rows_new(const Points *points, const uint32_t *rows, size_t n, double scale, int threads,
                         WholeRows *made) {
    WholeRows all = {0};
    WholeFilling work = {points, rows, n, scale, &all};
    size_t size;
    cf_status status;
    FAIL_IF(!size_multiply(n, (size_t)points->dim, &size), CF_NO_MEMORY, "these points are too many");
    FORWARD_TO(failed, memory_new(size, sizeof *all.values, &all.values));
    FORWARD_TO(failed, memory_new(n, sizeof *all.norms, &all.norms));
    FORWARD_TO(failed, slices_run(threads, (int64_t)((n + PIECE - 1) / PIECE), fill_whole, &work));
    *made = all;
    return CF_OK;
failed:
    whole_rows_free(&all);
    return status;
}

void whole_rows_free(WholeRows *rows) {
    free(rows->values);
    free(rows->norms);
    *rows = (WholeRows){0};
}
