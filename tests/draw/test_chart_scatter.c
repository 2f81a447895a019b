#include "base/rng.h"
#include "draw/chart_making.h"
#include "draw/charts.h"
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

/* Tens of thousands of points are few shapes, and the file stays small. */
static void test_many(void **state) {
    (void)state;
    ScatterPlot plot = plot_of(MANY);
    size_t size;
    plot.title = awkward_name;
    plot.names_inside = true;
    expect_sound(draw, &plot);
    free(text_of(in_scratch("sound1-0.svg"), &size));
    assert_true(size < 1000000);
    assert_true(count_in_file("sound1-0.svg", "<path ") < 200);
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

/* The names of 43 classes that lie close together: each is there, and no two touch. */
static void test_names(void **state) {
    (void)state;
    enum { CLASSES = 43, EACH = 5 };
    static float places[CLASSES * EACH][2];
    static unsigned char classes[CLASSES * EACH];
    static char texts[CLASSES][24];
    const char *list[CLASSES];
    for (int i = 0; i < CLASSES * EACH; i++) {
        classes[i] = (unsigned char)(i % CLASSES);
        places[i][0] = (float)(i % CLASSES % 7), places[i][1] = (float)(i % CLASSES / 7 * 0.3);
    }
    for (int c = 0; c < CLASSES; c++) snprintf(texts[c], sizeof texts[c], "sign %d", c), list[c] = texts[c];
    ScatterPlot plot = {.count = CLASSES * EACH, .points = &places[0][0], .labels = classes, .classes = CLASSES,
                        .class_names = list, .names_inside = true};
    assert_ok(make_chart(draw, &plot, &theme_light, "names.svg"));
    char *text = text_of(in_scratch("names.svg"), NULL);
    double boxes[2 * CLASSES][3];
    int count = 0;
    for (const char *at = text; (at = strstr(at, "<text x=")); at++) {
        double *b = boxes[count];
        /* The legend takes too much, so only names stand there. */
        assert_int_equal(sscanf(at, "<text x=\"%lf\" y=\"%lf\" font-size=\"7\" font-weight=\"bold\" textLength=\"%lf\"", &b[0],
                                &b[1], &b[2]), 3);
        count++;
    }
    free(text);
    assert_int_equal(count, CLASSES);
    for (int a = 0; a < count; a++)
        for (int b = 0; b < a; b++)
            assert_true(fabs(boxes[a][1] - boxes[b][1]) >= 7 || boxes[a][0] + boxes[a][2] <= boxes[b][0] ||
                        boxes[b][0] + boxes[b][2] <= boxes[a][0]);
}

/* A class beyond the tenth has another mark than that of its colour: of as much ink, in another form. */
static void test_shapes(void **state) {
    (void)state;
    int previous = 0;
    for (int shape = 0; shape < MARK_SHAPES; shape++) {
        const float one[] = {0, 0};
        const unsigned char label[] = {(unsigned char)(10 * shape)};
        ScatterPlot plot = {.count = 1, .points = one, .labels = label, .radius = 30, .alpha = 1};
        assert_ok(make_chart(draw, &plot, &theme_light, "shape.png"));
        const Ink ink = ink_of("shape.png", theme_light.classes[0]);
        const int box = (ink.right - ink.left) * (ink.bottom - ink.top);
        assert_true(fabs(ink.count / (acos(-1) * 60 * 60) - 1) < 0.2);
        const int filled = 100 * ink.count / box; /* a disc 78 %, a triangle 50, a square 100, a cross 55, a diamond 50 */
        assert_true(abs(filled - previous) > 3);
        previous = filled;
    }
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
        cmocka_unit_test(test_legend), cmocka_unit_test(test_names), cmocka_unit_test(test_shapes), cmocka_unit_test(test_few),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
