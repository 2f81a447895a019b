/* NumPy's array format (numpy.lib.format), versions 1, 2 and 3.
 *
 *   offset  bytes  what
 *   0       6      93 'N' 'U' 'M' 'P' 'Y'
 *   6       2      version: major 1, 2 or 3, minor 0
 *   8       2      length L of the header, little-endian; 4 bytes from version 2 on
 *   10/12   L      a Python dictionary as text, filled up with spaces, '\n' at the end:
 *                  {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }
 *   ...     ...    the elements in C order, the last axis fastest; in Fortran order, the first
 *
 * Read are floats of 2, 4 and 8 bytes, whole numbers of 1 to 8 and bools, of either byte order, of 1 to 8 axes. A file must have
 * exactly the size that its header says, which is checked before memory is taken. The dictionary is parsed, never evaluated.
 *
 * An .npz is a zip archive of such files, NAME.npy each, stored (savez) or deflated (savez_compressed).
 */
#include "data/npy.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/zip.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "npy.c takes elements as they lie in the file, which is little-endian"
#endif

enum { MAGIC = 6, MOST_AXES = 8, LONGEST_HEADER = 1 << 16, PART = 1 << 14 };
static const unsigned char magic[MAGIC] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct NpyFile {
    const char *path;
    FILE *stream;
    unsigned char
        *content;       /* what the stream reads, where that is no file: an archive's entry, or elements in C order */
    size_t size, begin; /* of the file; where the elements begin */
    char *header;
    char type[8];   /* "<f4" */
    char kind;      /* 'f', 'i', 'u', 'b' */
    size_t element; /* bytes of one */
    bool swapped;   /* they are big-endian */
    bool fortran, typed, ordered, shaped;
    size_t axes[MOST_AXES], count;
    int axis_count;
} NpyFile;

/* ---- The dictionary ---- */

static void skip_spaces(const char **at) {
    while (isspace((unsigned char)**at)) ++*at;
}

/* A quoted text without escapes, as short as the room for it. */
static bool take_text(const char **at, char *text, size_t room) {
    char quote = **at;
    size_t length = 0;
    if (quote != '\'' && quote != '"') return false;
    for (++*at; **at && **at != quote; ++*at) {
        if (length + 1 >= room) return false;
        text[length++] = **at;
    }
    text[length] = '\0';
    return *(*at)++ == quote;
}

static bool take_word(const char **at, const char *word) {
    size_t length = strlen(word);
    if (strncmp(*at, word, length) != 0) return false;
    *at += length;
    return true;
}

/* A number, which may have Python 2's L behind it. */
static bool take_size(const char **at, size_t *size) {
    *size = 0;
    if (!isdigit((unsigned char)**at)) return false;
    for (; isdigit((unsigned char)**at); ++*at)
        if (!size_multiply(*size, 10, size) || __builtin_add_overflow(*size, (size_t)(**at - '0'), size)) return false;
    if (**at == 'L') ++*at;
    return true;
}

/* Behind an item of a list: a comma, or before the end. */
static bool take_comma(const char **at, char close) {
    skip_spaces(at);
    const bool comma = **at == ',';
    *at += comma;
    skip_spaces(at);
    return comma || **at == close;
}

static bool take_shape(const char **at, NpyFile *file) {
    if (*(*at)++ != '(') return false;
    for (skip_spaces(at); **at != ')';)
        if (file->axis_count == MOST_AXES || !take_size(at, &file->axes[file->axis_count++]) || !take_comma(at, ')'))
            return false;
    ++*at;
    return true;
}

static bool take_value(const char **at, const char *key, NpyFile *file) {
    if (strcmp(key, "descr") == 0 && !file->typed) return file->typed = take_text(at, file->type, sizeof file->type);
    if (strcmp(key, "shape") == 0 && !file->shaped) return file->shaped = take_shape(at, file);
    if (strcmp(key, "fortran_order") != 0 || file->ordered) return false;
    file->fortran = take_word(at, "True");
    return file->ordered = file->fortran || take_word(at, "False");
}

