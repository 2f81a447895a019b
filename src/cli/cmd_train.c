/* cifra train: one run, from data to a tested model, or a group of them. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/slices.h"
#include "cli/cmd_train.h"
#include "cli/data_options.h"
#include "cli/figure_options.h"
#include "cli/terminal.h"
#include "data/split.h"
#include "nn/models.h"
#include "study/group/group.h"
#include "study/report/report.h"
#include "study/run/tune_run.h"
#include "train/adaptation/adaptation.h"
#include "train/freezing.h"
#include "train/train_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TrainArguments {
    const char *data, *data_dir, *model, *from, *target, *target_split, *split, *out, *config;
    FigureDials figures;
    DataDials dials;
    cf_train_options train;
    cf_split_options parts; /* but for its mode */
    int seeds, splits;      /* 0: a single run */
    int port;
    bool unstratified, resume, live;
} TrainArguments;

#define MEMBER(name) OPTION_MEMBER(TrainArguments, name)

static const Option options[] = {
    {"data", "SET", OPTION_TEXT, .help = "a set by name (cifra data list) or by path", MEMBER(data)},
    {"data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first", .default_text = "$CIFRA_DATA",
     MEMBER(data_dir)},
    DATA_OPTIONS(TrainArguments, dials),
    {"model", "NAME|LINE", OPTION_TEXT, .help = "a name (cifra models lists them), or a line of layers",
     .default_text = "paper", MEMBER(model)},
    {"from", "RUN|FILE", OPTION_TEXT,
     .help = "begin with the weights of another network wherever they fit; without --model with that network",
     MEMBER(from)},
    {"target", "SET", OPTION_TEXT,
     .help = "another set whose images, without their labels, are learnt from (cifra adapt --help)", MEMBER(target)},
    {"target-split", "MODE", OPTION_TEXT, .help = "of the target: what is not its test part is learnt from",
     .default_text = "official; pooled for a set without a test part", MEMBER(target_split)},
    {.training = cf_train_defaults, MEMBER(train)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors; changes speed, never numbers",
     .default_text = "0", MEMBER(train.threads)},
    {"split", "MODE", OPTION_TEXT,
     .help =
         "official (with its own validation part where there is one), pooled (70/10/20), or at:N (the first N images train and "
         "validate, the rest test)",
     .default_text = "official; pooled for a set without a test part", MEMBER(split)},
    {"validation", "X", OPTION_NUMBER, 0.001, 0.9,
     .help = "share of the images that validate (official, at: of the training images)", .default_text = "0.1",
     MEMBER(parts.validation)},
    {"split-seed", "S", OPTION_INTEGER, 0, LARGEST_SEED,
     .help = "which images go where; apart from --seed, so that runs compare", .default_text = "1", MEMBER(parts.seed)},
    {"unstratified", NULL, OPTION_FLAG, .help = "do not keep the classes' shares equal over the parts",
     MEMBER(unstratified)},
    {"classes", "A,B", OPTION_TEXT, .help = "only these classes, by name", MEMBER(parts.classes)},
    {"limit", "A:N,B:M", OPTION_TEXT,
     .help =
         "at most so many training images of a class, the same with all seeds (by --split-seed; cifra imbalance draws anew)",
     MEMBER(parts.train_limit)},
    {"seeds", "N", OPTION_INTEGER, 1, MOST_GROUP_RUNS,
     .help = "a group of N runs with the seeds from --seed on, their mean and its interval", MEMBER(seeds)},
    {"splits", "N", OPTION_INTEGER, 2, MOST_GROUP_RUNS,
     .help = "a group of N runs, one for each fold of an N-fold cross-validation", MEMBER(splits)},
    {"out", "RUN", OPTION_TEXT, .help = "the folder of the run or the group",
     .default_text = "runs/SET-MODEL-sSEED; of groups -seedsN, -foldsN", MEMBER(out)},
    FIGURE_OPTIONS(TrainArguments, figures, "formats of the figures in RUN/figures", "svg"),
    {"config", "FILE|RUN|TUNE", OPTION_TEXT,
     .help = "repeat the run of a config.json, or a tune's winner; other options override it", MEMBER(config)},
    {"live", NULL, OPTION_FLAG,
     .help =
         "a page of the training under way, for a browser on this machine: its curves, and a box to draw in; the address is "
         "printed to stderr",
     MEMBER(live)},
    {"port", "N", OPTION_INTEGER, 0, 65535, .help = "of the page of --live, on 127.0.0.1; 0: one that is free",
     .default_text = "0", MEMBER(port)},
    {"resume", NULL, OPTION_FLAG, .help = "resume the run in --out, to the same end bit for bit", MEMBER(resume)},
};

