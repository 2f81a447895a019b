/* cifra bench step, ops and epoch: how fast, against what this machine can do. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/limits.h"
#include "bench/bench.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "data/augment/augment.h"

#include <math.h>
#include <stdio.h>

typedef struct BenchArguments {
    const char *model, *text, *augment;
    int batch, threads, precision, images;
    double seconds;
    bool lines;
} BenchArguments;

#define MEMBER(name) OPTION_MEMBER(BenchArguments, name)

/* The steps that are measured. */
static const Option shape_options[] = {
    {ROW(network), MEMBER(model)},
    {"batch", "N", OPTION_INTEGER, 1, MOST_BATCH, .help = "images per step", .usual = "128", MEMBER(batch)},
    {ROW(threads), .help = "0: all processors", MEMBER(threads)},
    {ROW(precision), MEMBER(precision)},
};

/* The one that was asked for, or each that the processor has. */
static bool precision_is_wanted(const Arguments *given, const BenchArguments *a, int precision) {
    return options_given(given, "precision") ? precision == a->precision : precision != CF_BF16 || cpu_engine_bf16();
}

static void print_machine(const Machine *m) {
    printf("peak on %d threads: %.0f GFLOP/s f32", m->threads, m->peak_f32);
    if (m->peak_bf16 > 0) printf(", %.0f GFLOP/s bf16", m->peak_bf16);
    printf("; memory %.1f GB/s\n%s\n\n", m->bandwidth, cpu_engine()->name);
}

static cf_status print_machine_json(const Machine *m, const char *key, json_t *measured) {
    return print_json(json_pack("{s:{s:f s:f} s:f s:O}", "peak_gflops", "f32", m->peak_f32, "bf16", m->peak_bf16,
                                "bandwidth_gb_s", m->bandwidth, key, measured));
}

/* ---- bench step ---- */

static const Option step_options[] = {
    {ROWS(shape_options)},
    {"seconds", "X", OPTION_NUMBER, 0.01, 600, .help = "time for each figure", .usual = "1.5", MEMBER(seconds)},
};

static void print_step(const StepBench *s, const char *input, double peak) {
    printf(
        "%-9s %5d  %-4s %2d threads   train %8.3f ms %7.1f GFLOP/s %5.1f %%   infer %8.3f ms %7.1f GFLOP/s %5.1f %%\n",
        input, s->batch, precision_words[s->precision], s->threads, 1e3 * s->train_seconds, s->train_gflops,
        100 * s->train_gflops / peak, 1e3 * s->infer_seconds, s->infer_gflops, 100 * s->infer_gflops / peak);
    fflush(stdout);
}

static json_t *step_json(const StepBench *s, const char *input, double peak) {
    return json_pack("{s:s s:i s:s s:i s:f s:f s:f s:f s:f s:f}", "input", input, "batch", s->batch, "precision",
                     precision_words[s->precision], "threads", s->threads, "train_ms", 1e3 * s->train_seconds,
                     "train_gflops", s->train_gflops, "train_share_of_peak", s->train_gflops / peak, "infer_ms",
                     1e3 * s->infer_seconds, "infer_gflops", s->infer_gflops, "infer_share_of_peak",
                     s->infer_gflops / peak);
}

static cf_status run_step(const Arguments *given, const void *parsed) {
    const BenchArguments *a = parsed;
    Shape inputs[] = {{1, 28, 28}, {3, 32, 32}}; /* MNIST's and SVHN's, or the one that the model asks for */
    const int count = model_line_input(a->model, &inputs[0]) ? 1 : 2;
    json_auto_t *steps = json_array();
    Machine machine;
    FORWARD(machine_measure(a->threads, &machine));
    if (!given->json) print_machine(&machine);
    for (int i = 0; i < count; i++)
        for (int p = CF_F32; p <= CF_BF16; p++) {
            StepBench step;
            char input[32];
            if (!precision_is_wanted(given, a, p)) continue;
            FORWARD(step_bench(a->model, inputs[i], a->batch, a->threads, (cf_precision)p, a->seconds, &step));
            const double peak = machine_peak(&machine, step.precision);
            snprintf(input, sizeof input, "%dx%dx%d", step.input.C, step.input.H, step.input.W);
            json_array_append_new(steps, step_json(&step, input, peak));
            if (!given->json) print_step(&step, input, peak);
        }
    return given->json ? print_machine_json(&machine, "steps", steps) : CF_OK;
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
    COMMAND_OPTIONS(step_options, BenchArguments),
    .run = run_step,
};

