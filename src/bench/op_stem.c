/* The stem in a rig: a unit of work by the engine's stem or, of the reference, which has none, by the parts that it stands for:
 * convolution, moments, block, their gradients. On small integers all of them are exact, but for the variance. */
#include "bench/op_rig.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static bool has_pool(const OpRig *r) {
    return r->c->pool > 1;
}

/* Of the convolution's output. */
static size_t pixels_of(const OpRig *r) {
    return (size_t)r->c->w.N * (size_t)r->c->w.P * (size_t)r->c->w.Q;
}

void rig_stem_block(OpRig *r, float *coefficients) {
    const Window *w = &r->c->w;
    int pool = r->c->pool;
    Block *b = &r->block;
    b->C = w->K, b->H = w->P, b->W = w->Q;
    b->R = b->S = pool;
    b->P = w->P / pool, b->Q = w->Q / pool;
    for (int i = 0; i < 3 * w->K; i++) coefficients[i] = i < w->K ? 1 : 0;
}

cf_status rig_stem_new(OpRig *r) {
    const Engine *e = r->engine;
    char text[OP_TEXT];
    if (e == &reference_engine) return CF_OK;
    op_print(r->c, text);
    FAIL_IF(!e->stem, CF_BAD_USE, "\"%s\": this engine has no stem", text);
    FAIL_IF(!e->stem->fits(&r->c->w, &r->block), CF_BAD_USE,
            "\"%s\" is more than the engine takes as a stem: filters of a few taps, images larger than they and their "
            "padding ask for, and a pool of 2 or none",
            text);
    FORWARD(e->stem->create(e->kernels, &r->c->w, &r->block, r->threads, &r->stem));
    e->stem->pack(r->stem, r->weights);
    return CF_OK;
}

void rig_stem_size(OpRig *r) {
    const OpCase *c = r->c;
    const size_t outputs = op_outputs(c), e = r->engine->kernels->element;
    r->bytes[X] = op_inputs(c) * e;
    if (c->pass == OP_BACKWARD_WEIGHTS) r->bytes[Y] = r->bytes[DY] = outputs * e;
    if (c->pass != OP_MOMENTS && has_pool(r)) r->bytes[PLACE] = outputs;
    r->in_sets[X] = c->pass != OP_MOMENTS;
    r->in_sets[PLACE] = r->in_sets[Y] = true;
}

/* ---- The parts ---- */

typedef struct Parts {
    Conv *conv;
    float *x, *picked, *y; /* x: the convolution's output */
    uint8_t *place;
} Parts;

static void parts_free(Parts *p) {
    reference_engine.conv_free(p->conv);
    free(p->x);
    free(p->picked);
    free(p->y);
    free(p->place);
}

/* Forward as far as y. *p begins zeroed. */
static cf_status parts_forward(const OpRig *r, const float *x, Parts *p) {
    const Engine *e = &reference_engine;
    const Window *w = &r->c->w;
    size_t outputs = op_outputs(r->c);
    FORWARD(e->conv_new(w, true, false, 1, &p->conv));
    FORWARD(e->conv_pack(p->conv, r->weights));
    FORWARD(memory_new(pixels_of(r) * (size_t)w->K, sizeof *p->x, &p->x));
    FORWARD(memory_new(outputs, sizeof *p->picked, &p->picked));
    FORWARD(memory_new(outputs, sizeof *p->y, &p->y));
    FORWARD(memory_new(outputs, sizeof *p->place, &p->place));
    FORWARD(e->conv_forward(p->conv, 0, x, p->x));
    reference_kernels.block_forward(&r->block, w->N, p->x, NULL, p->picked, p->y, p->place);
    return CF_OK;
}

static void parts_moments(const OpRig *r, const Parts *p, double *out) {
    int K = r->c->w.K;
    reference_kernels.bn_moments(p->x, pixels_of(r), K, out, out + K);
    for (int k = 0; k < K; k++) out[K + k] /= (double)pixels_of(r);
}

