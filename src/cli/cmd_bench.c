/* cifra bench: how fast, against what this machine can do. */
#include "cli/commands.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/ranks.h"
#include "base/slices.h"
#include "bench/bench.h"
#include "cli/terminal.h"
#include "study/run/run_ranks.h"
#include "train/train_options.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct BenchArguments {
    const char *model;
    int batch, threads, precision, steps;
    double seconds;
} BenchArguments;

#define MEMBER(name) OPTION_MEMBER(BenchArguments, name)

static const Option step_options[] = {
    {"model", "NAME|LINE", OPTION_TEXT, .help = "the network", .default_text = "paper", MEMBER(model)},
    {"batch", "N", OPTION_INTEGER, 1, MOST_BATCH, .help = "images per step", .default_text = "128", MEMBER(batch)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors", .default_text = "0",
     MEMBER(threads)},
    {"precision", NULL, OPTION_CHOICE, .choices = precision_words, .help = "only this one",
     .default_text = "both, where the processor has both", MEMBER(precision)},
    {"seconds", "X", OPTION_NUMBER, 0.01, 600, .help = "time for each figure", .default_text = "1.5", MEMBER(seconds)},
};

static void set_step_defaults(void *options) {
    *(BenchArguments *)options = (BenchArguments){.model = "paper", .batch = 128, .seconds = 1.5};
}

static void print_machine(const Machine *m) {
    printf("peak on %d threads: %.0f GFLOP/s f32", m->threads, m->peak_f32);
    if (m->peak_bf16 > 0) printf(", %.0f GFLOP/s bf16", m->peak_bf16);
    printf("; memory %.1f GB/s\n%s\n\n", m->bandwidth, cpu_engine()->name);
}

static void print_step(const StepBench *s, double peak) {
    char input[32];
    snprintf(input, sizeof input, "%dx%dx%d", s->input.C, s->input.H, s->input.W);
    printf(
        "%-9s %5d  %-4s %2d threads   train %8.3f ms %7.1f GFLOP/s %5.1f %%   infer %8.3f ms %7.1f GFLOP/s %5.1f %%\n",
        input, s->batch, precision_words[s->precision], s->threads, 1e3 * s->train_seconds, s->train_gflops,
        100 * s->train_gflops / peak, 1e3 * s->infer_seconds, s->infer_gflops, 100 * s->infer_gflops / peak);
    fflush(stdout);
}

static json_t *step_json(const StepBench *s, double peak) {
    char input[32];
    snprintf(input, sizeof input, "%dx%dx%d", s->input.C, s->input.H, s->input.W);
    return json_pack("{s:s s:i s:s s:i s:f s:f s:f s:f s:f s:f}", "input", input, "batch", s->batch, "precision",
                     precision_words[s->precision], "threads", s->threads, "train_ms", 1e3 * s->train_seconds,
                     "train_gflops", s->train_gflops, "train_share_of_peak", s->train_gflops / peak, "infer_ms",
                     1e3 * s->infer_seconds, "infer_gflops", s->infer_gflops, "infer_share_of_peak",
                     s->infer_gflops / peak);
}

/* MNIST's and SVHN's shape, or the one that the model asks for. */
static int step_inputs(const char *model, Shape inputs[2]) {
    inputs[0] = (Shape){1, 28, 28};
    inputs[1] = (Shape){3, 32, 32};
    return model_line_input(model, &inputs[0]) ? 1 : 2;
}

static cf_status run_step(const Arguments *given, const void *parsed) {
    const BenchArguments *a = parsed;
    Shape inputs[2];
    const int count = step_inputs(a->model, inputs);
    Machine machine;
    terminal_set_quiet(given->quiet);
    FORWARD(machine_measure(a->threads, &machine));
    if (!given->json) print_machine(&machine);
    json_t *steps = json_array();
    cf_status status = CF_OK;
    for (int i = 0; i < count; i++)
        for (int p = CF_F32; p <= CF_BF16 && !status; p++) {
            StepBench step;
            if (options_given(given, "precision") ? p != a->precision : machine_peak(&machine, (cf_precision)p) <= 0)
                continue;
            status = step_bench(a->model, inputs[i], a->batch, a->threads, (cf_precision)p, a->seconds, &step);
            if (status) break;
            double peak = machine_peak(&machine, step.precision);
            json_array_append_new(steps, step_json(&step, peak));
            if (!given->json) print_step(&step, peak);
        }
    if (!status && given->json)
        return print_json(json_pack("{s:{s:f s:f} s:f s:o}", "peak_gflops", "f32", machine.peak_f32, "bf16",
                                    machine.peak_bf16, "bandwidth_gb_s", machine.bandwidth, "steps", steps));
    json_decref(steps);
    return status;
}

