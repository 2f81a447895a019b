#include "train/freezing.h"

#include "base/memory.h"
#include "data/augment/augment.h"
#include "nn/features.h"

#include <stdlib.h>
#include <string.h>

static const char none[] = "none", backbone[] = "backbone";

cf_status freezing_line_check(const char *line) {
    FAIL_IF(!layer_name_fits(line), CF_BAD_USE, "none, backbone or the name of a layer expected, found %.60s", line);
    return CF_OK;
}

/* ---- Which layers ---- */

/* Backwards: a layer without weights is of the backbone where one of its weights is computed from it. */
static void freeze_backbone(const LayerList *layers, const bool *head, bool *frozen) {
    for (int i = layers->count - 1; i >= 0; i--) {
        const Layer *layer = &layers->layers[i];
        if (head[i]) continue;
        frozen[i] |= layer->parameter_count > 0;
        for (int k = 0; frozen[i] && k < layer->inputs; k++)
            if (layer->input[k] >= 0 && !head[layer->input[k]]) frozen[layer->input[k]] = true;
    }
}

static cf_status choose_layers(const cf_train_options *options, const cf_model *model, Freezing *f) {
    const int count = f->layers->count;
    int last = -1;
    layer_list_mark_heads(f->layers, f->head);
    if (strcmp(options->freeze, backbone) == 0)
        freeze_backbone(f->layers, f->head, f->kept);
    else if (strcmp(options->freeze, none) != 0)
        FORWARD(features_layer(model, options->freeze, &last));
    for (int i = 0; i <= last; i++) f->kept[i] = true;
    memcpy(f->at_first, f->kept, (size_t)count * sizeof *f->kept);
    if (f->head_epochs) freeze_backbone(f->layers, f->head, f->at_first);
    for (int i = 0; i < f->parameters->count; i++)
        if (f->parameters->table[i].trainable && !f->at_first[f->parameters->table[i].layer]) return CF_OK;
    return FAIL(CF_BAD_USE, "with all frozen up to %s nothing learns: the network ends with %s", options->freeze,
                f->layers->layers[count - 1].name);
}

cf_status freezing_new(const cf_train_options *options, const cf_model *model, Freezing *freezing) {
    const size_t count = (size_t)model->layers.count;
    AUTO(augmentation_free_at) Augmentation *augmentation = NULL;
    AUTO(freezing_free)
    Freezing made = {.layers = &model->layers,
                     .parameters = &model->parameters,
                     .lr_backbone = options->lr_backbone,
                     .head_epochs = options->head_epochs};
    FORWARD(memory_new(count, sizeof *made.head, &made.head));
    FORWARD(memory_new(count, sizeof *made.kept, &made.kept));
    FORWARD(memory_new(count, sizeof *made.at_first, &made.at_first));
    FORWARD(augmentation_new(options->augment, &augmentation));
    made.drawn = options->quantize != CF_QUANTIZE_NONE || options->sample == CF_SMOTE ||
                 strcmp(options->teacher, none) != 0 || !augmentation_is_empty(augmentation);
    const cf_status status = choose_layers(options, model, &made);
    if (status) return status_prefix(status, "freeze");
    *freezing = made;
    made = (Freezing){0};
    return CF_OK;
}

void freezing_free(Freezing *freezing) {
    free(freezing->head);
    free(freezing->kept);
    free(freezing->at_first);
    *freezing = (Freezing){0};
}

/* ---- In an epoch ---- */

static const bool *layers_of(const Freezing *f, int epoch) {
    return epoch < f->head_epochs ? f->at_first : f->kept;
}

const bool *freezing_layers(const Freezing *freezing, int epoch) {
    const bool *frozen = layers_of(freezing, epoch);
    for (int i = 0; i < freezing->layers->count; i++)
        if (frozen[i]) return frozen;
    return NULL;
}

/* Layers from the first on that give the same in every epoch; 0 where none of them has weights. */
static int count_fixed(const LayerList *layers, const bool *frozen) {
    int count = 0;
    bool weights = false;
    for (; count < layers->count; count++) {
        const Layer *layer = &layers->layers[count];
        if (!frozen[count] && (layer->parameter_count || layer_drops(layer))) break;
        weights |= layer->parameter_count > 0;
    }
    return weights ? count : 0;
}

int freezing_first(const Freezing *freezing, int epoch, size_t images) {
    enum { MOST_FLOATS = 1 << 28 };
    const LayerList *layers = freezing->layers;
    const bool *frozen = layers_of(freezing, epoch);
    const int fixed = freezing->drawn ? 0 : count_fixed(layers, frozen);
    int lowest = layers->count; /* that a layer behind i reads */
    for (int h = 0; h < layers->head_count; h++)
        if (layers->heads[h] <= lowest) lowest = layers->heads[h] - 1;
    for (int i = layers->count - 1; i >= 0; i--) {
        const Layer *layer = &layers->layers[i];
        if (i < fixed && lowest >= i && shape_size(layer->out) <= MOST_FLOATS / (images + 1)) return i + 1;
        for (int k = 0; k < layer->inputs; k++)
            if (layer->input[k] < lowest) lowest = layer->input[k];
    }
    return 0;
}

void freezing_paces(const Freezing *f, int epoch, int64_t steps_per_epoch, Pace *paces) {
    const bool *frozen = layers_of(f, epoch);
    for (int i = 0; i < f->parameters->count; i++) {
        const int layer = f->parameters->table[i].layer;
        paces[i] = (Pace){.learns = !frozen[layer],
                          .factor = f->head[layer] ? 1 : f->lr_backbone,
                          .since = f->at_first[layer] ? f->head_epochs * steps_per_epoch : 0};
    }
}
