/* Which images the steps of a training see, and what is done to them: the order of an epoch, augmentation, mixing.
 *
 * What a step sees is a function of (seed, epoch, step), never of a thread or of what was done before: a training that is
 * resumed sees the same.
 */
#pragma once

#include "nn/feed.h"

typedef struct Batches Batches;

/* CF_BAD_USE where the options of sampling and of augmentation contradict each other. */
cf_status batches_check(const cf_train_options *options);
/* Of the training part `train`, for a network of this input and these classes. Borrows all but the options. Fails where
 * batches_check does, and where a class of the part is none of the network's. */
cf_status batches_new(const cf_subset *train, Shape input, const char *const *class_names, int classes,
                      const cf_train_options *options, int threads, Batches **batches);
void batches_free(Batches *batches);
AUTO_HANDLE(Batches, batches_free)
/* From now on the part's images are these floats, as feed_use_ready has it: with smote-features the ones that synthetic images are
 * made of. */
cf_status batches_use_ready(Batches *batches, const float *ready, const uint32_t *place, Shape input);
/* Images of an epoch; the last step has what the others leave. */
size_t batches_images(const Batches *batches);
int64_t batches_steps(const Batches *batches);
/* Lays out an epoch, 0-based. */
void batches_epoch(Batches *batches, int epoch);
/* The samples of a step of that epoch, 0-based: as many as *n says, valid until the next call. */
const Sample *batches_step(Batches *batches, int64_t step, int *n);
