#include "base/rng.h"
#include "draw/chart_making.h"
#include "draw/chart_scatter.h"
#include "testing.h"

#include <string.h>

static cf_status draw(Canvas *canvas, const Theme *theme, Box box, const void *plot) {
    return scatter_plot_draw(canvas, theme, box, plot);
}

enum { MANY = 70000 };
static float points[MANY][2];
static unsigned char labels[MANY];
static const char *const names[] = {"0", awkward_name, "2", "3"};

static int setup(void **state) {
    (void)state;
    const RngStream stream = rng_stream(1, RNG_IMAGE, 0, 0);
    for (size_t i = 0; i < MANY; i++) {
        labels[i] = (unsigned char)(i / (MANY / 4));
        points[i][0] = (float)(3 * (labels[i] % 2) + rng_normal(&stream, 2 * i));
        points[i][1] = (float)(3 * (labels[i] / 2) + rng_normal(&stream, 2 * i + 1));
    }
    return 0;
}

static ScatterPlot plot_of(size_t count) {
    return (ScatterPlot){.count = count, .points = &points[0][0], .labels = labels, .classes = 4, .class_names = names};
}

/* One image holds the points, and the file stays small. */
static void test_many(void **state) {
    (void)state;
    ScatterPlot plot = plot_of(MANY);
    size_t size;
    plot.title = awkward_name;
    plot.names_inside = true;
    expect_sound(draw, &plot);
    free(text_of(in_scratch("sound1-0.svg"), &size));
    assert_true(size < 700000);
    assert_int_equal(count_in_file("sound1-0.svg", "<image "), 1);
    assert_true(ink_of("sound1-0.png", theme_light.background).count > 20000);
}

/* A point lies where it should: right of and above another, both axes with one scale. */
static void test_place(void **state) {
    (void)state;
    const float three[] = {0, 0, 2, 0, 0, 1};
    const unsigned char classes[] = {0, 1, 2};
    ScatterPlot plot = {.count = 3, .points = three, .labels = classes, .classes = 0, .radius = 4, .alpha = 1};
    assert_ok(make_chart(draw, &plot, &theme_light, "three.png"));
    const Ink a = ink_of("three.png", theme_light.classes[0]), b = ink_of("three.png", theme_light.classes[1]),
              c = ink_of("three.png", theme_light.classes[2]);
    assert_true(a.count > 100 && abs(a.count - b.count) < 20 && abs(a.right - a.left - 15) <= 2);
    assert_true(b.left > a.right && c.bottom < a.top);
    assert_true(abs(a.top - b.top) <= 1 && abs(a.left - c.left) <= 1);
    assert_true(abs((b.left - a.left) - 2 * (a.top - c.top)) <= 2);
}

/* The order of the points does not decide which class is seen. */
static void test_mixing(void **state) {
    (void)state;
    enum { COUNT = 400 };
    static float same[COUNT][2];
    static unsigned char classes[COUNT];
    for (int i = 0; i < COUNT; i++) classes[i] = i >= COUNT / 2;
    ScatterPlot plot = {
        .count = COUNT, .points = &same[0][0], .labels = classes, .classes = 0, .radius = 20, .alpha = 0.1};
    assert_ok(make_chart(draw, &plot, &theme_light, "same.png"));
    Drawn drawn = read_drawn(in_scratch("same.png"));
    const uint32_t pixel = pixel_at(&drawn, 300, 206);
    const double share = ((pixel >> 16) / 255.0 - theme_light.classes[0].red) /
                         (theme_light.classes[1].red - theme_light.classes[0].red);
    assert_true(share > 0.25 && share < 0.75);
    free(drawn.rgb);
}

/* The legend has the classes that are there. */
static void test_legend(void **state) {
    (void)state;
    const float two[] = {0, 0, 1, 1};
    const unsigned char classes[] = {0, 3};
    static const char *const four[] = {"ant", "bee", "cow", "dog"};
    ScatterPlot plot = {.count = 2, .points = two, .labels = classes, .classes = 4, .class_names = four};
    assert_ok(make_chart(draw, &plot, &theme_light, "legend.svg"));
    assert_int_equal(letters_in("legend.svg"), strlen("ant") + strlen("dog"));
}

static void test_few(void **state) {
    (void)state;
    const float lost[] = {NAN, 0, 0, INFINITY}, kept[] = {NAN, 0, 1, 1};
    ScatterPlot plot = plot_of(1);
    assert_ok(make_chart(draw, &plot, &theme_light, "one.png"));
    plot = plot_of(0);
    assert_fails(make_chart(draw, &plot, &theme_light, "no.png"), CF_BAD_USE, "no finite point");
    plot = plot_of(2);
    plot.points = lost;
    assert_fails(make_chart(draw, &plot, &theme_light, "no.png"), CF_BAD_USE, "no finite point");
    plot.points = kept;
    assert_ok(make_chart(draw, &plot, &theme_light, "one.png"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),   cmocka_unit_test(test_place), cmocka_unit_test(test_mixing),
        cmocka_unit_test(test_legend), cmocka_unit_test(test_few),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
