#include "base/limits.h"
#include "data/picture/picture.h"
#include "data/picture_making.h"
#include "data/picture_saving.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const unsigned char grey[6] = {0, 50, 100, 150, 200, 255};
static const unsigned char colour[18] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 255, 255, 255};

static void expect_picture(const char *path, int channels, const unsigned char *pixels, int within) {
    const PictureKind kind = picture_kind(path);
    expect_read(path, NULL, &(Picture){channels, 2, 3, (unsigned char *)(uintptr_t)pixels, .kind = kind}, within);
}

static void expect_on(const char *path, unsigned char ground, int channels, const unsigned char *pixels) {
    const PictureOptions options = {.ground = ground};
    expect_read(path, &options, &(Picture){channels, 2, 3, (unsigned char *)(uintptr_t)pixels, .kind = PICTURE_PNG}, 0);
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

static const png_color palette[6] = {{255, 0, 0},  {0, 255, 0},  {0, 0, 255},
                                     {10, 20, 30}, {40, 50, 60}, {255, 255, 255}};

/* A palette, 16 bits, 1 bit. Of 16 bits the upper 8 are kept, as by Pillow and OpenCV. */
static void test_png_kinds(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "kinds.png");
    PngFile file = {8, PNG_COLOR_TYPE_PALETTE, palette, 6, .rows = (const unsigned char *)"\0\1\2\3\4\5", .row = 3};
    save_png_raw(path, &file);
    expect_picture(path, 3, colour, 0);
    const unsigned char deep[12] = {0, 255, 50, 255, 100, 0, 150, 1, 200, 128, 255, 0};
    file = (PngFile){16, PNG_COLOR_TYPE_GRAY, .rows = deep, .row = 6};
    save_png_raw(path, &file);
    expect_picture(path, 1, grey, 0);
    file = (PngFile){1, PNG_COLOR_TYPE_GRAY, .rows = (const unsigned char *)"\xa0\x40", .row = 1};
    save_png_raw(path, &file);
    expect_picture(path, 1, (const unsigned char[]){255, 0, 255, 0, 255, 0}, 0);
}

/* Whatever gamma a file says, its values are those that it stores. */
static void test_png_gamma(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "gamma.png");
    const unsigned char ga[12] = {0, 255, 50, 255, 100, 255, 150, 255, 200, 255, 255, 255};
    static const double gammas[] = {1, 0.45455, 0.2};
    for (size_t g = 0; g < sizeof gammas / sizeof *gammas; g++) {
        PngFile file = {8, PNG_COLOR_TYPE_GRAY, .gamma = gammas[g], .rows = grey, .row = 3};
        save_png_raw(path, &file);
        expect_picture(path, 1, grey, 0);
        file = (PngFile){8, PNG_COLOR_TYPE_GRAY_ALPHA, .gamma = gammas[g], .rows = ga, .row = 6};
        save_png_raw(path, &file);
        expect_picture(path, 1, grey, 0);
        file = (PngFile){8, PNG_COLOR_TYPE_RGB, .gamma = gammas[g], .rows = colour, .row = 9};
        save_png_raw(path, &file);
        expect_picture(path, 3, colour, 0);
        file = (PngFile){8,       PNG_COLOR_TYPE_PALETTE, palette,
                         6,       .gamma = gammas[g],     .rows = (const unsigned char *)"\0\1\2\3\4\5",
                         .row = 3};
        save_png_raw(path, &file);
        expect_picture(path, 3, colour, 0);
    }
}

