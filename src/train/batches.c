#include "train/batches.h"

#include "base/memory.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

struct Batches {
    const cf_subset *train;
    Augmentation *augmentation;
    Feed feed;
    uint64_t seed;
    int batch, epoch;
    uint32_t *order; /* the training images of this epoch, shuffled */
    Sample *samples; /* [batch] */
};

static cf_status check_classes(const cf_subset *train, const Feed *feed) {
    for (int c = 0; c < train->classes; c++)
        FAIL_IF(feed->class_of[train->class_labels[c]] < 0, CF_BAD_USE,
                "the model has no class %s; it was made for other data", train->set->class_names[train->class_labels[c]]);
    return CF_OK;
}

cf_status batches_new(const cf_subset *train, Shape input, const char *const *class_names, int classes,
                      const cf_train_options *options, int threads, Batches **batches) {
    Batches *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    *made = (Batches){.train = train, .seed = options->seed, .batch = options->batch};
    FORWARD_TO(failed, feed_new(train->set, input, class_names, classes, threads, &made->feed));
    FORWARD_TO(failed, check_classes(train, &made->feed));
    FORWARD_TO(failed, augmentation_new(options->augment, &made->augmentation));
    FORWARD_TO(failed, feed_augment(&made->feed, made->augmentation, options->seed));
    FORWARD_TO(failed, memory_new(train->count, sizeof *made->order, &made->order));
    FORWARD_TO(failed, memory_new((size_t)options->batch, sizeof *made->samples, &made->samples));
    *batches = made;
    return CF_OK;
failed:
    batches_free(made);
    return status;
}

void batches_free(Batches *batches) {
    if (!batches) return;
    feed_free(&batches->feed);
    augmentation_free(batches->augmentation);
    free(batches->order);
    free(batches->samples);
    free(batches);
}

size_t batches_images(const Batches *batches) {
    return batches->train->count;
}

int64_t batches_steps(const Batches *batches) {
    return ((int64_t)batches_images(batches) + batches->batch - 1) / batches->batch;
}

void batches_epoch(Batches *b, int epoch) {
    const RngStream stream = rng_stream(b->seed, RNG_SHUFFLE, (uint64_t)epoch, 0);
    b->epoch = epoch;
    memcpy(b->order, b->train->images, b->train->count * sizeof *b->order);
    rng_shuffle(&stream, b->order, b->train->count);
}

/* Mixes image i of the batch with another one of it. */
static void mix(const Batches *b, const RngStream *partners, int i, int n) {
    const int chw[3] = {b->feed.input.C, b->feed.input.H, b->feed.input.W};
    Sample *sample = &b->samples[i];
    const AugmentKey key = {b->seed, sample->epoch, sample->image, sample->copy};
    const AugmentMix drawn = augmentation_mix(b->augmentation, &key, chw);
    uint32_t words[4];
    if (drawn.share >= 1) return;
    rng_block(partners, (uint64_t)i, words);
    const Sample *partner = &b->samples[words[0] % (uint32_t)n];
    sample->share = drawn.share;
    sample->partner = partner->image;
    sample->partner_copy = partner->copy;
    sample->partner_target[0] = partner->target[0];
    sample->box[0] = drawn.top, sample->box[1] = drawn.left, sample->box[2] = drawn.bottom, sample->box[3] = drawn.right;
}

const Sample *batches_step(Batches *b, int64_t step, int *n) {
    const int64_t first = step * b->batch, left = (int64_t)batches_images(b) - first;
    *n = (int)(left < b->batch ? left : b->batch);
    samples_of_feed(&b->feed, b->order + first, *n, b->samples);
    for (int i = 0; i < *n; i++) b->samples[i].epoch = (uint32_t)b->epoch;
    if (!augmentation_mixes(b->augmentation)) return b->samples;
    const RngStream partners = rng_stream(b->seed, RNG_PARTNER, (uint64_t)b->epoch, (uint32_t)step);
    for (int i = 0; i < *n; i++) mix(b, &partners, i, *n);
    return b->samples;
}
