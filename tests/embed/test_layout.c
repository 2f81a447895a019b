#include "umap_making.h"

#include "embed_golden.h"

#include "embed/layout.h"

/* ---- The curve ---- */

static void test_published_curves(void **state) {
    (void)state;
    /* spread, min_dist, a, b: what umap-learn 0.5.12 (scipy's curve_fit) gives, to the digits that its optimiser settles. */
    static const double rows[][4] = {
        {1, 0.1, 1.57694346, 0.89506088},  {1, 0, 1.93280840, 0.79049497},   {1, 0.5, 0.58303002, 1.33416699},
        {1, 0.99, 0.11930530, 1.91639042}, {2, 0.1, 0.54466054, 0.84205543}, {0.5, 0.1, 5.06930933, 1.00300542},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double a, b;
        assert_ok(curve_fit(rows[i][1], rows[i][0], &a, &b));
        assert_near(a, rows[i][2], 2e-5 * rows[i][2]);
        assert_near(b, rows[i][3], 2e-5 * rows[i][3]);
    }
}

static double squares_off(double min_dist, double spread, double a, double b) {
    double sum = 0;
    for (int i = 0; i < 300; i++) {
        double d = 3 * spread * i / 299, wanted = d < min_dist ? 1 : exp(-(d - min_dist) / spread);
        double off = wanted - 1 / (1 + a * pow(d, 2 * b));
        sum += off * off;
    }
    return sum;
}

static void test_no_curve_near_is_better(void **state) {
    (void)state;
    for (int m = 0; m <= 10; m++) {
        double a, b, min_dist = 0.1 * m, spread = 0.7 + 0.1 * m;
        assert_ok(curve_fit(min_dist, spread, &a, &b));
        double best = squares_off(min_dist, spread, a, b);
        for (int turn = 0; turn < 8; turn++) {
            double x = cos(0.7854 * turn), y = sin(0.7854 * turn);
            assert_true(squares_off(min_dist, spread, a * (1 + 1e-3 * x), b * (1 + 1e-3 * y)) > best);
        }
    }
}

static void test_refused_curves(void **state) {
    (void)state;
    double a, b;
    assert_fails(curve_fit(0.1, 0, &a, &b), CF_BAD_USE, "min_dist 0.1 with spread 0");
    assert_fails(curve_fit(-0.1, 1, &a, &b), CF_BAD_USE, "min_dist -0.1");
    assert_fails(curve_fit(4, 1, &a, &b), CF_BAD_USE, "min_dist 4");
    assert_fails(curve_fit(NAN, 1, &a, &b), CF_BAD_USE, "min_dist");
}

/* ---- The timetable ---- */

static int round_of_event(const LayoutEvents *events, uint32_t i, uint32_t j, bool pushes, uint32_t *rate) {
    int round = -1;
    for (int r = 0; r < events->rounds; r++) {
        size_t slot = event_slot(events, r, i) + !pushes;
        for (size_t e = events->start[slot]; e < events->start[slot + 1]; e++)
            if (events->event[e].target == j) {
                assert_int_equal(round, -1); /* once only */
                round = r;
                *rate = events->event[e].rate;
            }
    }
    return round;
}

