/* What the layers come to: sizes, parameters, operations, and the table that shows them. */
#include "base/text_draft.h"
#include "nn/model_line.h"

#include <stdio.h>

size_t shape_size(Shape shape) {
    return (size_t)shape.C * (size_t)shape.H * (size_t)shape.W;
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

double layer_list_training_flops(const LayerList *list) {
    double sum = 0;
    bool first = true;
    for (int i = 0; i < list->count; i++) {
        double flops = list->layers[i].flops;
        if (flops <= 0) continue;
        sum += first ? 2 * flops : 3 * flops;
        first = false;
    }
    return sum;
}

static void print_shape(char *text, size_t size, Shape shape) {
    if (shape.H == 1 && shape.W == 1)
        snprintf(text, size, "%d", shape.C);
    else
        snprintf(text, size, "%dx%dx%d", shape.C, shape.H, shape.W);
}

static void print_settings(char *text, size_t size, const Layer *layer) {
    text[0] = '\0';
    switch (layer->kind) {
    case LAYER_CONV:
    case LAYER_MAXPOOL:
    case LAYER_AVGPOOL:
        snprintf(text, size, "%dx%d, stride %d, pad %d", layer->R, layer->S, layer->stride, layer->pad_h);
        break;
    case LAYER_RELU:
        if (layer->slope > 0) snprintf(text, size, "slope %g", (double)layer->slope);
        break;
    case LAYER_DROPOUT:
        snprintf(text, size, "rate %g", (double)layer->rate);
        break;
    default:
        break;
    }
}

cf_status layer_list_table(const LayerList *list, char **text) {
    char shape[48], settings[64];
    TextDraft draft;
    FORWARD(text_draft(&draft));
    FILE *out = draft.stream;
    fprintf(out, "  %-12s %-28s %14s %12s %12s\n", "layer", "settings", "output", "parameters", "MFLOP");
    print_shape(shape, sizeof shape, list->input);
    fprintf(out, "  %-12s %-28s %14s %12s %12s\n", "input", "", shape, "", "");
    for (int i = 0; i < list->count; i++) {
        const Layer *layer = &list->layers[i];
        print_shape(shape, sizeof shape, layer->out);
        print_settings(settings, sizeof settings, layer);
        fprintf(out, "  %-12s %-28s %14s", layer->name, settings, shape);
        if (layer->parameters) fprintf(out, " %12zu", layer->parameters);
        if (layer->flops > 0) fprintf(out, "%*.3f", layer->parameters ? 13 : 26, layer->flops / 1e6);
        fputc('\n', out);
    }
    fprintf(out, "  %-12s %-28s %14s %12zu %12.3f   (training %.3f) per image\n", "total", "", "",
            layer_list_parameters(list), layer_list_flops(list) / 1e6, layer_list_training_flops(list) / 1e6);
    return text_draft_finish(&draft, text, NULL);
}
