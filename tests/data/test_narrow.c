#include "golden.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/narrow.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double noise(size_t i) {
    RngStream stream = rng_stream(5, RNG_SPLIT, 1, 1);
    return rng_normal(&stream, i);
}

static cf_status copy_part(void *source, size_t first, size_t count, double *part) {
    memcpy(part, (const double *)source + first, count * sizeof *part);
    return CF_OK;
}

static void narrowed(double *rows, size_t n, int dim, const RowsFrame *frame, float *values, double **offset,
                     NarrowLoss *loss) {
    NpyRows made = {.n = n, .dim = dim};
    assert_ok(narrow_rows(copy_part, rows, false, frame, &made));
    memcpy(values, made.values, n * (size_t)dim * sizeof *values);
    *offset = made.offset;
    *loss = made.loss;
    free(made.values);
}

static const RowsFrame distances = {.angles = false}, angles = {.angles = true}, stay = {.stay = true};

/* Column 0 around 1.7e9 with details of 1, column 1 around 0, column 2 around 1e12 with details of 1e-3. */
static double *far_rows(size_t n) {
    double *rows;
    assert_ok(memory_new(n * 3, sizeof *rows, &rows));
    for (size_t i = 0; i < n; i++) {
        rows[3 * i] = 1.7e9 + noise(3 * i);
        rows[3 * i + 1] = noise(3 * i + 1);
        rows[3 * i + 2] = 1e12 + 1e-3 * noise(3 * i + 2);
    }
    return rows;
}

static void test_distances_survive(void **state) {
    (void)state;
    enum { N = 500 };
    double *rows = far_rows(N), *offset, *again;
    float values[3 * N], moved[3 * N];
    NarrowLoss loss;
    narrowed(rows, N, 3, &distances, values, &offset, &loss);
    assert_non_null(offset);
    assert_near(offset[0], 1.7e9, 10);
    assert_true(offset[1] == 0);
    assert_near(offset[2], 1e12, 1);
    for (size_t i = 1; i < N; i++)
        for (size_t d = 0; d < 3; d++) {
            const double before = rows[3 * i + d] - rows[3 * i - 3 + d];
            assert_near((double)values[3 * i + d] - (double)values[3 * i - 3 + d], before, 1e-6);
        }
    assert_int_equal(loss.different, N);
    assert_int_equal(loss.merged, 0);
    assert_true(loss.sampled > 200 && loss.changed == 0);
    /* An offset is two floats, and what it was given to comes to lie among the first rows. */
    for (size_t d = 0; d < 3; d++) {
        const float high = (float)offset[d];
        assert_true((double)high + (double)(float)(offset[d] - (double)high) == offset[d]);
    }
    const RowsFrame frame = {.offset = offset, .dim = 3};
    narrowed(rows, N, 3, &frame, moved, &again, &loss);
    assert_memory_equal(moved, values, sizeof values);
    assert_memory_equal(again, offset, 3 * sizeof *offset);
    free(offset);
    free(again);
    free(rows);
}

static void test_what_is_not_moved_is_told(void **state) {
    (void)state;
    enum { N = 500 };
    double *rows = far_rows(N), *offset;
    float values[3 * N];
    NarrowLoss loss;
    narrowed(rows, N, 3, &angles, values, &offset, &loss);
    assert_null(offset);
    assert_true(values[0] == (float)rows[0]);
    assert_true(loss.changed > loss.sampled / 2);
    for (size_t i = 0; i < N; i++) rows[3 * i + 1] = 0;
    narrowed(rows, N, 3, &stay, values, &offset, &loss);
    assert_null(offset);
    assert_int_equal(loss.different, N);
    assert_true(loss.merged >= N - 2); /* 1.7e9 and its neighbour */
    free(rows);
}

/* A column of details of 1e-3, half of it 1e9 away: more than a float32 can hold, whatever is taken off. */
static void test_too_wide_is_told(void **state) {
    (void)state;
    enum { N = 400 };
    double rows[N], *offset;
    float values[N];
    NarrowLoss loss;
    for (size_t i = 0; i < N; i++) rows[i] = 1e9 * (double)(i % 2) + 1e-3 * noise(i);
    narrowed(rows, N, 1, &distances, values, &offset, &loss);
    free(offset);
    assert_true(loss.different > N - 10); /* doubles around 1e9 have their steps, too */
    assert_true(loss.merged > N / 2 - 10 && loss.merged < N / 2);
}

