#include "draw/canvas.h"

#include "base/files.h"
#include "base/text.h"
#include "base/text_draft.h"
#include "draw/svg.h"

#include <cairo-pdf.h>
#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

typedef enum CanvasKind { CANVAS_NONE, CANVAS_SVG, CANVAS_PNG, CANVAS_PDF } CanvasKind;

/* text_width found no memory in this thread: what is laid out by it is wrong. Told by the figure at hand, when it ends. */
static _Thread_local bool measured_badly;

struct Canvas {
    char *path;
    CanvasKind kind;
    int dpi;
    cairo_surface_t *surface; /* of an SVG one pixel, which measures texts */
    cairo_t *cairo;
    TextDraft file;       /* of a PNG at the end */
    FILE *svg;            /* its stream; NULL: another kind */
    cairo_status_t fault; /* of an SVG's images */
    int chapter;          /* of a PDF's outline, the last of level 1 */
};

static CanvasKind kind_of(const char *path) {
    static const struct {
        const char *end;
        CanvasKind kind;
    } kinds[] = {{".svg", CANVAS_SVG}, {".png", CANVAS_PNG}, {".pdf", CANVAS_PDF}};
    size_t length = strlen(path);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (length > 4 && strcasecmp(path + length - 4, kinds[i].end) == 0) return kinds[i].kind;
    return CANVAS_NONE;
}

cf_status canvas_check_path(const char *path) {
    FAIL_IF(kind_of(path) == CANVAS_NONE, CF_BAD_USE,
            "%s: the name of a figure must end with .svg, .png or .pdf, which chooses its kind", path);
    return CF_OK;
}

/* ---- Making and ending ---- */

/* What Cairo writes, to a stream in memory. */
static cairo_status_t keep_bytes(void *stream, const unsigned char *bytes, unsigned size) {
    return fwrite(bytes, 1, size, stream) == size ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_NO_MEMORY;
}

static cairo_surface_t *make_surface(Canvas *canvas, double width, double height) {
    const double pixels = canvas->dpi / 72.0;
    cairo_surface_t *surface;
    switch (canvas->kind) {
    case CANVAS_SVG:
        return cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    case CANVAS_PDF:
        surface = cairo_pdf_surface_create_for_stream(keep_bytes, canvas->file.stream, width, height);
        /* No date: the same figure gives the same file on any day. */
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
        return surface;
    default:
        surface =
            cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(pixels * width + 0.5), (int)(pixels * height + 0.5));
        cairo_surface_set_device_scale(surface, pixels, pixels);
        return surface;
    }
}

/* Shapes of letters as designed, not as fitted to a screen: every kind of file then has the same layout. */
static void choose_font(cairo_t *cairo, TextStyle style) {
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(cairo, options);
    cairo_font_options_destroy(options);
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, style.size);
}

static cf_status open_page(Canvas *canvas, double width, double height, const Theme *theme) {
    FORWARD(text_draft(&canvas->file));
    canvas->surface = make_surface(canvas, width, height);
    canvas->cairo = cairo_create(canvas->surface);
    const cairo_status_t fault = cairo_status(canvas->cairo);
    FAIL_IF(fault, fault == CAIRO_STATUS_NO_MEMORY ? CF_NO_MEMORY : CF_BAD_USE,
            "%s: a page of %.0f x %.0f points cannot be drawn: %s", canvas->path, width, height,
            cairo_status_to_string(fault));
    if (canvas->kind == CANVAS_SVG) {
        canvas->svg = canvas->file.stream;
        svg_begin(canvas->svg, width, height, theme == &theme_light ? CANVAS_LIGHT_CLASS : NULL);
        svg_rectangle(canvas->svg, (Box){0, 0, width, height}, 1, theme->background);
        return CF_OK;
    }
    /* All of it: a PNG's last pixels may be only partly on the page. */
    cairo_set_source_rgb(canvas->cairo, theme->background.red, theme->background.green, theme->background.blue);
    cairo_paint(canvas->cairo);
    return CF_OK;
}

cf_status canvas_new(const char *path, double width, double height, const Theme *theme, int dpi, Canvas **canvas) {
    AUTO(canvas_free_at) Canvas *made = NULL;
    FORWARD(canvas_check_path(path));
    FORWARD(memory_reserve(MEMORY_OF_LIBRARIES)); /* fonts are looked for at the first text */
    FORWARD(memory_new(1, sizeof *made, &made));
    FORWARD(memory_copy_string(path, &made->path));
    made->kind = kind_of(path);
    made->dpi = dpi ? dpi : USUAL_DPI;
    FORWARD(open_page(made, width, height, theme));
    *canvas = memory_take(&made);
    return CF_OK;
}

