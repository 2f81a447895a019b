/* Convolutions and dense layers of every engine: by hand (an all-ones convolution counts the taps inside the image), exactly
 * against the reference on small integers, and, for the reference itself, the identities that tie its three passes together.
 * Sums are float32 in every engine, so on integers a bfloat16 result is the exact one, rounded once. */
#include "base/numbers.h"
#include "nn/problems.h"

#include <stdio.h>

enum { SEATS = 2 };

/* The reference, the fast one, and, where the processor has it, the one of bfloat16; then NULL. */
static const Engine *const *engines(void) {
    static const Engine *all[4];
    all[0] = &reference_engine;
    all[1] = cpu_engine();
    all[2] = cpu_engine_bf16();
    return all;
}

/* As a plan has arrays at worst: at a multiple of 32 bytes. */
static void *packed(const Engine *e, const float *values, size_t count) {
    return elements_of(e->kernels, values, count, 32);
}

static void *unwritten(const Engine *e, size_t count) {
    return elements_new(e->kernels, count, 32);
}

static bool exact(const Engine *e) {
    return e->kernels->element == sizeof(float);
}

/* Rounds once what was computed in float: within half of the last of eight digits. */
static double rounding(const Engine *e, const float *values, size_t count) {
    return exact(e) ? 0 : largest_magnitude(values, count) / 256;
}

/* The elements' values in a new array between guard words; ends the elements. */
static float *opened(const Engine *e, void *elements, size_t count) {
    float *values = guarded(count);
    floats_of(e->kernels, elements, count, values);
    guarded_end(elements);
    return values;
}

static const char *label(const Engine *e, const char *what, size_t problem) {
    static char text[128];
    snprintf(text, sizeof text, "%s: %s of problem %zu", e->name, what, problem);
    return text;
}

/* ---- Convolution by hand ---- */

static int taps_inside(int at, const Window *w, int pad, int length, int side) {
    int count = 0, first = at * w->stride - pad;
    for (int r = 0; r < length; r++) count += first + r * w->dilation >= 0 && first + r * w->dilation < side;
    return count;
}

static void ones_conv(const Engine *e, size_t problem) {
    Window w = window_at(problem);
    Conv *conv;
    float *ones = guarded(inputs_of(&w)), *weights = guarded(weights_of(&w)), *y;
    fill_with(ones, inputs_of(&w), 1);
    fill_with(weights, weights_of(&w), 1);
    void *x = packed(e, ones, inputs_of(&w)), *out = unwritten(e, outputs_of(&w));
    assert_ok(e->conv_new(&w, false, false, 1, &conv));
    assert_ok(e->conv_pack(conv, weights));
    assert_ok(e->conv_forward(conv, 0, x, out));
    y = opened(e, out, outputs_of(&w));
    for (size_t i = 0; i < outputs_of(&w); i++) {
        int pixel = (int)(i / (size_t)w.K) % (w.P * w.Q), p = pixel / w.Q, q = pixel % w.Q;
        int taps = taps_inside(p, &w, w.pad_h, w.R, w.H) * taps_inside(q, &w, w.pad_w, w.S, w.W);
        float expected = nearest_element(e->kernels, (float)(w.C / w.groups * taps));
        if (y[i] != expected) print_error("%s: value %zu\n", label(e, "taps", problem), i);
        assert_true(y[i] == expected);
    }
    e->conv_free(conv);
    guarded_end(ones), guarded_end(x), guarded_end(weights), guarded_end(y);
}

static void taps_counted(void **state) {
    (void)state;
    for (int e = 0; engines()[e]; e++)
        for (size_t i = 0; i < COUNT_OF(window_table); i++) ones_conv(engines()[e], i);
}

