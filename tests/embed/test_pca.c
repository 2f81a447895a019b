#include "embed_golden.h"

#include "embed/pca.h"

#include <string.h>

static void check_golden(const Points *points, const json_t *golden, double tolerance) {
    const json_t *wanted = json_object_get(golden, "pca"), *scores = json_object_get(wanted, "scores");
    float *got = floats_new(points->n * 3);
    double explained[3];
    assert_ok(pca_fit(points, 3, 2, got, explained));
    for (size_t c = 0; c < 3; c++) {
        assert_near(explained[c], json_number_value(json_array_get(json_object_get(wanted, "explained"), c)),
                    tolerance);
        for (size_t i = 0; i < points->n; i++)
            assert_near((double)got[i * 3 + c], golden_cell(scores, i, c), 4 * tolerance);
    }
    free(got);
}

static void test_equals_numpy(void **state) {
    (void)state;
    json_t *golden = embed_golden_read();
    Points points = embed_golden_points(golden, "points");
    check_golden(&points, golden, 1e-6);
    /* The same points among 300 and 2,500 columns, the others constant: iterated with a matrix, and without. */
    const size_t widths[] = {300, 2500};
    for (size_t w = 0; w < COUNT_OF(widths); w++) {
        float *wide = floats_new(points.n * widths[w]);
        for (size_t i = 0; i < points.n; i++)
            for (size_t d = 0; d < widths[w]; d++)
                wide[i * widths[w] + d] = d % 40 || d >= 240 ? 7.0f : points_row(&points, i)[d / 40];
        Points padded = {wide, points.n, (int)widths[w]};
        check_golden(&padded, golden, 1e-6);
        free(wide);
    }
    points_release(&points);
    json_decref(golden);
}

/* Points on a line through space: one component, its length kept. */
static void test_a_line_by_hand(void **state) {
    (void)state;
    const float line[] = {0, 0, 3, -4, 6, -8, -9, 12};
    float scores[4 * 3];
    double explained[3];
    assert_ok(pca_fit(&(Points){line, 4, 2}, 3, 1, scores, explained));
    /* The largest loading is that of the second column: (-0.6, 0.8). The middle is t = 0. */
    const double along[] = {0, -5, -10, 15};
    for (int i = 0; i < 4; i++) {
        assert_near((double)scores[i * 3], along[i], 1e-5);
        assert_near((double)scores[i * 3 + 1], 0, 0);
        assert_near((double)scores[i * 3 + 2], 0, 0);
    }
    assert_near(explained[0], 1, 1e-12);
    assert_near(explained[1], 0, 0);
    assert_near(explained[2], 0, 0);
}

static void test_odd_points(void **state) {
    (void)state;
    Points equal = whole_points(30, 4, 1, 1), normal = normal_points(3, 100, 1);
    float scores[300];
    double explained[5];
    assert_ok(pca_fit(&equal, 2, 1, scores, explained));
    for (int i = 0; i < 60; i++) assert_true(scores[i] == 0);
    assert_true(explained[0] == 0 && explained[1] == 0);
    assert_ok(pca_fit(&(Points){normal.values, 1, 100}, 2, 1, scores, explained));
    assert_true(scores[0] == 0 && scores[1] == 0);
    /* Three points span two directions. */
    assert_ok(pca_fit(&normal, 5, 1, scores, explained));
    assert_near(explained[0] + explained[1], 1, 1e-7);
    assert_true(explained[2] == 0 && scores[2] == 0);
    for (int i = 0; i < 300; i++) values_of(&normal)[i] *= 1e-30f;
    assert_ok(pca_fit(&normal, 2, 1, scores, explained));
    assert_near(explained[0] + explained[1], 1, 1e-6);
    assert_fails(pca_fit(&normal, 0, 1, scores, explained), CF_BAD_USE, "at least 1");
    points_release(&equal);
    points_release(&normal);
}

static void test_same_bits_at_any_number_of_threads(void **state) {
    (void)state;
    const int widths[] = {20, 150, 2100};
    for (size_t w = 0; w < COUNT_OF(widths); w++) {
        Points points = normal_points(600, widths[w], 1);
        for (size_t i = 0; i < 600; i++) /* gaps */
            for (int d = 0; d < 5; d++) values_of(&points)[i * (size_t)widths[w] + (size_t)d] *= (float)(40 - 6 * d);
        float *expected = floats_new(600 * 4), *scores = floats_new(600 * 4);
        assert_ok(pca_fit(&points, 4, 1, expected, NULL));
        for (size_t t = 0; t < COUNT_OF(embed_thread_counts); t++) {
            assert_ok(pca_fit(&points, 4, embed_thread_counts[t], scores, NULL));
            assert_memory_equal(scores, expected, 600 * 4 * sizeof *scores);
        }
        free(expected);
        free(scores);
        points_release(&points);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_numpy),
        cmocka_unit_test(test_a_line_by_hand),
        cmocka_unit_test(test_odd_points),
        cmocka_unit_test(test_same_bits_at_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
