/* MATLAB v5 files ("MAT-File Format", The MathWorks, chapter 1).
 *
 *   offset  bytes  what
 *   0       116    text, begins with "MATLAB 5.0 MAT-file"
 *   116     8      subsystem data, not used
 *   124     2      version, 0x0100
 *   126     2      the characters 'M','I' as one 16-bit number: in a little-endian file they stand as "IM"
 *   128     ...    elements
 *
 * An element is a tag of two 32-bit numbers, type and bytes, then so many bytes. Short form, for up to 4
 * bytes: the type in the lower and the bytes in the upper half of the first number, and the data in place of
 * the second. On top, the type is 14, a matrix, or 15, a zlib stream that inflates to a matrix element. A
 * matrix is made of elements padded to multiples of 8: flags (type 6, 8 bytes: class in the lowest byte,
 * 0x0800: complex), dimensions (type 5, 4 bytes each), name (type 1), and for numeric classes the numbers,
 * column-major, in any type that holds them.
 */
#include "data/mat_layout.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_HEADER = 128, TAG = 8, MATRIX = 14, COMPRESSED = 15, MAX_VARIABLES = 4096 };
enum { STORED_INT8 = 1, STORED_INT32 = 5, STORED_UINT32 = 6, COMPLEX_FLAG = 0x0800, LONGEST_HEAD = 1024 };

static uint32_t number_at(const unsigned char *bytes, bool swapped) {
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return swapped ? __builtin_bswap32(number) : number;
}

/* "182,040,794": sizes in messages are compared by eye. */
static const char *grouped(size_t number, char text[32]) {
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%zu", number), used = 0;
    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0) text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

const char *mat_class_text(int class_type) {
    static const char *const names[] = {"unknown", "cell",  "struct", "object", "char",  "sparse", "double", "single",
                                        "int8",    "uint8", "int16",  "uint16", "int32", "uint32", "int64",  "uint64"};
    return class_type >= 0 && (size_t)class_type < COUNT_OF(names) ? names[class_type] : "unknown";
}

size_t mat_stored_size(uint32_t stored_type) {
    static const unsigned char sizes[] = {0, 1, 1, 2, 2, 4, 4, 4, 0, 8, 0, 0, 8, 8};
    return stored_type < sizeof sizes ? sizes[stored_type] : 0;
}

static cf_status check_header(const char *path, const unsigned char *header, size_t size, bool *swapped) {
    char begin[20] = "";
    for (size_t i = 0; i < sizeof begin - 1 && i < size; i++)
        begin[i] = header[i] >= ' ' && header[i] < 127 ? (char)header[i] : '.';
    FAIL_IF(size >= 10 && memcmp(header, "MATLAB 7.3", 10) == 0, CF_BAD_INPUT,
            "%s is a MATLAB 7.3 (HDF5) file; version 5 was expected: save it again in MATLAB with the option -v7",
            path);
    FAIL_IF(size < 19 || memcmp(header, "MATLAB 5.0 MAT-file", 19) != 0, CF_BAD_INPUT,
            "%s is not a MATLAB v5 file: it begins with \"%s\", expected was \"MATLAB 5.0 MAT-file\"", path, begin);
    FAIL_IF(size < FILE_HEADER, CF_BAD_INPUT,
            "%s is truncated: its header needs %d bytes, the file has %zu; download it again", path, FILE_HEADER, size);
    uint16_t mark, version;
    memcpy(&mark, header + 126, sizeof mark);
    memcpy(&version, header + 124, sizeof version);
    FAIL_IF(mark != 0x4d49 && mark != 0x494d, CF_BAD_INPUT,
            "%s: the byte-order mark at byte 126 is %02x %02x; \"IM\" or \"MI\" was expected", path, header[126],
            header[127]);
    *swapped = mark == 0x494d;
    if (*swapped) version = __builtin_bswap16(version);
    FAIL_IF(version != 0x0100, CF_BAD_INPUT, "%s: version 0x%04x at byte 124; 0x0100 was expected", path, version);
    return CF_OK;
}

/* ---- The head of a variable ---- */

typedef struct Head {
    unsigned char bytes[LONGEST_HEAD];
    size_t size, at; /* at: the next part */
    bool swapped;
} Head;

typedef struct Part {
    uint32_t type;
    size_t at, size; /* of its data, which may lie beyond the head */
} Part;

static bool next_part(Head *head, Part *part) {
    if (head->at > head->size || head->size - head->at < TAG) return false;
    uint32_t first = number_at(head->bytes + head->at, head->swapped);
    if (first >> 16) {
        *part = (Part){first & 0xffff, head->at + 4, first >> 16};
        head->at += TAG;
        return part->size <= 4;
    }
    *part = (Part){first, head->at + TAG, number_at(head->bytes + head->at + 4, head->swapped)};
    head->at = part->at + (part->size + 7) / 8 * 8;
    return true;
}

static bool next_whole_part(Head *head, uint32_t type, Part *part) {
    return next_part(head, part) && part->type == type && part->at + part->size <= head->size;
}

