/* cifra train: one run, from data to a tested model, or a group of them. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "data/split.h"
#include "nn/models.h"
#include "study/group/group.h"
#include "study/report/report.h"
#include "study/run/tune_run.h"
#include "train/adaptation/adaptation.h"
#include "train/freezing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TrainArguments {
    const char *from, *target, *target_split, *out, *config;
    ConfigArguments set;
    FigureDials figures;
    cf_train_options train;
    int seeds, splits; /* 0: a single run */
    int port;
    bool resume, live;
} TrainArguments;

#define MEMBER(name) OPTION_MEMBER(TrainArguments, name)

static const Option options[] = {
    {ROWS(set_options), MEMBER(set)},
    {ROW(model), MEMBER(set.model)},
    {"from", "RUN|FILE", OPTION_TEXT,
     .help = "begin with the weights of another network wherever they fit; without --model with that network",
     MEMBER(from)},
    {"target", "SET", OPTION_TEXT,
     .help = "another set whose images, without their labels, are learnt from (cifra adapt --help)", MEMBER(target)},
    {"target-split", "MODE", OPTION_TEXT, .help = "of the target: what is not its test part is learnt from",
     .default_text = "official; pooled for a set without a test part", MEMBER(target_split)},
    {.training = cf_train_defaults, MEMBER(train)},
    {ROW(threads), MEMBER(train.threads)},
    {ROW(split),
     .help =
         "official (with its own validation part where there is one), pooled (70/10/20), or at:N (the first N images train and "
         "validate, the rest test)",
     MEMBER(set.split)},
    {ROW(validation), MEMBER(set.parts.validation)},
    {ROWS(part_options), .help = "which images go where; apart from --seed, so that runs compare", MEMBER(set)},
    {ROW(limit),
     .help =
         "at most so many training images of a class, the same with all seeds (by --split-seed; cifra imbalance draws anew)",
     MEMBER(set.parts.train_limit)},
    {"seeds", "N", OPTION_INTEGER, 1, MOST_GROUP_RUNS,
     .help = "a group of N runs with the seeds from --seed on, their mean and its interval",
     .without = {"--splits, which makes another kind of group"}, MEMBER(seeds)},
    {"splits", "N", OPTION_INTEGER, 2, MOST_GROUP_RUNS,
     .help = "a group of N runs, one for each fold of an N-fold cross-validation", MEMBER(splits)},
    {"out", "RUN", OPTION_TEXT, .help = "the folder of the run or the group",
     .default_text = "runs/SET-MODEL-sSEED; of groups -seedsN, -foldsN", MEMBER(out)},
    {ROWS(figure_options), .help = "formats of the figures in RUN/figures: svg, png, pdf between commas, or none",
     MEMBER(figures)},
    {"config", "FILE|RUN|TUNE", OPTION_TEXT,
     .help = "repeat the run of a config.json, or a tune's winner; other options override it",
     .without = {"--resume, which takes the configuration from the run folder"}, MEMBER(config)},
    {"live", NULL, OPTION_FLAG,
     .help =
         "a page of the training under way, for a browser on this machine: its curves, and a box to draw in; the address is "
         "printed to stderr",
     MEMBER(live)},
    {"port", "N", OPTION_INTEGER, 0, 65535, .help = "of the page of --live, on 127.0.0.1; 0: one that is free",
     .default_text = "0", .with = {"--live"}, MEMBER(port)},
    {"resume", NULL, OPTION_FLAG, .help = "resume the run in --out, to the same end bit for bit", MEMBER(resume)},
};

/* A source without a network that is asked for has its own. */
static cf_status lay_source(const TrainArguments *a, RunConfig *c) {
    if (!a->from || (c->from && strcmp(c->from, a->from) == 0)) return CF_OK;
    free(c->from);
    c->from = NULL;
    FORWARD(tune_run_folder(a->from, &c->from));
    c->source = (SourceRecord){0};
    return run_config_text(&c->model, NULL);
}