const Command command_bench_step = {
    .name = "bench step",
    .summary = "time of a training step and of inference, as a share of the machine's peak",
    .usage = "[--model NAME|LINE] [--batch N] [--threads T]",
    .description =
        "Measures this machine's peak of multiply-adds and its memory bandwidth on the same threads, then the time of a whole "
        "training step (preparation, forward, backward, update) and of inference on random images of MNIST's and SVHN's shape, "
        "or of that which the model asks for: the median, in ms for a batch, in GFLOP/s of useful operations, and as a share of "
        "the peak.",
    .options = step_options,
    .option_count = COUNT_OF(step_options),
    .options_size = sizeof(BenchArguments),
    .set_defaults = set_step_defaults,
    .run = run_step,
};

/* ---- bench ranks ---- */

static const Option rank_options[] = {
    {"model", "NAME|LINE", OPTION_TEXT, .help = "the network", .default_text = "paper", MEMBER(model)},
    {"batch", "N", OPTION_INTEGER, 64, MOST_BATCH, .help = "images per step, of all ranks together",
     .default_text = "512", MEMBER(batch)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS,
     .help = "of each rank; 0: all processors, shared among the ranks of a machine", .default_text = "0",
     MEMBER(threads)},
    {"precision", NULL, OPTION_CHOICE, .choices = precision_words, .help = "of activations", .default_text = "f32",
     MEMBER(precision)},
    {"steps", "N", OPTION_INTEGER, 5, 10000, .help = "for each figure, three times", .default_text = "60",
     MEMBER(steps)},
};

static void set_rank_defaults(void *options) {
    *(BenchArguments *)options = (BenchArguments){.model = "paper", .batch = 512, .steps = 60};
}

/* All ranks measure, as many as the batch has parts for. */
static cf_status bench_on_ranks(RankBench *b) {
    cf_status status = CF_OK;
    json_t *job = json_pack("{s:s s:s s:[i i i] s:i s:i s:i s:i s:i}", "job", "bench", "model", b->model, "input",
                            b->input.C, b->input.H, b->input.W, "batch", b->batch, "threads", b->threads, "ranks",
                            b->ranks, "precision", b->precision, "steps", b->steps);
    for (int r = 1; r < b->ranks && !status; r++) status = ranks_send_job(r, job);
    json_decref(job);
    FORWARD(status);
    ranks_working(true);
    FORWARD(rank_bench_run(b));
    ranks_working(false);
    return CF_OK;
}

