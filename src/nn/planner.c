/* Lays a network out: what is needed, its nodes and steps, and where every buffer lies. */
#include "nn/planner.h"

#include "base/memory.h"
#include "base/placement.h"
#include "nn/layers/nodes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGN = 64 };

static size_t aligned(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- Memory that stays: a table of what is wanted ---- */

struct Want {
    void *target; /* of a pointer */
    size_t bytes;
};

cf_status planner_keep(Planner *planner, void *target, size_t count, size_t size) {
    size_t bytes;
    if (planner->want_count == planner->want_room) {
        const int room = planner->want_room ? 2 * planner->want_room : 64;
        Want *wants = realloc(planner->wants, (size_t)room * sizeof *wants);
        FAIL_IF(!wants, CF_NO_MEMORY, "out of memory while planning");
        planner->wants = wants;
        planner->want_room = room;
    }
    if (!size_multiply(count, size, &bytes) || bytes > SIZE_MAX / 4) planner->too_large = true, bytes = 0;
    planner->wants[planner->want_count++] = (Want){target, aligned(bytes)};
    return CF_OK;
}

/* ---- Tensors and buffers ---- */

static cf_status new_buffer(Planner *planner, int list, size_t image_bytes, Buffer **buffer) {
    Buffer *made;
    FORWARD(memory_new(1, sizeof *made, &made));
    *made = (Buffer){.list = list, .image_bytes = image_bytes, .first = -1, .last = -1, .next = planner->plan->buffers};
    planner->plan->buffers = made;
    *buffer = made;
    return CF_OK;
}

static size_t element_of(const Planner *planner) {
    return planner_engine(planner)->kernels->element;
}

static bool has_list(const Planner *planner, int list) {
    return list == LIST_TRAINING ? planner->plan->options.mode != PLAN_INFERENCE
                                 : planner->plan->options.mode != PLAN_GRADIENTS;
}

cf_status planner_tensor(Planner *planner, Shape shape, Tensor **tensor) {
    Tensor *made;
    FORWARD(memory_new(1, sizeof *made, &made));
    *made = (Tensor){.shape = shape,
                     .size = shape_size(shape),
                     .element = element_of(planner),
                     .readers = 1,
                     .next = planner->plan->tensors};
    planner->plan->tensors = made;
    *tensor = made;
    return CF_OK;
}

/* Made late, when its maker has said what its elements are and whether it works in place. */
static cf_status make_values(Planner *planner, Tensor *tensor) {
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

/* To which a layer's values are rounded; NULL: not at all. */
static const FakeRange *range_of(const Planner *planner, int number) {
    const FakeRange *ranges = planner->plan->options.quantized;
    return ranges && ranges[number].scale > 0 && !planner_is_output(planner, number) ? &ranges[number] : NULL;
}

int planner_follower(const Planner *planner, int number) {
    const int next = number + 1;
    if (next >= planner->plan->layers->count || !planner->needed[next] || planner->taken[next]) return -1;
    if (planner->readers[number] != 1 || planner_layer(planner, next)->input[0] != number) return -1;
    if (range_of(planner, number) && planner_layer(planner, next)->type != &maxpool_type) return -1;
    return next;
}

void planner_take(Planner *planner, int number) {
    planner->taken[number] = true;
}

/* ---- Nodes ---- */

cf_status planner_node(Planner *planner, size_t size, const NodeType *type, int number, Tensor *x, Tensor *second,
                       bool has_weights, Tensor *y, void *node) {
    Node *made;
    FORWARD(memory_new(1, size, &made));
    *made = (Node){.type = type,
                   .layer = planner_layer(planner, number),
                   .number = number,
                   .x = {x, second},
                   .y = y,
                   .learns = has_weights && !planner_frozen(planner, number)};
    y->behind_weights |= has_weights || x->behind_weights || (second && second->behind_weights);
    y->wants_gradient |= made->learns || x->wants_gradient || (second && second->wants_gradient);
    if (planner->last_node)
        planner->last_node->next = made;
    else
        planner->plan->nodes = made;
    planner->last_node = made;
    memcpy(node, &made, sizeof made);
    return CF_OK;
}

cf_status planner_in_place(Planner *planner, Node *node, bool training) {
    Tensor *x = node->x[0], *y = node->y;
    if (x->readers != 1 || x == planner->plan->image || x->element != y->element) return CF_OK;
    FORWARD(make_values(planner, x));
    y->value[LIST_INFERENCE] = x->value[LIST_INFERENCE];
    if (!y->wants_gradient || (training && !x->needed_by_maker)) y->value[LIST_TRAINING] = x->value[LIST_TRAINING];
    return CF_OK;
}

cf_status planner_extra(Planner *planner, Node *node, int which, ListKind list, size_t image_bytes) {
    return has_list(planner, list) ? new_buffer(planner, list, image_bytes, &node->extra[which]) : CF_OK;
}

float *planner_parameter(const Planner *planner, int number, const char *what) {
    return parameters_find(planner->plan->parameters, number, what);
}

float *planner_gradient(const Planner *planner, int number, const char *what) {
    const Plan *plan = planner->plan;
    const float *values = planner_parameter(planner, number, what);
    if (!plan->gradient || !values || planner_frozen(planner, number)) return NULL;
    return plan->gradient + (values - plan->parameters->values);
}

/* ---- Steps ---- */

static cf_status add_step(StepList *list, Step step) {
    if (list->count == list->room) {
        const int room = list->room ? 2 * list->room : 32;
        Step *steps = realloc(list->steps, (size_t)room * sizeof *steps);
        FAIL_IF(!steps, CF_NO_MEMORY, "out of memory while planning");
        list->steps = steps;
        list->room = room;
    }
    list->steps[list->count++] = step;
    return CF_OK;
}

static void use(Buffer *buffer, int step) {
    if (!buffer) return;
    if (buffer->first < 0 || step < buffer->first) buffer->first = step;
    if (step > buffer->last) buffer->last = step;
}

static void use_node(const Node *node, int list, int step, int uses) {
    for (int i = 0; i < 2; i++) {
        if (uses & USES_X && node->x[i]) use(node->x[i]->value[list], step);
        if (uses & USES_EXTRA && node->extra[i] && node->extra[i]->list == list) use(node->extra[i], step);
        if (uses & USES_DX && list == LIST_TRAINING) use(node->dx[i], step);
    }
    if (uses & USES_Y) use(node->y->value[list], step);
    if (uses & USES_DY && list == LIST_TRAINING) use(node->y->gradient, step);
}

cf_status planner_step(Planner *planner, int lists, StepKind kind, StepFn work, Node *node, int64_t count, int uses) {
    /* A barrier anyway: nothing that stays in a thread's caches is lost. */
    if (planner->going_back && kind != STEP_SLICES) FORWARD(spread_begin_sums(planner, false));
    for (int list = 0; list < LISTS; list++) {
        if (!(lists & 1 << list) || !has_list(planner, list)) continue;
        FORWARD(add_step(&planner->plan->lists[list], (Step){kind, work, node, count, false}));
        use_node(node, list, planner->plan->lists[list].count - 1, uses);
    }
    return CF_OK;
}

void planner_uses(Planner *planner, Buffer *buffer) {
    use(buffer, planner->plan->lists[LIST_TRAINING].count - 1);
}

cf_status planner_refresh(Planner *planner, StepFn work, Node *node, int64_t count) {
    return add_step(&planner->plan->refresh, (Step){STEP_PIECES, work, node, count, true});
}

/* The steps that close the gradients come last: what they use is in use until then. */
enum { THE_END = 1 << 30 };

void planner_closing_uses(Buffer *buffer) {
    use(buffer, THE_END);
}

cf_status planner_close(Planner *planner, StepFn work, Node *node, int64_t count, int uses) {
    use_node(node, LIST_TRAINING, THE_END, uses);
    return add_step(&planner->closing, (Step){STEP_PIECES, work, node, count, true});
}

cf_status planner_finish(Planner *planner, StepFn work, Node *node) {
    return add_step(&planner->finishing, (Step){STEP_PIECES, work, node, 1, true});
}

cf_status planner_sum(Planner *planner, const DoubleSum *sum) {
    Plan *plan = planner->plan;
    if (plan->sum_count == plan->sum_room) {
        const int room = plan->sum_room ? 2 * plan->sum_room : 16;
        DoubleSum *sums = realloc(plan->sums, (size_t)room * sizeof *sums);
        FAIL_IF(!sums, CF_NO_MEMORY, "out of memory while planning");
        plan->sums = sums;
        plan->sum_room = room;
    }
    plan->sums[plan->sum_count++] = *sum;
    return CF_OK;
}

/* ---- Gradients ---- */

static size_t gradient_bytes(const Planner *planner, const Tensor *tensor) {
    return tensor->size * element_of(planner);
}

cf_status planner_scratch(Planner *planner, const Tensor *tensor, Buffer **buffer) {
    return new_buffer(planner, LIST_TRAINING, gradient_bytes(planner, tensor), buffer);
}

cf_status planner_begin_gradient(Planner *planner, Tensor *tensor) {
    return new_buffer(planner, LIST_TRAINING, gradient_bytes(planner, tensor), &tensor->gradient);
}

cf_status planner_own_gradient(Planner *planner, const Node *node, Buffer **gradient) {
    if (node->y->gradient->shared) return new_buffer(planner, LIST_TRAINING, gradient_bytes(planner, node->y), gradient);
    *gradient = node->y->gradient;
    return CF_OK;
}

static cf_status behind_activation(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->act_backward(node->act, value_at(plan, node->y, index, thread),
                                     gradient_at(plan, node->y, index, thread), (size_t)plan->slice * node->y->size,
                                     buffer_at(plan, node->d, index, thread));
    return CF_OK;
}

cf_status planner_behind_activation(Planner *planner, Node *node, Activation act) {
    node->act = act;
    node->d = node->y->gradient;
    if (act.kind == ACT_NONE) return CF_OK;
    FORWARD(planner_own_gradient(planner, node, &node->d));
    FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, behind_activation, node, 0, USES_Y | USES_DY));
    planner_uses(planner, node->d);
    return CF_OK;
}

