#include "bench/op_rig.h"

#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 128,            /* images, of a block's sets */
    MOST_BYTES = 128 << 20, /* of all sets: odd blocks are not to fill the memory */
    CHANNEL_ARRAYS = 6,     /* of a block: mean, scale, shift, a, b, c; a dense layer's bias is the first */
    LARGEST = 3,            /* of the integers in products */
    OF_CHANNELS = REGIONS,  /* purposes of integers, behind the regions */
    OF_WEIGHTS
};

static bool has_pool(const OpCase *c) {
    return c->w.R * c->w.S > 1;
}

/* ---- Sizes ---- */

size_t op_inputs(const OpCase *c) {
    if (c->kind == OP_ATTENTION) return 3 * op_outputs(c);
    if (c->kind == OP_DENSE) return (size_t)c->dense.N * (size_t)c->dense.inputs;
    return (size_t)c->w.N * (size_t)c->w.C * (size_t)c->w.H * (size_t)c->w.W;
}

size_t op_outputs(const OpCase *c) {
    const AttentionShape *a = &c->attention;
    if (c->kind == OP_ATTENTION) return (size_t)a->N * (size_t)a->positions * (size_t)a->channels;
    if (c->kind == OP_DENSE) return (size_t)c->dense.N * (size_t)c->dense.outputs;
    return (size_t)c->w.N * (size_t)c->w.K * (size_t)(c->w.P / c->pool) * (size_t)(c->w.Q / c->pool);
}

size_t op_weights(const OpCase *c) {
    if (c->kind == OP_DENSE) return (size_t)c->dense.outputs * (size_t)c->dense.inputs;
    return (size_t)c->w.K * (size_t)(c->w.C / c->w.groups) * (size_t)c->w.R * (size_t)c->w.S;
}

/* What a pass gives: outputs, sums over channels, a gradient of weights or of inputs. */
static void size_out(OpRig *r) {
    const OpCase *c = r->c;
    const size_t K = (size_t)c->w.K, element = r->engine->kernels->element;
    const bool forward = c->pass == OP_FORWARD, weights = c->pass == OP_BACKWARD_WEIGHTS, stem = c->kind == OP_STEM,
               sums = c->pass == OP_MOMENTS || c->pass == OP_SUMS;
    r->out_count = forward ? op_outputs(c) : sums ? 2 * K : weights ? op_weights(c) : op_inputs(c);
    if (stem && weights) r->out_count += K;                                  /* sum d */
    if (c->kind == OP_SCALE && !forward) r->out_count += (size_t)c->w.N * K; /* the factors' gradient */
    r->out_type = OUT_ELEMENTS;
    if (weights || c->dense.float_out) r->out_type = c->kind == OP_CONV ? OUT_SLOT : OUT_FLOATS;
    if (c->pass == OP_BACKWARD_DATA) r->out_type = OUT_ELEMENTS;
    if (sums || (stem && !forward)) r->out_type = r->stem ? OUT_STEM : OUT_DOUBLES;
    const size_t bytes[] = {[OUT_ELEMENTS] = r->out_count * element,
                            [OUT_FLOATS] = r->out_count * sizeof(float),
                            [OUT_DOUBLES] = r->out_count * sizeof(double),
                            [OUT_SLOT] = r->conv && weights ? r->engine->conv_slot_size(r->conv) * sizeof(float) : 0,
                            [OUT_STEM] = r->stem ? r->engine->stem->sums_size(r->stem) * sizeof(double) : 0};
    r->bytes[OUT] = bytes[r->out_type];
    r->in_sets[OUT] = forward && c->kind != OP_CONV && c->kind != OP_DENSE;
}

