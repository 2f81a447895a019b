#include "draw/svg_picture.h"

#include "base/markup.h"
#include "base/memory.h"

#include <cairo.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEEPEST = 16, MOST_DASHES = 8, MOST_ELEMENTS = 4 << 20 };

/* How things are painted: what a group has, its content inherits. */
typedef struct Paint {
    bool fills, strokes, even_odd;
    Colour fill, stroke;
    double fill_alpha, stroke_alpha, width, miter, font_size;
    cairo_line_cap_t cap;
    cairo_line_join_t join;
    double dashes[MOST_DASHES];
    int dash_count;
    bool bold;
    TextAlign align;
} Paint;

typedef struct Named {
    const char *id;
    size_t length;
    Tag tag;
} Named;

typedef struct Picture {
    Canvas *canvas;
    cairo_t *cairo;
    const char *end;
    Named *named; /* what has an id */
    size_t named_count;
    int drawn; /* elements, also those drawn anew by each <use>: a few bytes could ask for billions */
} Picture;

/* ---- Values ---- */

typedef struct Value {
    const char *at, *end;
} Value;

/* A property: in `style`, or an attribute of its own. */
static bool property(const Tag *tag, const char *name, Value *value) {
    size_t length;
    const size_t of = strlen(name);
    const char *style = tag_attribute(tag, "style", &length);
    for (const char *p = style, *end = style ? style + length : NULL; p && p < end;) {
        const char *stop = memchr(p, ';', (size_t)(end - p));
        if (!stop) stop = end;
        while (p < stop && isspace((unsigned char)*p)) p++;
        if ((size_t)(stop - p) > of && strncmp(p, name, of) == 0 && p[of] == ':') {
            *value = (Value){p + of + 1, stop};
            return true;
        }
        p = stop + 1;
    }
    value->at = tag_attribute(tag, name, &length);
    value->end = value->at ? value->at + length : NULL;
    return value->at;
}

static bool value_is(Value value, const char *word) {
    while (value.at < value.end && isspace((unsigned char)*value.at)) value.at++;
    while (value.end > value.at && isspace((unsigned char)value.end[-1])) value.end--;
    return (size_t)(value.end - value.at) == strlen(word) && strncasecmp(value.at, word, strlen(word)) == 0;
}

/* Moves on behind spaces and commas; whether something is left. */
static bool skip_spaces(Value *list) {
    while (list->at < list->end && (isspace((unsigned char)*list->at) || *list->at == ',')) list->at++;
    return list->at < list->end;
}

/* The next number of a list; moves on. */
static bool take_number(Value *list, double *number) {
    char digits[48];
    size_t length = 0;
    skip_spaces(list);
    for (const char *p = list->at; p < list->end && length + 1 < sizeof digits; p++) {
        const bool sign = (*p == '-' || *p == '+') && (!length || strchr("eE", p[-1]));
        if (!sign && !isdigit((unsigned char)*p) && *p != '.' && !(length && strchr("eE", *p))) break;
        digits[length++] = *p;
    }
    digits[length] = '\0';
    char *stop;
    *number = strtod(digits, &stop);
    list->at += stop - digits;
    return stop != digits && isfinite(*number);
}

/* A length in points or without a unit. */
static double number_of(const Tag *tag, const char *name, double otherwise) {
    Value value;
    double number;
    return property(tag, name, &value) && take_number(&value, &number) ? number : otherwise;
}

static cf_status read_hex(Value value, Colour *colour) {
    unsigned parts[3];
    char text[8];
    snprintf(text, sizeof text, "%.*s", (int)(value.end - value.at), value.at);
    FAIL_IF(value.end - value.at != 7 || sscanf(text, "#%2x%2x%2x", &parts[0], &parts[1], &parts[2]) != 3, CF_BAD_INPUT,
            "a colour #rrggbb was expected, found %s", text);
    *colour = (Colour){parts[0] / 255.0, parts[1] / 255.0, parts[2] / 255.0};
    return CF_OK;
}

