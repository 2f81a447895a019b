/* Training with fake quantization: what a plan gives is what integers give; gradients by hand; the same bits at any number of threads
 * and after a stop; layers without integers are refused. */
#include "small_set.h"

#include "base/memory.h"
#include "nn/int8/int8.h"
#include "train/fit.h"
#include "train/quantization.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IMAGES = 200, CLASSES = 4, SIDE = 12 };

static cf_set *set;
static cf_split *split;

/* Noise; classes by which quarter is bright. */
static void paint(int image, unsigned char *pixels, uint16_t *label) {
    *label = (uint16_t)(image % CLASSES);
    for (int p = 0; p < SIDE * SIDE; p++) {
        const int quarter = p / SIDE * 2 / SIDE * 2 + p % SIDE * 2 / SIDE;
        pixels[p] = (unsigned char)((image * 37 + p * 11) % 97 + (quarter == *label ? 100 : 0));
    }
}

static int set_up(void **state) {
    (void)state;
    assert_int_equal(chdir(scratch_folder()), 0);
    set = small_set("bright", IMAGES, 1, SIDE, CLASSES, paint);
    split = pooled_split(set);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cf_split_free(split);
    cf_set_free(set);
    return 0;
}

static cf_train_options options_for(int epochs, cf_quantize quantize) {
    cf_train_options o = cf_train_defaults();
    o.batch = 16, o.epochs = epochs, o.threads = 1, o.patience = 0, o.stop_on = CF_STOP_ON_LAST;
    o.quantize = quantize;
    return o;
}

/* Every kind of operation that integers have, residual groups with and without a projection, norms alone, pools on both sides of a
 * rectifier. */
static const char *const lines[] = {
    "conv 6 3x3 | bn | relu | maxpool 2 | conv 8 3x3 | relu | dense 12 | relu | dense classes",
    "normalize 0.4 0.3 | conv 6 3x3 | bn | relu6 | dwconv 3x3 | bn | relu | avgpool 2 | dense classes",
    "conv 6 3x3 | bn | relu | res( conv 6 3x3 | bn | relu | conv 6 3x3 | bn ) | relu | res( conv 8 3x3 stride 2 | bn | "
    "relu | conv 8 3x3 | "
    "bn ) | relu | globalavgpool | dense classes",
    "conv 6 3x3 pad valid | maxpool 2 | relu | bn | conv 5 1x1 | globalmaxpool | dropout 0.3 | dense classes",
    "conv 6 3x3 | bn | silu | dwconv 3x3 | hardswish | conv 6 1x1 | gelu | avgpool 2 | dense 8 | leakyrelu 0.1 | dense "
    "classes",
    "conv 6 3x3 as a | bn | relu | conv 4 3x3 | sigmoid | concat a | relu | se 2 | conv 8 3x3 stride 2 | bn | silu | "
    "se 4 | "
    "relu | globalavgpool | dense classes",
};

static void logits_of(const cf_model *model, const cf_subset *images, bool fake, float *logits) {
    const ClassifyOptions none = {.engine = &reference_engine, .threads = 1};
    cf_train_options o = options_for(1, CF_QUANTIZE_INT8);
    const cf_subset *train = cf_split_part(split, CF_TRAIN);
    StepResult result;
    if (!fake) {
        Int8Network *integers;
        assert_ok(int8_network_new(model, train, 1, &integers));
        ClassifyOptions with = none;
        with.int8 = integers;
        assert_ok(classify(model, images, &with, logits, &result));
        int8_network_free(integers);
        return;
    }
    Quantization *q;
    Plan *plan;
    Feed feed;
    Parameters parameters = model->parameters;
    assert_ok(quantization_new(&o, model, train, &reference_engine, 1, &q));
    const PlanOptions options = {
        .engine = &reference_engine, .batch = 64, .threads = 1, .quantized = quantization_ranges(q)};
    quantization_begin(q, &parameters);
    assert_ok(plan_new(&model->layers, &parameters, &options, &plan));
    assert_ok(plan_use_parameters(plan));
    assert_ok(feed_new(set, model->layers.input, (const char *const *)model->class_names, model->classes, 1, &feed));
    assert_ok(classify_with(plan, &feed, images->images, images->count, model->classes, logits, &result));
    quantization_end(q, &parameters);
    feed_free(&feed);
    plan_free(plan);
    quantization_free(q);
}

/* Probabilities of integers are as near to those of the plan as the last rounding, of the logits, lets them be: far nearer than to
 * those of the network in float32. */