static bool parse_header(NpyFile *file) {
    const char *at = file->header;
    char key[20];
    skip_spaces(&at);
    if (*at++ != '{') return false;
    for (skip_spaces(&at); *at != '}';) {
        if (!take_text(&at, key, sizeof key)) return false;
        skip_spaces(&at);
        if (*at++ != ':') return false;
        skip_spaces(&at);
        if (!take_value(&at, key, file) || !take_comma(&at, '}')) return false;
    }
    at++;
    skip_spaces(&at);
    return !*at && file->typed && file->ordered && file->shaped;
}

/* ---- The file ---- */

static cf_status read_exactly(NpyFile *file, void *bytes, size_t size, const char *what) {
    if (fread(bytes, 1, size, file->stream) == size) return CF_OK;
    FAIL_IF(ferror(file->stream), CF_IO, "cannot read %s: %s", file->path, strerror(errno));
    return FAIL(CF_BAD_INPUT, "%s ends inside %s: it has %zu bytes", file->path, what, file->size);
}

static cf_status read_preamble(NpyFile *file, size_t *length) {
    unsigned char begin[12] = {0};
    FORWARD(read_exactly(file, begin, MAGIC + 2, "its first 8 bytes"));
    FAIL_IF(memcmp(begin, magic, MAGIC) != 0, CF_BAD_INPUT,
            "%s is not a .npy file: it begins with %02x %02x %02x %02x, and 93 4e 55 4d (\\x93NUM) was expected",
            file->path, begin[0], begin[1], begin[2], begin[3]);
    FAIL_IF(begin[6] < 1 || begin[6] > 3 || begin[7] != 0, CF_BAD_INPUT,
            "%s is of version %d.%d of the .npy format (bytes 6, 7); 1.0, 2.0 and 3.0 are read", file->path, begin[6],
            begin[7]);
    size_t width = begin[6] == 1 ? 2 : 4;
    FORWARD(read_exactly(file, begin + 8, width, "the length of its header"));
    *length = (size_t)begin[8] | (size_t)begin[9] << 8 | (size_t)begin[10] << 16 | (size_t)begin[11] << 24;
    file->begin = 8 + width + *length;
    FAIL_IF(*length > LONGEST_HEADER || file->begin > file->size, CF_BAD_INPUT,
            "%s claims a header of %zu bytes (byte 8), and has %zu bytes in all; it is damaged", file->path, *length,
            file->size);
    return CF_OK;
}

static cf_status read_type(NpyFile *file) {
    static const char *const known[] = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
    const char *type = file->type, *bare = type + (strchr("<>|=", type[0]) != NULL && type[0]);
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        if (strcmp(bare, known[k]) != 0) continue;
        file->kind = bare[0];
        file->element = (size_t)(bare[1] - '0');
        file->swapped = type[0] == '>' && file->element > 1;
        return CF_OK;
    }
    return FAIL(CF_BAD_INPUT,
                "%s has elements of type '%s'; numbers were expected: float16 to float64, int8 to int64, uint8 to "
                "uint64 or bool; save x.astype('float64')",
                file->path, type);
}

static cf_status read_header(NpyFile *file) {
    size_t length = 0;
    FORWARD(read_preamble(file, &length));
    FORWARD(memory_new(length + 1, 1, &file->header));
    FORWARD(read_exactly(file, file->header, length, "its header"));
    FAIL_IF(strlen(file->header) != length || !parse_header(file), CF_BAD_INPUT,
            "%s has a header that cannot be understood: \"%.80s\"; {'descr': '<f4', 'fortran_order': False, 'shape': "
            "(rows, columns)} was expected, with 1 to %d axes",
            file->path, file->header, MOST_AXES);
    FORWARD(read_type(file));
    FAIL_IF(file->axis_count == 0, CF_BAD_INPUT, "%s holds a single number; rows were expected", file->path);
    file->count = 1;
    for (int a = 0; a < file->axis_count; a++)
        FAIL_IF(!size_multiply(file->count, file->axes[a], &file->count), CF_BAD_INPUT,
                "%s has a shape of more elements than can be addressed; it is damaged", file->path);
    FAIL_IF(file->count == 0, CF_BAD_INPUT, "%s is empty: axis of length 0 in its shape", file->path);
    return CF_OK;
}

