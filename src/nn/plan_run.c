/* A plan runs: its steps, and what can be read behind them. */
#include "base/slices.h"
#include "nn/planner.h"

#include <math.h>
#include <string.h>

/* ---- Steps ---- */

/* Consecutive steps run as one parallel loop. */
typedef struct Loop {
    Plan *plan;
    const Step *steps;
    int count, group; /* group: slices of one piece */
    int64_t slices;
} Loop;

static cf_status run_step(const Loop *loop, const Step *step, int64_t index, int thread) {
    return step->work(&(Work){loop->plan, step->node, index, thread});
}

/* All steps on one slice, one after the other; then on the next of the group. */
static cf_status run_slices(void *context, int64_t index, int thread) {
    const Loop *loop = context;
    if (loop->plan->spread && thread == 0) FORWARD(spread_advance(loop->plan));
    for (int64_t s = index * loop->group; s < (index + 1) * loop->group && s < loop->slices; s++)
        for (int i = 0; i < loop->count; i++) FORWARD(run_step(loop, &loop->steps[i], s, thread));
    return CF_OK;
}

/* One piece of one of the steps, which are counted through. */
static cf_status run_piece(void *context, int64_t index, int thread) {
    const Loop *loop = context;
    const Step *step = loop->steps;
    if (loop->plan->spread && thread == 0) FORWARD(spread_advance(loop->plan));
    while (index >= step->count) index -= step++->count;
    return run_step(loop, step, index, thread);
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
    if (steps->kind == STEP_ONCE) return run_step(&loop, steps, 0, 0);
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

/* ---- Batches ---- */

cf_status plan_train_samples(Plan *plan, const Sample *samples, int n, int64_t number, StepResult *result) {
    StepResult sum = {0};
    plan->number = number;
    for (int h = 0; h < plan->head_count; h++) head_weigh(&plan->heads[h], samples, n);
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

/* ---- What can be read ---- */

float *plan_gradient(Plan *plan) {
    return plan->gradient;
}

const float *plan_logits(const Plan *plan) {
    return head_logits(plan, &plan->heads[0]);
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

static void read_buffer(const Plan *plan, const Buffer *buffer, size_t size, size_t element, float *values) {
    const size_t count = (size_t)plan->n * size;
    if (element == sizeof(float))
        memcpy(values, buffer->base, count * sizeof *values);
    else
        plan_kernels(plan)->to_float(buffer->base, count, values);
}

void plan_read_tap(const Plan *plan, int layer, float *values) {
    const Tensor *tap = plan->outputs[layer];
    read_buffer(plan, value_buffer(plan, tap), tap->size, tap->element, values);
}

void plan_read_tap_gradient(const Plan *plan, int layer, float *values) {
    const Tensor *tap = plan->outputs[layer];
    read_buffer(plan, tap->gradient, tap->size, plan_kernels(plan)->element, values);
}

const float *plan_attention_weights(const Plan *plan, int layer) {
    return (const float *)(const void *)value_buffer(plan, plan->outputs[layer]->attention_weights)->base;
}

/* ---- Where numbers end ---- */

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
cf_status plan_first_not_finite(const Plan *plan, const char **layer) {
    PlanOptions options = plan->options; /* a training has no taps */
    Parameters copy = *plan->parameters; /* the running statistics move again */
    AUTO_FREE float *parameters = NULL, *values = NULL;
    AUTO_FREE int *taps = NULL;
    AUTO(plan_free_at) Plan *apart = NULL;
    StepResult unused;
    size_t largest = 1;
    FORWARD(memory_new(copy.total, sizeof *parameters, &parameters));
    FORWARD(memory_new((size_t)plan->layers->count, sizeof *taps, &taps));
    copy.values = memcpy(parameters, copy.values, copy.total * sizeof *parameters);
    options.outside = NULL; /* its layer was the tap */
    options.tap_count = 0;
    options.taps = taps;
    for (int i = 0; i < plan->layers->count; i++) {
        const size_t size = shape_size(plan->layers->layers[i].out);
        if (i >= options.first) taps[options.tap_count++] = i;
        if (size > largest) largest = size;
    }
    FORWARD(plan_new(plan->layers, &copy, &options, &apart));
    FORWARD(plan_train_samples(apart, plan->samples - plan->first, plan->all_n, plan->number, &unused));
    FORWARD(memory_new((size_t)plan->n * largest, sizeof *values, &values));
    return spread_name_first(apart, first_not_finite(apart, values), layer);
}
