/* A file of torch.save: an input that begins with 'P' is the file; any other is its pickle, with storages 0 and 1 beside it, in
 * an archive whose checksums are right. Read with the names of a network that has rules. */
#include "fuzz.h"

#include "base/memory.h"
#include "nn/weights/weights_read.h"
#include "pth_making.h"

static const char *file_of(const uint8_t *data, size_t size) {
    unsigned char *file;
    if (size && data[0] == 'P') return fuzz_file(0, data, size);
    PROMISE(memory_new(size + 4096, 1, &file) == CF_OK);
    const char *path = fuzz_file(0, file, pth_make(data, size, file));
    free(file);
    return path;
}

static void use(const StoredFile *file) {
    for (size_t t = 0; t < file->tensor_count; t++) {
        const StoredTensor *tensor = &file->tensors[t];
        size_t count = 1;
        for (int d = 0; d < tensor->dims; d++) count *= tensor->shape[d];
        PROMISE(count == tensor->count && safetensors_find(file, tensor->name) == tensor);
        PROMISE((tensor->values != NULL) == (stored_type(tensor->type)->value != NULL));
        for (size_t i = 0; tensor->values && i < count; i++) fuzz_seen += (double)tensor->values[i];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static LayerList layers;
    StoredFile file;
    if (!layers.count)
        PROMISE(model_line_parse("conv 4 3x3 as _conv_stem | bn as _bn0 | conv 4 3x3 as _blocks.1._expand_conv | conv "
                                 "4 3x3 as _blocks.15._project_conv | dense classes",
                                 (Shape){3, 8, 8}, 10, &layers) == CF_OK);
    const char *path = file_of(data, size);
    const cf_status status = pth_is(path) ? weights_read(path, &layers, &file) : pth_read(path, &file);
    fuzz_settled(status);
    if (!status) {
        use(&file);
        safetensors_free(&file);
    }
    return 0;
}
