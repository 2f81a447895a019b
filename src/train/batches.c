#include "train/batches.h"

#include "base/memory.h"
#include "base/rng.h"
#include "train/image_sampler.h"

#include <stdlib.h>
#include <string.h>

struct Batches {
    Augmentation *augmentation;
    Feed feed;
    Sampler *sampler;
    uint64_t seed;
    int batch, epoch, threads;
    uint32_t *images; /* [batch] scratch */
    Sample *samples;  /* [batch] */
};

cf_status batches_check(const cf_train_options *options) {
    AUTO(augmentation_free_at) Augmentation *augmentation = NULL;
    FORWARD(augmentation_new(options->augment, &augmentation));
    FAIL_IF(
        options->sample == CF_SMOTE && augmentation_mixes(augmentation), CF_BAD_USE,
        "sample smote mixes images of one class already; leave mixup and cutmix out of the augmentation, or choose another "
        "sampling");
    FAIL_IF(
        options->sample == CF_SMOTE_FEATURES &&
            (!augmentation_is_empty(augmentation) || strcmp(options->freeze, "none") == 0 || options->head_epochs),
        CF_BAD_USE,
        "sample smote-features is of features that stay the same: freeze backbone (or a layer), no augmentation and no "
        "head_epochs expected, found freeze %s, augment %s, head_epochs %d",
        options->freeze, options->augment, options->head_epochs);
    return CF_OK;
}

cf_status batches_new(const cf_subset *train, Shape input, const char *const *class_names, int classes,
                      const cf_train_options *options, int threads, Batches **batches) {
    AUTO(batches_free_at) Batches *made = NULL;
    FORWARD(batches_check(options));
    FORWARD(memory_new(1, sizeof *made, &made));
    *made = (Batches){.seed = options->seed, .batch = options->batch, .threads = threads};
    FORWARD(feed_new(train->set, input, class_names, classes, threads, &made->feed));
    for (int c = 0; c < train->classes; c++)
        FAIL_IF(made->feed.class_of[train->class_labels[c]] < 0, CF_BAD_USE,
                "the model has no class %s; it was made for other data",
                train->set->class_names[train->class_labels[c]]);
    FORWARD(augmentation_new(options->augment, &made->augmentation));
    FORWARD(sampler_new(train, &made->feed, options, threads, &made->sampler));
    FORWARD(feed_augment(&made->feed, made->augmentation, options->seed));
    FORWARD(memory_new((size_t)options->batch, sizeof *made->images, &made->images));
    FORWARD(memory_new((size_t)options->batch, sizeof *made->samples, &made->samples));
    *batches = memory_take(&made);
    return CF_OK;
}

void batches_free(Batches *batches) {
    if (!batches) return;
    feed_free(&batches->feed);
    augmentation_free(batches->augmentation);
    sampler_free(batches->sampler);
    free(batches->images);
    free(batches->samples);
    free(batches);
}

cf_status batches_use_ready(Batches *batches, const float *ready, const uint32_t *place, Shape input) {
    feed_use_ready(&batches->feed, ready, place, input);
    return ready ? sampler_use_features(batches->sampler, &batches->feed, batches->threads) : CF_OK;
}

size_t batches_images(const Batches *batches) {
    return sampler_count(batches->sampler);
}

int64_t batches_steps(const Batches *batches) {
    return ((int64_t)batches_images(batches) + batches->batch - 1) / batches->batch;
}

void batches_epoch(Batches *b, int epoch) {
    b->epoch = epoch;
    sampler_epoch(b->sampler, epoch);
}

/* Mixes image i of the batch with another one of it, and puts others beside it. */
static void mix(const Batches *b, const RngStream *partners, int i, int n) {
    Sample *sample = &b->samples[i];
    uint32_t words[4];
    rng_block(partners, (uint64_t)i, words);
    const Sample *partner = &b->samples[words[0] % (uint32_t)n];
    if (augmentation_has_neighbours(b->augmentation))
        sample_beside(sample, (const uint32_t[]){b->samples[words[1] % (uint32_t)n].image,
                                                 b->samples[words[2] % (uint32_t)n].image});
    if (augmentation_mixes(b->augmentation) && sample_mix(sample, partner->image, partner->copy))
        sample->partner_target[0] = partner->target[0];
}

static void lay_samples(Batches *b, const Drawn *drawn, int n) {
    for (int i = 0; i < n; i++) b->images[i] = drawn[i].image;
    samples_of_feed(&b->feed, b->images, n, b->samples);
    for (int i = 0; i < n; i++) {
        Sample *sample = &b->samples[i];
        sample->epoch = (uint32_t)b->epoch;
        sample->copy = drawn[i].copy;
        if (drawn[i].share >= 1) continue;
        sample->synthetic = true;
        sample->share = drawn[i].share;
        sample->partner = drawn[i].partner;
        sample->partner_target[0] = sample->target[0];
    }
}

const Sample *batches_step(Batches *b, int64_t step, int *n) {
    const int64_t first = step * b->batch, left = (int64_t)batches_images(b) - first;
    *n = (int)(left < b->batch ? left : b->batch);
    lay_samples(b, sampler_images(b->sampler) + first, *n);
    if (!augmentation_mixes(b->augmentation) && !augmentation_has_neighbours(b->augmentation)) return b->samples;
    const RngStream partners = rng_stream(b->seed, RNG_PARTNER, (uint64_t)b->epoch, (uint32_t)step);
    for (int i = 0; i < *n; i++) mix(b, &partners, i, *n);
    return b->samples;
}
