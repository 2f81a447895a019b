/* cifra eval: a trained run, or several as one, on their own test part or on other data. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "eval/analysis.h"
#include "study/group/run_ensemble.h"

#include <stdio.h>

typedef struct EvalArguments {
    const char *data, *data_dir, *out, *tta;
    FigureDials figures;
    DataDials dials;
    int split, threads, precision;
} EvalArguments;

#define MEMBER(name) OPTION_MEMBER(EvalArguments, name)

static const char *const run_precision_words[] = {"run", "int8", NULL};

static const Option options[] = {
    {ROW(data), .help = "a set by name or path", .default_text = "the run's own", MEMBER(data)},
    {ROW(data_dir), MEMBER(data_dir)},
    {ROWS(dial_options), MEMBER(dials)},
    {ROW(part), MEMBER(split)},
    {"tta", "LINE", OPTION_TEXT,
     .help =
         "test-time augmentation: the mean over fixed views of each image, such as \"flip | shift 1\" (cifra augment)",
     MEMBER(tta)},
    {"precision", NULL, OPTION_CHOICE, .choices = run_precision_words,
     .help = "as the run was trained, or in 8-bit integers with ranges from its training images", .usual = "run",
     MEMBER(precision)},
    {ROWS(figure_options), .help = "formats of the figures in RUN/figures: svg, png, pdf between commas, or none",
     MEMBER(figures)},
    {"out", "DIR", OPTION_TEXT, .help = "of several runs: where predictions, ensemble.json and figures go",
     .default_text = "GROUP/ensemble of a group; of runs nothing is written", MEMBER(out)},
    {ROW(threads), MEMBER(threads)},
};

/* What follows the line's beginning, which says what was evaluated; `trained`: who it is that was trained on some images. */
static cf_status print_evaluation(const Evaluation *e, const char *trained, FILE *out) {
    AUTO(analysis_free) Analysis analysis = {0};
    FORWARD(analysis_new(e, &analysis));
    fprintf(out, ": %zu images", e->count);
    if (e->views) fprintf(out, ", %d views of each", augmentation_views(e->views, NULL));
    if (e->int8) fprintf(out, ", in 8-bit integers");
    if (e->overlap.trained) fprintf(out, ", of which %s was trained on %zu", trained, e->overlap.trained);
    fputs("\n\n", out);
    metrics_print_report(&e->metrics, out);
    fputc('\n', out);
    metrics_print_confusion(&e->metrics, out);
    fputc('\n', out);
    analysis_print(&analysis, out);
    return CF_OK;
}

/* ---- One run ---- */

/* RUN/predictions-SET.csv. Those of the run's own test part are there since the training. */
static cf_status write_predictions(const Run *run, const Evaluation *e, const char *data, const char *part,
                                   char **path) {
    AUTO_FREE char *suffix = NULL;
    FORWARD(figures_suffix(run, data, part, true, &suffix));
    FORWARD(memory_print(path, "%s/predictions%s.csv", run->folder, suffix));
    return *suffix ? predictions_write(*path, e) : CF_OK;
}

/* The result is printed before files are written, so that a failure of these costs nothing; JSON names them. */
static cf_status finish_run(const Run *run, const Evaluation *e, const char *data, const char *part,
                            const FigureOptions *figures, bool as_json) {
    AUTO(figure_list_free) FigureList list = {0};
    AUTO_FREE char *predictions = NULL;
    json_t *json;
    if (!as_json) {
        print_printable("%s on %s, %s", run->folder, data, part);
        FORWARD(print_evaluation(e, "it", stdout));
    }
    FORWARD(write_predictions(run, e, data, part, &predictions));
    FORWARD(figures_make(run, e, data, part, figures, &list));
    terminal_figures(&list);
    if (!as_json) return CF_OK;
    FORWARD(evaluation_json(e, data, part, &json));
    if (file_exists(predictions)) json_object_set_new(json, "predictions", json_text(predictions));
    return print_json_with_figures(json, &list);
}

static cf_status eval_run(const Arguments *given, const EvalArguments *a, const char *part,
                          const FigureOptions *figures, const Augmentation *views) {
    AUTO(evaluation_free) Evaluation evaluation = {0};
    AUTO(run_free_at) Run *run = NULL;
    AUTO_FREE char *data = NULL;
    FAIL_IF(a->out, CF_BAD_USE, "--out is for several runs; what is made of one goes into its own folder");
    FORWARD(run_open(given->positional[0], &run));
    run->views = views;
    run->int8 = a->precision != 0;
    FORWARD(data_chosen(a->data, run->config.data, &a->dials, &data));
    FORWARD(run_evaluate(run, data, a->data_dir, part, a->threads, &evaluation, &part));
    return finish_run(run, &evaluation, data ? data : run->config.data, part, figures, given->json);
}

/* ---- Several runs ---- */

static cf_status choose_folder(const Arguments *given, const EvalArguments *a, unsigned formats, char **folder) {
    if (!a->out && given->positional_count == 1) return file_join(given->positional[0], "ensemble", folder);
    const bool asked = options_given(given, "figures") || options_given(given, "theme") || options_given(given, "dpi");
    FAIL_IF(!a->out && asked && formats, CF_BAD_USE, "figures of several runs need a folder: name it with --out DIR");
    if (!a->out) return CF_OK;
    FAIL_IF(file_exists_in(a->out, "config.json") || folder_is_group(a->out), CF_BAD_USE,
            "%s holds a run or a group; name another folder with --out", a->out);
    return file_trim(a->out, folder);
}

