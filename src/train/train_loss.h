/* The loss of a training: what its options and the images per class come to.
 *
 *   class_weights  none; balanced: n / (K n_k), as scikit-learn has it, n_k of n images of one of K classes; effective BETA:
 *                  (1 - BETA) / (1 - BETA^n_k), divided by their mean (Cui et al. 2019); or CLASS:WEIGHT,.. by name, others 1
 *   reweight_from  they hold from this share of the epochs on (deferred reweighting: Cao et al. 2019)
 *   logit_adjust   adds TAU log(n_k / n) to the logits in the loss (Menon et al. 2021)
 *   ldam           a margin of MARGIN (n_min / n_k)^(1/4) (Cao et al. 2019)
 *
 * n_k counts the images of the training part. Of a network's outputs the first has this loss, and no other is trained.
 */
#pragma once

#include "nn/feed.h"
#include "nn/loss.h"

typedef struct TrainLoss {
    LossSettings heads[MOST_HEADS]; /* as PlanOptions.losses */
    float *weights;                 /* [classes]; NULL: all 1 */
    float *offsets, *margins;       /* [classes]; NULL: none */
    int weights_from;               /* the first epoch, from 0, in which the weights hold */
} TrainLoss;

/* Whether a text is a line of the option `loss`, of `class_weights`: its classes are looked up when the training begins. */
cf_status loss_line_check(const char *line);
cf_status class_weights_line_check(const char *line);

/* CF_BAD_USE where the options of the loss contradict each other. */
cf_status train_loss_check(const cf_train_options *options);

/* class_names [classes] are those of the network; borrows nothing. CF_BAD_USE where options contradict each other, a
 * class does not exist, or one without a training image needs a weight, margin or offset. */
cf_status train_loss_new(const cf_subset *train, const char *const *class_names, int classes,
                         const cf_train_options *options, TrainLoss *loss);
/* Puts the weights in force, or not, for an epoch, from 0. */
void train_loss_epoch(TrainLoss *loss, int epoch);
void train_loss_free(TrainLoss *loss);
