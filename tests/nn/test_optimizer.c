/* Optimizers: steps worked by hand over several steps, and the same bits however the work is shared out. */
#include "nn/problems.h"

#include "nn/optimizer.h"

/* 0 the reference's, 1 the fast ones. */
static const Kernels *kernels_at(size_t i) {
    return i ? cpu_engine()->kernels : &reference_kernels;
}

static Optimizer make(cf_optimizer kind, size_t i, double momentum, double decay, size_t count) {
    Optimizer o;
    const cf_train_options options = {
        .optimizer = kind, .momentum = momentum, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = decay};
    assert_ok(optimizer_new(&options, kernels_at(i), &(Parameters){.trainable = count}, &o));
    return o;
}

/* Gradient 1 twice, then 0: the momentum carries on. Powers of two: exact. */
static void sgd(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        float w = 8;
        Optimizer o = make(CF_SGD, i, 0.5, 0, 1);
        assert_null(o.v);
        assert_ok(optimizer_step(&o, &w, &(float){1}, 0.25, 1)); /* m = 1 */
        assert_true(w == 7.75f);
        assert_ok(optimizer_step(&o, &w, &(float){1}, 0.25, 1)); /* m = 1.5 */
        assert_true(w == 7.375f);
        assert_ok(optimizer_step(&o, &w, &(float){0}, 0.25, 1)); /* m = 0.75 */
        assert_true(w == 7.1875f);
        assert_ok(optimizer_step(&o, &w, &(float){0}, 1, 1)); /* m = 0.375, another rate */
        assert_true(w == 6.8125f);
        assert_int_equal(o.steps, 4);
        optimizer_free(&o);
        optimizer_free(&o);
        /* L2: the decay is part of the gradient, so of the momentum. */
        w = 8;
        o = make(CF_SGD, i, 0.5, 0.125, 1);
        assert_ok(optimizer_step(&o, &w, &(float){1}, 0.25, 1)); /* g = 1 + 1; m = 2 */
        assert_true(w == 7.5f);
        assert_ok(optimizer_step(&o, &w, &(float){0}, 0.25, 1)); /* g = 0.9375; m = 1.9375 */
        assert_true(w == 7.5f - 0.484375f);
        optimizer_free(&o);
    }
}

/* torch.optim.SGD(nesterov=True) as its documentation has it, in double. */
static double nesterov_by_pytorch(double w, const double *gradients, int count, double rate, double momentum,
                                  double decay) {
    double buffer = 0;
    for (int t = 0; t < count; t++) {
        double g = gradients[t] + decay * w;
        buffer = t > 0 ? momentum * buffer + g : g;
        g = g + momentum * buffer;
        w -= rate * g;
    }
    return w;
}

static void nesterov(void **state) {
    (void)state;
    const double gradients[] = {0.5, -2, 0.01, 0, 3, 3, 3, -0.25};
    enum { STEPS = COUNT_OF(gradients) };
    for (size_t i = 0; i < 2; i++) {
        const cf_train_options options = {.optimizer = CF_SGD, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1};
        float w = 1.5f;
        Optimizer o;
        assert_ok(optimizer_new(&options, kernels_at(i), &(Parameters){.trainable = 1}, &o));
        for (int t = 0; t < STEPS; t++) {
            assert_ok(optimizer_step(&o, &w, &(float){(float)gradients[t]}, 0.05, 1));
            assert_near_number("weight", (double)w, nesterov_by_pytorch(1.5, gradients, t + 1, 0.05, 0.9, 0.1), 1e-6);
        }
        optimizer_free(&o);
    }
}

/* Kingma and Ba's algorithm 1 as it stands, in double; decay as L2 or (AdamW) taken from the weight itself. */
static double adam_by_the_paper(double w, const double *gradients, int count, double rate, double l2,
                                double decoupled) {
    double m = 0, v = 0;
    for (int t = 1; t <= count; t++) {
        double g = gradients[t - 1] + l2 * w;
        w -= rate * decoupled * w;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        w -= rate * (m / (1 - pow(0.9, t))) / (sqrt(v / (1 - pow(0.999, t))) + 1e-8);
    }
    return w;
}