/* rgb(1%,2%,3%), rgb(1,2,3), #rrggbb, black, white, currentColor (which is black on paper), none. */
static cf_status read_colour(Value value, bool *paints, Colour *colour) {
    double parts[3];
    *paints = !value_is(value, "none");
    *colour = value_is(value, "white") ? (Colour){1, 1, 1} : (Colour){0, 0, 0};
    if (!*paints || value_is(value, "black") || value_is(value, "white") || value_is(value, "currentColor"))
        return CF_OK;
    if (skip_spaces(&value) && *value.at == '#') return read_hex(value, colour);
    const bool rgb = value.end - value.at > 4 && strncmp(value.at, "rgb(", 4) == 0;
    const double most = rgb && memchr(value.at, '%', (size_t)(value.end - value.at)) ? 100 : 255;
    FAIL_IF(!rgb, CF_BAD_INPUT, "no colour that is known: %.*s",
            (int)(value.end - value.at > 40 ? 40 : value.end - value.at), value.at);
    value.at += 4;
    for (int i = 0; i < 3; i++) {
        FAIL_IF(!take_number(&value, &parts[i]), CF_BAD_INPUT, "a colour has fewer than three numbers");
        if (value.at < value.end && *value.at == '%') value.at++;
    }
    *colour = (Colour){parts[0] / most, parts[1] / most, parts[2] / most};
    return CF_OK;
}

static cf_status read_paint(const Tag *tag, Paint *paint) {
    Value value;
    if (property(tag, "fill", &value)) FORWARD(read_colour(value, &paint->fills, &paint->fill));
    if (property(tag, "stroke", &value)) FORWARD(read_colour(value, &paint->strokes, &paint->stroke));
    if (property(tag, "fill-rule", &value)) paint->even_odd = value_is(value, "evenodd");
    if (property(tag, "stroke-linecap", &value))
        paint->cap = value_is(value, "round")    ? CAIRO_LINE_CAP_ROUND
                     : value_is(value, "square") ? CAIRO_LINE_CAP_SQUARE
                                                 : CAIRO_LINE_CAP_BUTT;
    if (property(tag, "stroke-linejoin", &value))
        paint->join = value_is(value, "round")   ? CAIRO_LINE_JOIN_ROUND
                      : value_is(value, "bevel") ? CAIRO_LINE_JOIN_BEVEL
                                                 : CAIRO_LINE_JOIN_MITER;
    if (property(tag, "text-anchor", &value))
        paint->align = value_is(value, "middle") ? TEXT_CENTRE : value_is(value, "end") ? TEXT_RIGHT : TEXT_LEFT;
    if (property(tag, "font-weight", &value)) paint->bold = value_is(value, "bold") || value_is(value, "700");
    if (property(tag, "stroke-dasharray", &value)) {
        paint->dash_count = 0;
        while (paint->dash_count < MOST_DASHES && take_number(&value, &paint->dashes[paint->dash_count]))
            paint->dash_count++;
    }
    const double alpha = number_of(tag, "opacity", 1);
    paint->fill_alpha = alpha * number_of(tag, "fill-opacity", paint->fill_alpha);
    paint->stroke_alpha = alpha * number_of(tag, "stroke-opacity", paint->stroke_alpha);
    paint->width = number_of(tag, "stroke-width", paint->width);
    paint->miter = number_of(tag, "stroke-miterlimit", paint->miter);
    paint->font_size = number_of(tag, "font-size", paint->font_size);
    return CF_OK;
}

