/* A matrix product outside of a network: distances, covariances. */
#ifndef NN_CPU_MATRIX_PRODUCT_H
#define NN_CPU_MATRIX_PRODUCT_H

#include "base/status.h"

/* c[m][n] = a[m][k] . b[n][k]^T, every sum in float32. Runs on the calling thread alone if that is one of slices_run's, where it
 * belongs. The order of a sum depends on the sizes and the processor, not on who calls. */
cf_status matrix_product(int m, int n, int k, const float *a, const float *b, float *c);
/* The specification: plain loops, k ascending. */
void matrix_product_reference(int m, int n, int k, const float *a, const float *b, float *c);

#endif
