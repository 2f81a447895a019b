#include "eval/curves.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

typedef struct ScoredExample {
    float score;
    bool positive;
} ScoredExample;

/* Highest score first; among equals the order does not matter, since they count together. */
static int by_score(const void *a, const void *b) {
    float x = ((const ScoredExample *)a)->score, y = ((const ScoredExample *)b)->score;
    return (x < y) - (x > y);
}

/* ---- Coordinates ---- */

static double share(size_t part, size_t whole) {
    return whole ? (double)part / (double)whole : NAN;
}

double curve_false_positive_rate(const Curve *curve, size_t point) {
    return share(curve->points[point].false_positives, curve->negatives);
}

double curve_recall(const Curve *curve, size_t point) {
    return share(curve->points[point].true_positives, curve->positives);
}

double curve_precision(const Curve *curve, size_t point) {
    const CurvePoint *at = &curve->points[point];
    return point ? share(at->true_positives, at->true_positives + at->false_positives) : 1;
}

/* ---- Making ---- */

/* All points of the class `label`, one per distinct score, and the areas; `points` has room for predictions->count + 1. */
static void trace(const Predictions *p, int label, ScoredExample *scratch, Curve *curve) {
    uint64_t won_twice = 0; /* pairs won count 2, ties 1: fits for any number of images that fits into memory */
    CurvePoint at = {.threshold = INFINITY};
    double precision_sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        scratch[i] = (ScoredExample){predictions_row(p, i)[label], p->labels[i] == label};
        if (scratch[i].positive)
            curve->positives++;
        else
            curve->negatives++;
    }
    qsort(scratch, p->count, sizeof *scratch, by_score);
    curve->points[curve->count++] = at;
    for (size_t i = 0; i < p->count;) {
        size_t positives = 0, negatives = 0;
        float score = scratch[i].score;
        for (; i < p->count && scratch[i].score == score; i++)
            if (scratch[i].positive)
                positives++;
            else
                negatives++;
        won_twice += (uint64_t)negatives * (2 * at.true_positives + positives);
        at.threshold = (double)score;
        at.true_positives += positives;
        at.false_positives += negatives;
        curve->points[curve->count++] = at;
        precision_sum += (double)positives * curve_precision(curve, curve->count - 1);
    }
    curve->roc_auc = curve->positives && curve->negatives
                         ? (double)won_twice / (2 * (double)curve->positives * (double)curve->negatives)
                         : NAN;
    curve->average_precision = curve->positives ? precision_sum / (double)curve->positives : NAN;
}

/* NaN, in both or in one, counts as no move. */
static bool moved(double from, double to, double step) {
    return fabs(to - from) >= step;
}

/* Keeps the ends and what is a step away from the last kept point, in place. */
static void thin(Curve *curve, int steps) {
    double step = 1 / (double)steps;
    size_t kept = 0; /* index of the last kept point */
    for (size_t i = 1; i < curve->count; i++) {
        bool wanted = i + 1 == curve->count ||
                      moved(curve_false_positive_rate(curve, kept), curve_false_positive_rate(curve, i), step) ||
                      moved(curve_recall(curve, kept), curve_recall(curve, i), step) ||
                      moved(curve_precision(curve, kept), curve_precision(curve, i), step);
        if (wanted) curve->points[++kept] = curve->points[i];
    }
    curve->count = kept + 1;
}

static void average_areas(Curves *curves) {
    double roc = 0, precision = 0;
    int rocs = 0, precisions = 0;
    for (int c = 0; c < curves->classes; c++) {
        const Curve *curve = &curves->per_class[c];
        if (!isnan(curve->roc_auc)) roc += curve->roc_auc, rocs++;
        if (!isnan(curve->average_precision)) precision += curve->average_precision, precisions++;
    }
    curves->macro_roc_auc = rocs ? roc / rocs : NAN;
    curves->macro_average_precision = precisions ? precision / precisions : NAN;
}

cf_status curves_new(const Predictions *p, int steps, Curves *curves) {
    AUTO(curves_free) Curves made = {.classes = p->classes};
    AUTO_FREE ScoredExample *scratch = NULL;
    AUTO_FREE CurvePoint *points = NULL;
    FORWARD(predictions_check(p));
    FORWARD(memory_new((size_t)p->classes, sizeof *made.per_class, &made.per_class));
    FORWARD(memory_new(p->count, sizeof *scratch, &scratch));
    FORWARD(memory_new(p->count + 1, sizeof *points, &points));
    for (int c = 0; c < p->classes; c++) {
        Curve curve = {.points = points};
        trace(p, c, scratch, &curve);
        if (steps > 0) thin(&curve, steps);
        made.per_class[c] = curve;
        made.per_class[c].points = NULL; /* in memory of their own */
        FORWARD(memory_copy(points, curve.count, sizeof *points, &made.per_class[c].points));
    }
    average_areas(&made);
    *curves = made;
    made = (Curves){0};
    return CF_OK;
}

void curves_free(Curves *curves) {
    for (int c = 0; curves->per_class && c < curves->classes; c++) free(curves->per_class[c].points);
    free(curves->per_class);
    *curves = (Curves){0};
}
