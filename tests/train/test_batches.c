/* What the steps of a training see: every image once an epoch, in another order each time; augmented and mixed by their own
 * random numbers; nothing of it depends on what was done before. */
#include "small_set.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/split.h"
#include "train/batches.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 50, CLASSES = 5, SIDE = 6, SIZE = SIDE * SIDE, BATCH = 16 };

#define assert_near(value, expected, tolerance) assert_true(fabs((double)(value) - (double)(expected)) <= (tolerance))

static const Shape input = {1, SIDE, SIDE};
static cf_set *set;
static cf_split *split;
static const cf_subset *train;

/* Image i is all of value i + 1 in its left half and 200 - i in its right. */
static void paint(int image, unsigned char *pixels, uint16_t *label) {
    *label = (uint16_t)(image % CLASSES);
    for (int p = 0; p < SIZE; p++) pixels[p] = (unsigned char)(p % SIDE < SIDE / 2 ? image + 1 : 200 - image);
}

static int set_up(void **state) {
    (void)state;
    set = small_set("halves", IMAGES, 1, SIDE, CLASSES, paint);
    split = pooled_split(set);
    train = cf_split_part(split, CF_TRAIN);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cf_split_free(split);
    cf_set_free(set);
    return 0;
}

static Batches *batches_of(const char *augment) {
    cf_train_options options = cf_train_defaults();
    Batches *made;
    options.batch = BATCH;
    options.seed = 3;
    snprintf(options.augment, sizeof options.augment, "%s", augment);
    assert_ok(batches_new(train, input, (const char *const *)set->class_names, CLASSES, &options, 2, &made));
    return made;
}

static float *image_of(const Sample *sample, int thread) {
    float *other = calloc(SIZE, sizeof *other), *x = calloc(SIZE, sizeof *x);
    sample_image(sample, thread, other, x);
    free(other);
    return x;
}

static void every_image_stands_once_in_an_epoch(void **state) {
    (void)state;
    Batches *b = batches_of("none");
    uint32_t first[2] = {0};
    assert_int_equal(batches_images(b), train->count);
    assert_int_equal(batches_steps(b), (train->count + BATCH - 1) / BATCH);
    for (int epoch = 0; epoch < 2; epoch++) {
        const RngStream stream = rng_stream(3, RNG_SHUFFLE, (uint64_t)epoch, 0);
        uint32_t *order = calloc(train->count, sizeof *order); /* as version 0.1 had it */
        size_t seen = 0;
        memcpy(order, train->images, train->count * sizeof *order);
        rng_shuffle(&stream, order, train->count);
        batches_epoch(b, epoch);
        for (int64_t step = 0; step < batches_steps(b); step++) {
            int n;
            const Sample *samples = batches_step(b, step, &n);
            for (int i = 0; i < n; i++, seen++) {
                assert_int_equal(samples[i].image, order[seen]);
                assert_int_equal(samples[i].target[0], set->labels[order[seen]]);
                assert_true(samples[i].share >= 1 && samples[i].weight >= 1);
                float *x = image_of(&samples[i], 0);
                for (int p = 0; p < SIZE; p++)
                    assert_near(x[p], (float)set->pixels[order[seen] * SIZE + (size_t)p] / 255, 1e-7);
                free(x);
            }
        }
        assert_int_equal(seen, train->count);
        first[epoch] = order[0];
        free(order);
    }
    assert_int_not_equal(first[0], first[1]);
    batches_free(b);
}

