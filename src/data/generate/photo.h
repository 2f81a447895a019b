/* A picture as a camera's steps take it, blurred and in other sizes. The same bits on any machine. */
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

#define MAX_BLUR 4.0

/* Gaussian blur along the axes. Beyond its edges a picture goes on as its own mirror image, so that blur moves no light in or
 * out. Standard deviations in pixels, at most MAX_BLUR; kernels end at three of them and a bit. `copy`: room for as many floats as the
 * picture has, or as three of its rows have if that is more. Changes `picture` in place. */
void blur_photo(double sigma_x, double sigma_y, Photo *picture, float *copy);
/* Fills `to`, which has its own size, both up to CAMERA_SIDE, and as many channels: made smaller by averaging what each new pixel covers,
 * larger by cubic interpolation. At the same size it is a copy. */
void photo_resize(const Photo *from, Photo *to);
