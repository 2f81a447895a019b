#include "data/set_files.h"

#include "data/set_load.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 12 };

/* Images of one pixel, their number; classes in turn. */
static cf_set *make_set(const char *const *names, int classes) {
    cf_set *set;
    assert_ok(set_new("list", "list", N, 1, 1, 1, classes, &set));
    assert_ok(set_name_classes(set, names));
    for (int i = 0; i < N; i++) {
        set->pixels[i] = (unsigned char)(20 * i);
        set->labels[i] = (unsigned char)(i % classes);
    }
    assert_ok(set_seal(set));
    return set;
}

/* Written and read again: names, labels and checksum are those of the set; labels in the file are `values`. */
static void round_trip(const char *folder, const char *const *names, int classes, const char *values, bool list,
                       bool mat) {
    char root[512], images[600], labels[600];
    uint16_t numbers[MAX_CLASSES];
    cf_set *set = make_set(names, classes), *read;
    snprintf(root, sizeof root, "%s/%s", scratch_folder(), folder);
    assert_ok(file_make_folder(root));
    assert_int_equal(class_list_values(set, numbers), list);
    for (int k = 0; k < classes; k++) assert_int_equal(numbers[k], values[k] - '0');
    snprintf(images, sizeof images, "%s/%s", root, mat ? "train_32x32.mat" : "train-images-idx3-ubyte");
    snprintf(labels, sizeof labels, "%s/train-labels-idx1-ubyte", root);
    assert_ok(mat ? mat_write(set, numbers, 0, N, images) : idx_write(set, numbers, 0, N, images, labels));
    if (list) assert_ok(class_list_write(path_in(root, CLASS_LIST_NAME), set, numbers));
    assert_ok(cf_set_load(root, NULL, &read));
    assert_int_equal(read->classes, classes);
    for (int k = 0; k < classes; k++) assert_string_equal(read->class_names[k], names[k]);
    assert_memory_equal(read->labels, set->labels, N * sizeof *set->labels);
    assert_string_equal(read->sha256, set->sha256);
    cf_set_free(read);
    cf_set_free(set);
}

static void test_round_trips(void **state) {
    (void)state;
    static const char *const digits[] = {"3", "5", "8"}, *const words[] = {"cat", "dog", "T-shirt/top"},
                             *const all[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    for (int mat = 0; mat < 2; mat++) {
        round_trip(mat ? "digits-mat" : "digits", digits, 3, "358", true, mat);
        round_trip(mat ? "words-mat" : "words", words, 3, "012", true, mat);
        round_trip(mat ? "all-mat" : "all", all, 10, "0123456789", false, mat);
    }
}

/* Without the list, 3 is still 3: other programs see what the files say. */
static void test_numbers_without_a_list(void **state) {
    (void)state;
    static const char *const digits[] = {"3", "5", "8"};
    cf_set *set;
    char root[512];
    round_trip("bare", digits, 3, "358", true, false);
    snprintf(root, sizeof root, "%s/bare", scratch_folder());
    assert_int_equal(remove(path_in(root, CLASS_LIST_NAME)), 0);
    assert_ok(cf_set_load(root, NULL, &set));
    assert_int_equal(set->classes, 10);
    assert_int_equal(set->labels[0], 3);
    assert_int_equal(set->labels[2], 8);
    cf_set_free(set);
}

static void expect_names(const char *text, const char *first, const char *second) {
    static const char *const names[] = {"0", "1"};
    cf_set *set = make_set(names, 2);
    const char *path = path_in(scratch_folder(), CLASS_LIST_NAME);
    write_bytes(path, text, strlen(text));
    assert_ok(class_list_apply(path, set));
    assert_int_equal(set->classes, 2);
    assert_string_equal(set->class_names[0], first);
    assert_string_equal(set->class_names[1], second);
    cf_set_free(set);
}

static void expect_error(const char *text, size_t size, const char *part) {
    static const char *const names[] = {"0", "1"};
    cf_set *set = make_set(names, 2);
    const char *path = path_in(scratch_folder(), CLASS_LIST_NAME);
    write_bytes(path, text, size);
    assert_fails(class_list_apply(path, set), CF_BAD_INPUT, part);
    cf_set_free(set);
}

#define ERROR(text, part) expect_error(text, sizeof(text) - 1, part)

static void test_forms(void **state) {
    (void)state;
    expect_names("cat\ndog\n", "cat", "dog");
    expect_names("cat\r\ndog", "cat", "dog");
    expect_names("0\ta b\n1\tc\n\n", "a b", "c");
    expect_names("1\tone\n0\tzero\n", "one", "zero"); /* the list's order is that of the classes */
    ERROR("", "is empty");
    ERROR("\n\n", "is empty");
    ERROR("cat\n", "none has label 1");
    ERROR("0\tcat\n5\tdog\n", "none has label 1");
    ERROR("x\tcat\n1\tdog\n", "line 1: a label from 0 to 9999");
    ERROR("10000\tcat\n1\tdog\n", "line 1: a label from 0 to 9999");
    ERROR("cat\n\ndog\n", "line 2: the name of a class");
    ERROR("cat\n\xff\n", "line 2: the name of a class");
    ERROR("cat\ncat\n", "line 2: the label or the name stands in line 1");
    ERROR("0\tcat\n0\tdog\n", "line 2: the label or the name stands in line 1");
    ERROR("cat\0dog\n", "zero byte");
    ERROR("0\tcat\n1\tdog\n2\tcow\n3\tdog\n", "line 4: the label or the name stands in line 2");
    /* One line more than there may be. */
    char *many = malloc(6 * (MAX_CLASSES + 1) + 1);
    size_t used = 0;
    assert_non_null(many);
    for (int k = 0; k <= MAX_CLASSES; k++) used += (size_t)sprintf(many + used, "c%d\n", k);
    expect_error(many, used, "has more than 10000 classes");
    free(many);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_numbers_without_a_list),
        cmocka_unit_test(test_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
