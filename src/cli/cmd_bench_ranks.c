/* cifra bench ranks: a training step over several processes, and what more hosts would do. */
#include "cli/commands.h"

#include "base/ranks.h"
#include "base/slices.h"
#include "bench/bench.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "study/run/run_ranks.h"

#include <stdio.h>

typedef struct RanksArguments {
    const char *model;
    int batch, threads, precision, steps;
} RanksArguments;

#define MEMBER(name) OPTION_MEMBER(RanksArguments, name)

static const Option options[] = {
    {ROW(network), MEMBER(model)},
    {"batch", "N", OPTION_INTEGER, 64, MOST_BATCH, .help = "images per step, of all ranks together", .usual = "512",
     MEMBER(batch)},
    {ROW(threads), .help = "of each rank; 0: all processors, shared among the ranks of a machine", MEMBER(threads)},
    {ROW(precision), .help = "of activations", .default_text = "f32", MEMBER(precision)},
    {"steps", "N", OPTION_INTEGER, 5, 10000, .help = "for each figure, three times", .usual = "60", MEMBER(steps)},
};

/* ---- Measuring ---- */

/* All ranks measure, as many as the batch has parts for. */
static cf_status bench_on_ranks(RankBench *b) {
    json_auto_t *job = json_pack("{s:s s:s s:[i i i] s:i s:i s:i s:i s:i}", "job", "bench", "model", b->model, "input",
                                 b->input.C, b->input.H, b->input.W, "batch", b->batch, "threads", b->threads, "ranks",
                                 b->ranks, "precision", b->precision, "steps", b->steps);
    for (int r = 1; r < b->ranks; r++) FORWARD(ranks_send_job(r, job));
    ranks_working(true);
    FORWARD(rank_bench_run(b));
    ranks_working(false);
    return CF_OK;
}

/* Of a rank but the first. */
cf_status bench_serve(json_t *job) {
    AUTO_FREE RankBench *b = NULL;
    const char *model;
    int precision;
    FORWARD(memory_new(1, sizeof *b, &b));
    FAIL_IF(json_unpack(job, "{s:s s:[i i i] s:i s:i s:i s:i s:i}", "model", &model, "input", &b->input.C, &b->input.H,
                        &b->input.W, "batch", &b->batch, "threads", &b->threads, "ranks", &b->ranks, "precision",
                        &precision, "steps", &b->steps),
            CF_INTERNAL, "rank 0 asked for a measurement in words that are unknown");
    snprintf(b->model, sizeof b->model, "%s", model);
    b->precision = (cf_precision)precision;
    return rank_bench_run(b);
}

/* One process and all ranks in turn, three times; of each time the median. */
static cf_status measure_rounds(RankBench *b) {
    enum { ROUNDS = 3 };
    double *const figures[] = {&b->alone_seconds, &b->step_seconds, &b->part_seconds,
                               &b->half_seconds,  &b->latency,      &b->bandwidth};
    double seen[COUNT_OF(figures)][ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        FORWARD(rank_bench_alone(b));
        FORWARD(bench_on_ranks(b));
        for (size_t f = 0; f < COUNT_OF(figures); f++) seen[f][round] = *figures[f];
    }
    for (size_t f = 0; f < COUNT_OF(figures); f++) *figures[f] = bench_median(seen[f], ROUNDS);
    return CF_OK;
}

/* ---- The model of a step ---- */

typedef struct Net {
    const char *name;
    double latency, bandwidth; /* seconds, bytes per second */
} Net;

static const Net nets[] = {{"10 Gbit/s", 30e-6, 10e9 / 8}, {"100 Gbit/s", 15e-6, 100e9 / 8}};

static double efficiency(const RankBench *b, int hosts, int batch, const Net *net) {
    return rank_bench_model(b, 1, batch, 0, 1) / hosts /
           rank_bench_model(b, hosts, batch, net->latency, net->bandwidth);
}

/* The least batch, doubled from one part for each host on, at which four fifths of the hosts' work is left; 0: none. */
static int batch_that_pays(const RankBench *b, int hosts, const Net *net) {
    for (int batch = 32 * hosts; batch <= 1 << 20; batch *= 2)
        if (efficiency(b, hosts, batch, net) >= 0.8) return batch;
    return 0;
}

/* ---- Results ---- */

