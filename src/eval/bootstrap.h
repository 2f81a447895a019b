/* How far the figures of an evaluation could be otherwise with other test images: 95 % intervals.
 *
 * Accuracy, precision and recall are shares and have Wilson's interval. Loss, F1 and averages over classes have none of that
 * kind; theirs is the percentile bootstrap (Efron 1979): the test images are drawn anew with replacement, and the 2.5 and
 * 97.5 percentiles of what each draw gives are the ends. The draws are a function of the number of images alone.
 */
#pragma once

#include "eval/evaluate.h"

enum { BOOTSTRAP_DRAWS = 1000 };

typedef struct Interval {
    double low, high;
} Interval;

typedef struct ClassIntervals {
    Interval precision, recall, f1;
} ClassIntervals;

typedef struct EvaluationIntervals {
    int classes;
    Interval loss, accuracy;
    ClassIntervals macro, weighted;
    ClassIntervals *per_class; /* [classes] */
} EvaluationIntervals;

cf_status evaluation_intervals(const Evaluation *evaluation, int threads, EvaluationIntervals *intervals);
void evaluation_intervals_free(EvaluationIntervals *intervals);
/* As metrics_json, with [low, high] in the place of each number: "loss", "accuracy", "macro", "weighted", "per_class". */
cf_status evaluation_intervals_json(const EvaluationIntervals *intervals, json_t **json);
