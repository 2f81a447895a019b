/* BMP, GIF, TIFF and WebP; PNG and JPEG have test_picture.c. */
#include "data/picture/picture.h"
#include "data/picture_making.h"
#include "data/picture_saving.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char grey[6] = {0, 50, 100, 150, 200, 255};
static const unsigned char colours[6][3] = {{255, 0, 0},  {0, 255, 0},  {0, 0, 255},
                                            {10, 20, 30}, {40, 50, 60}, {255, 255, 255}};
static const unsigned char greys[6][3] = {{0, 0, 0},       {50, 50, 50},    {100, 100, 100},
                                          {150, 150, 150}, {200, 200, 200}, {255, 255, 255}};
static const unsigned char numbers[6] = {0, 1, 2, 3, 4, 5};

/* 3 x 2 pixels on a ground. */
static void expect_on(const char *path, PictureKind kind, unsigned char ground, int channels, const void *pixels,
                      int within) {
    const PictureOptions options = {.ground = ground};
    expect_read(path, &options, &(Picture){channels, 2, 3, (unsigned char *)(uintptr_t)pixels, .kind = kind}, within);
}

static void expect_bad(const char *path, const char *part) {
    Picture picture;
    assert_fails(picture_read(path, NULL, &picture), CF_BAD_INPUT, part);
    assert_fails(picture_read(path, NULL, &picture), CF_BAD_INPUT, path);
}

static size_t load(const char *path, unsigned char *bytes, size_t room) {
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    const size_t size = fread(bytes, 1, room, stream);
    fclose(stream);
    return size;
}

/* Wherever a file ends early, it is an error that tells of this kind; whatever bit is turned, nothing crashes. */
static void expect_whole_only(const char *path, const char *part) {
    static unsigned char bytes[100000];
    const char *other = path_in(scratch_folder(), "cut");
    const size_t size = load(path, bytes, sizeof bytes);
    assert_in_range(size, 30, sizeof bytes - 1);
    for (size_t cut = 1; cut < size; cut++) {
        Picture picture;
        write_bytes(other, bytes, cut);
        assert_fails(picture_read(other, NULL, &picture), CF_BAD_INPUT, cut < 30 ? other : part);
    }
    for (size_t bit = 0; bit < 8 * size; bit += 3) {
        Picture picture;
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        write_bytes(other, bytes, size);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (!picture_read(other, &(PictureOptions){.ground = 255}, &picture)) free(picture.pixels);
    }
}

/* ---- BMP ---- */

static void test_bmp_colours(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "a.bmp");
    /* Blue, green, red; the lower row first, each of 12 bytes. */
    static const unsigned char rows[24] = {30, 20, 10, 60, 50, 40, 255, 255, 255, 9, 9, 9, 0, 0, 255, 0, 255, 0, 255};
    BmpFile file = {.header = 40, .bits = 24, .width = 3, .height = 2, .rows = rows, .size = sizeof rows};
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 3, colours, 0);
    expect_whole_only(path, "damaged BMP: the file ends early");
    file.header = 12;
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 3, colours, 0);
    file.header = 124;
    file.height = -2;
    assert_true(save_bmp(path, &file));
    unsigned char turned[18];
    memcpy(turned, colours[3], 9);
    memcpy(turned + 9, colours[0], 9);
    expect_on(path, PICTURE_BMP, 0, 3, turned, 0);
}

