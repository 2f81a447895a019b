/* Safetensors files: named float32 arrays and a table of texts.
 *
 * Format: 8 bytes, little-endian, the length of the header; the header, JSON:
 *   {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}, ...}
 * padded with spaces so that the data begin at a multiple of 8; then the data, without gaps, in the order of the offsets.
 * Limits of this reader: values of dtype F32 only (others are listed without values, since many files carry counters that
 * nobody asks for), at most 8 dimensions, as many tensors and so long a header as base/limits.h says.
 * Everything is checked before use: the header's length against the file's size, offsets against shapes, no gap, no overlap,
 * nothing left over; and the checksum, where the file has one.
 */
#ifndef BASE_SAFETENSORS_H
#define BASE_SAFETENSORS_H

#include "base/files.h"

enum { TENSOR_MAX_DIMS = 8 };

typedef struct StoredTensor {
    const char *name;
    int dims;
    size_t shape[TENSOR_MAX_DIMS];
    size_t count;        /* product of the shape */
    const float *values; /* NULL in a file read: of another type than F32 */
    const char *type;    /* in a file read: its dtype; not looked at when written */
} StoredTensor;

typedef struct StoredText {
    const char *key, *value;
} StoredText;

/* Written aside and renamed, with a checksum (file_sha256) among the texts, which is none of `texts`. Order is kept. Borrows everything. */
cf_status safetensors_write(const char *path, const StoredTensor *tensors, size_t tensor_count, const StoredText *texts,
                            size_t text_count);
/* The same; a file that was there is kept as `previous` (file_commit_keeping). */
cf_status safetensors_write_keeping(const char *path, const StoredTensor *tensors, size_t tensor_count,
                                    const StoredText *texts, size_t text_count, const char *previous);

/* A file read: tensors in the order of their data, texts as they stand. Everything in it lives until safetensors_free. */
typedef struct StoredFile {
    StoredTensor *tensors;
    size_t tensor_count;
    StoredText *texts;
    size_t text_count;
    bool sealed; /* it has a checksum, which was compared; it is not among the texts */
    void *owned; /* the file's memory */
} StoredFile;

cf_status safetensors_read(const char *path, StoredFile *file);
void safetensors_free(StoredFile *file);
/* NULL when there is none. */
const StoredTensor *safetensors_find(const StoredFile *file, const char *name);
/* The same, of float32: CF_BAD_INPUT where it is missing or of another type. */
cf_status safetensors_find_float(const StoredFile *file, const char *name, const StoredTensor **tensor);
/* "[8, 512]", for messages. */
enum { SHAPE_TEXT = TENSOR_MAX_DIMS * 22 + 3 };
void shape_to_text(const size_t *shape, int dims, char text[SHAPE_TEXT]);
const char *safetensors_text(const StoredFile *file, const char *key);

#endif
