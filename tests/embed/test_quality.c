#include "embed_golden.h"

#include "embed/quality.h"

#include <string.h>

static Quality measure(const Points *points, const Points *embedding, const int *labels, int threads) {
    Quality quality;
    assert_ok(quality_measure(points, embedding, labels, &(QualityOptions){.threads = threads, .seed = 1}, &quality));
    return quality;
}

static void test_equals_scikit_learn(void **state) {
    (void)state;
    json_t *golden = embed_golden_read();
    Points points = embed_golden_points(golden, "points"), embedding = embed_golden_points(golden, "embedding");
    const json_t *names = json_object_get(golden, "labels");
    int labels[200];
    for (size_t i = 0; i < points.n; i++) labels[i] = (int)json_integer_value(json_array_get(names, i));
    for (int m = 0; m < METRIC_HAMMING; m++) { /* which is the same of all pairs of them */
        const Metric metric = (Metric)m;
        Quality quality;
        assert_ok(quality_measure(&points, &embedding, labels, &(QualityOptions){.metric = metric}, &quality));
        assert_int_equal(quality.k, 15);
        assert_int_equal(quality.rank_points, points.n);
        assert_int_equal(quality.plane_points, points.n);
        assert_near(quality.trustworthiness,
                    golden_number(json_object_get(golden, "trustworthiness"), metric_names[metric]), 1e-12);
        assert_near(quality.continuity, golden_number(json_object_get(golden, "continuity"), metric_names[metric]),
                    1e-12);
        assert_near(quality.knn_accuracy, golden_number(golden, "knn_accuracy"), 1e-12);
        assert_near(quality.silhouette, golden_number(golden, "silhouette"), 1e-6);
    }
    points_release(&points);
    points_release(&embedding);
    json_decref(golden);
}

/* Four points on a line, k = 1. Embedded with the outer two exchanged: 0 1 2.5 6 becomes 6 1 2.5 0. */
static void test_by_hand(void **state) {
    (void)state;
    const float line[] = {0, 1, 2.5f, 6}, moved[] = {6, 1, 2.5f, 0};
    const int labels[] = {0, 0, 1, 1};
    Points points = {line, 4, 1}, embedding = {moved, 4, 1};
    Quality quality = measure(&points, &embedding, labels, 1);
    assert_int_equal(quality.k, 1);
    /* Nearest when embedded: 0 -> 2 (rank 2), 1 -> 3 (rank 3), 2 -> 1 (rank 1), 3 -> 1 (rank 2): 4 too much in all, of
     * 4 * 1 * (8 - 3 - 1) / 2 = 8. */
    assert_near(quality.trustworthiness, 1 - 4.0 / 8, 1e-12);
    /* Nearest in truth: 0 -> 1 (embedded rank 2), 1 -> 0 (rank 3), 2 -> 1 (rank 1), 3 -> 2 (rank 2). */
    assert_near(quality.continuity, 1 - 4.0 / 8, 1e-12);
    assert_near(quality.knn_accuracy, 0, 1e-12);
    /* Distances: 0: own class 5, other (3.5 + 6) / 2; 1: 5, (1.5 + 1) / 2; 2: 2.5, (3.5 + 1.5) / 2; 3: 2.5, (6 + 1) / 2. */
    assert_near(quality.silhouette, (-0.25 / 5 + -3.75 / 5 + 0 + 1 / 3.5) / 4, 1e-6);
    quality = measure(&points, &points, labels, 1);
    assert_near(quality.trustworthiness, 1, 0);
    assert_near(quality.continuity, 1, 0);
    assert_near(quality.knn_accuracy, 0.75, 0);
}

static void test_ties_go_to_the_nearer(void **state) {
    (void)state;
    /* k = 2: point 0 sees one of each class, the nearer of its own; point 1, of the other class, too. */
    const float line[] = {0, 10, 1, 12, 20, 33};
    const int labels[] = {0, 1, 0, 0, 1, 1};
    Points points = {line, 6, 1};
    Quality quality = measure(&points, &points, labels, 1);
    assert_int_equal(quality.k, 2);
    /* 0: 2(0) 1(1) -> 0 right; 1: 3(0) 2(0) -> 0 wrong; 2: 0(0) 1(1) -> 0 right; 3: 1(1) 4(1) -> 1 wrong;
     * 4: 3(0) 1(1) -> 0 wrong; 5: 4(1) 3(0) -> 1 right. */
    assert_near(quality.knn_accuracy, 0.5, 1e-12);
}

