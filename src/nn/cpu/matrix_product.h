/* A matrix product outside of a network: distances, covariances. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* c[m][n] = a[m][k] . b[n][k]^T, every sum in float32, k ascending, on the calling thread. A value depends on its two rows and
 * on the processor, not on m, n or where the rows stand. k >= 1. */
void matrix_product(int m, int n, int k, const float *a, const float *b, float *c);
/* The specification: plain loops, k ascending. */
void matrix_product_reference(int m, int n, int k, const float *a, const float *b, float *c);

/* The same of bfloat16 values, whose sums the instruction takes two products at a time: of whole numbers up to 256 these are
 * exact. At twice the speed, where the processor has the instruction. */
bool matrix_product_has_bf16(void);
void matrix_product_bf16(int m, int n, int k, const uint16_t *a, const uint16_t *b, float *c);
