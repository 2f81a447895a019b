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

/* FOLDER/name.svg, which takes a number; left out where there is no such file. `caption` NULL: made of the name. */
cf_status page_svg(FILE *out, const char *folder, const char *name, const char *caption, size_t *bytes, int *number);
/* The same of STUDY/`stage`; alone in its row. */
cf_status page_figure(FILE *out, const StudyPage *page, const char *stage, const char *name, const char *caption);
cf_status page_lone_figure(FILE *out, const StudyPage *page, const char *stage, const char *name, const char *caption);
void page_figures_begin(FILE *out);
void page_figures_end(FILE *out);
/* Figure `name` of the run of a set's first seed, as a file of the run's figures. */
cf_status page_run_figure(FILE *out, const StudyPage *page, const StudySet *set, const char *name, const char *caption);
/* <h3> of a set; of whatever it is called. */
void page_set_heading(FILE *out, const StudySet *set);
void page_heading(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* study_result of the page's study. */
json_t *page_result(const StudyPage *page, const char *group, const char *key);
/* "5 seeds, each with a split of its own" */
void page_seeds(FILE *out, const StudyPage *page);

/* A table: its head with a first column for names; rows; a row's cells, of a double for each letter but the last: w whole, p a share in
 * percent, d four decimals, + with two decimals, - an empty cell without one; / ends the row. */
void page_table(FILE *out, const char *caption, const char *const *columns);
void page_table_end(FILE *out);
void page_row(FILE *out, const char *name, const char *cells, ...);
void page_cells(FILE *out, const char *cells, ...);
/* "87.21 % (85.90 to 88.52)": mean over runs with its interval. */
cf_status page_accuracy(FILE *out, const json_t *runs);

cf_status page_training(FILE *out, const StudyPage *page);
cf_status page_evaluation(FILE *out, const StudyPage *page);
cf_status page_features(FILE *out, const StudyPage *page);
cf_status page_cross(FILE *out, const StudyPage *page);
cf_status page_imbalance(FILE *out, const StudyPage *page);
cf_status page_transfer(FILE *out, const StudyPage *page);
cf_status page_adaptation(FILE *out, const StudyPage *page);
cf_status page_attention(FILE *out, const StudyPage *page);
/* How often each verdict was given, as facts; the table. */
void page_verdicts(FILE *out, const StudyPage *page);
cf_status page_ledger(FILE *out, const StudyPage *page);
