/* cifra tune: many runs, to find the best configuration. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/ranks.h"
#include "base/slices.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "cli/tune_display.h"
#include "data/split.h"
#include "study/figures/figures.h"
#include "study/report/report.h"
#include "study/run/run_ranks.h"
#include "study/run/tune_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TuneArguments {
    const char *grid, *out;
    ConfigArguments set;
    FigureDials figures;
    TuneOptions tune; /* as far as options say them */
} TuneArguments;

#define MEMBER(name) OPTION_MEMBER(TuneArguments, name)

static cf_train_options default_training(void) {
    return tune_defaults().train;
}

static const Option options[] = {
    {ROWS(set_options), MEMBER(set)},
    {"grid", "paper|FILE", OPTION_TEXT, .help = "the space: the study's 24 configurations, or a YAML file",
     .usual = "paper", MEMBER(grid)},
    {"sampler", NULL, OPTION_CHOICE, .choices = sampler_words,
     .help = "grid: every point of lists; random; tpe: where good ones are dense (Bergstra et al. 2011)",
     .usual = "grid", MEMBER(tune.sampler)},
    {"trials", "N", OPTION_INTEGER, 1, TUNE_MOST_POINTS, .help = "random, tpe: so many configurations", .usual = "24",
     .without = {"--sampler grid, which has as many trials as points"}, MEMBER(tune.trials)},
    {"startup", "N", OPTION_INTEGER, 1, TUNE_MOST_POINTS, .help = "tpe: so many of them at random first", .usual = "8",
     .with = {"--sampler tpe"}, MEMBER(tune.startup)},
    {"pruner", NULL, OPTION_CHOICE, .choices = pruner_words,
     .help = "asha: few epochs for most, all for the best (Li et al. 2020)", .usual = "none", MEMBER(tune.pruner)},
    {"eta", "N", OPTION_INTEGER, 2, 100, .help = "asha: one in N goes on, to N times the epochs", .usual = "3",
     .with = {"--pruner asha"}, MEMBER(tune.eta)},
    {"first-rung", "N", OPTION_INTEGER, 1, MOST_EPOCHS, .help = "asha: epochs that every configuration gets",
     .usual = "1", .with = {"--pruner asha"}, MEMBER(tune.first_rung)},
    {"lookback", "N", OPTION_INTEGER, 1, 1000,
     .help = "tpe, asha: decide from all jobs but the last N-1, so that N may run at once; changes what is tried",
     .usual = "4", .with = {"--sampler tpe", "--pruner asha"}, MEMBER(tune.lookback)},
    {"seeds", "N", OPTION_INTEGER, 1, 1000,
     .help = "train the leading configurations with so many seeds in all, after the search", .usual = "1",
     MEMBER(tune.seeds)},
    {"leading", "N", OPTION_INTEGER, 1, 1000, .help = "how many lead", .usual = "3", .with = {"--seeds"},
     MEMBER(tune.leading)},
    {"jobs", "J", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "trials at once; changes speed, never numbers",
     .default_text = "0: one per thread", MEMBER(tune.jobs)},
    {.training = default_training, MEMBER(tune.train)},
    {ROW(threads), .help = "of all trials together; 0: all processors", MEMBER(tune.train.threads)},
    {ROW(split), .help = "official, pooled (70/10/20), or at:N; the test part is never looked at", MEMBER(set.split)},
    {ROW(validation), MEMBER(set.parts.validation)},
    {ROWS(part_options), MEMBER(set)},
    {ROW(limit), MEMBER(set.parts.train_limit)},
    {"out", "DIR", OPTION_TEXT, .help = "the tune's folder; one that holds this tune is resumed",
     .default_text = "tune/SET-GRID", MEMBER(out)},
    {ROWS(figure_options), .help = "formats of the figures in DIR/figures: svg, png, pdf between commas, or none",
     MEMBER(figures)},
};

/* ---- Data ---- */

typedef struct Session { /* what one call of the command works with */
    Space space;
    char *data, *out;
    cf_set *set;
    cf_split_options parts; /* its texts are the arguments' */
    cf_split *split;
    char split_text[40];
    TuneOptions tune;
} Session;

