/* BMP, read here: there is no library for it. All numbers are little-endian.
 *
 *     0  "BM"; offset of the pixels at 10
 *    14  size of this second header (4): 12 (OS/2), 40, 52, 56, 64, 108 or 124
 *    18  width, height (2 each with size 12, else 4; a negative height: rows from top to bottom), planes (2), bits of a pixel (2)
 *    30  packing (4): 0 none, 3 and 6 none, with masks; number of colours at 46
 *    54  masks of red, green, blue (with packing 3 and 6, also right after a header of 40), alpha (from size 56 on, and with packing 6)
 *   then the palette (4 bytes a colour: blue, green, red, 0; 3 with size 12); rows, padded to a multiple of 4 bytes
 *
 * Read: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits. Packed pixels (RLE, JPEG, PNG) are refused. A palette of greys alone makes
 * the picture grey: the format has no other way to say so.
 */
#include "base/memory.h"
#include "data/picture/picture.h"

#include <stdlib.h>
#include <string.h>

enum { PACKED_NOT = 0, PACKED_MASKS = 3, PACKED_ALPHA_MASKS = 6, HEAD_BYTES = 14 + 124 };

typedef struct Bmp {
    unsigned char head[HEAD_BYTES];
    uint32_t header, bits, packing, masks[4]; /* red, green, blue, alpha */
    uint64_t offset, stride;
    bool from_top;
    unsigned char colours[256][3];
} Bmp;

static uint32_t little(const unsigned char *bytes, int count) {
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

/* Five bits each, eight bits each, or what the file says. */
static void take_masks(Bmp *bmp) {
    static const uint32_t of_16[] = {0x7c00, 0x03e0, 0x001f}, of_32[] = {0xff0000, 0xff00, 0xff};
    memcpy(bmp->masks, bmp->bits == 16 ? of_16 : of_32, sizeof of_16);
    if (bmp->packing == PACKED_NOT) return;
    const bool alpha = bmp->header >= 56 || bmp->packing == PACKED_ALPHA_MASKS;
    for (int c = 0; c < 3 + alpha; c++) bmp->masks[c] = little(bmp->head + 54 + 4 * c, 4);
}

static cf_status take_head(const PictureFile *file, Bmp *bmp, Picture *picture) {
    const size_t got = fread(bmp->head, 1, HEAD_BYTES, file->stream);
    const unsigned char *head = bmp->head;
    bmp->offset = little(head + 10, 4);
    bmp->header = little(head + 14, 4);
    if (got < 14 + (size_t)bmp->header) return picture_damaged(file, "the file ends early");
    const bool old = bmp->header == 12;
    if (!old && bmp->header < 40) return picture_damaged(file, "its second header has an unknown size");
    const int64_t width = old ? (int64_t)little(head + 18, 2) : (int32_t)little(head + 18, 4);
    const int64_t height = old ? (int64_t)little(head + 20, 2) : (int32_t)little(head + 22, 4);
    if (width < 0) return picture_damaged(file, "its width is negative");
    bmp->from_top = height < 0;
    bmp->bits = little(head + (old ? 24 : 28), 2);
    bmp->packing = old ? PACKED_NOT : little(head + 30, 4);
    FAIL_IF(bmp->packing != PACKED_NOT && bmp->packing != PACKED_MASKS && bmp->packing != PACKED_ALPHA_MASKS,
            CF_BAD_INPUT, "%s is a BMP with packed pixels (kind %u); unpacked ones were expected: convert it first",
            file->path, bmp->packing);
    FORWARD(picture_set_size(file, (uint64_t)width, (uint64_t)(height < 0 ? -height : height), picture));
    bmp->stride = ((uint64_t)width * bmp->bits + 31) / 32 * 4;
    take_masks(bmp);
    /* Exact, as nothing is packed. */
    if (bmp->offset > file->size || bmp->stride * (uint64_t)picture->height > file->size - bmp->offset)
        return picture_damaged(file, "the file ends early");
    return CF_OK;
}

/* The colours, and whether they are all grey. */
static cf_status take_palette(const PictureFile *file, Bmp *bmp, bool *grey) {
    unsigned char entries[256 * 4] = {0};
    const bool old = bmp->header == 12;
    const size_t size = old ? 3 : 4, most = (size_t)1 << bmp->bits, said = old ? 0 : little(bmp->head + 46, 4);
    const size_t count = said > 0 && said < most ? said : most;
    if (fseek(file->stream, 14 + (long)bmp->header, SEEK_SET) != 0 ||
        fread(entries, size, count, file->stream) != count)
        return picture_damaged(file, "its palette is cut off");
    *grey = true;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *entry = entries + i * size;
        memcpy(bmp->colours[i], (unsigned char[]){entry[2], entry[1], entry[0]}, 3);
        *grey = *grey && entry[0] == entry[1] && entry[0] == entry[2];
    }
    return CF_OK;
}