static void print_against_best(const RunEnsemble *e, FILE *out) {
    const Evaluation *all = &e->ensemble.evaluation;
    char one[32], other[32];
    double low, high;
    const double p = sign_test_p(e->only_ensemble, e->only_best),
                 difference = ((double)e->only_ensemble - (double)e->only_best) / (double)all->count;
    paired_difference_interval(e->only_ensemble, e->only_best, all->count, &low, &high);
    fprintf(out, "ensemble less the best of them (%s): %+.2f points, 95 %% interval %+.2f to %+.2f\n",
            e->runs[e->best]->folder, 100 * difference, 100 * low, 100 * high);
    fprintf(out, "right by the ensemble alone %s, by that run alone %s: p %s %.4f (McNemar's test, exact); %s\n",
            text_thousands((long long)e->only_ensemble, one), text_thousands((long long)e->only_best, other),
            p < 0.0001 ? "<" : "=", p < 0.0001 ? 0.0001 : p,
            p >= 0.05 || (low <= 0 && high >= 0) ? "this is noise"
            : difference > 0                     ? "the ensemble is better"
                                                 : "that run is better");
    fputs("It was chosen as the best on these very images, which flatters it.\n", out);
}

static void print_members(const RunEnsemble *e, FILE *out) {
    const Ensemble *all = &e->ensemble;
    fprintf(out, "\n%10s %10s  run\n", "accuracy", "loss");
    for (size_t i = 0; i < e->count; i++)
        fprintf(out, "%8.2f %% %10.4f  %s\n", 100 * all->members[i].accuracy, all->members[i].loss, e->runs[i]->folder);
    fprintf(out, "%8.2f %% %10.4f  the ensemble of these %zu\n", 100 * all->evaluation.metrics.summary.accuracy,
            all->evaluation.metrics.summary.loss, e->count);
    print_against_best(e, out);
}

static cf_status print_ensemble(const RunEnsemble *e) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    FORWARD(text_draft(&draft));
    fprintf(draft.stream, "mean of the probabilities of %zu networks on %s, %s", e->count, e->data, e->part);
    FORWARD(print_evaluation(&e->ensemble.evaluation, "one", draft.stream));
    print_members(e, draft.stream);
    return print_draft(&draft);
}

/* The result is printed before files are written, so that a failure of these costs nothing; JSON names them. */
static cf_status finish_ensemble(const RunEnsemble *e, const char *folder, const FigureOptions *figures, bool as_json) {
    AUTO(figure_list_free) FigureList list = {0};
    AUTO_FREE char *predictions = NULL;
    json_t *json;
    if (!as_json) FORWARD(print_ensemble(e));
    if (folder) FORWARD(run_ensemble_write(e, folder, figures, &list, &predictions));
    terminal_figures(&list);
    if (!as_json) return CF_OK;
    FORWARD(run_ensemble_json(e, &json));
    if (predictions) json_object_set_new(json, "predictions", json_text(predictions));
    return print_json_with_figures(json, &list);
}

static cf_status eval_ensemble(const Arguments *given, const EvalArguments *a, const char *part,
                               const FigureOptions *figures, const Augmentation *views) {
    AUTO(run_ensemble_free) RunEnsemble ensemble = {0};
    AUTO_FREE char *folder = NULL, *data = NULL;
    FAIL_IF(a->precision, CF_BAD_USE, "--precision int8 is for one run");
    FORWARD(choose_folder(given, a, figures->formats, &folder));
    if (folder) FORWARD(file_check_folder(folder)); /* before the work */
    FORWARD(run_ensemble_open(given->positional, (size_t)given->positional_count, &ensemble));
    for (size_t i = 0; i < ensemble.count; i++) ensemble.runs[i]->views = views;
    FORWARD(data_chosen(a->data, ensemble.runs[0]->config.data, &a->dials, &data));
    FORWARD(run_ensemble_evaluate(&ensemble, data, a->data_dir, part, a->threads));
    FORWARD(finish_ensemble(&ensemble, folder, figures, given->json));
    return folder && !a->out ? report_group_write(given->positional[0]) : CF_OK; /* it shows the ensemble's accuracy */
}

/* ---- The command ---- */

static cf_status read_views(const char *line, Augmentation **views) {
    const char *word;
    FORWARD(augmentation_new(line, views));
    FAIL_IF(
        !augmentation_views(*views, &word), CF_BAD_USE,
        "--tta: %s has no fixed views to average over, or too many with the others; operations such as flip, shift N, "
        "rotate A and scale A:B have, without p",
        word);
    return CF_OK;
}

static cf_status eval_command(const Arguments *given, const void *parsed) {
    const EvalArguments *a = parsed;
    AUTO(augmentation_free_at) Augmentation *views = NULL;
    const char *part = options_given(given, "split") ? part_words[a->split] : NULL;
    const bool several = given->positional_count > 1 || folder_is_group(given->positional[0]);
    FigureOptions figures = {0};
    FORWARD(figure_dials_read(&a->figures, &figures.formats));
    if (a->tta) FORWARD(read_views(a->tta, &views));
    return several ? eval_ensemble(given, a, part, &figures, views) : eval_run(given, a, part, &figures, views);
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
    .positional = {1, ANY_NUMBER},
    COMMAND_OPTIONS(options, EvalArguments),
    .run = eval_command,
};
