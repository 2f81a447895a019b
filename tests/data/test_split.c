#include "data/split.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t mnist_train[10] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
static const size_t mnist_test[10] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
static const size_t svhn_train[10] = {4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659};
static const size_t svhn_test[10] = {1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595};

/* One-pixel images with these labels, the classes mixed. */
static size_t fill_labels(uint16_t *labels, const size_t counts[10]) {
    size_t left[10], n = 0, any = 1;
    memcpy(left, counts, sizeof left);
    while (any) {
        any = 0;
        for (uint16_t k = 0; k < 10; k++)
            if (left[k]) labels[n++] = k, left[k]--, any = 1;
    }
    return n;
}

static cf_set *make_set(const size_t train[10], const size_t test[10]) {
    cf_set *set;
    size_t count = 0;
    for (int k = 0; k < 10; k++) count += train[k] + (test ? test[k] : 0);
    assert_ok(set_new("the set", "memory", count, 1, 1, 1, 10, &set));
    assert_ok(set_name_classes_by_number(set));
    set->official_train = fill_labels(set->labels, train);
    if (test) fill_labels(set->labels + set->official_train, test);
    return set;
}

static cf_split *cut(const cf_set *set, cf_split_options options) {
    cf_split *split;
    assert_ok(cf_split_new(set, &options, &split));
    return split;
}

static size_t count_of(const cf_split *split, cf_part part) {
    return cf_subset_count(cf_split_part(split, part));
}

/* Ascending, disjoint, and together CF_ALL, which has every image of the classes that take part. */
static void check_partition(const cf_set *set, const cf_split *split, size_t left_out) {
    unsigned char *seen = calloc(set->count, 1);
    assert_non_null(seen);
    for (int p = 0; p < 3; p++) {
        const cf_subset *part = cf_split_part(split, (cf_part)p);
        assert_ptr_equal(part->set, set);
        for (size_t i = 0; i < part->count; i++) {
            assert_true(part->images[i] < set->count);
            assert_true(i == 0 || part->images[i] > part->images[i - 1]);
            assert_int_equal(seen[part->images[i]]++, 0);
        }
    }
    const cf_subset *all = cf_split_part(split, CF_ALL);
    assert_int_equal(count_of(split, CF_TRAIN) + count_of(split, CF_VALIDATION) + count_of(split, CF_TEST) + left_out,
                     all->count);
    for (size_t i = 0; i < all->count; i++) left_out -= !seen[all->images[i]];
    assert_int_equal(left_out, 0);
    free(seen);
}

static void check_counts(const cf_split *split, size_t train, size_t validation, size_t test) {
    assert_int_equal(count_of(split, CF_TRAIN), train);
    assert_int_equal(count_of(split, CF_VALIDATION), validation);
    assert_int_equal(count_of(split, CF_TEST), test);
}

/* Each class's share of the part is within 1 of `share` of `counts`. */
static void check_stratified(const cf_split *split, cf_part part, const size_t counts[10], double share,
                             double within) {
    size_t got[MAX_CLASSES];
    subset_class_counts(cf_split_part(split, part), got);
    for (int k = 0; k < 10; k++) {
        double difference = (double)got[k] - share * (double)counts[k];
        assert_true(difference <= within && difference >= -within);
    }
}

static void test_split_official(void **state) {
    (void)state;
    cf_set *set = make_set(mnist_train, mnist_test);
    cf_split_options options = cf_split_defaults();
    cf_split *split = cut(set, options);
    check_counts(split, 54000, 6000, 10000);
    check_partition(set, split, 0);
    check_stratified(split, CF_VALIDATION, mnist_train, 0.1, 1);
    check_stratified(split, CF_TRAIN, mnist_train, 0.9, 1);
    const cf_subset *test = cf_split_part(split, CF_TEST);
    for (size_t i = 0; i < 10000; i++) assert_int_equal(test->images[i], 60000 + i);
    assert_int_equal(test->classes, 10);
    assert_int_equal(test->class_labels[9], 9);
    cf_split_free(split);
    options.validation = 0.25;
    options.stratified = false;
    split = cut(set, options);
    check_counts(split, 45000, 15000, 10000);
    check_partition(set, split, 0);
    cf_split_free(split);
    cf_set_free(set);
}