/* Five bits each; five, six and five bits; eight bits in an order of the file's own, with alpha or a byte that says nothing. */
static void test_bmp_masks(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "masks.bmp");
    static const uint16_t of_5[8] = {0x7fff, 16, 0x0210, 0, 0x7c00, 0x03e0, 0x001f, 0};
    BmpFile file = {.header = 40, .bits = 16, .width = 3, .height = 2, .rows = of_5, .size = sizeof of_5};
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 3,
              (const unsigned char[]){255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 131, 0, 131, 131}, 0);
    file.packing = 3;
    memcpy(file.masks, (const uint32_t[4]){0xf800, 0x07e0, 0x001f, 0}, sizeof file.masks);
    static const uint16_t of_565[8] = {0xffff, 16, 0x0400, 0, 0xf800, 0x07e0, 0x001f, 0};
    file.rows = of_565;
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 3,
              (const unsigned char[]){255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 131, 0, 129, 0}, 0);
    static const uint32_t deep[6] = {0x64ff0000, 0x6400ff00, 0x640000ff, 0xff643200, 0x80643200, 0x00643200};
    file = (BmpFile){.header = 40, .bits = 32, .width = 3, .height = -2, .rows = deep, .size = sizeof deep};
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 3,
              (const unsigned char[]){255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 50, 0, 100, 50, 0, 100, 50, 0}, 0);
    file.header = 108;
    file.packing = 3;
    memcpy(file.masks, (const uint32_t[4]){0xff, 0xff00, 0xff0000, 0xff000000}, sizeof file.masks);
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 3,
              (const unsigned char[]){0, 0, 100, 0, 100, 0, 100, 0, 0, 0, 50, 100, 0, 25, 50, 0, 0, 0}, 0);
    expect_on(
        path, PICTURE_BMP, 255, 3,
        (const unsigned char[]){155, 155, 255, 155, 255, 155, 255, 155, 155, 0, 50, 100, 127, 152, 177, 255, 255, 255},
        0);
    expect_whole_only(path, "damaged BMP");
}

static void test_bmp_palettes(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "palette.bmp");
    static const unsigned char of_8[8] = {3, 4, 5, 0, 0, 1, 2, 0}, of_4[8] = {0x34, 0x50, 0, 0, 0x01, 0x20};
    BmpFile file = {
        .header = 40, .bits = 8, .width = 3, .height = 2, .colours = colours, .count = 6, .rows = of_8, .size = 8};
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 3, colours, 0);
    expect_whole_only(path, "damaged BMP");
    file.colours = greys; /* a palette of greys: the format's only way to say grey */
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 1, grey, 0);
    file.bits = 4;
    file.rows = of_4;
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 1, grey, 0);
    static const unsigned char of_1[8] = {0xa0, 0, 0, 0, 0x40}, two[2][3] = {{0, 0, 0}, {255, 255, 255}};
    file = (BmpFile){
        .header = 40, .bits = 1, .width = 3, .height = 2, .colours = two, .count = 2, .rows = of_1, .size = 8};
    assert_true(save_bmp(path, &file));
    expect_on(path, PICTURE_BMP, 0, 1, (const unsigned char[]){0, 255, 0, 255, 0, 255}, 0);
}

static void test_bmp_bad(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "bad.bmp");
    static const unsigned char rows[24];
    const BmpFile good = {.header = 40, .bits = 24, .width = 3, .height = 2, .rows = rows, .size = sizeof rows};
    BmpFile file = good;
    file.packing = 1;
    assert_true(save_bmp(path, &file));
    expect_bad(path, "packed pixels (kind 1)");
    file = good;
    file.bits = 7;
    assert_true(save_bmp(path, &file));
    expect_bad(path, "7 bits a pixel");
    file = good;
    file.width = 9999;
    file.height = 9999;
    assert_true(save_bmp(path, &file));
    expect_bad(path, "the file ends early");
    file.height = -70000;
    assert_true(save_bmp(path, &file));
    expect_bad(path, "9999 x 70000 pixels");
    file = good;
    file.width = -3;
    assert_true(save_bmp(path, &file));
    expect_bad(path, "width is negative");
    file = good;
    file.height = INT32_MIN;
    assert_true(save_bmp(path, &file));
    expect_bad(path, "3 x 2147483648 pixels");
}

/* ---- GIF ---- */

