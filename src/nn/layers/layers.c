/* The table of all layers, by their words. */
#include "base/memory.h"
#include "nn/layers/layer.h"

#include <string.h>

extern const LayerType *const norm_types[], *const activation_types[], *const pool_types[], *const drop_types[];
extern const LayerType se_type, position_type;

static const LayerType *const single_types[] = {&conv_type,   &dwconv_type, &patch_type,     &dense_type,    &add_type,
                                                &concat_type, &se_type,     &attention_type, &position_type, NULL};
/* A family is one file; its rows stand there. */
static const LayerType *const *const families[] = {single_types, norm_types, activation_types, pool_types, drop_types};

enum { MOST_TYPES = 64 };

const LayerType *layer_type(const char *word) {
    for (size_t f = 0; f < COUNT_OF(families); f++)
        for (int i = 0; families[f][i]; i++)
            if (strcmp(families[f][i]->word, word) == 0) return families[f][i];
    return NULL;
}

const char *const *layer_words(void) {
    static _Thread_local const char *words[MOST_TYPES];
    int count = 0;
    for (size_t f = 0; f < COUNT_OF(families); f++)
        for (int i = 0; families[f][i] && count < MOST_TYPES - 1; i++) words[count++] = families[f][i]->word;
    words[count] = NULL;
    return words;
}

bool shape_from_text(const char *text, Shape *shape) {
    int used = 0;
    Shape s;
    if (sscanf(text, "%5dx%5dx%5d%n", &s.C, &s.H, &s.W, &used) != 3 || text[used]) return false;
    *shape = s;
    return s.C > 0 && s.H > 0 && s.W > 0 && s.C <= LONGEST_SIDE && s.H <= LONGEST_SIDE && s.W <= LONGEST_SIDE;
}

Layer layer_begin(const LayerType *type, int column, int from) {
    return (Layer){.type = type,
                   .column = column,
                   .inputs = 1,
                   .input = {from, -1},
                   .stride = 1,
                   .groups = 1,
                   .dilation = 1,
                   .epsilon = BN_EPSILON,
                   .momentum = BN_MOMENTUM};
}

int layer_same_padding(int size, int window, int stride, int dilation, int *outputs) {
    *outputs = (size + stride - 1) / stride;
    const int wanted = (*outputs - 1) * stride + (window - 1) * dilation + 1 - size;
    return wanted > 0 ? wanted / 2 : 0;
}

void layer_describe_window(const Layer *layer, FILE *out) {
    fprintf(out, "%dx%d, stride %d, pad %d", layer->R, layer->S, layer->stride, layer->pad_h);
    if (layer->pad_w != layer->pad_h) fprintf(out, "x%d", layer->pad_w);
}

cf_status layer_same_shape(const Reader *reader, Layer *layer) {
    (void)reader;
    layer->out = layer->in;
    return CF_OK;
}

void layer_add_parameter(Layer *layer, const char *what, ParameterRole kind, int dims, const size_t *shape) {
    ParameterSpec *spec = &layer->parameter[layer->parameter_count++];
    size_t count = 1;
    *spec = (ParameterSpec){.what = what, .kind = kind, .dims = dims};
    for (int i = 0; i < dims; i++) {
        spec->shape[i] = shape[i];
        if (!size_multiply(count, shape[i], &count)) count = SIZE_MAX / 4;
    }
    if (parameter_is_trained(kind)) layer->parameters += count;
}

Window layer_window(const Layer *layer, int N) {
    return (Window){.N = N,
                    .C = layer->in.C,
                    .H = layer->in.H,
                    .W = layer->in.W,
                    .K = layer->out.C,
                    .R = layer->R,
                    .S = layer->S,
                    .stride = layer->stride,
                    .pad_h = layer->pad_h,
                    .pad_w = layer->pad_w,
                    .groups = layer->groups,
                    .dilation = layer->dilation,
                    .P = layer->out.H,
                    .Q = layer->out.W};
}
