/* What a canvas wrote as SVG, drawn once more, looks like what it writes as PNG by itself; what is not understood is refused. */
#include "base/memory.h"
#include "draw/pictures.h"
#include "draw/svg_picture.h"

#include <math.h>
#include <stdio.h>

static const Colour red = {0.8, 0.1, 0}, blue = {0, 0.2, 0.9};
static const unsigned char pixels[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0};

static void draw_everything(Canvas *canvas) {
    const Point line[] = {{10, 70}, {60, 40}, {110, 75}};
    const CanvasImage image = {pixels, 3, 2, 2};
    canvas_rectangle(canvas, 5, 5, 50, 20, red);
    canvas_line(canvas, line, 3, (LineStyle){2, 0, 1}, blue);
    canvas_line(canvas, line, 2, (LineStyle){1, 4, 0.4}, red);
    canvas_disc(canvas, (Point){80, 20}, 9, blue);
    canvas_ring(canvas, (Point){105, 20}, 9, 2, red);
    canvas_text(canvas, 10, 95, (TextStyle){11, true, TEXT_LEFT}, blue, "Wörter & <Zahlen> 0123");
    canvas_text(canvas, 110, 60, (TextStyle){8, false, TEXT_RIGHT}, red, "rechts");
    canvas_text_up(canvas, 122, 90, (TextStyle){8, false, TEXT_LEFT}, red, "hoch");
    canvas_text_on(canvas, 45, 20, (TextStyle){9, false, TEXT_LEFT}, (Colour){1, 1, 1}, blue, "mit Rand");
    canvas_marks(canvas, line, 3, MARK_TRIANGLE, 6, 0.5, red);
    canvas_marks(canvas, line, 3, MARK_DISC, 3, 1, blue);
    canvas_rectangle_between(canvas, (Box){60, 2, 12, 8}, red, blue, 0.5);
    canvas_image(canvas, 10, 30, 24, 24, &image);
}

static void draws_what_a_canvas_wrote(void **state) {
    (void)state;
    const char *svg_path = path_in(scratch_folder(), "a.svg"), *png = path_in(scratch_folder(), "a.png"),
               *again = path_in(scratch_folder(), "b.png");
    const char *const paths[] = {svg_path, png};
    for (size_t i = 0; i < 2; i++) {
        Canvas *canvas;
        assert_ok(canvas_new(paths[i], 130, 100, &theme_light, 0, &canvas));
        draw_everything(canvas);
        assert_ok(canvas_finish(canvas));
    }
    size_t size;
    char *svg = text_of(svg_path, &size);
    assert_ok(svg_picture_save(svg, size, again));
    Drawn one = read_drawn(png), two = read_drawn(again);
    assert_int_equal(one.width, two.width);
    assert_int_equal(one.height, two.height);
    size_t far = 0, inked = 0;
    const size_t bytes = 3 * (size_t)one.width * (size_t)one.height;
    for (size_t i = 0; i < bytes; i++) {
        far += abs(one.rgb[i] - two.rgb[i]) > 48;
        inked += one.rgb[i] < 128;
    }
    /* Letters are shapes in one and glyphs in the other: their edges may differ. */
    assert_true(inked > 5000);
    if (far > inked / 20) fail_msg("%zu of %zu values differ", far, inked);
    assert_int_equal(pixel_at(&two, two.width * 16 / 130, two.height * 36 / 100), 0xff0000);
    assert_int_equal(pixel_at(&two, two.width * 28 / 130, two.height * 48 / 100), 0xffff00);
    free(one.rgb);
    free(two.rgb);
    free(svg);
}

/* The colour of the middle of a picture of 10 x 10 points with this inside. */
static uint32_t middle_of(const char *inside) {
    const char *path = path_in(scratch_folder(), "m.png");
    char svg[1024];
    const int size = snprintf(svg, sizeof svg, "<svg xmlns=\"x\" viewBox=\"0 0 10 10\">%s</svg>", inside);
    assert_ok(svg_picture_save(svg, (size_t)size, path));
    Drawn drawn = read_drawn(path);
    const uint32_t pixel = pixel_at(&drawn, drawn.width / 2, drawn.height / 2);
    free(drawn.rgb);
    return pixel;
}

