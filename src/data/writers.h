/* The writers of image sets: images first .. first+count-1 of a set, in files that other tools read; values[k] is the number that
 * stands for class k (data/class_list.h). Files are written
 * aside and renamed. The same images give the same bytes, where zlib is the same: no time and no machine's name goes in.
 */
#pragma once

#include "data/image_set.h"

/* idx_write.c: unsigned bytes, 3 dimensions N,H,W for grey and 4 N,H,W,C for colour; labels with 1, of 16 bits with more than 256
 * classes, in a file that is called -ubyte all the same: that is what tools look for, and its third byte tells. A path that ends with .gz is packed. */
static inline size_t idx_label_size(const cf_set *set) {
    return set->classes > 256 ? 2 : 1;
}
cf_status idx_write(const cf_set *set, const uint16_t *values, size_t first, size_t count, const char *images_path,
                    const char *labels_path);

/* mat_write.c: MATLAB v5 with SVHN's X (uint8, H x W x C x N) and y (uint8, N x 1; 10 is digit 0),
 * each compressed. At most 10 classes and, as MATLAB's v5 has it, less than 2 GB of pixels. */
cf_status mat_write(const cf_set *set, const uint16_t *values, size_t first, size_t count, const char *path);
