/* PNG by libpng's simplified interface, JPEG by libjpeg-turbo; from memory, so that one open file serves
 * both.
 *
 * A picture is grey where the file says so (PNG without colour, JPEG of one component), else RGB. Alpha
 * multiplies the values as they stand in the file. CMYK is refused: what it looks like depends on a profile.
 * A JPEG whose data end early or decode wrongly is an error too, where libjpeg itself goes on with a warning.
 * A rotation noted in EXIF is not applied. Limits: base/limits.h.
 */
#include "data/picture/picture.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* After stdio.h, which they need but do not include. */
#include <jerror.h>
#include <jpeglib.h>

static PictureKind kind_of_bytes(const unsigned char *bytes, size_t size) {
    if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) return PICTURE_PNG;
    if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0) return PICTURE_JPEG;
    return PICTURE_NONE;
}

PictureKind picture_kind(const char *path) {
    unsigned char begin[8];
    if (file_is_folder(path)) return PICTURE_NONE;
    FILE *stream = fopen(path, "rb");
    if (!stream) return PICTURE_UNREADABLE;
    size_t got = fread(begin, 1, sizeof begin, stream);
    fclose(stream);
    return kind_of_bytes(begin, got);
}

static cf_status check_size(const char *path, unsigned long width, unsigned long height) {
    FAIL_IF(width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE || width * height > MOST_PIXELS,
            CF_BAD_INPUT, "%s is %lu x %lu pixels; at most %d a side and %d million in all can be read", path, width,
            height, LONGEST_SIDE, MOST_PIXELS / 1000000);
    return CF_OK;
}

/* A file of a few bytes may claim any size: no more pixels than its bytes can hold at best, at so many a byte. */
static cf_status check_density(const char *path, const Picture *picture, size_t per_byte, size_t size) {
    const size_t pixels = (size_t)picture->width * (size_t)picture->height;
    FAIL_IF(pixels / per_byte > size, CF_BAD_INPUT,
            "%s claims %d x %d pixels, more than its %zu bytes can hold; it is damaged", path, picture->width,
            picture->height, size);
    return CF_OK;
}

/* ---- PNG ---- */

/* In place: each pixel's last byte is its alpha; the others stay, times it. */
static void lay_on_black(unsigned char *pixels, size_t count, int channels) {
    const unsigned char *in = pixels;
    for (size_t i = 0; i < count; i++, in += channels + 1)
        for (int c = 0; c < channels; c++) *pixels++ = (unsigned char)((in[c] * in[channels] + 127) / 255);
}

static cf_status png_decode(const char *path, png_image *image, Picture *picture) {
    bool colour = image->format & PNG_FORMAT_FLAG_COLOR, alpha = image->format & PNG_FORMAT_FLAG_ALPHA;
    /* 16-bit files without a gamma would be taken for linear light, unlike the 8-bit ones. */
    image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    image->format = colour ? (alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB) : (alpha ? PNG_FORMAT_GA : PNG_FORMAT_GRAY);
    picture->channels = colour ? 3 : 1;
    picture->height = (int)image->height;
    picture->width = (int)image->width;
    size_t count = (size_t)image->width * image->height;
    FORWARD(memory_new(count, (size_t)picture->channels + alpha, &picture->pixels));
    if (!png_image_finish_read(image, NULL, picture->pixels, 0, NULL) || PNG_IMAGE_FAILED(*image)) {
        free(picture->pixels);
        picture->pixels = NULL;
        return FAIL(CF_BAD_INPUT, "%s is a damaged PNG: %s", path, image->message);
    }
    if (alpha) lay_on_black(picture->pixels, count, picture->channels);
    return CF_OK;
}

static cf_status png_read(const char *path, const unsigned char *bytes, size_t size, bool measure, Picture *picture) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    FAIL_IF(!png_image_begin_read_from_memory(&image, bytes, size), CF_BAD_INPUT, "%s is a damaged PNG: %s", path,
            image.message);
    *picture = (Picture){image.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1, (int)image.height, (int)image.width, .kind = PICTURE_PNG};
    cf_status status = check_size(path, image.width, image.height);
    /* A bit is the least that a pixel takes, before it is deflated. */
    if (!status) status = check_density(path, picture, (size_t)8 * DEFLATE_RATIO, size);
    if (!status && !measure) status = png_decode(path, &image, picture);
    png_image_free(&image);
    return status;
}

/* ---- JPEG ---- */

typedef struct JpegFault {
    struct jpeg_error_mgr manager; /* first: libjpeg hands out its address */
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
    bool failed;
} JpegFault;

static void jpeg_fail(j_common_ptr jpeg) {
    JpegFault *fault = (JpegFault *)jpeg->err;
    if (!fault->failed) jpeg->err->format_message(jpeg, fault->text);
    fault->failed = true;
    longjmp(fault->back, 1);
}

/* Warnings: those that mean lost pixels are remembered. */
static void jpeg_hear(j_common_ptr jpeg, int level) {
    JpegFault *fault = (JpegFault *)jpeg->err;
    if (level >= 0 || fault->failed) return;
    switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
        jpeg->err->format_message(jpeg, fault->text);
        fault->failed = true;
    default:
        break;
    }
}

