/* cifra train: one run, from data to a tested model. */
#include "cli/commands.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/slices.h"
#include "cli/data_options.h"
#include "cli/terminal.h"
#include "data/split.h"
#include "nn/models.h"
#include "study/figures/figures.h"
#include "study/report/report.h"
#include "train/train_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TrainArguments {
    const char *data, *data_dir, *model, *split, *out, *config, *figures;
    DataDials dials;
    cf_train_options train;
    cf_split_options parts; /* but for its mode */
    bool unstratified, resume;
} TrainArguments;

#define MEMBER(name) OPTION_MEMBER(TrainArguments, name)

static const Option options[] = {
    {"data", "SET", OPTION_TEXT, .help = "a set by name (cifra data list) or by path", MEMBER(data)},
    {"data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first", .default_text = "$CIFRA_DATA",
     MEMBER(data_dir)},
    DATA_OPTIONS(TrainArguments, dials),
    {"model", "NAME|LINE", OPTION_TEXT, .help = "a name (cifra models lists them), or a line of layers",
     .default_text = "paper", MEMBER(model)},
    {.training = cf_train_defaults, MEMBER(train)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors; changes speed, never numbers",
     .default_text = "0", MEMBER(train.threads)},
    {"split", "MODE", OPTION_TEXT,
     .help =
         "official (with its own validation part where there is one), pooled (70/10/20), or at:N (the first N images "
         "train and validate, the rest test)",
     .default_text = "official; pooled for a set without a test part", MEMBER(split)},
    {"validation", "X", OPTION_NUMBER, 0.001, 0.9,
     .help = "share of the images that validate (official, at: of the training images)", .default_text = "0.1",
     MEMBER(parts.validation)},
    {"split-seed", "S", OPTION_INTEGER, 0, LARGEST_SEED,
     .help = "which images go where; apart from --seed, so that runs compare", .default_text = "1", MEMBER(parts.seed)},
    {"unstratified", NULL, OPTION_FLAG, .help = "do not keep the classes' shares equal over the parts",
     MEMBER(unstratified)},
    {"classes", "A,B", OPTION_TEXT, .help = "only these classes, by name", MEMBER(parts.classes)},
    {"limit", "A:N,B:M", OPTION_TEXT, .help = "at most so many training images of a class", MEMBER(parts.train_limit)},
    {"out", "RUN", OPTION_TEXT, .help = "the run folder", .default_text = "runs/SET-MODEL-sSEED", MEMBER(out)},
    {"figures", "LIST", OPTION_TEXT,
     .help = "formats of the figures in RUN/figures: svg, png, pdf between commas, or none", .default_text = "svg",
     MEMBER(figures)},
    {"config", "FILE", OPTION_TEXT, .help = "repeat the run of a config.json; other options override it",
     MEMBER(config)},
    {"resume", NULL, OPTION_FLAG, .help = "go on with the run in --out, to the same end bit for bit", MEMBER(resume)},
};

