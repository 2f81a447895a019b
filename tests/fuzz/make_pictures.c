/* Small pictures of every kind that the reader of class folders knows. */
#include "make_corpus.h"

#include "base/memory.h"

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
    unsigned char pixels[SIDE * SIDE * 3];
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
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg.arith_code = arithmetic;
    if (progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < SIDE) {
        JSAMPROW row = pixels + jpeg.next_scanline * SIDE * (unsigned)channels;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    fclose(stream);
}

void make_pictures(const Corpus *corpus) {
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
}
