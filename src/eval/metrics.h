/* Figures of a classifier from its probabilities.
 *
 * Definitions are scikit-learn's. A precision whose class was never predicted and a recall whose class has no example are
 * 0/0: they count as 0, in averages too, as scikit-learn's zero_division=0; the printed report says where that happened.
 *
 * Of MANY_CLASSES and more, what is for eyes shows the worst. Files have a row per class, and a column per class up to WIDE_CLASSES:
 * the confusion matrix of more is told by its cells that are not 0, which are at most as many as the examples.
 */
#pragma once

#include "base/statistics.h"
#include "base/status.h"

#include <jansson.h>
#include <stdio.h>

/* What a classifier said of some examples and what they are: the input of calibration, curves and rankings. */
typedef struct Predictions {    /* all borrowed */
    const float *probabilities; /* [count][classes] */
    const uint16_t *labels;     /* [count], each below classes */
    size_t count;
    int classes;
} Predictions;

/* Refuses no example at all, labels beyond the classes, and what is no probability: NaN, below 0, above 1 by more than
 * rounding. */
cf_status predictions_check(const Predictions *predictions);

static inline const float *predictions_row(const Predictions *predictions, size_t example) {
    return predictions->probabilities + example * (size_t)predictions->classes;
}

typedef struct ClassScore {
    double precision, recall, f1;
    size_t support, predicted, hits; /* examples of the class, examples that are called so, both at once */
} ClassScore;

enum { MANY_CLASSES = 51, WORST_CLASSES = 20, SHOWN_PAIRS = 12, WIDE_CLASSES = 256 };

/* A cell of the confusion matrix that is not 0. */
typedef struct ConfusionCell {
    int truth, predicted;
    size_t count;
} ConfusionCell;

typedef struct Metrics {
    cf_metrics summary;
    int classes;
    const char *const *class_names; /* [classes], borrowed */
    ClassScore *per_class;          /* [classes] */
    ConfusionCell *cells;           /* [cell_count] by true class, then by predicted class */
    size_t cell_count;
    size_t undefined; /* how many precisions and recalls were 0/0 */
} Metrics;

/* `probabilities` [count][classes], `labels` [count]. The prediction is the first largest probability. The loss is
 * -log p(label), summed in double; a probability that was rounded to 0 counts as FLT_MIN, 87.3 in the loss. */
cf_status metrics_new(const float *probabilities, const uint16_t *labels, size_t count, int classes,
                      const char *const *class_names, Metrics *metrics);
void metrics_free(Metrics *metrics);
/* Fills the scores of per_class and all of the summary but the loss from support, predicted and hits of each class and from
 * summary.count; all that begins zeroed. */
void metrics_score(Metrics *metrics);
/* How many examples of a class are called so. */
size_t confusion_at(const ConfusionCell *cells, size_t cell_count, int truth, int predicted);
/* The classes with the lowest F1, at most `most`, lowest first; of equals those with more examples. Returns how many. */
int metrics_worst(const Metrics *metrics, int most, int *classes);

/* Classification report in scikit-learn's layout, 4 digits; then accuracy with its interval and the loss. */
void metrics_print_report(const Metrics *metrics, FILE *out);
void metrics_print_confusion(const Metrics *metrics, FILE *out);
/* {"n", "loss", "accuracy", "accuracy_interval", "macro", "weighted", "per_class", "confusion"}; a new reference. With more than
 * WIDE_CLASSES "confusion" is null and "confusion_cells" a list of [true, predicted, count], or null where these are more than
 * MOST_JSON_CELLS. */
enum { MOST_JSON_CELLS = 100000 };
cf_status metrics_json(const Metrics *metrics, json_t **json);
