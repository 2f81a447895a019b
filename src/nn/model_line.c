/* Reads the line from left to right: items, groups of items by recursion; per layer its words, then its shape from what it reads. */
#include "nn/model_line.h"

#include "base/memory.h"
#include "base/text.h"
#include "nn/layers/reader.h"
#include "nn/models.h"

#include <stdlib.h>
#include <string.h>

#define CLASSES "classes" /* the first output */

/* The line while it is read. */
typedef struct Parse {
    Reader reader;
    LayerList *list;
    int current; /* the layer whose output the next one reads; -1: the image */
    int depth;   /* of groups */
    int groups;  /* res groups so far */
} Parse;

static cf_status read_line(Parse *parse, char end);

/* ---- A layer ---- */

static Shape shape_of(const LayerList *list, int number) {
    return number < 0 ? list->input : list->layers[number].out;
}

bool layer_name_fits(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return text[0] && !text[strspn(text, letters)];
}

static cf_status check_name(const Parse *parse, const Word *word) {
    if (!layer_name_fits(word->text))
        return reader_fail(&parse->reader, word->column, "a name of letters, digits, _, . and - expected, found %s",
                           word->text);
    return CF_OK;
}

/* The number among the layers of its word that the line spells out. */
static void number_name(const Parse *parse, const LayerType *type, char name[LAYER_NAME]) {
    int number = 1;
    for (int i = 0; i < parse->list->count; i++)
        number += parse->list->layers[i].type == type && !parse->list->layers[i].implied;
    snprintf(name, LAYER_NAME, "%.13s%d", type->word, number);
}

/* "as NAME" at the end of the words; *name is NULL without. */
static cf_status take_name(Parse *parse, const char **name) {
    Reader *r = &parse->reader;
    *name = NULL;
    for (int i = 1; i < r->count; i++) {
        if (strcmp(r->words[i].text, "as") != 0) continue;
        if (i != r->count - 2)
            return reader_fail(r, r->words[i].column, "one name expected behind as, at the end of the layer");
        FORWARD(check_name(parse, &r->words[i + 1]));
        *name = r->words[i + 1].text;
        r->count = i;
    }
    return CF_OK;
}

static cf_status find_type(const Reader *reader, const Word *word, const LayerType **type) {
    *type = layer_type(word->text);
    if (*type) return CF_OK;
    return reader_fail(reader, word->column, "unknown layer %s%s", word->text, text_hint(word->text, layer_words()));
}

static cf_status check_size(const Parse *parse, const Layer *layer) {
    static const char hint[] = "smaller images have fewer (--size 64 reads them so)";
    if (shape_size(layer->in) > LARGEST_LAYER)
        return reader_fail(&parse->reader, layer->column, "more than %d values would arrive at this layer; %s",
                           LARGEST_LAYER, hint);
    if (shape_size(layer->out) > LARGEST_LAYER || layer->parameters > LARGEST_LAYER)
        return reader_fail(&parse->reader, layer->column, "this layer would have more than %d values or parameters; %s",
                           LARGEST_LAYER, hint);
    return CF_OK;
}

/* Two layers of one name, or whose tensors have one: "a.fc1" and the se "a". */
static bool names_meet(const Layer *a, const Layer *b) {
    const size_t la = strlen(a->name), lb = strlen(b->name);
    char of_a[2 * LAYER_NAME], of_b[2 * LAYER_NAME];
    if (strncmp(a->name, b->name, la < lb ? la : lb) != 0) return false;
    for (int i = 0; la != lb && i < a->parameter_count; i++)
        for (int k = 0; k < b->parameter_count; k++) {
            snprintf(of_a, sizeof of_a, "%s.%s", a->name, a->parameter[i].what);
            snprintf(of_b, sizeof of_b, "%s.%s", b->name, b->parameter[k].what);
            if (strcmp(of_a, of_b) == 0) return true;
        }
    return la == lb;
}

