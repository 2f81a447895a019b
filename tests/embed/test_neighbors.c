#include "embed_making.h"

#include "embed/neighbors.h"
#include "embed/points.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- The definition: all distances in double, one after the other ---- */

typedef struct Pair {
    double distance;
    uint32_t index;
} Pair;

static int compare_pairs(const void *left, const void *right) {
    const Pair *a = left, *b = right;
    if (a->distance != b->distance) return a->distance < b->distance ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The row's mean for METRIC_CORRELATION, else 0. */
static double middle(const float *row, int dim, Metric metric) {
    double sum = 0;
    for (int d = 0; d < dim; d++) sum += (double)row[d];
    return metric == METRIC_CORRELATION ? sum / dim : 0;
}

static double plain_distance(const float *x, const float *y, int dim, Metric metric) {
    double sum = 0, aa = 0, bb = 0, ab = 0, manhattan = 0, differing = 0;
    const double mx = middle(x, dim, metric), my = middle(y, dim, metric);
    for (int d = 0; d < dim; d++) {
        const double a = (double)(float)((double)x[d] - mx), b = (double)(float)((double)y[d] - my);
        sum += (a - b) * (a - b);
        manhattan += fabs(a - b);
        differing += a != b;
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    if (metric == METRIC_EUCLIDEAN) return sqrt(sum);
    if (metric == METRIC_MANHATTAN) return manhattan;
    if (metric == METRIC_HAMMING) return differing / dim;
    return aa * bb == 0 ? 1 : fmax(0, 1 - ab / sqrt(aa * bb));
}

static void check_row(const Points *reference, const float *row, size_t self, const Neighbors *got, size_t i,
                      Metric metric) {
    Pair *all;
    size_t count = 0, k = (size_t)got->k;
    assert_ok(memory_new(reference->n, sizeof *all, &all));
    for (size_t j = 0; j < reference->n; j++)
        if (j != self)
            all[count++] = (Pair){plain_distance(row, points_row(reference, j), reference->dim, metric), (uint32_t)j};
    qsort(all, count, sizeof *all, compare_pairs);
    for (size_t c = 0; c < k; c++) {
        if (got->index[i * k + c] != all[c].index || got->distance[i * k + c] != (float)all[c].distance) {
            double off = fabs((double)got->distance[i * k + c] - all[c].distance);
            /* The sum's order in double may move the last bit of the float. */
            if (got->index[i * k + c] == all[c].index && off <= 1e-7 * all[c].distance + 1e-15) continue;
            print_error("row %zu, neighbour %zu: %u at %.9g, not %u at %.9g\n", i, c, got->index[i * k + c],
                        (double)got->distance[i * k + c], all[c].index, all[c].distance);
            fail();
        }
    }
    free(all);
}

static Neighbors find(const Points *points, int k, Metric metric, int threads) {
    Neighbors found;
    assert_ok(neighbors_find(points, &(NeighborOptions){.k = k, .metric = metric, .threads = threads}, &found));
    assert_int_equal(found.n, points->n);
    assert_int_equal(found.k, k);
    assert_true(found.exact);
    return found;
}

static void check_against_definition(const Points *points, int k, Metric metric) {
    Neighbors found = find(points, k, metric, 2);
    for (size_t i = 0; i < points->n; i++) check_row(points, points_row(points, i), i, &found, i, metric);
    neighbors_free(&found);
}

static void check_and_release(Points points, int k) {
    for (int metric = 0; metric < METRICS; metric++) check_against_definition(&points, k, (Metric)metric);
    points_release(&points);
}

/* ---- Tests ---- */

static void test_equals_the_definition(void **state) {
    (void)state;
    check_and_release(normal_points(1300, 17, 1), 15);
    check_and_release(normal_points(513, 1, 2), 3);
    check_and_release(normal_points(200, 784, 3), 40);
    check_and_release(normal_points(2, 5, 4), 1);
    check_and_release(normal_points(3, 2, 5), 2);
    check_and_release(normal_points(40, 3, 6), 39);
}

static void test_equal_distances_are_in_order_of_index(void **state) {
    (void)state;
    check_and_release(whole_points(700, 3, 3, 1), 15); /* 27 places for 700 points */
    check_and_release(whole_points(700, 2, 40, 2), 7);
    check_and_release(whole_points(60, 1, 1, 3), 10); /* all equal, and zero */
    Points ones = whole_points(1100, 4, 1, 4);
    for (size_t i = 0; i < 1100 * 4; i++) values_of(&ones)[i] = 0.1f;
    check_and_release(ones, 16);
}

/* Groups so far away and so narrow that floats cannot order their members. */
static void test_narrow_groups_far_away(void **state) {
    (void)state;
    Points points = normal_points(600, 4, 1);
    for (size_t i = 0; i < 600; i++)
        for (size_t d = 0; d < 4; d++) {
            float *value = &values_of(&points)[i * 4 + d];
            *value = (i % 3 == 0 ? 1000.0f : i % 3 == 1 ? -500.0f : 0.0f) + *value * 0.001f;
        }
    check_and_release(points, 15);
}

static void test_very_small_and_very_large_values(void **state) {
    (void)state;
    const float factors[] = {1e-30f, 1e-18f, 1e15f};
    for (size_t f = 0; f < COUNT_OF(factors); f++) {
        Points points = normal_points(300, 6, f);
        for (size_t i = 0; i < 300 * 6; i++) values_of(&points)[i] *= factors[f];
        assert_ok(points_check(&points, "points"));
        check_and_release(points, 10);
    }
}

static void test_rows_of_zeros_have_no_direction(void **state) {
    (void)state;
    Points points = normal_points(400, 5, 1);
    for (size_t i = 0; i < 400; i += 3) memset(values_of(&points) + i * 5, 0, 5 * sizeof(float));
    for (size_t d = 0; d < 5; d++) values_of(&points)[1 * 5 + d] = 2 * points.values[2 * 5 + d];
    Neighbors found = find(&points, 8, METRIC_COSINE, 1);
    for (size_t c = 0; c < 8; c++) {
        assert_int_equal(found.index[3 * 8 + c], c < 3 ? c : c + 1);
        assert_true(found.distance[3 * 8 + c] == 1);
    }
    assert_int_equal(found.index[1 * 8], 2);
    assert_true(found.distance[1 * 8] == 0);
    neighbors_free(&found);
    check_and_release(points, 8);
}

static void test_same_bits_at_any_number_of_threads(void **state) {
    (void)state;
    Points points = whole_points(2100, 12, 4, 9);
    Neighbors expected = find(&points, 15, METRIC_EUCLIDEAN, 1);
    for (size_t t = 0; t < COUNT_OF(embed_thread_counts); t++) {
        Neighbors found = find(&points, 15, METRIC_EUCLIDEAN, embed_thread_counts[t]);
        assert_memory_equal(found.index, expected.index, 2100 * 15 * sizeof(uint32_t));
        assert_memory_equal(found.distance, expected.distance, 2100 * 15 * sizeof(float));
        neighbors_free(&found);
    }
    neighbors_free(&expected);
    points_release(&points);
}

static void test_a_query_does_not_depend_on_its_company(void **state) {
    (void)state;
    const Metric metrics[] = {METRIC_EUCLIDEAN, METRIC_COSINE};
    Points reference = normal_points(900, 11, 1), queries = normal_points(700, 11, 2);
    memcpy(values_of(&queries), reference.values, 11 * sizeof(float));        /* the first is a reference point */
    for (size_t d = 0; d < 11; d++) values_of(&queries)[500 * 11 + d] = 1e6f; /* one far off */
    for (size_t m = 0; m < COUNT_OF(metrics); m++) {
        NeighborOptions options = {.k = 15, .metric = metrics[m], .threads = 3};
        Neighbors together, alone;
        assert_ok(neighbors_query(&reference, &queries, &options, &together));
        assert_int_equal(together.index[0], 0);
        assert_true(together.distance[0] == 0);
        for (size_t i = 0; i < 700; i += 23) {
            Points one = {points_row(&queries, i), 1, 11};
            assert_ok(neighbors_query(&reference, &one, &options, &alone));
            assert_memory_equal(alone.index, together.index + i * 15, 15 * sizeof(uint32_t));
            assert_memory_equal(alone.distance, together.distance + i * 15, 15 * sizeof(float));
            check_row(&reference, one.values, SIZE_MAX, &together, i, metrics[m]);
            neighbors_free(&alone);
        }
        neighbors_free(&together);
    }
    points_release(&reference);
    points_release(&queries);
}

/* ---- Whole numbers, whose products may be taken in bfloat16 ---- */

static double scale_of(const Points *points) {
    return whole_rows_scale(points, NULL, 2);
}

static void test_whole_numbers_are_noticed(void **state) {
    (void)state;
    Points points = whole_points(200, 7, 256, 1);
    float *value = values_of(&points);
    assert_true(scale_of(&points) == 1);
    value[150 * 7 + 3] = 256;
    value[3] = -255;
    assert_true(scale_of(&points) == 1);
    value[150 * 7 + 3] = 257;
    assert_true(scale_of(&points) == 0);
    value[150 * 7 + 3] = 1.5f;
    assert_true(scale_of(&points) == 0);
    value[150 * 7 + 3] = 0;
    for (size_t i = 0; i < 200 * 7; i++) value[i] /= 255.0f;
    assert_true(scale_of(&points) == 255);
    value[199 * 7] = 0.5f;
    assert_true(scale_of(&points) == 0);
    points_release(&points);
}

static void test_whole_numbers_equal_the_definition(void **state) {
    (void)state;
    Points points = whole_points(1300, 40, 256, 5), queries = whole_points(700, 40, 256, 6);
    const NeighborOptions options = {.k = 9, .threads = 2};
    for (size_t i = 0; i < 1300 * 40; i++) /* rows of many lengths */
        values_of(&points)[i] = (float)((int)values_of(&points)[i] >> (i / 40 % 6));
    check_against_definition(&points, 15, METRIC_EUCLIDEAN);
    for (int turn = 0; turn < 2; turn++) {
        Neighbors found;
        assert_ok(neighbors_query(&points, &queries, &options, &found));
        for (size_t i = 0; i < 700; i += 7)
            check_row(&points, points_row(&queries, i), SIZE_MAX, &found, i, METRIC_EUCLIDEAN);
        neighbors_free(&found);
        for (size_t i = 0; i < 700 * 40; i++) values_of(&queries)[i] /= 255.0f;
        for (size_t i = 0; i < 1300 * 40; i++) values_of(&points)[i] /= 255.0f;
    }
    check_against_definition(&points, 15, METRIC_EUCLIDEAN);
    points_release(&points);
    points_release(&queries);
    check_and_release(whole_points(1500, 3, 6, 2), 10); /* 216 places */
}

/* ---- NN-descent ---- */

static Neighbors descend(const Points *points, int k, Metric metric, int threads) {
    const NeighborOptions options = {
        .k = k, .metric = metric, .method = NEIGHBORS_DESCENT, .seed = 4, .threads = threads};
    Neighbors found;
    assert_ok(neighbors_find(points, &options, &found));
    assert_false(found.exact);
    assert_string_equal(found.method, "NN-descent");
    return found;
}

static double recall(const Neighbors *got, const Neighbors *wanted) {
    size_t hits = 0, k = (size_t)wanted->k;
    for (size_t i = 0; i < wanted->n; i++)
        for (size_t a = 0; a < k; a++)
            for (size_t b = 0; b < k; b++) hits += got->index[i * k + a] == wanted->index[i * k + b];
    return (double)hits / (double)(wanted->n * k);
}

/* Points near a sheet of five dimensions in thirty. */
static Points sheet(size_t n) {
    Points flat = normal_points(n, 5, 21), turn = normal_points(5, 30, 22), noise = normal_points(n, 30, 23);
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < 30; d++) {
            float *value = &values_of(&noise)[i * 30 + d];
            *value *= 0.1f;
            for (size_t c = 0; c < 5; c++) *value += flat.values[i * 5 + c] * turn.values[c * 30 + d];
        }
    points_release(&flat);
    points_release(&turn);
    return noise;
}

static void test_descent_finds_most_neighbours(void **state) {
    (void)state;
    const Metric metrics[] = {METRIC_EUCLIDEAN, METRIC_COSINE};
    Points points = sheet(3000);
    memcpy(values_of(&points) + 17 * 30, points.values, 30 * sizeof(float));
    memset(values_of(&points) + 18 * 30, 0, 30 * sizeof(float));
    for (size_t m = 0; m < COUNT_OF(metrics); m++) {
        Neighbors exact = find(&points, 15, metrics[m], 2), expected = descend(&points, 15, metrics[m], 1);
        assert_true(recall(&expected, &exact) > 0.97);
        assert_int_equal(expected.index[17 * 15], 0);
        assert_true(expected.distance[17 * 15] == 0);
        for (size_t i = 0; i < 3000 * 15; i++) { /* distances are those of the pairs, ascending */
            double distance =
                plain_distance(points_row(&points, i / 15), points_row(&points, expected.index[i]), 30, metrics[m]);
            assert_true(fabs((double)expected.distance[i] - distance) <= 1e-6 * distance + 1e-12);
            assert_true(i % 15 == 0 || expected.distance[i] >= expected.distance[i - 1]);
        }
        for (size_t t = 0; t < COUNT_OF(embed_thread_counts); t++) {
            Neighbors found = descend(&points, 15, metrics[m], embed_thread_counts[t]);
            assert_memory_equal(found.index, expected.index, 3000 * 15 * sizeof(uint32_t));
            assert_memory_equal(found.distance, expected.distance, 3000 * 15 * sizeof(float));
            neighbors_free(&found);
        }
        neighbors_free(&exact);
        neighbors_free(&expected);
    }
    points_release(&points);
}

/* Lists that the trees cannot fill are filled all the same. */
static void test_descent_of_few_points(void **state) {
    (void)state;
    const size_t sizes[] = {2, 3, 40, 49, 300};
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        Points points = normal_points(sizes[s], 4, 1);
        int k = sizes[s] > 250 ? 250 : (int)sizes[s] - 1;
        Neighbors found = descend(&points, k, METRIC_EUCLIDEAN, 2), exact = find(&points, k, METRIC_EUCLIDEAN, 2);
        assert_true(recall(&found, &exact) > 0.97);
        neighbors_free(&found);
        neighbors_free(&exact);
        points_release(&points);
    }
    Points equal = whole_points(100, 3, 1, 1);
    Neighbors found = descend(&equal, 5, METRIC_EUCLIDEAN, 1);
    assert_int_equal(found.index[50 * 5 + 4], 4);
    neighbors_free(&found);
    points_release(&equal);
}

