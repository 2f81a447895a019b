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
#include "embed/columns.h"
#include "embed/covariance.h"
#include "embed/symmetric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WHOLE = 64, SPARE = 8, MOST_ITERATIONS = 400, PIECE = 256 };
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
        int largest = 0;
        for (int d = 1; d < pca->dim; d++)
            if (fabs(v[d]) > fabs(v[largest])) largest = d;
        double factor = v[largest] < 0 ? -1 : 1;
        if (!(pca->variance[i] > rounding * pca->variance[0])) factor = pca->variance[i] = 0;
        for (int d = 0; d < pca->dim; d++) v[d] *= factor;
    }
}

static cf_status score_piece(void *context, int64_t index, int thread) {
    const Pca *pca = context;
    size_t from = (size_t)index * PIECE, to = from + PIECE;
    (void)thread;
    for (size_t i = from; i < to && i < pca->points->n; i++)
        for (int c = 0; c < pca->wanted; c++) {
            const float *x = points_row(pca->points, i);
            const double *v = pca->vectors + (size_t)c * (size_t)pca->dim;
            double sum = 0;
            for (int d = 0; d < pca->dim; d++) sum += ((double)x[d] - pca->covariance.means[d]) * v[d];
            pca->scores[i * (size_t)pca->components + (size_t)c] = (float)sum;
        }
    return CF_OK;
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

static cf_status fit(Pca *pca, double *explained) {
    size_t n = pca->points->n;
    FORWARD(covariance_make(pca->points, pca->threads, &pca->covariance));
    FORWARD(allocate(pca));
    memset(pca->scores, 0, n * (size_t)pca->components * sizeof(float));
    FORWARD(iterate(pca));
    settle_vectors(pca);
    FORWARD(slices_run(pca->threads, (int64_t)((n + PIECE - 1) / PIECE), score_piece, pca));
    for (int c = 0; c < pca->components && explained; c++)
        explained[c] = c < pca->wanted && pca->covariance.total > 0 ? pca->variance[c] / pca->covariance.total : 0;
    return CF_OK;
}

cf_status pca_fit(const Points *points, int components, int threads, float *scores, double *explained) {
    Pca pca = {.points = points,
               .dim = points->dim,
               .scores = scores,
               .components = components,
               .threads = slices_threads(threads)};
    FAIL_IF(components < 1, CF_BAD_USE, "%d principal components were asked for; at least 1 is needed", components);
    pca.wanted = components < pca.dim ? components : pca.dim;
    if ((size_t)pca.wanted > points->n - 1) pca.wanted = (int)(points->n - 1);
    pca.block = pca.dim <= WHOLE || pca.wanted > pca.dim / 2 ? pca.dim : 2 * pca.wanted + SPARE;
    if (pca.block > pca.dim) pca.block = pca.dim;
    cf_status status = fit(&pca, explained);
    void *own[] = {pca.vectors, pca.images, pca.spare, pca.small, pca.turn, pca.variance};
    for (size_t i = 0; i < COUNT_OF(own); i++) free(own[i]);
    covariance_free(&pca.covariance);
    return status;
}
