/* Eigenvalues of a small symmetric matrix. */
#ifndef EMBED_SYMMETRIC_H
#define EMBED_SYMMETRIC_H

/* All of them by Jacobi's rotations (Golub, Van Loan, 8.5): a[n][n] is destroyed, values[n] descending, vectors[n][n]
 * a row each. For n up to some hundred. */
void symmetric_eigen(double *a, int n, double *values, double *vectors);

#endif
