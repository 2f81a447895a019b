#include "testing.h"

#include "base/memory.h"
#include "base/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two floats, 1 and 2, written byte by byte from the format's description: 8 + 72 + 8 bytes. */
#define EXACT_HEADER "{\"__metadata__\":{\"k\":\"v\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
static const unsigned char two_floats[8] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40};

static size_t put_file(const char *path, const char *header, const void *data, size_t data_size) {
    unsigned char bytes[4096] = {0};
    size_t length = strlen(header);
    assert_true(8 + length + data_size <= sizeof bytes);
    bytes[0] = (unsigned char)(length & 0xff);
    bytes[1] = (unsigned char)(length >> 8);
    memcpy(bytes + 8, header, length);
    if (data_size) memcpy(bytes + 8 + length, data, data_size);
    write_bytes(path, bytes, 8 + length + data_size);
    return 8 + length + data_size;
}

static void test_reads_a_hand_made_file(void **state) {
    (void)state;
    StoredFile file;
    const char *path = path_in(scratch_folder(), "hand.safetensors");
    put_file(path, EXACT_HEADER, two_floats, 8);
    assert_ok(safetensors_read(path, &file));
    assert_int_equal(file.tensor_count, 1);
    const StoredTensor *w = safetensors_find(&file, "w");
    assert_non_null(w);
    assert_int_equal(w->dims, 1);
    assert_int_equal(w->shape[0], 2);
    assert_true(w->values[0] == 1.0f && w->values[1] == 2.0f);
    assert_int_equal(file.text_count, 1);
    assert_string_equal(safetensors_text(&file, "k"), "v");
    assert_null(safetensors_find(&file, "x"));
    assert_null(safetensors_text(&file, "x"));
    safetensors_free(&file);
    safetensors_free(&file);
}

/* SHA-256 of the file below with zeros for the digits; from Python's hashlib. */
#define SEALED "9d0e7156cd97c98f3641207f6a0e38256c8bfe49b9057f68016049088821e9b6"
#define SEALED_HEADER                                                                                                  \
    "{\"__metadata__\":{\"k\":\"v\",\"file_sha256\":\"" SEALED                                                         \
    "\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"

static void test_writes_the_same_bytes(void **state) {
    (void)state;
    const float values[2] = {1, 2};
    const StoredTensor tensor = {.name = "w", .dims = 1, .shape = {2}, .count = 2, .values = values};
    const StoredText text = {"k", "v"};
    unsigned char *bytes, expected[512] = {0};
    size_t size, length = strlen(SEALED_HEADER), padded = (length + 7) / 8 * 8;
    const char *path = path_in(scratch_folder(), "same.safetensors");
    assert_ok(safetensors_write(path, &tensor, 1, &text, 1));
    assert_ok(file_read(path, 1000, &bytes, &size));
    memset(expected + 8, ' ', padded);
    expected[0] = (unsigned char)padded;
    memcpy(expected + 8, SEALED_HEADER, length);
    memcpy(expected + 8 + padded, two_floats, 8);
    assert_int_equal(size, 8 + padded + 8);
    assert_memory_equal(bytes, expected, size);
    free(bytes);
}

static void test_header_is_padded_to_eight(void **state) {
    (void)state;
    static const char letters[] = "abcdefgh";
    size_t sizes[8];
    for (int i = 0; i < 8; i++) {
        const StoredText text = {"k", letters + i};
        const char *path = path_in(scratch_folder(), "padded.safetensors");
        unsigned char *bytes;
        assert_ok(safetensors_write(path, NULL, 0, &text, 1));
        assert_ok(file_read(path, 1000, &bytes, &sizes[i]));
        free(bytes);
        assert_int_equal(sizes[i] % 8, 0);
    }
    /* 106 letters besides the text of 8 to 1: the first three need 120 at most, the others 112. */
    for (int i = 0; i < 8; i++) assert_int_equal(sizes[i], 8 + (i < 2 ? 120 : 112));
}

