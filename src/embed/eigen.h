/* Eigenvalues of symmetric matrices: all of a small one, the largest of a large sparse one. */
#pragma once

#include "embed/points.h"

/* All eigenvalues of a small matrix by Jacobi's rotations (Golub, Van Loan, 8.5): a[n][n] is destroyed, values[n] descending, vectors[n][n]
 * a row each. For n up to some hundred. */
void symmetric_eigen(double *a, int n, double *values, double *vectors);

/* Turns a vector so that its entry largest in magnitude, the first of equals, is positive. */
void make_largest_positive(double *vector, size_t n);

/* The largest eigenvalues of a large sparse symmetric matrix, by Chebyshev-filtered subspace iteration.
 *
 * A block of vectors is multiplied by a polynomial of the matrix that is small on the unwanted eigenvalues and grows fast above
 * them (Zhou, Saad, Tiago, Chelikowsky 2006), made orthonormal, and turned to the best vectors within its space
 * (Rayleigh-Ritz); then again with the bound between wanted and unwanted that this shows. A block finds eigenvalues that are
 * equal, or nearly so, as graphs with clusters have them, and one pass over the matrix serves all its vectors. */

enum { EIGEN_MOST = 96 }; /* eigenvalues asked for, and the vectors beside them */

/* Compressed rows; all eigenvalues must be within -1 .. 1. */
typedef struct SparseMatrix {
    size_t n;
    const size_t *start; /* [n + 1] */
    const uint32_t *column;
    const float *value;
} SparseMatrix;

typedef struct EigenJob {
    const SparseMatrix *matrix;
    const double *known; /* [n], an eigenvector of length 1 that is not to be found again; NULL: none */
    int count;           /* wanted; count + 6 < n */
    double tolerance;    /* largest length of M v - value v */
    uint64_t seed;
    int threads;
    FractionFn progress; /* told 0 now and then, for being stopped */
    void *progress_context;
} EigenJob;

/* values [count], largest first; vectors [count][n] of length 1, with the entry largest in magnitude (the first of equals)
 * positive. `residual`: the largest length of M v - value v; above the tolerance where the iteration ended without success. */
cf_status eigen_largest(const EigenJob *job, double *values, double *vectors, double *residual);

/* Bytes that eigen_largest takes, the matrix not counted. */
size_t eigen_memory(size_t n, int count);