static void test_points_without_label_take_no_part(void **state) {
    (void)state;
    Points points = normal_points(90, 4, 1), plane = normal_points(90, 2, 2), fewer = normal_points(60, 2, 2);
    int labels[90], kept[60];
    size_t count = 0;
    for (size_t i = 0; i < 90; i++) {
        labels[i] = i % 3 ? (int)(i % 2) : -1;
        if (i % 3 == 0) continue;
        memcpy(values_of(&fewer) + count * 2, points_row(&plane, i), 2 * sizeof(float));
        kept[count++] = labels[i];
    }
    Quality all = measure(&points, &plane, labels, 2), some = measure(&fewer, &fewer, kept, 2);
    assert_int_equal(all.plane_points, 60);
    assert_near(all.knn_accuracy, some.knn_accuracy, 0);
    assert_near(all.silhouette, some.silhouette, 1e-9);
    points_release(&points);
    points_release(&plane);
    points_release(&fewer);
}

static void test_what_does_not_exist_is_not_a_number(void **state) {
    (void)state;
    Points points = normal_points(40, 3, 1), one = {points.values, 1, 3}, two = {points.values, 2, 3};
    int labels[40] = {0};
    assert_true(isnan(measure(&one, &one, labels, 1).trustworthiness));
    assert_true(isnan(measure(&two, &two, labels, 1).continuity));
    Quality quality = measure(&points, &points, labels, 1); /* one class */
    assert_true(isnan(quality.silhouette));
    assert_near(quality.knn_accuracy, 1, 0);
    assert_true(isnan(measure(&points, &points, NULL, 1).knn_accuracy));
    for (int i = 0; i < 40; i++) labels[i] = -1;
    assert_true(isnan(measure(&points, &points, labels, 1).knn_accuracy));
    for (int i = 0; i < 40; i++) labels[i] = i; /* every class has one point */
    assert_near(measure(&points, &points, labels, 1).silhouette, 0, 0);
    Points equal = whole_points(50, 2, 1, 1); /* all at one place: nothing is torn apart */
    assert_near(measure(&equal, &equal, NULL, 1).trustworthiness, 1, 0);
    assert_fails(quality_measure(&points, &one, NULL, &(QualityOptions){0}, &quality), CF_BAD_USE, "40 points and 1");
    points_release(&points);
    points_release(&equal);
}

static void test_same_bits_at_any_number_of_threads(void **state) {
    (void)state;
    /* Above QUALITY_EXACT, so samples are taken. */
    Points points = normal_points(20100, 5, 1), plane = normal_points(20100, 2, 2);
    int *labels;
    assert_ok(memory_new(20100, sizeof *labels, &labels));
    for (size_t i = 0; i < 20100; i++) {
        labels[i] = plane.values[2 * i] > 0 ? 3 : 1;
        memcpy(values_of(&plane) + 2 * i, points_row(&points, i), 2 * sizeof(float));
    }
    Quality expected = measure(&points, &plane, labels, 1);
    assert_int_equal(expected.rank_points, QUALITY_RANK_SAMPLE);
    assert_int_equal(expected.plane_points, QUALITY_PLANE_SAMPLE);
    assert_true(expected.trustworthiness > 0.7 && expected.trustworthiness < 0.95);
    for (size_t t = 0; t < COUNT_OF(embed_thread_counts); t++) {
        Quality quality = measure(&points, &plane, labels, embed_thread_counts[t]);
        assert_memory_equal(&quality, &expected, sizeof quality);
    }
    free(labels);
    points_release(&points);
    points_release(&plane);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_scikit_learn),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_ties_go_to_the_nearer),
        cmocka_unit_test(test_points_without_label_take_no_part),
        cmocka_unit_test(test_what_does_not_exist_is_not_a_number),
        cmocka_unit_test(test_same_bits_at_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
