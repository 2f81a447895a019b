/* What a plan is laid out with: tensors, nodes, steps, and how gradients find their way. */
#include "nn/planner.h"

#include <stdlib.h>
#include <string.h>

/* ---- Tensors and buffers ---- */

static cf_status new_buffer(Planner *planner, int list, size_t image_bytes, Buffer **buffer) {
    Plan *plan = planner->plan;
    FORWARD(blocks_take(&plan->blocks, 1, sizeof **buffer, buffer));
    **buffer = (Buffer){.list = list, .image_bytes = image_bytes, .first = -1, .last = -1, .next = plan->buffers};
    plan->buffers = *buffer;
    return CF_OK;
}

static bool has_list(const Planner *planner, int list) {
    return planner->plan->options.mode != (list == LIST_TRAINING ? PLAN_INFERENCE : PLAN_GRADIENTS);
}

cf_status planner_tensor(Planner *planner, Shape shape, Tensor **tensor) {
    Plan *plan = planner->plan;
    FORWARD(blocks_take(&plan->blocks, 1, sizeof **tensor, tensor));
    **tensor = (Tensor){.shape = shape,
                        .size = shape_size(shape),
                        .element = plan_kernels(plan)->element,
                        .readers = 1,
                        .next = plan->tensors};
    plan->tensors = *tensor;
    return CF_OK;
}

/* Made late, when its maker has said what its elements are and whether it works in place. */
cf_status planner_make_values(Planner *planner, Tensor *tensor) {
    for (int list = 0; list < LISTS; list++)
        if (has_list(planner, list) && !tensor->value[list])
            FORWARD(new_buffer(planner, list, tensor->size * tensor->element, &tensor->value[list]));
    return CF_OK;
}

Tensor *planner_input(const Planner *planner, int number, int which) {
    const int from = planner_layer(planner, number)->input[which];
    return from < planner->plan->options.first ? planner->plan->image : planner->plan->outputs[from];
}

bool planner_is_tap(const Planner *planner, int number) {
    const PlanOptions *o = &planner->plan->options;
    for (int i = 0; i < o->tap_count; i++)
        if (o->taps[i] == number) return true;
    return false;
}

cf_status planner_output(Planner *planner, int number, Tensor **tensor) {
    Plan *plan = planner->plan;
    FORWARD(planner_tensor(planner, planner_layer(planner, number)->out, tensor));
    (*tensor)->readers = planner->readers[number];
    for (int h = 0; h < plan->head_count; h++)
        if (plan->layers->heads[h] == number) {
            plan->heads[h].logits_tensor = *tensor;
            (*tensor)->float_wanted = true;
        }
    if (planner_is_tap(planner, number) && plan->options.mode == PLAN_GRADIENTS) (*tensor)->wants_gradient = true;
    plan->outputs[number] = *tensor;
    return CF_OK;
}

bool planner_is_output(const Planner *planner, int number) {
    const LayerList *layers = planner->plan->layers;
    for (int h = 0; h < layers->head_count; h++)
        if (layers->heads[h] == number) return true;
    return false;
}

const FakeRange *planner_range(const Planner *planner, int number) {
    const FakeRange *ranges = planner->plan->options.quantized;
    return ranges && ranges[number].scale > 0 && !planner_is_output(planner, number) ? &ranges[number] : NULL;
}

int planner_follower(const Planner *planner, int number) {
    const int next = number + 1;
    if (next >= planner->plan->layers->count || !planner->needed[next] || planner->taken[next]) return -1;
    if (planner->readers[number] != 1 || planner_layer(planner, next)->input[0] != number) return -1;
    if (planner_range(planner, number) && planner_layer(planner, next)->type != &maxpool_type) return -1;
    return next;
}

void planner_take(Planner *planner, int number) {
    planner->taken[number] = true;
}

/* ---- Nodes ---- */

cf_status planner_loose_node(Planner *planner, size_t size, Node begin, void *node) {
    Node *made = NULL;
    FORWARD(blocks_take(&planner->plan->blocks, 1, size, &made));
    *made = begin;
    memcpy(node, &made, sizeof made);
    return CF_OK;
}

cf_status planner_node(Planner *planner, size_t size, const NodeType *type, int number, Tensor *x, Tensor *second,
                       bool has_weights, Tensor *y, void *node) {
    Node *made = NULL;
    const Node begin = {.type = type,
                        .layer = planner_layer(planner, number),
                        .number = number,
                        .x = {x, second},
                        .y = y,
                        .learns = has_weights && !planner_frozen(planner, number)};
    FORWARD(planner_loose_node(planner, size, begin, &made));
    y->behind_weights |= has_weights || x->behind_weights || (second && second->behind_weights);
    y->wants_gradient |= made->learns || x->wants_gradient || (second && second->wants_gradient);
    *(planner->last_node ? &planner->last_node->next : &planner->plan->nodes) = made;
    planner->last_node = made;
    memcpy(node, &made, sizeof made);
    return CF_OK;
}

