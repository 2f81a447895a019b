/* Which layers of a network are one operation in integers. */
#include "nn/int8/int8.h"

#include <stdlib.h>
#include <string.h>

/* Layers on their way into operations. */
typedef struct Grouping {
    Int8Network *network;
    const LayerList *layers;
    bool *needed, *taken;           /* [layers] */
    int *readers, *reader, *tensor; /* [layers]: how many read it, one of them, where its values are */
} Grouping;

static void grouping_free(Grouping *g) {
    free(g->needed);
    free(g->taken);
    free(g->readers);
}

static const char *word_of(const Grouping *g, int layer) {
    return g->layers->layers[layer].type->word;
}

static void count_readers(Grouping *g) {
    const int output = g->layers->heads[0];
    g->readers[output]++;
    for (int i = 0; i < g->layers->count; i++)
        for (int k = 0; g->needed[i] && k < g->layers->layers[i].inputs; k++) {
            const int from = g->layers->layers[i].input[k];
            if (from >= 0) g->readers[from]++, g->reader[from] = i;
        }
}

/* The one layer that reads what `layer` gives; -1: none or several. */
static int follower(const Grouping *g, int layer) {
    return g->readers[layer] == 1 && layer != g->layers->heads[0] ? g->reader[layer] : -1;
}

static int input_of(const Grouping *g, int layer, int which) {
    const int from = g->layers->layers[layer].input[which];
    return from < 0 ? 0 : g->tensor[from];
}

static Int8Op *add_op(Grouping *g, Int8Kind kind, int layer) {
    Int8Network *n = g->network;
    Int8Op *op = &n->ops[n->op_count++];
    *op = (Int8Op){.kind = kind, .layer = layer, .last = layer, .part = "", .norm = -1};
    op->x[0] = input_of(g, layer, 0), op->x[1] = -1;
    op->window = layer_window(&g->layers->layers[layer], 1);
    return op;
}

/* The operation takes the next layer in. */
static void take_layer(Grouping *g, Int8Op *op, int layer) {
    op->last = layer;
    g->taken[layer] = true;
}

static void activate(Int8Op *op, const LayerType *type, Activation act) {
    op->activation = type;
    op->act = act;
}

static void take_rectifier(Grouping *g, Int8Op *op) {
    const int next = follower(g, op->last);
    const Layer *layer = &g->layers->layers[next < 0 ? 0 : next];
    if (next < 0 || !layer_is_activation(layer) || !int8_is_limit(layer->activation)) return;
    take_layer(g, op, next);
    activate(op, layer->type, layer->activation);
}

static void add_result(Grouping *g, Int8Op *op, Shape shape) {
    Int8Network *n = g->network;
    op->y = n->tensor_count++;
    n->tensors[op->y] = (Int8Tensor){.shape = shape};
}

static void close_op(Grouping *g, Int8Op *op) {
    add_result(g, op, g->layers->layers[op->last].out);
    g->tensor[op->last] = op->y;
}

/* A dense layer is a convolution as large as what it reads. */
static void group_product(Grouping *g, int layer) {
    const Layer *l = &g->layers->layers[layer];
    Int8Op *op = add_op(g, INT8_CONV, layer);
    const int next = follower(g, layer);
    if (l->type == &dense_type) op->window = window_whole(l->in, l->out.C);
    if (next >= 0 && g->layers->layers[next].type == &bn_type) take_layer(g, op, next), op->norm = next;
    take_rectifier(g, op);
    close_op(g, op);
}

/* A norm that no convolution is in front of: a convolution of single values. */
static void group_norm(Grouping *g, int layer) {
    const Shape in = g->layers->layers[layer].in;
    Int8Op *op = add_op(g, INT8_CONV, layer);
    op->window = window_whole((Shape){in.C, 1, 1}, in.C);
    op->window.H = op->window.P = in.H, op->window.W = op->window.Q = in.W, op->window.groups = in.C;
    op->norm = layer;
    take_rectifier(g, op);
    close_op(g, op);
}

static void group_join(Grouping *g, Int8Kind kind, int layer) {
    Int8Op *op = add_op(g, kind, layer);
    op->x[1] = input_of(g, layer, 1);
    take_rectifier(g, op);
    close_op(g, op);
}

