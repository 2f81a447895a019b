/* Reading and writing safetensors; the format and its limits are in the header.
 *
 * The reader trusts nothing: the JSON header gives each tensor a shape and a range, and a tensor is handed
 * out only after all ranges, in the order of the data, are shown to fill the file exactly. The values
 * themselves may be any bits, NaN included.
 */
#include "base/safetensors.h"

#include "base/json_memory.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian, and floats are copied as they are: a big-endian host would need byte swaps here"
#endif
_Static_assert(sizeof(float) == 4, "safetensors F32 is four bytes");

#define METADATA "__metadata__"

enum { LENGTH_BYTES = 8, MAX_TENSORS = 4096, MAX_HEADER = 1 << 20 };
static const size_t MAX_FILE = (size_t)1 << 34;

/* ---- Reading ------------------------------------------------------------------------------------------ */

typedef struct Memory {
    unsigned char *bytes; /* the data are moved to its beginning, which is aligned whatever the header's length */
    json_t *header;       /* owns the names and the texts */
} Memory;

typedef struct Range {
    size_t begin, end;
    StoredTensor tensor;
} Range;

static uint64_t little_endian(const unsigned char bytes[LENGTH_BYTES]) {
    uint64_t number = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) number = number << 8 | bytes[i];
    return number;
}

static cf_status parse_header(const char *path, Memory *memory, size_t size, size_t *data_begin) {
    json_error_t error;
    FAIL_IF(size < LENGTH_BYTES, CF_BAD_INPUT,
            "%s is no safetensors file: it has %zu bytes, and the length of the header alone takes %d", path, size,
            LENGTH_BYTES);
    uint64_t length = little_endian(memory->bytes);
    FAIL_IF(length > MAX_HEADER, CF_BAD_INPUT,
            "%s is no safetensors file, or a foreign one: its first 8 bytes say that the header has %llu "
            "bytes; at most "
            "%d were expected",
            path, (unsigned long long)length, MAX_HEADER);
    FAIL_IF(length > size - LENGTH_BYTES, CF_BAD_INPUT,
            "%s is cut short or damaged: its header should have %llu bytes, and %zu follow", path,
            (unsigned long long)length, size - LENGTH_BYTES);
    const char *text = (const char *)memory->bytes + LENGTH_BYTES;
    FAIL_IF(length == 0 || text[0] != '{', CF_BAD_INPUT,
            "%s is no safetensors file: '{' was expected at byte 8, where the header begins", path);
    json_memory_begin();
    memory->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while reading the header of %s", path);
    FAIL_IF(!memory->header, CF_BAD_INPUT, "%s: the header is not valid JSON: %s (at byte %d of the file)", path,
            error.text, error.position + LENGTH_BYTES);
    *data_begin = LENGTH_BYTES + (size_t)length;
    return CF_OK;
}

static cf_status read_texts(const char *path, json_t *table, StoredFile *file) {
    const char *key;
    json_t *value;
    FAIL_IF(!json_is_object(table), CF_BAD_INPUT, "%s: %s must be a table of texts", path, METADATA);
    FORWARD(memory_new(json_object_size(table), sizeof *file->texts, &file->texts));
    json_object_foreach(table, key, value) {
        FAIL_IF(!json_is_string(value), CF_BAD_INPUT, "%s: the value of \"%.80s\" in %s must be a text", path, key,
                METADATA);
        file->texts[file->text_count++] = (StoredText){key, json_string_value(value)};
    }
    return CF_OK;
}

static bool read_size(const json_t *number, size_t *size) {
    if (!json_is_integer(number) || json_integer_value(number) < 0) return false;
    *size = (size_t)json_integer_value(number);
    return true;
}

static cf_status read_shape(const char *path, const char *name, const json_t *shape, StoredTensor *tensor) {
    FAIL_IF(!json_is_array(shape) || json_array_size(shape) > TENSOR_MAX_DIMS, CF_BAD_INPUT,
            "%s: tensor \"%.80s\": the shape must be a list of at most %d sizes", path, name, TENSOR_MAX_DIMS);
    tensor->dims = (int)json_array_size(shape);
    tensor->count = 1;
    for (int i = 0; i < tensor->dims; i++) {
        FAIL_IF(!read_size(json_array_get(shape, (size_t)i), &tensor->shape[i]), CF_BAD_INPUT,
                "%s: tensor \"%.80s\": size %d of the shape is not a whole number from 0", path, name, i + 1);
        FAIL_IF(!size_multiply(tensor->count, tensor->shape[i], &tensor->count), CF_BAD_INPUT,
                "%s: tensor \"%.80s\": the shape has more elements than can be addressed", path, name);
    }
    return CF_OK;
}