static void size_block(OpRig *r) {
    const OpCase *c = r->c;
    size_t e = r->engine->kernels->element, full = op_inputs(c) * e, pooled = op_outputs(c) * e;
    OpPass pass = c->pass;
    bool pool = has_pool(c);
    if (pass != OP_SUMS || !pool) r->bytes[X] = full;
    if (pass != OP_MOMENTS && pool) r->bytes[PICKED] = pooled;
    if ((pass == OP_FORWARD || pass == OP_BACKWARD) && pool) r->bytes[PLACE] = op_outputs(c);
    if (pass == OP_SUMS || pass == OP_BACKWARD) r->bytes[DY] = pooled;
    r->in_sets[X] = !pool && pass != OP_MOMENTS;
    r->in_sets[DY] = pass == OP_BACKWARD;
    r->in_sets[PICKED] = r->in_sets[PLACE] = true;
    if (pass == OP_FORWARD && c->residual) r->bytes[DY] = full, r->in_sets[DY] = true;
}

static void size_product(OpRig *r) {
    const size_t e = r->engine->kernels->element;
    if (r->c->pass != OP_BACKWARD_DATA) r->bytes[X] = op_inputs(r->c) * e;
    if (r->c->pass != OP_FORWARD) r->bytes[DY] = op_outputs(r->c) * e;
}

static void size_attention(OpRig *r) {
    const OpCase *c = r->c;
    size_t e = r->engine->kernels->element;
    bool backward = c->pass == OP_BACKWARD;
    r->bytes[X] = op_inputs(c) * e;
    r->bytes[PICKED] = (size_t)c->attention.N * r->engine->attention_kept(r->attention);
    if (backward) r->bytes[Y] = r->bytes[DY] = op_outputs(c) * e;
    r->in_sets[X] = backward;
    r->in_sets[PICKED] = r->in_sets[Y] = true;
}

/* What has no products: a slice of activations, sums, norms of images, factors of channels, averages. */
static void size_elements(OpRig *r) {
    const OpCase *c = r->c;
    size_t e = r->engine->kernels->element, C = (size_t)c->w.C;
    bool forward = c->pass == OP_FORWARD;
    if (forward || c->kind != OP_AVGPOOL) r->bytes[X] = op_inputs(c) * e;
    if (!forward || c->kind == OP_ADD) r->bytes[DY] = op_outputs(c) * e;
    if (c->kind == OP_SCALE) r->bytes[PICKED] = (size_t)c->w.N * C * e;
    if (c->kind == OP_NORM && c->pass == OP_BACKWARD) r->bytes[Y] = 2 * C * sizeof(double);
    r->in_sets[X] = !forward;
    r->in_sets[DY] = forward;
}

double rig_bytes(const OpRig *r) {
    double sum = 0;
    for (int i = 0; i < REGIONS; i++) sum += (double)r->bytes[i];
    return sum;
}

/* ---- Inputs ---- */

/* -largest .. largest, the same for a purpose in every set. */
static void fill_integers(float *values, size_t count, int largest, uint32_t purpose) {
    RngStream stream = rng_stream(1, RNG_WEIGHTS, 0, purpose);
    for (size_t i = 0; i < count; i++)
        values[i] = floorf(rng_uniform(&stream, i) * (float)(2 * largest + 1)) - (float)largest;
}

/* The largest integers, up to LARGEST, whose longest sum of products float32 still holds. */
static int largest_integer(const OpCase *c) {
    OpCase in_pass = *c;
    double terms = 1;
    for (int p = 0; p < OP_PASSES; p++) {
        in_pass.pass = (OpPass)p;
        if (op_has_pass(c->kind, (OpPass)p)) terms = fmax(terms, op_terms(&in_pass));
    }
    double largest = floor(sqrt(0x1p23 / terms));
    return largest < LARGEST ? (int)largest : LARGEST;
}

static cf_status new_integers(const OpCase *c, size_t count, uint32_t purpose, float **values) {
    FORWARD(memory_new(count, sizeof **values, values));
    fill_integers(*values, count, largest_integer(c), purpose);
    /* A share of a mean near 0 says nothing: here no mean is. */
    for (size_t i = 0; c->pass == OP_MOMENTS && i < count; i++) (*values)[i] += LARGEST + 1;
    return CF_OK;
}

static cf_status fill_region(const OpRig *r, char *set, Region region) {
    size_t count = r->bytes[region] / r->engine->kernels->element;
    AUTO_FREE float *values = NULL;
    if (!count) return CF_OK;
    FORWARD(new_integers(r->c, count, region, &values));
    r->engine->kernels->from_float(values, count, set + r->at[region]);
    return CF_OK;
}

