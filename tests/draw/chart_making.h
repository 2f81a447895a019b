/* Draws one chart on a page, and looks at what came out. */
#pragma once

#include "base/memory.h"
#include "draw/chart_frame.h"
#include "draw/pictures.h"

#include <math.h>
#include <stdio.h>

static const char awkward_name[] = "a<b>&\"c\" \xc3\xa9";

static inline const char *in_scratch(const char *name) {
    return path_in(scratch_folder(), name);
}

static inline uint32_t bytes_of(Colour c) {
    return (uint32_t)lrint(255 * c.red) << 16 | (uint32_t)lrint(255 * c.green) << 8 | (uint32_t)lrint(255 * c.blue);
}

typedef cf_status (*DrawChart)(Canvas *canvas, const Theme *theme, Box box, const void *chart);

/* The status of drawing on a page of 300 x 200 points with a margin of 10. */
static inline cf_status make_chart(DrawChart draw, const void *chart, const Theme *theme, const char *name) {
    Canvas *canvas;
    assert_ok(canvas_new(in_scratch(name), 300, 200, theme, 144, &canvas));
    cf_status status = draw(canvas, theme, (Box){10, 10, 280, 180}, chart);
    if (status)
        canvas_free(canvas);
    else
        assert_ok(canvas_finish(canvas));
    return status;
}

/* Pixels of a colour between columns x0 and x1, and the rows where they begin and end. */
typedef struct Ink {
    int count, top, bottom, left, right;
} Ink;

static inline Ink ink_between(const Drawn *drawn, uint32_t colour, int x0, int x1) {
    Ink ink = {0, drawn->height, -1, drawn->width, -1};
    for (int y = 0; y < drawn->height; y++)
        for (int x = x0; x < x1 && x < drawn->width; x++) {
            if (pixel_at(drawn, x, y) != colour) continue;
            ink.count++;
            if (y < ink.top) ink.top = y;
            if (y > ink.bottom) ink.bottom = y;
            if (x < ink.left) ink.left = x;
            if (x > ink.right) ink.right = x;
        }
    return ink;
}

static inline Ink ink_of(const char *name, Colour colour) {
    Drawn drawn = read_drawn(in_scratch(name));
    Ink ink = ink_between(&drawn, bytes_of(colour), 0, drawn.width);
    free(drawn.rgb);
    return ink;
}

static inline int count_in_file(const char *name, const char *part) {
    char *text = text_of(in_scratch(name), NULL);
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    free(text);
    return count;
}

/* Letters that are drawn in an SVG, as text; a reference to a character is one. */
static inline int letters_in(const char *name) {
    char *text = text_of(in_scratch(name), NULL);
    int count = 0;
    for (const char *at = text; (at = strstr(at, "<text "));) {
        for (at = strchr(at, '>') + 1; *at != '<'; at++) {
            count += (*at & 0xc0) != 0x80;
            if (*at == '&') at = strchr(at, ';');
        }
    }
    free(text);
    return count;
}

/* The same bytes twice in every format and theme, and an SVG that an XML reader takes. */
static inline void expect_sound(DrawChart draw, const void *chart) {
    static const char *const ends[] = {"svg", "png", "pdf"};
    for (int t = 0; t < THEMES; t++)
        for (size_t i = 0; i < COUNT_OF(ends); i++) {
            char one[32], two[32];
            snprintf(one, sizeof one, "sound1-%d.%s", t, ends[i]);
            snprintf(two, sizeof two, "sound2-%d.%s", t, ends[i]);
            assert_ok(make_chart(draw, chart, themes[t], one));
            assert_ok(make_chart(draw, chart, themes[t], two));
            expect_same_file(in_scratch(one), in_scratch(two));
        }
    if (system("command -v xmllint >/dev/null") == 0) {
        char command[700];
        snprintf(command, sizeof command, "xmllint --noout %s", in_scratch("sound1-0.svg"));
        assert_int_equal(system(command), 0);
    } else {
        print_message("SKIPPED: the SVG in an XML reader (no xmllint)\n");
    }
}
