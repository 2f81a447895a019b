#include "train/image_sampler.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A class of the training part: its images are by_class[first ..]. */
typedef struct ClassPart {
    size_t first, count;
    size_t share;        /* images of it in an epoch, synthetic ones apart */
    size_t synthetic;    /* of an epoch */
    size_t bases;        /* the images that they begin at: the first so many of the class */
    int k;               /* neighbours of a base */
    uint32_t *neighbors; /* [bases][k], places in the class */
} ClassPart;

struct Sampler {
    const cf_subset *train;
    cf_sample kind;
    uint64_t seed;
    size_t count;       /* of an epoch */
    uint32_t *by_class; /* [train->count] places in the training part, class by class */
    int classes;
    ClassPart *parts; /* [classes] those of the set */
    uint32_t
        *chosen; /* [count] scratch: places in the training part; from train->count on, numbers of synthetic images */
    uint32_t *list;   /* [train->count] scratch: the images of a class, shuffled */
    uint32_t *copies; /* [train->count] scratch: how often each stands in the epoch so far */
    Drawn *synthetic; /* [synthetic images], by places in the training part */
    Drawn *drawn;     /* [count] */
};

/* ---- Building ---- */

static cf_status sort_by_class(Sampler *s) {
    const cf_set *set = s->train->set;
    s->classes = set->classes;
    FORWARD(memory_new((size_t)s->classes, sizeof *s->parts, &s->parts));
    FORWARD(memory_new(s->train->count, sizeof *s->by_class, &s->by_class));
    for (size_t i = 0; i < s->train->count; i++) s->parts[set->labels[s->train->images[i]]].count++;
    for (int k = 1; k < s->classes; k++) s->parts[k].first = s->parts[k - 1].first + s->parts[k - 1].count;
    for (int k = 0; k < s->classes; k++) s->parts[k].share = 0;
    for (size_t i = 0; i < s->train->count; i++) {
        ClassPart *part = &s->parts[set->labels[s->train->images[i]]];
        s->by_class[part->first + part->share++] = (uint32_t)i;
    }
    return CF_OK;
}

/* As many images as there are, shared out over the classes that have any. */
static cf_status share_out(Sampler *s) {
    AUTO_FREE size_t *weights = NULL, *shares = NULL;
    FORWARD(memory_new((size_t)s->classes, sizeof *weights, &weights));
    FORWARD(memory_new((size_t)s->classes, sizeof *shares, &shares));
    for (int k = 0; k < s->classes; k++) {
        const size_t count = s->parts[k].count;
        /* split_share_out takes whole numbers below 2^32. */
        weights[k] = s->kind == CF_SQRT ? (size_t)(sqrt((double)count) * 65535) : count > 0;
    }
    FORWARD(split_share_out(weights, s->classes, s->train->count, shares));
    for (int k = 0; k < s->classes; k++) s->parts[k].share = shares[k];
    return CF_OK;
}

/* Puts a random order of the class's images into s->list. */
static void shuffle_class(Sampler *s, int class, RngPurpose purpose, int epoch) {
    const ClassPart *part = &s->parts[class];
    const RngStream stream = rng_stream(s->seed, purpose, (uint64_t)epoch, (uint32_t) class);
    memcpy(s->list, s->by_class + part->first, part->count * sizeof *s->list);
    rng_shuffle(&stream, s->list, part->count);
}

static bool is_smote(cf_sample kind) {
    return kind == CF_SMOTE || kind == CF_SMOTE_FEATURES;
}

static cf_status find_neighbors(const Sampler *s, const Feed *feed, int threads) {
    AUTO_FREE uint32_t *images = NULL;
    FORWARD(memory_new(s->train->count, sizeof *images, &images));
    for (int k = 0; k < s->classes; k++) {
        const ClassPart *part = &s->parts[k];
        for (size_t i = 0; i < part->count; i++) images[i] = s->train->images[s->by_class[part->first + i]];
        if (!part->synthetic) continue;
        FORWARD(smote_neighbors(feed, images, part->count, part->bases, part->k, threads, part->neighbors));
    }
    return CF_OK;
}

/* How many images each class lacks, and which of its own they begin at: the first of a random order. */
static cf_status plan_synthetic(Sampler *s) {
    size_t largest = 0;
    for (int k = 0; k < s->classes; k++)
        if (s->parts[k].count > largest) largest = s->parts[k].count;
    for (int k = 0; k < s->classes; k++) {
        ClassPart *part = &s->parts[k];
        if (part->count == 0 || part->count == largest) continue;
        FAIL_IF(
            part->count < 2, CF_BAD_USE,
            "sample smote: at least two training images of a class expected, found one of %s; leave the class out of the data, or "
            "take balanced",
            s->train->set->class_names[k]);
        part->synthetic = largest - part->count;
        part->bases = part->synthetic < part->count ? part->synthetic : part->count;
        part->k = part->count > SMOTE_NEIGHBORS ? SMOTE_NEIGHBORS : (int)part->count - 1;
        shuffle_class(s, k, RNG_SMOTE_BASE, 0);
        memcpy(s->by_class + part->first, s->list, part->count * sizeof *s->list);
        FORWARD(memory_new(part->bases * (size_t)part->k, sizeof *part->neighbors, &part->neighbors));
        s->count += part->synthetic;
    }
    FAIL_IF(s->count > UINT32_MAX, CF_BAD_USE, "sample smote: at most %u images of an epoch expected, found %zu",
            UINT32_MAX, s->count);
    return memory_new(s->count - s->train->count, sizeof *s->synthetic, &s->synthetic);
}

