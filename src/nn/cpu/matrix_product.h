/* A matrix product outside of a network: distances, covariances. */
#ifndef NN_CPU_MATRIX_PRODUCT_H
#define NN_CPU_MATRIX_PRODUCT_H

#include "base/status.h"

/* c[m][n] = a[m][k] . b[n][k]^T, every sum in float32. Runs on the calling thread alone if that is one of
 * slices_run's, where it belongs. The order of a sum depends on the sizes and the processor, not on who calls. */
cf_status matrix_product(int m, int n, int k, const float *a, const float *b, float *c);
/* The specification: plain loops, k ascending. */
void matrix_product_reference(int m, int n, int k, const float *a, const float *b, float *c);

/* The same product of bfloat16 values for fixed sizes, with float32 sums: of whole numbers up to 256, whose products
 * are exact, at twice the speed. *product is NULL where the processor has no such instructions. */
typedef struct HalfProduct HalfProduct;
cf_status half_product_new(int m, int n, int k, int threads, HalfProduct **product);
void half_product_free(HalfProduct *product);
/* Within slices_run; `thread` as it gives it. */
cf_status half_product_run(HalfProduct *product, int thread, const uint16_t *a, const uint16_t *b, float *c);

#endif