/* Whatever was asked for before, and on whichever thread. */
static void a_step_is_a_function_of_epoch_and_number(void **state) {
    (void)state;
    static const char *const lines[] = {"shift 2 | cutout 3 p 0.5", "rotate 20 | mixup 0.4", "cutmix 1", "neighbours 0.3:0.6 | shift 1"};
    for (size_t l = 0; l < COUNT_OF(lines); l++) {
        Batches *one = batches_of(lines[l]), *other = batches_of(lines[l]);
        int n, m, changed = 0;
        for (int epoch = 0; epoch < 3; epoch++) {
            batches_epoch(one, epoch);
            for (int64_t step = 0; step < batches_steps(one); step++) batches_step(one, step, &n);
        }
        batches_epoch(one, 2);
        batches_epoch(other, 2);
        const Sample *a = batches_step(one, 1, &n), *b = batches_step(other, 1, &m);
        assert_int_equal(n, m);
        for (int i = 0; i < n; i++) {
            float *x = image_of(&a[i], 0), *y = image_of(&b[i], 1), *plain = calloc(SIZE, sizeof *plain);
            assert_memory_equal(x, y, SIZE * sizeof *x);
            assert_int_equal(a[i].partner, b[i].partner);
            assert_memory_equal(&a[i].share, &b[i].share, sizeof a[i].share);
            feed_image(a[i].feed, 0, a[i].image, plain);
            changed += memcmp(x, plain, SIZE * sizeof *x) != 0;
            free(x), free(y), free(plain);
        }
        assert_true(changed > n / 3);
        batches_free(one);
        batches_free(other);
    }
}

static const Sample *mixed_sample(const Sample *samples, int n) {
    for (int i = 0; i < n; i++)
        if (samples[i].share < 1 && samples[i].image != samples[i].partner) return &samples[i];
    fail_msg("none of %d samples is mixed", n);
    return NULL;
}

static const Sample *sample_of_image(const Sample *samples, int n, uint32_t image) {
    for (int i = 0; i < n; i++)
        if (samples[i].image == image) return &samples[i];
    fail_msg("image %u is not in the batch", (unsigned)image);
    return NULL;
}

/* Pixels are blended, or the partner's in a box, in the shares of the targets; the partner is of the same batch. */
static void images_are_mixed_in_the_shares_of_their_targets(void **state) {
    (void)state;
    for (int boxed = 0; boxed < 2; boxed++) {
        Batches *b = batches_of(boxed ? "cutmix 1" : "mixup 1");
        int n, of_partner = 0;
        batches_epoch(b, 1);
        const Sample *samples = batches_step(b, 0, &n), *mixed = mixed_sample(samples, n);
        const Sample *partner = sample_of_image(samples, n, mixed->partner);
        const float share = mixed->share;
        assert_int_equal(mixed->partner_target[0], partner->target[0]);
        float *x = image_of(mixed, 0);
        for (int p = 0; p < SIZE; p++) {
            const float own = (float)set->pixels[mixed->image * SIZE + (uint32_t)p] / 255,
                        other = (float)set->pixels[mixed->partner * SIZE + (uint32_t)p] / 255;
            const int row = p / SIDE, column = p % SIDE;
            const bool inside = boxed && row >= mixed->box[0] && row < mixed->box[2] && column >= mixed->box[1] &&
                                column < mixed->box[3];
            of_partner += inside;
            assert_near(x[p], boxed ? (inside ? other : own) : share * own + (1 - share) * other, 1e-6);
        }
        if (boxed) assert_near(share, 1 - (double)of_partner / SIZE, 1e-6);
        free(x);
        batches_free(b);
    }
}

