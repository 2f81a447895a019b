/* MATLAB v5 files as SVHN has them.
 *
 *   variable  class    dimensions         what
 *   X         uint8    H x W x C x N      pixels, column-major: h runs fastest, then w, c, n. MATLAB drops the last
 *                                         dimension when N is 1.
 *   y         numeric  N x 1 or 1 x N     labels 0 .. 10; 10 and 0 are digit 0
 *
 * X is inflated straight into the set's memory and turned to row-major order there. C is 1 or 3.
 *
 * Why not libmatio: it takes an element that ends beyond the file, data shorter than the dimensions say, and a zlib stream
 * whose data or checksum are wrong, all for success; its log, where some of that is told, is process-wide. What would have
 * to be checked around it is more than reading this one layout.
 */
#include "base/limits.h"
#include "base/memory.h"
#include "data/mat_layout.h"
#include "data/readers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 10, STORED_UINT8 = 2 };

/* ---- Checks before any data are read ---- */

static const char *dims_text(const MatVariable *variable, char text[128]) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < variable->rank && i < MAT_DIMS && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? " x " : "", variable->dims[i]);
    return text;
}

static cf_status find_variable(const MatLayout *layout, const char *path, const char *name,
                               const MatVariable **variable) {
    char names[512] = "no variables";
    *variable = mat_layout_find(layout, name);
    if (*variable) return CF_OK;
    for (size_t i = 0, used = 0; i < layout->count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", layout->variables[i].name);
    return FAIL(CF_BAD_INPUT, "%s has no variable %s; X (the images) and y (the labels) were expected, it has %s", path,
                name, names);
}

/* Numbers of the variable; the data must be exactly as many, and the file must be able to hold them. */
static cf_status count_numbers(const MatVariable *v, const char *path, size_t *count) {
    char dims[128];
    size_t bytes;
    *count = 1;
    for (int i = 0; i < v->rank && i < MAT_DIMS; i++)
        FAIL_IF(!size_multiply(*count, v->dims[i], count), CF_BAD_INPUT,
                "%s: %s is said to be %s, which cannot be addressed; the file is damaged", path, v->name,
                dims_text(v, dims));
    FAIL_IF(*count == 0, CF_BAD_INPUT, "%s: %s is empty (%s)", path, v->name, dims_text(v, dims));
    size_t each = mat_stored_size(v->stored_type);
    FAIL_IF(each == 0, CF_BAD_INPUT, "%s: the numbers of %s are stored as type %u, which is none; the file is damaged",
            path, v->name, v->stored_type);
    FAIL_IF(!size_multiply(*count, each, &bytes) || bytes != v->data_size, CF_BAD_INPUT,
            "%s is damaged: %s is %s, with %zu bytes of data; %zu bytes for each number were expected; "
            "download it "
            "again",
            path, v->name, dims_text(v, dims), v->data_size, each);
    size_t most = v->compressed ? DEFLATE_RATIO * v->size : v->size;
    FAIL_IF(bytes > most, CF_BAD_INPUT,
            "%s is damaged: %s needs %zu bytes, more than the %zu in the file can hold; "
            "download it again",
            path, v->name, bytes, v->size);
    return CF_OK;
}

static cf_status check_images(const MatVariable *x, const char *path) {
    char dims[128];
    size_t count;
    FAIL_IF(x->class_type != MAT_UINT8 || x->complex_values, CF_BAD_INPUT,
            "%s: X is of class %s%s; uint8 was expected (in MATLAB: X = uint8(X))", path,
            x->complex_values ? "complex " : "", mat_class_text(x->class_type));
    FAIL_IF(x->rank != 3 && x->rank != 4, CF_BAD_INPUT,
            "%s: X has %d dimensions (%s); 4 were expected, height x width x channels x images", path, x->rank,
            dims_text(x, dims));
    FORWARD(count_numbers(x, path, &count));
    FAIL_IF(x->stored_type != STORED_UINT8, CF_BAD_INPUT, "%s: X is stored as type %u; 2, unsigned bytes, was expected",
            path, x->stored_type);
    FAIL_IF(x->dims[2] != 1 && x->dims[2] != 3, CF_BAD_INPUT,
            "%s: X is %s; the third dimension is the channels, 1 or 3 were expected", path, dims_text(x, dims));
    FAIL_IF(x->dims[0] > LONGEST_SIDE || x->dims[1] > LONGEST_SIDE, CF_BAD_INPUT,
            "%s: X is %s; images of at most %d a side can be read", path, dims_text(x, dims), LONGEST_SIDE);
    return CF_OK;
}

static cf_status check_labels(const MatVariable *y, const char *path, size_t images) {
    char dims[128];
    size_t count;
    FAIL_IF(y->class_type < MAT_DOUBLE || y->class_type > MAT_UINT64 || y->complex_values, CF_BAD_INPUT,
            "%s: y is of class %s%s; numbers were expected", path, y->complex_values ? "complex " : "",
            mat_class_text(y->class_type));
    FAIL_IF(y->rank != 2 || (y->dims[0] != 1 && y->dims[1] != 1), CF_BAD_INPUT, "%s: y is %s; N x 1 was expected", path,
            dims_text(y, dims));
    FORWARD(count_numbers(y, path, &count));
    FAIL_IF(count != images, CF_BAD_INPUT, "%s: X has %zu images, y has %zu labels; they must be as many", path, images,
            count);
    return CF_OK;
}

/* ---- Reading ---- */

static cf_status read_data(MatStream *stream, const MatVariable *variable, const char *path, void *data) {
    size_t got;
    FORWARD(mat_stream_begin(stream, variable->offset, variable->size, variable->compressed));
    FORWARD(mat_stream_skip(stream, variable->data_at));
    FORWARD(mat_stream_read(stream, data, variable->data_size, &got));
    FAIL_IF(got != variable->data_size, CF_BAD_INPUT,
            "%s is damaged: %s has %zu of the %zu bytes that it should have; download it again", path, variable->name,
            got, variable->data_size);
    return mat_stream_finish(stream);
}

/* Number i of some stored type. */
static double number(const unsigned char *data, uint32_t type, bool swapped, size_t i) {
    size_t size = mat_stored_size(type);
    unsigned char bytes[8] = {0};
    for (size_t k = 0; k < size; k++) bytes[k] = data[i * size + (swapped ? size - 1 - k : k)];
    union {
        int8_t i8;
        uint8_t u8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        float f32;
        double f64;
        int64_t i64;
        uint64_t u64;
    } value;
    memcpy(&value, bytes, sizeof value);
    switch (type) {
    case 1:
        return value.i8;
    case 2:
        return value.u8;
    case 3:
        return value.i16;
    case 4:
        return value.u16;
    case 5:
        return value.i32;
    case 6:
        return value.u32;
    case 7:
        return (double)value.f32;
    case 9:
        return value.f64;
    case 12:
        return (double)value.i64;
    case 13:
        return (double)value.u64;
    default:
        return NAN;
    }
}

static cf_status read_labels(MatStream *stream, const MatVariable *y, const char *path, bool swapped, uint16_t *labels,
                             size_t count) {
    unsigned char *data;
    FORWARD(memory_new(y->data_size, 1, &data));
    cf_status status = read_data(stream, y, path, data);
    for (size_t i = 0; i < count && !status; i++) {
        double label = number(data, y->stored_type, swapped, i);
        if (label >= 0 && label <= DIGITS && label == floor(label))
            labels[i] = (uint16_t)((int)label % DIGITS);
        else
            status =
                FAIL(CF_BAD_INPUT, "%s: y(%zu) is %g; labels are 1 to 9, and 10 or 0 for digit 0", path, i + 1, label);
    }
    free(data);
    return status;
}

static cf_status read_set(MatStream *stream, const MatLayout *layout, const char *path, cf_set **set) {
    const MatVariable *x, *y;
    cf_set *made;
    cf_status status;
    FORWARD(find_variable(layout, path, "X", &x));
    FORWARD(find_variable(layout, path, "y", &y));
    FORWARD(check_images(x, path));
    size_t height = x->dims[0], width = x->dims[1], count = x->rank == 4 ? x->dims[3] : 1;
    FORWARD(check_labels(y, path, count));
    const int chw[3] = {(int)x->dims[2], (int)height, (int)width};
    FORWARD(set_new(path, path, count, chw[0], chw[1], chw[2], DIGITS, &made));
    FORWARD_TO(failed, read_labels(stream, y, path, layout->swapped, made->labels, count));
    FORWARD_TO(failed, read_data(stream, x, path, made->pixels));
    FORWARD_TO(failed, images_reorder(made->pixels, count, chw, (const size_t[3]){1, height, height * width}));
    FORWARD_TO(failed, set_name_classes_by_number(made));
    *set = made;
    return CF_OK;
failed:
    cf_set_free(made);
    return status;
}

cf_status mat_read(const char *path, cf_set **set) {
    MatStream *stream;
    MatLayout layout;
    FORWARD(mat_stream_new(path, &stream));
    cf_status status = mat_layout_read(stream, path, &layout);
    if (!status) {
        status = read_set(stream, &layout, path, set);
        mat_layout_free(&layout);
    }
    mat_stream_free(stream);
    return status;
}
