/* Trainings that adapt to images without labels: three steps of every method against PyTorch (tests/golden/make_adaptation_golden.py), on
 * both engines; adabn against the moments of all images. */
#include "testing.h"

#include "base/memory.h"
#include "nn/features.h"
#include "train/adaptation/adaptation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 16, C = 2, H = 8, W = 6, CLASSES = 3 };

static const char *const names[CLASSES] = {"a", "b", "c"};
static const char line[] = "conv 4 3x3 | bn | silu | avgpool 2 | dense 6 | silu | head domain( reverse | dense 2 as "
                           "domain ) | dense classes as dense2";
static StoredFile golden;

static int open_golden(void **state) {
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/adaptation_steps.safetensors", getenv("CIFRA_SOURCE"));
    return safetensors_read(path, &golden);
}

static int close_golden(void **state) {
    (void)state;
    safetensors_free(&golden);
    return 0;
}

static const StoredTensor *tensor(const char *method, const char *name) {
    char both[80];
    snprintf(both, sizeof both, "%s%s%s", method, *method ? "/" : "", name);
    const StoredTensor *found = safetensors_find(&golden, both);
    assert_non_null(found);
    return found;
}

/* The 16 images train, `validating` of them validate; two more test. */
static cf_split *make_split(const char *which, size_t validating, cf_set **set) {
    const float *from = tensor("", which)->values, *label = tensor("", "label")->values;
    cf_split_options options = cf_split_defaults();
    cf_split *split;
    assert_ok(set_new(which, which, IMAGES + 2 + (validating ? 0 : 2), C, H, W, CLASSES, set));
    assert_ok(set_name_classes(*set, names));
    for (size_t i = 0; i < IMAGES; i++) {
        (*set)->labels[i] = (uint16_t)label[i];
        for (size_t c = 0; c < C; c++)
            for (size_t p = 0; p < H * W; p++)
                (*set)->pixels[(i * H * W + p) * C + c] = (unsigned char)from[(i * C + c) * H * W + p];
    }
    (*set)->official_train = IMAGES - validating;
    (*set)->official_validation = validating ? validating : 2;
    assert_ok(set_seal(*set));
    options.stratified = false;
    assert_ok(cf_split_new(*set, &options, &split));
    return split;
}

static cf_model *train(cf_train_options options, cf_split *split, cf_split *target) {
    cf_model *model;
    options.batch = IMAGES;
    options.epochs = options.epochs ? options.epochs : 3;
    options.learning_rate = 0.1;
    options.stop_on = CF_STOP_ON_LAST;
    options.target = target;
    assert_ok(cf_model_new(line, split, 1, &model));
    assert_ok(bag_take(&golden, &model->parameters, "init/", model->parameters.values, false));
    assert_ok(cf_train(model, split, &options, NULL));
    return model;
}

static void check_steps(const char *method, cf_train_options options) {
    cf_set *set, *other;
    cf_split *split = make_split("source", 0, &set), *target = make_split("target", 4, &other);
    for (int engine = 0; engine < 2; engine++) {
        options.engine = engine ? CF_ENGINE_FAST : CF_ENGINE_REFERENCE;
        options.threads = 1 + engine;
        cf_model *model = train(options, split, target);
        const Parameters *p = &model->parameters;
        for (int t = 0; t < p->count; t++) {
            const StoredTensor *right = tensor(method, p->table[t].name);
            float values[512];
            parameter_to_file(p, &p->table[t], p->values + p->table[t].offset, values);
            for (size_t i = 0; i < right->count; i++)
                if (!(fabs((double)values[i] - (double)right->values[i]) < 2e-5))
                    fail_msg("%s, %s: value %zu is %.9g, not %.9g", method, p->table[t].name, i, (double)values[i],
                             (double)right->values[i]);
        }
        cf_model_free(model);
    }
    cf_split_free(split), cf_split_free(target);
    cf_set_free(set), cf_set_free(other);
}

static void steps_are_torchs(void **state) {
    (void)state;
    cf_train_options o = cf_train_defaults();
    o.epochs = 3;
    o.adapt = CF_CORAL, o.adapt_weight = 2;
    check_steps("coral", o);
    o.adapt = CF_DANN, o.adapt_weight = 1.5;
    check_steps("dann", o);
    o.adapt = CF_SELF_TRAIN, o.adapt_share = 0.5, o.adapt_round = 2;
    check_steps("self-train", o);
    o.adapt = CF_MEAN_TEACHER, o.adapt_weight = 4, o.adapt_threshold = 0.8, o.adapt_balance = 0.5, o.ema = 0.5;
    check_steps("mean-teacher", o);
}

/* The convolution's outputs over all target images, which are one batch, have these moments; nothing else changes. */
static void adabn_measures(void **state) {
    (void)state;
    enum { VALUES = IMAGES * H * W };
    cf_set *set, *other;
    cf_split *split = make_split("source", 0, &set), *target = make_split("target", 4, &other);
    cf_train_options o = cf_train_defaults();
    static float values[VALUES * 4];
    uint32_t images[IMAGES];
    o.adapt = CF_ADABN, o.epochs = 1;
    cf_model *model = train(o, split, target);
    const Parameters *p = &model->parameters;
    const float *mean = parameters_find(p, 1, "running_mean"), *variance = parameters_find(p, 1, "running_var");
    for (uint32_t i = 0; i < IMAGES; i++) images[i] = i;
    const cf_subset all = {.set = other, .images = images, .count = IMAGES, .classes = CLASSES};
    assert_ok(features_compute(model, 0, &all, &(ClassifyOptions){.engine = cpu_engine(), .threads = 1}, values));
    for (int c = 0; c < 4; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < VALUES; i++) sum += (double)values[i * 4 + c];
        for (int i = 0; i < VALUES; i++) squares += pow((double)values[i * 4 + c] - sum / VALUES, 2);
        assert_true(fabs((double)mean[c] - sum / VALUES) < 1e-5);
        assert_true(fabs((double)variance[c] - squares / (VALUES - 1)) < 1e-5);
    }
    assert_true(!strcmp(p->table[0].name, "conv1.weight"));
    float conv[4 * C * 9];
    parameter_to_file(p, &p->table[0], p->values + p->table[0].offset, conv);
    assert_memory_equal(conv, tensor("init", "conv1.weight")->values, sizeof conv);
    cf_model_free(model);
    cf_split_free(split), cf_split_free(target);
    cf_set_free(set), cf_set_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_torchs),
        cmocka_unit_test(adabn_measures),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
