/* JPEG by libjpeg-turbo.
 *
 * Where a smaller picture is wanted, it is scaled in the cosine transform: to 1, 2 or 4 eighths of each side, so that neither the
 * time nor the memory for all pixels is taken. CMYK becomes RGB without a profile, by (1 - C)(1 - K) and so on; as in Pillow, its
 * values are always taken for inverted, as Adobe writes them. A JPEG whose data end early or decode wrongly is an error, where
 * libjpeg itself goes on with a warning.
 */
#include "base/limits.h"
#include "base/memory.h"
#include "data/picture/picture.h"

#include <setjmp.h>
#include <stdlib.h>

/* After stdio.h, which they need but do not include. */
#include <jerror.h>
#include <jpeglib.h>

typedef struct jpeg_decompress_struct Jpeg;

/* Of the file at once: near the end of what it has, libjpeg decodes at half its speed. */
enum { TAKE_BYTES = 1 << 17 };

typedef struct JpegFault {
    struct jpeg_error_mgr manager; /* first: libjpeg hands out its address */
    jmp_buf back;
    FILE *stream;
    unsigned char *taken;
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

/* In place of libjpeg's own, which takes 4096 bytes at a time. */
static boolean jpeg_take(j_decompress_ptr jpeg) {
    const JpegFault *fault = (const JpegFault *)jpeg->err;
    size_t got = fread(fault->taken, 1, TAKE_BYTES, fault->stream);
    if (got == 0) {
        WARNMS(jpeg, JWRN_JPEG_EOF);
        fault->taken[got++] = 0xff;
        fault->taken[got++] = JPEG_EOI;
    }
    jpeg->src->next_input_byte = fault->taken;
    jpeg->src->bytes_in_buffer = got;
    return TRUE;
}

static int orientation_of(const Jpeg *jpeg) {
    int orientation = 1;
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m && orientation == 1; m = m->next)
        orientation = exif_orientation(m->data, m->data_length);
    return orientation;
}

static bool covers(unsigned scaled, unsigned stored, int wanted) {
    return scaled >= stored || scaled >= (unsigned)wanted;
}

/* As few eighths as leave both sides as long as they are wanted. */
static void choose_scale(Jpeg *jpeg, const PictureOptions *options, bool swap) {
    const int height = swap ? options->width : options->height, width = swap ? options->height : options->width;
    if (height < 1 && width < 1) return;
    jpeg->scale_denom = 8;
    for (jpeg->scale_num = 1; jpeg->scale_num < 8; jpeg->scale_num *= 2) {
        jpeg_calc_output_dimensions(jpeg);
        if (covers(jpeg->output_height, jpeg->image_height, height) &&
            covers(jpeg->output_width, jpeg->image_width, width))
            break;
    }
}

static void cmyk_to_rgb(const unsigned char *cmyk, size_t pixels, unsigned char *rgb) {
    for (size_t i = 0; i < pixels; i++, cmyk += 4)
        for (int c = 0; c < 3; c++) *rgb++ = (unsigned char)((cmyk[c] * cmyk[3] + 127) / 255);
}

static cf_status jpeg_decode(Jpeg *jpeg, Picture *picture) {
    jpeg_start_decompress(jpeg);
    picture->height = (int)jpeg->output_height;
    picture->width = (int)jpeg->output_width;
    const size_t row = (size_t)picture->width * (size_t)picture->channels;
    FORWARD(memory_new((size_t)picture->height, row, &picture->pixels));
    const bool cmyk = jpeg->out_color_space == JCS_CMYK;
    JSAMPARRAY inks = NULL;
    if (cmyk) inks = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW line = picture->pixels + jpeg->output_scanline * row;
        jpeg_read_scanlines(jpeg, cmyk ? inks : &line, 1);
        if (cmyk) cmyk_to_rgb(inks[0], jpeg->output_width, line);
    }
    jpeg_finish_decompress(jpeg);
    return CF_OK;
}

/* All that libjpeg can jump out of. */
static cf_status jpeg_work(Jpeg *jpeg, JpegFault *fault, const PictureFile *file, Picture *picture, int *orientation) {
    struct jpeg_progress_mgr watcher = {.progress_monitor = jpeg_watch};
    if (setjmp(fault->back)) {
        FAIL_IF(jpeg->err->msg_code == JERR_OUT_OF_MEMORY, CF_NO_MEMORY, "out of memory while reading %s", file->path);
        return picture_damaged(file, "%s", fault->text);
    }
    jpeg_create_decompress(jpeg);
    jpeg_stdio_src(jpeg, file->stream);
    jpeg->src->fill_input_buffer = jpeg_take;
    jpeg->mem->max_memory_to_use = MOST_JPEG_MEMORY;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    *orientation = orientation_of(jpeg);
    const bool grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    const bool cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = grey ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
    picture->channels = grey ? 1 : 3;
    FORWARD(picture_set_size(file, jpeg->image_width, jpeg->image_height, picture));
    /* Each block of 8 x 8 takes a bit at least, unless it is coded arithmetically. */
    if (!jpeg->arith_code) FORWARD(picture_check_rate(file, picture, 8, (size_t)8 * 8 * 8));
    if (file->measure) return CF_OK;
    jpeg->progress = &watcher;
    choose_scale(jpeg, &file->options, *orientation >= 5);
    FORWARD(jpeg_decode(jpeg, picture));
    return fault->failed ? picture_damaged(file, "%s", fault->text) : CF_OK;
}

cf_status jpeg_picture(const PictureFile *file, Picture *picture, int *orientation) {
    Jpeg jpeg = {0};
    unsigned char taken[TAKE_BYTES];
    JpegFault fault = {.stream = file->stream, .taken = taken};
    jpeg.err = jpeg_std_error(&fault.manager);
    fault.manager.error_exit = jpeg_fail;
    fault.manager.emit_message = jpeg_hear;
    const cf_status status = jpeg_work(&jpeg, &fault, file, picture, orientation);
    jpeg_destroy_decompress(&jpeg);
    return status;
}