static void session_free(Session *s) {
    json_decref(s->tune.source);
    space_free(&s->space);
    free(s->data);
    free(s->out);
    cf_split_free(s->split);
    cf_set_free(s->set);
}

static cf_status load_data(const Arguments *given, const TuneArguments *a, Session *s) {
    FORWARD(cf_set_load(s->data, a->set.data_dir, &s->set));
    FORWARD(split_asked(&a->set, s->set, &s->parts));
    split_to_text(&s->parts, s->split_text);
    if (options_given(given, "validation")) FORWARD(split_check_validation(s->set, &s->parts));
    return cf_split_new(s->set, &s->parts, &s->split);
}

static cf_status prepare_search(const Arguments *given, const TuneArguments *a, Session *s) {
    FORWARD(data_needed(a->set.data));
    FORWARD(space_read(a->grid, &s->space));
    FORWARD(data_dials_lay(a->set.data, &a->set.dials, &s->data));
    FORWARD(folder_asked(a->out, "tune", s->data, s->space.name, &s->out));
    FORWARD(file_check_folder(s->out));
    FORWARD(load_data(given, a, s));
    s->tune = a->tune;
    s->tune.space = &s->space;
    s->tune.out = s->out;
    s->tune.data = s->data;
    s->tune.split_text = s->split_text;
    return CF_OK;
}

/* ---- Search ---- */

static void print_opening(const Session *s) {
    const TuneOptions *t = &s->tune;
    int64_t points = space_points(&s->space);
    print_printable("data    %s: %zu train, %zu validation (%s); the test part is not looked at\n", s->data,
                    cf_subset_count(cf_split_part(s->split, CF_TRAIN)),
                    cf_subset_count(cf_split_part(s->split, CF_VALIDATION)), s->split_text);
    print_printable("space   %s: %s\n", s->space.name, s->space.model);
    for (int i = 0; i < s->space.count; i++) {
        const SpaceParameter *p = &s->space.parameters[i];
        printf("        %-12s", p->name);
        for (int v = 0; v < p->count; v++) /* a long one on a line of its own */
            print_printable("%s %s", strcmp(p->texts[v], p->labels[v]) != 0 ? "\n           " : "", p->texts[v]);
        if (p->kind != PARAMETER_LIST)
            printf(" %g to %g%s", p->low, p->high,
                   p->kind == PARAMETER_INTEGER       ? ", whole"
                   : p->kind == PARAMETER_LOG_UNIFORM ? ", log"
                                                      : "");
        putchar('\n');
    }
    printf("search  %s", sampler_words[t->sampler]);
    if (t->sampler == SAMPLER_GRID)
        printf(", %lld configurations", (long long)points);
    else
        printf(", %d configurations", points && points < t->trials ? (int)points : t->trials);
    printf(", pruner %s, at most %d epochs each, patience %d, seed %llu, %s\n", pruner_words[t->pruner],
           t->train.epochs, t->train.patience, (unsigned long long)t->train.seed, precision_words[t->train.precision]);
    print_printable("folder  %s\n\n", s->out);
    fflush(stdout);
}

/* The best trial of an earlier call, for the display. */
static cf_status find_known_best(const Session *s, TrialList *list, const Trial **best) {
    AUTO(store_close_at) Store *store = NULL;
    if (!folder_is_tune(s->out)) return CF_OK;
    FORWARD(store_open_existing(s->out, &store));
    FORWARD(store_trials(store, &s->space, list));
    *best = trial_best(list, objective_of(s->tune.train.stop_on));
    return CF_OK;
}

static cf_status run_search(Session *s) {
    AUTO(trial_list_free) TrialList list = {0};
    AUTO(tune_display_free_at) TuneDisplay *display = NULL;
    const Trial *best = NULL;
    if (find_known_best(s, &list, &best)) best = NULL; /* of another space, or damaged: tune_run says so */
    FORWARD(tune_display_new(&s->space, objective_of(s->tune.train.stop_on), best, &display));
    s->tune.progress = tune_display_progress;
    s->tune.context = display;
    terminal_catch_interrupt();
    return tune_run(s->split, &s->tune);
}

