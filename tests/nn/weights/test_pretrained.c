/* The published weights of EfficientNet-Lite0, as they lie in others' files: the logits that efficientnet-lite-pytorch computes
 * (tests/golden/make_pretrained_golden.py), by each engine of float32; and what is said where they do not fit. */
#include "testing.h"

#include "nn/model.h"
#include "nn/weights/weights_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PICTURES = 20, SIDE = 224, CLASSES = 1000, BATCH = 4 };
static const Shape shape = {3, SIDE, SIDE};

static const char *const *class_names(void) {
    static char texts[CLASSES][4];
    static const char *names[CLASSES];
    for (int k = 0; k < CLASSES; k++) {
        snprintf(texts[k], sizeof texts[k], "%d", k);
        names[k] = texts[k];
    }
    return names;
}

/* Waves of triangles, as the script's images(). */
static cf_set *make_pictures(void) {
    cf_set *set;
    assert_ok(set_new("golden", "golden", PICTURES, 3, SIDE, SIDE, 10, &set));
    assert_ok(set_name_classes_by_number(set));
    unsigned char *pixel = set->pixels;
    for (int n = 0; n < PICTURES; n++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                for (int c = 0; c < 3; c++) {
                    const int wave = (x * (1 + n % 5) + y * (2 + c + n % 3) + (x * y >> (3 + n % 4)) * (1 + n / 5) +
                                      40 * c + 23 * n) %
                                     512;
                    *pixel++ = (unsigned char)(wave < 256 ? wave : 511 - wave);
                }
    return set;
}

static cf_model *load(const char *path) {
    StoredFile file;
    cf_model *model;
    assert_ok(model_new("efficientnet-lite0", shape, class_names(), CLASSES, 1, &model));
    assert_ok(weights_read(path, &model->layers, &file));
    assert_ok(bag_take(&file, &model->parameters, "", model->parameters.values, false));
    safetensors_free(&file);
    return model;
}

/* The largest difference of the first `count` pictures' logits. */
static double worst_of(const Engine *engine, cf_model *model, const cf_set *set, const float *right, int count) {
    PlanOptions options = {.engine = engine, .batch = BATCH, .threads = 2};
    double worst = 0;
    Plan *plan;
    Feed feed;
    assert_ok(plan_new(&model->layers, &model->parameters, &options, &plan));
    assert_ok(feed_new(set, shape, class_names(), CLASSES, 2, &feed));
    assert_ok(plan_use_parameters(plan));
    for (int first = 0; first < count; first += BATCH) {
        const uint32_t images[BATCH] = {(uint32_t)first, (uint32_t)first + 1, (uint32_t)first + 2, (uint32_t)first + 3};
        assert_ok(plan_infer(plan, &feed, images, BATCH, NULL));
        for (int i = 0; i < BATCH * CLASSES; i++) {
            const double error = fabs((double)plan_logits(plan)[i] - (double)right[first * CLASSES + i]);
            assert_true(error == error);
            worst = fmax(worst, error);
        }
    }
    feed_free(&feed);
    plan_free(plan);
    return worst;
}

static void logits_of_published_weights(void **state) {
    (void)state;
    const char *weights = real_data("pretrained/efficientnet-lite0.safetensors", "the logits of EfficientNet-Lite0");
    if (!weights) return;
    char path[512];
    double largest = 0;
    StoredFile golden;
    const StoredTensor *logits;
    snprintf(path, sizeof path, "%s/tests/golden/pretrained_logits.safetensors", getenv("CIFRA_SOURCE"));
    assert_ok(safetensors_read(path, &golden));
    assert_ok(safetensors_find_float(&golden, "logits", &logits));
    assert_int_equal(logits->count, PICTURES * CLASSES);
    for (size_t i = 0; i < logits->count; i++) largest = fmax(largest, fabs((double)logits->values[i]));
    cf_set *set = make_pictures();
    cf_model *model = load(weights);
    const double fast = worst_of(cpu_engine(), model, set, logits->values, PICTURES) / largest;
    const double reference = worst_of(&reference_engine, model, set, logits->values, PICTURES) / largest;
    print_message("largest difference, relative to the largest logit: %.2g, reference engine %.2g\n", fast, reference);
    assert_true(fast < 1e-5 && reference < 1e-5);
    cf_model_free(model);
    cf_set_free(set);
    safetensors_free(&golden);
}

/* The first tensor that is not there, or has another shape, is named. */
static void other_architectures_are_refused(void **state) {
    (void)state;
    const char *weights = real_data("pretrained/efficientnet-lite0.safetensors", "weights of another network");
    if (!weights) return;
    const struct {
        const char *line, *message;
        int classes;
    } cases[] = {{"resnet18", "the tensor conv1.weight is missing", CLASSES},
                 {"efficientnet-lite0", "the tensor _fc.weight: shape [10, 1280] expected, [1000, 1280] found", 10},
                 {"conv 16 3x3 stride 2 as _conv_stem | globalavgpool | dense classes",
                  "the tensor _conv_stem.weight: shape [16, 3, 3, 3] expected, [32, 3, 3, 3] found", CLASSES}};
    for (int i = 0; i < 3; i++) {
        StoredFile file;
        cf_model *model;
        assert_ok(model_new(cases[i].line, shape, class_names(), cases[i].classes, 1, &model));
        assert_ok(weights_read(weights, &model->layers, &file));
        assert_fails(bag_take(&file, &model->parameters, "", model->parameters.values, false), CF_BAD_INPUT,
                     cases[i].message);
        safetensors_free(&file);
        cf_model_free(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_of_published_weights),
        cmocka_unit_test(other_architectures_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
