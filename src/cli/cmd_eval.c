/* cifra eval: a trained run, or several as one, on their own test part or on other data. */
#include "cli/commands.h"

#include "cli/figure_options.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/slices.h"
#include "cli/eval_ensemble.h"
#include "cli/terminal.h"
#include "eval/analysis.h"
#include "study/figures/figures.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct EvalArguments {
    const char *data, *data_dir, *out, *tta;
    FigureDials figures;
    DataDials dials;
    int split, threads, precision;
} EvalArguments;

static const char *const run_precision_words[] = {"run", "int8", NULL};

static const char *const part_words[] = {"test", "official-test", "all", NULL};

static const Option options[] = {
    {"data", "SET", OPTION_TEXT, .help = "a set by name or path", .default_text = "the run's own",
     OPTION_MEMBER(EvalArguments, data)},
    {"data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first", .default_text = "$CIFRA_DATA",
     OPTION_MEMBER(EvalArguments, data_dir)},
    DATA_OPTIONS(EvalArguments, dials),
    {"split", NULL, OPTION_CHOICE, .choices = part_words, .help = "which images",
     .default_text = "test; for other data official-test, or all where there is none",
     OPTION_MEMBER(EvalArguments, split)},
    {"tta", "LINE", OPTION_TEXT,
     .help =
         "test-time augmentation: the mean over fixed views of each image, such as \"flip | shift 1\" (cifra augment)",
     OPTION_MEMBER(EvalArguments, tta)},
    {"precision", NULL, OPTION_CHOICE, .choices = run_precision_words,
     .help = "as the run was trained, or in 8-bit integers with ranges from its training images", .default_text = "run",
     OPTION_MEMBER(EvalArguments, precision)},
    FIGURE_OPTIONS(EvalArguments, figures, "formats of the figures in RUN/figures", "svg"),
    {"out", "DIR", OPTION_TEXT, .help = "of several runs: where predictions, ensemble.json and figures go",
     .default_text = "GROUP/ensemble of a group; of runs nothing is written", OPTION_MEMBER(EvalArguments, out)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors; changes speed, never numbers",
     .default_text = "0", OPTION_MEMBER(EvalArguments, threads)},
};

static void set_defaults(void *parsed) {
    *(EvalArguments *)parsed = (EvalArguments){.dials = DATA_DIALS_NONE};
}

static cf_status print_analysis(const Evaluation *e) {
    Analysis analysis;
    FORWARD(analysis_new(e, &analysis));
    putchar('\n');
    analysis_print(&analysis, stdout);
    analysis_free(&analysis);
    return CF_OK;
}

static cf_status print_report(const Run *run, const Evaluation *e, const char *data, const char *part) {
    print_printable("%s on %s, %s: %zu images", run->folder, data, part, e->count);
    if (e->views) printf(", %d views of each", augmentation_views(e->views, NULL));
    if (e->int8) printf(", in 8-bit integers");
    if (e->overlap.trained) printf(", of which it was trained on %zu", e->overlap.trained);
    printf("\n\n");
    metrics_print_report(&e->metrics, stdout);
    putchar('\n');
    metrics_print_confusion(&e->metrics, stdout);
    return print_analysis(e);
}

/* RUN/predictions-SET.csv. Those of the run's own test part are there since the training. */
static cf_status write_predictions(const Run *run, const Evaluation *e, const char *data, const char *part,
                                   char **path) {
    char *suffix;
    FORWARD(figures_suffix(run, data, part, true, &suffix));
    cf_status status = memory_print(path, "%s/predictions%s.csv", run->folder, suffix);
    if (!status && *suffix) status = predictions_write(*path, e);
    free(suffix);
    return status;
}

static cf_status finish_json(const Evaluation *e, const char *data, const char *part, const char *predictions,
                             const FigureList *list) {
    json_t *json;
    FORWARD(evaluation_json(e, data, part, &json));
    if (file_exists(predictions)) json_object_set_new(json, "predictions", json_text(predictions));
    return print_json_with_figures(json, list);
}

/* The result is printed before files are written, so that a failure of these costs nothing; JSON names them. */
static cf_status finish(const Run *run, const Evaluation *e, const char *data, const char *part,
                        const FigureOptions *figures, bool as_json) {
    FigureList list = {0};
    char *predictions = NULL;
    cf_status status = as_json ? CF_OK : print_report(run, e, data, part);
    if (!status) status = write_predictions(run, e, data, part, &predictions);
    if (!status) status = figures_make(run, e, data, part, figures, &list);
    if (!status) terminal_figures(&list);
    if (!status && as_json) status = finish_json(e, data, part, predictions, &list);
    free(predictions);
    figure_list_free(&list);
    return status;
}

static cf_status eval_run(const Arguments *given, const EvalArguments *a, const char *part, FigureOptions figures,
                          const Augmentation *views) {
    Evaluation evaluation = {0};
    Run *run;
    char *data;
    FAIL_IF(a->out, CF_BAD_USE, "--out is for several runs; what is made of one goes into its own folder");
    FORWARD(run_open(given->positional[0], &run));
    run->views = views;
    run->int8 = a->precision != 0;
    cf_status status = data_chosen(a->data, run->config.data, &a->dials, &data);
    if (!status) {
        status = run_evaluate(run, data, a->data_dir, part, a->threads, &evaluation, &part);
        if (!status) status = finish(run, &evaluation, data ? data : run->config.data, part, &figures, given->json);
        free(data);
    }
    evaluation_free(&evaluation);
    run_free(run);
    return status;
}

