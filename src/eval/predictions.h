/* What a classifier said of some examples and what they are: the input of calibration, curves and rankings. */
#pragma once

#include "base/status.h"

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
