/* What a training does to its images before the network sees them: a line of operations, from left to right.
 *
 *     shift 2 | rotate 10 | scale 0.9:1.1 | brightness 0.2 | cutout 8 p 0.5 | mixup 0.2
 *
 * An operation is one row of a table (operation.h). `p X` behind its numbers does it to a share X of the images only. Neighbours
 * that only move pixels (shift, flip, rotate, scale, aspect, shear, perspective) and have one border are one map, and the image is sampled once.
 * neighbours stands first: what it puts beside the image, others of its batch, goes through all that follows with it. mixup and cutmix stand
 * last: they mix the image with another one of its batch; of several the first whose share takes the image. A name (mnist,
 * svhn, cifar, street, photo) stands for a line, also as a part of one, "none" for an empty one.
 *
 * An image's random numbers are a function of (seed, epoch, image, copy, place in the line): the same bits on any number of threads,
 * resumed or not.
 */
#pragma once

#include "base/memory.h"
#include "data/augment/drawing.h"

typedef struct Augmentation Augmentation;

/* Names of lines; ends with a row without a name. */
typedef struct AugmentName {
    const char *name, *line, *help;
} AugmentName;
extern const AugmentName augmentation_names[];

/* CF_BAD_USE names the column and the nearest word. Release with augmentation_free. */
cf_status augmentation_new(const char *line, Augmentation **augmentation);
void augmentation_free(Augmentation *augmentation);
AUTO_HANDLE(Augmentation, augmentation_free)
/* Whether `line` is one: augmentation_new without its result. */
cf_status augmentation_check(const char *line);
bool augmentation_is_empty(const Augmentation *augmentation);
/* The line with names written out, "" if empty; lives as long as the augmentation. */
const char *augmentation_line(const Augmentation *augmentation);

/* Floats of one thread's own that the next functions work in, for images of this shape: channels, height, width. */
size_t augmentation_scratch(const Augmentation *augmentation, const int chw[3]);
/* One image, [H][W][C] in 0 to 1, in place; all operations but those with other images of the batch. Results are in 0 to 1. */
void augmentation_apply(const Augmentation *augmentation, const AugmentKey *key, const int chw[3], float *scratch,
                        float *x);
/* Whether the line has mixup or cutmix. */
bool augmentation_mixes(const Augmentation *augmentation);
/* How the image is mixed with another one of its batch. */
AugmentMix augmentation_mix(const Augmentation *augmentation, const AugmentKey *key, const int chw[3]);

/* Whether the line has neighbours; which, and how they are laid beside an image: where one of them differs from its own ground
 * (picture_ground in warp.h) by more than the image does from its, it replaces the image there. */
bool augmentation_has_neighbours(const Augmentation *augmentation);
AugmentBeside augmentation_beside(const Augmentation *augmentation, const AugmentKey *key, const int chw[3]);
void augmentation_lay_beside(int by, const int chw[3], float *scratch, const float *other, float *x);

/* For the test part: the line as a fixed list of views of an image whose predictions are averaged (test-time augmentation). Each
 * operation has few: flip 2, shift N 5 (in place and to the four corners), rotate A 3, scale A:B 3 .. and a line all their products. 0: an
 * operation of the line has none, or there are too many with it: *word, unless NULL, is its word, "p" where its share is below 1. */
int augmentation_views(const Augmentation *augmentation, const char **word);
/* The weights of all views sum to 1. */
double augmentation_view_weight(const Augmentation *augmentation, int view);
void augmentation_view(const Augmentation *augmentation, int view, const int chw[3], float *scratch, float *x);
