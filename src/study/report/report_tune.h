/* What a tune has found, as HTML: a page of its own, and pieces for a page that tells of more. */
#pragma once

#include "tune/results.h"

/* Writes FOLDER/report.html from its tune.db and figures/tune-*.svg; a figure that is missing is left out. Also of a tune that is
 * not finished. */
cf_status report_tune_write(const char *folder);

/* All of it for a <section> of another page, headings from <h3> on. Figures are FOLDER/NAME SUFFIX.svg, at most `bytes` of them;
 * their ids count from `number`, one for each of figures_tune_names. */
typedef struct TuneFigures {
    const char *folder, *suffix;
    size_t bytes;
    int number;
} TuneFigures;
cf_status section_tune(FILE *out, const TuneResults *results, const TuneFigures *figures);

/* ---- Its pieces ---- */

/* The numbers at the top, as a <dl>. */
cf_status section_tune_facts(FILE *out, const TuneResults *results);
/* The comparison in words, a table of all configurations, reasons of failures. */
cf_status section_tune_trials(FILE *out, const TuneResults *results);
/* <figure> elements. */
cf_status section_tune_figures(FILE *out, const TuneFigures *figures);
/* Space, search, training, data. */
void section_tune_settings(FILE *out, const TuneResults *results);