static cf_status check_size(const NpyFile *file) {
    size_t bytes, expected;
    FAIL_IF(!size_multiply(file->count, file->element, &bytes) || __builtin_add_overflow(bytes, file->begin, &expected),
            CF_BAD_INPUT, "%s has a shape of more bytes than can be addressed; it is damaged", file->path);
    FAIL_IF(file->size < expected, CF_BAD_INPUT, "%s is truncated: its header says %zu bytes in all, it has %zu",
            file->path, expected, file->size);
    FAIL_IF(file->size > expected, CF_BAD_INPUT,
            "%s has %zu bytes more than its header says (%zu, not %zu); it is not one whole array", file->path,
            file->size - expected, file->size, expected);
    return CF_OK;
}

static void npy_close(NpyFile *file) {
    file_close(&file->stream);
    free(file->content);
    free(file->header);
}

/* From here on the stream reads `content`, which is now the file's. */
static cf_status read_memory(NpyFile *file, unsigned char *content, size_t size) {
    file_close(&file->stream);
    free(file->content);
    file->content = content;
    file->stream = fmemopen(content, size, "rb");
    FAIL_IF(!file->stream, CF_NO_MEMORY, "cannot read %s from memory: %s", file->path, strerror(errno));
    return CF_OK;
}

/* Axis a of the shape in Fortran order is axis (axis_count - 1 - a) of the bytes: gathered so that the last axis is the fastest. */
static void reorder(const NpyFile *file, const unsigned char *from, unsigned char *to) {
    const size_t element = file->element;
    size_t place[MOST_AXES] = {0}, stride[MOST_AXES], at = 0;
    stride[0] = element;
    for (int a = 1; a < file->axis_count; a++) stride[a] = stride[a - 1] * file->axes[a - 1];
    for (size_t i = 0; i < file->count; i++, to += element) {
        memcpy(to, from + at, element);
        for (int a = file->axis_count - 1; a >= 0; a--) {
            at += stride[a];
            if (++place[a] < file->axes[a]) break;
            at -= stride[a] * file->axes[a];
            place[a] = 0;
        }
    }
}

/* The elements of an array in Fortran order, in C order. */
static cf_status read_fortran(NpyFile *file) {
    const size_t size = file->count * file->element;
    AUTO_FREE unsigned char *bytes = NULL;
    unsigned char *ordered;
    FORWARD(memory_new(size, 1, &bytes));
    FORWARD(read_exactly(file, bytes, size, "its elements"));
    FORWARD(memory_new(size, 1, &ordered));
    reorder(file, bytes, ordered);
    file->begin = 0;
    return read_memory(file, ordered, size);
}

/* The entry of an archive that is asked for, or the only one. */
static cf_status choose_array(const char *path, const ZipEntries *entries, const char *name, ZipEntry **entry) {
    char list[400] = "", whole[256];
    *entry = NULL;
    if (name && snprintf(whole, sizeof whole, "%s.npy", name) < (int)sizeof whole)
        *entry = zip_find(entries, whole, strlen(whole));
    if (!name && entries->count == 1) *entry = entries->all;
    if (*entry) return CF_OK;
    for (size_t e = 0; e < entries->count; e++) {
        const ZipEntry *one = &entries->all[e];
        text_append(list, sizeof list, "%s%.*s", e ? ", " : "", (int)(one->length - (one->length > 4 ? 4 : 0)),
                    one->name);
    }
    FAIL_IF(!name, CF_BAD_USE, "%s holds %zu arrays (%s); one is chosen by %s:NAME", path, entries->count, list, path);
    return FAIL(CF_BAD_USE, "%s holds no array \"%s\"; it has %s", path, name, list);
}

