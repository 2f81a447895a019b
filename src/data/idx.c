/* IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist/), plain or gzip.
 *
 *   offset  bytes  what
 *   0       2      zero
 *   2       1      type of the elements; 0x08: unsigned byte; labels also 0x0b: 16-bit, 0x0c: 32-bit, big-endian with sign
 *   3       1      number of dimensions D: 1 labels; 3 images N,H,W; 4 images N,H,W,C or N,C,H,W
 *   4       4 D    the dimensions, big-endian, slowest first
 *   4+4D    ...    the elements
 *
 * With 4 dimensions the axis of length 1 or 3 is the channels; the last one is asked first. A plain file must
 * have exactly the size its dimensions say, which is checked before memory is taken; what a .gz claims is
 * believed up to what deflate can pack into its size (1032:1).
 *
 * Classes are as many as the highest label says, at least 10. With more than 10, labels of a byte, and most of the classes without
 * a single example, it is not many classes but a wrong label: the first one beyond the first gap is reported.
 */
#include "base/memory.h"
#include "base/text.h"
#include "data/packing.h"
#include "data/set_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { ELEMENT_BYTE = 0x08, ELEMENT_SHORT = 0x0b, ELEMENT_INT = 0x0c, MAX_DIMS = 4, FEWEST_CLASSES = 10 };

typedef struct IdxFile {
    const char *path;
    gzFile stream;
    size_t file_size, header_size;
    int dims, element; /* bytes of an element */
    size_t size[MAX_DIMS];
    size_t bytes;    /* of all elements */
    size_t position; /* in the unpacked stream */
} IdxFile;

/* Reads up to `size` bytes; `got` tells how many there were before the end or the fault that the status
 * reports. */
static cf_status read_some(IdxFile *file, void *bytes, size_t size, size_t *got) {
    enum { CHUNK = 1 << 24 };
    *got = 0;
    while (*got < size) {
        size_t wanted = size - *got < CHUNK ? size - *got : CHUNK;
        int count = gzread(file->stream, (unsigned char *)bytes + *got, (unsigned)wanted);
        if (count > 0) *got += (size_t)count, file->position += (size_t)count;
        if (count < (int)wanted) break;
    }
    int fault = Z_OK;
    const char *text = gzerror(file->stream, &fault);
    if (*got == size || fault == Z_OK || fault == Z_STREAM_END) return CF_OK;
    FAIL_IF(fault == Z_ERRNO, CF_IO, "cannot read %s: %s", file->path, strerror(errno));
    FAIL_IF(fault == Z_BUF_ERROR, CF_BAD_INPUT,
            "%s is truncated: the gzip data end after %zu bytes, %zu were expected; download it again", file->path,
            file->position, file->header_size + file->bytes);
    return FAIL(CF_BAD_INPUT, "%s is damaged: %s; download it again", file->path, text);
}

static cf_status check_magic(const IdxFile *file, const unsigned char magic[4], bool images) {
    FAIL_IF(magic[0] == '<', CF_BAD_INPUT,
            "%s is not an IDX file: it begins like a web page, which a download sometimes leaves; get the file again",
            file->path);
    FAIL_IF(magic[0] != 0 || magic[1] != 0, CF_BAD_INPUT,
            "%s is not an IDX file: it begins with the bytes %02x %02x %02x %02x; 00 00 08 and the number of "
            "dimensions were expected",
            file->path, magic[0], magic[1], magic[2], magic[3]);
    FAIL_IF(magic[2] != ELEMENT_BYTE && (images || (magic[2] != ELEMENT_SHORT && magic[2] != ELEMENT_INT)),
            CF_BAD_INPUT, "%s has elements of type 0x%02x (byte 2); only unsigned bytes (0x08)%s are read", file->path,
            magic[2], images ? "" : ", 16-bit (0x0b) and 32-bit numbers (0x0c)");
    FAIL_IF(images && magic[3] == 1, CF_BAD_INPUT,
            "%s has 1 dimension (byte 3), so it is a file of labels; one of images, with 3 or 4, was expected",
            file->path);
    FAIL_IF(!images && (magic[3] == 3 || magic[3] == 4), CF_BAD_INPUT,
            "%s has %d dimensions (byte 3), so it is a file of images; one of labels, with 1, was expected", file->path,
            magic[3]);
    FAIL_IF(magic[3] != 1 && magic[3] != 3 && magic[3] != 4, CF_BAD_INPUT,
            "%s has %d dimensions (byte 3); 1 (labels), 3 or 4 (images) were expected", file->path, magic[3]);
    return CF_OK;
}

static cf_status check_size(const IdxFile *file) {
    size_t expected = file->header_size + file->bytes;
    if (!gzdirect(file->stream)) {
        FAIL_IF(file->bytes / DEFLATE_RATIO > file->file_size, CF_BAD_INPUT,
                "%s claims %zu bytes of elements, more than gzip can pack into its %zu bytes; the dimensions (byte 4) "
                "are damaged",
                file->path, file->bytes, file->file_size);
        return CF_OK;
    }
    FAIL_IF(file->file_size < expected, CF_BAD_INPUT,
            "%s is truncated: its dimensions say %zu bytes, it has %zu; download it again", file->path, expected,
            file->file_size);
    FAIL_IF(file->file_size > expected, CF_BAD_INPUT,
            "%s has %zu bytes more than its dimensions say (%zu, not %zu); it is not one whole IDX file", file->path,
            file->file_size - expected, file->file_size, expected);
    return CF_OK;
}

