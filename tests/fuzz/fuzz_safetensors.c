/* A safetensors file (fuzz_safetensors says how it is made of the input), as such and as a model. */
#include "fuzz.h"

#include "base/files.h"
#include "nn/model.h"

#include <stdlib.h>
#include <string.h>

/* The tensors lie one behind the other, or share all their bytes: a shape that is larger than its range would reach into the
 * next, or behind the data. */
static void use(const StoredFile *file, size_t data_size) {
    size_t end = 0;
    for (size_t t = 0; t < file->tensor_count; t++) {
        const StoredTensor *tensor = &file->tensors[t];
        const StoredType *type = stored_type(tensor->type);
        PROMISE(safetensors_find(file, tensor->name) == tensor);
        PROMISE(tensor->begin == end || (tensor->end == end && tensor->begin == tensor[-1].begin));
        PROMISE(tensor->end >= tensor->begin && tensor->end <= data_size);
        end = tensor->end;
        PROMISE((tensor->values != NULL) == (type && type->value));
        PROMISE(!type || tensor->end - tensor->begin == tensor->count * type->size);
        for (size_t i = 0; tensor->values && i < tensor->count; i++) fuzz_seen += (double)tensor->values[i];
    }
    PROMISE(end == data_size);
    for (size_t t = 0; t < file->text_count; t++) PROMISE(safetensors_text(file, file->texts[t].key));
}

/* Of the file at `path`. */
static size_t size_of_data(const char *path) {
    unsigned char *bytes;
    size_t size, header = 0;
    PROMISE(file_read(path, SIZE_MAX, &bytes, &size) == CF_OK && size >= 8);
    for (int i = 7; i >= 0; i--) header = header << 8 | bytes[i];
    free(bytes);
    PROMISE(header <= size - 8);
    return size - 8 - header;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    StoredFile file;
    cf_model *model;
    const char *path = fuzz_safetensors(data, size);
    cf_status status = safetensors_read(path, &file);
    fuzz_settled(status);
    if (!status) {
        use(&file, size_of_data(path));
        safetensors_free(&file);
    }
    status = cf_model_load(path, &model);
    fuzz_settled(status);
    if (!status) cf_model_free(model);
    return 0;
}
