/* Products outside of a network, by the kernels of product_kernels.h; b is packed on the stack, part by part. */
#include "nn/cpu/matrix_product.h"

#include "base/numbers.h"
#include "nn/cpu/cpu.h"

static void multiply_panel(const ProductKernels *kernels, size_t m, size_t columns, size_t k, const char *a,
                           const char *b, float *c, size_t n) {
    _Alignas(64) float right[PRODUCT_BLOCK * PRODUCT_PANEL];
    const size_t element = kernels->element, most = PRODUCT_BLOCK * PRODUCT_WORD / element,
                 width = product_width(kernels, columns);
    for (size_t from = 0; from < k; from += most) {
        const size_t length = smaller_size(most, k - from);
        kernels->pack(&(Packing){
            .from = b + from * element,
            .transposed = true,
            .step = k,
            .length = length,
            .columns = columns,
            .width = width,
            .to = right,
        });
        kernels->multiply(&(Product){
            .rows = m,
            .columns = columns,
            .words = product_words(kernels, length),
            .left = a + from * element,
            .left_row = k * element,
            .left_word = PRODUCT_WORD,
            .left_ends_half = length * element % PRODUCT_WORD != 0,
            .right = right,
            .width = width,
            .sum = c,
            .sum_row = n,
            .add = from > 0,
        });
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
