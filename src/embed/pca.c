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

/* ---- The covariance of points, formed or only applied ---- */

typedef struct Covariance {
    const Points *points; /* borrowed */
    int threads;
    double *means;  /* [dim] */
    double *matrix; /* [dim][dim], or NULL for more than 2,048 columns */
    double *room;   /* without a matrix: partial sums of covariance_multiply */
    double total;   /* the variances' sum */
    double scale;   /* a power of two that keeps the matrix's products within a float */
} Covariance;

static void covariance_free(Covariance *covariance) {
    free(covariance->means);
    free(covariance->matrix);
    free(covariance->room);
}

/* Tiles of it, each over all rows in order. */

typedef struct Formation {
    Covariance *made;
    size_t n, dim, chunks;
    float *turned;   /* [chunks][dim][CHUNK]: centred columns, chunk after chunk, zeros at the end */
    float *products; /* [threads][TILE * TILE] */
} Formation;

static void turn_chunk(void *context, size_t number, int thread) {
    const Formation *work = context;
    size_t from = number * CHUNK, to = from + CHUNK < work->n ? from + CHUNK : work->n;
    float *chunk = work->turned + number * work->dim * CHUNK;
    (void)thread;
    for (size_t i = from; i < to; i++) {
        const float *row = points_row(work->made->points, i);
        for (size_t d = 0; d < work->dim; d++)
            chunk[d * CHUNK + i - from] = (float)(((double)row[d] - work->made->means[d]) * work->made->scale);
    }
}

/* Tile (I, J <= I) and its mirror image. */
static void form_tile(void *context, size_t number, int thread) {
    const Formation *work = context;
    size_t I = 0, J = number, dim = work->dim;
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
}

static cf_status form(Covariance *made) {
    const size_t n = made->points->n, dim = (size_t)made->points->dim;
    const size_t chunks = (n + CHUNK - 1) / CHUNK, tiles = (dim + TILE - 1) / TILE;
    AUTO_FREE float *turned = NULL, *products = NULL;
    FORWARD(memory_new(dim * dim, sizeof(double), &made->matrix));
    FORWARD(memory_new(chunks * CHUNK * dim, sizeof(float), &turned));
    FORWARD(memory_new((size_t)made->threads * TILE * TILE, sizeof(float), &products));
    Formation work = {made, n, dim, chunks, turned, products};
    slices_each(made->threads, chunks, 1, turn_chunk, &work);
    slices_each(made->threads, tiles * (tiles + 1) / 2, 1, form_tile, &work);
    for (size_t d = 0; d < dim; d++) made->total += made->matrix[d * dim + d];
    return CF_OK;
}

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
static void multiply_vector(void *context, size_t number, int thread) {
    const Multiplication *work = context;
    const double *vector = work->vectors + number * work->dim;
    double *out = work->out + number * work->dim;
    (void)thread;
    memset(out, 0, work->dim * sizeof *out);
    for (size_t d = 0; d < work->dim; d++)
        if (vector[d] != 0) add_times(out, vector[d], work->covariance->matrix + d * work->dim, work->dim);
}

/* Rows of one piece, for all vectors: sums of (x . v) x, x centred. */
static void multiply_rows(void *context, size_t piece, int thread) {
    const Multiplication *work = context;
    size_t dim = work->dim, size = (work->count + 1) * dim;
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
}

/* out[i] = covariance . vectors[i], `count` rows of dim. `count` must not grow from call to call. */
static cf_status covariance_multiply(Covariance *covariance, const double *vectors, int count, double *out) {
    const size_t n = covariance->points->n, dim = (size_t)covariance->points->dim, size = ((size_t)count + 1) * dim;
    Multiplication work = {covariance, vectors, out, n, dim, (size_t)count, n < MOST_PIECES ? n : MOST_PIECES};
    if (covariance->matrix) {
        slices_each(covariance->threads, work.count, 1, multiply_vector, &work);
        return CF_OK;
    }
    if (!covariance->room) FORWARD(memory_new(work.pieces * size, sizeof(double), &covariance->room));
    slices_each(covariance->threads, work.pieces, 1, multiply_rows, &work);
    for (size_t i = 0; i < work.count * dim; i++) {
        double sum = 0;
        for (size_t p = 0; p < work.pieces; p++) sum += covariance->room[p * size + i];
        out[i] = sum / (double)n;
    }
    return CF_OK;
}

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