/* ---- Results ---- */

enum { MOST_ROWS = 50 };

static cf_status trial_json(const Space *space, const Trial *t, json_t **json) {
    json_t *config;
    FORWARD(space_point_json(space, &t->point, &config));
    *json = json_pack("{s:i s:s s:o s:I s:i s:{s:o s:o} s:i s:i s:f s:s s:o}", "id", t->id, "state",
                      trial_state_words[t->state], "config", config, "seed", (json_int_t)t->seed, "repeats", t->repeats,
                      "validation", "loss", json_number(t->validation_loss), "accuracy",
                      t->best_epoch ? json_real(t->validation_accuracy) : json_null(), "best_epoch", t->best_epoch,
                      "epochs_run", t->epochs_run, "seconds", t->seconds, "weights_sha256", t->weights_sha256, "reason",
                      json_text(t->reason));
    FAIL_IF(!*json, CF_NO_MEMORY, "out of memory while making the JSON of trial %d", t->id);
    return CF_OK;
}

static cf_status print_results_json(const Session *s, const TuneResults *r, const Comparison *comparison,
                                    const FigureList *figures) {
    const Configuration *best = results_best(r);
    json_auto_t *trials = json_array(), *best_json = NULL, *comparison_made = NULL;
    AUTO_FREE char *report = NULL;
    for (size_t i = 0; i < r->list.count; i++) {
        json_t *one;
        FORWARD(trial_json(&r->space, &r->list.trials[i], &one));
        json_array_append_new(trials, one);
    }
    if (best) FORWARD(trial_json(&r->space, best->trials[0], &best_json));
    FORWARD(comparison_json(comparison, &comparison_made));
    FORWARD(file_join(s->out, "report.html", &report));
    return print_json_with_figures(json_pack("{s:o s:o s:o s:O s:O? s:O s:o}", "tune", json_text(s->out), "data",
                                             json_text(s->data), "grid", json_text(r->space.name), "trials", trials,
                                             "best", best_json, "comparison", comparison_made, "report",
                                             json_text(report)),
                                   figures);
}

static cf_status print_results(const Arguments *given, const Session *s, const TuneResults *r,
                               const FigureList *figures) {
    Comparison comparison;
    FORWARD(results_compare(r, &comparison));
    if (given->json) return print_results_json(s, r, &comparison, figures);
    FORWARD(results_print(r, MOST_ROWS, stdout));
    if (comparison.best) putchar('\n');
    comparison_print(r, &comparison, stdout);
    print_printable("\nreport: %s/report.html\n", s->out);
    return CF_OK;
}

static cf_status write_files(const Session *s, const RunConfig *common, const TuneResults *r, unsigned formats,
                             FigureList *figures) {
    const FigureOptions drawn = {.formats = formats};
    AUTO_FREE char *path = NULL;
    FORWARD(file_join(s->out, "trials.csv", &path));
    FORWARD(results_write(r, path));
    FORWARD(tune_run_write(s->out, r, common, s->set));
    FORWARD(figures_tune_make(s->out, r, &drawn, figures));
    return report_tune_write(s->out);
}

/* The results are told whatever happens to the files: they are in the store. */
static cf_status finish_search(const Arguments *given, const Session *s, const RunConfig *common, unsigned formats) {
    AUTO(results_free) TuneResults results = {0};
    AUTO(figure_list_free) FigureList figures = {0};
    AUTO_FREE char *reason = NULL;
    FORWARD(results_read(s->out, &results));
    const cf_status written = write_files(s, common, &results, formats, &figures);
    if (written) FORWARD(memory_copy_string(cf_error(), &reason));
    FORWARD(print_results(given, s, &results, &figures));
    FAIL_IF(written, written, "%s", reason);
    FAIL_IF(!results_best(&results), CF_DIVERGED,
            "no trial came to its end; see the reasons above, and try lower rates");
    return CF_OK;
}

