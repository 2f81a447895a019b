#include "draw/charts.h"
#include "draw/chart_making.h"
#include "testing.h"

enum { ROWS = 4, COLUMNS = 2 };

static const char *const headings[COLUMNS] = {"optimizer", awkward_name};
static const char *const cells[ROWS * COLUMNS] = {"adam", "0.001", "sgd", awkward_name, "sgd", "0.01", "adam", "1"};

static cf_status draw(Canvas *canvas, const Theme *theme, Box box, const void *chart) {
    return dot_chart_draw(canvas, theme, box, chart);
}

static DotChart chart_of(const DotPanel *panels, int count) {
    return (DotChart){.row_count = ROWS,
                      .column_count = COLUMNS,
                      .headings = headings,
                      .cells = cells,
                      .best = 0,
                      .panel_count = count,
                      .panels = panels};
}

static void test_sound(void **state) {
    (void)state;
    const double loss[ROWS] = {0.02, 0.05, 1.5, NAN}, low[ROWS] = {0.01, -1, NAN, NAN},
                 high[ROWS] = {0.03, 9, NAN, NAN}, accuracy[ROWS] = {0.99, 0.98, 0.5, NAN};
    const DotPanel panels[] = {{{.label = awkward_name, .kind = AXIS_LOG}, loss, low, high, 0},
                               {{.label = "accuracy", .percent = true}, accuracy, NULL, NULL, 0}};
    const char *const notes[ROWS] = {NULL, NULL, NULL, awkward_name};
    const bool opens[ROWS] = {true, false, true, false};
    DotChart chart = chart_of(panels, 2);
    chart.title = awkward_name;
    chart.notes = notes;
    chart.opens = opens;
    expect_sound(draw, &chart);
}

/* Rows that are filled one by one are a chart as one that is given whole. */
static void test_rows(void **state) {
    (void)state;
    const double values[ROWS] = {3, 1, 2, NAN}, low[ROWS] = {2, NAN, 1, NAN}, high[ROWS] = {4, NAN, 3, NAN};
    const char *const notes[ROWS] = {NULL, NULL, NULL, "none, 1 %"};
    const bool opens[ROWS] = {false, false, true, false};
    const DotPanel panel = {{.label = "x"}, values, low, high, 0};
    DotChart whole = chart_of(&panel, 1);
    whole.notes = notes, whole.opens = opens, whole.best = -1;
    AUTO(dot_rows_free) DotRows rows = {0};
    assert_ok(dot_rows_new(ROWS, COLUMNS, 1, &rows));
    for (int r = 0; r < ROWS; r++) {
        if (r < 3) dot_rows_point(&rows, r, 0, values[r], low[r], high[r]);
        for (int c = 0; c < COLUMNS; c++) dot_rows_cell(&rows, r, c, "%s", cells[r * COLUMNS + c]);
    }
    dot_rows_note(&rows, 3, "none, %d %%", 1);
    rows.opens[2] = true;
    const DotPanel filled = dot_rows_panel(&rows, 0, (Axis){.label = "x"}, 0);
    const DotChart chart = dot_rows_chart(&rows, NULL, headings, 1, &filled);
    assert_ok(make_chart(draw, &whole, &theme_light, "whole.svg"));
    assert_ok(make_chart(draw, &chart, &theme_light, "filled.svg"));
    expect_same_file(in_scratch("whole.svg"), in_scratch("filled.svg"));
}

/* Points lie as their values do, in their rows; the best alone is coloured; a missing one is not there. */
static void test_places(void **state) {
    (void)state;
    const double values[ROWS] = {3, 1, 2, NAN};
    const DotPanel panel = {{.low = 0, .high = 4}, values, NULL, NULL, 0};
    DotChart chart = chart_of(&panel, 1);
    assert_ok(make_chart(draw, &chart, &theme_light, "best.png"));
    const Ink best = ink_of("best.png", theme_light.classes[0]);
    assert_true(best.count > 0 && best.bottom - best.top < 16);
    chart.best = 2;
    assert_ok(make_chart(draw, &chart, &theme_light, "third.png"));
    const Ink third = ink_of("third.png", theme_light.classes[0]);
    assert_true(third.top > best.bottom && third.right < best.left);
    chart.best = 3;
    assert_ok(make_chart(draw, &chart, &theme_light, "none.png"));
    assert_int_equal(ink_of("none.png", theme_light.classes[0]).count, 0);
    /* All of them in colour: a third of the plot's width between neighbours' middles is a quarter of the range. */
    chart.best = -1;
    assert_ok(make_chart(draw, &chart, &theme_light, "all.png"));
    const Ink all = ink_of("all.png", theme_light.classes[0]);
    const int step = ((best.left + best.right) - (third.left + third.right)) / 2;
    assert_true(abs((all.right - all.left) - 2 * step - (all.bottom - all.top >= 0 ? 10 : 0)) <= 6);
}