/* `count`: of the layers that it must not be called as. */
static cf_status check_unique(const Parse *parse, const Layer *layer, int count) {
    for (const Layer *other = parse->list->layers; other < parse->list->layers + count; other++)
        if (names_meet(other, layer))
            return reader_fail(&parse->reader, layer->column, "there is a layer %s already", other->name);
    return CF_OK;
}

/* The shape of a layer whose inputs are known, and the layer at the end of the list. */
static cf_status add_layer(Parse *parse, Layer *layer) {
    LayerList *list = parse->list;
    layer->in = shape_of(list, layer->input[0]);
    if (layer->inputs > 1) parse->reader.second = shape_of(list, layer->input[1]);
    FORWARD(check_size(parse, &(Layer){.in = layer->in, .column = layer->column}));
    FORWARD(layer->type->shape(&parse->reader, layer));
    FORWARD(check_size(parse, layer));
    if (list->count == MOST_LAYERS)
        return reader_fail(&parse->reader, layer->column, "more than %d layers", MOST_LAYERS);
    FORWARD(check_unique(parse, layer, list->count));
    for (int i = 0; i < layer->inputs; i++)
        if (layer->input[i] >= 0) list->layers[layer->input[i]].readers++;
    list->layers[list->count] = *layer;
    parse->current = list->count++;
    if (layer_list_parameters(list) > MOST_PARAMETERS)
        return reader_fail(&parse->reader, layer->column, "up to here the network would have more than %d parameters",
                           MOST_PARAMETERS);
    return CF_OK;
}

/* Whether a bn is the next layer. */
static bool bn_follows(const Reader *reader) {
    Reader ahead = *reader;
    if (!reader_skip(&ahead, '|')) return false;
    reader_skip_spaces(&ahead);
    const char *word = ahead.line + ahead.at;
    return strcspn(word, " \t|()") == 2 && strncmp(word, "bn", 2) == 0;
}

/* add NAME, concat NAME. */
static cf_status find_second(Parse *parse, Layer *layer) {
    Reader *r = &parse->reader;
    const Word *name = reader_take(r);
    if (!name)
        return reader_fail(r, reader_end(r), "the name of an earlier layer expected, found the end of the layer");
    const char *names[MOST_LAYERS + 1];
    int count = 0;
    for (; count < parse->list->count; count++) {
        names[count] = parse->list->layers[count].name;
        if (strcmp(names[count], name->text) == 0) layer->inputs = 2, layer->input[1] = count;
    }
    names[count] = NULL;
    if (layer->inputs == 2) return CF_OK;
    return reader_fail(r, name->column, "no layer before this one is called %s%s", name->text,
                       text_hint(name->text, names));
}

static cf_status read_layer(Parse *parse) {
    Reader *r = &parse->reader;
    const LayerType *type;
    const char *name;
    FORWARD(take_name(parse, &name));
    const Word *word = reader_take(r);
    FORWARD(find_type(r, word, &type));
    Layer layer = layer_begin(type, word->column, parse->current);
    if (name)
        snprintf(layer.name, sizeof layer.name, "%s", name);
    else
        number_name(parse, type, layer.name);
    if (type == &add_type || type == &concat_type) FORWARD(find_second(parse, &layer));
    r->bn_follows = bn_follows(r);
    FORWARD(type->read ? type->read(r, &layer) : reader_finish(r, NULL));
    return add_layer(parse, &layer);
}

/* ---- Groups ---- */

/* Behind so many words. */
static cf_status open_group(Parse *parse, int words) {
    Reader *r = &parse->reader;
    if (r->count > words) return reader_fail(r, r->words[words].column, "( expected, found %s", r->words[words].text);
    if (!reader_skip(r, '(')) return reader_fail(r, reader_end(r), "( expected behind %s", r->words[words - 1].text);
    if (++parse->depth > DEEPEST_GROUP)
        return reader_fail(r, r->at, "more than %d groups in each other", DEEPEST_GROUP);
    return CF_OK;
}

