/* MATLAB v5 files as SVHN has them, by libmatio; the frame of the file is checked by mat_layout.c first.
 *
 *   variable  class    dimensions             what
 *   X         uint8    H x W x C x N          pixels, column-major: h runs fastest, then w, c, n. MATLAB
 * drops the last dimension when N is 1. y         numeric  N x 1 (or 1 x N)       labels 0 .. 10; 10 and 0
 * are digit 0
 *
 * Memory: libmatio's buffer of X becomes the set's, and is turned to row-major order in place.
 * Limits: C is 1 or 3. What X claims is believed up to what deflate can pack into the file (1032:1).
 */
#include "base/memory.h"
#include "data/mat_layout.h"
#include "data/readers.h"
#include "data/reorder.h"

#include <math.h>
#include <matio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 10, DEFLATE_RATIO = 1040 };

/* libmatio reports faults only through its log, and its own log function prints and aborts. Its log is
 * process-wide, but is written by the thread that reads. */
static _Thread_local char complaint[256];

static void keep_complaint(int level, char *text) {
    if (level <= (MATIO_LOG_LEVEL_WARNING) && !complaint[0])
        snprintf(complaint, sizeof complaint, "%s", text);
}

static void catch_log(void) {
    Mat_LogInitFunc("cifra", keep_complaint);
}

static cf_status check_complaint(const char *path, const char *name) {
    FAIL_IF(complaint[0], CF_BAD_INPUT, "%s is damaged: reading %s: %s; download it again", path, name,
            complaint);
    return CF_OK;
}

static void list_variables(mat_t *mat, char *text, size_t size) {
    size_t count = 0, used = 0;
    char **names = Mat_GetDir(mat, &count);
    text[0] = '\0';
    for (size_t i = 0; names && i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", names[i] ? names[i] : "?");
    if (!count) snprintf(text, size, "no variables");
}

/* The variable without its data. */
static cf_status find_variable(mat_t *mat, const char *path, const char *name, matvar_t **variable) {
    complaint[0] = '\0';
    matvar_t *found = Mat_VarReadInfo(mat, name);
    if (!found) {
        char names[512];
        cf_status status = check_complaint(path, name);
        if (status) return status;
        list_variables(mat, names, sizeof names);
        return FAIL(CF_BAD_INPUT,
                    "%s has no variable %s; X (the images) and y (the labels) were expected, it has %s", path,
                    name, names);
    }
    *variable = found;
    return CF_OK;
}

static const char *class_text(enum matio_classes class_type) {
    static const char *const names[] = {"empty",  "cell",   "struct", "object", "char",     "sparse",
                                        "double", "single", "int8",   "uint8",  "int16",    "uint16",
                                        "int32",  "uint32", "int64",  "uint64", "function", "opaque"};
    return (size_t)class_type < COUNT_OF(names) ? names[class_type] : "unknown";
}

static const char *dims_text(const matvar_t *variable, char text[128]) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < variable->rank && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? " x " : "", variable->dims[i]);
    return text;
}

/* Elements of the variable; checks the product, and that the file can hold so many. */
static cf_status count_elements(const matvar_t *variable, const char *path, size_t file_size, size_t *count) {
    char dims[128];
    *count = 1;
    FAIL_IF(variable->rank < 2 || !variable->dims, CF_BAD_INPUT,
            "%s: %s has %d dimensions; the file is damaged", path, variable->name, variable->rank);
    for (int i = 0; i < variable->rank; i++)
        FAIL_IF(!size_multiply(*count, variable->dims[i], count) || *count / DEFLATE_RATIO > file_size,
                CF_BAD_INPUT,
                "%s: %s is said to be %s, more than a file of %zu bytes can hold; the file is damaged", path,
                variable->name, dims_text(variable, dims), file_size);
    FAIL_IF(*count == 0, CF_BAD_INPUT, "%s: %s is empty (%s)", path, variable->name,
            dims_text(variable, dims));
    return CF_OK;
}

static cf_status check_images(const matvar_t *x, const char *path, size_t file_size, size_t *bytes) {
    char dims[128];
    FAIL_IF(x->class_type != MAT_C_UINT8 || x->isComplex, CF_BAD_INPUT,
            "%s: X is of class %s%s; uint8 was expected (in MATLAB: X = uint8(X))", path,
            x->isComplex ? "complex " : "", class_text(x->class_type));
    FAIL_IF(x->rank != 3 && x->rank != 4, CF_BAD_INPUT,
            "%s: X has %d dimensions (%s); 4 were expected, height x width x channels x images", path,
            x->rank, dims_text(x, dims));
    FORWARD(count_elements(x, path, file_size, bytes));
    FAIL_IF(x->dims[2] != 1 && x->dims[2] != 3, CF_BAD_INPUT,
            "%s: X is %s; the third dimension is the channels, 1 or 3 were expected", path,
            dims_text(x, dims));
    FAIL_IF(x->dims[0] > 65535 || x->dims[1] > 65535, CF_BAD_INPUT,
            "%s: X is %s; images of at most 65535 x 65535 can be handled", path, dims_text(x, dims));
    return CF_OK;
}

