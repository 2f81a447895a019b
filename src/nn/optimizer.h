/* SGD with momentum, Adam, AdamW: one step over all trainable values. */
#ifndef NN_OPTIMIZER_H
#define NN_OPTIMIZER_H

#include "nn/engine.h"
#include "nn/parameters.h"

typedef struct Optimizer {
    cf_optimizer kind;
    const Kernels *kernels;
    float momentum;
    bool nesterov;
    double weight_decay;
    size_t count;  /* as the trainable values */
    float *m, *v;  /* first and second moments; SGD has no second, its m is the momentum buffer */
    int64_t steps; /* done */
} Optimizer;

/* Of `options` it reads optimizer, momentum, nesterov and weight_decay. */
cf_status optimizer_new(const cf_train_options *options, const Kernels *kernels, size_t count, Optimizer *optimizer);
void optimizer_free(Optimizer *optimizer);
/* weights and gradient have optimizer->count values. CF_DIVERGED: a weight, or a second moment, is not finite any more. */
cf_status optimizer_step(Optimizer *optimizer, float *weights, const float *gradient, double rate, int threads);

#endif
