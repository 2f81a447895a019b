#include "base/memory.h"
#include "draw/canvas.h"
#include "draw/pictures.h"
#include "testing.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const Colour red = {1, 0, 0}, black = {0, 0, 0};
static const TextStyle plain = {12, false, TEXT_LEFT}, bold = {12, true, TEXT_LEFT};
/* 3 high, 2 wide. */
static const unsigned char rgb[18] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 255, 255, 0, 1, 2, 3};
static const unsigned char grey[6] = {0, 50, 100, 150, 200, 250};

static const char *in_scratch(const char *name) {
    return path_in(scratch_folder(), name);
}

static Canvas *open_canvas(const char *path, double width, double height) {
    Canvas *canvas;
    assert_ok(canvas_new(path, width, height, &theme_light, 144, &canvas));
    return canvas;
}

static void test_kinds(void **state) {
    (void)state;
    const char *const good[] = {"a.svg", "b/c.PNG", "d.e.pdf", "/x.Pdf"};
    const char *const bad[] = {"", "a", "svg", ".svg", "a.jpeg", "a.png.gz", "a.svgz", "png"};
    for (size_t i = 0; i < COUNT_OF(good); i++) assert_ok(canvas_check_path(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        Canvas *canvas;
        assert_fails(canvas_check_path(bad[i]), CF_BAD_USE, "must end with .svg, .png or .pdf");
        assert_fails(canvas_new(bad[i], 10, 10, &theme_light, 0, &canvas), CF_BAD_USE, bad[i]);
    }
    const struct { const char *name, *begin; } kinds[] = {{"k.svg", "<?xml"}, {"k.png", "\x89PNG"}, {"k.pdf", "%PDF-"}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        assert_ok(canvas_finish(open_canvas(in_scratch(kinds[i].name), 10, 10)));
        char *text = text_of(in_scratch(kinds[i].name), NULL);
        assert_memory_equal(text, kinds[i].begin, strlen(kinds[i].begin));
        free(text);
    }
}

static void test_rectangle(void **state) {
    (void)state;
    const char *path = in_scratch("rectangle.png");
    Canvas *canvas = open_canvas(path, 20, 10);
    canvas_rectangle(canvas, 2, 3, 5, 4, red);
    assert_ok(canvas_finish(canvas));
    Drawn drawn = read_drawn(path);
    assert_int_equal(drawn.width, 40);
    assert_int_equal(drawn.height, 20);
    for (int y = 0; y < 20; y++)
        for (int x = 0; x < 40; x++) {
            bool inside = x >= 4 && x < 14 && y >= 6 && y < 14;
            assert_int_equal(pixel_at(&drawn, x, y), inside ? 0xff0000 : 0xffffff);
        }
    free(drawn.rgb);
}

/* Every pixel becomes a square of one colour: nothing is smoothed. */
static void check_image(const CanvasImage *image, const char *name) {
    const char *path = in_scratch(name);
    Canvas *canvas = open_canvas(path, 40, 50);
    canvas_image(canvas, 3, 4, 10 * image->width, 10 * image->height, image);
    assert_ok(canvas_finish(canvas));
    Drawn drawn = read_drawn(path);
    for (int y = 0; y < 20 * image->height; y++)
        for (int x = 0; x < 20 * image->width; x++) {
            const unsigned char *p = image->pixels + image->channels * (y / 20 * image->width + x / 20);
            uint32_t wanted = image->channels == 1 ? p[0] * 0x10101u : (uint32_t)(p[0] << 16 | p[1] << 8 | p[2]);
            assert_int_equal(pixel_at(&drawn, 6 + x, 8 + y), wanted);
        }
    assert_int_equal(pixel_at(&drawn, 5, 8), 0xffffff);
    assert_int_equal(pixel_at(&drawn, 6 + 20 * image->width, 8), 0xffffff);
    assert_int_equal(pixel_at(&drawn, 6, 8 + 20 * image->height), 0xffffff);
    free(drawn.rgb);
}

static void test_image(void **state) {
    (void)state;
    check_image(&(CanvasImage){rgb, 3, 3, 2}, "rgb.png");
    check_image(&(CanvasImage){grey, 1, 3, 2}, "grey.png");
}

static long ink(const char *text, TextStyle style) {
    const char *path = in_scratch("ink.png");
    Canvas *canvas = open_canvas(path, 200, 30);
    canvas_text(canvas, 100, 20, style, black, text);
    assert_ok(canvas_finish(canvas));
    Drawn drawn = read_drawn(path);
    long sum = 0;
    for (int i = 0; i < 3 * drawn.width * drawn.height; i++) sum += 255 - drawn.rgb[i];
    free(drawn.rgb);
    return sum;
}

/* The columns of a PNG, two a point, between which there is ink. */
static void ink_columns(TextAlign align, int *first, int *last) {
    const char *path = in_scratch("columns.png");
    Canvas *canvas = open_canvas(path, 200, 30);
    canvas_text(canvas, 100, 20, (TextStyle){12, false, align}, black, "HHHH");
    assert_ok(canvas_finish(canvas));
    Drawn drawn = read_drawn(path);
    *first = -1;
    for (int x = 0; x < drawn.width; x++)
        for (int y = 0; y < drawn.height; y++)
            if (pixel_at(&drawn, x, y) != 0xffffff) {
                if (*first < 0) *first = x;
                *last = x;
            }
    free(drawn.rgb);
}

static void test_text(void **state) {
    (void)state;
    int first, last;
    assert_true(ink("8", plain) > 1000);
    assert_true(ink("8", bold) > ink("8", plain));
    assert_int_equal(ink("", plain), 0);
    double width = text_width("HHHH", plain);
    assert_true(width > 20 && width < 60);
    assert_true(fabs(text_width("HHHHHHHH", plain) - 2 * width) < 1e-6);
    ink_columns(TEXT_LEFT, &first, &last);
    assert_true(first >= 200 && first < 206 && fabs(last - first - 2 * width) < 8);
    ink_columns(TEXT_RIGHT, &first, &last);
    assert_true(last < 200 && last > 194);
    ink_columns(TEXT_CENTRE, &first, &last);
    assert_true(abs(first + last - 400) < 6);
}

/* Bytes that are no UTF-8 would end all drawing; they become question marks, sound characters stay. */
static void test_text_that_is_not_sound(void **state) {
    (void)state;
    const char *const cases[][2] = {{"a\xff"
                                     "b",
                                     "a?b"},
                                    {"\xc3", "?"},
                                    {"\xc0\xaf", "??"},
                                    {"\xe2\x82", "??"},
                                    {"\xed\xa0\x80", "???"},
                                    {"\xf5\x80\x80\x80", "????"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(ink(cases[i][0], plain), ink(cases[i][1], plain));
        assert_true(text_width(cases[i][0], plain) == text_width(cases[i][1], plain));
    }
    assert_true(text_width("\xc3\xa9", plain) < text_width("??", plain)); /* an e with an accent */
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    assert_true(ink(long_text, plain) > 0);
}

/* The rectangle around all ink of a drawing on white, in pixels: left, top, right, bottom. */
static void ink_box(const char *path, int box[4]) {
    Drawn drawn = read_drawn(path);
    box[0] = drawn.width, box[1] = drawn.height, box[2] = box[3] = -1;
    for (int y = 0; y < drawn.height; y++)
        for (int x = 0; x < drawn.width; x++) {
            if (pixel_at(&drawn, x, y) == 0xffffff) continue;
            if (x < box[0]) box[0] = x;
            if (x > box[2]) box[2] = x;
            if (y < box[1]) box[1] = y;
            if (y > box[3]) box[3] = y;
        }
    free(drawn.rgb);
}

/* Upward text ends where it stands at the right of its line; it begins below. */
static void test_text_up(void **state) {
    (void)state;
    int box[4];
    Canvas *canvas = open_canvas(in_scratch("up.png"), 100, 100);
    canvas_text_up(canvas, 50, 80, plain, black, "HHHH");
    assert_ok(canvas_finish(canvas));
    ink_box(in_scratch("up.png"), box);
    assert_true(box[2] <= 100 && box[2] >= 97 && box[0] > 70); /* the base line is its right side */
    assert_true(box[3] <= 160 && box[3] > 154 && abs(box[3] - box[1] - (int)(2 * text_width("HHHH", plain))) < 8);
}

static void test_lines(void **state) {
    (void)state;
    int box[4];
    const Point corner[] = {{10, 10}, {40, 10}, {40, 30}};
    Canvas *canvas = open_canvas(in_scratch("lines.png"), 60, 60);
    canvas_line(canvas, corner, 3, (LineStyle){2, 0, 1}, black);
    canvas_line(canvas, corner, 1, (LineStyle){2, 0, 1}, red); /* gives nothing */
    assert_ok(canvas_finish(canvas));
    ink_box(in_scratch("lines.png"), box);
    assert_true(box[0] == 18 && box[1] == 18 && box[2] == 81 && box[3] == 61); /* round ends */
    canvas = open_canvas(in_scratch("lines.png"), 60, 60);
    canvas_disc(canvas, (Point){20, 30}, 5, black);
    canvas_ring(canvas, (Point){20, 30}, 9, 2, black);
    assert_ok(canvas_finish(canvas));
    ink_box(in_scratch("lines.png"), box);
    assert_true(box[0] == 20 && box[2] == 59 && box[1] == 40 && box[3] == 79);
    Drawn drawn = read_drawn(in_scratch("lines.png"));
    assert_int_equal(pixel_at(&drawn, 40, 60), 0);
    assert_int_equal(pixel_at(&drawn, 40 + 13, 60), 0xffffff); /* between disc and ring */
    free(drawn.rgb);
}

/* All pixels are the ground's, those too that are only partly on the page. */
static void test_broken_page(void **state) {
    (void)state;
    assert_ok(canvas_finish(open_canvas(in_scratch("part.png"), 20.3, 10.4)));
    Drawn drawn = read_drawn(in_scratch("part.png"));
    for (int y = 0; y < drawn.height; y++)
        for (int x = 0; x < drawn.width; x++) assert_int_equal(pixel_at(&drawn, x, y), 0xffffff);
    free(drawn.rgb);
}

static void draw_everything(const char *path) {
    Canvas *canvas = open_canvas(path, 60, 60);
    canvas_text(canvas, 5, 20, bold, red, "Text 0123");
    canvas_image(canvas, 5, 25, 10, 15, &(CanvasImage){rgb, 3, 3, 2});
    canvas_image(canvas, 25, 25, 10, 15, &(CanvasImage){grey, 1, 3, 2});
    canvas_image(canvas, 45, 25, 10, 15, &(CanvasImage){rgb, 3, 3, 2});
    canvas_rectangle(canvas, 1, 1, 3, 3, black);
    assert_ok(canvas_finish(canvas));
}

static void test_same_bytes(void **state) {
    (void)state;
    const char *const ends[] = {"svg", "png", "pdf"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char name[32];
        snprintf(name, sizeof name, "one.%s", ends[i]);
        draw_everything(in_scratch(name));
        snprintf(name, sizeof name, "two.%s", ends[i]);
        if (i == 2) sleep(1); /* a PDF would have the time */
        draw_everything(in_scratch(name));
        char first[32];
        snprintf(first, sizeof first, "one.%s", ends[i]);
        expect_same_file(in_scratch(first), in_scratch(name));
    }
}

static int count_of(const char *text, const char *part) {
    int count = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) count++;
    return count;
}

/* Images are in the file itself, enlarged; text is text, of the width that it was laid out with. */
static void test_svg(void **state) {
    (void)state;
    draw_everything(in_scratch("look.svg"));
    char *text = text_of(in_scratch("look.svg"), NULL);
    assert_int_equal(count_of(text, " width=\"21.17mm\" height=\"21.17mm\" viewBox=\"0 0 60 60\""), 1);
    assert_int_equal(count_of(text, "<image "), 3);
    assert_int_equal(count_of(text, "image-rendering:pixelated"), 3);
    assert_int_equal(count_of(text, "data:image/png;base64,"), 3);
    assert_int_equal(count_of(text, "base64,iVBORw0KGgoAAAANSUhEUgAAABQAAAAe"), 3); /* a PNG of 20 x 30 */
    char length[64];
    snprintf(length, sizeof length, "textLength=\"%.4g\"", text_width("Text 0123", bold));
    assert_int_equal(count_of(text, ">Text 0123</text>"), 1);
    assert_int_equal(count_of(text, length), 1);
    assert_int_equal(count_of(text, "class=\"" CANVAS_LIGHT_CLASS "\""), 1);
    assert_non_null(strstr(text, "</svg>"));
    free(text);
    if (system("command -v xmllint >/dev/null") == 0) {
        char command[700];
        snprintf(command, sizeof command, "xmllint --noout %s", in_scratch("look.svg"));
        assert_int_equal(system(command), 0);
    } else {
        print_message("SKIPPED: the SVG in an XML reader (no xmllint)\n");
    }
}

static uint32_t big_endian(const char *at) {
    const unsigned char *p = (const unsigned char *)at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A PNG has the pixels that were asked for, and says how large they are: 11811 per metre are 300 per inch. */
static void test_resolution(void **state) {
    (void)state;
    const int dpi[] = {0, 300, 600}, wide[] = {300, 300, 600}, per_metre[] = {11811, 11811, 23622};
    for (size_t i = 0; i < COUNT_OF(dpi); i++) {
        Canvas *canvas;
        assert_ok(canvas_new(in_scratch("dpi.png"), 72, 36, &theme_print, dpi[i], &canvas));
        assert_ok(canvas_finish(canvas));
        Drawn drawn = read_drawn(in_scratch("dpi.png"));
        assert_int_equal(drawn.width, wide[i]);
        assert_int_equal(drawn.height, wide[i] / 2);
        free(drawn.rgb);
        char *png = text_of(in_scratch("dpi.png"), NULL);
        assert_memory_equal(png + 37, "pHYs", 4);
        assert_int_equal(big_endian(png + 41), per_metre[i]);
        assert_int_equal(big_endian(png + 45), per_metre[i]);
        free(png);
    }
}

/* What is written in a figure can be searched in a PDF, also what stands upright and what has a rim. */
static void test_text_in_pdf(void **state) {
    (void)state;
    char command[1400];
    if (system("command -v pdftotext >/dev/null") != 0) {
        print_message("SKIPPED: the text of a PDF (no pdftotext)\n");
        return;
    }
    Canvas *canvas = open_canvas(in_scratch("text.pdf"), 200, 200);
    canvas_text(canvas, 20, 20, plain, black, "Confusion matrix");
    canvas_text_on(canvas, 20, 60, bold, red, black, "sept");
    canvas_text_up(canvas, 150, 150, plain, black, "accuracy");
    assert_ok(canvas_finish(canvas));
    snprintf(command, sizeof command, "test \"$(pdftotext %s - | grep -cE '^(Confusion matrix|sept|accuracy)$')\" = 3",
             in_scratch("text.pdf"));
    assert_int_equal(system(command), 0);
}

static void test_failures(void **state) {
    (void)state;
    Canvas *canvas;
    assert_fails(canvas_new(in_scratch("huge.png"), 1e6, 1e6, &theme_light, 0, &canvas), CF_BAD_USE, "cannot be drawn");
    assert_fails(canvas_finish(open_canvas(in_scratch("none/a.png"), 5, 5)), CF_IO, "none/a.png");
    canvas_free(open_canvas(in_scratch("left.svg"), 5, 5));
    canvas_free(NULL);
    assert_int_not_equal(access(in_scratch("left.svg"), F_OK), 0);
    struct rlimit before, small;
    write_bytes(in_scratch("kept.svg"), "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    cf_status status = canvas_finish(open_canvas(in_scratch("kept.svg"), 5, 5));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, CF_IO);
    char *text = text_of(in_scratch("kept.svg"), NULL);
    assert_string_equal(text, "old");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_rectangle),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_that_is_not_sound),
        cmocka_unit_test(test_text_up),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_broken_page),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_svg),
        cmocka_unit_test(test_resolution),
        cmocka_unit_test(test_text_in_pdf),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