/* Image 0 1 2 / 3 4 5 / 6 7 8, a filter that looks right and below with weights 1, 10, 100, 1000: which way round is seen. */
static void conv_by_hand(void **state) {
    (void)state;
    const Window w = {1, 1, 3, 3, 1, 2, 2, 1, 0, 0, 2, 2, 1, 1};
    const float image[] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, weights[] = {1, 10, 100, 1000}, gradient[] = {1, 0, 0, 2};
    for (int i = 0; engines()[i]; i++) {
        const Engine *e = engines()[i];
        const Kernels *k = e->kernels;
        float dw[4], *slot;
        void *x = packed(e, image, 9), *dy = packed(e, gradient, 4), *y = unwritten(e, 4), *dx = unwritten(e, 9);
        Conv *conv;
        assert_ok(e->conv_new(&w, true, true, 1, &conv));
        assert_ok(e->conv_pack(conv, weights));
        assert_ok(e->conv_forward(conv, 0, x, y));
        assert_elements("y", k, y, (const float[]){4310, 5421, 7643, 8754}, 4);
        assert_ok(e->conv_backward_data(conv, 0, dy, dx));
        assert_elements("dx", k, dx, (const float[]){1, 10, 0, 100, 1002, 20, 0, 200, 2000}, 9);
        slot = guarded(e->conv_slot_size(conv));
        assert_ok(e->conv_backward_weights(conv, 0, x, dy, slot, false));
        assert_ok(e->conv_unpack(conv, slot, dw));
        assert_equal_floats("dw", dw, (const float[]){0 + 8, 1 + 10, 3 + 14, 4 + 16}, 4);
        e->conv_free(conv);
        guarded_end(slot), guarded_end(x), guarded_end(dy), guarded_end(y), guarded_end(dx);
    }
}

/* y of one image, which only a rim, a step between the taps or a group's share makes what it is. */
static void check_outputs(const Window *w, const float *image, const float *weights, const float *expected) {
    for (int i = 0; engines()[i]; i++) {
        const Engine *e = engines()[i];
        void *x = packed(e, image, inputs_of(w)), *y = unwritten(e, outputs_of(w));
        Conv *conv;
        assert_ok(e->conv_new(w, false, false, 1, &conv));
        assert_ok(e->conv_pack(conv, weights));
        assert_ok(e->conv_forward(conv, 0, x, y));
        assert_elements(e->name, e->kernels, y, expected, outputs_of(w));
        e->conv_free(conv);
        guarded_end(x), guarded_end(y);
    }
}

static void windows_by_hand(void **state) {
    (void)state;
    const float image[] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, weights[] = {1, 10, 100, 1000};
    const float pixel[] = {1, 10, 100, 1000}, ones[] = {1, 2, 3, 4};
    /* Corners of the image, and padding below and at the right alone. */
    check_outputs(&(Window){1, 1, 3, 3, 1, 2, 2, 1, 0, 0, 2, 2, 1, 2}, image, weights, (float[]){8620, 701, 53, 4});
    check_outputs(&(Window){1, 1, 3, 3, 1, 2, 2, 2, 0, 0, 2, 2, 1, 1}, image, weights, (float[]){4310, 502, 76, 8});
    check_outputs(&(Window){1, 4, 1, 1, 2, 1, 1, 1, 0, 0, 1, 1, 2, 1}, pixel, ones, (float[]){21, 4300});
    check_outputs(&(Window){1, 2, 1, 1, 4, 1, 1, 1, 0, 0, 1, 1, 2, 1}, pixel, ones, (float[]){1, 2, 30, 40});
}

/* ---- Convolution: all three passes of one problem ---- */

typedef struct ConvRun {
    Window w;
    float *x, *weights, *dy; /* given */
    float *y, *dx, *dw;      /* computed */
} ConvRun;

/* Values that every engine's elements can hold. */
static ConvRun conv_run(size_t problem, bool integers) {
    Window w = window_at(problem);
    ConvRun r = {w, guarded(inputs_of(&w)), guarded(weights_of(&w)), guarded(outputs_of(&w)), NULL, NULL, NULL};
    if (integers) {
        fill_integers(r.x, inputs_of(&w), 4);
        fill_integers(r.weights, weights_of(&w), 4);
        fill_integers(r.dy, outputs_of(&w), 4);
    } else {
        fill_reals(r.x, inputs_of(&w));
        fill_reals(r.weights, weights_of(&w));
        fill_reals(r.dy, outputs_of(&w));
        for (size_t i = 0; i < inputs_of(&w); i++) r.x[i] = nearest_bf16(r.x[i]);
        for (size_t i = 0; i < weights_of(&w); i++) r.weights[i] = nearest_bf16(r.weights[i]);
        for (size_t i = 0; i < outputs_of(&w); i++) r.dy[i] = nearest_bf16(r.dy[i]);
    }
    return r;
}

static void drop_results(ConvRun *r) {
    guarded_end(r->y), guarded_end(r->dx), guarded_end(r->dw);
    r->y = r->dx = r->dw = NULL;
}