static void test_round_trip_bit_for_bit(void **state) {
    (void)state;
    const float odd[6] = {-0.0f, INFINITY, -NAN, 1e-45f, 3.4028235e38f, 0.1f}, one = 7;
    const StoredTensor tensors[] = {
        {.name = "z.last", .dims = 2, .shape = {2, 3}, .count = 6, .values = odd},
        {.name = "empty", .dims = 2, .shape = {0, 5}, .count = 0, .values = NULL},
        {.name = "a \"scalar\"\\", .dims = 0, .count = 1, .values = &one},
        {.name = "eight", .dims = 8, .shape = {1, 1, 1, 1, 1, 1, 1, 1}, .count = 1, .values = &one},
    };
    const StoredText texts[] = {{"zeta", "line\nbreak \"quoted\""}, {"alpha", ""}, {"ü", "日本"}};
    const char *path = path_in(scratch_folder(), "round.safetensors");
    StoredFile file;
    assert_ok(safetensors_write(path, tensors, 4, texts, 3));
    assert_ok(safetensors_read(path, &file));
    assert_int_equal(file.tensor_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const StoredTensor *got = &file.tensors[i];
        assert_string_equal(got->name, tensors[i].name);
        assert_int_equal(got->dims, tensors[i].dims);
        assert_memory_equal(got->shape, tensors[i].shape, sizeof got->shape);
        assert_int_equal(got->count, tensors[i].count);
        if (got->count) assert_memory_equal(got->values, tensors[i].values, got->count * sizeof(float));
        assert_int_equal((uintptr_t)got->values % sizeof(float), 0);
    }
    assert_int_equal(file.text_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(file.texts[i].key, texts[i].key);
        assert_string_equal(file.texts[i].value, texts[i].value);
    }
    safetensors_free(&file);
    assert_ok(safetensors_write(path, NULL, 0, NULL, 0));
    assert_ok(safetensors_read(path, &file));
    assert_int_equal(file.tensor_count + file.text_count, 0);
    safetensors_free(&file);
}

static void test_foreign_order_and_padding(void **state) {
    (void)state;
    StoredFile file;
    const char *path = path_in(scratch_folder(), "foreign.safetensors");
    /* The header names the second tensor first, and its length leaves the data at an odd place. */
    put_file(path,
             "{\"b\":{\"data_offsets\":[4,8],\"dtype\":\"F32\",\"shape\":[1,1]},"
             "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}} ",
             two_floats, 8);
    assert_ok(safetensors_read(path, &file));
    assert_string_equal(file.tensors[0].name, "a");
    assert_true(file.tensors[0].values[0] == 1.0f);
    assert_true(safetensors_find(&file, "b")->values[0] == 2.0f);
    assert_int_equal((uintptr_t)file.tensors[0].values % 64, 0);
    safetensors_free(&file);
}