/* The covariance times a factor, which neither directions nor shares see. To be freed on any path. */
static cf_status covariance_make(const Points *points, int threads, Covariance *made) {
    double largest;
    int exponent;
    *made = (Covariance){.points = points, .threads = threads};
    FORWARD(memory_new((size_t)points->dim, sizeof(double), &made->means));
    FORWARD(column_means(points, threads, made->means, &largest));
    frexp(largest, &exponent);
    made->scale = ldexp(1, -exponent);
    if (points->dim <= MOST_COLUMNS) return form(made);
    add_variances(made);
    return CF_OK;
}

/* ---- Subspace iteration ---- */

enum { WHOLE = 64, SPARE = 8, MOST_ITERATIONS = 400, TOGETHER = 256 };
/* Against the largest variance: of a residual, and of the float products that the covariance is made of. */
static const double tolerance = 1e-8, rounding = 1e-7;

typedef struct Pca {
    const Points *points;
    Covariance covariance;
    int dim, wanted, block; /* components that are looked for, and vectors that are iterated */
    double *vectors;        /* [block][dim], orthonormal or 0 */
    double *images;         /* [block][dim]: covariance times vectors */
    double *spare;          /* [block][dim] */
    double *small, *turn;   /* [block][block] */
    double *variance;       /* [block], descending */
    float *scores;
    int components, threads;
} Pca;

static double dot(const double *a, const double *b, int dim) {
    double sum = 0;
    for (int d = 0; d < dim; d++) sum += a[d] * b[d];
    return sum;
}

static double *row(double *matrix, int i, int columns) {
    return matrix + (size_t)i * (size_t)columns;
}

/* Gram and Schmidt, each vector twice against those before it; what is left of a dependent one is noise and becomes 0. */
static void orthonormalize(Pca *pca) {
    for (int i = 0; i < pca->block; i++) {
        double *v = row(pca->vectors, i, pca->dim);
        double before = sqrt(dot(v, v, pca->dim));
        for (int turn = 0; turn < 2; turn++)
            for (int j = 0; j < i; j++) {
                const double *other = row(pca->vectors, j, pca->dim);
                double along = dot(v, other, pca->dim);
                for (int d = 0; d < pca->dim; d++) v[d] -= along * other[d];
            }
        double after = sqrt(dot(v, v, pca->dim));
        double factor = after > 1e-10 * before && after > 0 ? 1 / after : 0;
        for (int d = 0; d < pca->dim; d++) v[d] *= factor;
    }
}

/* rows of `matrix` become turn . rows. */
static void rotate(const Pca *pca, double *matrix) {
    memset(pca->spare, 0, (size_t)pca->block * (size_t)pca->dim * sizeof(double));
    for (int i = 0; i < pca->block; i++)
        for (int j = 0; j < pca->block; j++) {
            double factor = row(pca->turn, i, pca->block)[j];
            const double *from = row(matrix, j, pca->dim);
            double *to = row(pca->spare, i, pca->dim);
            for (int d = 0; d < pca->dim; d++) to[d] += factor * from[d];
        }
    memcpy(matrix, pca->spare, (size_t)pca->block * (size_t)pca->dim * sizeof(double));
}

/* One step: the best vectors within the block, and whether the wanted ones are eigenvectors. */
static cf_status improve(Pca *pca, bool *done) {
    FORWARD(covariance_multiply(&pca->covariance, pca->vectors, pca->block, pca->images));
    for (int i = 0; i < pca->block; i++)
        for (int j = 0; j <= i; j++)
            row(pca->small, i, pca->block)[j] = row(pca->small, j, pca->block)[i] =
                dot(row(pca->vectors, i, pca->dim), row(pca->images, j, pca->dim), pca->dim);
    symmetric_eigen(pca->small, pca->block, pca->variance, pca->turn);
    rotate(pca, pca->vectors);
    rotate(pca, pca->images);
    *done = true;
    for (int i = 0; i < pca->wanted; i++) {
        const double *v = row(pca->vectors, i, pca->dim), *image = row(pca->images, i, pca->dim);
        double residual = 0;
        for (int d = 0; d < pca->dim; d++)
            residual += (image[d] - pca->variance[i] * v[d]) * (image[d] - pca->variance[i] * v[d]);
        if (!(sqrt(residual) <= tolerance * pca->variance[0])) *done = false;
    }
    return CF_OK;
}

