/* "SET:n=N,test=M": so many of a set's images, the classes' shares kept, the same ones each time. */
#include "base/memory.h"
#include "data/set_load.h"
#include "set_making.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

enum { TRAIN = 600, TEST = 200 };

/* Of class k there are k + 1 of 6 images; each image is its own number. */
static int label_of(int image) {
    static const int labels[6] = {0, 1, 1, 2, 2, 2};
    return labels[image % 6];
}

static cf_set *numbered(int train, int test) {
    cf_set *set;
    assert_ok(set_new("numbered", "memory", (size_t)(train + test), 1, 1, 2, 3, &set));
    assert_ok(set_name_classes_by_number(set));
    set->official_train = (size_t)train;
    for (int i = 0; i < train + test; i++) {
        set->labels[i] = (unsigned char)label_of(i);
        set->pixels[2 * i] = (unsigned char)(i >> 8);
        set->pixels[2 * i + 1] = (unsigned char)i;
    }
    return set;
}

static int number_of(const cf_set *set, size_t i) {
    return set->pixels[2 * i] << 8 | set->pixels[2 * i + 1];
}

/* Each image is one of the part's, in their order, with its label; the classes have these counts. */
static void check_part(const cf_set *set, size_t from, size_t to, int low, int high, const size_t expected[3]) {
    size_t counts[3] = {0};
    for (size_t i = from; i < to; i++) {
        assert_true(number_of(set, i) >= low && number_of(set, i) < high);
        assert_true(i == from || number_of(set, i) > number_of(set, i - 1));
        assert_int_equal(set->labels[i], label_of(number_of(set, i)));
        counts[set->labels[i]]++;
    }
    for (int k = 0; k < 3; k++) assert_int_equal(counts[k], expected[k]);
}

static void classes_keep_their_shares(void **state) {
    (void)state;
    cf_set *set = numbered(TRAIN, TEST), *again = numbered(TRAIN, TEST);
    const SetSample sample = {.train = 60, .train_given = true}; /* a tenth of both */
    assert_ok(set_take_sample(set, &sample));
    assert_int_equal(set->official_train, 60);
    assert_int_equal(set->count, 80);
    check_part(set, 0, 60, 0, TRAIN, (const size_t[]){10, 20, 30});
    check_part(set, 60, 80, TRAIN, TRAIN + TEST, (const size_t[]){3, 7, 10}); /* of 34, 67, 99 */
    assert_ok(set_take_sample(again, &sample));
    assert_memory_equal(set->pixels, again->pixels, 160);
    assert_true(number_of(set, 59) - number_of(set, 0) > 300); /* from all of it, not the first ones */
    cf_set_free(set);
    cf_set_free(again);
}

static void both_numbers(void **state) {
    (void)state;
    cf_set *set = numbered(TRAIN, TEST);
    assert_ok(set_take_sample(set, &(SetSample){12, 6, true, true}));
    assert_int_equal(set->official_train, 12);
    assert_int_equal(set->count, 18);
    cf_set_free(set);
    set = numbered(TRAIN, TEST);
    assert_ok(set_take_sample(set, &(SetSample){.test_given = true})); /* all to train on, none to test */
    assert_int_equal(set->official_train, TRAIN);
    assert_int_equal(set->count, TRAIN);
    cf_set_free(set);
    set = numbered(TRAIN, 0);
    assert_ok(set_take_sample(set, &(SetSample){2 * TRAIN, 5, true, true})); /* more than there are: all */
    assert_int_equal(set->official_train, TRAIN);
    assert_int_equal(set->count, TRAIN);
    cf_set_free(set);
}

static void expect_text(const char *text, const char *name, const SetSample *expected) {
    ReadOptions options;
    char *set;
    assert_ok(set_text_read(text, &set, &options));
    assert_string_equal(set, name);
    assert_int_equal(options.sample.train_given, expected->train_given);
    assert_int_equal(options.sample.test_given, expected->test_given);
    assert_int_equal(options.sample.train, expected->train);
    assert_int_equal(options.sample.test, expected->test);
    free(set);
}

