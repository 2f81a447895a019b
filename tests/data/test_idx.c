#include "data/set_files.h"
#include "data/set_making.h"
#include "testing.h"

#include <stdio.h>
#include <unistd.h>

static const unsigned char ten_labels[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 1};
static char images[256], labels[256];

/* Twelve images of 4 x 5 and their labels, as good files. */
static int setup(void **state) {
    (void)state;
    snprintf(images, sizeof images, "%s/images", scratch_folder());
    snprintf(labels, sizeof labels, "%s/labels", scratch_folder());
    Bytes bytes = idx_images(12, 4, 5);
    save(&bytes, images);
    bytes = idx_labels(12, ten_labels);
    save(&bytes, labels);
    return 0;
}

static void check_good(const cf_set *set) {
    assert_int_equal(set->count, 12);
    assert_int_equal(set->channels, 1);
    assert_int_equal(set->height, 4);
    assert_int_equal(set->width, 5);
    assert_int_equal(set->classes, 10);
    assert_string_equal(set->class_names[9], "9");
    for (size_t i = 0; i < 12; i++)
        for (size_t j = 0; j < 20; j++) assert_int_equal(set->pixels[20 * i + j], (unsigned char)(7 * i + j));
    for (size_t i = 0; i < 12; i++) assert_int_equal(set->labels[i], ten_labels[i]);
}

static void test_idx_plain(void **state) {
    (void)state;
    cf_set *set;
    assert_ok(idx_read(images, labels, &set));
    check_good(set);
    cf_set_free(set);
}

static void test_idx_gz(void **state) {
    (void)state;
    cf_set *set;
    const char *packed_images = path_in(scratch_folder(), "images.gz");
    const char *packed_labels = path_in(scratch_folder(), "labels.gz");
    Bytes bytes = idx_images(12, 4, 5);
    save_gz(&bytes, packed_images);
    bytes = idx_labels(12, ten_labels);
    save_gz(&bytes, packed_labels);
    assert_ok(idx_read(packed_images, packed_labels, &set));
    check_good(set);
    cf_set_free(set);
}

/* N,H,W,C and N,C,H,W of the same images give the same set. */
static void test_idx_colour(void **state) {
    (void)state;
    const char *last = path_in(scratch_folder(), "nhwc"), *first = path_in(scratch_folder(), "nchw");
    Bytes a = {0}, b = {0};
    put_idx_header(&a, 4, (const uint32_t[]){12, 4, 5, 3});
    put_idx_header(&b, 4, (const uint32_t[]){12, 3, 4, 5});
    for (int n = 0; n < 12; n++) {
        for (int i = 0; i < 60; i++) put(&a, &(unsigned char){(unsigned char)(n + i)}, 1);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 20; i++) put(&b, &(unsigned char){(unsigned char)(n + 3 * i + c)}, 1);
    }
    save(&a, last);
    save(&b, first);
    cf_set *x, *y;
    assert_ok(idx_read(last, labels, &x));
    assert_ok(idx_read(first, labels, &y));
    assert_int_equal(x->channels, 3);
    assert_int_equal(y->channels, 3);
    assert_int_equal(y->height, 4);
    assert_int_equal(y->width, 5);
    assert_int_equal(x->pixels[61], 2);
    assert_memory_equal(x->pixels, y->pixels, 12 * 60);
    cf_set_free(x);
    cf_set_free(y);
    a = (Bytes){0};
    put_idx_header(&a, 4, (const uint32_t[]){12, 2, 2, 2});
    for (int i = 0; i < 12; i++) put(&a, "01234567", 8);
    save(&a, last);
    assert_fails(idx_read(last, labels, &x), CF_BAD_INPUT, "must be the channels");
}

static void expect_images(Bytes bytes, const char *part) {
    cf_set *set;
    const char *path = path_in(scratch_folder(), "bad-images");
    save(&bytes, path);
    assert_fails(idx_read(path, labels, &set), CF_BAD_INPUT, part);
    assert_fails(idx_read(path, labels, &set), CF_BAD_INPUT, path);
}

