/* Figures that compare runs of a study: how much of each class is found; what few images and other networks give. */
#pragma once

#include "base/statistics.h"
#include "data/image_set.h"
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
/* Two lists of runs over a logarithmic axis, with 95 % intervals over the seeds. */
enum { CURVE_POINTS = 12 };
typedef struct TwoCurves {
    const char *title, *x_label, *y_label, *names[2];
    const char *ways[2], *path; /* of the two lists in a point, and in the CSV; of the number in a run */
    size_t count;
    double x[CURVE_POINTS], mean[2][CURVE_POINTS], low[2][CURVE_POINTS], high[2][CURVE_POINTS];
} TwoCurves;
/* A point, {"new": [runs], "from": [runs]}, and its two rows of the CSV, which begin with `key` unless that is "". */
cf_status curves_add(TwoCurves *curves, const char *key, double x, const json_t *point, FILE *csv);
cf_status curves_draw(const FigureBook *book, const char *name, const TwoCurves *curves);
/* Accuracy over training images per class, with 95 % intervals over the seeds: from nothing, and from the network of `other`. `sizes`
 * {"10": {"new": [runs], "from": [runs]}}. */
cf_status figure_transfer(const FigureBook *book, const char *name, const char *title, const char *other, json_t *sizes,
                          int classes);
/* "umap": each image in an embedding before fine-tuning, places[0][images][2], and in another one after it. */
cf_status figure_before_after(const FigureBook *book, const char *other, const cf_subset *images,
                              const float *const places[2]);
/* Accuracies of networks, {"paper": [runs]}, with 95 % intervals over the seeds. */
cf_status figure_attention(const FigureBook *book, const char *name, const char *title, json_t *models);