/* What the pool picked, as the reference does, for the passes that read it. */
static cf_status fill_picked(const OpRig *r, char *set) {
    const OpCase *c = r->c;
    size_t count = op_outputs(c);
    AUTO_FREE float *x = NULL, *y = NULL, *picked = NULL;
    AUTO_FREE uint8_t *place = NULL;
    FORWARD(new_integers(c, op_inputs(c), X, &x));
    FORWARD(memory_new(count, sizeof *y, &y));
    FORWARD(memory_new(count, sizeof *picked, &picked));
    FORWARD(memory_new(count, sizeof *place, &place));
    reference_kernels.block_forward(&r->block, c->w.N, x, NULL, picked, y, place);
    r->engine->kernels->from_float(picked, count, set + r->at[PICKED]);
    memcpy(set + r->at[PLACE], place, r->bytes[PLACE]);
    return CF_OK;
}

static cf_status fill_set(const OpRig *r, char *set) {
    memset(set, 0xff, r->shared_bytes + r->set_bytes); /* NaN everywhere: an output that nothing writes is found */
    FORWARD(fill_region(r, set, X));
    FORWARD(fill_region(r, set, DY));
    if (r->c->kind == OP_SCALE) return fill_region(r, set, PICKED);
    if (r->c->kind == OP_STEM) return rig_stem_fill(r, set);
    if (r->c->kind == OP_ATTENTION && r->bytes[Y])
        r->engine->attention_forward(r->attention, 0, set + r->at[X], set + r->at[Y], set + r->at[PICKED]);
    if (r->c->kind == OP_ATTENTION) return CF_OK;
    bool reads_picked = r->c->pass == OP_SUMS || r->c->pass == OP_BACKWARD;
    return reads_picked && has_pool(r->c) ? fill_picked(r, set) : CF_OK;
}

/* ---- The rig ---- */

void rig_free(OpRig *r) {
    if (r->engine) {
        r->engine->conv_free(r->conv);
        r->engine->dense_free(r->dense);
        r->engine->attention_free(r->attention);
        if (r->stem) r->engine->stem->destroy(r->stem);
    }
    for (int t = 0; r->seats && t < r->threads; t++) free(r->seats[t].memory);
    free(r->seats);
    free(r->channels);
    free(r->weights);
}

/* Values per channel: small multiples of 1/4, some negative, some 0. */
static cf_status make_channels(OpRig *r) {
    size_t K = (size_t)(r->c->kind == OP_DENSE ? r->c->dense.outputs : r->c->w.K);
    FORWARD(memory_new(CHANNEL_ARRAYS * K, sizeof *r->channels, &r->channels));
    float *v = r->channels;
    fill_integers(v, CHANNEL_ARRAYS * K, LARGEST, OF_CHANNELS);
    for (size_t i = K; i < CHANNEL_ARRAYS * K; i++) v[i] *= 0.25f;
    const Window *w = &r->c->w;
    r->block = (Block){.C = w->C,
                       .H = w->H,
                       .W = w->W,
                       .R = w->R,
                       .S = w->S,
                       .P = w->P,
                       .Q = w->Q,
                       .act = op_activation(r->c),
                       .mean = v,
                       .scale = v + K,
                       .shift = v + 2 * K,
                       .a = v + 3 * K,
                       .b = v + 4 * K,
                       .c = v + 5 * K};
    if (r->c->kind == OP_STEM) rig_stem_block(r, v + 3 * K);
    return CF_OK;
}

static cf_status make_nothing(OpRig *r) {
    (void)r;
    return CF_OK;
}

static cf_status make_conv(OpRig *r) {
    FORWARD(new_integers(r->c, op_weights(r->c), OF_WEIGHTS, &r->weights));
    FORWARD(r->engine->conv_new(&r->c->w, true, true, r->threads, &r->conv));
    return r->engine->conv_pack(r->conv, r->weights);
}