static void set_defaults(void *parsed) {
    *(TrainArguments *)parsed = (TrainArguments){.dials = DATA_DIALS_NONE, .train = cf_train_defaults()};
}

static cf_status lay_dials(const TrainArguments *a, RunConfig *c) {
    char *text;
    if (!c->data) return CF_OK;
    FORWARD(data_dials_lay(c->data, &a->dials, &text));
    if (strcmp(text, c->data) != 0) data_record_clear(&c->record);
    free(c->data);
    c->data = text;
    return CF_OK;
}

/* A source without a network that is asked for has its own. */
static cf_status lay_source(const TrainArguments *a, RunConfig *c) {
    if (a->from && (!c->from || strcmp(c->from, a->from) != 0)) {
        free(c->from);
        c->from = NULL;
        FORWARD(tune_run_folder(a->from, &c->from));
        FORWARD(run_config_text(&c->model, NULL));
        c->source = (SourceRecord){0};
    }
    return a->model ? run_config_text(&c->model, a->model) : CF_OK;
}

/* The weights of a run that has begun came from somewhere else. */
static cf_status refuse_source(const TrainArguments *a, const RunConfig *c) {
    FAIL_IF(a->from && (!c->from || strcmp(c->from, a->from) != 0), CF_BAD_USE,
            "%s began with %s%s, not with the weights of %s; train into another folder", a->out,
            c->from ? "those of " : "weights that were drawn", c->from ? c->from : "", a->from);
    return CF_OK;
}

/* Lays what was given over what `config` holds. */
static cf_status apply_texts(const TrainArguments *a, RunConfig *c) {
    char *classes = (char *)(uintptr_t)c->split.classes, *limit = (char *)(uintptr_t)c->split.train_limit;
    if (a->data) FORWARD(run_config_text(&c->data, a->data));
    FORWARD(lay_dials(a, c));
    if (a->data || a->data_dir) data_record_clear(&c->record);
    if (a->data_dir) FORWARD(run_config_text(&c->data_dir, a->data_dir));
    FORWARD(lay_source(a, c));
    if (a->parts.classes) FORWARD(run_config_text(&classes, a->parts.classes));
    c->split.classes = classes;
    if (a->parts.train_limit) FORWARD(run_config_text(&limit, a->parts.train_limit));
    c->split.train_limit = limit;
    if (!a->split) return CF_OK;
    c->split_given = true;
    return split_from_text(a->split, &c->split);
}

void train_adapt_defaults(const Arguments *given, RunConfig *c) {
    if (!c->target) return;
    if (c->train.adapt == CF_ADAPT_NONE) c->train.adapt = CF_MEAN_TEACHER;
    if (!options_given(given, "ema")) adaptation_usual_average(&c->train);
}

/* A teacher may be a tune, too: its winner. */
static cf_status find_teacher(cf_train_options *train) {
    char *folder;
    FORWARD(tune_run_folder(train->teacher, &folder));
    const int length = snprintf(train->teacher, sizeof train->teacher, "%s", folder);
    free(folder);
    FAIL_IF(length >= CF_LINE, CF_BAD_USE, "the path of the teacher is too long: %d bytes, %d are possible", length,
            CF_LINE - 1);
    return CF_OK;
}

