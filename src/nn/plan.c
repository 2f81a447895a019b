/* The ends of a plan, images and losses; and how its steps run. */
#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "nn/planner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void tree_sum(double *values, size_t stride, int count, size_t size) {
    for (int step = 1; step < count; step *= 2)
        for (int s = 0; s + step < count; s += 2 * step)
            for (size_t i = 0; i < size; i++)
                values[(size_t)s * stride + i] += values[(size_t)(s + step) * stride + i];
}

/* ---- The images ---- */

static void prepare_sample(const Plan *plan, const Sample *sample, int thread, void *x) {
    const size_t size = plan->image->size;
    float *whole = plan->whole + (size_t)thread * 2 * size;
    const bool is_float = plan->image->element == sizeof(float);
    sample_image(sample, thread, whole + size, is_float ? x : whole);
    if (!is_float) plan_kernels(plan)->from_float(whole, size, x);
}

static cf_status prepare(Plan *plan, Node *node, int64_t index, int thread) {
    const int valid = plan_valid(plan, index);
    const size_t bytes = value_buffer(plan, plan->image)->image_bytes;
    char *x = value_at(plan, plan->image, index, thread);
    (void)node;
    for (int i = 0; i < valid; i++)
        prepare_sample(plan, &plan->samples[index * plan->slice + i], thread, x + (size_t)i * bytes);
    memset(x + (size_t)valid * bytes, 0, (size_t)(plan->slice - valid) * bytes);
    return CF_OK;
}

/* The images are written by no node: this one stands for them. */
static cf_status add_images(Planner *planner) {
    static const NodeType images_type = {.name = "images"};
    Plan *plan = planner->plan;
    Node *node;
    FORWARD(planner_keep(planner, &plan->whole, (size_t)plan->options.threads * 2 * plan->image->size, sizeof(float)));
    FORWARD(planner_node(planner, sizeof *node, &images_type, 0, plan->image, NULL, false, plan->image, &node));
    return planner_step(planner, IN_BOTH, STEP_SLICES, prepare, node, 0, USES_Y);
}

/* ---- The losses ---- */

typedef struct HeadNode {
    Node node;
    Head *head;
} HeadNode;

static Head *head_of(const Node *node) {
    return ((const HeadNode *)node)->head;
}

static float *logits_of(const Plan *plan, const Head *head) {
    return head->logits ? head->logits : (float *)(void *)value_buffer(plan, head->logits_tensor)->base;
}

/* The logits as floats, where the last node does not give them so; probabilities. */
static cf_status head_forward(Plan *plan, Node *node, int64_t index, int thread) {
    Head *head = head_of(node);
    const size_t classes = (size_t)head->classes, first = (size_t)index * (size_t)plan->slice;
    if (head->logits)
        plan_kernels(plan)->to_float(value_at(plan, head->logits_tensor, index, thread), (size_t)plan->slice * classes,
                                     head->logits + first * classes);
    for (size_t row = first; row < first + (size_t)plan_valid(plan, index); row++)
        head->log_sums[row] = softmax(logits_of(plan, head) + row * classes, head->classes,
                                      head->probabilities + row * classes);
    return CF_OK;
}

/* A class that the output does not know is none. */
static int known(const Head *head, int label) {
    return label < head->classes ? label : -1;
}

static Target target_of(const Head *head, const Sample *sample) {
    Target target = {.label = known(head, sample->target[head->number]),
                     .partner = known(head, sample->partner_target[head->number]),
                     .share = sample->share,
                     .soft = sample->soft[head->number],
                     .teacher = head->number ? NULL : sample->teacher,
                     .weight = (double)sample->weight};
    if (target.label < 0) target.label = target.partner, target.share = 1 - target.share, target.partner = -1;
    if (target.partner < 0 && target.label >= 0) target.share = 1;
    return target;
}

static void write_gradient(const Plan *plan, const Head *head, const double *d, int thread, void *to) {
    float *row = plan->row + (size_t)thread * plan->row_size;
    for (int k = 0; k < head->classes; k++) row[k] = d ? (float)d[k] : 0;
    plan_kernels(plan)->from_float(row, (size_t)head->classes, to);
}

