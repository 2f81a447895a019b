#include "eval/eval_golden.h"

#include "eval/calibration.h"
#include "eval/metrics.h"

#include <float.h>

static void test_golden(void **state) {
    (void)state;
    json_t *golden = golden_read();
    const json_t *bins = json_object_get(golden, "bins");
    const Predictions test = golden_predictions(golden, "test"), validation = golden_predictions(golden, "validation");
    Calibration plain, scaled;
    Temperature temperature;
    size_t filled = 0;
    assert_ok(calibration_measure(&test, 1, CALIBRATION_BINS, &plain));
    assert_near(plain.ece, golden_number(golden, "ece"), 1e-12);
    assert_near(plain.brier, golden_number(golden, "brier"), 1e-12);
    assert_near(plain.loss, golden_number(golden, "loss"), 1e-12);
    for (int b = 0; b < plain.bins; b++) {
        if (!plain.bin[b].count) continue;
        assert_near(b, golden_at(bins, filled, 0), 0);
        assert_near((double)plain.bin[b].count, golden_at(bins, filled, 1), 0);
        assert_near(plain.bin[b].confidence, golden_at(bins, filled, 2), 1e-12);
        assert_near(plain.bin[b].accuracy, golden_at(bins, filled, 3), 1e-12);
        filled++;
    }
    assert_int_equal(filled, json_array_size(bins));
    assert_ok(temperature_fit(&validation, &temperature));
    assert_null(temperature.missing);
    /* scipy's minimiser compares losses, which are flat around the minimum: about the square root of a double's digits. */
    assert_near(temperature.value, golden_number(golden, "temperature"), 1e-6);
    assert_ok(calibration_measure(&test, temperature.value, CALIBRATION_BINS, &scaled));
    assert_near(scaled.loss, golden_number(golden, "loss_scaled"), 1e-5);
    assert_near(scaled.ece, golden_number(golden, "ece_scaled"), 1e-6);
    predictions_release(&test);
    predictions_release(&validation);
    json_decref(golden);
}

static void test_wilson_against_golden(void **state) {
    (void)state;
    json_t *golden = golden_read();
    const json_t *rows = json_object_get(golden, "wilson");
    assert_int_equal(json_array_size(rows), 5);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        double low, high;
        wilson_interval((size_t)golden_at(rows, i, 0), (size_t)golden_at(rows, i, 1), &low, &high);
        assert_near(low, golden_at(rows, i, 2), 1e-8); /* our z has seven digits */
        assert_near(high, golden_at(rows, i, 3), 1e-8);
    }
    json_decref(golden);
}

static void test_by_hand(void **state) {
    (void)state;
    /* Two bins. (0.5, 1] holds 0.75 right, 0.625 wrong: |1/2 - 0.6875| = 0.1875; (0, 0.5] holds 0.5, an edge, right: 0.5. */
    static const float p[] = {0.75f, 0.25f, 0.375f, 0.625f, 0.5f, 0.5f};
    static const uint16_t labels[] = {0, 0, 0};
    Calibration c;
    assert_ok(calibration_measure(&(Predictions){p, labels, 3, 2}, 1, 2, &c));
    assert_int_equal(c.bin[0].count, 1);
    assert_int_equal(c.bin[1].count, 2);
    assert_near(c.bin[0].confidence, 0.5, 0);
    assert_near(c.bin[0].accuracy, 1, 0);
    assert_near(c.bin[1].confidence, 0.6875, 0);
    assert_near(c.bin[1].accuracy, 0.5, 0);
    assert_near(c.ece, (1 * 0.5 + 2 * 0.1875) / 3, 1e-15);
    assert_near(c.brier, (2 * 0.0625 + 2 * 0.390625 + 2 * 0.25) / 3, 1e-15);
    assert_near(c.loss, -(log(0.75) + log(0.375) + log(0.5)) / 3, 1e-15);
}

static void test_temperature_by_hand(void **state) {
    (void)state;
    /* Confidence 0.9 = a logit of ln 9, right in three of four: the loss is lowest where the confidence is 3/4, a logit of
     * ln 3. So T = ln 9 / ln 3 = 2, and then the error is 0. */
    static const float p[] = {0.9f, 0.1f, 0.9f, 0.1f, 0.1f, 0.9f, 0.9f, 0.1f};
    static const uint16_t labels[] = {0, 0, 1, 1};
    const Predictions predictions = {p, labels, 4, 2};
    Temperature temperature;
    Calibration c;
    assert_ok(temperature_fit(&predictions, &temperature));
    assert_near(temperature.value, 2, 1e-6); /* 0.9f is not 0.9 */
    assert_ok(calibration_measure(&predictions, temperature.value, CALIBRATION_BINS, &c));
    assert_near(c.ece, 0, 1e-8);
    assert_near(c.loss, -(3 * log(0.75) + log(0.25)) / 4, 1e-8);
}