static cf_status close_group(Parse *parse, int column) {
    parse->depth--;
    if (!reader_skip(&parse->reader, ')')) return reader_fail(&parse->reader, column, "the ) of this group is missing");
    return CF_OK;
}

/* The words behind a group: none, or a name. */
static cf_status read_group_name(Parse *parse, const char **name) {
    Reader *r = &parse->reader;
    *name = NULL;
    reader_skip_spaces(r);
    if (!r->line[r->at] || strchr("|()", r->line[r->at])) return CF_OK;
    FORWARD(reader_split(r));
    if (strcmp(r->words[0].text, "as") != 0 || r->count != 2)
        return reader_fail(r, r->words[0].column, "| or as NAME expected behind a group, found %s", r->words[0].text);
    FORWARD(check_name(parse, &r->words[1]));
    *name = r->words[1].text;
    return CF_OK;
}

/* The stride with which a 1x1 convolution of `from` gives the rows and columns of `to`; 0: none does. */
static int projection_stride(Shape from, Shape to) {
    for (int stride = 1; stride <= 64; stride++)
        if ((from.H - 1) / stride + 1 == to.H && (from.W - 1) / stride + 1 == to.W) return stride;
    return 0;
}

/* Makes room for two layers at `at`. */
static cf_status move_layers(Parse *parse, int at, int column) {
    enum { ROOM = 2 };
    LayerList *list = parse->list;
    if (list->count + ROOM > MOST_LAYERS)
        return reader_fail(&parse->reader, column, "more than %d layers", MOST_LAYERS);
    memmove(&list->layers[at + ROOM], &list->layers[at], (size_t)(list->count - at) * sizeof *list->layers);
    for (int i = at + ROOM; i < list->count + ROOM; i++)
        for (int k = 0; k < list->layers[i].inputs; k++)
            if (list->layers[i].input[k] >= at) list->layers[i].input[k] += ROOM;
    for (int h = 0; h < list->head_count; h++)
        if (list->heads[h] >= at) list->heads[h] += ROOM;
    return CF_OK;
}

/* The input of a res group as its output needs it: in front of the group, so that the group's last norm and the addition are
 * neighbours. */
static cf_status project(Parse *parse, int from, int first, const char *name, int column) {
    LayerList *list = parse->list;
    const int body = list->count - first;
    const Shape in = shape_of(list, from), out = shape_of(list, parse->current);
    const int stride = projection_stride(in, out);
    if (!stride)
        return reader_fail(&parse->reader, column,
                           "%dx%dx%d arrives at this group and %dx%dx%d leaves it: no stride makes one of the other",
                           in.C, in.H, in.W, out.C, out.H, out.W);
    Layer conv = layer_begin(&conv_type, column, from), norm = layer_begin(&bn_type, column, -1);
    conv.implied = norm.implied = true;
    conv.R = conv.S = 1, conv.stride = stride, conv.out.C = out.C;
    snprintf(conv.name, sizeof conv.name, "%.45s.0", name);
    snprintf(norm.name, sizeof norm.name, "%.45s.1", name);
    FORWARD(check_unique(parse, &conv, list->count));
    FORWARD(check_unique(parse, &norm, list->count));
    FORWARD(move_layers(parse, first, column));
    list->count = first;
    FORWARD(add_layer(parse, &conv));
    norm.input[0] = parse->current;
    FORWARD(add_layer(parse, &norm));
    list->count += body;
    return CF_OK;
}

