#include "testing.h"

#include "base/memory.h"
#include "base/rng.h"
#include "eval/grad_cam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"a", "b", "c", "d"};

#define assert_near(got, wanted, tolerance) assert_near_((got), (wanted), (tolerance), __FILE__, __LINE__)

static void assert_near_(double got, double wanted, double tolerance, const char *file, int line) {
    if (fabs(got - wanted) <= tolerance) return;
    print_error("%.9g, not %.9g\n", got, wanted);
    _assert_true(0, "near", file, line);
}

static cf_model *make_model(const char *line, Shape shape, int classes) {
    cf_model *model;
    assert_ok(model_new(line, shape, names, classes, 7, &model));
    return model;
}

/* Numbers in [low, high) that depend on nothing but their place. */
static void fill(float *values, size_t count, uint32_t item, float low, float high) {
    RngStream stream = rng_stream(5, RNG_DROPOUT, 0, item);
    for (size_t i = 0; i < count; i++) {
        uint32_t words[4];
        rng_block(&stream, i, words);
        values[i] = low + (high - low) * (float)(words[0] >> 8) * 0x1p-24f;
    }
}

static void test_by_hand(void **state) {
    (void)state;
    /* A[place][k] = filter[k] * x[place]; y[c] = sum of weight[c][place][k] A[place][k], so dy/dA is the weight itself. */
    static const float x[] = {1, 2, 3, 4}, filters[] = {2, -1};
    static const float dense[2][8] = {{1, 0, 1, 4, 1, 0, 1, 0}, {-1, 2, 0, 0, 0, 0, -3, 2}};
    /* Class a: channel weights 1 and 1: map = 2x - x. Class b: -1 and 1: -2x - x, never above 0. */
    static const float expected[2][4] = {{1, 2, 3, 4}, {0, 0, 0, 0}};
    cf_model *model = make_model("conv 2 1x1 nobias | dense 2 nobias", (Shape){1, 2, 2}, 2);
    GradCam *cam;
    memcpy(parameters_find(&model->parameters, 0, "weight"), filters, sizeof filters);
    memcpy(parameters_find(&model->parameters, 1, "weight"), dense, sizeof dense);
    assert_ok(grad_cam_new(model, &reference_engine, &cam));
    for (int label = 0; label < 2; label++) {
        float map[4];
        assert_ok(grad_cam_map(cam, x, label, map));
        for (int i = 0; i < 4; i++) assert_near((double)map[i], (double)expected[label][i], 0);
    }
    grad_cam_free(cam);
    cf_model_free(model);
}

/* A is taken behind the norm and the activation. */
static void test_norm_and_activation_by_hand(void **state) {
    (void)state;
    cf_model *model = make_model("conv 1 1x1 nobias | bn | relu | maxpool 2 | dense 2 nobias", (Shape){1, 2, 2}, 2);
    Parameters *p = &model->parameters;
    static const float x[] = {1, 2, 3, 4}, dense[] = {8, -8};
    float map[4];
    GradCam *cam;
    parameters_find(p, 0, "weight")[0] = 2;
    parameters_find(p, 1, "running_mean")[0] = 5;
    parameters_find(p, 1, "running_var")[0] = 4;
    parameters_find(p, 1, "weight")[0] = 6;
    parameters_find(p, 1, "bias")[0] = -1;
    memcpy(parameters_find(p, 4, "weight"), dense, sizeof dense);
    /* max(0, (2x - 5) * 3 - 1) = 0, 0, 2, 8; only the largest has a gradient, 8 for class 0: a channel weight of 2. */
    assert_ok(grad_cam_new(model, &reference_engine, &cam));
    assert_ok(grad_cam_map(cam, x, 0, map));
    static const double expected[] = {0, 0, 4, 16};
    for (int i = 0; i < 4; i++) assert_near((double)map[i], expected[i], 1e-3); /* the norm's epsilon */
    assert_ok(grad_cam_map(cam, x, 1, map));
    for (int i = 0; i < 4; i++) assert_near((double)map[i], 0, 0);
    grad_cam_free(cam);
    cf_model_free(model);
}

