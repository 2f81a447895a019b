/* Which images an epoch is made of: counts by hand, today's order, and SMOTE against imbalanced-learn (tests/golden/
 * make_loss_golden.py). */
#include "testing.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/safetensors.h"
#include "data/split.h"
#include "train/image_sampler.h"
#include "train/train_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 4, SIDE = 3, SIZE = SIDE * SIDE, IMAGES = 66 };

/* 40, 18, 2 and 6 images of the classes train; class 2 of the set comes first. */
static const int counts[CLASSES] = {40, 18, 2, 6};

typedef struct World {
    cf_set *set;
    cf_subset train;
    Feed feed;
    uint32_t images[IMAGES];
    int labels[CLASSES];
} World;

static void world_new(World *w, const int of_class[CLASSES]) {
    static const char *const names[CLASSES] = {"0", "1", "2", "3"};
    int i = 0;
    memset(w, 0, sizeof *w);
    assert_ok(set_new("made", "made", IMAGES, 1, SIDE, SIDE, CLASSES, &w->set));
    assert_ok(set_name_classes_by_number(w->set));
    for (int k = CLASSES - 1; k >= 0; k--)
        for (int n = 0; n < of_class[k]; n++) w->set->labels[i++] = (unsigned char)k;
    w->train.count = (size_t)i;
    while (i < IMAGES) w->set->labels[i++] = 0;
    for (i = 0; i < IMAGES; i++)
        for (int p = 0; p < SIZE; p++)
            w->set->pixels[i * SIZE + p] = (unsigned char)((i * 37 + p * 101 + i * p * 13) % 251);
    assert_ok(set_seal(w->set));
    for (i = 0; i < IMAGES; i++) w->images[i] = (uint32_t)(i * 5 % (int)w->train.count);
    w->train.set = w->set;
    w->train.images = w->images;
    w->train.classes = CLASSES;
    for (i = 0; i < CLASSES; i++) w->labels[i] = i;
    w->train.class_labels = w->labels;
    assert_ok(feed_new(w->set, (Shape){.C = 1, .H = SIDE, .W = SIDE}, names, CLASSES, 8, &w->feed));
}

static void world_free(World *w) {
    feed_free(&w->feed);
    cf_set_free(w->set);
}

static Sampler *sampler_of(const World *w, cf_sample kind, uint64_t seed, int threads) {
    cf_train_options o = cf_train_defaults();
    Sampler *sampler;
    o.sample = kind;
    o.seed = seed;
    assert_ok(sampler_new(&w->train, &w->feed, &o, threads, &sampler));
    return sampler;
}

/* Of an epoch: images of each class, and how often each image stands there by itself and as the base of a synthetic one. */
typedef struct Tally {
    int of_class[CLASSES], own[IMAGES], base[IMAGES];
} Tally;

static Tally tally(const World *w, Sampler *sampler, int epoch) {
    Tally t = {0};
    sampler_epoch(sampler, epoch);
    const Drawn *drawn = sampler_images(sampler);
    for (size_t i = 0; i < sampler_count(sampler); i++) {
        const Drawn *d = &drawn[i];
        const bool synthetic = d->partner != d->image;
        assert_int_equal(d->copy, t.own[d->image] + t.base[d->image]);
        assert_true(d->share > 0 && d->share <= 1 && (synthetic || d->share == 1));
        assert_int_equal(w->set->labels[d->image], w->set->labels[d->partner]);
        *(synthetic ? &t.base[d->image] : &t.own[d->image]) += 1;
        t.of_class[w->set->labels[d->image]]++;
    }
    return t;
}

/* Each image of class k stands `least` or `least` + 1 times in `times`. */
static void evenly(const World *w, const int *times, int k, int least) {
    for (int i = 0; i < IMAGES; i++)
        if (w->set->labels[i] == k && (times[i] < least || times[i] > least + 1))
            fail_msg("image %d of class %d: %d times", i, k, times[i]);
}

