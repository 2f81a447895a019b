#include "data/image_set.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cf_set *make_set(const char *name, size_t count, int channels, int classes, int first) {
    cf_set *set;
    assert_ok(set_new(name, name, count, channels, 2, 3, classes, &set));
    assert_ok(set_name_classes_by_number(set));
    for (size_t i = 0; i < count * set_image_size(set); i++) set->pixels[i] = (unsigned char)(first + (int)i);
    for (size_t i = 0; i < count; i++) set->labels[i] = (unsigned char)(i % (size_t)classes);
    return set;
}

static void test_accessors(void **state) {
    (void)state;
    cf_set *set = make_set("s", 5, 3, 4, 0);
    int chw[3];
    cf_set_shape(set, chw);
    assert_int_equal(chw[0], 3);
    assert_int_equal(chw[1], 2);
    assert_int_equal(chw[2], 3);
    assert_int_equal(cf_set_count(set), 5);
    assert_int_equal(cf_set_classes(set), 4);
    assert_string_equal(cf_set_class_name(set, 3), "3");
    assert_null(cf_set_class_name(set, 4));
    assert_null(cf_set_class_name(set, -1));
    assert_int_equal(set_find_class(set, "2"), 2);
    assert_int_equal(set_find_class(set, "4"), -1);
    cf_set_free(set);
    cf_set_free(NULL);
}

static void test_limits(void **state) {
    (void)state;
    cf_set *set;
    assert_fails(set_new("s", "s", 1, 1, 1, 1, 10001, &set), CF_BAD_INPUT, "10001 classes");
    assert_fails(set_new("s", "s", 0, 1, 1, 1, 2, &set), CF_BAD_INPUT, "at least 1");
    assert_fails(set_new("s", "s", SIZE_MAX, 1, 1, 1, 2, &set), CF_BAD_INPUT, "at most");
    assert_fails(set_new("s", "s", UINT32_MAX, 65535, 65535, 65535, 2, &set), CF_BAD_INPUT, "64 GiB");
    assert_fails(set_new("s", "s", UINT32_MAX, 3, 32, 32, 2, &set), CF_BAD_INPUT, "64 GiB");
}

static void test_join(void **state) {
    (void)state;
    cf_set *joined;
    assert_ok(set_join(make_set("a", 4, 1, 3, 0), make_set("b", 2, 1, 4, 100), &joined));
    assert_int_equal(joined->count, 6);
    assert_int_equal(joined->official_train, 4);
    assert_int_equal(joined->classes, 4);
    assert_string_equal(joined->class_names[3], "3");
    assert_int_equal(joined->pixels[23], 23);
    assert_int_equal(joined->pixels[24], 100);
    assert_int_equal(joined->pixels[35], 111);
    assert_int_equal(joined->labels[3], 0);
    assert_int_equal(joined->labels[5], 1);
    cf_set_free(joined);
    assert_fails(set_join(make_set("a", 4, 1, 3, 0), make_set("b", 2, 3, 3, 0), &joined), CF_BAD_INPUT, "one shape");
    cf_set *other = make_set("b", 2, 1, 3, 0);
    assert_ok(set_name_classes(other, (const char *const[]){"0", "one", "2"}));
    assert_fails(set_join(make_set("a", 4, 1, 3, 0), other, &joined), CF_BAD_INPUT, "same classes");
}

static void give_files(cf_set *set, const char *stem) {
    set->files = calloc(set->count, sizeof *set->files);
    assert_non_null(set->files);
    for (size_t i = 0; i < set->count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s/%zu.png", stem, i);
        assert_non_null(set->files[i] = strdup(name));
    }
}

/* The names of files follow their images; a part without names leaves none. */
static void test_join_files(void **state) {
    (void)state;
    cf_set *joined, *train = make_set("a", 4, 1, 3, 0), *test = make_set("b", 2, 1, 3, 100);
    give_files(train, "train");
    give_files(test, "test");
    assert_ok(set_join(train, test, &joined));
    assert_string_equal(joined->files[3], "train/3.png");
    assert_string_equal(joined->files[4], "test/0.png");
    assert_string_equal(joined->files[5], "test/1.png");
    cf_set_free(joined);
    for (int with = 0; with < 2; with++) {
        train = make_set("a", 4, 1, 3, 0);
        test = make_set("b", 2, 1, 3, 100);
        give_files(with ? train : test, "x");
        assert_ok(set_join(train, test, &joined));
        assert_null(joined->files);
        cf_set_free(joined);
    }
}

