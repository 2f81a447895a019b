/* Cutting a set into training, validation and test images.
 *
 *   official  the official test images test; of the official training images round(validation x count) validate
 *   at        the same with the images before and after the cut in the place of the official parts
 *   pooled    of n images floor(7 n / 10) train, floor(n / 10) validate, the rest test: 70,000 give 49,000 / 7,000 / 14,000,
 *             SVHN's 99,289 give 69,502 / 9,928 / 19,859, as in the study
 *
 * Stratified, these totals are shared out over the classes by largest remainder (ties to the lower label), and each class is
 * shuffled by the stream (seed, RNG_SPLIT, 0, label); otherwise all images are, by (seed, RNG_SPLIT, 0, 256). The first of a
 * shuffled list test (pooled), the next validate, the others train. A training limit then keeps the first so many of the
 * class's training images as shuffled by (seed, RNG_LIMIT, 0, label); validation and test stay whole. Within a part, images
 * stand in ascending order.
 */
#include "data/split.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/split_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 3, LEFT_OUT = PARTS, ALL_CLASSES = MAX_CLASSES };

struct cf_split {
    cf_subset parts[PARTS + 1]; /* by cf_part; CF_ALL is the last */
};

/* Under construction. */
typedef struct Cutting {
    const cf_set *set;
    const cf_split_options *options;
    bool wanted[MAX_CLASSES]; /* the classes that take part */
    unsigned char *part;      /* [count of the set] a cf_part, or LEFT_OUT */
    uint32_t *list;           /* [count] scratch: the images of one class */
    size_t limits[MAX_CLASSES];
} Cutting;

static const char *const part_names[PARTS] = {"training", "validation", "test"};

void split_share_out(const size_t counts[MAX_CLASSES], size_t total, size_t shares[MAX_CLASSES]) {
    size_t all = 0, given = 0, remainders[MAX_CLASSES];
    for (int k = 0; k < MAX_CLASSES; k++) all += counts[k];
    for (int k = 0; k < MAX_CLASSES; k++) {
        /* Both factors are below 2^32. */
        size_t product = counts[k] * total;
        shares[k] = all ? product / all : 0;
        remainders[k] = all ? product % all : 0;
        given += shares[k];
    }
    for (; given < total; given++) {
        int largest = 0;
        for (int k = 1; k < MAX_CLASSES; k++)
            if (remainders[k] > remainders[largest]) largest = k;
        shares[largest]++;
        remainders[largest] = 0;
    }
}

/* The images of `label` (or of all classes) that are in `part`, into list; returns how many. */
static size_t list_images(Cutting *cutting, unsigned char part, int label) {
    size_t count = 0;
    for (size_t i = 0; i < cutting->set->count; i++)
        if (cutting->part[i] == part && (label == ALL_CLASSES || cutting->set->labels[i] == label))
            cutting->list[count++] = (uint32_t)i;
    return count;
}

static void count_classes(const Cutting *cutting, unsigned char part, size_t counts[MAX_CLASSES]) {
    memset(counts, 0, MAX_CLASSES * sizeof *counts);
    for (size_t i = 0; i < cutting->set->count; i++)
        if (cutting->part[i] == part) counts[cutting->set->labels[i]]++;
}

static void move_shuffled(Cutting *cutting, int label, size_t tests, size_t validations) {
    size_t count = list_images(cutting, CF_TRAIN, label);
    RngStream stream = rng_stream(cutting->options->seed, RNG_SPLIT, 0, (uint32_t)label);
    rng_shuffle(&stream, cutting->list, count);
    for (size_t i = 0; i < count && i < tests + validations; i++)
        cutting->part[cutting->list[i]] = i < tests ? CF_TEST : CF_VALIDATION;
}

/* Moves so many of the training images to test and validation. */
static void cut(Cutting *cutting, size_t tests, size_t validations) {
    size_t counts[MAX_CLASSES], test_shares[MAX_CLASSES], validation_shares[MAX_CLASSES];
    if (!cutting->options->stratified) {
        move_shuffled(cutting, ALL_CLASSES, tests, validations);
        return;
    }
    count_classes(cutting, CF_TRAIN, counts);
    split_share_out(counts, tests, test_shares);
    split_share_out(counts, validations, validation_shares);
    for (int k = 0; k < cutting->set->classes; k++)
        if (counts[k]) move_shuffled(cutting, k, test_shares[k], validation_shares[k]);
}