/* With a global average pool and one dense layer behind A, Grad-CAM is the class activation map of Zhou et al. (2016) up to
 * the number of places (Selvaraju et al., section 3.1): the dense weights are those of the channels. */
static void test_is_cam_behind_a_global_pool(void **state) {
    (void)state;
    enum { H = 5, W = 6, K = 4, PLACES = H * W };
    cf_model *model = make_model("conv 4 3x3 | relu | globalavgpool | dense 3", (Shape){1, H, W}, 3);
    const float *weights = parameters_find(&model->parameters, 3, "weight"), *A, *dA, *logits;
    float x[PLACES], map[PLACES];
    bool some = false;
    GradCam *cam;
    fill(x, PLACES, 1, 0, 1);
    assert_ok(grad_cam_new(model, &reference_engine, &cam));
    Shape shape = grad_cam_shape(cam);
    assert_true(shape.C == K && shape.H == H && shape.W == W);
    for (int label = 0; label < 3; label++) {
        assert_ok(grad_cam_map(cam, x, label, map));
        assert_ok(grad_cam_gradient(cam, x, label, &A, &dA, &logits));
        for (int i = 0; i < PLACES; i++) {
            double sum = 0;
            for (int k = 0; k < K; k++) sum += (double)weights[label * K + k] * (double)A[i * K + k] / PLACES;
            assert_near((double)map[i], fmax(sum, 0), 1e-6);
            some |= map[i] > 0;
        }
    }
    assert_true(some);
    grad_cam_free(cam);
    cf_model_free(model);
}

/* ---- A network with every kind of layer ---- */

enum { C = 3, H = 13, W = 11, CLASSES = 4, INPUT = C * H * W };
#define FRONT  "conv 4 3x3 | leakyrelu 0.2 | conv 6 3x3 | bn | relu | maxpool 2 | conv 5 3x3 | bn | leakyrelu 0.1"
#define BEHIND "maxpool 3 stride 2 pad 1 | bn | dropout | avgpool 2 stride 1 | dense 40 | relu | dense 4"

/* Weights drawn from a seed, and statistics and scales that are not 0 and 1. */
static cf_model *make_varied(const char *line) {
    cf_model *model = make_model(line, (Shape){C, H, W}, CLASSES);
    for (int i = 0; i < model->parameters.count; i++) {
        const Parameter *p = &model->parameters.table[i];
        if (p->dims != 1) continue;
        bool signs = strstr(p->name, "bias") || strstr(p->name, "mean");
        fill(model->parameters.values + p->offset, p->count, (uint32_t)(10 + i), signs ? -0.3f : 0.5f,
             signs ? 0.3f : 1.5f);
    }
    return model;
}

/* The layers behind A as a network of their own, with the same weights: the last of the model's. */
static cf_model *make_tail(const cf_model *model, const char *line, Shape shape) {
    cf_model *tail = make_model(line, shape, CLASSES);
    const Parameters *of = &model->parameters, *to = &tail->parameters;
    const int skipped = of->count - to->count;
    for (int i = 0; i < to->count; i++) {
        assert_int_equal(to->table[i].count, of->table[skipped + i].count);
        memcpy(to->values + to->table[i].offset, of->values + of->table[skipped + i].offset,
               to->table[i].count * sizeof(float));
    }
    return tail;
}

static double logit_behind(Plan *plan, Shape shape, const float *activations, int label) {
    const Feed feed = {.ready = activations, .input = shape};
    assert_ok(plan_infer(plan, &feed, (const uint32_t[]){0}, 1, NULL));
    return (double)plan_logits(plan)[label];
}