static void compute(const Engine *e, int seat, ConvRun *r) {
    size_t in = inputs_of(&r->w), out = outputs_of(&r->w);
    Conv *conv;
    void *x = packed(e, r->x, in), *dy = packed(e, r->dy, out), *y = unwritten(e, out), *dx = unwritten(e, in);
    r->dw = guarded(weights_of(&r->w));
    assert_ok(e->conv_new(&r->w, true, true, SEATS, &conv));
    assert_ok(e->conv_pack(conv, r->weights));
    float *slot = guarded(e->conv_slot_size(conv));
    assert_ok(e->conv_forward(conv, seat, x, y));
    assert_ok(e->conv_backward_data(conv, seat, dy, dx));
    assert_ok(e->conv_backward_weights(conv, seat, x, dy, slot, false));
    assert_ok(e->conv_unpack(conv, slot, r->dw));
    e->conv_free(conv);
    r->y = opened(e, y, out), r->dx = opened(e, dx, in);
    guarded_end(slot), guarded_end(x), guarded_end(dy);
}

static void end_run(ConvRun *r) {
    drop_results(r);
    guarded_end(r->x), guarded_end(r->weights), guarded_end(r->dy);
}

static void assert_rounded(const char *what, const Engine *e, const float *got, const float *expected, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float wanted = nearest_element(e->kernels, expected[i]);
        assert_equal_floats(what, got + i, &wanted, 1);
    }
}

static void conv_exact_on_integers(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        ConvRun r = conv_run(i, true);
        compute(&reference_engine, 0, &r);
        float *y = r.y, *dx = r.dx, *dw = r.dw;
        for (int k = 1; engines()[k]; k++) {
            const Engine *e = engines()[k];
            compute(e, 0, &r);
            assert_rounded(label(e, "y", i), e, r.y, y, outputs_of(&r.w));
            assert_rounded(label(e, "dx", i), e, r.dx, dx, inputs_of(&r.w));
            assert_equal_floats(label(e, "dw", i), r.dw, dw, weights_of(&r.w));
            drop_results(&r);
        }
        r.y = y, r.dx = dx, r.dw = dw;
        end_run(&r);
    }
}

static void conv_near_on_reals(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        ConvRun r = conv_run(i, false);
        const Window *w = &r.w;
        double taps = (double)w->R * w->S, most = fmax(taps * fmax(w->C, w->K), (double)w->N * w->P * w->Q);
        compute(&reference_engine, 0, &r);
        float *y = r.y, *dx = r.dx, *dw = r.dw;
        for (int k = 1; engines()[k]; k++) {
            const Engine *e = engines()[k];
            /* Sums of `most` products below 1: rounding grows like its root; this leaves room. */
            double limit = 3e-6 * sqrt(most);
            compute(e, 0, &r);
            assert_near_floats(label(e, "y", i), r.y, y, outputs_of(w), limit + rounding(e, y, outputs_of(w)));
            assert_near_floats(label(e, "dx", i), r.dx, dx, inputs_of(w), limit + rounding(e, dx, inputs_of(w)));
            assert_near_floats(label(e, "dw", i), r.dw, dw, weights_of(w), limit);
            drop_results(&r);
        }
        r.y = y, r.dx = dx, r.dw = dw;
        end_run(&r);
    }
}

static void conv_seats_agree(void **state) {
    (void)state;
    for (int e = 0; engines()[e]; e++)
        for (size_t i = 0; i < COUNT_OF(window_table); i++) {
            ConvRun r = conv_run(i, false);
            compute(engines()[e], 0, &r);
            float *y = r.y, *dx = r.dx, *dw = r.dw;
            compute(engines()[e], SEATS - 1, &r);
            assert_same_bits(label(engines()[e], "y", i), r.y, y, outputs_of(&r.w) * sizeof *y);
            assert_same_bits(label(engines()[e], "dx", i), r.dx, dx, inputs_of(&r.w) * sizeof *dx);
            assert_same_bits(label(engines()[e], "dw", i), r.dw, dw, weights_of(&r.w) * sizeof *dw);
            end_run(&r);
            guarded_end(y), guarded_end(dx), guarded_end(dw);
        }
}

