/* report.html of a study: a page for each section that the recipe has, filled from the results, with the figures inlined.
 *
 * page.c has the template's places, page_results.c what was trained and measured, page_sections.c what was compared seed by seed,
 * page_ledger.c the ledger.
 */
#pragma once

#include "study/pipeline/study_inside.h"

/* Writes outcome->report. */
cf_status study_page_write(const Study *study, const StudyOutcome *outcome);

/* ---- What the files of the page share ---- */

typedef struct StudyPage {
    const Study *study;
    const StudyOutcome *outcome;
    size_t *bytes; /* left for figures */
    int *number;   /* of the next figure */
} StudyPage;

/* A section: what stands at its beginning; then of each set, or of each set with the model of another one. Either may be NULL. */
typedef struct PageSection {
    const char *name; /* of its place in the template, and of the stages that it tells of */
    cf_status (*begin)(FILE *out, const StudyPage *page);
    cf_status (*each)(FILE *out, const StudyPage *page, const StudyPlace *place);
    bool pairs;
} PageSection;

extern const PageSection page_training, page_evaluation, page_features, page_cross, page_imbalance, page_transfer,
    page_adaptation, page_attention, page_ledger;

/* FOLDER/name.svg, which takes a number; left out where there is no such file. `caption` NULL: made of the name. */
cf_status page_svg(FILE *out, const char *folder, const char *name, const char *caption, size_t *bytes, int *number);
/* The same of STUDY/`stage`; alone in its row. */
cf_status page_figure(FILE *out, const StudyPage *page, const char *stage, const char *name, const char *caption);
cf_status page_lone_figure(FILE *out, const StudyPage *page, const char *stage, const char *name, const char *caption);
void page_figures_begin(FILE *out);
void page_figures_end(FILE *out);
/* Figure `name` of the run of a set's first seed, as a file of the run's figures. */
cf_status page_run_figure(FILE *out, const StudyPage *page, const StudySet *set, const char *name, const char *caption);
/* <h3> of a set. */
void page_set_heading(FILE *out, const StudySet *set);

/* A table: its head, a first column for names and the others as table_columns has them; rows; a row's cells, of a double for each letter
 * but the last: w whole, p a share in percent, d four decimals, + with two decimals, - an empty cell without one; / ends the row. */
void page_table(FILE *out, const char *caption, const char *columns);
void page_row(FILE *out, const char *name, const char *cells, ...);
void page_cells(FILE *out, const char *cells, ...);
/* "87.21 % (85.90 to 88.52)": mean over runs with its interval. */
cf_status page_accuracy(FILE *out, const json_t *runs);
/* How often each verdict was given, as facts. */
void page_verdicts(FILE *out, const StudyPage *page);
