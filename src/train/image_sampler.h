/* Which images an epoch is made of, and in which order.
 *
 *   natural   every training image once
 *   balanced  as many images as the training part has, of every class equally many, but for one
 *   sqrt      as many, the classes in proportion to the square roots of their counts
 *   smote     every image once, and synthetic ones that fill up every class to the largest: an image mixed with one of its five
 *             nearest of the same class, by a share drawn anew in every epoch (Chawla et al. 2002)
 *   smote-features  the same of what a frozen part of the network makes of the images: neighbours and mixtures of features
 *
 * Of a class of which an epoch takes fewer images than there are it takes a random part; of the others each as often as another,
 * but for one. An epoch is a function of the training images, the seed and its number. SMOTE's base images are the class's,
 * each as often as another but for one; a class that lacks fewer than it has keeps, as in the paper, the same random part of
 * them as the base in all epochs. Neighbours are found once, when the sampler is made; of features, when these are there.
 */
#pragma once

#include "nn/feed.h"

typedef struct Sampler Sampler;

/* One image of an epoch. */
typedef struct Drawn {
    uint32_t image,
        copy; /* copy: how often the image stood in this epoch before, itself as a base of synthetic ones counted */
    uint32_t partner; /* of the same class, mixed in with 1 - share; the image itself where there is none */
    float share;      /* of `image`; 1: no partner */
} Drawn;

/* Borrows `train`; `feed`, made for `threads` or more, is read while the sampler is made. CF_BAD_USE where SMOTE has a class of a
 * single image to fill up. */
cf_status sampler_new(const cf_subset *train, const Feed *feed, const cf_train_options *options, int threads,
                      Sampler **sampler);
/* smote-features: from now on synthetic images are of `feed`, whose images are features. Others are left as they are. */
cf_status sampler_use_features(Sampler *sampler, const Feed *feed, int threads);
/* Images of an epoch. */
size_t sampler_count(const Sampler *sampler);
/* Chooses and shuffles the images of an epoch, numbered from 0. */
void sampler_epoch(Sampler *sampler, int epoch);
/* [sampler_count], of the last sampler_epoch; as long as the sampler, or until the next. */
const Drawn *sampler_images(const Sampler *sampler);
void sampler_free(Sampler *sampler);
AUTO_HANDLE(Sampler, sampler_free)

/* ---- smote.c ---- */

enum { SMOTE_NEIGHBORS = 5 };

/* neighbors[query][k], each a place in `images` [count]: the k nearest to each of the first `queries` images, the nearest first,
 * itself left out. k < count, k <= SMOTE_NEIGHBORS. `feed` was made for `threads` or more. */
cf_status smote_neighbors(const Feed *feed, const uint32_t *images, size_t count, size_t queries, int k, int threads,
                          uint32_t *neighbors);
