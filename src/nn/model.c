#include "nn/model.h"

#include <stdlib.h>

cf_status model_new(const char *name_or_line, Shape data, const char *const *class_names, int classes, uint64_t seed,
                    cf_model **model) {
    AUTO(cf_model_free_at) cf_model *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    FORWARD(model_line_parse(name_or_line, data, classes, &made->layers));
    FORWARD(parameters_new(&made->layers, &made->parameters));
    FAIL_IF(
        !made->parameters.trainable, CF_BAD_USE,
        "the model \"%s\" has no weights, so there is nothing that it could learn: a layer of dense, conv or bn is needed",
        made->layers.line);
    FORWARD(parameters_initialise(&made->parameters, seed));
    FORWARD(memory_new((size_t)classes, sizeof *made->class_names, &made->class_names));
    for (; made->classes < classes; made->classes++)
        FORWARD(memory_copy_string(class_names[made->classes], &made->class_names[made->classes]));
    *model = memory_take(&made);
    return CF_OK;
}

void cf_model_free(cf_model *model) {
    if (!model) return;
    for (int c = 0; c < model->classes; c++) free(model->class_names[c]);
    free(model->class_names);
    parameters_free(&model->parameters);
    layer_list_free(&model->layers);
    free(model);
}

void cf_model_describe(const cf_model *model, cf_model_description *description) {
    const LayerList *layers = &model->layers;
    *description = (cf_model_description){.line = layers->line,
                                          .channels = layers->input.C,
                                          .height = layers->input.H,
                                          .width = layers->input.W,
                                          .classes = model->classes,
                                          .class_names = (const char *const *)model->class_names,
                                          .parameters = layer_list_parameters(layers),
                                          .mflop = layer_list_flops(layers) / 1e6};
}

cf_status cf_model_new(const char *name_or_line, const cf_split *split, uint64_t seed, cf_model **model) {
    const cf_subset *all = cf_split_part(split, CF_ALL);
    const Shape shape = {all->set->channels, all->set->height, all->set->width};
    AUTO_FREE const char **names = NULL;
    FORWARD(memory_new((size_t)all->classes, sizeof *names, (void **)&names));
    for (int c = 0; c < all->classes; c++) names[c] = all->set->class_names[all->class_labels[c]];
    return model_new(name_or_line, shape, names, all->classes, seed, model);
}

cf_status engine_choose(cf_engine engine, cf_precision *precision, const Engine **chosen) {
    FAIL_IF(engine == CF_ENGINE_REFERENCE && *precision == CF_BF16, CF_BAD_USE,
            "the reference engine computes in f32 only; leave bf16 out");
    *chosen = engine == CF_ENGINE_REFERENCE ? &reference_engine
              : *precision == CF_BF16       ? cpu_engine_bf16()
                                            : cpu_engine();
    if (*chosen) return CF_OK;
    notice("this processor has no instructions for bf16 (AVX512_BF16), or they are switched off: f32 is used");
    *precision = CF_F32;
    *chosen = cpu_engine();
    return CF_OK;
}
