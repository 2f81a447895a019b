/* cifra shift: where the drop of a run on images of another kind comes from. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "study/figures/figures.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct ShiftArguments {
    const char *to, *data_dir, *part, *out;
    FigureDials figures;
    DataDials dials;
    int threads;
} ShiftArguments;

#define MEMBER(name) OPTION_MEMBER(ShiftArguments, name)

static const Option options[] = {
    {"to", "SET", OPTION_TEXT, .help = "the images of another kind, with labels, by name or path",
     .default_text = "must be given", .needed = "the images of another kind, such as --to svhn", MEMBER(to)},
    {ROW(data_dir), MEMBER(data_dir)},
    {ROWS(dial_options), MEMBER(dials)},
    {"split", "PART", OPTION_TEXT, .help = "which of them: official-test, all, or at:N, those from number N on",
     .default_text = "official-test, or all where there is none", MEMBER(part)},
    {ROWS(figure_options), .help = "formats of the figures: svg, png, pdf between commas, or none", MEMBER(figures)},
    {"out", "DIR", OPTION_TEXT, .help = "where shift-SET.json and the figures go",
     .default_text = "the run's folder and its figures/, which its report shows", MEMBER(out)},
    {ROW(threads), MEMBER(threads)},
};

static bool show_factor(const char *factor, void *context) {
    (void)context;
    terminal_live_line("evaluating: %s", factor);
    return !terminal_interrupted();
}

/* Two openings of one run: on its own test part, and on the target. */
typedef struct ShiftWork {
    Run *own, *target;
    Evaluation source;
    const cf_subset *images;
    const char *part;
    char *data;
    Shift shift;
} ShiftWork;

static void work_free(ShiftWork *work) {
    shift_free(&work->shift);
    evaluation_free(&work->source);
    run_free(work->own);
    run_free(work->target);
    free(work->data);
}

static cf_status measure_shift(const char *folder, const ShiftArguments *a, ShiftWork *work) {
    const char *own_part;
    FORWARD(run_open(folder, &work->own));
    FORWARD(run_open(folder, &work->target));
    FORWARD(data_chosen(a->to, work->own->config.data, &a->dials, &work->data));
    FORWARD(run_choose_images(work->target, work->data, a->data_dir, a->part, &work->images, &work->part));
    FAIL_IF(!work->target->other, CF_BAD_USE, "%s is what the run was trained on; --to wants images of another kind",
            work->data);
    FORWARD(run_evaluate(work->own, NULL, a->data_dir, "test", a->threads, &work->source, &own_part));
    const ShiftQuestion question = {.model = work->target->model,
                                    .train = cf_split_part(work->own->split, CF_TRAIN),
                                    .target = work->images,
                                    .source_text = work->own->config.data,
                                    .source_accuracy = work->source.metrics.summary.accuracy,
                                    .source_count = work->source.count,
                                    .engine = work->target->engine,
                                    .threads = a->threads,
                                    .progress = show_factor};
    terminal_catch_interrupt();
    const cf_status status = shift_new(&question, &work->shift);
    terminal_live_end();
    return status;
}

/* DIR/shift-SET.json and the figures; of a run with a page, the page anew. */
static cf_status write_files(const ShiftWork *work, const ShiftArguments *a, const json_t *json, FigureList *list) {
    FigureOptions figures = {0};
    AUTO_FREE char *path = NULL, *suffix = NULL;
    const Run *run = work->target;
    FORWARD(figure_dials_read(&a->figures, &figures.formats));
    if (a->out) FORWARD(file_make_folder(a->out));
    FORWARD(figures_suffix(run, work->data, work->part, !a->out, &suffix));
    FORWARD(memory_print(&path, "%s/shift%s.json", a->out ? a->out : run->folder, suffix));
    FORWARD(json_write(path, json));
    return figures_shift_make(run, a->out, &work->shift, work->images, work->data, work->part, &figures, list);
}

static cf_status run_shift(const Arguments *given, const void *parsed) {
    AUTO(work_free) ShiftWork work = {0};
    AUTO(figure_list_free) FigureList list = {0};
    json_auto_t *json = NULL;
    FORWARD(measure_shift(given->positional[0], parsed, &work));
    FORWARD(shift_json(&work.shift, &json));
    json_object_set_new(json, "run", json_text(work.own->folder));
    json_object_set_new(json, "source_data", json_text(work.own->config.data));
    json_object_set_new(json, "data", json_text(work.data));
    json_object_set_new(json, "part", json_text(work.part));
    if (!given->json) {
        print_printable("%s on %s, %s: %zu images\n\n", work.own->folder, work.data, work.part, work.shift.plain.count);
        shift_print(&work.shift, stdout);
    }
    FORWARD(write_files(&work, parsed, json, &list));
    terminal_figures(&list);
    return given->json ? print_json_with_figures(memory_take(&json), &list) : CF_OK;
}

const Command command_shift = {
    .name = "shift",
    .summary = "where the drop of a run on images of another kind comes from",
    .usage = "RUN --to SET [--shift SPEC] [--split official-test|all|at:N] [--out DIR]",
    .description =
        "Evaluates a run on another set, whose labels it needs, then moves the images of that set towards those that the run "
        "was trained on, in one factor at a time, and evaluates again:\n\n"
        "    polarity         images are inverted whose subject is on the other side of its ground than the source's\n"
        "    contrast         the darkest and the lightest grey (1st and 99th percentile) become the source's\n"
        "    scale and place  the subject's middle and size, by its moments, become the source's\n"
        "    background       what is no subject is flattened to the image's own ground\n"
        "    neighbours       columns at the sides, where the source has no subject, are flattened to the ground\n"
        "    label shares     images count so that classes have the shares of the training images\n\n"
        "The ground is the median of the outermost pixels; what differs from it by more than Otsu's threshold stands out, and "
        "of that the largest piece near the middle is the subject. Each row says the accuracy with the factor moved, the gain "
        "with its 95 % interval on the same images (Tango 1998), and which share of the drop from the run's own test part it "
        "is; and the accuracy with all the others moved but not it. A factor that the source gives no goal for is not measured, "
        "and it is said why: polarity where the source has both, background where its grounds are not plain, neighbours where "
        "its subjects reach the sides.\n\n"
        "Of a generated set each dial of its generator is turned as well: to the source's range where one generator made both, "
        "else to 0. These images are the same ones, without that factor.\n\n"
        "Then: whether the predictions have collapsed onto few classes; the shares of the classes estimated without labels by "
        "expectation and maximization (Saerens et al. 2002), and the accuracy where predictions are corrected by them.\n\n"
        "shift-SET.json and figures go to the run's folder, and from there into its page (cifra report RUN), or to --out DIR. "
        "--json: n, accuracy, source {accuracy, n, look}, look, factors [{factor, kind, about, accuracy, gain, interval, "
        "explains, without; or cannot}], shares [{class, source, target, predicted, estimated}], collapse {effective_predicted, "
        "effective_labels, distance, collapsed}, corrected {rounds, accuracy, gain, interval}.\n\n"
        "Examples:\n\n"
        "    cifra shift runs/mnist-paper-s1 --to svhn\n"
        "    cifra shift runs/hand-paper-s1 --to street:n=1,test=2000 --json\n"
        "    cifra shift runs/mnist-paper-s1 --to digits_32x32.mat --split at:5000 --out shift",
    .positional = {1, 1},
    COMMAND_OPTIONS(options, ShiftArguments),
    .run = run_shift,
};
