#include "umap_making.h"

#include "embed_golden.h"

#include "embed/layout_kernels.h"
#include "nn/instruction_sets.h"

static void test_power(void **state) {
    (void)state;
    static const float powers[] = {0.5f, 0.79f, 0.8950609f, 1, 1.33f, 1.916f};
    RngStream stream = rng_stream(1, RNG_LAYOUT, 9, 9);
    double worst = 0;
    for (uint64_t turn = 0; turn < 20000; turn++) {
        float x[LAYOUT_LANES], got[LAYOUT_LANES], p = powers[turn % COUNT_OF(powers)];
        for (int l = 0; l < LAYOUT_LANES; l++) /* 1e-12 .. 1e8 */
            x[l] = (float)pow(10, 20 * (double)rng_uniform(&stream, turn * LAYOUT_LANES + (uint64_t)l) - 12);
        x[0] = turn == 0 ? 1 : x[0];
        layout_kernels()->power(x, p, got);
        for (int l = 0; l < LAYOUT_LANES; l++) {
            double wanted = pow((double)x[l], (double)p);
            double exponent = fabs((double)p * log2((double)x[l])); /* a float's error in it is one of the power */
            worst = fmax(worst, fabs((double)got[l] - wanted) / wanted / (exponent + 5));
        }
    }
    assert_true(worst < 1.2e-7);
}

static void test_random(void **state) {
    (void)state;
    RngStream stream = rng_stream(12345678901234u, RNG_LAYOUT, 77, 3);
    uint32_t key[LAYOUT_LANES], words[LAYOUT_LANES][4];
    for (uint32_t l = 0; l < LAYOUT_LANES; l++) key[l] = l * 0x11111111u;
    for (uint32_t block = 0; block < 5; block++) {
        layout_kernels()->random(&stream, key, block * 1000003u, words);
        for (int l = 0; l < LAYOUT_LANES; l++) {
            uint32_t wanted[4];
            rng_block(&stream, (uint64_t)key[l] << 32 | block * 1000003u, wanted);
            assert_memory_equal(words[l], wanted, sizeof wanted);
        }
    }
}

/* ---- Moves ---- */

enum { MOST = 5, OTHERS = 50 };

typedef struct Scene {
    float others[OTHERS * LAYOUT_MOST_COMPONENTS];
    float y[LAYOUT_MOST_COMPONENTS * LAYOUT_LANES];
    uint32_t pulls[LAYOUT_LANES][MOST], rates[LAYOUT_LANES][MOST];
    float density[2 * OTHERS]; /* of test_density */
    bool dense;
    LayoutPass pass;
    LayoutGroup group;
} Scene;

static Scene scene_of(int components, uint64_t seed) {
    Scene s = {0};
    RngStream stream = rng_stream(seed, RNG_LAYOUT, 1, 2);
    s.pass = (LayoutPass){.count = OTHERS,
                          .components = components,
                          .negatives = 3,
                          .a = 1.577f,
                          .b = 0.895f,
                          .repulsion = 1,
                          .step = 0.5f,
                          .random = rng_stream(seed, RNG_LAYOUT, 4, 5)};
    for (int v = 0; v < OTHERS * components; v++) s.others[v] = 12 * rng_uniform(&stream, (uint64_t)v) - 6;
    for (uint32_t l = 0; l < LAYOUT_LANES; l++) {
        s.group.own[l] = l;
        s.group.key[l] = 1000 + l;
        s.group.pull_count[l] = (int32_t)(l % (MOST + 1));
        s.group.push_count[l] = (int32_t)(l % 3 < l % (MOST + 1) ? l % 3 : l % (MOST + 1));
        for (uint32_t e = 0; e < MOST; e++) s.pulls[l][e] = (l * 7 + e * 11) % OTHERS;
        for (int c = 0; c < components; c++) s.y[c * LAYOUT_LANES + (int)l] = s.others[(int)l * components + c];
    }
    return s;
}

/* With a density's moves: rates up to that of the strongest edge. */
static Scene dense_scene_of(int components, uint64_t seed) {
    Scene s = scene_of(components, seed);
    RngStream stream = rng_stream(seed, RNG_LAYOUT, 7, 8);
    s.dense = true;
    s.pass.density_scale = 1e8f;
    for (uint64_t v = 0; v < 2 * OTHERS; v++) s.density[v] = 2 * rng_uniform(&stream, v) - 1;
    for (int l = 0; l < LAYOUT_LANES; l++) {
        for (int d = 0; d < 2; d++) s.group.density[d][l] = s.density[2 * l + d];
        for (int e = 0; e < MOST; e++)
            s.rates[l][e] = e ? (uint32_t)(rng_uniform(&stream, (uint64_t)(1000 + l * MOST + e)) * 2e9f) + 1000000u : 1u << 31;
    }
    return s;
}

static void move_scene(Scene *s) {
    s->pass.others = s->others;
    s->pass.density = s->dense ? s->density : NULL;
    for (int l = 0; l < LAYOUT_LANES; l++) s->group.pulls[l] = s->pulls[l], s->group.rates[l] = s->rates[l];
    layout_kernels()->move(&s->pass, &s->group, s->y);
}