/* Loss and gradient of one image; a filling image has none. */
static double row_loss(const Plan *plan, const Head *head, size_t row, bool valid, int thread, void *to) {
    double *d = plan->row_d + (size_t)thread * plan->row_size;
    if (!valid) {
        write_gradient(plan, head, NULL, thread, to);
        return 0;
    }
    const size_t first = row * (size_t)head->classes;
    const Target target = target_of(head, &plan->samples[row]);
    double loss =
        head->loss->loss->image(head->loss, head->classes, logits_of(plan, head) + first, head->probabilities + first,
                                head->log_sums[row], &target, d);
    if (target.teacher) loss = loss_distilled(head->loss, head->classes, logits_of(plan, head) + first, &target, loss, d);
    for (int k = 0; k < head->classes; k++) d[k] = head->loss->scale * d[k] / head->weight;
    for (int k = 0; k < head->classes && plan->outside && !head->number; k++) d[k] += (double)plan->outside_d[first + (size_t)k];
    write_gradient(plan, head, d, thread, to);
    return head->loss->scale * loss;
}

static cf_status head_loss(Plan *plan, Node *node, int64_t index, int thread) {
    Head *head = head_of(node);
    const Buffer *gradient = head->logits_tensor->gradient;
    char *to = buffer_at(plan, gradient, index, thread);
    double loss = 0;
    int64_t correct = 0;
    for (int i = 0; i < plan->slice; i++) {
        const size_t row = (size_t)(index * plan->slice + i);
        const bool valid = i < plan_valid(plan, index);
        loss += row_loss(plan, head, row, valid, thread, to + (size_t)i * gradient->image_bytes);
        if (valid)
            correct += first_largest(head->probabilities + row * (size_t)head->classes, head->classes) ==
                       known(head, plan->samples[row].target[head->number]);
    }
    head->losses[index] = loss;
    head->correct[index] = correct;
    return CF_OK;
}

/* The given gradient in place of a loss's. */
static cf_status head_given(Plan *plan, Node *node, int64_t index, int thread) {
    const Head *head = head_of(node);
    const size_t classes = (size_t)head->classes, bytes = head->logits_tensor->gradient->image_bytes;
    char *to = buffer_at(plan, head->logits_tensor->gradient, index, thread);
    const int valid = plan_valid(plan, index);
    const float *from = plan->given + (size_t)index * (size_t)plan->slice * classes;
    plan_kernels(plan)->from_float(from, (size_t)valid * classes, to);
    memset(to + (size_t)valid * bytes, 0, (size_t)(plan->slice - valid) * bytes);
    return CF_OK;
}

/* ---- A loss from outside ---- */

static void read_values(const Plan *plan, const Buffer *buffer, size_t size, size_t element, float *values);

static cf_status run_outside(Plan *plan, Node *node, int64_t index, int thread) {
    const OutsideLoss *outside = plan->options.outside;
    const Tensor *x = node->x[0];
    (void)index, (void)thread;
    memset(plan->outside_d, 0, (size_t)plan->batch * (size_t)plan->heads[0].classes * sizeof *plan->outside_d);
    if (x) {
        memset(plan->outside_dx, 0, (size_t)plan->batch * x->size * sizeof *plan->outside_dx);
        read_values(plan, value_buffer(plan, x), x->size, x->element, plan->outside_x);
    }
    return outside->compute(outside->context, plan->n, plan->heads[0].probabilities, plan->outside_x, plan->outside_d,
                            plan->outside_dx);
}

static cf_status outside_gradient(Plan *plan, Node *node, int64_t index, int thread) {
    const size_t count = (size_t)plan->slice * node->x[0]->size;
    plan_kernels(plan)->from_float(plan->outside_dx + (size_t)index * count, count,
                                   gradient_at(plan, node->x[0], index, thread));
    return CF_OK;
}

