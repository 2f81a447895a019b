/* A page to draw on: one drawing code for SVG (draw/svg.h), and on Cairo for PNG and PDF. Text stays text in SVG and PDF.
 *
 * Lengths are points (1/72 inch, 0.353 mm) from the upper left corner; files have this size, a PNG by its pixels per metre.
 * Drawing returns nothing: the first fault is kept and reported by canvas_finish. The same calls give the same bytes.
 */
#pragma once

#include "base/memory.h"
#include "draw/shapes.h"
#include "draw/theme.h"

/* Pixels per inch of a PNG. */
enum { LEAST_DPI = 36, USUAL_DPI = 300, MOST_DPI = 1200 };

/* Of an SVG's root in the light theme, whose colours a page can replace by its own. */
#define CANVAS_LIGHT_CLASS "figure-light"

typedef struct Canvas Canvas;

/* Whether the path ends with .svg, .png or .pdf, which choose the kind; otherwise an error that says so. */
cf_status canvas_check_path(const char *path);

/* A page in the colour of the theme's ground. `dpi`: of a PNG, 0: USUAL_DPI. Nothing is written before canvas_finish. */
cf_status canvas_new(const char *path, double width, double height, const Theme *theme, int dpi, Canvas **canvas);
/* Writes the file, aside and renamed, and ends the canvas, also on failure. */
cf_status canvas_finish(Canvas *canvas);
/* Ends it without a file. */
void canvas_free(Canvas *canvas);
AUTO_HANDLE(Canvas, canvas_free)

void canvas_rectangle(Canvas *canvas, double x, double y, double width, double height, Colour colour);
/* In a colour between two (colour_between); an SVG has both, for whoever replaces colours. */
void canvas_rectangle_between(Canvas *canvas, Box box, Colour low, Colour high, double share);

/* A line through points, round at its corners and ends. One point alone gives nothing. */
void canvas_line(Canvas *canvas, const Point *points, size_t count, LineStyle style, Colour colour);
/* A solid one of two points. */
void canvas_segment(Canvas *canvas, double x0, double y0, double x1, double y1, double width, Colour colour);
void canvas_disc(Canvas *canvas, Point centre, double radius, Colour colour);
/* `line`: the ring's width. */
void canvas_ring(Canvas *canvas, Point centre, double radius, double line, Colour colour);

typedef enum MarkShape { MARK_DISC, MARK_TRIANGLE, MARK_SQUARE, MARK_CROSS, MARK_DIAMOND, MARK_SHAPES } MarkShape;
/* The corners of a mark around 0, and their number; 0: a disc. Of the area of a disc of radius 1. */
int mark_corners(MarkShape shape, const Point **corners);
/* Many marks as one: `alpha` counts once where they lie on each other. The radius is that of a disc of the same area. */
void canvas_marks(Canvas *canvas, const Point *centres, size_t count, MarkShape shape, double radius, double alpha,
                  Colour colour);

/* One line of UTF-8 in the system's sans-serif font; y is the base line. A byte that is no UTF-8 becomes a question
 * mark. */
void canvas_text(Canvas *canvas, double x, double y, TextStyle style, Colour colour, const char *text);
/* With a rim, so that it is read on anything. */
void canvas_text_on(Canvas *canvas, double x, double y, TextStyle style, Colour rim, Colour colour, const char *text);
/* Turned by a quarter, to be read from the right; x is the base line. */
void canvas_text_up(Canvas *canvas, double x, double y, TextStyle style, Colour colour, const char *text);
double text_width(const char *text, TextStyle style);
/* canvas_text of as much as fits into a width, with an ellipsis where something is left out; nothing of NULL. */
void canvas_text_within(Canvas *canvas, double x, double y, double width, TextStyle style, Colour colour, const char *text);
/* As much of a text as fits, with an ellipsis where something is left out: the text itself, or in `room`. */
const char *text_fit(const char *text, TextStyle style, double width, char room[512]);

/* Bytes [height][width][channels], channels 1 (grey), 3 (RGB) or 4 (RGB, and the share of the pixel that they cover). */
typedef struct CanvasImage {
    const unsigned char *pixels;
    int channels, height, width;
} CanvasImage;

/* Enlarged by repeating pixels: they stay squares with sharp edges. */
void canvas_image(Canvas *canvas, double x, double y, double width, double height, const CanvasImage *image);

/* In its proportions in the middle of a square. */
void canvas_image_within(Canvas *canvas, double x, double y, double side, const CanvasImage *image);

/* ---- Documents of several pages (PDF) ---- */

/* Ends the page at hand; what is drawn next stands on another of the same size, of `background`. */
void canvas_next_page(Canvas *canvas, Colour background);
/* What readers show as the document's title; a line of the outline beside it, on level 1 or 2, that opens a page (1-based) at `y`. */
void canvas_title(Canvas *canvas, const char *title);
void canvas_bookmark(Canvas *canvas, int level, const char *text, int page, double y);

/* For draw/svg_picture.c alone, which knows Cairo, too. */
struct _cairo *canvas_cairo(Canvas *canvas);
