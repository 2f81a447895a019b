/* Optimizers: steps worked by hand over several steps, and the same bits however the work is shared out. */
#include "nn/problems.h"

#include "nn/model.h"
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
static double adam_by_the_paper(double w, const double *gradients, int count, double rate, double l2, double decoupled,
                                const double *betas) {
    double m = 0, v = 0;
    for (int t = 1; t <= count; t++) {
        double g = gradients[t - 1] + l2 * w;
        w -= rate * decoupled * w;
        m = betas[0] * m + (1 - betas[0]) * g;
        v = betas[1] * v + (1 - betas[1]) * g * g;
        w -= rate * (m / (1 - pow(betas[0], t))) / (sqrt(v / (1 - pow(betas[1], t))) + 1e-8);
    }
    return w;
}

static void adam(void **state) {
    (void)state;
    const double gradients[] = {0.5, -2, 0.01, 0, 3, 3, 3, -0.25};
    enum { STEPS = COUNT_OF(gradients) };
    for (size_t i = 0; i < 2; i++)
        for (int c = 0; c < 9; c++) { /* Adam; Adam with L2; AdamW */
            static const double betas[][2] = {{0.9, 0.999}, {0.7, 0.9}, {0, 0.5}};
            const int kind = c % 3;
            float w = 1.5f;
            double decay = kind ? 0.1 : 0;
            Optimizer o = make(kind == 2 ? CF_ADAMW : CF_ADAM, i, 0.9, decay, 1);
            o.beta1 = betas[c / 3][0], o.beta2 = betas[c / 3][1];
            for (int t = 0; t < STEPS; t++) {
                assert_ok(optimizer_step(&o, &w, &(float){(float)gradients[t]}, 0.05, 1));
                double expected = adam_by_the_paper(1.5, gradients, t + 1, 0.05, kind == 1 ? decay : 0,
                                                    kind == 2 ? decay : 0, betas[c / 3]);
                assert_near_number("weight", (double)w, expected, 3e-6);
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

/* ---- Of a network: which tensors are stepped how ---- */

static const char net[] = "conv 5 3x3 | bn | relu | dwconv 3x3 bias | se 2 | patch 2 8 | position | layernorm | "
                          "attention 2 | dense 40 | relu | dense classes";

static cf_model *network(void) {
    static const char *const names[] = {"a", "b", "c"};
    cf_model *model;
    assert_ok(model_new(net, (Shape){2, 8, 8}, names, 3, 1, &model));
    return model;
}

/* Whether the tensor multiplies values: by its name, as PyTorch's do. */
static bool is_weight(const Parameter *p) {
    return p->dims > 1 && strncmp(p->name, "position", 8) != 0;
}

/* With no gradient only the decay moves weights: SGD's first step takes rate * decay of them, AdamW's and Muon's too. */
static void decay_on(void **state) {
    (void)state;
    static const cf_optimizer kinds[] = {CF_SGD, CF_ADAMW, CF_MUON};
    for (size_t k = 0; k < 2 * COUNT_OF(kinds); k++) {
        cf_model *model = network();
        Parameters *p = &model->parameters;
        float *gradient = guarded(p->trainable), *before = guarded(p->trainable);
        Optimizer o;
        const bool weights = k % 2;
        const cf_train_options options = {.optimizer = kinds[k / 2],
                                          .weight_decay = 0.5,
                                          .decay_on = weights ? CF_DECAY_WEIGHTS : CF_DECAY_ALL,
                                          .beta1 = 0.9,
                                          .beta2 = 0.999,
                                          .muon_rest = 1,
                                          .muon_steps = 5};
        memset(gradient, 0, p->trainable * sizeof *gradient);
        for (int i = 0; i < p->count; i++)
            for (size_t j = 0; p->table[i].trainable && j < p->table[i].count; j++)
                p->values[p->table[i].offset + j] = 8;
        memcpy(before, p->values, p->trainable * sizeof *before);
        assert_ok(optimizer_new(&options, kernels_at(1), p, &o));
        assert_ok(optimizer_step(&o, p->values, gradient, 0.25, 2));
        for (int i = 0; i < p->count; i++) {
            const Parameter *entry = &p->table[i];
            const float expected = !weights || is_weight(entry) ? 7 : 8;
            for (size_t j = 0; entry->trainable && j < entry->count; j++)
                if (p->values[entry->offset + j] != expected)
                    fail_msg("%s: %g, %g expected", entry->name, (double)p->values[entry->offset + j],
                             (double)expected);
        }
        optimizer_free(&o);
        guarded_end(gradient), guarded_end(before);
        cf_model_free(model);
    }
}

/* A gradient of norm 5 * sqrt(COUNT / 2), cut to 10, and one that is short enough and stays as it is to the bit. */
static void clipping(void **state) {
    (void)state;
    enum { COUNT = 16384 * 2 + 38 };
    const double norm = 5 * sqrt(COUNT / 2);
    for (int threads = 1; threads <= 3; threads++)
        for (int cut = 0; cut < 2; cut++) {
            float *w = guarded(COUNT), *gradient = guarded(COUNT);
            const cf_train_options options = {.optimizer = CF_SGD, .clip = cut ? 10 : norm * 1.0001};
            Optimizer o;
            for (int i = 0; i < COUNT; i++) w[i] = 0, gradient[i] = i % 2 ? 3 : -4;
            assert_ok(optimizer_new(&options, kernels_at(1), &(Parameters){.trainable = COUNT}, &o));
            assert_ok(optimizer_step(&o, w, gradient, 1, threads));
            const float factor = cut ? (float)(10 / (norm + 1e-6)) : 1;
            for (int i = 0; i < COUNT; i++) assert_true(w[i] == -(float)(i % 2 ? 3 : -4) * factor);
            optimizer_free(&o);
            guarded_end(w), guarded_end(gradient);
        }
    /* Nothing to cut in a gradient of zeros; what is not finite is told, not cut to something. */
    float w[2] = {1, 1}, gradient[2] = {0, 0};
    const cf_train_options options = {.optimizer = CF_SGD, .clip = 1e-3};
    Optimizer o;
    assert_ok(optimizer_new(&options, kernels_at(1), &(Parameters){.trainable = 2}, &o));
    assert_ok(optimizer_step(&o, w, gradient, 1, 1));
    assert_true(w[0] == 1 && w[1] == 1);
    gradient[0] = INFINITY;
    assert_fails(optimizer_step(&o, w, gradient, 1, 1), CF_DIVERGED, "not finite");
    optimizer_free(&o);
}

/* What a matrix was moved by has singular values near 1, times the root of rows / columns where it is upright: Newton-Schulz with
 * these factors leaves them between 0.68 and 1.14. Here their mean square. */
static void muon_orthogonalises(void **state) {
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        cf_model *model = network();
        Parameters *p = &model->parameters;
        float *gradient = guarded(p->trainable), *before = guarded(p->trainable);
        Optimizer o;
        const cf_train_options options = {
            .optimizer = CF_MUON, .momentum = 0.9, .muon_steps = 5, .beta1 = 0.9, .beta2 = 0.999};
        fill_reals(gradient, p->trainable);
        memcpy(before, p->values, p->trainable * sizeof *before);
        assert_ok(optimizer_new(&options, kernels_at(k), p, &o));
        assert_ok(optimizer_step(&o, p->values, gradient, 1, 2));
        int matrices = 0;
        for (int i = 0; i < p->count; i++) {
            const Parameter *entry = &p->table[i];
            const size_t rows = entry->shape[0], columns = entry->count / rows;
            const float *from = before + entry->offset, *to = p->values + entry->offset;
            if (!entry->trainable) continue;
            if (!is_weight(entry) || strcmp(entry->name, "dense2.weight") == 0) { /* AdamW's, at rate 0 here */
                assert_same_bits(entry->name, to, from, entry->count * sizeof *to);
                continue;
            }
            double squares = 0;
            for (size_t j = 0; j < entry->count; j++) squares += pow((double)from[j] - (double)to[j], 2);
            const double rank = (double)(rows < columns ? rows : columns),
                         scale = fmax(1, (double)rows / (double)columns);
            squares /= rank * scale; /* the mean square of singular values */
            if (!(squares > 0.45 && squares < 1.4))
                fail_msg("%s: mean square of singular values %g", entry->name, squares);
            matrices++;
        }
        assert_int_equal(matrices, 8);
        optimizer_free(&o);
        guarded_end(gradient), guarded_end(before);
        cf_model_free(model);
    }
}

/* Any number of threads, several steps, matrices of more than one block of rows. */
static void muon_on_threads(void **state) {
    (void)state;
    float *first = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        cf_model *model = network();
        Parameters *p = &model->parameters;
        float *gradient = guarded(p->trainable);
        Optimizer o;
        cf_train_options options = cf_train_defaults();
        options.optimizer = CF_MUON, options.clip = 1, options.weight_decay = 0.1;
        assert_ok(optimizer_new(&options, kernels_at(1), p, &o));
        for (int step = 0; step < 3; step++) {
            for (size_t i = 0; i < p->trainable; i++) gradient[i] = (float)sin((double)i * (step + 1));
            assert_ok(optimizer_step(&o, p->values, gradient, 0.1, threads));
        }
        if (first)
            assert_same_bits("weights", p->values, first, p->trainable * sizeof *first);
        else {
            first = guarded(p->trainable);
            memcpy(first, p->values, p->trainable * sizeof *first);
        }
        optimizer_free(&o);
        guarded_end(gradient);
        cf_model_free(model);
    }
    guarded_end(first);
}

/* A matrix whose singular values are 3 and 4: one step of the iteration, by its formula on each of them. The vectors stay. The norm is
 * a sum over pieces: the wider matrix has its two values in different ones. */
static void muon_by_hand(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b"};
    for (size_t k = 0; k < 4; k++) {
        cf_model *model;
        Optimizer o;
        const int width = k / 2 ? 10000 : 3;
        assert_ok(model_new("dense 2 nobias | relu | dense classes", (Shape){1, 1, width}, names, 2, 1, &model));
        Parameters *p = &model->parameters;
        float *gradient = guarded(p->trainable), *w = parameters_find(p, 0, "weight");
        const cf_train_options options = {.optimizer = CF_MUON, .muon_steps = 1};
        memset(gradient, 0, p->trainable * sizeof *gradient);
        memset(w, 0, 2 * (size_t)width * sizeof *w);
        gradient[w - p->values + 1] = 3;              /* row 0, column 1 */
        gradient[w - p->values + 2 * width - 1] = -4; /* row 1, the last column */
        assert_ok(optimizer_new(&options, kernels_at(k % 2), p, &o));
        assert_ok(optimizer_step(&o, p->values, gradient, 1, 1));
        const double s[] = {0.6, 0.8}; /* of norm 5 */
        double moved[2];
        for (int i = 0; i < 2; i++) moved[i] = 3.4445 * s[i] - 4.7750 * pow(s[i], 3) + 2.0315 * pow(s[i], 5);
        for (int i = 0; i < 2 * width; i++) {
            const double expected = i == 1 ? -moved[0] : i == 2 * width - 1 ? moved[1] : 0;
            assert_near_number("weight", (double)w[i], expected, 1e-6);
        }
        optimizer_free(&o);
        guarded_end(gradient);
        cf_model_free(model);
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
        cmocka_unit_test(sgd),
        cmocka_unit_test(nesterov),
        cmocka_unit_test(adam),
        cmocka_unit_test(pieces),
        cmocka_unit_test(zeros_stay),
        cmocka_unit_test(not_finite_is_told),
        cmocka_unit_test(decay_on),
        cmocka_unit_test(clipping),
        cmocka_unit_test(muon_orthogonalises),
        cmocka_unit_test(muon_on_threads),
        cmocka_unit_test(muon_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
