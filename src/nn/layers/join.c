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

typedef struct AddNode {
    Node node;
    Activation act;
} AddNode;

static AddNode *add_of(Node *node) {
    return (AddNode *)node;
}

static cf_status add(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->add(value_at(plan, node->x[0], index, thread), value_at(plan, node->x[1], index, thread),
                            (size_t)plan->slice * node->y->size, add_of(node)->act,
                            value_at(plan, node->y, index, thread));
    return CF_OK;
}

static cf_status forward_add(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, add, node, 0, USES_X | USES_Y);
}

static cf_status backward_add(Planner *planner, Node *node) {
    FORWARD(planner_behind_activation(planner, node, add_of(node)->act));
    for (int i = 0; i < 2; i++) FORWARD(planner_lend(planner, node, i, node->d));
    return CF_OK;
}

static cf_status lay_add(Planner *planner, int number) {
    static const NodeType type = {.name = "add", .forward = forward_add, .backward = backward_add, .lends = {true, true}};
    int next = planner_follower(planner, number);
    Tensor *y;
    AddNode *n;
    if (next >= 0 && !(layer_is_activation(planner_layer(planner, next)) &&
                       activation_from_output(planner_layer(planner, next)->activation)))
        next = -1;
    if (next >= 0) planner_take(planner, next);
    FORWARD(planner_output(planner, next < 0 ? number : next, &y));
    FORWARD(planner_node(planner, sizeof *n, &type, number, planner_input(planner, number, 0),
                         planner_input(planner, number, 1), false, y, &n));
    if (next >= 0) n->act = planner_layer(planner, next)->activation;
    y->needed_by_maker = next >= 0;
    return CF_OK;
}

/* ---- concat: channels of the first, then of the second ---- */

static cf_status concat(Plan *plan, Node *node, int64_t index, int thread) {
    const size_t element = node->y->element, pixels = (size_t)node->y->shape.H * (size_t)node->y->shape.W;
    const size_t a = (size_t)node->x[0]->shape.C * element, b = (size_t)node->x[1]->shape.C * element;
    const char *first = value_at(plan, node->x[0], index, thread), *second = value_at(plan, node->x[1], index, thread);
    char *y = value_at(plan, node->y, index, thread);
    for (size_t i = 0; i < (size_t)plan->slice * pixels; i++) {
        memcpy(y + i * (a + b), first + i * a, a);
        memcpy(y + i * (a + b) + a, second + i * b, b);
    }
    return CF_OK;
}

static cf_status forward_concat(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, concat, node, 0, USES_X | USES_Y);
}

static cf_status split(Plan *plan, Node *node, int64_t index, int thread) {
    const size_t element = node->y->element, pixels = (size_t)node->y->shape.H * (size_t)node->y->shape.W;
    const size_t all = (size_t)node->y->shape.C * element;
    const char *dy = gradient_at(plan, node->y, index, thread);
    for (int k = 0; k < 2; k++) {
        const size_t part = (size_t)node->x[k]->shape.C * element;
        if (!node->dx[k]) continue;
        char *dx = buffer_at(plan, node->dx[k], index, thread);
        for (size_t i = 0; i < (size_t)plan->slice * pixels; i++)
            memcpy(dx + i * part, dy + i * all + (k ? all - part : 0), part);
    }
    return CF_OK;
}

static cf_status backward_concat(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, split, node, 0, USES_DX | USES_DY);
}

static cf_status lay_concat(Planner *planner, int number) {
    static const NodeType type = {.name = "concat", .forward = forward_concat, .backward = backward_concat};
    Tensor *y;
    Node *n;
    FORWARD(planner_output(planner, number, &y));
    return planner_node(planner, sizeof *n, &type, number, planner_input(planner, number, 0),
                        planner_input(planner, number, 1), false, y, &n);
}

const LayerType add_type = {"add", "Add", NULL, add_shape, NULL, lay_add},
                concat_type = {"concat", "Concat", NULL, concat_shape, NULL, lay_concat};