static cf_status sum_gradients(const Plan *plan, const Node *node, int which, int64_t index, int thread) {
    const GradientSum *sum = &node->sum[which];
    plan_kernels(plan)->add(buffer_at(plan, sum->a, index, thread), buffer_at(plan, sum->b, index, thread),
                            (size_t)plan->slice * node->x[which]->size, (Activation){ACT_NONE, 0},
                            buffer_at(plan, sum->to, index, thread));
    return CF_OK;
}

static cf_status sum_first(Plan *plan, Node *node, int64_t index, int thread) {
    return sum_gradients(plan, node, 0, index, thread);
}

static cf_status sum_second(Plan *plan, Node *node, int64_t index, int thread) {
    return sum_gradients(plan, node, 1, index, thread);
}

static cf_status add_sum(Planner *planner, Node *node, int which) {
    const GradientSum *sum = &node->sum[which];
    FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, which ? sum_second : sum_first, node, 0, USES_NOTHING));
    planner_uses(planner, sum->a);
    planner_uses(planner, sum->b);
    planner_uses(planner, sum->to);
    return CF_OK;
}

cf_status planner_lend(Planner *planner, Node *node, int which, Buffer *gradient) {
    Tensor *x = node->x[which];
    if (!x || !x->wants_gradient) return CF_OK;
    if (!x->gradient) {
        x->gradient = gradient;
        gradient->shared = true;
        return CF_OK;
    }
    Buffer *before = x->gradient;
    if (before->shared)
        FORWARD(new_buffer(planner, LIST_TRAINING, gradient_bytes(planner, x), &x->gradient));
    node->sum[which] = (GradientSum){gradient, before, x->gradient};
    return add_sum(planner, node, which);
}

