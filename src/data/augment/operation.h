/* An operation of an augmentation line: one row. A family is one file: geometry.c, colour.c, filter.c, cover.c, backdrop.c, mix.c.
 *
 * To add one: its row in its family's file. The parser, errors, help and tables read the row; its case in the golden file of
 * tests/golden and in the tests of its family come with it.
 */
#pragma once

#include "data/augment/drawing.h"

enum { OPERATION_ARGUMENTS = 4, OPERATION_SETTINGS = 4 };

typedef struct Picture {
    int channels, height, width;
    float *x; /* [height][width][channels], 0 to 1 */
    float *
        other; /* scratch: OPERATION_SCRATCH images of that size, or one with a ring of a pixel around it, if that is more */
} Picture;

enum { OPERATION_SCRATCH = 3 };
static inline size_t picture_size(const Picture *picture) {
    return (size_t)picture->channels * (size_t)picture->height * (size_t)picture->width;
}
/* Floats of Picture.other. */
size_t picture_scratch(int channels, int height, int width);
/* Of RGB 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), of anything else the first channel. */
static inline float pixel_grey(const float *p, int channels) {
    return channels == 3 ? 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2] : *p;
}
/* How many pixels are outermost. */
static inline int ring_pixels(int height, int width) {
    return height == 1 || width == 1 ? height * width : 2 * (height + width) - 4;
}
/* The level of a plain ground: the median of the channel's outermost pixels, which are left in picture->other, sorted. */
float picture_ground(const Picture *picture, int channel);
/* Values below 0 become 0, above 1 become 1, NaN 0. */
void picture_clamp(Picture *picture);

/* A number, "2", or with `is_range` two with a colon, "0.9:1.1". Of a range, one number V alone means what `alone` says. */
typedef struct OperationArgument {
    const char *what; /* "pixels"; NULL: there are no more */
    double low, high; /* both belong to it */
    double usual;     /* NAN: it must be given */
    bool is_range;
    enum { AROUND_ZERO, AROUND_ONE, FROM_ZERO } alone; /* -V to V; 1 - V to 1 + V; 0, or `low` if that is more, to V */
    bool is_whole;
} OperationArgument;

/* Values of the arguments as the line has them: a number has low = high. */
typedef struct OperationValues {
    double low[OPERATION_ARGUMENTS], high[OPERATION_ARGUMENTS];
    int setting; /* place in Operation.settings; 0 where none is given */
} OperationValues;

typedef struct Operation {
    const char *word;
    const char *help; /* one sentence without a full stop, for help and docs: what it does to an image; its source */
    OperationArgument arguments[OPERATION_ARGUMENTS];
    const char *settings
        [OPERATION_SETTINGS]; /* words of which one may follow: "edge", "zero", "reflect"; the first is the default */
    /* One of the four. */
    /* Draws a map of pixels: multiplies `map`, 3 x 3 by rows, from pixel places of the new image to those of the old one (x to the right, y
     * down, 0 at the image's centre, in pixels, homogeneous), by its own. */
    void (*map)(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]);
    /* Changes the picture in place; values need not stay in 0 to 1: that is seen to behind each operation. */
    void (*apply)(const OperationValues *values, Drawing *drawing, Picture *picture);
    AugmentMix (*mix)(const OperationValues *values, Drawing *drawing, int height, int width);
    AugmentBeside (*beside)(const OperationValues *values, Drawing *drawing, int width);
    /* For randaugment (Cubuk et al. 2020): values at magnitude 0 to 1, 1 the strongest; NULL: it is not drawn there. Of a range around
     * zero or one it takes one end, as the paper's operations have a strength and a random sign. */
    void (*magnitude)(double magnitude, OperationValues *values);
    /* For test-time augmentation, of maps: how many fixed views, 0 or NULL none; view i of them multiplies `map` and returns its
     * weight. View 0 is the one in the middle; the weights sum to 1. */
    int (*views)(const OperationValues *values);
    double (*view)(const OperationValues *values, int view, int height, int width, double map[9]);
} Operation;

/* Families end with a row without a word. */
extern const Operation geometry_operations[]; /* shift, crop, flip, rotate, scale, shear, perspective; elastic (apply) */
extern const Operation colour_operations[];   /* values of single pixels, and sharpness */
extern const Operation filter_operations[];   /* noise, blur, jpeg, randconv */
extern const Operation cover_operations[];    /* cutout */
extern const Operation backdrop_operations[]; /* stroke, ink, background */
extern const Operation mix_operations[];      /* neighbours, mixup, cutmix */
extern const Operation policy_operations[];   /* randaugment */

/* Operation i of all families, in the order of the table; NULL behind the last. */
const Operation *operation_number(int i);
const Operation *operation_find(const char *word); /* NULL: there is none */

/* ---- Maps ---- */

extern const double map_identity[9];
/* a = a b: b is done behind a. */
void map_multiply(double a[9], const double b[9]);
/* perspective's: the corners of the old image come to lie at these places of the new one, {x, y} from the top left one clockwise. */
void map_of_corners(const double corners[8], int height, int width, double map[9]);
