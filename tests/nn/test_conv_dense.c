/* Convolutions and dense layers of both engines: by hand (an all-ones convolution counts the taps inside the image), exactly
 * against the reference on small integers, and, for the reference itself, the identities that tie its three passes together. */
#include "nn/problems.h"

#include <stdio.h>

enum { SEATS = 2 };

static const Engine *const *engines(void) {
    static const Engine *both[3];
    both[0] = &reference_engine;
    both[1] = cpu_engine();
    return both;
}

static const char *label(const Engine *e, const char *what, size_t problem) {
    static char text[128];
    snprintf(text, sizeof text, "%s: %s of problem %zu", e->name, what, problem);
    return text;
}

/* ---- Convolution by hand ---- */

static int taps_inside(int at, int stride, int pad, int length, int side) {
    int count = 0;
    for (int r = 0; r < length; r++) count += at * stride - pad + r >= 0 && at * stride - pad + r < side;
    return count;
}

static void ones_conv(const Engine *e, size_t problem) {
    Window w = window_at(problem);
    Conv *conv;
    float *x = guarded(inputs_of(&w)), *weights = guarded(weights_of(&w)), *y = guarded(outputs_of(&w));
    fill_with(x, inputs_of(&w), 1);
    fill_with(weights, weights_of(&w), 1);
    assert_ok(e->conv_new(&w, false, false, 1, &conv));
    assert_ok(e->conv_pack(conv, weights));
    assert_ok(e->conv_forward(conv, 0, x, y));
    for (size_t i = 0; i < outputs_of(&w); i++) {
        int pixel = (int)(i / (size_t)w.K) % (w.P * w.Q), p = pixel / w.Q, q = pixel % w.Q;
        int taps = taps_inside(p, w.stride, w.pad_h, w.R, w.H) * taps_inside(q, w.stride, w.pad_w, w.S, w.W);
        if (y[i] != (float)(w.C * taps)) print_error("%s: value %zu\n", label(e, "taps", problem), i);
        assert_true(y[i] == (float)(w.C * taps));
    }
    e->conv_free(conv);
    guarded_end(x), guarded_end(weights), guarded_end(y);
}

static void taps_counted(void **state) {
    (void)state;
    for (int e = 0; engines()[e]; e++)
        for (size_t i = 0; i < COUNT_OF(window_table); i++) ones_conv(engines()[e], i);
}

/* Image 0 1 2 / 3 4 5 / 6 7 8, a filter that looks right and below with weights 1, 10, 100, 1000: which way round is seen. */
static void conv_by_hand(void **state) {
    (void)state;
    const Window w = {1, 1, 3, 3, 1, 2, 2, 1, 0, 0, 2, 2};
    const float x[] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, weights[] = {1, 10, 100, 1000}, dy[] = {1, 0, 0, 2};
    for (int i = 0; engines()[i]; i++) {
        const Engine *e = engines()[i];
        float y[4], dx[9], dw[4], *slot;
        Conv *conv;
        assert_ok(e->conv_new(&w, true, true, 1, &conv));
        assert_ok(e->conv_pack(conv, weights));
        assert_ok(e->conv_forward(conv, 0, x, y));
        assert_equal_floats("y", y, (const float[]){4310, 5421, 7643, 8754}, 4);
        assert_ok(e->conv_backward_data(conv, 0, dy, dx));
        assert_equal_floats("dx", dx, (const float[]){1, 10, 0, 100, 1002, 20, 0, 200, 2000}, 9);
        slot = guarded(e->conv_slot_size(conv));
        assert_ok(e->conv_backward_weights(conv, 0, x, dy, slot));
        assert_ok(e->conv_unpack(conv, slot, dw));
        assert_equal_floats("dw", dw, (const float[]){0 + 8, 1 + 10, 3 + 14, 4 + 16}, 4);
        e->conv_free(conv);
        guarded_end(slot);
    }
}

/* ---- Convolution: all three passes of one problem ---- */

typedef struct ConvRun {
    Window w;
    float *x, *weights, *dy; /* given */
    float *y, *dx, *dw;      /* computed */
} ConvRun;

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
    }
    return r;
}

static void drop_results(ConvRun *r) {
    guarded_end(r->y), guarded_end(r->dx), guarded_end(r->dw);
    r->y = r->dx = r->dw = NULL;
}

static void compute(const Engine *e, int seat, ConvRun *r) {
    Conv *conv;
    r->y = guarded(outputs_of(&r->w)), r->dx = guarded(inputs_of(&r->w)), r->dw = guarded(weights_of(&r->w));
    assert_ok(e->conv_new(&r->w, true, true, SEATS, &conv));
    assert_ok(e->conv_pack(conv, r->weights));
    float *slot = guarded(e->conv_slot_size(conv));
    assert_ok(e->conv_forward(conv, seat, r->x, r->y));
    assert_ok(e->conv_backward_data(conv, seat, r->dy, r->dx));
    assert_ok(e->conv_backward_weights(conv, seat, r->x, r->dy, slot));
    assert_ok(e->conv_unpack(conv, slot, r->dw));
    e->conv_free(conv);
    guarded_end(slot);
}