static void test_split_pooled(void **state) {
    (void)state;
    cf_split_options options = cf_split_defaults();
    options.mode = CF_SPLIT_POOLED;
    size_t pooled[10];
    cf_set *set = make_set(mnist_train, mnist_test);
    cf_split *split = cut(set, options);
    check_counts(split, 49000, 7000, 14000);
    check_partition(set, split, 0);
    for (int k = 0; k < 10; k++) pooled[k] = mnist_train[k] + mnist_test[k];
    check_stratified(split, CF_VALIDATION, pooled, 0.1, 1);
    check_stratified(split, CF_TEST, pooled, 0.2, 1);
    check_stratified(split, CF_TRAIN, pooled, 0.7, 2);
    cf_split_free(split);
    options.stratified = false;
    split = cut(set, options);
    check_counts(split, 49000, 7000, 14000);
    check_partition(set, split, 0);
    cf_split_free(split);
    cf_set_free(set);
    /* SVHN's test part has the 19,859 images of the study. */
    options.stratified = true;
    set = make_set(svhn_train, svhn_test);
    split = cut(set, options);
    check_counts(split, 69502, 9928, 19859);
    check_partition(set, split, 0);
    cf_split_free(split);
    cf_set_free(set);
}

static void test_split_at(void **state) {
    (void)state;
    cf_set *set = make_set(mnist_train, NULL);
    cf_split_options options = cf_split_defaults();
    options.mode = CF_SPLIT_AT;
    options.at = 5000;
    cf_split *split = cut(set, options);
    check_counts(split, 4500, 500, 55000);
    check_partition(set, split, 0);
    assert_int_equal(cf_split_part(split, CF_TEST)->images[0], 5000);
    cf_split_free(split);
    cf_set_free(set);
}

static bool same_parts(const cf_split *a, const cf_split *b) {
    for (int p = 0; p < 4; p++) {
        const cf_subset *x = cf_split_part(a, (cf_part)p), *y = cf_split_part(b, (cf_part)p);
        if (x->count != y->count || memcmp(x->images, y->images, x->count * sizeof *x->images) != 0) return false;
    }
    return true;
}

static void test_split_seed(void **state) {
    (void)state;
    cf_set *set = make_set(svhn_train, svhn_test);
    for (int run = 0; run < 6; run++) {
        cf_split_options options = cf_split_defaults();
        options.mode = (cf_split_mode)(run / 2);
        options.at = 70000;
        options.stratified = run % 2;
        cf_split *a = cut(set, options), *b = cut(set, options);
        options.seed = 2;
        cf_split *c = cut(set, options);
        assert_true(same_parts(a, b));
        assert_false(same_parts(a, c));
        cf_split_free(a);
        cf_split_free(b);
        cf_split_free(c);
    }
    cf_set_free(set);
}

/* Each image is in one fold; folds differ by one image at most, stratified also in each class. */
static void check_folds(const cf_set *set, cf_split_options options, cf_part part, size_t images) {
    unsigned char *seen = calloc(set->count, 1);
    size_t least[MAX_CLASSES + 1], most[MAX_CLASSES + 1] = {0}, all = 0;
    assert_non_null(seen);
    for (int k = 0; k <= MAX_CLASSES; k++) least[k] = SIZE_MAX;
    for (options.fold = 1; options.fold <= options.folds; options.fold++) {
        size_t counts[MAX_CLASSES + 1] = {0};
        cf_split *split = cut(set, options), *again = cut(set, options);
        const cf_subset *fold = cf_split_part(split, part);
        assert_true(same_parts(split, again));
        check_partition(set, split, 0);
        subset_class_counts(fold, counts);
        counts[MAX_CLASSES] = fold->count;
        all += fold->count;
        for (size_t i = 0; i < fold->count; i++) assert_int_equal(seen[fold->images[i]]++, 0);
        for (int k = 0; k <= MAX_CLASSES; k++) {
            least[k] = counts[k] < least[k] ? counts[k] : least[k];
            most[k] = counts[k] > most[k] ? counts[k] : most[k];
        }
        cf_split_free(split);
        cf_split_free(again);
    }
    assert_int_equal(all, images);
    for (int k = options.stratified ? 0 : MAX_CLASSES; k <= MAX_CLASSES; k++) assert_in_range(most[k] - least[k], 0, 1);
    free(seen);
}

