/* Calibration, areas under curves and confused pairs of one evaluation, as text and as JSON. */
#pragma once

#include "eval/calibration.h"
#include "eval/curves.h"
#include "eval/evaluate.h"
#include "eval/ranking.h"

enum { CONFUSED_PAIRS = 20 };

typedef struct Analysis {
    Calibration plain, scaled; /* scaled only where temperature.value > 0 */
    Temperature temperature;
    Curves curves;
    ConfusedPair *pairs; /* [pair_count] the first CONFUSED_PAIRS */
    size_t pair_count;
    const char *const *class_names; /* borrowed from the model */
} Analysis;

/* Scaled by evaluation->temperature, where it has one. */
cf_status analysis_new(const Evaluation *evaluation, Analysis *analysis);
void analysis_free(Analysis *analysis);

/* Calibration, areas, and the five most confused pairs. */
void analysis_print(const Analysis *analysis, FILE *out);
/* Adds to an object: "calibration" {"ece", "bins" [{"low", "high", "count", "confidence", "accuracy"}], "brier",
 * "temperature", "ece_scaled", "loss_scaled"}, "roc_auc" and "average_precision" {"per_class", "macro"}, "confused"
 * [{"true", "predicted", "count", "share"}]. What is undefined or not available is null; a temperature that is null has
 * its reason in "temperature_missing". */
cf_status analysis_json(const Analysis *analysis, json_t *root);
