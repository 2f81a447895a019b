#include "draw/chart_making.h"
#include "draw/charts.h"
#include "testing.h"

enum { LINES = 5 };

static const char *const words[] = {"adam", awkward_name};

static cf_status draw(Canvas *canvas, const Theme *theme, Box box, const void *chart) {
    return parallel_chart_draw(canvas, theme, box, chart);
}

static void test_sound(void **state) {
    (void)state;
    const double kind[LINES] = {0, 1, 0, 1, 1}, rate[LINES] = {0.001, 0.1, 0.01, 0.02, 0.0001},
                 loss[LINES] = {0.03, 0.2, 0.05, 0.04, NAN};
    const ParallelAxis axes[] = {{"optimizer", kind, words, 2, {0}},
                                 {awkward_name, rate, NULL, 0, {.kind = AXIS_LOG}},
                                 {"validation loss", loss, NULL, 0, {.kind = AXIS_LOG}}};
    ParallelChart chart = {.title = awkward_name, .axis_count = 3, .line_count = LINES, .axes = axes, .best = 0};
    expect_sound(draw, &chart);
    chart.best = -1;
    expect_sound(draw, &chart);
    /* One trial, one value, the same loss everywhere. */
    chart.line_count = 1;
    expect_sound(draw, &chart);
}

/* Two lines from the one category to results at either end: the lower result has the strongest colour, lies lower at the last
 * axis, and goes above the other at the first. */
static void test_places(void **state) {
    (void)state;
    const double kind[2] = {0, 0}, loss[2] = {1, 2};
    const char *const one[] = {"adam"};
    const ParallelAxis axes[] = {{"a", kind, one, 1, {0}}, {"b", loss, NULL, 0, {.low = 1, .high = 2}}};
    const ParallelChart chart = {.axis_count = 2, .line_count = 2, .axes = axes, .best = 1};
    assert_ok(make_chart(draw, &chart, &theme_light, "two.png"));
    Drawn drawn = read_drawn(in_scratch("two.png"));
    /* The best line is broad, in the colour of the highest result, which it has here. */
    const Ink broad = ink_between(&drawn, bytes_of(theme_sequence(&theme_light, 1)), 80, 488);
    const Ink thin = ink_between(&drawn, bytes_of(theme_sequence(&theme_light, 0)), 80, 488);
    assert_true(broad.count > 3 * thin.count && thin.count > 0);
    assert_true(broad.top < 70 && thin.bottom > 355);
    /* Near the first axis, at the middle of the height, the better one is above. */
    const Ink first = ink_between(&drawn, bytes_of(theme_sequence(&theme_light, 0)), 60, 110);
    const Ink second = ink_between(&drawn, bytes_of(theme_sequence(&theme_light, 1)), 60, 110);
    assert_true(first.count > 0 && second.count > 0 && first.top < second.bottom);
    free(drawn.rgb);
}

/* A line without a result is dashed in the muted colour and does not reach the last axis. */
static void test_failed(void **state) {
    (void)state;
    const double kind[2] = {0, 1}, other[2] = {0, 0}, loss[2] = {1, NAN};
    const char *const one[] = {""};
    const char *const both[] = {"", ""};
    const ParallelAxis axes[] = {
        {"", kind, both, 2, {0}}, {"", other, one, 1, {0}}, {"", loss, NULL, 0, {.low = 1, .high = 2}}};
    const ParallelChart chart = {.axis_count = 3, .line_count = 2, .axes = axes, .best = 0};
    assert_ok(make_chart(draw, &chart, &theme_dark, "failed.svg"));
    assert_true(count_in_file("failed.svg", "stroke-dasharray") >= 1);
    const int dashes = count_in_file("failed.svg", "stroke-dasharray");
    const double reached[2] = {1, 2};
    const ParallelAxis done[] = {axes[0], axes[1], {"", reached, NULL, 0, {.low = 1, .high = 2}}};
    ParallelChart all = chart;
    all.axes = done;
    assert_ok(make_chart(draw, &all, &theme_dark, "done.svg"));
    assert_true(count_in_file("done.svg", "stroke-dasharray") < dashes);
}

static void test_refused(void **state) {
    (void)state;
    const double kind[1] = {0}, none[1] = {NAN};
    const ParallelAxis axes[] = {{"a", kind, words, 2, {0}}, {"b", none, NULL, 0, {0}}};
    ParallelChart chart = {.axis_count = 2, .line_count = 1, .axes = axes, .best = -1};
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "no line with a result");
    chart.axis_count = 1;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "parallel coordinates of 1 axes");
    chart.axis_count = 25;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "25 axes");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_failed), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
