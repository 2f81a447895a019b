/* Products outside of a network, by the kernels of product_kernels.h; b is packed on the stack, part by part. */
#include "nn/cpu/matrix_product.h"

#include "base/numbers.h"
#include "nn/cpu/cpu.h"

static void multiply_panel(const ProductKernels *kernels, size_t m, size_t columns, size_t k, const char *a,
                           const char *b, float *c, size_t n) {
    _Alignas(64) float right[PRODUCT_BLOCK * PRODUCT_PANEL];
    const size_t element = kernels->element, most = PRODUCT_BLOCK * PRODUCT_WORD / element;
    for (size_t from = 0; from < k; from += most) {
        const size_t length = smaller_size(most, k - from);
        Product p = product_of_rows(kernels, a + from * element, m, length, k);
        kernels->pack(&(Packing){.from = b + from * element,
                                 .transposed = true,
                                 .step = k,
                                 .length = length,
                                 .columns = columns,
                                 .to = right});
        p.columns = columns, p.right = right;
        p.sum = c, p.sum_row = n, p.add = from > 0;
        kernels->multiply(&p);
    }
}

static void multiply(const ProductKernels *kernels, size_t m, size_t n, size_t k, const void *a, const void *b,
                     float *c) {
    for (size_t j = 0; j < n; j += kernels->panel)
        multiply_panel(kernels, m, smaller_size(kernels->panel, n - j), k, a,
                       (const char *)b + j * k * kernels->element, c + j, n);
}

void matrix_product(int m, int n, int k, const float *a, const float *b, float *c) {
    multiply(cpu_kernel_set(cpu_engine()->kernels)->product, (size_t)m, (size_t)n, (size_t)k, a, b, c);
}

bool matrix_product_has_bf16(void) {
    return cpu_engine_bf16() != NULL;
}

void matrix_product_bf16(int m, int n, int k, const uint16_t *a, const uint16_t *b, float *c) {
    multiply(cpu_kernel_set(cpu_engine_bf16()->kernels)->product, (size_t)m, (size_t)n, (size_t)k, a, b, c);
}
