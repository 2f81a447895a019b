#include "eval/predictions.h"

cf_status predictions_check(const Predictions *p) {
    /* A float softmax over many classes may sum to a little more than 1; a hundred times that is a fault. */
    const float most = 1.0001f;
    FAIL_IF(p->count == 0, CF_BAD_USE, "there is no example to evaluate: the data set, or this part of it, is empty");
    FAIL_IF(p->classes < 1, CF_INTERNAL, "%d classes cannot be evaluated", p->classes);
    for (size_t i = 0; i < p->count; i++) {
        const float *row = predictions_row(p, i);
        FAIL_IF(p->labels[i] >= p->classes, CF_INTERNAL, "example %zu has label %d, and there are %d classes", i,
                p->labels[i], p->classes);
        for (int c = 0; c < p->classes; c++)
            FAIL_IF(!(row[c] >= 0 && row[c] <= most), CF_BAD_INPUT,
                    "the probability of class number %d for example %zu is %g, not between 0 and 1: the model's "
                    "weights are damaged or diverged",
                    c, i, (double)row[c]);
    }
    return CF_OK;
}
