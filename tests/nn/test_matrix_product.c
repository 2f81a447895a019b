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

static const int sizes[][3] = {{1, 1, 1}, {3, 5, 7}, {64, 48, 33}, {130, 257, 100}, {16, 512, 784}, {7, 70, 1025}};

static void test_equals_the_reference(void **state) {
    (void)state;
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        const int m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
        const size_t count = (size_t)m * (size_t)n;
        float *a = whole_numbers((size_t)(m * k), 100, 1), *b = whole_numbers((size_t)(n * k), 100, 2), *got, *wanted;
        assert_ok(memory_new(count + 1, sizeof *got, &got));
        assert_ok(memory_new(count, sizeof *wanted, &wanted));
        got[count] = -5;
        matrix_product(m, n, k, a, b, got);
        matrix_product_reference(m, n, k, a, b, wanted);
        assert_memory_equal(got, wanted, count * sizeof *got);
        assert_true(got[count] == -5);
        free(a), free(b), free(got), free(wanted);
    }
}

/* A value is that of its two rows, to the bit, wherever they stand and however many there are. */
static void test_value_is_of_its_rows(void **state) {
    (void)state;
    enum { M = 23, N = 90, K = 301 };
    RngStream stream = rng_stream(3, RNG_SPLIT, 0, 0);
    float *a, *b, *c, alone;
    assert_ok(memory_new(M * K, sizeof *a, &a));
    assert_ok(memory_new(N * K, sizeof *b, &b));
    assert_ok(memory_new(M * N, sizeof *c, &c));
    for (size_t i = 0; i < M * K; i++) a[i] = rng_uniform(&stream, i) - 0.5f;
    for (size_t i = 0; i < N * K; i++) b[i] = rng_uniform(&stream, M * K + i) - 0.5f;
    matrix_product(M, N, K, a, b, c);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            matrix_product(1, 1, K, a + i * K, b + j * K, &alone);
            assert_memory_equal(&alone, c + i * N + j, sizeof alone);
        }
    free(a), free(b), free(c);
}

static uint16_t *halves(const float *values, size_t count) {
    uint16_t *made;
    assert_ok(memory_new(count + 1, sizeof *made, &made));
    made[count] = 0x7fc0; /* a NaN, so that one read too far is seen */
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        made[i] = (uint16_t)(bits >> 16);
    }
    return made;
}

static void test_bf16_of_whole_numbers_is_exact(void **state) {
    (void)state;
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        const int m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
        const size_t count = (size_t)m * (size_t)n;
        if (!matrix_product_has_bf16()) {
            printf("SKIPPED: products in bfloat16 (this processor has no instructions for it)\n");
            return;
        }
        float *a = whole_numbers((size_t)(m * k), 140, 1), *b = whole_numbers((size_t)(n * k), 140, 2), *got, *wanted;
        uint16_t *half_a = halves(a, (size_t)(m * k)), *half_b = halves(b, (size_t)(n * k));
        assert_ok(memory_new(count + 1, sizeof *got, &got));
        assert_ok(memory_new(count, sizeof *wanted, &wanted));
        got[count] = -5;
        matrix_product_bf16(m, n, k, half_a, half_b, got);
        matrix_product_reference(m, n, k, a, b, wanted); /* below 2^24, so float sums are exact */
        assert_memory_equal(got, wanted, count * sizeof *got);
        assert_true(got[count] == -5);
        free(a), free(b), free(half_a), free(half_b), free(got), free(wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_reference),
        cmocka_unit_test(test_value_is_of_its_rows),
        cmocka_unit_test(test_bf16_of_whole_numbers_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
