#include "bench/bench.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/ranks.h"
#include "base/rng.h"
#include "base/slices.h"
#include "nn/optimizer.h"

#include <dirent.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
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

/* ---- Over ranks ---- */

/* The median time of a fixed number of training steps, the same on all ranks; what they send is counted. */
static cf_status time_steps(const RankBench *b, int batch, int ranks, double *median, double *fastest, RankBench *sent) {
    Rig rig = {.batch = batch, .threads = b->threads, .ranks = ranks};
    cf_precision precision = b->precision;
    const Engine *engine;
    double *times = NULL;
    cf_status status;
    FORWARD_TO(done, engine_choose(CF_ENGINE_FAST, &precision, &engine));
    FORWARD_TO(done, make_rig(&rig, b->model, b->input, engine));
    FORWARD_TO(done, memory_new((size_t)b->steps, sizeof *times, &times));
    for (int i = 0; i < 3; i++) FORWARD_TO(done, train_batch(&rig));
    const uint64_t bytes = ranks_bytes_sent(), messages = ranks_messages_sent();
    const size_t payload = plan_payload(rig.plan);
    for (int i = 0; i < b->steps; i++) {
        const double begin = clock_seconds();
        FORWARD_TO(done, train_batch(&rig));
        times[i] = clock_seconds() - begin;
    }
    *median = bench_median(times, b->steps); /* sorted now */
    if (fastest && (*fastest <= 0 || times[0] < *fastest)) *fastest = times[0];
    if (!sent) goto done;
    double sums[2] = {(double)(ranks_bytes_sent() - bytes), (double)(ranks_messages_sent() - messages)};
    sent->least_bytes = 2.0 * (ranks - 1) / ranks * (double)(plan_payload(rig.plan) - payload) / b->steps;
    FORWARD_TO(done, plan_sum_ranks(rig.plan, sums, 2));
    sent->bytes = sums[0] / b->steps / ranks;
    sent->messages = sums[1] / b->steps / ranks;
done:
    free(times);
    free_rig(&rig);
    return status;
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
    char *bytes;
    double small = 0, large = 0;
    if (me && me != last) return CF_OK;
    FORWARD(memory_new(2 * LARGE, 1, &bytes));
    cf_status status = exchange(me ? 0 : last, bytes, SMALL, 300, &small);
    if (!status) status = exchange(me ? 0 : last, bytes, LARGE, 12, &large);
    free(bytes);
    FORWARD(status);
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
