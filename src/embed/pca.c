/* Principal components by subspace iteration with Rayleigh and Ritz's values (Golub, Van Loan, Matrix Computations,
 * 8.2.4).
 *
 * Up to 2,048 columns the covariance is formed once, from blocked float products that are added in double; beyond,
 * every iteration goes over the points. Either way sums are formed in pieces that do not depend on the number of
 * threads.
 */
#include "embed/pca.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/slices.h"
#include "embed/eigen.h"
#include "nn/cpu/matrix_product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 2048, CHUNK = 512, TILE = 128, MOST_PIECES = 32 };
enum { WHOLE = 64, SPARE = 8, MOST_ITERATIONS = 400 };
/* Against the largest variance: of a residual, and of the float products that the covariance is made of. */
static const double tolerance = 1e-8, rounding = 1e-7;

typedef struct Pca {
    const Points *points;
    size_t n, dim;
    int wanted, block, threads; /* components that are looked for, and vectors that are iterated */
    /* The covariance times a factor, which neither directions nor shares see: formed, or for more than 2,048 columns only applied. */
    double *means;  /* [dim] */
    double *matrix; /* [dim][dim], or NULL */
    double total;   /* the variances' sum */
    double scale;   /* a power of two that keeps the matrix's products within a float */
    size_t pieces;  /* without a matrix: of the points */
    double *sums;   /* and theirs: [pieces][block + 1][dim], the last row room for a point */
    /* While it is formed. */
    size_t chunks;   /* of the points */
    float *turned;   /* [chunks][dim][CHUNK]: centred columns, chunk after chunk, zeros at the end */
    float *products; /* [threads][TILE * TILE] */
    /* Subspace iteration. */
    double *vectors;      /* [block][dim], orthonormal or 0 */
    double *images;       /* [block][dim]: covariance times vectors */
    double *spare;        /* [block][dim] */
    double *small, *turn; /* [block][block] */
    double *variance;     /* [block], descending */
    float *scores;
    size_t components;
} Pca;

static void pca_free(Pca *pca) {
    void *own[] = {pca->means,  pca->matrix, pca->sums,  pca->turned, pca->products, pca->vectors,
                   pca->images, pca->spare,  pca->small, pca->turn,   pca->variance};
    for (size_t i = 0; i < COUNT_OF(own); i++) free(own[i]);
}

/* ---- The covariance formed: tiles of it, each over all rows in order ---- */

static void turn_chunk(void *context, size_t number, int thread) {
    const Pca *pca = context;
    size_t from = number * CHUNK, to = from + CHUNK < pca->n ? from + CHUNK : pca->n;
    float *chunk = pca->turned + number * pca->dim * CHUNK;
    (void)thread;
    for (size_t i = from; i < to; i++) {
        const float *row = points_row(pca->points, i);
        for (size_t d = 0; d < pca->dim; d++)
            chunk[d * CHUNK + i - from] = (float)(((double)row[d] - pca->means[d]) * pca->scale);
    }
}

/* Tile (I, J <= I) and its mirror image. */
static void form_tile(void *context, size_t number, int thread) {
    const Pca *pca = context;
    size_t I = 0, J = number, dim = pca->dim;
    while (J > I) J -= ++I;
    size_t i0 = I * TILE, j0 = J * TILE, m = dim - i0 < TILE ? dim - i0 : TILE, w = dim - j0 < TILE ? dim - j0 : TILE;
    float *products = pca->products + (size_t)thread * TILE * TILE;
    for (size_t c = 0; c < pca->chunks; c++) {
        const float *chunk = pca->turned + c * dim * CHUNK;
        matrix_product((int)m, (int)w, CHUNK, chunk + i0 * CHUNK, chunk + j0 * CHUNK, products);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < w; j++) pca->matrix[(i0 + i) * dim + j0 + j] += (double)products[i * w + j];
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < w; j++) {
            double *value = &pca->matrix[(i0 + i) * dim + j0 + j];
            if (I != J || i >= j) pca->matrix[(j0 + j) * dim + i0 + i] = *value = *value / (double)pca->n;
        }
}

static cf_status form_covariance(Pca *pca) {
    const size_t tiles = (pca->dim + TILE - 1) / TILE;
    pca->chunks = (pca->n + CHUNK - 1) / CHUNK;
    FORWARD(memory_new(pca->dim * pca->dim, sizeof(double), &pca->matrix));
    FORWARD(memory_new(pca->chunks * CHUNK * pca->dim, sizeof(float), &pca->turned));
    FORWARD(memory_new((size_t)pca->threads * TILE * TILE, sizeof(float), &pca->products));
    slices_each(pca->threads, pca->chunks, 1, turn_chunk, pca);
    slices_each(pca->threads, tiles * (tiles + 1) / 2, 1, form_tile, pca);
    for (size_t d = 0; d < pca->dim; d++) pca->total += pca->matrix[d * pca->dim + d];
    memory_free(&pca->turned); /* before the iteration takes its memory */
    return CF_OK;
}

