/* report.html of a study: a page for each section that the recipe has, filled from the results, with the figures inlined.
 *
 * page.c has the table of the template's places, the opening, data, search, ledger and settings; page_results.c what was trained and
 * measured, page_sections.c what was compared seed by seed.
 */
#pragma once

#include "study/pipeline/study_inside.h"

/* Writes outcome->report. */
cf_status study_page_write(const Study *study, const StudyOutcome *outcome);

/* ---- What the files of the page share ---- */

/* Where figures come from. */
typedef struct PageFigures {
    const char *folder; /* of the study, of a lab */
    size_t bytes;       /* left for figures */
    int number;         /* of the next one */
} PageFigures;

typedef struct StudyPage {
    const Study *study;
    const StudyOutcome *outcome;
    PageFigures *figures;
} StudyPage;

/* What stands at the beginning of a section; what of each set, or of each set with the model of another one. */
typedef cf_status PageBegin(FILE *out, const StudyPage *page);
typedef cf_status PageEach(FILE *out, const StudyPage *page, const StudyPlace *place);

PageBegin page_about_training, page_about_features, page_about_transfer, page_about_adaptation, page_about_attention;
PageEach page_training, page_evaluation, page_features, page_cross, page_imbalance, page_transfer, page_adaptation,
    page_attention;

/* Figures in a row. */
#define HTML_FIGURES     "<div class=\"figures\">\n"
#define HTML_FIGURES_END "</div>\n"
/* What is of one set, or of one case, begins so. */
#define HTML_SET_HEADING(text) "<h3 class=\"set\">" text "</h3>\n"

/* FOLDER/PATH.svg, `path` as of printf; left out where there is no such file. `caption` NULL: made of the name. ALONE: in its own row,
 * which is there without it, too. */
typedef enum FigureRow { IN_ROW, ALONE } FigureRow;
cf_status page_figure(FILE *out, PageFigures *figures, FigureRow row, const char *caption, const char *path, ...)
    __attribute__((format(printf, 5, 6)));

/* Rows of a table for html_write: the name, cells of one double each but for the empty one, the end. */
#define HTML_ROW(name) "<tr><th scope=\"row\">" name "</th>"
#define HTML_ROW_END   "</tr>\n"
#define CELL_WHOLE     "<td class=\"n\">%.0f</td>"
#define CELL_PERCENT   "<td class=\"n\">%.2f %%</td>"
#define CELL_2         "<td class=\"n\">%.2f</td>"
#define CELL_4         "<td class=\"n\">%.4f</td>"
#define CELL_EMPTY     "<td class=\"n\"></td>"

/* "87.21 % (85.90 to 88.52)": mean over runs with its interval. */
cf_status page_accuracy(FILE *out, const json_t *runs);
