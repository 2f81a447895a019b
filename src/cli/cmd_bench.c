/* cifra bench: how fast, against what this machine can do. */
#include "cli/commands.h"

#include "base/memory.h"
#include "bench/bench.h"
#include "cli/terminal.h"
#include "study/run.h"

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
    {"batch", "N", OPTION_INTEGER, 1, 65536, .help = "images per step", .default_text = "128", MEMBER(batch)},
    {"threads", "T", OPTION_INTEGER, 0, 256, .help = "0: all processors", .default_text = "0", MEMBER(threads)},
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
    printf("%-9s %5d  %-4s %2d threads   train %8.3f ms %7.1f GFLOP/s %5.1f %%   infer %8.3f ms %7.1f GFLOP/s %5.1f %%\n",
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

static cf_status run_step(const Arguments *given, const void *parsed) {
    static const Shape inputs[] = {{1, 28, 28}, {3, 32, 32}};
    const BenchArguments *a = parsed;
    Machine machine;
    terminal_set_quiet(given->quiet);
    FORWARD(machine_measure(a->threads, &machine));
    if (!given->json) print_machine(&machine);
    json_t *steps = json_array();
    cf_status status = CF_OK;
    for (size_t i = 0; i < COUNT_OF(inputs); i++)
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
    .description = "Measures this machine's peak of multiply-adds and its memory bandwidth on the same threads, then the time "
                   "of a whole training step (preparation, forward, backward, update) and of inference on random images of "
                   "MNIST's and SVHN's shape: the median, in ms for a batch, in GFLOP/s of useful operations, and as a share "
                   "of the peak.",
    .options = step_options,
    .option_count = COUNT_OF(step_options),
    .options_size = sizeof(BenchArguments),
    .set_defaults = set_step_defaults,
    .run = run_step,
};
