/* A page to draw on, on Cairo: one drawing code for SVG, PNG and PDF.
 *
 * Lengths are points from the upper left corner; a PNG has two pixels a point. Drawing returns nothing: the first fault
 * is kept and reported by canvas_finish. The same calls give the same bytes.
 */
#ifndef DRAW_CANVAS_H
#define DRAW_CANVAS_H

#include "base/status.h"
#include "draw/theme.h"

enum { CANVAS_PIXELS_PER_POINT = 2 };

typedef struct Canvas Canvas;

/* A part of a page. */
typedef struct Box {
    double x, y, width, height;
} Box;

/* Whether the path ends with .svg, .png or .pdf, which choose the kind; otherwise an error that says so. */
cf_status canvas_check_path(const char *path);

/* A page of one colour. Nothing is written before canvas_finish. */
cf_status canvas_new(const char *path, double width, double height, Colour background, Canvas **canvas);
/* Writes the file, aside and renamed, and ends the canvas, also on failure. */
cf_status canvas_finish(Canvas *canvas);
/* Ends it without a file. */
void canvas_free(Canvas *canvas);

void canvas_rectangle(Canvas *canvas, double x, double y, double width, double height, Colour colour);

typedef struct Point {
    double x, y;
} Point;

typedef struct LineStyle {
    double width; /* points */
    double dash;  /* length of dashes and of the gaps between them; 0: solid */
    double alpha; /* 1: opaque */
} LineStyle;

/* A line through points, round at its corners and ends. One point alone gives nothing. */
void canvas_line(Canvas *canvas, const Point *points, size_t count, LineStyle style, Colour colour);
void canvas_disc(Canvas *canvas, Point centre, double radius, Colour colour);
void canvas_ring(Canvas *canvas, Point centre, double radius, double line, Colour colour);

typedef enum TextAlign { TEXT_LEFT, TEXT_CENTRE, TEXT_RIGHT } TextAlign;
typedef struct TextStyle {
    double size; /* points */
    bool bold;
    TextAlign align; /* where in the text x is */
} TextStyle;

/* One line of UTF-8 in the system's sans-serif font; y is the base line. A byte that is no UTF-8 becomes a question
 * mark. */
void canvas_text(Canvas *canvas, double x, double y, TextStyle style, Colour colour, const char *text);
/* Turned by a quarter, to be read from the right; x is the base line. */
void canvas_text_up(Canvas *canvas, double x, double y, TextStyle style, Colour colour, const char *text);
double text_width(const char *text, TextStyle style);
/* As much of a text as fits, with an ellipsis where something is left out: the text itself, or in `room`. */
const char *text_fit(const char *text, TextStyle style, double width, char room[512]);

/* Bytes [height][width][channels], channels 1 or 3. */
typedef struct CanvasImage {
    const unsigned char *pixels;
    int channels, height, width;
} CanvasImage;

/* Enlarged by repeating pixels: they stay squares with sharp edges. */
void canvas_image(Canvas *canvas, double x, double y, double width, double height, const CanvasImage *image);

/* ---- Documents of several pages (PDF) ---- */

/* Ends the page at hand; what is drawn next stands on another of the same size, of `background`. */
void canvas_next_page(Canvas *canvas, Colour background);
/* What readers show as the document's title; a line of the outline beside it, on level 1 or 2, that opens a page (1-based) at `y`. */
void canvas_title(Canvas *canvas, const char *title);
void canvas_bookmark(Canvas *canvas, int level, const char *text, int page, double y);

/* For draw/svg_picture.c alone, which knows Cairo, too. */
struct _cairo *canvas_cairo(Canvas *canvas);

#endif