static Bytes with_byte(Bytes bytes, size_t at, unsigned char value) {
    bytes.at[at] = value;
    return bytes;
}

static Bytes cut_to(Bytes bytes, size_t size) {
    bytes.size = size;
    return bytes;
}

static void test_idx_bad_images(void **state) {
    (void)state;
    cf_set *set;
    assert_fails(idx_read("/nonexistent/file", labels, &set), CF_IO, "/nonexistent/file");
    assert_fails(idx_read(scratch_folder(), labels, &set), CF_BAD_INPUT, "is a folder");
    assert_fails(idx_read(labels, labels, &set), CF_BAD_INPUT, "file of labels");
    assert_fails(idx_read(images, images, &set), CF_BAD_INPUT, "file of images");
    expect_images((Bytes){0}, "is empty");
    expect_images(cut_to(idx_images(12, 4, 5), 3), "ends after 3 bytes");
    expect_images(cut_to(idx_images(12, 4, 5), 11), "ends inside its header: 11 bytes, 16");
    expect_images(cut_to(idx_images(12, 4, 5), 200), "say 256 bytes, it has 200");
    expect_images(with_byte(idx_images(12, 4, 5), 0, '<'), "web page");
    expect_images(with_byte(idx_images(12, 4, 5), 1, 0x55), "00 55 08 03");
    expect_images(with_byte(idx_images(12, 4, 5), 2, 0x0d), "type 0x0d");
    expect_images(with_byte(idx_images(12, 4, 5), 3, 2), "2 dimensions");
    expect_images(with_byte(idx_images(12, 4, 5), 11, 0), "dimension 2 (byte 8) is zero");
    expect_images(with_byte(idx_images(12, 4, 5), 15, 6), "truncated");
    expect_images(with_byte(idx_images(12, 4, 5), 15, 4), "48 bytes more");
    expect_images(with_byte(idx_images(12, 4, 5), 4, 0x7f), "truncated");
    Bytes huge = {0};
    put_idx_header(&huge, 4, (const uint32_t[]){0x7fffffff, 0x7fffffff, 0x7fffffff, 3});
    put(&huge, "data", 4);
    expect_images(huge, "more bytes than can be addressed");
    huge = (Bytes){0};
    put_idx_header(&huge, 3, (const uint32_t[]){0xffffffff, 1, 1});
    expect_images(huge, "more bytes than can be addressed");
}

static void expect_gz(const char *part) {
    cf_set *set;
    assert_fails(idx_read(path_in(scratch_folder(), "bad.gz"), labels, &set), CF_BAD_INPUT, part);
}

static void test_idx_bad_gz(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "bad.gz");
    Bytes bytes = idx_images(12, 400, 5), packed = {0};
    put_idx_header(&packed, 3, (const uint32_t[]){0x7fffffff, 28, 28});
    save_gz(&packed, path);
    expect_gz("more than gzip can pack");
    save_gz(&bytes, path);
    FILE *stream = fopen(path, "rb");
    static unsigned char raw[100000];
    size_t size = fread(raw, 1, sizeof raw, stream);
    fclose(stream);
    write_bytes(path, raw, size / 2);
    expect_gz("24016 were expected");
    expect_gz("truncated");
    write_bytes(path, raw, size - 4);
    expect_gz("truncated");
    raw[size - 6] ^= 1; /* inside the checksum */
    write_bytes(path, raw, size);
    expect_gz("damaged");
    bytes = idx_images(12, 4, 5);
    bytes.size -= 7;
    save_gz(&bytes, path);
    expect_gz("holds 233 bytes of elements, its dimensions say 240");
    bytes = idx_images(12, 4, 5);
    put(&bytes, "more", 4);
    save_gz(&bytes, path);
    expect_gz("goes on after the 256 bytes");
}

static void expect_labels(uint32_t count, const unsigned char *values, const char *part) {
    cf_set *set;
    const char *path = path_in(scratch_folder(), "bad-labels");
    Bytes bytes = idx_labels(count, values);
    save(&bytes, path);
    assert_fails(idx_read(images, path, &set), CF_BAD_INPUT, part);
}