/* To the bit as it was before there was a choice. */
static void natural_is_as_ever(void **state) {
    (void)state;
    World w;
    uint32_t order[IMAGES];
    world_new(&w, counts);
    Sampler *sampler = sampler_of(&w, CF_NATURAL, 7, 1);
    assert_int_equal(sampler_count(sampler), IMAGES);
    for (int epoch = 0; epoch < 3; epoch++) {
        const RngStream stream = rng_stream(7, RNG_SHUFFLE, (uint64_t)epoch, 0);
        memcpy(order, w.images, sizeof order);
        rng_shuffle(&stream, order, IMAGES);
        sampler_epoch(sampler, epoch);
        for (int i = 0; i < IMAGES; i++) {
            const Drawn *d = &sampler_images(sampler)[i];
            assert_true(d->image == order[i] && d->copy == 0 && d->share == 1);
        }
    }
    sampler_free(sampler);
    world_free(&w);
}

/* 66 images in four classes: 17, 17, 16, 16; 2 images come 8 times each, 6 twice or three times. */
static void balanced(void **state) {
    (void)state;
    World w;
    world_new(&w, counts);
    Sampler *sampler = sampler_of(&w, CF_BALANCED, 7, 1);
    int seen[IMAGES] = {0};
    for (int epoch = 0; epoch < 12; epoch++) {
        static const int right[CLASSES] = {17, 17, 16, 16};
        const Tally t = tally(&w, sampler, epoch);
        assert_memory_equal(t.of_class, right, sizeof right);
        evenly(&w, t.own, 0, 0);
        evenly(&w, t.own, 1, 0);
        evenly(&w, t.own, 2, 8);
        evenly(&w, t.own, 3, 2);
        for (int i = 0; i < IMAGES; i++) seen[i] += t.own[i];
    }
    /* Other images of a large class in every epoch. */
    for (int i = 0; i < IMAGES; i++) assert_true(seen[i] > 0 && (w.set->labels[i] != 0 || seen[i] < 12));
    sampler_free(sampler);
    world_free(&w);
}

/* Square roots 6.325, 4.243, 1.414, 2.449 of 14.431: of 66 images 28.93, 19.40, 6.47, 11.20; the two left over go to .93 and .47. */
static void by_square_roots(void **state) {
    (void)state;
    World w;
    world_new(&w, counts);
    Sampler *sampler = sampler_of(&w, CF_SQRT, 7, 1);
    const int right[CLASSES] = {29, 19, 7, 11};
    const Tally t = tally(&w, sampler, 0);
    assert_memory_equal(t.of_class, right, sizeof right);
    evenly(&w, t.own, 0, 0);
    evenly(&w, t.own, 1, 1);
    evenly(&w, t.own, 2, 3);
    evenly(&w, t.own, 3, 1);
    sampler_free(sampler);
    world_free(&w);
}

/* 40 of every class: 22 new ones of 18 images, 38 of 2, 34 of 6; with 18 of 40 lacking, 22 of 22 begin at 18. */
static void filled_up(void **state) {
    (void)state;
    World w;
    world_new(&w, counts);
    Sampler *sampler = sampler_of(&w, CF_SMOTE, 7, 1);
    assert_int_equal(sampler_count(sampler), 160);
    for (int epoch = 0; epoch < 3; epoch++) {
        const Tally t = tally(&w, sampler, epoch);
        for (int k = 0; k < CLASSES; k++) assert_int_equal(t.of_class[k], 40);
        for (int i = 0; i < IMAGES; i++) assert_int_equal(t.own[i], 1);
        evenly(&w, t.base, 1, 1);
        evenly(&w, t.base, 2, 19);
        evenly(&w, t.base, 3, 5);
    }
    sampler_free(sampler);
    world_free(&w);
}