static void test_wrong_use_says_what_is_wrong(void **state) {
    (void)state;
    Points points = normal_points(10, 3, 1), other = normal_points(4, 2, 1);
    Neighbors found;
    assert_fails(neighbors_find(&points, &(NeighborOptions){.k = 10}, &found), CF_BAD_USE, "only 9 others");
    assert_fails(neighbors_find(&points, &(NeighborOptions){.k = 0}, &found), CF_BAD_USE, "at least 1");
    assert_fails(neighbors_query(&points, &points, &(NeighborOptions){.k = 11}, &found), CF_BAD_USE, "only 10");
    assert_fails(neighbors_query(&points, &other, &(NeighborOptions){.k = 3}, &found), CF_BAD_INPUT, "have 3");
    neighbors_free(&(Neighbors){0});
    points_release(&points);
    points_release(&other);
}

static void test_points_are_checked(void **state) {
    (void)state;
    Points points = normal_points(10, 3, 1);
    assert_ok(points_check(&points, "X.npy"));
    values_of(&points)[7 * 3 + 1] = NAN;
    assert_fails(points_check(&points, "X.npy"), CF_BAD_INPUT, "X.npy: row 7 (counted from 0) has NaN in column 1");
    values_of(&points)[2 * 3 + 2] = -INFINITY;
    assert_fails(points_check(&points, "X.npy"), CF_BAD_INPUT, "row 2 (counted from 0) has infinity in column 2");
    values_of(&points)[0] = 1e20f;
    assert_fails(points_check(&points, "X.npy"), CF_BAD_INPUT, "row 0 (counted from 0) has 1e+20");
    assert_fails(points_check(&(Points){points.values, 0, 3}, "X.npy"), CF_BAD_INPUT, "no rows");
    assert_fails(points_check(&(Points){points.values, 1, 0}, "X.npy"), CF_BAD_INPUT, "rows of 0 values");
    assert_fails(points_check(&(Points){points.values, (size_t)1 << 40, 3}, "X.npy"), CF_BAD_INPUT, "at most");
    points_release(&points);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_definition),
        cmocka_unit_test(test_equal_distances_are_in_order_of_index),
        cmocka_unit_test(test_narrow_groups_far_away),
        cmocka_unit_test(test_very_small_and_very_large_values),
        cmocka_unit_test(test_rows_of_zeros_have_no_direction),
        cmocka_unit_test(test_same_bits_at_any_number_of_threads),
        cmocka_unit_test(test_a_query_does_not_depend_on_its_company),
        cmocka_unit_test(test_whole_numbers_are_noticed),
        cmocka_unit_test(test_whole_numbers_equal_the_definition),
        cmocka_unit_test(test_descent_finds_most_neighbours),
        cmocka_unit_test(test_descent_of_few_points),
        cmocka_unit_test(test_wrong_use_says_what_is_wrong),
        cmocka_unit_test(test_points_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