static cf_status apply(const Arguments *g, const TrainArguments *a, RunConfig *c) {
    FORWARD(apply_texts(a, c));
    if (a->target) FORWARD(run_config_text(&c->target, a->target));
    for (const TrainOption *option = train_options; option->name; option++)
        if (options_given(g, option->flag)) train_option_copy(option, &a->train, &c->train);
    if (options_given(g, "split-seed")) c->split.seed = a->parts.seed;
    if (options_given(g, "validation")) {
        c->split.validation = a->parts.validation;
        c->validation_given = true;
    }
    if (a->target_split) {
        FORWARD(split_from_text(a->target_split, &c->target_split));
        c->target_split_given = true;
    }
    if (options_given(g, "teacher")) FORWARD(find_teacher(&c->train));
    train_adapt_defaults(g, c);
    if (a->unstratified) c->split.stratified = false;
    if (options_given(g, "teacher") && !options_given(g, "teacher-sha256"))
        memcpy(c->train.teacher_sha256, a->train.teacher_sha256, sizeof c->train.teacher_sha256);
    c->train.threads = a->train.threads;
    return CF_OK;
}

/* As group.json has it; which data those are, and where they were, the first run tells. */
static cf_status group_config(const Arguments *given, const TrainArguments *a, RunConfig *config) {
    Group group;
    FORWARD(group_read(a->out, &group));
    const RunFiles *first = &group.runs[0].files;
    cf_status status =
        first->config ? run_config_from_json(first->config, config) : run_config_copy(&group.config, config);
    group_free(&group);
    FORWARD(status);
    FORWARD(refuse_source(a, config));
    return apply(given, a, config);
}

/* A config.json, or the folder that holds one. */
static cf_status read_given_config(const char *given, RunConfig *config) {
    char *folder, *path = NULL;
    if (!file_is_folder(given)) return run_config_read(given, config);
    FORWARD(tune_run_folder(given, &folder));
    cf_status status = file_join(folder, "config.json", &path);
    if (!status) status = run_config_read(path, config);
    free(path);
    free(folder);
    return status;
}

static cf_status make_config(const Arguments *given, const TrainArguments *a, RunConfig *config) {
    char *path = NULL;
    FAIL_IF(a->resume && !a->out, CF_BAD_USE, "--resume needs --out RUN, the folder of the run to resume");
    FAIL_IF(a->resume && a->config, CF_BAD_USE,
            "--resume takes the configuration from the run folder; leave --config out");
    if (a->resume && folder_is_group(a->out)) return group_config(given, a, config);
    if (a->resume) FORWARD(file_join(a->out, "config.json", &path));
    bool begun = path && file_exists(path);
    cf_status status = begun       ? run_config_read(path, config)
                       : a->config ? read_given_config(a->config, config)
                                   : run_config_new(config);
    if (!status && a->resume && !begun && a->data) notice("%s holds no run yet: a new one begins", a->out);
    if (!status && a->resume && !begun && !a->data)
        status = FAIL(CF_BAD_USE, "%s holds no run to resume (there is no %s)", a->out, path);
    free(path);
    FORWARD(status);
    if (begun) FORWARD(refuse_source(a, config));
    if (a->seeds || a->splits) config->split.folds = config->split.fold = 0; /* of a --config */
    FORWARD(apply(given, a, config));
    FAIL_IF(!config->data, CF_BAD_USE, "--data SET is needed: a name (cifra data list shows them) or a path");
    return CF_OK;
}

