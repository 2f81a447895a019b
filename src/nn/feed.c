#include "nn/feed.h"

#include "base/memory.h"
#include "base/name_table.h"

#include <stdlib.h>
#include <string.h>

/* A shape as functions of data/ have it. */
#define CHW(shape) ((const int[3]){(shape).C, (shape).H, (shape).W})

cf_status classes_match(const cf_set *set, const char *const *class_names, int classes, int **class_of) {
    AUTO(name_table_free) NameTable table = {0};
    FORWARD(name_table_new((size_t)classes, &table));
    FORWARD(memory_new((size_t)set->classes, sizeof **class_of, class_of));
    for (int c = 0; c < classes; c++) name_table_put(&table, class_names[c], c);
    for (int label = 0; label < set->classes; label++)
        (*class_of)[label] = name_table_find(&table, set->class_names[label], strlen(set->class_names[label]));
    return CF_OK;
}

cf_status feed_new(const cf_set *set, Shape input, const char *const *class_names, int classes, int threads,
                   Feed *feed) {
    AUTO(feed_free) Feed made = {.set = set, .input = input, .threads = threads, .view = -1};
    const int from[3] = {set->channels, set->height, set->width};
    FORWARD(classes_match(set, class_names, classes, &made.class_of));
    FORWARD(preparation_new(from, CHW(input), &made.preparation));
    /* A cache line between threads' scratch, so that they do not write to one line. */
    made.scratch_stride = preparation_scratch(made.preparation) + 16;
    FORWARD(memory_new((size_t)threads * made.scratch_stride, sizeof(float), &made.scratch));
    *feed = made;
    made = (Feed){0};
    return CF_OK;
}

void feed_free(Feed *feed) {
    preparation_free(feed->preparation);
    free(feed->scratch);
    free(feed->class_of);
    free(feed->augment_scratch);
    *feed = (Feed){0};
}

void feed_use_ready(Feed *feed, const float *ready, const uint32_t *place, Shape input) {
    feed->ready = ready;
    feed->place = place;
    feed->input = input;
}

cf_status feed_augment(Feed *feed, const Augmentation *augmentation, uint64_t seed) {
    float *scratch = NULL;
    size_t stride = 0;
    if (augmentation && !augmentation_is_empty(augmentation)) {
        stride = augmentation_scratch(augmentation, CHW(feed->input)) + 16;
        FORWARD(memory_new((size_t)feed->threads * stride, sizeof(float), &scratch));
    }
    free(feed->augment_scratch);
    feed->augment_scratch = scratch;
    feed->augment_stride = stride;
    feed->augmentation = scratch ? augmentation : NULL;
    feed->seed = seed;
    return CF_OK;
}

void feed_image(const Feed *feed, int thread, uint32_t image, float *x) {
    if (feed->ready) {
        const size_t size = shape_size(feed->input), place = feed->place ? feed->place[image] : image;
        memcpy(x, feed->ready + place * size, size * sizeof *x);
        return;
    }
    const unsigned char *pixels = feed->set->pixels + (size_t)image * set_image_size(feed->set);
    preparation_apply(feed->preparation, pixels, feed->scratch + (size_t)thread * feed->scratch_stride, x);
}

int feed_label(const Feed *feed, uint32_t image) {
    return !feed->set ? -1 : feed->class_of[feed->set->labels[image]];
}

static void augment_image(const Sample *sample, int thread, uint32_t image, uint32_t copy, float *x) {
    const Feed *feed = sample->feed;
    if (!feed->augmentation) return;
    float *scratch = feed->augment_scratch + (size_t)thread * feed->augment_stride;
    const AugmentKey key = {feed->seed, sample->epoch, image, copy};
    if (feed->view < 0)
        augmentation_apply(feed->augmentation, &key, CHW(feed->input), scratch, x);
    else
        augmentation_view(feed->augmentation, feed->view, CHW(feed->input), scratch, x);
}

static void blend(const Sample *sample, const float *other, float *x) {
    const size_t size = shape_size(sample->feed->input);
    const float share = sample->share;
    for (size_t i = 0; i < size; i++) x[i] = share * x[i] + (1 - share) * other[i];
}

/* The box of the partner laid over the image. */
static void paste(const Sample *sample, const float *partner, float *x) {
    const Shape shape = sample->feed->input;
    const int *box = sample->box;
    const size_t width = (size_t)(box[3] - box[1]) * (size_t)shape.C;
    for (int row = box[0]; row < box[2]; row++) {
        const size_t from = ((size_t)row * (size_t)shape.W + (size_t)box[1]) * (size_t)shape.C;
        memcpy(x + from, partner + from, width * sizeof *x);
    }
}

static void lay_beside(const Sample *sample, int thread, float *other, float *x) {
    const Feed *feed = sample->feed;
    for (int side = 0; side < 2; side++) {
        if (!sample->beside.by[side]) continue;
        feed_image(feed, thread, sample->beside_image[side], other);
        augmentation_lay_beside(sample->beside.by[side], CHW(feed->input),
                                feed->augment_scratch + (size_t)thread * feed->augment_stride, other, x);
    }
}

void sample_image(const Sample *sample, int thread, float *other, float *x) {
    const Feed *feed = sample->feed;
    const bool mixed = sample->share < 1;
    feed_image(feed, thread, sample->image, x);
    if (mixed && sample->synthetic) {
        feed_image(feed, thread, sample->partner, other);
        blend(sample, other, x);
    }
    lay_beside(sample, thread, other, x);
    augment_image(sample, thread, sample->image, sample->copy, x);
    if (!mixed || sample->synthetic) return;
    feed_image(feed, thread, sample->partner, other);
    augment_image(sample, thread, sample->partner, sample->partner_copy, other);
    if (sample->box[0] < sample->box[2])
        paste(sample, other, x);
    else
        blend(sample, other, x);
}

static AugmentKey sample_key(const Sample *sample) {
    return (AugmentKey){sample->feed->seed, sample->epoch, sample->image, sample->copy};
}

void sample_beside(Sample *sample, const uint32_t images[2]) {
    const AugmentKey key = sample_key(sample);
    sample->beside = augmentation_beside(sample->feed->augmentation, &key, CHW(sample->feed->input));
    for (int side = 0; side < 2; side++) sample->beside_image[side] = images[side];
}

bool sample_mix(Sample *sample, uint32_t partner, uint32_t partner_copy) {
    const Feed *feed = sample->feed;
    const AugmentKey key = sample_key(sample);
    const AugmentMix drawn = augmentation_mix(feed->augmentation, &key, CHW(feed->input));
    if (drawn.share >= 1) return false;
    sample->share = drawn.share;
    sample->partner = partner;
    sample->partner_copy = partner_copy;
    sample->box[0] = drawn.top, sample->box[1] = drawn.left, sample->box[2] = drawn.bottom;
    sample->box[3] = drawn.right;
    return true;
}

void samples_of_feed(const Feed *feed, const uint32_t *images, int n, Sample *samples) {
    for (int i = 0; i < n; i++) {
        samples[i] = (Sample){.feed = feed, .image = images[i], .share = 1, .weight = 1};
        for (int h = 0; h < MOST_HEADS; h++) samples[i].target[h] = samples[i].partner_target[h] = -1;
        samples[i].target[0] = feed_label(feed, images[i]);
    }
}