static cf_status iterate(Pca *pca) {
    RngStream stream = rng_stream(0, RNG_COMPONENTS, 0, 0);
    size_t count = (size_t)pca->block * (size_t)pca->dim;
    bool done = false;
    for (size_t i = 0; i < count; i++) pca->vectors[i] = rng_normal(&stream, i);
    orthonormalize(pca);
    for (int i = 0; i < MOST_ITERATIONS; i++) {
        FORWARD(improve(pca, &done));
        if (done) return CF_OK;
        memcpy(pca->vectors, pca->images, count * sizeof(double));
        orthonormalize(pca);
    }
    /* Variances so close that no gap parts them: the best of the block, as good as any. */
    return improve(pca, &done);
}

/* What is left of no variance is rounding, and no direction. */
static void settle_vectors(Pca *pca) {
    for (int i = 0; i < pca->wanted; i++) {
        double *v = row(pca->vectors, i, pca->dim);
        make_largest_positive(v, (size_t)pca->dim);
        if (pca->variance[i] > rounding * pca->variance[0]) continue;
        pca->variance[i] = 0;
        memset(v, 0, (size_t)pca->dim * sizeof *v);
    }
}

static void score_row(void *context, size_t i, int thread) {
    const Pca *pca = context;
    const float *x = points_row(pca->points, i);
    (void)thread;
    for (int c = 0; c < pca->wanted; c++) {
        const double *v = pca->vectors + (size_t)c * (size_t)pca->dim;
        double sum = 0;
        for (int d = 0; d < pca->dim; d++) sum += ((double)x[d] - pca->covariance.means[d]) * v[d];
        pca->scores[i * (size_t)pca->components + (size_t)c] = (float)sum;
    }
}

static void pca_free(Pca *pca) {
    void *own[] = {pca->vectors, pca->images, pca->spare, pca->small, pca->turn, pca->variance};
    for (size_t i = 0; i < COUNT_OF(own); i++) free(own[i]);
    covariance_free(&pca->covariance);
}

static cf_status allocate(Pca *pca) {
    size_t block = (size_t)pca->block, count = block * (size_t)pca->dim;
    FORWARD(memory_new(count, sizeof(double), &pca->vectors));
    FORWARD(memory_new(count, sizeof(double), &pca->images));
    FORWARD(memory_new(count, sizeof(double), &pca->spare));
    FORWARD(memory_new(block * block, sizeof(double), &pca->small));
    FORWARD(memory_new(block * block, sizeof(double), &pca->turn));
    return memory_new(block, sizeof(double), &pca->variance);
}

cf_status pca_fit(const Points *points, int components, int threads, float *scores, double *explained) {
    const size_t n = points->n;
    AUTO(pca_free)
    Pca pca = {.points = points,
               .dim = points->dim,
               .scores = scores,
               .components = components,
               .threads = slices_threads(threads)};
    FAIL_IF(components < 1, CF_BAD_USE, "%d principal components were asked for; at least 1 is needed", components);
    pca.wanted = components < pca.dim ? components : pca.dim;
    if ((size_t)pca.wanted > n - 1) pca.wanted = (int)(n - 1);
    pca.block = pca.dim <= WHOLE || pca.wanted > pca.dim / 2 ? pca.dim : 2 * pca.wanted + SPARE;
    if (pca.block > pca.dim) pca.block = pca.dim;
    FORWARD(covariance_make(points, pca.threads, &pca.covariance));
    FORWARD(allocate(&pca));
    memset(scores, 0, n * (size_t)components * sizeof(float));
    FORWARD(iterate(&pca));
    settle_vectors(&pca);
    slices_each(pca.threads, n, TOGETHER, score_row, &pca);
    for (int c = 0; c < components && explained; c++)
        explained[c] = c < pca.wanted && pca.covariance.total > 0 ? pca.variance[c] / pca.covariance.total : 0;
    return CF_OK;
}