/* "runs/mnist-paper-s1", "-seeds5" or "-folds10" of a group, or with "-2" .. when that is taken. */
static cf_status default_folder(const TrainArguments *a, const RunConfig *c, char **folder) {
    char data[64], kind[32];
    if (a->seeds || a->splits)
        snprintf(kind, sizeof kind, "%s%d", a->seeds ? "seeds" : "folds", a->seeds ? a->seeds : a->splits);
    else
        snprintf(kind, sizeof kind, "s%llu", (unsigned long long)c->train.seed);
    FORWARD(data_short_name(c->data, data));
    const char *model = !c->model ? "from" : model_named_line(c->model) ? c->model : "custom";
    for (int n = 1; n < 10000; n++) {
        char suffix[16] = "";
        if (n > 1) snprintf(suffix, sizeof suffix, "-%d", n);
        FORWARD(memory_print(folder, "runs/%s-%s-%s%s", data, model, kind, suffix));
        if (!file_exists(*folder)) return CF_OK;
        free(*folder);
    }
    return FAIL(CF_BAD_USE, "runs/ is full of runs of this name; choose a folder with --out");
}

/* Of the last epoch, in which the most learns. */
static cf_status measure_step(const Run *run, size_t *memory) {
    const cf_train_options *o = &run->config.train;
    Freezing freezing;
    FORWARD(freezing_new(o, run->model, &freezing));
    const size_t images = cf_subset_count(cf_split_part(run->split, CF_TRAIN)) +
                          cf_subset_count(cf_split_part(run->split, CF_VALIDATION));
    const PlanOptions step = {.engine = run->engine,
                              .batch = o->batch,
                              .threads = run->threads,
                              .mode = PLAN_TRAINING,
                              .frozen = freezing_layers(&freezing, o->epochs - 1),
                              .first = freezing_first(&freezing, o->epochs - 1, images)};
    const cf_status status = plan_measure(&run->model->layers, &run->model->parameters, &step, memory);
    freezing_free(&freezing);
    return status;
}

static void print_source(const Run *run) {
    const RunConfig *c = &run->config;
    if (!c->from) return;
    print_printable("from    %s: tensors", c->from);
    for (int i = 0; i < TRANSFER_FATES; i++) printf("%s %d %s", i ? "," : "", c->source.counts[i], transfer_words[i]);
    printf("\n");
    transfer_print(&run->transfer, stdout);
}

static void print_target(const Run *run) {
    if (!run->target) return;
    print_printable("target  %s: %zu images without labels, %zu to score on\n", run->config.target,
                    cf_subset_count(cf_split_part(run->target, CF_TRAIN)) +
                        cf_subset_count(cf_split_part(run->target, CF_VALIDATION)),
                    cf_subset_count(cf_split_part(run->target, CF_TEST)));
}

static cf_status print_opening(const Run *run) {
    const cf_set *set = run->set;
    char *table, training[TRAIN_OPTIONS_TEXT], mode[40], fold[48] = "";
    size_t memory;
    FORWARD(measure_step(run, &memory));
    FORWARD(layer_list_table(&run->model->layers, &table));
    train_options_text(&run->config.train, false, training);
    split_to_text(&run->config.split, mode);
    if (run->config.split.folds)
        snprintf(fold, sizeof fold, ", fold %d of %d", run->config.split.fold, run->config.split.folds);
    print_printable("data    %s: %dx%dx%d, %d classes; %zu train, %zu validation, %zu test (%s%s)\n", run->config.data,
                    set->channels, set->height, set->width, run->model->classes,
                    cf_subset_count(cf_split_part(run->split, CF_TRAIN)),
                    cf_subset_count(cf_split_part(run->split, CF_VALIDATION)),
                    cf_subset_count(cf_split_part(run->split, CF_TEST)), mode, fold);
    printf("model   %s\n%s", run->model->layers.line, table);
    print_source(run);
    print_target(run);
    printf("train   %s\nengine  %s, %d threads; a step works in %.0f MB\n", training, run->engine->name, run->threads,
           (double)memory / 1e6);
    fflush(stdout);
    free(table);
    return CF_OK;
}

