/* What cifra tune prints and leaves behind when the search is over. */
#pragma once

#include "cli/options.h"
#include "study/run/run.h"

typedef struct TuneOutput {
    const char *folder, *data;
    unsigned formats;        /* of figures */
    const RunConfig *common; /* of the trials, and their data: the winner becomes a run (tune_run.h) */
    const cf_set *set;
} TuneOutput;

/* Draws the figures, makes the winner a run, writes trials.csv and report.html, and prints the table with the comparison, or one JSON document. CF_DIVERGED
 * where no trial came to its end. */
cf_status tune_output(const Arguments *given, const TuneOutput *output);
