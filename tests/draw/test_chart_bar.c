#include "draw/charts.h"
#include "draw/chart_making.h"
#include "testing.h"

static cf_status draw(Canvas *canvas, const Theme *theme, Box box, const void *chart) {
    return bar_chart_draw(canvas, theme, box, chart);
}

static cf_status draw_probabilities(Canvas *canvas, const Theme *theme, Box box, const void *bars) {
    return probability_bars_draw(canvas, theme, box, bars);
}

static const char *const names[] = {"0", "1", "2", awkward_name};

static BarChart chart_of(const BarSeries *series, int count) {
    return (BarChart){.category_count = 4, .categories = names, .series_count = count, .series = series};
}

static void test_sound(void **state) {
    (void)state;
    const double a[] = {1, 2, 3, 4}, b[] = {0, 0.5, 20, NAN};
    const BarSeries series[] = {{awkward_name, a, 0}, {"b", b, 6}};
    BarChart chart = chart_of(series, 2);
    chart.title = chart.category_label = chart.y.label = awkward_name;
    chart.numbers = true;
    expect_sound(draw, &chart);
}

/* Heights are as the values; bars are as wide as each other, and one that is missing has none. */
static void test_heights(void **state) {
    (void)state;
    const double values[] = {10, 5, NAN, 0};
    const BarSeries series = {NULL, values, 0};
    BarChart chart = chart_of(&series, 1);
    const int colours[] = {0, 1, 2, 4};
    chart.colours = colours;
    assert_ok(make_chart(draw, &chart, &theme_light, "heights.png"));
    Ink ten = ink_of("heights.png", theme_light.classes[0]), five = ink_of("heights.png", theme_light.classes[1]);
    assert_true(abs((ten.bottom - ten.top + 1) - 2 * (five.bottom - five.top + 1)) <= 2);
    assert_int_equal(ten.bottom, five.bottom);
    assert_true(abs((ten.right - ten.left) - (five.right - five.left)) <= 1);
    assert_int_equal(ink_of("heights.png", theme_light.classes[2]).count, 0);
    assert_int_equal(ink_of("heights.png", theme_light.classes[4]).count, 0);
}

/* The bars of a group stand beside each other. */
static void test_groups(void **state) {
    (void)state;
    const double a[] = {4, 0, 0, 0}, b[] = {4, 0, 0, 0};
    const BarSeries series[] = {{NULL, a, 0}, {NULL, b, 6}};
    BarChart chart = chart_of(series, 2);
    assert_ok(make_chart(draw, &chart, &theme_light, "groups.png"));
    Ink left = ink_of("groups.png", theme_light.classes[0]), right = ink_of("groups.png", theme_light.classes[6]);
    assert_true(right.left > left.right && right.left - left.right < 8);
    assert_int_equal(left.top, right.top);
}

/* Letters: marks and names are there in both. */
static void test_numbers(void **state) {
    (void)state;
    const double values[] = {12, 7, NAN, 100}, shares[] = {0.25, 0.5, 0, 0.25};
    BarSeries series = {NULL, values, 0};
    BarChart chart = chart_of(&series, 1);
    chart.y.high = 120;
    assert_ok(make_chart(draw, &chart, &theme_light, "numbers.svg"));
    const int without = letters_in("numbers.svg");
    chart.numbers = true;
    assert_ok(make_chart(draw, &chart, &theme_light, "numbers.svg"));
    assert_int_equal(letters_in("numbers.svg") - without, 2 + 1 + 3);
    series.values = shares;
    chart.y = (Axis){.percent = true, .high = 1};
    chart.decimals = 1;
    assert_ok(make_chart(draw, &chart, &theme_light, "numbers.svg"));
    const int all = letters_in("numbers.svg");
    chart.numbers = false;
    assert_ok(make_chart(draw, &chart, &theme_light, "numbers.svg"));
    assert_int_equal(all - letters_in("numbers.svg"), 4 + 4 + 3 + 4); /* 25.0 50.0 0.0 25.0 */
}

static void test_refused(void **state) {
    (void)state;
    const double negative[] = {1, -1, 1, 1}, infinite[] = {1, INFINITY, 1, 1}, none[] = {NAN, NAN, NAN, NAN},
                 zero[] = {0, 0, 0, 0};
    BarSeries series = {NULL, negative, 0};
    BarChart chart = chart_of(&series, 1);
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "0 or more expected");
    series.values = infinite;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "0 or more expected");
    series.values = none;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "no bar");
    chart.category_count = 0;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "no bar");
    chart.category_count = 4;
    series.values = zero;
    assert_ok(make_chart(draw, &chart, &theme_light, "zero.png"));
    chart.y.kind = AXIS_LOG;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "stand on 0");
}

static void test_probabilities(void **state) {
    (void)state;
    static const unsigned char grey[4] = {0, 80, 160, 255};
    const char *many[30];
    float p[30] = {0};
    for (int i = 0; i < 30; i++) many[i] = "n";
    for (int i = 0; i < 30; i++) p[i] = (float)(i % 7) / 100;
    p[20] = 0.4f, p[3] = 0.2f;
    ProbabilityBars bars = {.title = awkward_name,
                            .about = awkward_name,
                            .image = {grey, 1, 2, 2},
                            .classes = 4,
                            .class_names = names,
                            .probabilities = (const float[]){0.1f, 0.6f, 0.1f, 0.2f},
                            .predicted = 1,
                            .truth = 3};
    expect_sound(draw_probabilities, &bars);
    assert_ok(make_chart(draw_probabilities, &bars, &theme_light, "p.png"));
    assert_true(ink_of("p.png", theme_light.classes[1]).count > 2 * ink_of("p.png", theme_light.classes[3]).count);
    assert_true(ink_of("p.png", theme_light.classes[3]).count > 0);
    assert_int_equal(ink_of("p.png", theme_light.classes[0]).count, 0);
    assert_true(ink_of("p.png", theme_light.faint).count > 0);
    /* Of thirty the likeliest: class 20 in its colour comes first, left of class 3. */
    bars.classes = 30, bars.class_names = many, bars.probabilities = p, bars.predicted = 20, bars.truth = 3;
    assert_ok(make_chart(draw_probabilities, &bars, &theme_light, "p.png"));
    Ink first = ink_of("p.png", theme_class(&theme_light, 20)), second = ink_of("p.png", theme_light.classes[3]);
    assert_true(first.count > 0 && second.count > 0 && first.right < second.left);
    assert_int_equal(ink_of("p.png", theme_light.faint).left > second.right, 1);
    p[5] = 1.5f;
    assert_fails(make_chart(draw_probabilities, &bars, &theme_light, "no.png"), CF_BAD_USE, "no probability");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),   cmocka_unit_test(test_heights), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_refused), cmocka_unit_test(test_probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