static void test_split_folds(void **state) {
    (void)state;
    cf_set *set = make_set(mnist_train, mnist_test);
    for (int stratified = 0; stratified < 2; stratified++) {
        cf_split_options options = cf_split_defaults();
        options.stratified = stratified;
        options.folds = 7;
        check_folds(set, options, CF_VALIDATION, 60000);
        options.mode = CF_SPLIT_AT, options.at = 1003;
        check_folds(set, options, CF_VALIDATION, 1003);
        options.mode = CF_SPLIT_POOLED;
        check_folds(set, options, CF_TEST, 70000);
        /* What is left trains and validates by the share of all images. */
        options.fold = 3;
        cf_split *split = cut(set, options);
        assert_int_equal(count_of(split, CF_TEST), 10000);
        assert_int_equal(count_of(split, CF_VALIDATION), 7000);
        assert_int_equal(count_of(split, CF_TRAIN), 53000);
        options.seed = 2;
        cf_split *other = cut(set, options);
        assert_false(same_parts(split, other));
        cf_split_free(split);
        cf_split_free(other);
    }
    cf_set_free(set);
}

static char last_notice[512];

static void keep_notice(const char *text, void *context) {
    (void)context;
    snprintf(last_notice, sizeof last_notice, "%s", text);
}

/* The study's imbalance: only 1 and 2, few of 1. Validation and test stay whole. */
static void test_split_limits(void **state) {
    (void)state;
    size_t counts[MAX_CLASSES];
    cf_set *set = make_set(mnist_train, mnist_test);
    cf_split_options options = cf_split_defaults();
    options.classes = " 2, 1";
    options.train_limit = "1:50, 2:1000";
    cf_split *split = cut(set, options);
    check_counts(split, 1050, 1270, 1135 + 1032);
    check_partition(set, split, 6742 + 5958 - 1270 - 1050);
    subset_class_counts(cf_split_part(split, CF_TRAIN), counts);
    assert_int_equal(counts[1], 50);
    assert_int_equal(counts[2], 1000);
    const cf_subset *train = cf_split_part(split, CF_TRAIN);
    assert_int_equal(train->classes, 2);
    assert_int_equal(train->class_labels[0], 1);
    assert_int_equal(train->class_labels[1], 2);
    assert_int_equal(count_of(split, CF_ALL), 6742 + 5958 + 1135 + 1032);
    /* The limit is a choice among the training images of the split without it. */
    options.train_limit = NULL;
    cf_split *whole = cut(set, options);
    const cf_subset *all = cf_split_part(whole, CF_TRAIN);
    size_t j = 0, first_ones = 0;
    for (size_t i = 0, ones = 0; ones < 50; i++) {
        if (set->labels[all->images[i]] != 1) continue;
        ones++;
        for (size_t k = 0; k < train->count; k++) first_ones += train->images[k] == all->images[i];
    }
    assert_in_range(first_ones, 0, 10); /* drawn, not the first ones */
    for (size_t i = 0; i < train->count; i++) {
        while (j < all->count && all->images[j] != train->images[i]) j++;
        assert_true(j < all->count);
    }
    cf_split_free(whole);
    cf_split_free(split);
    cf_set_notice_handler(keep_notice, NULL);
    options.train_limit = "1:1000000";
    split = cut(set, options);
    cf_set_notice_handler(NULL, NULL);
    assert_non_null(strstr(last_notice, "fewer than its limit of 1000000"));
    assert_int_equal(count_of(split, CF_TRAIN), 6742 + 5958 - 1270);
    cf_split_free(split);
    cf_set_free(set);
}

static void test_split_uncut(void **state) {
    (void)state;
    cf_set *set = make_set(mnist_train, mnist_test);
    cf_split *split;
    assert_ok(split_uncut(set, NULL, &split));
    check_counts(split, 60000, 0, 10000);
    check_partition(set, split, 0);
    cf_split_free(split);
    assert_ok(split_uncut(set, "3,4", &split));
    assert_int_equal(count_of(split, CF_ALL), 6131 + 5842 + 1010 + 982);
    cf_split_free(split);
    cf_set_free(set);
    set = make_set(mnist_train, NULL);
    assert_ok(split_uncut(set, "", &split));
    check_counts(split, 60000, 0, 0);
    assert_int_equal(count_of(split, CF_ALL), 60000);
    cf_split_free(split);
    cf_set_free(set);
}