static void expect_wrong(const char *text, const char *part) {
    ReadOptions options;
    char *set;
    assert_fails(set_text_read(text, &set, &options), CF_BAD_USE, part);
}

static void texts(void **state) {
    (void)state;
    static const SetSample none = {0}, train = {500, 0, true, false}, both = {500, 0, true, true},
                           test = {0, 9, false, true};
    expect_text("mnist", "mnist", &none);
    expect_text("mnist:n=500", "mnist", &train);
    expect_text("a/b:c:n=500,test=0", "a/b:c", &both);
    expect_text("mnist:test=9", "mnist", &test);
    expect_text(":n=9", ":n=9", &none);
    expect_text("hand:n=9", "hand:n=9", &none); /* a generated set's own */
    expect_wrong("mnist:m=9", "says nothing of how a set is read");
    expect_wrong("mnist:n=9,m=9", "says nothing of how a set is read");
    expect_wrong("mnist:n=0", "data set mnist:n=0: n=0: a whole number from 1 to 4294967295");
    expect_wrong("mnist:test=-1", "test=-1: a whole number from 0");
    const char *path = path_in(scratch_folder(), "there:n=5"); /* a file is what it is called */
    write_bytes(path, "", 0);
    expect_text(path, path, &none);
}

/* A validation part gives in proportion to the training part, and names of files stay with their images. */
static void validation_part_and_files(void **state) {
    (void)state;
    cf_set *set = numbered(TRAIN, TEST);
    set->official_train = 300;
    set->official_validation = 300;
    assert_ok(memory_new(set->count, sizeof *set->files, &set->files));
    for (size_t i = 0; i < set->count; i++) assert_ok(memory_print(&set->files[i], "%zu.png", i));
    assert_ok(set_take_sample(set, &(SetSample){.train = 30, .train_given = true}));
    assert_int_equal(set->official_train, 30);
    assert_int_equal(set->official_validation, 30);
    assert_int_equal(set->count, 80);
    check_part(set, 0, 30, 0, 300, (const size_t[]){5, 10, 15});
    check_part(set, 30, 60, 300, 600, (const size_t[]){5, 10, 15});
    for (size_t i = 0; i < set->count; i++) assert_int_equal(atoi(set->files[i]), number_of(set, i));
    cf_set_free(set);
}

/* By name, as every command and config.json have it: the name is kept, and the checksum is that of these images. */
static void from_a_file(void **state) {
    (void)state;
    cf_set *whole, *part, *again;
    char *folder = NULL;
    Bytes images = {0}, labels = {0};
    put(&images, "\0\0\x08\x03\0\0\0\x3c\0\0\0\x01\0\0\0\x01", 16);
    put(&labels, "\0\0\x08\x01\0\0\0\x3c", 8);
    for (int i = 0; i < 60; i++) {
        put(&images, &(unsigned char){(unsigned char)i}, 1);
        put(&labels, &(unsigned char){(unsigned char)label_of(i)}, 1);
    }
    assert_ok(memory_print(&folder, "%s/idx", scratch_folder()));
    assert_ok(file_make_folder(folder));
    save(&images, path_in(folder, "train-images-idx3-ubyte"));
    save(&labels, path_in(folder, "train-labels-idx1-ubyte"));
    assert_ok(cf_set_load(folder, NULL, &whole));
    assert_ok(cf_set_load(path_in(scratch_folder(), "idx:n=12"), NULL, &part));
    assert_ok(cf_set_load(path_in(scratch_folder(), "idx:n=12"), NULL, &again));
    assert_int_equal(part->count, 12);
    assert_string_equal(part->name, path_in(scratch_folder(), "idx:n=12"));
    assert_string_equal(part->sha256, again->sha256);
    assert_string_not_equal(part->sha256, whole->sha256);
    cf_set_free(whole);
    cf_set_free(part);
    cf_set_free(again);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_keep_their_shares),
        cmocka_unit_test(both_numbers),
        cmocka_unit_test(validation_part_and_files),
        cmocka_unit_test(texts),
        cmocka_unit_test(from_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
