#include "umap_making.h"

#include "embed_golden.h"

/* ---- One point ---- */

static double sum_of(const float *distance, int count, Smooth smooth) {
    double sum = 0;
    for (int j = 0; j < count; j++) {
        double beyond = (double)distance[j] - smooth.rho;
        sum += beyond > 0 ? exp(-beyond / smooth.sigma) : 1;
    }
    return sum;
}

static void test_sigma_by_its_equation(void **state) {
    (void)state;
    static const int counts[] = {2, 3, 4, 14, 50, 199};
    for (size_t c = 0; c < COUNT_OF(counts); c++)
        for (uint64_t seed = 0; seed < 40; seed++) {
            RngStream stream = rng_stream(seed, RNG_NEIGHBORS, 5, 0);
            float distance[200], d = 0;
            for (int j = 0; j < counts[c]; j++) { /* steps from 0.001 to 1000 */
                d += (float)exp(14 * (double)rng_uniform(&stream, (uint64_t)j) - 7);
                distance[j] = d;
            }
            Smooth smooth = fuzzy_smooth(distance, counts[c], 1, 0);
            assert_true(smooth.rho == (double)distance[0]);
            double mean = 0;
            for (int j = 0; j < counts[c]; j++) mean += (double)distance[j] / (counts[c] + 1);
            if (smooth.sigma > 1.0001e-3 * mean)
                assert_near(sum_of(distance, counts[c], smooth), log2(counts[c] + 1), 1e-5);
            for (int j = 0; j < counts[c]; j++) {
                double beyond = (double)distance[j] - smooth.rho;
                assert_near((double)fuzzy_membership(distance[j], smooth), exp(-beyond / smooth.sigma), 1e-6);
            }
        }
}

static void test_rho(void **state) {
    (void)state;
    static const float distance[] = {0, 0, 1, 3, 4, 10};
    assert_near(fuzzy_smooth(distance, 6, 1, 1).rho, 1, 0); /* the first above zero */
    assert_near(fuzzy_smooth(distance, 6, 2, 1).rho, 3, 0);
    assert_near(fuzzy_smooth(distance, 6, 1.5, 1).rho, 2, 1e-12);
    assert_near(fuzzy_smooth(distance, 6, 0.5, 1).rho, 0.5, 1e-12);
    assert_near(fuzzy_smooth(distance, 6, 0, 1).rho, 0, 0);
    assert_near(fuzzy_smooth(distance, 6, 5, 1).rho, 10, 0); /* fewer than asked: the farthest */
    assert_near(fuzzy_smooth(distance, 2, 1, 1).rho, 0, 0);
}

static void test_floors_of_sigma(void **state) {
    (void)state;
    /* Four at the same distance fill log2(6) = 2.58 by themselves: sigma wants to be 0. Mean with the point itself: 14 / 6. */
    static const float same[] = {1, 1, 1, 1, 10}, zero[] = {0, 0, 0, 0, 0};
    assert_near(fuzzy_smooth(same, 5, 1, 77).sigma, 1e-3 * 14 / 6, 1e-12);
    assert_near(fuzzy_smooth(zero, 5, 1, 77).sigma, 0.077, 1e-12);
    assert_near((double)fuzzy_membership(0, fuzzy_smooth(zero, 5, 1, 0)), 1, 0);
    /* One neighbour, rho at 0: exp(-d / sigma) = log2 2 = 1 only for a sigma without end. */
    static const float one[] = {3};
    assert_near((double)fuzzy_membership(3, fuzzy_smooth(one, 1, 0, 1)), 1, 1e-5);
    assert_near((double)fuzzy_membership(3, fuzzy_smooth(one, 1, 1, 1)), 1, 0);
}

/* ---- The graph ---- */

static void test_union_by_hand(void **state) {
    (void)state;
    /* Two neighbours each; log2 3 = 1.585 = 1 + v, so the nearer has 1 and the farther v = 0.585. */
    static uint32_t index[] = {1, 2, 0, 2, 1, 0, 2, 1};
    static float distance[] = {1, 2, 1, 3, 3, 5, 1, 6};
    const Neighbors found = {.n = 4, .k = 2, .index = index, .distance = distance};
    const double v = log2(3) - 1;
    static const double mixes[] = {1, 0, 0.25};
    for (size_t m = 0; m < COUNT_OF(mixes); m++) {
        FuzzyGraph graph;
        assert_ok(fuzzy_graph_new(&found, mixes[m], 1, 2, &graph));
        assert_fuzzy(&graph);
        double mix = mixes[m];
        assert_near((double)weight_of(&graph, 0, 1), 1, 1e-6);                                         /* 1 and 1 */
        assert_near((double)weight_of(&graph, 0, 2), mix * (2 * v - v * v) + (1 - mix) * v * v, 1e-5); /* v and v */
        assert_near((double)weight_of(&graph, 1, 2), mix + (1 - mix) * v, 1e-5);                       /* v and 1 */
        assert_near((double)weight_of(&graph, 2, 3), mix, 1e-6); /* one direction */
        assert_near((double)weight_of(&graph, 1, 3), mix * v, 1e-5);
        assert_int_equal(graph.start[4] / 2, mix > 0 ? 5 : 3);
        fuzzy_graph_free(&graph);
    }
}