static void check_finite_differences(const Engine *engine, const char *front, const char *behind) {
    const double step = 1e-3;
    char line[512];
    snprintf(line, sizeof line, "%s | %s", front, behind);
    cf_model *model = make_varied(line);
    const float *A, *dA, *logits;
    float x[INPUT];
    GradCam *cam;
    Plan *plan;
    double largest = 0;
    int compared = 0, edges = 0;
    fill(x, INPUT, 2, 0, 1);
    assert_ok(grad_cam_new(model, engine, &cam));
    const Shape shape = grad_cam_shape(cam);
    const size_t count = shape_size(shape);
    cf_model *tail = make_tail(model, behind, shape);
    const PlanOptions options = {.engine = engine, .batch = 1, .threads = 1};
    assert_ok(plan_new(&tail->layers, &tail->parameters, &options, &plan));
    assert_ok(plan_use_parameters(plan));
    for (int label = 0; label < CLASSES; label++) {
        float *moved;
        assert_ok(grad_cam_gradient(cam, x, label, &A, &dA, &logits));
        assert_ok(memory_new(count, sizeof *moved, &moved));
        memcpy(moved, A, count * sizeof *moved);
        const double middle = (double)logits[label];
        assert_near(logit_behind(plan, shape, moved, label), middle, 1e-4);
        for (size_t i = 0; i < count; i++) {
            float whole = moved[i], above = (float)((double)whole + step), below = (float)((double)whole - step);
            moved[i] = above;
            const double high = logit_behind(plan, shape, moved, label);
            moved[i] = below;
            const double low = logit_behind(plan, shape, moved, label);
            const double slope = (high - low) / ((double)above - (double)below);
            moved[i] = whole;
            /* What lies behind A is smooth in pieces. Halves that differ have an edge between them. */
            if (fabs(high + low - 2 * middle) / step > 2e-3) {
                edges++;
                continue;
            }
            assert_near((double)dA[i], slope, 2e-3);
            compared++;
            largest = fmax(largest, fabs(slope));
        }
        free(moved);
    }
    assert_true(edges < compared / 2); /* curves count as edges, too */
    assert_true(largest > 0.05); /* the tolerance is small beside it */
    plan_free(plan);
    grad_cam_free(cam);
    cf_model_free(tail);
    cf_model_free(model);
}

static void test_finite_differences(void **state) {
    (void)state;
    static const char *const lines[][2] = {
        {FRONT, BEHIND},
        {"conv 6 3x3 stride 2 | relu", "se 2 | res( groupnorm 2 | silu ) | maxpool 2 | dense 9 | relu | dense 4"},
        {"conv 8 3x3 stride 3 | bn | gelu", "position | res( layernorm | attention 2 ) | globalavgpool | dense 4"},
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        check_finite_differences(&reference_engine, lines[i][0], lines[i][1]);
        check_finite_differences(cpu_engine(), lines[i][0], lines[i][1]);
    }
}

/* Grad-CAM's forward pass gives the probabilities that prediction gives, and both engines give the same map. */
static void test_agrees_with_prediction(void **state) {
    (void)state;
    const Engine *const engines[] = {&reference_engine, cpu_engine()};
    const uint32_t first = 0;
    cf_model *model = make_varied(FRONT " | " BEHIND);
    cf_set *set;
    float x[INPUT], map[2][CLASSES][30], p[CLASSES];
    assert_ok(set_new("random", "random", 1, C, H, W, CLASSES, &set));
    assert_ok(set_name_classes(set, names));
    for (int i = 0; i < INPUT; i++) {
        set->pixels[i] = (unsigned char)(i * 97 % 251);
        x[i] = (float)set->pixels[i] / 255.0f;
    }
    for (int e = 0; e < 2; e++) {
        GradCam *cam;
        StepResult result;
        const float *A, *dA, *logits;
        double sum = 0;
        const cf_subset subset = {.set = set, .images = (uint32_t *)(uintptr_t)&first, .count = 1, .classes = CLASSES};
        assert_ok(classify(model, &subset, &(ClassifyOptions){.engine = engines[e], .threads = 1}, p, &result));
        assert_ok(grad_cam_new(model, engines[e], &cam));
        assert_ok(grad_cam_gradient(cam, x, 0, &A, &dA, &logits));
        for (int c = 0; c < CLASSES; c++) sum += exp((double)logits[c]);
        for (int c = 0; c < CLASSES; c++) assert_near(exp((double)logits[c]) / sum, (double)p[c], 1e-6);
        for (int c = 0; c < CLASSES; c++) assert_ok(grad_cam_map(cam, x, c, map[e][c]));
        grad_cam_free(cam);
    }
    double largest = 0;
    for (int i = 0; i < CLASSES * 30; i++) {
        assert_near((double)map[1][i / 30][i % 30], (double)map[0][i / 30][i % 30], 1e-5);
        largest = fmax(largest, (double)map[0][i / 30][i % 30]);
    }
    assert_true(largest > 1e-2);
    cf_set_free(set);
    cf_model_free(model);
}

