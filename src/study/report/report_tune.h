/* What a tune has found, as HTML: a page of its own, and pieces for a page that tells of more. */
#pragma once

#include "study/report/report_inside.h"
#include "tune/results.h"

/* Writes FOLDER/report.html from its tune.db and figures/tune-*.svg; a figure that is missing is left out. Also of a tune that is
 * not finished. */
cf_status report_tune_write(const char *folder);

/* All of it for a <section> of another page, headings from <h3> on; one figure for each of figures_tune_names. */
cf_status section_tune(FILE *out, const TuneResults *results, const FigureSeries *figures);
