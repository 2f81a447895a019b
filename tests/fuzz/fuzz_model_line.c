/* A model line, for images of 3 x 8 x 8 and ten classes; and the plan of a small network, laid out in each mode, never run. */
#include "fuzz.h"

#include "base/memory.h"
#include "nn/model_line.h"
#include "nn/plan.h"

#include <stdlib.h>
#include <string.h>

enum { FEW_LAYERS = 40, FEW_VALUES = 1 << 14, FEW_PARAMETERS = 1 << 17 };

static bool is_small(const LayerList *list) {
    size_t values = shape_size(list->input);
    if (list->count > FEW_LAYERS || layer_list_parameters(list) > FEW_PARAMETERS) return false;
    for (int i = 0; i < list->count && values <= FEW_VALUES; i++) values += shape_size(list->layers[i].out);
    return values <= FEW_VALUES;
}

/* What the options change of what the planner does: which layers can be fused or worked on in place, and what is needed at all. */
static void lay_out(const LayerList *list, Parameters *parameters, unsigned random) {
    int taps[FEW_LAYERS], count = 0;
    for (int i = 0; i < list->count; i++)
        if (random >> (i % 8) & 1) taps[count++] = i;
    for (int k = 0; k < 6; k++) {
        const bool tapped = k >= 3;
        const PlanOptions options = {.engine = &reference_engine,
                                     .batch = 1 + (int)(random % 20),
                                     .threads = 2,
                                     .mode = (PlanMode)(k % 3),
                                     .taps = tapped ? taps : NULL,
                                     .tap_count = tapped ? count : 0,
                                     .only_taps = tapped && count > 0 && k % 3 == PLAN_INFERENCE};
        Plan *plan;
        PROMISE(plan_new(list, parameters, &options, &plan) == CF_OK);
        plan_free(plan);
    }
}

static void plan(const LayerList *list, unsigned random) {
    Parameters parameters;
    PROMISE(parameters_new(list, &parameters) == CF_OK);
    size_t trained = 0;
    for (int i = 0; i < parameters.count; i++) trained += parameters.table[i].trainable ? parameters.table[i].count : 0;
    PROMISE(trained == layer_list_parameters(list));
    PROMISE(parameters_initialise(&parameters, 1) == CF_OK);
    lay_out(list, &parameters, random);
    parameters_free(&parameters);
}

/* Each layer reads earlier ones, as many times as their readers say, and no two have one name. */
static void check_graph(const LayerList *list) {
    for (int i = 0; i < list->count; i++) {
        const Layer *layer = &list->layers[i];
        const Shape in = layer->in, out = layer->out;
        int readers = 0;
        PROMISE(in.C > 0 && in.H > 0 && in.W > 0 && out.C > 0 && out.H > 0 && out.W > 0);
        PROMISE(layer->inputs == 1 || layer->inputs == 2);
        for (int k = 0; k < layer->inputs; k++) PROMISE(layer->input[k] >= -1 && layer->input[k] < i);
        const Shape *from = layer->input[0] < 0 ? &list->input : &list->layers[layer->input[0]].out;
        PROMISE(memcmp(from, &in, sizeof in) == 0);
        for (int k = 0; k < i && list->count <= FEW_LAYERS; k++)
            PROMISE(strcmp(list->layers[k].name, layer->name) != 0);
        for (int k = i + 1; k < list->count && list->count <= FEW_LAYERS; k++)
            for (int n = 0; n < list->layers[k].inputs; n++) readers += list->layers[k].input[n] == i;
        PROMISE(list->count > FEW_LAYERS || readers == layer->readers);
    }
    for (int h = 0; h < list->head_count; h++) PROMISE(list->heads[h] >= 0 && list->heads[h] < list->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LayerList list, again;
    unsigned random = 0;
    char *line = fuzz_text(data, size), *table;
    const cf_status status = model_line_parse(line, (Shape){3, 8, 8}, 10, &list);
    fuzz_settled(status);
    for (const char *c = line; *c; c++) random = random * 31 + (unsigned char)*c;
    free(line);
    if (status) return 0;
    PROMISE(list.count > 0 && list.head_count > 0 && shape_size(list.layers[list.heads[0]].out) == 10);
    PROMISE(layer_list_flops(&list) >= 0 && layer_list_training_flops(&list, NULL, 0) >= 0);
    check_graph(&list);
    PROMISE(layer_list_table(&list, &table) == CF_OK);
    free(table);
    PROMISE(model_line_parse(list.line, list.input, 10, &again) == CF_OK);
    PROMISE(again.count == list.count && layer_list_parameters(&again) == layer_list_parameters(&list));
    layer_list_free(&again);
    if (is_small(&list)) plan(&list, random);
    layer_list_free(&list);
    return 0;
}
