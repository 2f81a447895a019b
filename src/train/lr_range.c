#include "train/lr_range.h"

#include "base/memory.h"
#include "base/slices.h"
#include "nn/model.h"
#include "nn/optimizer.h"
#include "train/batches.h"
#include "train/distillation.h"
#include "train/freezing.h"
#include "train/train_loss.h"
#include "train/train_options.h"

#include <math.h>
#include <stdlib.h>

static const double kept = 0.98, too_large = 4;
enum { LEFT_OUT_AT_END = 5, LEAST_POINTS = 3 };

/* ---- What the losses say ---- */

double lr_range_rate(const LrRangeOptions *range, int step) {
    return range->steps > 1 ? range->from * pow(range->to / range->from, (double)step / (range->steps - 1))
                            : range->from;
}

static double smooth(const LrRange *range, int i, double *sum) {
    *sum = kept * *sum + (1 - kept) * range->points[i].loss;
    return *sum / (1 - pow(kept, i + 1));
}

static double slope(const LrRange *range, int i) {
    const LrRangePoint *p = &range->points[i];
    return (p[1].smoothed - p[0].smoothed) / log(p[1].rate / p[0].rate);
}

bool lr_range_judge(LrRange *range, int steps) {
    double sum = 0;
    for (int i = 0; i < range->count; i++) range->points[i].smoothed = smooth(range, i, &sum);
    range->first = steps / 10;
    range->last = range->count - LEFT_OUT_AT_END;
    range->steepest = -1;
    range->lowest = range->first;
    if (range->last - range->first < LEAST_POINTS) return false;
    for (int i = range->first; i < range->last; i++) {
        if (range->points[i].smoothed < range->points[range->lowest].smoothed) range->lowest = i;
        if (i + 1 >= range->last || slope(range, i) >= 0) continue;
        if (range->steepest < 0 || slope(range, i) < slope(range, range->steepest)) range->steepest = i;
    }
    range->suggestion = range->points[range->lowest].rate / 10;
    return true;
}

void lr_range_free(LrRange *range) {
    free(range->points);
    *range = (LrRange){0};
}

/* ---- The training ---- */

typedef struct Test {
    const cf_subset *train;
    const cf_train_options *options;
    const LrRangeOptions *range;
    Parameters *parameters;
    int threads;
    Plan *plan;
    TrainLoss loss;
    Distillation *distillation;
    Freezing freezing;
    Batches *batches;
    Optimizer optimizer;
    int pass; /* over the images, shuffled; -1: none yet */
    double sum, lowest;
} Test;

static void test_free(Test *test) {
    plan_free(test->plan);
    batches_free(test->batches);
    train_loss_free(&test->loss);
    distillation_free(test->distillation);
    freezing_free(&test->freezing);
    optimizer_free(&test->optimizer);
}

static cf_status prepare(cf_model *model, Test *test) {
    const cf_train_options *o = test->options;
    cf_precision precision = o->precision;
    const char *const *names = (const char *const *)model->class_names;
    const Engine *engine;
    AUTO_FREE Pace *paces = NULL;
    FAIL_IF(o->sample == CF_SMOTE_FEATURES, CF_BAD_USE,
            "the range test makes no features for sample smote-features; look for a rate with balanced");
    FAIL_IF(o->quantize != CF_QUANTIZE_NONE, CF_BAD_USE,
            "the range test computes in float32; look for a rate without quantize");
    FAIL_IF(o->adapt != CF_ADAPT_NONE, CF_BAD_USE,
            "the range test sees no target: adapt none expected; look for a rate on the source alone");
    FORWARD(engine_choose(o->engine, &precision, &engine));
    FORWARD(train_loss_new(test->train, names, model->classes, o, &test->loss));
    FORWARD(freezing_new(o, model, &test->freezing));
    FORWARD(distillation_new(o, model, engine, test->threads, &test->distillation));
    const PlanOptions plan = {.engine = engine,
                              .batch = o->batch,
                              .threads = test->threads,
                              .mode = PLAN_TRAINING,
                              .seed = o->seed,
                              .losses = test->loss.heads,
                              .frozen = freezing_layers(&test->freezing, 0)};
    FORWARD(plan_new(&model->layers, &model->parameters, &plan, &test->plan));
    FORWARD(batches_new(test->train, model->layers.input, names, model->classes, o, test->threads, &test->batches));
    FORWARD(optimizer_new(o, engine->kernels, &model->parameters, &test->optimizer));
    /* The paces of the first epoch: before what waits for head_epochs. */
    FORWARD(memory_new((size_t)test->parameters->count, sizeof *paces, &paces));
    freezing_paces(&test->freezing, 0, 0, paces);
    return optimizer_pace(&test->optimizer, o, test->parameters, paces);
}

