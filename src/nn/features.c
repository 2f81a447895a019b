/* A plan of the first layers alone: what is the network's output to it are the features to us. */
#include "nn/features.h"

#include "base/memory.h"
#include "base/slices.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static cf_status find_layer(const LayerList *layers, const char *name, int *depth) {
    const char **names;
    FORWARD(memory_new((size_t)layers->count + 1, sizeof *names, &names));
    for (int i = 0; i < layers->count; i++) {
        names[i] = layers->layers[i].name;
        if (strcmp(names[i], name) == 0) *depth = i + 1;
    }
    cf_status status = *depth ? CF_OK
                              : FAIL(CF_BAD_USE, "the model has no layer \"%s\"%s; its layers are %s .. %s", name,
                                     text_hint(name, names), names[0], names[layers->count - 1]);
    free(names);
    return status;
}

cf_status features_depth(const cf_model *model, const char *layer, int *depth) {
    const LayerList *layers = &model->layers;
    int found = 0;
    if (layer) {
        FORWARD(find_layer(layers, layer, &found));
    } else {
        for (int i = 0; i < layers->count; i++)
            if (layers->layers[i].kind == LAYER_DENSE) found = i;
        FAIL_IF(found == 0, CF_BAD_USE,
                "the model \"%s\" has no layer in front of a last dense one; name the layer whose values are wanted",
                layers->line);
    }
    *depth = found;
    return CF_OK;
}

size_t features_size(const cf_model *model, int depth) {
    return shape_size(model->layers.layers[depth - 1].out);
}

static cf_status run_batches(Plan *plan, const Feed *feed, const cf_subset *subset, size_t size, float *values) {
    size_t batch = (size_t)plan_batch(plan);
    StepResult unused;
    FORWARD(plan_use_parameters(plan));
    for (size_t first = 0; first < subset->count; first += batch) {
        size_t n = subset->count - first < batch ? subset->count - first : batch;
        FORWARD(plan_infer(plan, feed, subset->images + first, (int)n, NULL, &unused));
        memcpy(values + first * size, plan_logits(plan), n * size * sizeof *values);
    }
    return CF_OK;
}

cf_status features_compute(const cf_model *model, int depth, const cf_subset *subset, const ClassifyOptions *options,
                           float *values) {
    enum { BATCH = 128 };
    Plan *plan = NULL;
    Feed feed = {0};
    Parameters borrowed = model->parameters; /* a forward plan does not write to them */
    LayerList first = model->layers;
    cf_status status;
    int threads = slices_threads(options->threads);
    PlanOptions plan_options = {.engine = options->engine, .batch = BATCH, .threads = threads};
    first.count = depth;
    FORWARD_TO(done, plan_new(&first, &borrowed, &plan_options, &plan));
    FORWARD_TO(done, feed_new(subset->set, first.input, (const char *const *)model->class_names, model->classes,
                              threads, &feed));
    FORWARD_TO(done, run_batches(plan, &feed, subset, features_size(model, depth), values));
done:
    feed_free(&feed);
    plan_free(plan);
    return status;
}
