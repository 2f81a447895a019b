/* Cutting a set into training, validation and test images.
 *
 *   official  the official test images test; those of an official validation part validate, or else round(validation x count) of
 *             the official training images; a set with a validation but no test part tests on a fifth of its training images
 *   at        the images before the cut train, round(validation x count) of them validate; the images behind it test
 *   pooled    of n images floor(validation x n) validate, n - floor(7 n / 10) - floor(n / 10) test, the rest train: with a share of
 *             0.1, 70,000 give 49,000 / 7,000 / 14,000, SVHN's 99,289 give 69,502 / 9,928 / 19,859, as in the study
 *
 * Of k folds (k-fold cross-validation: Stone 1974; stratified: Kohavi 1995) fold f tests (pooled; then floor(validation x n) of the
 * others validate) or validates (official, at). The images are shuffled, stratified class by class by the stream
 * (seed, RNG_SPLIT, 1, label), and dealt out one after the other: each image is in one fold, folds differ by one image at most, also
 * in each class.
 *
 * Stratified, these totals are shared out over the classes by largest remainder (ties to the lower label); a class with enough
 * images has at least one in each part, for which the largest classes give some up, or else the part is larger. Each class is
 * shuffled by the stream (seed, RNG_SPLIT, 0, label); otherwise all images are, by (seed, RNG_SPLIT, 0, 256). The first of a
 * shuffled list test (pooled), the next validate, the others train. A training limit then keeps the first so many of the
 * class's training images as shuffled by (seed, RNG_LIMIT, 0, label); validation and test stay whole. Within a part, images
 * stand in ascending order.
 */
#include "data/split.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT_OUT = SET_PARTS, ALL_CLASSES = -1, STREAM_OF_ALL = 256 };
enum { FOR_SHARES, FOR_FOLDS }; /* what images are shuffled for */

AUTO_HANDLE(cf_split, cf_split_free)

struct cf_split {
    cf_subset parts[SET_PARTS + 1]; /* by cf_part; CF_ALL is the last */
};

/* Under construction. */
typedef struct Cutting {
    const cf_set *set;
    const cf_split_options *options;
    bool *wanted;        /* [classes] those that take part */
    size_t *limits;      /* [classes] */
    unsigned char *part; /* [count of the set] a cf_part, or LEFT_OUT */
    uint32_t *list;      /* [count] scratch: the images of one class */
    uint32_t *by_class;  /* set_by_class */
    size_t *first;
    size_t *counts[SET_PARTS]; /* [classes] scratch */
} Cutting;

typedef struct Remainder {
    size_t value;
    int class;
} Remainder;

static int by_remainder(const void *left, const void *right) {
    const Remainder *a = left, *b = right;
    return a->value != b->value ? (a->value < b->value) - (a->value > b->value) : a->class - b->class;
}

cf_status split_share_out(const size_t *counts, int classes, size_t total, size_t *shares) {
    size_t all = 0, left = total;
    AUTO_FREE Remainder *remainders = NULL;
    FORWARD(memory_new((size_t)classes, sizeof *remainders, &remainders));
    for (int k = 0; k < classes; k++) all += counts[k];
    for (int k = 0; k < classes; k++) {
        /* Both factors are below 2^32. */
        const size_t product = counts[k] * total;
        shares[k] = all ? product / all : 0;
        remainders[k] = (Remainder){all ? product % all : 0, k};
        left -= shares[k];
    }
    qsort(remainders, (size_t)classes, sizeof *remainders, by_remainder);
    for (size_t i = 0; i < left; i++) shares[remainders[i % (size_t)classes].class]++;
    return CF_OK;
}

/* The images of `label` (or of all classes) that are in `part`, into list; returns how many. */
static size_t list_images(Cutting *cutting, unsigned char part, int label) {
    const bool all = label == ALL_CLASSES;
    const size_t end = all ? cutting->set->count : cutting->first[label + 1];
    size_t count = 0;
    for (size_t i = all ? 0 : cutting->first[label]; i < end; i++) {
        const uint32_t image = all ? (uint32_t)i : cutting->by_class[i];
        if (cutting->part[image] == part) cutting->list[count++] = image;
    }
    return count;
}

static void count_classes(const Cutting *cutting, unsigned char part, size_t *counts) {
    memset(counts, 0, (size_t)cutting->set->classes * sizeof *counts);
    for (size_t i = 0; i < cutting->set->count; i++)
        if (cutting->part[i] == part) counts[cutting->set->labels[i]]++;
}

