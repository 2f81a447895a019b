#include "eval/eval_golden.h"

#include "eval/analysis.h"
#include "eval/ranking.h"

#include <float.h>
#include <string.h>

static const char *const names[] = {"cat", "dog", "owl", "hen", "eel"};

static void test_pairs_by_hand(void **state) {
    (void)state;
    /* cat -> dog twice (of four cats), dog -> cat twice (of two dogs), owl -> cat once: the larger share of equals first. */
    static const uint16_t truth[] = {0, 0, 0, 0, 1, 1, 2}, predicted[] = {0, 0, 1, 1, 0, 0, 0};
    float p[7 * 3] = {0};
    Metrics metrics;
    ConfusedPair *pairs;
    size_t count;
    for (size_t i = 0; i < 7; i++) p[3 * i + predicted[i]] = 1;
    assert_ok(metrics_new(p, truth, 7, 3, names, &metrics));
    assert_ok(confused_pairs(&metrics, 0, &pairs, &count));
    static const ConfusedPair expected[] = {{1, 0, 2, 1}, {0, 1, 2, 0.5}, {2, 0, 1, 1}};
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pairs[i].truth, expected[i].truth);
        assert_int_equal(pairs[i].predicted, expected[i].predicted);
        assert_int_equal(pairs[i].count, expected[i].count);
        assert_near(pairs[i].share, expected[i].share, 0);
    }
    free(pairs);
    assert_ok(confused_pairs(&metrics, 2, &pairs, &count));
    assert_int_equal(count, 2);
    free(pairs);
    metrics_free(&metrics);
}

static void test_pairs_against_golden(void **state) {
    (void)state;
    json_t *golden = golden_read();
    const json_t *confusion = json_object_get(golden, "confusion");
    const Predictions test = golden_predictions(golden, "test");
    Metrics metrics;
    ConfusedPair *pairs;
    size_t count, wrong = 0;
    assert_ok(metrics_new(test.probabilities, test.labels, test.count, test.classes, names, &metrics));
    assert_ok(confused_pairs(&metrics, 0, &pairs, &count));
    for (size_t i = 0; i < count; i++) {
        assert_near((double)pairs[i].count, golden_at(confusion, (size_t)pairs[i].truth, pairs[i].predicted), 0);
        assert_true(!i || pairs[i].count <= pairs[i - 1].count);
        wrong += pairs[i].count;
    }
    assert_near((double)wrong / (double)test.count, 1 - golden_number(golden, "accuracy"), 1e-12);
    assert_near(metrics.summary.accuracy, golden_number(golden, "accuracy"), 1e-12);
    free(pairs);
    metrics_free(&metrics);
    predictions_release(&test);
    json_decref(golden);
}

static void expect_order(const Predictions *p, Ranking ranking, const size_t *order, size_t length) {
    RankedExample *ranked;
    size_t count;
    assert_ok(rank_examples(p, ranking, 0, &ranked, &count));
    assert_int_equal(count, length);
    for (size_t i = 0; i < length; i++) assert_int_equal(ranked[i].example, order[i]);
    free(ranked);
    assert_ok(rank_examples(p, ranking, 1, &ranked, &count));
    assert_int_equal(count, length ? 1 : 0);
    free(ranked);
}

static void test_examples_by_hand(void **state) {
    (void)state;
    /* All of class 0. 1 and 5: p(label) 0, the surer one is the worse; 3: wrong at 0.25; 0 and 4: right at 0.5, equal, and a
     * tie of the classes that the first wins; 2: right and sure. */
    static const float p[] = {0.5f, 0.5f, 0, 0, 0.75f, 0.25f, 1, 0, 0, 0.25f, 0.75f, 0, 0.5f, 0.5f, 0, 0, 1, 0};
    static const uint16_t labels[] = {0, 0, 0, 0, 0, 0};
    static const size_t losses[] = {5, 1, 3, 0, 4, 2}, unsure[] = {0, 4, 2};
    const Predictions predictions = {p, labels, 6, 3};
    expect_order(&predictions, RANK_TOP_LOSSES, losses, 6);
    expect_order(&predictions, RANK_UNSURE_RIGHT, unsure, 3);
    RankedExample *ranked;
    size_t count;
    assert_ok(rank_examples(&predictions, RANK_TOP_LOSSES, 3, &ranked, &count));
    assert_int_equal(count, 3);
    assert_true(ranked[2].label == 0 && ranked[2].predicted == 1);
    assert_near(ranked[2].confidence, 0.75, 0);
    assert_near(ranked[2].loss, log(4), 1e-12);
    assert_near(ranked[0].loss, -log((double)FLT_MIN), 1e-12);
    free(ranked);
}

static void test_nothing_to_rank(void **state) {
    (void)state;
    static const float p[] = {1, 0, 0, 1}, broken[] = {NAN, 0};
    static const uint16_t labels[] = {0, 1}, swapped[] = {1, 0};
    RankedExample *ranked;
    ConfusedPair *pairs;
    size_t count;
    Metrics metrics;
    expect_order(&(Predictions){p, swapped, 2, 2}, RANK_UNSURE_RIGHT, NULL, 0); /* all wrong */
    assert_ok(metrics_new(p, labels, 2, 2, names, &metrics));
    assert_ok(confused_pairs(&metrics, 0, &pairs, &count)); /* all right */
    assert_int_equal(count, 0);
    free(pairs);
    metrics_free(&metrics);
    assert_fails(rank_examples(&(Predictions){broken, labels, 1, 2}, RANK_TOP_LOSSES, 0, &ranked, &count), CF_BAD_INPUT,
                 "nan");
}

