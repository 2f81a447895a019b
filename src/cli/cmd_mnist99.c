/* cifra bench mnist99: time to 99.0 % on MNIST, each run a process of its own. */
#include "cli/commands.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "bench/bench.h"
#include "bench/mnist99.h"
#include "cli/terminal.h"
#include "train/train_options.h"

#include <errno.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Mnist99Arguments {
    const char *data_dir;
    int seeds, threads, precision;
    int64_t one;
} Mnist99Arguments;

#define MEMBER(name) OPTION_MEMBER(Mnist99Arguments, name)

static const Option options[] = {
    {"seeds", "N", OPTION_INTEGER, 1, 1000, .help = "how many runs, with the seeds 1 to N", .default_text = "10",
     MEMBER(seeds)},
    {"one", "S", OPTION_INTEGER, 0, LARGEST_SEED, .help = "a single run with this seed, in this process", MEMBER(one)},
    {"data-dir", "DIR", OPTION_TEXT, .help = "where mnist is looked for first", .default_text = "$CIFRA_DATA",
     MEMBER(data_dir)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors", .default_text = "0",
     MEMBER(threads)},
    {"precision", NULL, OPTION_CHOICE, .choices = precision_words, .help = "of activations and weight copies",
     .default_text = "bf16 where the processor has it", MEMBER(precision)},
};

static void set_defaults(void *parsed) {
    *(Mnist99Arguments *)parsed = (Mnist99Arguments){.seeds = 10};
}

/* The single run: what it prints is read by the process that started it. */
static cf_status run_one(const Mnist99Arguments *a, cf_precision precision) {
    Mnist99 result;
    FORWARD(mnist99_run(a->data_dir, (uint64_t)a->one, a->threads, precision, &result));
    printf("accuracy %.17g first_step %.17g\n", result.accuracy, result.first_step);
    return CF_OK;
}

typedef struct Sprint {
    double accuracy, seconds, first_step;
} Sprint;

/* Starts this program again with --one, and takes the time from before its start to after its end. */
static cf_status start_one(const Mnist99Arguments *a, int seed, cf_precision precision, Sprint *sprint) {
    char seed_text[16], threads_text[16], line[128] = "", precision_text[8];
    int ends[2], exit_status = 0;
    pid_t child;
    posix_spawn_file_actions_t actions;
    extern char **environ;
    snprintf(seed_text, sizeof seed_text, "%d", seed);
    snprintf(threads_text, sizeof threads_text, "%d", a->threads);
    snprintf(precision_text, sizeof precision_text, "%s", precision_words[precision]);
    char *const arguments[] = {"cifra",
                               "bench",
                               "mnist99",
                               "--one",
                               seed_text,
                               "--threads",
                               threads_text,
                               "--precision",
                               precision_text,
                               a->data_dir ? "--data-dir" : NULL,
                               (char *)(uintptr_t)a->data_dir,
                               NULL};
    FAIL_IF(pipe(ends) != 0, CF_IO, "no pipe to a run: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    double start = clock_seconds();
    int failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    if (!failed && from && !fgets(line, sizeof line, from)) line[0] = '\0';
    if (!failed) waitpid(child, &exit_status, 0);
    sprint->seconds = clock_seconds() - start;
    if (from) fclose(from);
    FAIL_IF(failed, CF_IO, "a run could not be started: %s", strerror(failed));
    FAIL_IF(exit_status || sscanf(line, "accuracy %lf first_step %lf", &sprint->accuracy, &sprint->first_step) != 2,
            CF_INTERNAL, "the run with seed %d failed; see its message above", seed);
    sprint->first_step -= start;
    return CF_OK;
}

static json_t *sprint_json(int seed, const Sprint *s) {
    return json_pack("{s:i s:f s:f s:f}", "seed", seed, "seconds", s->seconds, "first_step_seconds", s->first_step,
                     "accuracy", s->accuracy);
}

static cf_status run_all(const Arguments *given, const Mnist99Arguments *a, cf_precision precision) {
    Sprint sum = {0};
    json_t *runs = json_array();
    if (!given->json) printf("%s\n%s, %s\n\n", mnist99_model, mnist99_settings, precision_words[precision]);
    for (int seed = 1; seed <= a->seeds; seed++) {
        Sprint s;
        cf_status status = start_one(a, seed, precision, &s);
        if (status) {
            json_decref(runs);
            return status;
        }
        json_array_append_new(runs, sprint_json(seed, &s));
        if (!given->json) {
            printf("seed %4d   %6.3f s   first step after %.3f s   accuracy %.2f %%\n", seed, s.seconds, s.first_step,
                   100 * s.accuracy);
            fflush(stdout);
        }
        sum.seconds += s.seconds / a->seeds;
        sum.first_step += s.first_step / a->seeds;
        sum.accuracy += s.accuracy / a->seeds;
    }
    bool reached = sum.accuracy >= 0.99;
    if (given->json)
        return print_json(json_pack("{s:s s:s s:f s:f s:f s:b s:o}", "model", mnist99_model, "precision",
                                    precision_words[precision], "seconds", sum.seconds, "first_step_seconds",
                                    sum.first_step, "accuracy", sum.accuracy, "reached", reached, "runs", runs));
    json_decref(runs);
    printf("\nmean of %d seeds: %.3f s, first step after %.3f s, accuracy %.3f %%: 99.0 %% %s\n", a->seeds, sum.seconds,
           sum.first_step, 100 * sum.accuracy, reached ? "reached" : "not reached");
    return CF_OK;
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    const Mnist99Arguments *a = parsed;
    cf_precision precision = options_given(given, "precision") ? (cf_precision)a->precision
                             : cpu_engine_bf16()               ? CF_BF16
                                                               : CF_F32;
    terminal_set_quiet(given->quiet);
    return options_given(given, "one") ? run_one(a, precision) : run_all(given, a, precision);
}

const Command command_bench_mnist99 = {
    .name = "bench mnist99",
    .summary = "time to 99.0 % on MNIST's test set, from the start of the process",
    .usage = "[--seeds N]",
    .description = "Trains a small network of its own on MNIST, once per seed, each run a new process, and prints the "
                   "mean wall time.\n"
                   "\n"
                   "The rules: the time is that of the whole process from its start to its end, the decoding of the "
                   "files included; "
                   "the 60,000 official training images and nothing else are trained on; the 10,000 official test "
                   "images are looked "
                   "at once, after training; the mean accuracy over all seeds must be at least 99.0 %.",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_size = sizeof(Mnist99Arguments),
    .set_defaults = set_defaults,
    .run = run_command,
};