/* ---- The covariance applied ---- */

EVERY_ISA static void add_times(double *sum, double factor, const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) sum[i] += factor * values[i];
}

/* One image: rows of the symmetric matrix, weighted. */
static void multiply_vector(void *context, size_t number, int thread) {
    const Pca *pca = context;
    const double *vector = pca->vectors + number * pca->dim;
    double *out = pca->images + number * pca->dim;
    (void)thread;
    memset(out, 0, pca->dim * sizeof *out);
    for (size_t d = 0; d < pca->dim; d++)
        if (vector[d] != 0) add_times(out, vector[d], pca->matrix + d * pca->dim, pca->dim);
}

/* Rows of one piece, for all vectors: sums of (x . v) x, x centred. */
static void multiply_rows(void *context, size_t piece, int thread) {
    const Pca *pca = context;
    const size_t dim = pca->dim, block = (size_t)pca->block, size = (block + 1) * dim;
    double *sums = pca->sums + piece * size, *x = sums + block * dim;
    (void)thread;
    memset(sums, 0, size * sizeof *sums);
    for (size_t i = pca->n * piece / pca->pieces; i < pca->n * (piece + 1) / pca->pieces; i++) {
        const float *row = points_row(pca->points, i);
        for (size_t d = 0; d < dim; d++) x[d] = (double)row[d] - pca->means[d];
        for (size_t v = 0; v < block; v++) {
            double along = 0;
            for (size_t d = 0; d < dim; d++) along += x[d] * pca->vectors[v * dim + d];
            add_times(sums + v * dim, along, x, dim);
        }
    }
}

/* images[i] = covariance . vectors[i]. */
static void apply_covariance(Pca *pca) {
    const size_t block = (size_t)pca->block, size = (block + 1) * pca->dim;
    if (pca->matrix) {
        slices_each(pca->threads, block, 1, multiply_vector, pca);
        return;
    }
    slices_each(pca->threads, pca->pieces, 1, multiply_rows, pca);
    for (size_t i = 0; i < block * pca->dim; i++) {
        double sum = 0;
        for (size_t p = 0; p < pca->pieces; p++) sum += pca->sums[p * size + i];
        pca->images[i] = sum / (double)pca->n;
    }
}

static void add_variances(Pca *pca) {
    for (size_t i = 0; i < pca->n; i++) {
        const float *row = points_row(pca->points, i);
        double sum = 0;
        for (size_t d = 0; d < pca->dim; d++)
            sum += ((double)row[d] - pca->means[d]) * ((double)row[d] - pca->means[d]);
        pca->total += sum / (double)pca->n;
    }
}

static cf_status prepare_covariance(Pca *pca) {
    double largest;
    int exponent;
    FORWARD(memory_new(pca->dim, sizeof(double), &pca->means));
    FORWARD(column_means(pca->points, pca->threads, pca->means, &largest));
    frexp(largest, &exponent);
    pca->scale = ldexp(1, -exponent);
    if (pca->dim <= MOST_COLUMNS) return form_covariance(pca);
    add_variances(pca);
    pca->pieces = pca->n < MOST_PIECES ? pca->n : MOST_PIECES;
    return memory_new(pca->pieces * ((size_t)pca->block + 1) * pca->dim, sizeof(double), &pca->sums);
}

/* ---- Subspace iteration ---- */

static double dot(const double *a, const double *b, size_t dim) {
    double sum = 0;
    for (size_t d = 0; d < dim; d++) sum += a[d] * b[d];
    return sum;
}

static double *row_of(double *matrix, int i, size_t columns) {
    return matrix + (size_t)i * columns;
}

/* Gram and Schmidt, each vector twice against those before it; what is left of a dependent one is noise and becomes 0. */
static void orthonormalize(Pca *pca) {
    for (int i = 0; i < pca->block; i++) {
        double *v = row_of(pca->vectors, i, pca->dim);
        double before = sqrt(dot(v, v, pca->dim));
        for (int turn = 0; turn < 2; turn++)
            for (int j = 0; j < i; j++) {
                const double *other = row_of(pca->vectors, j, pca->dim);
                double along = dot(v, other, pca->dim);
                for (size_t d = 0; d < pca->dim; d++) v[d] -= along * other[d];
            }
        double after = sqrt(dot(v, v, pca->dim));
        double factor = after > 1e-10 * before && after > 0 ? 1 / after : 0;
        for (size_t d = 0; d < pca->dim; d++) v[d] *= factor;
    }
}

/* rows of `matrix` become turn . rows. */
static void rotate_rows(const Pca *pca, double *matrix) {
    const size_t bytes = (size_t)pca->block * pca->dim * sizeof(double);
    memset(pca->spare, 0, bytes);
    for (int i = 0; i < pca->block; i++)
        for (int j = 0; j < pca->block; j++) {
            double factor = row_of(pca->turn, i, (size_t)pca->block)[j];
            const double *from = row_of(matrix, j, pca->dim);
            double *to = row_of(pca->spare, i, pca->dim);
            for (size_t d = 0; d < pca->dim; d++) to[d] += factor * from[d];
        }
    memcpy(matrix, pca->spare, bytes);
}

