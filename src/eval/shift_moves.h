/* What images of one kind look like, and images of another kind moved towards them in one factor at a time.
 *
 * The ground is the median of the image's outermost pixels; what differs from it by more than Otsu's threshold (1979) of the differences
 * stands out, and of that the piece that weighs most is the subject: squared differences, those near the edges less. All measures
 * are of the image's grey, at the size that a network sees.
 */
#pragma once

#include "data/image_set.h"
#include "nn/model_line.h"

typedef enum ShiftMove {
    MOVE_POLARITY,
    MOVE_CONTRAST,
    MOVE_PLACE,
    MOVE_BACKGROUND,
    MOVE_NEIGHBOURS,
    SHIFT_MOVES
} ShiftMove;
enum { ALL_MOVES = (1 << SHIFT_MOVES) - 1 };
extern const char *const shift_move_names[SHIFT_MOVES];
extern const char *const shift_move_about[SHIFT_MOVES]; /* what is done to an image */

typedef struct ImageLook {
    double ground;    /* its level */
    double roughness; /* deviation of the outermost pixels from it */
    double threshold; /* of the difference from it, from which on a pixel is subject; 0: there is none */
    double polarity;  /* -1 all of the subject is darker than the ground .. 1 all is lighter */
    double low, high; /* 1st and 99th percentile of the grey */
    double row,
        column;    /* the subject's middle, in pixels from the image's centre, weighted by the squared difference */
    double spread; /* root of its mean squared distance from there, pixels */
    double left, right; /* first and last column with subject */
} ImageLook;

/* Floats that the functions of one image work in. */
size_t shift_scratch(Shape shape);
/* Of one image, [H][W][C]. */
ImageLook image_look(Shape shape, const float *x, float *scratch);

/* Of many images. */
typedef struct SourceLook {
    double light;                                     /* share with a subject lighter than its ground */
    double roughness, low, high, row, column, spread; /* medians */
    double left, right;                               /* columns that 5 % of the images go beyond */
    int width;
} SourceLook;

/* At most MOST_LOOKS of the images, evenly taken. */
enum { MOST_LOOKS = 4000 };
cf_status source_look(const cf_subset *images, Shape input, int threads, SourceLook *look);
/* Why the source gives nothing to move towards in this factor, in `why`; false: it does. */
bool shift_cannot_move(const SourceLook *source, ShiftMove move, char why[160]);
/* One image in place, by all `moves` (1 << MOVE_..) in the order polarity, neighbours, background, place, contrast. */
void shift_move_image(const SourceLook *source, unsigned moves, Shape shape, float *scratch, float *x);
/* The images, as a set of their own of the network's shape with the same classes, moved; not sealed. 0 moves: as they are. */
cf_status shift_move_images(const cf_subset *images, Shape input, const SourceLook *source, unsigned moves, int threads,
                            cf_set **moved);
