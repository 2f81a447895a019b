/* The plan: a network laid out for one batch size, ready to run.
 *
 * A batch is cut into slices of SLICE images, or fewer where pictures are large, whatever the number of threads. A plan is a
 * list of steps; a step is work on every slice, on a number of other pieces (tiles of a dense layer, ranges of a sum), or
 * once. Steps on slices that follow each other run slice by slice, so a slice's values stay in its thread's cache from one
 * layer to the next; a step of another kind is a barrier. Sums over the batch (batch-norm statistics, gradients, losses) are
 * formed per slice and added in a fixed binary tree of slices: the same bits on any number of threads, and part of the batch
 * gives part of the tree.
 *
 * Batch norm, the addition, the activation and the pool behind it are one operation where nobody else reads what is between,
 * as are a dense layer and its activation. A value that no barrier parts from its readers lies in its thread's own memory.
 *
 * A batch with fewer images is filled up with empty ones, which count in no sum. Memory is given out once, by the steps that use
 * it first and last; nothing is allocated while it runs.
 */
#pragma once

#include "base/memory.h"
#include "nn/engine.h"
#include "nn/feed.h"
#include "nn/loss.h"
#include "nn/parameters.h"

enum { SLICE = 8 }; /* images, at most */

typedef struct Plan Plan;

typedef enum PlanMode {
    PLAN_INFERENCE, /* forward only, with running statistics */
    PLAN_TRAINING,  /* and forward and backward as a training step has it */
    PLAN_GRADIENTS  /* forward as inference has it, and back from given gradients of the outputs to the taps */
} PlanMode;

/* A loss of a whole batch, which no image has by itself: its gradient is asked for in a training step when all outputs are there. */
typedef struct OutsideLoss {
    int layer; /* whose output it reads besides; -1: none */
    /* Of n images: probabilities of the first output [n][classes], and the layer's output [n][H][W][C] as floats (NULL: no layer).
     * Fills in the gradients by the logits, which is added to that of the head's own loss, and by the layer's output; both are zero
     * before. */
    cf_status (*compute)(void *context, int n, const float *probabilities, const float *values, float *d_logits,
                         float *d_values);
    void *context;
} OutsideLoss;

/* What 8-bit integers stand for: scale * (q - zero), q from -128 to 127; zero is a whole number. */
typedef struct FakeRange {
    float scale, zero; /* scale 0: none */
} FakeRange;

typedef struct PlanOptions {
    const Engine *engine;
    int batch;   /* images per step, at most; rounded up to a multiple of SLICE inside */
    int threads; /* at most */
    PlanMode mode;
    uint64_t seed; /* of dropout */
    const int *
        taps; /* layers whose values (and, in PLAN_GRADIENTS, gradients) can be read after a run; borrowed until plan_new returns */
    int tap_count;
    bool attention_weights; /* of taps that are attention, plan_attention_weights can be read, too */
    bool only_taps;         /* nothing is computed but what the taps need: no outputs */
    /* Of each of the network's outputs up to one without a loss, from which on none is trained; read at every step, as long as the
     * plan. NULL: cross-entropy of the first one. */
    const LossSettings *losses;
    /* [layers] those that a training step computes as inference has them (batch norm by its running statistics, nothing dropped), and
     * gives no gradient; NULL: none. Borrowed as long as the plan. */
    const bool *frozen;
    /* [layers] the values of those that have a range are rounded to it, or, with a max pool in the same node, behind that; outputs
     * are not. Which have one is looked at when the plan is made, the range at every step. float32; NULL: none. Borrowed. */
    const FakeRange *quantized;
    /* Over how many ranks a batch is spread, at most (ranks.h): the first ones, of which this process is one; each computes a part,
     * and all end with the same gradient. 0: the process has the whole batch. */
    int ranks;
    /* The first layer that is computed: images are then the values of the layer before it, the only one from there on that is read. */
    int first;
    const OutsideLoss
        *outside; /* of PLAN_TRAINING, which then has no other taps; NULL: none. Borrowed as long as the plan. */
    bool
        forward_only; /* PLAN_TRAINING: nothing goes back; batch norm by the batch, which moves its running statistics */
} PlanOptions;

