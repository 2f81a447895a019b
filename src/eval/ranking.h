/* What to look at first: pairs of classes that are taken for each other, and single examples. */
#pragma once

#include "eval/metrics.h"

typedef struct ConfusedPair {
    int truth, predicted; /* classes, not equal */
    size_t count;
    double share; /* of the examples of the true class */
} ConfusedPair;

/* The `limit` pairs (0: all) that occur most often, most first; of equals the one with the larger share, then by class.
 * Release *pairs with free(). */
cf_status confused_pairs(const Metrics *metrics, size_t limit, ConfusedPair **pairs, size_t *count);

/* The classes of a confusion matrix that can be looked at: all, or of MANY_CLASSES and more those of the first SHOWN_PAIRS of the most
 * confused pairs. In their order; none where no class was taken for another. */
cf_status confused_classes(const Metrics *metrics, int classes[MANY_CLASSES], int *count);

typedef enum Ranking {
    RANK_TOP_LOSSES,   /* largest -log p(label) first, of equals the more confident: confidently wrong. All examples. */
    RANK_UNSURE_RIGHT, /* correct, the smallest confidence first */
} Ranking;

typedef struct RankedExample {
    size_t example; /* number among the predictions */
    int label, predicted;
    double confidence; /* probability of the predicted class */
    double loss;       /* a probability that was rounded to 0 counts as FLT_MIN, as in Metrics */
} RankedExample;

/* The first `limit` examples (0: all) of a ranking; equals in the order of the predictions. Release *ranked with free(). */
cf_status rank_examples(const Predictions *predictions, Ranking ranking, size_t limit, RankedExample **ranked,
                        size_t *count);