static cf_status read_header(IdxFile *file, bool images) {
    unsigned char magic[4], sizes[4 * MAX_DIMS];
    size_t got;
    file->header_size = sizeof magic;
    FORWARD(read_some(file, magic, sizeof magic, &got));
    FAIL_IF(got < sizeof magic, CF_BAD_INPUT, "%s ends after %zu bytes; an IDX header has at least 8", file->path, got);
    FORWARD(check_magic(file, magic, images));
    size_t dims = magic[3];
    FORWARD(read_some(file, sizes, 4 * dims, &got));
    FAIL_IF(got < 4 * dims, CF_BAD_INPUT, "%s ends inside its header: %zu bytes, %zu were expected", file->path,
            got + sizeof magic, 4 * dims + sizeof magic);
    file->element = magic[2] == ELEMENT_INT ? 4 : magic[2] == ELEMENT_SHORT ? 2 : 1;
    file->bytes = (size_t)file->element;
    for (size_t i = 0; i < dims; i++) {
        const unsigned char *b = sizes + 4 * i;
        file->size[i] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        FAIL_IF(file->size[i] == 0, CF_BAD_INPUT, "%s: dimension %zu (byte %zu) is zero", file->path, i + 1, 4 + 4 * i);
        FAIL_IF(file->size[i] > INT32_MAX || !size_multiply(file->bytes, file->size[i], &file->bytes) ||
                    file->bytes > SIZE_MAX / 4,
                CF_BAD_INPUT, "%s: dimension %zu (byte %zu) is %zu, which makes more bytes than can be addressed",
                file->path, i + 1, 4 + 4 * i, file->size[i]);
    }
    file->header_size += 4 * dims;
    file->dims = (int)dims;
    return check_size(file);
}

static void idx_close(IdxFile *file) {
    if (file->stream) gzclose_r(file->stream);
}

