/* The readers of image sets: one function per kind of file. Each returns a set of one part, not sealed. */
#pragma once

#include "data/image_set.h"

/* idx.c: IDX files (plain or gzip) of images (3 or 4 dimensions) and labels (1 dimension). */
cf_status idx_read(const char *images_path, const char *labels_path, cf_set **set);

/* mat.c: MATLAB v5 with X (uint8, H x W x C x N, column-major) and y (N x 1; label 10 is digit 0), as SVHN
 * has it. */
cf_status mat_read(const char *path, cf_set **set);

/* ---- reorder.c: the order of axes inside an image ---- */

/* Brings `count` images in place to H x W x C (channels innermost). `stride_hwc` are the distances in bytes,
 * before, between neighbours along height, width and channels within one image. Needs one image of scratch
 * per thread. */
cf_status images_reorder(unsigned char *pixels, size_t count, const int chw[3], const size_t stride_hwc[3]);
