#include "bench/sprint.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/slices.h"
#include "data/split.h"
#include "nn/optimizer.h"
#include "train/schedule.h"

#include <math.h>
#include <stdlib.h>

static const char line[] = "conv 16 5x5 stride 2 | bn | relu | conv 32 3x3 | bn | relu | maxpool 2 | "
                           "conv 64 3x3 | bn | relu | maxpool 2 | dense classes";

enum { BATCH = 32 };
static const double highest_rate = 0.01;

typedef struct Mnist99 {
    cf_split *split;
    cf_model *model;
    Plan *plan;
    Feed feed;
    cf_train_options options;
    Optimizer optimizer;
    uint32_t *order;
    int threads;
} Mnist99;

static void release(Mnist99 *s) {
    free(s->order);
    optimizer_free(&s->optimizer);
    feed_free(&s->feed);
    plan_free(s->plan);
    cf_model_free(s->model);
    cf_split_free(s->split);
}

static cf_status prepare(Mnist99 *s, const cf_set *set, uint64_t seed, const Engine *engine) {
    FORWARD(split_uncut(set, NULL, &s->split));
    FORWARD(cf_model_new(line, s->split, seed, &s->model));
    cf_model *model = s->model;
    const cf_subset *train = cf_split_part(s->split, CF_TRAIN);
    const PlanOptions options = {
        .engine = engine, .batch = BATCH, .threads = s->threads, .mode = PLAN_TRAINING, .seed = seed};
    FORWARD(plan_new(&model->layers, &model->parameters, &options, &s->plan));
    FORWARD(feed_new(set, model->layers.input, (const char *const *)model->class_names, model->classes, s->threads,
                     &s->feed));
    s->options = cf_train_defaults();
    s->options.optimizer = CF_ADAM;
    s->options.learning_rate = highest_rate;
    s->options.schedule = CF_ONE_CYCLE;
    s->options.epochs = 1;
    FORWARD(optimizer_new(&s->options, engine->kernels, &model->parameters, &s->optimizer));
    FORWARD(memory_new(train->count, sizeof *s->order, &s->order));
    for (size_t i = 0; i < train->count; i++) s->order[i] = train->images[i];
    RngStream stream = rng_stream(seed, RNG_SHUFFLE, 0, 0);
    rng_shuffle(&stream, s->order, train->count);
    return CF_OK;
}

static cf_status train(Mnist99 *s, double *first_step) {
    size_t count = cf_subset_count(cf_split_part(s->split, CF_TRAIN));
    int64_t steps = ((int64_t)count + BATCH - 1) / BATCH;
    for (int64_t step = 0; step < steps; step++) {
        size_t first = (size_t)step * BATCH;
        int n = (int)(count - first < BATCH ? count - first : BATCH);
        double rate = schedule_rate(&s->options, step, steps);
        StepResult result;
        FORWARD(plan_train(s->plan, &s->feed, s->order + first, n, step, &result));
        FAIL_IF(!isfinite(result.loss), CF_DIVERGED, "the loss became %g in step %lld", result.loss, (long long)step);
        FORWARD(optimizer_step(&s->optimizer, s->model->parameters.values, plan_gradient(s->plan), rate, s->threads));
        if (step == 0) *first_step = clock_seconds();
    }
    return CF_OK;
}

static cf_status run(const SprintJob *job, const cf_set *set, SprintResult *result) {
    Mnist99 s = {.threads = slices_threads(job->threads)};
    cf_precision precision = job->precision;
    const Engine *engine;
    cf_status status;
    FORWARD_TO(done, engine_choose(CF_ENGINE_FAST, &precision, &engine));
    FORWARD_TO(done, prepare(&s, set, job->seed, engine));
    FORWARD_TO(done, train(&s, &result->first_step));
    const ClassifyOptions options = {.engine = engine, .threads = s.threads};
    FORWARD_TO(done, sprint_test(s.model, cf_split_part(s.split, CF_TEST), &options, &result->accuracy));
done:
    release(&s);
    return status;
}

const Sprint sprint_mnist99 = {.data = "mnist",
                               .model = line,
                               .settings = "one epoch, batch 32, adam, one-cycle up to 0.01",
                               .target = 0.99,
                               .train = 60000,
                               .test = 10000,
                               .input = {1, 28, 28},
                               .run = run};
