#include "draw/charts.h"
#include "draw/chart_making.h"
#include "testing.h"

static cf_status draw(Canvas *canvas, const Theme *theme, Box box, const void *map) {
    return heat_map_draw(canvas, theme, box, map);
}

static const char *const names[] = {"x", "y", awkward_name};
static const char *const plain[] = {"x", "y", "z"};

static HeatMap map_of(const double *values, int rows) {
    return (HeatMap){.rows = rows, .columns = 2, .row_names = plain, .column_names = plain, .values = values};
}

static void test_sound(void **state) {
    (void)state;
    const double values[] = {12, 0, 3, 100, NAN, 7};
    HeatMap map = map_of(values, 3);
    map.row_names = map.column_names = names;
    map.title = map.row_label = map.column_label = awkward_name;
    expect_sound(draw, &map);
}

/* Each number is written, a 0 as one point, an empty cell as nothing. */
static void test_numbers(void **state) {
    (void)state;
    const double values[] = {12, 0, 345, NAN}, shares[] = {99.5, 0, 0.5, 100};
    HeatMap map = map_of(values, 2);
    assert_ok(make_chart(draw, &map, &theme_light, "n.svg"));
    assert_int_equal(letters_in("n.svg"), 4 + 2 + 1 + 3);
    map = map_of(shares, 2);
    map.decimals = 1;
    assert_ok(make_chart(draw, &map, &theme_light, "n.svg"));
    assert_int_equal(letters_in("n.svg"), 4 + 4 + 1 + 3 + 5);
    /* The number of a cell changes that cell and nothing else. */
    const double one[] = {111, 222, 333, 444}, other[] = {111, 222, 338, 444}, shades[] = {0, 0, 0, 0};
    HeatMap a = map_of(one, 2), b = map_of(other, 2);
    a.shades = b.shades = shades;
    assert_ok(make_chart(draw, &a, &theme_light, "a.png"));
    assert_ok(make_chart(draw, &b, &theme_light, "b.png"));
    Drawn first = read_drawn(in_scratch("a.png")), second = read_drawn(in_scratch("b.png"));
    Ink cells = ink_between(&first, bytes_of(theme_light.heat[0]), 0, first.width);
    int different = 0;
    for (int y = 0; y < first.height; y++)
        for (int x = 0; x < first.width; x++)
            if (pixel_at(&first, x, y) != pixel_at(&second, x, y)) {
                assert_true(x < (cells.left + cells.right) / 2 && y > (cells.top + cells.bottom) / 2);
                different++;
            }
    assert_true(different > 5);
    free(first.rgb);
    free(second.rgb);
}

/* Cells are squares of equal size, from the lowest to the highest colour. */
static void test_cells(void **state) {
    (void)state;
    const double values[] = {0, 50, 100, NAN};
    HeatMap map = map_of(values, 2);
    assert_ok(make_chart(draw, &map, &theme_dark, "cells.png"));
    const Colour middle = colour_between(theme_dark.heat[0], theme_dark.heat[1], 0.5);
    const Ink low = ink_of("cells.png", theme_dark.heat[0]), half = ink_of("cells.png", middle),
              high = ink_of("cells.png", theme_dark.heat[1]), empty = ink_of("cells.png", theme_dark.empty);
    assert_true(low.count > 1000 && half.count > 1000 && high.count > 1000 && empty.count > 1000);
    assert_true(abs((low.right - low.left) - (low.bottom - low.top)) <= 1);
    assert_true(abs((half.right - half.left) - (high.right - high.left)) <= 1);
    assert_true(half.left > low.right && high.top > low.bottom && empty.left > high.right);
    /* Given shades stand for themselves. */
    const double shades[] = {1, 0, 0, 0}, numbers[] = {1, 2, 3, 4};
    map.values = numbers, map.shades = shades;
    assert_ok(make_chart(draw, &map, &theme_dark, "cells.png"));
    assert_int_equal(ink_of("cells.png", theme_dark.heat[1]).top, low.top);
}

/* Where the numbers do not fit, there is none, and names are thinned out. */
static void test_many(void **state) {
    (void)state;
    enum { MANY = 51 }; /* more than what figures draw as cells */
    static double values[MANY * MANY];
    const char *many[MANY];
    for (int i = 0; i < MANY; i++) many[i] = "m";
    for (int i = 0; i < MANY * MANY; i++) values[i] = i;
    const HeatMap map = {.rows = MANY, .columns = MANY, .row_names = many, .column_names = many, .values = values};
    assert_ok(make_chart(draw, &map, &theme_light, "many.svg"));
    /* Each cell has its two colours, which a page replaces on a dark ground; no image hides them. */
    assert_int_equal(count_in_file("many.svg", "<image "), 0);
    assert_int_equal(count_in_file("many.svg", "fill=\"#f5f7fa\""), MANY * MANY - 1);
    assert_int_equal(count_in_file("many.svg", "fill=\"#1f5fa8\""), MANY * MANY - 1);
    assert_true(letters_in("many.svg") > 10 && letters_in("many.svg") < 100);
    assert_true(heat_map_height(&map, 300) > 280 && heat_map_height(&map, 300) < 320);
}

static void test_refused(void **state) {
    (void)state;
    const double negative[] = {1, -1, 1, 1}, none[] = {NAN, NAN, NAN, NAN}, zero[] = {0, 0, 0, 0},
                 infinite[] = {1, INFINITY, 1, 1};
    HeatMap map = map_of(negative, 2);
    assert_fails(make_chart(draw, &map, &theme_light, "no.png"), CF_BAD_USE, "0 or more");
    map.values = infinite;
    assert_fails(make_chart(draw, &map, &theme_light, "no.png"), CF_BAD_USE, "0 or more");
    map.values = none;
    assert_fails(make_chart(draw, &map, &theme_light, "no.png"), CF_BAD_USE, "no number");
    map.values = zero;
    assert_ok(make_chart(draw, &map, &theme_light, "zero.png"));
    map.rows = 0;
    assert_fails(make_chart(draw, &map, &theme_light, "no.png"), CF_BAD_USE, "0 x 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound), cmocka_unit_test(test_numbers), cmocka_unit_test(test_cells),
        cmocka_unit_test(test_many),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