/* NULL where none is asked for. */
static cf_status read_views(const char *line, Augmentation **views) {
    const char *word;
    cf_status status;
    *views = NULL;
    if (!line) return CF_OK;
    FORWARD(augmentation_new(line, views));
    if (augmentation_views(*views, &word)) return CF_OK;
    status = FAIL(
        CF_BAD_USE,
        "--tta: %s has no fixed views to average over, or too many with the others; operations such as flip, shift N, "
        "rotate A and scale A:B have, without p",
        word);
    augmentation_free(*views);
    *views = NULL;
    return status;
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    const EvalArguments *a = parsed;
    const char *part = options_given(given, "split") ? part_words[a->split] : NULL;
    FigureOptions figures = {0};
    terminal_set_quiet(given->quiet);
    Augmentation *views;
    FAIL_IF(a->precision && is_ensemble(given), CF_BAD_USE, "--precision int8 is for one run");
    FORWARD(figure_dials_read(&a->figures, &figures.formats));
    FORWARD(read_views(a->tta, &views));
    cf_status status = is_ensemble(given)
                           ? eval_ensemble(given, &(EnsembleArguments){a->data, a->data_dir, part, a->out, &a->dials,
                                                                       a->threads, figures, views})
                           : eval_run(given, a, part, figures, views);
    augmentation_free(views);
    return status;
}

const Command command_eval = {
    .name = "eval",
    .summary = "classification report of a run, or of several as one, also on other data",
    .usage = "RUN|GROUP [RUN ..] [--data SET] [--shift SPEC] [--split test|official-test|all]",
    .description =
        "Prints the classification report (precision, recall, F1 and support per class; accuracy, macro and weighted averages), "
        "the accuracy with its 95 % Wilson interval, the loss, and the confusion matrix; then:\n\n"
        "    calibration error   expected (Guo et al. 2017), 15 bins: how far confidence is from accuracy\n"
        "    temperature         divides the logits; fitted on the run's validation part, and therefore\n"
        "                        for the test part of the run's own data only\n"
        "    Brier score         squared distance of probabilities and truth, 0 best, 2 worst\n"
        "    area under ROC      how often an image of a class gets more of it than one of another\n"
        "    average precision   over the gains in recall, as scikit-learn defines it\n"
        "    most confused       pairs of classes, with the share of the true class\n\n"
        "--json has all of it per class (in the order of per_class) and per bin; what is undefined or not available is null.\n\n"
        "A set is the run's own by its checksum, however it is named. Of parts and sets with images that the run was trained "
        "on, it is said how many these are, by their pixels (in --json trained_on, and validated_on for those that chose the "
        "best epoch).\n\n"
        "On other data, images are converted to the model's channels and size, and classes are matched by name. A precision or "
        "recall of 0/0 counts as 0, and the report says so.\n\n"
        "--shift turns the factors of generated data, also of the run's own: the result is other data, of which the official "
        "test part is evaluated.\n\n"
        "Figures go to RUN/figures, each with its data as CSV; those of other data have the set's name in theirs "
        "(confusion-svhn.svg), and a number where two sets have one name. What the model said of each image of other data, or "
        "of another part, goes to RUN/predictions-SET.csv. Figures of the data, the training and the filters are made for the "
        "run's own test part only.\n\n"
        "--tta LINE averages the probabilities over fixed views of each image: each operation of the line has some (flip two, "
        "shift N five, rotate A three), and a line all their products; cifra augment LINE says how many. Temperature and "
        "calibration are those of the average. Its files have -views in their names.\n\n"
        "--precision int8 evaluates the network in 8-bit integers (after Jacob et al. 2018), as cifra export --to c-int8 writes "
        "it: convolutions, dense layers, batch norm, activations, pools, res, concat and se; other layers are refused. Its "
        "files have -int8 in their names.\n\n"
        "Several runs, or a group (cifra train --seeds), are evaluated as one classifier, an ensemble: the mean of the "
        "probabilities of their networks, which must know the same classes, and each of which takes the images as its own input "
        "wants them. Besides all of the above it is said how right each member is, and whether the ensemble is better than the "
        "best of them (McNemar's test, exact, and Tango's interval of the difference). The test part must be the same images "
        "for all; with --data or --split official-test the runs may have been split and trained otherwise. predictions.csv, "
        "ensemble.json and figures go to --out; of a group to GROUP/ensemble. In --json there are members [{run, accuracy, "
        "loss}] and against_best.\n\n"
        "Examples:\n\n"
        "    cifra eval runs/mnist-paper-seeds5\n"
        "    cifra eval runs/cifar-resnet20-s1 --tta \"flip | shift 1\"\n"
        "    cifra eval runs/a runs/b --out ensembles/ab\n"
        "    cifra eval runs/mnist-paper-s1 --data svhn --figures png,pdf\n"
        "    cifra eval runs/street-paper-s1 --shift blur=2:4",
    .options = options,
    .option_count = COUNT_OF(options),
    .min_positional = 1,
    .max_positional = -1,
    .options_size = sizeof(EvalArguments),
    .set_defaults = set_defaults,
    .run = run_command,
};