/* Half of 100 on black is 50, on white 177; of a palette and of a transparent grey alike. */
static void test_png_grounds(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "grounds.png");
    const unsigned char ga[12] = {100, 255, 100, 128, 100, 0, 255, 255, 0, 0, 0, 128};
    PngFile file = {8, PNG_COLOR_TYPE_GRAY_ALPHA, .rows = ga, .row = 6};
    save_png_raw(path, &file);
    expect_on(path, 0, 1, (const unsigned char[]){100, 50, 0, 255, 0, 0});
    expect_on(path, 255, 1, (const unsigned char[]){100, 177, 255, 255, 255, 127});
    file = (PngFile){8,
                     PNG_COLOR_TYPE_PALETTE,
                     palette,
                     6,
                     (const png_byte *)"\x80\0",
                     2,
                     .rows = (const unsigned char *)"\0\1\2\3\4\5",
                     .row = 3};
    save_png_raw(path, &file);
    unsigned char laid[18];
    memcpy(laid, colour, 18);
    memcpy(laid, (const unsigned char[6]){128, 0, 0, 0, 0, 0}, 6);
    expect_on(path, 0, 3, laid);
    memcpy(laid, (const unsigned char[6]){255, 127, 127, 255, 255, 255}, 6);
    expect_on(path, 255, 3, laid);
    file = (PngFile){8, PNG_COLOR_TYPE_GRAY, .transparent = &(png_color_16){.gray = 100}, .rows = grey, .row = 3};
    save_png_raw(path, &file);
    expect_on(path, 0, 1, (const unsigned char[]){0, 50, 0, 150, 200, 255});
    expect_on(path, 255, 1, (const unsigned char[]){0, 50, 255, 150, 200, 255});
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
    /* CMYK: as Adobe writes it, 255 is no ink; red is 200 * 100 / 255. */
    unsigned char inks[24], rgb[18];
    for (int i = 0; i < 6; i++) memcpy(inks + 4 * i, (const unsigned char[]){200, 255, 50, 100}, 4);
    for (int i = 0; i < 6; i++) memcpy(rgb + 3 * i, (const unsigned char[]){78, 100, 20}, 3);
    save_jpeg(path, 3, 2, 4, JCS_CMYK, inks);
    expect_picture(path, 3, rgb, 3);
    save_jpeg(path, 3, 2, 4, JCS_YCCK, inks);
    expect_picture(path, 3, rgb, 3);
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
    expect_bad((const unsigned char *)"BMW is no bitmap file", 21,
               "none of PNG, JPEG, BMP, GIF, TIFF and WebP: it begins with the byte 42");
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

/* ---- Orientation ---- */

/* The six colours in the order in which each orientation shows them; from the fifth on, two columns of three rows. */
static const unsigned char shown_order[8][6] = {{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                                {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
                                                {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};

/* Each colour as a square of `side` pixels. */
static void expect_shown(const char *path, const PictureOptions *options, int orientation, int side, int within) {
    static unsigned char pixels[48 * 32 * 3];
    const int rows = orientation > 4 ? 3 : 2, columns = 5 - rows;
    for (int y = 0; y < rows * side; y++)
        for (int x = 0; x < columns * side; x++)
            memcpy(pixels + (y * columns * side + x) * 3,
                   colour + 3 * shown_order[orientation - 1][y / side * columns + x / side], 3);
    const Picture expected = {3, rows * side, columns * side, pixels, orientation != 1, picture_kind(path)};
    expect_read(path, options, &expected, within);
}

static void test_orientations(void **state) {
    (void)state;
    const char *png = path_in(scratch_folder(), "turned.png"), *tiff = path_in(scratch_folder(), "turned.tif");
    const char *webp = path_in(scratch_folder(), "turned.webp");
    unsigned char exif[EXIF_BYTES], rgba[24];
    for (int i = 0; i < 24; i++) rgba[i] = (unsigned char)(i % 4 == 3 ? 255 : colour[i / 4 * 3 + i % 4]);
    for (int big = 0; big < 2; big++)
        for (int o = 1; o <= 8; o++) {
            make_exif(big, o, exif);
            const PngFile file = {8,       PNG_COLOR_TYPE_RGB, .exif = exif, .exif_size = sizeof exif, .rows = colour,
                                  .row = 9};
            save_png_raw(png, &file);
            expect_shown(png, NULL, o, 1, 0);
            const TiffFile page = {3, 2, 3, 8, PHOTOMETRIC_RGB, COMPRESSION_LZW, -1, o, .rows = colour};
            assert_true(save_tiff(tiff, &page));
            expect_shown(tiff, NULL, o, 1, 0);
            assert_true(save_webp(webp, &(WebpFile){3, 2, .left = -1, .rgba = rgba, .exif = exif}));
            expect_shown(webp, NULL, o, 1, 0);
        }
}

/* Squares of 16 pixels; wanted smaller, each comes as one of 16, 8, 4 or 2. The sides that are wanted are those of the turned picture. */
static void test_jpeg_turned_and_scaled(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "turned.jpg");
    static unsigned char pixels[48 * 32 * 3];
    unsigned char marker[6 + EXIF_BYTES] = "Exif\0";
    static const int wanted[][3] = {{0, 0, 16}, {32, 48, 16}, {17, 4, 16}, {16, 4, 8}, {3, 13, 8},
                                    {8, 12, 4}, {1, 12, 4},   {4, 6, 2},   {1, 0, 2},  {999, 1, 16}};
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 48; x++) memcpy(pixels + (y * 48 + x) * 3, colour + 3 * (y / 16 * 3 + x / 16), 3);
    for (int o = 1; o <= 8; o++) {
        make_exif(o % 2, o, marker + 6);
        save_jpeg_as(path, 48, 32, 3, JCS_RGB, pixels, false, marker, sizeof marker);
        expect_shown(path, NULL, o, 16, 12);
        for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++) {
            PictureOptions options = {.height = wanted[w][0], .width = wanted[w][1]};
            if (o > 4) options = (PictureOptions){.height = wanted[w][1], .width = wanted[w][0]};
            Picture full;
            assert_ok(picture_measure(path, &full));
            assert_int_equal(full.height, o > 4 ? 48 : 32);
            expect_shown(path, &options, o, wanted[w][2], 12);
        }
    }
}

