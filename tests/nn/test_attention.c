/* Attention: cases worked by hand, the fast engines against the reference, and the reference's gradients against finite
 * differences. */
#include "nn/instruction_sets.h"
#include "nn/problems.h"

enum { MOST_ENGINES = 3, THREADS = 2 };

/* The reference first. */
static const Engine *const *engines(void) {
    static const Engine *all[MOST_ENGINES + 1];
    all[0] = &reference_engine;
    all[1] = cpu_engine();
    all[2] = cpu_engine_bf16();
    return all;
}

/* Odd numbers of positions and sizes of heads; more positions than a block has queries, and than a panel has keys. */
static const AttentionShape shapes[] = {
    {1, 1, 1, 1},   {2, 1, 15, 3},  {3, 7, 10, 2},    {2, 49, 32, 2},  {8, 64, 128, 4}, {2, 65, 80, 5},
    {1, 50, 64, 1}, {2, 33, 35, 7}, {1, 196, 192, 3}, {1, 130, 70, 1}, {1, 17, 130, 1}, {1, 1030, 10, 2},
};

/* ---- One run: floats in, floats out ---- */

typedef struct Run {
    const Engine *e;
    AttentionShape s;
    float *qkv, *dy, *y, *dqkv; /* as elements can hold them */
    float *weights;             /* [N][heads][queries][keys] */
} Run;

static size_t outputs(const AttentionShape *s) {
    return (size_t)s->N * (size_t)s->positions * (size_t)s->channels;
}

static size_t weight_count(const AttentionShape *s) {
    return (size_t)s->N * (size_t)s->heads * (size_t)s->positions * (size_t)s->positions;
}

static Run run_new(const Engine *e, const AttentionShape *s) {
    size_t count = outputs(s);
    return (Run){
        e, *s, guarded(3 * count), guarded(count), guarded(count), guarded(3 * count), guarded(weight_count(s))};
}

static void run_end(Run *r) {
    guarded_end(r->qkv), guarded_end(r->dy), guarded_end(r->y), guarded_end(r->dqkv);
    guarded_end(r->weights);
}

/* Forward, with what is kept and without it; and backward. On any thread and at any place in memory the same. */
static void run_at(Run *r, int thread, size_t skew) {
    const Engine *e = r->e;
    const Kernels *k = e->kernels;
    size_t count = outputs(&r->s);
    Attention *training, *inference;
    assert_ok(e->attention_new(&r->s, true, THREADS, &training));
    assert_ok(e->attention_new(&r->s, false, THREADS, &inference));
    void *qkv = elements_of(k, r->qkv, 3 * count, skew), *dy = elements_of(k, r->dy, count, skew);
    void *y = elements_new(k, count, skew), *same = elements_new(k, count, skew),
         *dqkv = elements_new(k, 3 * count, skew);
    void *kept = guarded_bytes((size_t)r->s.N * e->attention_kept(training), 4);
    e->attention_forward(inference, thread, qkv, same, NULL);
    e->attention_forward(training, thread, qkv, y, kept);
    e->attention_weights(inference, thread, qkv, r->weights);
    assert_same_bits("y of inference", same, y, count * k->element);
    e->attention_backward(training, thread, qkv, y, kept, dy, dqkv);
    floats_of(k, y, count, r->y);
    floats_of(k, dqkv, 3 * count, r->dqkv);
    guarded_end(qkv), guarded_end(dy), guarded_end(y), guarded_end(same), guarded_end(dqkv), guarded_end(kept);
    e->attention_free(training), e->attention_free(inference);
}

static void run(Run *r) {
    run_at(r, 0, 32);
}

/* Of x, y, dy: one value. */
static float *value_at(float *values, const AttentionShape *s, size_t parts, int n, int i, int channel) {
    return &values[((size_t)n * (size_t)s->positions + (size_t)i) * parts * (size_t)s->channels + (size_t)channel];
}

static float weight_at(const Run *r, int n, int h, int query, int key) {
    const size_t L = (size_t)r->s.positions;
    return r->weights[((size_t)(n * r->s.heads + h) * L + (size_t)query) * L + (size_t)key];
}