/* ---- The command ---- */

/* What all trials have in common. */
static RunConfig common_config(const Arguments *given, const TuneArguments *a, const Session *s) {
    return (RunConfig){.data = s->data,
                       .model = (char *)(uintptr_t) "paper", /* the space has it */
                       .data_dir = (char *)(uintptr_t)a->set.data_dir,
                       .split = s->parts,
                       .split_given = true,
                       .validation_given = options_given(given, "validation"),
                       .train = s->tune.train};
}

/* What other ranks need to have the same images. */
static cf_status describe_source(RunConfig common, Session *s) {
    common.model = s->space.model;
    return ranks_size() > 1 ? ranks_describe_data(&common, s->set, &s->tune.source) : CF_OK;
}

static cf_status tune_command(const Arguments *given, const void *parsed) {
    const TuneArguments *a = parsed;
    AUTO(session_free) Session s = {0};
    unsigned formats;
    FORWARD(figure_dials_read(&a->figures, &formats));
    FORWARD(prepare_search(given, a, &s));
    const RunConfig common = common_config(given, a, &s);
    FORWARD(describe_source(common, &s));
    if (!given->json && !given->quiet) print_opening(&s);
    FORWARD(resumable(run_search(&s)));
    return finish_search(given, &s, &common, formats);
}

const Command command_tune = {
    .name = "tune",
    .ranks = true,
    .summary = "search for the best configuration",
    .usage = "--data SET [options]",
    .description =
        "Trains one network per configuration of a space and tells which has the lowest validation loss, or with --stop-on "
        "accuracy the highest validation accuracy; what is pruned and sampled goes by the same. The test part of the data is "
        "never looked at.\n\n"
        "Everything is kept in the folder: tune.db (SQLite) with every trial, its learning curve and what it gets right, and "
        "trials/ with the best weights of each. The same command goes on where it stopped, also after a kill, and several may "
        "work on one folder at once; the end is the same, bit for bit. A trial that diverges, or whose options contradict each "
        "other, is put down as failed.\n\n"
        "At the end stands a table, the best first, and whether the best is really better than the next: those validation "
        "images that only one of the two gets right, by McNemar's exact test, and with --seeds the mean difference of their "
        "losses with its interval. trials.csv has all trials, figures/ the configurations in order, parallel coordinates, the "
        "effect of each parameter, all learning curves and every trial over each range, and report.html shows it all; cifra "
        "report DIR makes both of a tune that is still under way. The winner is a run: cifra eval, predict, umap, export, "
        "adapt, shift, prune, runs show, train --from and --teacher take the tune's folder for it, and train --config DIR "
        "trains it anew.\n\n"
        "A space in YAML has a model, a name or a line with places in braces, or a list of such without places, and parameters. "
        "These are places, or options of the training by their names in config.json (weight_decay), all but epochs, seed, "
        "engine and precision; each has a list of values or a range (uniform, log, integer), which needs --sampler random or "
        "tpe. Options that the space leaves open are those of the command:\n\n"
        "    model: conv {width} 3x3 | bn | {activation} | maxpool 2 | dense classes\n"
        "    parameters:\n"
        "      - {name: width, values: [16, 32]}\n"
        "      - {name: activation, values: [relu, leakyrelu 0.1]}\n"
        "      - {name: lr, log: [0.0001, 0.1]}\n"
        "      - {name: momentum, uniform: [0.8, 0.99]}\n"
        "      - {name: batch, integer: [32, 256]}\n\n"
        "    model: [paper, resnet8, conv 16 3x3 | bn | relu | globalavgpool | dense classes]\n\n"
        "Examples:\n\n"
        "    cifra tune --data mnist --split pooled --grid paper\n"
        "    cifra tune --data street -n 10000 --pruner asha --seeds 5\n"
        "    cifra tune --data mnist --grid space.yaml --sampler tpe --trials 40",
    COMMAND_OPTIONS(options, TuneArguments),
    .run = tune_command,
};
