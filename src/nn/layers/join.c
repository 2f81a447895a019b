/* add, concat: two values become one. A res group ends with an add. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

#include <string.h>

static cf_status add_shape(const Reader *reader, Layer *layer) {
    const Shape a = layer->in, b = reader->second;
    layer->out = a;
    if (a.C == b.C && a.H == b.H && a.W == b.W) return CF_OK;
    return reader_fail(reader, layer->column, "%dx%dx%d and %dx%dx%d cannot be added", a.C, a.H, a.W, b.C, b.H, b.W);
}

static cf_status concat_shape(const Reader *reader, Layer *layer) {
    const Shape a = layer->in, b = reader->second;
    layer->out = (Shape){a.C + b.C, a.H, a.W};
    if (a.H == b.H && a.W == b.W) return CF_OK;
    return reader_fail(reader, layer->column, "the channels of %dx%d and of %dx%d cannot stand behind each other", a.H,
                       a.W, b.H, b.W);
}

/* ---- add, with the activation that follows it ---- */

static cf_status add_forward(const Work *w) {
    work_kernels(w)->add(work_x(w, 0), work_x(w, 1), work_values(w), w->node->act, work_y(w));
    return CF_OK;
}

static cf_status add_backward(Planner *planner, Node *node) {
    FORWARD(planner_behind_activation(planner, node));
    for (int i = 0; i < 2; i++) FORWARD(planner_lend(planner, node, i, node->d));
    return CF_OK;
}

static cf_status lay_add(Planner *planner, int number) {
    static const NodeType type = {
        .name = "add", .forward = {add_forward, USES_X | USES_Y}, .add_backward = add_backward, .lends = {true, true}};
    const int next = planner_follower(planner, number);
    const Layer *act = next < 0 ? NULL : planner_layer(planner, next);
    const bool takes = act && layer_is_activation(act) && activation_from_output(act->activation);
    Node *n;
    if (takes) planner_take(planner, next);
    FORWARD(planner_layer_node(planner, sizeof *n, &type, number, takes ? next : number, &n));
    if (takes) n->act = act->activation;
    n->y->needed_by_maker = takes;
    return CF_OK;
}

/* ---- concat: channels of the first, then of the second ---- */

/* Bytes of a pixel. */
static size_t pixel_bytes(const Work *w, const Tensor *tensor) {
    return (size_t)tensor->shape.C * w->node->y->element;
}

static size_t pixels_of(const Work *w) {
    return (size_t)w->plan->slice * (size_t)w->node->y->shape.H * (size_t)w->node->y->shape.W;
}

static cf_status join_channels(const Work *w) {
    const size_t a = pixel_bytes(w, w->node->x[0]), b = pixel_bytes(w, w->node->x[1]);
    const char *first = work_x(w, 0), *second = work_x(w, 1);
    char *y = work_y(w);
    for (size_t i = 0; i < pixels_of(w); i++) {
        memcpy(y + i * (a + b), first + i * a, a);
        memcpy(y + i * (a + b) + a, second + i * b, b);
    }
    return CF_OK;
}

static cf_status part_channels(const Work *w) {
    const size_t all = pixel_bytes(w, w->node->y);
    const char *dy = work_dy(w);
    for (int k = 0; k < 2; k++) {
        const size_t part = pixel_bytes(w, w->node->x[k]);
        char *dx = work_dx(w, k);
        for (size_t i = 0; dx && i < pixels_of(w); i++)
            memcpy(dx + i * part, dy + i * all + (k ? all - part : 0), part);
    }
    return CF_OK;
}

static cf_status lay_concat(Planner *planner, int number) {
    static const NodeType type = {
        .name = "concat", .forward = {join_channels, USES_X | USES_Y}, .backward = {part_channels, USES_DX | USES_DY}};
    Node *n;
    return planner_layer_node(planner, sizeof *n, &type, number, number, &n);
}

const LayerType add_type = {"add", "Add", NULL, add_shape, NULL, lay_add},
                concat_type = {"concat", "Concat", NULL, concat_shape, NULL, lay_concat};