/* One feature, in another order than the pixels': the partners are among the nearest by it, and all of these are taken. */
static void filled_up_by_features(void **state) {
    (void)state;
    World w;
    float features[IMAGES];
    uint32_t places[IMAGES];
    bool paired[IMAGES][IMAGES] = {{false}};
    int pairs = 0;
    world_new(&w, counts);
    for (int i = 0; i < IMAGES; i++) places[i] = (uint32_t)((i * 7 + 3) % IMAGES);
    for (int i = 0; i < IMAGES; i++) features[i] = (float)(i * i % 67);
    Feed feed = w.feed;
    feed_use_ready(&feed, features, places, (Shape){.C = 1, .H = 1, .W = 1});
    Sampler *sampler = sampler_of(&w, CF_SMOTE_FEATURES, 7, 1);
    assert_int_equal(sampler_count(sampler), 160);
    assert_ok(sampler_use_features(sampler, &feed, 2));
    for (int epoch = 0; epoch < 40; epoch++) {
        tally(&w, sampler, epoch);
        for (size_t k = 0; k < 160; k++) {
            const Drawn *d = &sampler_images(sampler)[k];
            if (d->share == 1) continue;
            const float own = features[places[d->image]], far = fabsf(features[places[d->partner]] - own);
            int nearer = 0;
            for (uint32_t i = 0; i < IMAGES; i++)
                nearer += i != d->image && w.set->labels[i] == w.set->labels[d->image] &&
                          fabsf(features[places[i]] - own) < far;
            assert_true(nearer < SMOTE_NEIGHBORS);
            pairs += !paired[d->image][d->partner];
            paired[d->image][d->partner] = true;
        }
    }
    assert_int_equal(pairs, 18 * 5 + 2 + 6 * 5);
    sampler_free(sampler);
    world_free(&w);
}

/* Where a class lacks fewer than it has, the same part of it begins synthetic images in every epoch. */
static void a_part_is_filled_up(void **state) {
    (void)state;
    static const int nearly[CLASSES] = {20, 16, 20, 0};
    World w;
    int bases = 0;
    world_new(&w, nearly);
    Sampler *sampler = sampler_of(&w, CF_SMOTE, 7, 1);
    const Tally first = tally(&w, sampler, 0), second = tally(&w, sampler, 1);
    assert_int_equal(sampler_count(sampler), 60);
    assert_memory_equal(first.base, second.base, sizeof first.base);
    for (int i = 0; i < IMAGES; i++) bases += first.base[i];
    assert_int_equal(bases, 4);
    evenly(&w, first.base, 1, 0);
    sampler_free(sampler);
    world_free(&w);
}

/* A function of the training images, the seed and the epoch alone, at any number of threads. */
static void an_epoch_is_its_number(void **state) {
    (void)state;
    World w;
    world_new(&w, counts);
    for (int kind = CF_NATURAL; kind <= CF_SMOTE; kind++) {
        Sampler *one = sampler_of(&w, (cf_sample)kind, 3, 1);
        const size_t count = sampler_count(one), bytes = count * sizeof(Drawn);
        Drawn *kept = malloc(bytes);
        sampler_epoch(one, 0);
        sampler_epoch(one, 5);
        memcpy(kept, sampler_images(one), bytes);
        for (int threads = 1; threads <= 8; threads++) {
            Sampler *other = sampler_of(&w, (cf_sample)kind, 3, threads);
            sampler_epoch(other, 5);
            assert_memory_equal(kept, sampler_images(other), bytes);
            sampler_epoch(other, 6);
            assert_memory_not_equal(kept, sampler_images(other), bytes);
            sampler_free(other);
        }
        Sampler *other = sampler_of(&w, (cf_sample)kind, 4, 1);
        sampler_epoch(other, 5);
        assert_memory_not_equal(kept, sampler_images(other), bytes);
        sampler_free(other);
        sampler_free(one);
        free(kept);
    }
    world_free(&w);
}

static void a_single_image_has_no_neighbor(void **state) {
    (void)state;
    static const int few[CLASSES] = {20, 1, 8, 9};
    World w;
    cf_train_options o = cf_train_defaults();
    Sampler *sampler;
    world_new(&w, few);
    o.sample = CF_SMOTE;
    assert_fails(sampler_new(&w.train, &w.feed, &o, 1, &sampler), CF_BAD_USE,
                 "sample smote: at least two training images of a class expected, found one of 1");
    world_free(&w);
}

/* ---- Neighbours ---- */

static const float *figure(const StoredFile *golden, const char *name) {
    const StoredTensor *found = safetensors_find(golden, name);
    assert_non_null(found);
    return found->values;
}

