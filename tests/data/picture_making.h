/* Writes small PNG and JPEG files for the tests of the readers. */
#ifndef DATA_PICTURE_MAKING_H
#define DATA_PICTURE_MAKING_H

#include "testing.h"

#include <png.h>
#include <stdio.h>
#include <string.h>

/* After stdio.h, which it needs but does not include. */
#include <jpeglib.h>

static inline void save_png(const char *path, unsigned width, unsigned height, unsigned format, const void *pixels) {
    png_image image = {.version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = format};
    assert_true(png_image_write_to_file(&image, path, 0, pixels, 0, NULL));
}

/* 3 x 2 pixels as they stand in the file; `row` bytes each row. */
static inline void save_png_raw(const char *path, int bits, int colour_type, const png_color *palette, int colours,
                                const unsigned char *rows, size_t row) {
    FILE *stream = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    assert_non_null(stream);
    assert_non_null(png);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, stream);
    png_set_IHDR(png, info, 3, 2, bits, colour_type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (palette) png_set_PLTE(png, info, palette, colours);
    png_write_info(png, info);
    png_write_row(png, rows);
    png_write_row(png, rows + row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(stream);
}

static inline void save_jpeg_as(const char *path, unsigned width, unsigned height, int channels, J_COLOR_SPACE space,
                                const unsigned char *pixels, bool progressive) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, stream);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 98, TRUE);
    if (progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < height) {
        unsigned char line[1024];
        memcpy(line, pixels + jpeg.next_scanline * width * (unsigned)channels, width * (unsigned)channels);
        JSAMPROW row = line;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    fclose(stream);
}

static inline void save_jpeg(const char *path, unsigned width, unsigned height, int channels, J_COLOR_SPACE space,
                             const unsigned char *pixels) {
    save_jpeg_as(path, width, height, channels, space, pixels, false);
}

static inline void save_progressive_jpeg(const char *path, unsigned width, unsigned height, const unsigned char *rgb) {
    save_jpeg_as(path, width, height, 3, JCS_RGB, rgb, true);
}

#endif
