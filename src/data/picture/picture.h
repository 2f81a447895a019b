/* Pictures: PNG, JPEG, BMP, GIF (its first frame), TIFF (its first page) and WebP, told apart by their first bytes, not by name.
 *
 * The values are those that stand in the file, as Pillow, OpenCV and torchvision give them: no gamma and no profile is applied,
 * and of 16 bits the upper 8 are kept. A picture has 1 channel where its file says that it is grey, else 3 (RGB). Transparency is
 * laid on a ground, and the orientation that a camera notes (EXIF) is applied. Limits: base/limits.h.
 */
#pragma once

#include "base/memory.h"

#include <stdio.h>

typedef enum PictureKind {
    PICTURE_UNREADABLE = -1,
    PICTURE_NONE,
    PICTURE_PNG,
    PICTURE_JPEG,
    PICTURE_BMP,
    PICTURE_GIF,
    PICTURE_TIFF,
    PICTURE_WEBP
} PictureKind;

/* By the first bytes; PICTURE_UNREADABLE: the file cannot be opened, for the reason in errno. A folder is PICTURE_NONE. */
PictureKind picture_kind(const char *path);
/* "JPEG"; static. */
const char *picture_kind_name(PictureKind kind);

typedef struct Picture {
    int channels, height, width; /* after turning; channels 1 or 3 */
    unsigned char *pixels;       /* H x W x C; release with free() */
    bool turned;                 /* an EXIF orientation other than 1 was applied */
    PictureKind kind;
} Picture;

typedef struct PictureOptions {
    /* The size that is wanted in the end; 0, 0: the full size. A picture may come smaller than it is in the file (a JPEG is scaled
     * while it is decoded, which saves time and memory), but on neither side smaller than this, unless it is so in the file. */
    int height, width;
    unsigned char ground; /* what shows through where a picture is transparent: 0 black, 255 white */
} PictureOptions;

/* One file, in new memory. options NULL: the full size, on black. A file that is damaged or that ends early is an error. */
cf_status picture_read(const char *path, const PictureOptions *options, Picture *picture);
/* The full size, channels and kind; pixels stay NULL. Reads no more of the file than that takes: damage of the pixels is found by
 * picture_read alone. */
cf_status picture_measure(const char *path, Picture *picture);

/* ---- Lists: the pictures that a command line names, files, and folders with all that is in them ---- */

typedef struct ListedPicture {
    char *path;
    char *error; /* a folder that cannot be read, and why; else NULL */
} ListedPicture;

typedef struct PictureList {
    ListedPicture *files;
    size_t count;
    size_t others;     /* files in folders that are no pictures, passed over */
    char *first_other; /* the first of them, or NULL */
} PictureList;

/* A file is taken whatever it is, so that what it lacks is told of it. Of a folder, the pictures in it and in its folders, in byte
 * order of their paths; names that begin with '.' are passed over, links are followed, but not back into a folder on the way. */
cf_status picture_list_add(PictureList *list, const char *path);
void picture_list_free(PictureList *list);

/* ---- For the readers of the formats ---- */

typedef struct PictureFile {
    const char *path;
    FILE *stream; /* at the file's first byte */
    size_t size;  /* of the file, in bytes */
    PictureKind kind;
    bool measure; /* no pixels */
    PictureOptions options;
} PictureFile;

/* Sets channels, height and width as they stand in the file, and pixels unless the file is only measured; these are the caller's to
 * release on any path. *orientation is 1, and stays so where the file notes none. */
typedef cf_status PictureReader(const PictureFile *file, Picture *picture, int *orientation);
PictureReader png_picture, jpeg_picture, bmp_picture, gif_picture, tiff_picture, webp_picture;

/* "PATH is a damaged PNG: " and the reason. */
cf_status picture_damaged(const PictureFile *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What base/limits.h allows, before memory is taken; sets height and width. */
cf_status picture_set_size(const PictureFile *file, uint64_t width, uint64_t height, Picture *picture);
/* A file of a few bytes may claim any size: no more bits than its bytes can hold, each blown up to `rate` at best. */
cf_status picture_check_rate(const PictureFile *file, const Picture *picture, size_t bits_per_pixel, size_t rate);
/* In place, from C values and alpha to C values. `multiplied`: the values are already times their alpha. */
void picture_lay(const PictureFile *file, Picture *picture, bool multiplied);
/* Tag 274 of the first directory of an EXIF block, 1 to 8; 1 where there is none, or no sense in it. Such a block is a small TIFF
 * file; "Exif" and two zero bytes may stand before it. */
int exif_orientation(const unsigned char *bytes, size_t size);
