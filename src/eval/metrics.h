/* Figures of a classifier from its probabilities.
 *
 * Definitions are scikit-learn's. A precision whose class was never predicted and a recall whose class has no example are
 * 0/0: they count as 0, in averages too, as scikit-learn's zero_division=0; the printed report says where that happened.
 */
#ifndef EVAL_METRICS_H
#define EVAL_METRICS_H

#include "base/statistics.h"
#include "base/status.h"

#include <jansson.h>
#include <stdio.h>

typedef struct ClassScore {
    double precision, recall, f1;
    size_t support;
} ClassScore;

typedef struct Metrics {
    cf_metrics summary;
    int classes;
    const char *const *class_names; /* [classes], borrowed */
    ClassScore *per_class;          /* [classes] */
    size_t *confusion;              /* [classes true][classes predicted] */
    size_t undefined;               /* how many precisions and recalls were 0/0 */
} Metrics;

/* `probabilities` [count][classes], `labels` [count]. The prediction is the first largest probability. The loss is
 * -log p(label), summed in double; a probability that was rounded to 0 counts as FLT_MIN, 87.3 in the loss. */
cf_status metrics_new(const float *probabilities, const uint16_t *labels, size_t count, int classes,
                      const char *const *class_names, Metrics *metrics);
void metrics_free(Metrics *metrics);
/* Fills per_class and all of the summary but the loss from the confusion matrix and summary.count; all that begins zeroed. */
void metrics_score(Metrics *metrics);

/* Classification report in scikit-learn's layout, 4 digits; then accuracy with its interval and the loss. */
void metrics_print_report(const Metrics *metrics, FILE *out);
void metrics_print_confusion(const Metrics *metrics, FILE *out);
/* {"n", "loss", "accuracy", "accuracy_interval", "macro", "weighted", "per_class", "confusion"}; a new reference. */
cf_status metrics_json(const Metrics *metrics, json_t **json);

#endif