/* Where node's gradient of input `which` goes. */
static cf_status begin_gradient(Planner *planner, Node *node, int which) {
    Tensor *x = node->x[which];
    if (!x || !x->wants_gradient) return CF_OK;
    Buffer *before = x->gradient;
    if (!before && node->type->elementwise) {
        FORWARD(planner_own_gradient(planner, node, &node->dx[which]));
    } else {
        FORWARD(new_buffer(planner, LIST_TRAINING, gradient_bytes(planner, x), &node->dx[which]));
    }
    Buffer *own = node->dx[which];
    if (before) node->sum[which] = (GradientSum){own, before, before->shared ? own : before};
    x->gradient = before && !before->shared ? before : own;
    return CF_OK;
}

static cf_status add_backward(Planner *planner, Node *node) {
    bool wanted = node->learns;
    for (int i = 0; i < 2; i++) wanted |= node->x[i] && node->x[i]->wants_gradient;
    if (!wanted || !node->y->gradient) return CF_OK; /* nothing before it or in it learns, or nothing comes back */
    if (!node->type->backward) { /* the gradient goes through as it is */
        for (int i = 0; i < 2; i++) FORWARD(planner_lend(planner, node, i, node->y->gradient));
        return CF_OK;
    }
    for (int i = 0; i < 2; i++)
        if (!node->type->lends[i]) FORWARD(begin_gradient(planner, node, i));
    FORWARD(node->type->backward(planner, node));
    for (int i = 0; i < 2; i++)
        if (node->sum[i].to && !node->type->lends[i]) FORWARD(add_sum(planner, node, i));
    return CF_OK;
}

