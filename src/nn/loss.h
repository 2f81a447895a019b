/* Losses: one row of a table each. What an image should be is a target: one class, a mixture of two, or a probability of each. */
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include "base/status.h"

typedef struct Target {
    int label, partner;    /* classes; -1: none */
    float share;           /* of `label`; the partner's is 1 - share */
    const float *soft;     /* [classes], sum 1: in place of labels; NULL: labels */
    double weight;         /* of the image */
} Target;

typedef struct Loss Loss;

typedef struct LossSettings {
    const Loss *loss;
    const float *class_weights; /* [classes]; NULL: all 1. Borrowed */
    double smoothing;           /* label smoothing (Szegedy et al. 2016): this share of the target is spread over all classes */
    double scale;               /* of this head in the sum of the heads' losses; larger: counts more */
} LossSettings;

struct Loss {
    const char *word;
    /* The weight of an image in the mean, by which the sum of losses is divided; 0: no loss, no gradient. */
    double (*weight)(const LossSettings *settings, int classes, const Target *target);
    /* The loss of one image, times its weight; d [classes], unless NULL: its gradient by the logits. p [classes] are the
     * probabilities, log_sum the logarithm of the sum of the logits' exponentials. */
    double (*image)(const LossSettings *settings, int classes, const float *logits, const float *p, double log_sum,
                    const Target *target, double *d);
};

extern const Loss *const loss_table[]; /* ends with NULL */
extern const Loss cross_entropy;
extern const LossSettings plain_cross_entropy;

/* Probabilities [classes] of logits; returns the logarithm of the sum of their exponentials. In double. */
double softmax(const float *logits, int classes, float *p);

#endif