static void expect(const cf_set *set, cf_split_options options, cf_status code, const char *part) {
    cf_split *split;
    assert_fails(cf_split_new(set, &options, &split), code, part);
}

#define WITH(...) ((cf_split_options){.stratified = true, .seed = 1, __VA_ARGS__})

static void test_split_errors(void **state) {
    (void)state;
    cf_set *set = make_set(mnist_train, mnist_test), *lone = make_set(mnist_train, NULL);
    expect(lone, WITH(.validation = 0.1, .mode = CF_SPLIT_OFFICIAL), CF_BAD_USE, "use the split pooled, or at:N");
    expect(set, WITH(.validation = 0.1, .mode = CF_SPLIT_AT, .at = 0), CF_BAD_USE, "between 1 and 69999");
    expect(set, WITH(.validation = 0.1, .mode = CF_SPLIT_AT, .at = 70000), CF_BAD_USE, "between 1 and 69999");
    expect(set, WITH(.validation = 0.1, .mode = CF_SPLIT_AT, .at = 3), CF_BAD_USE,
           "class 3 of the set has no training image");
    expect(set, WITH(.validation = 0.1, .mode = CF_SPLIT_AT, .at = 69999), CF_BAD_USE, "has no test image");
    expect(set, WITH(.validation = 0.1, .mode = (cf_split_mode)7), CF_BAD_USE, "split mode 7");
    expect(set, WITH(.validation = 0), CF_BAD_USE, "between 0 and 1");
    expect(set, WITH(.validation = 1), CF_BAD_USE, "between 0 and 1");
    expect(set, WITH(.validation = 0.000001), CF_BAD_USE, "has no validation image");
    expect(set, WITH(.validation = 0.99999), CF_BAD_USE, "has no training image");
    expect(set, WITH(.validation = 0.1, .folds = 1, .fold = 1), CF_BAD_USE, "fold 1 of 1 folds");
    expect(set, WITH(.validation = 0.1, .folds = 5, .fold = 6), CF_BAD_USE, "fold 6 of 5 folds");
    expect(set, WITH(.validation = 0.1, .folds = 5), CF_BAD_USE, "fold 0 of 5 folds");
    expect(set, WITH(.validation = 0.1, .fold = 1), CF_BAD_USE, "fold 1 of 0 folds");
    expect(set, WITH(.validation = 0.1, .folds = 70001, .fold = 1), CF_BAD_USE, "more than images");
    set->official_validation = 5000;
    expect(set, WITH(.validation = 0.1, .folds = 5, .fold = 1), CF_BAD_USE, "validation images of its own");
    set->official_validation = 0;
    expect(set, WITH(.validation = 0.1, .classes = "1,10"), CF_BAD_USE, "there is no class \"10\" (character 3)");
    expect(set, WITH(.validation = 0.1, .classes = "1,10"), CF_BAD_USE, "0, 1, 2, 3");
    expect(set, WITH(.validation = 0.1, .classes = "1"), CF_BAD_USE, "at least two");
    expect(set, WITH(.validation = 0.1, .classes = "1,1"), CF_BAD_USE, "at least two");
    expect(set, WITH(.validation = 0.1, .classes = "1,,2"), CF_BAD_USE, "missing at character 3");
    expect(set, WITH(.validation = 0.1, .classes = "1,2,"), CF_BAD_USE, "missing at character 5");
    expect(set, WITH(.validation = 0.1, .train_limit = "1"), CF_BAD_USE, "\"1\" (character 1) is not CLASS:COUNT");
    expect(set, WITH(.validation = 0.1, .train_limit = "1:50,2:x"), CF_BAD_USE, "\"x\" (character 8)");
    expect(set, WITH(.validation = 0.1, .train_limit = "1:0"), CF_BAD_USE, "not a count");
    expect(set, WITH(.validation = 0.1, .train_limit = "1:5,1:6"), CF_BAD_USE, "limit already");
    expect(set, WITH(.validation = 0.1, .train_limit = "eleven:5"), CF_BAD_USE, "no class \"eleven\"");
    expect(set, WITH(.validation = 0.1, .classes = "1,2", .train_limit = "3:5"), CF_BAD_USE,
           "class 3 (character 1) is not among");
    /* Longer than what is taken of a piece, and as long: what is beyond must not be written anywhere. */
    char pieces[900];
    for (size_t length = 280; length < 300; length++) {
        memset(pieces, 'c', length);
        memcpy(pieces + length, ",1", 3);
        expect(set, WITH(.validation = 0.1, .classes = pieces), CF_BAD_USE, "there is no class \"ccc");
        memcpy(pieces + length, ":5", 3);
        expect(set, WITH(.validation = 0.1, .train_limit = pieces), CF_BAD_USE, "\"ccc");
    }
    memset(pieces, 'c', sizeof pieces - 1);
    pieces[sizeof pieces - 1] = '\0';
    expect(set, WITH(.validation = 0.1, .classes = pieces), CF_BAD_USE, "there is no class \"ccc");
    assert_ok(set_name_classes(set, (const char *const[]){"Coat", "Bag", "Shirt", "d", "e", "f", "g", "h", "i", "j"}));
    expect(set, WITH(.validation = 0.1, .classes = "Coat,Shirts"), CF_BAD_USE, "did you mean Shirt?");
    cf_set_free(set);
    cf_set_free(lone);
}

