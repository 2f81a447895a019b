/* An image in floats, and sampled at other places: bilinear between the four nearest pixels. */
#pragma once

#include "base/status.h"

typedef struct Picture {
    int channels, height, width;
    float *x; /* [height][width][channels], 0 to 1 */
    float *
        other; /* scratch: PICTURE_SCRATCH images of that size, or one with a ring of a pixel around it, if that is more */
} Picture;

enum { PICTURE_SCRATCH = 3 };
static inline size_t picture_size(const Picture *picture) {
    return (size_t)picture->channels * (size_t)picture->height * (size_t)picture->width;
}
/* Floats of Picture.other. */
size_t picture_scratch(int channels, int height, int width);
/* Values below 0 become 0, above 1 become 1, NaN 0. */
void picture_clamp(Picture *picture);
/* Of RGB 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), of anything else the first channel. */
static inline float pixel_grey(const float *p, int channels) {
    return channels == 3 ? 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2] : *p;
}
/* How many pixels are outermost. */
static inline int ring_pixels(int height, int width) {
    return height == 1 || width == 1 ? height * width : 2 * (height + width) - 4;
}
/* The level of a plain ground: the median of the channel's outermost pixels, which are left in picture->other, sorted. */
float picture_ground(const Picture *picture, int channel);

/* ---- Maps: 3 x 3 by rows, from pixel places of the new image to those of the old one (x to the right, y down, 0 at the image's centre, in
 * pixels, homogeneous) ---- */

extern const double map_identity[9];
/* a = a b: b is done behind a. */
void map_multiply(double a[9], const double b[9]);
/* perspective's: the corners of the old image come to lie at these places of the new one, {x, y} from the top left one clockwise. */
void map_of_corners(const double corners[8], int height, int width, double map[9]);

typedef enum Border {
    BORDER_EDGE,   /* the nearest pixel of the image */
    BORDER_ZERO,   /* 0 */
    BORDER_REFLECT /* mirrored at the centre of the last pixel, which is not repeated */
} Border;

/* What is whole pixels and mirror images only is copied, exactly. Values stay in 0 to 1. Works in picture->other. */
void warp_by_map(Picture *picture, const double map[9], Border border);
/* Pixel (x, y) of the new image is at (x + across, y + down) of the old one; fields [height][width]. `source` is an image of scratch;
 * beyond the border lies the edge. */
void warp_by_field(Picture *picture, const float *across, const float *down, float *source);
