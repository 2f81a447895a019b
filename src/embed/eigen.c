#include "embed/eigen.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/slices.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- A small matrix, whole ---- */

enum { MOST_SWEEPS = 60 };

#define AT(m, i, j) (m)[(size_t)(i) * (size_t)n + (size_t)(j)]

/* Turns rows and columns p, q of `a` so that a[p][q] is 0; vectors, which are rows, turn along. */
static void rotate_pair(double *a, double *vectors, int n, int p, int q) {
    double theta = (AT(a, q, q) - AT(a, p, p)) / (2 * AT(a, p, q));
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int i = 0; i < n; i++) {
        double x = AT(a, i, p), y = AT(a, i, q);
        AT(a, i, p) = c * x - s * y;
        AT(a, i, q) = s * x + c * y;
    }
    for (int i = 0; i < n; i++) {
        double x = AT(a, p, i), y = AT(a, q, i);
        AT(a, p, i) = c * x - s * y;
        AT(a, q, i) = s * x + c * y;
        x = AT(vectors, p, i), y = AT(vectors, q, i);
        AT(vectors, p, i) = c * x - s * y;
        AT(vectors, q, i) = s * x + c * y;
    }
    AT(a, p, q) = AT(a, q, p) = 0;
}

/* Selection sort: n is small, and rows move once. */
static void sort_descending(double *values, double *vectors, int n) {
    for (int i = 0; i < n; i++) {
        int best = i;
        for (int j = i + 1; j < n; j++)
            if (values[j] > values[best]) best = j;
        if (best == i) continue;
        double kept = values[i];
        values[i] = values[best];
        values[best] = kept;
        for (int d = 0; d < n; d++) {
            kept = AT(vectors, i, d);
            AT(vectors, i, d) = AT(vectors, best, d);
            AT(vectors, best, d) = kept;
        }
    }
}

void symmetric_eigen(double *a, int n, double *values, double *vectors) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) AT(vectors, i, j) = i == j;
    for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
        int turned = 0;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                if (fabs(AT(a, p, q)) <= 1e-17 * sqrt(fabs(AT(a, p, p)) * fabs(AT(a, q, q))) + 1e-300) continue;
                rotate_pair(a, vectors, n, p, q);
                turned++;
            }
        if (!turned) break;
    }
    for (int i = 0; i < n; i++) values[i] = AT(a, i, i);
    sort_descending(values, vectors, n);
}

void make_largest_positive(double *vector, size_t n) {
    size_t largest = 0;
    for (size_t i = 1; i < n; i++)
        if (fabs(vector[i]) > fabs(vector[largest])) largest = i;
    if (vector[largest] < 0)
        for (size_t i = 0; i < n; i++) vector[i] = -vector[i];
}

/* ---- A large sparse one: blocks of vectors ---- */

enum { ROWS = 1024, GUARD = 6, MOST_ITERATIONS = 40, FIRST_DEGREE = 12, LARGEST_DEGREE = 48 };

/* Blocks are [n][m], row after row: a row is what an entry of the matrix is multiplied with. */
typedef struct Block {
    const EigenJob *job;
    size_t n;
    int m, wanted;
    size_t pieces;
    double *x, *y;                /* [n][m] */
    double *sums;                 /* [pieces][m m] */
    double *gram, *turn, *values; /* [m m], [m m], [m] */
    /* of the operation under way: */
    const double *from;
    double *to;
    double scale, shift, back;
} Block;

static void block_free(Block *b) {
    free(b->x);
    free(b->y);
    free(b->sums);
    free(b->gram);
    free(b->turn);
    free(b->values);
}

static size_t piece_end(size_t piece, size_t n) {
    size_t end = (piece + 1) * ROWS;
    return end < n ? end : n;
}

/* ---- Parallel operations ---- */

/* to = scale (M - shift) from + back to, a step of Chebyshev's recurrence. */
static inline __attribute__((always_inline)) void product_rows(const Block *b, size_t first, size_t end, const int m) {
    const SparseMatrix *matrix = b->job->matrix;
    const double scale = b->scale, shift = b->shift, back = b->back;
    for (size_t i = first; i < end; i++) {
        double sum[EIGEN_MOST];
        for (int c = 0; c < m; c++) sum[c] = 0;
        for (size_t e = matrix->start[i]; e < matrix->start[i + 1]; e++) {
            const double value = (double)matrix->value[e], *row = b->from + matrix->column[e] * (size_t)m;
            for (int c = 0; c < m; c++) sum[c] += value * row[c];
        }
        const double *own = b->from + i * (size_t)m;
        double *to = b->to + i * (size_t)m;
        for (int c = 0; c < m; c++) to[c] = scale * (sum[c] - shift * own[c]) + back * to[c];
    }
}