/* *more: the test goes on. */
static cf_status take_step(Test *test, int step, LrRange *result, bool *more) {
    const int64_t steps = batches_steps(test->batches);
    const double rate = lr_range_rate(test->range, step);
    StepResult got;
    int n;
    if (step / steps != test->pass) {
        test->pass = (int)(step / steps);
        batches_epoch(test->batches, test->pass);
        train_loss_epoch(&test->loss, test->pass);
    }
    const Sample *samples = batches_step(test->batches, step % steps, &n);
    FORWARD(distillation_teach(test->distillation, &samples, n, test->threads));
    FORWARD(plan_train_samples(test->plan, samples, n, step, &got));
    *more = isfinite(got.loss);
    if (!*more) return CF_OK;
    result->points[result->count++] = (LrRangePoint){rate, got.loss / got.weight, 0};
    const double smoothed = smooth(result, step, &test->sum);
    if (step == 0 || smoothed < test->lowest) test->lowest = smoothed;
    *more = smoothed <= too_large * test->lowest;
    if (!*more) return CF_OK;
    const cf_status status =
        optimizer_step(&test->optimizer, test->parameters->values, plan_gradient(test->plan), rate, test->threads);
    *more = status != CF_DIVERGED;
    return *more ? status : CF_OK;
}

static cf_status run_range(Test *test, LrRange *result) {
    const LrRangeOptions *range = test->range;
    bool more = true;
    FORWARD(memory_new((size_t)range->steps, sizeof *result->points, &result->points));
    for (int step = 0; step < range->steps && more; step++) {
        FORWARD(take_step(test, step, result, &more));
        if (range->progress && !range->progress((step + 1.0) / range->steps, range->context))
            return FAIL(CF_INTERRUPTED, "stopped at learning rate %g, step %d of %d; nothing was kept",
                        lr_range_rate(range, step), step + 1, range->steps);
    }
    result->ended_early = !more;
    FAIL_IF(
        !lr_range_judge(result, range->steps), CF_BAD_USE,
        "the loss was not finite, or %g times the lowest, after %d of %d steps already, at learning rate %g: too few "
        "to see anything; begin at a lower rate than %g, or take more steps",
        too_large, result->count, range->steps, lr_range_rate(range, result->count), range->from);
    return CF_OK;
}

cf_status lr_range_test(cf_model *model, const cf_split *split, const cf_train_options *options,
                        const LrRangeOptions *range, LrRange *result) {
    AUTO(test_free)
    Test test = {.train = cf_split_part(split, CF_TRAIN),
                 .options = options,
                 .range = range,
                 .parameters = &model->parameters,
                 .threads = slices_threads(options->threads),
                 .pass = -1};
    AUTO(lr_range_free) LrRange made = {0};
    FORWARD(train_options_check(options));
    FAIL_IF(!(range->from > 0 && range->from < range->to), CF_BAD_USE,
            "rates that grow expected, from above 0; found %g to %g", range->from, range->to);
    FORWARD(prepare(model, &test));
    FORWARD(run_range(&test, &made));
    *result = made;
    made = (LrRange){0};
    return CF_OK;
}