/* A validation part of the set's own validates; what the files lack is told. */
static void test_split_own_validation(void **state) {
    (void)state;
    static const size_t train[10] = {50, 40, 30}, validation[10] = {5, 6, 7, 8}, test[10] = {9, 0, 11};
    size_t counts[MAX_CLASSES];
    cf_set *set;
    assert_ok(set_new("own", "memory", 120 + 26 + 20, 1, 1, 1, 10, &set));
    assert_ok(set_name_classes_by_number(set));
    set->official_train = fill_labels(set->labels, train);
    set->official_validation = fill_labels(set->labels + 120, validation);
    fill_labels(set->labels + 146, test);
    assert_int_equal(set_test_begin(set), 146);
    const cf_split_options options = cf_split_defaults();
    cf_set_notice_handler(keep_notice, NULL);
    cf_split *split = cut(set, options);
    cf_set_notice_handler(NULL, NULL);
    check_counts(split, 120, 18, 20); /* class 3 cannot be learned */
    assert_non_null(strstr(last_notice, "class 1 of own has no test image with this split; it has 46 images in all"));
    subset_class_counts(cf_split_part(split, CF_VALIDATION), counts);
    assert_int_equal(counts[1], 6);
    assert_int_equal(cf_split_part(split, CF_VALIDATION)->images[0], 120);
    assert_int_equal(cf_split_part(split, CF_TEST)->images[0], 146);
    assert_int_equal(cf_split_part(split, CF_ALL)->classes, 3);
    cf_split_free(split);
    assert_ok(split_uncut(set, NULL, &split));
    check_counts(split, 120, 26, 20);
    cf_split_free(split);
    /* Pooled, everything is cut anew; a share that was asked for is heeded there, and refused where the set has its own. */
    cf_split_options pooled = options;
    pooled.mode = CF_SPLIT_POOLED;
    pooled.classes = "0,1,2";
    pooled.validation = 0.3;
    split = cut(set, pooled);
    check_counts(split, 158 - 47 - 33, 47, 33);
    cf_split_free(split);
    assert_ok(split_check_validation(set, &pooled));
    assert_fails(split_check_validation(set, &options), CF_BAD_USE, "own has 26 validation images of its own");
    expect(set, WITH(.mode = CF_SPLIT_POOLED, .validation = 0.8), CF_BAD_USE, "between 0 and 0.8");
    cf_set_free(set);
}

/* Without a test part a fifth of the training images tests, and the validation part stays what it is. */
static void test_split_validation_but_no_test(void **state) {
    (void)state;
    static const size_t train[10] = {50, 50}, validation[10] = {5, 5};
    cf_set *set;
    assert_ok(set_new("no test", "memory", 110, 1, 1, 1, 2, &set));
    assert_ok(set_name_classes_by_number(set));
    set->official_train = fill_labels(set->labels, train);
    set->official_validation = fill_labels(set->labels + 100, validation);
    cf_split *split = cut(set, cf_split_defaults());
    check_counts(split, 80, 10, 20);
    check_partition(set, split, 0);
    assert_int_equal(cf_split_part(split, CF_VALIDATION)->images[0], 100);
    cf_split_free(split);
    cf_set_free(set);
}

