/* MATLAB v5 files ("MAT-File Format", The MathWorks, chapter 1) as SVHN has them.
 *
 *   offset  bytes  what
 *   0       116    text, begins with "MATLAB 5.0 MAT-file"
 *   116     8      subsystem data, not used
 *   124     2      version, 0x0100
 *   126     2      the characters 'M','I' as one 16-bit number: in a little-endian file they stand as "IM"
 *   128     ...    elements
 *
 * An element is a tag of two 32-bit numbers, type and bytes, then so many bytes. Short form, for up to 4 bytes: the type in the lower and
 * the bytes in the upper half of the first number, and the data in place of the second. On top, the type is 14, a matrix, or 15, a zlib
 * stream that inflates to a matrix element. A matrix is made of elements padded to multiples of 8: flags (type 6, 8 bytes: class in the
 * lowest byte, 0x0800: complex), dimensions (type 5, 4 bytes each), name (type 1), and for numeric classes the numbers, column-major, in
 * any type that holds them. Two variables are wanted:
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
#include "base/memory.h"
#include "base/text.h"
#include "data/npy.h"
#include "data/set_files.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { FILE_HEADER = 128, TAG = 8, MATRIX = 14, COMPRESSED = 15, MAX_VARIABLES = 4096, WINDOW = 1 << 18 };
enum { COMPLEX_FLAG = 0x0800, LONGEST_HEAD = 1024, LONGEST_NAME_OF_VARIABLE = 64, MAT_DIMS = 8, DIGITS = 10 };
/* Classes of variables, of which only the numeric ones matter here, and types of stored numbers, as the format counts them. */
enum { CLASS_DOUBLE = 6, CLASS_UINT8 = 9, CLASS_UINT64 = 15 };
enum { STORED_INT8 = 1, STORED_UINT8 = 2, STORED_INT32 = 5, STORED_UINT32 = 6 };

typedef struct Variable {
    char name[LONGEST_NAME_OF_VARIABLE];
    size_t offset, size; /* of the element behind its tag, in the file */
    bool compressed;
    int class_type;
    bool complex_values;
    int rank; /* may be above MAT_DIMS; then the dims beyond are not kept */
    size_t dims[MAT_DIMS];
    uint32_t stored_type;      /* of the data's numbers; 0 for classes that are not numeric */
    size_t data_at, data_size; /* bytes of the (inflated) element before the data, and of the data */
} Variable;

typedef struct MatFile {
    const char *path;
    FILE *stream;
    size_t size;
    bool swapped; /* its byte order is not this machine's */
    Variable *variables;
    size_t count;
    /* The element that is being read. */
    size_t offset, left; /* where it begins; its bytes not yet read from the file */
    bool compressed, ended;
    z_stream z;
    unsigned char in[WINDOW], unwanted[4096];
} MatFile;

/* ---- The bytes of an element, inflated where they are compressed ---- */

static void mat_close(MatFile *file) {
    if (!file) return;
    inflateEnd(&file->z); /* harmless where inflateInit did not succeed */
    file_close(&file->stream);
    free(file->variables);
    free(file);
}

AUTO_HANDLE(MatFile, mat_close)