static void test_extremes(void **state) {
    (void)state;
    /* Confidence 1, right and wrong; the first bin and the last; three classes of 1/3. */
    static const float sure[] = {1, 0, 1, 0}, third[] = {1.0f / 3, 1.0f / 3, 1.0f / 3}, one[] = {1, 1};
    static const uint16_t labels[] = {0, 1};
    Calibration c;
    assert_ok(calibration_measure(&(Predictions){sure, labels, 2, 2}, 1, CALIBRATION_BINS, &c));
    assert_int_equal(c.bin[CALIBRATION_BINS - 1].count, 2);
    assert_near(c.ece, 0.5, 0);
    assert_near(c.brier, 1, 0);
    assert_near(c.loss, -log((double)FLT_MIN) / 2, 1e-12);
    assert_ok(calibration_measure(&(Predictions){sure, labels, 2, 2}, 4, CALIBRATION_BINS, &c));
    assert_true(isfinite(c.loss) && isfinite(c.ece));
    /* As far from a probability as rounding may go: above 1, and nothing at all. */
    static const float above[] = {1.00005f, 0, 0, 0};
    assert_ok(calibration_measure(&(Predictions){above, labels, 2, 2}, 1, CALIBRATION_BINS, &c));
    assert_int_equal(c.bin[CALIBRATION_BINS - 1].count, 1);
    assert_int_equal(c.bin[0].count, 1);
    assert_ok(calibration_measure(&(Predictions){third, labels, 1, 3}, 1, 1, &c));
    assert_int_equal(c.bin[0].count, 1);
    assert_near(c.ece, 2.0 / 3, 1e-7);
    /* One class only: always right, always sure. */
    static const uint16_t zeros[] = {0, 0};
    assert_ok(calibration_measure(&(Predictions){one, zeros, 2, 1}, 1, CALIBRATION_BINS, &c));
    assert_true(c.ece == 0 && c.brier == 0 && c.loss == 0);
}

static void test_no_temperature(void **state) {
    (void)state;
    static const float right[] = {0.75f, 0.25f, 0.375f, 0.625f}, even[] = {0.5f, 0.5f, 0.5f, 0.5f}, one[] = {1, 1};
    static const float sure[] = {1, 0, 0, 1};
    static const uint16_t labels[] = {0, 1}, swapped[] = {1, 0}, zeros[] = {0, 0};
    const Predictions cases[] = {
        {right, labels, 2, 2}, {even, labels, 2, 2}, {one, zeros, 2, 1}, {sure, labels, 2, 2}, {right, swapped, 2, 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Temperature temperature = {1, NULL};
        assert_ok(temperature_fit(&cases[i], &temperature));
        assert_near(temperature.value, 0, 0);
        assert_non_null(temperature.missing);
    }
}

static void test_refusals(void **state) {
    (void)state;
    const float broken[] = {0.5f, NAN}, below[] = {1, -0.5f}, above[] = {0.5f, 1.5f}, good[] = {0.5f, 0.5f};
    const uint16_t label = 0, beyond = 2;
    Calibration c;
    Temperature t;
    assert_fails(calibration_measure(&(Predictions){broken, &label, 1, 2}, 1, 15, &c), CF_BAD_INPUT, "class number 1");
    assert_fails(calibration_measure(&(Predictions){below, &label, 1, 2}, 1, 15, &c), CF_BAD_INPUT, "-0.5");
    assert_fails(calibration_measure(&(Predictions){above, &label, 1, 2}, 1, 15, &c), CF_BAD_INPUT, "1.5");
    assert_fails(calibration_measure(&(Predictions){good, &label, 0, 2}, 1, 15, &c), CF_BAD_USE, "no example");
    assert_fails(calibration_measure(&(Predictions){good, &beyond, 1, 2}, 1, 15, &c), CF_INTERNAL, "label 2");
    assert_fails(calibration_measure(&(Predictions){good, &label, 1, 2}, 0, 15, &c), CF_INTERNAL, "temperature");
    assert_fails(calibration_measure(&(Predictions){good, &label, 1, 2}, (double)NAN, 15, &c), CF_INTERNAL,
                 "temperature");
    assert_fails(calibration_measure(&(Predictions){good, &label, 1, 2}, 1, 101, &c), CF_INTERNAL, "101 bins");
    assert_fails(temperature_fit(&(Predictions){broken, &label, 1, 2}, &t), CF_BAD_INPUT, "nan");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_wilson_against_golden),
        cmocka_unit_test(test_by_hand),  cmocka_unit_test(test_temperature_by_hand),
        cmocka_unit_test(test_extremes), cmocka_unit_test(test_no_temperature),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
