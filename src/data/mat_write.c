/* Writes MATLAB v5 files as SVHN has them; mat.c has the format.
 *
 * Why not libmatio: it puts the time of writing and the machine's kind into the header, so that the same set never
 * gives the same file twice; and it would be one more library to install, for two variables.
 */
#include "base/memory.h"
#include "data/packing.h"
#include "data/set_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_HEADER = 128, TAG = 8, FLAGS = 16, NAME = 8, MOST_DIMS = 4, MOST_CLASSES = 10, DIGIT_0 = 10 };
enum { LONGEST_HEAD = TAG + FLAGS + TAG + 4 * MOST_DIMS + NAME + TAG };
/* Types of stored numbers and elements, and the class of a variable, as numbers of the format. */
enum { INT8 = 1, UINT8 = 2, INT32 = 5, UINT32 = 6, MATRIX = 14, COMPRESSED = 15, CLASS_UINT8 = 9 };

typedef struct Head {
    unsigned char bytes[LONGEST_HEAD];
    size_t size;
} Head;

static void store_u32(unsigned char bytes[4], size_t value) {
    for (int k = 0; k < 4; k++) bytes[k] = (unsigned char)(value >> 8 * k);
}

static void put_pair(Head *head, size_t first, size_t second) {
    store_u32(head->bytes + head->size, first);
    store_u32(head->bytes + head->size + 4, second);
    head->size += TAG;
}

/* The matrix element up to its numbers, of which there are `bytes`. Ranks are even, so that no part needs padding. */
static Head make_head(char name, const size_t *dims, int rank, size_t bytes) {
    const size_t dims_size = 4 * (size_t)rank, padded = (bytes + 7) / 8 * 8;
    Head head = {.size = 0};
    put_pair(&head, MATRIX, FLAGS + TAG + dims_size + NAME + TAG + padded);
    put_pair(&head, UINT32, 8);
    put_pair(&head, CLASS_UINT8, 0);
    put_pair(&head, INT32, dims_size);
    for (int d = 0; d < rank; d += 2) put_pair(&head, dims[d], dims[d + 1]);
    put_pair(&head, INT8 | 1 << 16, (unsigned char)name); /* the short form: one byte, in the place of the size */
    put_pair(&head, UINT8, bytes);
    return head;
}

/* Some images of a set, and the numbers of its classes. */
typedef struct Images {
    const cf_set *set;
    const uint16_t *values;
    size_t first, count;
} Images;

/* Column-major: an image's h runs fastest, then w, then c. */
static cf_status add_pixels(const Images *images, Packing *packing) {
    const cf_set *set = images->set;
    const size_t H = (size_t)set->height, W = (size_t)set->width, C = (size_t)set->channels, image = H * W * C;
    AUTO_FREE unsigned char *turned = NULL;
    FORWARD(memory_new(image, 1, &turned));
    for (size_t i = images->first; i < images->first + images->count; i++) {
        const unsigned char *pixels = set->pixels + i * image;
        for (size_t c = 0; c < C; c++)
            for (size_t w = 0; w < W; w++)
                for (size_t h = 0; h < H; h++) turned[(c * W + w) * H + h] = pixels[(h * W + w) * C + c];
        FORWARD(packing_add(packing, turned, image));
    }
    return CF_OK;
}

static cf_status add_labels(const Images *images, Packing *packing) {
    for (size_t i = images->first; i < images->first + images->count; i++) {
        const uint16_t value = images->values[images->set->labels[i]];
        FORWARD(packing_add(packing, &(unsigned char){(unsigned char)(value ? value : DIGIT_0)}, 1));
    }
    return CF_OK;
}

/* The size of a compressed element stands before it and is known after it. A stream that failed, the disk being full, is told by
 * file_commit. */
static cf_status write_variable(FILE *stream, char name, const size_t *dims, int rank, size_t bytes,
                                const Images *from) {
    const Head head = make_head(name, dims, rank, bytes);
    AUTO(packing_free_at) Packing *packing = NULL;
    unsigned char tag[TAG] = {COMPRESSED};
    size_t written;
    const off_t begin = ftello(stream);
    FORWARD(packing_new(stream, PACKING_ZLIB, &packing));
    fwrite(tag, 1, TAG, stream);
    FORWARD(packing_add(packing, head.bytes, head.size));
    FORWARD(name == 'X' ? add_pixels(from, packing) : add_labels(from, packing));
    FORWARD(packing_add(packing, (const unsigned char[8]){0}, (8 - bytes % 8) % 8));
    FORWARD(packing_finish(packing, &written));
    store_u32(tag + 4, written);
    const bool found = fseeko(stream, begin, SEEK_SET) == 0;
    if (found) fwrite(tag, 1, TAG, stream);
    FAIL_IF((!found || fseeko(stream, 0, SEEK_END) != 0) && !ferror(stream), CF_IO, "%s", strerror(errno));
    return CF_OK;
}

static cf_status check_limits(const cf_set *set, size_t count, const char *path, size_t *bytes) {
    FAIL_IF(set->classes > MOST_CLASSES, CF_BAD_INPUT, "cannot write %s: %s has %d classes, SVHN's form is for %d",
            path, set->name, set->classes, MOST_CLASSES);
    FAIL_IF(!size_multiply(count, set_image_size(set), bytes) || *bytes > INT32_MAX - LONGEST_HEAD, CF_BAD_INPUT,
            "cannot write %s: %zu images of %d x %d x %d are %zu bytes, and a variable of a MATLAB v5 file may have "
            "2 GB; write fewer images, or IDX files",
            path, count, set->channels, set->height, set->width, count * set_image_size(set));
    return CF_OK;
}

cf_status mat_write(const cf_set *set, const uint16_t *values, size_t first, size_t count, const char *path) {
    unsigned char header[FILE_HEADER];
    size_t bytes = 0;
    AUTO(file_abandon) FileDraft draft = {0};
    FORWARD(check_limits(set, count, path, &bytes));
    const Images from = {set, values, first, count};
    const size_t dims[] = {(size_t)set->height, (size_t)set->width, (size_t)set->channels, count};
    memset(header, ' ', sizeof header);
    memcpy(header, "MATLAB 5.0 MAT-file, written by cifra", 37);
    memset(header + 116, 0, 8);
    memcpy(header + 124, (const unsigned char[]){0x00, 0x01, 'I', 'M'}, 4); /* version 0x0100, little-endian */
    FORWARD(file_draft(path, &draft));
    fwrite(header, 1, sizeof header, draft.stream);
    cf_status status = write_variable(draft.stream, 'X', dims, 4, bytes, &from);
    if (!status) status = write_variable(draft.stream, 'y', (const size_t[]){count, 1}, 2, count, &from);
    if (status) return status_prefix(status, "cannot write %s", path);
    return file_commit(&draft);
}