#define F32(name, shape, offsets) "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_hostile_headers(void **state) {
    (void)state;
    const struct {
        const char *header, *message;
        size_t data;
    } cases[] = {
        {"", "'{' was expected", 8},
        {"[1]", "'{' was expected", 8},
        {" {}", "'{' was expected", 0},
        {"{\"w\":", "not valid JSON", 8},
        {"{} x", "not valid JSON", 0},
        {"{" F32("w", "[1]", "[0,4]") "," F32("w", "[1]", "[4,8]") "}", "duplicate", 8},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "duplicate", 0},
        {"{\"__metadata__\":null}", "table of texts", 0},
        {"{\"__metadata__\":{\"a\":1}}", "must be a text", 0},
        {"{\"w\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,6]}}", "4 elements, but 6 bytes", 6},
        {"{\"w\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,4]}}", "1 elements, but 4 bytes", 4},
        {"{\"w\":{\"dtype\":\"F9\",\"shape\":[4],\"data_offsets\":[0,9]}}", "cut short", 8},
        {"{\"w\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype of a wrong kind", 8},
        {"{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "must have dtype, shape", 8},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", "nothing else", 8},
        {"{\"w\":3}", "must have dtype, shape", 8},
        {"{" F32("", "[2]", "[0,8]") "}", "empty name", 8},
        {"{" F32("w", "2", "[0,8]") "}", "list of at most 8", 8},
        {"{" F32("w", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", "list of at most 8", 8},
        {"{" F32("w", "[-2]", "[0,8]") "}", "whole number", 8},
        {"{" F32("w", "[2.0]", "[0,8]") "}", "whole number", 8},
        {"{" F32("w", "[4294967296,4294967296,2]", "[0,8]") "}", "more elements than can be addressed", 8},
        {"{" F32("w", "[4611686018427387906]", "[0,8]") "}", "8 bytes of data", 8},
        {"{" F32("w", "[99999999999999999999]", "[0,8]") "}", "not valid JSON", 8},
        {"{" F32("w", "[2]", "[0]") "}", "a begin and an end", 8},
        {"{" F32("w", "[2]", "[-8,0]") "}", "a begin and an end", 8},
        {"{" F32("w", "[2]", "[8,0]") "}", "a begin and an end", 8},
        {"{" F32("w", "[2]", "\"08\"") "}", "a begin and an end", 8},
        {"{" F32("w", "[1]", "[2,6]") "}", "a multiple of 4", 8},
        {"{" F32("w", "[1]", "[0,8]") "}", "1 elements, but 8 bytes", 8},
        {"{" F32("w", "[2]", "[0,6]") "}", "2 elements, but 6 bytes", 8},
        {"{" F32("w", "[1]", "[4,8]") "}", "a gap", 8},
        {"{" F32("v", "[2]", "[0,8]") "," F32("w", "[1]", "[4,8]") "}", "an overlap", 8},
        {"{" F32("v", "[2]", "[0,8]") "," F32("w", "[2,1]", "[0,8]") "}", "an overlap", 8},
        {"{" F32("v", "[2]", "[0,8]") ",\"w\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,8]}}", "an overlap",
         8},
        {"{\"v\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,8]},\"w\":{\"dtype\":\"BF16\",\"shape\":[4],"
         "\"data_offsets\":[0,8]}}",
         "an overlap", 8},
        {"{" F32("w", "[2]", "[0,8]") "}", "cut short", 7},
        {"{" F32("w", "[2]", "[0,8]") "}", "9 bytes of data are there", 9},
        {"{}", "4 bytes of data are there", 4},
    };
    const char *path = path_in(scratch_folder(), "hostile.safetensors");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        StoredFile file = {0};
        put_file(path, cases[i].header, "0123456789", cases[i].data);
        assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, cases[i].message);
        assert_null(file.bytes); /* an output is written only on success */
    }
}

/* PyTorch's counter of batches is an int64 without dimensions; what is not known has no size to be checked against. */
static void test_other_types(void **state) {
    (void)state;
    StoredFile file;
    const StoredTensor *w = NULL;
    const unsigned char data[8 + 8 + 3] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 7};
    const char *path = path_in(scratch_folder(), "types.safetensors");
    put_file(
        path,
        "{" F32("w", "[2]", "[0,8]") ",\"bn1.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":"
                                     "[8,16]},\"odd\":{\"dtype\":\"F6\",\"shape\":[4],\"data_offsets\":[16,19]}}",
        data, sizeof data);
    assert_ok(safetensors_read(path, &file));
    assert_int_equal(file.tensor_count, 3);
    assert_ok(safetensors_find_float(&file, "w", &w));
    assert_true(w->values[0] == 1.0f && w->values[1] == 2.0f);
    const StoredTensor *counter = safetensors_find(&file, "bn1.num_batches_tracked");
    assert_null(counter->values);
    assert_string_equal(counter->type, "I64");
    assert_int_equal(counter->dims, 0);
    assert_null(safetensors_find(&file, "odd")->values);
    assert_fails(safetensors_find_float(&file, "odd", &w), CF_BAD_INPUT,
                 "the tensor odd has dtype F6; F32, F16, BF16 or F64");
    assert_fails(safetensors_find_float(&file, "x", &w), CF_BAD_INPUT, "the tensor x is missing");
    safetensors_free(&file);
}