static cf_status add_outside(Planner *planner) {
    static const NodeType outside_type = {.name = "outside"};
    Plan *plan = planner->plan;
    const size_t batch = (size_t)plan->batch;
    const OutsideLoss *outside = plan->options.outside;
    Tensor *x = outside->layer >= 0 ? plan->outputs[outside->layer] : NULL;
    FORWARD(memory_new(1, sizeof *plan->outside, &plan->outside));
    *plan->outside = (Node){.type = &outside_type, .x = {x}, .y = plan->heads[0].logits_tensor};
    FORWARD(planner_keep(planner, &plan->outside_d, batch * (size_t)plan->heads[0].classes, sizeof(float)));
    if (x) FORWARD(planner_keep(planner, &plan->outside_x, batch * x->size, sizeof(float)));
    if (x) FORWARD(planner_keep(planner, &plan->outside_dx, batch * x->size, sizeof(float)));
    FORWARD(planner_step(planner, IN_TRAINING, STEP_ONCE, run_outside, plan->outside, 0, USES_X | USES_Y));
    if (!x) return CF_OK;
    FORWARD(planner_begin_gradient(planner, x));
    FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, outside_gradient, plan->outside, 0, USES_NOTHING));
    planner_uses(planner, x->gradient);
    return CF_OK;
}

/* ---- Heads ---- */

static cf_status add_head(Planner *planner, Head *head) {
    static const NodeType head_type = {.name = "head"};
    Plan *plan = planner->plan;
    const size_t batch = (size_t)plan->batch, classes = (size_t)head->classes, slices = (size_t)plan->slices;
    const bool trains = plan->options.mode == PLAN_TRAINING;
    Tensor *y = head->logits_tensor;
    HeadNode *node;
    FORWARD(memory_new(1, sizeof *node, &head->node));
    node = head->node;
    *node = (HeadNode){.node = {.type = &head_type, .x = {y}, .y = y}, .head = head};
    FORWARD(planner_keep(planner, &head->probabilities, batch * classes, sizeof(float)));
    FORWARD(planner_keep(planner, &head->log_sums, batch, sizeof(double)));
    if (y->element != sizeof(float)) FORWARD(planner_keep(planner, &head->logits, batch * classes, sizeof(float)));
    FORWARD(planner_keep(planner, &head->losses, slices, sizeof(double)));
    FORWARD(planner_keep(planner, &head->correct, slices, sizeof(int64_t)));
    FORWARD(planner_step(planner, IN_BOTH, STEP_SLICES, head_forward, &node->node, 0, USES_X));
    if (plan->options.mode == PLAN_INFERENCE || plan->options.forward_only || (trains && !head->loss)) return CF_OK;
    if (trains && plan->options.outside && !head->number) FORWARD(add_outside(planner));
    FORWARD(planner_begin_gradient(planner, y));
    return planner_step(planner, IN_TRAINING, STEP_SLICES, trains ? head_loss : head_given, &node->node, 0,
                        USES_X | USES_DY);
}

static cf_status add_heads(Planner *planner) {
    Plan *plan = planner->plan;
    for (int h = 0; h < plan->head_count; h++)
        if ((size_t)plan->heads[h].classes > plan->row_size) plan->row_size = (size_t)plan->heads[h].classes;
    plan->row_size = (plan->row_size + 15) / 16 * 16 + 16; /* a line between threads */
    FORWARD(planner_keep(planner, &plan->row, (size_t)plan->options.threads * plan->row_size, sizeof(float)));
    FORWARD(planner_keep(planner, &plan->row_d, (size_t)plan->options.threads * plan->row_size, sizeof(double)));
    for (int h = 0; h < plan->head_count; h++) FORWARD(add_head(planner, &plan->heads[h]));
    return CF_OK;
}

/* ---- Making ---- */

/* Images of a slice. Eight large pictures each would be too few slices for many threads, at the batches that such pictures are
 * trained with, and what each thread has of its own would be large. But a slice has its own weight gradients: it is to keep no
 * fewer values than those have. */
static int choose_slice(const LayerList *layers) {
    enum { MOST_VALUES = 1 << 20 }; /* of the largest array: those of MNIST's or SVHN's networks stay below */
    size_t largest = shape_size(layers->input), kept = largest, weights = 0, slice = SLICE;
    for (int i = 0; i < layers->count; i++) {
        const size_t size = shape_size(layers->layers[i].out);
        if (size > largest) largest = size;
        kept += size;
        if (layer_is_conv(&layers->layers[i])) weights += layers->layers[i].parameters;
    }
    while (slice > 1 && slice * largest > MOST_VALUES && slice / 2 * kept >= weights) slice /= 2;
    return (int)slice;
}

