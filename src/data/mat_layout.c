/* The frame of a MATLAB v5 file ("MAT-File Format", The MathWorks, chapter 1).
 *
 *   offset  bytes  what
 *   0       116    text, begins with "MATLAB 5.0 MAT-file"
 *   116     8      subsystem data, not used
 *   124     2      version, 0x0100
 *   126     2      the characters 'M','I' as one 16-bit number: in a little-endian file they stand as "IM"
 *   128     ...    elements, each with a tag of two 32-bit numbers, type and bytes, and so many bytes
 *
 * At this level a type is 14, a matrix, or 15, a zlib stream that inflates to a matrix element. (The short
 * form of a tag, bytes in the upper half of the type and data in the second number, is too small for either.)
 *
 * libmatio checks neither that elements end inside the file nor the checksum of a zlib stream, and reports a
 * damaged one as success; so both are checked here.
 */
#include "data/mat_layout.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { HEADER = 128, TAG = 8, MATRIX = 14, COMPRESSED = 15, MAX_ELEMENTS = 4096, WINDOW = 1 << 16 };

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

static cf_status check_header(const char *path, const unsigned char *header, size_t size, bool *swapped) {
    char begin[20] = "";
    for (size_t i = 0; i < sizeof begin - 1 && i < size; i++)
        begin[i] = header[i] >= ' ' && header[i] < 127 ? (char)header[i] : '.';
    FAIL_IF(
        size >= 10 && memcmp(header, "MATLAB 7.3", 10) == 0, CF_BAD_INPUT,
        "%s is a MATLAB 7.3 (HDF5) file; version 5 was expected: save it again in MATLAB with the option -v7",
        path);
    FAIL_IF(size < 19 || memcmp(header, "MATLAB 5.0 MAT-file", 19) != 0, CF_BAD_INPUT,
            "%s is not a MATLAB v5 file: it begins with \"%s\", expected was \"MATLAB 5.0 MAT-file\"", path,
            begin);
    FAIL_IF(size < HEADER, CF_BAD_INPUT,
            "%s is truncated: its header needs %d bytes, the file has %zu; download it again", path, HEADER,
            size);
    uint16_t mark, version;
    memcpy(&mark, header + 126, sizeof mark);
    memcpy(&version, header + 124, sizeof version);
    FAIL_IF(mark != 0x4d49 && mark != 0x494d, CF_BAD_INPUT,
            "%s: the byte-order mark at byte 126 is %02x %02x; \"IM\" or \"MI\" was expected", path,
            header[126], header[127]);
    *swapped = mark == 0x494d;
    if (*swapped) version = __builtin_bswap16(version);
    FAIL_IF(version != 0x0100, CF_BAD_INPUT, "%s: version 0x%04x at byte 124; 0x0100 was expected", path,
            version);
    return CF_OK;
}

static cf_status walk(const char *path, FILE *stream, MatLayout *layout) {
    size_t at = HEADER, capacity = 0;
    char needs[32], left[32];
    while (at < layout->file_size) {
        unsigned char tag[TAG];
        FAIL_IF(layout->file_size - at < TAG, CF_BAD_INPUT,
                "%s is truncated: a variable begins at byte %zu, and the file ends at byte %zu; download it "
                "again",
                path, at, layout->file_size);
        FAIL_IF(fseeko(stream, (off_t)at, SEEK_SET) != 0 || fread(tag, 1, TAG, stream) != TAG, CF_IO,
                "cannot read %s at byte %zu: %s", path, at, strerror(errno));
        uint32_t type = number_at(tag, layout->swapped);
        MatElement element = {at + TAG, number_at(tag + 4, layout->swapped), type == COMPRESSED};
        FAIL_IF(type != MATRIX && type != COMPRESSED, CF_BAD_INPUT,
                "%s: the element at byte %zu has type %u; 14 (a matrix) or 15 (a compressed one) was "
                "expected; the file "
                "is damaged",
                path, at, type);
        at += TAG;
        FAIL_IF(element.size > layout->file_size - at, CF_BAD_INPUT,
                "%s is truncated: the variable at byte %zu needs %s bytes, the file has %s left; download it "
                "again",
                path, at, grouped(element.size, needs), grouped(layout->file_size - at, left));
        FAIL_IF(layout->count == MAX_ELEMENTS, CF_BAD_INPUT,
                "%s has more than %d variables; X and y were expected", path, MAX_ELEMENTS);
        if (layout->count == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            MatElement *grown = realloc(layout->elements, capacity * sizeof *grown);
            FAIL_IF(!grown, CF_NO_MEMORY, "out of memory while reading %s", path);
            layout->elements = grown;
        }
        layout->elements[layout->count++] = element;
        at += element.size;
    }
    return CF_OK;
}