static void test_gif(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "a.gif");
    GifPart part = {3, 2, 0, 0, 3, 2, colours, 6, -1, 1, false, numbers};
    assert_true(save_gif(path, &part));
    expect_on(path, PICTURE_GIF, 0, 3, colours, 0);
    expect_whole_only(path, "damaged GIF");
    part.frames = 2; /* the first one counts */
    assert_true(save_gif(path, &part));
    expect_on(path, PICTURE_GIF, 0, 3, colours, 0);
    expect_whole_only(path, "damaged GIF");
    part.colours = greys;
    part.interlaced = true;
    assert_true(save_gif(path, &part));
    expect_on(path, PICTURE_GIF, 255, 1, grey, 0);
}

/* Eleven rows, of which each pass of the interlacing has some. */
static void test_gif_interlaced(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "interlaced.gif");
    static unsigned char shades[16][3], rows[11 * 5];
    for (int i = 0; i < 16; i++) memset(shades[i], 10 * i, 3);
    for (int i = 0; i < 55; i++) rows[i] = (unsigned char)(i / 5);
    const GifPart part = {5, 11, 0, 0, 5, 11, (const unsigned char(*)[3])shades, 16, -1, 1, true, rows};
    assert_true(save_gif(path, &part));
    for (int i = 0; i < 55; i++) rows[i] = (unsigned char)(10 * (i / 5));
    expect_read(path, NULL, &(Picture){1, 11, 5, rows, .kind = PICTURE_GIF}, 0);
}

/* One colour is transparent, and so is the picture where the frame is not. */
static void test_gif_grounds(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "grounds.gif");
    unsigned char laid[6][3];
    memcpy(laid, colours, sizeof laid);
    GifPart part = {3, 2, 0, 0, 3, 2, colours, 6, 4, 1, false, numbers};
    assert_true(save_gif(path, &part));
    memset(laid[4], 0, 3);
    expect_on(path, PICTURE_GIF, 0, 3, laid, 0);
    memset(laid[4], 255, 3);
    expect_on(path, PICTURE_GIF, 255, 3, laid, 0);
    part = (GifPart){3, 2, 1, 1, 2, 1, colours, 6, -1, 1, false, numbers};
    assert_true(save_gif(path, &part));
    memset(laid, 255, sizeof laid);
    memcpy(laid[4], colours, 6);
    expect_on(path, PICTURE_GIF, 255, 3, laid, 0);
}

static void test_gif_bad(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "bad.gif");
    static unsigned char bytes[1000];
    GifPart part = {3, 2, 1, 1, 3, 2, colours, 6, -1, 1, false, numbers};
    assert_true(save_gif(path, &part));
    expect_bad(path, "leaves the picture of 3 x 2");
    part = (GifPart){3, 2, 0, 0, 3, 2, colours, 6, -1, 0, false, numbers};
    assert_true(save_gif(path, &part));
    expect_bad(path, "it has no frame");
    part.frames = 1;
    assert_true(save_gif(path, &part));
    const size_t size = load(path, bytes, sizeof bytes);
    unsigned char *frame = memmem(bytes, size, "\x2c\0\0\0\0", 5);
    assert_non_null(frame);
    memcpy(bytes + 6, "\x0f\x27\x0f\x27", 4);
    memcpy(frame + 5, "\x0f\x27\x0f\x27", 4);
    write_bytes(path, bytes, size);
    expect_bad(path, "more than its");
    memcpy(bytes + 6, "\xff\xff\xff\xff", 4);
    write_bytes(path, bytes, size);
    expect_bad(path, "65535 x 65535 pixels");
}

/* ---- TIFF ---- */

