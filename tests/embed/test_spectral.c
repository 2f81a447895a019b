#include "umap_making.h"

#include "embed_golden.h"

#include "embed/spectral.h"
#include "embed/eigen.h"

static SpectralJob job_of(const FuzzyGraph *graph, int components, int threads) {
    return (SpectralJob){.graph = graph, .components = components, .tolerance = 1e-8, .seed = 3, .threads = threads};
}

/* L v - lambda v, L from its definition. */
static double residual_of(const FuzzyGraph *graph, double value, const double *v) {
    double *root, sum = 0;
    assert_ok(memory_new(graph->n, sizeof *root, &root));
    for (size_t i = 0; i < graph->n; i++) {
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) root[i] += (double)graph->weight[e];
        root[i] = sqrt(root[i]);
    }
    for (size_t i = 0; i < graph->n; i++) {
        double off = v[i] * (1 - value);
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
            off -= (double)graph->weight[e] * v[graph->column[e]] / (root[i] * root[graph->column[e]]);
        sum += off * off;
    }
    free(root);
    return sqrt(sum);
}

static void check_vectors(const FuzzyGraph *graph, const double *values, const double *vectors, int components,
                          double tolerance) {
    for (int c = 0; c < components; c++) {
        const double *v = vectors + (size_t)c * graph->n;
        double largest = 0;
        assert_near(residual_of(graph, values[c], v), 0, tolerance);
        if (c) assert_true(values[c] >= values[c - 1]);
        for (int d = 0; d <= c; d++) {
            double dot = 0;
            for (size_t i = 0; i < graph->n; i++) dot += v[i] * vectors[(size_t)d * graph->n + i];
            assert_near(dot, c == d, 1e-9);
        }
        for (size_t i = 0; i < graph->n; i++)
            if (fabs(v[i]) > fabs(largest)) largest = v[i];
        assert_true(largest > 0);
    }
}

/* All eigenvalues of the Laplacian by rotations of the whole matrix, smallest first. */
static double *dense_values(const FuzzyGraph *graph) {
    const size_t n = graph->n;
    double *a, *vectors, *values, *degree;
    assert_ok(memory_new(n * n, sizeof *a, &a));
    assert_ok(memory_new(n * n, sizeof *vectors, &vectors));
    assert_ok(memory_new(n, sizeof *values, &values));
    assert_ok(memory_new(n, sizeof *degree, &degree));
    for (size_t i = 0; i < n; i++)
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) degree[i] += (double)graph->weight[e];
    for (size_t i = 0; i < n; i++)
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
            a[i * n + graph->column[e]] = (double)graph->weight[e] / sqrt(degree[i] * degree[graph->column[e]]);
    symmetric_eigen(a, (int)n, values, vectors);
    for (size_t i = 0; i < n; i++) values[i] = 1 - values[i];
    free(a);
    free(vectors);
    free(degree);
    return values;
}

static void test_against_dense(void **state) {
    (void)state;
    static const size_t sizes[] = {20, 90, 101, 300};
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        Points points = grouped_points(sizes[s], 5, 2, 2, s);
        FuzzyGraph graph = graph_of(&points, 8, 1);
        double values[4], *vectors, residual, *all = dense_values(&graph);
        SpectralJob job = job_of(&graph, 4, 2);
        assert_ok(memory_new(4 * graph.n, sizeof *vectors, &vectors));
        assert_ok(spectral_vectors(&job, values, vectors, &residual));
        assert_true(residual <= job.tolerance);
        assert_near(all[0], 0, 1e-6);
        assert_true(all[1] > 1e-4); /* else the graph is in parts and the test says nothing */
        for (int c = 0; c < 4; c++) assert_near(values[c], all[c + 1], 1e-6);
        check_vectors(&graph, values, vectors, 4, 1e-6);
        free(all);
        free(vectors);
        fuzzy_graph_free(&graph);
        points_release(&points);
    }
}