/* The training images of `label`, as list_images, in a random order. */
static size_t list_shuffled(Cutting *cutting, int label, unsigned purpose) {
    const size_t count = list_images(cutting, CF_TRAIN, label);
    const RngStream stream =
        rng_stream(cutting->options->seed, RNG_SPLIT, purpose, label == ALL_CLASSES ? STREAM_OF_ALL : (uint32_t)label);
    rng_shuffle(&stream, cutting->list, count);
    return count;
}

/* Moves the images of the fold that is asked for from training to `part`. */
static void move_fold(Cutting *cutting, cf_part part) {
    const cf_split_options *options = cutting->options;
    const size_t folds = (size_t)options->folds, wanted = (size_t)options->fold - 1;
    const int first = options->stratified ? 0 : ALL_CLASSES, end = options->stratified ? cutting->set->classes : 0;
    size_t dealt = 0;
    for (int k = first; k < end; k++) {
        const size_t count = list_shuffled(cutting, k, FOR_FOLDS);
        for (size_t i = 0; i < count; i++)
            if (dealt++ % folds == wanted) cutting->part[cutting->list[i]] = (unsigned char)part;
    }
}

static void move_shuffled(Cutting *cutting, int label, size_t tests, size_t validations) {
    const size_t count = list_shuffled(cutting, label, FOR_SHARES);
    for (size_t i = 0; i < count && i < tests + validations; i++)
        cutting->part[cutting->list[i]] = i < tests ? CF_TEST : CF_VALIDATION;
}

/* Gives each class that has `least` images one image of the part, taken from the classes that have most of it. */
static void give_each_one(const size_t *counts, int classes, size_t least, size_t *shares) {
    bool spare = true; /* where no class has two, none ever will again */
    for (int k = 0; k < classes; k++) {
        int largest = 0;
        if (counts[k] < least || shares[k]) continue;
        for (int j = 1; j < classes && spare; j++)
            if (shares[j] > shares[largest]) largest = j;
        spare = spare && shares[largest] > 1;
        if (spare) shares[largest]--;
        shares[k] = 1;
    }
}

/* A class that is too small for all parts trains first of all: another one validates or tests in its place, if one can. */
static void keep_one(const size_t *counts, int classes, int small, size_t *tests, size_t *validations) {
    while (counts[small] && tests[small] + validations[small] >= counts[small]) {
        size_t *shares = validations[small] ? validations : tests;
        shares[small]--;
        for (int k = 0; k < classes; k++)
            if (counts[k] >= tests[k] + validations[k] + 2) {
                shares[k]++;
                break;
            }
    }
}

/* Moves so many of the training images to test and validation. */
static cf_status cut_shares(Cutting *cutting, size_t tests, size_t validations) {
    const int classes = cutting->set->classes;
    size_t *counts = cutting->counts[0], *test_shares = cutting->counts[1], *validation_shares = cutting->counts[2];
    if (!cutting->options->stratified) {
        move_shuffled(cutting, ALL_CLASSES, tests, validations);
        return CF_OK;
    }
    const size_t least = (size_t)1 + (tests > 0) + (validations > 0);
    count_classes(cutting, CF_TRAIN, counts);
    FORWARD(split_share_out(counts, classes, tests, test_shares));
    FORWARD(split_share_out(counts, classes, validations, validation_shares));
    if (tests) give_each_one(counts, classes, least, test_shares);
    if (validations) give_each_one(counts, classes, least, validation_shares);
    for (int k = 0; k < classes; k++)
        if (counts[k] < least) keep_one(counts, classes, k, test_shares, validation_shares);
    for (int k = 0; k < classes; k++)
        if (counts[k]) move_shuffled(cutting, k, test_shares[k], validation_shares[k]);
    return CF_OK;
}