static cf_status read_res(Parse *parse, int column) {
    const int from = parse->current, first = parse->list->count;
    const char *name;
    char own[LAYER_NAME];
    FORWARD(open_group(parse, 1));
    FORWARD(read_line(parse, ')'));
    FORWARD(close_group(parse, column));
    snprintf(own, sizeof own, "res%d", ++parse->groups);
    FORWARD(read_group_name(parse, &name));
    if (name) snprintf(own, sizeof own, "%s", name);
    const Shape in = shape_of(parse->list, from), out = shape_of(parse->list, parse->current);
    Layer add = layer_begin(&add_type, column, parse->current);
    add.implied = true, add.inputs = 2, add.input[1] = from;
    if (memcmp(&in, &out, sizeof in) != 0) {
        FORWARD(project(parse, from, first, own, column));
        add.input[0] += 2;
        add.input[1] = first + 1;
    }
    memcpy(add.name, own, sizeof own);
    return add_layer(parse, &add);
}

static cf_status read_repeat(Parse *parse, const Word *word) {
    char *end;
    const long times = strtol(word->text, &end, 10);
    const int column = word->column;
    if (times < 1 || times > MOST_REPEATS)
        return reader_fail(&parse->reader, column, "a repeat such as 3x( .. ) expected, 1 to %d times; found %s",
                           MOST_REPEATS, word->text);
    FORWARD(open_group(parse, 1));
    const int from = parse->reader.at;
    for (long i = 0; i < times; i++) {
        parse->reader.at = from;
        FORWARD(read_line(parse, ')'));
    }
    return close_group(parse, column);
}

static cf_status check_head(const Parse *parse, const Word *name) {
    const LayerList *list = parse->list;
    if (list->head_count == MOST_HEADS - 1)
        return reader_fail(&parse->reader, name->column, "more than %d outputs", MOST_HEADS);
    bool taken = strcmp(name->text, CLASSES) == 0;
    for (int h = 0; h < list->head_count; h++) taken |= strcmp(name->text, list->head_names[h]) == 0;
    if (taken) return reader_fail(&parse->reader, name->column, "there is an output %s already", name->text);
    return CF_OK;
}

static cf_status read_head(Parse *parse) {
    Reader *r = &parse->reader;
    LayerList *list = parse->list;
    const int from = parse->current, column = r->words[0].column;
    if (r->count < 2) return reader_fail(r, reader_end(r), "the name of the output expected");
    const Word name = r->words[1];
    FORWARD(check_name(parse, &name));
    FORWARD(open_group(parse, 2));
    FORWARD(read_line(parse, ')'));
    FORWARD(close_group(parse, column));
    if (parse->current < 0) return reader_fail(r, column, "a layer expected in the head");
    FORWARD(check_head(parse, &name)); /* now: there may be others in it */
    snprintf(list->head_names[list->head_count], LAYER_NAME, "%s", name.text);
    list->heads[list->head_count++] = parse->current;
    parse->current = from;
    return CF_OK;
}

static cf_status read_input(Parse *parse, bool first) {
    Reader *r = &parse->reader;
    const Word *kind = reader_take(r), *word = reader_take(r);
    if (!first) return reader_fail(r, kind->column, "input can only stand first");
    if (!word) return reader_fail(r, reader_end(r), "a shape such as 1x28x28 expected, found the end of the layer");
    if (!shape_from_text(word->text, &parse->list->input))
        return reader_fail(r, word->column, "a shape such as 1x28x28 (channels, height, width) expected, found %s",
                           word->text);
    return reader_finish(r, NULL);
}

/* "3x" in front of a parenthesis. */
static bool is_repeat(const Reader *reader) {
    const char *text = reader->words[0].text;
    const size_t digits = strspn(text, "0123456789");
    return digits > 0 && strcmp(text + digits, "x") == 0;
}

static cf_status read_item(Parse *parse) {
    Reader *r = &parse->reader;
    reader_skip_spaces(r);
    const bool first = r->at == (int)strspn(r->line, " \t");
    FORWARD(reader_split(r));
    const Word word = r->words[0];
    if (strcmp(word.text, "input") == 0) return read_input(parse, first);
    if (strcmp(word.text, "res") == 0) return read_res(parse, word.column);
    if (strcmp(word.text, "head") == 0) return read_head(parse);
    if (is_repeat(r)) return read_repeat(parse, &word);
    return read_layer(parse);
}

