#include "draw/canvas.h"

#include "base/files.h"
#include "base/memory.h"
#include "draw/svg_text.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum CanvasKind { CANVAS_NONE, CANVAS_SVG, CANVAS_PNG, CANVAS_PDF } CanvasKind;

/* text_width found no memory in this thread: what is laid out by it is wrong. Told by the figure at hand, when it ends. */
static _Thread_local bool measured_badly;

struct Canvas {
    char *path;
    CanvasKind kind;
    cairo_surface_t *surface;
    cairo_t *cairo;
    /* What Cairo has written so far (SVG, PDF; of a PNG at the end). */
    unsigned char *bytes;
    size_t size, capacity;
    int chapter; /* of the outline, the last of level 1 */
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

static cairo_status_t keep_bytes(void *context, const unsigned char *bytes, unsigned size) {
    Canvas *canvas = context;
    if (canvas->capacity - canvas->size < size) {
        size_t wanted = 2 * canvas->capacity + size;
        unsigned char *grown = realloc(canvas->bytes, wanted);
        if (!grown) return CAIRO_STATUS_NO_MEMORY;
        canvas->bytes = grown;
        canvas->capacity = wanted;
    }
    memcpy(canvas->bytes + canvas->size, bytes, size);
    canvas->size += size;
    return CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *make_surface(Canvas *canvas, double width, double height) {
    cairo_surface_t *surface;
    switch (canvas->kind) {
    case CANVAS_SVG:
        surface = cairo_svg_surface_create_for_stream(keep_bytes, canvas, width, height);
        cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PT); /* Cairo 1.18 would choose pixels */
        return surface;
    case CANVAS_PDF:
        surface = cairo_pdf_surface_create_for_stream(keep_bytes, canvas, width, height);
        /* No date: the same figure gives the same file on any day. */
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
        return surface;
    default:
        surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(CANVAS_PIXELS_PER_POINT * width + 0.5),
                                             (int)(CANVAS_PIXELS_PER_POINT * height + 0.5));
        cairo_surface_set_device_scale(surface, CANVAS_PIXELS_PER_POINT, CANVAS_PIXELS_PER_POINT);
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

cf_status canvas_new(const char *path, double width, double height, Colour background, Canvas **canvas) {
    Canvas *made;
    FORWARD(canvas_check_path(path));
    FORWARD(memory_reserve(MEMORY_OF_LIBRARIES)); /* fonts are looked for at the first text */
    FORWARD(memory_new(1, sizeof *made, &made));
    cf_status status = memory_copy_string(path, &made->path);
    if (!status) {
        made->kind = kind_of(path);
        made->surface = make_surface(made, width, height);
        made->cairo = cairo_create(made->surface);
        cairo_status_t fault = cairo_status(made->cairo);
        if (fault)
            status = FAIL(fault == CAIRO_STATUS_NO_MEMORY ? CF_NO_MEMORY : CF_BAD_USE,
                          "%s: a page of %.0f x %.0f points cannot be drawn: %s", path, width, height,
                          cairo_status_to_string(fault));
    }
    if (status) {
        canvas_free(made);
        return status;
    }
    /* All of it: a PNG's last pixels may be only partly on the page. */
    cairo_set_source_rgb(made->cairo, background.red, background.green, background.blue);
    cairo_paint(made->cairo);
    *canvas = made;
    return CF_OK;
}

void canvas_free(Canvas *canvas) {
    if (!canvas) return;
    measured_badly = false;
    if (canvas->cairo) cairo_destroy(canvas->cairo);
    if (canvas->surface) cairo_surface_destroy(canvas->surface);
    free(canvas->bytes);
    free(canvas->path);
    free(canvas);
}

/* What is kept in memory can fail in libpng for one reason only. */
static bool is_lack_of_memory(cairo_status_t fault) {
    return fault == CAIRO_STATUS_NO_MEMORY || fault == CAIRO_STATUS_PNG_ERROR;
}

static cf_status write_file(Canvas *canvas) {
    cairo_status_t fault = measured_badly ? CAIRO_STATUS_NO_MEMORY : cairo_status(canvas->cairo);
    if (!fault && canvas->kind == CANVAS_PNG)
        fault = cairo_surface_write_to_png_stream(canvas->surface, keep_bytes, canvas);
    cairo_surface_finish(canvas->surface);
    if (!fault) fault = cairo_surface_status(canvas->surface);
    FAIL_IF(is_lack_of_memory(fault), CF_NO_MEMORY, "%s could not be drawn: out of memory", canvas->path);
    FAIL_IF(fault, CF_INTERNAL, "%s could not be drawn: %s", canvas->path, cairo_status_to_string(fault));
    if (canvas->kind != CANVAS_SVG) return file_write(canvas->path, canvas->bytes, canvas->size);
    char *text;
    size_t size;
    FORWARD(svg_text_settle((const char *)canvas->bytes, canvas->size, &text, &size));
    cf_status status = file_write(canvas->path, text, size);
    free(text);
    return status;
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
    set_colour(canvas->cairo, colour);
    cairo_rectangle(canvas->cairo, x, y, width, height);
    cairo_fill(canvas->cairo);
}

void canvas_line(Canvas *canvas, const Point *points, size_t count, LineStyle style, Colour colour) {
    cairo_t *cairo = canvas->cairo;
    if (count < 2) return;
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

static void circle(cairo_t *cairo, Point centre, double radius) {
    cairo_new_path(cairo);
    cairo_arc(cairo, centre.x, centre.y, radius, 0, 2 * acos(-1));
}

void canvas_disc(Canvas *canvas, Point centre, double radius, Colour colour) {
    set_colour(canvas->cairo, colour);
    circle(canvas->cairo, centre, radius);
    cairo_fill(canvas->cairo);
}

void canvas_ring(Canvas *canvas, Point centre, double radius, double line, Colour colour) {
    set_colour(canvas->cairo, colour);
    cairo_set_line_width(canvas->cairo, line);
    circle(canvas->cairo, centre, radius);
    cairo_stroke(canvas->cairo);
}

/* Bytes of the UTF-8 character that `text` begins with, or 0 if it is none. */
static int utf8_length(const unsigned char *text) {
    const int length = text[0] < 0x80                      ? 1
                       : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                       : (text[0] & 0xf0) == 0xe0          ? 3
                       : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
                                                           : 0;
    for (int i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    /* Not the shortest form, a half of a UTF-16 pair, or beyond the last character. */
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0)) return 0;
    if ((text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90)) return 0;
    return length;
}

/* Cairo would stop drawing altogether at a byte that is no UTF-8. */
static void make_sound(const char *text, char sound[1024]) {
    size_t used = 0;
    while (*text && used < 1019) {
        int length = utf8_length((const unsigned char *)text);
        memcpy(sound + used, length ? text : "?", length ? (size_t)length : 1);
        used += length ? (size_t)length : 1;
        text += length ? length : 1;
    }
    sound[used] = '\0';
}

static double advance(cairo_t *cairo, const char *sound) {
    cairo_text_extents_t extents;
    cairo_text_extents(cairo, sound, &extents);
    return extents.x_advance;
}

void canvas_text(Canvas *canvas, double x, double y, TextStyle style, Colour colour, const char *text) {
    cairo_t *cairo = canvas->cairo;
    char sound[1024];
    make_sound(text, sound);
    choose_font(cairo, style);
    if (style.align != TEXT_LEFT) x -= advance(cairo, sound) * (style.align == TEXT_CENTRE ? 0.5 : 1);
    set_colour(cairo, colour);
    cairo_move_to(cairo, x, y);
    cairo_show_text(cairo, sound);
}

void canvas_text_up(Canvas *canvas, double x, double y, TextStyle style, Colour colour, const char *text) {
    cairo_save(canvas->cairo);
    cairo_translate(canvas->cairo, x, y);
    cairo_rotate(canvas->cairo, -acos(-1) / 2);
    canvas_text(canvas, 0, 0, style, colour, text);
    cairo_restore(canvas->cairo);
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

/* Each pixel `times` times in both directions, as Cairo's 32 bits. */
static void copy_pixels(const CanvasImage *image, int times, unsigned char *data, int stride) {
    const int green = image->channels == 3 ? 1 : 0, blue = 2 * green;
    for (int h = 0; h < image->height * times; h++) {
        unsigned char *to = data + (size_t)h * (size_t)stride;
        const unsigned char *from =
            image->pixels + (size_t)(h / times) * (size_t)image->width * (size_t)image->channels;
        for (int w = 0; w < image->width; w++, from += image->channels)
            for (int t = 0; t < times; t++, to += 4) {
                uint32_t pixel = (uint32_t)from[0] << 16 | (uint32_t)from[green] << 8 | from[blue];
                memcpy(to, &pixel, sizeof pixel);
            }
    }
}

/* Many readers of SVG and PDF smooth what they enlarge, whatever the file asks for. Of images that are enlarged here
 * already they can smooth only the seams. */
static int times_of(const Canvas *canvas, double width, const CanvasImage *image) {
    int times = (int)(CANVAS_PIXELS_PER_POINT * width / image->width + 0.5);
    return canvas->kind == CANVAS_PNG || times < 1 ? 1 : times;
}

void canvas_image(Canvas *canvas, double x, double y, double width, double height, const CanvasImage *image) {
    cairo_t *cairo = canvas->cairo;
    const int times = times_of(canvas, width, image), W = times * image->width, H = times * image->height;
    cairo_surface_t *copy = cairo_image_surface_create(CAIRO_FORMAT_RGB24, W, H);
    if (cairo_surface_status(copy) == CAIRO_STATUS_SUCCESS) {
        cairo_surface_flush(copy);
        copy_pixels(image, times, cairo_image_surface_get_data(copy), cairo_image_surface_get_stride(copy));
        cairo_surface_mark_dirty(copy);
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
