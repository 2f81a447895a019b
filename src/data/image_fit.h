/* An image takes a size whose shape may be another: squash, crop or pad (data/set_text.h). */
#pragma once

#include "data/image_set.h"
#include "data/set_text.h"

/* Bytes H x W x C to bytes; {channels, height, width}. Channels as in preparation_new. Rounds by resize_bytes' rule; the middle is
 * the middle to half a pixel, the odd one left over on the right or below. */
cf_status fit_bytes(Fit fit, const unsigned char *pixels, const int from_chw[3], const int to_chw[3],
                    unsigned char *out);
/* The size {height, width} that an image of this size takes on its way: what need not be larger in memory before it is fitted. */
void fit_size(Fit fit, const int from_hw[2], const int to_hw[2], int size_hw[2]);
/* All images of a set at the size that the options ask for; without one, and where they have it, nothing is done. */
cf_status set_take_size(cf_set *set, const ReadOptions *options);
