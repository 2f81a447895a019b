/* Writes MATLAB v5 files as SVHN has them; mat_layout.c has the format, mat.c the variables.
 *
 * Why not libmatio: it puts the time of writing and the machine's kind into the header, so that the same set never
 * gives the same file twice; and it would be one more library to install, for two variables.
 */
#include "base/memory.h"
#include "data/packing.h"
#include "data/writers.h"

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

static void put_u32(Head *head, size_t value) {
    store_u32(head->bytes + head->size, value);
    head->size += 4;
}

static void put_tag(Head *head, uint32_t type, size_t bytes) {
    put_u32(head, type);
    put_u32(head, bytes);
}

/* The matrix element up to its numbers, of which there are `bytes`. Ranks are even, so that no part needs padding. */
static Head make_head(char name, const size_t *dims, int rank, size_t bytes) {
    const size_t dims_size = 4 * (size_t)rank, padded = (bytes + 7) / 8 * 8;
    Head head = {.size = 0};
    put_tag(&head, MATRIX, FLAGS + TAG + dims_size + NAME + TAG + padded);
    put_tag(&head, UINT32, 8);
    put_u32(&head, CLASS_UINT8);
    put_u32(&head, 0);
    put_tag(&head, INT32, dims_size);
    for (int d = 0; d < rank; d++) put_u32(&head, dims[d]);
    put_u32(&head, INT8 | 1 << 16); /* the short form: one byte, in the place of the size */
    put_u32(&head, (unsigned char)name);
    put_tag(&head, UINT8, bytes);
    return head;
}

/* Some images of a set, and the numbers of its classes. */
typedef struct Images {
    const cf_set *set;
    const uint16_t *values;
    size_t first, count;
} Images;

/* Adds the numbers of a variable. */
typedef cf_status (*AddNumbers)(const Images *images, Packing *packing);

/* Column-major: an image's h runs fastest, then w, then c. */
static cf_status add_pixels(const Images *images, Packing *packing) {
    const cf_set *set = images->set;
    const size_t H = (size_t)set->height, W = (size_t)set->width, C = (size_t)set->channels, image = H * W * C;
    unsigned char *turned;
    cf_status status = CF_OK;
    FORWARD(memory_new(image, 1, &turned));
    for (size_t i = images->first; i < images->first + images->count && !status; i++) {
        const unsigned char *pixels = set->pixels + i * image;
        for (size_t c = 0; c < C; c++)
            for (size_t w = 0; w < W; w++)
                for (size_t h = 0; h < H; h++) turned[(c * W + w) * H + h] = pixels[(h * W + w) * C + c];
        status = packing_add(packing, turned, image);
    }
    free(turned);
    return status;
}

static cf_status add_labels(const Images *images, Packing *packing) {
    for (size_t i = images->first; i < images->first + images->count; i++) {
        const uint16_t value = images->values[images->set->labels[i]];
        FORWARD(packing_add(packing, &(unsigned char){(unsigned char)(value ? value : DIGIT_0)}, 1));
    }
    return CF_OK;
}

typedef struct Variable {
    char name;
    size_t dims[MOST_DIMS];
    int rank;
    size_t bytes;
    AddNumbers add;
} Variable;

/* The size of a compressed element stands before it and is known after it. */
static cf_status write_variable(FILE *stream, const Variable *variable, const Images *from) {
    const Head head = make_head(variable->name, variable->dims, variable->rank, variable->bytes);
    unsigned char tag[TAG];
    Packing *packing;
    size_t written = 0;
    cf_status status;
    const off_t begin = ftello(stream);
    FORWARD(packing_new(stream, PACKING_ZLIB, &packing));
    store_u32(tag, COMPRESSED);
    store_u32(tag + 4, 0);
    fwrite(tag, 1, TAG, stream);
    FORWARD_TO(done, packing_add(packing, head.bytes, head.size));
    FORWARD_TO(done, variable->add(from, packing));
    FORWARD_TO(done, packing_add(packing, (const unsigned char[8]){0}, (8 - variable->bytes % 8) % 8));
    FORWARD_TO(done, packing_finish(packing, &written));
    store_u32(tag + 4, written);
    /* A stream that failed, the disk being full, is told by file_commit. */
    if (fseeko(stream, begin, SEEK_SET) == 0) {
        fwrite(tag, 1, TAG, stream);
        if (fseeko(stream, 0, SEEK_END) != 0 && !ferror(stream)) status = FAIL(CF_IO, "%s", strerror(errno));
    } else if (!ferror(stream)) {
        status = FAIL(CF_IO, "%s", strerror(errno));
    }
done:
    packing_free(packing);
    return status;
}

static cf_status check(const cf_set *set, size_t count, const char *path, size_t *bytes) {
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
    FileDraft draft;
    cf_status status;
    FORWARD(check(set, count, path, &bytes));
    const Images from = {set, values, first, count};
    const Variable images = {
        'X', {(size_t)set->height, (size_t)set->width, (size_t)set->channels, count}, 4, bytes, add_pixels};
    const Variable labels = {'y', {count, 1}, 2, count, add_labels};
    memset(header, ' ', sizeof header);
    memcpy(header, "MATLAB 5.0 MAT-file, written by cifra", 37);
    memset(header + 116, 0, 8);
    memcpy(header + 124, (const unsigned char[]){0x00, 0x01, 'I', 'M'}, 4); /* version 0x0100, little-endian */
    FORWARD(file_draft(path, &draft));
    fwrite(header, 1, sizeof header, draft.stream);
    FORWARD_TO(failed, write_variable(draft.stream, &images, &from));
    FORWARD_TO(failed, write_variable(draft.stream, &labels, &from));
    return file_commit(&draft);
failed:
    file_abandon(&draft);
    return status_prefix(status, "cannot write %s", path);
}