/* A ring's eigenvalues are 1 - cos(2 pi k / n), each twice: a method with one vector would find one of each. */
static void test_ring(void **state) {
    (void)state;
    enum { RING = 150 };
    Edge edges[RING];
    double values[4], *vectors, residual;
    for (uint32_t i = 0; i < RING; i++) edges[i] = i + 1 < RING ? (Edge){i, i + 1, 0.5f} : (Edge){0, i, 0.5f};
    FuzzyGraph graph = graph_from(RING, edges, RING);
    SpectralJob job = job_of(&graph, 4, 1);
    assert_ok(memory_new(4 * RING, sizeof *vectors, &vectors));
    assert_ok(spectral_vectors(&job, values, vectors, &residual));
    for (int c = 0; c < 4; c++) assert_near(values[c], 1 - cos(6.283185307179586 * (c / 2 + 1) / RING), 1e-7);
    check_vectors(&graph, values, vectors, 4, 1e-6);
    free(vectors);
    fuzzy_graph_free(&graph);
}

/* All others of a complete graph's eigenvalues are n / (n - 1), above 1: the known one must not come between. */
static void test_complete(void **state) {
    (void)state;
    Edge edges[15];
    size_t count = 0;
    double values[2], vectors[12], residual;
    for (uint32_t i = 0; i < 6; i++)
        for (uint32_t j = i + 1; j < 6; j++) edges[count++] = (Edge){i, j, 0.25f};
    FuzzyGraph graph = graph_from(6, edges, count);
    SpectralJob job = job_of(&graph, 2, 1);
    assert_ok(spectral_vectors(&job, values, vectors, &residual));
    assert_near(values[0], 1.2, 1e-6);
    assert_near(values[1], 1.2, 1e-6);
    check_vectors(&graph, values, vectors, 2, 1e-6);
    fuzzy_graph_free(&graph);
}

