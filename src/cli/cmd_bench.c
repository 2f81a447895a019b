/* cifra bench: how fast, against what this machine can do. */
#include "cli/commands.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/slices.h"
#include "bench/bench.h"
#include "cli/terminal.h"
#include "train/train_options.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

typedef struct BenchArguments {
    const char *model;
    int batch, threads, precision;
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
        "Measures this machine's peak of multiply-adds and its memory bandwidth on the same threads, then the time "
        "of a whole training step (preparation, forward, backward, update) and of inference on random images of "
        "MNIST's and SVHN's shape, or of that which the model asks for: the median, in ms for "
        "a batch, in GFLOP/s of useful operations, and as a share of the peak.",
    .options = step_options,
    .option_count = COUNT_OF(step_options),
    .options_size = sizeof(BenchArguments),
    .set_defaults = set_step_defaults,
    .run = run_step,
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
        "Runs convolutions and dense layers forward, backward to the data and backward to the weights, "
        "blocks (batch norm, activation and pool), stems (the network's first convolution and its block as one "
        "operation), self-attention, activations, sums, norms of images, factors of channels and averages, each thread on arrays of its own. Prints the median time of a "
        "slice (for a dense layer of the whole batch). For products: GFLOP/s (padding not counted; a stem's backward "
        "counts as its convolution's, though a pool passes few gradients on) and the share of the peak measured on the "
        "same threads. For all others and a stem's moments: GB/s, each array counted once, and the share of the measured "
        "memory bandwidth. The arrays of products stay in the caches; those of all others lie where a training "
        "step has them: what it has just written in the nearest caches, the rest in those of a batch of 128, so that "
        "the share may be above 100 %. Then the largest "
        "difference from the plain reference on small integers, over the largest value: PASS if every value is "
        "the same, or in bf16 the same but for its rounding; of attention if none is off by more than 1e-5, or in bf16 "
        "2^-7, of the largest. The exit status is 1 if a case fails.\n\n"
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
        "the activation's (0: ReLU, 1: none), ACT is slope X, relu6, silu, gelu, hardswish or sigmoid, float makes the outputs float32 in any precision. Without a pass: "
        "all of them.\n\n"
        "  cifra bench ops --case \"conv 8x32x14x14 64 3x3 stride 1 pad 1 backward-weights\" --precision f32",
    .options = ops_options,
    .option_count = COUNT_OF(ops_options),
    .options_size = sizeof(OpsArguments),
    .set_defaults = set_ops_defaults,
    .run = run_ops,
};
