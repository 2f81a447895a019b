/* The stem of the fast engines against what it is made of: the reference's convolution, moments, block and gradients, one after
 * the other, on small integers, where all sums but the norm's are exact. */
#include "nn/instruction_sets.h"
#include "nn/problems.h"

#include "base/numbers.h"

#include <stdio.h>

enum { IMAGES = 4, SLICES = 2, LAST = 3, TOTAL = (SLICES - 1) * IMAGES + LAST }; /* the last slice is not full */

typedef struct Problem {
    int C, H, W, K, R, S, pad_h, pad_w, pool;
    float slope;
} Problem;

static const Problem problems[] = {
    {1, 28, 28, 32, 3, 3, 1, 1, 2, 0},   /* the study's */
    {3, 32, 32, 32, 3, 3, 1, 1, 2, 0},   /* nine lines */
    {3, 16, 17, 16, 3, 3, 1, 1, 1, 0},   /* no pool, a row of 4 and 1 */
    {1, 9, 13, 48, 3, 3, 1, 1, 1, 1},    /* nor an activation */
    {2, 7, 6, 5, 3, 3, 1, 1, 2, 0.125f}, /* few filters, a row left over, six lines */
    {1, 12, 11, 35, 5, 5, 0, 0, 2, 0},   /* LeNet's: no padding */
    {3, 11, 9, 33, 5, 3, 2, 0, 1, 0.5f}, /* neither square, nor padded alike */
    {1, 8, 40, 17, 3, 5, 0, 2, 2, 0},    /* a row of several vectors */
    {4, 5, 5, 20, 1, 1, 0, 0, 2, 0},     /* a single tap of each channel */
    {1, 19, 18, 8, 9, 8, 4, 4, 2, 0.25f},
    {2, 10, 9, 40, 2, 4, 1, 3, 1, 0}, /* even filters, all the padding that fits */
    {5, 6, 7, 32, 3, 3, 0, 1, 2, 0},  /* fifteen lines */
};

/* Arrays of one problem: floats, and the same as elements of the engine. */
typedef struct Case {
    const Engine *e;
    Window w; /* of a slice */
    Block b;
    float *x, *weights, *dy;
    size_t in, conv_out, out; /* values of an image */
    float channels[6][64];
} Case;

static const Engine *const *engines(void) {
    static const Engine *all[3];
    all[0] = cpu_engine();
    all[1] = cpu_engine_bf16();
    return all;
}

static Case case_new(const Problem *p, const Engine *e) {
    Case c = {.e = e};
    c.w = (Window){IMAGES, p->C, p->H, p->W, p->K, p->R, p->S, 1, p->pad_h, p->pad_w, 0, 0, 1, 1};
    c.w.P = p->H + 2 * p->pad_h - p->R + 1, c.w.Q = p->W + 2 * p->pad_w - p->S + 1;
    c.in = inputs_of(&c.w) / IMAGES, c.conv_out = outputs_of(&c.w) / IMAGES;
    c.b = (Block){.C = p->K, .H = c.w.P, .W = c.w.Q, .R = p->pool, .S = p->pool, .act = {ACT_RELU, p->slope}};
    c.b.P = c.w.P / p->pool, c.b.Q = c.w.Q / p->pool;
    c.out = (size_t)c.b.P * (size_t)c.b.Q * (size_t)p->K;
    c.x = guarded(TOTAL * c.in), c.weights = guarded(weights_of(&c.w)), c.dy = guarded(TOTAL * c.out);
    fill_integers(c.x, TOTAL * c.in, 3);
    fill_integers(c.weights, weights_of(&c.w), 3);
    fill_integers(c.dy, TOTAL * c.out, 2);
    return c;
}

/* The block's pointers, which do not survive a copy of the case. */
static void use_channels(Case *c) {
    const float **of[] = {&c->b.mean, &c->b.scale, &c->b.shift, &c->b.a, &c->b.b, &c->b.c};
    for (size_t i = 0; i < COUNT_OF(of); i++) {
        fill_integers(c->channels[i], 64, 3);
        for (size_t k = 0; i > 0 && k < 64; k++) c->channels[i][k] *= 0.25f;
        *of[i] = c->channels[i];
    }
}

static void case_end(Case *c) {
    guarded_end(c->x), guarded_end(c->weights), guarded_end(c->dy);
}

/* What both sides give. */
typedef struct Results {
    double mean[64], variance[64], plain[64], product[64];
    float *y, *dw;
    uint8_t *place;
} Results;

static Results results_new(const Case *c) {
    Results r = {.y = guarded(TOTAL * c->out), .dw = guarded(weights_of(&c->w))};
    r.place = guarded_bytes(TOTAL * c->out, 0);
    return r;
}

static void results_end(Results *r) {
    guarded_end(r->y), guarded_end(r->dw), guarded_end(r->place);
}