/* The weights of a run that has begun came from somewhere else. */
static cf_status refuse_source(const TrainArguments *a, const RunConfig *c) {
    FAIL_IF(a->from && (!c->from || strcmp(c->from, a->from) != 0), CF_BAD_USE,
            "%s began with %s%s, not with the weights of %s; train into another folder", a->out,
            c->from ? "those of " : "weights that were drawn", c->from ? c->from : "", a->from);
    return CF_OK;
}

void train_adapt_defaults(const Arguments *given, RunConfig *c) {
    if (!c->target) return;
    if (c->train.adapt == CF_ADAPT_NONE) c->train.adapt = CF_MEAN_TEACHER;
    if (!options_given(given, "ema")) adaptation_usual_average(&c->train);
}

/* A teacher may be a tune, too: its winner. */
static cf_status find_teacher(cf_train_options *train) {
    AUTO_FREE char *folder = NULL;
    FORWARD(tune_run_folder(train->teacher, &folder));
    const int length = snprintf(train->teacher, sizeof train->teacher, "%s", folder);
    FAIL_IF(length >= CF_LINE, CF_BAD_USE, "the path of the teacher is too long: %d bytes, %d are possible", length,
            CF_LINE - 1);
    return CF_OK;
}

/* Lays what was given over what `config` holds. */
static cf_status lay_arguments(const Arguments *given, const TrainArguments *a, RunConfig *c) {
    FORWARD(lay_source(a, c));
    FORWARD(config_lay(given, &a->set, c));
    if (a->target) FORWARD(run_config_text(&c->target, a->target));
    FAIL_IF(a->target_split && !c->target, CF_BAD_USE, "--target-split goes with --target");
    if (a->target_split) FORWARD(split_from_text(a->target_split, &c->target_split));
    c->target_split_given = c->target_split_given || a->target_split;
    config_lay_training(given, &a->train, c);
    if (options_given(given, "teacher")) FORWARD(find_teacher(&c->train));
    if (options_given(given, "teacher") && !options_given(given, "teacher-sha256"))
        memcpy(c->train.teacher_sha256, a->train.teacher_sha256, sizeof c->train.teacher_sha256);
    train_adapt_defaults(given, c);
    return CF_OK;
}

/* As group.json has it; which data those are, and where they were, the first run tells. */
static cf_status group_config(const TrainArguments *a, RunConfig *config) {
    AUTO(group_free) Group group = {0};
    FORWARD(group_read(a->out, &group));
    const RunFiles *first = &group.runs[0].files;
    return first->config ? run_config_from_json(first->config, config) : run_config_copy(&group.config, config);
}

/* A config.json, or the folder that holds one. */
static cf_status read_given_config(const char *given, RunConfig *config) {
    AUTO_FREE char *folder = NULL;
    if (!file_is_folder(given)) return run_config_read(given, config);
    FORWARD(tune_run_folder(given, &folder));
    return run_config_read_in(folder, config);
}

/* What the run or the group in --out began with. */
static cf_status resumed_config(const TrainArguments *a, RunConfig *config) {
    FAIL_IF(!a->out, CF_BAD_USE, "--resume needs --out RUN, the folder of the run to resume");
    const bool group = folder_is_group(a->out);
    if (!group && !file_exists_in(a->out, "config.json")) {
        FAIL_IF(!a->set.data, CF_BAD_USE, "%s holds no run to resume (there is no config.json in it)", a->out);
        notice("%s holds no run yet: a new one begins", a->out);
        return run_config_new(config);
    }
    FORWARD(group ? group_config(a, config) : run_config_read_in(a->out, config));
    return refuse_source(a, config);
}

static cf_status make_config(const Arguments *given, const TrainArguments *a, RunConfig *config) {
    FORWARD(a->resume   ? resumed_config(a, config)
            : a->config ? read_given_config(a->config, config)
                        : run_config_new(config));
    if (a->config && (a->seeds || a->splits)) config->split.folds = config->split.fold = 0;
    return lay_arguments(given, a, config);
}

