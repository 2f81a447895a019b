/* A checkpoint of the smallest training: the model "dense classes" on 1 x 2 x 2 and 2 classes, 3 epochs, and then as one of no
 * epoch, which has no room for a history. Byte 0: 'a' for Adam, else SGD; the rest is the file, as fuzz_safetensors makes it. */
#include "fuzz.h"

#include "nn/cpu/cpu.h"
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 3, CLASSES = 2 };

static void read_into(const char *path, Checkpoint *c, int epochs) {
    FitState state = {.rows = malloc((size_t)epochs * sizeof *state.rows)};
    PROMISE(state.rows || !epochs);
    c->state = &state;
    c->epochs = epochs;
    const cf_status status = checkpoint_read(path, c);
    fuzz_settled(status);
    if (!status) {
        PROMISE(state.epoch >= 0 && state.epoch <= epochs);
        PROMISE(state.best_epoch >= 0 && state.best_epoch <= state.epoch);
    }
    free(state.rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[CLASSES] = {"a", "b"};
    if (!size) return 0;
    cf_model *model;
    Optimizer optimizer;
    PROMISE(model_new("dense classes", (Shape){1, 2, 2}, names, CLASSES, 1, &model) == CF_OK);
    const cf_train_options options = {.optimizer = data[0] == 'a' ? CF_ADAM : CF_SGD, .momentum = 0.9};
    PROMISE(optimizer_new(&options, cpu_kernels(), &model->parameters, &optimizer) == CF_OK);
    float *best = malloc(model->parameters.total * sizeof *best);
    PROMISE(best);
    Checkpoint checkpoint = {.model = model,
                             .optimizer = &optimizer,
                             .best = best,
                             .epochs = EPOCHS,
                             .settings = "model=tiny seed=1",
                             .kernels = "plain"};
    const char *path = fuzz_safetensors(data + 1, size - 1);
    read_into(path, &checkpoint, EPOCHS);
    read_into(path, &checkpoint, 0);
    free(best);
    optimizer_free(&optimizer);
    cf_model_free(model);
    return 0;
}
