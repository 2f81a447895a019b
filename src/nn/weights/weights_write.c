#include "nn/weights/weights_write.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One for each batch norm, in front of the floats: some readers want integers of 8 bytes at multiples of 8. */
static size_t list_counters(const Parameters *parameters, char (*names)[LAYER_NAME + 24], StoredTensor *tensors) {
    static const int64_t zero = 0;
    size_t count = 0;
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *p = &parameters->table[i];
        if (p->spec->kind != PARAMETER_RUNNING_MEAN) continue;
        snprintf(names[count], sizeof names[0], "%s.num_batches_tracked", parameters->layers->layers[p->layer].name);
        tensors[count] = (StoredTensor){.name = names[count], .count = 1, .integers = &zero};
        count++;
    }
    return count;
}

cf_status weights_write(const cf_model *model, const char *path) {
    const Parameters *parameters = &model->parameters;
    const size_t most = (size_t)parameters->count;
    char(*names)[LAYER_NAME + 24] = NULL;
    StoredTensor *tensors = NULL;
    TensorBag bag = {0};
    ModelTexts texts = {0};
    cf_status status;
    FORWARD_TO(done, memory_new(most, sizeof *names, &names));
    FORWARD_TO(done, memory_new(2 * most, sizeof *tensors, &tensors));
    FORWARD_TO(done, bag_new(parameters->count, &bag));
    FORWARD_TO(done, bag_add(&bag, parameters, "", parameters->values, false));
    FORWARD_TO(done, model_texts_new(model, &texts));
    const size_t counters = list_counters(parameters, names, tensors);
    memcpy(tensors + counters, bag.tensors, most * sizeof *tensors);
    FORWARD_TO(done, safetensors_write(path, tensors, counters + most, texts.texts, MODEL_TEXTS));
done:
    model_texts_free(&texts);
    bag_free(&bag);
    free(tensors);
    free(names);
    return status;
}