static cf_status mat_open(const char *path, MatFile *file) {
    struct stat info;
    FAIL_IF(stat(path, &info) != 0, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(S_ISDIR(info.st_mode), CF_BAD_INPUT, "%s is a folder; a .mat file was expected", path);
    FAIL_IF(info.st_size == 0, CF_BAD_INPUT, "%s is empty; a MATLAB v5 file was expected", path);
    file->path = path;
    file->size = (size_t)info.st_size;
    file->stream = fopen(path, "rb");
    FAIL_IF(!file->stream, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(inflateInit(&file->z) != Z_OK, CF_NO_MEMORY, "out of memory while inflating %s", path);
    return CF_OK;
}

/* Goes to an element's first byte: `size` bytes of the file from `offset`. */
static cf_status begin_element(MatFile *file, size_t offset, size_t size, bool compressed) {
    file->offset = offset;
    file->left = size;
    file->compressed = compressed;
    file->ended = false;
    file->z.avail_in = 0;
    FAIL_IF(inflateReset(&file->z) != Z_OK, CF_INTERNAL, "zlib cannot be reset");
    FAIL_IF(fseeko(file->stream, (off_t)offset, SEEK_SET) != 0, CF_IO, "cannot read %s: %s", file->path,
            strerror(errno));
    return CF_OK;
}

/* Fewer bytes than wanted are there only if the file became shorter. */
static cf_status read_stored(MatFile *file, void *bytes, size_t size) {
    FAIL_IF(fread(bytes, 1, size, file->stream) != size, CF_IO, "cannot read %s: %s", file->path,
            ferror(file->stream) ? strerror(errno) : "the file became shorter");
    file->left -= size;
    return CF_OK;
}

static cf_status check_inflate(const MatFile *file, int result) {
    if (result == Z_OK || result == Z_STREAM_END) return CF_OK;
    FAIL_IF(result == Z_MEM_ERROR, CF_NO_MEMORY, "out of memory while inflating %s", file->path);
    const char *reason = file->z.msg             ? file->z.msg
                         : result == Z_BUF_ERROR ? "its zlib stream does not end"
                                                 : "zlib cannot inflate it";
    return FAIL(CF_BAD_INPUT, "%s is damaged: the compressed variable at byte %zu: %s; download it again", file->path,
                file->offset, reason);
}

/* The element's next bytes; fewer than `size` only at its end. */
static cf_status read_element(MatFile *file, void *bytes, size_t size, size_t *got) {
    enum { CHUNK = 1 << 30 };
    z_stream *z = &file->z;
    if (!file->compressed) {
        *got = size < file->left ? size : file->left;
        return read_stored(file, bytes, *got);
    }
    for (*got = 0; *got < size && !file->ended;) {
        const unsigned room = size - *got < CHUNK ? (unsigned)(size - *got) : CHUNK;
        if (z->avail_in == 0) {
            const size_t wanted = file->left < WINDOW ? file->left : WINDOW;
            FORWARD(read_stored(file, file->in, wanted));
            z->next_in = file->in;
            z->avail_in = (unsigned)wanted;
        }
        z->next_out = (unsigned char *)bytes + *got;
        z->avail_out = room;
        const int result = inflate(z, Z_NO_FLUSH);
        FORWARD(check_inflate(file, result));
        file->ended = result == Z_STREAM_END;
        *got += room - z->avail_out;
    }
    return CF_OK;
}

/* Passes over so many bytes, or up to the end if there are fewer. */
static cf_status skip_bytes(MatFile *file, size_t size) {
    for (size_t got = 1; size && got; size -= got) {
        const size_t wanted = size < sizeof file->unwanted ? size : sizeof file->unwanted;
        FORWARD(read_element(file, file->unwanted, wanted, &got));
    }
    return CF_OK;
}

/* ---- The head of a variable ---- */

static uint32_t number_at(const unsigned char *bytes, bool swapped) {
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return swapped ? __builtin_bswap32(number) : number;
}

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

static bool is_numeric(const Variable *variable) {
    return variable->class_type >= CLASS_DOUBLE && variable->class_type <= CLASS_UINT64;
}

/* False if it is not built as it should be; the name is there then if that much was. */
static bool parse_head(Head *head, Variable *variable) {
    Part part;
    if (!next_whole_part(head, STORED_UINT32, &part) || part.size != 8) return false;
    uint32_t flags = number_at(head->bytes + part.at, head->swapped);
    variable->class_type = (int)(flags & 0xff);
    variable->complex_values = flags & COMPLEX_FLAG;
    if (!next_whole_part(head, STORED_INT32, &part) || part.size % 4 || part.size < 8) return false;
    variable->rank = (int)(part.size / 4);
    for (int i = 0; i < variable->rank && i < MAT_DIMS; i++)
        variable->dims[i] = number_at(head->bytes + part.at + 4 * (size_t)i, head->swapped);
    if (!next_whole_part(head, STORED_INT8, &part) || part.size >= sizeof variable->name) return false;
    memcpy(variable->name, head->bytes + part.at, part.size);
    if (!is_numeric(variable)) return true;
    if (!next_part(head, &part)) return false;
    variable->stored_type = part.type;
    variable->data_at = part.at;
    variable->data_size = part.size;
    return true;
}

/* A compressed element begins with the tag of the matrix it inflates to; the other's tag is read by the walk. */
static cf_status read_head(MatFile *file, Variable *variable) {
    Head head = {.swapped = file->swapped};
    FORWARD(begin_element(file, variable->offset, variable->size, variable->compressed));
    FORWARD(read_element(file, head.bytes, sizeof head.bytes, &head.size));
    bool sound = true;
    if (variable->compressed) {
        sound = head.size >= TAG && number_at(head.bytes, file->swapped) == MATRIX;
        head.at = TAG;
    }
    sound = sound && parse_head(&head, variable);
    FAIL_IF(!sound, CF_BAD_INPUT, "%s is damaged: the variable %s at byte %zu has no sound head; download it again",
            file->path, variable->name, variable->offset);
    return CF_OK;
}

/* ---- What stands where in the file ---- */

static cf_status check_header(MatFile *file, const unsigned char *header, size_t size) {
    const char *path = file->path;
    char begin[20] = "";
    uint16_t mark, version;
    for (size_t i = 0; i < sizeof begin - 1 && i < size; i++)
        begin[i] = header[i] >= ' ' && header[i] < 127 ? (char)header[i] : '.';
    FAIL_IF(size >= 10 && memcmp(header, "MATLAB 7.3", 10) == 0, CF_BAD_INPUT,
            "%s is a MATLAB 7.3 (HDF5) file; version 5 was expected: save it again in MATLAB with the option -v7",
            path);
    FAIL_IF(size < 19 || memcmp(header, "MATLAB 5.0 MAT-file", 19) != 0, CF_BAD_INPUT,
            "%s is not a MATLAB v5 file: it begins with \"%s\", expected was \"MATLAB 5.0 MAT-file\"", path, begin);
    FAIL_IF(size < FILE_HEADER, CF_BAD_INPUT,
            "%s is truncated: its header needs %d bytes, the file has %zu; download it again", path, FILE_HEADER, size);
    memcpy(&mark, header + 126, sizeof mark);
    memcpy(&version, header + 124, sizeof version);
    FAIL_IF(mark != 0x4d49 && mark != 0x494d, CF_BAD_INPUT,
            "%s: the byte-order mark at byte 126 is %02x %02x; \"IM\" or \"MI\" was expected", path, header[126],
            header[127]);
    file->swapped = mark == 0x494d;
    if (file->swapped) version = __builtin_bswap16(version);
    FAIL_IF(version != 0x0100, CF_BAD_INPUT, "%s: version 0x%04x at byte 124; 0x0100 was expected", path, version);
    return CF_OK;
}

/* The element whose tag stands at byte *at, which moves behind it. */
static cf_status read_variable(MatFile *file, size_t *at) {
    const char *path = file->path;
    unsigned char tag[TAG];
    char needs[32], left[32];
    size_t got;
    FORWARD(begin_element(file, *at, file->size - *at < TAG ? file->size - *at : TAG, false));
    FORWARD(read_element(file, tag, TAG, &got));
    FAIL_IF(got < TAG, CF_BAD_INPUT,
            "%s is truncated: a variable begins at byte %zu, and the file ends at byte %zu; download it again", path,
            *at, file->size);
    const uint32_t type = number_at(tag, file->swapped);
    FAIL_IF(type != MATRIX && type != COMPRESSED, CF_BAD_INPUT,
            "%s is damaged: the element at byte %zu has type %u; 14 (a matrix) or 15 (a compressed one) was expected",
            path, *at, type);
    *at += TAG;
    Variable variable = {.offset = *at, .size = number_at(tag + 4, file->swapped), .compressed = type == COMPRESSED};
    FAIL_IF(variable.size > file->size - *at, CF_BAD_INPUT,
            "%s is truncated: the variable at byte %zu needs %s bytes, the file has %s left; download it again", path,
            *at, text_thousands((long long)variable.size, needs), text_thousands((long long)(file->size - *at), left));
    FORWARD(read_head(file, &variable));
    FAIL_IF(file->count == MAX_VARIABLES, CF_BAD_INPUT, "%s has more than %d variables; X and y were expected", path,
            MAX_VARIABLES);
    FORWARD(memory_grow(&file->variables, file->count, sizeof variable));
    file->variables[file->count++] = variable;
    *at += variable.size;
    return CF_OK;
}

/* Checks the file's header and that every element lies inside the file, which is where a cut download is found. */
static cf_status read_layout(MatFile *file) {
    unsigned char header[FILE_HEADER];
    size_t got;
    FORWARD(begin_element(file, 0, file->size < FILE_HEADER ? file->size : FILE_HEADER, false));
    FORWARD(read_element(file, header, FILE_HEADER, &got));
    FORWARD(check_header(file, header, got));
    for (size_t at = FILE_HEADER; at < file->size;) FORWARD(read_variable(file, &at));
    return CF_OK;
}

static cf_status find_variable(const MatFile *file, const char *name, const Variable **variable) {
    char names[512] = "";
    for (size_t i = 0; i < file->count; i++) {
        *variable = &file->variables[i];
        if (strcmp((*variable)->name, name) == 0) return CF_OK;
        text_append(names, sizeof names, "%s%s", i ? ", " : "", (*variable)->name);
    }
    return FAIL(CF_BAD_INPUT, "%s has no variable %s; X (the images) and y (the labels) were expected, it has %s",
                file->path, name, file->count ? names : "no variables");
}

/* ---- Checks before any data are read ---- */

static const char *class_text(const Variable *variable) {
    static const char *const names[] = {"unknown", "cell",  "struct", "object", "char",  "sparse", "double", "single",
                                        "int8",    "uint8", "int16",  "uint16", "int32", "uint32", "int64",  "uint64"};
    return (size_t)variable->class_type < COUNT_OF(names) ? names[variable->class_type] : "unknown";
}

static const char *dims_text(const Variable *variable, char text[128]) {
    text[0] = '\0';
    for (int i = 0; i < variable->rank && i < MAT_DIMS && strlen(text) < 100; i++)
        text_append(text, 128, "%s%zu", i ? " x " : "", variable->dims[i]);
    return text;
}

/* By the types of stored numbers: what elements_to_doubles takes them for. */
static const struct {
    char kind;
    unsigned char size;
} stored[] = {{0},      {'i', 1}, {'u', 1}, {'i', 2}, {'u', 2}, {'i', 4}, {'u', 4},
              {'f', 4}, {0},      {'f', 8}, {0},      {0},      {'i', 8}, {'u', 8}};

/* Numbers of the variable; the data must be exactly as many, and the file must be able to hold them. */
static cf_status count_numbers(const Variable *v, const char *path, size_t *count) {
    char dims[128];
    size_t bytes;
    *count = 1;
    for (int i = 0; i < v->rank && i < MAT_DIMS; i++)
        FAIL_IF(!size_multiply(*count, v->dims[i], count), CF_BAD_INPUT,
                "%s: %s is said to be %s, which cannot be addressed; the file is damaged", path, v->name,
                dims_text(v, dims));
    FAIL_IF(*count == 0, CF_BAD_INPUT, "%s: %s is empty (%s)", path, v->name, dims_text(v, dims));
    const size_t each = v->stored_type < COUNT_OF(stored) ? stored[v->stored_type].size : 0;
    FAIL_IF(each == 0, CF_BAD_INPUT, "%s: the numbers of %s are stored as type %u, which is none; the file is damaged",
            path, v->name, v->stored_type);
    FAIL_IF(
        !size_multiply(*count, each, &bytes) || bytes != v->data_size, CF_BAD_INPUT,
        "%s is damaged: %s is %s, with %zu bytes of data; %zu bytes for each number were expected; download it again",
        path, v->name, dims_text(v, dims), v->data_size, each);
    size_t most = v->compressed ? DEFLATE_RATIO * v->size : v->size;
    FAIL_IF(bytes > most, CF_BAD_INPUT,
            "%s is damaged: %s needs %zu bytes, more than the %zu in the file can hold; download it again", path,
            v->name, bytes, v->size);
    return CF_OK;
}

static cf_status check_images(const Variable *x, const char *path) {
    char dims[128];
    size_t count;
    FAIL_IF(x->class_type != CLASS_UINT8 || x->complex_values, CF_BAD_INPUT,
            "%s: X is of class %s%s; uint8 was expected (in MATLAB: X = uint8(X))", path,
            x->complex_values ? "complex " : "", class_text(x));
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

static cf_status check_labels(const Variable *y, const char *path, size_t images) {
    char dims[128];
    size_t count;
    FAIL_IF(!is_numeric(y) || y->complex_values, CF_BAD_INPUT, "%s: y is of class %s%s; numbers were expected", path,
            y->complex_values ? "complex " : "", class_text(y));
    FAIL_IF(y->rank != 2 || (y->dims[0] != 1 && y->dims[1] != 1), CF_BAD_INPUT, "%s: y is %s; N x 1 was expected", path,
            dims_text(y, dims));
    FORWARD(count_numbers(y, path, &count));
    FAIL_IF(count != images, CF_BAD_INPUT, "%s: X has %zu images, y has %zu labels; they must be as many", path, images,
            count);
    return CF_OK;
}

/* ---- Reading ---- */

/* A compressed element has to end well, its checksum (Adler-32) included. */
static cf_status read_data(MatFile *file, const Variable *variable, void *data) {
    size_t got;
    FORWARD(begin_element(file, variable->offset, variable->size, variable->compressed));
    FORWARD(skip_bytes(file, variable->data_at));
    FORWARD(read_element(file, data, variable->data_size, &got));
    FAIL_IF(got != variable->data_size, CF_BAD_INPUT,
            "%s is damaged: %s has %zu of the %zu bytes that it should have; download it again", file->path,
            variable->name, got, variable->data_size);
    /* Asking for a byte more than there are makes zlib read the checksum. */
    return file->compressed ? skip_bytes(file, SIZE_MAX) : CF_OK;
}

static cf_status read_labels(MatFile *file, const Variable *y, uint16_t *labels, size_t count) {
    AUTO_FREE unsigned char *data = NULL;
    enum { PIECE = 1024 };
    double numbers[PIECE];
    const char kind = stored[y->stored_type].kind;
    const size_t size = stored[y->stored_type].size;
    FORWARD(memory_new(y->data_size, 1, &data));
    FORWARD(read_data(file, y, data));
    if (file->swapped) elements_swap(data, count, size);
    for (size_t i = 0; i < count; i++) {
        if (i % PIECE == 0)
            elements_to_doubles(kind, size, data + i * size, count - i < PIECE ? count - i : PIECE, numbers);
        const double label = numbers[i % PIECE];
        FAIL_IF(!(label >= 0 && label <= DIGITS) || label != floor(label), CF_BAD_INPUT,
                "%s: y(%zu) is %g; labels are 1 to 9, and 10 or 0 for digit 0", file->path, i + 1, label);
        labels[i] = (uint16_t)((int)label % DIGITS);
    }
    return CF_OK;
}

cf_status mat_read(const char *path, cf_set **set) {
    AUTO(mat_close_at) MatFile *file = NULL;
    AUTO(cf_set_free_at) cf_set *made = NULL;
    const Variable *x, *y;
    FORWARD(memory_new(1, sizeof *file, &file));
    FORWARD(mat_open(path, file));
    FORWARD(read_layout(file));
    FORWARD(find_variable(file, "X", &x));
    FORWARD(find_variable(file, "y", &y));
    FORWARD(check_images(x, path));
    const size_t height = x->dims[0], width = x->dims[1], count = x->rank == 4 ? x->dims[3] : 1;
    FORWARD(check_labels(y, path, count));
    const int chw[3] = {(int)x->dims[2], (int)height, (int)width};
    FORWARD(set_new(path, path, count, chw[0], chw[1], chw[2], DIGITS, &made));
    FORWARD(read_labels(file, y, made->labels, count));
    FORWARD(read_data(file, x, made->pixels));
    FORWARD(images_reorder(made->pixels, count, chw, (const size_t[3]){1, height, height * width}));
    FORWARD(set_name_classes_by_number(made));
    *set = memory_take(&made);
    return CF_OK;
}