/* matrix(..), translate(..), scale(..), rotate(..), one after the other. */
static cf_status apply_transform(Picture *p, const Tag *tag) {
    Value value;
    if (!property(tag, "transform", &value)) return CF_OK;
    while (skip_spaces(&value)) {
        double n[6];
        int count = 0;
        const char *name = value.at, *open = memchr(name, '(', (size_t)(value.end - name));
        FAIL_IF(!open, CF_BAD_INPUT, "a transform without a bracket");
        const Value word = {name, open};
        value.at = open + 1;
        while (count < 6 && take_number(&value, &n[count])) count++;
        FAIL_IF(value.at == value.end || *value.at != ')', CF_BAD_INPUT, "a transform does not end");
        value.at++;
        if (value_is(word, "matrix") && count == 6 && fabs(n[0] * n[3] - n[1] * n[2]) > 1e-30) {
            const cairo_matrix_t matrix = {n[0], n[1], n[2], n[3], n[4], n[5]};
            cairo_transform(p->cairo, &matrix);
        } else if (value_is(word, "translate") && count)
            cairo_translate(p->cairo, n[0], count > 1 ? n[1] : 0);
        else if (value_is(word, "scale") && count && n[0] != 0 && (count < 2 || n[1] != 0))
            cairo_scale(p->cairo, n[0], count > 1 ? n[1] : n[0]);
        else if (value_is(word, "rotate") && (count == 1 || count == 3)) {
            if (count == 3) cairo_translate(p->cairo, n[1], n[2]);
            cairo_rotate(p->cairo, n[0] * acos(-1) / 180);
            if (count == 3) cairo_translate(p->cairo, -n[1], -n[2]);
        } else
            return FAIL(CF_BAD_INPUT, "a transform that is not known: %.*s", (int)(open - name > 40 ? 40 : open - name),
                        name);
    }
    return CF_OK;
}

/* ---- Shapes ---- */

static cf_status trace_path(cairo_t *cairo, Value data) {
    char command = 0;
    while (skip_spaces(&data)) {
        double n[6], x = 0, y = 0;
        if (isalpha((unsigned char)*data.at))
            command = *data.at++;
        else if (command == 'M' || command == 'm') /* more points of a move are lines */
            command = command == 'M' ? 'L' : 'l';
        const char kind = (char)toupper((unsigned char)command);
        const int wanted = kind == 'C' ? 6 : kind == 'M' || kind == 'L' ? 2 : kind == 'H' || kind == 'V' ? 1 : 0;
        FAIL_IF(!wanted && command != 'Z' && command != 'z', CF_BAD_INPUT,
                "a path has the command \"%c\", which is not known", isprint((unsigned char)command) ? command : '?');
        for (int i = 0; i < wanted; i++)
            FAIL_IF(!take_number(&data, &n[i]), CF_BAD_INPUT, "a path has too few numbers");
        if (cairo_has_current_point(cairo)) cairo_get_current_point(cairo, &x, &y);
        const bool relative = command != kind;
        const double from_x = relative ? x : 0, from_y = relative ? y : 0;
        if (kind == 'M') cairo_move_to(cairo, from_x + n[0], from_y + n[1]);
        if (kind == 'L') cairo_line_to(cairo, from_x + n[0], from_y + n[1]);
        if (kind == 'H') cairo_line_to(cairo, from_x + n[0], y);
        if (kind == 'V') cairo_line_to(cairo, x, from_y + n[0]);
        if (kind == 'C')
            cairo_curve_to(cairo, from_x + n[0], from_y + n[1], from_x + n[2], from_y + n[3], from_x + n[4],
                           from_y + n[5]);
        if (!wanted) {
            cairo_close_path(cairo);
            command = 0;
        }
    }
    return CF_OK;
}

static void trace_ellipse(cairo_t *cairo, double x, double y, double across, double down) {
    if (across <= 0 || down <= 0) return;
    cairo_save(cairo);
    cairo_translate(cairo, x, y);
    cairo_scale(cairo, across, down);
    cairo_arc(cairo, 0, 0, 1, 0, 2 * acos(-1));
    cairo_restore(cairo);
}

/* The outline of a shape; *known: whether the tag is one. */
static cf_status trace_shape(cairo_t *cairo, const Tag *tag, bool *known) {
    Value value;
    double x, y;
    *known = true;
    cairo_new_path(cairo);
    if (tag_is(tag, "path")) return property(tag, "d", &value) ? trace_path(cairo, value) : CF_OK;
    if (tag_is(tag, "rect"))
        cairo_rectangle(cairo, number_of(tag, "x", 0), number_of(tag, "y", 0), number_of(tag, "width", 0),
                        number_of(tag, "height", 0));
    else if (tag_is(tag, "circle") || tag_is(tag, "ellipse"))
        trace_ellipse(cairo, number_of(tag, "cx", 0), number_of(tag, "cy", 0),
                      number_of(tag, "rx", number_of(tag, "r", 0)), number_of(tag, "ry", number_of(tag, "r", 0)));
    else if (tag_is(tag, "line")) {
        cairo_move_to(cairo, number_of(tag, "x1", 0), number_of(tag, "y1", 0));
        cairo_line_to(cairo, number_of(tag, "x2", 0), number_of(tag, "y2", 0));
    } else if (tag_is(tag, "polyline") || tag_is(tag, "polygon")) {
        if (!property(tag, "points", &value)) return CF_OK;
        while (take_number(&value, &x) && take_number(&value, &y)) cairo_line_to(cairo, x, y);
        if (tag_is(tag, "polygon")) cairo_close_path(cairo);
    } else
        *known = false;
    return CF_OK;
}

