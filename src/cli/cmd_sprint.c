/* cifra bench mnist99, bench cifar94: time to an accuracy, each run a process of its own. */
#include "cli/commands.h"

#include "base/numbers.h"
#include "bench/bench.h"
#include "bench/sprint.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "train/train_options.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct SprintArguments {
    const char *data, *data_dir;
    int seeds, threads, precision;
    int64_t one;
} SprintArguments;

#define MEMBER(name) OPTION_MEMBER(SprintArguments, name)

static const Option options[] = {
    {"seeds", "N", OPTION_INTEGER, 1, 1000, .help = "how many runs, with the seeds 1 to N", .usual = "10",
     MEMBER(seeds)},
    {"one", "S", OPTION_INTEGER, 0, LARGEST_SEED, .help = "a single run with this seed, in this process", MEMBER(one)},
    {"data", "SET", OPTION_TEXT, .help = "where the images are", MEMBER(data)},
    {ROW(data_dir), .help = "where mnist is looked for first", MEMBER(data_dir)},
    {ROW(threads), .help = "0: all processors", MEMBER(threads)},
    {ROW(precision), .help = "of activations and weight copies", .default_text = "bf16 where the processor has it",
     MEMBER(precision)},
};

/* The single run: what it prints is read by the process that started it. */
static cf_status run_one(const Sprint *sprint, const SprintArguments *a, cf_precision precision) {
    const SprintJob job = {a->data, a->data_dir, (uint64_t)a->one, a->threads, precision};
    SprintResult result;
    FORWARD(sprint_run(sprint, &job, &result));
    printf("accuracy %.17g first_step %.17g\n", result.accuracy, result.first_step);
    return CF_OK;
}

typedef struct Timing {
    double accuracy, seconds, first_step;
} Timing;

/* Starts this program again with --one, and takes the time from before its start to after its end. */
static cf_status start_one(const char *command, const SprintArguments *a, int seed, cf_precision precision,
                           Timing *timing) {
    char seed_text[16], threads_text[16], line[128] = "";
    int ends[2], exit_status = 0;
    pid_t child;
    posix_spawn_file_actions_t actions;
    extern char **environ;
    snprintf(seed_text, sizeof seed_text, "%d", seed);
    snprintf(threads_text, sizeof threads_text, "%d", a->threads);
    const char *arguments[16] = {"cifra",      "bench",       command,
                                 "--one",      seed_text,     "--threads",
                                 threads_text, "--precision", precision_words[precision]};
    int count = 9;
    if (a->data) arguments[count++] = "--data", arguments[count++] = a->data;
    if (a->data_dir) arguments[count++] = "--data-dir", arguments[count++] = a->data_dir;
    FAIL_IF(pipe(ends) != 0, CF_IO, "no pipe to a run: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    double start = clock_seconds();
    int failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, (char **)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    if (!failed && from && !fgets(line, sizeof line, from)) line[0] = '\0';
    if (!failed) waitpid(child, &exit_status, 0);
    timing->seconds = clock_seconds() - start;
    if (from) fclose(from);
    FAIL_IF(failed, CF_IO, "a run could not be started: %s", strerror(failed));
    FAIL_IF(exit_status || sscanf(line, "accuracy %lf first_step %lf", &timing->accuracy, &timing->first_step) != 2,
            CF_INTERNAL, "the run with seed %d failed; see its message above", seed);
    timing->first_step -= start;
    return CF_OK;
}

static cf_status run_all(const Sprint *sprint, const char *command, const Arguments *given, const SprintArguments *a,
                         cf_precision precision) {
    Timing mean = {0};
    json_auto_t *runs = json_array();
    if (!given->json) printf("%s\n%s, %s\n\n", sprint->model, sprint->settings, precision_words[precision]);
    for (int seed = 1; seed <= a->seeds; seed++) {
        Timing t;
        FORWARD(start_one(command, a, seed, precision, &t));
        json_array_append_new(runs, json_pack("{s:i s:f s:f s:f}", "seed", seed, "seconds", t.seconds,
                                              "first_step_seconds", t.first_step, "accuracy", t.accuracy));
        if (!given->json)
            printf("seed %4d   %6.3f s   first step after %.3f s   accuracy %.2f %%\n", seed, t.seconds, t.first_step,
                   100 * t.accuracy);
        fflush(stdout);
        mean.seconds += t.seconds / a->seeds;
        mean.first_step += t.first_step / a->seeds;
        mean.accuracy += t.accuracy / a->seeds;
    }
    const bool reached = mean.accuracy >= sprint->target;
    if (given->json)
        return print_json(json_pack("{s:s s:s s:f s:f s:f s:b s:O}", "model", sprint->model, "precision",
                                    precision_words[precision], "seconds", mean.seconds, "first_step_seconds",
                                    mean.first_step, "accuracy", mean.accuracy, "reached", reached, "runs", runs));
    printf("\nmean of %d seeds: %.3f s, first step after %.3f s, accuracy %.3f %%: %.1f %% %s\n", a->seeds,
           mean.seconds, mean.first_step, 100 * mean.accuracy, 100 * sprint->target,
           reached ? "reached" : "not reached");
    return CF_OK;
}

static cf_status run_sprint(const Sprint *sprint, const char *command, const Arguments *given,
                            const SprintArguments *a) {
    cf_precision precision = options_given(given, "precision") ? (cf_precision)a->precision
                             : cpu_engine_bf16()               ? CF_BF16
                                                               : CF_F32;
    return options_given(given, "one") ? run_one(sprint, a, precision) : run_all(sprint, command, given, a, precision);
}

#define RULES                                                                                                          \
    "Each run is a new process; the mean wall time is printed.\n"                                                      \
    "\n"                                                                                                               \
    "The rules: the time is that of the whole process from its start to its end, the decoding of the files included; " \
    "the official training images and nothing else are trained on, and whatever is learned comes from them; the "      \
    "10,000 official test images are looked at once, after training; the mean accuracy over all seeds must be at "     \
    "least "

static cf_status run_mnist99(const Arguments *given, const void *parsed) {
    return run_sprint(&sprint_mnist99, "mnist99", given, parsed);
}

static cf_status run_cifar94(const Arguments *given, const void *parsed) {
    return run_sprint(&sprint_cifar94, "cifar94", given, parsed);
}

const Command command_bench_mnist99 = {
    .name = "bench mnist99",
    .summary = "time to 99.0 % on MNIST's test set, from the start of the process",
    .usage = "[--seeds N]",
    .description = "Trains a small network of its own on MNIST, once per seed. " RULES "99.0 %.",
    COMMAND_OPTIONS(options, SprintArguments),
    .run = run_mnist99,
};

const Command command_bench_cifar94 = {
    .name = "bench cifar94",
    .summary = "time to 94.0 % on CIFAR-10's test set, from the start of the process",
    .usage = "--data DIR [--seeds N]",
    .description =
        "Trains the network of Jordan 2024 (airbench94 with Muon) on CIFAR-10, once per seed: 2.9e14 operations. DIR has the "
        "images as files in train/CLASS and test/CLASS. " RULES "94.0 %.",
    COMMAND_OPTIONS(options, SprintArguments),
    .run = run_cifar94,
};
