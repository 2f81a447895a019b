/* cifra report: a run, a group of runs, or a tune, as one page; and what such a page says, in other formats. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "study/figures/figures.h"
#include "study/group/group.h"
#include "study/report/document.h"
#include "study/report/report.h"

typedef struct ReportArguments {
    const char *data_dir;
    FigureDials figures;
    DocumentFormat format;
} ReportArguments;

#define MEMBER(name) OPTION_MEMBER(ReportArguments, name)

static const Option options[] = {
    {"data-dir", "DIR", OPTION_TEXT, .help = "where the run's data are looked for by name",
     .default_text = "as the run was made", MEMBER(data_dir)},
    {ROWS(figure_options), .help = "draw the figures in RUN/figures anew: svg, png, pdf between commas, or none",
     .default_text = "svg where there are none yet", MEMBER(figures)},
    {"format", "WORD", OPTION_CHOICE, .choices = document_format_words,
     .help = "html; or to be handed in, with numbered tables and figures: md (GitHub), tex (an article), pdf",
     .usual = "html", MEMBER(format)},
};

/* As cifra eval does of the run's own test part. *run is opened, also where the drawing fails: its data serve the page. */
static cf_status draw_figures(const char *folder, const ReportArguments *a, unsigned formats, Run **run) {
    FigureOptions drawn = {.formats = formats};
    AUTO(evaluation_free) Evaluation evaluation = {0};
    AUTO(figure_list_free) FigureList list = {0};
    const char *part = "test"; /* other data in its place are refused */
    drawn.umap = !file_exists_in(folder, "figures/umap.csv"); /* what cifra umap has made stays */
    FORWARD(run_open(folder, run));
    FORWARD(run_evaluate(*run, NULL, a->data_dir, part, 0, &evaluation, &part));
    FORWARD(figures_make(*run, &evaluation, (*run)->config.data, part, &drawn, &list));
    terminal_figures(&list);
    return CF_OK;
}

/* What was asked for must be drawn; what is only missing is drawn where it can be, and the page is made all the same. */
static cf_status see_to_figures(const char *folder, const ReportArguments *a, Run **run) {
    const bool asked = a->figures.list || a->figures.theme || a->figures.dpi;
    unsigned formats;
    FORWARD(figure_dials_read(&a->figures, &formats));
    if (asked) return formats ? draw_figures(folder, a, formats, run) : CF_OK;
    if (!file_exists_in(folder, "figures") && draw_figures(folder, a, formats, run)) notice("no figures are drawn: %s", cf_error());
    return CF_OK;
}

/* A tune has no model and no test of its own: its figures come from its trials. */
static cf_status report_tune(const char *folder, const FigureOptions *drawn) {
    AUTO(results_free) TuneResults results = {0};
    AUTO(figure_list_free) FigureList list = {0};
    FORWARD(results_read(folder, &results));
    FORWARD(figures_tune_make(folder, &results, drawn, &list));
    return report_tune_write(folder);
}

static cf_status report_run(const char *folder, const ReportArguments *a) {
    AUTO(run_free_at) Run *run = NULL;
    FORWARD(report_check(folder));
    FORWARD(see_to_figures(folder, a, &run));
    return report_write(folder, run ? run->set : NULL, a->data_dir);
}

/* A study's page is its last stage, and a lab's: their own commands make it, and what they have made is read. */
static cf_status find_page(const char *folder, DocumentFormat format, bool *there) {
    static const struct {
        const char *file, *what, *again;
    } kinds[] = {{"study.json", "study", "cifra study its recipe"},
                 {"imbalance.json", "lab", "cifra imbalance its options"}};
    *there = false;
    for (size_t i = 0; i < COUNT_OF(kinds) && !*there; i++) {
        *there = file_exists_in(folder, kinds[i].file);
        const bool made = *there && file_exists_in(folder, "report.html");
        FAIL_IF(*there && (format == DOCUMENT_HTML || !made), CF_BAD_USE,
                "%s is a %s%s: give %s and --out %s again; what is done is kept, and the page is written anew", folder,
                kinds[i].what, made ? "" : " without a report.html", kinds[i].again, folder);
    }
    return CF_OK;
}

/* Of a group the runs' own pages are theirs. */
static cf_status write_page(const char *folder, const ReportArguments *a) {
    FigureOptions drawn = {0};
    FORWARD(figure_dials_read(&a->figures, &drawn.formats));
    return folder_is_tune(folder)    ? report_tune(folder, &drawn)
           : folder_is_group(folder) ? group_show(folder, &drawn)
                                     : report_run(folder, a);
}

static cf_status report_command(const Arguments *given, const void *parsed) {
    const ReportArguments *a = parsed;
    AUTO_FREE char *folder = NULL, *path = NULL;
    bool there;
    FORWARD(file_trim(given->positional[0], &folder));
    FORWARD(find_page(folder, a->format, &there));
    if (!there) FORWARD(write_page(folder, a));
    FORWARD(document_make(folder, a->format, &path));
    if (given->json) return print_json(json_pack("{s:o}", "report", json_text(path)));
    print_printable("%s\n", path);
    return CF_OK;
}

const Command command_report = {
    .name = "report",
    .summary = "a run, a group or a tune as one page, report.html; to be handed in as Markdown, LaTeX or PDF",
    .usage = "RUN|GROUP|TUNE|STUDY [--format html|md|tex|pdf] [--figures svg,png,pdf]",
    .description =
        "Writes RUN/report.html from what the run folder holds: results, a confusion matrix whose cells open the images in "
        "them, the figures, the training history, the settings, and the trained network itself, which classifies in the page "
        "what is drawn there. It is one file of less than 10 MB that needs no network connection; cifra train makes it, too.\n\n"
        "The images come from the run's data. Where these are not at hand, or are others now, the page is made without images "
        "and says so. Figures are drawn where there are none yet, or anew with --figures, --theme or --dpi. They are 78 to 226 "
        "mm wide, with real text in SVG and PDF. SVG files that are put into RUN/figures are shown as well.\n\n"
        "Of the folder of a group (cifra train --seeds), finished or not, the page has the accuracies of all runs with links to "
        "their pages, the mean with its interval, and all learning curves.\n\n"
        "Of the folder of a cifra tune, finished or not, the page tells which configuration is best and whether it really is, "
        "with all trials and their figures. The page of a study is made anew by cifra study itself.\n\n"
        "--format writes what the page says with numbered tables and figures, beside it, without what answers a click: "
        "report.md in GitHub's dialect, report.tex, an article for pdflatex, both with their figures in report-figures, or "
        "report.pdf. A study and a lab (cifra imbalance) have a page already, which is read.\n\n"
        "Examples:\n\n"
        "    cifra report runs/mnist-paper-s1\n"
        "    cifra report runs/mnist-paper-s1 --format pdf\n"
        "    cifra report tune/mnist-paper",
    .positional = {1, 1},
    COMMAND_OPTIONS(options, ReportArguments),
    .run = report_command,
};