static void test_same_bits(void **state) {
    (void)state;
    Points points = grouped_points(5000, 4, 3, 3, 9);
    FuzzyGraph graph = graph_of(&points, 10, 2);
    double values[3], *first, *again, residual;
    assert_ok(memory_new(3 * graph.n, sizeof *first, &first));
    assert_ok(memory_new(3 * graph.n, sizeof *again, &again));
    for (size_t t = 0; t < COUNT_OF(embed_thread_counts); t++) {
        SpectralJob job = job_of(&graph, 3, embed_thread_counts[t]);
        assert_ok(spectral_vectors(&job, values, t ? again : first, &residual));
        if (!t) check_vectors(&graph, values, first, 3, 1e-6);
        if (t) assert_memory_equal(again, first, 3 * graph.n * sizeof *first);
    }
    free(first);
    free(again);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

/* ---- Several parts ---- */

static double distance_of(const float *y, size_t i, size_t j) {
    return hypot((double)y[2 * i] - (double)y[2 * j], (double)y[2 * i + 1] - (double)y[2 * j + 1]);
}

/* Two rings: each must come out as a circle, at (1, 0) and (-1, 0), with half of the 2 between these as room. */
static void test_two_rings(void **state) {
    (void)state;
    enum { FIRST = 150, BOTH = 240 }; /* the second is small enough for rotations */
    Edge edges[BOTH];
    Points points = normal_points(BOTH, 2, 1);
    float *y = floats_new(2 * BOTH);
    char why[100];
    for (uint32_t i = 0; i < BOTH; i++) {
        uint32_t first = i < FIRST ? 0 : FIRST, end = i < FIRST ? FIRST : BOTH;
        edges[i] = i + 1 < end ? (Edge){i, i + 1, 0.5f} : (Edge){first, i, 0.5f};
    }
    FuzzyGraph graph = graph_from(BOTH, edges, BOTH);
    SpectralJob job = job_of(&graph, 2, 1);
    job.points = &points;
    assert_ok(spectral_layout(&job, y, why));
    assert_string_equal(why, "");
    for (int ring = 0; ring < 2; ring++) {
        const size_t first = ring ? FIRST : 0, end = ring ? BOTH : FIRST;
        const double centre = ring ? -1 : 1;
        double farthest = 0, radius = hypot((double)y[2 * first] - centre, (double)y[2 * first + 1]);
        for (size_t i = first; i < end; i++) {
            assert_near(hypot((double)y[2 * i] - centre, (double)y[2 * i + 1]), radius, 1e-4);
            farthest = fmax(farthest, fmax(fabs((double)y[2 * i] - centre), fabs((double)y[2 * i + 1])));
        }
        assert_near(farthest, 1, 1e-5);
    }
    free(y);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

static void test_parts_stay_apart(void **state) {
    (void)state;
    static const int groups[] = {2, 3, 4, 5, 9}; /* on the axes, and beyond four by their means */
    for (size_t g = 0; g < COUNT_OF(groups); g++) {
        const int count = groups[g];
        Points points = grouped_points(60 * (size_t)count, 10, count, 100, 4);
        FuzzyGraph graph = graph_of(&points, 6, 2);
        SpectralJob job = job_of(&graph, 2, 2);
        float *y = floats_new(2 * points.n);
        char why[100];
        job.points = &points;
        assert_ok(spectral_layout(&job, y, why));
        assert_string_equal(why, "");
        double within = 0, between = INFINITY;
        for (size_t i = 0; i < points.n; i++)
            for (size_t j = 0; j < i; j++) {
                double d = distance_of(y, i, j);
                if (i % (size_t)count == j % (size_t)count)
                    within = fmax(within, d);
                else
                    between = fmin(between, d);
            }
        assert_true(within > 0);
        assert_true(between > 0); /* drawn with half the way to the next as room, boxes may touch at a corner */
        free(y);
        fuzzy_graph_free(&graph);
        points_release(&points);
    }
}

static void test_no_way(void **state) {
    (void)state;
    static const Edge edges[] = {{0, 1, 1}, {1, 2, 1}};
    FuzzyGraph graph = graph_from(3, edges, 2), apart = {.n = 300};
    SpectralJob job = job_of(&graph, 2, 1);
    Points points = normal_points(300, 2, 1);
    float y[600];
    char why[100];
    job.points = &points;
    assert_ok(spectral_layout(&job, y, why));
    assert_string_equal(why, "3 points are too few for eigenvectors");
    assert_ok(memory_new(301, sizeof *apart.start, &apart.start));
    job.graph = &apart;
    assert_ok(spectral_layout(&job, y, why));
    assert_string_equal(why, "the graph is in 300 parts");
    fuzzy_graph_free(&graph);
    fuzzy_graph_free(&apart);
    points_release(&points);
}

/* What cannot converge says so: a tolerance that rounding does not let one reach. */
static void test_not_converged(void **state) {
    (void)state;
    Points points = normal_points(400, 3, 8);
    FuzzyGraph graph = graph_of(&points, 10, 1);
    SpectralJob job = job_of(&graph, 2, 1);
    float *y = floats_new(800);
    char why[100];
    job.points = &points;
    job.tolerance = 1e-18;
    assert_ok(spectral_layout(&job, y, why));
    assert_non_null(strstr(why, "did not converge"));
    free(y);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

static bool stop(double done, void *context) {
    (void)done, (void)context;
    return false;
}

static void test_stopped(void **state) {
    (void)state;
    Points points = normal_points(400, 3, 8);
    FuzzyGraph graph = graph_of(&points, 10, 1);
    SpectralJob job = job_of(&graph, 2, 1);
    float *y = floats_new(800);
    char why[100];
    job.progress = stop;
    assert_fails(spectral_layout(&job, y, why), CF_INTERRUPTED, "stopped");
    free(y);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_dense), cmocka_unit_test(test_ring),
        cmocka_unit_test(test_complete),      cmocka_unit_test(test_two_rings),
        cmocka_unit_test(test_same_bits),     cmocka_unit_test(test_parts_stay_apart),
        cmocka_unit_test(test_no_way),        cmocka_unit_test(test_not_converged),
        cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