/* A convolution that ends the network: A are the logits, one place each, and the map is the logit or 0. */
static void test_convolution_at_the_end(void **state) {
    (void)state;
    cf_model *model = make_model("conv 3 4x4 pad 0", (Shape){1, 4, 4}, 3);
    const float *A, *dA, *logits;
    float x[16], map;
    GradCam *cam;
    fill(x, 16, 3, 0, 1);
    assert_ok(grad_cam_new(model, &reference_engine, &cam));
    for (int label = 0; label < 3; label++) {
        assert_ok(grad_cam_map(cam, x, label, &map));
        assert_ok(grad_cam_gradient(cam, x, label, &A, &dA, &logits));
        assert_near((double)map, fmax((double)logits[label], 0), 1e-7);
        for (int k = 0; k < 3; k++) assert_near((double)dA[k], k == label ? 1 : 0, 0);
    }
    grad_cam_free(cam);
    cf_model_free(model);
}

static void test_refusals(void **state) {
    (void)state;
    cf_model *flat = make_model("dense 8 | relu | dense 2", (Shape){1, 2, 2}, 2),
             *beside = make_model("dense 8 | head turn ( conv 4 1x1 | dense 2 ) | dense 2", (Shape){1, 2, 2}, 2);
    cf_model *model = make_model("conv 2 1x1 | dense 2", (Shape){1, 2, 2}, 2);
    const float x[4] = {1, 1, 1, 1};
    float map[4];
    GradCam *cam = NULL;
    assert_fails(grad_cam_new(flat, &reference_engine, &cam), CF_BAD_USE, "has none: dense 8");
    assert_fails(grad_cam_new(beside, &reference_engine, &cam), CF_BAD_USE, "has none"); /* none that the classes need */
    assert_null(cam);
    float *weight = parameters_find(&model->parameters, 1, "weight"),
          *bias = parameters_find(&model->parameters, 1, "bias");
    bias[0] = NAN; /* of class 0 */
    assert_ok(grad_cam_new(model, &reference_engine, &cam));
    assert_fails(grad_cam_map(cam, x, 2, map), CF_BAD_USE, "class number 2");
    assert_fails(grad_cam_map(cam, x, -1, map), CF_BAD_USE, "class number -1");
    assert_ok(grad_cam_map(cam, x, 1, map));
    assert_fails(grad_cam_map(cam, x, 0, map), CF_BAD_INPUT, "not finite");
    grad_cam_free(cam);
    bias[0] = 0;
    weight[0] = NAN; /* of class 0 too, but on the way back it reaches every class */
    assert_ok(grad_cam_new(model, &reference_engine, &cam));
    assert_fails(grad_cam_map(cam, x, 1, map), CF_BAD_INPUT, "not finite");
    grad_cam_free(cam);
    grad_cam_free(NULL);
    cf_model_free(model);
    cf_model_free(flat);
    cf_model_free(beside);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_norm_and_activation_by_hand),
        cmocka_unit_test(test_is_cam_behind_a_global_pool),
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_agrees_with_prediction),
        cmocka_unit_test(test_convolution_at_the_end),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
