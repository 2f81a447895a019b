/* From ops to a model line. A line goes on from the layer before; an addition whose other side is in front of the rest is a res group,
 * also where a 1x1 convolution (and its norm) stands on that side; other values from before are read by their names. */
#include "export/onnx_graph.h"

#include "base/text.h"
#include "base/text_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum ItemKind { ITEM_LAYER, ITEM_OPEN, ITEM_CLOSE } ItemKind;

typedef struct Item {
    ItemKind kind;
    int op;          /* CLOSE: of the addition */
    int named_input; /* add, concat: the item whose output is the second input; -1: none */
    int conv, norm;  /* OPEN: of the projection, norm -1 where it is folded; conv -1: none */
    int opener;      /* CLOSE */
    char name[LAYER_NAME];
    bool said; /* the name stands in the line */
} Item;

typedef struct Emission {
    const OnnxGraph *graph;
    Item *items;
    int count, current; /* current: the op whose output the next layer reads */
    int *item_of;       /* [ops]: that gives the op's output; -1: none yet */
    int *dominator;     /* [ops]: the nearest op that every way from the image goes through */
    int *depth;
    bool *needed;
} Emission;

static const OnnxOp *op_at(const Emission *e, int op) {
    return &e->graph->ops[op];
}

/* ---- What leads where ---- */

/* What is not understood and reads only what is. */
static cf_status refuse_cause(const Emission *e, int op) {
    while (op_at(e, op)->layer.inputs && op_at(e, op)->layer.input[0] != ONNX_IMAGE &&
           !op_at(e, op_at(e, op)->layer.input[0])->layer.type)
        op = op_at(e, op)->layer.input[0];
    return onnx_refuse(op_at(e, op)->node, op_at(e, op)->why);
}

static cf_status mark_needed(Emission *e) {
    int layers = 0;
    e->needed[e->graph->result] = true;
    for (int i = e->graph->result; i > ONNX_IMAGE; i--) {
        const Layer *l = &op_at(e, i)->layer;
        if (!e->needed[i]) continue;
        if (!l->type) return refuse_cause(e, i);
        for (int k = 0; k < l->inputs; k++) e->needed[l->input[k]] = true;
        FAIL_IF(++layers > MOST_LAYERS, CF_BAD_INPUT, "the network has more than %d layers", MOST_LAYERS);
    }
    return CF_OK;
}

static void find_dominators(Emission *e) {
    for (int i = 1; i <= e->graph->result; i++) {
        const Layer *l = &op_at(e, i)->layer;
        if (!e->needed[i]) continue;
        int a = l->input[0], b = l->inputs > 1 ? l->input[1] : a;
        while (a != b) {
            if (e->depth[a] > e->depth[b])
                a = e->dominator[a];
            else
                b = e->dominator[b];
        }
        e->dominator[i] = a;
        e->depth[i] = e->depth[a] + 1;
    }
}

/* ---- Items ---- */

static Item *add_item(Emission *e, ItemKind kind, int op) {
    Item *item = &e->items[e->count++];
    *item = (Item){.kind = kind, .op = op, .named_input = -1, .conv = -1, .norm = -1};
    if (kind == ITEM_OPEN) return item;
    e->item_of[op] = e->count - 1;
    e->current = op;
    return item;
}

static bool shapes_differ(Shape a, Shape b) {
    return a.C != b.C || a.H != b.H || a.W != b.W;
}

/* Whether `op` is what a res group puts on its shortcut from `from`: a 1x1 convolution with the first stride that fits, and a norm; a
 * bias of the convolution is what is left of a norm that was folded into it. */
static bool is_shortcut(const Emission *e, int op, int from, int *conv, int *norm) {
    const OnnxOp *last = op_at(e, op);
    const bool normed = last->layer.type && last->layer.type == &bn_type;
    *norm = normed ? op : -1;
    *conv = normed ? last->layer.input[0] : op;
    const Layer *c = &op_at(e, *conv)->layer;
    const Shape in = op_at(e, from)->layer.out;
    if (*conv == ONNX_IMAGE || !c->type || !layer_is_conv(c) || c->input[0] != from || c->bias == normed || c->R != 1 ||
        c->S != 1 || c->pad_h || c->pad_w || c->groups != 1 || !shapes_differ(in, c->out) ||
        (normed && last->layer.epsilon != BN_EPSILON))
        return false;
    int stride = 1;
    while (stride < c->stride && ((in.H - 1) / stride + 1 != c->out.H || (in.W - 1) / stride + 1 != c->out.W)) stride++;
    return stride == c->stride;
}