static void end_run(ConvRun *r) {
    drop_results(r);
    guarded_end(r->x), guarded_end(r->weights), guarded_end(r->dy);
}

static void conv_exact_on_integers(void **state) {
    (void)state;
    const Engine *fast = cpu_engine();
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        ConvRun r = conv_run(i, true);
        compute(&reference_engine, 0, &r);
        float *y = r.y, *dx = r.dx, *dw = r.dw;
        compute(fast, 0, &r);
        assert_equal_floats(label(fast, "y", i), r.y, y, outputs_of(&r.w));
        assert_equal_floats(label(fast, "dx", i), r.dx, dx, inputs_of(&r.w));
        assert_equal_floats(label(fast, "dw", i), r.dw, dw, weights_of(&r.w));
        end_run(&r);
        guarded_end(y), guarded_end(dx), guarded_end(dw);
    }
}

static void conv_near_on_reals(void **state) {
    (void)state;
    const Engine *fast = cpu_engine();
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        ConvRun r = conv_run(i, false);
        const Window *w = &r.w;
        double taps = (double)w->R * w->S, most = fmax(taps * fmax(w->C, w->K), (double)w->N * w->P * w->Q);
        compute(&reference_engine, 0, &r);
        float *y = r.y, *dx = r.dx, *dw = r.dw;
        compute(fast, 0, &r);
        /* Sums of `most` products below 1: rounding grows like its root; this leaves room. */
        assert_near_floats(label(fast, "y", i), r.y, y, outputs_of(w), 3e-6 * sqrt(most));
        assert_near_floats(label(fast, "dx", i), r.dx, dx, inputs_of(w), 3e-6 * sqrt(most));
        assert_near_floats(label(fast, "dw", i), r.dw, dw, weights_of(w), 3e-6 * sqrt(most));
        end_run(&r);
        guarded_end(y), guarded_end(dx), guarded_end(dw);
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
    for (int i = 0; engines()[i]; i++) {
        const Engine *e = engines()[i];
        Conv *conv;
        float *x = guarded(inputs_of(&w)), *weights = guarded(weights_of(&w)), *y = guarded(outputs_of(&w));
        float *y2 = guarded(outputs_of(&w));
        fill_integers(x, inputs_of(&w), 3);
        fill_integers(weights, weights_of(&w), 3);
        assert_ok(e->conv_new(&w, false, false, 1, &conv));
        assert_ok(e->conv_pack(conv, weights));
        assert_ok(e->conv_forward(conv, 0, x, y));
        for (size_t k = 0; k < weights_of(&w); k++) weights[k] *= -2;
        assert_ok(e->conv_forward(conv, 0, x, y2)); /* not yet in use */
        assert_equal_floats("before packing", y2, y, outputs_of(&w));
        assert_ok(e->conv_pack(conv, weights));
        assert_ok(e->conv_forward(conv, 0, x, y2));
        for (size_t k = 0; k < outputs_of(&w); k++) y[k] *= -2;
        assert_equal_floats("after packing", y2, y, outputs_of(&w));
        e->conv_free(conv);
        e->conv_free(NULL);
        guarded_end(x), guarded_end(weights), guarded_end(y), guarded_end(y2);
    }
}

/* ---- Dense layers ---- */

typedef struct DenseShape {
    int N, slice, inputs, outputs;
} DenseShape;

static const DenseShape dense_table[] = {
    {8, 8, 5, 1},    {8, 8, 49, 10},   {16, 8, 30, 32}, {24, 8, 7, 33},
    {8, 8, 64, 128}, {40, 8, 100, 70}, {8, 8, 1, 3},    {128, 8, 200, 64},
};

typedef struct DenseRun {
    DenseShape d;
    size_t nx, ny, nw;
    float *x, *weights, *dy, *y, *dx, *dw;
} DenseRun;

static DenseRun dense_run(DenseShape d, bool integers) {
    size_t N = (size_t)d.N, in = (size_t)d.inputs, out = (size_t)d.outputs;
    DenseRun r = {.d = d, .nx = N * in, .ny = N * out, .nw = in * out};
    r.x = guarded(r.nx), r.weights = guarded(r.nw), r.dy = guarded(r.ny);
    if (integers)
        fill_integers(r.x, r.nx, 5), fill_integers(r.weights, r.nw, 5), fill_integers(r.dy, r.ny, 5);
    else
        fill_reals(r.x, r.nx), fill_reals(r.weights, r.nw), fill_reals(r.dy, r.ny);
    return r;
}

