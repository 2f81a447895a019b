/* A plan is made: how a batch is cut, which layers are needed, their nodes and steps, all memory. */
#include "nn/layers/nodes.h"

#include <stdlib.h>

/* ---- Sizes ---- */

static size_t convolution_weights(const LayerList *layers) {
    size_t weights = 0;
    for (int i = 0; i < layers->count; i++)
        if (layer_is_conv(&layers->layers[i])) weights += layers->layers[i].parameters;
    return weights;
}

/* Images of a slice. Eight large pictures each would be too few slices for many threads, at the batches that such pictures are
 * trained with, and what each thread has of its own would be large. But a slice has its own weight gradients: it is to keep no
 * fewer values than those have. */
static int choose_slice(const LayerList *layers) {
    enum { MOST_VALUES = 1 << 20 }; /* of the largest array: those of MNIST's or SVHN's networks stay below */
    const size_t weights = convolution_weights(layers);
    size_t largest = shape_size(layers->input), kept = largest, slice = SLICE;
    for (int i = 0; i < layers->count; i++) {
        const size_t size = shape_size(layers->layers[i].out);
        if (size > largest) largest = size;
        kept += size;
    }
    while (slice > 1 && slice * largest > MOST_VALUES && slice / 2 * kept >= weights) slice /= 2;
    return (int)slice;
}

/* Slices whose convolutions' weight gradients are formed as one sum, so that those of wide layers do not fill the memory. */
static int choose_group(const LayerList *layers, int slices) {
    enum { MOST_FLOATS = 1 << 26, LEAST_GROUPS = 4 };
    const size_t weights = convolution_weights(layers);
    int group = 1;
    while ((size_t)(slices / group) * weights > MOST_FLOATS && slices / (2 * group) >= LEAST_GROUPS) group *= 2;
    return group;
}

static int whole_slices(int images) {
    return (images + SLICE - 1) / SLICE * SLICE;
}

/* A unit is whole groups of each kind of sum: of slices, and of the images of a dense layer's products. */
int plan_units(const LayerList *layers, int batch) {
    const int images = whole_slices(batch), slice = choose_slice(layers),
              group = slice * choose_group(layers, images / slice), unit = group > DENSE_GROUP ? group : DENSE_GROUP;
    return (images + unit - 1) / unit;
}

static void choose_heads(Plan *plan) {
    const LayerList *layers = plan->layers;
    const LossSettings *losses = plan->options.mode == PLAN_TRAINING ? plan->options.losses : NULL;
    if (plan->options.only_taps) return;
    plan->head_count = 1;
    while (losses && plan->head_count < layers->head_count && losses[plan->head_count].loss) plan->head_count++;
    for (int h = 0; h < plan->head_count; h++)
        plan->heads[h] = (Head){.number = h,
                                .classes = (int)shape_size(layers->layers[layers->heads[h]].out),
                                .loss = losses ? &losses[h] : &plain_cross_entropy};
}

/* ---- Nodes and steps ---- */

static bool mark_needed(const Planner *planner, int number) {
    const bool computed = number >= planner->plan->options.first;
    if (computed) planner->needed[number] = true;
    return computed;
}

/* Which layers the outputs and taps need, and how many then read each. */
static void find_needed(Planner *planner) {
    const Plan *plan = planner->plan;
    const LayerList *layers = plan->layers;
    const PlanOptions *o = &plan->options;
    for (int i = 0; i < o->tap_count + plan->head_count; i++) {
        const int number = i < o->tap_count ? o->taps[i] : layers->heads[i - o->tap_count];
        mark_needed(planner, number);
        planner->readers[number]++;
    }
    for (int i = layers->count - 1; i >= 0; i--)
        for (int k = 0; planner->needed[i] && k < layers->layers[i].inputs; k++) {
            const int from = layers->layers[i].input[k];
            if (mark_needed(planner, from)) planner->readers[from]++;
        }
}

/* Rounds what the node has given that begins with layer `number`: the last of its layers, or the one in front of its max pool, has a
 * range. */
static cf_status round_values(Planner *planner, int number) {
    Plan *plan = planner->plan;
    const FakeRange *range = planner_range(planner, number);
    while (!plan->outputs[number]) {
        const FakeRange *next = planner_range(planner, ++number);
        if (next) range = next;
    }
    Tensor *x = plan->outputs[number], *y;
    if (!range) return CF_OK;
    FORWARD(planner_output(planner, number, &y));
    x->readers = 1;
    return lay_fake_quant(planner, number, range, x, y);
}

static cf_status lay_image(Planner *planner) {
    Plan *plan = planner->plan;
    const int first = plan->options.first;
    FORWARD(planner_tensor(planner, first ? plan->layers->layers[first - 1].out : plan->layers->input, &plan->image));
    plan->image->readers = 2; /* never worked on in place */
    plan->image->behind_weights = first > 0;
    FORWARD(planner_make_values(planner, plan->image));
    return planner_add_images(planner);
}

static cf_status lay_layers(Planner *planner) {
    for (int i = planner->plan->options.first; i < planner->plan->layers->count; i++) {
        if (!planner->needed[i] || planner->taken[i]) continue;
        FORWARD(planner_layer(planner, i)->type->lay(planner, i));
        FORWARD(round_values(planner, i));
    }
    return CF_OK;
}

