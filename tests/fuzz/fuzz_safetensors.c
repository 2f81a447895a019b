/* A safetensors file (fuzz_safetensors says how it is made of the input), as such and as a model. */
#include "fuzz.h"

#include "nn/model.h"

static void use(const StoredFile *file) {
    for (size_t t = 0; t < file->tensor_count; t++) {
        const StoredTensor *tensor = &file->tensors[t];
        PROMISE(safetensors_find(file, tensor->name));
        for (size_t i = 0; i < tensor->count; i++) fuzz_seen += (double)tensor->values[i];
    }
    for (size_t t = 0; t < file->text_count; t++) PROMISE(safetensors_text(file, file->texts[t].key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    StoredFile file;
    cf_model *model;
    const char *path = fuzz_safetensors(data, size);
    cf_status status = safetensors_read(path, &file);
    fuzz_settled(status);
    if (!status) {
        use(&file);
        safetensors_free(&file);
    }
    status = cf_model_load(path, &model);
    fuzz_settled(status);
    if (!status) cf_model_free(model);
    return 0;
}