/* Rounding of elements, of probabilities too, as a share of the largest value. */
static double tolerance(const Engine *e) {
    return e->kernels->element == sizeof(float) ? 4e-6 : 0x1p-7;
}

/* ---- By hand ---- */

/* Where all keys are equal, y is the mean of the values; each value's gradient is the mean of dy, and q and k have none. */
static void equal_keys(void **state) {
    (void)state;
    for (int e = 0; engines()[e]; e++)
        for (size_t i = 0; i < COUNT_OF(shapes); i++) {
            const AttentionShape *s = &shapes[i];
            Run r = run_new(engines()[e], s);
            const int C = s->channels, L = s->positions;
            fill_integers(r.qkv, 3 * outputs(s), 4);
            fill_integers(r.dy, outputs(s), 4);
            for (int n = 0; n < s->N; n++)
                for (int j = 0; j < L; j++)
                    for (int c = C; c < 2 * C; c++) *value_at(r.qkv, s, 3, n, j, c) = (float)(c % 5) - 2;
            run(&r);
            for (int n = 0; n < s->N; n++)
                for (int c = 0; c < C; c++) {
                    double value = 0, gradient = 0, limit = 4 * tolerance(r.e);
                    for (int j = 0; j < L; j++) {
                        value += (double)*value_at(r.qkv, s, 3, n, j, 2 * C + c) / L;
                        gradient += (double)*value_at(r.dy, s, 1, n, j, c) / L;
                    }
                    for (int j = 0; j < L; j++) {
                        assert_near_number("y", (double)*value_at(r.y, s, 1, n, j, c), value, limit);
                        assert_near_number("dv", (double)*value_at(r.dqkv, s, 3, n, j, 2 * C + c), gradient, limit);
                        /* Of gradients whose sum is 0: of keys the same, though in bfloat16 each is rounded by itself. */
                        assert_near_number("dq", (double)*value_at(r.dqkv, s, 3, n, j, c), 0, 20 * limit);
                    }
                }
            run_end(&r);
        }
}

/* Keys that are unit vectors far from 0 and queries that are such a key, times much: y is one position's value. */
static void picks_one(void **state) {
    (void)state;
    const AttentionShape s = {2, 16, 48, 3};
    const int d = s.channels / s.heads;
    for (int e = 0; engines()[e]; e++) {
        Run r = run_new(engines()[e], &s);
        fill_with(r.qkv, 3 * outputs(&s), 0);
        fill_integers(r.dy, outputs(&s), 4);
        for (int n = 0; n < s.N; n++)
            for (int h = 0; h < s.heads; h++)
                for (int i = 0; i < s.positions; i++) {
                    *value_at(r.qkv, &s, 3, n, i, h * d + (i * 5 + h) % d) = 512; /* the query's own wish */
                    *value_at(r.qkv, &s, 3, n, i, s.channels + h * d + i) = 512;
                    for (int c = 0; c < d; c++)
                        *value_at(r.qkv, &s, 3, n, i, 2 * s.channels + h * d + c) = (float)(i * d + c - 128);
                }
        run(&r);
        for (int n = 0; n < s.N; n++)
            for (int h = 0; h < s.heads; h++)
                for (int i = 0; i < s.positions; i++) {
                    for (int j = 0; j < s.positions; j++)
                        assert_true(weight_at(&r, n, h, i, j) == (float)(j == (i * 5 + h) % d));
                    for (int c = 0; c < d; c++) {
                        int j = (i * 5 + h) % d;
                        assert_true(*value_at(r.y, &s, 1, n, i, h * d + c) == (float)(j * d + c - 128));
                        assert_true(*value_at(r.dqkv, &s, 3, n, j, 2 * s.channels + h * d + c) ==
                                    *value_at(r.dy, &s, 1, n, i, h * d + c));
                        assert_true(*value_at(r.dqkv, &s, 3, n, i, h * d + c) == 0);
                        assert_true(*value_at(r.dqkv, &s, 3, n, i, s.channels + h * d + c) == 0);
                    }
                }
        run_end(&r);
    }
}