/* From the last node to the first. */
static cf_status add_all_backward(Planner *planner, Node *node) {
    int count = 0, i = 0;
    Node **nodes;
    cf_status status = CF_OK;
    for (const Node *n = node; n; n = n->next) count++;
    FORWARD(memory_new((size_t)count + 1, sizeof(Node *), (void **)&nodes));
    for (; node; node = node->next) nodes[i++] = node;
    while (i-- > 0 && !status) status = add_backward(planner, nodes[i]);
    free(nodes);
    return status;
}

/* ---- Where buffers lie ---- */

/* Steps on slices that follow each other are one loop; a step of another kind is a barrier. */
static cf_status number_loops(const StepList *list, int **loops) {
    FORWARD(memory_new((size_t)list->count + 1, sizeof(int), loops));
    for (int i = 1; i < list->count; i++)
        (*loops)[i] = (*loops)[i - 1] + !(list->steps[i].kind == STEP_SLICES && list->steps[i - 1].kind == STEP_SLICES);
    return CF_OK;
}

static size_t buffer_bytes(const Plan *plan, const Buffer *buffer) {
    return aligned(buffer->image_bytes * (size_t)(buffer->per_thread ? plan->slice : plan->batch));
}

/* `placed` is room for `count`. */
static cf_status place(const Plan *plan, Buffer **buffers, int count, Placed *placed, size_t *bytes) {
    for (int i = 0; i < count; i++)
        placed[i] = (Placed){buffer_bytes(plan, buffers[i]), buffers[i]->first, buffers[i]->last, 0};
    FORWARD(placement_find(placed, (size_t)count, bytes));
    for (int i = 0; i < count; i++) buffers[i]->offset = placed[i].offset;
    return CF_OK;
}

typedef struct Places {
    Buffer **of_batch, **of_threads;
    Placed *placed;
    int batch_count, thread_count;
    size_t batch_bytes, thread_bytes;
} Places;

/* Buffers of the batch are in use for whole loops, since slices are not at the same step; a thread's for steps. */
static void sort_buffer(const Plan *plan, Buffer *buffer, const int *loops, Places *places) {
    const StepList *list = &plan->lists[buffer->list];
    if (buffer->last >= list->count || buffer->held) buffer->last = list->count - 1;
    buffer->per_thread =
        !buffer->held && list->steps[buffer->first].kind == STEP_SLICES && loops[buffer->first] == loops[buffer->last];
    if (buffer->per_thread) {
        places->of_threads[places->thread_count++] = buffer;
        return;
    }
    buffer->first = loops[buffer->first];
    buffer->last = loops[buffer->last];
    places->of_batch[places->batch_count++] = buffer;
}

/* Both lists have the same memory: they do not run at the same time. */
static cf_status place_list(Planner *planner, int list, Places *places) {
    Plan *plan = planner->plan;
    int *loops;
    size_t batch, thread;
    FORWARD(number_loops(&plan->lists[list], &loops));
    places->batch_count = places->thread_count = 0;
    for (Buffer *b = plan->buffers; b; b = b->next)
        if (b->list == list && b->first >= 0) sort_buffer(plan, b, loops, places);
    free(loops);
    FORWARD(place(plan, places->of_batch, places->batch_count, places->placed, &batch));
    FORWARD(place(plan, places->of_threads, places->thread_count, places->placed, &thread));
    if (batch > places->batch_bytes) places->batch_bytes = batch;
    if (thread > places->thread_bytes) places->thread_bytes = thread;
    return CF_OK;
}

/* `total` bytes are too many; of them the images' own grow with the batch. The batch is halved until it fits: what does not grow
 * with it may become less, too, so that it takes no more than is said. */
