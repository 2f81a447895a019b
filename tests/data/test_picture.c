#include "base/limits.h"
#include "data/picture_making.h"
#include "data/picture/picture.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const unsigned char grey[6] = {0, 50, 100, 150, 200, 255};
static const unsigned char colour[18] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 255, 255, 255};

static void expect_picture(const char *path, int channels, const unsigned char *pixels, int within) {
    Picture measured, read;
    assert_ok(picture_measure(path, &measured));
    assert_ok(picture_read(path, NULL, &read));
    assert_null(measured.pixels);
    assert_int_equal(measured.channels, channels);
    assert_int_equal(measured.height, 2);
    assert_int_equal(measured.width, 3);
    assert_int_equal(read.channels, channels);
    assert_int_equal(read.height, 2);
    assert_int_equal(read.width, 3);
    for (int i = 0; i < 6 * channels; i++) assert_in_range(read.pixels[i] - pixels[i] + within, 0, 2 * within);
    free(read.pixels);
}

static void test_png(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "a.png");
    save_png(path, 3, 2, PNG_FORMAT_GRAY, grey);
    assert_int_equal(picture_kind(path), PICTURE_PNG);
    expect_picture(path, 1, grey, 0);
    save_png(path, 3, 2, PNG_FORMAT_RGB, colour);
    expect_picture(path, 3, colour, 0);
}

static void test_png_alpha(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "alpha.png");
    const unsigned char ga[12] = {100, 255, 100, 128, 100, 0, 255, 255, 255, 128, 0, 128};
    save_png(path, 3, 2, PNG_FORMAT_GA, ga);
    expect_picture(path, 1, (const unsigned char[]){100, 50, 0, 255, 128, 0}, 0);
    unsigned char rgba[24];
    for (int i = 0; i < 6; i++) {
        memcpy(rgba + 4 * i, colour + 3 * i, 3);
        rgba[4 * i + 3] = i == 3 ? 0 : 255;
    }
    save_png(path, 3, 2, PNG_FORMAT_RGBA, rgba);
    unsigned char laid[18];
    memcpy(laid, colour, 18);
    memset(laid + 9, 0, 3);
    expect_picture(path, 3, laid, 0);
}

/* By libpng's other interface: a palette, 16 bits, 1 bit. */
static void test_png_kinds(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "kinds.png");
    png_color palette[6];
    for (int i = 0; i < 6; i++) palette[i] = (png_color){colour[3 * i], colour[3 * i + 1], colour[3 * i + 2]};
    save_png_raw(path, 8, PNG_COLOR_TYPE_PALETTE, palette, 6, (const unsigned char *)"\0\1\2\3\4\5", 3);
    expect_picture(path, 3, colour, 0);
    unsigned char deep[12];
    for (int i = 0; i < 6; i++) deep[2 * i] = deep[2 * i + 1] = grey[i];
    save_png_raw(path, 16, PNG_COLOR_TYPE_GRAY, NULL, 0, deep, 6);
    expect_picture(path, 1, grey, 0);
    save_png_raw(path, 1, PNG_COLOR_TYPE_GRAY, NULL, 0, (const unsigned char *)"\xa0\x40", 1);
    expect_picture(path, 1, (const unsigned char[]){255, 0, 255, 0, 255, 0}, 0);
}

static void test_jpeg(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "really-a-jpeg.png");
    const unsigned char flat[18] = {90, 120, 150, 90, 120, 150, 90, 120, 150, 90, 120, 150, 90, 120, 150, 90, 120, 150};
    save_jpeg(path, 3, 2, 3, JCS_RGB, flat);
    assert_int_equal(picture_kind(path), PICTURE_JPEG);
    expect_picture(path, 3, flat, 3);
    save_jpeg(path, 3, 2, 1, JCS_GRAYSCALE, grey);
    expect_picture(path, 1, grey, 6);
    save_jpeg(path, 3, 2, 4, JCS_CMYK, (const unsigned char[24]){1, 2, 3});
    Picture picture;
    assert_fails(picture_read(path, NULL, &picture), CF_BAD_INPUT, "CMYK");
}

static size_t load(const char *path, unsigned char *bytes, size_t room) {
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    size_t size = fread(bytes, 1, room, stream);
    fclose(stream);
    return size;
}

static void expect_bad(const unsigned char *bytes, size_t size, const char *part) {
    Picture picture;
    const char *path = path_in(scratch_folder(), "bad");
    write_bytes(path, bytes, size);
    assert_fails(picture_read(path, NULL, &picture), CF_BAD_INPUT, part);
    assert_fails(picture_read(path, NULL, &picture), CF_BAD_INPUT, path);
}