cf_status sampler_new(const cf_subset *train, const Feed *feed, const cf_train_options *options, int threads,
                      Sampler **sampler) {
    AUTO(sampler_free_at) Sampler *s = NULL;
    FORWARD(memory_new(1, sizeof *s, &s));
    s->train = train;
    s->kind = options->sample;
    s->seed = options->seed;
    s->count = train->count;
    FORWARD(sort_by_class(s));
    FORWARD(memory_new(train->count, sizeof *s->list, &s->list));
    FORWARD(memory_new(train->count, sizeof *s->copies, &s->copies));
    if (s->kind == CF_BALANCED || s->kind == CF_SQRT) FORWARD(share_out(s));
    if (is_smote(s->kind)) FORWARD(plan_synthetic(s));
    if (s->kind == CF_SMOTE) FORWARD(find_neighbors(s, feed, threads));
    FORWARD(memory_new(s->count, sizeof *s->chosen, &s->chosen));
    FORWARD(memory_new(s->count, sizeof *s->drawn, &s->drawn));
    *sampler = memory_take(&s);
    return CF_OK;
}

cf_status sampler_use_features(Sampler *s, const Feed *feed, int threads) {
    return s->kind == CF_SMOTE_FEATURES ? find_neighbors(s, feed, threads) : CF_OK;
}

void sampler_free(Sampler *s) {
    if (!s) return;
    for (int k = 0; s->parts && k < s->classes; k++) free(s->parts[k].neighbors);
    free(s->parts);
    free(s->by_class);
    free(s->chosen);
    free(s->list);
    free(s->copies);
    free(s->synthetic);
    free(s->drawn);
    free(s);
}

/* ---- An epoch ---- */

static void choose_shares(Sampler *s, int epoch) {
    size_t count = 0;
    for (int k = 0; k < s->classes; k++) {
        if (!s->parts[k].count) continue;
        shuffle_class(s, k, RNG_CHOICE, epoch);
        for (size_t i = 0; i < s->parts[k].share; i++) s->chosen[count++] = s->list[i % s->parts[k].count];
    }
}

/* Each base as often as another, but for one: which come once more is another choice in every epoch. */
static void make_synthetic(Sampler *s, int epoch) {
    size_t count = 0;
    for (int k = 0; k < s->classes; k++) {
        const ClassPart *part = &s->parts[k];
        const RngStream stream = rng_stream(s->seed, RNG_SMOTE, (uint64_t)epoch, (uint32_t)k);
        const RngStream order = rng_stream(s->seed, RNG_CHOICE, (uint64_t)epoch, (uint32_t)k);
        for (size_t i = 0; i < part->bases; i++) s->list[i] = (uint32_t)i;
        rng_shuffle(&order, s->list, part->bases);
        for (size_t i = 0; i < part->synthetic; i++) {
            uint32_t words[4];
            const size_t base = s->list[i % part->bases];
            rng_block(&stream, i, words);
            const size_t which = (size_t)(((uint64_t)words[0] * (uint64_t)part->k) >> 32);
            s->synthetic[count++] =
                (Drawn){.image = s->by_class[part->first + base],
                        .partner = s->by_class[part->first + part->neighbors[base * (size_t)part->k + which]],
                        .share = 1 - (float)(words[1] >> 8) * 0x1p-24f};
        }
    }
}

void sampler_epoch(Sampler *s, int epoch) {
    const size_t images = s->train->count;
    const RngStream stream = rng_stream(s->seed, RNG_SHUFFLE, (uint64_t)epoch, 0);
    for (size_t i = 0; i < s->count; i++) s->chosen[i] = (uint32_t)i;
    if (s->kind == CF_BALANCED || s->kind == CF_SQRT) choose_shares(s, epoch);
    if (is_smote(s->kind)) make_synthetic(s, epoch);
    rng_shuffle(&stream, s->chosen, s->count);
    memset(s->copies, 0, images * sizeof *s->copies);
    for (size_t i = 0; i < s->count; i++) {
        const uint32_t place = s->chosen[i];
        const Drawn own = {.image = place, .partner = place, .share = 1};
        const Drawn drawn = place < images ? own : s->synthetic[place - images];
        s->drawn[i] = (Drawn){.image = s->train->images[drawn.image],
                              .copy = s->copies[drawn.image]++,
                              .partner = s->train->images[drawn.partner],
                              .share = drawn.share};
    }
}

size_t sampler_count(const Sampler *s) {
    return s->count;
}

const Drawn *sampler_images(const Sampler *s) {
    return s->drawn;
}