/* The classes that take part, and no image in any part but training and, from `train_end` on, test. */
static cf_status begin(Cutting *cutting, size_t train_end) {
    const cf_set *set = cutting->set;
    size_t counts[MAX_CLASSES] = {0}, absent = 0;
    int first_absent = -1;
    bool filtered = cutting->options->classes && *cutting->options->classes;
    FORWARD(split_parse_classes(set, cutting->options->classes, cutting->wanted));
    FORWARD(split_parse_limits(set, cutting->options->train_limit, cutting->wanted, cutting->limits));
    for (size_t i = 0; i < set->count; i++) counts[set->labels[i]]++;
    for (int k = 0; k < set->classes; k++) {
        if (!cutting->wanted[k]) continue;
        FAIL_IF(filtered && !counts[k], CF_BAD_USE, "%s has no image of class %s; leave it out of the classes",
                set->name, set->class_names[k]);
        cutting->wanted[k] = counts[k] > 0;
        if (!counts[k] && absent++ == 0) first_absent = k;
    }
    if (absent)
        notice("%s has no image of class %s%s; left out", set->name, set->class_names[first_absent],
               absent > 1 ? " and others" : "");
    for (size_t i = 0; i < set->count; i++)
        cutting->part[i] = !cutting->wanted[set->labels[i]] ? LEFT_OUT : i < train_end ? CF_TRAIN : CF_TEST;
    return CF_OK;
}

static void apply_limits(Cutting *cutting) {
    for (int k = 0; k < cutting->set->classes; k++) {
        if (cutting->limits[k] == SIZE_MAX) continue;
        size_t count = list_images(cutting, CF_TRAIN, k), limit = cutting->limits[k];
        if (count < limit)
            notice("class %s has %zu training images, fewer than its limit of %zu; all are used",
                   cutting->set->class_names[k], count, limit);
        RngStream stream = rng_stream(cutting->options->seed, RNG_LIMIT, 0, (uint32_t)k);
        rng_shuffle(&stream, cutting->list, count);
        for (size_t i = limit; i < count; i++) cutting->part[cutting->list[i]] = LEFT_OUT;
    }
}

static cf_status check_parts(const Cutting *cutting) {
    static const char *const remedies[PARTS] = {
        "use pooled, move the cut, or leave the class out with the class filter",
        "raise the validation share, or leave the class out with the class filter",
        "use pooled, move the cut, or leave the class out with the class filter",
    };
    size_t counts[MAX_CLASSES];
    for (int p = 0; p < PARTS; p++) {
        count_classes(cutting, (unsigned char)p, counts);
        for (int k = 0; k < cutting->set->classes; k++)
            FAIL_IF(cutting->wanted[k] && !counts[k], CF_BAD_USE, "class %s of %s has no %s image with this split; %s",
                    cutting->set->class_names[k], cutting->set->name, part_names[p], remedies[p]);
    }
    return CF_OK;
}

/* The images whose part is one of those allowed, in ascending order. */
static cf_status collect(const Cutting *cutting, const bool allowed[LEFT_OUT + 1], cf_subset *subset) {
    const cf_set *set = cutting->set;
    subset->set = set;
    for (int k = 0; k < set->classes; k++)
        if (cutting->wanted[k]) subset->class_labels[subset->classes++] = k;
    for (size_t i = 0; i < set->count; i++)
        subset->count += cutting->wanted[set->labels[i]] && allowed[cutting->part[i]];
    FORWARD(memory_new(subset->count, sizeof *subset->images, &subset->images));
    size_t n = 0;
    for (size_t i = 0; i < set->count; i++)
        if (cutting->wanted[set->labels[i]] && allowed[cutting->part[i]]) subset->images[n++] = (uint32_t)i;
    return CF_OK;
}

static cf_status collect_all(const Cutting *cutting, cf_split **split) {
    cf_split *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    for (int p = 0; p < PARTS; p++) {
        bool allowed[LEFT_OUT + 1] = {false};
        allowed[p] = true;
        FORWARD_TO(failed, collect(cutting, allowed, &made->parts[p]));
    }
    FORWARD_TO(failed, collect(cutting, (const bool[LEFT_OUT + 1]){true, true, true, true}, &made->parts[CF_ALL]));
    *split = made;
    return CF_OK;
failed:
    cf_split_free(made);
    return status;
}

