/* Figures that compare runs of a study: how much of each class is found. */
#ifndef STUDY_PIPELINE_STUDY_FIGURES_H
#define STUDY_PIPELINE_STUDY_FIGURES_H

#include "study/figures/figure_book.h"

#include <jansson.h>

enum { RECALL_MOST_SERIES = 8 };

typedef struct RecallSeries {
    char name[80];
    const json_t *runs; /* of ledger.h; the mean over them is shown. Borrowed */
} RecallSeries;

/* Bars of each class's recall, side by side for each series, as NAME.svg .. with NAME.csv. All runs have the same classes. */
cf_status figure_recalls(const FigureBook *book, const char *name, const char *title, const RecallSeries *series,
                         int count);

#endif
