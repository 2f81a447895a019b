/* Where axes have marks, against cases worked by hand; and where values go. */
#include "base/memory.h"
#include "draw/chart_frame.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The labels of an axis with a bar between them; a small mark is an empty one. */
static const char *labels(Axis axis, double low, double high, int most) {
    static char text[2048];
    Ticks ticks;
    ticks_choose(&axis, low, high, most, &ticks);
    text[0] = '\0';
    for (int i = 0; i < ticks.count; i++) {
        if (i) strcat(text, "|");
        strcat(text, ticks.labels[i]);
        /* Marks lie inside, in order. */
        assert_true(ticks.at[i] >= low - 1e-9 * fabs(low) - 1e-12 && ticks.at[i] <= high * (1 + 1e-9) + 1e-12);
        if (i) assert_true(ticks.at[i] > ticks.at[i - 1]);
    }
    return text;
}

static void test_linear(void **state) {
    (void)state;
    const Axis plain = {0}, whole = {.whole = true}, percent = {.percent = true};
    assert_string_equal(labels(plain, 0, 1, 6), "0.0|0.2|0.4|0.6|0.8|1.0");
    assert_string_equal(labels(plain, 0, 1, 5), "0.0|0.5|1.0");
    assert_string_equal(labels(plain, 0, 10, 11), "0|1|2|3|4|5|6|7|8|9|10");
    assert_string_equal(labels(plain, 0.13, 0.87, 5), "0.2|0.4|0.6|0.8");
    assert_string_equal(labels(plain, -0.3, 0.3, 7), "-0.3|-0.2|-0.1|0.0|0.1|0.2|0.3");
    assert_string_equal(labels(plain, 99.95, 100.05, 6), "99.96|99.98|100.00|100.02|100.04");
    assert_string_equal(labels(plain, 0, 300000, 4), "0|100k|200k|300k");
    assert_string_equal(labels(plain, 0, 2e8, 3), "0|100M|200M");
    /* No half epochs. */
    assert_string_equal(labels(whole, 0.92, 3.08, 9), "1|2|3");
    assert_string_equal(labels(whole, 0.5, 1.5, 6), "1");
    assert_string_equal(labels(whole, -1.4, 62.4, 5), "0|20|40|60");
    /* Shares in percent: the value of the mark is the share. */
    assert_string_equal(labels(percent, 0.915, 0.985, 5), "92|94|96|98");
    Ticks ticks;
    ticks_choose(&percent, 0.915, 0.985, 5, &ticks);
    assert_true(fabs(ticks.at[0] - 0.92) < 1e-12);
}

static void test_logarithmic(void **state) {
    (void)state;
    const Axis axis = {.kind = AXIS_LOG};
    assert_string_equal(labels(axis, 1, 100, 5), "1||||||||"
                                                 "|10||||||||"
                                                 "|100");
    assert_string_equal(labels(axis, 0.5, 30, 9), "0.5|1|2|5|10|20");
    assert_string_equal(labels(axis, 0.03, 0.4, 6), "0.05|0.1|0.2");
    /* Too short for powers: as a linear axis. */
    assert_string_equal(labels(axis, 2.2, 3.2, 6), "2.2|2.4|2.6|2.8|3.0|3.2");
    /* Long: powers are raised, and some have no label. */
    assert_string_equal(labels(axis, 1e-6, 1e2, 5),
                        "10\xe2\x81\xbb\xe2\x81\xb6||10\xe2\x81\xbb\xe2\x81\xb4||10\xe2\x81\xbb\xc2\xb2||"
                        "10\xe2\x81\xb0||10\xc2\xb2");
    assert_string_equal(labels(axis, 1.5e-6, 3e-5, 9), "2\xc2\xb7"
                                                       "10\xe2\x81\xbb\xe2\x81\xb6|5\xc2\xb7"
                                                       "10\xe2\x81\xbb\xe2\x81\xb6|"
                                                       "10\xe2\x81\xbb\xe2\x81\xb5|2\xc2\xb7"
                                                       "10\xe2\x81\xbb\xe2\x81\xb5");
}

static void test_what_has_no_marks(void **state) {
    (void)state;
    const Axis axis = {0};
    assert_string_equal(labels(axis, 1, 1, 5), "");
    Ticks ticks;
    ticks_choose(&axis, NAN, 1, 5, &ticks);
    assert_int_equal(ticks.count, 0);
    /* Never more than there is room for. */
    for (int most = 2; most < 12; most++)
        for (int i = 1; i < 200; i++) {
            ticks_choose(&axis, 0.37 * i, 0.37 * i + 0.011 * i * i, most, &ticks);
            assert_true(ticks.count <= most);
        }
}

static void test_places(void **state) {
    (void)state;
    const Scale linear = {AXIS_LINEAR, 0, 10, 100, 200}, upward = {AXIS_LINEAR, 0, 10, 200, 100},
                log = {AXIS_LOG, 1, 100, 100, 200};
    assert_true(fabs(scale_place(&linear, 5) - 150) < 1e-9);
    assert_true(fabs(scale_place(&upward, 1) - 190) < 1e-9);
    assert_true(fabs(scale_place(&log, 10) - 150) < 1e-9);
    assert_true(isnan(scale_place(&log, 0)) && isnan(scale_place(&log, -1)) && isnan(scale_place(&linear, NAN)));
    double range[2] = {INFINITY, -INFINITY};
    const double values[] = {3, NAN, -2, INFINITY, 0};
    assert_int_equal(range_add(range, AXIS_LINEAR, values, 5), 3);
    assert_true(range[0] == -2 && range[1] == 3);
    range[0] = INFINITY, range[1] = -INFINITY;
    assert_int_equal(range_add(range, AXIS_LOG, values, 5), 1);
    const Box box = box_of_grid((Box){10, 20, 110, 50}, 2, 3, 10, 1, 2);
    assert_true(box.x == 90 && box.y == 50 && box.width == 30 && box.height == 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_logarithmic),
        cmocka_unit_test(test_what_has_no_marks),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