static void plans_give_what_integers_give(void **state) {
    (void)state;
    const cf_subset *images = cf_split_part(split, CF_TEST);
    const size_t count = cf_subset_count(images) * CLASSES;
    for (size_t l = 0; l < COUNT_OF(lines); l++) {
        cf_model *model = small_model(lines[l], split, 1);
        cf_train_options o = options_for(4, CF_QUANTIZE_NONE);
        StepResult unused;
        float *p[3];
        double off[2] = {0, 0};
        assert_ok(cf_train(model, split, &o, NULL));
        float *before = malloc(model->parameters.total * sizeof(float));
        memcpy(before, model->parameters.values, model->parameters.total * sizeof(float));
        for (int i = 0; i < 3; i++) assert_non_null(p[i] = malloc(count * sizeof(float)));
        logits_of(model, images, false, p[0]);
        logits_of(model, images, true, p[1]);
        assert_memory_equal(before, model->parameters.values, model->parameters.total * sizeof(float));
        assert_ok(
            classify(model, images, &(ClassifyOptions){.engine = &reference_engine, .threads = 1}, p[2], &unused));
        for (size_t k = 0; k < count; k++)
            for (int i = 0; i < 2; i++) off[i] += fabs((double)p[0][k] - (double)p[1 + i][k]) / (double)count;
        print_message("%zu: from integers %.5f, float32 from integers %.5f\n", l, off[0], off[1]);
        assert_true(off[0] < 0.004);
        for (int i = 0; i < 3; i++) free(p[i]);
        free(before);
        cf_model_free(model);
    }
}

/* Both tensors of a squeeze and excitation are rounded, and its biases are not. */
static void weights_within_a_layer(void **state) {
    (void)state;
    cf_model *model = small_model("conv 4 3x3 | se 2 | dense classes", split, 1);
    Parameters *p = &model->parameters;
    cf_train_options o = options_for(1, CF_QUANTIZE_INT8);
    Quantization *q;
    assert_ok(quantization_new(&o, model, cf_split_part(split, CF_TRAIN), &reference_engine, 1, &q));
    float *first = parameters_find(p, 1, "fc1.weight"), *second = parameters_find(p, 1, "fc2.weight"),
          *bias = parameters_find(p, 1, "fc1.bias");
    first[4] = 127, first[5] = 1.4f, second[2] = 254, second[3] = 2.9f, bias[0] = 0.3f;
    quantization_begin(q, p);
    assert_true(first[4] == 127 && first[5] == 1 && second[2] == 254 && second[3] == 2 && bias[0] == 0.3f);
    quantization_end(q, p);
    assert_true(first[5] == 1.4f && second[3] == 2.9f);
    quantization_free(q);
    cf_model_free(model);
}

/* A dense layer alone: its weights are rounded, its gradient is that at the rounded weights, and what learns are the others. */
static void weights_by_hand(void **state) {
    (void)state;
    cf_model *model = small_model("dense classes", split, 1);
    Parameters *p = &model->parameters;
    cf_train_options o = options_for(1, CF_QUANTIZE_INT8);
    Quantization *q;
    const size_t inputs = (size_t)SIDE * SIDE;
    assert_ok(quantization_new(&o, model, cf_split_part(split, CF_TRAIN), &reference_engine, 1, &q));
    float *weights = parameters_find(p, 0, "weight");
    for (size_t i = 0; i < CLASSES * inputs; i++) weights[i] = 0;
    weights[0] = 1.27f, weights[1] = 0.0149f, weights[2] = -0.0151f, weights[3] = -0.5f;
    weights[inputs] = -254; /* another filter, another scale */
    weights[inputs + 1] = 0.9f, weights[inputs + 2] = 1.1f;
    quantization_begin(q, p);
    const float right[] = {1.27f, 0.01f, -0.02f, -0.5f}, second[] = {-254, 0, 2};
    for (int i = 0; i < 4; i++) assert_true(fabsf(weights[i] - right[i]) < 1e-6f);
    for (size_t i = 0; i < 3; i++) assert_true(weights[inputs + i] == second[i]);
    quantization_end(q, p);
    assert_true(weights[1] == 0.0149f && weights[inputs + 2] == 1.1f);
    quantization_free(q);
    cf_model_free(model);
}

/* Image -> relu -> relu, rounded -> dense: values of a pixel are rounded to the range's steps and limited by it; the gradient passes where they were
 * within it. */
