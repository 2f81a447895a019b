/* Reading safetensors; the format and its limits are in the header.
 *
 * The reader trusts nothing: the JSON header gives each tensor a shape and a range, and a tensor is handed
 * out only after all ranges, in the order of the data, are shown to fill the file exactly. The values
 * themselves may be any bits, NaN included.
 */
#include "base/safetensors.h"

#include "base/json_memory.h"
#include "base/limits.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian, and floats are copied as they are: a big-endian host would need byte swaps here"
#endif
_Static_assert(sizeof(float) == 4, "safetensors F32 is four bytes");

typedef struct Range {
    size_t begin, end;
    StoredTensor tensor;
} Range;

static uint64_t little_endian(const unsigned char bytes[LENGTH_BYTES]) {
    uint64_t number = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) number = number << 8 | bytes[i];
    return number;
}

static cf_status parse_header(const char *path, StoredFile *file, size_t size, size_t *data_begin) {
    json_error_t error;
    FAIL_IF(size < LENGTH_BYTES, CF_BAD_INPUT,
            "%s is no safetensors file: it has %zu bytes, and the length of the header alone takes %d", path, size,
            LENGTH_BYTES);
    uint64_t length = little_endian(file->bytes);
    FAIL_IF(
        length > MOST_TENSOR_HEADER, CF_BAD_INPUT,
        "%s is no safetensors file, or a foreign one: its first 8 bytes say that the header has %llu bytes; at most %d were expected",
        path, (unsigned long long)length, MOST_TENSOR_HEADER);
    FAIL_IF(length > size - LENGTH_BYTES, CF_BAD_INPUT,
            "%s is cut short or damaged: its header should have %llu bytes, and %zu follow", path,
            (unsigned long long)length, size - LENGTH_BYTES);
    const char *text = (const char *)file->bytes + LENGTH_BYTES;
    FAIL_IF(length == 0 || text[0] != '{', CF_BAD_INPUT,
            "%s is no safetensors file: '{' was expected at byte 8, where the header begins", path);
    json_memory_begin();
    file->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while reading the header of %s", path);
    FAIL_IF(!file->header, CF_BAD_INPUT, "%s: the header is not valid JSON: %s (at byte %d of the file)", path,
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

static cf_status read_shape(const json_t *shape, StoredTensor *tensor) {
    FAIL_IF(!json_is_array(shape) || json_array_size(shape) > TENSOR_MAX_DIMS, CF_BAD_INPUT,
            "the shape must be a list of at most %d sizes", TENSOR_MAX_DIMS);
    tensor->dims = (int)json_array_size(shape);
    tensor->count = 1;
    for (int i = 0; i < tensor->dims; i++) {
        FAIL_IF(!read_size(json_array_get(shape, (size_t)i), &tensor->shape[i]), CF_BAD_INPUT,
                "size %d of the shape is not a whole number from 0", i + 1);
        FAIL_IF(!size_multiply(tensor->count, tensor->shape[i], &tensor->count), CF_BAD_INPUT,
                "the shape has more elements than can be addressed");
    }
    return CF_OK;
}

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float value_f32(const unsigned char *bytes) {
    float value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static float value_f64(const unsigned char *bytes) {
    double value;
    memcpy(&value, bytes, sizeof value);
    return (float)value;
}

static float value_bf16(const unsigned char *bytes) {
    return float_of_bits((uint32_t)bytes[1] << 24 | (uint32_t)bytes[0] << 16);
}

/* IEEE 754's binary16: a sign, 5 bits of exponent, 10 of fraction. */
static float value_f16(const unsigned char *bytes) {
    const uint32_t bits = (uint32_t)bytes[1] << 8 | bytes[0], sign = (bits & 0x8000u) << 16;
    const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 31) return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent) return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    return (sign ? -0x1p-24f : 0x1p-24f) * (float)fraction;
}

const StoredType *stored_type(const char *word) {
    static const StoredType all[] = {
        {"F32", 4, value_f32}, {"F16", 2, value_f16}, {"BF16", 2, value_bf16}, {"F64", 8, value_f64}, {"I64", 8, NULL},
        {"I32", 4, NULL},      {"I16", 2, NULL},      {"I8", 1, NULL},         {"U64", 8, NULL},      {"U32", 4, NULL},
        {"U16", 2, NULL},      {"U8", 1, NULL},       {"BOOL", 1, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (strcmp(all[i].word, word) == 0) return &all[i];
    return NULL;
}

static bool is_float32(const StoredTensor *tensor) {
    return strcmp(tensor->type, "F32") == 0;
}

static cf_status check_size(const Range *range) {
    const StoredType *type = stored_type(range->tensor.type);
    const size_t size = type ? type->size : 0; /* of an unknown type it cannot be checked */
    size_t bytes;
    FAIL_IF(is_float32(&range->tensor) && range->begin % sizeof(float) != 0, CF_BAD_INPUT,
            "it begins at %zu of the data; a multiple of 4 was expected", range->begin);
    FAIL_IF(size && (!size_multiply(range->tensor.count, size, &bytes) || bytes != range->end - range->begin),
            CF_BAD_INPUT, "it has a shape of %zu elements, but %zu bytes of data", range->tensor.count,
            range->end - range->begin);
    return CF_OK;
}

static cf_status read_entry(const json_t *entry, Range *range) {
    const json_t *type = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    FAIL_IF(!type || !shape || !offsets || json_object_size(entry) != 3, CF_BAD_INPUT,
            "it must have dtype, shape and data_offsets, and nothing else");
    FAIL_IF(!json_is_string(type), CF_BAD_INPUT, "it has a dtype of a wrong kind; a text such as F32 was expected");
    range->tensor.type = json_string_value(type);
    FORWARD(read_shape(shape, &range->tensor));
    FAIL_IF(!json_is_array(offsets) || json_array_size(offsets) != 2 ||
                !read_size(json_array_get(offsets, 0), &range->begin) ||
                !read_size(json_array_get(offsets, 1), &range->end) || range->begin > range->end,
            CF_BAD_INPUT, "data_offsets must be a begin and an end not before it");
    return check_size(range);
}

/* Empty tensors share their begin with the next one: the end decides, so that they come first. */
static int compare_ranges(const void *left, const void *right) {
    const Range *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* Two names for one tensor. */
static bool is_shared(const Range *a, const Range *b) {
    return a->begin == b->begin && a->end == b->end && a->begin < a->end &&
           strcmp(a->tensor.type, b->tensor.type) == 0 && a->tensor.dims == b->tensor.dims &&
           memcmp(a->tensor.shape, b->tensor.shape, sizeof a->tensor.shape) == 0;
}

/* Sorted ranges must lie end to end and fill the data. */
static cf_status place_tensors(const char *path, Range *ranges, size_t data_size, StoredFile *file) {
    size_t end = 0;
    for (size_t i = 0; i < file->tensor_count; i++) {
        const Range *range = &ranges[i];
        StoredTensor *tensor = &file->tensors[i];
        const bool shared = i && is_shared(range, &ranges[i - 1]);
        FAIL_IF(range->begin != end && !shared, CF_BAD_INPUT,
                "%s: tensor \"%.80s\" begins at %zu of the data, leaving %s; %zu was expected", path,
                range->tensor.name, range->begin, range->begin > end ? "a gap" : "an overlap", end);
        FAIL_IF(range->end > data_size, CF_BAD_INPUT,
                "%s is cut short: tensor \"%.80s\" ends at %zu of the data, which have %zu bytes", path,
                range->tensor.name, range->end, data_size);
        *tensor = range->tensor;
        tensor->begin = range->begin;
        tensor->end = range->end;
        if (is_float32(tensor)) tensor->values = (const float *)(const void *)(file->bytes + range->begin);
        end = range->end;
    }
    FAIL_IF(end != data_size, CF_BAD_INPUT, "%s: the tensors take %zu bytes, but %zu bytes of data are there", path,
            end, data_size);
    return CF_OK;
}

/* Whether its values are to be made, and are not those of the tensor before it, whose bytes it shares. */
static bool is_converted(const StoredFile *file, size_t t, const StoredType **type) {
    const StoredTensor *tensor = &file->tensors[t];
    *type = stored_type(tensor->type);
    if (!*type || !(*type)->value || is_float32(tensor)) return false;
    return !t || !tensor->count || tensor[-1].begin != tensor->begin || tensor[-1].end != tensor->end;
}

/* The floats of other types; what is shared stays shared, so that a small file takes little memory. */
static cf_status convert_values(StoredFile *file) {
    const StoredType *type;
    size_t total = 0;
    for (size_t t = 0; t < file->tensor_count; t++)
        if (is_converted(file, t, &type)) total += file->tensors[t].count;
    FORWARD(memory_new(total, sizeof(float), &file->converted));
    float *to = file->converted;
    for (size_t t = 0; t < file->tensor_count; t++) {
        StoredTensor *tensor = &file->tensors[t];
        if (is_converted(file, t, &type)) {
            tensor->values = to;
            for (size_t i = 0; i < tensor->count; i++)
                *to++ = type->value(file->bytes + tensor->begin + i * type->size);
        } else if (type && type->value && !is_float32(tensor)) {
            tensor->values = tensor[-1].values;
        }
    }
    return CF_OK;
}

static cf_status read_tensors(const char *path, size_t data_size, StoredFile *file) {
    AUTO_FREE Range *ranges = NULL;
    const char *name;
    json_t *entry, *texts = json_object_get(file->header, METADATA);
    size_t count = json_object_size(file->header) - (texts != NULL), used = 0;
    FAIL_IF(count > MOST_TENSORS, CF_BAD_INPUT, "%s holds %zu tensors; at most %d were expected", path, count,
            MOST_TENSORS);
    if (texts) FORWARD(read_texts(path, texts, file));
    FORWARD(memory_new(count, sizeof *file->tensors, &file->tensors));
    FORWARD(memory_new(count, sizeof *ranges, &ranges));
    json_object_foreach(file->header, name, entry) {
        if (entry == texts) continue;
        FAIL_IF(!*name, CF_BAD_INPUT, "%s: a tensor has an empty name", path);
        ranges[used].tensor.name = name;
        const cf_status status = read_entry(entry, &ranges[used++]);
        if (status) return status_prefix(status, "%s: tensor \"%.80s\"", path, name);
    }
    qsort(ranges, count, sizeof *ranges, compare_ranges);
    file->tensor_count = count;
    return place_tensors(path, ranges, data_size, file);
}

/* Before the header's bytes are overwritten; the digits become zeros on the way. */
static cf_status take_checksum(const StoredFile *file, size_t size, size_t data_begin, char sum[SHA256_HEX]) {
    if (!json_object_get(json_object_get(file->header, METADATA), SEAL_KEY)) return CF_OK;
    char *digits = seal_place((char *)file->bytes + LENGTH_BYTES, data_begin - LENGTH_BYTES);
    snprintf(sum, SHA256_HEX, "no place"); /* written anew by another program: fits nothing */
    if (!digits) return CF_OK;
    memcpy(digits, SEAL_ZEROS, SHA256_HEX - 1);
    return sha256_bytes(file->bytes, size, sum);
}

/* Comes last, since what else is wrong says more. The checksum is then no text of the file's any more. */
static cf_status compare_checksum(const char *path, const char *sum, StoredFile *file) {
    if (!*sum) return CF_OK;
    for (size_t i = 0; i < file->text_count; i++) {
        if (strcmp(file->texts[i].key, SEAL_KEY) != 0) continue;
        FAIL_IF(strcmp(file->texts[i].value, sum) != 0, CF_BAD_INPUT,
                "%s is damaged: its bytes do not have the checksum that it carries (if another program changed it on "
                "purpose, that must take %s out of its metadata)",
                path, SEAL_KEY);
        memmove(&file->texts[i], &file->texts[i + 1], (--file->text_count - i) * sizeof *file->texts);
        file->sealed = true;
    }
    return CF_OK;
}

cf_status safetensors_read(const char *path, StoredFile *file) {
    AUTO(safetensors_free) StoredFile made = {0};
    size_t size, data_begin = 0;
    char sum[SHA256_HEX] = ""; /* that the bytes have; "" where the file has none to compare with */
    FORWARD(file_read(path, MOST_TENSOR_FILE, &made.bytes, &size));
    FORWARD(parse_header(path, &made, size, &data_begin));
    FORWARD(take_checksum(&made, size, data_begin, sum));
    memmove(made.bytes, made.bytes + data_begin, size - data_begin); /* aligned, whatever the header's length */
    FORWARD(read_tensors(path, size - data_begin, &made));
    FORWARD(compare_checksum(path, sum, &made));
    FORWARD(convert_values(&made));
    FORWARD(safetensors_index(path, &made));
    *file = made;
    made = (StoredFile){0};
    return CF_OK;
}

void safetensors_free(StoredFile *file) {
    json_decref(file->header);
    name_table_free(&file->places);
    free(file->bytes);
    free(file->converted);
    free(file->names);
    free(file->renamed);
    free(file->tensors);
    free(file->texts);
    *file = (StoredFile){0};
}

cf_status safetensors_index(const char *path, StoredFile *file) {
    name_table_free(&file->places);
    FORWARD(name_table_new(file->tensor_count, &file->places));
    for (size_t t = 0; t < file->tensor_count; t++) {
        const char *name = file->tensors[t].name;
        FAIL_IF(safetensors_find(file, name), CF_BAD_INPUT, "%s: two tensors have the name \"%.80s\"", path, name);
        name_table_put(&file->places, name, (int)t);
    }
    return CF_OK;
}

const StoredTensor *safetensors_find(const StoredFile *file, const char *name) {
    const int place = file->places.slots ? name_table_find(&file->places, name, strlen(name)) : -1;
    return place < 0 ? NULL : &file->tensors[place];
}

cf_status safetensors_find_float(const StoredFile *file, const char *name, const StoredTensor **tensor) {
    const StoredTensor *found = safetensors_find(file, name);
    FAIL_IF(!found, CF_BAD_INPUT, "the tensor %s is missing", name);
    FAIL_IF(!found->values, CF_BAD_INPUT,
            "the tensor %s has dtype %.20s; F32, F16, BF16 or F64 was expected (store it as float32: in PyTorch by "
            ".float())",
            name, found->type);
    *tensor = found;
    return CF_OK;
}

void shape_to_text(const size_t *shape, int dims, char text[SHAPE_TEXT]) {
    int at = snprintf(text, SHAPE_TEXT, "[");
    for (int i = 0; i < dims; i++) at += snprintf(text + at, SHAPE_TEXT - (size_t)at, "%s%zu", i ? ", " : "", shape[i]);
    snprintf(text + at, SHAPE_TEXT - (size_t)at, "]");
}

const char *safetensors_text(const StoredFile *file, const char *key) {
    for (size_t i = 0; i < file->text_count; i++)
        if (strcmp(file->texts[i].key, key) == 0) return file->texts[i].value;
    return NULL;
}