cf_status planner_layer_node(Planner *planner, size_t size, const NodeType *type, int number, int last, void *node) {
    const Layer *layer = planner_layer(planner, number);
    Tensor *y;
    FORWARD(planner_output(planner, last, &y));
    return planner_node(planner, size, type, number, planner_input(planner, number, 0),
                        layer->inputs > 1 ? planner_input(planner, number, 1) : NULL, layer->parameter_count > 0, y,
                        node);
}

cf_status planner_in_place(Planner *planner, Node *node, bool training) {
    Tensor *x = node->x[0], *y = node->y;
    if (x->readers != 1 || x == planner->plan->image || x->element != y->element) return CF_OK;
    FORWARD(planner_make_values(planner, x));
    y->value[LIST_INFERENCE] = x->value[LIST_INFERENCE];
    if (!y->wants_gradient || (training && !x->needed_by_maker)) y->value[LIST_TRAINING] = x->value[LIST_TRAINING];
    return CF_OK;
}

cf_status planner_extra(Planner *planner, Node *node, int which, ListKind list, size_t image_bytes) {
    return has_list(planner, (int)list) ? new_buffer(planner, (int)list, image_bytes, &node->extra[which]) : CF_OK;
}

Weights planner_weights(const Planner *planner, int number, const char *what) {
    const Plan *plan = planner->plan;
    float *values = parameters_find(plan->parameters, number, what);
    const bool learns = plan->gradient && values && !planner_frozen(planner, number);
    return (Weights){values, learns ? plan->gradient + (values - plan->parameters->values) : NULL};
}

/* ---- Steps ---- */

cf_status steps_add(StepList *list, Step step) {
    FORWARD(memory_grow(&list->steps, (size_t)list->count, sizeof *list->steps));
    list->steps[list->count++] = step;
    return CF_OK;
}

static void mark_use(Buffer *buffer, int step) {
    if (!buffer) return;
    if (buffer->first < 0 || step < buffer->first) buffer->first = step;
    if (step > buffer->last) buffer->last = step;
}

static void mark_uses(const Node *node, int list, int step, int uses) {
    const bool trains = list == LIST_TRAINING;
    for (int i = 0; i < 2; i++) {
        if (uses & USES_X && node->x[i]) mark_use(node->x[i]->value[list], step);
        if (uses & USES_EXTRA && node->extra[i] && node->extra[i]->list == list) mark_use(node->extra[i], step);
        if (uses & USES_DX && trains) mark_use(node->dx[i], step);
    }
    if (uses & USES_Y) mark_use(node->y->value[list], step);
    if (uses & USES_DY && trains) mark_use(node->y->gradient, step);
    if (uses & USES_D && trains) mark_use(node->d, step);
}

cf_status planner_step(Planner *planner, int lists, StepKind kind, StepFn work, Node *node, int64_t count, int uses) {
    /* A barrier anyway: nothing that stays in a thread's caches is lost. */
    if (planner->going_back && kind != STEP_SLICES) FORWARD(spread_begin_sums(planner, false));
    for (int list = 0; list < LISTS; list++) {
        if (!(lists & 1 << list) || !has_list(planner, list)) continue;
        FORWARD(steps_add(&planner->plan->lists[list], (Step){kind, work, node, count, false}));
        mark_uses(node, list, planner->plan->lists[list].count - 1, uses);
    }
    return CF_OK;
}

cf_status planner_refresh(Planner *planner, StepFn work, Node *node, int64_t count) {
    return steps_add(&planner->plan->refresh, (Step){STEP_PIECES, work, node, count, true});
}

/* The steps that close the gradients come last: what they use is in use until then. */
cf_status planner_close(Planner *planner, StepFn work, Node *node, int64_t count, int uses) {
    enum { THE_END = 1 << 30 };
    mark_uses(node, LIST_TRAINING, THE_END, uses);
    return steps_add(&planner->closing, (Step){STEP_PIECES, work, node, count, true});
}

cf_status planner_finish(Planner *planner, StepFn work, Node *node) {
    return steps_add(&planner->finishing, (Step){STEP_PIECES, work, node, 1, true});
}

/* ---- Gradients ---- */

cf_status planner_scratch(Planner *planner, const Tensor *tensor, Buffer **buffer) {
    return new_buffer(planner, LIST_TRAINING, tensor->size * plan_kernels(planner->plan)->element, buffer);
}