static cf_status emit(Emission *e, int op);

static cf_status emit_group(Emission *e, int addition, int from, int body, int conv, int norm) {
    FORWARD(emit(e, from));
    const int opener = e->count;
    Item *open = add_item(e, ITEM_OPEN, addition);
    open->conv = conv, open->norm = norm;
    FORWARD(emit(e, body));
    if (e->count == opener + 1) return onnx_refuse(op_at(e, addition)->node, "it adds a value to itself");
    add_item(e, ITEM_CLOSE, addition)->opener = opener;
    return CF_OK;
}

/* Two values as one, the second by its name. */
static cf_status emit_named(Emission *e, int op, int first, int second) {
    FORWARD(emit(e, first));
    const int item = e->item_of[second];
    if (item < 0)
        return onnx_refuse(
            op_at(e, op)->node,
            "it joins branches of which neither begins at the other; the model line has res groups, whose "
            "shortcut is empty or a 1x1 convolution with a batch norm, and values from before by name");
    add_item(e, ITEM_LAYER, op)->named_input = item;
    return CF_OK;
}

static cf_status emit_addition(Emission *e, int op) {
    const Layer *l = &op_at(e, op)->layer;
    const int later = l->input[0] > l->input[1] ? l->input[0] : l->input[1],
              earlier = l->input[0] + l->input[1] - later;
    const int from = e->dominator[op];
    int conv, norm;
    if (from == earlier) return emit_group(e, op, from, later, -1, -1);
    if (is_shortcut(e, earlier, from, &conv, &norm)) return emit_group(e, op, from, later, conv, norm);
    if (is_shortcut(e, later, from, &conv, &norm)) return emit_group(e, op, from, earlier, conv, norm);
    return emit_named(e, op, later, earlier);
}

/* The items up to an op's output, behind those that are there. */
static cf_status emit(Emission *e, int op) {
    const OnnxOp *at = op_at(e, op);
    if (op == e->current) return CF_OK;
    if (op == ONNX_IMAGE || e->item_of[op] >= 0)
        return op == ONNX_IMAGE
                   ? FAIL(CF_BAD_INPUT,
                          "the image is read again behind the first layer; the model line has no way back to it")
                   : onnx_refuse(at->node, "its output is read again further on; the model line has no way back to it");
    if (at->layer.type == &add_type) return emit_addition(e, op);
    if (at->layer.inputs > 1) return emit_named(e, op, at->layer.input[0], at->layer.input[1]);
    FORWARD(emit(e, at->layer.input[0]));
    add_item(e, ITEM_LAYER, op);
    return CF_OK;
}

/* ---- Names ---- */

/* "conv1" of "conv1.weight", what the first parameter is called; false: none that the line takes. */
static bool base_name(const OnnxOp *op, char name[LAYER_NAME]) {
    const char *word = op->layer.type->word, *what = strcmp(word, "se") == 0          ? ".fc1.weight"
                                                     : strcmp(word, "attention") == 0 ? ".in_proj_weight"
                                                                                      : ".weight";
    const size_t whole = op->tensor_name ? strlen(op->tensor_name) : 0, end = strlen(what);
    if (whole <= end || whole - end >= LAYER_NAME || strcmp(op->tensor_name + whole - end, what) != 0) return false;
    snprintf(name, LAYER_NAME, "%.*s", (int)(whole - end), op->tensor_name);
    return layer_name_fits(name);
}

/* "res1" of "res1.0", the convolution of a group's shortcut. */
static bool group_name(const OnnxOp *conv, char name[LAYER_NAME]) {
    if (!base_name(conv, name)) return false;
    const size_t length = strlen(name);
    if (length < 3 || strcmp(name + length - 2, ".0") != 0) return false;
    name[length - 2] = '\0';
    return true;
}

static bool has_parameters(const OnnxOp *op) {
    return op->tensor[0] && strcmp(op->layer.type->word, "standardize") != 0;
}