static cf_status read_entry(const char *path, const char *name, const json_t *entry, Range *range) {
    const json_t *type = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t bytes;
    FAIL_IF(!*name, CF_BAD_INPUT, "%s: a tensor has an empty name", path);
    FAIL_IF(!type || !shape || !offsets || json_object_size(entry) != 3, CF_BAD_INPUT,
            "%s: tensor \"%.80s\" must have dtype, shape and data_offsets, and nothing else", path, name);
    FAIL_IF(!json_is_string(type) || strcmp(json_string_value(type), "F32") != 0, CF_BAD_INPUT,
            "%s: tensor \"%.80s\" has dtype %.20s; F32 was expected", path, name,
            json_is_string(type) ? json_string_value(type) : "of a wrong kind");
    FORWARD(read_shape(path, name, shape, &range->tensor));
    FAIL_IF(!json_is_array(offsets) || json_array_size(offsets) != 2 ||
                !read_size(json_array_get(offsets, 0), &range->begin) ||
                !read_size(json_array_get(offsets, 1), &range->end) || range->begin > range->end,
            CF_BAD_INPUT, "%s: tensor \"%.80s\": data_offsets must be a begin and an end not before it", path, name);
    FAIL_IF(range->begin % sizeof(float) != 0, CF_BAD_INPUT,
            "%s: tensor \"%.80s\" begins at %zu of the data; a multiple of 4 was expected", path, name, range->begin);
    FAIL_IF(!size_multiply(range->tensor.count, sizeof(float), &bytes) || bytes != range->end - range->begin,
            CF_BAD_INPUT, "%s: tensor \"%.80s\" has a shape of %zu elements, but %zu bytes of data", path, name,
            range->tensor.count, range->end - range->begin);
    range->tensor.name = name;
    return CF_OK;
}