/* False if it is not built as it should be; the name is there then if that much was. */
static bool parse_head(Head *head, MatVariable *variable) {
    Part part;
    if (!next_whole_part(head, STORED_UINT32, &part) || part.size != 8) return false;
    uint32_t flags = number_at(head->bytes + part.at, head->swapped);
    variable->class_type = (int)(flags & 0xff);
    variable->complex_values = flags & COMPLEX_FLAG;
    if (!next_whole_part(head, STORED_INT32, &part) || part.size % 4 || part.size < 8) return false;
    variable->rank = (int)(part.size / 4);
    for (int i = 0; i < variable->rank && i < MAT_DIMS; i++)
        variable->dims[i] = number_at(head->bytes + part.at + 4 * (size_t)i, head->swapped);
    if (!next_whole_part(head, STORED_INT8, &part) || part.size >= MAT_NAME) return false;
    memcpy(variable->name, head->bytes + part.at, part.size);
    if (variable->class_type < MAT_DOUBLE || variable->class_type > MAT_UINT64) return true;
    if (!next_part(head, &part)) return false;
    variable->stored_type = part.type;
    variable->data_at = part.at;
    variable->data_size = part.size;
    return true;
}

/* A compressed element begins with the tag of the matrix it inflates to; the other's tag is read by the walk.
 */
static cf_status read_head(MatStream *stream, const char *path, bool swapped, MatVariable *variable) {
    Head head = {.swapped = swapped};
    FORWARD(mat_stream_begin(stream, variable->offset, variable->size, variable->compressed));
    FORWARD(mat_stream_read(stream, head.bytes, sizeof head.bytes, &head.size));
    bool sound = true;
    if (variable->compressed) {
        sound = head.size >= TAG && number_at(head.bytes, swapped) == MATRIX;
        head.at = TAG;
    }
    sound = sound && parse_head(&head, variable);
    FAIL_IF(!sound, CF_BAD_INPUT, "%s is damaged: the variable %s at byte %zu has no sound head; download it again",
            path, variable->name, variable->offset);
    return CF_OK;
}

/* ---- The walk over the variables ---- */

static cf_status add_variable(MatLayout *layout, size_t *capacity, const MatVariable *variable, const char *path) {
    FAIL_IF(layout->count == MAX_VARIABLES, CF_BAD_INPUT, "%s has more than %d variables; X and y were expected", path,
            MAX_VARIABLES);
    if (layout->count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 8;
        MatVariable *grown = realloc(layout->variables, *capacity * sizeof *grown);
        FAIL_IF(!grown, CF_NO_MEMORY, "out of memory while reading %s", path);
        layout->variables = grown;
    }
    layout->variables[layout->count++] = *variable;
    return CF_OK;
}

static cf_status walk(MatStream *stream, const char *path, MatLayout *layout) {
    size_t file_size = mat_stream_file_size(stream), capacity = 0, got;
    char needs[32], left[32];
    for (size_t at = FILE_HEADER; at < file_size;) {
        unsigned char tag[TAG];
        FORWARD(mat_stream_raw(stream, at, tag, TAG, &got));
        FAIL_IF(got < TAG, CF_BAD_INPUT,
                "%s is truncated: a variable begins at byte %zu, and the file ends at byte %zu; download it "
                "again",
                path, at, file_size);
        uint32_t type = number_at(tag, layout->swapped);
        at += TAG;
        MatVariable variable = {
            .offset = at, .size = number_at(tag + 4, layout->swapped), .compressed = type == COMPRESSED};
        FAIL_IF(type != MATRIX && type != COMPRESSED, CF_BAD_INPUT,
                "%s is damaged: the element at byte %zu has type %u; 14 (a matrix) or 15 (a compressed one) "
                "was expected",
                path, at - TAG, type);
        FAIL_IF(variable.size > file_size - at, CF_BAD_INPUT,
                "%s is truncated: the variable at byte %zu needs %s bytes, the file has %s left; download it "
                "again",
                path, at, grouped(variable.size, needs), grouped(file_size - at, left));
        FORWARD(read_head(stream, path, layout->swapped, &variable));
        FORWARD(add_variable(layout, &capacity, &variable, path));
        at += variable.size;
    }
    return CF_OK;
}

cf_status mat_layout_read(MatStream *stream, const char *path, MatLayout *layout) {
    unsigned char header[FILE_HEADER];
    MatLayout made = {0};
    size_t got;
    FORWARD(mat_stream_raw(stream, 0, header, FILE_HEADER, &got));
    FORWARD(check_header(path, header, got, &made.swapped));
    cf_status status = walk(stream, path, &made);
    if (status)
        mat_layout_free(&made);
    else
        *layout = made;
    return status;
}

void mat_layout_free(MatLayout *layout) {
    free(layout->variables);
    *layout = (MatLayout){0};
}

const MatVariable *mat_layout_find(const MatLayout *layout, const char *name) {
    for (size_t i = 0; i < layout->count; i++)
        if (strcmp(layout->variables[i].name, name) == 0) return &layout->variables[i];
    return NULL;
}
