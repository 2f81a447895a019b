/* Products outside of a network: against plain loops, on whole numbers, where every order of a sum gives the same. */
#include "testing.h"

#include "base/memory.h"
#include "base/rng.h"
#include "nn/cpu/matrix_product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float *whole_numbers(size_t count, int largest, uint64_t seed) {
    RngStream stream = rng_stream(seed, RNG_SPLIT, 0, 0);
    float *values;
    assert_ok(memory_new(count, sizeof *values, &values));
    for (size_t i = 0; i < count; i++) values[i] = (float)(int)(rng_uniform(&stream, i) * (float)(largest + 1));
    return values;
}

static const int sizes[][3] = {{1, 1, 1}, {3, 5, 7}, {64, 48, 33}, {130, 257, 100}, {16, 512, 784}};

static void test_equals_the_reference(void **state) {
    (void)state;
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        const int m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
        const size_t count = (size_t)m * (size_t)n;
        float *a = whole_numbers((size_t)(m * k), 100, 1), *b = whole_numbers((size_t)(n * k), 100, 2), *got, *wanted;
        assert_ok(memory_new(count + 1, sizeof *got, &got));
        assert_ok(memory_new(count, sizeof *wanted, &wanted));
        got[count] = -5;
        assert_ok(matrix_product(m, n, k, a, b, got));
        matrix_product_reference(m, n, k, a, b, wanted);
        assert_memory_equal(got, wanted, count * sizeof *got);
        assert_true(got[count] == -5);
        free(a), free(b), free(got), free(wanted);
    }
}

static uint16_t *halves(const float *values, size_t count) {
    uint16_t *made;
    assert_ok(memory_new(count, sizeof *made, &made));
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        made[i] = (uint16_t)(bits >> 16);
    }
    return made;
}

static void test_half_product_of_whole_numbers_is_exact(void **state) {
    (void)state;
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        const int m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
        const size_t count = (size_t)m * (size_t)n;
        HalfProduct *product;
        assert_ok(half_product_new(m, n, k, 2, &product));
        if (!product) {
            printf("SKIPPED: products in bfloat16 (this processor has no instructions for it)\n");
            return;
        }
        float *a = whole_numbers((size_t)(m * k), 140, 1), *b = whole_numbers((size_t)(n * k), 140, 2), *got, *wanted;
        uint16_t *half_a = halves(a, (size_t)(m * k)), *half_b = halves(b, (size_t)(n * k));
        assert_ok(memory_new(count + 1, sizeof *got, &got));
        assert_ok(memory_new(count, sizeof *wanted, &wanted));
        got[count] = -5;
        assert_ok(half_product_run(product, 1, half_a, half_b, got));
        matrix_product_reference(m, n, k, a, b, wanted); /* below 2^24, so float sums are exact */
        assert_memory_equal(got, wanted, count * sizeof *got);
        assert_true(got[count] == -5);
        free(a), free(b), free(half_a), free(half_b), free(got), free(wanted);
        half_product_free(product);
    }
    half_product_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_reference),
        cmocka_unit_test(test_half_product_of_whole_numbers_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