static void test_same_bits(void **state) {
    (void)state;
    Points points = grouped_points(3000, 6, 3, 4, 1);
    FuzzyGraph first = graph_of(&points, 15, 1);
    int *target;
    assert_fuzzy(&first);
    assert_ok(memory_new(3000, sizeof *target, &target));
    for (int i = 0; i < 3000; i++) target[i] = i % 7 - 1;
    assert_ok(fuzzy_graph_supervise(&first, target, 0.5, 1));
    assert_fuzzy(&first);
    for (size_t t = 1; t < COUNT_OF(embed_thread_counts); t++) {
        FuzzyGraph graph = graph_of(&points, 15, embed_thread_counts[t]);
        assert_ok(fuzzy_graph_supervise(&graph, target, 0.5, embed_thread_counts[t]));
        assert_memory_equal(graph.start, first.start, (first.n + 1) * sizeof *first.start);
        assert_memory_equal(graph.column, first.column, first.start[first.n] * sizeof *first.column);
        assert_memory_equal(graph.weight, first.weight, first.start[first.n] * sizeof *first.weight);
        fuzzy_graph_free(&graph);
    }
    fuzzy_graph_free(&first);
    free(target);
    points_release(&points);
}

static void test_supervise_by_hand(void **state) {
    (void)state;
    static const Edge edges[] = {{0, 1, 0.8f}, {1, 2, 0.5f}, {2, 3, 1}};
    static const int target[] = {0, 0, 1, -1};
    FuzzyGraph graph = graph_from(4, edges, 3);
    assert_ok(fuzzy_graph_supervise(&graph, target, 0.5, 1));
    assert_fuzzy(&graph);
    const double far = 0.5 * exp(-5), unknown = exp(-1);
    double v = far / 0.8, w = far / unknown;               /* over each end's strongest */
    assert_near((double)weight_of(&graph, 0, 1), 1, 1e-6); /* 0.8 is both ends' strongest */
    assert_near((double)weight_of(&graph, 1, 2), v + w - v * w, 1e-6);
    assert_near((double)weight_of(&graph, 2, 3), 1, 1e-6);
    fuzzy_graph_free(&graph);
    graph = graph_from(4, edges, 3); /* weight 0: as it was */
    FuzzyGraph as_it_was = graph_from(4, edges, 3);
    assert_ok(fuzzy_graph_supervise(&graph, target, 0, 1));
    assert_int_equal(graph.start[4], 6);
    assert_memory_equal(graph.weight, as_it_was.weight, 6 * sizeof(float));
    fuzzy_graph_free(&as_it_was);
    fuzzy_graph_free(&graph);
    graph = graph_from(4, edges, 3); /* weight 0.2: a fourth of the exponents */
    assert_ok(fuzzy_graph_supervise(&graph, target, 0.2, 1));
    const double little = 0.5 * exp(-1.25), less = exp(-0.25);
    v = little / 0.8, w = little / less;
    assert_near((double)weight_of(&graph, 1, 2), v + w - v * w, 1e-6);
    fuzzy_graph_free(&graph);
    graph = graph_from(4, edges, 3); /* weight 1: nothing is left between classes */
    assert_ok(fuzzy_graph_supervise(&graph, target, 1, 1));
    assert_int_equal(graph.start[4], 4);
    assert_true(weight_of(&graph, 1, 2) == 0);
    fuzzy_graph_free(&graph);
}

static void test_prune_and_parts(void **state) {
    (void)state;
    static const Edge edges[] = {{0, 2, 0.5f}, {1, 3, 0.004f}, {2, 4, 0.005f}, {3, 5, 0.25f}};
    FuzzyGraph graph = graph_from(7, edges, 4);
    uint32_t part[7];
    size_t parts;
    assert_ok(fuzzy_graph_parts(&graph, part, &parts));
    assert_int_equal(parts, 3);
    static const uint32_t wanted[] = {0, 1, 0, 1, 0, 1, 2};
    assert_memory_equal(part, wanted, sizeof wanted);
    fuzzy_graph_prune(&graph, 100); /* below 0.005 */
    assert_int_equal(graph.start[7], 6);
    assert_true(weight_of(&graph, 2, 4) == 0.005f && weight_of(&graph, 1, 3) == 0);
    assert_ok(fuzzy_graph_parts(&graph, part, &parts));
    assert_int_equal(parts, 4);
    fuzzy_graph_free(&graph);
}

static void test_all_equal(void **state) {
    (void)state;
    Points points = {floats_new(40 * 3), 40, 3};
    FuzzyGraph graph = graph_of(&points, 5, 2);
    assert_fuzzy(&graph);
    for (size_t e = 0; e < graph.start[40]; e++) assert_true(graph.weight[e] == 1);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

/* By hand: mean squared distances by the weights; an edge's distance stands with one of its ends or with both. */
static void test_radii(void **state) {
    (void)state;
    static const Edge edges[] = {{0, 1, 0.5f}, {0, 2, 0.25f}};
    uint32_t index[] = {1, 0, 0, 2};
    float distance[] = {2, 2, 4, 9};
    const Neighbors neighbors = {.n = 4, .k = 1, .index = index, .distance = distance};
    FuzzyGraph graph = graph_from(4, edges, 2);
    double radius[4];
    fuzzy_graph_radii(&graph, &neighbors, 2, radius);
    assert_near(radius[0], log((0.5 * 4 + 0.25 * 16) / 0.75), 1e-7);
    assert_near(radius[1], log(4), 1e-7);
    assert_near(radius[2], log(16), 1e-7);
    assert_true(isnan(radius[3])); /* no edge */
    fuzzy_graph_free(&graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigma_by_its_equation),
        cmocka_unit_test(test_rho),
        cmocka_unit_test(test_floors_of_sigma),
        cmocka_unit_test(test_union_by_hand),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_supervise_by_hand),
        cmocka_unit_test(test_prune_and_parts),
        cmocka_unit_test(test_all_equal),
        cmocka_unit_test(test_radii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