static void group_activation(Grouping *g, int layer) {
    const Layer *l = &g->layers->layers[layer];
    Int8Op *op = add_op(g, int8_is_limit(l->activation) ? INT8_CLAMP : INT8_TABLE, layer);
    activate(op, l->type, l->activation);
    close_op(g, op);
}

static Int8Op *add_inner(Grouping *g, Int8Kind kind, int layer, int x, Shape out) {
    Int8Op *op = add_op(g, kind, layer);
    op->inner = true;
    op->x[0] = x;
    add_result(g, op, out);
    return op;
}

/* squeeze_ranges() of int8_ranges.c takes the first four in this order. */
static cf_status group_squeeze(Grouping *g, int layer) {
    const Layer *l = &g->layers->layers[layer];
    const Shape all = {l->in.C, 1, 1}, few = {l->in.C / l->number, 1, 1};
    FAIL_IF(
        l->input[0] < 0, CF_BAD_USE,
        "the layer %s (se) has no form in 8-bit integers where it reads the image itself; a layer in front of it was "
        "expected",
        l->name);
    Int8Op *op = add_inner(g, INT8_MEAN, layer, input_of(g, layer, 0), all);
    op = add_inner(g, INT8_CONV, layer, op->y, few);
    op->part = "fc1.", op->window = window_whole(all, few.C);
    activate(op, layer_type("relu"), (Activation){ACT_RELU, 0});
    op = add_inner(g, INT8_CONV, layer, op->y, all);
    op->part = "fc2.", op->window = window_whole(few, all.C);
    op = add_inner(g, INT8_TABLE, layer, op->y, all);
    activate(op, layer_type("sigmoid"), (Activation){ACT_SIGMOID, 0});
    const int scales = op->y;
    op = add_op(g, INT8_MULTIPLY, layer);
    op->x[1] = scales;
    take_rectifier(g, op);
    close_op(g, op);
    return CF_OK;
}

static cf_status group_layer(Grouping *g, int layer) {
    const Layer *l = &g->layers->layers[layer];
    const char *word = word_of(g, layer);
    if (layer_is_conv(l) || l->type == &dense_type)
        group_product(g, layer);
    else if (l->type == &bn_type || strcmp(word, "normalize") == 0)
        group_norm(g, layer);
    else if (l->type == &add_type || l->type == &concat_type)
        group_join(g, l->type == &add_type ? INT8_ADD : INT8_CONCAT, layer);
    else if (strcmp(word, "se") == 0)
        FORWARD(group_squeeze(g, layer));
    else if (strstr(word, "pool"))
        close_op(g, add_op(g, strstr(word, "avg") ? INT8_AVGPOOL : INT8_MAXPOOL, layer));
    else if (layer_is_activation(l))
        group_activation(g, layer);
    else if (strcmp(word, "dropout") == 0 || strcmp(word, "droppath") == 0 || strcmp(word, "reverse") == 0)
        g->tensor[layer] = input_of(g, layer, 0);
    else
        return FAIL(
            CF_BAD_USE,
            "the layer %s (%s) has no form in 8-bit integers yet; those that have: conv, dwconv, patch, dense, bn, "
            "normalize, activations (relu, silu ..), pools, res, add, concat, se, dropout, droppath",
            l->name, word);
    return CF_OK;
}

cf_status int8_group(Int8Network *n) {
    enum { MOST = 5 }; /* operations of a layer */
    const LayerList *layers = &n->model->layers;
    AUTO(grouping_free) Grouping g = {.network = n, .layers = layers};
    const size_t count = (size_t)layers->count;
    FORWARD(memory_new(MOST * count + 1, sizeof *n->tensors, &n->tensors));
    FORWARD(memory_new(MOST * count, sizeof *n->ops, &n->ops));
    FORWARD(layer_list_needed(layers, layers->heads[0], &g.needed));
    FORWARD(memory_new(count, sizeof *g.taken, &g.taken));
    FORWARD(memory_new(3 * count, sizeof *g.readers, &g.readers));
    g.reader = g.readers + count, g.tensor = g.reader + count;
    count_readers(&g);
    n->tensors[0] = (Int8Tensor){layers->input, 1.0f / 255, -128};
    n->tensor_count = 1;
    for (int i = 0; i < layers->count; i++)
        if (g.needed[i] && !g.taken[i]) FORWARD(group_layer(&g, i));
    n->result = g.tensor[layers->heads[0]];
    return CF_OK;
}