/* "runs/mnist-paper-s1", "-seeds5" or "-folds10" of a group, or with "-2" .. when that is taken. */
static cf_status default_folder(const TrainArguments *a, const RunConfig *c, char **folder) {
    char data[64], kind[32], suffix[16] = "";
    if (a->seeds || a->splits)
        snprintf(kind, sizeof kind, "%s%d", a->seeds ? "seeds" : "folds", a->seeds ? a->seeds : a->splits);
    else
        snprintf(kind, sizeof kind, "s%llu", (unsigned long long)c->train.seed);
    FORWARD(data_short_name(c->data, data));
    const char *model = !c->model ? "from" : model_named_line(c->model) ? c->model : "custom";
    for (int n = 2; n <= 10000; n++) {
        AUTO_FREE char *path = NULL;
        FORWARD(memory_print(&path, "runs/%s-%s-%s%s", data, model, kind, suffix));
        if (!file_exists(path)) {
            *folder = memory_take(&path);
            return CF_OK;
        }
        snprintf(suffix, sizeof suffix, "-%d", n);
    }
    return FAIL(CF_BAD_USE, "runs/ is full of runs of this name; choose a folder with --out");
}

static size_t part_size(const cf_split *split, cf_part part) {
    return cf_subset_count(cf_split_part(split, part));
}

/* Of the last epoch, in which the most learns. */
static cf_status measure_step(const Run *run, size_t *memory) {
    const cf_train_options *o = &run->config.train;
    AUTO(freezing_free) Freezing freezing = {0};
    FORWARD(freezing_new(o, run->model, &freezing));
    const size_t images = part_size(run->split, CF_TRAIN) + part_size(run->split, CF_VALIDATION);
    const PlanOptions step = {.engine = run->engine,
                              .batch = o->batch,
                              .threads = run->threads,
                              .mode = PLAN_TRAINING,
                              .frozen = freezing_layers(&freezing, o->epochs - 1),
                              .first = freezing_first(&freezing, o->epochs - 1, images)};
    return plan_measure(&run->model->layers, &run->model->parameters, &step, memory);
}

static void print_source(const Run *run) {
    const RunConfig *c = &run->config;
    if (!c->from) return;
    print_printable("from    %s: tensors", c->from);
    for (int i = 0; i < TRANSFER_FATES; i++) printf("%s %d %s", i ? "," : "", c->source.counts[i], transfer_words[i]);
    printf("\n");
    transfer_print(&run->transfer, stdout);
}

static cf_status print_opening(const Run *run) {
    const cf_set *set = run->set;
    AUTO_FREE char *table = NULL;
    char training[TRAIN_OPTIONS_TEXT], mode[40], fold[48] = "";
    size_t memory;
    FORWARD(measure_step(run, &memory));
    FORWARD(layer_list_table(&run->model->layers, &table));
    train_options_text(&run->config.train, false, training);
    split_to_text(&run->config.split, mode);
    if (run->config.split.folds)
        snprintf(fold, sizeof fold, ", fold %d of %d", run->config.split.fold, run->config.split.folds);
    print_printable("data    %s: %dx%dx%d, %d classes; %zu train, %zu validation, %zu test (%s%s)\n", run->config.data,
                    set->channels, set->height, set->width, run->model->classes, part_size(run->split, CF_TRAIN),
                    part_size(run->split, CF_VALIDATION), part_size(run->split, CF_TEST), mode, fold);
    printf("model   %s\n%s", run->model->layers.line, table);
    print_source(run);
    if (run->target)
        print_printable("target  %s: %zu images without labels, %zu to score on\n", run->config.target,
                        part_size(run->target, CF_TRAIN) + part_size(run->target, CF_VALIDATION),
                        part_size(run->target, CF_TEST));
    printf("train   %s\nengine  %s, %d threads; a step works in %.0f MB\n", training, run->engine->name, run->threads,
           (double)memory / 1e6);
    fflush(stdout);
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
    const cf_status status = report_write(run->folder, run->set, NULL);
    if (status)
        return status_prefix(
            status, "the run is complete, but its report could not be made; when that is mended: cifra report %s",
            run->folder);
    if (!silent) print_printable("report:     %s/report.html\n", run->folder);
    return CF_OK;
}

