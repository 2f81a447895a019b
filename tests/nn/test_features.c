#include "testing.h"

#include "base/memory.h"
#include "nn/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 150, CLASSES = 3, C = 2, H = 8, W = 6 };

static const char *const names[CLASSES] = {"a", "b", "c"};
static uint32_t images[IMAGES];

/* Noise; of classes that the model knows in part only. */
static cf_set *make_noise(void) {
    static const char *const others[CLASSES] = {"a", "x", "c"};
    uint64_t random = 5;
    cf_set *set;
    assert_ok(set_new("noise", "noise", IMAGES, C, H, W, CLASSES, &set));
    assert_ok(set_name_classes(set, others));
    for (size_t i = 0; i < (size_t)IMAGES * C * H * W; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        set->pixels[i] = (unsigned char)(random >> 56);
    }
    for (uint32_t i = 0; i < IMAGES; i++) {
        set->labels[i] = (unsigned char)(i % CLASSES);
        images[i] = (i * 7 + 2) % IMAGES;
    }
    return set;
}

static float *compute(const cf_model *model, const cf_set *set, const char *layer, const Engine *engine, int threads,
                      size_t *size) {
    cf_subset subset = {.set = set, .images = images, .count = IMAGES, .classes = CLASSES};
    int depth;
    float *values;
    assert_ok(features_layer(model, layer, &depth));
    *size = features_size(model, depth);
    assert_ok(memory_new(IMAGES * *size, sizeof *values, &values));
    assert_ok(
        features_compute(model, depth, &subset, &(ClassifyOptions){.engine = engine, .threads = threads}, values));
    return values;
}

/* Features times the last layer's weights plus its bias are the logits, whose softmax are the probabilities. */
static void check_last_layer(const char *line, const Engine *engine, double tolerance) {
    cf_set *set = make_noise();
    cf_model *model;
    cf_subset subset = {.set = set, .images = images, .count = IMAGES, .classes = CLASSES};
    StepResult result;
    float probabilities[IMAGES * CLASSES];
    size_t size;
    assert_ok(model_new(line, (Shape){C, H, W}, names, CLASSES, 4, &model));
    float *bias = parameters_find(&model->parameters, model->layers.count - 1, "bias");
    const float *weights = parameters_find(&model->parameters, model->layers.count - 1, "weight");
    for (int c = 0; c < CLASSES; c++) bias[c] = 0.3f * (float)c;
    float *values = compute(model, set, NULL, engine, 2, &size);
    assert_ok(classify(model, &subset, &(ClassifyOptions){.engine = engine, .threads = 1}, probabilities, &result));
    for (size_t i = 0; i < IMAGES; i++) {
        double logits[CLASSES], sum = 0;
        for (size_t c = 0; c < CLASSES; c++) {
            logits[c] = (double)bias[c];
            for (size_t d = 0; d < size; d++) logits[c] += (double)values[i * size + d] * (double)weights[c * size + d];
        }
        for (size_t c = 0; c < CLASSES; c++) sum += exp(logits[c]);
        for (size_t c = 0; c < CLASSES; c++)
            assert_true(fabs(exp(logits[c]) / sum - (double)probabilities[i * CLASSES + c]) < tolerance);
    }
    free(values);
    cf_model_free(model);
    cf_set_free(set);
}

static void test_features_times_the_last_weights_are_the_logits(void **state) {
    (void)state;
    static const char *const lines[] = {
        "conv 5 3x3 | bn | relu | maxpool 2 | dense 40 | relu | dense classes",
        "dense 20 | leakyrelu 0.2 | dropout 0.5 | dense classes",
        "conv 5 3x3 | bn | relu | maxpool 2 | dense classes",
        "conv 5 3x3 | relu | globalavgpool | dense classes",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        check_last_layer(lines[i], &reference_engine, 1e-5);
        check_last_layer(lines[i], cpu_engine(), 1e-5);
        if (cpu_engine_bf16()) check_last_layer(lines[i], cpu_engine_bf16(), 2e-2);
    }
}

