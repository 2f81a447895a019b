#include "bench/bench.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/ranks.h"
#include "base/rng.h"
#include "base/slices.h"
#include "nn/optimizer.h"
#include "train/fit.h"

#include <dirent.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The machine, and times ---- */

cf_status machine_measure(int threads, Machine *machine) {
    Machine made = {.threads = slices_threads(threads)};
    made.peak_f32 = cpu_peak_gflops(made.threads);
    made.peak_bf16 = cpu_peak_gflops_bf16(made.threads);
    FORWARD(cpu_bandwidth(made.threads, &made.bandwidth));
    *machine = made;
    return CF_OK;
}

double machine_peak(const Machine *machine, cf_precision precision) {
    return precision == CF_BF16 ? machine->peak_bf16 : machine->peak_f32;
}

double bench_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

cf_status bench_time(cf_status (*call)(void *context), void *context, double seconds, double *median) {
    enum { MOST_RUNS = 400, LEAST_RUNS = 5 };
    double times[MOST_RUNS], start = clock_seconds();
    int count = 0;
    FORWARD(call(context));
    while (count < MOST_RUNS && (count < LEAST_RUNS || clock_seconds() - start < seconds)) {
        double begin = clock_seconds();
        FORWARD(call(context));
        times[count++] = clock_seconds() - begin;
    }
    *median = bench_median(times, count);
    return CF_OK;
}

/* ---- A step ---- */

enum { CLASSES = 10 };

/* What is timed: a batch of training with its update, or of inference. */
typedef struct Rig {
    cf_set *set;
    cf_model *model;
    Plan *plan;
    Feed feed;
    Optimizer optimizer;
    uint32_t *images;
    int batch, threads;
    int ranks; /* that share a step; 0: one process */
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
        .engine = engine, .batch = rig->batch, .threads = rig->threads, .mode = PLAN_TRAINING, .seed = 1,
        .ranks = rig->ranks};
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

static cf_status train_batch(void *context) {
    Rig *rig = context;
    StepResult result;
    FORWARD(plan_train(rig->plan, &rig->feed, rig->images, rig->batch, 0, &result));
    return optimizer_step(&rig->optimizer, rig->model->parameters.values, plan_gradient(rig->plan), 0.005,
                          rig->threads);
}

static cf_status infer_batch(void *context) {
    Rig *rig = context;
    return plan_infer(rig->plan, &rig->feed, rig->images, rig->batch, NULL);
}

cf_status step_bench(const char *model, Shape input, int batch, int threads, cf_precision precision, double seconds,
                     StepBench *result) {
    AUTO(free_rig) Rig rig = {.batch = batch, .threads = slices_threads(threads)};
    StepBench made = {.input = input, .batch = batch, .threads = rig.threads, .precision = precision};
    const Engine *engine;
    FORWARD(engine_choose(CF_ENGINE_FAST, &made.precision, &engine));
    FORWARD(make_rig(&rig, model, input, engine));
    FORWARD(bench_time(train_batch, &rig, seconds, &made.train_seconds));
    FORWARD(plan_use_parameters(rig.plan));
    FORWARD(bench_time(infer_batch, &rig, seconds, &made.infer_seconds));
    made.train_gflops = layer_list_training_flops(&rig.model->layers, NULL, 0) * batch / made.train_seconds / 1e9;
    made.infer_gflops = layer_list_flops(&rig.model->layers) * batch / made.infer_seconds / 1e9;
    *result = made;
    return CF_OK;
}

/* ---- An epoch ---- */

static cf_status run_epoch(cf_model *model, const cf_split *split, const EpochBench *e, const char *augment,
                           double *seconds) {
    cf_train_options options = cf_train_defaults();
    cf_train_result result;
    options.epochs = 1;
    options.batch = e->step.batch;
    options.threads = e->step.threads;
    options.precision = e->step.precision;
    options.patience = 0;
    if (augment) snprintf(options.augment, sizeof options.augment, "%s", augment);
    FORWARD(cf_train(model, split, &options, &result));
    *seconds += result.seconds;
    return CF_OK;
}

typedef struct EpochRig {
    cf_set *set;
    cf_split *split;
    cf_model *model;
} EpochRig;

static void free_epoch_rig(EpochRig *r) {
    cf_model_free(r->model);
    cf_split_free(r->split);
    cf_set_free(r->set);
}

cf_status epoch_bench(const char *model, Shape input, int batch, int threads, cf_precision precision, size_t images,
                      const char *augment, EpochBench *result) {
    enum { EPOCHS = 2 }; /* of each kind */
    AUTO(free_epoch_rig) EpochRig r = {0};
    EpochBench e = {0};
    cf_split_options cut = cf_split_defaults();
    FORWARD(step_bench(model, input, batch, threads, precision, 1, &e.step));
    FORWARD(random_set(input, images, &r.set));
    cut.mode = CF_SPLIT_AT;
    cut.at = r.set->count - (size_t)r.set->classes; /* a test part is asked for, and not used */
    FORWARD(cf_split_new(r.set, &cut, &r.split));
    FORWARD(cf_model_new(model, r.split, 1, &r.model));
    for (int i = 0; i < EPOCHS; i++) {
        FORWARD(run_epoch(r.model, r.split, &e, NULL, &e.seconds));
        if (augment) FORWARD(run_epoch(r.model, r.split, &e, augment, &e.augmented_seconds));
    }
    e.seconds /= EPOCHS;
    e.augmented_seconds /= EPOCHS;
    e.train = cf_subset_count(cf_split_part(r.split, CF_TRAIN));
    e.validation = cf_subset_count(cf_split_part(r.split, CF_VALIDATION));
    e.steps_seconds = (double)quotient_up(e.train, (size_t)batch) * e.step.train_seconds +
                      (double)quotient_up(e.validation, (size_t)batch) * e.step.infer_seconds;
    *result = e;
    return CF_OK;
}