/* The result is printed before the figures are drawn, so that a failure of these costs nothing; JSON names them. */
static cf_status finish_run(const Run *run, const FigureOptions *figures, bool as_json) {
    AUTO(figure_list_free) FigureList list = {0};
    json_t *json;
    if (!as_json) print_result(run);
    FORWARD(figures_make(run, &run->test, run->config.data, "test", figures, &list));
    terminal_figures(&list);
    if (as_json) {
        FORWARD(run_json(run, &json));
        FORWARD(print_json_with_figures(json, &list));
    }
    return make_report(run, as_json);
}

/* ---- While it trains ---- */

typedef struct TrainDisplay {
    GroupPlan plan; /* of a group */
    bool opened, silent;
    Live *live; /* NULL: no page looks on */
} TrainDisplay;

/* A page without its address, which is neither progress nor a notice, would be of no use. */
static cf_status begin_run(TrainDisplay *d, Run *run, const char *place) {
    if (!d->opened && !d->silent) FORWARD(print_opening(run));
    if (d->live) FORWARD(live_begin(d->live, run, place));
    if (d->live && !d->opened) fprintf(stderr, "live    %s\n", live_url(d->live));
    d->opened = true;
    return CF_OK;
}

static bool show_progress(const cf_progress *progress, void *context) {
    const TrainDisplay *d = context;
    if (d->live) live_progress(d->live, progress);
    return terminal_progress(progress, NULL);
}

cf_status train_run(Run *run, const char *folder, const Arguments *given, bool resume, const FigureOptions *figures,
                    Live *live) {
    TrainDisplay display = {.silent = given->json || given->quiet, .live = live};
    FORWARD(run_start(run, folder, resume));
    FORWARD(begin_run(&display, run, ""));
    terminal_catch_interrupt();
    const cf_status status = run_train(run, resume, show_progress, &display);
    FAIL_IF(status == CF_INTERRUPTED, status,
            "stopped; the checkpoint holds everything. Resume with:\n    cifra train --resume --out %s", folder);
    FORWARD(status);
    FORWARD(run_evaluate_test(run));
    return finish_run(run, figures, given->json);
}

/* ---- A group ---- */

static cf_status announce_run(Run *run, int place, void *context) {
    TrainDisplay *d = context;
    char text[64];
    if (d->plan.kind == GROUP_SEEDS)
        snprintf(text, sizeof text, "seed %llu, %d of %d", (unsigned long long)d->plan.first_seed + (unsigned)place,
                 place + 1, d->plan.count);
    else
        snprintf(text, sizeof text, "fold %d of %d", place + 1, d->plan.count);
    if (run) FORWARD(begin_run(d, run, text));
    terminal_line("%s%s", text, run ? "" : ": done already");
    return CF_OK;
}

static cf_status print_group_json(const char *folder, const Group *group) {
    AUTO_FREE char *page = NULL;
    json_t *json;
    FORWARD(file_join(folder, "report.html", &page));
    FORWARD(group_json(group, &json));
    json_object_set_new(json, "report", json_text(page));
    return print_json(json);
}

static cf_status print_group(const char *folder, bool as_json) {
    AUTO(group_free) Group group = {0};
    TextDraft draft;
    FORWARD(group_read(folder, &group));
    if (as_json) return print_group_json(folder, &group);
    FORWARD(text_draft(&draft));
    fputc('\n', draft.stream);
    group_print(&group, draft.stream);
    fprintf(draft.stream, "\ngroup folder: %s\nreport:       %s/report.html\n", folder, folder);
    return print_draft(&draft);
}