#define TYPED(name, type, shape, offsets)                                                                              \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Values worked out from the formats: the smallest and the largest of each kind, both zeros, infinity, NaN, ties. */
static void test_floats_of_other_widths(void **state) {
    (void)state;
    static const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x83ff, 0x0400, 0x7bff, 0x8000, 0x7c00, 0xfc00, 0x7e01};
    static const uint32_t half_bits[] = {0x3f800000, 0xc0000000, 0x33800000, 0xb87fc000, 0x38800000,
                                         0x477fe000, 0x80000000, 0x7f800000, 0xff800000, 0x7fc02000};
    static const uint16_t brain[] = {0x3f80, 0xc049, 0x0001, 0x7f7f, 0xff80};
    static const double wide[] = {1 + 0x1p-24, 1 + 0x3p-24, -0.1, 1e-46, 1e39};
    static const float narrow[] = {1, 1 + 0x1p-22f, -0.1f, 0, INFINITY};
    unsigned char data[70];
    const StoredTensor *tensor;
    StoredFile file;
    const char *path = path_in(scratch_folder(), "widths.safetensors");
    memcpy(data, half, sizeof half);
    memcpy(data + 20, brain, sizeof brain);
    memcpy(data + 30, wide, sizeof wide);
    put_file(path,
             "{" TYPED("h", "F16", "[2,5]", "[0,20]") "," TYPED("b", "BF16", "[5]", "[20,30]") "," TYPED(
                 "none", "F64", "[0]", "[30,30]") "," TYPED("d", "F64", "[5]", "[30,70]") "}",
             data, sizeof data);
    assert_ok(safetensors_read(path, &file));
    assert_ok(safetensors_find_float(&file, "h", &tensor));
    assert_int_equal(tensor->dims, 2);
    for (int i = 0; i < 10; i++) assert_int_equal(bits_of(tensor->values[i]), half_bits[i]);
    assert_ok(safetensors_find_float(&file, "b", &tensor));
    for (int i = 0; i < 5; i++) assert_int_equal(bits_of(tensor->values[i]), (uint32_t)brain[i] << 16);
    assert_ok(safetensors_find_float(&file, "d", &tensor));
    for (int i = 0; i < 5; i++) assert_int_equal(bits_of(tensor->values[i]), bits_of(narrow[i]));
    assert_ok(safetensors_find_float(&file, "none", &tensor));
    safetensors_free(&file);
}

/* Tied weights: the same bytes, the same values, of whatever type; what comes behind them is where it was. */
static void test_shared_tensors(void **state) {
    (void)state;
    static const uint16_t half[] = {0x3c00, 0x4000};
    unsigned char data[16];
    StoredFile file;
    const char *path = path_in(scratch_folder(), "shared.safetensors");
    memcpy(data, two_floats, 8);
    memcpy(data + 8, half, 4);
    memcpy(data + 12, two_floats + 4, 4);
    put_file(path,
             "{" TYPED("z", "F16", "[2]", "[8,12]") "," F32("v", "[2]", "[0,8]") "," F32("w", "[2]", "[0,8]") "," TYPED(
                 "a", "F16", "[2]", "[8,12]") "," F32("last", "[1]", "[12,16]") "}",
             data, sizeof data);
    assert_ok(safetensors_read(path, &file));
    assert_int_equal(file.tensor_count, 5);
    assert_ptr_equal(safetensors_find(&file, "v")->values, safetensors_find(&file, "w")->values);
    assert_ptr_equal(safetensors_find(&file, "a")->values, safetensors_find(&file, "z")->values);
    assert_true(safetensors_find(&file, "w")->values[1] == 2 && safetensors_find(&file, "a")->values[1] == 2);
    assert_true(safetensors_find(&file, "last")->values[0] == 2);
    safetensors_free(&file);
}

static void test_integers_are_written(void **state) {
    (void)state;
    const int64_t counter = 0x0102030405060708;
    const float value = 2;
    const StoredTensor tensors[] = {{.name = "n", .count = 1, .integers = &counter},
                                    {.name = "v", .count = 1, .values = &value}};
    StoredFile file;
    const char *path = path_in(scratch_folder(), "integers.safetensors");
    assert_ok(safetensors_write(path, tensors, 2, NULL, 0));
    assert_ok(safetensors_read(path, &file));
    assert_string_equal(file.tensors[0].type, "I64");
    assert_memory_equal(file.bytes + file.tensors[0].begin, &counter, sizeof counter);
    assert_true(safetensors_find(&file, "v")->values[0] == 2);
    safetensors_free(&file);
}