static cf_status idx_open(IdxFile *file, bool images) {
    const char *path = file->path;
    struct stat info;
    FAIL_IF(stat(path, &info) != 0, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(S_ISDIR(info.st_mode), CF_BAD_INPUT, "%s is a folder; an IDX file was expected", path);
    FAIL_IF(info.st_size == 0, CF_BAD_INPUT, "%s is empty; an IDX file was expected", path);
    file->file_size = (size_t)info.st_size;
    file->stream = gzopen(path, "rb");
    FAIL_IF(!file->stream, CF_IO, "cannot open %s: %s", path, strerror(errno));
    gzbuffer(file->stream, 1 << 18);
    return read_header(file, images);
}

/* All elements into `bytes`; then the end must come, and gzip's checksum agree. */
static cf_status read_elements(IdxFile *file, unsigned char *bytes) {
    size_t got;
    unsigned char extra;
    FORWARD(read_some(file, bytes, file->bytes, &got));
    FAIL_IF(got < file->bytes, CF_BAD_INPUT,
            "%s holds %zu bytes of elements, its dimensions say %zu; it was cut before it was packed", file->path, got,
            file->bytes);
    FORWARD(read_some(file, &extra, 1, &got));
    FAIL_IF(got != 0, CF_BAD_INPUT, "%s goes on after the %zu bytes that its dimensions say", file->path,
            file->header_size + file->bytes);
    return CF_OK;
}

static cf_status count_classes(const IdxFile *file, const uint16_t *labels, int *classes) {
    AUTO_FREE bool *seen = NULL;
    const size_t count = file->size[0];
    int highest = 0, missing = 0, gap = FEWEST_CLASSES;
    FORWARD(memory_new(MAX_CLASSES, sizeof *seen, &seen));
    for (size_t i = 0; i < count; i++) {
        seen[labels[i]] = true;
        if (labels[i] > highest) highest = labels[i];
    }
    *classes = highest < FEWEST_CLASSES ? FEWEST_CLASSES : highest + 1;
    for (int k = 0; k < *classes; k++) missing += !seen[k];
    while (gap < highest && seen[gap]) gap++;
    if (*classes == FEWEST_CLASSES || missing <= *classes / 2 || file->element > 1) return CF_OK;
    size_t wrong = 0;
    while (labels[wrong] < gap) wrong++;
    return FAIL(CF_BAD_INPUT,
                "%s: label %d (number %zu, byte %zu) is out of range: 0 to %d were expected, as %d of the %d classes "
                "up to label %d have no example",
                file->path, labels[wrong], wrong, wrong + 8, gap - 1, missing, *classes, highest);
}

/* Labels from the big-endian numbers of the file. */
static cf_status read_labels(IdxFile *file, uint16_t **labels, int *classes) {
    AUTO_FREE unsigned char *bytes = NULL;
    const size_t element = (size_t)file->element;
    FORWARD(memory_new(file->bytes, 1, &bytes));
    FORWARD(read_elements(file, bytes));
    FORWARD(memory_new(file->size[0], sizeof **labels, labels));
    for (size_t i = 0; i < file->size[0]; i++) {
        uint32_t value = 0;
        for (size_t b = 0; b < element; b++) value = value << 8 | bytes[i * element + b];
        if (element == 2 && value > INT16_MAX) value |= 0xffff0000u; /* the sign */
        FAIL_IF(value >= MAX_CLASSES, CF_BAD_INPUT, "%s: label %d (number %zu, byte %zu) is out of range: 0 to %d",
                file->path, (int32_t)value, i, i * element + 8, MAX_CLASSES - 1);
        (*labels)[i] = (uint16_t)value;
    }
    return count_classes(file, *labels, classes);
}

/* Finds channels, height, width, and the strides of the file's order. */
static cf_status find_shape(const IdxFile *file, int chw[3], size_t stride_hwc[3], bool *in_order) {
    size_t a = file->size[1], b = file->size[2], c = file->dims == 4 ? file->size[3] : 1;
    *in_order = c == 1 || c == 3;
    FAIL_IF(!*in_order && a != 1 && a != 3, CF_BAD_INPUT,
            "%s has images of %zu x %zu x %zu; the last number (or the first) must be the channels, 1 or 3", file->path,
            a, b, c);
    chw[0] = (int)(*in_order ? c : a);
    chw[1] = (int)(*in_order ? a : b);
    chw[2] = (int)(*in_order ? b : c);
    stride_hwc[0] = (size_t)chw[2];
    stride_hwc[1] = 1;
    stride_hwc[2] = (size_t)chw[1] * (size_t)chw[2];
    return CF_OK;
}

cf_status idx_read(const char *images_path, const char *labels_path, cf_set **set) {
    AUTO(idx_close) IdxFile images = {.path = images_path}, labels = {.path = labels_path};
    AUTO_FREE uint16_t *values = NULL;
    AUTO(cf_set_free_at) cf_set *made = NULL;
    int chw[3], classes = 0;
    size_t stride_hwc[3];
    bool in_order;
    FORWARD(idx_open(&images, true));
    FORWARD(idx_open(&labels, false));
    FORWARD(read_labels(&labels, &values, &classes));
    FAIL_IF(labels.size[0] != images.size[0], CF_BAD_INPUT,
            "%s has %zu images, %s has %zu labels; they must be as many", images_path, images.size[0], labels_path,
            labels.size[0]);
    FORWARD(find_shape(&images, chw, stride_hwc, &in_order));
    FORWARD(set_new(images_path, images_path, images.size[0], chw[0], chw[1], chw[2], classes, &made));
    FORWARD(read_elements(&images, made->pixels));
    if (!in_order) FORWARD(images_reorder(made->pixels, made->count, chw, stride_hwc));
    FORWARD(set_name_classes_by_number(made));
    memcpy(made->labels, values, made->count * sizeof *values);
    *set = memory_take(&made);
    return CF_OK;
}

/* ---- Writing ---- */

static cf_status write_elements(const char *path, int element, const uint32_t *sizes, int dims,
                                const unsigned char *bytes, size_t size) {
    unsigned char header[4 + 4 * MAX_DIMS] = {0, 0, (unsigned char)element, (unsigned char)dims};
    size_t written;
    AUTO(file_abandon) FileDraft draft = {0};
    AUTO(packing_free_at) Packing *packing = NULL;
    for (int b = 0; b < 4 * dims; b++) header[4 + b] = (unsigned char)(sizes[b / 4] >> (24 - 8 * (b % 4)));
    FORWARD(file_draft(path, &draft));
    FORWARD(packing_new(draft.stream, text_ends_with(path, ".gz") ? PACKING_GZIP : PACKING_NONE, &packing));
    FORWARD(packing_add(packing, header, 4 + 4 * (size_t)dims));
    FORWARD(packing_add(packing, bytes, size));
    FORWARD(packing_finish(packing, &written));
    return file_commit(&draft);
}

cf_status idx_write(const cf_set *set, const uint16_t *values, size_t first, size_t count, const char *images_path,
                    const char *labels_path) {
    const uint32_t sizes[MAX_DIMS] = {(uint32_t)count, (uint32_t)set->height, (uint32_t)set->width,
                                      (uint32_t)set->channels};
    const size_t image = set_image_size(set), size = set_label_size(set);
    AUTO_FREE unsigned char *labels = NULL;
    FORWARD(write_elements(images_path, ELEMENT_BYTE, sizes, set->channels == 1 ? 3 : 4, set->pixels + first * image,
                           count * image));
    FORWARD(memory_new(count, size, &labels));
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < size; b++)
            labels[size * i + b] = (unsigned char)(values[set->labels[first + i]] >> 8 * (size - 1 - b));
    return write_elements(labels_path, size == 1 ? ELEMENT_BYTE : ELEMENT_SHORT, sizes, 1, labels, count * size);
}