/* What --seeds and --splits say, or what the group is that is resumed: of more seeds than before, where that is asked for. */
static cf_status make_plan(const Arguments *given, const TrainArguments *a, const char *folder, const RunConfig *config,
                           GroupPlan *plan) {
    *plan = (GroupPlan){a->splits ? GROUP_FOLDS : GROUP_SEEDS, a->splits ? a->splits : a->seeds, config->train.seed};
    if (!a->resume || !folder_is_group(folder)) return CF_OK;
    AUTO(group_free) Group group = {0};
    FORWARD(group_read(folder, &group));
    *plan = group.plan;
    const bool seeds = plan->kind == GROUP_SEEDS;
    const int asked = seeds ? a->seeds : a->splits;
    FAIL_IF(seeds ? a->splits : a->seeds, CF_BAD_USE, "%s is a group of %s, not of %s", folder,
            seeds ? "seeds" : "folds", seeds ? "folds" : "seeds");
    FAIL_IF(seeds && asked && asked < plan->count, CF_BAD_USE,
            "%s is a group of %d seeds, which --seeds can make more, not fewer", folder, plan->count);
    FAIL_IF(!seeds && asked && asked != plan->count, CF_BAD_USE,
            "%s is a group of %d folds; other folds are another group: name another folder", folder, plan->count);
    FAIL_IF(options_given(given, "seed") && config->train.seed != plan->first_seed, CF_BAD_USE,
            "%s is a group whose first seed is %llu", folder, (unsigned long long)plan->first_seed);
    if (asked) plan->count = asked;
    return CF_OK;
}

static cf_status train_group(const Arguments *given, const TrainArguments *a, const char *folder, RunConfig *config,
                             const FigureOptions *figures, Live *live) {
    TrainDisplay display = {.silent = given->json || given->quiet, .live = live};
    FORWARD(make_plan(given, a, folder, config, &display.plan));
    if (display.plan.kind == GROUP_FOLDS) { /* of the first, to be checked and kept */
        config->split.folds = display.plan.count;
        config->split.fold = 1;
    }
    config->train.seed = display.plan.first_seed;
    terminal_catch_interrupt();
    const GroupWork work = {folder, display.plan, config, a->resume, *figures, announce_run, show_progress, &display};
    const cf_status status = group_train(&work);
    FAIL_IF(status == CF_INTERRUPTED, status,
            "stopped; what is done is kept. Resume with:\n    cifra train --resume --out %s", folder);
    FORWARD(status);
    return print_group(folder, given->json);
}

/* ---- The command ---- */

static cf_status train_single(const Arguments *given, const TrainArguments *a, const char *folder, RunConfig *config,
                              const FigureOptions *figures, Live *live) {
    AUTO(run_free_at) Run *run = NULL;
    FAIL_IF(folder_is_group(folder), CF_BAD_USE,
            "%s holds a group of runs; resume it with --resume, or name another folder with --out", folder);
    FORWARD(run_prepare(config, NULL, &run));
    return train_run(run, folder, given, a->resume, figures, live);
}

static cf_status train_command(const Arguments *given, const void *parsed) {
    const TrainArguments *a = parsed;
    AUTO(run_config_free) RunConfig config = {0};
    AUTO_FREE char *folder = NULL;
    FigureOptions figures = {.umap = true};
    Live *live = NULL;
    FORWARD(figure_dials_read(&a->figures, &figures.formats));
    FORWARD(make_config(given, a, &config));
    FORWARD(a->out ? file_trim(a->out, &folder) : default_folder(a, &config, &folder));
    FORWARD(file_check_folder(folder)); /* before the data are loaded */
    const bool group = a->seeds || a->splits || (a->resume && folder_is_group(folder));
    if (a->live) FORWARD(live_start(a->port, &live));
    const cf_status status = group ? train_group(given, a, folder, &config, &figures, live)
                                   : train_single(given, a, folder, &config, &figures, live);
    live_end(live, status ? NULL : folder);
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
    COMMAND_OPTIONS(options, TrainArguments),
    .run = train_command,
};