/* Two positions, one channel: sigmoids. */
static void two_positions(void **state) {
    (void)state;
    const AttentionShape s = {1, 2, 1, 1};
    for (int e = 0; engines()[e]; e++) {
        Run r = run_new(engines()[e], &s);
        const float qkv[] = {1, 0.5f, 3, -2, 1.5f, 1}, dy[] = {1, -2};
        memcpy(r.qkv, qkv, sizeof qkv), memcpy(r.dy, dy, sizeof dy);
        run(&r);
        double limit = 4 * tolerance(r.e), dq[2], dk[2] = {0}, dv[2] = {0};
        for (int i = 0; i < 2; i++) {
            double q = (double)qkv[3 * i], p = 1 / (1 + exp(q * (1.5 - 0.5))),
                   d = p * (1 - p) * (double)dy[i] * (3 - 1);
            assert_near_number("y", (double)r.y[i], p * 3 + (1 - p) * 1, limit);
            assert_near_number("weight", (double)weight_at(&r, 0, 0, i, 0), p, limit);
            assert_near_number("weight", (double)weight_at(&r, 0, 0, i, 1), 1 - p, limit);
            dq[i] = d * (0.5 - 1.5);
            dk[0] += d * q, dk[1] -= d * q;
            dv[0] += p * (double)dy[i], dv[1] += (1 - p) * (double)dy[i];
        }
        for (int i = 0; i < 2; i++) {
            assert_near_number("dq", (double)r.dqkv[3 * i], dq[i], limit);
            assert_near_number("dk", (double)r.dqkv[3 * i + 1], dk[i], limit);
            assert_near_number("dv", (double)r.dqkv[3 * i + 2], dv[i], limit);
        }
        run_end(&r);
    }
}

/* ---- Against the reference ---- */

static void fill_case(Run *r, float scale) {
    fill_reals(r->qkv, 3 * outputs(&r->s));
    fill_reals(r->dy, outputs(&r->s));
    for (size_t i = 0; i < 3 * outputs(&r->s); i++) r->qkv[i] *= scale;
    const Kernels *k = cpu_engine_bf16() ? cpu_engine_bf16()->kernels : r->e->kernels;
    make_representable(k, r->qkv, 3 * outputs(&r->s));
    make_representable(k, r->dy, outputs(&r->s));
}

static double largest_of(const float *values, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)values[i]));
    return largest;
}

/* Even attention, and scores of some tens, far from 0 in half of the cases. */
static void as_reference(void **state) {
    (void)state;
    const float scales[] = {1, 6};
    for (int e = 1; engines()[e]; e++)
        for (size_t i = 0; i < COUNT_OF(shapes); i++)
            for (size_t f = 0; f < COUNT_OF(scales); f++) {
                Run got = run_new(engines()[e], &shapes[i]), wanted = run_new(&reference_engine, &shapes[i]);
                size_t count = outputs(&shapes[i]);
                double share = tolerance(got.e) * (scales[f] > 1 ? 8 : 1);
                fill_case(&wanted, scales[f]);
                memcpy(got.qkv, wanted.qkv, 3 * count * sizeof(float));
                memcpy(got.dy, wanted.dy, count * sizeof(float));
                run(&got), run(&wanted);
                assert_near_floats("y", got.y, wanted.y, count, share * largest_of(wanted.y, count));
                assert_near_floats("dqkv", got.dqkv, wanted.dqkv, 3 * count,
                                   share * largest_of(wanted.dqkv, 3 * count));
                assert_near_floats("weights", got.weights, wanted.weights, weight_count(&shapes[i]), share);
                for (size_t row = 0; row < weight_count(&shapes[i]); row += (size_t)shapes[i].positions) {
                    double sum = 0;
                    for (int j = 0; j < shapes[i].positions; j++) sum += (double)got.weights[row + (size_t)j];
                    assert_near_number("the sum of a row", sum, 1, tolerance(got.e));
                }
                run_end(&got), run_end(&wanted);
            }
}