static void product_piece(void *context, size_t piece, int thread) {
    const Block *b = context;
    const size_t first = piece * ROWS, end = piece_end(piece, b->n);
    (void)thread;
    if (b->m == 8)
        product_rows(b, first, end, 8);
    else
        product_rows(b, first, end, b->m);
}

static void multiply_block(Block *b, const double *from, double *to, double scale, double shift, double back) {
    b->from = from;
    b->to = to;
    b->scale = scale;
    b->shift = shift;
    b->back = back;
    slices_each(b->job->threads, b->pieces, 1, product_piece, b);
}

/* sums[piece] = from^T to over the piece's rows. */
static void inner_piece(void *context, size_t piece, int thread) {
    const Block *b = context;
    const int m = b->m;
    double *sums = b->sums + piece * (size_t)(m * m);
    (void)thread;
    memset(sums, 0, (size_t)(m * m) * sizeof *sums);
    for (size_t i = piece * ROWS; i < piece_end(piece, b->n); i++) {
        const double *left = b->from + i * (size_t)m, *right = b->to + i * (size_t)m;
        for (int r = 0; r < m; r++)
            for (int c = 0; c < m; c++) sums[r * m + c] += left[r] * right[c];
    }
}

/* gram = left^T right. */
static void inner_products(Block *b, const double *left, double *right) {
    const size_t entries = (size_t)(b->m * b->m);
    b->from = left;
    b->to = right;
    slices_each(b->job->threads, b->pieces, 1, inner_piece, b);
    memset(b->gram, 0, entries * sizeof *b->gram);
    for (size_t p = 0; p < b->pieces; p++)
        for (size_t e = 0; e < entries; e++) b->gram[e] += b->sums[p * entries + e];
}

/* A row of `to` times turn^T: new column c is the combination in turn's row c. */
static void turn_row(void *context, size_t i, int thread) {
    const Block *b = context;
    const int m = b->m;
    double row[EIGEN_MOST], *to = b->to + i * (size_t)m;
    (void)thread;
    memcpy(row, to, (size_t)m * sizeof *row);
    for (int c = 0; c < m; c++) {
        double sum = 0;
        for (int r = 0; r < m; r++) sum += b->turn[c * m + r] * row[r];
        to[c] = sum;
    }
}

static void turn_block(Block *b, double *block) {
    b->to = block;
    slices_each(b->job->threads, b->n, ROWS, turn_row, b);
}

/* ---- The steps ---- */

static void draw_block(Block *b) {
    RngStream stream = rng_stream(b->job->seed, RNG_EMBED_INIT, 1, 0);
    for (size_t e = 0; e < b->n * (size_t)b->m; e += 4) {
        uint32_t words[4];
        rng_block(&stream, e / 4, words);
        for (size_t w = 0; w < 4 && e + w < b->n * (size_t)b->m; w++) b->x[e + w] = (double)words[w] * 0x1p-31 - 1;
    }
}

/* Takes the known eigenvector out of every column. */
static void deflate(Block *b) {
    const double *known = b->job->known;
    double along[EIGEN_MOST] = {0};
    if (!known) return;
    for (size_t i = 0; i < b->n; i++)
        for (int c = 0; c < b->m; c++) along[c] += known[i] * b->x[i * (size_t)b->m + (size_t)c];
    for (size_t i = 0; i < b->n; i++)
        for (int c = 0; c < b->m; c++) b->x[i * (size_t)b->m + (size_t)c] -= known[i] * along[c];
}

/* Columns of x become orthonormal, by the eigenvectors of their inner products (Stathopoulos, Wu 2002): unlike a Cholesky
 * factor these exist where columns are nearly dependent, as after a strong filter. Twice, for full accuracy. */
static void orthonormalise(Block *b) {
    const int m = b->m;
    for (int pass = 0; pass < 2; pass++) {
        double length[EIGEN_MOST];
        deflate(b);
        inner_products(b, b->x, b->x);
        for (int c = 0; c < m; c++) length[c] = sqrt(b->gram[c * m + c]);
        for (int r = 0; r < m; r++)
            for (int c = 0; c < m; c++)
                b->gram[r * m + c] =
                    length[r] > 0 && length[c] > 0 ? b->gram[r * m + c] / (length[r] * length[c]) : r == c;
        symmetric_eigen(b->gram, m, b->values, b->turn);
        for (int r = 0; r < m; r++) {
            double root = sqrt(fmax(b->values[r], 1e-14 * b->values[0]));
            for (int c = 0; c < m; c++)
                b->turn[r * m + c] = length[c] > 0 ? b->turn[r * m + c] / (root * length[c]) : 0;
        }
        turn_block(b, b->x);
    }
}

