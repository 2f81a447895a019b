#include "testing.h"

#include "base/memory.h"
#include "eval/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define assert_near(got, wanted, tolerance) assert_true(fabs((got) - (wanted)) <= (tolerance))

/* Probabilities whose largest is the wanted class: 0.7, the rest shared. */
static Metrics score(const uint16_t *truth, const uint16_t *predicted, size_t count, int classes,
                     const char *const *names) {
    Metrics metrics;
    float *probabilities;
    size_t K = (size_t)classes;
    assert_ok(memory_new(count * K, sizeof *probabilities, &probabilities));
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < K; c++)
            probabilities[i * K + c] = c == predicted[i] ? 0.7f : 0.3f / (float)(classes - 1);
    assert_ok(metrics_new(probabilities, truth, count, classes, names, &metrics));
    free(probabilities);
    return metrics;
}

/* The text that `print` makes; release with free(). */
static char *text_of(const Metrics *metrics, void (*print)(const Metrics *, FILE *)) {
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    print(metrics, stream);
    fclose(stream);
    return text;
}

static const char *const three[] = {"class 0", "class 1", "class 2"};

/* The example of scikit-learn's documentation of classification_report, and the text it prints with digits=4.
 */
static Metrics documented_example(void) {
    static const uint16_t truth[] = {0, 1, 2, 2, 2}, predicted[] = {0, 0, 2, 2, 1};
    return score(truth, predicted, 5, 3, three);
}

static void test_documented_example(void **state) {
    (void)state;
    Metrics metrics = documented_example();
    static const double expected[3][3] = {{0.5, 1, 2.0 / 3}, {0, 0, 0}, {1, 2.0 / 3, 0.8}};
    static const size_t support[3] = {1, 1, 3}, confusion[9] = {1, 0, 0, 1, 0, 0, 0, 1, 2};
    for (int c = 0; c < 3; c++) {
        assert_near(metrics.per_class[c].precision, expected[c][0], 1e-12);
        assert_near(metrics.per_class[c].recall, expected[c][1], 1e-12);
        assert_near(metrics.per_class[c].f1, expected[c][2], 1e-12);
        assert_int_equal(metrics.per_class[c].support, support[c]);
    }
    for (int i = 0; i < 9; i++)
        assert_int_equal(confusion_at(metrics.cells, metrics.cell_count, i / 3, i % 3), confusion[i]);
    assert_near(metrics.summary.accuracy, 0.6, 1e-12);
    assert_near(metrics.summary.macro_precision, 0.5, 1e-12);
    assert_near(metrics.summary.macro_recall, 5.0 / 9, 1e-12);
    assert_near(metrics.summary.macro_f1, 22.0 / 45, 1e-12);
    assert_near(metrics.summary.weighted_precision, 0.7, 1e-12);
    assert_near(metrics.summary.weighted_recall, 0.6, 1e-12);
    assert_near(metrics.summary.weighted_f1, 46.0 / 75, 1e-12);
    assert_int_equal(metrics.undefined, 0);
    /* Three hits of 0.7, two misses of 0.15. */
    assert_near(metrics.summary.loss, -(3 * log(0.7) + 2 * log(0.15)) / 5, 1e-6);
    metrics_free(&metrics);
    metrics_free(&metrics);
}

static void test_report_layout(void **state) {
    (void)state;
    Metrics metrics = documented_example();
    char *text = text_of(&metrics, metrics_print_report);
    static const char expected[] = "              precision    recall  f1-score   support\n"
                                   "\n"
                                   "     class 0     0.5000    1.0000    0.6667         1\n"
                                   "     class 1     0.0000    0.0000    0.0000         1\n"
                                   "     class 2     1.0000    0.6667    0.8000         3\n"
                                   "\n"
                                   "    accuracy                         0.6000         5\n"
                                   "   macro avg     0.5000    0.5556    0.4889         5\n"
                                   "weighted avg     0.7000    0.6000    0.6133         5\n"
                                   "\n"
                                   "accuracy 60.00 % (95 % interval 23.07 % to 88.24 %, Wilson), loss 0.9729\n";
    assert_string_equal(text, expected);
    free(text);
    metrics_free(&metrics);
}

static void test_zero_division_is_told(void **state) {
    (void)state;
    /* "owl" is neither there nor predicted (two 0/0), "cat" is there and never predicted (one). */
    static const char *const names[] = {"a very long class name", "été", "cat", "owl"};
    static const uint16_t truth[] = {0, 0, 1, 2}, predicted[] = {0, 1, 1, 0};
    Metrics metrics = score(truth, predicted, 4, 4, names);
    assert_int_equal(metrics.undefined, 3);
    assert_true(metrics.per_class[2].precision == 0 && metrics.per_class[3].recall == 0);
    assert_true(metrics.per_class[3].f1 == 0);
    assert_near(metrics.summary.macro_recall, (0.5 + 1 + 0 + 0) / 4, 1e-12);
    char *text = text_of(&metrics, metrics_print_report);
    assert_non_null(strstr(text, "\n3 of the precisions and recalls above are 0/0"));
    assert_non_null(strstr(text, "\na very long class name     0.5000    0.5000    0.5000         2\n"));
    /* An accented name takes as many columns as it has letters. */
    assert_non_null(strstr(text, "\n                   été     0.5000    1.0000    0.6667         1\n"));
    free(text);
    metrics_free(&metrics);
}

