/* Intervals and the paired test against scipy and statsmodels (tests/golden/make_tune_golden.py) and cases worked by hand. */
#include "base/statistics.h"
#include "golden.h"
#include "testing.h"

static void test_student_t(void **state) {
    (void)state;
    json_t *golden = golden_open("tune_golden.json");
    const json_t *rows = json_object_get(golden, "student_t");
    assert_int_equal(json_array_size(rows), 10);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const double wanted = golden_cell(rows, i, 2);
        assert_near(student_t_multiple((int)golden_cell(rows, i, 0), golden_cell(rows, i, 1)), wanted, 1e-9 * wanted);
    }
    json_decref(golden);
    /* One degree is Cauchy's distribution: half of it lies within 1. */
    assert_near(student_t_multiple(1, 0.5), 1, 1e-12);
}

static void test_means(void **state) {
    (void)state;
    json_t *golden = golden_open("tune_golden.json"), *item;
    size_t i;
    json_array_foreach(json_object_get(golden, "means"), i, item) {
        const json_t *list = json_object_get(item, "values");
        double values[16];
        const size_t count = json_array_size(list);
        for (size_t k = 0; k < count; k++) values[k] = json_number_value(json_array_get(list, k));
        const MeanInterval m = mean_interval(values, count);
        assert_int_equal(m.count, count);
        assert_near(m.mean, golden_number(item, "mean"), 1e-12);
        assert_near(m.deviation, golden_number(item, "deviation"), 1e-12);
        assert_near(m.low, golden_number(item, "low"), 1e-9);
        assert_near(m.high, golden_number(item, "high"), 1e-9);
    }
    json_decref(golden);
    const double one = 3;
    const MeanInterval single = mean_interval(&one, 1), none = mean_interval(&one, 0);
    assert_true(single.mean == 3 && isnan(single.low) && isnan(single.high) && isnan(single.deviation));
    assert_true(none.count == 0 && isnan(none.mean));
}

static void test_sign(void **state) {
    (void)state;
    json_t *golden = golden_open("tune_golden.json");
    const json_t *rows = json_object_get(golden, "sign");
    assert_int_equal(json_array_size(rows), 9);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const double wanted = golden_cell(rows, i, 2);
        assert_near(sign_test_p((size_t)golden_cell(rows, i, 0), (size_t)golden_cell(rows, i, 1)), wanted,
                    1e-9 * wanted);
    }
    json_decref(golden);
    assert_true(sign_test_p(0, 0) == 1);
    assert_near(sign_test_p(0, 6), 2.0 / 64, 1e-15);
    assert_near(sign_test_p(5, 1), 2.0 * 7 / 64, 1e-15);
    /* So many that the power of two alone would be below what a double can hold. */
    assert_near(sign_test_p(5000, 5100), 0.3245, 0.001);
    assert_true(sign_test_p(0, 100000) == 0);
}

static void test_wilson(void **state) {
    (void)state;
    json_t *golden = golden_open("tune_golden.json");
    const json_t *rows = json_object_get(golden, "wilson");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        double low, high;
        wilson_interval((size_t)golden_cell(rows, i, 0), (size_t)golden_cell(rows, i, 1), &low, &high);
        assert_near(low, golden_cell(rows, i, 2), 1e-6);
        assert_near(high, golden_cell(rows, i, 3), 1e-6);
    }
    json_decref(golden);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_student_t), cmocka_unit_test(test_means),
                                       cmocka_unit_test(test_sign), cmocka_unit_test(test_wilson)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