/* Columns of pixels between the first and the last that are coloured at all at the height of a row: its interval. */
static int width_of_row(const char *name, int y) {
    Drawn drawn = read_drawn(in_scratch(name));
    int left = drawn.width, right = -1;
    for (int x = 0; x < drawn.width; x++) {
        const uint32_t p = pixel_at(&drawn, x, y);
        if ((int)(p & 255) - (int)(p >> 16) < 30) continue; /* blue over red: neither grey nor white */
        if (x < left) left = x;
        right = x;
    }
    free(drawn.rgb);
    return right - left + 1;
}

/* Intervals go from one end to the other; an end beyond an axis of its own is cut there, and a wild one widens the axis by half
 * of what the points span. */
static void test_intervals(void **state) {
    (void)state;
    const double values[ROWS] = {2, 3, NAN, NAN}, low[ROWS] = {1, NAN, 0, 0}, high[ROWS] = {3, NAN, 9, 9};
    DotPanel panel = {{.low = 0, .high = 4}, values, low, high, 0};
    DotChart chart = chart_of(&panel, 1);
    assert_ok(make_chart(draw, &chart, &theme_light, "in.png"));
    const Ink disc = ink_of("in.png", theme_light.classes[0]);
    const int y = (disc.top + disc.bottom) / 2, whole = width_of_row("in.png", y);
    panel.x = (Axis){.low = 0, .high = 8};
    assert_ok(make_chart(draw, &chart, &theme_light, "half.png"));
    const int half = width_of_row("half.png", y);
    assert_true(half > 40 && abs(2 * half - whole) <= 8);
    panel.x = (Axis){.low = 1.9, .high = 3.1};
    assert_ok(make_chart(draw, &chart, &theme_light, "cut.png"));
    assert_true(width_of_row("cut.png", y) > 1.5 * whole && width_of_row("cut.png", y) < 2.2 * whole);
    panel.low = panel.high = NULL;
    assert_ok(make_chart(draw, &chart, &theme_light, "without.png"));
    assert_true(width_of_row("without.png", y) < 16);
    /* Points at 2 and 3: the axis ends at 1.5 and 3.5 and a little, whatever the interval. */
    const double wild_low[ROWS] = {-1000, NAN, NAN, NAN}, wild_high[ROWS] = {1000, NAN, NAN, NAN};
    panel = (DotPanel){{0}, values, wild_low, wild_high, 0};
    chart.best = 1;
    assert_ok(make_chart(draw, &chart, &theme_light, "wild.png"));
    const Ink wild = ink_of("wild.png", theme_light.classes[0]);
    panel = (DotPanel){{.low = 1.5 - 0.08, .high = 3.5 + 0.08}, values, NULL, NULL, 0};
    assert_ok(make_chart(draw, &chart, &theme_light, "calm.png"));
    const Ink calm = ink_of("calm.png", theme_light.classes[0]);
    assert_true(wild.count > 0 && abs(wild.left - calm.left) <= 1);
}

static void test_groups(void **state) {
    (void)state;
    const double values[ROWS] = {1, 1, 1, 2};
    const DotPanel panel = {{.low = 0, .high = 4}, values, NULL, NULL, 0};
    const bool opens[ROWS] = {true, false, true, false};
    DotChart chart = chart_of(&panel, 1);
    const double plain = dot_chart_height(&chart);
    chart.opens = opens; /* the first opens nothing: there is none above it */
    assert_true(dot_chart_height(&chart) > plain && dot_chart_height(&chart) < plain + 10);
    chart.title = "t";
    assert_true(dot_chart_height(&chart) > plain + 10);
}

static void test_refused(void **state) {
    (void)state;
    const double none[ROWS] = {NAN, NAN, INFINITY, NAN}, negative[ROWS] = {-1, -2, 0, NAN};
    DotPanel panel = {{.low = 0, .high = 0}, none, NULL, NULL, 0};
    DotChart chart = chart_of(&panel, 1);
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "no point");
    panel.values = negative;
    panel.x.kind = AXIS_LOG;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "no point");
    chart.column_count = 99;
    assert_fails(make_chart(draw, &chart, &theme_light, "no.png"), CF_BAD_USE, "99 columns");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_rows), cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_intervals), cmocka_unit_test(test_groups),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
