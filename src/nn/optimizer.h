/* SGD with momentum, Adam, AdamW, Muon: one step over all trainable values, whose gradient is cut to a norm before it where one is
 * asked for. Work is cut into fixed pieces, so the number of threads changes no bit. */
#pragma once

#include "nn/muon.h"

/* Values that a kernel steps at once. */
typedef struct OptimizerPiece {
    size_t from, count;
    bool decays; /* weight decay acts on them */
    Pace pace;
} OptimizerPiece;

typedef struct Optimizer {
    cf_optimizer kind;
    const Kernels *kernels;
    float momentum;
    bool nesterov;
    double beta1, beta2, weight_decay, clip, muon_rest;
    size_t count;           /* as the trainable values */
    float *m, *v;           /* first and second moments; SGD has no second, its m is the momentum buffer */
    OptimizerPiece *pieces; /* of SGD, Adam or AdamW: everything but Muon's matrices, these last */
    int piece_count;
    double *sums;  /* squares of the gradient, per piece of its norm */
    Muon *muon;    /* NULL: none */
    int64_t steps; /* done */
} Optimizer;

/* Of `options` it reads optimizer, momentum, nesterov, beta1, beta2, weight_decay, decay_on, clip, muon_steps and muon_rest;
 * keeps nothing of `parameters`. Without a table of tensors all `parameters->trainable` values are weights, and none is a matrix. */
cf_status optimizer_new(const cf_train_options *options, const Kernels *kernels, const Parameters *parameters,
                        Optimizer *optimizer);
void optimizer_free(Optimizer *optimizer);
/* From now on tensor i of the parameters' table goes at paces[i]; NULL: all at 1 from the beginning on, as after optimizer_new. Moments and
 * steps stay. Options and parameters are those of optimizer_new. */
cf_status optimizer_pace(Optimizer *optimizer, const cf_train_options *options, const Parameters *parameters,
                         const Pace *paces);
/* weights and gradient have optimizer->count values; a gradient that is too long is cut in place. CF_DIVERGED: a weight, or a second
 * moment, is not finite any more. */
cf_status optimizer_step(Optimizer *optimizer, float *weights, float *gradient, double rate, int threads);
