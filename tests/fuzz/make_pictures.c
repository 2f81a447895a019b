/* Small pictures of every kind that the reader of class folders knows. */
#include "make_corpus.h"

#include "base/memory.h"
#include "data/picture_saving.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>

/* After stdio.h, which it needs but does not include. */
#include <jpeglib.h>

enum { SIDE = 9 };

static void fill(unsigned char *pixels, size_t size) {
    for (size_t i = 0; i < size; i++) pixels[i] = (unsigned char)(i * i % 253);
}

static void make_png(const Corpus *corpus, const char *name, png_uint_32 format) {
    unsigned char pixels[SIDE * SIDE * 8], colours[4 * 256];
    png_image image = {.version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = format};
    fill(pixels, sizeof pixels);
    fill(colours, sizeof colours);
    if (format & PNG_FORMAT_FLAG_COLORMAP) {
        image.colormap_entries = 16;
        for (size_t i = 0; i < sizeof pixels; i++) pixels[i] %= 16;
    }
    if (!png_image_write_to_file(&image, corpus_path(corpus, "picture", name), 0, pixels, 0, colours)) abort();
}

static void make_interlaced(const Corpus *corpus) {
    unsigned char pixels[SIDE][SIDE], *rows[SIDE];
    FILE *stream = fopen(corpus_path(corpus, "picture", "interlaced"), "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    if (!stream || !png) abort();
    png_infop info = png_create_info_struct(png);
    fill(&pixels[0][0], sizeof pixels);
    for (int y = 0; y < SIDE; y++) rows[y] = pixels[y];
    png_init_io(png, stream);
    png_set_IHDR(png, info, SIDE, SIDE, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_ADAM7, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_rows(png, info, rows);
    png_write_png(png, info, 0, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(stream);
}

static void make_jpeg(const Corpus *corpus, const char *name, int channels, bool progressive, bool arithmetic) {
    unsigned char pixels[SIDE * SIDE * 4], exif[6 + EXIF_BYTES] = "Exif\0";
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *stream = fopen(corpus_path(corpus, "picture", name), "wb");
    if (!stream) abort();
    fill(pixels, sizeof pixels);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, stream);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg.arith_code = arithmetic;
    if (progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    make_exif(false, 6, exif + 6);
    if (progressive) jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif);
    while (jpeg.next_scanline < SIDE) {
        JSAMPROW row = pixels + jpeg.next_scanline * SIDE * (unsigned)channels;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    fclose(stream);
}

static void make_bmps(const Corpus *corpus, const unsigned char (*colours)[3], const unsigned char *pixels) {
    static const uint32_t kinds[][3] = {{12, 24, 0}, {40, 1, 0}, {40, 4, 0}, {40, 8, 0}, {40, 16, 3}, {124, 32, 3}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const BmpFile file = {.header = kinds[i][0],
                              .bits = kinds[i][1],
                              .packing = kinds[i][2],
                              .masks = {0xf800, 0x7e0, 0x1f, 0xff000000},
                              .width = SIDE,
                              .height = i % 2 ? SIDE : -SIDE,
                              .colours = colours,
                              .count = kinds[i][1] <= 8 ? 1u << kinds[i][1] : 0,
                              .rows = pixels,
                              .size = (SIDE * kinds[i][1] + 31) / 32 * 4 * SIDE};
        const char name[] = {'b', 'm', 'p', (char)('0' + i), '\0'};
        if (!save_bmp(corpus_path(corpus, "picture", name), &file)) abort();
    }
}

static void make_gifs(const Corpus *corpus, const unsigned char (*colours)[3], const unsigned char *pixels) {
    unsigned char numbers[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) numbers[i] = pixels[i] % 16;
    GifPart part = {SIDE, SIDE, 0, 0, SIDE, SIDE, colours, 16, 3, 1, false, numbers};
    if (!save_gif(corpus_path(corpus, "picture", "gif"), &part)) abort();
    part.interlaced = true;
    part.frames = 2;
    part.canvas_width += 2;
    if (!save_gif(corpus_path(corpus, "picture", "gif-frames"), &part)) abort();
}

static void make_tiffs(const Corpus *corpus, const unsigned char *pixels) {
    static const struct {
        const char *name;
        int samples, bits, photometric, packing, extra;
    } kinds[] = {{"tiff-grey", 1, 8, PHOTOMETRIC_MINISBLACK, COMPRESSION_NONE, -1},
                 {"tiff-lzw", 3, 8, PHOTOMETRIC_RGB, COMPRESSION_LZW, -1},
                 {"tiff-alpha", 4, 8, PHOTOMETRIC_RGB, COMPRESSION_ADOBE_DEFLATE, EXTRASAMPLE_UNASSALPHA},
                 {"tiff-cmyk", 4, 8, PHOTOMETRIC_SEPARATED, COMPRESSION_PACKBITS, -1},
                 {"tiff-words", 1, 16, PHOTOMETRIC_MINISWHITE, COMPRESSION_NONE, -1},
                 {"tiff-fax", 1, 1, PHOTOMETRIC_MINISWHITE, COMPRESSION_CCITTFAX4, -1}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const TiffFile file = {
            SIDE,           SIDE, kinds[i].samples, kinds[i].bits, kinds[i].photometric, kinds[i].packing,
            kinds[i].extra, 6,    .rows = pixels};
        if (!save_tiff(corpus_path(corpus, "picture", kinds[i].name), &file)) abort();
    }
    const TiffFile tiled = {SIDE, SIDE, 3, 8, PHOTOMETRIC_RGB, COMPRESSION_LZW, -1, .tiled = true, .rows = pixels};
    if (!save_tiff(corpus_path(corpus, "picture", "tiff-tiled"), &tiled)) abort();
}

static void make_webps(const Corpus *corpus, const unsigned char *pixels) {
    unsigned char exif[EXIF_BYTES], *lossy = NULL;
    make_exif(true, 8, exif);
    const WebpFile still = {SIDE, SIDE, .left = -1, .rgba = pixels, .exif = exif};
    const WebpFile moving = {SIDE, SIDE, 2 * SIDE, SIDE, 2, 0, pixels, NULL};
    if (!save_webp(corpus_path(corpus, "picture", "webp"), &still)) abort();
    if (!save_webp(corpus_path(corpus, "picture", "webp-frames"), &moving)) abort();
    const size_t size = WebPEncodeRGBA(pixels, SIDE, SIDE, 4 * SIDE, 60, &lossy);
    put(corpus, "picture", "webp-lossy", lossy, size);
    WebPFree(lossy);
}

void make_pictures(const Corpus *corpus) {
    unsigned char pixels[16 * 16 * 4], colours[256][3];
    fill(pixels, sizeof pixels);
    fill(colours[0], sizeof colours);
    make_bmps(corpus, (const unsigned char(*)[3])colours, pixels);
    make_gifs(corpus, (const unsigned char(*)[3])colours, pixels);
    make_tiffs(corpus, pixels);
    make_webps(corpus, pixels);
    make_png(corpus, "grey", PNG_FORMAT_GRAY);
    make_png(corpus, "rgb", PNG_FORMAT_RGB);
    make_png(corpus, "rgba", PNG_FORMAT_RGBA);
    make_png(corpus, "grey-alpha", PNG_FORMAT_GA);
    make_png(corpus, "palette", PNG_FORMAT_RGB_COLORMAP);
    make_png(corpus, "linear", PNG_FORMAT_LINEAR_RGB);
    make_interlaced(corpus);
    make_jpeg(corpus, "jpeg-grey", 1, false, false);
    make_jpeg(corpus, "jpeg", 3, false, false);
    make_jpeg(corpus, "jpeg-progressive", 3, true, false);
    make_jpeg(corpus, "jpeg-arithmetic", 3, false, true);
    make_jpeg(corpus, "jpeg-cmyk", 4, false, false);
}