/* The reference's gradients of sum dy y against differences of it, whose terms are rounded to float once. */
static void finite_differences(void **state) {
    (void)state;
    const AttentionShape s = {2, 5, 6, 2};
    const float step = 0x1p-6f;
    Run r = run_new(&reference_engine, &s), moved = run_new(&reference_engine, &s);
    fill_case(&r, 1);
    run(&r);
    memcpy(moved.qkv, r.qkv, 3 * outputs(&s) * sizeof(float));
    memcpy(moved.dy, r.dy, outputs(&s) * sizeof(float));
    for (size_t i = 0; i < 3 * outputs(&s); i++) {
        double sums[2] = {0};
        for (int side = 0; side < 2; side++) {
            moved.qkv[i] = r.qkv[i] + (side ? step : -step);
            run(&moved);
            for (size_t j = 0; j < outputs(&s); j++) sums[side] += (double)moved.y[j] * (double)r.dy[j];
        }
        moved.qkv[i] = r.qkv[i];
        assert_near_number("a gradient", (double)r.dqkv[i], (sums[1] - sums[0]) / (2 * (double)step), 2e-4);
    }
    run_end(&r), run_end(&moved);
}

/* ---- Bits ---- */

/* An image's results depend neither on the other images, nor on the thread, nor on where the arrays lie. */
static void same_bits(void **state) {
    (void)state;
    for (int e = 1; engines()[e]; e++)
        for (size_t i = 0; i < COUNT_OF(shapes); i++) {
            AttentionShape one = shapes[i];
            one.N = 1;
            size_t count = outputs(&one), last = (size_t)(shapes[i].N - 1) * count;
            Run all = run_new(engines()[e], &shapes[i]), single = run_new(engines()[e], &one);
            fill_case(&all, 1);
            run(&all);
            memcpy(single.qkv, all.qkv + 3 * last, 3 * count * sizeof(float));
            memcpy(single.dy, all.dy + last, count * sizeof(float));
            run_at(&single, 1, 3 * single.e->kernels->element);
            assert_same_bits("y", single.y, all.y + last, count * sizeof(float));
            assert_same_bits("dqkv", single.dqkv, all.dqkv + 3 * last, 3 * count * sizeof(float));
            assert_same_bits("weights", single.weights, all.weights + (size_t)(shapes[i].N - 1) * weight_count(&one),
                             weight_count(&one) * sizeof(float));
            run_end(&all), run_end(&single);
        }
}

/* A NaN in an image is one in every y that it reaches, and in no other image. */
static void nan_is_not_lost(void **state) {
    (void)state;
    const AttentionShape s = {2, 21, 12, 2};
    for (int e = 0; engines()[e]; e++) {
        Run r = run_new(engines()[e], &s);
        fill_case(&r, 1);
        *value_at(r.qkv, &s, 3, 0, 20, s.channels + 1) = (float)NAN; /* a key of head 0 */
        Attention *attention;
        const Kernels *k = r.e->kernels;
        void *qkv = guarded_bytes(3 * outputs(&s) * k->element, 0), *y = elements_new(k, outputs(&s), 0);
        k->from_float(r.qkv, 3 * outputs(&s), qkv);
        assert_ok(r.e->attention_new(&s, false, 1, &attention));
        r.e->attention_forward(attention, 0, qkv, y, NULL);
        floats_of(k, y, outputs(&s), r.y);
        for (int n = 0; n < s.N; n++)
            for (int i = 0; i < s.positions; i++)
                for (int c = 0; c < s.channels; c++)
                    assert_true((bool)isnan(*value_at(r.y, &s, 1, n, i, c)) == (n == 0 && c < s.channels / 2));
        r.e->attention_free(attention);
        guarded_end(qkv), guarded_end(y);
        run_end(&r);
    }
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_keys),         cmocka_unit_test(picks_one),
        cmocka_unit_test(two_positions),      cmocka_unit_test(as_reference),
        cmocka_unit_test(finite_differences), cmocka_unit_test(same_bits),
        cmocka_unit_test(nan_is_not_lost),    cmocka_unit_test(other_instruction_sets),
    };
    const struct CMUnitTest some_tests[] = {
        cmocka_unit_test(equal_keys),   cmocka_unit_test(picks_one), cmocka_unit_test(two_positions),
        cmocka_unit_test(as_reference), cmocka_unit_test(same_bits), cmocka_unit_test(nan_is_not_lost),
    };
    if (!cpu_engine_bf16())
        print_message("SKIPPED: the bfloat16 engine (this processor, or $CIFRA_ISA, has no bfloat16)\n");
    if (count == 2) return run_as_child(arguments[1], some_tests);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
