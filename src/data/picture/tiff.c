/* TIFF by libtiff: the first page, as its interface for RGBA gives it (strips and tiles, palettes, CMYK, YCbCr, 16 bits). Grey is one
 * channel. Values that are 32 bits wide or floating-point are refused. A warning while pixels are unpacked means lost pixels, and is an
 * error. The library is loaded with the first such file: it brings five others along, a millisecond at every start. */
#include "base/library.h"
#include "base/limits.h"
#include "base/memory.h"
#include "data/picture/picture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#define TIFF_FUNCTIONS(each)                                                                                           \
    each(FdOpenExt) each(Cleanup) each(GetField) each(GetFieldDefaulted) each(OpenOptionsAlloc) each(OpenOptionsFree)  \
        each(OpenOptionsSetErrorHandlerExtR) each(OpenOptionsSetWarningHandlerExtR)                                    \
            each(OpenOptionsSetMaxSingleMemAlloc) each(RGBAImageOK) each(RGBAImageBegin) each(RGBAImageGet)            \
                each(RGBAImageEnd)

#define POINTER(function) __typeof__(TIFF##function) *function;
static struct { TIFF_FUNCTIONS(POINTER) } lib;
#undef POINTER
static Library library = {.name = "libtiff.so.6"};

static void load(void) {
    library_load(&library);
#define FIND(function) lib.function = (__typeof__(lib.function))library_find(&library, "TIFF" #function, "4.5");
    TIFF_FUNCTIONS(FIND)
#undef FIND
}

typedef struct TiffFault {
    char text[200];
    bool unpacking;
} TiffFault;

static int tiff_fail(TIFF *tiff, void *context, const char *module, const char *format, va_list list) {
    TiffFault *fault = context;
    (void)tiff, (void)module;
    if (!fault->text[0]) vsnprintf(fault->text, sizeof fault->text, format, list);
    return 1; /* nothing is printed */
}

static int tiff_warn(TIFF *tiff, void *context, const char *module, const char *format, va_list list) {
    TiffFault *fault = context;
    return fault->unpacking ? tiff_fail(tiff, context, module, format, list) : 1;
}

static cf_status tiff_damaged(const PictureFile *file, const TiffFault *fault) {
    return picture_damaged(file, "%s", fault->text[0] ? fault->text : "no reason told");
}

/* What one byte becomes at best. */
static size_t unpacked_rate(TIFF *tiff) {
    uint16_t packing;
    lib.GetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &packing);
    if (packing == COMPRESSION_NONE) return 1;
    if (packing == COMPRESSION_PACKBITS) return 64;
    if (packing == COMPRESSION_ADOBE_DEFLATE || packing == COMPRESSION_DEFLATE) return DEFLATE_RATIO;
    return packing == COMPRESSION_LZW ? 2560 : 1 << 16; /* a fax's blank row takes a bit */
}

/* Size, channels and orientation, by the tags. */
static cf_status tiff_begin(TIFF *tiff, const TiffFault *fault, const PictureFile *file, Picture *picture,
                            int *orientation) {
    uint32_t width = 0, height = 0;
    uint16_t bits, samples, photometric, turned;
    char reason[1024] = "";
    if (!lib.GetField(tiff, TIFFTAG_IMAGEWIDTH, &width) || !lib.GetField(tiff, TIFFTAG_IMAGELENGTH, &height))
        return tiff_damaged(file, fault);
    FAIL_IF(!lib.RGBAImageOK(tiff, reason), CF_BAD_INPUT, "%s is a TIFF that cannot be read: %.150s", file->path,
            reason);
    FORWARD(picture_set_size(file, width, height, picture));
    lib.GetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    lib.GetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
    lib.GetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &turned);
    if (!lib.GetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric)) photometric = PHOTOMETRIC_MINISBLACK;
    const bool grey = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
    FAIL_IF(grey && samples > 1 && bits == 16, CF_BAD_INPUT,
            "%s is a TIFF that cannot be read: grey of 16 bits with transparency", file->path);
    picture->channels = grey ? 1 : 3;
    *orientation = turned >= 1 && turned <= 8 ? turned : 1;
    /* Colours of a YCbCr picture may be stored for four pixels at once. */
    const size_t least = photometric == PHOTOMETRIC_YCBCR ? bits : (size_t)bits * samples;
    return picture_check_rate(file, picture, least, unpacked_rate(tiff));
}

/* From libtiff's R + 256 (G + 256 (B + 256 A)) to values and alpha, in place. */
static void take_values(Picture *picture) {
    const size_t count = (size_t)picture->width * (size_t)picture->height;
    unsigned char *out = picture->pixels;
    for (size_t i = 0; i < count; i++) {
        uint32_t pixel;
        memcpy(&pixel, picture->pixels + 4 * i, 4);
        for (int c = 0; c < picture->channels; c++) *out++ = (unsigned char)(pixel >> 8 * c);
        *out++ = (unsigned char)(pixel >> 24);
    }
}

static cf_status tiff_decode(TIFF *tiff, TiffFault *fault, const PictureFile *file, Picture *picture) {
    TIFFRGBAImage image;
    char reason[1024] = "";
    const size_t count = (size_t)picture->width * (size_t)picture->height;
    FORWARD(memory_new(count, 4, &picture->pixels));
    fault->text[0] = '\0';
    fault->unpacking = true;
    FAIL_IF(!lib.RGBAImageBegin(&image, tiff, 1, reason), CF_BAD_INPUT, "%s is a TIFF that cannot be read: %.150s",
            file->path, reason);
    image.req_orientation = image.orientation; /* turned with those of other formats */
    /* Grey is not multiplied by its alpha, RGB is. */
    const bool multiplied = picture->channels == 3 || image.alpha == EXTRASAMPLE_ASSOCALPHA;
    const int got = lib.RGBAImageGet(&image, (uint32_t *)(void *)picture->pixels, image.width, image.height);
    lib.RGBAImageEnd(&image);
    if (!got || fault->text[0]) return tiff_damaged(file, fault);
    take_values(picture);
    picture_lay(file, picture, multiplied);
    return CF_OK;
}

cf_status tiff_picture(const PictureFile *file, Picture *picture, int *orientation) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    TiffFault fault = {0};
    pthread_once(&once, load);
    FAIL_IF(library.fault[0], CF_IO, "%s: %s %s; reading a TIFF needs it (Debian, Ubuntu: apt-get install libtiff6)",
            file->path, library.name, library.fault);
    FORWARD(memory_reserve(MEMORY_OF_LIBRARIES)); /* 4.5 crashes where it finds no place for its table of tags */
    TIFFOpenOptions *options = lib.OpenOptionsAlloc();
    FAIL_IF(!options, CF_NO_MEMORY, "out of memory while reading %s", file->path);
    lib.OpenOptionsSetErrorHandlerExtR(options, tiff_fail, &fault);
    lib.OpenOptionsSetWarningHandlerExtR(options, tiff_warn, &fault);
    lib.OpenOptionsSetMaxSingleMemAlloc(options, MOST_TIFF_BLOCK);
    TIFF *tiff = lib.FdOpenExt(fileno(file->stream), file->path, "rm", options); /* m: not mapped into memory */
    lib.OpenOptionsFree(options);
    if (!tiff) return tiff_damaged(file, &fault);
    cf_status status = tiff_begin(tiff, &fault, file, picture, orientation);
    if (!status && !file->measure) status = tiff_decode(tiff, &fault, file, picture);
    lib.Cleanup(tiff); /* the stream stays open */
    return status;
}