static void test_tiff(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "a.tif");
    static const int packings[] = {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_PACKBITS, COMPRESSION_ADOBE_DEFLATE};
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
        TiffFile file = {3, 2, 3, 8, PHOTOMETRIC_RGB, packings[i], -1, .rows = colours};
        assert_true(save_tiff(path, &file));
        expect_on(path, PICTURE_TIFF, 255, 3, colours, 0);
        expect_whole_only(path, "TIFF");
        file = (TiffFile){3, 2, 1, 8, PHOTOMETRIC_MINISBLACK, packings[i], -1, .rows = grey};
        assert_true(save_tiff(path, &file));
        expect_on(path, PICTURE_TIFF, 255, 1, grey, 0);
    }
    static const unsigned char bits[2] = {0xa0, 0x40};
    const TiffFile fax = {3, 2, 1, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_CCITTFAX4, -1, .rows = bits};
    assert_true(save_tiff(path, &fax));
    expect_on(path, PICTURE_TIFF, 0, 1, (const unsigned char[]){0, 255, 0, 255, 0, 255}, 0);
    static const uint16_t deep[6] = {0x00ff, 50 << 8, 100 << 8 | 1, 150 << 8 | 127, 200 << 8, 0xffff};
    const TiffFile words = {3, 2, 1, 16, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, -1, .rows = deep};
    assert_true(save_tiff(path, &words));
    expect_on(path, PICTURE_TIFF, 0, 1, grey, 0);
}

static void test_tiff_tiled(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "tiled.tif");
    unsigned char tile[16 * 16 * 3] = {0};
    memcpy(tile, colours[0], 9);
    memcpy(tile + 16 * 3, colours[3], 9);
    const TiffFile file = {3, 2, 3, 8, PHOTOMETRIC_RGB, COMPRESSION_LZW, -1, .tiled = true, .rows = tile};
    assert_true(save_tiff(path, &file));
    expect_on(path, PICTURE_TIFF, 0, 3, colours, 0);
    expect_whole_only(path, "TIFF");
}

/* Alpha beside the values, or times them already. */
static void test_tiff_grounds(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "grounds.tif");
    static const unsigned char ga[12] = {100, 255, 100, 128, 100, 0, 255, 255, 0, 0, 0, 128};
    TiffFile file = {3, 2, 2, 8, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, EXTRASAMPLE_UNASSALPHA, .rows = ga};
    assert_true(save_tiff(path, &file));
    expect_on(path, PICTURE_TIFF, 0, 1, (const unsigned char[]){100, 50, 0, 255, 0, 0}, 0);
    expect_on(path, PICTURE_TIFF, 255, 1, (const unsigned char[]){100, 177, 255, 255, 255, 127}, 0);
    static const unsigned char rgba[24] = {255, 0, 0, 255, 100, 50, 0,  128, 100, 50, 0, 0,
                                           0,   0, 0, 255, 10,  20, 30, 255, 0,   0,  0, 255};
    file = (TiffFile){3, 2, 4, 8, PHOTOMETRIC_RGB, COMPRESSION_LZW, EXTRASAMPLE_UNASSALPHA, .rows = rgba};
    assert_true(save_tiff(path, &file));
    expect_on(path, PICTURE_TIFF, 0, 3,
              (const unsigned char[]){255, 0, 0, 50, 25, 0, 0, 0, 0, 0, 0, 0, 10, 20, 30, 0, 0, 0}, 0);
    expect_on(path, PICTURE_TIFF, 255, 3,
              (const unsigned char[]){255, 0, 0, 177, 152, 127, 255, 255, 255, 0, 0, 0, 10, 20, 30, 0, 0, 0}, 0);
    file.extra = EXTRASAMPLE_ASSOCALPHA;
    assert_true(save_tiff(path, &file));
    expect_on(path, PICTURE_TIFF, 255, 3,
              (const unsigned char[]){255, 0, 0, 227, 177, 127, 255, 255, 255, 0, 0, 0, 10, 20, 30, 0, 0, 0}, 0);
}