static void fill_and_stroke(cairo_t *cairo, const Paint *paint) {
    if (paint->fills) {
        cairo_set_source_rgba(cairo, paint->fill.red, paint->fill.green, paint->fill.blue, paint->fill_alpha);
        cairo_set_fill_rule(cairo, paint->even_odd ? CAIRO_FILL_RULE_EVEN_ODD : CAIRO_FILL_RULE_WINDING);
        cairo_fill_preserve(cairo);
    }
    if (paint->strokes) {
        cairo_set_source_rgba(cairo, paint->stroke.red, paint->stroke.green, paint->stroke.blue, paint->stroke_alpha);
        cairo_set_line_width(cairo, paint->width);
        cairo_set_line_cap(cairo, paint->cap);
        cairo_set_line_join(cairo, paint->join);
        cairo_set_miter_limit(cairo, paint->miter);
        cairo_set_dash(cairo, paint->dashes, paint->dash_count, 0);
        cairo_stroke_preserve(cairo);
    }
    cairo_new_path(cairo);
}

/* ---- Images and text ---- */

typedef struct Bytes {
    const char *at, *end; /* base64 */
    unsigned bits;
    int held; /* of them, not given yet */
} Bytes;

static cairo_status_t next_bytes(void *context, unsigned char *to, unsigned wanted) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    Bytes *bytes = context;
    while (wanted) {
        while (bytes->held < 8) {
            while (bytes->at < bytes->end && isspace((unsigned char)*bytes->at)) bytes->at++;
            const char *digit = bytes->at < bytes->end && *bytes->at ? strchr(digits, *bytes->at) : NULL;
            if (!digit) return CAIRO_STATUS_READ_ERROR;
            bytes->bits = bytes->bits << 6 | (unsigned)(digit - digits);
            bytes->held += 6;
            bytes->at++;
        }
        bytes->held -= 8;
        *to++ = (unsigned char)(bytes->bits >> bytes->held & 0xff);
        wanted--;
    }
    return CAIRO_STATUS_SUCCESS;
}

static const char *link_of(const Tag *tag, size_t *length) {
    const char *link = tag_attribute(tag, "xlink:href", length);
    return link ? link : tag_attribute(tag, "href", length);
}

static cf_status draw_image(Picture *p, const Tag *tag) {
    static const char png[] = "data:image/png;base64,";
    const size_t of = sizeof png - 1;
    size_t length;
    const char *link = link_of(tag, &length);
    FAIL_IF(!link || length < of || strncmp(link, png, of) != 0, CF_BAD_INPUT, "an image that is no PNG in base64");
    Bytes bytes = {.at = link + of, .end = link + length};
    cairo_surface_t *image = cairo_image_surface_create_from_png_stream(next_bytes, &bytes);
    const cairo_status_t fault = cairo_surface_status(image);
    const int width = cairo_image_surface_get_width(image), height = cairo_image_surface_get_height(image);
    if (!fault && width > 0 && height > 0) {
        cairo_translate(p->cairo, number_of(tag, "x", 0), number_of(tag, "y", 0));
        const double across = number_of(tag, "width", width) / width, down = number_of(tag, "height", height) / height;
        if (across > 0 && down > 0) {
            cairo_scale(p->cairo, across, down);
            cairo_set_source_surface(p->cairo, image, 0, 0);
            cairo_pattern_set_filter(cairo_get_source(p->cairo), CAIRO_FILTER_NEAREST);
            cairo_paint(p->cairo);
        }
    }
    cairo_surface_destroy(image);
    FAIL_IF(fault == CAIRO_STATUS_NO_MEMORY, CF_NO_MEMORY, "out of memory for an image in a figure");
    FAIL_IF(fault, CF_BAD_INPUT, "an image that cannot be read: %s", cairo_status_to_string(fault));
    return CF_OK;
}