void canvas_free(Canvas *canvas) {
    if (!canvas) return;
    measured_badly = false;
    if (canvas->cairo) cairo_destroy(canvas->cairo);
    if (canvas->surface) cairo_surface_destroy(canvas->surface);
    text_draft_abandon(&canvas->file);
    free(canvas->path);
    free(canvas);
}

static void put_number(unsigned char *at, unsigned long value) {
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* PNG's chunk pHYs, pixels per metre, which Cairo leaves out. */
enum { PNG_HEADER = 33, RESOLUTION_CHUNK = 21 };
static void make_resolution(int dpi, unsigned char chunk[RESOLUTION_CHUNK]) {
    const unsigned long per_metre = (unsigned long)lrint(dpi / 0.0254);
    memcpy(chunk, (const unsigned char[RESOLUTION_CHUNK]){[3] = 9, [4] = 'p', [5] = 'H', [6] = 'Y', [7] = 's', [16] = 1},
           RESOLUTION_CHUNK);
    put_number(chunk + 8, per_metre);
    put_number(chunk + 12, per_metre);
    put_number(chunk + 17, crc32(0, chunk + 4, 13));
}

/* All bytes of the file, but for a PNG's resolution; what Cairo, or a text's measuring, has failed of. */
static cairo_status_t end_drawing(Canvas *canvas) {
    cairo_status_t fault = measured_badly ? CAIRO_STATUS_NO_MEMORY : cairo_status(canvas->cairo);
    if (!fault) fault = canvas->fault;
    if (!fault && canvas->kind == CANVAS_PNG)
        fault = cairo_surface_write_to_png_stream(canvas->surface, keep_bytes, canvas->file.stream);
    cairo_surface_finish(canvas->surface);
    if (canvas->svg) svg_end(canvas->svg);
    return fault ? fault : cairo_surface_status(canvas->surface);
}

static cf_status write_file(Canvas *canvas) {
    AUTO_FREE char *bytes = NULL;
    AUTO(file_abandon) FileDraft draft = {0};
    unsigned char resolution[RESOLUTION_CHUNK];
    size_t size;
    const cairo_status_t fault = end_drawing(canvas);
    /* What is kept in memory can fail in libpng for one reason only. */
    FAIL_IF(fault == CAIRO_STATUS_NO_MEMORY || fault == CAIRO_STATUS_PNG_ERROR, CF_NO_MEMORY,
            "%s could not be drawn: out of memory", canvas->path);
    FAIL_IF(fault, CF_INTERNAL, "%s could not be drawn: %s", canvas->path, cairo_status_to_string(fault));
    FORWARD(text_draft_finish(&canvas->file, &bytes, &size));
    if (canvas->kind != CANVAS_PNG) return file_write(canvas->path, bytes, size);
    make_resolution(canvas->dpi, resolution);
    FORWARD(file_draft(canvas->path, &draft));
    fwrite(bytes, 1, PNG_HEADER, draft.stream);
    fwrite(resolution, 1, RESOLUTION_CHUNK, draft.stream);
    fwrite(bytes + PNG_HEADER, 1, size - PNG_HEADER, draft.stream);
    return file_commit(&draft);
}

cf_status canvas_finish(Canvas *canvas) {
    cf_status status = write_file(canvas);
    canvas_free(canvas);
    return status;
}

/* ---- Drawing ---- */

static void set_colour(cairo_t *cairo, Colour colour) {
    cairo_set_source_rgb(cairo, colour.red, colour.green, colour.blue);
}

void canvas_rectangle(Canvas *canvas, double x, double y, double width, double height, Colour colour) {
    if (canvas->svg) {
        svg_rectangle(canvas->svg, (Box){x, y, width, height}, 1, colour);
        return;
    }
    set_colour(canvas->cairo, colour);
    cairo_rectangle(canvas->cairo, x, y, width, height);
    cairo_fill(canvas->cairo);
}

void canvas_rectangle_between(Canvas *canvas, Box box, Colour low, Colour high, double share) {
    if (!canvas->svg) {
        canvas_rectangle(canvas, box.x, box.y, box.width, box.height, colour_between(low, high, share));
        return;
    }
    if (share < 1) svg_rectangle(canvas->svg, box, 1, low);
    if (share > 0) svg_rectangle(canvas->svg, box, share, high);
}

void canvas_line(Canvas *canvas, const Point *points, size_t count, LineStyle style, Colour colour) {
    cairo_t *cairo = canvas->cairo;
    if (count < 2) return;
    if (canvas->svg) {
        svg_line(canvas->svg, points, count, style, colour);
        return;
    }
    cairo_save(cairo);
    cairo_new_path(cairo); /* text leaves its end behind */
    cairo_set_source_rgba(cairo, colour.red, colour.green, colour.blue, style.alpha);
    cairo_set_line_width(cairo, style.width);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(cairo, style.dash > 0 ? CAIRO_LINE_CAP_BUTT : CAIRO_LINE_CAP_ROUND);
    if (style.dash > 0) cairo_set_dash(cairo, &style.dash, 1, 0);
    for (size_t i = 0; i < count; i++) cairo_line_to(cairo, points[i].x, points[i].y);
    cairo_stroke(cairo);
    cairo_restore(cairo);
}

void canvas_segment(Canvas *canvas, double x0, double y0, double x1, double y1, double width, Colour colour) {
    canvas_line(canvas, (const Point[]){{x0, y0}, {x1, y1}}, 2, (LineStyle){width, 0, 1}, colour);
}

void canvas_disc(Canvas *canvas, Point centre, double radius, Colour colour) {
    canvas_ring(canvas, centre, radius, 0, colour);
}

void canvas_ring(Canvas *canvas, Point centre, double radius, double line, Colour colour) {
    cairo_t *cairo = canvas->cairo;
    if (canvas->svg) {
        svg_circle(canvas->svg, centre, radius, line, colour);
        return;
    }
    set_colour(cairo, colour);
    cairo_set_line_width(cairo, line);
    cairo_new_path(cairo);
    cairo_arc(cairo, centre.x, centre.y, radius, 0, 2 * acos(-1));
    if (line > 0)
        cairo_stroke(cairo);
    else
        cairo_fill(cairo);
}

enum { MOST_CORNERS = 12 };
static const struct {
    int count;
    Point corners[MOST_CORNERS];
} marks[MARK_SHAPES] = {
    [MARK_TRIANGLE] = {3, {{0, -1.5}, {1.35, 0.85}, {-1.35, 0.85}}},
    [MARK_SQUARE] = {4, {{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}}},
    [MARK_CROSS] = {12,
                    {{-0.4, -1.2}, {0.4, -1.2}, {0.4, -0.4}, {1.2, -0.4}, {1.2, 0.4}, {0.4, 0.4},
                     {0.4, 1.2}, {-0.4, 1.2}, {-0.4, 0.4}, {-1.2, 0.4}, {-1.2, -0.4}, {-0.4, -0.4}}},
    [MARK_DIAMOND] = {4, {{0, -1.45}, {1.1, 0}, {0, 1.45}, {-1.1, 0}}},
};

int mark_corners(MarkShape shape, const Point **corners) {
    *corners = marks[shape].corners;
    return marks[shape].count;
}

/* The round ends of lines of no length: in a PDF a tenth of what outlines take, and its bytes are what drawing it costs. */
static void stroke_discs(cairo_t *cairo, const Point *centres, size_t count, double radius) {
    cairo_save(cairo);
    cairo_set_line_width(cairo, 2 * radius);
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
    for (size_t i = 0; i < count; i++) {
        cairo_move_to(cairo, centres[i].x, centres[i].y);
        cairo_line_to(cairo, centres[i].x, centres[i].y);
    }
    cairo_stroke(cairo);
    cairo_restore(cairo);
}

void canvas_marks(Canvas *canvas, const Point *centres, size_t count, MarkShape shape, double radius, double alpha,
                  Colour colour) {
    cairo_t *cairo = canvas->cairo;
    Point corners[MOST_CORNERS];
    const int corner_count = marks[shape].count;
    if (!count) return;
    for (int c = 0; c < corner_count; c++)
        corners[c] = (Point){radius * marks[shape].corners[c].x, radius * marks[shape].corners[c].y};
    if (canvas->svg) {
        svg_marks(canvas->svg, centres, count, corners, corner_count, radius, alpha, colour);
        return;
    }
    cairo_new_path(cairo);
    cairo_set_source_rgba(cairo, colour.red, colour.green, colour.blue, alpha);
    if (canvas->kind == CANVAS_PDF && !corner_count) {
        stroke_discs(cairo, centres, count, radius);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        cairo_new_sub_path(cairo);
        if (!corner_count) cairo_arc(cairo, centres[i].x, centres[i].y, radius, 0, 2 * acos(-1));
        for (int c = 0; c < corner_count; c++)
            cairo_line_to(cairo, centres[i].x + corners[c].x, centres[i].y + corners[c].y);
        cairo_close_path(cairo);
    }
    cairo_fill(cairo);
}

/* Cairo would stop drawing altogether at a byte that is no UTF-8, readers of SVG at a character that XML does not have. */
static void make_sound(const char *text, char sound[1024]) {
    const unsigned char *at = (const unsigned char *)text;
    size_t used = 0;
    while (*at && used < 1019) {
        const unsigned char *begin = at;
        const int32_t character = text_next_character(&at);
        const bool known = character >= ' ' && character != 0xfffe && character != 0xffff;
        if (character < 0) at = begin + 1;
        const size_t length = known ? (size_t)(at - begin) : 1;
        memcpy(sound + used, known ? (const char *)begin : "?", length);
        used += length;
    }
    sound[used] = '\0';
}

static double advance(cairo_t *cairo, const char *sound) {
    cairo_text_extents_t extents;
    cairo_text_extents(cairo, sound, &extents);
    return extents.x_advance;
}

/* `rim` NULL: none. */
static void draw_text(Canvas *canvas, Point start, bool upward, TextStyle style, const Colour *rim, Colour colour,
                      const char *text) {
    cairo_t *cairo = canvas->cairo;
    char sound[1024];
    make_sound(text, sound);
    choose_font(cairo, style);
    const double width = advance(cairo, sound),
                 before = style.align == TEXT_LEFT ? 0 : width * (style.align == TEXT_CENTRE ? 0.5 : 1);
    if (upward)
        start.y += before;
    else
        start.x -= before;
    if (canvas->svg) {
        svg_text(canvas->svg, start, upward, style, width, rim, colour, sound);
        return;
    }
    cairo_save(cairo);
    cairo_translate(cairo, start.x, start.y);
    if (upward) cairo_rotate(cairo, -acos(-1) / 2);
    if (rim) {
        cairo_new_path(cairo);
        cairo_move_to(cairo, 0, 0);
        cairo_text_path(cairo, sound);
        set_colour(cairo, *rim);
        cairo_set_line_width(cairo, TEXT_RIM);
        cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
        cairo_stroke(cairo);
    }
    set_colour(cairo, colour);
    cairo_move_to(cairo, 0, 0);
    cairo_show_text(cairo, sound);
    cairo_restore(cairo);
}

void canvas_text(Canvas *canvas, double x, double y, TextStyle style, Colour colour, const char *text) {
    draw_text(canvas, (Point){x, y}, false, style, NULL, colour, text);
}

void canvas_text_on(Canvas *canvas, double x, double y, TextStyle style, Colour rim, Colour colour, const char *text) {
    draw_text(canvas, (Point){x, y}, false, style, &rim, colour, text);
}

void canvas_text_up(Canvas *canvas, double x, double y, TextStyle style, Colour colour, const char *text) {
    draw_text(canvas, (Point){x, y}, true, style, NULL, colour, text);
}

double text_width(const char *text, TextStyle style) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cairo = cairo_create(surface);
    char sound[1024];
    make_sound(text, sound);
    choose_font(cairo, style);
    double width = advance(cairo, sound);
    measured_badly = measured_badly || cairo_status(cairo);
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    return width;
}