/* Borrows layers and parameters, which hold the weights it computes with. CF_NO_MEMORY, with how much it would take, where
 * that is more than the machine has. */
cf_status plan_new(const LayerList *layers, Parameters *parameters, const PlanOptions *options, Plan **plan);
void plan_free(Plan *plan);
AUTO_HANDLE(Plan, plan_free)
/* Runs on so many threads from now on: at least 1, at most those it was made for. */
void plan_use_threads(Plan *plan, int threads);
/* Of how many parts a batch is that ranks can take: so many of them at most have something to do. */
int plan_units(const LayerList *layers, int batch);
/* Bytes that plan_new would take with these options, besides weights and what the engine makes of them; none is taken. The same
 * errors. */
cf_status plan_measure(const LayerList *layers, Parameters *parameters, const PlanOptions *options, size_t *bytes);

typedef struct StepResult {
    double loss;     /* sum over the images, natural logarithm; of all outputs */
    double weight;   /* of the images in it: the mean loss is loss / weight */
    int64_t correct; /* largest logit of the first output at the label */
    bool stop;       /* rank 0 wants to (plan_ask_stop): the same on all ranks */
} StepResult;

/* Forward and backward over n <= batch samples; `number` is the step's number since training began (it names the random
 * numbers of dropout). Updates the running statistics; leaves the gradient of the mean loss in plan_gradient. */
cf_status plan_train_samples(Plan *plan, const Sample *samples, int n, int64_t number, StepResult *result);
/* The same over the images of one feed, by their labels; labels outside the network's classes count neither in loss, nor in
 * correct, nor in the gradient. */
cf_status plan_train(Plan *plan, const Feed *feed, const uint32_t *images, int n, int64_t number, StepResult *result);
/* From the next step on layers `reverse` turn gradients round by this times their own factor; 1 until then. */
void plan_reverse_by(Plan *plan, double factor);
/* On rank 0, that all learn with the next step. */
void plan_ask_stop(Plan *plan);
/* values = their sum over the ranks. Alone: nothing. */
cf_status plan_sum_ranks(Plan *plan, double *values, size_t count);
/* Bytes of all that ranks have added since the plan was made: each has to send 2 (R - 1) / R times that at least, in the mean. */
size_t plan_payload(const Plan *plan);
/* The first rank of those that work on a batch, their number: a share of what is to be done for all. Alone: 0, 1. */
void plan_ranks(const Plan *plan, int *rank, int *ranks);
/* As the parameters' trainable values lie. Lives as long as the plan. */
float *plan_gradient(Plan *plan);
/* The layer whose output was the first to hold a value that is not finite in the last plan_train; NULL if none does. The step is
 * done once more for that, with all layers apart. */
cf_status plan_first_not_finite(const Plan *plan, const char **layer);

/* Takes the parameters as they now are into use for plan_infer. */
cf_status plan_use_parameters(Plan *plan);
/* Forward only, without a loss; probabilities [n][classes] if not NULL. */
cf_status plan_infer(Plan *plan, const Feed *feed, const uint32_t *images, int n, float *probabilities);
/* The same of samples: their images as a training step sees them, augmented and mixed. */
cf_status plan_infer_samples(Plan *plan, const Sample *samples, int n);
/* PLAN_GRADIENTS: forward, and back from the gradient of the network's outputs, [n][classes]. */
cf_status plan_differentiate(Plan *plan, const Feed *feed, const uint32_t *images, int n, const float *d_logits);

/* Of the last run: the network's raw outputs [n][classes]; and the logarithm of the sum of their exponentials, [n]. */
const float *plan_logits(const Plan *plan);
const double *plan_log_sums(const Plan *plan);
const float *plan_probabilities(const Plan *plan);
/* Of the last run: a tap's values, and their gradients, as float [n][H][W][C]. */
void plan_read_tap(const Plan *plan, int layer, float *values);
void plan_read_tap_gradient(const Plan *plan, int layer, float *values);
/* The same of a tapped attention layer's weights, the softmax of its scores: [n][heads][queries][keys], until the next run. */
const float *plan_attention_weights(const Plan *plan, int layer);
int plan_batch(const Plan *plan);