static cf_status make_dense(OpRig *r) {
    const Engine *e = r->engine;
    FORWARD(new_integers(r->c, op_weights(r->c), OF_WEIGHTS, &r->weights));
    FORWARD(e->dense_new(&r->c->dense, true, true, r->threads, &r->dense));
    for (int i = 0; i < e->dense_pieces(r->dense, DENSE_PACK); i++) e->dense_pack(r->dense, i, r->weights);
    return CF_OK;
}

/* A norm's, of every set's input. */
static cf_status make_moments(OpRig *r) {
    const OpCase *c = r->c;
    AUTO_FREE float *x = NULL;
    FORWARD(new_integers(c, op_inputs(c), X, &x));
    FORWARD(memory_new(2 * (size_t)c->w.N * norm_sets(&c->norm), sizeof *r->weights, &r->weights));
    reference_kernels.norm_forward(&c->norm, c->w.N, x, NULL, NULL, x, r->weights);
    return CF_OK;
}

static cf_status make_stem(OpRig *r) {
    FORWARD(new_integers(r->c, op_weights(r->c), OF_WEIGHTS, &r->weights));
    return rig_stem_new(r);
}

static cf_status make_attention(OpRig *r) {
    return r->engine->attention_new(&r->c->attention, true, r->threads, &r->attention);
}

/* The regions of every set first, then those of the first set. */
static void place_regions(OpRig *r) {
    size_t *const sizes[] = {&r->shared_bytes, &r->set_bytes};
    for (int in_sets = 0; in_sets < 2; in_sets++)
        for (int i = 0; i < REGIONS; i++) {
            if (r->in_sets[i] != (bool)in_sets) continue;
            r->at[i] = r->shared_bytes + r->set_bytes;
            *sizes[in_sets] += (r->bytes[i] + 63) / 64 * 64;
        }
}

static int64_t sets_of(const OpRig *r) {
    int64_t slices = BATCH / (r->c->kind == OP_ATTENTION ? r->c->attention.N : r->c->w.N),
            most = MOST_BYTES / r->threads / (int64_t)(r->set_bytes + 1);
    int64_t share = (slices + r->threads - 1) / r->threads;
    share = share < most ? share : most;
    return share > 1 ? share : 1;
}

static cf_status make_seats(OpRig *r, bool batch) {
    place_regions(r);
    r->sets = batch ? sets_of(r) : 1;
    FORWARD(memory_new((size_t)r->threads, sizeof *r->seats, &r->seats));
    for (int t = 0; t < r->threads; t++) {
        char **memory = &r->seats[t].memory;
        FORWARD(memory_new(r->shared_bytes + (size_t)r->sets * r->set_bytes, 1, memory));
        FORWARD(fill_set(r, *memory));
        for (int64_t s = 1; s < r->sets; s++) {
            char *first = *memory + r->shared_bytes;
            memcpy(first + (size_t)s * r->set_bytes, first, r->set_bytes);
        }
    }
    return CF_OK;
}

/* ---- A unit of work ---- */

static cf_status conv_unit(const OpRig *r, char *const region[REGIONS], int thread) {
    const Engine *e = r->engine;
    void *x = region[X], *dy = region[DY], *out = region[OUT];
    if (r->c->pass == OP_FORWARD) return e->conv_forward(r->conv, thread, x, out);
    if (r->c->pass == OP_BACKWARD_DATA) return e->conv_backward_data(r->conv, thread, dy, out);
    return e->conv_backward_weights(r->conv, thread, x, dy, out, false);
}

