#include "bench/sprint.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/slices.h"
#include "data/split.h"
#include "nn/optimizer.h"
#include "train/schedule.h"

#include <math.h>

static cf_status check_set(const Sprint *sprint, const cf_set *set) {
    const int *s = sprint->input;
    const size_t test = set->count - set_test_begin(set);
    FAIL_IF(
        set->official_train != sprint->train_images || test != sprint->test_images || set->channels != s[0] ||
            set->height != s[1] || set->width != s[2] || set->classes != 10,
        CF_BAD_INPUT,
        "%s: %zu training and %zu test images of %dx%dx%d in 10 classes expected, found %zu and %zu of %dx%dx%d in %d",
        set->source, sprint->train_images, sprint->test_images, s[0], s[1], s[2], set->official_train, test,
        set->channels, set->height, set->width, set->classes);
    return CF_OK;
}

static void sprint_run_free(SprintRun *r) {
    augmentation_free(r->views);
    feed_free(&r->feed);
    plan_free(r->plan);
    cf_model_free(r->model);
    cf_split_free(r->split);
    cf_set_free(r->set);
}

cf_status sprint_run(const Sprint *sprint, const SprintJob *job, SprintResult *result) {
    AUTO(sprint_run_free) SprintRun r = {.seed = job->seed, .threads = slices_threads(job->threads)};
    const char *data = job->data ? job->data : sprint->data;
    cf_precision precision = job->precision;
    StepResult score;
    FAIL_IF(!data, CF_BAD_USE, "--data: the folder of the set expected, found nothing");
    FORWARD(cf_set_load(data, job->data_dir, &r.set));
    FORWARD(check_set(sprint, r.set));
    FORWARD(engine_choose(CF_ENGINE_FAST, &precision, &r.engine));
    FORWARD(split_uncut(r.set, NULL, &r.split));
    FORWARD(cf_model_new(sprint->model, r.split, r.seed, &r.model));
    FORWARD(sprint->train(&r));
    const cf_subset *test = cf_split_part(r.split, CF_TEST);
    const ClassifyOptions options = {.engine = r.engine, .threads = r.threads, .views = r.views};
    FORWARD(classify(r.model, test, &options, NULL, &score));
    *result = (SprintResult){(double)score.correct / (double)test->count, r.first_step};
    return CF_OK;
}

cf_status sprint_plan(SprintRun *r, int batch, const LossSettings *losses) {
    cf_model *model = r->model;
    const PlanOptions options = {.engine = r->engine,
                                 .batch = batch,
                                 .threads = r->threads,
                                 .mode = PLAN_TRAINING,
                                 .seed = r->seed,
                                 .losses = losses};
    FORWARD(plan_new(&model->layers, &model->parameters, &options, &r->plan));
    return feed_new(r->set, model->layers.input, (const char *const *)model->class_names, model->classes, r->threads,
                    &r->feed);
}

/* ---- 99 % on MNIST ---- */

static cf_status train_mnist99(SprintRun *r) {
    enum { BATCH = 32 };
    const cf_subset *train = cf_split_part(r->split, CF_TRAIN);
    const int64_t steps = ((int64_t)train->count + BATCH - 1) / BATCH;
    AUTO(optimizer_free) Optimizer optimizer = {0};
    AUTO_FREE uint32_t *order = NULL;
    cf_train_options options = cf_train_defaults();
    options.optimizer = CF_ADAM;
    options.learning_rate = 0.01; /* the highest */
    options.schedule = CF_ONE_CYCLE;
    options.epochs = 1;
    FORWARD(sprint_plan(r, BATCH, NULL));
    FORWARD(optimizer_new(&options, r->engine->kernels, &r->model->parameters, &optimizer));
    FORWARD(memory_copy(train->images, train->count, sizeof *order, &order));
    RngStream stream = rng_stream(r->seed, RNG_SHUFFLE, 0, 0);
    rng_shuffle(&stream, order, train->count);
    for (int64_t step = 0; step < steps; step++) {
        const size_t first = (size_t)step * BATCH;
        const double rate = schedule_rate(&options, step, steps);
        StepResult result;
        FORWARD(plan_train(r->plan, &r->feed, order + first, (int)smaller_size(train->count - first, BATCH), step,
                           &result));
        FAIL_IF(!isfinite(result.loss), CF_DIVERGED, "the loss became %g in step %lld", result.loss, (long long)step);
        FORWARD(optimizer_step(&optimizer, r->model->parameters.values, plan_gradient(r->plan), rate, r->threads));
        if (step == 0) r->first_step = clock_seconds();
    }
    return CF_OK;
}

const Sprint sprint_mnist99 = {.data = "mnist",
                               .model = "conv 16 5x5 stride 2 | bn | relu | conv 32 3x3 | bn | relu | maxpool 2 | "
                                        "conv 64 3x3 | bn | relu | maxpool 2 | dense classes",
                               .settings = "one epoch, batch 32, adam, one-cycle up to 0.01",
                               .target = 0.99,
                               .train_images = 60000,
                               .test_images = 10000,
                               .input = {1, 28, 28},
                               .train = train_mnist99};
