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

/* scipy 1.17.1: 2 * stats.t.sf(abs(t), degrees). */
static void test_student_p(void **state) {
    static const double rows[][3] = {{1, 1, 0.5},
                                     {2.5, 0.7, 0.543404943189548},
                                     {7.3, 2.1, 0.0722467134248534},
                                     {29, -3, 0.005499192133903412},
                                     {3.999, 12, 0.00027682297716494176},
                                     {150.5, 0.01, 0.9920345308289736},
                                     {12.2, 40, 2.5871800847770184e-14}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_near(student_t_p(rows[i][0], rows[i][1]), rows[i][2], 1e-10 * rows[i][2]);
    assert_true(student_t_p(4, 0) == 1 && student_t_p(4, INFINITY) == 0);
    for (int degrees = 1; degrees < 40; degrees++) /* the two ways to the same distribution */
        assert_near(student_t_p(degrees, student_t_multiple(degrees, 0.95)), 0.05, 1e-12);
}

static void check_difference(const MeanDifference *d, const double wanted[5]) {
    assert_near(d->t, wanted[0], 1e-9);
    assert_near(d->p, wanted[1], 1e-9);
    assert_near(d->degrees, wanted[2], 1e-9);
    assert_near(d->low, wanted[3], 1e-9);
    assert_near(d->high, wanted[4], 1e-9);
}

/* scipy 1.17.1: r = stats.ttest_rel(a, b), stats.ttest_ind(a, c, equal_var=False), stats.ttest_ind(a[:2], b, equal_var=False);
 * r.statistic, r.pvalue, r.df, r.confidence_interval(). */
static void test_t_tests(void **state) {
    static const double a[] = {0.9712, 0.9698, 0.9731, 0.9704, 0.9689}, b[] = {0.9701, 0.9702, 0.9699, 0.9688, 0.9676},
                        c[] = {0.9655, 0.9712, 0.9640};
    (void)state;
    const MeanDifference paired = paired_t_test(a, b, 5), welch = welch_t_test(a, 5, c, 3),
                         few = welch_t_test(a, 2, b, 5);
    check_difference(&paired, (const double[]){2.3653068185835258, 0.07721480135422408, 4, -0.0002363955768453984,
                                               0.0029563955768454097});
    check_difference(&welch, (const double[]){1.6392384571422691, 0.22043904901239705, 2.43068579862379,
                                              -0.004633604525867099, 0.01219360452586711});
    check_difference(&few, (const double[]){1.3741382880614834, 0.2961623282067127, 2.1290335236231432,
                                            -0.0023082678695278804, 0.004668267869527798});
    /* By hand: differences 1 and 3 have the mean 2 and the standard error 1; one degree is Cauchy's distribution. */
    const MeanDifference hand = paired_t_test((const double[]){1, 3}, (const double[]){0, 0}, 2);
    check_difference(&hand,
                     (const double[]){2, 1 - 2 * atan(2) / M_PI, 1, 2 - tan(0.475 * M_PI), 2 + tan(0.475 * M_PI)});
    /* Nothing varies. */
    const MeanDifference same = paired_t_test(a, a, 5),
                         apart = welch_t_test((const double[]){1, 1}, 2, (const double[]){2, 2, 2}, 3);
    assert_true(same.p == 1 && same.low == 0 && same.high == 0 && same.t == 0);
    assert_true(apart.p == 0 && apart.low == -1 && apart.high == -1 && isinf(apart.t));
    assert_true(isnan(paired_t_test(a, b, 1).p) && isnan(welch_t_test(a, 1, b, 5).low));
    assert_near(paired_t_test(a, b, 1).difference, 0.0011, 1e-12);
}

/* scipy 1.17.1: for each difference d the likeliest share q that speaks for the other alone by
 * optimize.minimize_scalar(-log likelihood, bounds=(max(0, -d), (1 - d) / 2)), and the ends by
 * optimize.brentq(lambda d: (b - c - n * d) / sqrt(n * (2 * q(d) + d * (1 - d))) -+ 1.959964, ..). The first row is Tango's own example. */
static void test_paired_difference(void **state) {
    static const double rows[][5] = {{12, 2, 50, 0.061112405902071724, 0.3447087487545367},
                                     {0, 0, 30, -0.11351339476143023, 0.1135133947614302},
                                     {5, 0, 20, 0.04859354965224016, 0.4687008793925886},
                                     {43, 40, 10000, -0.00151925696552588, 0.002132182757656283},
                                     {300, 100, 1000, 0.16263999478622315, 0.23709287468781115},
                                     {1, 9, 100, -0.15407776134238363, -0.02264850530313904}};
    double low, high, other_low, other_high;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const size_t one = (size_t)rows[i][0], other = (size_t)rows[i][1], n = (size_t)rows[i][2];
        paired_difference_interval(one, other, n, &low, &high);
        assert_near(low, rows[i][3], 1e-7);
        assert_near(high, rows[i][4], 1e-7);
        paired_difference_interval(other, one, n, &other_low, &other_high);
        assert_near(other_low, -high, 1e-12);
        assert_near(other_high, -low, 1e-12);
    }
    /* By hand: where no pair speaks for either, d of n (|d| - d^2) z^2 = n^2 d^2 is z^2 / (n + z^2). */
    paired_difference_interval(0, 0, 1000, &low, &high);
    assert_near(high, 1.959964 * 1.959964 / (1000 + 1.959964 * 1.959964), 1e-12);
    paired_difference_interval(7, 0, 7, &low, &high);
    assert_true(low > 0 && high <= 1);
    paired_difference_interval(0, 0, 0, &low, &high);
    assert_true(low == -1 && high == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_student_t), cmocka_unit_test(test_means),
                                       cmocka_unit_test(test_sign),      cmocka_unit_test(test_student_p),
                                       cmocka_unit_test(test_t_tests),   cmocka_unit_test(test_paired_difference),
                                       cmocka_unit_test(test_wilson)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