static void understands_shapes(void **state) {
    (void)state;
    static const struct {
        const char *inside;
        uint32_t middle;
    } cases[] = {
        {"", 0xffffff},
        {"<rect width=\"10\" height=\"10\"/>", 0x000000},
        {"<rect width=\"10\" height=\"10\" fill=\"#123456\"/>", 0x123456},
        {"<rect width=\"10\" height=\"10\" fill=\"none\"/>", 0xffffff},
        {"<g style=\"fill:rgb(100%,0%,0%);\"><rect width=\"10\" height=\"10\"/></g>", 0xff0000},
        {"<g fill=\"rgb(0,0,255)\"><circle cx=\"5\" cy=\"5\" r=\"3\"/></g>", 0x0000ff},
        {"<circle cx=\"5\" cy=\"5\" r=\"3\" fill=\"white\" stroke=\"black\"/>", 0xffffff},
        {"<path d=\"M 0 5 L 10 5\" stroke=\"#00ff00\" stroke-width=\"4\"/>", 0x00ff00},
        {"<path d=\"m0,5l10,0\" fill=\"none\" stroke=\"#00ff00\" stroke-width=\"4\"/>", 0x00ff00},
        {"<path d=\"M2 2H8V8H2z\"/>", 0x000000},
        {"<path fill-rule=\"evenodd\" d=\"M0 0H10V10H0Z M2 2H8V8H2Z\"/>", 0xffffff},
        {"<line x1=\"0\" y1=\"5\" x2=\"10\" y2=\"5\" stroke=\"#ff00ff\" stroke-width=\"3\"/>", 0xff00ff},
        {"<polygon points=\"0,0 10,0 10,10 0,10\" fill=\"#010203\"/>", 0x010203},
        {"<g transform=\"translate(100,0)\"><rect x=\"-100\" width=\"10\" height=\"10\" fill=\"#aabbcc\"/></g>",
         0xaabbcc},
        {"<rect width=\"2\" height=\"2\" transform=\"matrix(5,0,0,5,0,0)\" fill=\"#aabbcc\"/>", 0xaabbcc},
        {"<rect width=\"10\" height=\"10\" transform=\"rotate(90) translate(0,-10)\" fill=\"#aabbcc\"/>", 0xaabbcc},
        {"<defs><rect id=\"a\" width=\"10\" height=\"10\"/></defs>", 0xffffff},
        {"<defs><g id=\"a\"><rect width=\"10\" height=\"10\"/></g></defs><use xlink:href=\"#a\" fill=\"#00ffff\"/>",
         0x00ffff},
        {"<title>a<b/></title><rect width=\"10\" height=\"10\" fill=\"#050607\"/>", 0x050607},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (middle_of(cases[i].inside) != cases[i].middle)
            fail_msg("%s: %06x, wanted %06x", cases[i].inside, middle_of(cases[i].inside), cases[i].middle);
}

static void refuses_what_it_would_leave_out(void **state) {
    (void)state;
    static const struct {
        const char *svg, *part;
    } cases[] = {
        {"", "it is no SVG file"},
        {"<svg>", "a viewBox"},
        {"<svg viewBox=\"0 0 0 9\"></svg>", "a viewBox"},
        {"<svg viewBox=\"5 0 9 9\"></svg>", "a viewBox"},
        {"<svg viewBox=\"0 0 nan 9\"></svg>", "a viewBox"},
        {"<svg viewBox=\"0 0 1e9 9\"></svg>", "a viewBox"},
        {"<svg viewBox=\"0 0 9 9\">", "it ends before"},
        {"<svg viewBox=\"0 0 9 9\"><g", "it ends inside"},
        {"<svg viewBox=\"0 0 9 9\"><video/></svg>", "<video> is not known"},
        {"<svg viewBox=\"0 0 9 9\"><rect clip-path=\"url(#a)\"/></svg>", "clip-path is not known"},
        {"<svg viewBox=\"0 0 9 9\"><rect style=\"filter:blur(2px)\"/></svg>", "filter is not known"},
        {"<svg viewBox=\"0 0 9 9\"><rect fill=\"url(#a)\"/></svg>", "no colour that is known"},
        {"<svg viewBox=\"0 0 9 9\"><path d=\"M 0 0 Q 1 1 2 2\"/></svg>", "command \"Q\""},
        {"<svg viewBox=\"0 0 9 9\"><path d=\"M 0\"/></svg>", "too few numbers"},
        {"<svg viewBox=\"0 0 9 9\"><g transform=\"skewX(3)\"/></svg>", "a transform that is not known"},
        {"<svg viewBox=\"0 0 9 9\"><use href=\"#b\"/></svg>", "which is not in the figure"},
        {"<svg viewBox=\"0 0 9 9\"><g id=\"a\"><use href=\"#a\"/></g></svg>", "nested more than"},
        {"<svg viewBox=\"0 0 9 9\"><image href=\"http://x\"/></svg>", "no PNG"},
        {"<svg viewBox=\"0 0 9 9\"><image href=\"data:image/png;base64,AAAA\"/></svg>", "cannot be read"},
        {"<svg viewBox=\"0 0 9 9\"><text>a<tspan>b</tspan></text></svg>", "a text with elements"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *path = path_in(scratch_folder(), "refused.png");
        assert_fails(svg_picture_save(cases[i].svg, strlen(cases[i].svg), path), CF_BAD_INPUT, cases[i].part);
        assert_false(file_exists(path));
    }
}

/* Fourteen levels of ten <use> each would be drawn 10^14 times. */
static void ends_what_grows(void **state) {
    (void)state;
    char svg[8192];
    int size = snprintf(svg, sizeof svg, "<svg viewBox=\"0 0 9 9\"><defs><g id=\"l0\"><g/></g>");
    for (int i = 1; i < 7; i++) {
        size += snprintf(svg + size, sizeof svg - (size_t)size, "<g id=\"l%d\">", i);
        for (int k = 0; k < 16; k++)
            size += snprintf(svg + size, sizeof svg - (size_t)size, "<use href=\"#l%d\"/>", i - 1);
        size += snprintf(svg + size, sizeof svg - (size_t)size, "</g>");
    }
    size += snprintf(svg + size, sizeof svg - (size_t)size, "</defs><use href=\"#l6\"/></svg>");
    assert_fails(svg_picture_save(svg, (size_t)size, path_in(scratch_folder(), "x.png")), CF_BAD_INPUT,
                 "it draws more than");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_what_a_canvas_wrote), cmocka_unit_test(understands_shapes),
        cmocka_unit_test(refuses_what_it_would_leave_out), cmocka_unit_test(ends_what_grows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