/* ---- bench epoch ---- */

static const Option epoch_options[] = {
    {ROWS(shape_options)},
    {"images", "N", OPTION_INTEGER, 1000, 1000000, .help = "images of the epoch, a tenth of which validate",
     .usual = "20000", MEMBER(images)},
    {"augment", "LINE", OPTION_TEXT, .help = "also epochs with this augmentation, in turn with those without",
     MEMBER(augment)},
};

static void print_epoch(const char *input, const EpochBench *e) {
    printf("%-8s %-4s %zu + %zu images: epoch %.3f s, its steps alone %.3f s: %.1f %%\n", input,
           precision_words[e->step.precision], e->train, e->validation, e->seconds, e->steps_seconds,
           100 * e->steps_seconds / e->seconds);
    if (e->augmented_seconds > 0)
        printf("              with the augmentation %.3f s: %.1f %% of the speed without\n", e->augmented_seconds,
               100 * e->seconds / e->augmented_seconds);
    fflush(stdout);
}

static json_t *epoch_json(const char *input, const EpochBench *e) {
    json_t *json =
        json_pack("{s:s s:s s:i s:i s:I s:I s:f s:f s:f}", "input", input, "precision",
                  precision_words[e->step.precision], "batch", e->step.batch, "threads", e->step.threads,
                  "train_images", (json_int_t)e->train, "validation_images", (json_int_t)e->validation, "epoch_seconds",
                  e->seconds, "steps_seconds", e->steps_seconds, "share", e->steps_seconds / e->seconds);
    if (e->augmented_seconds > 0) json_object_set_new(json, "augmented_epoch_seconds", json_real(e->augmented_seconds));
    return json;
}

static cf_status run_epoch(const Arguments *given, const void *parsed) {
    static const Shape inputs[] = {{1, 28, 28}, {3, 32, 32}};
    static const char *const names[] = {"1x28x28", "3x32x32"};
    const BenchArguments *a = parsed;
    json_auto_t *epochs = json_array();
    const cf_status bad = a->augment ? augmentation_check(a->augment) : CF_OK;
    if (bad) return status_prefix(bad, "--augment");
    for (size_t i = 0; i < COUNT_OF(inputs); i++)
        for (int p = CF_F32; p <= CF_BF16; p++) {
            EpochBench e;
            if (!precision_is_wanted(given, a, p)) continue;
            FORWARD(epoch_bench(a->model, inputs[i], a->batch, a->threads, (cf_precision)p, (size_t)a->images,
                                a->augment, &e));
            json_array_append_new(epochs, epoch_json(names[i], &e));
            if (!given->json) print_epoch(names[i], &e);
        }
    return given->json ? print_json(json_pack("{s:O}", "epochs", epochs)) : CF_OK;
}

const Command command_bench_epoch = {
    .name = "bench epoch",
    .summary = "a whole epoch with its data against its steps alone",
    .usage = "[--model NAME|LINE] [--images N]",
    .description =
        "Trains for two epochs on random images (shuffling, preparation, steps, validation) and compares the time of one with "
        "that of its training steps and validation batches at the median time that bench step measures. With --augment, epochs "
        "with that line are trained in turn with those without.",
    COMMAND_OPTIONS(epoch_options, BenchArguments),
    .run = run_epoch,
};

/* ---- bench ops ---- */

static const Option ops_options[] = {
    {"case", "TEXT", OPTION_TEXT, .help = "only this problem, in the pass that it ends with or in all of them",
     .default_text = "a table of problems", MEMBER(text)},
    {ROW(threads), .help = "each with its own arrays; 0: all processors", MEMBER(threads)},
    {ROW(precision), MEMBER(precision)},
    {"seconds", "X", OPTION_NUMBER, 0.001, 600, .help = "time for each figure", .usual = "0.15", MEMBER(seconds)},
    {"lines", NULL, OPTION_FLAG, .help = "under each case, the line that repeats it", MEMBER(lines)},
};

/* A run over many cases. */
typedef struct OpsRun {
    const Arguments *given;
    const BenchArguments *a;
    Machine machine;
    json_t *ops;
    int count, failed;
} OpsRun;

