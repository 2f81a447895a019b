/* Checkpoints of torch.save (.pth, .pt): the tensors of a dictionary, as PyTorch writes it from version 1.6 on.
 *
 * Format: a zip archive (base/zip.h) with a folder, NAME/: data.pkl, the pickle that names tensors as views of
 * storages (nn/weights/pickle.h); data/KEY, a storage's values; byteorder, "little". A view is an offset, a shape and strides.
 * Limits: views whose values lie in the storage once, so none that is expanded; nothing of a pickle is run.
 */
#include "nn/weights/weights_read.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/zip.h"
#include "nn/weights/pickle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const unsigned char zip_magic[] = {'P', 'K', 3, 4}, pickle_magic[] = {0x80, 2};

typedef struct Archive {
    const char *path;
    StoredFile *file;
    size_t size;
    ZipEntries entries;
    char folder[256]; /* "NAME/" */
    PickledTensor *tensors;
    size_t count;
} Archive;

bool pth_is(const char *path) {
    unsigned char head[4] = {0};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false; /* whoever reads it tells why */
    const ssize_t got = read(file, head, sizeof head);
    close(file);
    return got == (ssize_t)sizeof head &&
           (memcmp(head, zip_magic, sizeof zip_magic) == 0 || memcmp(head, pickle_magic, sizeof pickle_magic) == 0);
}

/* ---- Entries ---- */

static cf_status find_entry(const Archive *a, PickledText name, ZipEntry **entry) {
    char whole[512];
    const int length = snprintf(whole, sizeof whole, "%s%.*s", a->folder, (int)name.length, name.text);
    *entry = length < (int)sizeof whole ? zip_find(&a->entries, whole, (size_t)length) : NULL;
    return *entry ? zip_check(a->path, a->file->bytes, *entry) : CF_OK;
}

/* The folder is called as the file was when it was written. */
static cf_status find_pickle(Archive *a, ZipEntry **pickle) {
    static const char name[] = "/data.pkl";
    const size_t length = sizeof name - 1;
    *pickle = NULL;
    for (ZipEntry *e = a->entries.all; e < a->entries.all + a->entries.count && !*pickle; e++)
        if (e->length > length && e->length - length < sizeof a->folder - 1 &&
            memcmp(e->name + e->length - length, name, length) == 0)
            *pickle = e;
    FAIL_IF(!*pickle, CF_BAD_INPUT, "%s is a zip archive without a data.pkl: torch.save has not written it", a->path);
    snprintf(a->folder, sizeof a->folder, "%.*s", (int)((*pickle)->length - length + 1), (*pickle)->name);
    return zip_check(a->path, a->file->bytes, *pickle);
}

static cf_status check_byte_order(const Archive *a) {
    ZipEntry *order = NULL;
    FORWARD(find_entry(a, (PickledText){"byteorder", 9}, &order));
    FAIL_IF(order && (order->size != 6 || memcmp(a->file->bytes + order->begin, "little", 6) != 0), CF_BAD_INPUT,
            "%s: its numbers are big-endian; little-endian ones were expected", a->path);
    return CF_OK;
}

/* ---- Views ---- */

static cf_status find_storage(const Archive *a, const PickledTensor *t, const StoredType *type, size_t *begin) {
    char key[300];
    ZipEntry *entry = NULL;
    size_t bytes;
    const int length = snprintf(key, sizeof key, "data/%.*s", (int)t->storage.length, t->storage.text);
    if (length < (int)sizeof key) FORWARD(find_entry(a, (PickledText){key, (size_t)length}, &entry));
    FAIL_IF(!entry, CF_BAD_INPUT, "%s: tensor \"%.*s\": the entry %s%.80s, its values, is missing", a->path,
            (int)t->name.length, t->name.text, a->folder, key);
    FAIL_IF(!size_multiply(t->storage_count, type->size, &bytes) || bytes != entry->size, CF_BAD_INPUT,
            "%s: tensor \"%.*s\": the entry %s%s has %zu bytes, and %zu values of %s were expected", a->path,
            (int)t->name.length, t->name.text, a->folder, key, entry->size, t->storage_count, t->type);
    *begin = entry->begin;
    return CF_OK;
}

/* The values it has; its last one must lie in the storage, and it may have no more than that. */
static cf_status check_view(const Archive *a, const PickledTensor *t, size_t *count) {
    size_t last = t->offset, step;
    bool fits = true;
    *count = 1;
    for (int i = 0; i < t->dims && fits; i++) fits = size_multiply(*count, t->shape[i], count);
    for (int i = 0; i < t->dims && fits && *count; i++)
        fits = size_multiply(t->shape[i] - 1, t->strides[i], &step) && !__builtin_add_overflow(last, step, &last);
    fits = fits && *count <= t->storage_count && (*count ? last < t->storage_count : last <= t->storage_count);
    if (fits) return CF_OK;
    char shape[SHAPE_TEXT], strides[SHAPE_TEXT];
    shape_to_text(t->shape, t->dims, shape);
    shape_to_text(t->strides, t->dims, strides);
    return FAIL(
        CF_BAD_INPUT,
        "%s: tensor \"%.*s\": a view of shape %s, strides %s from value %zu on does not lie once in a storage of %zu values",
        a->path, (int)t->name.length, t->name.text, shape, strides, t->offset, t->storage_count);
}