static void test_both_ends_in_one_round(void **state) {
    (void)state;
    Points points = grouped_points(700, 4, 2, 2, 1);
    FuzzyGraph graph = graph_of(&points, 10, 1);
    LayoutEvents events;
    size_t used[8] = {0};
    assert_ok(layout_events_new(&graph, true, 8, 2, &events));
    assert_int_equal(events.start[2 * 8 * graph.n], 2 * graph.start[graph.n]);
    const float strongest = fuzzy_graph_strongest(&graph);
    for (uint32_t i = 0; i < graph.n; i++)
        for (size_t e = graph.start[i]; e < graph.start[i + 1]; e++) {
            uint32_t j = graph.column[e], rate = 0, other_rate = 0;
            int round = round_of_event(&events, i, j, true, &rate);
            assert_true(round >= 0);
            assert_int_equal(round_of_event(&events, j, i, false, &other_rate), round);
            assert_int_equal(rate, other_rate);
            assert_near((double)rate / EVENT_WHOLE, (double)graph.weight[e] / (double)strongest, 1e-9);
            used[round]++;
        }
    for (int r = 0; r < 8; r++) /* about an eighth each */
        assert_near((double)used[r] / (double)graph.start[graph.n], 0.125, 0.02);
    layout_events_free(&events);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

static void test_due(void **state) {
    (void)state;
    static const uint32_t rates[] = {EVENT_WHOLE, EVENT_WHOLE / 2, EVENT_WHOLE / 3, 1u << 24, EVENT_WHOLE - 1, 1, 0};
    for (size_t r = 0; r < COUNT_OF(rates); r++) {
        uint64_t uses = 0;
        for (uint32_t epoch = 1; epoch <= 5000; epoch++) {
            uses += event_due((Event){0, rates[r]}, epoch);
            assert_int_equal(uses, (uint64_t)epoch * rates[r] / EVENT_WHOLE);
        }
    }
}

static void test_rows_of_their_own_scale(void **state) {
    (void)state;
    static const Edge edges[] = {{0, 1, 0.5f}, {0, 2, 0.25f}};
    FuzzyGraph graph = graph_from(3, edges, 2);
    LayoutEvents events;
    assert_ok(layout_events_new(&graph, false, 1, 1, &events));
    assert_int_equal(events.start[6], 4); /* one event an entry, all with pushes */
    assert_int_equal(events.start[1], 2);
    assert_int_equal(events.start[2], 2);
    assert_int_equal(events.event[0].rate, EVENT_WHOLE);
    assert_int_equal(events.event[1].rate, EVENT_WHOLE / 2);
    assert_int_equal(events.event[3].rate, EVENT_WHOLE); /* the only one of vertex 2 */
    layout_events_free(&events);
    fuzzy_graph_free(&graph);
}

/* ---- The layout ---- */

static LayoutJob job_of(const FuzzyGraph *graph, int threads) {
    return (LayoutJob){.graph = graph,
                       .components = 2,
                       .epochs = 50,
                       .negatives = 5,
                       .a = 1.577,
                       .b = 0.895,
                       .learning_rate = 1,
                       .repulsion = 1,
                       .seed = 5,
                       .threads = threads};
}

static float *start_of(size_t n, int components) {
    Points points = normal_points(n, components, 11);
    return values_of(&points);
}

static void test_same_bits(void **state) {
    (void)state;
    Points points = grouped_points(2500, 5, 3, 5, 2);
    FuzzyGraph graph = graph_of(&points, 15, 2);
    static const int components[] = {2, 3, 7};
    for (size_t c = 0; c < COUNT_OF(components); c++) {
        const size_t bytes = graph.n * (size_t)components[c] * sizeof(float);
        float *first = NULL;
        for (size_t t = 0; t < COUNT_OF(embed_thread_counts); t++) {
            LayoutJob job = job_of(&graph, embed_thread_counts[t]);
            float *y = start_of(graph.n, components[c]);
            job.components = components[c];
            assert_ok(layout_run(&job, y));
            if (first) assert_memory_equal(y, first, bytes);
            if (first)
                free(y);
            else
                first = y;
        }
        free(first);
    }
    fuzzy_graph_free(&graph);
    points_release(&points);
}

/* ---- Density ---- */

enum { FEW = 60 };

/* The correlation of the local radii of y with the standardised `original`, as densMAP has it: the covariance over n - 1, the
 * variance with a shift. */
static double radii_agree(const FuzzyGraph *graph, const double *original, const double *y, const LayoutJob *job) {
    double radius[FEW], mean = 0, variance = 0, covariance = 0;
    for (size_t i = 0; i < FEW; i++) {
        double near = 0, far = 0;
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) {
            const double *z = y + 2 * graph->column[e];
            const double square = (y[2 * i] - z[0]) * (y[2 * i] - z[0]) + (y[2 * i + 1] - z[1]) * (y[2 * i + 1] - z[1]);
            const double close = 1 / (1 + job->a * pow(square, job->b));
            near += close, far += close * square;
        }
        radius[i] = log(1e-8 + far / near);
        mean += radius[i] / FEW;
    }
    for (size_t i = 0; i < FEW; i++) {
        variance += (radius[i] - mean) * (radius[i] - mean) / FEW;
        covariance += radius[i] * original[i] / (FEW - 1);
    }
    return covariance / sqrt(variance + job->density->shift);
}

/* One epoch with and without the density, its step small: the difference is along the gradient by finite differences. Each edge is
 * used twice, its weight is the strongest, and umap-learn's covariance is that of the gradient but for 1 / n. */