static void test_shapes_as_text(void **state) {
    (void)state;
    char text[SHAPE_TEXT];
    const size_t shape[TENSOR_MAX_DIMS] = {8, 512, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    shape_to_text(shape, 0, text);
    assert_string_equal(text, "[]");
    shape_to_text(shape, 2, text);
    assert_string_equal(text, "[8, 512]");
    shape_to_text(shape, TENSOR_MAX_DIMS, text);
    assert_int_equal(text[strlen(text) - 1], ']');
}

static void test_hostile_lengths(void **state) {
    (void)state;
    StoredFile file;
    const char *path = path_in(scratch_folder(), "length.safetensors");
    write_bytes(path, "", 0);
    assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, "has 0 bytes");
    write_bytes(path, "\2\0\0\0\0\0\0", 7);
    assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, "has 7 bytes");
    write_bytes(path, "\2\0\0\0\0\0\0\0{", 9);
    assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, "cut short");
    write_bytes(path, "\377\377\377\377\377\377\377\377{}", 10);
    assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, "at most 4194304");
    write_bytes(path, "\2\0\0\0\0\0\0\0{}", 10);
    assert_ok(safetensors_read(path, &file));
    safetensors_free(&file);
    assert_fails(safetensors_read(path_in(scratch_folder(), "none"), &file), CF_IO, "No such file");
}

static void test_too_many_tensors(void **state) {
    (void)state;
    enum { TOO_MANY = 16385 };
    static char header[TOO_MANY * 64 + 16], bytes[sizeof header + 8];
    StoredFile file;
    const char *path = path_in(scratch_folder(), "many.safetensors");
    size_t used = 0;
    for (int i = 0; i < TOO_MANY; i++)
        used +=
            (size_t)snprintf(header + used, sizeof header - used, "%c" F32("%05d", "[0]", "[0,0]"), i ? ',' : '{', i);
    header[used++] = '}';
    for (int i = 0; i < 8; i++) bytes[i] = (char)(used >> 8 * i & 0xff);
    memcpy(bytes + 8, header, used);
    write_bytes(path, bytes, used + 8);
    assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, "16385 tensors; at most 16384");
}

static void test_writer_refuses_nonsense(void **state) {
    (void)state;
    const float values[2] = {1, 2};
    const StoredTensor good = {.name = "w", .dims = 1, .shape = {2}, .count = 2, .values = values};
    const StoredTensor twice[2] = {good, good};
    const StoredText same[2] = {{"k", "1"}, {"k", "2"}}, latin1 = {"k", "\xe9"};
    StoredTensor bad = good;
    const char *path = path_in(scratch_folder(), "refused.safetensors");
    assert_fails(safetensors_write(path, twice, 2, NULL, 0), CF_BAD_USE, "\"w\" stands twice");
    assert_fails(safetensors_write(path, &good, 1, same, 2), CF_BAD_USE, "\"k\" stands twice");
    assert_fails(safetensors_write(path, &good, 1, &latin1, 1), CF_BAD_USE, "UTF-8");
    bad.count = 3;
    assert_fails(safetensors_write(path, &bad, 1, NULL, 0), CF_INTERNAL, "do not agree");
    bad = good, bad.name = "";
    assert_fails(safetensors_write(path, &bad, 1, NULL, 0), CF_INTERNAL, "do not agree");
    bad = good, bad.name = "__metadata__";
    assert_fails(safetensors_write(path, &bad, 1, NULL, 0), CF_INTERNAL, "__metadata__");
    bad = good, bad.dims = 9;
    assert_fails(safetensors_write(path, &bad, 1, NULL, 0), CF_INTERNAL, "do not agree");
    assert_false(file_exists(path));
}

/* Every single-bit change of a small file is read or refused; run under a sanitizer this finds reads out of
 * bounds. */
static void test_bit_flips_and_cuts(void **state) {
    (void)state;
    unsigned char bytes[512], changed[512];
    const char *path = path_in(scratch_folder(), "flip.safetensors");
    size_t size = put_file(path, EXACT_HEADER, two_floats, 8);
    FILE *stream = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, sizeof bytes, stream), size);
    fclose(stream);
    int refused = 0;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        StoredFile file;
        memcpy(changed, bytes, size);
        changed[bit / 8] ^= (unsigned char)(1 << bit % 8);
        write_bytes(path, changed, size);
        if (safetensors_read(path, &file)) {
            refused++;
            continue;
        }
        float sum = 0;
        for (size_t i = 0; i < file.tensor_count; i++)
            for (size_t k = 0; file.tensors[i].values && k < file.tensors[i].count; k++)
                sum += file.tensors[i].values[k];
        assert_true(sum == sum || isnan(sum));
        safetensors_free(&file);
    }
    assert_true(refused > 300);
    for (size_t cut = 0; cut < size; cut++) {
        StoredFile file;
        write_bytes(path, bytes, cut);
        assert_int_equal(safetensors_read(path, &file), CF_BAD_INPUT);
    }
}