/* ---- The three together, as `cifra eval` shows them ---- */

static Evaluation example(const Predictions *p, Temperature temperature) {
    Evaluation e = {.count = p->count, .temperature = temperature};
    e.probabilities = (float *)(uintptr_t)p->probabilities;
    e.labels = (uint16_t *)(uintptr_t)p->labels;
    assert_ok(metrics_new(p->probabilities, p->labels, p->count, p->classes, names, &e.metrics));
    return e;
}

static void test_json_and_text(void **state) {
    (void)state;
    static const float p[] = {0.75f, 0.25f, 0, 0.625f, 0.375f, 0};
    static const uint16_t labels[] = {0, 1};
    Evaluation e = example(&(Predictions){p, labels, 2, 3}, (Temperature){0, "of a reason"});
    Analysis analysis;
    json_t *root = json_object();
    char *text;
    size_t size;
    assert_ok(analysis_new(&e, &analysis));
    assert_ok(analysis_json(&analysis, root));
    const json_t *calibration = json_object_get(root, "calibration");
    assert_int_equal(json_array_size(json_object_get(calibration, "bins")), CALIBRATION_BINS);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(calibration, "bins"), 0), "accuracy")));
    assert_true(json_is_null(json_object_get(calibration, "temperature")));
    assert_true(json_is_null(json_object_get(calibration, "ece_scaled")));
    assert_string_equal(json_string_value(json_object_get(calibration, "temperature_missing")), "of a reason");
    json_object_del(root, "calibration");
    char *rest = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(rest, "{\"average_precision\":{\"macro\":1.0,\"per_class\":[1.0,1.0,null]},"
                              "\"confused\":[{\"count\":1,\"predicted\":\"cat\",\"share\":1.0,\"true\":\"dog\"}],"
                              "\"roc_auc\":{\"macro\":1.0,\"per_class\":[1.0,1.0,null]}}");
    free(rest);
    FILE *stream = open_memstream(&text, &size);
    analysis_print(&analysis, stream);
    fclose(stream);
    assert_non_null(strstr(text, "no temperature scaling: of a reason\n"));
    assert_non_null(strstr(text, "1 of 3 classes has no examples"));
    assert_non_null(strstr(text, "dog -> cat (100.0 % of dog)\n"));
    free(text);
    json_decref(root);
    analysis_free(&analysis);
    metrics_free(&e.metrics);
}

static void test_json_with_temperature(void **state) {
    (void)state;
    static const float p[] = {0.75f, 0.25f, 0.625f, 0.375f};
    static const uint16_t labels[] = {0, 1};
    Evaluation e = example(&(Predictions){p, labels, 2, 2}, (Temperature){2, NULL});
    Analysis analysis;
    json_t *root = json_object();
    assert_ok(analysis_new(&e, &analysis));
    assert_ok(analysis_json(&analysis, root));
    const json_t *calibration = json_object_get(root, "calibration");
    /* Half the logits: odds of 3 become sqrt(3), odds of 5/3 sqrt(5/3). */
    double sure = sqrt(3) / (1 + sqrt(3)), wrong = sqrt(5.0 / 3) / (1 + sqrt(5.0 / 3));
    assert_near(golden_number(calibration, "temperature"), 2, 0);
    assert_near(golden_number(calibration, "ece_scaled"), (1 - sure + wrong) / 2, 1e-12);
    assert_near(golden_number(calibration, "loss_scaled"), -(log(sure) + log(1 - wrong)) / 2, 1e-12);
    assert_null(json_object_get(calibration, "temperature_missing"));
    json_decref(root);
    analysis_free(&analysis);
    metrics_free(&e.metrics);
}

static void test_confused_classes(void **state) {
    (void)state;
    /* Of so many classes 0 and 50 are right, 3 is taken for 5 twice, 5 for 50 and 7 for 5 once. */
    ConfusionCell cells[] = {{0, 0, 9}, {3, 5, 2}, {5, 50, 1}, {7, 5, 1}, {50, 50, 9}};
    ClassScore scores[MANY_CLASSES];
    for (int c = 0; c < MANY_CLASSES; c++) scores[c] = (ClassScore){.support = 9};
    Metrics metrics = {.classes = MANY_CLASSES, .per_class = scores, .cells = cells, .cell_count = 5};
    int classes[MANY_CLASSES], count;
    assert_ok(confused_classes(&metrics, classes, &count));
    assert_int_equal(count, 4);
    assert_memory_equal(classes, ((const int[]){3, 5, 7, 50}), sizeof(int[4]));
    metrics.cell_count = 1;
    assert_ok(confused_classes(&metrics, classes, &count));
    assert_int_equal(count, 0);
    metrics.classes = MANY_CLASSES - 1;
    assert_ok(confused_classes(&metrics, classes, &count));
    assert_int_equal(count, MANY_CLASSES - 1);
    assert_int_equal(classes[MANY_CLASSES - 2], MANY_CLASSES - 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_by_hand),         cmocka_unit_test(test_pairs_against_golden),
        cmocka_unit_test(test_examples_by_hand),      cmocka_unit_test(test_nothing_to_rank),
        cmocka_unit_test(test_confused_classes),      cmocka_unit_test(test_json_and_text),
        cmocka_unit_test(test_json_with_temperature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
