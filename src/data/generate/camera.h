/* What light, lens, sensor and file do to a picture, in the order in which they do it: light falling on it, haze, blur;
 * then, in the smaller picture that was really taken, sharpening, noise and JPEG-like loss; then enlarging. Any size up
 * to 32 x 32, one or three channels.
 *
 * Every value 0 is exactly nothing: the step is left out. Only noise draws random numbers, from the stream it is given.
 * Bounds: pictures are display values (0 black, 1 white), not linear light; blur is Gaussian along the axes. Noise by itself, and
 * what has a file of its own (photo.h, jpeg_loss.h), take a picture of any size.
 */
#pragma once

#include "data/generate/photo.h"

typedef struct Camera {
    double exposure;             /* stops: 1 is twice the light */
    double slope_x, slope_y;     /* stops from the left (upper) edge to the other */
    double shade;                /* share of light lost in a shadow that lies over a part of the picture */
    double shade_x, shade_y;     /* unit vector into that shadow */
    double shade_at, shade_soft; /* distance of its edge from the centre, and the edge's width, in picture widths */
    double haze, haze_level;     /* share of contrast lost, and the level everything moves to */
    double blur_x, blur_y;       /* standard deviation in pixels along each axis, at most MAX_BLUR */
    double enlarging;   /* octaves: 1 is a picture taken with half as many pixels a side, at most MAX_ENLARGING */
    double sharpening;  /* how much of what a blur of one pixel takes away is added once more */
    double noise;       /* standard deviation, 1 is the step from black to white */
    double jpeg;        /* quantisation steps over those of JPEG quality 50 */
    int jpeg_x, jpeg_y; /* where its 8 x 8 blocks begin, 0 .. 7 */
} Camera;

#define MAX_ENLARGING 2.0

/* Changes `picture` in place; values may leave 0 .. 1. `noise` may be NULL where there is none. */
void camera_take(const Camera *camera, Draws *noise, Photo *picture);
/* The steps by themselves. */
void camera_light(const Camera *camera, Photo *picture);
void camera_blur(double sigma_x, double sigma_y, Photo *picture);
void camera_sharpen(double amount, Photo *picture);
void camera_add_noise(double deviation, Draws *draws, Photo *picture);
/* Rounds what was clamped to 0 .. 1 to bytes. */
void photo_to_bytes(const Photo *picture, unsigned char *bytes);