static cf_status draw_text(Picture *p, const Tag *tag, const Paint *paint) {
    char text[1024];
    size_t used = 0;
    const char *at = tag->end, *end = memchr(at, '<', (size_t)(p->end - at));
    FAIL_IF(!end || end + 1 == p->end || end[1] != '/', CF_BAD_INPUT, "a text with elements in it");
    while (at < end && used + 1 < sizeof text) {
        size_t length = 1;
        const char character = *at == '&' ? markup_reference(at, end, &length) : 0;
        text[used++] = character ? character : *at;
        at += character ? length : 1;
    }
    text[used] = '\0';
    const double x = number_of(tag, "x", 0), y = number_of(tag, "y", 0);
    const TextStyle style = {paint->font_size, paint->bold, paint->align};
    if (paint->strokes)
        canvas_text_on(p->canvas, x, y, style, paint->stroke, paint->fill, text);
    else
        canvas_text(p->canvas, x, y, style, paint->fill, text);
    return CF_OK;
}

/* ---- Elements ---- */

static cf_status draw_content(Picture *p, const Tag *tag, Paint paint, int depth, const char **end);

static cf_status draw_use(Picture *p, const Tag *tag, Paint paint, int depth) {
    size_t length;
    const char *link = link_of(tag, &length), *end;
    FAIL_IF(!link || !length || *link != '#', CF_BAD_INPUT, "a <use> of nothing in the figure");
    for (size_t i = 0; i < p->named_count; i++) {
        const Named *named = &p->named[i];
        if (named->length != length - 1 || strncmp(named->id, link + 1, length - 1) != 0) continue;
        cairo_translate(p->cairo, number_of(tag, "x", 0), number_of(tag, "y", 0));
        return draw_content(p, &named->tag, paint, depth + 1, &end);
    }
    return FAIL(CF_BAD_INPUT, "a <use> of %.*s, which is not in the figure", (int)(length < 60 ? length : 60), link);
}

/* Without what is in it. */
static cf_status draw_element(Picture *p, const Tag *tag, const Paint *paint, int depth) {
    static const char *const refused[] = {"clip-path", "mask", "filter"};
    bool known;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        Value value;
        FAIL_IF(property(tag, refused[i], &value) && !value_is(value, "none"), CF_BAD_INPUT, "%s is not known",
                refused[i]);
    }
    if (TAG_IS_ONE_OF(tag, "svg", "g", "symbol")) return CF_OK;
    if (tag_is(tag, "use")) return draw_use(p, tag, *paint, depth);
    if (tag_is(tag, "image")) return draw_image(p, tag);
    if (tag_is(tag, "text")) return draw_text(p, tag, paint);
    FORWARD(trace_shape(p->cairo, tag, &known));
    FAIL_IF(!known, CF_BAD_INPUT, "the element <%.*s> is not known", (int)(tag->length < 40 ? tag->length : 40),
            tag->name);
    fill_and_stroke(p->cairo, paint);
    return CF_OK;
}

static bool is_empty(const Tag *tag) {
    return tag->is_empty;
}

static cf_status draw_inside(Picture *p, const Tag *tag, const Paint *paint, int depth, const char **end) {
    *end = tag->end;
    if (tag->is_empty) return CF_OK;
    for (const char *at; (at = memchr(*end, '<', (size_t)(p->end - *end)));) {
        Tag inner;
        FAIL_IF(!tag_read(at, p->end, &inner), CF_BAD_INPUT, "it ends inside a tag");
        *end = inner.end;
        if (inner.closes) return CF_OK;
        if (!inner.length) continue;
        if (!TAG_IS_ONE_OF(&inner, "defs", "symbol", "title", "desc")) {
            FORWARD(draw_content(p, &inner, *paint, depth, end));
            continue;
        }
        if (!inner.is_empty) *end = tag_element_end(&inner, p->end, is_empty);
        FAIL_IF(!*end, CF_BAD_INPUT, "it ends inside <%.*s>", (int)inner.length, inner.name);
    }
    return FAIL(CF_BAD_INPUT, "it ends before all its elements do");
}