/* Items up to `end`, which is left standing: a parenthesis, or the end of the text. */
static cf_status read_line(Parse *parse, char end) {
    Reader *r = &parse->reader;
    const int layers = parse->list->count;
    do FORWARD(read_item(parse));
    while (reader_skip(r, '|'));
    reader_skip_spaces(r);
    if (r->line[r->at] == '\0' && end) return CF_OK; /* close_group tells where the group began */
    if (r->line[r->at] != end)
        return reader_fail(r, r->at + 1,
                           r->line[r->at] == '(' ? "( stands behind res, head NAME or 3x"
                                                 : "a | expected between layers");
    if (parse->list->count == layers) return reader_fail(r, reader_end(r), "a layer expected");
    return CF_OK;
}

/* ---- The whole ---- */

/* The output of the classes comes first, whatever else the line gives. */
static cf_status finish_line(Parse *parse) {
    LayerList *list = parse->list;
    if (parse->current < 0)
        return reader_fail(&parse->reader, parse->reader.at + 1, "a layer expected behind the head");
    const Layer *last = &list->layers[parse->current];
    const size_t outputs = shape_size(last->out);
    if (outputs != (size_t)parse->reader.classes)
        return reader_fail(&parse->reader, last->column,
                           "the last layer gives %zu values; the data have %d classes (end with: dense classes)",
                           outputs, parse->reader.classes);
    memmove(list->heads + 1, list->heads, (size_t)list->head_count * sizeof *list->heads);
    memmove(list->head_names + 1, list->head_names, (size_t)list->head_count * sizeof *list->head_names);
    list->heads[0] = parse->current;
    snprintf(list->head_names[0], LAYER_NAME, CLASSES);
    list->head_count++;
    return CF_OK;
}

cf_status model_line_parse(const char *name_or_line, Shape data, int classes, LayerList *list) {
    AUTO(layer_list_free) LayerList made = {.input = data};
    const char *line = model_named_line(name_or_line);
    /* One word without arguments that is no layer was meant as a name. */
    FAIL_IF(!line && !strpbrk(name_or_line, " \t|()") && !layer_type(name_or_line) &&
                strcmp(name_or_line, "input") != 0,
            CF_BAD_USE, "unknown model %s%s (a name or a model line is expected; `cifra models` lists the names)",
            name_or_line, model_name_hint(name_or_line));
    if (!line) line = name_or_line;
    FAIL_IF(strlen(line) > LONGEST_MODEL_LINE, CF_BAD_USE, "the model line is longer than %d characters",
            LONGEST_MODEL_LINE);
    FORWARD(memory_copy_string(line, &made.line));
    FORWARD(memory_new(MOST_LAYERS, sizeof(Layer), &made.layers));
    Parse parse = {.reader = {.line = made.line, .classes = classes}, .list = &made, .current = -1};
    FORWARD(read_line(&parse, '\0'));
    FORWARD(finish_line(&parse));
    *list = made;
    made = (LayerList){0};
    return CF_OK;
}

bool model_line_input(const char *name_or_line, Shape *shape) {
    enum { SMALL = 32 }; /* the side of images that come in sets of one size, and are not photographs */
    const NamedModel *named = model_named(name_or_line);
    Shape found;
    char end[2] = "";
    if (named && named->images.H > SMALL) {
        *shape = named->images;
        return true;
    }
    const int read =
        sscanf(named ? named->line : name_or_line, " input %5dx%5dx%5d %1s", &found.C, &found.H, &found.W, end);
    if (read < 3 || (read == 4 && end[0] != '|') || found.C < 1 || found.H < 1 || found.W < 1) return false;
    *shape = found;
    return true;
}

void layer_list_free(LayerList *list) {
    free(list->line);
    free(list->layers);
    *list = (LayerList){0};
}