/* sum d p and sum d, d lying at the pixels that the pool picked. */
static cf_status parts_backward(const OpRig *r, const Parts *p, const float *x, const float *dy, double *out) {
    const Engine *e = &reference_engine;
    size_t weights = op_weights(r->c);
    int K = r->c->w.K;
    AUTO_FREE float *d = NULL, *slot = NULL, *dw = NULL;
    FORWARD(memory_new(pixels_of(r) * (size_t)K, sizeof *d, &d));
    FORWARD(memory_new(e->conv_slot_size(p->conv), sizeof *slot, &slot));
    FORWARD(memory_new(weights, sizeof *dw, &dw));
    e->kernels->block_backward(&r->block, r->c->w.N, p->x, has_pool(r) ? p->picked : p->x, dy, p->place, d);
    FORWARD(e->conv_backward_weights(p->conv, 0, x, d, slot, false));
    FORWARD(e->conv_unpack(p->conv, slot, dw));
    for (size_t i = 0; i < weights; i++) out[i] = (double)dw[i];
    e->kernels->channel_sums(d, pixels_of(r), K, out + weights);
    return CF_OK;
}

static cf_status parts_unit(const OpRig *r, char *const region[REGIONS]) {
    const void *x = region[X], *dy = region[DY];
    void *out = region[OUT];
    AUTO(parts_free) Parts p = {.conv = NULL};
    FORWARD(parts_forward(r, x, &p));
    if (r->c->pass == OP_MOMENTS) parts_moments(r, &p, out);
    if (r->c->pass == OP_BACKWARD_WEIGHTS) FORWARD(parts_backward(r, &p, x, dy, out));
    if (r->c->pass == OP_FORWARD) {
        memcpy(out, p.y, r->bytes[OUT]);
        memcpy(region[PLACE], p.place, r->bytes[PLACE]);
    }
    return CF_OK;
}

/* ---- The engine's ---- */

cf_status rig_stem_fill(const OpRig *r, char *set) {
    const Kernels *k = r->engine->kernels;
    AUTO(parts_free) Parts p = {.conv = NULL};
    AUTO_FREE float *x = NULL;
    if (!r->bytes[Y]) return CF_OK;
    FORWARD(memory_new(op_inputs(r->c), sizeof *x, &x));
    k->to_float(set + r->at[X], op_inputs(r->c), x);
    FORWARD(parts_forward(r, x, &p));
    k->from_float(p.y, op_outputs(r->c), set + r->at[Y]);
    memcpy(set + r->at[PLACE], p.place, r->bytes[PLACE]);
    return CF_OK;
}

cf_status rig_stem_unit(const OpRig *r, char *const region[REGIONS], int thread) {
    if (!r->stem) return parts_unit(r, region);
    const StemEngine *e = r->engine->stem;
    const Block *b = &r->block;
    int N = r->c->w.N;
    void *x = region[X], *y = region[Y], *dy = region[DY], *out = region[OUT];
    uint8_t *place = has_pool(r) ? (uint8_t *)region[PLACE] : NULL;
    if (r->c->pass == OP_MOMENTS) e->patches(r->stem, thread, N, x, out);
    if (r->c->pass == OP_FORWARD) e->forward(r->stem, thread, b, x, out, place);
    if (r->c->pass == OP_BACKWARD_WEIGHTS) e->backward(r->stem, thread, b, N, x, y, dy, place, out);
    return CF_OK;
}

/* Of gradients: a = 1 and b = c = 0 leave sum d p of what gradient() adds up. It wants moments, whose sums are formed here. */
static cf_status read_gradient(const OpRig *r, const char *set, double *values) {
    const StemEngine *e = r->engine->stem;
    size_t weights = op_weights(r->c), K = (size_t)r->c->w.K;
    AUTO_FREE double *sums = NULL, *unused = NULL;
    AUTO_FREE float *dw = NULL;
    FORWARD(memory_new(e->sums_size(r->stem), sizeof *sums, &sums));
    FORWARD(memory_new(2 * K, sizeof *unused, &unused));
    FORWARD(memory_new(weights, sizeof *dw, &dw));
    e->patches(r->stem, 0, r->c->w.N, set + r->at[X], sums);
    e->moments(r->stem, sums, 1, (double)pixels_of(r), unused, unused + K);
    e->gradient_sums(r->stem, (const double *)(const void *)(set + r->at[OUT]), 1, values + weights, unused);
    e->gradient(r->stem, &r->block, dw);
    for (size_t i = 0; i < weights; i++) values[i] = (double)dw[i];
    return CF_OK;
}

cf_status rig_stem_read(const OpRig *r, const char *set, double *values) {
    if (r->c->pass == OP_BACKWARD_WEIGHTS) return read_gradient(r, set, values);
    const void *sums = set + r->at[OUT];
    r->engine->stem->moments(r->stem, sums, 1, (double)pixels_of(r), values, values + r->c->w.K);
    return CF_OK;
}