static void print_result(const Run *run) {
    const cf_train_result *r = &run->fitted.result;
    printf(run->config.target
               ? "\nbest epoch %d of %d, without a label of the target: score %.4f (0 best), confidence %.2f %%\n"
               : "\nbest epoch %d of %d: validation loss %.4f, accuracy %.2f %%\n",
           r->best_epoch, r->epochs_run, r->validation_loss, 100 * r->validation_accuracy);
    if (r->gflops > 0)
        printf("%.1f s, %.0f images/s, %.0f GFLOP/s, %.0f %% of the %.0f GFLOP/s that these threads can do\n",
               r->seconds, r->images_per_second, r->gflops, 100 * r->gflops / run->peak_gflops, run->peak_gflops);
    printf("\ntest\n");
    metrics_print_report(&run->test.metrics, stdout);
    if (run->target_tested) {
        print_printable("\ntarget %s, whose labels are used for this score alone\n", run->config.target);
        metrics_print_report(&run->target_test.metrics, stdout);
    }
    print_printable("\nrun folder: %s\n", run->folder);
}

/* Comes last: whatever happens to it, the run is complete and its results are told. */
static cf_status make_report(const Run *run, bool silent) {
    cf_status status = report_write(run->folder, run->set, NULL);
    if (status)
        return status_prefix(
            status, "the run is complete, but its report could not be made; when that is mended: cifra report %s",
            run->folder);
    if (!silent) print_printable("report:     %s/report.html\n", run->folder);
    return CF_OK;
}

/* The result is printed before the figures are drawn, so that a failure of these costs nothing; JSON names them. */
static cf_status finish(const Run *run, const FigureOptions *figures, bool as_json) {
    FigureList list = {0};
    json_t *json;
    if (!as_json) print_result(run);
    cf_status status = figures_make(run, &run->test, run->config.data, "test", figures, &list);
    if (!status && as_json) status = run_json(run, &json);
    if (!status) terminal_figures(&list);
    if (!status && as_json) status = print_json_with_figures(json, &list);
    figure_list_free(&list);
    return status ? status : make_report(run, as_json);
}

/* Without its address, which is neither progress nor a notice, the page would be of no use. */
static cf_status begin_live(Live *live, Run *run, const char *place, bool told) {
    if (!live) return CF_OK;
    FORWARD(live_begin(live, run, place));
    if (!told) fprintf(stderr, "live    %s\n", live_url(live));
    return CF_OK;
}

static bool tell_progress(const cf_progress *progress, void *live) {
    if (live) live_progress(live, progress);
    return terminal_progress(progress, NULL);
}

cf_status train_run(Run *run, const char *folder, const Arguments *given, bool resume, const FigureOptions *figures,
                    Live *live) {
    FORWARD(run_start(run, folder, resume));
    if (!given->json && !given->quiet) FORWARD(print_opening(run));
    FORWARD(begin_live(live, run, "", false));
    terminal_catch_interrupt();
    cf_status status = run_train(run, resume, tell_progress, live);
    if (status == CF_INTERRUPTED)
        return FAIL(status, "stopped; the checkpoint holds everything. Resume with:\n    cifra train --resume --out %s",
                    folder);
    FORWARD(status);
    FORWARD(run_test(run));
    return finish(run, figures, given->json);
}

/* ---- A group ---- */

typedef struct GroupDisplay {
    const char *folder;
    GroupPlan plan;
    bool opened, silent;
    Live *live;
} GroupDisplay;

static cf_status tell_run(Run *run, int place, void *context) {
    GroupDisplay *d = context;
    char text[64];
    if (d->plan.kind == GROUP_SEEDS)
        snprintf(text, sizeof text, "seed %llu, %d of %d", (unsigned long long)d->plan.first_seed + (unsigned)place,
                 place + 1, d->plan.count);
    else
        snprintf(text, sizeof text, "fold %d of %d", place + 1, d->plan.count);
    if (run && !d->opened && !d->silent) FORWARD(print_opening(run));
    if (run) FORWARD(begin_live(d->live, run, text, d->opened));
    d->opened = d->opened || run;
    terminal_say("%s%s", text, run ? "" : ": done already");
    return CF_OK;
}

