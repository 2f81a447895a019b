/* ROC and precision-recall curves, one class against the rest, and the areas under them.
 *
 * An image counts as positive where the probability of the class is at least a threshold; the thresholds are the
 * probabilities that occur. The area under ROC is the share of (positive, negative) pairs in which the positive one has the
 * larger probability, equal ones counting half (Mann, Whitney 1947; Hanley, McNeil 1982), in whole numbers until the last
 * division. Average precision is the sum of precision x gain in recall over the thresholds, without interpolation, as
 * scikit-learn defines it. What a class without examples (or with nothing else) leaves undefined is NaN here and is left
 * out of the macro averages.
 */
#pragma once

#include "eval/metrics.h"

typedef struct CurvePoint {
    double threshold; /* infinite in the first point, where nothing is called positive */
    size_t true_positives, false_positives;
} CurvePoint;

typedef struct Curve {
    size_t positives, negatives; /* examples of the class, and others */
    double roc_auc;              /* NaN if there are no positives or no negatives */
    double average_precision;    /* NaN if there are no positives */
    CurvePoint *points;
    size_t count; /* from the highest threshold to the lowest */
} Curve;

typedef struct Curves {
    int classes;
    Curve *per_class;                              /* [classes] */
    double macro_roc_auc, macro_average_precision; /* means over the classes that have one; NaN if none has */
} Curves;

enum { CURVE_STEPS = 200, MANY_CURVE_STEPS = 20 /* of many classes */ };

/* Points are thinned for drawing and writing: one is kept where the false positive rate, the recall or the precision has
 * moved by 1 / steps since the last kept one; steps 0 keeps all. Areas come from all points. */
cf_status curves_new(const Predictions *predictions, int steps, Curves *curves);
void curves_free(Curves *curves);

/* Coordinates of a point; NaN where there are no negatives or no positives. */
double curve_false_positive_rate(const Curve *curve, size_t point);
double curve_recall(const Curve *curve, size_t point);
/* 1 in the first point, as scikit-learn has it. */
double curve_precision(const Curve *curve, size_t point);
