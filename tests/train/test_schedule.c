/* The learning rate of each step: ends and middle of each schedule, by their formulas worked by hand. */
#include "testing.h"

#include "train/schedule.h"

#include <math.h>
#include <stdio.h>

static void assert_rate(double got, double expected) {
    if (fabs(got - expected) > 1e-12 * fabs(expected)) print_error("rate %.17g, %.17g expected\n", got, expected);
    assert_true(fabs(got - expected) <= 1e-12 * fabs(expected));
}

/* Over `steps` steps in one epoch. */
static double rate_of(cf_schedule schedule, double highest, int64_t step, int64_t steps) {
    cf_train_options o = cf_train_defaults();
    o.schedule = schedule, o.learning_rate = highest, o.epochs = 1;
    return schedule_rate(&o, step, steps);
}

static void constant(void **state) {
    (void)state;
    for (int64_t step = 0; step < 100; step += 33) assert_true(rate_of(CF_CONSTANT, 0.3, step, 100) == 0.3);
}

static void cosine(void **state) {
    (void)state;
    assert_rate(rate_of(CF_COSINE, 0.5, 0, 100), 0.5);
    assert_rate(rate_of(CF_COSINE, 0.5, 50, 100), 0.25);
    assert_rate(rate_of(CF_COSINE, 0.5, 25, 100), 0.25 * (1 + sqrt(0.5)));
    assert_rate(rate_of(CF_COSINE, 0.5, 75, 100), 0.25 * (1 - sqrt(0.5)));
    assert_true(fabs(rate_of(CF_COSINE, 0.5, 100, 100)) < 1e-16); /* the end, which no step reaches */
    for (int64_t step = 1; step < 100; step++)
        assert_true(rate_of(CF_COSINE, 0.5, step, 100) < rate_of(CF_COSINE, 0.5, step - 1, 100));
    assert_rate(rate_of(CF_COSINE, 0.5, 0, 1), 0.5);
}

/* torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10, pct_start=0.3, anneal_strategy="cos", div_factor=25,
 * final_div_factor=1e4): from 0.04 to 1 over steps 0 .. 2, to 4e-6 over steps 2 .. 9; by its documented formula,
 * end + (start - end) / 2 * (1 + cos(pi * share)). */
static void one_cycle_as_pytorch(void **state) {
    (void)state;
    const double low = 0.04, end = 4e-6, pi = 3.141592653589793;
    assert_rate(rate_of(CF_ONE_CYCLE, 1, 0, 10), 0.04);
    assert_rate(rate_of(CF_ONE_CYCLE, 1, 1, 10), (low + 1) / 2); /* half way up: 0.52 */
    assert_rate(rate_of(CF_ONE_CYCLE, 1, 2, 10), 1);
    for (int step = 3; step < 9; step++)
        assert_rate(rate_of(CF_ONE_CYCLE, 1, step, 10), end + (1 - end) / 2 * (1 + cos(pi * (step - 2) / 7)));
    assert_rate(rate_of(CF_ONE_CYCLE, 1, 9, 10), end);
    /* Digits of the same, for the eye: cos(pi/7) = 0.900968867902419. */
    assert_true(fabs(rate_of(CF_ONE_CYCLE, 1, 3, 10) - 0.950484632013) < 1e-10);
    assert_rate(rate_of(CF_ONE_CYCLE, 0.2, 2, 10), 0.2);
}

static void few_steps(void **state) {
    (void)state;
    for (int kind = CF_CONSTANT; kind <= CF_STEP; kind++)
        for (int64_t steps = 1; steps < 12; steps++)
            for (int64_t step = 0; step < steps; step++) {
                double rate = rate_of((cf_schedule)kind, 2, step, steps);
                assert_true(isfinite(rate) && rate > 0 && rate <= 2);
            }
}

static void linear(void **state) {
    (void)state;
    for (int64_t step = 0; step < 8; step++)
        assert_rate(rate_of(CF_LINEAR, 0.5, step, 8), 0.5 * (double)(8 - step) / 8);
    assert_rate(rate_of(CF_LINEAR, 0.5, 0, 1), 0.5);
}

/* torch.optim.lr_scheduler.MultiStepLR(milestones=[5, 8], gamma=0.5), the milestones as shares of 10 epochs of 4 steps. */
static void steps_as_pytorch(void **state) {
    (void)state;
    cf_train_options o = cf_train_defaults();
    o.schedule = CF_STEP, o.learning_rate = 2, o.step_factor = 0.5, o.epochs = 10;
    snprintf(o.step_at, sizeof o.step_at, "0.5,0.8");
    for (int64_t step = 0; step < 40; step++)
        assert_rate(schedule_rate(&o, step, 4), step / 4 < 5 ? 2 : step / 4 < 8 ? 1 : 0.5);
    snprintf(o.step_at, sizeof o.step_at, "0.25");
    assert_rate(schedule_rate(&o, 9, 4), 2);
    assert_rate(schedule_rate(&o, 10, 4), 1);
    assert_rate(schedule_rate(&o, 39, 4), 1);
}

static void shares(void **state) {
    (void)state;
    static const char *const good[] = {"0.5", "0.5,0.75", ".1,.2,0.3,0.999", "1e-3"};
    static const char *const bad[] = {"",         "0",       "1",    "0.5,",         ",0.5",  "0.5,0.5", "0.7,0.5",
                                      "0.5 0.75", "0.5;0.7", "-0.5", "0.5,nonsense", "nan,1", " 0.5",    "0.5,1.5"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_ok(schedule_check_shares(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(schedule_check_shares(bad[i]), CF_BAD_USE, "such as 0.5,0.75 expected, found ");
}

/* The first step has 1 / W of the rate, step W the whole, and behind it nothing differs. */
static void warm_up(void **state) {
    (void)state;
    for (int kind = CF_CONSTANT; kind <= CF_STEP; kind++) {
        cf_train_options o = cf_train_defaults(), warm;
        o.schedule = (cf_schedule)kind, o.learning_rate = 0.8, o.epochs = 4;
        warm = o;
        warm.warmup = 1.5;
        for (int64_t step = 0; step < 40; step++) {
            const double usual = schedule_rate(&o, step, 10), rate = schedule_rate(&warm, step, 10);
            assert_rate(rate, step < 15 ? usual * (double)(step + 1) / 15 : usual);
        }
        warm.warmup = 0.25; /* 2.5 steps */
        assert_rate(schedule_rate(&warm, 0, 10), schedule_rate(&o, 0, 10) / 2.5);
        assert_rate(schedule_rate(&warm, 1, 10), schedule_rate(&o, 1, 10) * 2 / 2.5);
        assert_rate(schedule_rate(&warm, 2, 10), schedule_rate(&o, 2, 10));
        warm.warmup = 400; /* longer than the training */
        assert_rate(schedule_rate(&warm, 39, 10), schedule_rate(&o, 39, 10) / 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant),  cmocka_unit_test(cosine),  cmocka_unit_test(one_cycle_as_pytorch),
        cmocka_unit_test(few_steps), cmocka_unit_test(linear),  cmocka_unit_test(steps_as_pytorch),
        cmocka_unit_test(shares),    cmocka_unit_test(warm_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
