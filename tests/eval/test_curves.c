#include "eval/eval_golden.h"

#include "base/files.h"
#include "eval/curves.h"

#include <string.h>

static void compare_points(const json_t *golden, int label, const Curve *curve) {
    const json_t *roc = json_array_get(json_object_get(golden, "roc"), (size_t)label),
                 *pr = json_array_get(json_object_get(golden, "pr"), (size_t)label);
    const json_t *fpr = json_object_get(roc, "fpr"), *tpr = json_object_get(roc, "tpr");
    const json_t *precision = json_object_get(pr, "precision"), *recall = json_object_get(pr, "recall");
    assert_int_equal(curve->count, json_array_size(fpr));
    assert_int_equal(curve->count, json_array_size(recall));
    for (size_t i = 0; i < curve->count; i++) {
        assert_near(curve_false_positive_rate(curve, i), golden_at(fpr, i, -1), 1e-12);
        assert_near(curve_recall(curve, i), golden_at(tpr, i, -1), 1e-12);
        assert_near(curve_recall(curve, i), golden_at(recall, i, -1), 1e-12);
        assert_near(curve_precision(curve, i), golden_at(precision, i, -1), 1e-12);
        if (i) assert_near(curve->points[i].threshold, golden_at(json_object_get(roc, "thresholds"), i - 1, -1), 0);
    }
}

static void test_golden(void **state) {
    (void)state;
    json_t *golden = golden_read();
    const json_t *roc = json_object_get(golden, "roc_auc"), *precision = json_object_get(golden, "average_precision");
    const Predictions test = golden_predictions(golden, "test");
    Curves curves;
    int compared = 0;
    assert_ok(curves_new(&test, 0, &curves));
    for (int c = 0; c < curves.classes; c++) {
        double area = golden_at(json_object_get(roc, "per_class"), (size_t)c, -1);
        if (isnan(area)) {
            assert_true(isnan(curves.per_class[c].roc_auc) && isnan(curves.per_class[c].average_precision));
            continue;
        }
        assert_near(curves.per_class[c].roc_auc, area, 1e-12);
        assert_near(curves.per_class[c].average_precision,
                    golden_at(json_object_get(precision, "per_class"), (size_t)c, -1), 1e-12);
        compare_points(golden, c, &curves.per_class[c]);
        compared++;
    }
    assert_int_equal(compared, 4);
    assert_near(curves.macro_roc_auc, golden_number(roc, "macro"), 1e-12);
    assert_near(curves.macro_average_precision, golden_number(precision, "macro"), 1e-12);
    curves_free(&curves);
    predictions_release(&test);
    json_decref(golden);
}

static void test_by_hand(void **state) {
    (void)state;
    /* Class 0: scores 0.75 (positive), 0.5 (one of each), 0.25 (negative). Pairs: 0.75 wins both, 0.5 ties one and wins
     * one: 3.5 of 4. Precision: 1 at recall 1/2, then 2/3 at recall 1: (1 + 2/3) / 2. */
    static const float p[] = {0.5f, 0.5f, 0.75f, 0.25f, 0.25f, 0.75f, 0.5f, 0.5f};
    static const uint16_t labels[] = {0, 0, 1, 1};
    Curves curves;
    assert_ok(curves_new(&(Predictions){p, labels, 4, 2}, 0, &curves));
    const Curve *curve = &curves.per_class[0];
    assert_near(curve->roc_auc, 3.5 / 4, 0);
    assert_near(curve->average_precision, (1 + 2.0 / 3) / 2, 1e-15);
    assert_int_equal(curve->count, 4);
    static const size_t hits[] = {0, 1, 2, 2}, alarms[] = {0, 0, 1, 2};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(curve->points[i].true_positives, hits[i]);
        assert_int_equal(curve->points[i].false_positives, alarms[i]);
    }
    assert_near(curve_precision(curve, 0), 1, 0);
    /* Of two classes the other's scores are the mirror image: the same area. */
    assert_near(curves.per_class[1].roc_auc, 3.5 / 4, 0);
    curves_free(&curves);
    curves_free(&curves);
}

