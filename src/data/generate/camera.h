/* What light, lens, sensor and file do to a picture, in the order in which they do it: light falling on it, haze, blur;
 * then, in the smaller picture that was really taken, sharpening, noise and JPEG-like loss; then enlarging. Any size up
 * to 32 x 32, one or three channels.
 *
 * Every value 0 is exactly nothing: the step is left out. Only noise draws random numbers, from the stream it is given.
 * Bounds: pictures are display values (0 black, 1 white), not linear light; blur is Gaussian along the axes. Noise by itself, and
 * what has a file of its own (photo.c, jpeg_loss.c), take a picture of any size.
 */
#pragma once

#include "data/generate/generator.h"

enum { CAMERA_SIDE = 32, CAMERA_CHANNELS = 3 };

/* values: [height][width][channels], owned by the caller. */
typedef struct Photo {
    int channels, height, width;
    float *values;
} Photo;

static inline int photo_size(const Photo *picture) {
    return picture->channels * picture->height * picture->width;
}

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

/* ---- photo.c: blurred and in other sizes, the same bits on any machine ---- */

#define MAX_BLUR 4.0

/* Gaussian blur along the axes. Beyond its edges a picture goes on as its own mirror image, so that blur moves no light in or
 * out. Standard deviations in pixels, at most MAX_BLUR; kernels end at three of them and a bit. `copy`: room for as many floats as the
 * picture has, or as three of its rows have if that is more. Changes `picture` in place. */
void blur_photo(double sigma_x, double sigma_y, Photo *picture, float *copy);
/* Fills `to`, which has its own size, both up to CAMERA_SIDE, and as many channels: made smaller by averaging what each new pixel covers,
 * larger by cubic interpolation. At the same size it is a copy. */
void photo_resize(const Photo *from, Photo *to);

/* ---- jpeg_loss.c ---- */

/* The loss of a JPEG file without the file: YCbCr, 8 x 8 cosine transform, quantisation, and back.
 *
 * Differs from a real file in this: colour is not subsampled, nothing is clamped in between, and the blocks may begin
 * anywhere, because pictures are cut out of larger ones. Blocks over the edge are filled up with the outermost pixels.
 *
 * `scale` multiplies the quantisation tables (1: quality 50); 0 does nothing. */
void jpeg_loss(double scale, int first_x, int first_y, Photo *picture);