/* Others of the batch, left and right, before what follows in the line; targets stay. */
static void neighbours_are_of_the_batch(void **state) {
    (void)state;
    Batches *b = batches_of("neighbours 0.5:0.5 | invert | mixup 1 p 0");
    const int chw[3] = {1, SIDE, SIDE};
    int n, beside = 0, kinds = 0;
    batches_epoch(b, 1);
    const Sample *samples = batches_step(b, 0, &n);
    for (int i = 0; i < n; i++) {
        float *x = image_of(&samples[i], 0), wanted[SIZE], other[SIZE], scratch[4 * SIZE + 4 * SIDE];
        feed_image(samples[i].feed, 0, samples[i].image, wanted);
        for (int side = 0; side < 2; side++) {
            const int by = samples[i].beside.by[side];
            if (!by) continue;
            assert_int_equal(by, side ? (SIDE + 1) / 2 : -((SIDE + 1) / 2));
            sample_of_image(samples, n, samples[i].beside_image[side]);
            feed_image(samples[i].feed, 0, samples[i].beside_image[side], other);
            augmentation_lay_beside(by, chw, scratch, other, wanted);
            beside++;
        }
        kinds += samples[i].beside_image[0] != samples[i].beside_image[1];
        assert_int_equal(samples[i].target[0], feed_label(samples[i].feed, samples[i].image));
        assert_int_equal(samples[i].partner_target[0], -1);
        for (int p = 0; p < SIZE; p++) assert_true(x[p] == 1 - wanted[p]);
        free(x);
    }
    assert_true(beside > n && kinds > n / 2);
    batches_free(b);
}

static void partners_differ(void **state) {
    (void)state;
    Batches *b = batches_of("mixup 1");
    int n, places[BATCH] = {0}, kinds = 0;
    batches_epoch(b, 0);
    const Sample *samples = batches_step(b, 0, &n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) places[j] += samples[i].partner == samples[j].image;
    for (int j = 0; j < n; j++) kinds += places[j] > 0;
    assert_true(kinds >= n / 3); /* of n draws with replacement 63 % are expected to be different ones */
    batches_free(b);
}

static void other_classes_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"0", "1", "2", "3", "x"};
    const cf_train_options options = cf_train_defaults();
    Batches *none;
    assert_fails(batches_new(train, input, names, CLASSES, &options, 1, &none), CF_BAD_USE, "the model has no class 4");
}

/* Features are numbers whose order is not that of the images: what is made lies between two of one class, no third that is nearer than
 * five. */
static void synthetic_features_lie_between_neighbors(void **state) {
    (void)state;
    cf_train_options options = cf_train_defaults();
    cf_split_options parts = cf_split_defaults();
    cf_split *few;
    Batches *b;
    float features[IMAGES], x, other;
    int made = 0;
    parts.mode = CF_SPLIT_POOLED;
    parts.train_limit = "1:2,3:3";
    assert_ok(cf_split_new(set, &parts, &few));
    options.batch = BATCH, options.sample = CF_SMOTE_FEATURES;
    snprintf(options.freeze, sizeof options.freeze, "backbone");
    assert_ok(batches_new(cf_split_part(few, CF_TRAIN), input, (const char *const *)set->class_names, CLASSES, &options, 2, &b));
    for (int i = 0; i < IMAGES; i++) features[i] = (float)(i * 17 % 53);
    assert_ok(batches_use_ready(b, features, NULL, (Shape){.C = 1, .H = 1, .W = 1}));
    batches_epoch(b, 0);
    for (int64_t step = 0; step < batches_steps(b); step++) {
        int n;
        const Sample *samples = batches_step(b, step, &n);
        for (int i = 0; i < n; i++) {
            const Sample *s = &samples[i];
            const float from = features[s->image], to = features[s->partner];
            sample_image(s, 0, &other, &x);
            assert_near(x, s->share < 1 ? s->share * from + (1 - s->share) * to : from, 1e-5);
            if (s->share == 1) continue;
            assert_true(s->synthetic && s->image != s->partner);
            assert_int_equal(set->labels[s->image], set->labels[s->partner]);
            assert_true(set->labels[s->image] == 1 || set->labels[s->image] == 3);
            made++;
        }
    }
    assert_true(made > 5);
    batches_free(b);
    cf_split_free(few);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_image_stands_once_in_an_epoch),
        cmocka_unit_test(a_step_is_a_function_of_epoch_and_number),
        cmocka_unit_test(images_are_mixed_in_the_shares_of_their_targets),
        cmocka_unit_test(neighbours_are_of_the_batch), cmocka_unit_test(partners_differ),
        cmocka_unit_test(synthetic_features_lie_between_neighbors),
        cmocka_unit_test(other_classes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
