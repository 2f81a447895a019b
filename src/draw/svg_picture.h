/* SVG files as this library makes them, drawn once more: onto a page of a PDF, or as another kind of file, in vectors.
 *
 * Understood is what Cairo 1.16 to 1.18 writes for a canvas, and plain shapes and texts: g, defs, symbol, use, path (M L H V C Z and their
 * small forms), rect, circle, ellipse, line, polyline, polygon, text of one line, image (PNG in base64); fill, stroke and what belongs to
 * them as attributes or in `style`; transform. Anything else that would be seen is an error, not left out.
 */
#pragma once

#include "draw/canvas.h"

/* Its size in points, of the viewBox. The bytes may be of anyone; they need no zero at their end. */
cf_status svg_picture_size(const char *svg, size_t size, double *width, double *height);
/* Into the box, which has the picture's shape. */
cf_status svg_picture_draw(Canvas *canvas, Box box, const char *svg, size_t size);
/* As a PNG or PDF; the path's ending chooses, as in canvas_new. */
cf_status svg_picture_save(const char *svg, size_t size, const char *path);