cf_status planner_begin_gradient(Planner *planner, Tensor *tensor) {
    return planner_scratch(planner, tensor, &tensor->gradient);
}

cf_status planner_own_gradient(Planner *planner, const Node *node, Buffer **gradient) {
    if (node->y->gradient->shared) return planner_scratch(planner, node->y, gradient);
    *gradient = node->y->gradient;
    return CF_OK;
}

static cf_status undo_activation(const Work *w) {
    work_kernels(w)->act_backward(w->node->act, work_y(w), work_dy(w), work_values(w), work_d(w));
    return CF_OK;
}

cf_status planner_behind_activation(Planner *planner, Node *node) {
    node->d = node->y->gradient;
    if (node->act.kind == ACT_NONE) return CF_OK;
    FORWARD(planner_own_gradient(planner, node, &node->d));
    return planner_step(planner, IN_TRAINING, STEP_SLICES, undo_activation, node, 0, USES_Y | USES_DY | USES_D);
}

static cf_status sum_gradients(const Work *w) {
    work_kernels(w)->add(work_extra(w, 0), work_extra(w, 1), (size_t)w->plan->slice * w->node->x[0]->size,
                         (Activation){ACT_NONE, 0}, work_dx(w, 0));
    return CF_OK;
}

/* A sum of gradients of x on its way: `to` = a + b. */
static cf_status new_sum(Planner *planner, Tensor *x, Buffer *a, Buffer *b, Buffer *to, Node **sum) {
    return planner_loose_node(planner, sizeof **sum, (Node){.x = {x}, .extra = {a, b}, .dx = {to}}, sum);
}

static cf_status add_sum(Planner *planner, Node *sum) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, sum_gradients, sum, 0, USES_EXTRA | USES_DX);
}

cf_status planner_lend(Planner *planner, Node *node, int which, Buffer *gradient) {
    Tensor *x = node->x[which];
    Node *sum = NULL;
    if (!x || !x->wants_gradient) return CF_OK;
    if (!x->gradient) {
        x->gradient = gradient;
        gradient->shared = true;
        return CF_OK;
    }
    Buffer *before = x->gradient;
    if (before->shared) FORWARD(planner_begin_gradient(planner, x));
    FORWARD(new_sum(planner, x, gradient, before, x->gradient, &sum));
    return add_sum(planner, sum);
}

/* Where node's gradient of input `which` goes; *sum: with what others gave, to be added behind the node's steps. */
static cf_status begin_dx(Planner *planner, Node *node, int which, Node **sum) {
    Tensor *x = node->x[which];
    if (!x || !x->wants_gradient) return CF_OK;
    Buffer *before = x->gradient, **own = &node->dx[which];
    FORWARD(!before && node->type->elementwise ? planner_own_gradient(planner, node, own)
                                               : planner_scratch(planner, x, own));
    x->gradient = before && !before->shared ? before : *own;
    return before ? new_sum(planner, x, *own, before, x->gradient, sum) : CF_OK;
}

static cf_status add_backward(Planner *planner, Node *node) {
    const NodeType *type = node->type;
    Node *sums[2] = {NULL, NULL};
    bool wanted = node->learns;
    for (int i = 0; i < 2; i++) wanted |= node->x[i] && node->x[i]->wants_gradient;
    if (!wanted || !node->y->gradient) return CF_OK;   /* nothing before it or in it learns, or nothing comes back */
    if (!type->backward.work && !type->add_backward) { /* the gradient goes through as it is */
        for (int i = 0; i < 2; i++) FORWARD(planner_lend(planner, node, i, node->y->gradient));
        return CF_OK;
    }
    for (int i = 0; i < 2; i++)
        if (!type->lends[i]) FORWARD(begin_dx(planner, node, i, &sums[i]));
    if (type->backward.work)
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, type->backward.work, node, 0, type->backward.uses));
    if (type->add_backward) FORWARD(type->add_backward(planner, node));
    for (int i = 0; i < 2; i++)
        if (sums[i]) FORWARD(add_sum(planner, sums[i]));
    return CF_OK;
}

cf_status planner_add_backward(Planner *planner) {
    size_t count = 0;
    AUTO_FREE Node **nodes = NULL;
    for (const Node *n = planner->plan->nodes; n; n = n->next) count++;
    FORWARD(memory_new(count + 1, sizeof(Node *), (void **)&nodes));
    size_t i = 0;
    for (Node *n = planner->plan->nodes; n; n = n->next) nodes[i++] = n;
    while (i-- > 0) FORWARD(add_backward(planner, nodes[i]));
    return CF_OK;
}