/* Computed by hand: `printf` of the 32 shape bytes, labels, pixels | sha256sum. */
static void test_seal(void **state) {
    (void)state;
    cf_set *a = make_set("a", 2, 1, 2, 0), *b = make_set("other name", 2, 1, 2, 0);
    assert_ok(set_seal(a));
    assert_ok(set_seal(b));
    assert_string_equal(a->sha256, "bee66622dc9c3d369b1a1ec013661537673afafcbef2f4590914ba0d09b93e95");
    assert_string_equal(a->sha256, b->sha256);
    b->labels[1] = 0;
    assert_ok(set_seal(b));
    assert_string_not_equal(a->sha256, b->sha256);
    cf_set_free(a);
    cf_set_free(b);
}

/* With more than 256 classes a label takes two bytes, the low one first. The first set by hand as above: labels 00 00 00 01. */
static void test_seal_many_classes(void **state) {
    (void)state;
    cf_set *a = make_set("a", 2, 1, 257, 0), *b = make_set("b", 2, 1, 256, 0);
    a->labels[1] = 256;
    assert_ok(set_seal(a));
    assert_string_equal(a->sha256, "b9433936e20066702160e0fb5a9f901df0e4e3cf5b0e7f8a1dc8a38b2d7ec382");
    b->labels[1] = 255;
    assert_ok(set_seal(b));
    assert_string_equal(b->sha256, "0415587f945ae81637174e94ebcde1804588d6bb0a870147a3c032267e52e859");
    cf_set_free(a);
    cf_set_free(b);
}

static void test_by_class(void **state) {
    (void)state;
    cf_set *set = make_set("s", 7, 1, 5, 0); /* labels 0 1 2 3 4 0 1 */
    uint32_t *images;
    size_t *first;
    set->labels[3] = 1;
    assert_ok(set_by_class(set, &images, &first));
    assert_memory_equal(images, ((const uint32_t[]){0, 5, 1, 3, 6, 2, 4}), 7 * sizeof *images);
    assert_memory_equal(first, ((const size_t[]){0, 2, 5, 6, 6, 7}), 6 * sizeof *first);
    free(images);
    free(first);
    cf_set_free(set);
}

static void test_share(void **state) {
    (void)state;
    cf_set *set = make_set("s", 7, 3, 300, 5), *own = make_set("s", 7, 3, 300, 5), *taken;
    int file, again, ends[2];
    set->official_train = own->official_train = 4;
    set->official_validation = own->official_validation = 2;
    assert_ok(set_seal(set));
    assert_ok(set_share(set, &file));
    assert_ok(set_share(set, &again));
    assert_int_equal(again, file);
    assert_ok(set_take_shared(getpid(), file, set->sha256, &taken));
    assert_non_null(taken);
    cf_set_free(set); /* which leaves it to the other */
    assert_ok(set_seal(own));
    assert_string_equal(taken->sha256, own->sha256);
    assert_ok(set_seal(taken)); /* of what it has indeed */
    assert_string_equal(taken->sha256, own->sha256);
    assert_string_equal(taken->name, "s");
    assert_string_equal(taken->class_names[299], "299");
    assert_int_equal(taken->official_train, 4);
    assert_int_equal(taken->official_validation, 2);
    cf_set_free(taken);
    /* Nothing where there is no such process, another set, another file, or none to read. */
    assert_ok(set_share(own, &file));
    assert_ok(set_take_shared(1L << 40, file, own->sha256, &taken));
    assert_null(taken);
    assert_ok(set_take_shared(getpid(), file, "0123", &taken));
    assert_null(taken);
    assert_int_equal(pipe(ends), 0);
    assert_ok(set_take_shared(getpid(), ends[0], own->sha256, &taken));
    assert_null(taken);
    assert_int_equal(ftruncate(file, (off_t)own->shared_bytes + 1), 0);
    assert_ok(set_take_shared(getpid(), file, own->sha256, &taken));
    assert_null(taken);
    close(ends[0]);
    close(ends[1]);
    cf_set_free(own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accessors),  cmocka_unit_test(test_limits), cmocka_unit_test(test_join),
        cmocka_unit_test(test_join_files), cmocka_unit_test(test_seal),   cmocka_unit_test(test_seal_many_classes),
        cmocka_unit_test(test_by_class),   cmocka_unit_test(test_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