/* A slot takes one gradient on top of another. */
static void conv_slots_add(void **state) {
    (void)state;
    for (int k = 0; engines()[k]; k++)
        for (size_t i = 0; i < COUNT_OF(window_table); i++) {
            const Engine *e = engines()[k];
            ConvRun r = conv_run(i, true);
            size_t count = weights_of(&r.w);
            void *x = packed(e, r.x, inputs_of(&r.w)), *dy = packed(e, r.dy, outputs_of(&r.w));
            Conv *conv;
            compute(&reference_engine, 0, &r);
            assert_ok(e->conv_new(&r.w, true, false, SEATS, &conv));
            float *slot = guarded(e->conv_slot_size(conv)), *dw = guarded(count);
            for (int turn = 0; turn < 3; turn++)
                assert_ok(e->conv_backward_weights(conv, SEATS - 1, x, dy, slot, turn > 0));
            assert_ok(e->conv_unpack(conv, slot, dw));
            for (size_t n = 0; n < count; n++) r.dw[n] *= 3;
            assert_equal_floats(label(e, "three times dw", i), dw, r.dw, count);
            e->conv_free(conv);
            guarded_end(x), guarded_end(dy), guarded_end(slot), guarded_end(dw);
            end_run(&r);
        }
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* y is linear in x and in w, so <dy, y> = <dx, x> = <dw, w>: on integers exactly. */
static void conv_adjoint(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        ConvRun r = conv_run(i, true);
        compute(&reference_engine, 0, &r);
        double forward = dot(r.dy, r.y, outputs_of(&r.w));
        assert_true(forward == dot(r.dx, r.x, inputs_of(&r.w)));
        assert_true(forward == dot(r.dw, r.weights, weights_of(&r.w)));
        end_run(&r);
    }
}

/* One object takes new weights again and again, and a slot may lie anywhere. */
static void conv_packs_again(void **state) {
    (void)state;
    Window w = window_at(5);
    size_t in = inputs_of(&w), out = outputs_of(&w), count = weights_of(&w);
    for (int i = 0; engines()[i]; i++) {
        const Engine *e = engines()[i];
        Conv *conv;
        float *image = guarded(in), *weights = guarded(count), *expected = guarded(out);
        void *y = unwritten(e, out);
        fill_integers(image, in, 3);
        fill_integers(weights, count, 3);
        void *x = packed(e, image, in);
        assert_ok(e->conv_new(&w, false, false, 1, &conv));
        assert_ok(e->conv_pack(conv, weights));
        assert_ok(e->conv_forward(conv, 0, x, y));
        floats_of(e->kernels, y, out, expected);
        for (size_t k = 0; k < count; k++) weights[k] *= -2;
        assert_ok(e->conv_forward(conv, 0, x, y)); /* not yet in use */
        assert_elements("before packing", e->kernels, y, expected, out);
        assert_ok(e->conv_pack(conv, weights));
        assert_ok(e->conv_forward(conv, 0, x, y));
        for (size_t k = 0; k < out; k++) expected[k] *= -2;
        assert_elements("after packing", e->kernels, y, expected, out);
        e->conv_free(conv);
        e->conv_free(NULL);
        guarded_end(image), guarded_end(x), guarded_end(weights), guarded_end(expected), guarded_end(y);
    }
}

/* ---- Dense layers ---- */

/* N, slice, inputs, outputs, slope, bias, float_out */
static const DenseShape dense_table[] = {
    {8, 8, 5, 1, 1, false, false},
    {8, 8, 49, 10, 1, true, true},
    {16, 8, 30, 32, 0, true, false},
    {24, 8, 7, 33, 0.25f, true, false},
    {8, 8, 64, 128, 0, false, false},
    {40, 8, 100, 70, 0.5f, true, true},
    {8, 8, 1, 3, 0, true, true},
    {128, 8, 200, 64, 1, true, false},
    {24, 8, 20, 17, 0.5f, false, false},
    {16, 8, 11, 65, 1, false, true},
    {40, 8, 13, 31, 0.25f, true, false},
    {16, 8, 9, 34, 0, true, true},
    /* a power of two; sums of more than one block, odd ones; ranges of inputs with a rest; groups of images with a rest */
    {16, 8, 1024, 64, 1, true, false},
    {8, 8, 777, 35, 0.5f, true, false},
    {552, 8, 67, 33, 0, true, false},
    {8, 8, 300, 600, 1, true, false},
    {8, 8, 5, 555, 1, false, false},
    {1, 1, 321, 65, 1, true, true},
    {1, 1, 1, 1, 1, true, false},
    {600, 8, 1, 40, 1, true, false},
    {3, 3, 259, 7, 0.5f, true, false},
};

