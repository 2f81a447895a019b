#include "bench/bench.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/slices.h"
#include "nn/optimizer.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 400, LEAST_RUNS = 5, CLASSES = 10 };

/* What is timed: a batch of training with its update, or of inference. */
typedef struct Rig {
    cf_set *set;
    cf_model *model;
    Plan *plan;
    Feed feed;
    Optimizer optimizer;
    uint32_t *images;
    int batch, threads;
} Rig;

cf_status random_set(Shape input, size_t count, cf_set **set) {
    FORWARD(set_new("random", "random", count, input.C, input.H, input.W, CLASSES, set));
    FORWARD(set_name_classes_by_number(*set));
    RngStream stream = rng_stream(1, RNG_SPLIT, 0, 0);
    size_t bytes = count * set_image_size(*set);
    for (size_t i = 0; i < bytes; i += 16) {
        uint32_t words[4];
        rng_block(&stream, i / 16, words);
        memcpy((*set)->pixels + i, words, bytes - i < sizeof words ? bytes - i : sizeof words);
    }
    for (size_t i = 0; i < count; i++) (*set)->labels[i] = (uint16_t)(i % CLASSES);
    return set_seal(*set);
}

static cf_status make_rig(Rig *rig, const char *model, Shape input, const Engine *engine) {
    FORWARD(random_set(input, (size_t)rig->batch, &rig->set));
    FORWARD(memory_new((size_t)rig->batch, sizeof *rig->images, &rig->images));
    for (int i = 0; i < rig->batch; i++) rig->images[i] = (uint32_t)i;
    FORWARD(model_new(model, input, (const char *const *)rig->set->class_names, CLASSES, 1, &rig->model));
    const PlanOptions options = {
        .engine = engine, .batch = rig->batch, .threads = rig->threads, .mode = PLAN_TRAINING, .seed = 1};
    FORWARD(plan_new(&rig->model->layers, &rig->model->parameters, &options, &rig->plan));
    FORWARD(feed_new(rig->set, input, (const char *const *)rig->model->class_names, CLASSES, rig->threads, &rig->feed));
    return optimizer_new(&(cf_train_options){.momentum = 0.9}, engine->kernels, &rig->model->parameters,
                         &rig->optimizer);
}

static void free_rig(Rig *rig) {
    optimizer_free(&rig->optimizer);
    feed_free(&rig->feed);
    plan_free(rig->plan);
    cf_model_free(rig->model);
    cf_set_free(rig->set);
    free(rig->images);
}

static cf_status train_batch(Rig *rig) {
    StepResult result;
    FORWARD(plan_train(rig->plan, &rig->feed, rig->images, rig->batch, 0, &result));
    return optimizer_step(&rig->optimizer, rig->model->parameters.values, plan_gradient(rig->plan), 0.005,
                          rig->threads);
}

static cf_status infer_batch(Rig *rig) {
    return plan_infer(rig->plan, &rig->feed, rig->images, rig->batch, NULL);
}

/* The median time of one call, over at least LEAST_RUNS and about `seconds`. */
static cf_status time_calls(Rig *rig, cf_status (*call)(Rig *), double seconds, double *median) {
    double times[MOST_RUNS], start = clock_seconds();
    int count = 0;
    FORWARD(call(rig)); /* the first one finds cold caches and sleeping threads */
    while (count < MOST_RUNS && (count < LEAST_RUNS || clock_seconds() - start < seconds)) {
        double begin = clock_seconds();
        FORWARD(call(rig));
        times[count++] = clock_seconds() - begin;
    }
    *median = bench_median(times, count);
    return CF_OK;
}

cf_status step_bench(const char *model, Shape input, int batch, int threads, cf_precision precision, double seconds,
                     StepBench *result) {
    Rig rig = {.batch = batch, .threads = slices_threads(threads)};
    StepBench made = {.input = input, .batch = batch, .threads = rig.threads, .precision = precision};
    const Engine *engine;
    cf_status status;
    FORWARD_TO(done, engine_choose(CF_ENGINE_FAST, &made.precision, &engine));
    FORWARD_TO(done, make_rig(&rig, model, input, engine));
    FORWARD_TO(done, time_calls(&rig, train_batch, seconds, &made.train_seconds));
    FORWARD_TO(done, plan_use_parameters(rig.plan));
    FORWARD_TO(done, time_calls(&rig, infer_batch, seconds, &made.infer_seconds));
    made.train_gflops = layer_list_training_flops(&rig.model->layers, NULL, 0) * batch / made.train_seconds / 1e9;
    made.infer_gflops = layer_list_flops(&rig.model->layers) * batch / made.infer_seconds / 1e9;
    *result = made;
done:
    free_rig(&rig);
    return status;
}