static void set_defaults(void *parsed) {
    *(TrainArguments *)parsed =
        (TrainArguments){.dials = DATA_DIALS_NONE, .figures = "svg", .train = cf_train_defaults()};
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

/* Lays what was given over what `config` holds. */
static cf_status apply_texts(const TrainArguments *a, RunConfig *c) {
    char *classes = (char *)(uintptr_t)c->split.classes, *limit = (char *)(uintptr_t)c->split.train_limit;
    if (a->data) FORWARD(run_config_text(&c->data, a->data));
    FORWARD(lay_dials(a, c));
    if (a->data || a->data_dir) data_record_clear(&c->record);
    if (a->data_dir) FORWARD(run_config_text(&c->data_dir, a->data_dir));
    if (a->model) FORWARD(run_config_text(&c->model, a->model));
    if (a->parts.classes) FORWARD(run_config_text(&classes, a->parts.classes));
    c->split.classes = classes;
    if (a->parts.train_limit) FORWARD(run_config_text(&limit, a->parts.train_limit));
    c->split.train_limit = limit;
    if (!a->split) return CF_OK;
    c->split_given = true;
    return split_from_text(a->split, &c->split);
}

static cf_status apply(const Arguments *g, const TrainArguments *a, RunConfig *c) {
    FORWARD(apply_texts(a, c));
    for (const TrainOption *option = train_options; option->name; option++)
        if (options_given(g, option->flag)) train_option_copy(option, &a->train, &c->train);
    if (options_given(g, "split-seed")) c->split.seed = a->parts.seed;
    if (options_given(g, "validation")) {
        c->split.validation = a->parts.validation;
        c->validation_given = true;
    }
    if (a->unstratified) c->split.stratified = false;
    c->train.threads = a->train.threads;
    return CF_OK;
}

static cf_status make_config(const Arguments *given, const TrainArguments *a, RunConfig *config) {
    char *path = NULL;
    FAIL_IF(a->resume && !a->out, CF_BAD_USE, "--resume needs --out RUN, the folder of the run to go on with");
    FAIL_IF(a->resume && a->config, CF_BAD_USE,
            "--resume takes the configuration from the run folder; leave --config out");
    if (a->resume) FORWARD(file_join(a->out, "config.json", &path));
    bool begun = path && file_exists(path);
    cf_status status = begun       ? run_config_read(path, config)
                       : a->config ? run_config_read(a->config, config)
                                   : run_config_new(config);
    if (!status && a->resume && !begun && a->data) notice("%s holds no run yet: a new one begins", a->out);
    if (!status && a->resume && !begun && !a->data)
        status = FAIL(CF_BAD_USE, "%s holds no run to go on with (there is no %s)", a->out, path);
    free(path);
    FORWARD(status);
    FORWARD(apply(given, a, config));
    FAIL_IF(!config->data, CF_BAD_USE, "--data SET is needed: a name (cifra data list shows them) or a path");
    return CF_OK;
}

/* "runs/mnist-paper-s1", or with "-2" .. when that is taken. */
static cf_status default_folder(const RunConfig *c, char **folder) {
    char data[64];
    FORWARD(data_short_name(c->data, data));
    const char *model = model_named_line(c->model) ? c->model : "custom";
    for (int n = 1; n < 10000; n++) {
        char suffix[16] = "";
        if (n > 1) snprintf(suffix, sizeof suffix, "-%d", n);
        FORWARD(memory_print(folder, "runs/%s-%s-s%llu%s", data, model, (unsigned long long)c->train.seed, suffix));
        if (!file_exists(*folder)) return CF_OK;
        free(*folder);
    }
    return FAIL(CF_BAD_USE, "runs/ is full of runs of this name; choose a folder with --out");
}

static cf_status print_opening(const Run *run) {
    const cf_set *set = run->set;
    char *table, training[TRAIN_OPTIONS_TEXT], mode[40];
    const PlanOptions step = {.engine = run->engine, .batch = run->config.train.batch, .threads = run->threads,
                              .mode = PLAN_TRAINING};
    size_t memory;
    FORWARD(plan_measure(&run->model->layers, &run->model->parameters, &step, &memory));
    FORWARD(layer_list_table(&run->model->layers, &table));
    train_options_text(&run->config.train, false, training);
    split_to_text(&run->config.split, mode);
    print_tamed("data    %s: %dx%dx%d, %d classes; %zu train, %zu validation, %zu test (%s)\n", run->config.data,
                set->channels, set->height, set->width, run->model->classes,
                cf_subset_count(cf_split_part(run->split, CF_TRAIN)),
                cf_subset_count(cf_split_part(run->split, CF_VALIDATION)),
                cf_subset_count(cf_split_part(run->split, CF_TEST)), mode);
    printf("model   %s\n%s", run->model->layers.line, table);
    printf("train   %s\nengine  %s, %d threads; a step works in %.0f MB\n", training, run->engine->name, run->threads,
           (double)memory / 1e6);
    fflush(stdout);
    free(table);
    return CF_OK;
}

static void print_result(const Run *run) {
    const cf_train_result *r = &run->fitted.result;
    printf("\nbest epoch %d of %d: validation loss %.4f, accuracy %.2f %%\n", r->best_epoch, r->epochs_run,
           r->validation_loss, 100 * r->validation_accuracy);
    if (r->gflops > 0)
        printf("%.1f s, %.0f images/s, %.0f GFLOP/s, %.0f %% of the %.0f GFLOP/s that these threads can do\n",
               r->seconds, r->images_per_second, r->gflops, 100 * r->gflops / run->peak_gflops, run->peak_gflops);
    printf("\ntest\n");
    metrics_print_report(&run->test.metrics, stdout);
    print_tamed("\nrun folder: %s\n", run->folder);
}

/* Comes last: whatever happens to it, the run is complete and its results are told. */
static cf_status make_report(const Run *run, bool silent) {
    cf_status status = report_write(run->folder, run->set, NULL);
    if (status)
        return status_prefix(
            status, "the run is complete, but its report could not be made; when that is mended: cifra report %s",
            run->folder);
    if (!silent) print_tamed("report:     %s/report.html\n", run->folder);
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

static cf_status train(Run *run, const char *folder, const Arguments *given, bool resume,
                       const FigureOptions *figures) {
    FORWARD(run_start(run, folder, resume));
    if (!given->json && !given->quiet) FORWARD(print_opening(run));
    terminal_catch_interrupt();
    cf_status status = run_train(run, resume, terminal_progress, NULL);
    if (status == CF_INTERRUPTED)
        return FAIL(status, "stopped; the checkpoint holds everything. Go on with:\n    cifra train --resume --out %s",
                    folder);
    FORWARD(status);
    FORWARD(run_test(run));
    return finish(run, figures, given->json);
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    const TrainArguments *a = parsed;
    RunConfig config = {0};
    Run *run = NULL;
    char *folder = NULL;
    FigureOptions figures = {0};
    terminal_set_quiet(given->quiet);
    FORWARD(figure_formats_from_text(a->figures, &figures.formats));
    cf_status status = make_config(given, a, &config);
    if (!status) status = a->out ? file_trim(a->out, &folder) : default_folder(&config, &folder);
    if (!status) status = file_check_folder(folder); /* before the data are loaded */
    if (!status) status = run_prepare(&config, NULL, &run);
    if (!status) status = train(run, folder, given, a->resume, &figures);
    free(folder);
    run_free(run);
    run_config_free(&config);
    return status;
}

const Command command_train = {
    .name = "train",
    .summary = "train and test one network",
    .usage = "--data SET [options]",
    .description =
        "Trains a network, keeps the weights of the epoch with the lowest validation loss (or by --stop-on), evaluates "
        "them on the test "
        "part, "
        "and leaves everything in a run folder: config.json, history.csv, model.safetensors (best weights), "
        "checkpoint.safetensors (latest state), metrics.json, predictions.csv, and figures/ with the distribution of "
        "classes, samples, training curves, rates and speed, the first convolution's filters, the confusion matrix in "
        "images and in shares, confused pairs, mistakes, largest losses, the least confident right predictions, "
        "probabilities of three right ones, calibration, ROC and precision-recall, and Grad-CAM, each with its data as "
        "CSV; report.html shows all of it.\n"
        "\n"
        "The same seed and configuration give the same bits at any number of threads. Ctrl-C stops with a checkpoint; "
        "--resume goes on, also after a kill, to the end that an undisturbed run has.\n"
        "\n"
        "--data takes a name, IDX or .mat files, or a folder of pictures with one folder per class, also in train/, "
        "val/ and "
        "test/ (cifra data info --help has the layouts).\n"
        "\n"
        "A model is one of the names that cifra models lists, or a line of layers, each of which reads the one before "
        "it; \"classes\" stands for the number of classes:\n"
        "\n"
        "    conv K RxS [stride N] [pad N|same|valid|tf] [groups G] [dilation D] [bias|nobias]\n"
        "    dwconv RxS [settings of conv]              one window for each channel; no groups\n"
        "    dense K|classes [bias|nobias]\n"
        "    maxpool RxS, avgpool RxS [stride N] [pad N|same|valid]; globalmaxpool, globalavgpool\n"
        "    relu, leakyrelu [SLOPE], relu6, silu, gelu, hardswish, sigmoid\n"
        "    bn [eps E], groupnorm G, instancenorm, layernorm\n"
        "    dropout [RATE], droppath [RATE]            droppath in front of the ) of a res group\n"
        "    se R                                       squeeze and excitation, C / R channels inside\n"
        "    patch P C, position, attention HEADS       of transformers\n"
        "    standardize, normalize MEAN.. DEVIATION..  of an image by itself; by given numbers\n"
        "    reverse [FACTOR]                           turns the gradient's sign round\n"
        "    input CxHxW                                first: images are converted to this shape\n"
        "\n"
        "RxS may be one number. A convolution keeps the size (pad same) and has a bias unless bn follows; a pool's "
        "stride is "
        "its window. Groups of layers, and layers that read others than the one before:\n"
        "\n"
        "    res( .. )          adds its input to its output, by a 1x1 convolution and bn where shapes differ\n"
        "    3x( .. )           three times the same\n"
        "    .. as NAME         names a layer or a res group\n"
        "    add NAME           adds the output of an earlier layer; concat NAME: puts its channels behind\n"
        "    head NAME( .. )    a second output; what follows reads what it reads\n"
        "\n"
        "Examples:\n"
        "\n"
        "    cifra train --data mnist --epochs 3 --figures svg,pdf\n"
        "    cifra train --data svhn --split pooled --optimizer adam --lr 0.001\n"
        "    cifra train --data mnist --model \"conv 16 5x5 | relu | maxpool 2 | dense classes\"\n"
        "    cifra train --data svhn --model \"conv 8 3x3 | 3x( res( bn | relu | conv 8 3x3 ) ) | dense classes\"\n"
        "    cifra train --data mnist --classes 1,2 --limit 1:50,2:1000\n"
        "    cifra train --data hand -n 10000 --epochs 3\n"
        "    cifra train --data street --shift blur=2:4,polarity=0.5",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_size = sizeof(TrainArguments),
    .set_defaults = set_defaults,
    .run = run_command,
};
