/* Writes small BMP, GIF, TIFF and WebP files, for the tests of the readers and the corpus of the fuzzing. Each returns whether the
 * file is there. */
#pragma once

#include <gif_lib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <webp/encode.h>

static inline bool save_file(const char *path, const void *bytes, size_t size) {
    FILE *stream = fopen(path, "wb");
    if (!stream) return false;
    const bool whole = fwrite(bytes, 1, size, stream) == size;
    return fclose(stream) == 0 && whole;
}

/* ---- EXIF ---- */

enum { EXIF_BYTES = 38 };

/* Two entries, of which the second is the orientation. */
static inline void make_exif(bool big, int orientation, unsigned char exif[EXIF_BYTES]) {
    static const unsigned char little_end[EXIF_BYTES] = "II\x2a\0\x08\0\0\0"
                                                        "\x02\0"
                                                        "\x00\x01\x03\0\x01\0\0\0\x01\0\0\0"
                                                        "\x12\x01\x03\0\x01\0\0\0";
    static const unsigned char big_end[EXIF_BYTES] = "MM\0\x2a\0\0\0\x08"
                                                     "\0\x02"
                                                     "\x01\x00\0\x03\0\0\0\x01\0\x01\0\0"
                                                     "\x01\x12\0\x03\0\0\0\x01";
    memcpy(exif, big ? big_end : little_end, EXIF_BYTES);
    exif[30 + big] = (unsigned char)orientation;
}

/* ---- BMP ---- */

typedef struct BmpFile {
    uint32_t header, bits, packing, masks[4];
    int width, height;
    const unsigned char (*colours)[3]; /* red, green, blue */
    uint32_t count;
    const void *rows;
    size_t size;
} BmpFile;

static inline unsigned char *put_little(unsigned char *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) *at++ = (unsigned char)(value >> 8 * i);
    return at;
}

static inline bool save_bmp(const char *path, const BmpFile *file) {
    unsigned char bytes[4096] = "BM", *at = bytes + 14;
    const bool old = file->header == 12;
    at = put_little(at, file->header, 4);
    at = put_little(at, (uint32_t)file->width, old ? 2 : 4);
    at = put_little(at, (uint32_t)file->height, old ? 2 : 4);
    at = put_little(at, 1, 2);
    at = put_little(at, file->bits, 2);
    if (!old) put_little(bytes + 30, file->packing, 4);
    if (!old) put_little(bytes + 46, file->count, 4);
    for (int c = 0; c < 4; c++)
        if (!old) put_little(bytes + 54 + 4 * c, file->masks[c], 4);
    at = bytes + 14 + file->header + (file->header == 40 && file->packing == 3 ? 12 : 0);
    for (uint32_t i = 0; i < file->count; i++) {
        for (int c = 2; c >= 0; c--) *at++ = file->colours[i][c];
        if (!old) *at++ = 0;
    }
    put_little(bytes + 10, (uint32_t)(at - bytes), 4);
    memcpy(at, file->rows, file->size);
    return save_file(path, bytes, (size_t)(at - bytes) + file->size);
}

/* ---- GIF ---- */

typedef struct GifPart {
    int canvas_width, canvas_height, left, top, width, height;
    const unsigned char (*colours)[3];
    int count, transparent, frames; /* the second frame is the first one upside down */
    bool interlaced;
    const unsigned char *numbers;
} GifPart;

static inline bool put_gif_frame(GifFileType *gif, const GifPart *part, bool turned) {
    static const int begins[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
    const GraphicsControlBlock control = {.TransparentColor = part->transparent};
    GifByteType extension[4];
    const size_t size = EGifGCBToExtension(&control, extension);
    bool good =
        EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, (int)size, extension) == GIF_OK &&
        EGifPutImageDesc(gif, part->left, part->top, part->width, part->height, part->interlaced, NULL) == GIF_OK;
    for (int pass = 0; good && pass < (part->interlaced ? 4 : 1); pass++)
        for (int y = part->interlaced ? begins[pass] : 0; good && y < part->height;
             y += part->interlaced ? steps[pass] : 1) {
            GifPixelType row[256];
            memcpy(row, part->numbers + (turned ? part->height - 1 - y : y) * part->width, (size_t)part->width);
            good = EGifPutLine(gif, row, part->width) == GIF_OK;
        }
    return good;
}

static inline bool save_gif(const char *path, const GifPart *part) {
    GifColorType colours[256] = {{0}};
    int power = 2;
    while (power < part->count) power *= 2;
    for (int i = 0; i < power; i++) {
        const unsigned char *from = part->colours[i < part->count ? i : part->count - 1];
        colours[i] = (GifColorType){from[0], from[1], from[2]};
    }
    GifFileType *gif = EGifOpenFileName(path, false, NULL);
    ColorMapObject *map = GifMakeMapObject(power, colours);
    if (!gif || !map) return false;
    EGifSetGifVersion(gif, true);
    bool good = EGifPutScreenDesc(gif, part->canvas_width, part->canvas_height, 8, 0, map) == GIF_OK;
    for (int frame = 0; good && frame < part->frames; frame++) good = put_gif_frame(gif, part, frame > 0);
    GifFreeMapObject(map);
    return EGifCloseFile(gif, NULL) == GIF_OK && good;
}