static bool tell_group_progress(const cf_progress *progress, void *context) {
    return tell_progress(progress, ((const GroupDisplay *)context)->live);
}

static cf_status tell_group(const char *folder, bool as_json) {
    Group group;
    TextDraft draft;
    json_t *json;
    FORWARD(group_read(folder, &group));
    cf_status status = as_json ? group_json(&group, &json) : text_draft(&draft);
    if (!status && as_json) {
        char *page;
        status = file_join(folder, "report.html", &page);
        if (!status) json_object_set_new(json, "report", json_text(page));
        if (!status) free(page);
        status = status ? status : print_json(json);
    } else if (!status) {
        fputc('\n', draft.stream);
        group_print(&group, draft.stream);
        fprintf(draft.stream, "\ngroup folder: %s\nreport:       %s/report.html\n", folder, folder);
        status = print_draft(&draft);
    }
    group_free(&group);
    return status;
}

/* What --seeds and --splits say, or what the group is that is resumed: of more seeds than before, where that is asked for. */
static cf_status make_plan(const Arguments *given, const TrainArguments *a, const char *folder, RunConfig *config,
                           GroupPlan *plan) {
    *plan = (GroupPlan){a->splits ? GROUP_FOLDS : GROUP_SEEDS, a->splits ? a->splits : a->seeds, config->train.seed};
    if (!a->resume || !folder_is_group(folder)) return CF_OK;
    Group group;
    FORWARD(group_read(folder, &group));
    const GroupPlan old = group.plan;
    group_free(&group);
    const int asked = old.kind == GROUP_SEEDS ? a->seeds : a->splits;
    FAIL_IF(old.kind == GROUP_SEEDS ? a->splits : a->seeds, CF_BAD_USE, "%s is a group of %s, not of %s", folder,
            old.kind == GROUP_SEEDS ? "seeds" : "folds", old.kind == GROUP_SEEDS ? "folds" : "seeds");
    FAIL_IF(old.kind == GROUP_SEEDS && asked && asked < old.count, CF_BAD_USE,
            "%s is a group of %d seeds, which --seeds can make more, not fewer", folder, old.count);
    FAIL_IF(old.kind == GROUP_FOLDS && asked && asked != old.count, CF_BAD_USE,
            "%s is a group of %d folds; other folds are another group: name another folder", folder, old.count);
    FAIL_IF(options_given(given, "seed") && config->train.seed != old.first_seed, CF_BAD_USE,
            "%s is a group whose first seed is %llu", folder, (unsigned long long)old.first_seed);
    *plan = old;
    if (asked) plan->count = asked;
    return CF_OK;
}

static cf_status train_group(const Arguments *given, const TrainArguments *a, const char *folder, RunConfig *config,
                             const FigureOptions *figures, Live *live) {
    GroupDisplay display = {.folder = folder, .silent = given->json || given->quiet, .live = live};
    FORWARD(make_plan(given, a, folder, config, &display.plan));
    if (display.plan.kind == GROUP_FOLDS) { /* of the first, to be checked and kept */
        config->split.folds = display.plan.count;
        config->split.fold = 1;
    }
    config->train.seed = display.plan.first_seed;
    terminal_catch_interrupt();
    const GroupWork work = {folder, display.plan, config, a->resume, *figures, tell_run, tell_group_progress, &display};
    const cf_status status = group_train(&work);
    if (status == CF_INTERRUPTED)
        return FAIL(status, "stopped; what is done is kept. Resume with:\n    cifra train --resume --out %s", folder);
    FORWARD(status);
    return tell_group(folder, given->json);
}

/* ---- ---- */

