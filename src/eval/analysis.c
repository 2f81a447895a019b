#include "eval/analysis.h"

#include "base/json_text.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

cf_status analysis_new(const Evaluation *evaluation, Analysis *analysis) {
    const Predictions p = evaluation_predictions(evaluation);
    AUTO(analysis_free)
    Analysis made = {.temperature = evaluation->temperature, .class_names = evaluation->metrics.class_names};
    FORWARD(calibration_measure(&p, 1, CALIBRATION_BINS, &made.plain));
    /* The network's loss is exact where a probability has become 0. */
    made.plain.loss = evaluation->metrics.summary.loss;
    if (made.temperature.value > 0)
        FORWARD(calibration_measure(&p, made.temperature.value, CALIBRATION_BINS, &made.scaled));
    FORWARD(curves_new(&p, p.classes < MANY_CLASSES ? CURVE_STEPS : MANY_CURVE_STEPS, &made.curves));
    FORWARD(confused_pairs(&evaluation->metrics, CONFUSED_PAIRS, &made.pairs, &made.pair_count));
    *analysis = made;
    made = (Analysis){0};
    return CF_OK;
}

void analysis_free(Analysis *analysis) {
    curves_free(&analysis->curves);
    free(analysis->pairs);
    *analysis = (Analysis){0};
}

/* ---- Text ---- */

/* The class with the smallest area, or -1 if no class has one. */
static int lowest_class(const Curves *curves) {
    int lowest = -1;
    for (int c = 0; c < curves->classes; c++)
        if (!isnan(curves->per_class[c].roc_auc) &&
            (lowest < 0 || curves->per_class[c].roc_auc < curves->per_class[lowest].roc_auc))
            lowest = c;
    return lowest;
}

static void print_areas(const Analysis *a, FILE *out) {
    int lowest = lowest_class(&a->curves), undefined = 0;
    for (int c = 0; c < a->curves.classes; c++) undefined += isnan(a->curves.per_class[c].roc_auc) != 0;
    if (lowest < 0) {
        fputs("area under ROC: undefined, since no class has both examples and counterexamples here\n", out);
        return;
    }
    fprintf(out, "area under ROC %.4f, average precision %.4f (means over the classes, each against the rest)\n",
            a->curves.macro_roc_auc, a->curves.macro_average_precision);
    fprintf(out, "smallest area  %.4f, class %s\n", a->curves.per_class[lowest].roc_auc, a->class_names[lowest]);
    if (undefined)
        fprintf(out, "%d of %d classes %s no examples or no counterexamples here and %s left out of the means\n",
                undefined, a->curves.classes, undefined == 1 ? "has" : "have", undefined == 1 ? "is" : "are");
}

static void print_pairs(const Analysis *a, FILE *out) {
    const size_t shown = a->curves.classes < MANY_CLASSES ? 5 : CONFUSED_PAIRS;
    if (!a->pair_count) {
        fputs("\nno class was mistaken for another\n", out);
        return;
    }
    fputs("\nmost confused, true -> predicted\n", out);
    for (size_t i = 0; i < a->pair_count && i < shown; i++) {
        const ConfusedPair *pair = &a->pairs[i];
        fprintf(out, "%9zu  %s -> %s (%.1f %% of %s)\n", pair->count, a->class_names[pair->truth],
                a->class_names[pair->predicted], 100 * pair->share, a->class_names[pair->truth]);
    }
}

void analysis_print(const Analysis *a, FILE *out) {
    fprintf(out, "calibration error %.4f (expected, %d bins), Brier score %.4f\n", a->plain.ece, a->plain.bins,
            a->plain.brier);
    if (a->temperature.value > 0)
        fprintf(out, "scaled by temperature %.3f, fitted on the validation part: error %.4f, loss %.4f -> %.4f\n",
                a->temperature.value, a->scaled.ece, a->plain.loss, a->scaled.loss);
    else
        fprintf(out, "no temperature scaling: %s\n", a->temperature.missing);
    print_areas(a, out);
    print_pairs(a, out);
}

/* ---- JSON ---- */

static json_t *calibration_json(const Analysis *a) {
    const bool scaled = a->temperature.value > 0;
    json_t *list = json_array();
    for (int b = 0; b < a->plain.bins; b++) {
        const ReliabilityBin *bin = &a->plain.bin[b];
        const double bins = a->plain.bins;
        json_array_append_new(list, json_pack("{s:f, s:f, s:I, s:o, s:o}", "low", b / bins, "high", (b + 1) / bins,
                                              "count", (json_int_t)bin->count, "confidence",
                                              json_number(bin->count ? bin->confidence : NAN), "accuracy",
                                              json_number(bin->count ? bin->accuracy : NAN)));
    }
    json_t *object =
        json_pack("{s:f, s:o, s:f, s:o, s:o, s:o}", "ece", a->plain.ece, "bins", list, "brier", a->plain.brier,
                  "temperature", json_number(scaled ? a->temperature.value : NAN), "ece_scaled",
                  json_number(scaled ? a->scaled.ece : NAN), "loss_scaled", json_number(scaled ? a->scaled.loss : NAN));
    if (!scaled) json_object_set_new(object, "temperature_missing", json_string(a->temperature.missing));
    return object;
}

static json_t *area_json(const Curves *curves, bool roc) {
    json_t *list = json_array();
    for (int c = 0; c < curves->classes; c++)
        json_array_append_new(list,
                              json_number(roc ? curves->per_class[c].roc_auc : curves->per_class[c].average_precision));
    return json_pack("{s:o, s:o}", "per_class", list, "macro",
                     json_number(roc ? curves->macro_roc_auc : curves->macro_average_precision));
}

cf_status analysis_json(const Analysis *a, json_t *root) {
    json_t *pairs = json_array();
    for (const ConfusedPair *pair = a->pairs; pair < a->pairs + a->pair_count; pair++)
        json_array_append_new(pairs, json_pack("{s:o, s:o, s:I, s:f}", "true", json_text(a->class_names[pair->truth]),
                                               "predicted", json_text(a->class_names[pair->predicted]), "count",
                                               (json_int_t)pair->count, "share", pair->share));
    /* Setting NULL fails too, so one check is enough. */
    int failed = json_object_set_new(root, "calibration", calibration_json(a)) |
                 json_object_set_new(root, "roc_auc", area_json(&a->curves, true)) |
                 json_object_set_new(root, "average_precision", area_json(&a->curves, false)) |
                 json_object_set_new(root, "confused", pairs);
    FAIL_IF(failed, CF_NO_MEMORY,
            "out of memory while making JSON of the calibration, the areas and the confused pairs");
    return CF_OK;
}