typedef struct DenseRun {
    DenseShape d;
    size_t nx, ny, nw;
    float *x, *weights, *bias, *dy, *y, *dx, *dw;
} DenseRun;

static DenseRun dense_run(DenseShape d, bool integers) {
    size_t N = (size_t)d.N, in = (size_t)d.inputs, out = (size_t)d.outputs;
    DenseRun r = {.d = d, .nx = N * in, .ny = N * out, .nw = in * out};
    r.x = guarded(r.nx), r.weights = guarded(r.nw), r.dy = guarded(r.ny), r.bias = guarded(out);
    float *const all[] = {r.x, r.weights, r.dy, r.bias};
    const size_t counts[] = {r.nx, r.nw, r.ny, out};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (integers)
            fill_integers(all[i], counts[i], 5);
        else
            fill_reals(all[i], counts[i]);
        for (size_t k = 0; k < counts[i]; k++) all[i][k] = nearest_bf16(all[i][k]);
    }
    return r;
}

/* The pieces of a pass in any order; where the layer goes slice by slice, also those. */
static void pass_dense(const Engine *e, Dense *dense, int seat, const DenseRun *r, DensePass pass, char *x, char *y) {
    const DenseShape *d = &r->d;
    const bool by_slice = dense_by_slice(d->outputs) && pass != DENSE_BACKWARD_WEIGHTS;
    const size_t in = e->kernels->element, out = pass == DENSE_FORWARD && d->float_out ? sizeof(float) : in;
    const size_t step = (size_t)(by_slice ? d->slice : d->N);
    for (size_t n = 0; n < (size_t)d->N; n += step)
        for (int i = e->dense_pieces(dense, pass) - 1; i >= 0; i--) {
            char *of_x = x + n * (size_t)d->inputs * in, *of_y = y + n * (size_t)d->outputs * out;
            if (pass == DENSE_FORWARD) e->dense_forward(dense, seat, i, of_x, d->bias ? r->bias : NULL, of_y);
            if (pass == DENSE_BACKWARD_DATA) e->dense_backward_data(dense, seat, i, of_y, r->weights, of_x);
            if (pass == DENSE_BACKWARD_WEIGHTS) e->dense_backward_weights(dense, seat, i, x, y, r->dw);
        }
}

static Dense *dense_of(const Engine *e, const DenseRun *r, bool training, bool input_gradient) {
    Dense *dense;
    assert_ok(e->dense_new(&r->d, training, input_gradient, SEATS, &dense));
    for (int i = e->dense_pieces(dense, DENSE_PACK) - 1; i >= 0; i--) e->dense_pack(dense, i, r->weights);
    return dense;
}

static void compute_dense(const Engine *e, int seat, DenseRun *r) {
    Dense *dense = dense_of(e, r, true, true);
    char *x = packed(e, r->x, r->nx), *dy = packed(e, r->dy, r->ny), *dx = unwritten(e, r->nx);
    void *y = r->d.float_out ? guarded(r->ny) : unwritten(e, r->ny);
    r->dw = guarded(r->nw);
    pass_dense(e, dense, seat, r, DENSE_FORWARD, x, y);
    pass_dense(e, dense, seat, r, DENSE_BACKWARD_WEIGHTS, x, dy);
    pass_dense(e, dense, seat, r, DENSE_BACKWARD_DATA, dx, dy);
    e->dense_free(dense);
    e->dense_free(NULL);
    r->y = r->d.float_out ? y : opened(e, y, r->ny);
    r->dx = opened(e, dx, r->nx);
    guarded_end(x), guarded_end(dy);
}

static void drop_dense(DenseRun *r) {
    guarded_end(r->y), guarded_end(r->dx), guarded_end(r->dw);
}

static void end_dense(DenseRun *r) {
    guarded_end(r->x), guarded_end(r->weights), guarded_end(r->bias), guarded_end(r->dy);
    drop_dense(r);
}