static cf_status check_options(const cf_set *set, const cf_split_options *options) {
    FAIL_IF((unsigned)options->mode > CF_SPLIT_AT, CF_BAD_USE, "split mode %d is none of official, pooled, at",
            (int)options->mode);
    FAIL_IF(options->mode != CF_SPLIT_POOLED && !(options->validation > 0 && options->validation < 1), CF_BAD_USE,
            "the validation share is %g; it must lie between 0 and 1 (0.1 is usual)", options->validation);
    FAIL_IF(options->mode == CF_SPLIT_OFFICIAL && set->official_train == set->count, CF_BAD_USE,
            "%s has no official test part; use the split pooled, or at:N for the first N of its %zu images "
            "to train on",
            set->name, set->count);
    FAIL_IF(options->mode == CF_SPLIT_AT && (options->at == 0 || options->at >= set->count), CF_BAD_USE,
            "split at:%zu: %s has %zu images, so the cut must lie between 1 and %zu", options->at, set->name,
            set->count, set->count - 1);
    return CF_OK;
}

static cf_status cut_parts(Cutting *cutting) {
    const cf_split_options *options = cutting->options;
    const cf_set *set = cutting->set;
    size_t ends[] = {
        [CF_SPLIT_OFFICIAL] = set->official_train, [CF_SPLIT_POOLED] = set->count, [CF_SPLIT_AT] = options->at};
    FORWARD(begin(cutting, ends[options->mode]));
    int present = 0;
    for (int k = 0; k < set->classes; k++) present += cutting->wanted[k];
    FAIL_IF(present < 2, CF_BAD_INPUT, "%s has images of %d class; at least two are needed to tell apart", set->name,
            present);
    size_t count = list_images(cutting, CF_TRAIN, ALL_CLASSES);
    if (options->mode == CF_SPLIT_POOLED)
        cut(cutting, count - count * 7 / 10 - count / 10, count / 10);
    else
        cut(cutting, 0, (size_t)llround((double)count * options->validation));
    apply_limits(cutting);
    return check_parts(cutting);
}

static cf_status cutting_new(const cf_set *set, const cf_split_options *options, Cutting *cutting) {
    *cutting = (Cutting){.set = set, .options = options};
    FORWARD(memory_new(set->count, 1, &cutting->part));
    cf_status status = memory_new(set->count, sizeof *cutting->list, &cutting->list);
    if (status) free(cutting->part);
    return status;
}

static void cutting_free(Cutting *cutting) {
    free(cutting->part);
    free(cutting->list);
}

cf_status cf_split_new(const cf_set *set, const cf_split_options *options, cf_split **split) {
    Cutting cutting;
    cf_split_options defaults = cf_split_defaults();
    if (!options) options = &defaults;
    FORWARD(check_options(set, options));
    FORWARD(cutting_new(set, options, &cutting));
    cf_status status = cut_parts(&cutting);
    if (!status) status = collect_all(&cutting, split);
    cutting_free(&cutting);
    return status;
}

cf_status split_uncut(const cf_set *set, const char *classes, cf_split **split) {
    Cutting cutting;
    cf_split_options options = cf_split_defaults();
    options.classes = classes;
    FORWARD(cutting_new(set, &options, &cutting));
    cf_status status = begin(&cutting, set->official_train);
    if (!status) status = collect_all(&cutting, split);
    cutting_free(&cutting);
    return status;
}

cf_split_options cf_split_defaults(void) {
    return (cf_split_options){.mode = CF_SPLIT_OFFICIAL, .validation = 0.1, .stratified = true, .seed = 1};
}

void cf_split_free(cf_split *split) {
    if (!split) return;
    for (int p = 0; p <= PARTS; p++) free(split->parts[p].images);
    free(split);
}

const cf_subset *cf_split_part(const cf_split *split, cf_part part) {
    return (unsigned)part <= CF_ALL ? &split->parts[part] : NULL;
}

void subset_class_counts(const cf_subset *subset, size_t counts[MAX_CLASSES]) {
    memset(counts, 0, MAX_CLASSES * sizeof *counts);
    for (size_t i = 0; i < subset->count; i++) counts[subset->set->labels[subset->images[i]]]++;
}
