/* Adaptation of a training to images without labels, those of a target set: the option `adapt`.
 *
 *   adabn         nothing is trained: batch norm's statistics are measured on the target's images (Li et al. 2016), in an epoch once over
 *                 all of them, as the mean over batches of that epoch
 *   coral         Deep CORAL (Sun, Saenko 2016) on what the output layer reads
 *   dann          a second output `domain` behind a layer `reverse` learns to tell the sets apart, and what is before it to prevent that;
 *                 the reversal grows as 2 / (1 + exp(-10 p)) - 1, p the share of all steps that is done (Ganin et al. 2016)
 *   mean-teacher  self-ensembling (French et al. 2018): the teacher is the average of weights that `ema` keeps, each sees another
 *                 augmented view of an image, the teacher with the batch's statistics and dropout, too
 *   self-train    pseudo-labels with a threshold per class, made anew at the beginning of each round of epochs (Zou et al. 2018)
 *
 * A step is a pass over a batch of the source and one over a batch of the target, by two plans that share the weights: batch norm's
 * moments of the two are apart, and the running statistics, by which the network predicts, are the target's. The gradients are added,
 * the source's first. An epoch has as many steps as the target fills; the source's own epochs go on beneath. A source's last, smaller
 * batch is left out.
 *
 * No label of the target is there to be seen: what is read is a copy of its set in which all labels are 0. An epoch is judged by
 * unlabelled_score over the images of the target's validation part (all where it has none), which stands for the validation loss;
 * the mean confidence stands for the accuracy. */
#pragma once

#include "nn/model.h"
#include "train/average.h"
#include "train/batches.h"

typedef struct Adaptation Adaptation;

/* Where no average of weights is asked for, the one that is mean-teacher's teacher; of other methods none. */
void adaptation_usual_average(cf_train_options *options);
/* CF_BAD_USE where the options contradict each other. */
cf_status adaptation_check(const cf_train_options *options);
/* NULL where options->adapt is none. `heads`, of the source's plan, get the loss of a domain head. Borrows model and options. */
cf_status adaptation_new(cf_model *model, const cf_train_options *options, const Batches *source, int threads,
                         LossSettings *heads, Adaptation **adaptation);
void adaptation_free(Adaptation *a);
AUTO_HANDLE(Adaptation, adaptation_free)
/* What the source's plan needs besides. */
void adaptation_source_options(const Adaptation *a, PlanOptions *options);
/* The plans of the target, as `options`, which are the source's, have it. `average`: the teacher's weights, borrowed; NULL: none. */
cf_status adaptation_lay_out(Adaptation *a, const PlanOptions *options, float *average);

/* Of which an epoch is made; operations of a step of n images besides the source's. */
const Batches *adaptation_batches(const Adaptation *a);
double adaptation_flops(const Adaptation *a, const bool *frozen, int n);

/* An epoch begins, 0-based, at `step`. With the weights that predict in place. */
cf_status adaptation_epoch(Adaptation *a, int epoch, int64_t step);

typedef struct AdaptationStep {
    Plan *source;
    Batches *batches;         /* of the source */
    int64_t step, steps_done; /* in the epoch; in all */
    int threads;
} AdaptationStep;
/* Forward and backward; the sum of the gradients is in plan_gradient of the source's plan. `n`: images of the target. */
cf_status adaptation_step(Adaptation *a, const AdaptationStep *now, StepResult *result, int *n);
/* adabn: no weight is stepped. */
bool adaptation_measures_only(const Adaptation *a);

/* Judges the weights that are in place. */
cf_status adaptation_judge(Adaptation *a, int threads, double *score, double *confidence);

/* What a checkpoint holds of it: `count` floats, none: 0; and what its images are, for the settings. */
float *adaptation_state(const Adaptation *a, size_t *count);
cf_status adaptation_sha256(const Adaptation *a, char hex[SHA256_HEX]);