/* ---- Over ranks ---- */

/* The median time of a fixed number of training steps, the same on all ranks; what they send is counted. */
static cf_status time_steps(const RankBench *b, int batch, int ranks, double *median, double *fastest, RankBench *sent) {
    AUTO(free_rig) Rig rig = {.batch = batch, .threads = b->threads, .ranks = ranks};
    AUTO_FREE double *times = NULL;
    cf_precision precision = b->precision;
    const Engine *engine;
    FORWARD(engine_choose(CF_ENGINE_FAST, &precision, &engine));
    FORWARD(make_rig(&rig, b->model, b->input, engine));
    FORWARD(memory_new((size_t)b->steps, sizeof *times, &times));
    for (int i = 0; i < 3; i++) FORWARD(train_batch(&rig));
    const uint64_t bytes = ranks_bytes_sent(), messages = ranks_messages_sent();
    const size_t payload = plan_payload(rig.plan);
    for (int i = 0; i < b->steps; i++) {
        const double begin = clock_seconds();
        FORWARD(train_batch(&rig));
        times[i] = clock_seconds() - begin;
    }
    *median = bench_median(times, b->steps); /* sorted now */
    if (fastest && (*fastest <= 0 || times[0] < *fastest)) *fastest = times[0];
    if (!sent) return CF_OK;
    double sums[2] = {(double)(ranks_bytes_sent() - bytes), (double)(ranks_messages_sent() - messages)};
    sent->least_bytes = 2.0 * (ranks - 1) / ranks * (double)(plan_payload(rig.plan) - payload) / b->steps;
    FORWARD(plan_sum_ranks(rig.plan, sums, 2));
    sent->bytes = sums[0] / b->steps / ranks;
    sent->messages = sums[1] / b->steps / ranks;
    return CF_OK;
}

/* Of all threads of this process. */
static void use_processors(const cpu_set_t *set) {
    DIR *threads = opendir("/proc/self/task");
    for (const struct dirent *entry; threads && (entry = readdir(threads));)
        if (atoi(entry->d_name) > 0) sched_setaffinity(atoi(entry->d_name), sizeof *set, set);
    if (threads) closedir(threads);
}

/* A rank may be bound to fewer processors than its machine's ranks have together: one process in their place would not be. */
cf_status rank_bench_alone(RankBench *bench) {
    RankBench alone = *bench;
    cpu_set_t own, all;
    alone.threads = bench->threads * ranks_on_this_machine();
    bench->processors = omp_get_num_procs();
    const bool bound = bench->processors < alone.threads && !sched_getaffinity(0, sizeof own, &own);
    memset(&all, 0xff, sizeof all);
    if (bound) use_processors(&all);
    bench->alone_processors = omp_get_num_procs();
    const cf_status status = time_steps(&alone, bench->batch, 0, &bench->alone_seconds, &bench->alone_fastest, NULL);
    if (bound) use_processors(&own);
    return status;
}

/* Both send `count` bytes at once, and wait for the other's: seconds. */
static cf_status exchange(int other, char *bytes, size_t count, int times, double *seconds) {
    const double begin = clock_seconds();
    for (int i = 0; i < times; i++) {
        RanksRequest requests[2] = {NULL, NULL};
        FORWARD(ranks_post_receive(&requests[0], other, TAG_STATE, bytes, count));
        FORWARD(ranks_post_send(&requests[1], other, TAG_STATE, bytes + count, count));
        FORWARD(ranks_wait(requests, 2));
    }
    *seconds = (clock_seconds() - begin) / times;
    return CF_OK;
}

static cf_status measure_link(RankBench *b) {
    enum { SMALL = 1024, LARGE = 4 << 20 };
    const int last = b->ranks - 1, me = ranks_rank();
    AUTO_FREE char *bytes = NULL;
    double small = 0, large = 0;
    if (me && me != last) return CF_OK;
    FORWARD(memory_new(2 * LARGE, 1, &bytes));
    FORWARD(exchange(me ? 0 : last, bytes, SMALL, 300, &small));
    FORWARD(exchange(me ? 0 : last, bytes, LARGE, 12, &large));
    b->latency = small;
    b->bandwidth = LARGE / (large > small ? large - small : large);
    return CF_OK;
}

cf_status rank_bench_run(RankBench *b) {
    const int part = b->batch / b->ranks;
    FORWARD(time_steps(b, b->batch, b->ranks, &b->step_seconds, &b->step_fastest, b));
    FORWARD(measure_link(b));
    FORWARD(time_steps(b, part, 0, &b->part_seconds, NULL, NULL));
    return time_steps(b, part > 1 ? part / 2 : 1, 0, &b->half_seconds, NULL, NULL);
}

double rank_bench_model(const RankBench *b, int hosts, int batch, double latency, double bandwidth) {
    const int part = b->batch / b->ranks, half = part / 2;
    const double image = (b->part_seconds - b->half_seconds) / (part - half), fixed = b->part_seconds - part * image,
                 units = (batch + DENSE_GROUP - 1) / DENSE_GROUP, share = ceil(units / hosts) * DENSE_GROUP,
                 work = fixed + image * (share < batch ? share : batch);
    /* Sums: those at once take a message to each rank, side by side; a long one a message for each level and one to each rank. */
    const double sums = b->messages / (b->ranks - 1), levels = ceil(log2(hosts)), payload = b->least_bytes * b->ranks / (2.0 * (b->ranks - 1));
    if (hosts < 2) return work;
    return work + (sums + levels) * latency + 2.0 * (hosts - 1) / hosts * payload / bandwidth;
}
