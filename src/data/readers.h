/* The readers of image sets: one function per kind of file. Each returns a set of one part, not sealed. */
#ifndef DATA_READERS_H
#define DATA_READERS_H

#include "data/image_set.h"

/* idx.c: IDX files (plain or gzip) of images (3 or 4 dimensions) and labels (1 dimension). */
cf_status idx_read(const char *images_path, const char *labels_path, cf_set **set);

/* mat.c: MATLAB v5 with X (uint8, H x W x C x N, column-major) and y (N x 1; label 10 is digit 0), as SVHN
 * has it. */
cf_status mat_read(const char *path, cf_set **set);

#endif