static void values_by_hand(void **state) {
    (void)state;
    cf_model *model = small_model("relu | relu | dense classes", split, 1);
    Parameters *p = &model->parameters;
    FakeRange ranges[3] = {{0, 0}, {0.25f, -126}, {0, 0}}; /* from -0.5 to 63.25 */
    const size_t inputs = (size_t)SIDE * SIDE;
    const float x[] = {0.3f, 0.374f, 0.376f, 63.2f, 63.37f, 63.5f, 1000},
                right[] = {0.25f, 0.25f, 0.5f, 63.25f, 63.25f, 63.25f, 63.25f};
    const bool passes[] = {true, true, true, true, true, false, false};
    float *images = calloc(inputs, sizeof(float)), d_logits[CLASSES] = {1, 0, 0, 0}, values[SIDE * SIDE],
          d[SIDE * SIDE];
    Feed feed;
    Plan *plan;
    const uint32_t first = 0;
    float *weights = parameters_find(p, 2, "weight");
    for (size_t i = 0; i < CLASSES * inputs; i++) weights[i] = (float)(i % 7) + 1;
    memcpy(images, x, sizeof x);
    assert_ok(feed_new(set, model->layers.input, (const char *const *)model->class_names, CLASSES, 1, &feed));
    feed_use_ready(&feed, images, NULL, model->layers.input);
    const int taps[] = {0, 1};
    const PlanOptions options = {.engine = &reference_engine,
                                 .batch = 1,
                                 .threads = 1,
                                 .mode = PLAN_GRADIENTS,
                                 .taps = taps,
                                 .tap_count = 2,
                                 .quantized = ranges};
    assert_ok(plan_new(&model->layers, p, &options, &plan));
    assert_ok(plan_differentiate(plan, &feed, &first, 1, d_logits));
    plan_read_tap(plan, 1, values);
    plan_read_tap_gradient(plan, 0, d);
    for (size_t i = 0; i < COUNT_OF(x); i++) {
        if (!(fabsf(values[i] - right[i]) < 1e-6f))
            fail_msg("value %zu: %g expected, got %g", i, (double)right[i], (double)values[i]);
        assert_true(d[i] == (passes[i] ? weights[i] : 0));
    }
    plan_free(plan);
    feed_free(&feed);
    free(images);
    cf_model_free(model);
}

static bool stop(const cf_progress *progress, void *context) {
    const int *at = context;
    return (progress->epoch - 1) * (int)progress->steps + (int)progress->step < *at;
}

static void sha_of(const cf_train_options *o, char sha[SHA256_HEX]) {
    cf_model *model = small_model(lines[2], split, 1);
    assert_ok(cf_train(model, split, o, NULL));
    assert_ok(parameters_sha256(&model->parameters, sha));
    cf_model_free(model);
}

static void same_bits(void **state) {
    static const double averages[][2] = {{0, 1}, {0.9, 1}, {0, 0.3}}; /* ema, swa_from */
    (void)state;
    for (size_t a = 0; a < COUNT_OF(averages); a++)
        for (int at = 5; at <= 12; at += 7) { /* within the first epoch of 9 steps, and the second */
            char whole[SHA256_HEX], threads[SHA256_HEX], resumed[SHA256_HEX];
            cf_train_options o = options_for(3, CF_QUANTIZE_INT8);
            o.ema = averages[a][0], o.swa_from = averages[a][1];
            sha_of(&o, whole);
            o.threads = 3;
            sha_of(&o, threads);
            assert_string_equal(whole, threads);
            unlink("stopped.safetensors");
            o.checkpoint = "stopped.safetensors", o.progress = stop, o.progress_context = &at;
            cf_model *model = small_model(lines[2], split, 1);
            assert_int_equal(cf_train(model, split, &o, NULL), CF_INTERRUPTED);
            cf_model_free(model);
            o.resume = true, o.progress = NULL;
            sha_of(&o, resumed);
            assert_string_equal(whole, resumed);
        }
}

static void learns_and_refuses(void **state) {
    cf_train_options o = options_for(8, CF_QUANTIZE_INT8);
    cf_train_result result;
    cf_model *model = small_model(lines[0], split, 1);
    (void)state;
    o.learning_rate = 0.02;
    assert_ok(cf_train(model, split, &o, &result));
    assert_true(result.validation_accuracy > 0.9);
    cf_model_free(model);
    model = small_model("conv 4 3x3 | layernorm | dense classes", split, 1);
    assert_fails(cf_train(model, split, &o, NULL), CF_BAD_USE,
                 "quantize int8: the layer layernorm1 (layernorm) has no form in 8-bit integers yet");
    cf_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_give_what_integers_give),
        cmocka_unit_test(weights_by_hand),
        cmocka_unit_test(weights_within_a_layer),
        cmocka_unit_test(values_by_hand),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(learns_and_refuses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