static void print_ranks(const RankBench *b, double model) {
    printf("%d ranks of %d threads, a batch of %d, %s\n", b->ranks, b->threads, b->batch,
           precision_words[b->precision]);
    if (b->processors < b->alone_processors)
        printf("mpirun binds a rank to %d of the processors; the one process has %d\n", b->processors,
               b->alone_processors);
    printf("one process of %d threads  %9.3f ms a step %9.0f images/s\n", b->threads * ranks_on_this_machine(),
           1e3 * b->alone_seconds, b->batch / b->alone_seconds);
    printf("the ranks                 %9.3f ms a step %9.0f images/s, %.1f %% of that\n", 1e3 * b->step_seconds,
           b->batch / b->step_seconds, 100 * b->alone_seconds / b->step_seconds);
    printf("the fastest of these      %9.3f and %.3f ms: %.1f %%\n", 1e3 * b->alone_fastest, 1e3 * b->step_fastest,
           100 * b->alone_fastest / b->step_fastest);
    printf("a rank's own work         %9.3f ms\n", 1e3 * b->part_seconds);
    printf("a rank sends              %9.0f bytes a step in %.0f messages; %.1f %% more than the tree's least, %.0f\n",
           b->bytes, b->messages, 100 * (b->bytes / b->least_bytes - 1), b->least_bytes);
    printf("first to last rank        %9.1f us latency, %.2f Gbit/s in each direction\n", 1e6 * b->latency,
           8e-9 * b->bandwidth);
    printf("the model of a step       %9.3f ms, %+.1f %% of what was measured\n", 1e3 * model,
           100 * (model / b->step_seconds - 1));
    for (const Net *net = nets; net < nets + COUNT_OF(nets); net++) {
        printf("\n%s, %.0f us (calculated)\nhosts    ms a step    images/s    of the hosts' work    batch for 80 %%\n",
               net->name, 1e6 * net->latency);
        for (int hosts = 2; hosts <= 64; hosts *= 2) {
            const double seconds = rank_bench_model(b, hosts, b->batch, net->latency, net->bandwidth);
            printf("%5d %12.3f %11.0f %19.1f %% %18d\n", hosts, 1e3 * seconds, b->batch / seconds,
                   100 * efficiency(b, hosts, b->batch, net), batch_that_pays(b, hosts, net));
        }
    }
}

static json_t *ranks_json(const RankBench *b, double model) {
    return json_pack("{s:i s:i s:i s:i s:i s:s s:f s:f s:f s:f s:f s:f s:f s:f s:f s:f s:f}", "ranks", b->ranks,
                     "threads", b->threads, "processors", b->processors, "one_process_processors", b->alone_processors,
                     "batch", b->batch, "precision", precision_words[b->precision], "one_process_ms",
                     1e3 * b->alone_seconds, "ranks_ms", 1e3 * b->step_seconds, "one_process_fastest_ms",
                     1e3 * b->alone_fastest, "ranks_fastest_ms", 1e3 * b->step_fastest, "own_work_ms",
                     1e3 * b->part_seconds, "bytes", b->bytes, "least_bytes", b->least_bytes, "messages", b->messages,
                     "latency_us", 1e6 * b->latency, "gbit_s", 8e-9 * b->bandwidth, "model_ms", 1e3 * model);
}

static cf_status run_ranks(const Arguments *given, const void *parsed) {
    const RanksArguments *a = parsed;
    AUTO_FREE RankBench *b = NULL;
    cf_precision precision = (cf_precision)a->precision;
    const Engine *engine;
    FAIL_IF(ranks_size() < 2, CF_BAD_USE, "two ranks or more expected; start it with mpirun -n 2 cifra bench ranks");
    FORWARD(engine_choose(CF_ENGINE_FAST, &precision, &engine));
    ranks_tell_binding(a->threads);
    FORWARD(memory_new(1, sizeof *b, &b));
    *b = (RankBench){.input = {1, 28, 28},
                     .batch = a->batch,
                     .threads = slices_threads(a->threads),
                     .ranks = ranks_size(),
                     .precision = precision,
                     .steps = a->steps};
    model_line_input(a->model, &b->input);
    snprintf(b->model, sizeof b->model, "%s", a->model);
    FAIL_IF(a->batch / 32 < b->ranks, CF_BAD_USE, "a batch of %d has no part for each of %d ranks; %d or more expected",
            a->batch, b->ranks, 32 * b->ranks);
    FORWARD(measure_rounds(b));
    const double model = rank_bench_model(b, b->ranks, b->batch, b->latency, b->bandwidth);
    if (given->json) return print_json(ranks_json(b, model));
    print_ranks(b, model);
    return CF_OK;
}

const Command command_bench_ranks = {
    .name = "bench ranks",
    .ranks = true,
    .summary = "a training step over several ranks against one process, what they send, and what more hosts would do",
    .usage = "[--model NAME|LINE] [--batch N] [--threads T]",
    .description =
        "Started by mpirun. Measures in turn, three times, a training step of one process with the threads of all ranks that "
        "share a machine, on all its processors though mpirun may bind the ranks, and of all ranks together; a rank's own work "
        "without messages; the bytes that a rank sends against the least that a tree of sums can do with; latency and bandwidth "
        "between the first rank and the last. A model of the step's time (own work, latency of each sum, bytes over bandwidth, "
        "nothing hidden behind work) is held against what was measured, and says what 2 to 64 hosts like this rank would do "
        "with the same batch, and the batch at which they keep four fifths of their work.\n\n"
        "  mpirun -n 2 cifra bench ranks --model paper --precision bf16 --threads 1 --batch 512",
    COMMAND_OPTIONS(options, RanksArguments),
    .run = run_ranks,
};