static bool is_contiguous(const PickledTensor *t) {
    size_t expected = 1;
    for (int i = t->dims - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->strides[i] != expected) return false;
        expected *= t->shape[i];
    }
    return true;
}

static void copy_view(const unsigned char *storage, const PickledTensor *t, const StoredType *type, size_t count,
                      float *to) {
    size_t index[TENSOR_MAX_DIMS] = {0}, at = t->offset;
    for (size_t i = 0; i < count; i++) {
        to[i] = type->value(storage + at * type->size);
        for (int d = t->dims - 1; d >= 0; d--) { /* the last index runs fastest */
            at += t->strides[d];
            if (++index[d] < t->shape[d]) break;
            at -= t->strides[d] * t->shape[d];
            index[d] = 0;
        }
    }
}

/* ---- Tensors ---- */

static cf_status list_tensor(const Archive *a, const PickledTensor *t, char *name, StoredTensor *tensor) {
    const StoredType *type = stored_type(t->type);
    size_t begin = 0;
    FAIL_IF(t->name.length > LONGEST_NAME, CF_BAD_INPUT,
            "%s: the name of a tensor has %zu bytes; at most %d were expected", a->path, t->name.length, LONGEST_NAME);
    memcpy(name, t->name.text, t->name.length);
    FAIL_IF(strlen(name) != t->name.length || !text_is_name(name), CF_BAD_INPUT,
            "%s: the name of a tensor, \"%s\", is no text of UTF-8 without control characters", a->path, name);
    FORWARD(check_view(a, t, &tensor->count));
    FORWARD(find_storage(a, t, type, &begin));
    tensor->name = name;
    tensor->type = t->type;
    tensor->dims = t->dims;
    memcpy(tensor->shape, t->shape, sizeof t->shape);
    tensor->begin = begin + t->offset * type->size;
    tensor->end = tensor->begin + tensor->count * type->size;
    const unsigned char *first = a->file->bytes + tensor->begin;
    if (strcmp(t->type, "F32") == 0 && is_contiguous(t) && (uintptr_t)first % sizeof(float) == 0)
        tensor->values = (const float *)(const void *)first;
    return CF_OK;
}

static bool is_copied(const StoredTensor *tensor) {
    return !tensor->values && stored_type(tensor->type)->value;
}

/* Views may share a storage: all copies together may have as many values as the file has bytes, which files in use do not reach. */
static cf_status copy_tensors(const Archive *a) {
    StoredFile *file = a->file;
    size_t total = 0;
    for (size_t t = 0; t < a->count; t++) {
        if (is_copied(&file->tensors[t])) total += file->tensors[t].count;
        FAIL_IF(total > a->size, CF_BAD_INPUT,
                "%s: its tensors are views of the same values so often that they would take more memory than the file",
                a->path);
    }
    FORWARD(memory_new(total, sizeof(float), &file->converted));
    float *to = file->converted;
    for (size_t t = 0; t < a->count; t++) {
        StoredTensor *tensor = &file->tensors[t];
        const StoredType *type = stored_type(tensor->type);
        if (!is_copied(tensor)) continue;
        copy_view(file->bytes + tensor->begin - a->tensors[t].offset * type->size, &a->tensors[t], type, tensor->count,
                  to);
        tensor->values = to;
        to += tensor->count;
    }
    return CF_OK;
}

static cf_status list_tensors(const Archive *a) {
    char(*names)[LONGEST_NAME + 1];
    FORWARD(memory_new(a->count, sizeof *a->file->tensors, &a->file->tensors));
    FORWARD(memory_new(a->count, sizeof *names, &names));
    a->file->names = names[0];
    a->file->tensor_count = a->count;
    for (size_t t = 0; t < a->count; t++) FORWARD(list_tensor(a, &a->tensors[t], names[t], &a->file->tensors[t]));
    FORWARD(copy_tensors(a));
    return safetensors_index(a->path, a->file);
}

static cf_status read_archive(Archive *a) {
    ZipEntry *pickle = NULL;
    FORWARD(file_read(a->path, MOST_TENSOR_FILE, &a->file->bytes, &a->size));
    const unsigned char *bytes = a->file->bytes;
    FAIL_IF(a->size >= sizeof pickle_magic && memcmp(bytes, pickle_magic, sizeof pickle_magic) == 0, CF_BAD_INPUT,
            "%s is a bare pickle, as PyTorch before version 1.6 wrote them; zip archives are read (in a newer PyTorch: "
            "torch.save(torch.load(FILE, weights_only=True), FILE))",
            a->path);
    FORWARD(zip_list(a->path, bytes, a->size, &a->entries));
    FORWARD(find_pickle(a, &pickle));
    FORWARD(check_byte_order(a));
    FORWARD(pickle_tensors(a->path, bytes + pickle->begin, pickle->size, &a->tensors, &a->count));
    return list_tensors(a);
}

static void archive_free(Archive *a) {
    free(a->entries.all);
    free(a->tensors);
}

cf_status pth_read(const char *path, StoredFile *file) {
    AUTO(safetensors_free) StoredFile made = {0};
    AUTO(archive_free) Archive archive = {.path = path, .file = &made};
    FORWARD(read_archive(&archive));
    *file = made;
    made = (StoredFile){0};
    return CF_OK;
}
