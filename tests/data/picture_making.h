/* Writes small PNG and JPEG files for the tests of the readers. */
#pragma once

#include "data/picture/picture.h"
#include "testing.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After stdio.h, which it needs but does not include. */
#include <jpeglib.h>

static inline void save_png(const char *path, unsigned width, unsigned height, unsigned format, const void *pixels) {
    png_image image = {.version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = format};
    assert_true(png_image_write_to_file(&image, path, 0, pixels, 0, NULL));
}

/* 3 x 2 pixels as they stand in the file; `row` bytes each row. */
typedef struct PngFile {
    int bits, colour_type;
    const png_color *palette;
    int colours;
    const png_byte *alphas; /* of the palette's first colours */
    int alpha_count;
    const png_color_16 *transparent; /* a colour that is */
    double gamma;                    /* 0: not said */
    const unsigned char *exif;
    unsigned exif_size;
    const unsigned char *rows;
    size_t row;
} PngFile;

static inline void save_png_raw(const char *path, const PngFile *file) {
    FILE *stream = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    assert_non_null(stream);
    assert_non_null(png);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, stream);
    png_set_IHDR(png, info, 3, 2, file->bits, file->colour_type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (file->palette) png_set_PLTE(png, info, file->palette, file->colours);
    if (file->alphas || file->transparent) png_set_tRNS(png, info, file->alphas, file->alpha_count, file->transparent);
    if (file->gamma > 0) png_set_gAMA(png, info, file->gamma);
    if (file->exif) {
        unsigned char exif[64];
        memcpy(exif, file->exif, file->exif_size);
        png_set_eXIf_1(png, info, file->exif_size, exif);
    }
    png_write_info(png, info);
    png_write_row(png, file->rows);
    png_write_row(png, file->rows + file->row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(stream);
}

static inline void save_jpeg_as(const char *path, unsigned width, unsigned height, int channels, J_COLOR_SPACE space,
                                const unsigned char *pixels, bool progressive, const unsigned char *exif,
                                unsigned exif_size) {
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
    jpeg.in_color_space = space == JCS_YCCK ? JCS_CMYK : space;
    jpeg_set_defaults(&jpeg);
    if (space == JCS_YCCK) jpeg_set_colorspace(&jpeg, JCS_YCCK);
    /* Colours are as sharp as brightness. */
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    if (space == JCS_YCCK) jpeg.comp_info[3].h_samp_factor = jpeg.comp_info[3].v_samp_factor = 1;
    jpeg_set_quality(&jpeg, 98, TRUE);
    if (progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (exif) jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, exif_size);
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
    save_jpeg_as(path, width, height, channels, space, pixels, false, NULL, 0);
}

static inline void save_progressive_jpeg(const char *path, unsigned width, unsigned height, const unsigned char *rgb) {
    save_jpeg_as(path, width, height, 3, JCS_RGB, rgb, true, NULL, 0);
}

/* What a picture must be, measured and read: its values to `within`. */
static inline void expect_read(const char *path, const PictureOptions *options, const Picture *expected, int within) {
    Picture measured, read;
    assert_ok(picture_measure(path, &measured));
    assert_ok(picture_read(path, options, &read));
    assert_null(measured.pixels);
    assert_int_equal(measured.kind, read.kind);
    assert_int_equal(measured.turned, read.turned);
    assert_int_equal(measured.channels, read.channels);
    assert_int_equal(picture_kind(path), read.kind);
    assert_int_equal(read.kind, expected->kind);
    assert_int_equal(read.turned, expected->turned);
    assert_int_equal(read.channels, expected->channels);
    assert_int_equal(read.height, expected->height);
    assert_int_equal(read.width, expected->width);
    for (int i = 0; i < read.height * read.width * read.channels; i++)
        assert_in_range(read.pixels[i] - expected->pixels[i] + within, 0, 2 * within);
    free(read.pixels);
}
