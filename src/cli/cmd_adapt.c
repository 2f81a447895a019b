/* cifra adapt: a trained run goes on learning from images of another set, without their labels. */
#include "cli/commands.h"

#include "cli/shared_options.h"
#include "nn/models.h"
#include "study/run/tune_run.h"

#include <string.h>

typedef struct AdaptArguments {
    const char *to, *data_dir, *split, *out;
    FigureDials figures;
    cf_train_options train;
    int method;
} AdaptArguments;

#define MEMBER(name) OPTION_MEMBER(AdaptArguments, name)

static const char *const method_words[] = {"adabn", "coral", "dann", "mean-teacher", "self-train", NULL};

static const Option options[] = {
    {"to", "SET", OPTION_TEXT, .help = "the target: a set by name or path",
     .needed = "the target, whose images it adapts to", MEMBER(to)},
    {"method", NULL, OPTION_CHOICE, .choices = method_words, .help = "how", .usual = "mean-teacher", MEMBER(method)},
    {ROW(split),
     .help = "of the target: official, pooled or at:N; what is not its test part is learnt from, without labels",
     MEMBER(split)},
    {ROW(data_dir), MEMBER(data_dir)},
    {.training = cf_train_defaults, MEMBER(train)},
    {ROW(threads), MEMBER(train.threads)},
    {"out", "RUN2", OPTION_TEXT, .help = "the folder of the adapted run", .default_text = "RUN-METHOD", MEMBER(out)},
    {ROWS(figure_options), .help = "formats of the figures in RUN2/figures: svg, png, pdf between commas, or none",
     MEMBER(figures)},
};

/* Where the layer begins that gives the classes: behind the last | of the line that stands in no group. */
static size_t last_layer(const char *line) {
    size_t begin = 0;
    int depth = 0;
    for (size_t i = 0; line[i]; i++) {
        depth += (line[i] == '(') - (line[i] == ')');
        if (line[i] == '|' && !depth) begin = i + 1;
    }
    return begin;
}

/* The domain's output is new and has names of its own, and the layer behind it keeps the one it had, so that all keep their weights. */
static cf_status add_domain_head(const char *from, RunConfig *c) {
    const char *named = model_named_line(c->model), *line = named ? named : c->model;
    const size_t at = last_layer(line);
    AUTO(cf_model_free_at) cf_model *model = NULL;
    AUTO_FREE char *text = NULL;
    if (strstr(line, "head domain")) return CF_OK;
    FORWARD(model_open(from, &model));
    const LayerList *layers = &model->layers;
    const bool keeps = strstr(line + at, " as ") || strchr(line + at, '(');
    FORWARD(memory_print(
        &text, "%.*s head domain( reverse | dense 100 as domain1 | relu as domain2 | dense 2 as domain3 ) |%s%s%s%s",
        (int)at, line, line[at] == ' ' ? "" : " ", line + at, keeps ? "" : " as ",
        keeps ? "" : layers->layers[layers->heads[0]].name));
    return run_config_text(&c->model, text);
}

/* The run's own configuration, with what was given laid over it. */
static cf_status make_config(const Arguments *given, const AdaptArguments *a, RunConfig *c) {
    AUTO_FREE char *from = NULL;
    FORWARD(tune_run_folder(given->positional[0], &from));
    FORWARD(run_config_read_in(from, c));
    FAIL_IF(options_given(given, "adapt"), CF_BAD_USE, "cifra adapt has --method in place of --adapt");
    config_lay_training(given, &a->train, c);
    c->train.adapt = (cf_adapt)(CF_ADABN + a->method);
    if (c->train.adapt == CF_ADABN && !options_given(given, "epochs")) c->train.epochs = 1;
    if (c->train.adapt == CF_ADABN && !options_given(given, "ema")) c->train.ema = 0;
    FORWARD(run_config_text(&c->target, a->to));
    if (a->split) FORWARD(split_from_text(a->split, &c->target_split));
    c->target_split_given = a->split != NULL;
    if (a->data_dir) FORWARD(run_config_text(&c->data_dir, a->data_dir));
    FORWARD(run_config_text(&c->from, from));
    c->source = (SourceRecord){0};
    train_adapt_defaults(given, c);
    return c->train.adapt == CF_DANN ? add_domain_head(from, c) : CF_OK;
}

