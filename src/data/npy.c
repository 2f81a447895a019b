/* NumPy's array format (numpy.lib.format), versions 1, 2 and 3.
 *
 *   offset  bytes  what
 *   0       6      93 'N' 'U' 'M' 'P' 'Y'
 *   6       2      version: major 1, 2 or 3, minor 0
 *   8       2      length L of the header, little-endian; 4 bytes from version 2 on
 *   10/12   L      a Python dictionary as text, filled up with spaces, '\n' at the end:
 *                  {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }
 *   ...     ...    the elements in C order, the last axis fastest
 *
 * Read are little-endian f4, f8, i8, i4 and u1 as rows, i8, i4 and u1 as labels, of 1 to 8 axes. A file must have exactly the size
 * that its header says, which is checked before memory is taken. The dictionary is parsed, never evaluated.
 */
#include "data/npy.h"

#include "base/files.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
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
    size_t size, begin; /* of the file; where the elements begin */
    char *header;
    char type[8]; /* "<f4" */
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

static bool take_shape(const char **at, NpyFile *file) {
    if (*(*at)++ != '(') return false;
    for (skip_spaces(at); **at != ')'; skip_spaces(at)) {
        if (file->axis_count == MOST_AXES || !take_size(at, &file->axes[file->axis_count++])) return false;
        skip_spaces(at);
        if (**at == ',')
            ++*at;
        else if (**at != ')')
            return false;
    }
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
    for (skip_spaces(&at); *at != '}'; skip_spaces(&at)) {
        if (!take_text(&at, key, sizeof key)) return false;
        skip_spaces(&at);
        if (*at++ != ':') return false;
        skip_spaces(&at);
        if (!take_value(&at, key, file)) return false;
        skip_spaces(&at);
        if (*at == ',')
            at++;
        else if (*at != '}')
            return false;
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
            "%s is not a .npy file: it begins with %02x %02x %02x %02x, and 93 4e 55 4d (\\x93NUM) was expected%s",
            file->path, begin[0], begin[1], begin[2], begin[3],
            memcmp(begin, "PK", 2) == 0 ? "; it looks like an .npz: save the array alone, with np.save" : "");
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

static cf_status read_header(NpyFile *file) {
    size_t length = 0;
    FORWARD(read_preamble(file, &length));
    FORWARD(memory_new(length + 1, 1, &file->header));
    FORWARD(read_exactly(file, file->header, length, "its header"));
    FAIL_IF(strlen(file->header) != length || !parse_header(file), CF_BAD_INPUT,
            "%s has a header that cannot be understood: \"%.80s\"; {'descr': '<f4', 'fortran_order': False, 'shape': "
            "(rows, columns)} was expected, with 1 to %d axes",
            file->path, file->header, MOST_AXES);
    FAIL_IF(file->fortran && file->axis_count > 1, CF_BAD_INPUT,
            "%s is in Fortran order; save np.ascontiguousarray(x) instead", file->path);
    FAIL_IF(file->axis_count == 0, CF_BAD_INPUT, "%s holds a single number; rows were expected", file->path);
    file->count = 1;
    for (int a = 0; a < file->axis_count; a++)
        FAIL_IF(!size_multiply(file->count, file->axes[a], &file->count), CF_BAD_INPUT,
                "%s has a shape of more elements than can be addressed; it is damaged", file->path);
    FAIL_IF(file->count == 0, CF_BAD_INPUT, "%s is empty: axis of length 0 in its shape", file->path);
    return CF_OK;
}

static cf_status check_size(const NpyFile *file, size_t element) {
    size_t bytes, expected;
    FAIL_IF(!size_multiply(file->count, element, &bytes) || __builtin_add_overflow(bytes, file->begin, &expected),
            CF_BAD_INPUT, "%s has a shape of more bytes than can be addressed; it is damaged", file->path);
    FAIL_IF(file->size < expected, CF_BAD_INPUT, "%s is truncated: its header says %zu bytes in all, it has %zu",
            file->path, expected, file->size);
    FAIL_IF(file->size > expected, CF_BAD_INPUT,
            "%s has %zu bytes more than its header says (%zu, not %zu); it is not one whole array", file->path,
            file->size - expected, file->size, expected);
    return CF_OK;
}

static void npy_close(NpyFile *file) {
    if (file->stream) fclose(file->stream);
    free(file->header);
}

static cf_status npy_open(const char *path, NpyFile *file) {
    struct stat about;
    *file = (NpyFile){.path = path, .stream = fopen(path, "rb")};
    FAIL_IF(!file->stream, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(fstat(fileno(file->stream), &about) != 0, CF_IO, "cannot read %s: %s", path, strerror(errno));
    FAIL_IF(!S_ISREG(about.st_mode), CF_BAD_INPUT, "%s is not a file", path);
    file->size = (size_t)about.st_size;
    return read_header(file);
}

/* ---- Elements ---- */

/* `part` holds count elements of the file's type. Of int64 beyond 2^53 the nearest double. */
static void to_doubles(const char *type, const void *part, size_t count, double *values) {
    const double *doubles = part;
    const float *floats = part;
    const int64_t *longs = part;
    const int32_t *words = part;
    const unsigned char *bytes = part;
    if (strcmp(type, "<f8") == 0)
        for (size_t i = 0; i < count; i++) values[i] = doubles[i];
    else if (strcmp(type, "<f4") == 0)
        for (size_t i = 0; i < count; i++) values[i] = (double)floats[i];
    else if (strcmp(type, "<i8") == 0)
        for (size_t i = 0; i < count; i++) values[i] = (double)longs[i];
    else if (strcmp(type, "<i4") == 0)
        for (size_t i = 0; i < count; i++) values[i] = words[i];
    else
        for (size_t i = 0; i < count; i++) values[i] = bytes[i];
}

static void to_integers(const char *type, const void *part, size_t count, int64_t *values) {
    const int32_t *words = part;
    const unsigned char *bytes = part;
    if (strcmp(type, "<i4") == 0)
        for (size_t i = 0; i < count; i++) values[i] = words[i];
    else
        for (size_t i = 0; i < count; i++) values[i] = bytes[i];
}

/* The element's size; 0 for a type that is none of `types`, which ends with NULL. */
static size_t element_size(const char *type, const char *const *types) {
    for (; *types; types++)
        if (strcmp(type, *types) == 0) return (size_t)(type[2] - '0');
    return 0;
}

typedef enum NarrowStep { NARROW_LOOK, NARROW_WEIGH, NARROW_CONVERT } NarrowStep;

/* Goes over the elements once. */
static cf_status narrow_step(NpyFile *file, size_t element, Narrow *narrow, NarrowStep step, float *values) {
    _Alignas(8) unsigned char part[PART * sizeof(double)];
    double doubles[PART];
    FAIL_IF(fseek(file->stream, (long)file->begin, SEEK_SET) != 0, CF_IO, "cannot read %s: %s", file->path,
            strerror(errno));
    for (size_t i = 0; i < file->count; i += PART) {
        size_t count = file->count - i < PART ? file->count - i : PART;
        FORWARD(read_exactly(file, part, count * element, "its elements"));
        to_doubles(file->type, part, count, doubles);
        if (step == NARROW_LOOK) narrow_look(narrow, doubles, i, count);
        if (step == NARROW_WEIGH) narrow_weigh(narrow, doubles, i, count);
        if (step == NARROW_CONVERT) narrow_convert(narrow, doubles, i, count, values);
    }
    return CF_OK;
}

static cf_status narrow_rows(NpyFile *file, size_t element, const RowsFrame *frame, NpyRows *rows) {
    Narrow *narrow;
    FORWARD(narrow_new(rows->n, rows->dim, frame, &narrow));
    cf_status status = CF_OK;
    if (strcmp(file->type, "|u1") != 0) status = narrow_step(file, element, narrow, NARROW_LOOK, NULL);
    if (!status && narrow_wants_weighing(narrow)) status = narrow_step(file, element, narrow, NARROW_WEIGH, NULL);
    if (!status) status = narrow_step(file, element, narrow, NARROW_CONVERT, rows->values);
    if (!status) status = narrow_finish(narrow, rows->values, &rows->offset, &rows->loss);
    narrow_free(narrow);
    return status;
}

static cf_status read_rows(NpyFile *file, const RowsFrame *frame, NpyRows *rows) {
    static const char *const types[] = {"<f4", "<f8", "<i8", "<i4", "|u1", NULL};
    size_t element = element_size(file->type, types), columns = file->count / file->axes[0];
    FAIL_IF(!element, CF_BAD_INPUT,
            "%s has elements of type '%s'; float32 ('<f4'), float64 ('<f8'), int32 ('<i4'), int64 ('<i8') and uint8 "
            "('|u1') are read: save x.astype('float64')",
            file->path, file->type);
    FAIL_IF(columns > INT_MAX, CF_BAD_INPUT, "%s has rows of %zu values, which are too many", file->path, columns);
    FORWARD(check_size(file, element));
    FORWARD(memory_new(file->count, sizeof(float), &rows->values));
    rows->n = file->axes[0];
    rows->dim = (int)columns;
    if (strcmp(file->type, "<f4") != 0 || frame->offset) return narrow_rows(file, element, frame, rows);
    return read_exactly(file, rows->values, file->count * element, "its elements");
}

static cf_status read_labels(NpyFile *file, int64_t **labels, size_t *n) {
    static const char *const types[] = {"<i8", "<i4", "|u1", NULL};
    _Alignas(8) unsigned char part[PART * sizeof(int64_t)];
    size_t element = element_size(file->type, types);
    FAIL_IF(!element, CF_BAD_INPUT,
            "%s has elements of type '%s'; labels are int64 ('<i8'), int32 ('<i4') or uint8 ('|u1'): save "
            "y.astype('int64')",
            file->path, file->type);
    FAIL_IF(file->count != file->axes[0], CF_BAD_INPUT, "%s has %zu labels for %zu rows; one for each was expected",
            file->path, file->count, file->axes[0]);
    FORWARD(check_size(file, element));
    FORWARD(memory_new(file->count, sizeof(int64_t), labels));
    if (element == sizeof(int64_t)) FORWARD(read_exactly(file, *labels, file->count * element, "its elements"));
    for (size_t i = 0; i < file->count && element != sizeof(int64_t); i += PART) {
        size_t count = file->count - i < PART ? file->count - i : PART;
        FORWARD(read_exactly(file, part, count * element, "its elements"));
        to_integers(file->type, part, count, *labels + i);
    }
    *n = file->count;
    return CF_OK;
}

cf_status npy_read_rows(const char *path, const RowsFrame *frame, NpyRows *rows) {
    NpyFile file;
    NpyRows made = {0};
    cf_status status = npy_open(path, &file);
    if (!status) status = read_rows(&file, frame, &made);
    npy_close(&file);
    if (status) npy_rows_free(&made);
    if (!status) *rows = made;
    return status;
}

void npy_rows_free(NpyRows *rows) {
    free(rows->values);
    free(rows->offset);
    *rows = (NpyRows){0};
}

cf_status npy_read_labels(const char *path, int64_t **labels, size_t *n) {
    NpyFile file;
    int64_t *made = NULL;
    cf_status status = npy_open(path, &file);
    if (!status) status = read_labels(&file, &made, n);
    npy_close(&file);
    if (status) free(made);
    if (!status) *labels = made;
    return status;
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
