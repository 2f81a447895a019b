/* Training with a teacher: one who says what the network says already changes nothing; the bits are the same at any number of threads
 * and after a stop; what is not understood of a teacher is refused. The loss itself: tests/nn/test_loss.c. */
#include "small_set.h"

#include "base/files.h"
#include "nn/transfer.h"
#include "train/distillation.h"
#include "train/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IMAGES = 120, CLASSES = 3, SIDE = 8 };

static cf_set *set;
static cf_split *split;

/* Noise; classes by which third of the rows is bright. */
static void paint(int image, unsigned char *pixels, uint16_t *label) {
    *label = (uint16_t)(image % CLASSES);
    for (int p = 0; p < SIDE * SIDE; p++)
        pixels[p] = (unsigned char)((image * 37 + p * 11) % 97 + (p / SIDE * CLASSES / SIDE == *label ? 120 : 0));
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

static void save(const char *line, uint64_t seed, const char *path) {
    cf_model *model = small_model(line, split, seed);
    assert_ok(cf_model_save(model, path));
    cf_model_free(model);
}

static cf_train_options options_with(const char *teacher) {
    cf_train_options o = cf_train_defaults();
    o.batch = 16, o.epochs = 2, o.threads = 1, o.patience = 0, o.stop_on = CF_STOP_ON_LAST;
    snprintf(o.teacher, sizeof o.teacher, "%s", teacher);
    return o;
}

static const char line[] = "conv 4 3x3 | relu | maxpool 2 | dense classes";

/* Its own weights as the teacher, and nothing else in the loss: no gradient, whatever the images are. */
static void own_teacher(void **state) {
    (void)state;
    save(line, 3, "own.safetensors");
    cf_train_options o = options_with("own.safetensors");
    o.teacher_share = 1;
    snprintf(o.augment, sizeof o.augment, "shift 2 | mixup 1");
    cf_model *model = small_model(line, split, 3), *before = small_model(line, split, 3);
    const Parameters *p = &model->parameters;
    assert_ok(cf_train(model, split, &o, NULL));
    for (size_t i = 0; i < p->total; i++)
        assert_true(fabs((double)p->values[i] - (double)before->parameters.values[i]) < 1e-6);
    o.teacher_share = 0; /* and labels do change it */
    assert_ok(cf_train(model, split, &o, NULL));
    assert_true(fabs((double)p->values[0] - (double)before->parameters.values[0]) > 1e-5);
    cf_model_free(model);
    cf_model_free(before);
}

/* A student that begins elsewhere comes nearer to the teacher than one that learns from labels. */
static void student_imitates(void **state) {
    float *p[3];
    double far[2] = {0, 0};
    (void)state;
    save("dense classes", 5, "linear.safetensors");
    for (int i = 0; i < 3; i++) {
        cf_train_options o = options_with(i < 2 ? "linear.safetensors" : "none");
        StepResult result;
        o.teacher_share = 1, o.temperature = 2, o.epochs = 20, o.learning_rate = 0.05;
        cf_model *model = small_model("dense classes", split, i == 0 ? 5 : 8);
        if (i) assert_ok(cf_train(model, split, &o, NULL));
        assert_non_null(p[i] = malloc(IMAGES * CLASSES * sizeof(float)));
        const ClassifyOptions classifying = {.engine = &reference_engine, .threads = 1};
        assert_ok(classify(model, cf_split_part(split, CF_TEST), &classifying, p[i], &result));
        cf_model_free(model);
    }
    for (size_t k = 0; k < cf_subset_count(cf_split_part(split, CF_TEST)) * CLASSES; k++)
        for (int i = 0; i < 2; i++) far[i] += fabs((double)p[i + 1][k] - (double)p[0][k]);
    for (int i = 0; i < 3; i++) free(p[i]);
    if (!(far[0] < far[1] / 4)) fail_msg("student %g from its teacher, without one %g", far[0], far[1]);
}

static bool stop(const cf_progress *progress, void *context) {
    const int *at = context;
    return (progress->epoch - 1) * (int)progress->steps + (int)progress->step < *at;
}

static void sha_of(const cf_train_options *o, char sha[SHA256_HEX]) {
    cf_model *model = small_model(line, split, 1);
    assert_ok(cf_train(model, split, o, NULL));
    assert_ok(parameters_sha256(&model->parameters, sha));
    cf_model_free(model);
}

static void same_bits(void **state) {
    char whole[SHA256_HEX], threads[SHA256_HEX], resumed[SHA256_HEX];
    int at = 8;
    (void)state;
    save("conv 6 3x3 | bn | relu | dropout 0.5 | dense classes", 4, "noisy.safetensors");
    cf_train_options o = options_with("noisy.safetensors");
    snprintf(o.augment, sizeof o.augment, "shift 2 | mixup 1");
    o.label_smoothing = 0.1;
    sha_of(&o, whole);
    o.threads = 3;
    sha_of(&o, threads);
    assert_string_equal(whole, threads);
    o.checkpoint = "stopped.safetensors", o.progress = stop, o.progress_context = &at;
    cf_model *model = small_model(line, split, 1);
    assert_int_equal(cf_train(model, split, &o, NULL), CF_INTERRUPTED);
    cf_model_free(model);
    o.resume = true, o.progress = NULL;
    sha_of(&o, resumed);
    assert_string_equal(whole, resumed);
    /* Another teacher of the same name. */
    unlink("stopped.safetensors");
    o.resume = false, o.progress = stop;
    model = small_model(line, split, 1);
    assert_int_equal(cf_train(model, split, &o, NULL), CF_INTERRUPTED);
    save("dense classes", 9, "noisy.safetensors");
    o.resume = true, o.progress = NULL;
    assert_fails(cf_train(model, split, &o, NULL), CF_BAD_USE, "it was made with other settings: teacher_file=");
    cf_model_free(model);
}

static void refused(void **state) {
    cf_model *model = small_model(line, split, 1);
    cf_train_options o = options_with("nowhere");
    (void)state;
    assert_fails(cf_train(model, split, &o, NULL), CF_BAD_USE, "teacher nowhere: there is no run and no file nowhere");
    save("input 1x6x6 | dense classes", 1, "small.safetensors");
    o = options_with("small.safetensors");
    assert_fails(cf_train(model, split, &o, NULL), CF_BAD_USE,
                 "teacher small.safetensors: it takes images of 1x6x6, and the network to be trained 1x8x8");
    cf_split *two;
    cf_split_options parts = cf_split_defaults();
    parts.mode = CF_SPLIT_POOLED, parts.classes = "0,2";
    assert_ok(cf_split_new(set, &parts, &two));
    cf_model *less;
    assert_ok(cf_model_new("dense classes", two, 1, &less));
    assert_ok(cf_model_save(less, "two.safetensors"));
    o = options_with("two.safetensors");
    assert_fails(cf_train(model, split, &o, NULL), CF_BAD_USE, "two.safetensors: it does not know the class 1");
    /* A teacher of more classes is one; its logits are found by name. */
    save("dense classes", 2, "three.safetensors");
    o = options_with("three.safetensors");
    assert_ok(cf_train(less, two, &o, NULL));
    memset(o.teacher_sha256, 'a', SHA256_HEX - 1);
    o.teacher_sha256[SHA256_HEX - 1] = 0;
    assert_fails(cf_train(less, two, &o, NULL), CF_BAD_INPUT, "holds other weights than those that are asked for");
    cf_model_free(less);
    cf_split_free(two);
    cf_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_teacher),
        cmocka_unit_test(student_imitates),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