static void test_confusion_layout(void **state) {
    (void)state;
    static const char *const names[] = {"1", "frog"};
    uint16_t truth[12] = {0}, predicted[12] = {0};
    truth[11] = predicted[11] = 1;
    Metrics metrics = score(truth, predicted, 12, 2, names);
    char *text = text_of(&metrics, metrics_print_confusion);
    assert_string_equal(text, "confusion matrix: a row is a true class, a column a predicted one, . is 0\n"
                              "\n"
                              "       1  frog\n"
                              "   1  11     .\n"
                              "frog   .     1\n");
    free(text);
    metrics_free(&metrics);
}

static void test_wilson_known_values(void **state) {
    (void)state;
    double low, high;
    wilson_interval(0, 10, &low, &high);
    assert_true(low == 0);
    assert_near(high, 0.2775, 5e-5);
    wilson_interval(10, 10, &low, &high);
    assert_near(low, 0.7225, 5e-5);
    assert_true(high == 1);
    /* Newcombe, Statistics in Medicine 17 (1998), table I. */
    wilson_interval(81, 263, &low, &high);
    assert_near(low, 0.2553, 5e-5);
    assert_near(high, 0.3662, 5e-5);
    wilson_interval(15, 148, &low, &high);
    assert_near(low, 0.0624, 5e-5);
    assert_near(high, 0.1605, 5e-5);
    wilson_interval(0, 0, &low, &high);
    assert_true(low == 0 && high == 1);
    for (size_t n = 1; n < 200; n++) {
        wilson_interval(0, n, &low, &high);
        assert_true(low == 0 && high > 0 && high < 1);
        wilson_interval(n, n, &low, &high);
        assert_true(low > 0 && low < 1 && high == 1);
    }
}

static void test_first_largest_wins_and_loss_stays_finite(void **state) {
    (void)state;
    static const float probabilities[] = {0.5f, 0.5f, 1, 0};
    static const uint16_t labels[] = {1, 1};
    Metrics metrics;
    assert_ok(metrics_new(probabilities, labels, 2, 2, three, &metrics));
    assert_int_equal(confusion_at(metrics.cells, metrics.cell_count, 1, 0), 2); /* both true 1, predicted 0 */
    assert_near(metrics.summary.loss, (log(2) + 126 * log(2)) / 2, 1e-6);
    metrics_free(&metrics);
}

static void test_refusals(void **state) {
    (void)state;
    const float nan_row[] = {0.5f, NAN, 0.5f}, row[] = {0.2f, 0.3f, 0.5f};
    const uint16_t label = 0, beyond = 3;
    Metrics metrics;
    assert_fails(metrics_new(row, &label, 0, 3, three, &metrics), CF_BAD_USE, "no example");
    assert_fails(metrics_new(nan_row, &label, 1, 3, three, &metrics), CF_BAD_INPUT, "class 1 for example 0 is");
    assert_fails(metrics_new(row, &beyond, 1, 3, three, &metrics), CF_INTERNAL, "label 3");
}

static double number_in(const json_t *object, const char *key) {
    json_t *number = json_object_get(object, key);
    assert_true(json_is_number(number));
    return json_number_value(number);
}

static void test_json(void **state) {
    (void)state;
    Metrics metrics = documented_example();
    json_t *json;
    assert_ok(metrics_json(&metrics, &json));
    assert_int_equal(json_object_size(json), 8);
    assert_true(number_in(json, "n") == 5);
    assert_near(number_in(json, "loss"), 0.97285, 1e-5);
    assert_near(number_in(json, "accuracy"), 0.6, 1e-12);
    const json_t *interval = json_object_get(json, "accuracy_interval");
    assert_int_equal(json_array_size(interval), 2);
    assert_near(json_number_value(json_array_get(interval, 0)), 0.2307, 5e-5);
    assert_near(json_number_value(json_array_get(interval, 1)), 0.8824, 5e-5);
    const json_t *macro = json_object_get(json, "macro"), *weighted = json_object_get(json, "weighted");
    assert_near(number_in(macro, "precision"), 0.5, 1e-12);
    assert_near(number_in(macro, "recall"), 5.0 / 9, 1e-12);
    assert_near(number_in(macro, "f1"), 22.0 / 45, 1e-12);
    assert_near(number_in(weighted, "precision"), 0.7, 1e-12);
    assert_near(number_in(weighted, "recall"), 0.6, 1e-12);
    assert_near(number_in(weighted, "f1"), 46.0 / 75, 1e-12);
    const json_t *classes = json_object_get(json, "per_class"), *last = json_array_get(classes, 2);
    assert_int_equal(json_array_size(classes), 3);
    assert_string_equal(json_string_value(json_object_get(last, "class")), "class 2");
    assert_near(number_in(last, "precision"), 1, 1e-12);
    assert_near(number_in(last, "recall"), 2.0 / 3, 1e-12);
    assert_near(number_in(last, "f1"), 0.8, 1e-12);
    assert_true(number_in(last, "support") == 3);
    char *rows = json_dumps(json_object_get(json, "confusion"), JSON_COMPACT);
    assert_string_equal(rows, "[[1,0,0],[1,0,0],[0,1,2]]");
    free(rows);
    json_decref(json);
    metrics_free(&metrics);
}