const char *text_fit(const char *text, TextStyle style, double width, char room[512]) {
    static const char ellipsis[] = "\xe2\x80\xa6";
    size_t length = strlen(text);
    if (text_width(text, style) <= width) return text;
    if (length > 500) length = 500;
    do {
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80) length--;
        memcpy(room, text, length);
        memcpy(room + length, ellipsis, sizeof ellipsis);
    } while (length && text_width(room, style) > width && length--);
    return room;
}

void canvas_text_within(Canvas *canvas, double x, double y, double width, TextStyle style, Colour colour, const char *text) {
    char room[512];
    if (text) canvas_text(canvas, x, y, style, colour, text_fit(text, style, width, room));
}

/* Each pixel `times` times in both directions, as Cairo's 32 bits, whose colours count as much as they cover. */
static void copy_pixels(const CanvasImage *image, int times, unsigned char *data, int stride) {
    const int green = image->channels >= 3 ? 1 : 0, blue = 2 * green;
    for (int h = 0; h < image->height * times; h++) {
        unsigned char *to = data + (size_t)h * (size_t)stride;
        const unsigned char *from =
            image->pixels + (size_t)(h / times) * (size_t)image->width * (size_t)image->channels;
        for (int w = 0; w < image->width; w++, from += image->channels)
            for (int t = 0; t < times; t++, to += 4) {
                const uint32_t cover = image->channels == 4 ? from[3] : 255;
                const uint32_t pixel = cover << 24 | from[0] * cover / 255 << 16 | from[green] * cover / 255 << 8 |
                                       from[blue] * cover / 255;
                memcpy(to, &pixel, sizeof pixel);
            }
    }
}