static cf_status add_forward(Planner *planner, Node *node) {
    const NodeType *type = node->type;
    if (type->refresh) FORWARD(planner_refresh(planner, type->refresh, node, 1));
    if (type->statistics[0] && !planner_frozen(planner, node->number)) {
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, type->statistics[0], node, 0, USES_X));
        FORWARD(planner_step(planner, IN_TRAINING, STEP_ONCE, type->statistics[1], node, 1, USES_NOTHING));
    }
    if (type->add_forward) FORWARD(type->add_forward(planner, node));
    if (!type->forward.work) return CF_OK;
    return planner_step(planner, IN_BOTH, STEP_SLICES, type->forward.work, node, 0, type->forward.uses);
}

static void hold_values(Tensor *tensor) {
    for (int list = 0; tensor && list < LISTS; list++)
        if (tensor->value[list]) tensor->value[list]->held = true;
}

/* Taps and outputs are read behind the last step. */
static void hold_outputs(const Plan *plan) {
    for (int h = 0; h < plan->head_count; h++) hold_values(plan->heads[h].logits_tensor);
    for (int i = 0; i < plan->options.tap_count; i++) {
        Tensor *tap = plan->outputs[plan->options.taps[i]];
        hold_values(tap);
        hold_values(tap->attention_weights);
        if (tap->gradient) tap->gradient->held = true;
    }
}

static cf_status lay_out(Planner *planner) {
    Plan *plan = planner->plan;
    find_needed(planner);
    FORWARD(lay_image(planner));
    FORWARD(lay_layers(planner));
    for (Tensor *t = plan->tensors; t; t = t->next) FORWARD(planner_make_values(planner, t));
    for (Node *node = plan->nodes; node; node = node->next) FORWARD(add_forward(planner, node));
    FORWARD(planner_add_heads(planner));
    planner->going_back = plan->spread != NULL;
    if (plan->options.mode != PLAN_INFERENCE) FORWARD(planner_add_backward(planner));
    FORWARD(planner_end(planner));
    hold_outputs(plan);
    return planner_place(planner);
}

static void planner_free(Planner *planner) {
    blocks_free(&planner->blocks);
    free(planner->wants);
    free(planner->closing.steps);
    free(planner->finishing.steps);
}

static cf_status lay_plan_out(Plan *plan) {
    const size_t layers = (size_t)plan->layers->count;
    AUTO(planner_free) Planner planner = {.plan = plan};
    FORWARD(blocks_take(&planner.blocks, layers, sizeof *planner.needed, &planner.needed));
    FORWARD(blocks_take(&planner.blocks, layers, sizeof *planner.taken, &planner.taken));
    FORWARD(blocks_take(&planner.blocks, layers, sizeof *planner.readers, &planner.readers));
    return lay_out(&planner);
}

/* ---- The plan ---- */

static cf_status make_plan(const LayerList *layers, Parameters *parameters, const PlanOptions *options, bool measures,
                           Plan **plan) {
    AUTO(plan_free_at) Plan *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->options = *options;
    made->reversal = 1;
    if (options->outside && options->outside->layer >= 0)
        made->options.taps = &options->outside->layer, made->options.tap_count = 1;
    made->measures = measures;
    made->threads = options->threads;
    made->batch = whole_slices(options->batch);
    made->slice = choose_slice(layers);
    made->group = options->mode == PLAN_TRAINING ? choose_group(layers, made->batch / made->slice) : 1;
    made->layers = layers;
    made->parameters = parameters;
    choose_heads(made);
    if (options->ranks > 1) FORWARD(spread_new(made));
    made->slices = made->batch / made->slice;
    FORWARD(blocks_take(&made->blocks, (size_t)layers->count, sizeof(Tensor *), (void **)&made->outputs));
    FORWARD(blocks_take(&made->blocks, (size_t)whole_slices(options->batch), sizeof(Sample), &made->own_samples));
    if (options->mode == PLAN_TRAINING)
        FORWARD(blocks_take(&made->blocks, parameters->trainable + 1, sizeof(float), &made->gradient));
    FORWARD(lay_plan_out(made));
    FORWARD(memory_reserve(MEMORY_OF_LIBRARIES)); /* some of oneDNN's code is made at the first use */
    *plan = memory_take(&made);
    return CF_OK;
}

cf_status plan_new(const LayerList *layers, Parameters *parameters, const PlanOptions *options, Plan **plan) {
    return make_plan(layers, parameters, options, false, plan);
}

cf_status plan_measure(const LayerList *layers, Parameters *parameters, const PlanOptions *options, size_t *bytes) {
    AUTO(plan_free_at) Plan *plan = NULL;
    FORWARD(make_plan(layers, parameters, options, true, &plan));
    *bytes = plan->memory_bytes;
    return CF_OK;
}

void plan_free(Plan *plan) {
    if (!plan) return;
    for (Node *node = plan->nodes; node; node = node->next)
        if (node->type->release) node->type->release(plan->options.engine, node);
    for (int i = 0; i < LISTS; i++) free(plan->lists[i].steps);
    free(plan->refresh.steps);
    free(plan->sums);
    spread_free(plan->spread);
    blocks_free(&plan->blocks);
    free(plan);
}
