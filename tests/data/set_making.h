/* Makes the files that the tests of the readers read: byte strings that grow, IDX and MATLAB v5 by the letter
 * of their formats, independent of the readers under test. */
#pragma once

#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct Bytes {
    unsigned char *at;
    size_t size;
} Bytes;

static inline void put(Bytes *bytes, const void *more, size_t size) {
    bytes->at = realloc(bytes->at, bytes->size + size + 1);
    assert_non_null(bytes->at);
    if (size) memcpy(bytes->at + bytes->size, more, size);
    bytes->size += size;
}

static inline void put_u32(Bytes *bytes, uint32_t value) {
    put(bytes, &value, 4);
}

/* Writes and releases. */
static inline void save(Bytes *bytes, const char *path) {
    write_bytes(path, bytes->at ? bytes->at : (unsigned char *)"", bytes->size);
    free(bytes->at);
    *bytes = (Bytes){0};
}

static inline void save_gz(Bytes *bytes, const char *path) {
    gzFile stream = gzopen(path, "wb6");
    assert_non_null(stream);
    if (bytes->size) assert_int_equal(gzwrite(stream, bytes->at, (unsigned)bytes->size), bytes->size);
    assert_int_equal(gzclose(stream), Z_OK);
    free(bytes->at);
    *bytes = (Bytes){0};
}

/* ---- IDX ---- */

static inline void put_idx_header(Bytes *bytes, int dims, const uint32_t *sizes) {
    unsigned char magic[4] = {0, 0, 8, (unsigned char)dims};
    put(bytes, magic, 4);
    for (int i = 0; i < dims; i++) put_u32(bytes, __builtin_bswap32(sizes[i]));
}

/* Images whose byte j of image i is 7 i + j. */
static inline Bytes idx_images(uint32_t count, uint32_t height, uint32_t width) {
    Bytes bytes = {0};
    put_idx_header(&bytes, 3, (const uint32_t[]){count, height, width});
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < height * width; j++) put(&bytes, &(unsigned char){(unsigned char)(7 * i + j)}, 1);
    return bytes;
}

static inline Bytes idx_labels(uint32_t count, const unsigned char *labels) {
    Bytes bytes = {0};
    put_idx_header(&bytes, 1, &count);
    put(&bytes, labels, count);
    return bytes;
}

/* ---- MATLAB v5 ---- */

enum { MI_INT8 = 1, MI_UINT8 = 2, MI_INT32 = 5, MI_UINT32 = 6, MI_DOUBLE = 9, MI_MATRIX = 14, MI_COMPRESSED = 15 };
enum { MX_CELL = 1, MX_CHAR = 4, MX_DOUBLE = 6, MX_UINT8 = 9, MX_INT16 = 10 };

static inline Bytes mat_header(void) {
    Bytes bytes = {0};
    char text[128];
    memset(text, ' ', sizeof text);
    memcpy(text, "MATLAB 5.0 MAT-file, made by a test", 35);
    memset(text + 116, 0, 8);
    text[124] = 0, text[125] = 1, text[126] = 'I', text[127] = 'M';
    put(&bytes, text, sizeof text);
    return bytes;
}

static inline void put_element(Bytes *bytes, uint32_t type, const void *data, size_t size) {
    put_u32(bytes, type);
    put_u32(bytes, (uint32_t)size);
    put(bytes, data, size);
    while (bytes->size % 8) put(bytes, "", 1);
}

typedef struct MatVariable {
    const char *name;
    uint32_t class_type, stored_type;
    int rank;
    int32_t dims[5];
    const void *data;
    size_t size;
    bool compress;
} MatVariable;

/* Everything of a matrix element after its tag, up to the data's tag; the data themselves are `size` bytes.
 */
static inline Bytes mat_matrix_head(const MatVariable *v) {
    Bytes head = {0};
    put_element(&head, MI_UINT32, (const uint32_t[]){v->class_type, 0}, 8);
    put_element(&head, MI_INT32, v->dims, 4 * (size_t)v->rank);
    if (strlen(v->name) <= 4) { /* the short form: size and type in one word, data in the other */
        char padded[4] = {0};
        memcpy(padded, v->name, strlen(v->name));
        put_u32(&head, MI_INT8 | (uint32_t)strlen(v->name) << 16);
        put(&head, padded, 4);
    } else {
        put_element(&head, MI_INT8, v->name, strlen(v->name));
    }
    return head;
}

static inline void put_variable(Bytes *bytes, const MatVariable *v) {
    Bytes matrix = mat_matrix_head(v), element = {0};
    put_element(&matrix, v->stored_type, v->data, v->size);
    put_element(&element, MI_MATRIX, matrix.at, matrix.size);
    if (v->compress) {
        uLongf packed = compressBound(element.size);
        unsigned char *out = malloc(packed);
        assert_non_null(out);
        assert_int_equal(compress2(out, &packed, element.at, element.size, 6), Z_OK);
        put_u32(bytes, MI_COMPRESSED);
        put_u32(bytes, (uint32_t)packed);
        put(bytes, out, packed);
        free(out);
    } else {
        put(bytes, element.at, element.size);
    }
    free(matrix.at);
    free(element.at);
}