static void print_op(const OpsRun *run, const OpCase *c, const OpResult *r) {
    char text[OP_TEXT];
    const bool by_bytes = op_flops(c) == 0;
    const double peak = by_bytes ? run->machine.bandwidth : machine_peak(&run->machine, c->precision);
    const double rate = by_bytes ? r->bandwidth : r->gflops;
    op_print(c, text);
    printf("%-44s %-16s %-4s %10.1f us %7.1f %-7s %6.1f %%  %-8.2g %s\n", text, op_pass_words[c->pass],
           precision_words[c->precision], 1e6 * r->seconds, rate, by_bytes ? "GB/s" : "GFLOP/s", 100 * rate / peak,
           r->residual, r->passed ? "PASS" : "FAIL");
    if (run->a->lines || !r->passed) printf("    %s\n", r->repeat);
    fflush(stdout);
}

static json_t *op_json(const OpsRun *run, const OpCase *c, const OpResult *r) {
    char problem[OP_TEXT], text[OP_TEXT + 32];
    const bool by_bytes = op_flops(c) == 0;
    /* null where it has no meaning: the rate of products where there are none, of bytes where there are */
    const double gflops = by_bytes ? NAN : r->gflops, bytes = by_bytes ? r->bandwidth : NAN;
    op_print(c, problem);
    snprintf(text, sizeof text, "%s %s", problem, op_pass_words[c->pass]);
    return json_pack("{s:s s:s s:i s:f s:o s:o s:o s:o s:o s:b s:s}", "case", text, "precision",
                     precision_words[c->precision], "threads", run->machine.threads, "microseconds", 1e6 * r->seconds,
                     "gflops", json_number(gflops), "share_of_peak",
                     json_number(gflops / machine_peak(&run->machine, c->precision)), "gb_s", json_number(bytes),
                     "share_of_bandwidth", json_number(bytes / run->machine.bandwidth), "residual",
                     json_number(r->residual), "passed", r->passed, "repeat", r->repeat);
}

static cf_status run_case(OpsRun *run, const OpCase *c) {
    OpResult result;
    FORWARD(op_run(c, &(OpOptions){.threads = run->machine.threads, .seconds = run->a->seconds}, &result));
    run->count++;
    run->failed += !result.passed;
    json_array_append_new(run->ops, op_json(run, c, &result));
    if (!run->given->json) print_op(run, c, &result);
    return CF_OK;
}

/* A peak that has moved says that something else used the processors: the shares are then not what they seem. */
static void check_peak(const Machine *before) {
    const double after = cpu_peak_gflops(before->threads);
    if (fabs(after - before->peak_f32) > 0.1 * before->peak_f32)
        notice("the peak in f32 was %.0f GFLOP/s before and is %.0f now: other work disturbs this machine",
               before->peak_f32, after);
}

/* A problem in its pass, or all of them, and in the precisions wanted. */
static cf_status run_problem(OpsRun *run, const char *text) {
    OpCase parsed;
    bool has_pass;
    FORWARD(op_parse(text, &parsed, &has_pass));
    for (int pass = 0; pass < OP_PASSES; pass++)
        for (int p = CF_F32; p <= CF_BF16; p++) {
            OpCase c = parsed;
            c.pass = (OpPass)pass;
            c.precision = (cf_precision)p;
            if (has_pass ? c.pass != parsed.pass : !op_has_pass(c.kind, c.pass)) continue;
            if (precision_is_wanted(run->given, run->a, p)) FORWARD(run_case(run, &c));
        }
    return CF_OK;
}

static cf_status run_ops(const Arguments *given, const void *parsed) {
    json_auto_t *ops = json_array();
    OpsRun run = {.given = given, .a = parsed, .ops = ops};
    OpCase first;
    bool has_pass;
    const char *const asked[] = {run.a->text, NULL}, *const *texts = run.a->text ? asked : op_problems;
    FORWARD(op_parse(texts[0], &first, &has_pass)); /* before the time that measuring takes */
    FORWARD(machine_measure(run.a->threads, &run.machine));
    if (!given->json) print_machine(&run.machine);
    for (; *texts; texts++) FORWARD(run_problem(&run, *texts));
    check_peak(&run.machine);
    if (given->json) FORWARD(print_machine_json(&run.machine, "ops", ops));
    FAIL_IF(run.failed, CF_INTERNAL, "%d of %d cases differ from the reference; each has the line that repeats it",
            run.failed, run.count);
    return CF_OK;
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
    COMMAND_OPTIONS(ops_options, BenchArguments),
    .run = run_ops,
};