static cf_status run_single(const Arguments *given, const TrainArguments *a, const char *folder, RunConfig *config,
                            const FigureOptions *figures, Live *live) {
    Run *run = NULL;
    FAIL_IF(folder_is_group(folder), CF_BAD_USE,
            "%s holds a group of runs; resume it with --resume, or name another folder with --out", folder);
    FORWARD(run_prepare(config, NULL, &run));
    cf_status status = train_run(run, folder, given, a->resume, figures, live);
    run_free(run);
    return status;
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    const TrainArguments *a = parsed;
    RunConfig config = {0};
    char *folder = NULL;
    FigureOptions figures = {.umap = true};
    Live *live = NULL;
    terminal_set_quiet(given->quiet);
    FAIL_IF(options_given(given, "port") && !a->live, CF_BAD_USE,
            "--port is where --live has its page: add --live, or leave it out");
    FAIL_IF(a->seeds && a->splits, CF_BAD_USE, "--seeds and --splits make two kinds of groups; choose one of them");
    FORWARD(figure_dials_read(&a->figures, &figures.formats));
    cf_status status = make_config(given, a, &config);
    if (!status) status = a->out ? file_trim(a->out, &folder) : default_folder(a, &config, &folder);
    if (!status) status = file_check_folder(folder); /* before the data are loaded */
    const bool group = a->seeds || a->splits || (!status && a->resume && folder_is_group(folder));
    if (!status && a->live) status = live_start(a->port, &live);
    if (!status)
        status = group ? train_group(given, a, folder, &config, &figures, live)
                       : run_single(given, a, folder, &config, &figures, live);
    live_end(live, status ? NULL : folder);
    free(folder);
    run_config_free(&config);
    return status;
}

