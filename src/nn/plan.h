/* The plan: a network laid out for one batch size, ready to run.
 *
 * A batch is cut into slices of SLICE images, or fewer where pictures are large, whatever the number of threads. A plan is a
 * list of steps; a step is work on every slice, on a number of other pieces (tiles of a dense layer, ranges of a sum), or
 * once. Steps on slices that follow each other run slice by slice, so a slice's values stay in its thread's cache from one
 * layer to the next; a step of another kind is a barrier. Sums over the batch (batch-norm statistics, gradients, losses) are
 * formed per slice and added in slice order: the same bits on any number of threads.
 *
 * Batch norm, the activation and the pool behind it are one operation, as are a dense layer and its activation. What a
 * convolution in front of a batch norm gives, and its gradient, are passed on within a slice and stay in the thread's cache.
 *
 * A batch with fewer images is filled up with empty ones, which count in no sum. All memory is one allocation, made from
 * one table; nothing is allocated while it runs.
 */
#ifndef NN_PLAN_H
#define NN_PLAN_H

#include "nn/engine.h"
#include "nn/feed.h"
#include "nn/parameters.h"

enum { SLICE = 8 }; /* images, at most */

typedef struct Plan Plan;

typedef struct PlanOptions {
    const Engine *engine;
    int batch;     /* images per step, at most; rounded up to a multiple of SLICE inside */
    int threads;   /* at most */
    bool training; /* false: forward only, with running statistics */
    uint64_t seed; /* of dropout */
} PlanOptions;

/* Borrows layers and parameters, which hold the weights it computes with. */
cf_status plan_new(const LayerList *layers, Parameters *parameters, const PlanOptions *options, Plan **plan);
void plan_free(Plan *plan);
/* Runs on so many threads from now on: at least 1, at most those it was made for. */
void plan_use_threads(Plan *plan, int threads);

typedef struct StepResult {
    double loss;     /* sum over the images, natural logarithm */
    int64_t correct; /* largest logit at the label */
} StepResult;

/* Forward and backward over n <= batch images; `number` is the step's number since training began (it names the random
 * numbers of dropout). Updates the running statistics; leaves the gradient of the mean loss in plan_gradient. Labels outside
 * the network's classes count neither in loss, nor in correct, nor in the gradient. */
cf_status plan_train(Plan *plan, const Feed *feed, const uint32_t *images, int n, int64_t number, StepResult *result);
/* As the parameters' trainable values lie. Lives as long as the plan. */
float *plan_gradient(Plan *plan);
/* The layer whose output was the first to hold a value that is not finite in the last plan_train; NULL if none does. */
const char *plan_first_not_finite(const Plan *plan);

/* Takes the parameters as they now are into use for plan_infer. */
cf_status plan_use_parameters(Plan *plan);
/* Forward only; probabilities [n][classes] if not NULL. Labels outside the network's classes count neither in loss nor in
 * correct. */
cf_status plan_infer(Plan *plan, const Feed *feed, const uint32_t *images, int n, float *probabilities,
                     StepResult *result);
/* The network's raw outputs [n][classes] of the last plan_train or plan_infer. */
const float *plan_logits(const Plan *plan);
int plan_batch(const Plan *plan);

/* The window of a convolution or pool over N images. */
Window layer_window(const Layer *layer, int N);

#endif
