#include "draw/charts.h"
#include "draw/chart_making.h"
#include "testing.h"

static cf_status draw(Canvas *canvas, const Theme *theme, Box box, const void *chart) {
    return line_chart_draw(canvas, theme, box, chart);
}

static LineChart chart_of(const LineSeries *series, int count) {
    return (LineChart){
        .x = {.label = "epoch", .whole = true}, .y = {.label = "loss"}, .series_count = count, .series = series};
}

static const double xs[] = {1, 2, 3, 4, 5, 6}, falling[] = {2, 1, 0.5, 0.3, 0.2, 0.1};

static void test_sound(void **state) {
    (void)state;
    const LineSeries series[] = {{awkward_name, xs, falling, 6, 0, 0}, {"other", xs, xs, 6, 6, 3}};
    const LineMark mark = {5, 0.2, awkward_name, 0};
    LineChart chart = chart_of(series, 2);
    chart.title = awkward_name;
    chart.x.label = chart.y.label = awkward_name;
    chart.mark_count = 1, chart.marks = &mark;
    expect_sound(draw, &chart);
    chart.y.kind = AXIS_LOG;
    expect_sound(draw, &chart);
}

/* Where a chart without title, labels and legend has its plot, in pixels: the box less four digits and their gap at the
 * left, a little at the right and above, and the marks below. */
typedef struct Plot {
    double left, right, top, bottom;
} Plot;

static Plot plot_of(void) {
    return (Plot){2 * (10 + text_width("0000", chart_label) + 4), 2 * (290 - 6), 2 * (10 + 4), 2 * (190 - 4 - 8)};
}

/* A level line is as wide as the plot, at half the height of its axis. */
static void test_place(void **state) {
    (void)state;
    const double level[] = {5, 5}, ends[] = {0, 10};
    const LineSeries series = {NULL, ends, level, 2, 0, 0};
    LineChart chart = {.x = {.low = 0, .high = 10}, .y = {.low = 0, .high = 10}, .series_count = 1, .series = &series};
    assert_ok(make_chart(draw, &chart, &theme_light, "place.png"));
    const Plot plot = plot_of();
    Ink line = ink_of("place.png", theme_light.classes[0]);
    assert_true(line.count > 500);
    assert_true(fabs(line.left - plot.left) <= 5 && fabs(line.right - plot.right) <= 5);
    assert_true(fabs((line.top + line.bottom + 1) / 2.0 - (plot.top + plot.bottom) / 2) <= 1);
    chart.y = (Axis){.kind = AXIS_LOG, .low = 1, .high = 25}; /* 5 is its middle too */
    assert_ok(make_chart(draw, &chart, &theme_light, "log.png"));
    Ink again = ink_of("log.png", theme_light.classes[0]);
    assert_true(abs(again.top - line.top) <= 1 && abs(again.bottom - line.bottom) <= 1);
}

/* An interval is a line from its lower to its upper end, and the axis has room for it. */
static void test_intervals(void **state) {
    (void)state;
    const double x[] = {0, 5, 10}, level[] = {5, 5, 5}, low[] = {NAN, 2.5, NAN}, high[] = {NAN, 7.5, NAN};
    const LineSeries series = {NULL, x, level, 3, 0, 0};
    const LineInterval interval = {low, high};
    LineChart chart = {.x = {.low = 0, .high = 10},
                       .y = {.low = 0, .high = 10},
                       .series_count = 1,
                       .series = &series,
                       .intervals = &interval};
    assert_ok(make_chart(draw, &chart, &theme_light, "interval.png"));
    const Plot plot = plot_of();
    Ink ink = ink_of("interval.png", theme_light.classes[0]);
    const double height = plot.bottom - plot.top;
    assert_true(fabs(ink.top - plot.top - height / 4) <= 3 && fabs(plot.bottom - ink.bottom - height / 4) <= 3);
    chart.intervals = NULL;
    assert_ok(make_chart(draw, &chart, &theme_light, "interval.png"));
    ink = ink_of("interval.png", theme_light.classes[0]);
    assert_true(ink.bottom - ink.top < 12);
    const LineSeries alone = {NULL, xs, falling, 6, 0, 0};
    const double wide_low[] = {1, 1, 0, 0, 0, -9}, wide_high[] = {3, 2, 1, 1, 1, 9};
    const LineInterval wide = {wide_low, wide_high};
    chart = (LineChart){.series_count = 1, .series = &alone, .intervals = &wide};
    expect_sound(draw, &chart);
    assert_ok(make_chart(draw, &chart, &theme_light, "interval.png"));
    ink = ink_of("interval.png", theme_light.classes[0]);
    assert_true(ink.bottom - ink.top > 0.8 * height); /* all of the last interval is seen */
}