/* Piece by piece, and slice by slice where the layer goes so. */
static cf_status dense_unit(const OpRig *r, char *const region[REGIONS], int thread) {
    static const DensePass passes[] = {[OP_FORWARD] = DENSE_FORWARD,
                                       [OP_BACKWARD_DATA] = DENSE_BACKWARD_DATA,
                                       [OP_BACKWARD_WEIGHTS] = DENSE_BACKWARD_WEIGHTS};
    const Engine *e = r->engine;
    const DenseShape *d = &r->c->dense;
    const DensePass pass = passes[r->c->pass];
    const int pieces = e->dense_pieces(r->dense, pass);
    const bool by_slice = dense_by_slice(d->outputs) && pass != DENSE_BACKWARD_WEIGHTS;
    const size_t step = (size_t)(by_slice ? d->slice : d->N), N = (size_t)d->N;
    const char *x = region[X], *dy = region[DY];
    for (size_t n = 0; n < N; n += step)
        for (int i = 0; i < pieces; i++) {
            const void *of_x = x + n * (r->bytes[X] / N), *of_dy = dy + n * (r->bytes[DY] / N);
            void *of_out = region[OUT] + n * (r->bytes[OUT] / N);
            if (pass == DENSE_FORWARD) e->dense_forward(r->dense, thread, i, of_x, r->channels, of_out);
            if (pass == DENSE_BACKWARD_DATA) e->dense_backward_data(r->dense, thread, i, of_dy, r->weights, of_out);
            if (pass == DENSE_BACKWARD_WEIGHTS) e->dense_backward_weights(r->dense, thread, i, x, dy, of_out);
        }
    return CF_OK;
}

static cf_status block_unit(const OpRig *r, char *const region[REGIONS], int thread) {
    (void)thread;
    const Kernels *k = r->engine->kernels;
    const Block *b = &r->block;
    void *x = region[X], *dy = region[DY], *picked = region[PICKED], *out = region[OUT];
    uint8_t *place = (uint8_t *)region[PLACE];
    double *sums = out;
    int N = r->c->w.N;
    if (!has_pool(r->c)) picked = x;
    switch (r->c->pass) {
    case OP_MOMENTS:
        k->bn_moments(x, op_inputs(r->c) / (size_t)b->C, b->C, sums, sums + b->C);
        break;
    case OP_FORWARD:
        k->block_forward(b, N, x, r->c->residual ? dy : NULL, has_pool(r->c) ? picked : NULL, out, place);
        break;
    case OP_SUMS:
        k->block_sums(b, N, picked, dy, sums);
        break;
    default:
        k->block_backward(b, N, x, picked, dy, place, out);
        break;
    }
    return CF_OK;
}

static cf_status attention_unit(const OpRig *r, char *const region[REGIONS], int thread) {
    if (r->c->pass == OP_FORWARD)
        r->engine->attention_forward(r->attention, thread, region[X], region[OUT], region[PICKED]);
    else
        r->engine->attention_backward(r->attention, thread, region[X], region[Y], region[PICKED], region[DY],
                                      region[OUT]);
    return CF_OK;
}

static cf_status elements_unit(const OpRig *r, char *const region[REGIONS], int thread) {
    const Kernels *k = r->engine->kernels;
    (void)thread;
    const OpCase *c = r->c;
    const Window *w = &c->w;
    const size_t inputs = op_inputs(c), pixels = (size_t)w->H * (size_t)w->W, C = (size_t)w->C;
    const bool forward = c->pass == OP_FORWARD;
    const float *weight = r->channels + C, *bias = weight + C;
    void *x = region[X], *dy = region[DY], *out = region[OUT], *sums = region[c->pass == OP_SUMS ? OUT : Y];
    switch (c->kind) {
    case OP_ACT:
        if (forward)
            k->act_forward(op_activation(c), x, inputs, out);
        else
            k->act_backward(op_activation(c), x, dy, inputs, out);
        break;
    case OP_ADD:
        k->add(x, dy, inputs, op_activation(c), out);
        break;
    case OP_NORM:
        if (forward)
            k->norm_forward(&c->norm, w->N, x, weight, bias, out, r->weights);
        else
            k->norm_backward(&c->norm, w->N, x, weight, r->weights, dy, c->pass == OP_SUMS ? NULL : out, sums);
        break;
    case OP_SCALE:
        if (forward)
            k->scale_forward(w->N, pixels, w->C, x, region[PICKED], out);
        else
            k->scale_backward(w->N, pixels, w->C, x, region[PICKED], dy, out, region[OUT] + inputs * k->element);
        break;
    default:
        if (forward)
            k->avgpool_forward(w, x, out);
        else
            k->avgpool_backward(w, dy, out);
        break;
    }
    return CF_OK;
}

/* ---- All kinds ---- */