static void dense_by_hand(void **state) {
    (void)state;
    for (int i = 0; engines()[i]; i++) {
        DenseRun r = dense_run((DenseShape){2, 1, 3, 2, 0.5f, true, true}, true);
        memcpy(r.x, (const float[]){1, 2, 3, 4, 5, 6}, 6 * sizeof(float));
        memcpy(r.weights, (const float[]){1, 10, 100, -1, 0, 1}, 6 * sizeof(float));
        memcpy(r.bias, (const float[]){1000, -6}, 2 * sizeof(float));
        memcpy(r.dy, (const float[]){1, 2, 0, -1}, 4 * sizeof(float));
        compute_dense(engines()[i], 0, &r);
        assert_equal_floats("y", r.y, (const float[]){1321, -2, 1654, -2}, 4); /* 2 - 6, halved */
        assert_equal_floats("dx", r.dx, (const float[]){-1, 10, 102, 1, 0, -1}, 6);
        assert_equal_floats("dw", r.dw, (const float[]){1, 2, 3, 2 - 4, 4 - 5, 6 - 6}, 6);
        end_dense(&r);
    }
}

/* y by the definition, rounded only where the outputs are not float. */
static void check_dense_outputs(const Engine *e, const DenseRun *r, const char *what) {
    size_t in = (size_t)r->d.inputs, out = (size_t)r->d.outputs;
    for (size_t i = 0; i < r->ny; i++) {
        double sum = dot(r->x + i / out * in, r->weights + i % out * in, in);
        if (r->d.bias) sum += (double)r->bias[i % out];
        float wanted = (float)(sum > 0 ? sum : (double)r->d.slope * sum);
        if (!r->d.float_out) wanted = nearest_element(e->kernels, wanted);
        assert_equal_floats(what, r->y + i, &wanted, 1);
    }
}

static void dense_exact_on_integers(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT_OF(dense_table); k++) {
        DenseRun r = dense_run(dense_table[k], true);
        size_t in = (size_t)r.d.inputs, out = (size_t)r.d.outputs;
        compute_dense(&reference_engine, 0, &r);
        float *dx = r.dx, *dw = r.dw, *y = r.y;
        double forward = 0; /* <dy, x . w> */
        for (size_t i = 0; i < r.ny; i++)
            forward += (double)r.dy[i] * dot(r.x + i / out * in, r.weights + i % out * in, in);
        assert_true(forward == dot(r.dx, r.x, r.nx));
        assert_true(forward == dot(r.dw, r.weights, r.nw));
        check_dense_outputs(&reference_engine, &r, label(&reference_engine, "dense y", k));
        for (int i = 1; engines()[i]; i++) {
            const Engine *e = engines()[i];
            compute_dense(e, 0, &r);
            check_dense_outputs(e, &r, label(e, "dense y", k));
            assert_rounded(label(e, "dense dx", k), e, r.dx, dx, r.nx);
            assert_equal_floats(label(e, "dense dw", k), r.dw, dw, r.nw);
            drop_dense(&r);
        }
        r.y = y, r.dx = dx, r.dw = dw;
        end_dense(&r);
    }
}

static void dense_seats_agree(void **state) {
    (void)state;
    for (int i = 0; engines()[i]; i++)
        for (size_t k = 0; k < COUNT_OF(dense_table); k++) {
            DenseRun r = dense_run(dense_table[k], false);
            compute_dense(engines()[i], 0, &r);
            float *dx = r.dx, *dw = r.dw, *y = r.y;
            compute_dense(engines()[i], SEATS - 1, &r);
            assert_same_bits("y", y, r.y, r.ny * sizeof *y);
            assert_same_bits("dx", dx, r.dx, r.nx * sizeof *dx);
            assert_same_bits("dw", dw, r.dw, r.nw * sizeof *dw);
            guarded_end(y), guarded_end(dx), guarded_end(dw);
            end_dense(&r);
        }
}

static void dense_near_on_reals(void **state) {
    (void)state;
    for (size_t k = 0; k < COUNT_OF(dense_table); k++) {
        DenseRun r = dense_run(dense_table[k], false);
        compute_dense(&reference_engine, 0, &r);
        float *dx = r.dx, *dw = r.dw, *y = r.y;
        for (int i = 1; engines()[i]; i++) {
            const Engine *e = engines()[i];
            double room = r.d.float_out ? 0 : rounding(e, y, r.ny);
            compute_dense(e, 0, &r);
            assert_near_floats(label(e, "dense y", k), r.y, y, r.ny, 1e-5 + room);
            assert_near_floats(label(e, "dense dx", k), r.dx, dx, r.nx, 1e-5 + rounding(e, dx, r.nx));
            assert_near_floats(label(e, "dense dw", k), r.dw, dw, r.nw, 1e-5);
            drop_dense(&r);
        }
        r.y = y, r.dx = dx, r.dw = dw;
        end_dense(&r);
    }
}

