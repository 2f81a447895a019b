/* Averages of weights: by hand, against their definitions in double, and the same bits on any number of threads. */
#include "nn/problems.h"

#include "train/average.h"

static Average make(double ema, double swa_from, int epochs, float *values, size_t count) {
    cf_train_options o = cf_train_defaults();
    Average made;
    o.ema = ema, o.swa_from = swa_from, o.epochs = epochs;
    assert_ok(average_new(&o, &(Parameters){.values = values, .total = count}, &made));
    return made;
}

static void none(void **state) {
    (void)state;
    float value = 1;
    Average a = make(0, 1, 5, &value, 1);
    for (int e = 0; e < 5; e++) {
        assert_ok(average_step(&a, &value, e + 1, 1));
        average_epoch(&a, &value, e);
        assert_null(average_after(&a, e));
    }
    average_free(&a);
    average_free(&a);
}

/* d of step t is (1 + t) / (10 + t) until that is more than the decay: 2/11, 3/12, then 0.25 for ever. */
static void ema_by_hand(void **state) {
    (void)state;
    float value = 11;
    Average a = make(0.25, 1, 5, &value, 1);
    assert_true(*average_after(&a, 0) == 11);
    value = 0;
    assert_ok(average_step(&a, &value, 1, 1));
    assert_near_number("step 1", (double)*average_after(&a, 0), 2, 1e-6); /* 2/11 of 11 is left */
    value = 6;
    assert_ok(average_step(&a, &value, 2, 1));
    assert_near_number("step 2", (double)*average_after(&a, 0), 5, 1e-6); /* 2 / 4 + 6 * 3 / 4 */
    value = 1;
    assert_ok(average_step(&a, &value, 3, 1));
    assert_near_number("step 3", (double)*average_after(&a, 4), 2, 1e-6);
    average_free(&a);
}

static void ema_by_definition(void **state) {
    (void)state;
    double decays[] = {0.5, 0.9, 0.999};
    for (size_t k = 0; k < COUNT_OF(decays); k++) {
        float value = 0.3f;
        double expected = (double)value;
        Average a = make(decays[k], 1, 5, &value, 1);
        for (int t = 1; t <= 300; t++) {
            const double d = fmin(decays[k], (1.0 + t) / (10.0 + t));
            value = (float)sin(t);
            expected = d * expected + (1 - d) * (double)value;
            assert_ok(average_step(&a, &value, t, 1));
            assert_near_number("ema", (double)*average_after(&a, 0), expected, 1e-5);
        }
        average_free(&a);
    }
}

/* From the epoch that the share falls into: the mean of the ends of epochs. */
static void swa_by_hand(void **state) {
    (void)state;
    static const struct {
        double from;
        int epochs, first;
    } cases[] = {{0, 4, 0}, {0.5, 4, 2}, {0.75, 4, 3}, {0.74, 4, 2}, {0.999, 3, 2}, {0.29, 100, 29}, {1, 4, 4}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        float value = 100;
        Average a = make(0, cases[i].from, cases[i].epochs, &value, 1);
        assert_int_equal(a.first, cases[i].first);
        double sum = 0;
        for (int e = 0; e < cases[i].epochs; e++) {
            value = (float)(3 * e - 1);
            average_epoch(&a, &value, e);
            const float *average = average_after(&a, e);
            if (e < cases[i].first) {
                assert_null(average);
                continue;
            }
            sum += 3 * e - 1;
            assert_near_number("mean", (double)*average, sum / (e - cases[i].first + 1), 1e-5);
        }
        average_free(&a);
    }
}

/* Of ema's average where there are both. */
static void both(void **state) {
    (void)state;
    float value = 8;
    Average a = make(0.125, 0.5, 4, &value, 1);
    value = 0;
    assert_ok(average_step(&a, &value, 1, 1)); /* 8 / 8 */
    average_epoch(&a, &value, 1);
    assert_true(*average_after(&a, 1) == 1 && average_after(&a, 1) == a.moving);
    average_epoch(&a, &value, 2);
    assert_true(*average_after(&a, 2) == 1 && average_after(&a, 2) == a.mean);
    *a.moving = 4;
    average_epoch(&a, &value, 3);
    assert_true(*average_after(&a, 3) == 2.5f);
    average_free(&a);
}

static void threads_change_nothing(void **state) {
    (void)state;
    enum { COUNT = 3 * 65536 + 17 };
    float *values = malloc(COUNT * sizeof *values), *one = NULL;
    for (int i = 0; i < COUNT; i++) values[i] = (float)sin(i);
    for (int threads = 1; threads <= 3; threads++) {
        Average a = make(0.9, 1, 5, values, COUNT);
        for (int t = 1; t <= 3; t++) {
            float *moved = malloc(COUNT * sizeof *moved);
            for (int i = 0; i < COUNT; i++) moved[i] = values[i] * (float)(1 + t);
            assert_ok(average_step(&a, moved, t, threads));
            for (int i = 0; i < COUNT; i++) assert_true(values[i] == 0 || a.moving[i] != values[i]);
            free(moved);
        }
        if (one)
            assert_memory_equal(a.moving, one, COUNT * sizeof *one);
        else {
            one = malloc(COUNT * sizeof *one);
            memcpy(one, a.moving, COUNT * sizeof *one);
        }
        average_free(&a);
    }
    free(one), free(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none),        cmocka_unit_test(ema_by_hand), cmocka_unit_test(ema_by_definition),
        cmocka_unit_test(swa_by_hand), cmocka_unit_test(both),        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
