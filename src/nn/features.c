/* A tap of the plan: nothing is computed behind it. */
#include "nn/features.h"

#include "base/memory.h"
#include "base/slices.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static cf_status find_layer(const LayerList *layers, const char *name, int *number) {
    const char **names;
    FORWARD(memory_new((size_t)layers->count + 1, sizeof *names, &names));
    for (int i = 0; i < layers->count; i++) {
        names[i] = layers->layers[i].name;
        if (strcmp(names[i], name) == 0) *number = i;
    }
    cf_status status = *number >= 0 ? CF_OK
                              : FAIL(CF_BAD_USE, "the model has no layer \"%s\"%s; its layers are %s .. %s", name,
                                     text_hint(name, names), names[0], names[layers->count - 1]);
    free(names);
    return status;
}

cf_status features_layer(const cf_model *model, const char *layer, int *number) {
    const LayerList *layers = &model->layers;
    int found = -1;
    if (layer) {
        FORWARD(find_layer(layers, layer, &found));
    } else {
        for (int i = 0; i < layers->count; i++)
            if (layers->layers[i].type == &dense_type) found = layers->layers[i].input[0];
        FAIL_IF(found < 0, CF_BAD_USE,
                "the model \"%s\" has no layer in front of a last dense one; name the layer whose values are wanted",
                layers->line);
    }
    *number = found;
    return CF_OK;
}

size_t features_size(const cf_model *model, int layer) {
    return shape_size(model->layers.layers[layer].out);
}

static cf_status run_batches(Plan *plan, int layer, const Feed *feed, const cf_subset *subset, size_t size,
                             const ClassifyOptions *options, float *values) {
    const size_t batch = (size_t)plan_batch(plan);
    FORWARD(plan_use_parameters(plan));
    for (size_t first = 0; first < subset->count; first += batch) {
        const size_t n = subset->count - first < batch ? subset->count - first : batch;
        FORWARD(plan_infer(plan, feed, subset->images + first, (int)n, NULL));
        plan_read_tap(plan, layer, values + first * size);
        if (options->progress && !options->progress((double)(first + n) / (double)subset->count, options->context))
            return FAIL(CF_INTERRUPTED, "stopped at %zu of %zu images", first + n, subset->count);
    }
    return CF_OK;
}

cf_status features_compute(const cf_model *model, int layer, const cf_subset *subset, const ClassifyOptions *options,
                           float *values) {
    enum { BATCH = 128 };
    Plan *plan = NULL;
    Feed feed = {0};
    Parameters borrowed = model->parameters; /* a forward plan does not write to them */
    cf_status status;
    const int threads = slices_threads(options->threads);
    const PlanOptions plan_options = {.engine = options->engine, .batch = BATCH, .threads = threads, .taps = &layer,
                                      .tap_count = 1, .only_taps = true};
    FORWARD_TO(done, plan_new(&model->layers, &borrowed, &plan_options, &plan));
    FORWARD_TO(done, feed_new(subset->set, model->layers.input, (const char *const *)model->class_names, model->classes,
                              threads, &feed));
    FORWARD_TO(done, run_batches(plan, layer, &feed, subset, features_size(model, layer), options, values));
done:
    feed_free(&feed);
    plan_free(plan);
    return status;
}