/* One step: the best vectors within the block. Returns whether the wanted ones are eigenvectors. */
static bool improve_vectors(Pca *pca) {
    const size_t block = (size_t)pca->block, dim = pca->dim;
    bool done = true;
    apply_covariance(pca);
    for (int i = 0; i < pca->block; i++)
        for (int j = 0; j <= i; j++)
            row_of(pca->small, i, block)[j] = row_of(pca->small, j, block)[i] =
                dot(row_of(pca->vectors, i, dim), row_of(pca->images, j, dim), dim);
    symmetric_eigen(pca->small, pca->block, pca->variance, pca->turn);
    rotate_rows(pca, pca->vectors);
    rotate_rows(pca, pca->images);
    for (int i = 0; i < pca->wanted; i++) {
        const double *v = row_of(pca->vectors, i, dim), *image = row_of(pca->images, i, dim);
        double residual = 0;
        for (size_t d = 0; d < dim; d++)
            residual += (image[d] - pca->variance[i] * v[d]) * (image[d] - pca->variance[i] * v[d]);
        if (!(sqrt(residual) <= tolerance * pca->variance[0])) done = false;
    }
    return done;
}

static void iterate_vectors(Pca *pca) {
    const RngStream stream = rng_stream(0, RNG_COMPONENTS, 0, 0);
    const size_t count = (size_t)pca->block * pca->dim;
    for (size_t i = 0; i < count; i++) pca->vectors[i] = rng_normal(&stream, i);
    orthonormalize(pca);
    for (int i = 0; i < MOST_ITERATIONS; i++) {
        if (improve_vectors(pca)) return;
        memcpy(pca->vectors, pca->images, count * sizeof(double));
        orthonormalize(pca);
    }
    /* Variances so close that no gap parts them: the best of the block, as good as any. */
    improve_vectors(pca);
}

/* What is left of no variance is rounding, and no direction. */
static void settle_vectors(Pca *pca) {
    for (int i = 0; i < pca->wanted; i++) {
        double *v = row_of(pca->vectors, i, pca->dim);
        make_largest_positive(v, pca->dim);
        if (pca->variance[i] > rounding * pca->variance[0]) continue;
        pca->variance[i] = 0;
        memset(v, 0, pca->dim * sizeof *v);
    }
}

static void score_row(void *context, size_t i, int thread) {
    const Pca *pca = context;
    const float *x = points_row(pca->points, i);
    (void)thread;
    for (int c = 0; c < pca->wanted; c++) {
        const double *v = row_of(pca->vectors, c, pca->dim);
        double sum = 0;
        for (size_t d = 0; d < pca->dim; d++) sum += ((double)x[d] - pca->means[d]) * v[d];
        pca->scores[i * pca->components + (size_t)c] = (float)sum;
    }
}

static cf_status allocate_block(Pca *pca) {
    const size_t block = (size_t)pca->block, count = block * pca->dim;
    FORWARD(memory_new(count, sizeof(double), &pca->vectors));
    FORWARD(memory_new(count, sizeof(double), &pca->images));
    FORWARD(memory_new(count, sizeof(double), &pca->spare));
    FORWARD(memory_new(block * block, sizeof(double), &pca->small));
    FORWARD(memory_new(block * block, sizeof(double), &pca->turn));
    return memory_new(block, sizeof(double), &pca->variance);
}

cf_status pca_fit(const Points *points, int components, int threads, float *scores, double *explained) {
    enum { TOGETHER = 256 }; /* rows of a piece */
    const size_t n = points->n;
    const int dim = points->dim;
    FAIL_IF(components < 1, CF_BAD_USE, "%d principal components were asked for; at least 1 is needed", components);
    AUTO(pca_free)
    Pca pca = {.points = points,
               .n = n,
               .dim = (size_t)dim,
               .scores = scores,
               .components = (size_t)components,
               .threads = slices_threads(threads)};
    pca.wanted = components < dim ? components : dim;
    if ((size_t)pca.wanted > n - 1) pca.wanted = (int)(n - 1);
    pca.block = dim <= WHOLE || pca.wanted > dim / 2 ? dim : 2 * pca.wanted + SPARE;
    if (pca.block > dim) pca.block = dim;
    FORWARD(prepare_covariance(&pca));
    FORWARD(allocate_block(&pca));
    memset(scores, 0, n * pca.components * sizeof(float));
    iterate_vectors(&pca);
    settle_vectors(&pca);
    slices_each(pca.threads, n, TOGETHER, score_row, &pca);
    for (int c = 0; c < components && explained; c++)
        explained[c] = c < pca.wanted && pca.total > 0 ? pca.variance[c] / pca.total : 0;
    return CF_OK;
}