/* Empty tensors share their begin with the next one: the end decides, so that they come first. */
static int compare_ranges(const void *left, const void *right) {
    const Range *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* Sorted ranges must lie end to end and fill the data. */
static cf_status place_tensors(const char *path, Range *ranges, const unsigned char *data, size_t data_size,
                               StoredFile *file) {
    size_t end = 0;
    for (size_t i = 0; i < file->tensor_count; i++) {
        const Range *range = &ranges[i];
        FAIL_IF(range->begin != end, CF_BAD_INPUT,
                "%s: tensor \"%.80s\" begins at %zu of the data, leaving %s; %zu was expected", path,
                range->tensor.name, range->begin, range->begin > end ? "a gap" : "an overlap", end);
        FAIL_IF(range->end > data_size, CF_BAD_INPUT,
                "%s is cut short: tensor \"%.80s\" ends at %zu of the data, which have %zu bytes", path,
                range->tensor.name, range->end, data_size);
        file->tensors[i] = range->tensor;
        file->tensors[i].values = (const float *)(const void *)(data + range->begin);
        end = range->end;
    }
    FAIL_IF(end != data_size, CF_BAD_INPUT, "%s: the tensors take %zu bytes, but %zu bytes of data are there", path,
            end, data_size);
    return CF_OK;
}

static cf_status read_tensors(const char *path, Memory *memory, size_t data_size, StoredFile *file) {
    const char *name;
    json_t *entry;
    Range *ranges = NULL;
    cf_status status;
    json_t *texts = json_object_get(memory->header, METADATA);
    size_t count = json_object_size(memory->header) - (texts != NULL), used = 0;
    FAIL_IF(count > MAX_TENSORS, CF_BAD_INPUT, "%s holds %zu tensors; at most %d were expected", path, count,
            MAX_TENSORS);
    if (texts) FORWARD(read_texts(path, texts, file));
    FORWARD(memory_new(count, sizeof *file->tensors, &file->tensors));
    FORWARD(memory_new(count, sizeof *ranges, &ranges));
    json_object_foreach(memory->header, name, entry) {
        if (entry == texts) continue;
        FORWARD_TO(done, read_entry(path, name, entry, &ranges[used++]));
    }
    qsort(ranges, count, sizeof *ranges, compare_ranges);
    file->tensor_count = count;
    status = place_tensors(path, ranges, memory->bytes, data_size, file);
done:
    free(ranges);
    return status;
}

static cf_status read_into(const char *path, Memory *memory, StoredFile *file) {
    size_t size, data_begin = 0;
    FORWARD(file_read(path, MAX_FILE, &memory->bytes, &size));
    FORWARD(parse_header(path, memory, size, &data_begin));
    memmove(memory->bytes, memory->bytes + data_begin, size - data_begin);
    return read_tensors(path, memory, size - data_begin, file);
}

cf_status safetensors_read(const char *path, StoredFile *file) {
    StoredFile made = {0};
    Memory *memory;
    FORWARD(memory_new(1, sizeof *memory, &memory));
    made.owned = memory;
    cf_status status = read_into(path, memory, &made);
    if (status) {
        safetensors_free(&made);
        return status;
    }
    *file = made;
    return CF_OK;
}

void safetensors_free(StoredFile *file) {
    Memory *memory = file->owned;
    if (memory) {
        json_decref(memory->header);
        free(memory->bytes);
        free(memory);
    }
    free(file->tensors);
    free(file->texts);
    *file = (StoredFile){0};
}

const StoredTensor *safetensors_find(const StoredFile *file, const char *name) {
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

const char *safetensors_text(const StoredFile *file, const char *key) {
    for (size_t i = 0; i < file->text_count; i++)
        if (strcmp(file->texts[i].key, key) == 0) return file->texts[i].value;
    return NULL;
}

/* ---- Writing ------------------------------------------------------------------------------------------ */

/* Steals `value`. Duplicates are refused here because jansson would quietly replace the first. */
static cf_status put(json_t *table, const char *key, json_t *value) {
    bool taken = json_object_get(table, key) != NULL;
    bool done = value && !taken && json_object_set(table, key, value) == 0;
    json_decref(value);
    FAIL_IF(taken, CF_BAD_USE, "\"%.80s\" stands twice in one safetensors file", key);
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while making the header of a safetensors file");
    FAIL_IF(!done, CF_BAD_USE, "\"%.80s\" cannot be stored: it or its value is not valid UTF-8", key);
    return CF_OK;
}

static cf_status add_texts(json_t *header, const StoredText *texts, size_t count) {
    json_t *table = json_object();
    if (count == 0) {
        json_decref(table);
        return CF_OK;
    }
    FORWARD(put(header, METADATA, table)); /* the header holds it now; `table` stays valid */
    for (size_t i = 0; i < count; i++) FORWARD(put(table, texts[i].key, json_string(texts[i].value)));
    return CF_OK;
}

static cf_status add_tensor(json_t *header, const StoredTensor *tensor, size_t *offset) {
    size_t count = 1, bytes, end;
    json_t *shape = json_array();
    bool fits = tensor->dims >= 0 && tensor->dims <= TENSOR_MAX_DIMS && *tensor->name;
    for (int i = 0; fits && i < tensor->dims; i++) {
        fits = size_multiply(count, tensor->shape[i], &count);
        json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    }
    fits = fits && count == tensor->count && size_multiply(count, sizeof(float), &bytes) &&
           !__builtin_add_overflow(*offset, bytes, &end) && end <= MAX_FILE;
    if (!fits) {
        json_decref(shape);
        return FAIL(CF_INTERNAL, "the tensor \"%.80s\" cannot be stored: its name, shape and count do not agree",
                    tensor->name);
    }
    FORWARD(put(header, tensor->name,
                json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", (json_int_t)*offset,
                          (json_int_t)end)));
    *offset = end;
    return CF_OK;
}

static cf_status make_header(json_t *header, const StoredTensor *tensors, size_t tensor_count, const StoredText *texts,
                             size_t text_count, char **text) {
    size_t offset = 0;
    FAIL_IF(tensor_count > MAX_TENSORS, CF_INTERNAL, "%zu tensors are more than the %d of one file", tensor_count,
            MAX_TENSORS);
    FORWARD(add_texts(header, texts, text_count));
    for (size_t i = 0; i < tensor_count; i++) {
        FAIL_IF(strcmp(tensors[i].name, METADATA) == 0, CF_INTERNAL, "a tensor cannot be called %s", METADATA);
        FORWARD(add_tensor(header, &tensors[i], &offset));
    }
    *text = json_dumps(header, JSON_COMPACT); /* the caller's on any path */
    FAIL_IF(json_memory_failed() || !*text, CF_NO_MEMORY,
            "out of memory while making the header of a safetensors file");
    return CF_OK;
}

static cf_status write_file(const char *path, const char *header, const StoredTensor *tensors, size_t tensor_count) {
    FileDraft draft;
    size_t length = strlen(header), padded = (length + LENGTH_BYTES - 1) / LENGTH_BYTES * LENGTH_BYTES;
    FAIL_IF(padded > MAX_HEADER, CF_BAD_USE, "%s: the names and texts take %zu bytes; at most %d can be read back",
            path, padded, MAX_HEADER);
    FORWARD(file_draft(path, &draft));
    for (int i = 0; i < LENGTH_BYTES; i++) fputc((int)((uint64_t)padded >> 8 * i & 0xff), draft.stream);
    fwrite(header, 1, length, draft.stream);
    for (size_t i = length; i < padded; i++) fputc(' ', draft.stream);
    for (size_t i = 0; i < tensor_count; i++)
        if (tensors[i].count) fwrite(tensors[i].values, sizeof(float), tensors[i].count, draft.stream);
    return file_commit(&draft);
}

cf_status safetensors_write(const char *path, const StoredTensor *tensors, size_t tensor_count, const StoredText *texts,
                            size_t text_count) {
    char *text = NULL;
    json_memory_begin();
    json_t *header = json_object();
    FAIL_IF(!header, CF_NO_MEMORY, "out of memory while making the header of %s", path);
    cf_status status = make_header(header, tensors, tensor_count, texts, text_count, &text);
    json_decref(header);
    if (!status) status = write_file(path, text, tensors, tensor_count);
    free(text);
    return status;
}