const Command command_train = {
    .name = "train",
    .ranks = true,
    .summary = "train and test one network",
    .usage = "--data SET [options]",
    .description =
        "Trains a network, keeps the weights of the epoch with the lowest validation loss (or by --stop-on), evaluates them on "
        "the test part, and leaves everything in a run folder: config.json, history.csv, model.safetensors (best weights), "
        "checkpoint.safetensors (latest state), metrics.json, predictions.csv, and figures/ with the distribution of classes, "
        "samples, training curves, rates and speed, the first convolution's filters, the confusion matrix in images and in "
        "shares, confused pairs, mistakes, largest losses, the least confident right predictions, probabilities of three right "
        "ones, calibration, ROC and precision-recall, Grad-CAM, and of networks with attention its rollout and what each head "
        "attends to, each with its data as CSV; report.html shows all of it.\n\n"
        "The same seed and configuration give the same bits at any number of threads. Ctrl-C stops with a checkpoint; --resume "
        "goes on, also after a kill, to the end that an undisturbed run has.\n\n"
        "--seeds N trains a group of N runs with the seeds S, S + 1 .. from --seed S on, each a folder OUT/s1, OUT/s2 .. with "
        "the bits that a single training with that seed has. --splits N trains one run OUT/f1 .. for each fold of an N-fold "
        "cross-validation, stratified unless --unstratified. Where the set has test images (official, at:N), the training "
        "images are cut into folds, and each fold validates in turn: N cuts into training and validation, and one test part. "
        "With --split pooled (a set without a test part has no other) all images are cut into folds, and each fold tests in "
        "turn; --validation is cut from the rest. At the end stand each run's accuracies, their mean with its 95 % interval by "
        "Student's t, and the standard deviation; OUT has group.json, figures and a report.html of all of them. A group that "
        "was stopped or killed goes on with --resume --out OUT, and gets more seeds with --resume --out OUT --seeds M. cifra "
        "runs compare tells whether two groups differ, cifra eval OUT what their networks say together.\n\n"
        "--live serves a page of the training to browsers on this machine that have its address, which is printed with a token "
        "in it: curves that grow, and the box to draw in, or to drop a picture onto, answered from the first epoch on by the "
        "weights of the last one. With --seeds and --splits it is of the run under way. It ends with the training, when an open "
        "page takes the report over, and changes no number. From another machine: ssh -L PORT:127.0.0.1:PORT, with --port "
        "PORT.\n\n"
        "--from RUN|FILE begins with the weights of another network: every tensor that fits by name and shape is taken, the "
        "layers that give outputs only where the classes are the same, the first convolution is converted between grey and RGB, "
        "and a table tells what was taken, converted, new and left. Without --model the network is the one of the run, at its "
        "size and with its scaling of images. --freeze, --head-epochs and --lr-backbone say what of it learns, when, and how "
        "fast; what is frozen keeps its weights and statistics to the bit. A run that is resumed needs its source no more.\n\n"
        "--target SET learns from the images of another set besides, without their labels (cifra adapt --help): --adapt says "
        "how, --target-split which; an epoch is then one of the target's images, and what chooses it, and stops, is a score "
        "without labels.\n\n"
        "--data takes a name, IDX or .mat files, or a folder of pictures with one folder per class, also in train/, val/ and "
        "test/ (cifra data info --help has the layouts).\n\n"
        "A model is one of the names that cifra models lists, or a line of layers, each of which reads the one before it; "
        "\"classes\" stands for the number of classes:\n\n"
        "    conv K RxS [stride N] [pad N|same|valid|tf] [groups G] [dilation D] [bias|nobias]\n"
        "    dwconv RxS [settings of conv]              one window for each channel; no groups\n"
        "    dense K|classes [bias|nobias]\n"
        "    maxpool RxS, avgpool RxS [stride N] [pad N|same|valid]; globalmaxpool, globalavgpool\n"
        "    relu, leakyrelu [SLOPE], relu6, silu, gelu, hardswish, sigmoid\n"
        "    bn [eps E] [momentum M], groupnorm G, instancenorm, layernorm\n"
        "    dropout [RATE], droppath [RATE]            droppath in front of the ) of a res group\n"
        "    se R                                       squeeze and excitation, C / R channels inside\n"
        "    patch P C, position, attention HEADS       of transformers\n"
        "    standardize, normalize MEAN.. DEVIATION..  of an image by itself; by given numbers\n"
        "    reverse [FACTOR]                           turns the gradient's sign round\n"
        "    input CxHxW                                first: images are converted to this shape\n\n"
        "RxS may be one number. A convolution keeps the size (pad same) and has a bias unless bn follows; a pool's stride is "
        "its window. Groups of layers, and layers that read others than the one before:\n\n"
        "    res( .. )          adds its input to its output, by a 1x1 convolution and bn where shapes differ\n"
        "    3x( .. )           three times the same\n"
        "    .. as NAME         names a layer or a res group\n"
        "    add NAME           adds the output of an earlier layer; concat NAME: puts its channels behind\n"
        "    head NAME( .. )    a second output; what follows reads what it reads\n\n"
        "Examples:\n\n"
        "    cifra train --data mnist --epochs 3 --figures svg,pdf\n"
        "    cifra train --data svhn --split pooled --optimizer adam --lr 0.001\n"
        "    cifra train --data mnist --model \"conv 16 5x5 | relu | maxpool 2 | dense classes\"\n"
        "    cifra train --data svhn --model \"conv 8 3x3 | 3x( res( bn | relu | conv 8 3x3 ) ) | dense classes\"\n"
        "    cifra train --data mnist --classes 1,2 --limit 1:50,2:1000\n"
        "    cifra train --data hand -n 10000 --epochs 3\n"
        "    cifra train --data photos --from runs/street-paper-s1 --head-epochs 2 --lr-backbone 0.1\n"
        "    cifra train --data mnist --seeds 5\n"
        "    cifra train --data hand -n 10000 --live\n"
        "    cifra train --data svhn --split pooled --splits 10 --out runs/svhn-folds\n"
        "    cifra train --data street --shift blur=2:4,polarity=0.5",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_size = sizeof(TrainArguments),
    .set_defaults = set_defaults,
    .run = run_command,
};
