/* The text that names a set, and how its images are read:
 *
 *   photos:size=96x64,fit=crop       a set by name or path, ':', items between commas
 *   hand:n=1000,size=32              of a generated set behind, or among, its own items (data/generate/generated_set.h)
 *
 *   size=N, size=WxH     every image is read at this size, pixels
 *   most=WxH             pictures of a folder are read at this size where the commonest of them is larger; a model whose line begins
 *                        with `input` adds it, so that photographs do not lie in memory at a size that nobody asks for
 *   fit=squash|crop|pad  how an image takes a size of another shape; squash by default
 *   broken=skip          pictures that cannot be read are left out; else they are an error
 *   n=N, test=N          so many of the training images, and of the test images, stand for all (data/set_sample.c); a generated set
 *                        has items of the same names of its own
 *
 * A file or folder that is really called "a:size=1" is taken for what it is. Of an item that stands twice the last one counts.
 */
#pragma once

#include "base/status.h"

typedef enum Fit {
    FIT_SQUASH, /* all of the image, its sides stretched each for itself */
    FIT_CROP,   /* the middle of the image, as much as has the shape */
    FIT_PAD     /* all of the image with its shape kept, black beside it */
} Fit;
extern const char *const fit_words[]; /* ends with NULL */

/* A part of a set that stands for all of it; what is not said follows from the other in proportion. */
typedef struct SetSample {
    size_t train, test; /* images */
    bool train_given, test_given;
} SetSample;

typedef struct ReadOptions {
    int height, width;           /* of every image; 0: as the images are */
    int most_height, most_width; /* 0: any */
    Fit fit;
    bool skip_broken;
    SetSample sample;
} ReadOptions;

/* Cuts a set's text into what the set is called (with a generator's own items) and how it is read. Release *plain with free(). */
cf_status set_text_read(const char *text, char **plain, ReadOptions *options);
/* The text with more items, which override its own: "photos:size=64" and "fit=pad" give "photos:size=64,fit=pad". The result has
 * each item once, always in the same order. Release with free(). */
cf_status set_text_with(const char *text, const char *items, char **laid);
/* The same with the size and the fit that `from`, the text of another set, asks for, below what `text` itself says. */
cf_status set_text_like(const char *text, const char *from, char **laid);
/* "squash", "crop" or "pad". */
cf_status fit_read(const char *text, Fit *fit);

/* ---- image_fit.c: an image takes a size whose shape may be another, squash, crop or pad ---- */

/* Bytes H x W x C to bytes; {channels, height, width}. Channels as in preparation_new. Rounds by resize_bytes' rule; the middle is
 * the middle to half a pixel, the odd one left over on the right or below. */
cf_status fit_bytes(Fit fit, const unsigned char *pixels, const int from_chw[3], const int to_chw[3],
                    unsigned char *out);
/* The size {height, width} that an image of this size takes on its way: what need not be larger in memory before it is fitted. */
void fit_size(Fit fit, const int from_hw[2], const int to_hw[2], int size_hw[2]);
/* All images of a set at the size that the options ask for; without one, and where they have it, nothing is done. */
cf_status set_take_size(cf_set *set, const ReadOptions *options);