/* Five classes of six images: an image of each in each part; of a class of two, none tests, and that is told. */
static void test_split_small_classes(void **state) {
    (void)state;
    static const size_t six[10] = {6, 6, 6, 6, 6}, uneven[10] = {60, 6, 2}, rare[10] = {60, 6, 3};
    size_t counts[MAX_CLASSES];
    cf_split_options options = cf_split_defaults();
    options.mode = CF_SPLIT_POOLED;
    cf_set *set = make_set(six, NULL);
    for (uint64_t seed = 1; seed < 20; seed++) {
        options.seed = seed;
        cf_split *split = cut(set, options);
        check_partition(set, split, 0);
        for (int p = 0; p < 3; p++) {
            subset_class_counts(cf_split_part(split, (cf_part)p), counts);
            for (int k = 0; k < 5; k++) assert_in_range(counts[k], 1, 4);
        }
        cf_split_free(split);
    }
    cf_set_free(set);
    set = make_set(uneven, NULL);
    cf_set_notice_handler(keep_notice, NULL);
    cf_split *split = cut(set, options);
    cf_set_notice_handler(NULL, NULL);
    assert_non_null(strstr(last_notice, "class 2 of the set has no"));
    check_counts(split, 47, 6, 15);
    cf_split_free(split);
    cf_set_free(set);
    set = make_set(rare, NULL);
    split = cut(set, options);
    check_counts(split, 48, 6, 15); /* the totals stay: the largest class gives an image up */
    subset_class_counts(cf_split_part(split, CF_VALIDATION), counts);
    assert_int_equal(counts[0], 4);
    assert_int_equal(counts[2], 1);
    cf_split_free(split);
    cf_set_free(set);
}

/* Classes of two train first; where there is one image of each, nothing is left to test. */
static void test_split_tiny_classes(void **state) {
    (void)state;
    static const size_t two[10] = {2, 2, 2, 2, 2}, one[10] = {1, 1, 1, 1, 1};
    size_t counts[MAX_CLASSES];
    cf_split_options options = cf_split_defaults();
    options.mode = CF_SPLIT_POOLED;
    cf_set *set = make_set(two, NULL);
    cf_split *split = cut(set, options);
    check_partition(set, split, 0);
    subset_class_counts(cf_split_part(split, CF_TRAIN), counts);
    for (int k = 0; k < 5; k++) assert_in_range(counts[k], 1, 2);
    cf_split_free(split);
    cf_set_free(set);
    set = make_set(one, NULL);
    expect(set, options, CF_BAD_USE,
           "has no validation image with this split; raise the validation share, or add images");
    cf_set_free(set);
}

/* Classes that a set names but never shows take no part. */
static void test_split_absent_classes(void **state) {
    (void)state;
    static const size_t few[10] = {30, 20, 50}, one[10] = {30};
    cf_set *set = make_set(few, few);
    cf_set_notice_handler(keep_notice, NULL);
    cf_split *split = cut(set, cf_split_defaults());
    cf_set_notice_handler(NULL, NULL);
    assert_non_null(strstr(last_notice, "no image of class 3 and others"));
    check_counts(split, 90, 10, 100);
    assert_int_equal(cf_split_part(split, CF_ALL)->classes, 3);
    cf_split_free(split);
    expect(set, WITH(.validation = 0.1, .classes = "1,5"), CF_BAD_USE, "no image of class 5");
    cf_set_free(set);
    set = make_set(one, one);
    expect(set, cf_split_defaults(), CF_BAD_INPUT, "images of 1 class");
    cf_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_official),
        cmocka_unit_test(test_split_pooled),
        cmocka_unit_test(test_split_at),
        cmocka_unit_test(test_split_seed),
        cmocka_unit_test(test_split_folds),
        cmocka_unit_test(test_split_limits),
        cmocka_unit_test(test_split_uncut),
        cmocka_unit_test(test_split_errors),
        cmocka_unit_test(test_split_absent_classes),
        cmocka_unit_test(test_split_own_validation),
        cmocka_unit_test(test_split_validation_but_no_test),
        cmocka_unit_test(test_split_small_classes),
        cmocka_unit_test(test_split_tiny_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