/* Whatever stands in EXIF, the picture is read: turned where the tag is sound, else not. */
static void test_exif_bad(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "exif.png");
    unsigned char exif[EXIF_BYTES];
    static const struct {
        size_t at;
        unsigned char value;
        int orientation;
        unsigned needed;
    } changes[] = {{2, 43, 1, 0}, {4, 255, 1, 0}, {7, 255, 1, 0}, {8, 255, 3, 32}, {9, 255, 3, 32}, {8, 1, 1, 0},
                   {22, 1, 1, 0}, {24, 9, 1, 0},  {24, 4, 3, 34}, {30, 0, 1, 0},   {30, 9, 1, 0},   {31, 1, 1, 0}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        for (unsigned size = sizeof exif; size >= 4; size--) {
            make_exif(false, 3, exif);
            exif[changes[i].at] = changes[i].value;
            const PngFile file = {8, PNG_COLOR_TYPE_RGB, .exif = exif, .exif_size = size, .rows = colour, .row = 9};
            save_png_raw(path, &file);
            expect_shown(path, NULL, size >= changes[i].needed ? changes[i].orientation : 1, 1, 0);
        }
}

/* A picture is measured without its pixels: those may be missing. */
static void test_measured_by_head(void **state) {
    (void)state;
    static unsigned char bytes[100000], noise[64 * 64 * 3];
    const char *path = path_in(scratch_folder(), "head");
    Picture picture;
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * 2654435761u >> 13);
    for (int png = 0; png < 2; png++) {
        if (png)
            save_png(path, 64, 64, PNG_FORMAT_RGB, noise);
        else
            save_jpeg(path, 64, 64, 3, JCS_RGB, noise);
        const size_t size = load(path, bytes, sizeof bytes);
        write_bytes(path, bytes, size - 3);
        assert_ok(picture_measure(path, &picture));
        assert_int_equal(picture.width, 64);
        assert_int_equal(picture.kind, png ? PICTURE_PNG : PICTURE_JPEG);
        assert_null(picture.pixels);
        expect_bad(bytes, size - 3, png ? "damaged PNG" : "damaged JPEG");
    }
}

static void test_kind_names(void **state) {
    (void)state;
    assert_string_equal(picture_kind_name(PICTURE_JPEG), "JPEG");
    assert_string_equal(picture_kind_name(PICTURE_WEBP), "WebP");
    assert_string_equal(picture_kind_name(PICTURE_UNREADABLE), "unreadable");
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
        cmocka_unit_test(test_png_gamma),
        cmocka_unit_test(test_png_grounds),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_jpeg_turned_and_scaled),
        cmocka_unit_test(test_exif_bad),
        cmocka_unit_test(test_measured_by_head),
        cmocka_unit_test(test_kind_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