static const struct {
    cf_status (*make)(OpRig *r); /* the engine's objects */
    void (*size)(OpRig *r);
    cf_status (*unit)(const OpRig *r, char *const region[REGIONS], int thread);
} kinds[] = {
    [OP_CONV] = {make_conv, size_product, conv_unit},
    [OP_DENSE] = {make_dense, size_product, dense_unit},
    [OP_BLOCK] = {make_nothing, size_block, block_unit},
    [OP_STEM] = {make_stem, rig_stem_size, rig_stem_unit},
    [OP_ATTENTION] = {make_attention, size_attention, attention_unit},
    [OP_ACT] = {make_nothing, size_elements, elements_unit},
    [OP_ADD] = {make_nothing, size_elements, elements_unit},
    [OP_NORM] = {make_moments, size_elements, elements_unit},
    [OP_SCALE] = {make_nothing, size_elements, elements_unit},
    [OP_AVGPOOL] = {make_nothing, size_elements, elements_unit},
};

cf_status rig_new(const OpCase *c, const Engine *engine, int threads, bool batch, OpRig *r) {
    *r = (OpRig){.c = c, .engine = engine, .threads = threads};
    FORWARD(make_channels(r));
    FORWARD(kinds[c->kind].make(r));
    kinds[c->kind].size(r);
    size_out(r);
    return make_seats(r, batch);
}

cf_status rig_run(OpRig *r, int seat, int thread) {
    Seat *s = &r->seats[seat];
    size_t set = (size_t)(s->turn++ % r->sets) * r->set_bytes;
    char *region[REGIONS];
    for (int i = 0; i < REGIONS; i++) region[i] = s->memory + r->at[i] + (r->in_sets[i] ? set : 0);
    return kinds[r->c->kind].unit(r, region, thread);
}

/* ---- Comparing ---- */

static void widen(const float *from, size_t count, double *to) {
    for (size_t i = 0; i < count; i++) to[i] = (double)from[i];
}

static cf_status read_out(const OpRig *r, const char *out, double *values) {
    AUTO_FREE float *floats = NULL;
    if (r->out_type == OUT_DOUBLES) {
        memcpy(values, out, r->out_count * sizeof *values);
        return CF_OK;
    }
    FORWARD(memory_new(r->out_count, sizeof *floats, &floats));
    if (r->out_type == OUT_SLOT)
        FORWARD(r->engine->conv_unpack(r->conv, (const float *)(const void *)out, floats));
    else if (r->out_type == OUT_FLOATS)
        memcpy(floats, out, r->out_count * sizeof *floats);
    else
        r->engine->kernels->to_float(out, r->out_count, floats);
    widen(floats, r->out_count, values);
    return CF_OK;
}

/* A pool's places, and what it picked if that is kept, are outputs too. */
static cf_status read_pool(const OpRig *r, const char *set, double *values) {
    size_t count = op_outputs(r->c);
    AUTO_FREE float *floats = NULL;
    for (size_t i = 0; i < count; i++) values[i] = (unsigned char)set[r->at[PLACE] + i];
    if (!r->bytes[PICKED]) return CF_OK;
    FORWARD(memory_new(count, sizeof *floats, &floats));
    r->engine->kernels->to_float(set + r->at[PICKED], count, floats);
    widen(floats, count, values + count);
    return CF_OK;
}

cf_status rig_values(const OpRig *r, int seat, double **values, size_t *count) {
    const char *set = r->seats[seat].memory;
    bool pool = r->c->pass == OP_FORWARD && r->bytes[PLACE] > 0;
    size_t more = !pool ? 0 : op_outputs(r->c) * (r->bytes[PICKED] ? 2 : 1);
    AUTO_FREE double *made = NULL;
    FORWARD(memory_new(r->out_count + more, sizeof *made, &made));
    FORWARD(r->out_type == OUT_STEM ? rig_stem_read(r, set, made) : read_out(r, set + r->at[OUT], made));
    if (pool) FORWARD(read_pool(r, set, made + r->out_count));
    *values = memory_take(&made);
    *count = r->out_count + more;
    return CF_OK;
}