static cf_status check_labels(const matvar_t *y, const char *path, size_t file_size, size_t images) {
    char dims[128];
    size_t count;
    FAIL_IF(y->class_type < MAT_C_DOUBLE || y->class_type > MAT_C_UINT64 || y->isComplex, CF_BAD_INPUT,
            "%s: y is of class %s%s; numbers were expected", path, y->isComplex ? "complex " : "",
            class_text(y->class_type));
    FORWARD(count_elements(y, path, file_size, &count));
    FAIL_IF(y->rank != 2 || (y->dims[0] != 1 && y->dims[1] != 1), CF_BAD_INPUT,
            "%s: y is %s; N x 1 was expected", path, dims_text(y, dims));
    FAIL_IF(count != images, CF_BAD_INPUT, "%s: X has %zu images, y has %zu labels; they must be as many",
            path, images, count);
    return CF_OK;
}

static double element(const matvar_t *variable, size_t i) {
    switch (variable->class_type) {
    case MAT_C_DOUBLE:
        return ((const double *)variable->data)[i];
    case MAT_C_SINGLE:
        return ((const float *)variable->data)[i];
    case MAT_C_INT8:
        return ((const int8_t *)variable->data)[i];
    case MAT_C_UINT8:
        return ((const uint8_t *)variable->data)[i];
    case MAT_C_INT16:
        return ((const int16_t *)variable->data)[i];
    case MAT_C_UINT16:
        return ((const uint16_t *)variable->data)[i];
    case MAT_C_INT32:
        return ((const int32_t *)variable->data)[i];
    case MAT_C_UINT32:
        return ((const uint32_t *)variable->data)[i];
    case MAT_C_INT64:
        return (double)((const int64_t *)variable->data)[i];
    case MAT_C_UINT64:
        return (double)((const uint64_t *)variable->data)[i];
    default:
        return NAN;
    }
}

/* Reads the data of a variable whose dimensions were checked. */
static cf_status read_data(mat_t *mat, matvar_t *variable, const char *path, size_t bytes) {
    complaint[0] = '\0';
    int fault = Mat_VarReadDataAll(mat, variable);
    FORWARD(check_complaint(path, variable->name));
    FAIL_IF(fault || !variable->data || variable->nbytes != bytes, CF_BAD_INPUT,
            "%s is damaged: %s could not be read (libmatio's fault %d); download it again", path,
            variable->name, fault);
    return CF_OK;
}

static cf_status read_labels(mat_t *mat, matvar_t *y, const char *path, unsigned char *labels, size_t count) {
    FORWARD(read_data(mat, y, path, count * Mat_SizeOfClass((int)y->class_type)));
    for (size_t i = 0; i < count; i++) {
        double label = element(y, i);
        FAIL_IF(!(label >= 0 && label <= DIGITS) || label != floor(label), CF_BAD_INPUT,
                "%s: y(%zu) is %g; labels are 1 to 9, and 10 or 0 for digit 0", path, i + 1, label);
        labels[i] = (unsigned char)((int)label % DIGITS);
    }
    return CF_OK;
}

static cf_status fill_set(mat_t *mat, matvar_t *x, matvar_t *y, const char *path, const MatLayout *layout,
                          cf_set **set) {
    size_t bytes, images = x->rank == 4 ? x->dims[3] : 1;
    cf_set *made;
    cf_status status;
    FORWARD(check_images(x, path, layout->file_size, &bytes));
    FORWARD(check_labels(y, path, layout->file_size, images));
    FORWARD(read_data(mat, x, path, bytes));
    FORWARD(mat_layout_verify(path, layout, x->data, bytes));
    int chw[3] = {(int)x->dims[2], (int)x->dims[0], (int)x->dims[1]};
    FORWARD(set_new_around(path, path, images, chw[0], chw[1], chw[2], DIGITS, x->data, &made));
    x->data = NULL; /* the set's now */
    size_t height = x->dims[0], width = x->dims[1], stride_hwc[3] = {1, height, height * width};
    FORWARD_TO(failed, images_reorder(made->pixels, images, chw, stride_hwc));
    FORWARD_TO(failed, read_labels(mat, y, path, made->labels, images));
    FORWARD_TO(failed, set_name_classes_by_number(made));
    *set = made;
    return CF_OK;
failed:
    cf_set_free(made);
    return status;
}

static cf_status read_open(mat_t *mat, const char *path, const MatLayout *layout, cf_set **set) {
    matvar_t *x = NULL, *y = NULL;
    cf_status status;
    FORWARD_TO(done, find_variable(mat, path, "X", &x));
    FORWARD_TO(done, find_variable(mat, path, "y", &y));
    FORWARD_TO(done, fill_set(mat, x, y, path, layout, set));
done:
    Mat_VarFree(x);
    Mat_VarFree(y);
    return status;
}

cf_status mat_read(const char *path, cf_set **set) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    MatLayout layout;
    FORWARD(mat_layout_read(path, &layout));
    pthread_once(&once, catch_log);
    complaint[0] = '\0';
    mat_t *mat = Mat_Open(path, MAT_ACC_RDONLY);
    cf_status status = mat ? read_open(mat, path, &layout, set)
                           : FAIL(CF_BAD_INPUT, "%s cannot be read as a MATLAB v5 file: %s", path,
                                  complaint[0] ? complaint : "libmatio gives no reason");
    if (mat) Mat_Close(mat);
    mat_layout_free(&layout);
    return status;
}