/* Each operation by the reference, over all images as one slice. The block's mean is the batch's when it is needed. */
static void by_reference(Case *c, Results *r) {
    const Engine *e = &reference_engine;
    const Kernels *k = e->kernels;
    Window w = c->w;
    w.N = TOTAL;
    Conv *conv;
    size_t K = (size_t)w.K, rows = TOTAL * c->conv_out / K;
    float *x = guarded(TOTAL * c->conv_out), *picked = guarded(TOTAL * c->out), *dx = guarded(TOTAL * c->conv_out);
    double sums[128];
    assert_ok(e->conv_new(&w, true, false, 1, &conv));
    assert_ok(e->conv_pack(conv, c->weights));
    assert_ok(e->conv_forward(conv, 0, c->x, x));
    k->bn_moments(x, rows, w.K, r->mean, r->variance);
    for (size_t i = 0; i < K; i++) r->variance[i] /= (double)rows, c->channels[0][i] = (float)r->mean[i];
    bool pool = c->b.R > 1;
    k->block_forward(&c->b, TOTAL, x, NULL, pool ? picked : NULL, r->y, pool ? r->place : NULL);
    k->block_sums(&c->b, TOTAL, pool ? picked : x, c->dy, sums);
    for (size_t i = 0; i < K; i++) {
        r->plain[i] = sums[i];
        r->product[i] = sums[K + i] + sums[i] * ((double)c->channels[0][i] - r->mean[i]); /* about the exact mean */
    }
    k->block_backward(&c->b, TOTAL, x, pool ? picked : x, c->dy, r->place, dx);
    float *slot = guarded(e->conv_slot_size(conv));
    assert_ok(e->conv_backward_weights(conv, 0, c->x, dx, slot, false));
    assert_ok(e->conv_unpack(conv, slot, r->dw));
    e->conv_free(conv);
    guarded_end(x), guarded_end(picked), guarded_end(dx), guarded_end(slot);
}

/* In slices, each on a thread of its own. */
static void by_stem(const Case *c, Results *r) {
    const Kernels *k = c->e->kernels;
    const StemEngine *se = c->e->stem;
    Stem *stem;
    size_t images = IMAGES * SLICES, in = c->in * k->element, out = c->out * k->element;
    float *whole = guarded(images * c->in);
    memset(whole, 0, images * c->in * sizeof *whole);
    memcpy(whole, c->x, TOTAL * c->in * sizeof *whole);
    char *x = elements_of(k, whole, images * c->in, 32), *dy = elements_of(k, c->dy, TOTAL * c->out, 32);
    char *y = elements_new(k, images * c->out, 32);
    uint8_t *place = guarded_bytes(images * c->out, 0);
    assert_true(se->fits(&c->w, &c->b));
    assert_ok(se->create(k, &c->w, &c->b, SLICES, &stem));
    size_t size = se->sums_size(stem);
    double *sums = guarded_bytes(SLICES * size * sizeof *sums, 0);
    memset(sums, 0, SLICES * size * sizeof *sums);
    bool pool = c->b.R > 1;
    double count = (double)TOTAL * c->w.P * c->w.Q;
    for (int turn = 0; turn < 2; turn++) { /* the second time over what the first one left behind */
        se->pack(stem, c->weights);
        for (int s = 0; s < SLICES; s++)
            se->patches(stem, s, s < SLICES - 1 ? IMAGES : LAST, x + (size_t)s * IMAGES * in, sums + (size_t)s * size);
        se->moments(stem, sums, SLICES, count, r->mean, r->variance);
        for (int s = 0; s < SLICES; s++)
            se->forward(stem, s, &c->b, x + (size_t)s * IMAGES * in, y + (size_t)s * IMAGES * out,
                        pool ? place + (size_t)s * IMAGES * c->out : NULL);
        for (int s = 0; s < SLICES; s++)
            se->backward(stem, s, &c->b, s < SLICES - 1 ? IMAGES : LAST, x + (size_t)s * IMAGES * in,
                         y + (size_t)s * IMAGES * out, dy + (size_t)s * IMAGES * out,
                         place + (size_t)s * IMAGES * c->out, sums + (size_t)s * size);
        se->gradient_sums(stem, sums, SLICES, r->plain, r->product);
        se->gradient(stem, &c->b, r->dw);
    }
    floats_of(k, y, TOTAL * c->out, r->y);
    if (pool) memcpy(r->place, place, TOTAL * c->out);
    se->destroy(stem);
    guarded_end(whole), guarded_end(x), guarded_end(dy), guarded_end(y), guarded_end(place), guarded_end(sums);
}

static void near(const char *what, size_t problem, const Engine *e, double got, double wanted, double limit) {
    if (fabs(got - wanted) <= limit) return;
    print_error("%s: %s of problem %zu: %.9g, not %.9g\n", e->name, what, problem, got, wanted);
    fail();
}

