/* Images on their way into a network: from the bytes of a set to floats of the network's input shape, with labels as the
 * network's classes. */
#pragma once

#include "data/augment/augment.h"
#include "data/prepare.h"
#include "nn/model_line.h"

typedef struct Feed {
    const cf_set *set; /* borrowed */
    const float
        *ready; /* [images][H][W][C], borrowed: images that are prepared already; without a set they have no labels */
    const uint32_t *place; /* of an image among these; NULL: its number. Borrowed. */
    Preparation *preparation;
    Shape input;
    int *class_of; /* [classes of the set] label -> the network's class, or -1 */
    int threads;
    size_t scratch_stride;
    float *scratch;                   /* per thread */
    const Augmentation *augmentation; /* NULL: images as they are. Borrowed. */
    uint64_t seed;                    /* of the augmentation */
    int view; /* of the augmentation, the same for all images; -1: what an image's own random numbers say */
    size_t augment_stride;
    float *augment_scratch; /* per thread */
} Feed;

/* (*class_of)[label of the set] = the network's class of the same name, or -1. Release with free(). */
cf_status classes_match(const cf_set *set, const char *const *class_names, int classes, int **class_of);

cf_status feed_new(const cf_set *set, Shape input, const char *const *class_names, int classes, int threads,
                   Feed *feed);
void feed_free(Feed *feed);
/* From now on its images are these floats of shape `input`; NULL: those of its set again, which it was made with. Labels stay. */
void feed_use_ready(Feed *feed, const float *ready, const uint32_t *place, Shape input);
/* From now on samples are augmented; NULL, or an empty one: they are not. */
cf_status feed_augment(Feed *feed, const Augmentation *augmentation, uint64_t seed);
/* One image as H x W x C floats, never augmented. */
void feed_image(const Feed *feed, int thread, uint32_t image, float *x);
int feed_label(const Feed *feed, uint32_t image);

/* One image of a batch: where it comes from, and what each of the network's outputs should say of it. */
typedef struct Sample {
    const Feed *feed;
    uint32_t image, partner; /* partner: an image of the same feed that is mixed in (mixup: Zhang et al. 2018) */
    uint32_t epoch, copy, partner_copy; /* name the random numbers of the augmentation: AugmentKey */
    float share;                        /* of `image`; 1: no partner */
    AugmentBeside beside; /* images of the same feed on the left and on the right, before the augmentation: */
    uint32_t beside_image[2];
    bool synthetic; /* the partner is blended in before the augmentation, so that both are one image (SMOTE) */
    int box
        [4]; /* top, left, bottom, right: these pixels are the partner's, all others the image's (CutMix); empty: all are blended */
    float weight;                   /* of the image in the loss */
    int target[MOST_HEADS];         /* classes of the outputs; -1: none, no loss, no gradient */
    int partner_target[MOST_HEADS]; /* of the partner, with its share; -1: none */
    const float *soft[MOST_HEADS];  /* probabilities of the classes in place of the targets; NULL: targets. Borrowed */
    const float *teacher; /* of the first output: another network's logits for the same image; NULL: none. Borrowed */
} Sample;

/* Draws how the sample's image is mixed, by the feed's augmentation, which mixes, with another of the same feed. False: not at all. */
bool sample_mix(Sample *sample, uint32_t partner, uint32_t partner_copy);
/* Draws whether, and how far, these images stand beside the sample's. */
void sample_beside(Sample *sample, const uint32_t images[2]);
/* A sample's image, augmented and mixed, as H x W x C floats; `other` has room for as many. */
void sample_image(const Sample *sample, int thread, float *other, float *x);
/* The images of one feed, for the first output by their labels. */
void samples_of_feed(const Feed *feed, const uint32_t *images, int n, Sample *samples);