/* A rectified layer is the one before it without what is negative; a pool takes the largest of its window. */
static void test_layers_by_name_follow_from_each_other(void **state) {
    (void)state;
    cf_set *set = make_noise();
    cf_model *model;
    size_t before, behind, size;
    assert_ok(model_new("conv 5 3x3 | relu | maxpool 2 | dense 12 | relu | dense classes", (Shape){C, H, W}, names,
                        CLASSES, 4, &model));
    float *conv = compute(model, set, "conv1", cpu_engine(), 1, &before);
    float *relu = compute(model, set, "relu1", cpu_engine(), 2, &behind);
    float *pool = compute(model, set, "maxpool1", cpu_engine(), 3, &size);
    assert_int_equal(before, 5 * H * W);
    assert_int_equal(behind, before);
    assert_int_equal(size, 5 * H / 2 * W / 2);
    bool some = false;
    for (size_t i = 0; i < IMAGES * before; i++) {
        assert_true(relu[i] == (conv[i] > 0 ? conv[i] : 0));
        some |= conv[i] < 0;
    }
    assert_true(some);
    for (size_t i = 0; i < IMAGES; i++)
        for (size_t c = 0; c < 5; c++) {
            const float *from = relu + i * before; /* H x W x C: the window of the pool's second column */
            float largest =
                fmaxf(fmaxf(from[2 * 5 + c], from[3 * 5 + c]), fmaxf(from[(W + 2) * 5 + c], from[(W + 3) * 5 + c]));
            assert_true(pool[i * size + 5 + c] == largest);
        }
    free(conv);
    free(relu);
    free(pool);
    float *given = compute(model, set, NULL, cpu_engine(), 1, &size),
          *named = compute(model, set, "relu2", cpu_engine(), 8, &before);
    assert_int_equal(size, 12);
    assert_memory_equal(given, named, IMAGES * size * sizeof *given);
    free(given);
    free(named);
    cf_model_free(model);
    cf_set_free(set);
}

/* Layers that work in place, in front of all others: what they make of the input. */
static void test_layers_in_place_alone(void **state) {
    (void)state;
    static const char *const layers[] = {"leakyrelu1", "dropout1", "relu1"};
    cf_set *set = make_noise();
    cf_model *model;
    assert_ok(model_new("leakyrelu 0.5 | dropout 0.4 | relu | dense 2 | relu | dense classes", (Shape){C, H, W}, names,
                        CLASSES, 4, &model));
    for (int e = 0; e < 3; e++) {
        const Engine *engine = e == 0 ? &reference_engine : e == 1 ? cpu_engine() : cpu_engine_bf16();
        for (size_t l = 0; engine && l < COUNT_OF(layers); l++) {
            size_t size;
            float *values = compute(model, set, layers[l], engine, 2, &size);
            assert_int_equal(size, C * H * W);
            for (size_t i = 0; i < IMAGES; i++)
                for (size_t k = 0; k < size; k++) {
                    const double pixel = set->pixels[images[i] * size + k] / 255.0; /* H x W x C, as they lie */
                    assert_true(fabs((double)values[i * size + k] - pixel) < (e == 2 ? 4e-3 : 1e-6));
                }
            free(values);
        }
    }
    cf_model_free(model);
    cf_set_free(set);
}

static void test_wrong_layers_are_told(void **state) {
    (void)state;
    cf_model *model;
    int depth;
    assert_ok(model_new("conv 5 3x3 | relu | dense classes", (Shape){C, H, W}, names, CLASSES, 4, &model));
    assert_fails(features_layer(model, "conv2", &depth), CF_BAD_USE, "did you mean conv1?");
    assert_fails(features_layer(model, "elephant", &depth), CF_BAD_USE, "its layers are conv1 .. dense1");
    cf_model_free(model);
    assert_ok(model_new("dense classes", (Shape){C, H, W}, names, CLASSES, 4, &model));
    assert_fails(features_layer(model, NULL, &depth), CF_BAD_USE, "no layer in front");
    cf_model_free(model);
}

/* A layer of fewer values than there are classes: labels beyond it are no matter, since nothing is scored. (A loss would read
 * behind its row, which the address sanitizer sees.) */
static void test_a_layer_narrower_than_the_labels(void **state) {
    (void)state;
    const Engine *const engines[] = {&reference_engine, cpu_engine()};
    cf_set *set = make_noise();
    cf_model *model;
    assert_ok(model_new("dense 1 nobias | relu | dense classes", (Shape){C, H, W}, names, CLASSES, 4, &model));
    const float *weights = parameters_find(&model->parameters, 0, "weight");
    for (size_t e = 0; e < COUNT_OF(engines); e++) {
        size_t size;
        float *values = compute(model, set, "dense1", engines[e], 2, &size);
        assert_int_equal(size, 1);
        for (size_t i = 0; i < IMAGES; i++) {
            double sum = 0;
            for (size_t k = 0; k < (size_t)C * H * W; k++)
                sum += set->pixels[images[i] * (size_t)C * H * W + k] / 255.0 * (double)weights[k];
            assert_true(fabs(sum - (double)values[i]) < 1e-4);
        }
        free(values);
    }
    cf_model_free(model);
    cf_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features_times_the_last_weights_are_the_logits),
        cmocka_unit_test(test_a_layer_narrower_than_the_labels),
        cmocka_unit_test(test_layers_by_name_follow_from_each_other),
        cmocka_unit_test(test_layers_in_place_alone),
        cmocka_unit_test(test_wrong_layers_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