static void test_density_gradient(void **state) {
    (void)state;
    Points points = grouped_points(FEW, 4, 3, 2, 3);
    FuzzyGraph graph = graph_of(&points, 6, 1);
    double original[FEW], mean = 0, square = 0, at[2 * FEW], largest = 0, worst = 0;
    for (size_t e = 0; e < graph.start[FEW]; e++) graph.weight[e] = 0.5f;
    for (size_t i = 0; i < FEW; i++) original[i] = sin(7.0 * (double)i) + 0.3 * (double)(i % 5);
    const LayoutDensity density = {original, 0.5, 0.5, 0.1}, none = {original, 0, 0.5, 0.1};
    LayoutJob job = job_of(&graph, 2);
    job.epochs = 2, job.negatives = 0, job.learning_rate = 1e-3;
    float *with = start_of(FEW, 2), *without = start_of(FEW, 2);
    for (int v = 0; v < 2 * FEW; v++) at[v] = (double)with[v];
    job.density = &density;
    assert_ok(layout_run(&job, with));
    job.density = &none;
    assert_ok(layout_run(&job, without));
    for (size_t i = 0; i < FEW; i++) mean += original[i] / FEW;
    for (size_t i = 0; i < FEW; i++) square += (original[i] - mean) * (original[i] - mean) / FEW;
    for (size_t i = 0; i < FEW; i++) original[i] = (original[i] - mean) / sqrt(square);
    job.density = &density;
    for (size_t v = 0; v < 2 * FEW; v++) {
        const double h = 1e-5, kept = at[v];
        at[v] = kept + h;
        double slope = radii_agree(&graph, original, at, &job);
        at[v] = kept - h;
        slope = (slope - radii_agree(&graph, original, at, &job)) / (2 * h);
        at[v] = kept;
        /* lambda x sum of weights / (weight n) x the gradient of what umap-learn takes n - 1 for */
        const double wanted = 0.5 * (double)graph.start[FEW] / FEW * (FEW - 1) * slope;
        const double moved = ((double)with[v] - (double)without[v]) / job.learning_rate;
        largest = fmax(largest, fabs(wanted));
        worst = fmax(worst, fabs(moved - wanted));
    }
    assert_true(largest > 1);
    assert_true(worst < 0.03 * largest);
    free(with), free(without);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

static void test_density_same_bits(void **state) {
    (void)state;
    Points points = grouped_points(2500, 5, 3, 5, 2);
    FuzzyGraph graph = graph_of(&points, 15, 2);
    double *radius;
    float *first = NULL;
    assert_ok(memory_new(2500, sizeof *radius, &radius));
    for (size_t i = 0; i < 2500; i++) radius[i] = i % 11 ? (double)(i % 7) : NAN; /* of some none */
    const LayoutDensity density = {radius, 2, 0.3, 0.1};
    for (size_t t = 0; t < COUNT_OF(embed_thread_counts); t++) {
        LayoutJob job = job_of(&graph, embed_thread_counts[t]);
        float *y = start_of(graph.n, 2);
        job.density = &density;
        assert_ok(layout_run(&job, y));
        for (size_t v = 0; v < 2 * graph.n; v++) assert_true(isfinite(y[v]));
        if (first) assert_memory_equal(y, first, graph.n * 2 * sizeof(float));
        if (first)
            free(y);
        else
            first = y;
    }
    LayoutJob job = job_of(&graph, 2);
    float *plain = start_of(graph.n, 2);
    assert_ok(layout_run(&job, plain));
    assert_memory_not_equal(plain, first, graph.n * 2 * sizeof(float));
    free(plain), free(first), free(radius);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

static void test_groups_part(void **state) {
    (void)state;
    Points points = grouped_points(900, 5, 3, 12, 2);
    FuzzyGraph graph = graph_of(&points, 15, 2);
    LayoutJob job = job_of(&graph, 2);
    float *y = start_of(graph.n, 2); /* all three groups on one heap */
    job.epochs = 300;
    assert_ok(layout_run(&job, y));
    double centre[3][2] = {{0}}, within = 0;
    for (size_t i = 0; i < 900; i++)
        for (int c = 0; c < 2; c++) centre[i % 3][c] += (double)y[2 * i + (size_t)c] / 300;
    for (size_t i = 0; i < 900; i++)
        within += hypot((double)y[2 * i] - centre[i % 3][0], (double)y[2 * i + 1] - centre[i % 3][1]) / 900;
    for (int g = 0; g < 3; g++) {
        int h = (g + 1) % 3;
        assert_true(hypot(centre[g][0] - centre[h][0], centre[g][1] - centre[h][1]) > 3 * within);
    }
    free(y);
    fuzzy_graph_free(&graph);
    points_release(&points);
}

/* Two points and no pushes: all moves are pulls by equal steps, so their middle stays. */
static void test_middle_stays(void **state) {
    (void)state;
    static const Edge edges[] = {{0, 1, 1}};
    FuzzyGraph graph = graph_from(2, edges, 1);
    LayoutJob job = job_of(&graph, 1);
    float y[] = {-3, 1, 4, 2};
    job.negatives = 0;
    assert_ok(layout_run(&job, y));
    assert_near((double)y[0] + (double)y[2], 1, 1e-4);
    assert_near((double)y[1] + (double)y[3], 3, 1e-4);
    assert_true(hypot((double)y[0] - (double)y[2], (double)y[1] - (double)y[3]) < 0.5);
    fuzzy_graph_free(&graph);
}

static void test_one_epoch_moves_nothing(void **state) {
    (void)state; /* as in umap-learn, whose first uses fall into the second epoch */
    static const Edge edges[] = {{0, 1, 1}};
    FuzzyGraph graph = graph_from(2, edges, 1);
    LayoutJob job = job_of(&graph, 1);
    float y[] = {-3, 1, 4, 2}, before[4];
    memcpy(before, y, sizeof y);
    job.epochs = 1;
    assert_ok(layout_run(&job, y));
    assert_memory_equal(y, before, sizeof y);
    job.epochs = 2;
    assert_ok(layout_run(&job, y));
    assert_memory_not_equal(y, before, sizeof y);
    fuzzy_graph_free(&graph);
}

/* One point, two fixed ones, no pushes: pulls of single steps, each from where the last one led. One round an epoch, so that
 * odd and even numbers of rounds must both end in the caller's array. */
static void test_fixed(void **state) {
    (void)state;
    static const float fixed[] = {1, 2, -2, 0.5f};
    static size_t start[] = {0, 2};
    static uint32_t column[] = {0, 1};
    static float weight[] = {0.3f, 0.15f}; /* the second in every other epoch */
    const FuzzyGraph graph = {.n = 1, .start = start, .column = column, .weight = weight};
    for (int epochs = 1; epochs <= 6; epochs++) {
        LayoutJob job = job_of(&graph, 1);
        float y[] = {4, 4};
        double x[] = {4, 4};
        job.fixed = fixed;
        job.fixed_count = 2;
        job.negatives = 0;
        job.epochs = epochs;
        assert_ok(layout_run(&job, y));
        for (int epoch = 1; epoch < epochs; epoch++)
            for (int k = 0; k < (epoch % 2 ? 1 : 2); k++) {
                double off[] = {x[0] - (double)fixed[2 * k], x[1] - (double)fixed[2 * k + 1]};
                double square = off[0] * off[0] + off[1] * off[1], power = pow(square, 0.895);
                double step =
                    (1 - (epoch - 1.0) / epochs) * -2 * 1.577 * 0.895 * power / (square * (1 + 1.577 * power));
                x[0] += step * off[0];
                x[1] += step * off[1];
            }
        assert_near((double)y[0], x[0], 1e-4);
        assert_near((double)y[1], x[1], 1e-4);
    }
}

/* A star: one vertex with an edge to every other. */
static void test_hub(void **state) {
    (void)state;
    enum { RAYS = 1500 };
    FuzzyGraph graph = {.n = RAYS + 1};
    assert_ok(memory_new(graph.n + 1, sizeof *graph.start, &graph.start));
    assert_ok(memory_new(2 * RAYS, sizeof *graph.column, &graph.column));
    assert_ok(memory_new(2 * RAYS, sizeof *graph.weight, &graph.weight));
    for (uint32_t e = 0; e < 2 * RAYS; e++) {
        graph.column[e] = e < RAYS ? e + 1 : 0;
        graph.weight[e] = 1;
    }
    for (size_t i = 1; i <= graph.n; i++) graph.start[i] = RAYS + i - 1;
    LayoutJob job = job_of(&graph, 2);
    float *y = start_of(graph.n, 2);
    assert_ok(layout_run(&job, y));
    for (size_t v = 0; v < 2 * graph.n; v++) assert_true(fabsf(y[v]) < 1000);
    free(y);
    fuzzy_graph_free(&graph);
}

static bool stop_late(double done, void *context) {
    int *asked = context;
    assert_true(done > 0 && done < 1);
    return ++*asked < 3;
}

static void test_stopped(void **state) {
    (void)state;
    static const Edge edges[] = {{0, 1, 1}};
    FuzzyGraph graph = graph_from(2, edges, 1);
    LayoutJob job = job_of(&graph, 1);
    float y[] = {-3, 1, 4, 2};
    int asked = 0;
    job.progress = stop_late;
    job.progress_context = &asked;
    assert_fails(layout_run(&job, y), CF_INTERRUPTED, "stopped in epoch 3 of 50");
    fuzzy_graph_free(&graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_curves),
        cmocka_unit_test(test_no_curve_near_is_better),
        cmocka_unit_test(test_refused_curves),
        cmocka_unit_test(test_both_ends_in_one_round),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_rows_of_their_own_scale),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_density_gradient),
        cmocka_unit_test(test_density_same_bits),
        cmocka_unit_test(test_groups_part),
        cmocka_unit_test(test_middle_stays),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_one_epoch_moves_nothing),
        cmocka_unit_test(test_hub),
        cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