/* Numbers among the items of one word, or the names of parameters, where all have some. */
static void name_items(Emission *e, bool named) {
    int groups = 0;
    for (int i = 0; i < e->count && named; i++) {
        const Item *item = &e->items[i];
        char name[LAYER_NAME];
        if (item->kind == ITEM_LAYER && has_parameters(op_at(e, item->op))) named = base_name(op_at(e, item->op), name);
    }
    for (int i = 0; i < e->count; i++) {
        Item *item = &e->items[i];
        char usual[LAYER_NAME];
        int number = 1;
        if (item->kind == ITEM_OPEN) continue;
        const LayerType *type = op_at(e, item->op)->layer.type;
        for (int k = 0; k < i; k++)
            number += e->items[k].kind == ITEM_LAYER && op_at(e, e->items[k].op)->layer.type == type;
        if (item->kind == ITEM_CLOSE)
            snprintf(usual, sizeof usual, "res%d", ++groups);
        else
            snprintf(usual, sizeof usual, "%.13s%d", type->word, number);
        const int conv = item->kind == ITEM_CLOSE ? e->items[item->opener].conv : -1;
        bool own = false;
        if (named && item->kind == ITEM_CLOSE && conv >= 0) own = group_name(op_at(e, conv), item->name);
        if (named && item->kind == ITEM_LAYER && has_parameters(op_at(e, item->op)))
            own = base_name(op_at(e, item->op), item->name);
        item->said = own && strcmp(item->name, usual) != 0;
        if (!own) memcpy(item->name, usual, sizeof usual);
    }
}

/* ---- The text ---- */

/* A padding of the line that gives what is there; false: none. */
static bool write_padding(FILE *out, const Layer *l, bool pool) {
    const int R = (l->R - 1) * l->dilation + 1, S = (l->S - 1) * l->dilation + 1;
    const bool even = (l->in.H + 2 * l->pad_h - R) / l->stride + 1 == l->out.H &&
                      (l->in.W + 2 * l->pad_w - S) / l->stride + 1 == l->out.W;
    const bool half = l->pad_h == (R - 1) / 2 && l->pad_w == (S - 1) / 2;
    if (even && half && !pool) return true;
    if (even && !l->pad_h && !l->pad_w) return fputs(pool ? "" : " pad valid", out) >= 0;
    if (even && l->pad_h == l->pad_w) return fprintf(out, " pad %d", l->pad_h) > 0;
    if (even && half) return fputs(" pad same", out) >= 0;
    int high, wide; /* what TensorFlow's SAME gives */
    const bool same = layer_same_padding(l->in.H, R, l->stride, 1, &high) == l->pad_h &&
                      layer_same_padding(l->in.W, S, l->stride, 1, &wide) == l->pad_w && high == l->out.H &&
                      wide == l->out.W;
    return !pool && same && fputs(" pad tf", out) >= 0;
}

static void write_number(FILE *out, float value) {
    fprintf(out, " %.9g", onnx_as_written(value));
}

static bool write_conv(FILE *out, const Layer *l) {
    if (l->type == &patch_type) return fprintf(out, " %d %d", l->R, l->out.C) > 0;
    if (l->type == &conv_type) fprintf(out, " %d", l->out.C);
    fprintf(out, " %dx%d", l->R, l->S);
    if (l->stride > 1) fprintf(out, " stride %d", l->stride);
    if (!write_padding(out, l, false)) return false;
    if (l->groups > 1 && l->type == &conv_type) fprintf(out, " groups %d", l->groups);
    if (l->dilation > 1) fprintf(out, " dilation %d", l->dilation);
    return true;
}

static bool write_arguments(FILE *out, const Layer *l, bool last) {
    const char *word = l->type->word;
    if (layer_is_conv(l)) return write_conv(out, l);
    if (l->type == &dense_type && last) fputs(" classes", out);
    if (l->type == &dense_type && !last) fprintf(out, " %d", l->out.C);
    if (l->type == &bn_type && l->epsilon != BN_EPSILON) fprintf(out, " eps %.9g", l->epsilon);
    if (text_has_word("leakyrelu", word)) write_number(out, l->activation.slope);
    if (text_has_word("groupnorm se attention", word)) fprintf(out, " %d", l->number);
    for (int i = 0; text_has_word("normalize", word) && i < 2 * l->number; i++)
        write_number(out, i < l->number ? l->means[i] : l->deviations[i - l->number]);
    if (!text_has_word("maxpool avgpool", word)) return true;
    fprintf(out, " %d", l->R);
    if (l->R != l->S) fprintf(out, "x%d", l->S);
    if (l->R != l->S || l->stride != l->R) fprintf(out, " stride %d", l->stride);
    return write_padding(out, l, true);
}