static double clipped(double x) {
    return fmin(4, fmax(-4, x));
}

/* What densMAP's correlation adds to a pull, as umap-learn has it. */
static double density_factor(const Scene *s, int l, int e, double square) {
    const double a = (double)s->pass.a, b = (double)s->pass.b;
    const float *other = s->density + 2 * s->pulls[l][e];
    const double near = 1 / (1 + a * pow(square, b)), fall = a * b * pow(square, b - 1) * near;
    return (double)s->pass.density_scale / floor(s->rates[l][e] / 2) * near *
           ((1 - b * (1 - near)) * ((double)other[0] + (double)s->group.density[0][l]) +
            fall * ((double)other[1] + (double)s->group.density[1][l]));
}

/* A pull (the lane's e-th) or a push (e -1) of one point by the formulas, in double. */
static void plain_move(const Scene *s, double *y, uint32_t other, int l, int e) {
    const bool pull = e >= 0;
    const double a = (double)s->pass.a, b = (double)s->pass.b;
    const int components = s->pass.components;
    const float *z = s->others + other * (uint32_t)components;
    double square = 0, factor;
    for (int c = 0; c < components; c++) square += (y[c] - (double)z[c]) * (y[c] - (double)z[c]);
    if (square == 0) return;
    factor = pull ? -2 * a * b * pow(square, b - 1) / (1 + a * pow(square, b))
                  : 2 * (double)s->pass.repulsion * b / ((0.001 + square) * (1 + a * pow(square, b)));
    const double spread = pull && s->dense ? density_factor(s, l, e, square) : 0;
    for (int c = 0; c < components; c++) {
        const double off = y[c] - (double)z[c];
        y[c] += (double)s->pass.step * (clipped(factor * off) + clipped(spread * off));
    }
}

static void plain_lane(const Scene *s, int l, double *y) {
    uint32_t drawn = 0;
    for (int e = 0; e < s->group.pull_count[l]; e++) {
        plain_move(s, y, s->pulls[l][e], l, e);
        for (int p = 0; p < s->pass.negatives && e < s->group.push_count[l]; p++, drawn++) {
            uint32_t words[4];
            rng_block(&s->pass.random, (uint64_t)s->group.key[l] << 32 | drawn / 4, words);
            uint32_t other = (uint32_t)(((uint64_t)words[drawn % 4] * s->pass.count) >> 32);
            if (other != s->group.own[l]) plain_move(s, y, other, l, -1);
        }
    }
}

static void test_moves_by_formula(void **state) {
    (void)state;
    static const int components[] = {1, 2, 3, 5, 64};
    for (size_t k = 0; k < COUNT_OF(components); k++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            Scene s = seed % 2 ? dense_scene_of(components[k], seed) : scene_of(components[k], seed), before = s;
            move_scene(&s);
            for (int l = 0; l < LAYOUT_LANES; l++) {
                double y[LAYOUT_MOST_COMPONENTS];
                for (int c = 0; c < components[k]; c++) y[c] = (double)before.y[c * LAYOUT_LANES + l];
                plain_lane(&before, l, y);
                for (int c = 0; c < components[k]; c++) assert_near((double)s.y[c * LAYOUT_LANES + l], y[c], 2e-4);
            }
        }
}

/* Sums over each lane's pulls; where a point is pulled to itself it is close. */
static void test_closeness_by_formula(void **state) {
    (void)state;
    static const int components[] = {1, 2, 3, 64};
    for (size_t k = 0; k < COUNT_OF(components); k++) {
        Scene s = scene_of(components[k], k);
        float sums[2][LAYOUT_LANES];
        s.pass.b = k % 2 ? 1.916f : 0.895f; /* 2b such that a power of 0 would leave a float's range */
        s.pass.others = s.others;
        for (uint32_t l = 0; l < LAYOUT_LANES; l++) s.group.pulls[l] = s.pulls[l], s.pulls[l][0] = l;
        layout_kernels()->closeness(&s.pass, &s.group, s.y, sums);
        for (int l = 0; l < LAYOUT_LANES; l++) {
            double near = 0, far = 0;
            for (int e = 0; e < s.group.pull_count[l]; e++) {
                double square = 0;
                for (int c = 0; c < components[k]; c++)
                    square += pow((double)s.y[c * LAYOUT_LANES + l] -
                                      (double)s.others[s.pulls[l][e] * (uint32_t)components[k] + (uint32_t)c], 2);
                const double close = 1 / (1 + (double)s.pass.a * pow(square, (double)s.pass.b));
                near += close, far += close * square;
            }
            assert_near((double)sums[0][l], near, 1e-5);
            assert_near((double)sums[1][l], far, 1e-4 + 1e-5 * far);
        }
    }
}

