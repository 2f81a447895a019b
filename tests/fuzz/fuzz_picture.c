/* A picture of a class folder: its size is asked for, then it is decoded, at its full size and at a smaller one, and resized, as the
 * folder's reader does. A PNG is read twice, the second time with its checksums put right. */
#include "fuzz.h"

#include "data/picture/picture.h"
#include "data/prepare.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Puts right the checksums of a PNG's chunks, which mutations never do. */
static void mend_checksums(uint8_t *png, size_t size) {
    for (size_t at = 8, length; size - at >= 12; at += 12 + length) {
        length = (size_t)png[at] << 24 | (size_t)png[at + 1] << 16 | (size_t)png[at + 2] << 8 | png[at + 3];
        if (length > size - at - 12) break;
        const uint32_t sum = (uint32_t)crc32(0, png + at + 4, (unsigned)length + 4);
        for (size_t i = 0; i < 4; i++) png[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
    }
}

/* Returns whether it could be read. */
static bool read_at(const char *path, const PictureOptions *options, const Picture *measured) {
    static const int small[3] = {3, 4, 5};
    unsigned char out[3 * 4 * 5];
    Picture picture;
    const cf_status status = picture_read(path, options, &picture);
    fuzz_settled(status);
    PROMISE(measured || status);
    if (status) return false;
    PROMISE(picture.channels == measured->channels && picture.kind == measured->kind);
    PROMISE(picture.turned == measured->turned && picture.kind == picture_kind(path));
    PROMISE(picture.height <= measured->height && picture.width <= measured->width);
    PROMISE(picture.height >= options->height || picture.height == measured->height);
    PROMISE(picture.width >= options->width || picture.width == measured->width);
    PROMISE(options->height || (picture.height == measured->height && picture.width == measured->width));
    fuzz_settled(
        resize_bytes(picture.pixels, (const int[3]){picture.channels, picture.height, picture.width}, small, out));
    free(picture.pixels);
    return true;
}

static void read_picture(const uint8_t *data, size_t size) {
    static const PictureOptions full = {.ground = 255}, scaled = {.height = 4, .width = 5};
    Picture measured;
    const char *path = fuzz_file(0, data, size);
    const cf_status measuring = picture_measure(path, &measured);
    fuzz_settled(measuring);
    const Picture *expected = measuring ? NULL : &measured;
    /* Of a picture that is scaled, less may be decoded, so that it can be read where the full one cannot; not the other way. */
    if (read_at(path, &full, expected)) PROMISE(read_at(path, &scaled, expected));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_picture(data, size);
    if (size < 20 || memcmp(data, "\x89PNG\r\n\x1a\n", 8) != 0) return 0;
    uint8_t *mended = malloc(size);
    PROMISE(mended);
    memcpy(mended, data, size);
    mend_checksums(mended, size);
    read_picture(mended, size);
    free(mended);
    return 0;
}