/* NaN of any image and column passes the activation, whatever its slope, and nothing else is touched. */
static void dense_keeps_nan(void **state) {
    (void)state;
    static const int widths[] = {1, 7, 32, 33, 70};
    static const float slopes[] = {0, 0.25f, 1};
    for (int i = 0; engines()[i]; i++)
        for (size_t k = 0; k < COUNT_OF(widths) * COUNT_OF(slopes); k++) {
            const int width = widths[k % COUNT_OF(widths)];
            const float slope = slopes[k / COUNT_OF(widths)];
            DenseRun r = dense_run((DenseShape){16, 8, 5, width, slope, true, false}, true);
            DenseRun sound = dense_run((DenseShape){16, 8, 5, width, slope, true, false}, true);
            memcpy(sound.x, r.x, r.nx * sizeof(float)), memcpy(sound.weights, r.weights, r.nw * sizeof(float));
            memcpy(sound.bias, r.bias, (size_t)width * sizeof(float));
            r.bias[width / 2] = NAN;
            compute_dense(engines()[i], 0, &r);
            compute_dense(engines()[i], 0, &sound);
            for (size_t n = 0; n < 16; n++)
                for (size_t c = 0; c < (size_t)width; c++) {
                    const float y = r.y[n * (size_t)width + c], was = sound.y[n * (size_t)width + c];
                    assert_true((int)c == width / 2 ? isnan(y) : y == was);
                }
            end_dense(&r), end_dense(&sound);
        }
}

/* A NaN in an image (or its gradient) leaves the other images alone, also the one before it in memory, whose values may end in
 * the middle of a word. */
static void dense_nan_stays_in_its_image(void **state) {
    (void)state;
    enum { N = 8, BAD = 5 };
    static const int sizes[][2] = {{5, 3}, {7, 35}, {64, 40}, {1, 1}};
    for (int i = 0; engines()[i]; i++)
        for (size_t k = 0; k < COUNT_OF(sizes); k++) {
            const size_t in = (size_t)sizes[k][0], out = (size_t)sizes[k][1];
            DenseRun r = dense_run((DenseShape){N, 8, (int)in, (int)out, 1, true, false}, true);
            r.x[BAD * in] = r.dy[BAD * out] = NAN;
            compute_dense(engines()[i], 0, &r);
            for (size_t n = 0; n < N; n++) {
                for (size_t c = 0; c < out; c++) assert_true(isnan(r.y[n * out + c]) == (n == BAD));
                for (size_t c = 0; c < in; c++) assert_true(isnan(r.dx[n * in + c]) == (n == BAD));
            }
            end_dense(&r);
        }
}

/* What an image gives depends neither on its place in the batch nor on how many there are with it. */
static void dense_places_agree(void **state) {
    (void)state;
    static const int widths[] = {10, 33, 128}, batches[] = {8, 16, 128, 136};
    for (int i = 0; engines()[i]; i++)
        for (size_t k = 0; k < COUNT_OF(widths) * COUNT_OF(batches); k++) {
            const int width = widths[k % COUNT_OF(widths)], N = batches[k / COUNT_OF(widths)];
            const size_t out = (size_t)width, in = 301;
            DenseRun r = dense_run((DenseShape){N, 8, (int)in, width, 0.25f, true, true}, false);
            for (size_t n = 1; n < (size_t)N; n++) {
                memcpy(r.x + n * in, r.x, in * sizeof(float));
                memcpy(r.dy + n * out, r.dy, out * sizeof(float));
            }
            compute_dense(engines()[i], 0, &r);
            for (size_t n = 1; n < (size_t)N; n++) {
                assert_same_bits(label(engines()[i], "y of an image", k), r.y + n * out, r.y, out * sizeof(float));
                assert_same_bits(label(engines()[i], "dx of an image", k), r.dx + n * in, r.dx, in * sizeof(float));
            }
            end_dense(&r);
        }
}

