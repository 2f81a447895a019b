/* What a canvas draws, as SVG: real text, real colours, lengths in points within a page whose size is in millimetres.
 *
 * Text carries its width, so that a reader without the font that it was laid out with keeps the layout. Colours are plain
 * attributes, fill="#1a1c24", which a style sheet can replace: a page does so on a dark ground.
 */
#pragma once

#include "draw/shapes.h"
#include "draw/theme.h"

#include <stdio.h>

/* Of a rim around letters, in points; half of it lies outside. */
#define TEXT_RIM 2.4

/* `class` tells style sheets whose colours these are; NULL: none. */
void svg_begin(FILE *out, double width, double height, const char *class);
void svg_end(FILE *out);
void svg_rectangle(FILE *out, Box box, double alpha, Colour colour);
void svg_line(FILE *out, const Point *points, size_t count, LineStyle style, Colour colour);
/* A disc, or with `line` above 0 a ring. */
void svg_circle(FILE *out, Point centre, double radius, double line, Colour colour);
/* Closed outlines of the same corners around many centres; without corners, discs of that radius. */
void svg_marks(FILE *out, const Point *centres, size_t count, const Point *corners, int corner_count, double radius,
               double alpha, Colour colour);
/* From (x, y) on, of this width in all; `rim`: the colour around the letters, NULL: none. */
void svg_text(FILE *out, Point start, bool upward, TextStyle style, double width, const Colour *rim, Colour colour,
              const char *text);
/* The pixels of a PNG file. */
void svg_image(FILE *out, Box box, const unsigned char *png, size_t size);