static void test_json_of_a_name_that_is_no_utf8(void **state) {
    (void)state;
    static const char *const names[] = {"a", "caf\xe9"};
    static const uint16_t labels[] = {0, 1};
    Metrics metrics = score(labels, labels, 2, 2, names);
    json_t *json = NULL;
    assert_ok(metrics_json(&metrics, &json));
    const json_t *list = json_object_get(json, "per_class"); /* no class is left out, and its name can be had back */
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "class")), "caf\\xe9");
    json_decref(json);
    metrics_free(&metrics);
}

/* Two images of each class, k and k + 1 of 300: the first is right, the second is taken for the next class where k is a multiple
 * of 3. So of three classes the first has a recall of 1/2, the second a precision of 2/3, the third is perfect. */
static void test_many_classes(void **state) {
    (void)state;
    enum { K = 300 };
    static char names[K][8];
    static const char *pointers[K];
    uint16_t truth[2 * K], predicted[2 * K];
    for (uint16_t k = 0; k < K; k++) {
        snprintf(names[k], sizeof names[k], "c%d", k);
        pointers[k] = names[k];
        truth[2 * k] = truth[2 * k + 1] = predicted[2 * k] = predicted[2 * k + 1] = k;
        if (k % 3 == 0) predicted[2 * k + 1] = (uint16_t)(k + 1);
    }
    Metrics metrics = score(truth, predicted, 2 * K, K, pointers);
    assert_int_equal(metrics.cell_count, K + K / 3);
    assert_near(metrics.per_class[297].f1, 2.0 / 3, 1e-12);
    assert_near(metrics.per_class[298].f1, 0.8, 1e-12);
    assert_near(metrics.per_class[299].f1, 1, 1e-12);
    assert_int_equal(metrics.per_class[298].predicted, 3);
    int worst[WORST_CLASSES];
    assert_int_equal(metrics_worst(&metrics, WORST_CLASSES, worst), WORST_CLASSES);
    for (int i = 0; i < WORST_CLASSES; i++) assert_int_equal(worst[i], 3 * i);
    metrics.per_class[299].f1 = 0, metrics.per_class[6].support = 1, metrics.per_class[297].support = 3;
    assert_int_equal(metrics_worst(&metrics, 4, worst), 4);
    assert_memory_equal(worst, ((const int[]){299, 297, 0, 3}), sizeof(int[4])); /* more examples first */
    metrics.per_class[299].f1 = 1, metrics.per_class[6].support = 2, metrics.per_class[297].support = 2;

    char *text = text_of(&metrics, metrics_print_report);
    assert_non_null(strstr(text, " c57 "));
    assert_null(strstr(text, " c60 "));
    assert_null(strstr(text, " c1 "));
    assert_non_null(strstr(text, "the 20 of 300 classes with the lowest F1"));
    assert_non_null(strstr(text, "accuracy"));
    free(text);
    text = text_of(&metrics, metrics_print_confusion);
    assert_string_equal(text,
                        "the confusion matrix of 300 classes is not printed: confusion.csv among the figures has it\n");
    free(text);
    json_t *json;
    assert_ok(metrics_json(&metrics, &json));
    assert_true(json_is_null(json_object_get(json, "confusion")));
    assert_int_equal(json_array_size(json_object_get(json, "per_class")), K);
    const json_t *cells = json_object_get(json, "confusion_cells");
    assert_int_equal(json_array_size(cells), K + K / 3);
    text = json_dumps(json_array_get(cells, 1), JSON_COMPACT);
    assert_string_equal(text, "[0,1,1]");
    free(text);
    json_decref(json);
    metrics_free(&metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documented_example),
        cmocka_unit_test(test_report_layout),
        cmocka_unit_test(test_zero_division_is_told),
        cmocka_unit_test(test_confusion_layout),
        cmocka_unit_test(test_wilson_known_values),
        cmocka_unit_test(test_first_largest_wins_and_loss_stays_finite),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_of_a_name_that_is_no_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