/* The classes that take part, and each image in training, from `train_end` on in validation, from `validation_end` on in test. */
static cf_status assign_official_parts(Cutting *cutting, size_t train_end, size_t validation_end) {
    const cf_set *set = cutting->set;
    size_t absent = 0;
    int first_absent = -1;
    bool filtered = cutting->options->classes && *cutting->options->classes;
    FORWARD(split_parse_classes(set, cutting->options->classes, cutting->wanted));
    FORWARD(split_parse_limits(set, cutting->options->train_limit, cutting->wanted, cutting->limits));
    for (int k = 0; k < set->classes; k++) {
        const bool none = cutting->first[k] == cutting->first[k + 1];
        if (!cutting->wanted[k]) continue;
        FAIL_IF(filtered && none, CF_BAD_USE, "%s has no image of class %s; leave it out of the classes", set->name,
                set->class_names[k]);
        cutting->wanted[k] = !none;
        if (none && absent++ == 0) first_absent = k;
    }
    if (absent)
        notice("%s has no image of class %s%s; left out", set->name, set->class_names[first_absent],
               absent > 1 ? " and others" : "");
    for (size_t i = 0; i < set->count; i++)
        cutting->part[i] = !cutting->wanted[set->labels[i]] ? LEFT_OUT
                           : i < train_end                  ? CF_TRAIN
                           : i < validation_end             ? CF_VALIDATION
                                                            : CF_TEST;
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

static void leave_out_class(Cutting *cutting, int label) {
    cutting->wanted[label] = false;
    for (size_t i = cutting->first[label]; i < cutting->first[label + 1]; i++)
        cutting->part[cutting->by_class[i]] = LEFT_OUT;
}

/* The class has images; its first one tells whether any is in the official training part. */
static bool is_trained_officially(const Cutting *cutting, int label) {
    return cutting->by_class[cutting->first[label]] < cutting->set->official_train;
}

/* A class without training images cannot be learned: an official part may be so, a cut of ours is to be another one. */
static cf_status check_training(Cutting *cutting) {
    const cf_set *set = cutting->set;
    static const char *const remedies[] = {[CF_SPLIT_OFFICIAL] = "use pooled, or lower the validation share",
                                           [CF_SPLIT_POOLED] = "add images to it, lower the validation share",
                                           [CF_SPLIT_AT] = "use pooled, move the cut"};
    enum { TOLD = 8 };
    const bool official = cutting->options->mode == CF_SPLIT_OFFICIAL;
    int left_out = 0;
    for (int k = 0; k < set->classes; k++) {
        if (!cutting->wanted[k] || cutting->counts[CF_TRAIN][k]) continue;
        FAIL_IF(
            !official || is_trained_officially(cutting, k), CF_BAD_USE,
            "class %s of %s has no training image with this split; %s, or leave the class out with the class filter",
            set->class_names[k], set->name, remedies[cutting->options->mode]);
        if (left_out++ < TOLD)
            notice("class %s of %s has no training image, so it cannot be learned: its %zu images are left out",
                   set->class_names[k], set->name, cutting->counts[CF_VALIDATION][k] + cutting->counts[CF_TEST][k]);
        leave_out_class(cutting, k);
    }
    if (left_out > TOLD) notice("%d more classes of %s are left out for the same reason", left_out - TOLD, set->name);
    return CF_OK;
}

/* A class that a part lacks is told; a part without any image is none. */
static cf_status check_parts(Cutting *cutting) {
    static const char *const remedies[SET_PARTS] = {
        "", "raise the validation share, or add images",
        "add images, use pooled, move the cut, or leave the class out with the class filter"};
    const cf_set *set = cutting->set;
    size_t *const *counts = cutting->counts;
    for (int p = 0; p < SET_PARTS; p++) count_classes(cutting, (unsigned char)p, counts[p]);
    FORWARD(check_training(cutting));
    for (int p = CF_VALIDATION; p < SET_PARTS; p++) {
        size_t all = 0;
        for (int k = 0; k < set->classes; k++) all += cutting->wanted[k] ? counts[p][k] : 0;
        FAIL_IF(!all, CF_BAD_USE, "%s has no %s image with this split; %s", set->name, set_part_names[p], remedies[p]);
        int lacking = 0, first = -1;
        for (int k = 0; k < set->classes; k++)
            if (cutting->wanted[k] && !counts[p][k] && lacking++ == 0) first = k;
        if (!lacking) continue;
        FAIL_IF(p == CF_TEST && cutting->options->mode == CF_SPLIT_AT, CF_BAD_USE,
                "class %s of %s has no %s image with this split; %s", set->class_names[first], set->name,
                set_part_names[p], remedies[p]);
        notice("class %s%s of %s has no %s image with this split; it has %zu images in all", set->class_names[first],
               lacking > 1 ? " (and others)" : "", set->name, set_part_names[p],
               counts[0][first] + counts[1][first] + counts[2][first]);
    }
    return CF_OK;
}

static int count_wanted(const Cutting *cutting) {
    int wanted = 0;
    for (int k = 0; k < cutting->set->classes; k++) wanted += cutting->wanted[k];
    return wanted;
}

/* The images whose part is among those allowed, bits by cf_part, in ascending order. */
static cf_status collect_images(const Cutting *cutting, unsigned allowed, cf_subset *subset) {
    const cf_set *set = cutting->set;
    subset->set = set;
    FORWARD(memory_new((size_t)count_wanted(cutting), sizeof *subset->class_labels, &subset->class_labels));
    for (int k = 0; k < set->classes; k++)
        if (cutting->wanted[k]) subset->class_labels[subset->classes++] = k;
    for (size_t i = 0; i < set->count; i++)
        subset->count += cutting->wanted[set->labels[i]] && allowed >> cutting->part[i] & 1;
    FORWARD(memory_new(subset->count, sizeof *subset->images, &subset->images));
    size_t n = 0;
    for (size_t i = 0; i < set->count; i++)
        if (cutting->wanted[set->labels[i]] && allowed >> cutting->part[i] & 1) subset->images[n++] = (uint32_t)i;
    return CF_OK;
}

static cf_status collect_parts(const Cutting *cutting, cf_split **split) {
    AUTO(cf_split_free_at) cf_split *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    for (int p = 0; p < SET_PARTS; p++) FORWARD(collect_images(cutting, 1u << p, &made->parts[p]));
    FORWARD(collect_images(cutting, ~0u, &made->parts[CF_ALL])); /* those left out, too */
    *split = memory_take(&made);
    return CF_OK;
}

static cf_status check_folds(const cf_set *set, const cf_split_options *options) {
    if (!options->folds && !options->fold) return CF_OK;
    FAIL_IF(options->folds < 2 || options->fold < 1 || options->fold > options->folds, CF_BAD_USE,
            "fold %d of %d folds: two folds or more expected, and one of them", options->fold, options->folds);
    FAIL_IF((size_t)options->folds > set->count, CF_BAD_USE, "%d folds of the %zu images of %s: more than images",
            options->folds, set->count, set->name);
    FAIL_IF(options->mode == CF_SPLIT_OFFICIAL && set->official_validation, CF_BAD_USE,
            "%s has %zu validation images of its own, so its training images are not cut into folds; use the split "
            "pooled",
            set->name, set->official_validation);
    return CF_OK;
}

static cf_status check_cut(const cf_set *set, size_t at) {
    FAIL_IF(at < 1 || at >= set->count, CF_BAD_USE,
            "split at:%zu: %s has %zu images, so the cut must lie between 1 and %zu", at, set->name, set->count,
            set->count - 1);
    return CF_OK;
}

static cf_status check_options(const cf_set *set, const cf_split_options *options) {
    FAIL_IF((unsigned)options->mode > CF_SPLIT_AT, CF_BAD_USE, "split mode %d is none of official, pooled, at",
            (int)options->mode);
    const double most = options->mode == CF_SPLIT_POOLED ? 0.8 : 1;
    FAIL_IF(!(options->validation > 0 && options->validation < most), CF_BAD_USE,
            "the validation share is %g; it must lie between 0 and %g (0.1 is usual)", options->validation, most);
    FAIL_IF(options->mode == CF_SPLIT_OFFICIAL && set->official_train == set->count, CF_BAD_USE,
            "%s has no official test part; use the split pooled, or at:N for the first N of its %zu images "
            "to train on",
            set->name, set->count);
    FORWARD(check_folds(set, options));
    return options->mode == CF_SPLIT_AT ? check_cut(set, options->at) : CF_OK;
}

cf_split_mode split_usual_mode(const cf_set *set) {
    return set->official_train == set->count ? CF_SPLIT_POOLED : CF_SPLIT_OFFICIAL;
}

cf_status split_check_validation(const cf_set *set, const cf_split_options *options) {
    FAIL_IF(
        options->mode == CF_SPLIT_OFFICIAL && set->official_validation, CF_BAD_USE,
        "%s has %zu validation images of its own; leave the share of validation images out, or use the split pooled",
        set->name, set->official_validation);
    return CF_OK;
}

static cf_status cut_parts(Cutting *cutting) {
    const cf_split_options *options = cutting->options;
    const cf_set *set = cutting->set;
    const bool official = options->mode == CF_SPLIT_OFFICIAL;
    const size_t end = official ? set->official_train : options->mode == CF_SPLIT_AT ? options->at : set->count;
    FORWARD(assign_official_parts(cutting, end, official ? set_test_begin(set) : end));
    FAIL_IF(count_wanted(cutting) < 2, CF_BAD_INPUT, "%s has images of %d class; at least two are needed to tell apart",
            set->name, count_wanted(cutting));
    const size_t count = list_images(cutting, CF_TRAIN, ALL_CLASSES);
    const size_t fifth = count - count * 7 / 10 - count / 10;
    const bool folded = options->folds > 0;
    if (folded) move_fold(cutting, options->mode == CF_SPLIT_POOLED ? CF_TEST : CF_VALIDATION);
    if (options->mode == CF_SPLIT_POOLED)
        FORWARD(cut_shares(cutting, folded ? 0 : fifth, (size_t)((double)count * options->validation + 1e-9)));
    else if (!folded && (!official || !set->official_validation))
        FORWARD(cut_shares(cutting, 0, (size_t)llround((double)count * options->validation)));
    else if (!folded && set_test_begin(set) == set->count)
        FORWARD(cut_shares(cutting, fifth, 0));
    apply_limits(cutting);
    FORWARD(check_parts(cutting));
    FAIL_IF(count_wanted(cutting) < 2, CF_BAD_INPUT,
            "%s has training images of %d class with this split; at least two are needed to tell apart", set->name,
            count_wanted(cutting));
    return CF_OK;
}

static void cutting_free(Cutting *cutting) {
    void *const owned[] = {cutting->wanted,    cutting->limits,    cutting->part,
                           cutting->list,      cutting->by_class,  cutting->first,
                           cutting->counts[0], cutting->counts[1], cutting->counts[2]};
    for (size_t i = 0; i < COUNT_OF(owned); i++) free(owned[i]);
}

static cf_status cutting_allocate(Cutting *cutting) {
    const cf_set *set = cutting->set;
    const size_t classes = (size_t)set->classes;
    FORWARD(memory_new(classes, sizeof *cutting->wanted, &cutting->wanted));
    FORWARD(memory_new(classes, sizeof *cutting->limits, &cutting->limits));
    FORWARD(memory_new(set->count, 1, &cutting->part));
    FORWARD(memory_new(set->count, sizeof *cutting->list, &cutting->list));
    for (int p = 0; p < SET_PARTS; p++) FORWARD(memory_new(classes, sizeof *cutting->counts[p], &cutting->counts[p]));
    return set_by_class(set, &cutting->by_class, &cutting->first);
}

cf_status cf_split_new(const cf_set *set, const cf_split_options *options, cf_split **split) {
    const cf_split_options defaults = cf_split_defaults();
    AUTO(cutting_free) Cutting cutting = {.set = set, .options = options ? options : &defaults};
    FORWARD(check_options(set, cutting.options));
    FORWARD(cutting_allocate(&cutting));
    FORWARD(cut_parts(&cutting));
    return collect_parts(&cutting, split);
}

/* The test part begins at `test`, what trains ends at `train`. */
static cf_status cut_whole(const cf_set *set, const char *classes, size_t train, size_t test, cf_split **split) {
    const cf_split_options options = {.classes = classes};
    AUTO(cutting_free) Cutting cutting = {.set = set, .options = &options};
    FORWARD(cutting_allocate(&cutting));
    FORWARD(assign_official_parts(&cutting, train, test));
    return collect_parts(&cutting, split);
}

cf_status split_uncut(const cf_set *set, const char *classes, cf_split **split) {
    return cut_whole(set, classes, set->official_train, set_test_begin(set), split);
}

cf_status split_uncut_at(const cf_set *set, size_t at, cf_split **split) {
    FORWARD(check_cut(set, at));
    return cut_whole(set, NULL, at, at, split);
}

cf_split_options cf_split_defaults(void) {
    return (cf_split_options){.mode = CF_SPLIT_OFFICIAL, .validation = 0.1, .stratified = true, .seed = 1};
}

void cf_split_free(cf_split *split) {
    if (!split) return;
    for (int p = 0; p <= SET_PARTS; p++) {
        free(split->parts[p].images);
        free(split->parts[p].class_labels);
    }
    free(split);
}

const cf_subset *cf_split_part(const cf_split *split, cf_part part) {
    return (unsigned)part <= CF_ALL ? &split->parts[part] : NULL;
}

void subset_class_counts(const cf_subset *subset, size_t *counts) {
    memset(counts, 0, (size_t)subset->set->classes * sizeof *counts);
    for (size_t i = 0; i < subset->count; i++) counts[subset->set->labels[subset->images[i]]]++;
}