/* Asked between the pieces of work: a file of many scans would keep the processor busy for hours. */
static void jpeg_watch(j_common_ptr jpeg) {
    JpegFault *fault = (JpegFault *)jpeg->err;
    const bool many = ((j_decompress_ptr)jpeg)->input_scan_number > MOST_JPEG_SCANS;
    if (many && !fault->failed) snprintf(fault->text, sizeof fault->text, "it has more than %d scans", MOST_JPEG_SCANS);
    fault->failed = fault->failed || many;
    if (fault->failed) longjmp(fault->back, 1);
}

static cf_status jpeg_begin(struct jpeg_decompress_struct *jpeg, const char *path, Picture *picture) {
    bool grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    FAIL_IF(jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK, CF_BAD_INPUT,
            "%s is a JPEG in CMYK; RGB or grey was expected: convert it first (for instance `convert IN "
            "-colorspace sRGB "
            "OUT`)",
            path);
    FORWARD(check_size(path, jpeg->image_width, jpeg->image_height));
    jpeg->out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    picture->channels = grey ? 1 : 3;
    picture->height = (int)jpeg->image_height;
    picture->width = (int)jpeg->image_width;
    return CF_OK;
}

/* All that libjpeg can jump out of. picture->pixels is allocated here and stays the caller's on any path. */
static cf_status jpeg_decode(struct jpeg_decompress_struct *jpeg, JpegFault *fault, const char *path,
                             const unsigned char *bytes, size_t size, bool measure, Picture *picture) {
    struct jpeg_progress_mgr watcher = {.progress_monitor = jpeg_watch};
    if (setjmp(fault->back)) {
        FAIL_IF(jpeg->err->msg_code == JERR_OUT_OF_MEMORY, CF_NO_MEMORY, "out of memory while reading %s", path);
        return FAIL(CF_BAD_INPUT, "%s is a damaged JPEG: %s", path, fault->text);
    }
    jpeg_create_decompress(jpeg);
    jpeg_mem_src(jpeg, bytes, size);
    jpeg->mem->max_memory_to_use = MOST_JPEG_MEMORY;
    jpeg_read_header(jpeg, TRUE);
    FORWARD(jpeg_begin(jpeg, path, picture));
    /* Each block of 8 x 8 takes a bit at least, unless it is coded arithmetically. */
    if (!jpeg->arith_code) FORWARD(check_density(path, picture, (size_t)8 * 8 * 8, size));
    if (measure) return CF_OK;
    jpeg->progress = &watcher;
    size_t row = (size_t)picture->width * (size_t)picture->channels;
    FORWARD(memory_new((size_t)picture->height, row, &picture->pixels));
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW line = picture->pixels + jpeg->output_scanline * row;
        jpeg_read_scanlines(jpeg, &line, 1);
    }
    jpeg_finish_decompress(jpeg);
    FAIL_IF(fault->failed, CF_BAD_INPUT, "%s is a damaged JPEG: %s", path, fault->text);
    return CF_OK;
}

static cf_status jpeg_read(const char *path, const unsigned char *bytes, size_t size, bool measure, Picture *picture) {
    struct jpeg_decompress_struct jpeg = {0};
    JpegFault fault = {0};
    jpeg.err = jpeg_std_error(&fault.manager);
    fault.manager.error_exit = jpeg_fail;
    fault.manager.emit_message = jpeg_hear;
    cf_status status = jpeg_decode(&jpeg, &fault, path, bytes, size, measure, picture);
    jpeg_destroy_decompress(&jpeg);
    if (status) free(picture->pixels);
    return status;
}

/* ---- Both ---- */

static cf_status read_or_measure(const char *path, bool measure, Picture *picture) {
    unsigned char *bytes;
    size_t size;
    Picture made = {0};
    cf_status status;
    FORWARD(file_read(path, MOST_PICTURE_BYTES, &bytes, &size));
    switch (kind_of_bytes(bytes, size)) {
    case PICTURE_PNG:
        status = png_read(path, bytes, size, measure, &made);
        break;
    case PICTURE_JPEG:
        status = jpeg_read(path, bytes, size, measure, &made);
        break;
    default:
        status = size == 0
                     ? FAIL(CF_BAD_INPUT, "%s is empty; a PNG or JPEG file was expected", path)
                     : FAIL(CF_BAD_INPUT, "%s is neither PNG nor JPEG: it begins with the byte %02x", path, bytes[0]);
    }
    made.kind = kind_of_bytes(bytes, size);
    free(bytes);
    if (!status) *picture = made;
    return status;
}

const char *picture_kind_name(PictureKind kind) {
    static const char *const names[] = {"no picture", "PNG", "JPEG", "BMP", "GIF", "TIFF", "WebP"};
    return kind < 0 ? "unreadable" : names[kind];
}

cf_status picture_read(const char *path, const PictureOptions *options, Picture *picture) {
    (void)options;
    return read_or_measure(path, false, picture);
}

cf_status picture_measure(const char *path, Picture *picture) {
    return read_or_measure(path, true, picture);
}