static void test_idx_bad_labels(void **state) {
    (void)state;
    unsigned char wrong[12], many[500] = {0};
    memcpy(wrong, ten_labels, 12);
    expect_labels(11, wrong, "12 images");
    expect_labels(11, wrong, "11 labels");
    expect_labels(500, many, "500 labels");
    /* Packed labels that break off; the images are fine. */
    cf_set *set;
    const char *path = path_in(scratch_folder(), "broken-labels");
    Bytes bytes = idx_labels(12, wrong);
    bytes.size -= 3;
    save_gz(&bytes, path);
    assert_fails(idx_read(images, path, &set), CF_BAD_INPUT, "holds 9 bytes of elements");
    wrong[10] = 200;
    expect_labels(12, wrong, "label 200 (number 10, byte 18) is out of range: 0 to 9");
    wrong[10] = 255;
    expect_labels(12, wrong, "label 255");
    /* All of them beyond the digits. */
    unsigned char beyond[12] = {10, 11, 12, 13, 14, 10, 11, 12, 13, 14, 10, 10};
    expect_labels(12, beyond, "out of range");
}

/* Letters are classes too: more than ten are fine when most of them occur. */
static void test_idx_many_classes(void **state) {
    (void)state;
    cf_set *set;
    const char *path = path_in(scratch_folder(), "letters");
    Bytes bytes = idx_labels(12, (const unsigned char[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
    save(&bytes, path);
    assert_ok(idx_read(images, path, &set));
    assert_int_equal(set->classes, 13);
    assert_string_equal(set->class_names[12], "12");
    cf_set_free(set);
}

/* Labels of 16 and 32 bits, for more classes than a byte counts. */
static void test_idx_wide_labels(void **state) {
    (void)state;
    static const struct {
        unsigned char type;
        int size;
        int64_t last; /* of the labels 0, 256, 0, 256 .. */
        const char *error;
    } cases[] = {
        {0x0b, 2, 9999, NULL},
        {0x0c, 4, 9999, NULL},
        {0x0b, 2, 10000, "label 10000 (number 11, byte 30) is out of range: 0 to 9999"},
        {0x0c, 4, 70000, "label 70000 (number 11, byte 52) is out of range"},
        {0x0b, 2, -1, "label -1 "},
        {0x0c, 4, -5, "label -5 "},
        {0x09, 1, 1,
         "elements of type 0x09 (byte 2); only unsigned bytes (0x08), 16-bit (0x0b) and 32-bit numbers (0x0c)"},
    };
    const char *path = path_in(scratch_folder(), "wide");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        cf_set *set;
        Bytes bytes = idx_labels(12, (const unsigned char[12]){0});
        bytes.size = 8;
        bytes.at[2] = cases[k].type;
        for (int i = 0; i < 12; i++)
            for (int b = cases[k].size - 1; b >= 0; b--) {
                const int64_t label = i == 11 ? cases[k].last : i % 2 * 256;
                put(&bytes, &(unsigned char){(unsigned char)(label >> 8 * b)}, 1);
            }
        save(&bytes, path);
        if (cases[k].error) {
            assert_fails(idx_read(images, path, &set), CF_BAD_INPUT, cases[k].error);
            continue;
        }
        assert_ok(idx_read(images, path, &set));
        assert_int_equal(set->classes, 10000);
        assert_int_equal(set->labels[1], 256);
        assert_int_equal(set->labels[10], 0);
        assert_int_equal(set->labels[11], 9999);
        cf_set_free(set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx_plain),        cmocka_unit_test(test_idx_gz),
        cmocka_unit_test(test_idx_colour),       cmocka_unit_test(test_idx_bad_images),
        cmocka_unit_test(test_idx_bad_gz),       cmocka_unit_test(test_idx_bad_labels),
        cmocka_unit_test(test_idx_many_classes), cmocka_unit_test(test_idx_wide_labels),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
