#include "embed/covariance.h"

#include "base/memory.h"
#include "base/slices.h"
#include "embed/columns.h"
#include "embed/row_math.h"
#include "nn/cpu/matrix_product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 2048, CHUNK = 512, TILE = 128, MOST_PIECES = 32 };

/* ---- The matrix: tiles of it, each over all rows in order ---- */

typedef struct Formation {
    Covariance *made;
    size_t n, dim, chunks, tiles;
    float *turned;   /* [chunks][dim][CHUNK]: centred columns, chunk after chunk, zeros at the end */
    float *products; /* [threads][TILE * TILE] */
} Formation;

static cf_status turn_chunk(void *context, int64_t index, int thread) {
    const Formation *work = context;
    size_t from = (size_t)index * CHUNK, to = from + CHUNK < work->n ? from + CHUNK : work->n;
    float *chunk = work->turned + (size_t)index * work->dim * CHUNK;
    (void)thread;
    for (size_t i = from; i < to; i++) {
        const float *row = points_row(work->made->points, i);
        for (size_t d = 0; d < work->dim; d++)
            chunk[d * CHUNK + i - from] = (float)(((double)row[d] - work->made->means[d]) * work->made->scale);
    }
    return CF_OK;
}

/* Tile (I, J <= I) and its mirror image. */
static cf_status form_tile(void *context, int64_t index, int thread) {
    const Formation *work = context;
    size_t I = 0, J = (size_t)index, dim = work->dim;
    while (J > I) J -= ++I;
    size_t i0 = I * TILE, j0 = J * TILE, m = dim - i0 < TILE ? dim - i0 : TILE, w = dim - j0 < TILE ? dim - j0 : TILE;
    float *products = work->products + (size_t)thread * TILE * TILE;
    double *matrix = work->made->matrix;
    for (size_t c = 0; c < work->chunks; c++) {
        const float *chunk = work->turned + c * dim * CHUNK;
        matrix_product((int)m, (int)w, CHUNK, chunk + i0 * CHUNK, chunk + j0 * CHUNK, products);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < w; j++) matrix[(i0 + i) * dim + j0 + j] += (double)products[i * w + j];
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < w; j++) {
            double *value = &matrix[(i0 + i) * dim + j0 + j];
            if (I != J || i >= j) matrix[(j0 + j) * dim + i0 + i] = *value = *value / (double)work->n;
        }
    return CF_OK;
}

static cf_status form(Covariance *made) {
    Formation work = {.made = made, .n = made->points->n, .dim = (size_t)made->points->dim};
    cf_status status;
    work.chunks = (work.n + CHUNK - 1) / CHUNK;
    work.tiles = (work.dim + TILE - 1) / TILE;
    FORWARD(memory_new(work.dim * work.dim, sizeof(double), &made->matrix));
    FORWARD_TO(done, memory_new(work.chunks * CHUNK * work.dim, sizeof(float), &work.turned));
    FORWARD_TO(done, memory_new((size_t)made->threads * TILE * TILE, sizeof(float), &work.products));
    FORWARD_TO(done, slices_run(made->threads, (int64_t)work.chunks, turn_chunk, &work));
    FORWARD_TO(done, slices_run(made->threads, (int64_t)(work.tiles * (work.tiles + 1) / 2), form_tile, &work));
    for (size_t d = 0; d < work.dim; d++) made->total += made->matrix[d * work.dim + d];
done:
    free(work.turned);
    free(work.products);
    return status;
}

/* ---- Its product with vectors ---- */

typedef struct Multiplication {
    Covariance *covariance;
    const double *vectors;
    double *out;
    size_t n, dim, count, pieces;
} Multiplication;

EVERY_ISA static void add_times(double *sum, double factor, const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) sum[i] += factor * values[i];
}

/* One output vector: rows of the symmetric matrix, weighted. */
static cf_status multiply_vector(void *context, int64_t index, int thread) {
    const Multiplication *work = context;
    const double *vector = work->vectors + (size_t)index * work->dim;
    double *out = work->out + (size_t)index * work->dim;
    (void)thread;
    memset(out, 0, work->dim * sizeof *out);
    for (size_t d = 0; d < work->dim; d++)
        if (vector[d] != 0) add_times(out, vector[d], work->covariance->matrix + d * work->dim, work->dim);
    return CF_OK;
}

/* Rows of one piece, for all vectors: sums of (x . v) x, x centred. */
static cf_status multiply_rows(void *context, int64_t index, int thread) {
    const Multiplication *work = context;
    size_t piece = (size_t)index, dim = work->dim, size = (work->count + 1) * dim;
    double *sums = work->covariance->room + piece * size, *x = sums + work->count * dim; /* room for a row */
    (void)thread;
    memset(sums, 0, size * sizeof *sums);
    for (size_t i = work->n * piece / work->pieces; i < work->n * (piece + 1) / work->pieces; i++) {
        const float *row = points_row(work->covariance->points, i);
        for (size_t d = 0; d < dim; d++) x[d] = (double)row[d] - work->covariance->means[d];
        for (size_t v = 0; v < work->count; v++) {
            double along = 0;
            for (size_t d = 0; d < dim; d++) along += x[d] * work->vectors[v * dim + d];
            add_times(sums + v * dim, along, x, dim);
        }
    }
    return CF_OK;
}

static cf_status multiply_freely(Multiplication *work) {
    Covariance *covariance = work->covariance;
    size_t size = (work->count + 1) * work->dim;
    if (!covariance->room) FORWARD(memory_new(work->pieces * size, sizeof(double), &covariance->room));
    FORWARD(slices_run(covariance->threads, (int64_t)work->pieces, multiply_rows, work));
    for (size_t i = 0; i < work->count * work->dim; i++) {
        double sum = 0;
        for (size_t p = 0; p < work->pieces; p++) sum += covariance->room[p * size + i];
        work->out[i] = sum / (double)work->n;
    }
    return CF_OK;
}

cf_status covariance_multiply(Covariance *covariance, const double *vectors, int count, double *out) {
    size_t n = covariance->points->n;
    Multiplication work = {
        covariance, vectors, out, n, (size_t)covariance->points->dim, (size_t)count, n < MOST_PIECES ? n : MOST_PIECES};
    if (covariance->matrix) return slices_run(covariance->threads, count, multiply_vector, &work);
    return multiply_freely(&work);
}

/* ---- All of it ---- */

static void add_variances(Covariance *made) {
    const Points *points = made->points;
    for (size_t i = 0; i < points->n; i++) {
        const float *row = points_row(points, i);
        double sum = 0;
        for (int d = 0; d < points->dim; d++)
            sum += ((double)row[d] - made->means[d]) * ((double)row[d] - made->means[d]);
        made->total += sum / (double)points->n;
    }
}

cf_status covariance_make(const Points *points, int threads, Covariance *covariance) {
    Covariance made = {.points = points, .threads = threads};
    double largest;
    int exponent;
    cf_status status;
    FORWARD(memory_new((size_t)points->dim, sizeof(double), &made.means));
    FORWARD_TO(failed, column_means(points, threads, made.means, &largest));
    frexp(largest, &exponent);
    made.scale = ldexp(1, -exponent);
    if (points->dim <= MOST_COLUMNS)
        FORWARD_TO(failed, form(&made));
    else
        add_variances(&made);
    *covariance = made;
    return CF_OK;
failed:
    covariance_free(&made);
    return status;
}

void covariance_free(Covariance *covariance) {
    free(covariance->means);
    free(covariance->matrix);
    free(covariance->room);
    *covariance = (Covariance){0};
}
