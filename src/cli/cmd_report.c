/* cifra report: a run as one page. */
#include "cli/commands.h"

#include "base/memory.h"
#include "cli/terminal.h"
#include "study/report.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct ReportArguments {
    const char *data_dir;
} ReportArguments;

static const Option options[] = {
    {"data-dir", "DIR", OPTION_TEXT, .help = "where the run's data are looked for by name",
     .default_text = "as the run was made", OPTION_MEMBER(ReportArguments, data_dir)},
};

static cf_status run_command(const Arguments *given, const void *parsed) {
    const ReportArguments *a = parsed;
    char *path;
    terminal_set_quiet(given->quiet);
    FORWARD(report_write(given->positional[0], NULL, a->data_dir));
    FORWARD(file_join(given->positional[0], "report.html", &path));
    cf_status status = CF_OK;
    if (given->json)
        status = print_json(json_pack("{s:s}", "report", path));
    else
        printf("%s\n", path);
    free(path);
    return status;
}

const Command command_report = {
    .name = "report",
    .summary = "a run as one page, report.html",
    .usage = "RUN [--data-dir DIR]",
    .description = "Writes RUN/report.html from what the run folder holds: results, a confusion matrix whose cells "
                   "open the images in "
                   "them, the figures, the training history, the settings, and the trained network itself, which "
                   "classifies in the page "
                   "what is drawn there. It is one file of less than 10 MB that needs no network connection; cifra "
                   "train makes it, too.\n"
                   "\n"
                   "The images come from the run's data. Where these are not at hand, or are others now, the page is "
                   "made without images "
                   "and says so. SVG files that are put into RUN/figures are shown as well.\n"
                   "\n"
                   "Example:\n"
                   "\n"
                   "    cifra report runs/mnist-paper-s1",
    .options = options,
    .option_count = COUNT_OF(options),
    .min_positional = 1,
    .max_positional = 1,
    .options_size = sizeof(ReportArguments),
    .run = run_command,
};
