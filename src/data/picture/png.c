/* PNG by libpng. Chunks about colour (gAMA, cHRM, sRGB, iCCP) and texts are passed over, damaged or not; of 16 bits the upper 8 are
 * kept, as by Pillow and OpenCV. A palette is colour, whatever stands in it. The orientation is that of an eXIf chunk before the
 * pixels. */
#include "base/limits.h"
#include "base/memory.h"
#include "data/picture/picture.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

typedef struct PngFault {
    jmp_buf back;
    char text[120];
} PngFault;

static void png_fail(png_structp png, png_const_charp text) {
    PngFault *fault = png_get_error_ptr(png);
    snprintf(fault->text, sizeof fault->text, "%s", text);
    longjmp(fault->back, 1);
}

static void png_ignore(png_structp png, png_const_charp text) {
    (void)png, (void)text;
}

static void png_take(png_structp png, png_bytep out, size_t size) {
    if (fread(out, 1, size, png_get_io_ptr(png)) != size) png_error(png, "the file ends early");
}

static void png_read_header(png_structp png, png_infop info, int *orientation) {
    static const png_byte exif_chunk[] = "eXIf";
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    /* All that pixels can do without, then again what has the orientation. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, exif_chunk, 1);
    png_read_info(png, info);
    if (png_get_eXIf_1(png, info, &size, &exif)) *orientation = exif_orientation(exif, size);
}

static cf_status png_decode(png_structp png, png_infop info, const PictureFile *file, Picture *picture) {
    const bool alpha = png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA || png_get_valid(png, info, PNG_INFO_tRNS);
    const size_t row = (size_t)picture->width * ((size_t)picture->channels + alpha);
    png_set_expand(png);
    png_set_strip_16(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != row) png_error(png, "its rows have an unexpected length");
    FORWARD(memory_new((size_t)picture->height, row, &picture->pixels));
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < picture->height; y++) png_read_row(png, picture->pixels + (size_t)y * row, NULL);
    png_read_end(png, NULL);
    if (alpha) picture_lay(file, picture, false);
    return CF_OK;
}

/* All that libpng can jump out of. */
static cf_status png_work(png_structp png, png_infop info, PngFault *fault, const PictureFile *file, Picture *picture,
                          int *orientation) {
    if (setjmp(fault->back)) return picture_damaged(file, "%s", fault->text);
    png_set_read_fn(png, file->stream, png_take);
    png_read_header(png, info, orientation);
    picture->channels = png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR ? 3 : 1;
    FORWARD(picture_set_size(file, png_get_image_width(png, info), png_get_image_height(png, info), picture));
    const int bits = png_get_bit_depth(png, info) * png_get_channels(png, info);
    FORWARD(picture_check_rate(file, picture, (size_t)bits, DEFLATE_RATIO));
    return file->measure ? CF_OK : png_decode(png, info, file, picture);
}

cf_status png_picture(const PictureFile *file, Picture *picture, int *orientation) {
    PngFault fault;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &fault, png_fail, png_ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    cf_status status = info ? png_work(png, info, &fault, file, picture, orientation)
                            : FAIL(CF_NO_MEMORY, "out of memory while reading %s", file->path);
    png_destroy_read_struct(&png, &info, NULL);
    return status;
}
