/* Between picture.c and the readers of the formats. */
#ifndef DATA_PICTURE_PICTURE_FORMAT_H
#define DATA_PICTURE_PICTURE_FORMAT_H

#include "data/picture/picture.h"

#include <stddef.h>
#include <stdio.h>

typedef struct PictureFile {
    const char *path;
    FILE *stream; /* at the file's first byte */
    size_t size;  /* of the file, in bytes */
    bool measure; /* no pixels */
    PictureOptions options;
} PictureFile;

/* Sets channels, height and width as they stand in the file, and pixels unless the file is only measured; these are the caller's to
 * release on any path. *orientation is 1, and stays so where the file notes none. */
typedef cf_status PictureReader(const PictureFile *file, Picture *picture, int *orientation);
PictureReader png_picture, jpeg_picture, bmp_picture, gif_picture, tiff_picture, webp_picture;

/* ---- picture.c ---- */

/* What base/limits.h allows, before memory is taken; sets height and width. */
cf_status picture_set_size(const PictureFile *file, uint64_t width, uint64_t height, Picture *picture);
/* A file of a few bytes may claim any size: no more bits than its bytes can hold, each blown up to `rate` at best. */
cf_status picture_check_rate(const PictureFile *file, const Picture *picture, size_t bits_per_pixel, size_t rate);
/* In place, from C values and alpha to C values. `multiplied`: the values are already times their alpha. */
void picture_lay(const PictureFile *file, Picture *picture, bool multiplied);

/* ---- exif.c ---- */

/* Tag 274 of the first directory of an EXIF block, 1 to 8; 1 where there is none, or no sense in it. Such a block is a small TIFF
 * file; "Exif" and two zero bytes may stand before it. */
int exif_orientation(const unsigned char *bytes, size_t size);

#endif
