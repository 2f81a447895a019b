/* A checkpoint of the smallest training: the model "dense classes" on 1 x 2 x 2 and 2 classes, 3 epochs. Byte 0: 'a' for Adam,
 * else SGD; the rest is the file, as fuzz_safetensors makes it. */
#include "fuzz.h"

#include "nn/cpu/cpu.h"
#include "train/fit.h"

#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 3, CLASSES = 2 };

static void read_into(const char *path, Checkpoint *c) {
    const cf_status status = checkpoint_read(path, c);
    fuzz_settled(status);
    if (status) return;
    PROMISE(c->state->epoch >= 0 && c->state->epoch <= EPOCHS);
    PROMISE(c->state->best_epoch >= 0 && c->state->best_epoch <= c->state->epoch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[CLASSES] = {"a", "b"};
    if (!size) return 0;
    cf_model *model;
    Optimizer optimizer;
    EpochRow rows[EPOCHS];
    FitState state = {.rows = rows};
    PROMISE(model_new("dense classes", (Shape){1, 2, 2}, names, CLASSES, 1, &model) == CF_OK);
    const size_t count = model->parameters.trainable;
    PROMISE(optimizer_new(data[0] == 'a' ? CF_ADAM : CF_SGD, cpu_kernels(), 0.9, 0, count, &optimizer) == CF_OK);
    float *best = malloc(model->parameters.total * sizeof *best);
    PROMISE(best);
    Checkpoint checkpoint = {model, &optimizer, best, &state, EPOCHS, "model=tiny seed=1", "plain"};
    read_into(fuzz_safetensors(data + 1, size - 1), &checkpoint);
    free(best);
    optimizer_free(&optimizer);
    cf_model_free(model);
    return 0;
}
