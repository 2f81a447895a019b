/* Gaussian blur along the axes. Beyond its edges a picture goes on as its own mirror image, so that blur moves no light in or
 * out. The same bits on any machine.
 */
#ifndef DATA_GENERATE_BLUR_H
#define DATA_GENERATE_BLUR_H

#include "data/generate/camera.h"

/* Standard deviations in pixels, at most MAX_BLUR; kernels end at three of them and a bit. `copy`: room for as many floats as the
 * picture has, or as three of its rows have if that is more. Changes `picture` in place. */
void blur_photo(double sigma_x, double sigma_y, Photo *picture, float *copy);

#endif
