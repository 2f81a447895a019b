/* Pictures: PNG, JPEG, BMP, GIF (its first frame), TIFF (its first page) and WebP, told apart by their first bytes, not by name.
 *
 * The values are those that stand in the file, as Pillow, OpenCV and torchvision give them: no gamma and no profile is applied,
 * and of 16 bits the upper 8 are kept. A picture has 1 channel where its file says that it is grey, else 3 (RGB). Transparency is
 * laid on a ground, and the orientation that a camera notes (EXIF) is applied. Limits: base/limits.h.
 */
#ifndef DATA_PICTURE_PICTURE_H
#define DATA_PICTURE_PICTURE_H

#include "base/status.h"

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

#endif
