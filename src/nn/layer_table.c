/* What the layers come to: sizes, parameters, operations, and the table that shows them. */
#include "base/memory.h"
#include "base/text_draft.h"
#include "nn/model_line.h"

#include <stdlib.h>
#include <string.h>

void layer_list_mark_needed(const LayerList *list, int output, bool *needed) {
    memset(needed, 0, (size_t)list->count * sizeof *needed);
    needed[output] = true;
    for (int i = output; i >= 0; i--)
        for (int k = 0; needed[i] && k < list->layers[i].inputs; k++)
            if (list->layers[i].input[k] >= 0) needed[list->layers[i].input[k]] = true;
}

cf_status layer_list_needed(const LayerList *list, int output, bool **needed) {
    FORWARD(memory_new((size_t)list->count, sizeof **needed, needed));
    layer_list_mark_needed(list, output, *needed);
    return CF_OK;
}

size_t layer_list_parameters(const LayerList *list) {
    size_t sum = 0;
    for (int i = 0; i < list->count; i++) sum += list->layers[i].parameters;
    return sum;
}

double layer_list_flops(const LayerList *list) {
    double sum = 0;
    for (int i = 0; i < list->count; i++) sum += list->layers[i].flops;
    return sum;
}

double layer_list_training_flops(const LayerList *list, const bool *frozen, int first) {
    double sum = 0;
    bool learns = false; /* something before */
    for (int i = first; i < list->count; i++) {
        const double flops = list->layers[i].flops;
        const bool learns_too = !frozen || !frozen[i];
        if (flops <= 0) continue;
        sum += flops * (1 + learns + learns_too);
        learns |= learns_too;
    }
    return sum;
}

static bool has_weight(const Layer *layer) {
    for (int i = 0; i < layer->parameter_count; i++)
        if (layer->parameter[i].kind == PARAMETER_WEIGHT) return true;
    return false;
}

void layer_list_mark_heads(const LayerList *list, bool *head) {
    for (int h = 0; h < list->head_count; h++)
        for (int i = list->heads[h]; i >= 0; i = has_weight(&list->layers[i]) ? -1 : list->layers[i].input[0])
            head[i] = true;
}

static void print_shape(char *text, size_t size, Shape shape) {
    if (shape.H == 1 && shape.W == 1)
        snprintf(text, size, "%d", shape.C);
    else
        snprintf(text, size, "%dx%dx%d", shape.C, shape.H, shape.W);
}

cf_status layer_settings(const LayerList *list, const Layer *layer, char **text) {
    TextDraft draft;
    FORWARD(text_draft(&draft));
    if (layer->type->describe) layer->type->describe(layer, draft.stream);
    fflush(draft.stream);
    /* What does not read the layer in front of it says what it reads. */
    const char *separator = draft.size ? ", " : "";
    const int number = (int)(layer - list->layers);
    for (int i = 0; i < layer->inputs; i++)
        if (layer->input[i] != number - 1) {
            fprintf(draft.stream, "%s%s %s", separator, i ? "with" : "of",
                    layer->input[i] < 0 ? "input" : list->layers[layer->input[i]].name);
            separator = " ";
        }
    return text_draft_finish(&draft, text, NULL);
}

/* The columns that names and settings take: long ones widen the table. */
typedef struct Columns {
    int name, settings;
} Columns;

static void print_layer(const Layer *layer, const char *settings, const Columns *columns, FILE *out) {
    char shape[48];
    print_shape(shape, sizeof shape, layer->out);
    fprintf(out, "  %-*s %-*s %14s", columns->name, layer->name, columns->settings, settings, shape);
    if (layer->parameters) fprintf(out, " %12zu", layer->parameters);
    if (layer->flops > 0) fprintf(out, "%*.3f", layer->parameters ? 13 : 26, layer->flops / 1e6);
    fputc('\n', out);
}

static void print_table(const LayerList *list, char **settings, FILE *out) {
    char shape[48];
    Columns columns = {12, 28};
    for (int i = 0; i < list->count; i++) {
        const int name = (int)strlen(list->layers[i].name), words = (int)strlen(settings[i]);
        if (name > columns.name) columns.name = name;
        if (words > columns.settings) columns.settings = words;
    }
    fprintf(out, "  %-*s %-*s %14s %12s %12s\n", columns.name, "layer", columns.settings, "settings", "output",
            "parameters", "MFLOP");
    print_shape(shape, sizeof shape, list->input);
    fprintf(out, "  %-*s %-*s %14s %12s %12s\n", columns.name, "input", columns.settings, "", shape, "", "");
    for (int i = 0; i < list->count; i++) print_layer(&list->layers[i], settings[i], &columns, out);
    fprintf(out, "  %-*s %-*s %14s %12zu %12.3f   (training %.3f) per image\n", columns.name, "total", columns.settings,
            "", "", layer_list_parameters(list), layer_list_flops(list) / 1e6,
            layer_list_training_flops(list, NULL, 0) / 1e6);
}

cf_status layer_list_table(const LayerList *list, char **text) {
    TextDraft draft;
    char **settings;
    cf_status status = CF_OK;
    FORWARD(memory_new((size_t)list->count, sizeof *settings, &settings));
    for (int i = 0; i < list->count && !status; i++) status = layer_settings(list, &list->layers[i], &settings[i]);
    if (!status) status = text_draft(&draft);
    if (!status) {
        print_table(list, settings, draft.stream);
        status = text_draft_finish(&draft, text, NULL);
    }
    for (int i = 0; i < list->count; i++) free(settings[i]);
    free(settings);
    return status;
}
