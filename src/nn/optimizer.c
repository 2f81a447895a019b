#include "nn/optimizer.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PIECE = 16384 }; /* values */

cf_status optimizer_new(const cf_train_options *options, const Kernels *kernels, size_t count, Optimizer *optimizer) {
    Optimizer made = {.kind = options->optimizer,
                      .kernels = kernels,
                      .momentum = (float)options->momentum,
                      .nesterov = options->nesterov,
                      .weight_decay = options->weight_decay,
                      .count = count};
    FORWARD(memory_new(count, sizeof(float), &made.m));
    if (made.kind != CF_SGD) {
        cf_status status = memory_new(count, sizeof(float), &made.v);
        if (status) {
            optimizer_free(&made);
            return status;
        }
    }
    *optimizer = made;
    return CF_OK;
}

void optimizer_free(Optimizer *optimizer) {
    free(optimizer->m);
    free(optimizer->v);
    *optimizer = (Optimizer){0};
}

typedef struct Update {
    Optimizer *optimizer;
    float *weights;
    const float *gradient;
    float rate, root, decay, decoupled;
    atomic_bool not_finite; /* in any piece; all are done even so, lest the outcome depend on their order */
} Update;

static cf_status update_piece(void *context, int64_t index, int thread) {
    Update *u = context;
    const Optimizer *o = u->optimizer;
    size_t from = (size_t)index * PIECE, count = o->count - from < PIECE ? o->count - from : PIECE;
    bool finite;
    (void)thread;
    if (o->kind == CF_SGD)
        finite = o->kernels->sgd(u->weights + from, u->gradient + from, o->m + from, count, u->rate, o->momentum,
                                 u->decay, o->nesterov);
    else
        finite = o->kernels->adam(u->weights + from, u->gradient + from, o->m + from, o->v + from, count, u->rate,
                                  u->root, u->decay, u->decoupled);
    if (!finite) atomic_store(&u->not_finite, true);
    return CF_OK;
}

cf_status optimizer_step(Optimizer *optimizer, float *weights, const float *gradient, double rate, int threads) {
    Update update = {.optimizer = optimizer, .weights = weights, .gradient = gradient, .rate = (float)rate};
    optimizer->steps++;
    if (optimizer->kind != CF_SGD) {
        double t = (double)optimizer->steps;
        update.rate = (float)(rate / (1 - pow(0.9, t)));
        update.root = (float)(1 / sqrt(1 - pow(0.999, t)));
    }
    if (optimizer->kind == CF_ADAMW)
        update.decoupled = (float)(rate * optimizer->weight_decay);
    else
        update.decay = (float)optimizer->weight_decay;
    FORWARD(slices_run(threads, ((int64_t)optimizer->count + PIECE - 1) / PIECE, update_piece, &update));
    FAIL_IF(atomic_load(&update.not_finite), CF_DIVERGED,
            "the weights are not finite any more after step %lld at learning rate %g", (long long)optimizer->steps,
            rate);
    return CF_OK;
}
