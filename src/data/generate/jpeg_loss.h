/* The loss of a JPEG file without the file: YCbCr, 8 x 8 cosine transform, quantisation, and back.
 *
 * Differs from a real file in this: colour is not subsampled, nothing is clamped in between, and the blocks may begin
 * anywhere, because pictures are cut out of larger ones. Blocks over the edge are filled up with the outermost pixels.
 */
#pragma once

#include "data/generate/photo.h"

/* `scale` multiplies the quantisation tables (1: quality 50); 0 does nothing. */
void jpeg_loss(double scale, int first_x, int first_y, Photo *picture);