/* Whether what leaves the item has the shape of the network's output, up to it. */
static bool gives_classes(const Emission *e, int item) {
    const Shape out = op_at(e, e->graph->result)->layer.out;
    for (; item < e->count; item++)
        if (shapes_differ(op_at(e, e->items[item].op)->layer.out, out)) return false;
    return true;
}

static bool norm_follows(const Emission *e, int item) {
    return item + 1 < e->count && e->items[item + 1].kind == ITEM_LAYER &&
           op_at(e, e->items[item + 1].op)->layer.type == &bn_type;
}

static cf_status write_item(const Emission *e, int i, FILE *out) {
    const Item *item = &e->items[i];
    const Layer *l = &op_at(e, item->op)->layer;
    if (i && item->kind != ITEM_CLOSE && e->items[i - 1].kind != ITEM_OPEN) fputs(" | ", out);
    if (item->kind == ITEM_OPEN) {
        fputs("res( ", out);
        return CF_OK;
    }
    if (item->kind == ITEM_LAYER) {
        fputs(l->type->word, out);
        if (item->named_input >= 0) fprintf(out, " %s", e->items[item->named_input].name);
        if (!write_arguments(out, l, gives_classes(e, i)))
            return onnx_refuse(op_at(e, item->op)->node,
                               "its padding is none of the model line's: the same on both sides, or TensorFlow's SAME");
        if ((layer_is_conv(l) && l->type != &patch_type) || l->type == &dense_type)
            if (l->bias == norm_follows(e, i)) fputs(l->bias ? " bias" : " nobias", out);
    } else {
        fputs(" )", out);
    }
    if (item->said) fprintf(out, " as %s", item->name);
    return CF_OK;
}

/* The layers in the order of the list that the line is read into: a shortcut stands in front of its group. */
static cf_status place_layers(const Emission *e, bool before, OnnxLine *line) {
    FORWARD(memory_new(3 * (size_t)e->count + 1, sizeof *line->places, &line->places));
    if (before) line->places[line->count++] = (OnnxPlace){.op = -1};
    for (int i = 0; i < e->count; i++) {
        const Item *item = &e->items[i];
        if (item->kind == ITEM_OPEN && item->conv < 0) continue;
        line->places[line->count++] = (OnnxPlace){.op = item->kind == ITEM_OPEN    ? item->conv
                                                        : item->kind == ITEM_LAYER ? item->op
                                                                                   : -1};
        if (item->kind == ITEM_OPEN)
            line->places[line->count++] = (OnnxPlace){item->norm < 0 ? item->conv : item->norm, item->norm < 0};
    }
    return CF_OK;
}

static cf_status write_line(const Emission *e, const char *before, OnnxLine *line) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    FORWARD(text_draft(&draft));
    if (*before) fprintf(draft.stream, "%s | ", before);
    for (int i = 0; i < e->count; i++) FORWARD(write_item(e, i, draft.stream));
    return text_draft_finish(&draft, &line->line, NULL);
}

/* ---- The whole ---- */

cf_status onnx_line_new(const OnnxGraph *graph, const char *before, bool named, OnnxLine *line) {
    const size_t ops = (size_t)graph->op_count;
    AUTO(blocks_free) Blocks blocks = {0};
    Emission e = {.graph = graph, .current = ONNX_IMAGE};
    *line = (OnnxLine){0};
    FORWARD(blocks_take(&blocks, ops, sizeof *e.needed, &e.needed));
    FORWARD(blocks_take(&blocks, ops, sizeof *e.dominator, &e.dominator));
    FORWARD(blocks_take(&blocks, ops, sizeof *e.depth, &e.depth));
    FORWARD(blocks_take(&blocks, ops, sizeof *e.item_of, &e.item_of));
    FORWARD(blocks_take(&blocks, 2 * (size_t)MOST_LAYERS, sizeof *e.items, &e.items));
    for (size_t i = 0; i < ops; i++) e.item_of[i] = -1;
    FORWARD(mark_needed(&e));
    find_dominators(&e);
    FORWARD(emit(&e, graph->result));
    FAIL_IF(!e.count, CF_BAD_INPUT, "there is no layer between the network's input and its output");
    name_items(&e, named);
    FORWARD(write_line(&e, before, line));
    return place_layers(&e, *before, line);
}

void onnx_line_free(OnnxLine *line) {
    free(line->line);
    free(line->places);
    *line = (OnnxLine){0};
}
