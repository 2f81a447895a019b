#include "embed_golden.h"

#include "embed/curve.h"

static void test_published(void **state) {
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

static double squares(double min_dist, double spread, double a, double b) {
    double sum = 0;
    for (int i = 0; i < 300; i++) {
        double d = 3 * spread * i / 299, wanted = d < min_dist ? 1 : exp(-(d - min_dist) / spread);
        double off = wanted - 1 / (1 + a * pow(d, 2 * b));
        sum += off * off;
    }
    return sum;
}

static void test_nothing_near_is_better(void **state) {
    (void)state;
    for (int m = 0; m <= 10; m++) {
        double a, b, min_dist = 0.1 * m, spread = 0.7 + 0.1 * m;
        assert_ok(curve_fit(min_dist, spread, &a, &b));
        double best = squares(min_dist, spread, a, b);
        for (int turn = 0; turn < 8; turn++) {
            double x = cos(0.7854 * turn), y = sin(0.7854 * turn);
            assert_true(squares(min_dist, spread, a * (1 + 1e-3 * x), b * (1 + 1e-3 * y)) > best);
        }
    }
}

static void test_refused(void **state) {
    (void)state;
    double a, b;
    assert_fails(curve_fit(0.1, 0, &a, &b), CF_BAD_USE, "min_dist 0.1 with spread 0");
    assert_fails(curve_fit(-0.1, 1, &a, &b), CF_BAD_USE, "min_dist -0.1");
    assert_fails(curve_fit(4, 1, &a, &b), CF_BAD_USE, "min_dist 4");
    assert_fails(curve_fit(NAN, 1, &a, &b), CF_BAD_USE, "min_dist");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_nothing_near_is_better),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