/* What is not finite leaves a gap; on a logarithmic axis so does what is not above 0. */
static void test_gaps(void **state) {
    (void)state;
    double x[100], whole[100], holed[100];
    for (int i = 0; i < 100; i++) x[i] = i, whole[i] = holed[i] = 3;
    for (int i = 40; i < 60; i++) holed[i] = i % 2 ? NAN : INFINITY;
    for (int log = 0; log < 2; log++) {
        const LineSeries one = {NULL, x, whole, 100, 0, 0}, other = {NULL, x, holed, 100, 0, 0};
        LineChart a = chart_of(&one, 1), b = chart_of(&other, 1);
        a.y.kind = b.y.kind = log ? AXIS_LOG : AXIS_LINEAR;
        assert_ok(make_chart(draw, &a, &theme_light, "whole.png"));
        assert_ok(make_chart(draw, &b, &theme_light, "holed.png"));
        const int full = ink_of("whole.png", theme_light.classes[0]).count,
                  less = ink_of("holed.png", theme_light.classes[0]).count;
        assert_true(less > full * 0.74 && less < full * 0.83);
        for (int i = 40; i < 60; i++) holed[i] = i % 2 ? 0 : -1; /* for the logarithmic one */
    }
}

static void test_few_points(void **state) {
    (void)state;
    const LineSeries one = {"one", xs, falling, 1, 0, 0}, none = {"none", xs, falling, 0, 0, 0};
    const double missing[] = {NAN, INFINITY};
    const LineSeries lost = {"lost", xs, missing, 2, 0, 0};
    LineChart chart = chart_of(&one, 1);
    assert_ok(make_chart(draw, &chart, &theme_light, "one.png"));
    assert_true(ink_of("one.png", theme_light.classes[0]).count > 20);
    chart = chart_of(&none, 1);
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "no point to draw");
    chart = chart_of(&lost, 1);
    chart.title = "The title";
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "The title");
    chart = chart_of(NULL, 0);
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "no point to draw");
    chart = chart_of(&one, 33);
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "at most 32");
}

/* The ring is at its point, and the label is beside the mark's line and not on a series'. */
static void test_mark(void **state) {
    (void)state;
    const LineSeries series = {NULL, xs, falling, 6, 0, 0};
    const LineMark mark = {2, 1, "best", 2};
    LineChart chart = chart_of(&series, 1);
    chart.x = (Axis){.low = 0, .high = 6}, chart.y = (Axis){.low = 0, .high = 2};
    chart.mark_count = 1, chart.marks = &mark;
    assert_ok(make_chart(draw, &chart, &theme_light, "mark.png"));
    const Plot plot = plot_of();
    Ink ring = ink_of("mark.png", theme_light.classes[2]);
    assert_true(ring.count > 30 && ring.right - ring.left < 20);
    assert_true(fabs((ring.left + ring.right + 1) / 2.0 - (plot.left + (plot.right - plot.left) / 3)) <= 1);
    assert_true(fabs((ring.top + ring.bottom + 1) / 2.0 - (plot.top + plot.bottom) / 2) <= 1);
    assert_ok(make_chart(draw, &chart, &theme_light, "mark.svg"));
    const int with = letters_in("mark.svg");
    chart.marks = &(LineMark){2, 1, NULL, 2};
    assert_ok(make_chart(draw, &chart, &theme_light, "mark.svg"));
    assert_int_equal(with - letters_in("mark.svg"), 4);
}

/* Thin lines behind have the colours of the sequence, count for the range, and a ring or a cross at the end takes ink. */
static void test_behind(void **state) {
    (void)state;
    const LineSeries series = {"best", xs, falling, 6, 0, 0}, named = {"pruned", NULL, NULL, 0, CHART_MUTED, 0};
    const LineSeries both[] = {series, named};
    double level[6] = {9, 9, 9, 9, 9, 9};
    LineBehind lines[] = {{xs, level, 6, 1, LINE_ENDS}, {xs, falling, 3, NAN, LINE_ENDS_CROSS}};
    LineChart chart = chart_of(both, 2);
    chart.behind = lines, chart.behind_count = 2;
    expect_sound(draw, &chart);
    assert_ok(make_chart(draw, &chart, &theme_light, "behind.svg"));
    size_t plain, ring, cross;
    free(text_of(in_scratch("behind.svg"), &plain));
    lines[0].end = LINE_ENDS_RING;
    assert_ok(make_chart(draw, &chart, &theme_light, "behind.svg"));
    free(text_of(in_scratch("behind.svg"), &ring));
    lines[0].end = LINE_ENDS_CROSS;
    assert_ok(make_chart(draw, &chart, &theme_light, "behind.svg"));
    free(text_of(in_scratch("behind.svg"), &cross));
    assert_true(ring > plain + 100 && cross > plain + 100 && cross != ring);
    /* The level line widens the axis: the series takes a fifth of the height and not all of it. */
    const LineSeries alone = {NULL, xs, falling, 6, 0, 0};
    chart.series = &alone, chart.series_count = 1;
    assert_ok(make_chart(draw, &chart, &theme_light, "behind.png"));
    const Ink with = ink_of("behind.png", theme_light.classes[0]);
    chart.behind_count = 0;
    assert_ok(make_chart(draw, &chart, &theme_light, "behind.png"));
    const Ink without = ink_of("behind.png", theme_light.classes[0]);
    assert_true(3 * (with.bottom - with.top) < without.bottom - without.top);
    chart = (LineChart){.y = {.low = 0, .high = 10}, .behind = lines, .behind_count = 1};
    assert_ok(make_chart(draw, &chart, &theme_light, "behind.svg"));
    lines[0].count = 0;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "no point to draw");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),      cmocka_unit_test(test_place), cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_few_points), cmocka_unit_test(test_mark),  cmocka_unit_test(test_behind),
        cmocka_unit_test(test_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
