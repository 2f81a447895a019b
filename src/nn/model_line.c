/* Reads the line from left to right: words, then per layer its arguments, then its shape from the one before. */
#include "nn/model_line.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "nn/models.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 12, MAX_WORD = 32 };

static const char *const layer_words[] = {"input",   "conv",          "bn",    "relu",    "leakyrelu", "maxpool",
                                          "avgpool", "globalavgpool", "dense", "dropout", NULL};

typedef struct Word {
    char text[MAX_WORD];
    int column;
} Word;

/* One layer's words while it is read. */
typedef struct Reader {
    const char *line;
    Word words[MAX_WORDS];
    int count, next;
    int classes;
} Reader;

/* The message shows the line with a mark under the column. A long line is shown from shortly before it. */
static cf_status fail_at(const Reader *reader, int column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static cf_status fail_at(const Reader *reader, int column, const char *format, ...) {
    enum { BEFORE = 60, SHOWN = 100 };
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    int start = column - 1 > BEFORE ? column - 1 - BEFORE : 0;
    return FAIL(CF_BAD_USE, "model line, column %d: %s\n    %.*s\n    %*s^", column, what, SHOWN, reader->line + start,
                column - 1 - start, "");
}

static const Word *take(Reader *reader) {
    return reader->next < reader->count ? &reader->words[reader->next++] : NULL;
}

static bool take_if(Reader *reader, const char *text) {
    if (reader->next >= reader->count || strcmp(reader->words[reader->next].text, text) != 0) return false;
    reader->next++;
    return true;
}

/* Where a missing word would stand: behind the last one. */
static int end_column(const Reader *reader) {
    const Word *last = &reader->words[reader->count - 1];
    return last->column + (int)strlen(last->text);
}

static cf_status take_integer(Reader *reader, const char *what, int lowest, int highest, int *value) {
    const Word *word = take(reader);
    long long number;
    if (!word) return fail_at(reader, end_column(reader), "%s expected, found the end of the layer", what);
    if (!text_to_integer(word->text, lowest, highest, &number))
        return fail_at(reader, word->column, "%s expected, a number from %d to %d; found %s", what, lowest, highest,
                       word->text);
    *value = (int)number;
    return CF_OK;
}

/* "3x5", or "3" for 3x3. */
static cf_status take_window(Reader *reader, int *rows, int *columns) {
    const Word *word = take(reader);
    char text[MAX_WORD], *x;
    long long r, s;
    if (!word) return fail_at(reader, end_column(reader), "a window such as 3x3 expected, found the end of the layer");
    memcpy(text, word->text, sizeof text);
    if ((x = strchr(text, 'x'))) *x = '\0';
    if (!text_to_integer(text, 1, 1024, &r) || !text_to_integer(x ? x + 1 : text, 1, 1024, &s))
        return fail_at(reader, word->column, "a window such as 3x3 expected, found %s", word->text);
    *rows = (int)r;
    *columns = (int)s;
    return CF_OK;
}

static cf_status take_optional_number(Reader *reader, const char *what, double highest, float *value) {
    const Word *word = take(reader);
    double number;
    if (!word) return CF_OK;
    if (!text_to_number(word->text, &number) || number < 0 || number >= highest)
        return fail_at(reader, word->column, "%s expected, 0 or more and less than %g; found %s", what, highest,
                       word->text);
    *value = (float)number;
    return CF_OK;
}

static cf_status read_input(Reader *reader, Shape *shape) {
    const Word *word = take(reader);
    int used = 0;
    if (!word)
        return fail_at(reader, end_column(reader), "a shape such as 1x28x28 expected, found the end of the layer");
    if (sscanf(word->text, "%5dx%5dx%5d%n", &shape->C, &shape->H, &shape->W, &used) != 3 || word->text[used] != '\0' ||
        shape->C < 1 || shape->H < 1 || shape->W < 1 || shape->H > LONGEST_SIDE || shape->W > LONGEST_SIDE ||
        shape->C > LONGEST_SIDE)
        return fail_at(reader, word->column, "a shape such as 1x28x28 (channels, height, width) expected, found %s",
                       word->text);
    return CF_OK;
}

/* stride N, pad N|same|valid, bias, nobias: in any order. */
static cf_status read_settings(Reader *reader, Layer *layer, bool has_window, bool has_bias) {
    static const char *const all[] = {"stride", "pad", "bias", "nobias", NULL};
    while (reader->next < reader->count) {
        const Word *word = &reader->words[reader->next];
        if (has_window && take_if(reader, "stride")) {
            FORWARD(take_integer(reader, "a stride", 1, 64, &layer->stride));
        } else if (has_window && take_if(reader, "pad")) {
            if (take_if(reader, "same")) {
                layer->pad_h = (layer->R - 1) / 2, layer->pad_w = (layer->S - 1) / 2;
            } else if (take_if(reader, "valid")) {
                layer->pad_h = layer->pad_w = 0;
            } else {
                FORWARD(take_integer(reader, "same, valid or a padding", 0, 512, &layer->pad_h));
                layer->pad_w = layer->pad_h;
            }
        } else if (has_bias && take_if(reader, "bias")) {
            layer->bias = true;
        } else if (has_bias && take_if(reader, "nobias")) {
            layer->bias = false;
        } else {
            return fail_at(reader, word->column, "%s is no setting of this layer%s", word->text,
                           text_hint(word->text, all));
        }
    }
    return CF_OK;
}

static cf_status read_arguments(Reader *reader, const char *kind, bool bn_follows, Layer *layer) {
    bool conv = strcmp(kind, "conv") == 0, pool = strcmp(kind, "maxpool") == 0 || strcmp(kind, "avgpool") == 0;
    layer->stride = 1;
    if (conv || pool) {
        if (conv) FORWARD(take_integer(reader, "the number of filters", 1, 65536, &layer->out.C));
        FORWARD(take_window(reader, &layer->R, &layer->S));
        if (conv) layer->pad_h = (layer->R - 1) / 2, layer->pad_w = (layer->S - 1) / 2;
        if (pool) layer->stride = 0; /* as the window, unless it is given */
        layer->kind = conv ? LAYER_CONV : strcmp(kind, "maxpool") == 0 ? LAYER_MAXPOOL : LAYER_AVGPOOL;
        layer->bias = conv && !bn_follows;
        FORWARD(read_settings(reader, layer, true, conv));
        if (!layer->stride && layer->R != layer->S)
            return fail_at(reader, end_column(reader), "a pool whose window is not square needs a stride");
        if (!layer->stride) layer->stride = layer->R;
        return CF_OK;
    }
    if (strcmp(kind, "dense") == 0) {
        layer->kind = LAYER_DENSE;
        layer->bias = !bn_follows;
        if (take_if(reader, "classes"))
            layer->out.C = reader->classes;
        else
            FORWARD(take_integer(reader, "classes or the number of outputs", 1, 1 << 20, &layer->out.C));
        return read_settings(reader, layer, false, true);
    }
    if (strcmp(kind, "dropout") == 0) {
        layer->kind = LAYER_DROPOUT;
        layer->rate = 0.5f;
        FORWARD(take_optional_number(reader, "a rate", 1, &layer->rate));
    } else if (strcmp(kind, "leakyrelu") == 0) {
        layer->kind = LAYER_RELU;
        layer->slope = 0.01f;
        FORWARD(take_optional_number(reader, "a slope", 1, &layer->slope));
    } else {
        layer->kind = strcmp(kind, "bn") == 0 ? LAYER_BN : strcmp(kind, "relu") == 0 ? LAYER_RELU : LAYER_AVGPOOL;
    }
    return read_settings(reader, layer, false, false);
}

/* A window slides over a padded side: how often it fits. */
static cf_status window_shape(const Reader *reader, Layer *layer) {
    int high = layer->in.H + 2 * layer->pad_h, wide = layer->in.W + 2 * layer->pad_w;
    if (layer->R > high || layer->S > wide)
        return fail_at(reader, layer->column, "a window of %dx%d does not fit on the %dx%d that arrives here", layer->R,
                       layer->S, layer->in.H, layer->in.W);
    if (layer->kind != LAYER_CONV && (layer->pad_h >= layer->R || layer->pad_w >= layer->S))
        return fail_at(reader, layer->column, "a padding as wide as the window would pool nothing but padding");
    layer->out.H = (high - layer->R) / layer->stride + 1;
    layer->out.W = (wide - layer->S) / layer->stride + 1;
    return CF_OK;
}

static cf_status infer_shape(const Reader *reader, Shape in, Layer *layer) {
    double taps;
    layer->in = in;
    size_t inputs = shape_size(in);
    if (inputs > LARGEST_LAYER)
        return fail_at(
            reader, layer->column,
            "more than %d values would arrive at this layer; smaller images have fewer (--size 64 reads them so)",
            LARGEST_LAYER);
    switch (layer->kind) {
    case LAYER_CONV:
        FORWARD(window_shape(reader, layer));
        taps = (double)in.C * layer->R * layer->S;
        layer->parameters = (size_t)taps * (size_t)layer->out.C + (layer->bias ? (size_t)layer->out.C : 0);
        layer->flops = 2 * taps * (double)shape_size(layer->out);
        break;
    case LAYER_DENSE:
        layer->out.H = layer->out.W = 1;
        layer->parameters = (inputs + (layer->bias ? 1 : 0)) * (size_t)layer->out.C;
        layer->flops = 2 * (double)inputs * layer->out.C;
        break;
    case LAYER_MAXPOOL:
    case LAYER_AVGPOOL:
        if (!layer->R) layer->R = in.H, layer->S = in.W; /* globalavgpool */
        layer->out.C = in.C;
        if (layer->kind == LAYER_MAXPOOL && layer->R * layer->S > UINT16_MAX)
            return fail_at(reader, layer->column, "a window of more than %d values", UINT16_MAX);
        FORWARD(window_shape(reader, layer));
        break;
    case LAYER_BN:
        layer->parameters = 2 * (size_t)in.C;
        layer->out = in;
        break;
    case LAYER_RELU:
    case LAYER_DROPOUT:
        layer->out = in;
        break;
    }
    if (shape_size(layer->out) > LARGEST_LAYER || layer->parameters > LARGEST_LAYER)
        return fail_at(reader, layer->column,
                       "this layer would have more than %d values or parameters; smaller images have fewer (--size 64 "
                       "reads them so)",
                       LARGEST_LAYER);
    return CF_OK;
}

/* Splits the text of one layer, from `start` to the next '|' or the end. */
static cf_status split_words(Reader *reader, int start, int *end) {
    const char *line = reader->line;
    int i = start;
    reader->count = reader->next = 0;
    while (line[i] && line[i] != '|') {
        if (line[i] == ' ' || line[i] == '\t') {
            i++;
            continue;
        }
        int length = (int)strcspn(line + i, " \t|");
        if (length >= MAX_WORD || reader->count == MAX_WORDS)
            return fail_at(reader, i + 1, "%s",
                           length >= MAX_WORD ? "a word this long is not known" : "too many words for one layer");
        Word *word = &reader->words[reader->count++];
        memcpy(word->text, line + i, (size_t)length);
        word->text[length] = '\0';
        word->column = i + 1;
        i += length;
    }
    *end = i;
    if (!reader->count) return fail_at(reader, start + 1, "a layer expected, found nothing");
    return CF_OK;
}

static bool next_is_bn(const char *after) {
    if (*after != '|') return false;
    after += 1 + strspn(after + 1, " \t");
    return strncmp(after, "bn", 2) == 0 && (after[2] == '\0' || strchr(" \t|", after[2]));
}

/* A name is its word and a number; a word may begin another one. */
static void number_layer(LayerList *list, const char *word, Layer *layer) {
    int number = 1;
    size_t length = strlen(word);
    for (int i = 0; i < list->count; i++) {
        const char *name = list->layers[i].name;
        if (strcspn(name, "0123456789") == length && strncmp(name, word, length) == 0) number++;
    }
    snprintf(layer->name, sizeof layer->name, "%.13s%d", word, number);
}

static cf_status read_layer(Reader *reader, int start, int *end, LayerList *list) {
    FORWARD(split_words(reader, start, end));
    const Word *kind = take(reader);
    bool known = false;
    for (int i = 0; layer_words[i]; i++) known |= strcmp(kind->text, layer_words[i]) == 0;
    if (!known)
        return fail_at(reader, kind->column, "unknown layer %s%s", kind->text, text_hint(kind->text, layer_words));
    if (strcmp(kind->text, "input") == 0) {
        if (start != 0) return fail_at(reader, kind->column, "input can only stand first");
        FORWARD(read_input(reader, &list->input));
        return read_settings(reader, &(Layer){0}, false, false);
    }
    if (list->count == MOST_LAYERS) return fail_at(reader, kind->column, "more than %d layers", MOST_LAYERS);
    Layer *layer = &list->layers[list->count];
    layer->column = kind->column;
    number_layer(list, kind->text, layer);
    FORWARD(read_arguments(reader, kind->text, next_is_bn(reader->line + *end), layer));
    FORWARD(infer_shape(reader, list->count ? list->layers[list->count - 1].out : list->input, layer));
    list->count++;
    if (layer_list_parameters(list) > MOST_PARAMETERS)
        return fail_at(reader, layer->column, "up to here the network would have more than %d parameters",
                       MOST_PARAMETERS);
    return CF_OK;
}

static cf_status read_line(Reader *reader, LayerList *list) {
    int at = 0, end = 0;
    for (;;) {
        FORWARD(read_layer(reader, at, &end, list));
        if (reader->line[end] == '\0') break;
        at = end + 1;
    }
    if (!list->count) return fail_at(reader, end_column(reader), "a layer expected after the input");
    const Layer *last = &list->layers[list->count - 1];
    size_t outputs = shape_size(last->out);
    if (outputs != (size_t)reader->classes)
        return fail_at(reader, last->column,
                       "the last layer gives %zu values; the data have %d classes (end with: dense "
                       "classes)",
                       outputs, reader->classes);
    return CF_OK;
}

cf_status model_line_parse(const char *name_or_line, Shape data, int classes, LayerList *list) {
    LayerList made = {.input = data};
    cf_status status;
    const char *line = model_named_line(name_or_line);
    /* One word without arguments that is no layer was meant as a name. */
    if (!line && !strpbrk(name_or_line, " \t|")) {
        bool layer = false;
        for (int i = 0; layer_words[i]; i++) layer |= strcmp(name_or_line, layer_words[i]) == 0;
        FAIL_IF(!layer, CF_BAD_USE,
                "unknown model %s%s (a name or a model line is expected; names: paper, paper-leaky, "
                "mlp, linear)",
                name_or_line, model_name_hint(name_or_line));
    }
    if (!line) line = name_or_line;
    FAIL_IF(strlen(line) > LONGEST_MODEL_LINE, CF_BAD_USE, "the model line is longer than %d characters",
            LONGEST_MODEL_LINE);
    FORWARD_TO(failed, memory_copy_string(line, &made.line));
    FORWARD_TO(failed, memory_new(MOST_LAYERS, sizeof(Layer), &made.layers));
    Reader reader = {.line = made.line, .classes = classes};
    FORWARD_TO(failed, read_line(&reader, &made));
    *list = made;
    return CF_OK;
failed:
    layer_list_free(&made);
    return status;
}

bool model_line_input(const char *name_or_line, Shape *shape) {
    const char *line = model_named_line(name_or_line);
    Shape found;
    char end[2] = "";
    if (!line) line = name_or_line;
    const int read = sscanf(line, " input %5dx%5dx%5d %1s", &found.C, &found.H, &found.W, end);
    if (read < 3 || (read == 4 && end[0] != '|') || found.C < 1 || found.H < 1 || found.W < 1) return false;
    *shape = found;
    return true;
}

void layer_list_free(LayerList *list) {
    free(list->line);
    free(list->layers);
    *list = (LayerList){0};
}