/* Many readers of SVG and PDF smooth what they enlarge, whatever the file asks for. Of images that are enlarged here
 * already, to two pixels a point, they can smooth only the seams. */
static int times_of(const Canvas *canvas, double width, const CanvasImage *image) {
    int times = (int)(2 * width / image->width + 0.5);
    return canvas->kind == CANVAS_PNG || times < 1 ? 1 : times;
}

void canvas_image(Canvas *canvas, double x, double y, double width, double height, const CanvasImage *image) {
    cairo_t *cairo = canvas->cairo;
    const int times = times_of(canvas, width, image), W = times * image->width, H = times * image->height;
    cairo_surface_t *copy =
        cairo_image_surface_create(image->channels == 4 ? CAIRO_FORMAT_ARGB32 : CAIRO_FORMAT_RGB24, W, H);
    if (cairo_surface_status(copy) == CAIRO_STATUS_SUCCESS) {
        cairo_surface_flush(copy);
        copy_pixels(image, times, cairo_image_surface_get_data(copy), cairo_image_surface_get_stride(copy));
        cairo_surface_mark_dirty(copy);
    }
    if (canvas->svg) {
        TextDraft draft;
        AUTO_FREE char *png = NULL;
        size_t size = 0;
        cairo_status_t fault = text_draft(&draft) ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
        if (!fault) {
            fault = cairo_surface_write_to_png_stream(copy, keep_bytes, draft.stream);
            if (text_draft_finish(&draft, &png, &size)) fault = CAIRO_STATUS_NO_MEMORY;
        }
        if (fault && !canvas->fault) canvas->fault = fault;
        svg_image(canvas->svg, (Box){x, y, width, height}, (const unsigned char *)png, size);
        cairo_surface_destroy(copy);
        return;
    }
    cairo_save(cairo);
    cairo_translate(cairo, x, y);
    cairo_scale(cairo, width / W, height / H);
    cairo_set_source_surface(cairo, copy, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_NEAREST);
    cairo_paint(cairo);
    cairo_restore(cairo);
    cairo_surface_destroy(copy);
}