static void test_pictures_bad(void **state) {
    (void)state;
    static unsigned char bytes[100000], noise[64 * 64 * 3];
    Picture picture;
    const char *path = path_in(scratch_folder(), "good");
    assert_fails(picture_read("/nonexistent/a.png", NULL, &picture), CF_IO, "/nonexistent/a.png");
    assert_int_equal(picture_kind("/nonexistent/a.png"), PICTURE_UNREADABLE);
    assert_int_equal(picture_kind(scratch_folder()), PICTURE_NONE);
    expect_bad(bytes, 0, "is empty");
    expect_bad((const unsigned char *)"GIF89a..", 8, "neither PNG nor JPEG");
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * 2654435761u >> 13);
    save_png(path, 64, 64, PNG_FORMAT_RGB, noise);
    size_t size = load(path, bytes, sizeof bytes);
    expect_bad(bytes, size / 2, "damaged PNG");
    expect_bad(bytes, 20, "damaged PNG");
    bytes[size / 2] ^= 0x10;
    expect_bad(bytes, size, "damaged PNG");
    save_jpeg(path, 64, 64, 3, JCS_RGB, noise);
    size = load(path, bytes, sizeof bytes);
    expect_bad(bytes, size / 2, "damaged JPEG");
    expect_bad(bytes, 20, "damaged JPEG");
    /* A PNG of a size that is not to be believed. */
    unsigned char huge[41] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\0\0\0\0....\0\0\0\0IDAT";
    uint32_t crc = __builtin_bswap32((uint32_t)crc32(crc32(0, NULL, 0), huge + 12, 17));
    memcpy(huge + 29, &crc, 4);
    expect_bad(huge, sizeof huge, "65535 x 65535 pixels");
}

/* Small files that ask for much: refused before memory is taken, or work begun. */
static void test_pictures_bombs(void **state) {
    (void)state;
    static unsigned char bytes[100000];
    unsigned char png[41] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x27\x0f\0\0\x27\x0f\x08\0\0\0\0....\0\0\0\0IDAT";
    uint32_t crc = __builtin_bswap32((uint32_t)crc32(crc32(0, NULL, 0), png + 12, 17));
    const char *path = path_in(scratch_folder(), "bomb");
    memcpy(png + 29, &crc, 4);
    expect_bad(png, sizeof png, "claims 9999 x 9999 pixels, more than its 41 bytes can hold");
    save_jpeg(path, 3, 2, 3, JCS_RGB, colour);
    size_t size = load(path, bytes, sizeof bytes);
    unsigned char *frame = memmem(bytes, size, "\xff\xc0", 2);
    assert_non_null(frame);
    memcpy(frame + 5, "\x27\x0f\x27\x0f", 4);
    expect_bad(bytes, size, "claims 9999 x 9999 pixels");
}

/* The first scan of a progressive JPEG, again and again. */
static void test_jpeg_scans(void **state) {
    (void)state;
    static unsigned char bytes[100000];
    Picture picture;
    const char *path = path_in(scratch_folder(), "scans");
    save_progressive_jpeg(path, 3, 2, colour);
    size_t size = load(path, bytes, sizeof bytes), scan = 2;
    assert_ok(picture_read(path, NULL, &picture));
    free(picture.pixels);
    unsigned char *begin = memmem(bytes, size, "\xff\xda", 2);
    assert_non_null(begin);
    while (begin[scan] != 0xff || begin[scan + 1] == 0) scan++; /* up to the next marker */
    for (int more = 0; more < MOST_JPEG_SCANS; more++, size += scan) {
        assert_true(size + scan < sizeof bytes);
        memmove(begin + scan, begin, size - (size_t)(begin - bytes));
    }
    expect_bad(bytes, size, "more than 100 scans");
}

/* Flipped bits do not crash. */
static void test_pictures_flips(void **state) {
    (void)state;
    static unsigned char bytes[100000], noise[16 * 16 * 3];
    const char *path = path_in(scratch_folder(), "flip");
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * 2654435761u >> 13);
    for (int jpeg = 0; jpeg < 2; jpeg++) {
        if (jpeg)
            save_jpeg(path, 16, 16, 3, JCS_RGB, noise);
        else
            save_png(path, 16, 16, PNG_FORMAT_RGB, noise);
        size_t size = load(path, bytes, sizeof bytes);
        uint32_t random = 99;
        for (int i = 0; i < 200; i++) {
            Picture picture;
            random = random * 1664525 + 1013904223;
            size_t at = (random >> 8) % size;
            bytes[at] ^= (unsigned char)(1u << (i % 8));
            write_bytes(path, bytes, size);
            bytes[at] ^= (unsigned char)(1u << (i % 8));
            if (!picture_read(path, NULL, &picture)) free(picture.pixels);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_png_alpha),
        cmocka_unit_test(test_png_kinds),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_pictures_bad),
        cmocka_unit_test(test_pictures_flips),
        cmocka_unit_test(test_pictures_bombs),
        cmocka_unit_test(test_jpeg_scans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