static size_t write_sealed(const char *path, unsigned char bytes[512]) {
    static const float values[3] = {1, -2, 0};
    const StoredTensor tensor = {.name = "w", .dims = 1, .shape = {3}, .count = 3, .values = values};
    const StoredText texts[] = {{"k", "\"file_sha256\":\"" SEALED "\""}, {"j", "v"}};
    unsigned char *whole;
    size_t size;
    assert_ok(safetensors_write(path, &tensor, 1, texts, 2));
    assert_ok(file_read(path, 512, &whole, &size));
    memcpy(bytes, whole, size);
    free(whole);
    return size;
}

/* No changed byte of a file with a checksum passes as undamaged; where it hits the checksum's own name, the file is one without,
 * and what it holds is right. */
static void test_changed_bytes_show(void **state) {
    (void)state;
    unsigned char bytes[512], changed[512];
    const char *path = path_in(scratch_folder(), "sealed.safetensors");
    const size_t size = write_sealed(path, bytes);
    StoredFile file;
    assert_ok(safetensors_read(path, &file));
    assert_true(file.sealed);
    assert_int_equal(file.text_count, 2);
    assert_string_equal(safetensors_text(&file, "j"), "v");
    safetensors_free(&file);
    int told = 0;
    for (size_t at = 0; at < size; at++)
        for (int flip = 1; flip < 256; flip = flip < 128 ? 2 * flip : flip + 127) { /* each bit, and all */
            memcpy(changed, bytes, size);
            changed[at] ^= (unsigned char)flip;
            write_bytes(path, changed, size);
            const cf_status status = safetensors_read(path, &file);
            if (status) {
                assert_int_equal(status, CF_BAD_INPUT);
                told += strstr(cf_error(), "is damaged: its bytes do not have the checksum") != NULL;
                continue;
            }
            assert_false(file.sealed);
            assert_int_equal(file.tensor_count, 1);
            assert_true(file.tensors[0].values[0] == 1 && file.tensors[0].values[1] == -2);
            assert_string_equal(safetensors_text(&file, "j"), "v");
            safetensors_free(&file);
        }
    assert_true(told > 600);
}

static void test_rewritten_by_others(void **state) {
    (void)state;
    StoredFile file;
    const char *path = path_in(scratch_folder(), "rewritten.safetensors");
    /* Another program keeps the texts, with its own spaces. */
    put_file(path, "{\"__metadata__\": {\"file_sha256\": \"" SEALED "\"}}", NULL, 0);
    assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, "must take file_sha256 out");
    put_file(path, "{\"__metadata__\":{\"file_sha256\":\"short\"}}", NULL, 0);
    assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, "must take file_sha256 out");
    put_file(path, "{\"__metadata__\":{\"file_sha256\":7}}", NULL, 0);
    assert_fails(safetensors_read(path, &file), CF_BAD_INPUT, "must be a text");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_hand_made_file),
        cmocka_unit_test(test_writes_the_same_bytes),
        cmocka_unit_test(test_header_is_padded_to_eight),
        cmocka_unit_test(test_round_trip_bit_for_bit),
        cmocka_unit_test(test_foreign_order_and_padding),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_hostile_lengths),
        cmocka_unit_test(test_too_many_tensors),
        cmocka_unit_test(test_writer_refuses_nonsense),
        cmocka_unit_test(test_bit_flips_and_cuts),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_floats_of_other_widths),
        cmocka_unit_test(test_shared_tensors),
        cmocka_unit_test(test_integers_are_written),
        cmocka_unit_test(test_shapes_as_text),
        cmocka_unit_test(test_changed_bytes_show),
        cmocka_unit_test(test_rewritten_by_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