/* An element with all that is in it; *end: behind it. */
static cf_status draw_content(Picture *p, const Tag *tag, Paint paint, int depth, const char **end) {
    FAIL_IF(depth > DEEPEST, CF_BAD_INPUT, "its elements are nested more than %d deep", DEEPEST);
    FAIL_IF(p->drawn++ > MOST_ELEMENTS, CF_BAD_INPUT, "it draws more than %d elements", MOST_ELEMENTS);
    FORWARD(read_paint(tag, &paint));
    cairo_save(p->cairo);
    cf_status status = apply_transform(p, tag);
    if (!status) status = draw_element(p, tag, &paint, depth);
    if (!status) status = draw_inside(p, tag, &paint, depth + 1, end);
    cairo_restore(p->cairo);
    return status;
}

static cf_status find_named(Picture *p, const char *svg) {
    size_t count = 0;
    Tag tag;
    for (const char *at = svg; (at = memchr(at, '<', (size_t)(p->end - at))); at++) count++;
    FORWARD(memory_new(count, sizeof *p->named, &p->named));
    for (const char *at = svg; (at = memchr(at, '<', (size_t)(p->end - at))) && tag_read(at, p->end, &tag);
         at = tag.end) {
        size_t length;
        const char *id = tag_attribute(&tag, "id", &length);
        if (id) p->named[p->named_count++] = (Named){id, length, tag};
    }
    return CF_OK;
}

static void picture_free(Picture *p) {
    free(p->named);
}

static cf_status read_root(const char *svg, size_t size, Tag *root, double *width, double *height) {
    Value value;
    double x, y;
    const char *at = memmem(svg, size, "<svg", 4);
    FAIL_IF(!at || !tag_read(at, svg + size, root) || !tag_is(root, "svg"), CF_BAD_INPUT, "it is no SVG file");
    FAIL_IF(!property(root, "viewBox", &value) || !take_number(&value, &x) || !take_number(&value, &y) ||
                !take_number(&value, width) || !take_number(&value, height) || x != 0 || y != 0 ||
                !(*width >= 1 && *width <= 14400 && *height >= 1 && *height <= 14400),
            CF_BAD_INPUT, "a viewBox of 0 0, a width and a height from 1 to 14400 was expected");
    return CF_OK;
}

cf_status svg_picture_size(const char *svg, size_t size, double *width, double *height) {
    Tag root;
    return read_root(svg, size, &root, width, height);
}

cf_status svg_picture_draw(Canvas *canvas, Box box, const char *svg, size_t size) {
    const Paint paint = {.fills = true, .fill_alpha = 1, .stroke_alpha = 1, .width = 1, .miter = 4, .font_size = 10};
    AUTO(picture_free) Picture p = {.canvas = canvas, .cairo = canvas_cairo(canvas), .end = svg + size};
    double width, height;
    const char *end;
    Tag root;
    FORWARD(read_root(svg, size, &root, &width, &height));
    FAIL_IF(!p.cairo, CF_INTERNAL, "SVG pictures are drawn on PNG and PDF");
    FORWARD(find_named(&p, svg));
    cairo_save(p.cairo);
    cairo_translate(p.cairo, box.x, box.y);
    cairo_scale(p.cairo, box.width / width, box.height / height);
    const cf_status status = draw_content(&p, &root, paint, 0, &end);
    cairo_restore(p.cairo);
    return status;
}

cf_status svg_picture_save(const char *svg, size_t size, const char *path) {
    double width, height;
    AUTO(canvas_free_at) Canvas *canvas = NULL;
    FORWARD(svg_picture_size(svg, size, &width, &height));
    FORWARD(canvas_new(path, width, height, &theme_light, 0, &canvas));
    FORWARD(svg_picture_draw(canvas, (Box){0, 0, width, height}, svg, size));
    return canvas_finish(memory_take(&canvas));
}