static cf_status name_folder(const AdaptArguments *a, const char *from, char **folder) {
    AUTO_FREE char *trimmed = NULL;
    if (a->out) return file_trim(a->out, folder);
    FORWARD(file_trim(from, &trimmed));
    return memory_print(folder, "%s-%s", trimmed, method_words[a->method]);
}

static cf_status adapt_command(const Arguments *given, const void *parsed) {
    const AdaptArguments *a = parsed;
    FigureOptions figures = {.umap = true};
    AUTO(run_config_free) RunConfig config = {0};
    AUTO(run_free_at) Run *run = NULL;
    AUTO_FREE char *folder = NULL;
    FORWARD(figure_dials_read(&a->figures, &figures.formats));
    FORWARD(name_folder(a, given->positional[0], &folder));
    FORWARD(make_config(given, a, &config));
    FORWARD(file_check_folder(folder)); /* before the data are loaded */
    FORWARD(run_prepare(&config, NULL, &run));
    return train_run(run, folder, given, false, &figures, NULL);
}

const Command command_adapt = {
    .name = "adapt",
    .summary = "adapt a run to another set's images, without their labels",
    .usage = "RUN --to SET [--method adabn|coral|dann|mean-teacher|self-train] [--split MODE] [--out RUN2]",
    .description =
        "Makes a new run that begins with the weights of RUN and learns from its data, with their labels, and from images of "
        "the target, without: all that is not the target's test part (--split at:5000: the first 5,000). Settings are those of "
        "RUN unless others are given. cifra train --target SET --adapt METHOD does the same from the beginning.\n\n"
        "    adabn         no training: batch norm's statistics are measured on the target (Li et al. 2016)\n"
        "    coral         covariances of what the last layer reads are drawn together (Sun, Saenko 2016)\n"
        "    dann          an output that tells the sets apart, behind a reversed gradient (Ganin et al. 2016);\n"
        "                  it is added to the network where it has none\n"
        "    mean-teacher  self-ensembling: the average of the weights (--ema, here 0.99) teaches, by another\n"
        "                  augmented view, where it is sure (French et al. 2018)\n"
        "    self-train    its own predictions as labels, of each class the surest (Zou et al. 2018)\n\n"
        "Both sets are augmented by --augment. A step has --batch images of each; an epoch is one of the target. Statistics of "
        "batch norm are apart in training, and the target's in the result.\n\n"
        "No label of the target reaches training, stopping or choosing: what is read is a copy of the set without any. The best "
        "epoch is the one with the lowest score, which stands for the validation loss: log K less the mutual information of "
        "image and predicted class (Krause et al. 2010), over the validation part of the target's images. 0: every prediction "
        "is sure, and all K classes are equally frequent; a network that calls everything one class has log K. --stop-on last "
        "takes the last epoch. For choosing between methods or settings it serves as well: the lowest score. In place of the "
        "accuracy stands the mean confidence.\n\n"
        "Where the target's test part has labels of the network's classes, they give a score: `target` in metrics.json and "
        "--json, which says so. config.json and cifra runs list tell what of other data a run has used: none, images, or labels "
        "(--from with other data). A run that was stopped goes on with cifra train --resume --out RUN2.\n\n"
        "Examples:\n\n"
        "    cifra adapt runs/mnist-paper-s1 --to svhn --method adabn\n"
        "    cifra adapt runs/mnist-paper-s1 --to real_32x32.mat --split at:5000 --epochs 50 --augment \"shift 2 | invert p 0.5\"",
    .positional = {1, 1},
    COMMAND_OPTIONS(options, AdaptArguments),
    .run = adapt_command,
};