/* ---- TIFF ---- */

typedef struct TiffFile {
    int width, height, samples, bits, photometric, packing, extra, orientation, format; /* extra: -1: none */
    bool tiled;
    const void *rows; /* as wide as the samples need; of a tiled file: one tile of 16 x 16 */
} TiffFile;

static inline bool save_tiff(const char *path, const TiffFile *file) {
    TIFF *tiff = TIFFOpen(path, "w");
    bool good = tiff != NULL;
    if (!good) return false;
    const uint16_t extra = (uint16_t)file->extra;
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, file->width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, file->height);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, file->samples);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, file->bits);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, file->photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, file->packing);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    if (file->extra >= 0) TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &extra);
    if (file->orientation) TIFFSetField(tiff, TIFFTAG_ORIENTATION, file->orientation);
    if (file->format) TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, file->format);
    const size_t row = ((size_t)file->width * (size_t)(file->samples * file->bits) + 7) / 8;
    unsigned char buffer[16 * 16 * 4];
    if (file->tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
        memcpy(buffer, file->rows, (size_t)(16 * 16 * file->samples));
        good = TIFFWriteTile(tiff, buffer, 0, 0, 0, 0) > 0;
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, file->height);
        for (int y = 0; good && y < file->height; y++) {
            memcpy(buffer, (const unsigned char *)file->rows + (size_t)y * row, row);
            good = TIFFWriteScanline(tiff, buffer, (uint32_t)y, 0) == 1;
        }
    }
    TIFFClose(tiff);
    return good;
}

/* ---- WebP ---- */

static inline unsigned char *put_chunk(unsigned char *at, const char *name, const void *bytes, size_t size) {
    memcpy(at, name, 4);
    put_little(at + 4, (uint32_t)size, 4);
    if (size) memcpy(at + 8, bytes, size);
    at[8 + size] = 0;
    return at + 8 + size + size % 2;
}

/* Without loss, whole; or, with left >= 0, an animation of one frame at left, top on a canvas; then EXIF, if given. */
typedef struct WebpFile {
    int width, height, canvas_width, canvas_height, left, top;
    const unsigned char *rgba, *exif; /* EXIF_BYTES */
} WebpFile;

static inline bool save_webp(const char *path, const WebpFile *file) {
    enum { HAS_EXIF = 8, HAS_ALPHA = 16, ANIMATED = 2, ROOM = 4000 };
    unsigned char bytes[3 * ROOM] = "RIFF....WEBP", frame[2 * ROOM], *at = bytes + 12, *packed = NULL;
    const bool animated = file->left >= 0;
    const int canvas_width = animated ? file->canvas_width : file->width;
    const int canvas_height = animated ? file->canvas_height : file->height;
    const size_t size = WebPEncodeLosslessRGBA(file->rgba, file->width, file->height, 4 * file->width, &packed);
    if (size < 20 || size > ROOM) return false;
    /* The one chunk of the simple file that libwebp makes. */
    const unsigned char *chunk = packed + 12;
    const size_t chunk_size = size - 12;
    unsigned char head[10] = {HAS_ALPHA | (file->exif ? HAS_EXIF : 0) | (animated ? ANIMATED : 0)};
    put_little(head + 4, (uint32_t)canvas_width - 1, 3);
    put_little(head + 7, (uint32_t)canvas_height - 1, 3);
    at = put_chunk(at, "VP8X", head, sizeof head);
    if (animated) {
        memset(frame, 0, 16);
        put_little(frame, (uint32_t)file->left / 2, 3);
        put_little(frame + 3, (uint32_t)file->top / 2, 3);
        put_little(frame + 6, (uint32_t)file->width - 1, 3);
        put_little(frame + 9, (uint32_t)file->height - 1, 3);
        memcpy(frame + 16, chunk, chunk_size);
        at = put_chunk(at, "ANIM", "\0\0\0\0\0\0", 6);
        at = put_chunk(at, "ANMF", frame, 16 + chunk_size);
    } else {
        memcpy(at, chunk, chunk_size);
        at += chunk_size;
    }
    if (file->exif) at = put_chunk(at, "EXIF", file->exif, EXIF_BYTES);
    put_little(bytes + 4, (uint32_t)(at - bytes) - 8, 4);
    WebPFree(packed);
    return save_file(path, bytes, (size_t)(at - bytes));
}
