/* Writing safetensors; the format is in the header. */
#include "base/safetensors.h"

#include "base/json_memory.h"
#include "base/limits.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A quote within a text has a backslash before it, so no text can look like the key. */
char *seal_place(char *header, size_t length) {
    static const char before[] = "\"" SEAL_KEY "\":\"";
    const size_t before_length = sizeof before - 1, digits = SHA256_HEX - 1;
    char *found = memmem(header, length, before, before_length);
    if (!found) return NULL;
    found += before_length;
    const size_t left = length - (size_t)(found - header);
    return left > digits && found[digits] == '"' ? found : NULL;
}

/* Steals `value`. Duplicates are refused here because jansson would quietly replace the first. */
static cf_status put_member(json_t *table, const char *key, json_t *value) {
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
    FORWARD(put_member(header, METADATA, table)); /* the header holds it now; `table` stays valid */
    for (size_t i = 0; i < count; i++) FORWARD(put_member(table, texts[i].key, json_string(texts[i].value)));
    return put_member(table, SEAL_KEY, json_string(SEAL_ZEROS));
}

static size_t value_size(const StoredTensor *tensor) {
    return tensor->integers ? sizeof *tensor->integers : sizeof *tensor->values;
}

static const void *data_of(const StoredTensor *tensor) {
    return tensor->integers ? (const void *)tensor->integers : tensor->values;
}

static cf_status add_tensor(json_t *header, const StoredTensor *tensor, size_t *offset) {
    size_t count = 1, bytes, end;
    json_auto_t *shape = json_array();
    bool fits = tensor->dims >= 0 && tensor->dims <= TENSOR_MAX_DIMS && *tensor->name;
    for (int i = 0; fits && i < tensor->dims; i++) {
        fits = size_multiply(count, tensor->shape[i], &count);
        json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    }
    fits = fits && count == tensor->count && size_multiply(count, value_size(tensor), &bytes) &&
           !__builtin_add_overflow(*offset, bytes, &end) && end <= MOST_TENSOR_FILE;
    FAIL_IF(!fits, CF_INTERNAL, "the tensor \"%.80s\" cannot be stored: its name, shape and count do not agree",
            tensor->name);
    FORWARD(put_member(header, tensor->name,
                       json_pack("{s:s, s:O, s:[I, I]}", "dtype", tensor->integers ? "I64" : "F32", "shape", shape,
                                 "data_offsets", (json_int_t)*offset, (json_int_t)end)));
    *offset = end;
    return CF_OK;
}

static cf_status make_header(json_t *header, const StoredTensor *tensors, size_t tensor_count, const StoredText *texts,
                             size_t text_count, char **text) {
    size_t offset = 0;
    FAIL_IF(tensor_count > MOST_TENSORS, CF_INTERNAL, "%zu tensors are more than the %d of one file", tensor_count,
            MOST_TENSORS);
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

/* The length and the header as they stand in the file, in one piece. */
static cf_status pad_header(const char *path, const char *header, char **bytes, size_t *size) {
    size_t length = strlen(header), padded = (length + LENGTH_BYTES - 1) / LENGTH_BYTES * LENGTH_BYTES;
    FAIL_IF(padded > MOST_TENSOR_HEADER, CF_BAD_USE,
            "%s: the names and texts take %zu bytes; at most %d can be read back", path, padded, MOST_TENSOR_HEADER);
    FORWARD(memory_new(LENGTH_BYTES + padded, 1, bytes));
    for (int i = 0; i < LENGTH_BYTES; i++) (*bytes)[i] = (char)((uint64_t)padded >> 8 * i & 0xff);
    memset(*bytes + LENGTH_BYTES, ' ', padded);
    memcpy(*bytes + LENGTH_BYTES, header, length);
    *size = LENGTH_BYTES + padded;
    return CF_OK;
}

static cf_status write_checksum(char *header, size_t size, const StoredTensor *tensors, size_t tensor_count) {
    AUTO(sha256_free_at) Sha256 *sha = NULL;
    char hex[SHA256_HEX], *digits = seal_place(header + LENGTH_BYTES, size - LENGTH_BYTES);
    FAIL_IF(!digits, CF_INTERNAL, "a header has no place for its checksum");
    FORWARD(sha256_new(&sha));
    FORWARD(sha256_add(sha, header, size));
    for (size_t i = 0; i < tensor_count; i++)
        if (tensors[i].count)
            FORWARD(sha256_add(sha, data_of(&tensors[i]), tensors[i].count * value_size(&tensors[i])));
    FORWARD(sha256_finish(memory_take(&sha), hex));
    memcpy(digits, hex, SHA256_HEX - 1);
    return CF_OK;
}

static cf_status write_draft(const char *path, const char *header, size_t size, const StoredTensor *tensors,
                             size_t tensor_count, const char *previous) {
    FileDraft draft;
    FORWARD(file_draft(path, &draft));
    fwrite(header, 1, size, draft.stream);
    for (size_t i = 0; i < tensor_count; i++)
        if (tensors[i].count) fwrite(data_of(&tensors[i]), value_size(&tensors[i]), tensors[i].count, draft.stream);
    return file_commit_keeping(&draft, previous);
}

cf_status safetensors_write_keeping(const char *path, const StoredTensor *tensors, size_t tensor_count,
                                    const StoredText *texts, size_t text_count, const char *previous) {
    AUTO_FREE char *text = NULL, *bytes = NULL;
    size_t size = 0;
    json_memory_begin();
    json_auto_t *header = json_object();
    FAIL_IF(!header, CF_NO_MEMORY, "out of memory while making the header of %s", path);
    FORWARD(make_header(header, tensors, tensor_count, texts, text_count, &text));
    FORWARD(pad_header(path, text, &bytes, &size));
    FORWARD(write_checksum(bytes, size, tensors, tensor_count));
    return write_draft(path, bytes, size, tensors, tensor_count, previous);
}

cf_status safetensors_write(const char *path, const StoredTensor *tensors, size_t tensor_count, const StoredText *texts,
                            size_t text_count) {
    return safetensors_write_keeping(path, tensors, tensor_count, texts, text_count, NULL);
}