/* A lane's result does not depend on the lanes beside it. */
static void test_lanes_alone(void **state) {
    (void)state;
    Scene all = scene_of(2, 3);
    move_scene(&all);
    for (int l = 0; l < LAYOUT_LANES; l++) {
        Scene alone = scene_of(2, 3);
        for (int other = 0; other < LAYOUT_LANES; other++)
            if (other != l) alone.group.pull_count[other] = alone.group.push_count[other] = 0;
        move_scene(&alone);
        for (int c = 0; c < 2; c++)
            assert_memory_equal(&alone.y[c * LAYOUT_LANES + l], &all.y[c * LAYOUT_LANES + l], sizeof(float));
    }
}

/* The same bits on every instruction set: this sum was taken once, and each set is held against it. */
static void test_pinned(void **state) {
    (void)state;
    uint64_t sum = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        Scene s = scene_of(2, seed);
        move_scene(&s);
        for (int v = 0; v < 2 * LAYOUT_LANES; v++) {
            uint32_t bits;
            memcpy(&bits, &s.y[v], sizeof bits);
            sum = sum * 1099511628211u + bits;
        }
    }
    assert_int_equal(sum, 0xdd1a0078876d1399u);
    for (uint64_t seed = 0; seed < 50; seed++) {
        Scene s = dense_scene_of(2, seed);
        float sums[2][LAYOUT_LANES];
        move_scene(&s);
        layout_kernels()->closeness(&s.pass, &s.group, s.y, sums);
        for (int v = 0; v < 4 * LAYOUT_LANES; v++) {
            const int w = v - 2 * LAYOUT_LANES; /* from 0 on: of the sums */
            uint32_t bits;
            memcpy(&bits, w < 0 ? &s.y[v] : &sums[w / LAYOUT_LANES][w % LAYOUT_LANES], sizeof bits);
            sum = sum * 1099511628211u + bits;
        }
    }
    assert_int_equal(sum, 0xfd7d137fe07695d4u);
}

/* ---- The gradient, by finite differences of the cross entropy ---- */

static double attraction(double x, double y, double a, double b) {
    return log(1 + a * pow(x * x + y * y, b)); /* -log of closeness */
}

static double repulsion(double x, double y, double a, double b) {
    double power = a * pow(x * x + y * y, b);
    return -log(power / (1 + power)); /* -log(1 - closeness) */
}

static void test_gradient(void **state) {
    (void)state;
    static const float at[][2] = {{1, 0.5f}, {-0.7f, 0.9f}, {2, -1}, {0.4f, -0.3f}, {-3, 4}};
    const double h = 1e-5;
    for (size_t k = 0; k < COUNT_OF(at); k++)
        for (int pushes = 0; pushes < 2; pushes++) {
            Scene s = {0};
            const double x = (double)at[k][0], y = (double)at[k][1], a = 1.577, b = 0.895;
            double moved[2], slope[2];
            /* The only other one is at 0. A push comes with a pull, here to where the point is, which does not move it. */
            s.pass = (LayoutPass){
                .count = 1, .components = 2, .negatives = pushes, .a = 1.577f, .b = 0.895f, .repulsion = 1, .step = 1};
            s.others[2] = s.y[0] = at[k][0];
            s.others[3] = s.y[LAYOUT_LANES] = at[k][1];
            s.group.own[0] = 1;
            s.group.pull_count[0] = 1;
            s.group.push_count[0] = pushes;
            s.pulls[0][0] = (uint32_t)pushes;
            move_scene(&s);
            moved[0] = (double)s.y[0] - x;
            moved[1] = (double)s.y[LAYOUT_LANES] - y;
            double (*loss)(double, double, double, double) = pushes ? repulsion : attraction;
            slope[0] = (loss(x + h, y, a, b) - loss(x - h, y, a, b)) / (2 * h);
            slope[1] = (loss(x, y + h, a, b) - loss(x, y - h, a, b)) / (2 * h);
            /* A push has 0.001 beside the squared distance. */
            double square = x * x + y * y, against_pole = pushes ? square / (square + 0.001) : 1;
            for (int c = 0; c < 2; c++) assert_near(moved[c], -slope[c] * against_pole, 3e-6);
        }
}

static void test_no_direction(void **state) {
    (void)state;
    Scene s = scene_of(2, 1);
    for (int l = 0; l < LAYOUT_LANES; l++) s.group.push_count[l] = 0, s.pulls[l][0] = (uint32_t)l;
    for (int l = 0; l < LAYOUT_LANES; l++) s.group.pull_count[l] = 1; /* each pulled to where it is */
    Scene before = s;
    move_scene(&s);
    assert_memory_equal(s.y, before.y, 2 * LAYOUT_LANES * sizeof(float));
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_moves_by_formula),
        cmocka_unit_test(test_closeness_by_formula),
        cmocka_unit_test(test_lanes_alone),
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_no_direction),
        cmocka_unit_test(other_instruction_sets),
    };
    if (count > 1) {
        const struct CMUnitTest own[] = {
            cmocka_unit_test(test_power),       cmocka_unit_test(test_random), cmocka_unit_test(test_moves_by_formula),
            cmocka_unit_test(test_lanes_alone), cmocka_unit_test(test_pinned), cmocka_unit_test(test_closeness_by_formula),
        };
        return run_as_child(arguments[1], own);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