cf_status mat_layout_read(const char *path, MatLayout *layout) {
    struct stat info;
    unsigned char header[HEADER];
    MatLayout made = {0};
    FAIL_IF(stat(path, &info) != 0, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(S_ISDIR(info.st_mode), CF_BAD_INPUT, "%s is a folder; a .mat file was expected", path);
    FAIL_IF(info.st_size == 0, CF_BAD_INPUT, "%s is empty; a MATLAB v5 file was expected", path);
    made.file_size = (size_t)info.st_size;
    FILE *stream = fopen(path, "rb");
    FAIL_IF(!stream, CF_IO, "cannot open %s: %s", path, strerror(errno));
    cf_status status = check_header(path, header, fread(header, 1, HEADER, stream), &made.swapped);
    if (!status) status = walk(path, stream, &made);
    fclose(stream);
    if (status) {
        mat_layout_free(&made);
        return status;
    }
    *layout = made;
    return CF_OK;
}

void mat_layout_free(MatLayout *layout) {
    free(layout->elements);
    *layout = (MatLayout){0};
}

/* ---- Checksums ---- */

typedef struct Inflation {
    const char *path;
    FILE *stream;
    const MatElement *element;
    size_t left; /* bytes of the element not yet read */
    z_stream z;
    unsigned char in[WINDOW], out[WINDOW];
} Inflation;

/* Goes on until `out` is full or the stream ends; *got bytes are in `out` then, fewer than `size` only at the
 * end. */
static cf_status inflate_some(Inflation *inflation, size_t size, size_t *got) {
    z_stream *z = &inflation->z;
    z->next_out = inflation->out;
    z->avail_out = (unsigned)size;
    int result = Z_OK;
    while (result == Z_OK && z->avail_out) {
        if (z->avail_in == 0) {
            size_t wanted = inflation->left < WINDOW ? inflation->left : WINDOW;
            FAIL_IF(wanted && fread(inflation->in, 1, wanted, inflation->stream) != wanted, CF_IO,
                    "cannot read %s", inflation->path);
            inflation->left -= wanted;
            z->next_in = inflation->in;
            z->avail_in = (unsigned)wanted;
        }
        result = inflate(z, Z_NO_FLUSH);
    }
    *got = size - z->avail_out;
    FAIL_IF(result == Z_MEM_ERROR, CF_NO_MEMORY, "out of memory while inflating %s", inflation->path);
    FAIL_IF(result != Z_OK && result != Z_STREAM_END, CF_BAD_INPUT,
            "%s is damaged: the compressed variable at byte %zu: %s; download it again", inflation->path,
            inflation->element->offset,
            z->msg                  ? z->msg
            : result == Z_BUF_ERROR ? "its zlib stream does not end"
                                    : "zlib cannot inflate it");
    return CF_OK;
}

static cf_status inflation_begin(Inflation *inflation, const MatElement *element) {
    inflation->element = element;
    inflation->left = element->size;
    inflation->z.avail_in = 0;
    inflation->z.next_in = inflation->in;
    FAIL_IF(inflateReset(&inflation->z) != Z_OK, CF_INTERNAL, "zlib cannot be reset");
    FAIL_IF(fseeko(inflation->stream, (off_t)element->offset, SEEK_SET) != 0, CF_IO, "cannot read %s: %s",
            inflation->path, strerror(errno));
    return CF_OK;
}

/* The stream inflates to: tag, some sub-elements (flags, dimensions, name), the data, zeros up to a multiple
 * of 8. Its last four bytes are the Adler-32 of all that. So inflating the beginning alone decides whether
 * `known` are the data. */
static cf_status is_known(Inflation *inflation, const void *known, size_t known_size, bool swapped,
                          bool *same) {
    enum { LONGEST_BEGINNING = 4096 };
    static const unsigned char zeros[8];
    unsigned char sum[4];
    size_t got;
    *same = false;
    if (inflation->element->size < sizeof sum) return CF_OK;
    FORWARD(inflation_begin(inflation, inflation->element));
    FORWARD(inflate_some(inflation, TAG, &got));
    if (got < TAG) return CF_OK;
    size_t total = (size_t)number_at(inflation->out + 4, swapped) + TAG, padding = (8 - known_size % 8) % 8;
    if (total < known_size + padding + TAG || total - known_size - padding > LONGEST_BEGINNING) return CF_OK;
    size_t beginning = total - known_size - padding - TAG;
    uLong adler = adler32(adler32(0, NULL, 0), inflation->out, TAG);
    FORWARD(inflate_some(inflation, beginning, &got));
    adler = adler32_z(adler32(adler, inflation->out, (unsigned)got), known, known_size);
    adler = adler32(adler, zeros, (unsigned)padding);
    FAIL_IF(fseeko(inflation->stream,
                   (off_t)(inflation->element->offset + inflation->element->size - sizeof sum),
                   SEEK_SET) != 0 ||
                fread(sum, 1, sizeof sum, inflation->stream) != sizeof sum,
            CF_IO, "cannot read %s: %s", inflation->path, strerror(errno));
    *same = adler == ((uLong)sum[0] << 24 | (uLong)sum[1] << 16 | (uLong)sum[2] << 8 | sum[3]);
    return CF_OK;
}

static cf_status verify_element(Inflation *inflation, const void *known, size_t known_size, bool swapped) {
    bool same;
    size_t got = WINDOW;
    FORWARD(is_known(inflation, known, known_size, swapped, &same));
    if (same) return CF_OK;
    FORWARD(inflation_begin(inflation, inflation->element));
    while (got == WINDOW) FORWARD(inflate_some(inflation, WINDOW, &got));
    return CF_OK;
}

cf_status mat_layout_verify(const char *path, const MatLayout *layout, const void *known, size_t known_size) {
    Inflation *inflation;
    cf_status status = CF_OK;
    FORWARD(memory_new(1, sizeof *inflation, &inflation));
    inflation->path = path;
    inflation->stream = fopen(path, "rb");
    if (!inflation->stream)
        status = FAIL(CF_IO, "cannot open %s: %s", path, strerror(errno));
    else if (inflateInit(&inflation->z) != Z_OK)
        status = FAIL(CF_NO_MEMORY, "out of memory while inflating %s", path);
    else {
        for (size_t i = 0; i < layout->count && !status; i++) {
            inflation->element = &layout->elements[i];
            if (inflation->element->compressed)
                status = verify_element(inflation, known, known_size, layout->swapped);
        }
        inflateEnd(&inflation->z);
    }
    if (inflation->stream) fclose(inflation->stream);
    free(inflation);
    return status;
}