static void test_ends_of_the_scale(void **state) {
    (void)state;
    static const float right[] = {1, 0, 0, 1}, even[] = {0.5f, 0.5f, 0.5f, 0.5f}, one[] = {1, 1};
    static const uint16_t labels[] = {0, 1}, swapped[] = {1, 0}, zeros[] = {0, 0};
    Curves curves;
    assert_ok(curves_new(&(Predictions){right, labels, 2, 2}, 0, &curves)); /* all correct, scores 0 and 1 */
    assert_true(curves.macro_roc_auc == 1 && curves.macro_average_precision == 1);
    curves_free(&curves);
    assert_ok(curves_new(&(Predictions){right, swapped, 2, 2}, 0, &curves)); /* all wrong */
    assert_true(curves.macro_roc_auc == 0 && curves.macro_average_precision == 0.5);
    curves_free(&curves);
    assert_ok(curves_new(&(Predictions){even, labels, 2, 2}, 0, &curves)); /* one tie */
    assert_true(curves.macro_roc_auc == 0.5 && curves.macro_average_precision == 0.5);
    assert_int_equal(curves.per_class[0].count, 2);
    curves_free(&curves);
    /* One class only: no negative to be told from, everything found. */
    assert_ok(curves_new(&(Predictions){one, zeros, 2, 1}, CURVE_STEPS, &curves));
    assert_true(isnan(curves.macro_roc_auc) && curves.macro_average_precision == 1);
    assert_true(isnan(curve_false_positive_rate(&curves.per_class[0], 1)));
    curves_free(&curves);
    const float broken[] = {0.5f, NAN};
    assert_fails(curves_new(&(Predictions){broken, labels, 1, 2}, 0, &curves), CF_BAD_INPUT, "class number 1");
}

/* Thinned curves are short, end where the whole ones end, and leave no larger gap than a step beside what one image does. */
static void test_thinning(void **state) {
    (void)state;
    enum { N = 20000, STEPS = 50 };
    float *p;
    uint16_t *labels;
    Curves whole, thin;
    assert_ok(memory_new(2 * N, sizeof *p, &p));
    assert_ok(memory_new(N, sizeof *labels, &labels));
    for (int i = 0; i < N; i++) {
        labels[i] = i * 7919 % 5 == 0;
        p[2 * i + 1] = ((float)((unsigned)i * 40503u % 65536) + (labels[i] ? 20000.0f : 0)) / 90000.0f;
        p[2 * i] = 1 - p[2 * i + 1];
    }
    const Predictions predictions = {p, labels, N, 2};
    assert_ok(curves_new(&predictions, 0, &whole));
    assert_ok(curves_new(&predictions, STEPS, &thin));
    for (int c = 0; c < 2; c++) {
        const Curve *all = &whole.per_class[c], *few = &thin.per_class[c];
        assert_true(all->count > 10000 && few->count < 8 * STEPS && few->count > STEPS);
        assert_true(few->roc_auc == all->roc_auc && few->average_precision == all->average_precision);
        assert_memory_equal(&few->points[0], &all->points[0], sizeof(CurvePoint));
        assert_memory_equal(&few->points[few->count - 1], &all->points[all->count - 1], sizeof(CurvePoint));
        for (size_t i = 1; i < few->count; i++) {
            const double most = 1.0 / STEPS + 2e-3;
            assert_true(curve_recall(few, i) - curve_recall(few, i - 1) <= most);
            assert_true(curve_false_positive_rate(few, i) - curve_false_positive_rate(few, i - 1) <= most);
        }
    }
    curves_free(&whole);
    curves_free(&thin);
    free(p);
    free(labels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_by_hand), cmocka_unit_test(test_ends_of_the_scale),
        cmocka_unit_test(test_thinning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