static cf_status too_much(const Plan *plan, double total, double images, double there) {
    const bool trains = plan->options.mode == PLAN_TRAINING;
    char smaller[80] = "";
    for (int batch = plan->options.batch / 2; batch > 0; batch /= 2) {
        const int filled = (batch + SLICE - 1) / SLICE * SLICE;
        const double bytes = total - images + images / plan->batch * filled;
        if (bytes > there) continue;
        snprintf(smaller, sizeof smaller, "a batch of %d%s takes %.1f GB; ", batch, trains ? " (--batch)" : "",
                 bytes / 1e9);
        break;
    }
    return FAIL(CF_NO_MEMORY,
                "%s of %d images of this network takes %.1f GB of memory, and this machine has %.1f GB; %ssmaller "
                "images%s need less",
                trains ? "a training step" : "a pass", plan->options.batch, total / 1e9, there / 1e9, smaller,
                trains ? " (--size)" : "");
}

static cf_status allot(Planner *planner, const Places *places) {
    Plan *plan = planner->plan;
    size_t total = places->batch_bytes, offset;
    bool overflow = planner->too_large;
    size_t threads;
    /* Threads' parts a page apart and more, so that they do not write to one line. */
    const size_t part = (places->thread_bytes + 4095) / 4096 * 4096;
    overflow |= !size_multiply(part, (size_t)plan->options.threads, &threads);
    overflow |= __builtin_add_overflow(total, threads, &total);
    offset = total;
    for (int i = 0; i < planner->want_count; i++)
        overflow |= __builtin_add_overflow(total, planner->wants[i].bytes, &total);
    if (overflow) return FAIL(CF_NO_MEMORY, "this network and batch are too large");
    const double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
    if ((double)total > there) return too_much(plan, (double)total, (double)places->batch_bytes, there);
    plan->memory_bytes = total;
    if (plan->measures) return CF_OK;
    FORWARD(memory_new(total + 1, 1, &plan->memory));
    for (int i = 0; i < planner->want_count; i++) {
        void *at = (char *)plan->memory + offset;
        memcpy(planner->wants[i].target, &at, sizeof at);
        offset += planner->wants[i].bytes;
    }
    for (Buffer *b = plan->buffers; b; b = b->next) b->base = (char *)plan->memory + b->offset;
    plan->thread_base = (char *)plan->memory + places->batch_bytes;
    plan->thread_part = part;
    return CF_OK;
}

static cf_status make_memory(Planner *planner) {
    const Plan *plan = planner->plan;
    Places places = {0};
    size_t count = 1;
    cf_status status;
    for (const Buffer *b = plan->buffers; b; b = b->next) count++;
    FORWARD_TO(done, memory_new(count, sizeof(Buffer *), (void **)&places.of_batch));
    FORWARD_TO(done, memory_new(count, sizeof(Buffer *), (void **)&places.of_threads));
    FORWARD_TO(done, memory_new(count, sizeof *places.placed, &places.placed));
    for (int list = 0; list < LISTS; list++) FORWARD_TO(done, place_list(planner, list, &places));
    FORWARD_TO(done, allot(planner, &places));
done:
    free(places.of_batch);
    free(places.of_threads);
    free(places.placed);
    return status;
}

/* ---- The whole ---- */

static bool need(const Planner *planner, int number) {
    const bool computed = number >= planner->plan->options.first;
    if (computed) planner->needed[number] = true;
    return computed;
}

/* Which layers the outputs and taps need, and how many then read each. */
static void find_needed(Planner *planner) {
    const Plan *plan = planner->plan;
    const LayerList *layers = plan->layers;
    for (int i = 0; i < plan->options.tap_count; i++) {
        need(planner, plan->options.taps[i]);
        planner->readers[plan->options.taps[i]]++;
    }
    for (int h = 0; h < plan->head_count; h++) {
        need(planner, layers->heads[h]);
        planner->readers[layers->heads[h]]++;
    }
    for (int i = layers->count - 1; i >= 0; i--)
        for (int k = 0; planner->needed[i] && k < layers->layers[i].inputs; k++) {
            const int from = layers->layers[i].input[k];
            if (need(planner, from)) planner->readers[from]++;
        }
}

/* Rounds what the node has given that begins with layer `number`: the last of its layers, or the one in front of its max pool, has a
 * range. */
static cf_status round_values(Planner *planner, int number) {
    Plan *plan = planner->plan;
    const FakeRange *range = range_of(planner, number);
    while (!plan->outputs[number]) {
        const FakeRange *next = range_of(planner, ++number);
        if (next) range = next;
    }
    Tensor *x = plan->outputs[number], *y;
    if (!range) return CF_OK;
    FORWARD(planner_output(planner, number, &y));
    x->readers = 1;
    return lay_fake_quant(planner, number, range, x, y);
}