/* x becomes the Ritz vectors, y = M x; values the Ritz values, largest first. */
static void rayleigh_ritz(Block *b) {
    multiply_block(b, b->x, b->y, 1, 0, 0);
    inner_products(b, b->x, b->y);
    for (int r = 0; r < b->m; r++)
        for (int c = 0; c < r; c++)
            b->gram[r * b->m + c] = b->gram[c * b->m + r] = (b->gram[r * b->m + c] + b->gram[c * b->m + r]) / 2;
    symmetric_eigen(b->gram, b->m, b->values, b->turn);
    turn_block(b, b->x);
    turn_block(b, b->y);
}

/* The largest length of M v - value v over the wanted vectors. */
static double largest_residual(const Block *b) {
    double square[EIGEN_MOST] = {0}, largest = 0;
    for (size_t i = 0; i < b->n; i++)
        for (int c = 0; c < b->wanted; c++) {
            double off = b->y[i * (size_t)b->m + (size_t)c] - b->values[c] * b->x[i * (size_t)b->m + (size_t)c];
            square[c] += off * off;
        }
    for (int c = 0; c < b->wanted; c++) largest = fmax(largest, square[c]);
    return sqrt(largest);
}

/* x = T(degree) x, Chebyshev's polynomial on the eigenvalues from -1 to `bound`, on which it stays within -1 .. 1. */
static void filter_block(Block *b, double bound, int degree) {
    const double half = (bound + 1) / 2, middle = (bound - 1) / 2;
    for (int d = 1; d <= degree; d++) {
        double *last = d > 1 ? b->y : b->x, *next = d > 1 ? b->x : b->y;
        multiply_block(b, last, next, (d > 1 ? 2 : 1) / half, middle, d > 1 ? -1 : 0); /* T(d) over T(d - 2) */
        b->x = last;
        b->y = next;
    }
    double *kept = b->x;
    b->x = b->y;
    b->y = kept;
}

/* High enough that the first wanted grows by 1e6 against the unwanted; beyond, columns only become dependent. */
static int degree_for(const Block *b, double bound) {
    double above = 1 + 2 * (b->values[0] - bound) / (1 + bound);
    double needed = above > 1 ? log(2e6) / acosh(above) : LARGEST_DEGREE;
    return needed < FIRST_DEGREE ? FIRST_DEGREE : needed > LARGEST_DEGREE ? LARGEST_DEGREE : (int)needed;
}

static cf_status iterate_block(Block *b, double *residual) {
    double bound = 0.5;
    int degree = FIRST_DEGREE;
    draw_block(b);
    for (int iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
        FAIL_IF(b->job->progress && !b->job->progress(0, b->job->progress_context), CF_INTERRUPTED,
                "stopped while looking for eigenvectors");
        filter_block(b, bound, degree);
        orthonormalise(b);
        rayleigh_ritz(b);
        *residual = largest_residual(b);
        if (*residual <= b->job->tolerance) break;
        bound = fmin(fmax(b->values[b->m - 1], -0.5), 0.9999999);
        degree = degree_for(b, bound);
    }
    return CF_OK;
}

cf_status eigen_largest(const EigenJob *job, double *values, double *vectors, double *residual) {
    const size_t n = job->matrix->n;
    const int m = job->count + GUARD;
    const size_t entries = (size_t)(m * m);
    AUTO(block_free) Block b = {.job = job, .n = n, .m = m, .wanted = job->count, .pieces = (n + ROWS - 1) / ROWS};
    FAIL_IF(m > EIGEN_MOST || (size_t)m >= n, CF_INTERNAL, "%d eigenvectors of %zu rows", job->count, n);
    FORWARD(memory_new(n * (size_t)m, sizeof *b.x, &b.x));
    FORWARD(memory_new(n * (size_t)m, sizeof *b.y, &b.y));
    FORWARD(memory_new(b.pieces * entries, sizeof *b.sums, &b.sums));
    FORWARD(memory_new(entries, sizeof *b.gram, &b.gram));
    FORWARD(memory_new(entries, sizeof *b.turn, &b.turn));
    FORWARD(memory_new((size_t)m, sizeof *b.values, &b.values));
    FORWARD(iterate_block(&b, residual));
    for (int c = 0; c < b.wanted; c++) {
        values[c] = b.values[c];
        for (size_t i = 0; i < n; i++) vectors[(size_t)c * n + i] = b.x[i * (size_t)m + (size_t)c];
        make_largest_positive(vectors + (size_t)c * n, n);
    }
    return CF_OK;
}

size_t eigen_memory(size_t n, int count) {
    return 2 * n * (size_t)(count + GUARD) * sizeof(double);
}