void canvas_image_within(Canvas *canvas, double x, double y, double side, const CanvasImage *image) {
    const double longest = fmax(image->height, image->width);
    const double width = side * image->width / longest, height = side * image->height / longest;
    canvas_image(canvas, x + (side - width) / 2, y + (side - height) / 2, width, height, image);
}

/* ---- Documents ---- */

void canvas_next_page(Canvas *canvas, Colour background) {
    cairo_show_page(canvas->cairo);
    set_colour(canvas->cairo, background);
    cairo_paint(canvas->cairo);
}

void canvas_title(Canvas *canvas, const char *title) {
    char sound[1024];
    make_sound(title, sound);
    if (canvas->kind == CANVAS_PDF) cairo_pdf_surface_set_metadata(canvas->surface, CAIRO_PDF_METADATA_TITLE, sound);
}

void canvas_bookmark(Canvas *canvas, int level, const char *text, int page, double y) {
    char sound[1024], place[64];
    if (canvas->kind != CANVAS_PDF) return;
    make_sound(text, sound);
    snprintf(place, sizeof place, "page=%d pos=[0 %d]", page, (int)y);
    const int made = cairo_pdf_surface_add_outline(canvas->surface, level > 1 ? canvas->chapter : CAIRO_PDF_OUTLINE_ROOT, sound, place,
                                                   level > 1 ? 0 : CAIRO_PDF_OUTLINE_FLAG_OPEN);
    if (level < 2) canvas->chapter = made;
}

struct _cairo *canvas_cairo(Canvas *canvas) {
    return canvas->cairo;
}
