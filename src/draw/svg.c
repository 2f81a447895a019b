#include "draw/svg.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

static const double mm_per_point = 25.4 / 72;

/* To a hundredth, without zeros at its end; what is beyond all pages stays a number. */
static void number(FILE *out, const char *before, double value) {
    char text[32];
    const double most = 1e6;
    int length = snprintf(text, sizeof text, "%.2f", isnan(value) ? 0 : fmin(most, fmax(-most, value)));
    while (text[length - 1] == '0') text[--length] = '\0';
    if (text[length - 1] == '.') text[--length] = '\0';
    fprintf(out, "%s%s", before, text[0] == '-' && text[1] == '0' && !text[2] ? "0" : text);
}

static void attribute(FILE *out, const char *name, double value) {
    fprintf(out, " %s=\"", name);
    number(out, "", value);
    fputc('"', out);
}

/* Several: their names apart by spaces. */
static void attributes(FILE *out, const char *names, const double *values) {
    for (; *names; values++) {
        char name[32];
        const size_t length = strcspn(names, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        attribute(out, name, *values);
        names += length + (names[length] == ' ');
    }
}

static void paint(FILE *out, const char *what, Colour colour) {
    char hex[COLOUR_HEX];
    fprintf(out, " %s=\"%s\"", what, colour_hex(colour, hex));
}

void svg_begin(FILE *out, double width, double height, const char *class) {
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
          "xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"",
          out);
    number(out, "", mm_per_point * width);
    number(out, "mm\" height=\"", mm_per_point * height);
    number(out, "mm\" viewBox=\"0 0 ", width);
    number(out, " ", height);
    fputs("\" font-family=\"'DejaVu Sans', Verdana, sans-serif\"", out);
    if (class) fprintf(out, " class=\"%s\"", class);
    fputs(">\n", out);
}

void svg_end(FILE *out) {
    fputs("</svg>\n", out);
}

void svg_rectangle(FILE *out, Box box, double alpha, Colour colour) {
    fputs("<rect", out);
    attributes(out, "x y width height", (const double[]){box.x, box.y, fmax(0, box.width), fmax(0, box.height)});
    paint(out, "fill", colour);
    if (alpha < 1) attribute(out, "fill-opacity", alpha);
    fputs("/>\n", out);
}

void svg_line(FILE *out, const Point *points, size_t count, LineStyle style, Colour colour) {
    fputs("<path d=\"", out);
    for (size_t i = 0; i < count; i++) {
        number(out, i ? "L" : "M", points[i].x);
        number(out, " ", points[i].y);
    }
    fputs("\" fill=\"none\"", out);
    paint(out, "stroke", colour);
    attribute(out, "stroke-width", style.width);
    if (style.alpha < 1) attribute(out, "stroke-opacity", style.alpha);
    if (style.dash > 0)
        attribute(out, "stroke-dasharray", style.dash);
    else
        fputs(" stroke-linecap=\"round\"", out);
    fputs(" stroke-linejoin=\"round\"/>\n", out);
}

void svg_circle(FILE *out, Point centre, double radius, double line, Colour colour) {
    fputs("<circle", out);
    attributes(out, "cx cy r", (const double[]){centre.x, centre.y, radius});
    if (line > 0) {
        fputs(" fill=\"none\"", out);
        attribute(out, "stroke-width", line);
    }
    paint(out, line > 0 ? "stroke" : "fill", colour);
    fputs("/>\n", out);
}

void svg_marks(FILE *out, const Point *centres, size_t count, const Point *corners, int corner_count, double radius,
               double alpha, Colour colour) {
    fputs("<path d=\"", out);
    for (size_t i = 0; i < count; i++) {
        const Point first = corner_count ? corners[0] : (Point){0, 0};
        /* A tenth of a point is enough for one of thousands. */
        fprintf(out, "M%.1f %.1f", centres[i].x + first.x, centres[i].y + first.y);
        if (!corner_count) fputs("h0", out);
        for (int c = 1; c < corner_count; c++) {
            number(out, "l", corners[c].x - corners[c - 1].x);
            number(out, " ", corners[c].y - corners[c - 1].y);
        }
        if (corner_count) fputc('z', out);
    }
    fputc('"', out);
    if (corner_count) {
        paint(out, "fill", colour);
        attribute(out, "fill-opacity", alpha);
    } else { /* the round ends of lines of no length */
        fputs(" fill=\"none\" stroke-linecap=\"round\"", out);
        attribute(out, "stroke-width", 2 * radius);
        paint(out, "stroke", colour);
        attribute(out, "stroke-opacity", alpha);
    }
    fputs("/>\n", out);
}

static void svg_escape(FILE *out, const char *text) {
    for (; *text; text++) {
        const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;
        fputs(entity ? entity : (const char[]){*text, '\0'}, out);
    }
}

void svg_text(FILE *out, Point start, bool upward, TextStyle style, double width, const Colour *rim, Colour colour,
              const char *text) {
    if (!*text) return;
    fputs("<text", out);
    if (upward) {
        number(out, " transform=\"translate(", start.x);
        number(out, " ", start.y);
        fputs(") rotate(-90)\"", out);
    } else {
        attributes(out, "x y", (const double[]){start.x, start.y});
    }
    attribute(out, "font-size", style.size);
    if (style.bold) fputs(" font-weight=\"bold\"", out);
    attribute(out, "textLength", width);
    fputs(" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\"", out);
    if (rim) {
        paint(out, "stroke", *rim);
        attribute(out, "stroke-width", TEXT_RIM);
        fputs(" stroke-linejoin=\"round\" paint-order=\"stroke\"", out);
    }
    paint(out, "fill", colour);
    fputc('>', out);
    svg_escape(out, text);
    fputs("</text>\n", out);
}

void svg_image(FILE *out, Box box, const unsigned char *png, size_t size) {
    /* SVG 1.1's word for readers that do not know CSS's. */
    fputs("<image image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" preserveAspectRatio=\"none\"", out);
    attributes(out, "x y width height", (const double[]){box.x, box.y, box.width, box.height});
    fputs(" xlink:href=\"data:image/png;base64,", out);
    text_base64(out, png, size);
    fputs("\"/>\n", out);
}