static void entries_free(ZipEntries *entries) {
    free(entries->all);
}

static cf_status open_archive(const char *path, const char *name, NpyFile *file) {
    AUTO(entries_free) ZipEntries entries = {0};
    AUTO_FREE unsigned char *bytes = NULL;
    unsigned char *content;
    ZipEntry *entry;
    size_t size;
    FORWARD(file_read(path, MOST_TENSOR_FILE, &bytes, &size));
    FORWARD(zip_list(path, bytes, size, &entries));
    FORWARD(choose_array(path, &entries, name, &entry));
    FORWARD(zip_unpack(path, bytes, entry, &content));
    file->size = entry->unpacked;
    return read_memory(file, content, file->size ? file->size : 1);
}

static cf_status open_file(const char *path, NpyFile *file) {
    unsigned char begin[2] = {0};
    struct stat about;
    file->stream = fopen(path, "rb");
    FAIL_IF(!file->stream, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(fstat(fileno(file->stream), &about) != 0, CF_IO, "cannot read %s: %s", path, strerror(errno));
    FAIL_IF(!S_ISREG(about.st_mode), CF_BAD_INPUT, "%s is not a file", path);
    file->size = (size_t)about.st_size;
    if (fread(begin, 1, 2, file->stream) == 2 && memcmp(begin, "PK", 2) == 0) return open_archive(path, NULL, file);
    rewind(file->stream);
    return CF_OK;
}

/* "X.npy", "X.npz", or "X.npz:NAME" for one of its arrays, where no file has that whole name. */
static cf_status npy_open(const char *path, NpyFile *file) {
    const char *colon = strrchr(path, ':');
    AUTO_FREE char *archive = NULL;
    file->path = path;
    if (!colon || file_exists(path)) {
        FORWARD(open_file(path, file));
    } else {
        FORWARD(memory_print(&archive, "%.*s", (int)(colon - path), path));
        FORWARD(open_archive(archive, colon + 1, file));
    }
    FORWARD(read_header(file));
    FORWARD(check_size(file));
    return file->fortran && file->count > file->axes[0] ? read_fortran(file) : CF_OK;
}

/* ---- Elements ---- */

/* IEEE 754 binary16; its values are floats all. */
static double half_value(uint16_t half) {
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    double value = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                   : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                  : ldexp(fraction, -24);
    return half >> 15 ? -value : value;
}

void elements_swap(void *elements, size_t count, size_t size) {
    unsigned char *bytes = elements;
    for (size_t i = 0; i < count; i++, bytes += size)
        for (size_t low = 0, high = size - 1; low < high; low++, high--) {
            const unsigned char byte = bytes[low];
            bytes[low] = bytes[high];
            bytes[high] = byte;
        }
}

static cf_status read_part(NpyFile *file, void *part, size_t count) {
    FORWARD(read_exactly(file, part, count * file->element, "its elements"));
    if (file->swapped) elements_swap(part, count, file->element);
    return CF_OK;
}

#define CONVERT(of_kind, type)                                                                                         \
    if (kind == (of_kind) && size == sizeof(type))                                                                     \
        for (size_t i = 0; i < count; i++) values[i] = (double)((const type *)elements)[i]

void elements_to_doubles(char kind, size_t size, const void *elements, size_t count, double *values) {
    if (kind == 'f' && size == 2)
        for (size_t i = 0; i < count; i++) values[i] = half_value(((const uint16_t *)elements)[i]);
    CONVERT('f', float);
    CONVERT('f', double);
    CONVERT('i', int8_t);
    CONVERT('i', int16_t);
    CONVERT('i', int32_t);
    CONVERT('i', int64_t);
    CONVERT('u', uint8_t);
    CONVERT('u', uint16_t);
    CONVERT('u', uint32_t);
    CONVERT('u', uint64_t);
    CONVERT('b', uint8_t);
}

/* For narrow_rows, which begins again at 0. */
static cf_status read_doubles(void *source, size_t first, size_t count, double *values) {
    NpyFile *file = source;
    _Alignas(8) unsigned char part[PART * sizeof(double)];
    FAIL_IF(first == 0 && fseek(file->stream, (long)file->begin, SEEK_SET) != 0, CF_IO, "cannot read %s: %s",
            file->path, strerror(errno));
    FORWARD(read_part(file, part, count));
    elements_to_doubles(file->kind, file->element, part, count, values);
    return CF_OK;
}

cf_status npy_read_rows(const char *path, const RowsFrame *frame, NpyRows *rows) {
    AUTO(npy_close) NpyFile file = {0};
    AUTO(npy_rows_free) NpyRows made = {0};
    FORWARD(npy_open(path, &file));
    const size_t columns = file.count / file.axes[0];
    FAIL_IF(columns > INT_MAX, CF_BAD_INPUT, "%s has rows of %zu values, which are too many", path, columns);
    made.n = file.axes[0];
    made.dim = (int)columns;
    if (file.kind != 'f' || file.element != sizeof(float) || frame->offset) {
        FORWARD(narrow_rows(read_doubles, &file, file.element == 1, frame, &made));
    } else {
        FORWARD(memory_new(file.count, sizeof(float), &made.values));
        FORWARD(read_part(&file, made.values, file.count));
    }
    *rows = made;
    made = (NpyRows){0};
    return CF_OK;
}

cf_status npy_read_labels(const char *path, int64_t **labels, size_t *n) {
    _Alignas(8) unsigned char part[PART * sizeof(int64_t)];
    double doubles[PART];
    AUTO(npy_close) NpyFile file = {0};
    AUTO_FREE int64_t *made = NULL;
    FORWARD(npy_open(path, &file));
    FAIL_IF(file.count != file.axes[0], CF_BAD_INPUT, "%s has %zu labels for %zu rows; one for each was expected", path,
            file.count, file.axes[0]);
    FORWARD(memory_new(file.count, sizeof(int64_t), &made));
    for (size_t i = 0; i < file.count; i += PART) {
        const size_t count = file.count - i < PART ? file.count - i : PART;
        FORWARD(read_part(&file, part, count));
        elements_to_doubles(file.kind, file.element, part, count, doubles);
        for (size_t j = 0; j < count; j++) {
            FAIL_IF(file.kind == 'f' && (doubles[j] != floor(doubles[j]) || fabs(doubles[j]) > 9e15), CF_BAD_INPUT,
                    "%s: label %zu is %g; whole numbers were expected", path, i + j, doubles[j]);
            /* A double does not hold all whole numbers of 64 bits. */
            if (file.element == 8 && file.kind != 'f')
                memcpy(&made[i + j], part + j * sizeof *made, sizeof *made);
            else
                made[i + j] = (int64_t)doubles[j];
        }
    }
    *labels = memory_take(&made);
    *n = file.count;
    return CF_OK;
}

cf_status npy_write_rows(const char *path, const float *values, size_t n, int dim) {
    enum { PREAMBLE = 10, WHOLE = 128 }; /* NumPy asks for a multiple of 64 */
    char text[WHOLE + 1];
    FileDraft draft;
    memset(text, ' ', sizeof text);
    memcpy(text, magic, MAGIC);
    memcpy(text + MAGIC, (const char[]){1, 0, WHOLE - PREAMBLE, 0}, 4);
    int length = snprintf(text + PREAMBLE, WHOLE - PREAMBLE,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %d), }", n, dim);
    text[PREAMBLE + length] = ' ';
    text[WHOLE - 1] = '\n';
    FORWARD(file_draft(path, &draft));
    fwrite(text, 1, WHOLE, draft.stream);
    fwrite(values, sizeof *values, n * (size_t)dim, draft.stream);
    return file_commit(&draft);
}
