/* An image sampled at other places: bilinear between the four nearest pixels. */
#pragma once

#include "data/augment/operation.h"

typedef enum Border {
    BORDER_EDGE,   /* the nearest pixel of the image */
    BORDER_ZERO,   /* 0 */
    BORDER_REFLECT /* mirrored at the centre of the last pixel, which is not repeated */
} Border;

/* "edge", "zero", "reflect"; NULL is edge. */
Border border_of(const char *word);

/* `map` as Operation.map has it. What is whole pixels and mirror images only is copied, exactly. Values stay in 0 to 1. Works in
 * picture->other. */
void warp_by_map(Picture *picture, const double map[9], Border border);

/* Pixel (x, y) of the new image is at (x + across, y + down) of the old one; fields [height][width]. `source` is an image of scratch;
 * beyond the border lies the edge. */
void warp_by_field(Picture *picture, const float *across, const float *down, float *source);

/* Operations one after the other on one picture; maps wait, so that neighbours are one. */
typedef struct Pending {
    Picture *picture;
    double map[9];
    const char *border; /* a setting of the maps that wait: "edge", "zero", "reflect"; NULL: of none of them */
    bool waits;
} Pending;

Pending pending_new(Picture *picture);
/* Multiplies a map that waits: behind the last where both have one border, or one has none (flip). */
double *pending_map(Pending *pending, const Operation *operation, const OperationValues *values);
/* Draws and does an operation, or lets its map wait; a mix does nothing. */
void pending_operation(Pending *pending, const Operation *operation, const OperationValues *values, Drawing *drawing);
void pending_finish(Pending *pending);