/* Slices whose convolutions' weight gradients are formed as one sum, so that those of wide layers do not fill the memory. */
static int choose_group(const LayerList *layers, int slices) {
    enum { MOST_FLOATS = 1 << 26, LEAST_GROUPS = 4 };
    size_t weights = 0;
    int group = 1;
    for (int i = 0; i < layers->count; i++)
        if (layer_is_conv(&layers->layers[i])) weights += layers->layers[i].parameters;
    while ((size_t)(slices / group) * weights > MOST_FLOATS && slices / (2 * group) >= LEAST_GROUPS) group *= 2;
    return group;
}

static int whole_slices(int images) {
    return (images + SLICE - 1) / SLICE * SLICE;
}

/* A unit is whole groups of each kind of sum: of slices, and of the images of a dense layer's products. */
int plan_units(const LayerList *layers, int batch) {
    const int images = whole_slices(batch), slice = choose_slice(layers), group = slice * choose_group(layers, images / slice),
              unit = group > DENSE_GROUP ? group : DENSE_GROUP;
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

static cf_status make_plan(const LayerList *layers, Parameters *parameters, const PlanOptions *options, bool measures,
                           Plan **plan) {
    static const PlanEnds ends = {add_images, add_heads};
    Plan *made;
    cf_status status;
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
    if (options->ranks > 1) FORWARD_TO(failed, spread_new(made));
    made->slices = made->batch / made->slice;
    FORWARD_TO(failed, memory_new((size_t)layers->count, sizeof(Tensor *), (void **)&made->outputs));
    FORWARD_TO(failed, memory_new((size_t)whole_slices(options->batch), sizeof(Sample), &made->own_samples));
    if (options->mode == PLAN_TRAINING)
        FORWARD_TO(failed, memory_new(parameters->trainable + 1, sizeof(float), &made->gradient));
    FORWARD_TO(failed, planner_lay_out(made, &ends));
    FORWARD_TO(failed, memory_reserve(MEMORY_OF_LIBRARIES)); /* some of oneDNN's code is made at the first use */
    *plan = made;
    return CF_OK;
failed:
    plan_free(made);
    return status;
}

cf_status plan_new(const LayerList *layers, Parameters *parameters, const PlanOptions *options, Plan **plan) {
    return make_plan(layers, parameters, options, false, plan);
}

cf_status plan_measure(const LayerList *layers, Parameters *parameters, const PlanOptions *options, size_t *bytes) {
    Plan *plan;
    FORWARD(make_plan(layers, parameters, options, true, &plan));
    *bytes = plan->memory_bytes;
    plan_free(plan);
    return CF_OK;
}

void plan_free(Plan *plan) {
    if (!plan) return;
    for (Node *node = plan->nodes, *next; node; node = next) {
        next = node->next;
        if (node->type->release) node->type->release(plan->options.engine, node);
        free(node);
    }
    for (Tensor *t = plan->tensors, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    for (Buffer *b = plan->buffers, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    for (int h = 0; h < plan->head_count; h++) free(plan->heads[h].node);
    free(plan->outside);
    for (int i = 0; i < LISTS; i++) free(plan->lists[i].steps);
    spread_free(plan->spread);
    free(plan->sums);
    free(plan->refresh.steps);
    free(plan->outputs);
    free(plan->own_samples);
    free(plan->gradient);
    free(plan->memory);
    free(plan);
}

/* ---- Running ---- */

/* Consecutive steps run as one parallel loop. */
typedef struct Loop {
    Plan *plan;
    const Step *steps;
    int count, group; /* group: slices of one piece */
    int64_t slices;
} Loop;

/* All steps on one slice, one after the other; then on the next of the group. */
static cf_status run_slices(void *context, int64_t index, int thread) {
    const Loop *loop = context;
    if (loop->plan->spread && thread == 0) FORWARD(spread_advance(loop->plan));
    for (int64_t s = index * loop->group; s < (index + 1) * loop->group && s < loop->slices; s++)
        for (int i = 0; i < loop->count; i++)
            FORWARD(loop->steps[i].work(loop->plan, loop->steps[i].node, s, thread));
    return CF_OK;
}

/* One piece of one of the steps, which are counted through. */
static cf_status run_piece(void *context, int64_t index, int thread) {
    const Loop *loop = context;
    const Step *step = loop->steps;
    if (loop->plan->spread && thread == 0) FORWARD(spread_advance(loop->plan));
    while (index >= step->count) index -= step++->count;
    return step->work(loop->plan, step->node, index, thread);
}

/* Nothing is summed over the images of inference: slices without any need not run. */
static int slices_in_use(const Plan *plan) {
    return plan->inferring ? (plan->n + plan->slice - 1) / plan->slice : plan->slices;
}

/* Runs the steps from the first of `steps` on that can run together; *taken is how many that were. */
static cf_status run_loop(Plan *plan, const Step *steps, int count, int *taken) {
    Loop loop = {plan, steps, 1, plan->inferring ? 1 : plan->group, slices_in_use(plan)};
    int64_t pieces = steps->count;
    *taken = 1;
    if (steps->kind == STEP_ONCE) return steps->work(plan, steps->node, 0, 0);
    while (loop.count < count && steps[loop.count].kind == steps->kind &&
           (steps->kind == STEP_SLICES || steps[loop.count].joins_last))
        pieces += steps[loop.count++].count;
    *taken = loop.count;
    if (steps->kind == STEP_SLICES)
        return slices_run(plan->threads, (loop.slices + loop.group - 1) / loop.group, run_slices, &loop);
    return slices_run(plan->threads, pieces, run_piece, &loop);
}

static cf_status run_steps(Plan *plan, const StepList *list) {
    for (int i = 0, taken; i < list->count; i += taken)
        FORWARD(run_loop(plan, list->steps + i, list->count - i, &taken));
    return CF_OK;
}

static cf_status run_list(Plan *plan, ListKind list, const Sample *samples, int n) {
    const int part = plan->spread && list == LIST_TRAINING ? plan->first : 0, left = n - part;
    plan->samples = samples + part;
    plan->n = left < 0 ? 0 : left < plan->batch ? left : plan->batch;
    plan->all_n = n;
    plan->inferring = list == LIST_INFERENCE;
    return run_steps(plan, &plan->lists[list]);
}

/* What the losses of a batch are divided by; 1 where no image has one. */
static void weigh(Plan *plan, const Sample *samples, int n) {
    for (int h = 0; h < plan->head_count; h++) {
        Head *head = &plan->heads[h];
        head->weight = 0;
        for (int i = 0; i < n; i++) {
            const Target target = target_of(head, &samples[i]);
            head->weight += head->loss->loss->weight(head->loss, head->classes, &target);
        }
        if (head->weight <= 0) head->weight = 1;
    }
}

cf_status plan_train_samples(Plan *plan, const Sample *samples, int n, int64_t number, StepResult *result) {
    StepResult sum = {0};
    plan->number = number;
    weigh(plan, samples, n);
    FORWARD(run_steps(plan, &plan->refresh));
    FORWARD(run_list(plan, LIST_TRAINING, samples, n));
    for (int s = 1; s < plan->slices; s++) plan->heads[0].correct[0] += plan->heads[0].correct[s];
    for (int h = 0; h < plan->head_count; h++) tree_sum(plan->heads[h].losses, 1, plan->slices, 1);
    if (plan->spread) FORWARD(spread_finish(plan, &sum.stop));
    for (int h = 0; h < plan->head_count; h++) sum.loss += plan->heads[h].losses[0];
    sum.weight = plan->heads[0].weight;
    sum.correct = plan->heads[0].correct[0];
    *result = sum;
    return CF_OK;
}

cf_status plan_train(Plan *plan, const Feed *feed, const uint32_t *images, int n, int64_t number, StepResult *result) {
    samples_of_feed(feed, images, n, plan->own_samples);
    return plan_train_samples(plan, plan->own_samples, n, number, result);
}

cf_status plan_use_parameters(Plan *plan) {
    return run_steps(plan, &plan->refresh);
}

cf_status plan_infer_samples(Plan *plan, const Sample *samples, int n) {
    return run_list(plan, LIST_INFERENCE, samples, n);
}

cf_status plan_infer(Plan *plan, const Feed *feed, const uint32_t *images, int n, float *probabilities) {
    samples_of_feed(feed, images, n, plan->own_samples);
    FORWARD(plan_infer_samples(plan, plan->own_samples, n));
    if (probabilities)
        memcpy(probabilities, plan->heads[0].probabilities,
               (size_t)n * (size_t)plan->heads[0].classes * sizeof *probabilities);
    return CF_OK;
}

cf_status plan_differentiate(Plan *plan, const Feed *feed, const uint32_t *images, int n, const float *d_logits) {
    samples_of_feed(feed, images, n, plan->own_samples);
    plan->given = d_logits;
    FORWARD(run_steps(plan, &plan->refresh));
    return run_list(plan, LIST_TRAINING, plan->own_samples, n);
}

void plan_use_threads(Plan *plan, int threads) {
    const int most = plan->options.threads;
    plan->threads = threads < 1 ? 1 : threads > most ? most : threads;
}

void plan_reverse_by(Plan *plan, double factor) {
    plan->reversal = (float)factor;
}

float *plan_gradient(Plan *plan) {
    return plan->gradient;
}

const float *plan_logits(const Plan *plan) {
    return logits_of(plan, &plan->heads[0]);
}

const double *plan_log_sums(const Plan *plan) {
    return plan->heads[0].log_sums;
}

const float *plan_probabilities(const Plan *plan) {
    return plan->heads[0].probabilities;
}

int plan_batch(const Plan *plan) {
    return plan->batch;
}

/* ---- Taps ---- */

static void read_values(const Plan *plan, const Buffer *buffer, size_t size, size_t element, float *values) {
    const size_t count = (size_t)plan->n * size;
    if (element == sizeof(float))
        memcpy(values, buffer->base, count * sizeof *values);
    else
        plan_kernels(plan)->to_float(buffer->base, count, values);
}

void plan_read_tap(const Plan *plan, int layer, float *values) {
    const Tensor *tap = plan->outputs[layer];
    read_values(plan, value_buffer(plan, tap), tap->size, tap->element, values);
}

void plan_read_tap_gradient(const Plan *plan, int layer, float *values) {
    const Tensor *tap = plan->outputs[layer];
    read_values(plan, tap->gradient, tap->size, plan_kernels(plan)->element, values);
}

const float *plan_attention_weights(const Plan *plan, int layer) {
    return (const float *)(const void *)value_buffer(plan, plan->outputs[layer]->attention_weights)->base;
}

static bool all_finite(const float *values, size_t count) {
    size_t i = 0;
    while (i < count && isfinite(values[i])) i++;
    return i == count;
}

static int first_not_finite(const Plan *plan, float *values) {
    for (int i = plan->options.first; i < plan->layers->count; i++) {
        if (!plan->outputs[i]) continue; /* no output needs it */
        plan_read_tap(plan, i, values);
        if (!all_finite(values, (size_t)plan->n * plan->outputs[i]->size)) return i;
    }
    return plan->layers->count;
}

/* Values of a step that is done are gone; and layers that were one have none between them. */
static cf_status repeat_apart(const Plan *plan, Plan *apart, const char **layer) {
    size_t largest = 1;
    float *values;
    StepResult unused;
    for (int i = 0; i < plan->layers->count; i++)
        if (shape_size(plan->layers->layers[i].out) > largest) largest = shape_size(plan->layers->layers[i].out);
    FORWARD(plan_train_samples(apart, plan->samples - plan->first, plan->all_n, plan->number, &unused));
    FORWARD(memory_new((size_t)plan->n * largest, sizeof *values, &values));
    const int number = first_not_finite(apart, values);
    free(values);
    return spread_name_first(apart, number, layer);
}

cf_status plan_first_not_finite(const Plan *plan, const char **layer) {
    PlanOptions options = plan->options; /* a training has no taps */
    Parameters copy = *plan->parameters; /* the running statistics move again */
    Plan *apart = NULL;
    int *taps = NULL;
    cf_status status;
    const size_t bytes = copy.total * sizeof(float);
    copy.values = NULL;
    options.outside = NULL; /* its layer was the tap */
    options.tap_count = 0;
    FORWARD_TO(done, memory_new(copy.total, sizeof(float), &copy.values));
    memcpy(copy.values, plan->parameters->values, bytes);
    FORWARD_TO(done, memory_new((size_t)plan->layers->count, sizeof *taps, &taps));
    for (int i = options.first; i < plan->layers->count; i++) taps[options.tap_count++] = i;
    options.taps = taps;
    FORWARD_TO(done, plan_new(plan->layers, &copy, &options, &apart));
    FORWARD_TO(done, repeat_apart(plan, apart, layer));
done:
    plan_free(apart);
    free(taps);
    free(copy.values);
    return status;
}