/* Parts of a batch give the bits of the whole: sums over groups are added as a tree. */
static void dense_gradients_join(void **state) {
    (void)state;
    static const int halves[][2] = {{32, 32},  {32, 8},   {64, 64},    {64, 33},
                                    {128, 17}, {512, 40}, {1024, 700}, {2048, 2048}};
    static const int widths[][2] = {{70, 35}, {300, 10}};
    for (int i = 0; engines()[i]; i++)
        for (size_t k = 0; k < COUNT_OF(halves) * COUNT_OF(widths); k++) {
            const int first = halves[k / 2][0], second = halves[k / 2][1], in = widths[k % 2][0],
                      out = widths[k % 2][1];
            DenseRun whole = dense_run((DenseShape){first + second, 1, in, out, 1, false, true}, false);
            DenseRun a = dense_run((DenseShape){first, 1, in, out, 1, false, true}, false);
            DenseRun b = dense_run((DenseShape){second, 1, in, out, 1, false, true}, false);
            memcpy(a.x, whole.x, a.nx * sizeof(float)), memcpy(a.dy, whole.dy, a.ny * sizeof(float));
            memcpy(b.x, whole.x + a.nx, b.nx * sizeof(float)), memcpy(b.dy, whole.dy + a.ny, b.ny * sizeof(float));
            compute_dense(engines()[i], 0, &whole), compute_dense(engines()[i], 0, &a);
            compute_dense(engines()[i], 0, &b);
            for (size_t n = 0; n < a.nw; n++) a.dw[n] += b.dw[n];
            assert_same_bits(label(engines()[i], "joined dw", k), a.dw, whole.dw, a.nw * sizeof(float));
            end_dense(&whole), end_dense(&a), end_dense(&b);
        }
}

/* Without training, or where nothing wants the input's gradient, an object goes forward just the same. */
static void forward_alone(void **state) {
    (void)state;
    for (int i = 0; engines()[i]; i++) {
        const Engine *e = engines()[i];
        for (size_t k = 0; k < COUNT_OF(dense_table); k++) {
            DenseRun r = dense_run(dense_table[k], true);
            Dense *dense = dense_of(e, &r, k % 2, false);
            char *x = packed(e, r.x, r.nx);
            void *y = r.d.float_out ? guarded(r.ny) : unwritten(e, r.ny);
            pass_dense(e, dense, 0, &r, DENSE_FORWARD, x, y);
            e->dense_free(dense);
            r.y = r.d.float_out ? y : opened(e, y, r.ny);
            check_dense_outputs(e, &r, label(e, "dense y alone", k));
            r.dx = guarded(1), r.dw = guarded(1);
            guarded_end(x);
            end_dense(&r);
        }
    }
}

/* ---- The engine as a whole ---- */

static void engine_names_itself(void **state) {
    (void)state;
    const Engine *e = cpu_engine();
    print_message("fast engine: %s\n", e->name);
    assert_ptr_equal(e, cpu_engine());
    assert_non_null(strstr(e->name, e->kernels->name));
    assert_string_equal(reference_engine.name, "reference (plain C)");
    const Engine *half = cpu_engine_bf16();
    assert_ptr_equal(half, cpu_engine_bf16());
    if (half) {
        print_message("bfloat16 engine: %s\n", half->name);
        assert_int_equal(half->kernels->element, 2);
        assert_non_null(strstr(half->name, half->kernels->name));
    } else {
        print_message("SKIPPED: the bfloat16 engine (this processor has no AVX512_BF16)\n");
    }
    double one = cpu_peak_gflops(1), one_half = cpu_peak_gflops_bf16(1);
    /* A slip of the unit is a factor of 1000; an emulated processor with others at work may come to 0.1. */
    assert_true(one > 0.01 && one < 10000);
    assert_true(half ? one_half > 0.01 && one_half < 40000 : one_half == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taps_counted),
        cmocka_unit_test(conv_by_hand),
        cmocka_unit_test(windows_by_hand),
        cmocka_unit_test(conv_exact_on_integers),
        cmocka_unit_test(conv_slots_add),
        cmocka_unit_test(conv_near_on_reals),
        cmocka_unit_test(conv_seats_agree),
        cmocka_unit_test(conv_adjoint),
        cmocka_unit_test(conv_packs_again),
        cmocka_unit_test(dense_by_hand),
        cmocka_unit_test(dense_exact_on_integers),
        cmocka_unit_test(dense_seats_agree),
        cmocka_unit_test(dense_near_on_reals),
        cmocka_unit_test(dense_nan_stays_in_its_image),
        cmocka_unit_test(dense_places_agree),
        cmocka_unit_test(dense_gradients_join),
        cmocka_unit_test(forward_alone),
        cmocka_unit_test(dense_keeps_nan),
        cmocka_unit_test(engine_names_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
