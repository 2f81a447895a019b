/* The order of axes inside an image. */
#ifndef DATA_REORDER_H
#define DATA_REORDER_H

#include "base/status.h"

/* Brings `count` images in place to H x W x C (channels innermost). `stride_hwc` are the distances in bytes,
 * before, between neighbours along height, width and channels within one image. Needs one image of scratch
 * per thread. */
cf_status images_reorder(unsigned char *pixels, size_t count, const int chw[3], const size_t stride_hwc[3]);

#endif