static cf_status lay_layers(Planner *planner) {
    for (int i = planner->plan->options.first; i < planner->plan->layers->count; i++) {
        if (!planner->needed[i] || planner->taken[i]) continue;
        FORWARD(planner_layer(planner, i)->type->lay(planner, i));
        FORWARD(round_values(planner, i));
    }
    return CF_OK;
}

static void hold(Tensor *tensor) {
    for (int list = 0; list < LISTS; list++)
        if (tensor->value[list]) tensor->value[list]->held = true;
}

/* Taps and outputs are read behind the last step. */
static void hold_outputs(const Plan *plan) {
    for (int h = 0; h < plan->head_count; h++) hold(plan->heads[h].logits_tensor);
    for (int i = 0; i < plan->options.tap_count; i++) {
        Tensor *tap = plan->outputs[plan->options.taps[i]];
        hold(tap);
        if (tap->attention_weights) hold(tap->attention_weights);
        if (tap->gradient) tap->gradient->held = true;
    }
}

static cf_status close_sum(Plan *plan, Node *node, int64_t index, int thread) {
    const DoubleSum *sum = &plan->sums[index];
    double *values = *sum->from + sum->offset;
    (void)node, (void)thread;
    tree_sum(values, sum->stride, sum->leaves, sum->count);
    for (size_t i = 0; i < sum->count; i++) sum->to[i] = (float)values[i];
    return CF_OK;
}

cf_status planner_add_closing(Planner *planner) {
    StepList *list = &planner->plan->lists[LIST_TRAINING];
    for (int i = 0; i < planner->closing.count; i++) FORWARD(add_step(list, planner->closing.steps[i]));
    const int sums_end = list->count;
    for (int i = 0; i < planner->finishing.count; i++) FORWARD(add_step(list, planner->finishing.steps[i]));
    if (list->count > sums_end) list->steps[sums_end].joins_last = false;
    planner->closing.count = planner->finishing.count = 0;
    return CF_OK;
}

/* Weight gradients need nothing but what stays: they wait until the way back is done, and then run together. So do the
 * last touches, when all sums are there. */
static cf_status add_closing(Planner *planner) {
    const Plan *plan = planner->plan;
    planner->going_back = false;
    if (plan->sum_count)
        FORWARD(add_step(&planner->finishing, (Step){STEP_PIECES, close_sum, NULL, plan->sum_count, true}));
    return plan->spread ? spread_begin_sums(planner, true) : planner_add_closing(planner);
}

static cf_status lay_out(Planner *planner, const PlanEnds *ends) {
    Plan *plan = planner->plan;
    find_needed(planner);
    const int first = plan->options.first;
    FORWARD(planner_tensor(planner, first ? plan->layers->layers[first - 1].out : plan->layers->input, &plan->image));
    plan->image->readers = 2; /* never worked on in place */
    plan->image->behind_weights = first > 0;
    FORWARD(make_values(planner, plan->image));
    FORWARD(ends->begin(planner));
    FORWARD(lay_layers(planner));
    for (Tensor *t = plan->tensors; t; t = t->next) FORWARD(make_values(planner, t));
    for (Node *node = plan->nodes; node; node = node->next)
        if (node->type->forward) FORWARD(node->type->forward(planner, node));
    FORWARD(ends->end(planner));
    planner->going_back = plan->spread != NULL;
    if (plan->options.mode != PLAN_INFERENCE) FORWARD(add_all_backward(planner, plan->nodes));
    FORWARD(add_closing(planner));
    hold_outputs(plan);
    return make_memory(planner);
}

cf_status planner_lay_out(Plan *plan, const PlanEnds *ends) {
    const size_t layers = (size_t)plan->layers->count;
    Planner planner = {.plan = plan};
    cf_status status;
    FORWARD_TO(done, memory_new(layers, sizeof *planner.needed, &planner.needed));
    FORWARD_TO(done, memory_new(layers, sizeof *planner.taken, &planner.taken));
    FORWARD_TO(done, memory_new(layers, sizeof *planner.readers, &planner.readers));
    FORWARD_TO(done, lay_out(&planner, ends));
done:
    free(planner.needed);
    free(planner.taken);
    free(planner.readers);
    free(planner.wants);
    free(planner.closing.steps);
    free(planner.finishing.steps);
    return status;
}
