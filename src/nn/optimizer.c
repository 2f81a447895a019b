#include "nn/optimizer.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PIECE = 16384 }; /* values */

static size_t pieces_of(size_t count) {
    return (count + PIECE - 1) / PIECE;
}

/* ---- Building ---- */

/* From one tensor to the next, with the padding between them. */
static size_t end_of(const Parameters *p, int i) {
    while (++i < p->count)
        if (p->table[i].trainable) return p->table[i].offset;
    return p->trainable;
}

static void add_range(Optimizer *o, size_t from, size_t to, bool decays, const Pace *pace) {
    for (; from < to; from += PIECE) {
        const size_t count = to - from < PIECE ? to - from : PIECE;
        o->pieces[o->piece_count++] = (OptimizerPiece){from, count, decays, *pace};
    }
}

static bool is_same_pace(const Pace *a, const Pace *b) {
    return a->factor == b->factor && a->since == b->since;
}

/* Tensors that are stepped alike are one range. */
static cf_status cut_into_pieces(const Parameters *p, bool weights_only, const Pace *paces, Optimizer *o) {
    static const Pace usual = {true, 1, 0};
    const Pace *pace = &usual;
    FORWARD(memory_new(pieces_of(p->trainable) + (size_t)p->count, sizeof *o->pieces, &o->pieces));
    size_t from = 0, to = p->table ? 0 : p->trainable;
    bool decays = true;
    for (int i = 0; i < p->count; i++) {
        const Parameter *entry = &p->table[i];
        const bool decays_too = !weights_only || entry->spec->kind == PARAMETER_WEIGHT;
        const Pace *pace_too = paces ? &paces[i] : &usual;
        if (!entry->trainable || !pace_too->learns || (o->muon && muon_has(o->muon, i))) continue;
        if (entry->offset != to || decays_too != decays || !is_same_pace(pace, pace_too)) {
            add_range(o, from, to, decays, pace);
            from = entry->offset;
            decays = decays_too;
            pace = pace_too;
        }
        to = end_of(p, i);
    }
    add_range(o, from, to, decays, pace);
    return CF_OK;
}

cf_status optimizer_pace(Optimizer *o, const cf_train_options *options, const Parameters *parameters,
                         const Pace *paces) {
    muon_free(o->muon);
    free(o->pieces);
    o->muon = NULL;
    o->pieces = NULL;
    o->piece_count = 0;
    if (o->kind == CF_MUON) FORWARD(muon_new(options, o->kernels, parameters, paces, &o->muon));
    return cut_into_pieces(parameters, options->decay_on == CF_DECAY_WEIGHTS, paces, o);
}

cf_status optimizer_new(const cf_train_options *options, const Kernels *kernels, const Parameters *parameters,
                        Optimizer *optimizer) {
    AUTO(optimizer_free)
    Optimizer made = {.kind = options->optimizer,
                      .kernels = kernels,
                      .momentum = (float)options->momentum,
                      .nesterov = options->nesterov,
                      .beta1 = options->beta1,
                      .beta2 = options->beta2,
                      .weight_decay = options->weight_decay,
                      .clip = options->clip,
                      .muon_rest = options->muon_rest,
                      .count = parameters->trainable};
    FORWARD(optimizer_pace(&made, options, parameters, NULL));
    FORWARD(memory_new(made.count, sizeof(float), &made.m));
    if (made.kind != CF_SGD) FORWARD(memory_new(made.count, sizeof(float), &made.v));
    if (made.clip > 0) FORWARD(memory_new(pieces_of(made.count), sizeof *made.sums, &made.sums));
    *optimizer = made;
    made = (Optimizer){0};
    return CF_OK;
}

void optimizer_free(Optimizer *optimizer) {
    muon_free(optimizer->muon);
    free(optimizer->pieces);
    free(optimizer->sums);
    free(optimizer->m);
    free(optimizer->v);
    *optimizer = (Optimizer){0};
}

/* ---- The norm of the gradient ---- */

typedef struct Cut {
    float *gradient;
    size_t count;
    double *sums;
    float factor;
} Cut;

static size_t cut_piece(const Cut *cut, int64_t index, float **values) {
    const size_t from = (size_t)index * PIECE;
    *values = cut->gradient + from;
    return cut->count - from < PIECE ? cut->count - from : PIECE;
}