/* The neighbours of imbalanced-learn; and a share of them, mixed as a sample is, are the images that it made. */
static void neighbors_are_those_of_another_program(void **state) {
    (void)state;
    enum { N = 30, D = 12, MADE = 20 };
    char path[512];
    StoredFile golden;
    float x[N * D];
    uint32_t images[N], found[N * SMOTE_NEIGHBORS];
    snprintf(path, sizeof path, "%s/tests/golden/class_losses.safetensors", getenv("CIFRA_SOURCE"));
    assert_ok(safetensors_read(path, &golden));
    for (int i = 0; i < N * D; i++) x[i] = figure(&golden, "smote/images")[i] / 255;
    for (int i = 0; i < N; i++) images[i] = (uint32_t)i;
    const Feed feed = {.ready = x, .input = {.C = 1, .H = 4, .W = 3}, .threads = 3};
    for (int threads = 1; threads <= 3; threads++) {
        assert_ok(smote_neighbors(&feed, images, N, N, SMOTE_NEIGHBORS, threads, found));
        for (int i = 0; i < N * SMOTE_NEIGHBORS; i++)
            assert_int_equal(found[i], (int)figure(&golden, "smote/neighbors")[i]);
    }
    for (int i = 0; i < MADE; i++) {
        const int row = (int)figure(&golden, "smote/row")[i], column = (int)figure(&golden, "smote/column")[i];
        const uint32_t partner = found[row * SMOTE_NEIGHBORS + column];
        const float share = 1 - figure(&golden, "smote/step")[i];
        for (int j = 0; j < D; j++) {
            const float mixed = share * x[row * D + j] + (1 - share) * x[partner * D + (uint32_t)j];
            assert_true(fabsf(mixed * 255 - figure(&golden, "smote/made")[i * D + j]) < 1e-3f);
        }
    }
    safetensors_free(&golden);
}

/* More images than a block has, some alike, sizes that fill no stretch: against all distances in double, ties by place. */
static void neighbors_by_definition(void **state) {
    (void)state;
    enum { N = 150, D = 203, QUERIES = 140, K = 4 };
    float *x = malloc(sizeof(float) * N * D);
    uint32_t images[N], found[QUERIES * K];
    for (int i = 0; i < N * D; i++) x[i] = (float)((i * 7919 + i / D * 104729) % 1009) / 64;
    for (int i = 20; i < N; i += 20) memcpy(x + i * D, x + 3 * D, sizeof(float) * D);
    for (int i = 0; i < N; i++) images[i] = (uint32_t)(N - 1 - i);
    const Feed feed = {.ready = x, .input = {.C = 1, .H = 7, .W = 29}, .threads = 2};
    assert_ok(smote_neighbors(&feed, images, N, QUERIES, K, 2, found));
    for (int q = 0; q < QUERIES; q++) {
        double distance[N];
        bool taken[N] = {false};
        for (int i = 0; i < N; i++) {
            distance[i] = 0;
            for (int j = 0; j < D; j++) /* exact: multiples of 1/4096 */
                distance[i] += pow((double)x[images[q] * D + (uint32_t)j] - (double)x[images[i] * D + (uint32_t)j], 2);
        }
        taken[q] = true;
        for (int k = 0; k < K; k++) {
            int best = -1;
            for (int i = 0; i < N; i++)
                if (!taken[i] && (best < 0 || distance[i] < distance[best])) best = i;
            taken[best] = true;
            assert_int_equal(found[q * K + k], best);
        }
    }
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natural_is_as_ever),
        cmocka_unit_test(balanced),
        cmocka_unit_test(by_square_roots),
        cmocka_unit_test(filled_up),
        cmocka_unit_test(filled_up_by_features),
        cmocka_unit_test(a_part_is_filled_up),
        cmocka_unit_test(an_epoch_is_its_number),
        cmocka_unit_test(a_single_image_has_no_neighbor),
        cmocka_unit_test(neighbors_are_those_of_another_program),
        cmocka_unit_test(neighbors_by_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