/* Of a rank but the first. */
cf_status bench_serve(json_t *job) {
    RankBench *b;
    const char *model;
    int precision;
    FORWARD(memory_new(1, sizeof *b, &b));
    cf_status status = json_unpack(job, "{s:s s:[i i i] s:i s:i s:i s:i s:i}", "model", &model, "input", &b->input.C,
                                   &b->input.H, &b->input.W, "batch", &b->batch, "threads", &b->threads, "ranks",
                                   &b->ranks, "precision", &precision, "steps", &b->steps)
                           ? FAIL(CF_INTERNAL, "rank 0 asked for a measurement in words that are unknown")
                           : CF_OK;
    if (!status) snprintf(b->model, sizeof b->model, "%s", model), b->precision = (cf_precision)precision;
    if (!status) status = rank_bench_run(b);
    free(b);
    return status;
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

static void print_ranks(const RankBench *b) {
    const double model = rank_bench_model(b, b->ranks, b->batch, b->latency, b->bandwidth);
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
    for (size_t n = 0; n < COUNT_OF(nets); n++) {
        printf("\n%s, %.0f us (calculated)\nhosts    ms a step    images/s    of the hosts' work    batch for 80 %%\n",
               nets[n].name, 1e6 * nets[n].latency);
        for (int hosts = 2; hosts <= 64; hosts *= 2) {
            const double seconds = rank_bench_model(b, hosts, b->batch, nets[n].latency, nets[n].bandwidth);
            printf("%5d %12.3f %11.0f %19.1f %% %18d\n", hosts, 1e3 * seconds, b->batch / seconds,
                   100 * efficiency(b, hosts, b->batch, &nets[n]), batch_that_pays(b, hosts, &nets[n]));
        }
    }
}

static cf_status run_ranks(const Arguments *given, const void *parsed) {
    const BenchArguments *a = parsed;
    Shape inputs[2];
    RankBench *b;
    cf_precision precision = (cf_precision)a->precision;
    const Engine *engine;
    terminal_set_quiet(given->quiet);
    FAIL_IF(ranks_size() < 2, CF_BAD_USE, "two ranks or more expected; start it with mpirun -n 2 cifra bench ranks");
    FORWARD(engine_choose(CF_ENGINE_FAST, &precision, &engine));
    ranks_tell_binding(a->threads);
    FORWARD(memory_new(1, sizeof *b, &b));
    step_inputs(a->model, inputs);
    *b = (RankBench){.input = inputs[0],
                     .batch = a->batch,
                     .threads = slices_threads(a->threads),
                     .ranks = ranks_size(),
                     .precision = precision,
                     .steps = a->steps};
    snprintf(b->model, sizeof b->model, "%s", a->model);
    cf_status status = a->batch / 32 < b->ranks
                           ? FAIL(CF_BAD_USE, "a batch of %d has no part for each of %d ranks; %d or more expected",
                                  a->batch, b->ranks, 32 * b->ranks)
                           : measure_rounds(b);
    if (!status && given->json)
        status = print_json(json_pack(
            "{s:i s:i s:i s:i s:i s:s s:f s:f s:f s:f s:f s:f s:f s:f s:f s:f s:f}", "ranks", b->ranks, "threads",
            b->threads, "processors", b->processors, "one_process_processors", b->alone_processors, "batch", b->batch,
            "precision", precision_words[b->precision], "one_process_ms", 1e3 * b->alone_seconds, "ranks_ms",
            1e3 * b->step_seconds, "one_process_fastest_ms", 1e3 * b->alone_fastest, "ranks_fastest_ms",
            1e3 * b->step_fastest, "own_work_ms", 1e3 * b->part_seconds, "bytes", b->bytes, "least_bytes",
            b->least_bytes, "messages", b->messages, "latency_us", 1e6 * b->latency, "gbit_s", 8e-9 * b->bandwidth,
            "model_ms", 1e3 * rank_bench_model(b, b->ranks, b->batch, b->latency, b->bandwidth)));
    else if (!status)
        print_ranks(b);
    free(b);
    return status;
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
    .options = rank_options,
    .option_count = COUNT_OF(rank_options),
    .options_size = sizeof(BenchArguments),
    .set_defaults = set_rank_defaults,
    .run = run_ranks,
};

/* ---- bench ops ---- */

typedef struct OpsArguments {
    const char *text;
    int threads, precision;
    double seconds;
    bool lines;
} OpsArguments;

#undef MEMBER
#define MEMBER(name) OPTION_MEMBER(OpsArguments, name)

static const Option ops_options[] = {
    {"case", "TEXT", OPTION_TEXT, .help = "only this problem, in the pass that it ends with or in all of them",
     .default_text = "a table of problems", MEMBER(text)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "each with its own arrays; 0: all processors",
     .default_text = "0", MEMBER(threads)},
    {"precision", NULL, OPTION_CHOICE, .choices = precision_words, .help = "only this one",
     .default_text = "both, where the processor has both", MEMBER(precision)},
    {"seconds", "X", OPTION_NUMBER, 0.001, 600, .help = "time for each figure", .default_text = "0.15",
     MEMBER(seconds)},
    {"lines", NULL, OPTION_FLAG, .help = "under each case, the line that repeats it", MEMBER(lines)},
};

static void set_ops_defaults(void *options) {
    *(OpsArguments *)options = (OpsArguments){.seconds = 0.15};
}

/* A run over many cases. */
typedef struct OpsRun {
    const OpsArguments *a;
    bool json;
    Machine machine;
    json_t *ops;
    int count, failed;
} OpsRun;

static void print_op(const OpsRun *run, const OpCase *c, const OpResult *r) {
    char text[OP_TEXT];
    bool by_bytes = op_flops(c) == 0;
    double peak = by_bytes ? run->machine.bandwidth : machine_peak(&run->machine, c->precision);
    double rate = by_bytes ? r->bandwidth : r->gflops;
    op_print(c, text);
    printf("%-44s %-16s %-4s %10.1f us %7.1f %-7s %6.1f %%  %-8.2g %s\n", text, op_pass_words[c->pass],
           precision_words[c->precision], 1e6 * r->seconds, rate, by_bytes ? "GB/s" : "GFLOP/s", 100 * rate / peak,
           r->residual, r->passed ? "PASS" : "FAIL");
    if (run->a->lines || !r->passed) printf("    %s\n", r->repeat);
    fflush(stdout);
}

/* Null where a figure has no meaning: the share of peak where no operations are counted, a residual with a NaN. */
static json_t *figure(bool has_meaning, double value) {
    return has_meaning && isfinite(value) ? json_real(value) : json_null();
}

static json_t *op_json(const OpsRun *run, const OpCase *c, const OpResult *r) {
    char problem[OP_TEXT], text[OP_TEXT + 32];
    bool by_bytes = op_flops(c) == 0;
    op_print(c, problem);
    snprintf(text, sizeof text, "%s %s", problem, op_pass_words[c->pass]);
    return json_pack(
        "{s:s s:s s:i s:f s:o s:o s:o s:o s:o s:b s:s}", "case", text, "precision", precision_words[c->precision],
        "threads", run->machine.threads, "microseconds", 1e6 * r->seconds, "gflops", figure(!by_bytes, r->gflops),
        "share_of_peak", figure(!by_bytes, r->gflops / machine_peak(&run->machine, c->precision)), "gb_s",
        figure(by_bytes, r->bandwidth), "share_of_bandwidth", figure(by_bytes, r->bandwidth / run->machine.bandwidth),
        "residual", figure(true, r->residual), "passed", r->passed, "repeat", r->repeat);
}

static cf_status run_op(OpsRun *run, const OpCase *c) {
    OpResult result;
    FORWARD(op_run(c, &(OpOptions){.threads = run->machine.threads, .seconds = run->a->seconds}, &result));
    run->count++;
    run->failed += !result.passed;
    if (run->json) json_array_append_new(run->ops, op_json(run, c, &result));
    if (!run->json) print_op(run, c, &result);
    return CF_OK;
}

/* A peak that has moved says that something else used the processors: the shares are then not what they seem. */
static void check_peak(const Machine *before) {
    double after = cpu_peak_gflops(before->threads);
    if (fabs(after - before->peak_f32) > 0.1 * before->peak_f32)
        notice("the peak in f32 was %.0f GFLOP/s before and is %.0f now: other work disturbs this machine",
               before->peak_f32, after);
}

/* A problem in its pass, or all of them, and in the precisions wanted. */
static cf_status run_problem(OpsRun *run, bool one_precision, const char *text) {
    OpCase parsed;
    bool has_pass;
    FORWARD(op_parse(text, &parsed, &has_pass));
    for (int pass = 0; pass < OP_PASSES; pass++)
        for (int p = CF_F32; p <= CF_BF16; p++) {
            OpCase c = parsed;
            c.pass = (OpPass)pass;
            c.precision = (cf_precision)p;
            if (has_pass ? c.pass != parsed.pass : !op_has_pass(c.kind, c.pass)) continue;
            if (one_precision ? p != run->a->precision : p == CF_BF16 && !cpu_engine_bf16()) continue;
            FORWARD(run_op(run, &c));
        }
    return CF_OK;
}

static cf_status run_ops(const Arguments *given, const void *parsed) {
    OpsRun run = {.a = parsed, .json = given->json};
    OpCase first;
    bool has_pass, one_precision = options_given(given, "precision");
    const char *const asked[] = {run.a->text, NULL}, *const *texts = run.a->text ? asked : op_problems;
    terminal_set_quiet(given->quiet);
    FORWARD(op_parse(texts[0], &first, &has_pass)); /* before the time that measuring takes */
    FORWARD(machine_measure(run.a->threads, &run.machine));
    if (!run.json) print_machine(&run.machine);
    run.ops = json_array();
    cf_status status = CF_OK;
    for (; *texts && !status; texts++) status = run_problem(&run, one_precision, *texts);
    if (!status) check_peak(&run.machine);
    if (!status && run.json)
        status = print_json(json_pack("{s:{s:f s:f} s:f s:O}", "peak_gflops", "f32", run.machine.peak_f32, "bf16",
                                      run.machine.peak_bf16, "bandwidth_gb_s", run.machine.bandwidth, "ops", run.ops));
    json_decref(run.ops);
    FAIL_IF(!status && run.failed, CF_INTERNAL,
            "%d of %d cases differ from the reference; each has the line that repeats it", run.failed, run.count);
    return status;
}

const Command command_bench_ops = {
    .name = "bench ops",
    .summary = "time of single operations, as a share of the machine's peak, and their results against the reference",
    .usage = "[--case TEXT] [--precision f32|bf16] [--threads T]",
    .description =
        "Runs convolutions and dense layers forward, backward to the data and backward to the weights, blocks (batch norm, "
        "activation and pool), stems (the network's first convolution and its block as one operation), self-attention, "
        "activations, sums, norms of images, factors of channels and averages, each thread on arrays of its own. Prints the "
        "median time of a slice (for a dense layer of the whole batch). For products: GFLOP/s (padding not counted; a stem's "
        "backward counts as its convolution's, though a pool passes few gradients on) and the share of the peak measured on the "
        "same threads. For all others and a stem's moments: GB/s, each array counted once, and the share of the measured memory "
        "bandwidth. The arrays of products stay in the caches; those of all others lie where a training step has them: what it "
        "has just written in the nearest caches, the rest in those of a batch of 128, so that the share may be above 100 %. "
        "Then the largest difference from the plain reference on small integers, over the largest value: PASS if every value is "
        "the same, or in bf16 the same but for its rounding; of attention if none is off by more than 1e-5, or in bf16 2^-7, of "
        "the largest. The exit status is 1 if a case fails.\n\n"
        "A case is one of\n\n"
        "  conv NxCxHxW K RxS [stride T] [pad P [Q]] [groups G] [dilation D]\n"
        "                                                     forward | backward-data | backward-weights\n"
        "  dense NxI K [slope X] [float]                      forward | backward-data | backward-weights\n"
        "  block NxCxHxW [pool R [S]] [ACT] [residual]        moments | forward | sums | backward\n"
        "  stem NxCxHxW K RxS [pad P [Q]] [pool 2] [slope X]  moments | forward | backward-weights\n"
        "  attention NxLxC heads                              forward | backward\n"
        "  act NxCxHxW ACT                                    forward | backward\n"
        "  add NxCxHxW [ACT]                                  forward\n"
        "  norm NxCxHxW groups G, norm NxCxHxW layer          forward | sums | backward\n"
        "  scale NxCxHxW, avgpool NxCxHxW                     forward | backward\n\n"
        "with N images (of a slice; for dense of the batch), C channels, K filters or outputs, I inputs, L positions; slope is "
        "the activation's (0: ReLU, 1: none), ACT is slope X, relu6, silu, gelu, hardswish or sigmoid, float makes the outputs "
        "float32 in any precision. Without a pass: all of them.\n\n"
        "  cifra bench ops --case \"conv 8x32x14x14 64 3x3 stride 1 pad 1 backward-weights\" --precision f32",
    .options = ops_options,
    .option_count = COUNT_OF(ops_options),
    .options_size = sizeof(OpsArguments),
    .set_defaults = set_ops_defaults,
    .run = run_ops,
};
