/* A tap of the plan: nothing is computed behind it. */
#include "nn/features.h"

#include "base/memory.h"
#include "base/slices.h"
#include "base/text.h"

#include <string.h>

static cf_status find_layer(const LayerList *layers, const char *name, int *number) {
    AUTO_FREE const char **names = NULL;
    FORWARD(memory_new((size_t)layers->count + 1, sizeof *names, (void **)&names));
    for (int i = 0; i < layers->count; i++) {
        names[i] = layers->layers[i].name;
        if (strcmp(names[i], name) == 0) *number = i;
    }
    FAIL_IF(*number < 0, CF_BAD_USE, "the model has no layer \"%s\"%s; its layers are %s .. %s", name,
            text_hint(name, names), names[0], names[layers->count - 1]);
    return CF_OK;
}

cf_status features_layer(const cf_model *model, const char *layer, int *number) {
    const LayerList *layers = &model->layers;
    int found = -1;
    if (layer) FORWARD(find_layer(layers, layer, &found));
    for (int i = 0; i < layers->count && !layer; i++)
        if (layers->layers[i].type == &dense_type) found = layers->layers[i].input[0];
    FAIL_IF(found < 0, CF_BAD_USE,
            "the model \"%s\" has no layer in front of a last dense one; name the layer whose values are wanted",
            layers->line);
    *number = found;
    return CF_OK;
}

size_t features_size(const cf_model *model, int layer) {
    return shape_size(model->layers.layers[layer].out);
}

cf_status features_compute(const cf_model *model, int layer, const cf_subset *subset, const ClassifyOptions *options,
                           float *values) {
    const PlanOptions plan_options = {.engine = options->engine,
                                      .batch = PREDICTION_BATCH,
                                      .threads = slices_threads(options->threads),
                                      .taps = &layer,
                                      .tap_count = 1,
                                      .only_taps = true};
    const size_t size = features_size(model, layer), count = subset->count;
    AUTO(predictor_free) Predictor p = {0};
    FORWARD(predictor_new(model, subset->set, &plan_options, &p));
    for (size_t first = 0; first < count; first += PREDICTION_BATCH) {
        const size_t n = count - first < PREDICTION_BATCH ? count - first : PREDICTION_BATCH;
        FORWARD(plan_infer(p.plan, &p.feed, subset->images + first, (int)n, NULL));
        plan_read_tap(p.plan, layer, values + first * size);
        FAIL_IF(options->progress && !options->progress((double)(first + n) / (double)count, options->context),
                CF_INTERRUPTED, "stopped at %zu of %zu images", first + n, count);
    }
    return CF_OK;
}