static void compare(const Case *c, size_t problem, const Results *got, const Results *wanted) {
    double rounding = c->e->kernels->element == 2 ? 0x1p-8 : 0,
           size = (double)largest_magnitude(wanted->dw, weights_of(&c->w));
    for (size_t k = 0; k < (size_t)c->w.K; k++) {
        near("mean", problem, c->e, got->mean[k], wanted->mean[k], 1e-9 * (1 + fabs(wanted->mean[k])));
        near("variance", problem, c->e, got->variance[k], wanted->variance[k], 1e-6 * (1 + wanted->variance[k]));
        near("plain sum", problem, c->e, got->plain[k], wanted->plain[k], 0);
        near("product sum", problem, c->e, got->product[k], wanted->product[k], 1e-4 * (1 + fabs(wanted->product[k])));
    }
    for (size_t i = 0; i < TOTAL * c->out; i++) {
        near("y", problem, c->e, (double)got->y[i], (double)wanted->y[i], rounding * fabs((double)wanted->y[i]));
        if (c->b.R > 1) near("place", problem, c->e, got->place[i], wanted->place[i], 0);
    }
    for (size_t i = 0; i < weights_of(&c->w); i++)
        near("dw", problem, c->e, (double)got->dw[i], (double)wanted->dw[i], 1e-5 * size);
}

static void as_reference(void **state) {
    (void)state;
    for (int e = 0; engines()[e]; e++)
        for (size_t p = 0; p < COUNT_OF(problems); p++) {
            Case c = case_new(&problems[p], engines()[e]);
            use_channels(&c);
            Results got = results_new(&c), wanted = results_new(&c);
            by_reference(&c, &wanted);
            by_stem(&c, &got);
            compare(&c, p, &got, &wanted);
            results_end(&got), results_end(&wanted), case_end(&c);
        }
}

/* Pictures nearly all of one grey, far from 0: the variance is that of what is left, not of rounding. */
static void faint_pictures(void **state) {
    (void)state;
    for (int e = 0; engines()[e]; e++) {
        if (engines()[e]->kernels->element != sizeof(float)) continue; /* bfloat16 has no such pictures */
        Case c = case_new(&problems[1], engines()[e]);
        use_channels(&c);
        for (size_t i = 0; i < TOTAL * c.in; i++) c.x[i] = 0.9f + 0.002f * c.x[i];
        fill_reals(c.weights, weights_of(&c.w));
        for (int k = 0; k < c.w.K; k++) { /* filters that see differences only */
            float *w = c.weights + k * 27, mean = 0;
            for (int t = 0; t < 27; t++) mean += w[t] / 27;
            for (int t = 0; t < 27; t++) w[t] -= mean;
        }
        Results got = results_new(&c), wanted = results_new(&c);
        by_reference(&c, &wanted);
        by_stem(&c, &got);
        for (int k = 0; k < c.w.K; k++)
            near("variance", 1, c.e, got.variance[k], wanted.variance[k], 1e-3 * wanted.variance[k] + 1e-7);
        results_end(&got), results_end(&wanted), case_end(&c);
    }
}

static void what_fits(void **state) {
    (void)state;
    const StemEngine *se = cpu_engine()->stem;
    Window w = {8, 1, 8, 8, 4, 3, 3, 1, 1, 1, 8, 8, 1, 1};
    Block b = {.C = 4, .H = 8, .W = 8, .R = 2, .S = 2, .P = 4, .Q = 4};
    assert_true(se->fits(&w, &b));
#define NOT(field, value)                                                                                              \
    do {                                                                                                               \
        Window other = w;                                                                                              \
        other.field = value;                                                                                           \
        assert_false(se->fits(&other, &b));                                                                            \
    } while (0)
    NOT(stride, 2);
    NOT(C, 9);     /* 81 taps */
    NOT(pad_h, 3); /* rows that see nothing */
    NOT(pad_w, 3);
    NOT(S, 10);
    NOT(W, 0);
    NOT(P, 7); /* another padding below */
    NOT(Q, 7);
    NOT(groups, 2);
    NOT(dilation, 2);
    b.S = 1;
    assert_false(se->fits(&w, &b));
    b.R = b.S = 3;
    assert_false(se->fits(&w, &b));
    assert_null(reference_engine.stem);
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_reference),
        cmocka_unit_test(faint_pictures),
        cmocka_unit_test(what_fits),
        cmocka_unit_test(other_instruction_sets),
    };
    const struct CMUnitTest some_tests[] = {cmocka_unit_test(as_reference), cmocka_unit_test(faint_pictures)};
    if (!engines()[1]) print_message("SKIPPED: the bfloat16 engine (this processor, or $CIFRA_ISA, has no bfloat16)\n");
    if (count == 2) return run_as_child(arguments[1], some_tests);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