static void test_a_few_far_values_do_not_matter(void **state) {
    (void)state;
    enum { N = 400 };
    double rows[N], *offset;
    float values[N];
    NarrowLoss loss;
    for (size_t i = 0; i < N; i++) rows[i] = i % 20 ? 1.7e9 + noise(i) : 0; /* 0: no time is known */
    narrowed(rows, N, 1, &distances, values, &offset, &loss);
    assert_non_null(offset);
    assert_near(offset[0], 1.7e9, 10);
    assert_int_equal(loss.merged, 0);
    free(offset);
}

/* float32 numbers in any type, and what gains nothing, are the nearest floats, as ever. */
static void test_nothing_is_moved_without_need(void **state) {
    (void)state;
    enum { N = 300 };
    double rows[N], *offset;
    float values[N];
    NarrowLoss loss;
    for (size_t i = 0; i < N; i++) rows[i] = 1e9 + 64 * (double)(i % 7);
    narrowed(rows, N, 1, &distances, values, &offset, &loss);
    assert_null(offset);
    for (size_t i = 0; i < N; i++) assert_true((double)values[i] == rows[i]);
    assert_int_equal(loss.different, 0); /* not looked at */
    for (size_t i = 0; i < N; i++) rows[i] = 2 + noise(i);
    narrowed(rows, N, 1, &distances, values, &offset, &loss);
    assert_null(offset);
    for (size_t i = 0; i < N; i++) assert_true(values[i] == (float)rows[i]);
    assert_int_equal(loss.merged, 0);
}

static void test_odd_values(void **state) {
    (void)state;
    double rows[6] = {1e9 + 0.1, NAN, 1e9 + 0.2, INFINITY, 1e9 + 0.3, 1e300}, *offset;
    float values[6];
    NarrowLoss loss;
    narrowed(rows, 6, 1, &distances, values, &offset, &loss);
    assert_null(offset);
    assert_true(isnan(values[1]) && isinf(values[3]) && values[5] == FLT_MAX); /* a number stays one */
    narrowed(rows, 1, 6, &distances, values, &offset, &loss);
    free(offset);
    const double three[3] = {1, 2, 3};
    const RowsFrame frame = {.offset = three, .dim = 3};
    NpyRows rows_of_four = {.n = 1, .dim = 4};
    assert_fails(narrow_rows(copy_part, rows, false, &frame, &rows_of_four), CF_BAD_USE,
                 "rows of 3 values were expected, and these have 4");
}

/* Values are read in parts of 2^14: a row of 3 lies in two of them. */
static void test_rows_that_lie_in_two_parts(void **state) {
    (void)state;
    enum { N = 500, TIMES = 40 };
    AUTO_FREE double *once = far_rows(N);
    AUTO_FREE double *rows = NULL;
    AUTO_FREE double *offset = NULL;
    AUTO_FREE float *values = NULL;
    NarrowLoss loss;
    assert_ok(memory_new(3 * N * TIMES, sizeof *rows, &rows));
    assert_ok(memory_new(3 * N * TIMES, sizeof *values, &values));
    for (size_t i = 0; i < 3 * N * TIMES; i++) rows[i] = once[i % (3 * N)];
    narrowed(rows, N * TIMES, 3, &distances, values, &offset, &loss);
    assert_non_null(offset);
    assert_near(offset[2], 1e12, 1);
    assert_int_equal(loss.different, N);
    assert_int_equal(loss.merged, 0);
    for (size_t i = 3 * N; i < 3 * N * TIMES; i++) assert_true(values[i] == values[i % (3 * N)]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances_survive),
        cmocka_unit_test(test_what_is_not_moved_is_told),
        cmocka_unit_test(test_too_wide_is_told),
        cmocka_unit_test(test_a_few_far_values_do_not_matter),
        cmocka_unit_test(test_nothing_is_moved_without_need),
        cmocka_unit_test(test_odd_values),
        cmocka_unit_test(test_rows_that_lie_in_two_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
