/* The learning rate of each step: ends and middle of each schedule, by their formulas worked by hand. */
#include "testing.h"

#include "train/schedule.h"

#include <math.h>

static void assert_rate(double got, double expected) {
    if (fabs(got - expected) > 1e-12 * fabs(expected)) print_error("rate %.17g, %.17g expected\n", got, expected);
    assert_true(fabs(got - expected) <= 1e-12 * fabs(expected));
}

static void constant(void **state) {
    (void)state;
    for (int64_t step = 0; step < 100; step += 33) assert_true(schedule_rate(CF_CONSTANT, 0.3, step, 100) == 0.3);
}

static void cosine(void **state) {
    (void)state;
    assert_rate(schedule_rate(CF_COSINE, 0.5, 0, 100), 0.5);
    assert_rate(schedule_rate(CF_COSINE, 0.5, 50, 100), 0.25);
    assert_rate(schedule_rate(CF_COSINE, 0.5, 25, 100), 0.25 * (1 + sqrt(0.5)));
    assert_rate(schedule_rate(CF_COSINE, 0.5, 75, 100), 0.25 * (1 - sqrt(0.5)));
    assert_true(fabs(schedule_rate(CF_COSINE, 0.5, 100, 100)) < 1e-16); /* the end, which no step reaches */
    for (int64_t step = 1; step < 100; step++)
        assert_true(schedule_rate(CF_COSINE, 0.5, step, 100) < schedule_rate(CF_COSINE, 0.5, step - 1, 100));
    assert_rate(schedule_rate(CF_COSINE, 0.5, 0, 1), 0.5);
}

/* torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10, pct_start=0.3, anneal_strategy="cos", div_factor=25,
 * final_div_factor=1e4): from 0.04 to 1 over steps 0 .. 2, to 4e-6 over steps 2 .. 9; by its documented formula,
 * end + (start - end) / 2 * (1 + cos(pi * share)). */
static void one_cycle_as_pytorch(void **state) {
    (void)state;
    const double low = 0.04, end = 4e-6, pi = 3.141592653589793;
    assert_rate(schedule_rate(CF_ONE_CYCLE, 1, 0, 10), 0.04);
    assert_rate(schedule_rate(CF_ONE_CYCLE, 1, 1, 10), (low + 1) / 2); /* half way up: 0.52 */
    assert_rate(schedule_rate(CF_ONE_CYCLE, 1, 2, 10), 1);
    for (int step = 3; step < 9; step++)
        assert_rate(schedule_rate(CF_ONE_CYCLE, 1, step, 10), end + (1 - end) / 2 * (1 + cos(pi * (step - 2) / 7)));
    assert_rate(schedule_rate(CF_ONE_CYCLE, 1, 9, 10), end);
    /* Digits of the same, for the eye: cos(pi/7) = 0.900968867902419. */
    assert_true(fabs(schedule_rate(CF_ONE_CYCLE, 1, 3, 10) - 0.950484632013) < 1e-10);
    assert_rate(schedule_rate(CF_ONE_CYCLE, 0.2, 2, 10), 0.2);
}

static void few_steps(void **state) {
    (void)state;
    for (int kind = CF_CONSTANT; kind <= CF_ONE_CYCLE; kind++)
        for (int64_t steps = 1; steps < 12; steps++)
            for (int64_t step = 0; step < steps; step++) {
                double rate = schedule_rate((cf_schedule)kind, 2, step, steps);
                assert_true(isfinite(rate) && rate > 0 && rate <= 2);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant),
        cmocka_unit_test(cosine),
        cmocka_unit_test(one_cycle_as_pytorch),
        cmocka_unit_test(few_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
