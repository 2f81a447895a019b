/* Safetensors files: named arrays of floats and a table of texts.
 *
 * Format: 8 bytes, little-endian, the length of the header; the header, JSON:
 *   {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}, ...}
 * padded with spaces so that the data begin at a multiple of 8; then the data, without gaps, in the order of the offsets.
 * Limits of this reader: at most 8 dimensions, as many tensors and so long a header as base/limits.h says. Values of F32, F16,
 * BF16 and F64 are handed out as float32 (F64 rounded to nearest, what is beyond becomes infinite); tensors of other types are
 * listed without values, since many files carry counters that nobody asks for. Two tensors may share all of their bytes, as
 * some writers store tied weights: then type and shape are the same.
 * Everything is checked before use: the header's length against the file's size, offsets against shapes, no gap, no other
 * overlap, nothing left over; and the checksum, where the file has one.
 */
#pragma once

#include "base/files.h"
#include "base/name_table.h"

enum { TENSOR_MAX_DIMS = 8 };

typedef struct StoredTensor {
    const char *name;
    int dims;
    size_t shape[TENSOR_MAX_DIMS];
    size_t count;        /* product of the shape */
    const float *values; /* NULL in a file read: of a type that is no float's */
    /* Written in place of `values`, as I64; to stand in front of the floats, for readers that want them at multiples of 8. NULL in a
     * file read. */
    const int64_t *integers;
    /* Of a file read; not looked at when written. */
    const char *type;  /* dtype; lives as long as the program, or the file */
    size_t begin, end; /* bytes of the data */
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
    /* The memory behind them, any of it NULL; readers of other formats (nn/weights/pth.c) fill it likewise. */
    unsigned char *bytes;  /* the file's */
    float *converted;      /* values that do not stand among the bytes as they are */
    char *names, *renamed; /* names that do not stand in the header, at first and as they were changed to */
    struct json_t *header; /* which owns the other names and the texts */
    NameTable places;      /* of the tensors, by name */
} StoredFile;

cf_status safetensors_read(const char *path, StoredFile *file);
void safetensors_free(StoredFile *file);
/* For those who have filled a StoredFile or changed its names: what safetensors_find needs. CF_BAD_INPUT where two tensors
 * have one name. */
cf_status safetensors_index(const char *path, StoredFile *file);
/* NULL when there is none. */
const StoredTensor *safetensors_find(const StoredFile *file, const char *name);
/* The same, with values: CF_BAD_INPUT where it is missing or of a type that is no float's. */
cf_status safetensors_find_float(const StoredFile *file, const char *name, const StoredTensor **tensor);

/* A dtype: its word, the bytes of a value, and what those are as float32 (NULL: they are no float's). */
typedef struct StoredType {
    const char *word;
    size_t size;
    float (*value)(const unsigned char *bytes);
} StoredType;
/* NULL where the word is not known. */
const StoredType *stored_type(const char *word);
/* "[8, 512]", for messages. */
enum { SHAPE_TEXT = TENSOR_MAX_DIMS * 22 + 3 };
void shape_to_text(const size_t *shape, int dims, char text[SHAPE_TEXT]);
const char *safetensors_text(const StoredFile *file, const char *key);

/* ---- For safetensors_write.c ---- */

/* The checksum: the text "file_sha256" of a file's metadata is the SHA-256 of all its bytes, with its own 64 digits taken as
 * zeros. Whatever byte is changed, it shows. */
#define METADATA   "__metadata__"
#define SEAL_KEY   "file_sha256"
#define SEAL_ZEROS "0000000000000000000000000000000000000000000000000000000000000000" /* before it is known */

enum { LENGTH_BYTES = 8 };

/* Where the checksum's digits stand in a header (JSON, compact), or NULL. */
char *seal_place(char *header, size_t length);