static void compute_dense(const Engine *e, int seat, DenseRun *r) {
    DenseShape d = r->d;
    size_t slice_x = (size_t)d.slice * (size_t)d.inputs, slice_y = (size_t)d.slice * (size_t)d.outputs;
    Dense *dense;
    r->y = guarded(r->ny), r->dx = guarded(r->nx), r->dw = guarded(r->nw);
    assert_ok(e->dense_new(d.N, d.slice, d.inputs, d.outputs, true, true, SEATS, &dense));
    for (int t = dense_tiles(d.outputs) - 1; t >= 0; t--) { /* in any order */
        assert_ok(e->dense_forward(dense, seat, t, r->x, r->weights, r->y));
        assert_ok(e->dense_backward_weights(dense, seat, t, r->x, r->dy, r->dw));
    }
    for (size_t s = 0; s < (size_t)(d.N / d.slice); s++)
        assert_ok(e->dense_backward_data(dense, seat, r->dy + s * slice_y, r->weights, r->dx + s * slice_x));
    e->dense_free(dense);
    e->dense_free(NULL);
}

static void end_dense(DenseRun *r) {
    guarded_end(r->x), guarded_end(r->weights), guarded_end(r->dy);
    guarded_end(r->y), guarded_end(r->dx), guarded_end(r->dw);
}

static void dense_by_hand(void **state) {
    (void)state;
    for (int i = 0; engines()[i]; i++) {
        DenseRun r = dense_run((DenseShape){2, 1, 3, 2}, true);
        memcpy(r.x, (const float[]){1, 2, 3, 4, 5, 6}, 6 * sizeof(float));
        memcpy(r.weights, (const float[]){1, 10, 100, -1, 0, 1}, 6 * sizeof(float));
        memcpy(r.dy, (const float[]){1, 2, 0, -1}, 4 * sizeof(float));
        compute_dense(engines()[i], 0, &r);
        assert_equal_floats("y", r.y, (const float[]){321, 2, 654, 2}, 4);
        assert_equal_floats("dx", r.dx, (const float[]){-1, 10, 102, 1, 0, -1}, 6);
        assert_equal_floats("dw", r.dw, (const float[]){1, 2, 3, 2 - 4, 4 - 5, 6 - 6}, 6);
        end_dense(&r);
    }
}

static void dense_exact_on_integers(void **state) {
    (void)state;
    for (int i = 0; engines()[i]; i++)
        for (size_t k = 0; k < COUNT_OF(dense_table); k++) {
            const Engine *e = engines()[i];
            DenseRun r = dense_run(dense_table[k], true);
            size_t in = (size_t)r.d.inputs, out = (size_t)r.d.outputs;
            compute_dense(e, 0, &r);
            for (size_t n = 0; n < (size_t)r.d.N; n++)
                for (size_t o = 0; o < out; o++) /* by the definition */
                    assert_true((double)r.y[n * out + o] == dot(r.x + n * in, r.weights + o * in, in));
            double forward = dot(r.dy, r.y, r.ny);
            assert_true(forward == dot(r.dx, r.x, r.nx));
            assert_true(forward == dot(r.dw, r.weights, r.nw));
            float *dx = r.dx, *dw = r.dw, *y = r.y;
            compute_dense(&reference_engine, 0, &r);
            assert_equal_floats(label(e, "dx", k), dx, r.dx, r.nx);
            assert_equal_floats(label(e, "dw", k), dw, r.dw, r.nw);
            guarded_end(y), guarded_end(dx), guarded_end(dw);
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
    const Engine *fast = cpu_engine();
    for (size_t k = 0; k < COUNT_OF(dense_table); k++) {
        DenseRun r = dense_run(dense_table[k], false);
        compute_dense(&reference_engine, 0, &r);
        float *dx = r.dx, *dw = r.dw, *y = r.y;
        compute_dense(fast, 0, &r);
        assert_near_floats(label(fast, "dense y", k), r.y, y, r.ny, 1e-5);
        assert_near_floats(label(fast, "dense dx", k), r.dx, dx, r.nx, 1e-5);
        assert_near_floats(label(fast, "dense dw", k), r.dw, dw, r.nw, 1e-5);
        guarded_end(y), guarded_end(dx), guarded_end(dw);
        end_dense(&r);
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
    double one = cpu_peak_gflops(1);
    assert_true(one > 0.5 && one < 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taps_counted),
        cmocka_unit_test(conv_by_hand),
        cmocka_unit_test(conv_exact_on_integers),
        cmocka_unit_test(conv_near_on_reals),
        cmocka_unit_test(conv_seats_agree),
        cmocka_unit_test(conv_adjoint),
        cmocka_unit_test(conv_packs_again),
        cmocka_unit_test(dense_by_hand),
        cmocka_unit_test(dense_exact_on_integers),
        cmocka_unit_test(dense_seats_agree),
        cmocka_unit_test(dense_near_on_reals),
        cmocka_unit_test(engine_names_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
