/* Rows of floats: checks, sums over them in an order that is part of their definition, and rows made ready for products. */
#pragma once

#include "base/status.h"

typedef struct Points {
    const float *values; /* [n][dim], row after row; borrowed */
    size_t n;
    int dim;
} Points;

enum { MOST_POINTS = 100000000, MOST_DIMENSIONS = 1 << 20 };

/* Refuses no points, no dimension, more than the limits, and values that are NaN or infinite, naming the first row.
 * `what` stands before the message: "X.npy", "the features". */
cf_status points_check(const Points *points, const char *what);

static inline const float *points_row(const Points *points, size_t i) {
    return points->values + i * (size_t)points->dim;
}

typedef enum Metric {
    METRIC_EUCLIDEAN,
    METRIC_COSINE,      /* 1 - cos; a row of zeros has no direction and is at distance 1 from every other */
    METRIC_CORRELATION, /* 1 - Pearson's r: the cosine of rows less their means, which are rounded to floats */
    METRIC_MANHATTAN,   /* sum of |x - y| */
    METRIC_HAMMING      /* share of the columns that differ */
} Metric;
enum { METRICS = METRIC_HAMMING + 1 };
/* "euclidean", "cosine" ..: umap-learn's names; ends with NULL. */
extern const char *const metric_names[METRICS + 1];
/* Points whose metric is METRIC_CORRELATION are to be compared by the cosine of their rows less their means: *prepared, with new memory in
 * *values, which is the caller's to free(). Points of another metric are as they were, *values NULL. */
cf_status points_prepare(const Points *points, Metric metric, Points *prepared, float **values);
static inline Metric metric_prepared(Metric metric) {
    return metric == METRIC_CORRELATION ? METRIC_COSINE : metric;
}
/* No matrix product gives it, so every pair is measured by itself: always exact, and slower. */
static inline bool metric_is_pairwise(Metric metric) {
    return metric == METRIC_MANHATTAN || metric == METRIC_HAMMING;
}

/* Told how much of a stage is done, 0 to 1, by the thread that called it; NULL: nobody asks. Return false to stop: CF_INTERRUPTED, from
 * what can be stopped. */
typedef bool (*FractionFn)(double done, void *context);

/* ---- Sums over one or two rows in double ---- */

/* Compiled for several instruction sets. Contraction is off in the whole project, so that they round alike.
 * clang 14 leaves such functions undefined; sanitizers are not ready yet when the choice is made. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&          \
    !defined(__SANITIZE_THREAD__)
#define EVERY_ISA __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define EVERY_ISA
#endif

/* A number for a row's bits, FNV-1a over its words. Part of every result of umap_transform. */
uint64_t row_hash(const float *row, int dim);
/* |a - b|^2; the same bits for (b, a). */
double row_squared_distance(const float *a, const float *b, int dim);
/* The sum of |a - b|, and how many values differ. */
double row_manhattan_distance(const float *a, const float *b, int dim);
double row_differences(const float *a, const float *b, int dim);
double row_dot(const float *a, const float *b, int dim);

/* ---- Means of columns ---- */

/* means[dim] of the points, summed in double in fixed pieces;
 * *largest, if not NULL, is the largest absolute value. */
cf_status column_means(const Points *points, int threads, double *means, double *largest);

/* ---- Rows ready for products ---- */

/* norm[i] + norm[j] - 2 values[i] . values[j] is the squared distance times `scale` squared; for METRIC_COSINE it is 2
 * (1 - cos), 2 for a row of zeros. */
typedef struct ProductRows {
    float *values;   /* [n][dim]: less the means, against cancellation, and scaled; or of length 1 */
    uint16_t *whole; /* [n][dim] in place of `values`: whole numbers up to 256 as bfloat16, which holds them exactly */
    float *norms;    /* [n]: |values|^2; or 1 */
    size_t n;
    int dim;
} ProductRows;

/* What rows that meet in products must have in common. */
typedef struct ProductFrame {
    Metric metric;
    double *means; /* [dim]; NULL: of whole numbers */
    double scale;  /* a power of two, so that no value exceeds 1; or what makes all whole */
} ProductFrame;

/* Both are to be freed on any path. The means are those of `points`; `others` (NULL: none) are only not to overflow. */
cf_status product_frame_new(const Points *points, const Points *others, Metric metric, int threads,
                            ProductFrame *frame);
void product_frame_free(ProductFrame *frame);
/* `rows` [n] of the points, NULL: all. */
cf_status product_rows_new(const ProductFrame *frame, const Points *points, const uint32_t *rows, size_t n, int threads,
                           ProductRows *made);
void product_rows_free(ProductRows *rows);

/* The factor that makes all values whole numbers up to 256, within two units in a float's last place; 0 where there is none. They are the
 * bytes of images, also after a division by 255. Their products may be taken from instructions for bfloat16, which are twice as fast, in the
 * frame {METRIC_EUCLIDEAN, NULL, scale}. `others` may be NULL. */
double whole_rows_scale(const Points *points, const Points *others, int threads);
