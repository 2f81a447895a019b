/* Losses: one row of a table each. What an image should be is a target: one class, a mixture of two, or a probability of each.
 *
 *   ce     cross-entropy
 *   focal  cross-entropy times (1 - p)^gamma, so that what is known already counts less (Lin et al. 2017, with the softmax's
 *          probabilities): the sum over k of -q_k (1 - p_k)^gamma log p_k, q the target as ce has it
 *   ldam   cross-entropy of scale x (logits, less a margin at the target's class); a mixture's loss is the mixture of its classes'
 *          (Cao et al. 2019). Neither smoothing nor offsets
 */
#pragma once

#include "base/status.h"

typedef struct Target {
    int label, partner;   /* classes; -1: none */
    float share;          /* of `label`; the partner's is 1 - share */
    const float *soft;    /* [classes], sum 1: in place of labels; NULL: labels */
    const float *teacher; /* [classes], another network's logits for the same image; NULL: none */
    double weight;        /* of the image */
} Target;

typedef struct Loss Loss;

typedef struct LossSettings {
    const Loss *loss;
    const float *class_weights; /* [classes]; NULL: all 1. Borrowed */
    double smoothing; /* label smoothing (Szegedy et al. 2016): this share of the target is spread over all classes */
    double scale;     /* of this head in the sum of the heads' losses; larger: counts more */
    const float
        *offsets; /* [classes], added to the logits in the loss alone (Menon et al. 2021); NULL: none. Borrowed */
    const float *margins; /* [classes], ldam's; NULL: all 0. Borrowed */
    double margin; /* ldam: of the class with the fewest images, the largest; whoever fills in `margins` reads it */
    double logit_scale;                /* ldam: what the logits are multiplied by */
    double gamma;                      /* focal: larger: what is known already counts less; 0: cross-entropy */
    double teacher_share, temperature; /* as loss_distilled has them, of images with a teacher */
} LossSettings;

/* A number behind the word of a loss. */
typedef struct LossNumber {
    const char *name; /* NULL: no more */
    size_t offset;    /* in LossSettings, a double */
    double usual, low, high;
} LossNumber;

struct Loss {
    const char *word, *form; /* form: with its numbers, "focal [GAMMA]" */
    LossNumber numbers[2];
    /* The weight of an image in the mean, by which the sum of losses is divided; 0: no loss, no gradient. */
    double (*weight)(const LossSettings *settings, int classes, const Target *target);
    /* The loss of one image, times its weight; d [classes], unless NULL: its gradient by the logits. p [classes] are the
     * probabilities, log_sum the logarithm of the sum of the logits' exponentials. */
    double (*image)(const LossSettings *settings, int classes, const float *logits, const float *p, double log_sum,
                    const Target *target, double *d);
};

extern const Loss *const loss_table[]; /* ends with NULL */
extern const Loss cross_entropy, focal_loss, ldam_loss;
extern const LossSettings plain_cross_entropy;

/* "focal 1.5" into loss and numbers; those that are not there take their usual values. Leaves the rest of the settings. */
cf_status loss_read(const char *line, LossSettings *settings);

/* Distillation (Hinton et al. 2015): of an image's loss and its gradient d [classes] (unless NULL), which it changes, and the teacher's
 * logits, (1 - A) loss + A T^2 w KL(p || q), with A the teacher's share, w the image's weight in the mean, and p and q the softmax of
 * the teacher's and of the image's logits, each divided by the temperature T. */
double loss_distilled(const LossSettings *settings, int classes, const float *logits, const Target *target, double loss,
                      double *d);

/* Probabilities [classes] of logits; returns the logarithm of the sum of their exponentials. In double. */
double softmax(const float *logits, int classes, float *p);