static void adam(void **state) {
    (void)state;
    const double gradients[] = {0.5, -2, 0.01, 0, 3, 3, 3, -0.25};
    enum { STEPS = COUNT_OF(gradients) };
    for (size_t i = 0; i < 2; i++)
        for (int kind = 0; kind < 3; kind++) { /* Adam; Adam with L2; AdamW */
            float w = 1.5f;
            double decay = kind ? 0.1 : 0;
            Optimizer o = make(kind == 2 ? CF_ADAMW : CF_ADAM, i, 0.9, decay, 1);
            for (int t = 0; t < STEPS; t++) {
                assert_ok(optimizer_step(&o, &w, &(float){(float)gradients[t]}, 0.05, 1));
                double expected =
                    adam_by_the_paper(1.5, gradients, t + 1, 0.05, kind == 1 ? decay : 0, kind == 2 ? decay : 0);
                assert_near_number("weight", (double)w, expected, 2e-6);
                if (t == 0 && kind == 0) assert_near_number("first step", (double)w, 1.45, 1e-6);
            }
            optimizer_free(&o);
        }
}

static void pieces(void **state) {
    (void)state;
    enum { COUNT = 16384 * 2 + 37 };
    size_t size = COUNT * sizeof(float);
    for (int kind = CF_SGD; kind <= CF_ADAMW; kind++) {
        float *start = guarded(COUNT), *gradient = guarded(COUNT), *one = guarded(COUNT), *three = guarded(COUNT);
        fill_reals(start, COUNT), fill_reals(gradient, COUNT);
        memcpy(one, start, size), memcpy(three, start, size);
        Optimizer a = make((cf_optimizer)kind, 1, 0.9, 0.01, COUNT), b = make((cf_optimizer)kind, 1, 0.9, 0.01, COUNT);
        for (int step = 0; step < 3; step++) {
            assert_ok(optimizer_step(&a, one, gradient, 0.1, 1));
            assert_ok(optimizer_step(&b, three, gradient, 0.1, 3));
        }
        assert_same_bits("weights", three, one, size);
        assert_same_bits("first moments", b.m, a.m, size);
        if (kind != CF_SGD) assert_same_bits("second moments", b.v, a.v, size);
        for (size_t i = 0; i < COUNT; i++) assert_true(one[i] != start[i]); /* no value left out */
        optimizer_free(&a), optimizer_free(&b);
        guarded_end(start), guarded_end(gradient), guarded_end(one), guarded_end(three);
    }
}

/* Padding between tensors has gradient 0 and stays 0, whatever the optimizer. */
static void zeros_stay(void **state) {
    (void)state;
    for (int kind = CF_SGD; kind <= CF_ADAMW; kind++) {
        float w[3] = {0}, gradient[3] = {0};
        Optimizer o = make((cf_optimizer)kind, 1, 0.9, 0.1, 3);
        for (int step = 0; step < 5; step++) assert_ok(optimizer_step(&o, w, gradient, 1, 1));
        assert_same_bits("zeros", w, gradient, sizeof w);
        optimizer_free(&o);
    }
}

/* One value of many, at either end of a piece, on any number of threads; and what is merely large is no failure. */
static void not_finite_is_told(void **state) {
    (void)state;
    enum { COUNT = 16384 * 2 + 37 };
    static const size_t places[] = {0, 15, 16, 16383, 16384, COUNT - 38, COUNT - 1};
    static const float values[] = {NAN, INFINITY, -INFINITY, -NAN};
    for (int kind = CF_SGD; kind <= CF_ADAMW; kind++)
        for (size_t k = 0; k < 2; k++)
            for (size_t p = 0; p < COUNT_OF(places); p++) {
                float *w = guarded(COUNT), *gradient = guarded(COUNT);
                fill_reals(w, COUNT), fill_reals(gradient, COUNT);
                Optimizer o = make((cf_optimizer)kind, k, 0.9, 0.01, COUNT);
                gradient[places[p]] = 1e18f; /* its square is a float, and so is what it makes of the weight */
                assert_ok(optimizer_step(&o, w, gradient, 0.1, 3));
                gradient[places[p]] = values[p % COUNT_OF(values)];
                assert_fails(optimizer_step(&o, w, gradient, 0.1, p % 2 ? 3 : 1), CF_DIVERGED, "after step 2");
                optimizer_free(&o);
                guarded_end(w), guarded_end(gradient);
            }
    /* A second moment of infinity would hold its weight where it is for ever. */
    float w[2] = {1, 1}, gradient[2] = {0, 1e20f};
    for (size_t k = 0; k < 2; k++) {
        Optimizer o = make(CF_ADAM, k, 0, 0, 2);
        assert_fails(optimizer_step(&o, w, gradient, 0.1, 1), CF_DIVERGED, "not finite");
        optimizer_free(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd),    cmocka_unit_test(nesterov),   cmocka_unit_test(adam),
        cmocka_unit_test(pieces), cmocka_unit_test(zeros_stay), cmocka_unit_test(not_finite_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
