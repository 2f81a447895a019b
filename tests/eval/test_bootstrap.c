/* Intervals against what theory says of them, and the same bits at any number of threads. */
#include "testing.h"

#include "base/rng.h"
#include "eval/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"one", "two", "three"};

/* `count` examples of three classes, about `accuracy` of them right, by `seed`. */
static Evaluation make(size_t count, float accuracy, uint64_t seed) {
    Evaluation e = {
        .count = count, .labels = calloc(count, sizeof(uint16_t)), .probabilities = calloc(count, 3 * sizeof(float))};
    const RngStream stream = rng_stream(seed, RNG_SPLIT, 0, 0);
    for (size_t i = 0; i < count; i++) {
        const int label = (int)(i % 3), other = (label + 1 + (int)(i & 1)) % 3;
        const bool right = rng_uniform(&stream, i) < accuracy;
        e.labels[i] = (unsigned char)label;
        for (int c = 0; c < 3; c++) e.probabilities[3 * i + (size_t)c] = c == (right ? label : other) ? 0.8f : 0.1f;
    }
    assert_ok(metrics_new(e.probabilities, e.labels, count, 3, names, &e.metrics));
    return e;
}

static void assert_holds(Interval i, double value) {
    assert_true(i.low <= value && value <= i.high);
    assert_true(i.high - i.low < 0.2);
}

static void test_figures_lie_in_their_intervals(void **state) {
    (void)state;
    Evaluation e = make(900, 0.8f, 1);
    EvaluationIntervals i;
    const cf_metrics *sum = &e.metrics.summary;
    assert_ok(evaluation_intervals(&e, 1, &i));
    assert_holds(i.loss, sum->loss);
    assert_holds(i.accuracy, sum->accuracy);
    assert_holds(i.macro.f1, sum->macro_f1);
    assert_holds(i.macro.precision, sum->macro_precision);
    assert_holds(i.weighted.recall, sum->weighted_recall);
    for (int c = 0; c < 3; c++) {
        assert_holds(i.per_class[c].f1, e.metrics.per_class[c].f1);
        assert_holds(i.per_class[c].precision, e.metrics.per_class[c].precision);
        assert_holds(i.per_class[c].recall, e.metrics.per_class[c].recall);
    }
    evaluation_intervals_free(&i);
    evaluation_free(&e);
}

/* The loss takes two values here, so its mean is a share in disguise, whose standard error is known. */
static void test_width_of_the_loss(void **state) {
    (void)state;
    Evaluation e = make(3000, 0.7f, 2);
    EvaluationIntervals i;
    assert_ok(evaluation_intervals(&e, 2, &i));
    const double p = e.metrics.summary.accuracy, error = (log(0.8) - log(0.1)) * sqrt(p * (1 - p) / 3000);
    assert_true(fabs(i.loss.high - i.loss.low - 2 * 1.96 * error) < 0.2 * error);
    assert_true(fabs(i.loss.high + i.loss.low - 2 * e.metrics.summary.loss) < 0.3 * error);
    evaluation_intervals_free(&i);
    evaluation_free(&e);
}

/* Of 100 evaluations of a classifier that is right 7 times of 10, about 95 intervals of macro recall hold the truth. */
static void test_coverage(void **state) {
    (void)state;
    int held = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        Evaluation e = make(300, 0.7f, 100 + seed);
        EvaluationIntervals i;
        assert_ok(evaluation_intervals(&e, 2, &i));
        held += i.macro.recall.low <= 0.7 && 0.7 <= i.macro.recall.high;
        evaluation_intervals_free(&i);
        evaluation_free(&e);
    }
    assert_in_range(held, 88, 99);
}

static void test_same_bits_at_any_number_of_threads(void **state) {
    (void)state;
    Evaluation e = make(301, 0.9f, 3);
    char *first = NULL;
    for (int threads = 1; threads <= 8; threads += threads == 3 ? 5 : 1) {
        EvaluationIntervals i;
        json_t *json;
        assert_ok(evaluation_intervals(&e, threads, &i));
        assert_ok(evaluation_intervals_json(&i, &json));
        char *text = json_dumps(json, JSON_SORT_KEYS);
        if (!first) first = strdup(text);
        assert_string_equal(text, first);
        free(text);
        json_decref(json);
        evaluation_intervals_free(&i);
    }
    free(first);
    evaluation_free(&e);
}

static void test_a_class_nobody_predicts(void **state) {
    (void)state;
    Evaluation e = {.count = 2, .labels = calloc(2, sizeof(uint16_t)), .probabilities = calloc(6, sizeof(float))};
    EvaluationIntervals i;
    e.labels[1] = 1;
    e.probabilities[0] = e.probabilities[3] = 1; /* both are called "one"; the second has probability 0 */
    assert_ok(metrics_new(e.probabilities, e.labels, 2, 3, names, &e.metrics));
    assert_ok(evaluation_intervals(&e, 1, &i));
    assert_true(i.per_class[2].precision.low == 0 && i.per_class[2].precision.high == 1); /* nothing is known */
    assert_true(i.per_class[2].f1.low == 0 && i.per_class[2].f1.high == 0);
    assert_true(i.loss.low == 0 && i.loss.high > 87 && i.loss.high < 88);
    evaluation_intervals_free(&i);
    evaluation_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_lie_in_their_intervals),
        cmocka_unit_test(test_width_of_the_loss),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_same_bits_at_any_number_of_threads),
        cmocka_unit_test(test_a_class_nobody_predicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
