/* cifra bench epoch: what an epoch costs beyond its steps. */
#include "cli/commands.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/slices.h"
#include "bench/bench.h"
#include "cli/terminal.h"
#include "data/augment/augment.h"
#include "train/train_options.h"

#include <stddef.h>
#include <stdio.h>

typedef struct EpochArguments {
    const char *model, *augment;
    int batch, threads, precision, images;
} EpochArguments;

#define MEMBER(name) OPTION_MEMBER(EpochArguments, name)

static const Option options[] = {
    {"model", "NAME|LINE", OPTION_TEXT, .help = "the network", .default_text = "paper", MEMBER(model)},
    {"batch", "N", OPTION_INTEGER, 1, MOST_BATCH, .help = "images per step", .default_text = "128", MEMBER(batch)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors", .default_text = "0",
     MEMBER(threads)},
    {"precision", NULL, OPTION_CHOICE, .choices = precision_words, .help = "only this one",
     .default_text = "both, where the processor has both", MEMBER(precision)},
    {"images", "N", OPTION_INTEGER, 1000, 1000000, .help = "images of the epoch, a tenth of which validate",
     .default_text = "20000", MEMBER(images)},
    {"augment", "LINE", OPTION_TEXT, .help = "also epochs with this augmentation, in turn with those without",
     MEMBER(augment)},
};

static void set_defaults(void *parsed) {
    *(EpochArguments *)parsed = (EpochArguments){.model = "paper", .batch = 128, .images = 20000};
}

static void print_line(const char *input, const EpochBench *e) {
    printf("%-8s %-4s %zu + %zu images: epoch %.3f s, its steps alone %.3f s: %.1f %%\n", input,
           precision_words[e->step.precision], e->train, e->validation, e->seconds, e->steps_seconds,
           100 * e->steps_seconds / e->seconds);
    if (e->augmented_seconds > 0)
        printf("              with the augmentation %.3f s: %.1f %% of the speed without\n", e->augmented_seconds,
               100 * e->seconds / e->augmented_seconds);
    fflush(stdout);
}

static json_t *to_json(const char *input, const EpochBench *e) {
    json_t *json =
        json_pack("{s:s s:s s:i s:i s:I s:I s:f s:f s:f}", "input", input, "precision",
                  precision_words[e->step.precision], "batch", e->step.batch, "threads", e->step.threads,
                  "train_images", (json_int_t)e->train, "validation_images", (json_int_t)e->validation, "epoch_seconds",
                  e->seconds, "steps_seconds", e->steps_seconds, "share", e->steps_seconds / e->seconds);
    if (e->augmented_seconds > 0) json_object_set_new(json, "augmented_epoch_seconds", json_real(e->augmented_seconds));
    return json;
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    static const Shape inputs[] = {{1, 28, 28}, {3, 32, 32}};
    static const char *const names[] = {"1x28x28", "3x32x32"};
    const EpochArguments *a = parsed;
    terminal_set_quiet(given->quiet);
    cf_status bad = a->augment ? augmentation_check(a->augment) : CF_OK;
    if (bad) return status_prefix(bad, "--augment");
    json_t *epochs = json_array();
    for (size_t i = 0; i < COUNT_OF(inputs); i++)
        for (int p = CF_F32; p <= CF_BF16; p++) {
            EpochBench e;
            if (options_given(given, "precision") ? p != a->precision : p == CF_BF16 && !cpu_engine_bf16()) continue;
            cf_status status = epoch_bench(a->model, inputs[i], a->batch, a->threads, (cf_precision)p,
                                           (size_t)a->images, a->augment, &e);
            if (status) {
                json_decref(epochs);
                return status;
            }
            json_array_append_new(epochs, to_json(names[i], &e));
            if (!given->json) print_line(names[i], &e);
        }
    if (given->json) return print_json(json_pack("{s:o}", "epochs", epochs));
    json_decref(epochs);
    return CF_OK;
}

const Command command_bench_epoch = {
    .name = "bench epoch",
    .summary = "a whole epoch with its data against its steps alone",
    .usage = "[--model NAME|LINE] [--images N]",
    .description =
        "Trains for two epochs on random images (shuffling, preparation, steps, validation) and compares the time of "
        "one with that of its training steps and validation batches at the median time that bench step measures. With "
        "--augment, epochs "
        "with that line are trained in turn with those without.",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_size = sizeof(EpochArguments),
    .set_defaults = set_defaults,
    .run = run_command,
};