static void test_tiff_bad(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "bad.tif");
    static unsigned char bytes[1000];
    static const float values[6] = {0, 1, 2, 3, 4, 5};
    TiffFile file = {
        3, 2, 1, 32, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, -1, .format = SAMPLEFORMAT_IEEEFP, .rows = values};
    assert_true(save_tiff(path, &file));
    expect_bad(path, "is a TIFF that cannot be read");
    file = (TiffFile){3, 2, 2, 16, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, EXTRASAMPLE_UNASSALPHA, .rows = values};
    assert_true(save_tiff(path, &file));
    expect_bad(path, "grey of 16 bits with transparency");
    /* The width and the height, which stand in the first two entries. */
    for (int packed = 0; packed < 2; packed++) {
        file =
            (TiffFile){3, 2, 3, 8, PHOTOMETRIC_RGB, packed ? COMPRESSION_LZW : COMPRESSION_NONE, -1, .rows = colours};
        assert_true(save_tiff(path, &file));
        const size_t size = load(path, bytes, sizeof bytes);
        unsigned char *width = memmem(bytes, size, "\x00\x01\x03\0\x01\0\0\0\x03\0", 10);
        assert_non_null(width);
        memcpy(width + 8, "\x0f\x27", 2);
        memcpy(width + 20, "\x0f\x27", 2);
        write_bytes(path, bytes, size);
        expect_bad(path, "9999 x 9999 pixels, more than its");
        memcpy(width + 8, "\xff\xff", 2);
        write_bytes(path, bytes, size);
        expect_bad(path, "65535 x 9999 pixels");
    }
}

/* ---- WebP ---- */

static void test_webp(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "a.webp");
    unsigned char rgba[24], laid[6][3];
    for (int i = 0; i < 6; i++) {
        memcpy(rgba + 4 * i, colours[i], 3);
        rgba[4 * i + 3] = i == 4 ? 128 : 255;
    }
    memcpy(laid, colours, sizeof laid);
    assert_true(save_webp(path, &(WebpFile){3, 2, .left = -1, .rgba = rgba}));
    memcpy(laid[4], (const unsigned char[]){20, 25, 30}, 3);
    expect_on(path, PICTURE_WEBP, 0, 3, laid, 0);
    memcpy(laid[4], (const unsigned char[]){147, 152, 157}, 3);
    expect_on(path, PICTURE_WEBP, 255, 3, laid, 0);
    expect_whole_only(path, "damaged WebP");
    /* An animation: its first frame, at 2, 0 on a canvas of 5 x 3. */
    unsigned char canvas[3 * 5 * 3];
    memset(canvas, 255, sizeof canvas);
    for (int y = 0; y < 2; y++) memcpy(canvas + (y * 5 + 2) * 3, laid[3 * y], 9);
    assert_true(save_webp(path, &(WebpFile){3, 2, 5, 3, 2, 0, rgba, NULL}));
    expect_read(path, &(PictureOptions){.ground = 255}, &(Picture){3, 3, 5, canvas, .kind = PICTURE_WEBP}, 0);
    expect_whole_only(path, "damaged WebP");
}

/* 16383 pixels a side can be claimed by 30 bytes. */
static void test_webp_large(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "large.webp");
    static unsigned char bytes[1000], rgba[24];
    assert_true(save_webp(path, &(WebpFile){3, 2, 16384, 16384, 0, 0, rgba, NULL}));
    expect_bad(path, "16384 x 16384 pixels");
    assert_true(save_webp(path, &(WebpFile){3, 2, .left = -1, .rgba = rgba}));
    const size_t size = load(path, bytes, sizeof bytes);
    bytes[24] = 200; /* the canvas is wider than its picture */
    write_bytes(path, bytes, size);
    expect_bad(path, "damaged WebP");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bmp_colours), cmocka_unit_test(test_bmp_masks),    cmocka_unit_test(test_bmp_palettes),
        cmocka_unit_test(test_bmp_bad),     cmocka_unit_test(test_gif),          cmocka_unit_test(test_gif_interlaced),
        cmocka_unit_test(test_gif_grounds), cmocka_unit_test(test_gif_bad),      cmocka_unit_test(test_tiff),
        cmocka_unit_test(test_tiff_tiled),  cmocka_unit_test(test_tiff_grounds), cmocka_unit_test(test_tiff_bad),
        cmocka_unit_test(test_webp),        cmocka_unit_test(test_webp_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