/* In eight sums, which a processor adds side by side. */
static cf_status sum_squares(void *context, int64_t index, int thread) {
    const Cut *cut = context;
    float *values;
    const size_t count = cut_piece(cut, index, &values);
    double lanes[8] = {0}, sum = 0;
    (void)thread;
    for (size_t i = 0; i < count; i++) lanes[i % 8] += (double)values[i] * (double)values[i];
    for (size_t k = 0; k < 8; k++) sum += lanes[k];
    cut->sums[index] = sum;
    return CF_OK;
}

static cf_status shorten(void *context, int64_t index, int thread) {
    const Cut *cut = context;
    float *values;
    const size_t count = cut_piece(cut, index, &values);
    (void)thread;
    for (size_t i = 0; i < count; i++) values[i] *= cut->factor;
    return CF_OK;
}

/* Pascanu, Mikolov, Bengio 2013, as torch.nn.utils.clip_grad_norm_. A gradient that is not finite stays so. */
static cf_status clip_gradient(const Optimizer *o, float *gradient, int threads) {
    const int64_t pieces = (int64_t)pieces_of(o->count);
    Cut cut = {.gradient = gradient, .count = o->count, .sums = o->sums};
    double squares = 0;
    FORWARD(slices_run(threads, pieces, sum_squares, &cut));
    for (int64_t i = 0; i < pieces; i++) squares += o->sums[i];
    const double factor = o->clip / (sqrt(squares) + 1e-6);
    if (factor >= 1) return CF_OK;
    cut.factor = (float)factor;
    return slices_run(threads, pieces, shorten, &cut);
}

/* ---- A step ---- */

typedef struct Update {
    Optimizer *optimizer;
    float *weights;
    const float *gradient;
    double rate;
    float decay;            /* of SGD */
    atomic_bool not_finite; /* in any piece; all are done even so, lest the outcome depend on their order */
} Update;

/* At a pace's rate, after as many steps as are its own. */
static AdamStep adam_step(const Optimizer *o, const Pace *pace, double rate) {
    const double t = (double)(o->steps - pace->since);
    AdamStep step = {.rate = (float)(rate / (1 - pow(o->beta1, t))),
                     .root = (float)(1 / sqrt(1 - pow(o->beta2, t))),
                     .beta1 = (float)o->beta1,
                     .fresh1 = (float)(1 - o->beta1),
                     .beta2 = (float)o->beta2,
                     .fresh2 = (float)(1 - o->beta2)};
    if (o->kind == CF_ADAM)
        step.decay = (float)o->weight_decay;
    else
        step.decoupled = (float)(rate * o->weight_decay);
    return step;
}

static cf_status update_piece(void *context, int64_t index, int thread) {
    Update *u = context;
    const Optimizer *o = u->optimizer;
    const OptimizerPiece *piece = &o->pieces[index];
    const size_t from = piece->from;
    const double rate = u->rate * piece->pace.factor;
    bool finite;
    (void)thread;
    if (o->kind == CF_SGD) {
        finite = o->kernels->sgd(u->weights + from, u->gradient + from, o->m + from, piece->count, (float)rate,
                                 o->momentum, piece->decays ? u->decay : 0, o->nesterov);
    } else {
        AdamStep step = adam_step(o, &piece->pace, rate);
        if (!piece->decays) step.decay = step.decoupled = 0;
        finite = o->kernels->adam(u->weights + from, u->gradient + from, o->m + from, o->v + from, piece->count, &step);
    }
    if (!finite) atomic_store(&u->not_finite, true);
    return CF_OK;
}

cf_status optimizer_step(Optimizer *optimizer, float *weights, float *gradient, double rate, int threads) {
    Update update = {.optimizer = optimizer,
                     .weights = weights,
                     .gradient = gradient,
                     .rate = optimizer->kind == CF_MUON ? rate * optimizer->muon_rest : rate,
                     .decay = (float)optimizer->weight_decay};
    bool finite = true;
    optimizer->steps++;
    if (optimizer->clip > 0) FORWARD(clip_gradient(optimizer, gradient, threads));
    FORWARD(slices_run(threads, optimizer->piece_count, update_piece, &update));
    if (optimizer->muon) FORWARD(muon_step(optimizer->muon, weights, gradient, optimizer->m, rate, threads, &finite));
    FAIL_IF(atomic_load(&update.not_finite) || !finite, CF_DIVERGED,
            "the weights are not finite any more after step %lld at learning rate %g", (long long)optimizer->steps,
            rate);
    return CF_OK;
}