static void take_numbers(const Bmp *bmp, const unsigned char *row, const Picture *picture, unsigned char *out) {
    const int bits = (int)bmp->bits, in_byte = 8 / bits;
    for (int x = 0; x < picture->width; x++, out += picture->channels) {
        const int shift = 8 - bits * (1 + x % in_byte), number = row[x / in_byte] >> shift & ((1 << bits) - 1);
        memcpy(out, bmp->colours[number], (size_t)picture->channels);
    }
}

/* The bits of a mask, as a value of 0 to 255. */
static unsigned char masked(uint32_t pixel, uint32_t mask) {
    if (!mask) return 0;
    const int shift = __builtin_ctz(mask);
    return (unsigned char)((uint64_t)(pixel >> shift & mask >> shift) * 255 / (mask >> shift));
}

static void take_colours(const Bmp *bmp, const unsigned char *row, int width, int values, unsigned char *out) {
    const int bytes = (int)bmp->bits / 8;
    for (int x = 0; x < width; x++, row += bytes) {
        const uint32_t pixel = little(row, bytes);
        for (int c = 0; c < values; c++) *out++ = masked(pixel, bmp->masks[c]);
    }
}

static cf_status bmp_rows(const PictureFile *file, const Bmp *bmp, unsigned char *row, Picture *picture) {
    const int values = picture->channels + (bmp->masks[3] != 0);
    const size_t line = (size_t)picture->width * (size_t)values;
    if (fseek(file->stream, (long)bmp->offset, SEEK_SET) != 0) return picture_damaged(file, "the file ends early");
    FORWARD(memory_new((size_t)picture->height, line, &picture->pixels));
    for (int y = 0; y < picture->height; y++) {
        unsigned char *out = picture->pixels + (size_t)(bmp->from_top ? y : picture->height - 1 - y) * line;
        if (fread(row, 1, bmp->stride, file->stream) != bmp->stride)
            return picture_damaged(file, "the file ends early");
        if (bmp->bits <= 8)
            take_numbers(bmp, row, picture, out);
        else
            take_colours(bmp, row, picture->width, values, out);
    }
    if (bmp->masks[3]) picture_lay(file, picture, false);
    return CF_OK;
}

cf_status bmp_picture(const PictureFile *file, Picture *picture, int *orientation) {
    Bmp bmp = {0};
    AUTO_FREE unsigned char *row = NULL;
    bool grey = false;
    (void)orientation;
    FORWARD(take_head(file, &bmp, picture));
    const bool palette = bmp.bits == 1 || bmp.bits == 4 || bmp.bits == 8;
    FAIL_IF(!palette && bmp.bits != 16 && bmp.bits != 24 && bmp.bits != 32, CF_BAD_INPUT,
            "%s is a BMP of %u bits a pixel; 1, 4, 8, 16, 24 or 32 were expected", file->path, bmp.bits);
    if (palette) {
        bmp.masks[3] = 0;
        FORWARD(take_palette(file, &bmp, &grey));
    }
    picture->channels = grey ? 1 : 3;
    if (file->measure) return CF_OK;
    FORWARD(memory_new(bmp.stride, 1, &row));
    return bmp_rows(file, &bmp, row, picture);
}
