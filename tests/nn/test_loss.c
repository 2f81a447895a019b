/* Losses against an independent framework: tests/golden/make_network_golden.py made the figures. */
#include "testing.h"

#include "base/memory.h"
#include "base/safetensors.h"
#include "nn/loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>


enum { N = 12, CLASSES = 7 };

typedef struct Case {
    const char *name;
    bool weights, mixed; /* the classes have weights; targets are mixtures of two labels */
    double smoothing;
} Case;

static const Case cases[] = {
    {"plain", false, false, 0},
    {"weights", true, false, 0},
    {"smoothing", false, false, 0.1},
    {"weights_smoothing", true, false, 0.1},
    {"soft", false, true, 0},
    {"soft_weights", true, true, 0},
    {"soft_smoothing", false, true, 0.1},
    {"soft_weights_smoothing", true, true, 0.1},
};

static StoredFile golden;

static const float *figure(const char *name, const char *what) {
    char full[64];
    snprintf(full, sizeof full, "%s%s", name, what);
    const StoredTensor *found = safetensors_find(&golden, full);
    if (!found) print_error("no tensor %s\n", full);
    assert_non_null(found);
    return found->values;
}

static void near(const Case *c, const char *what, int image, double got, double right) {
    const double error = fabs(got - right) / fmax(1, fabs(right));
    if (!(error < 1e-6)) print_error("%s, %s of image %d: %.9g expected, got %.9g\n", c->name, what, image, right, got);
    assert_true(error < 1e-6);
}

/* Image n's target; `soft` [CLASSES] has room for its probabilities, or is NULL: by labels. */
static Target target_of(const Case *c, int n, float *soft) {
    const int label = (int)figure("label", "")[n], partner = (int)figure("partner", "")[n];
    const float share = figure("share", "")[n];
    Target target = {.label = label, .partner = -1, .share = 1, .weight = 1};
    if (c->mixed) target.partner = partner, target.share = share;
    if (!soft || label < 0) return target;
    for (int k = 0; k < CLASSES; k++)
        soft[k] = (k == label ? target.share : 0) + (k == target.partner ? 1 - target.share : 0);
    return (Target){.label = -1, .partner = -1, .soft = soft, .weight = 1};
}

static void check(const Case *c, bool as_probabilities) {
    const LossSettings settings = {
        .loss = &cross_entropy,
        .class_weights = c->weights ? figure("class_weights", "") : NULL,
        .smoothing = c->smoothing,
        .scale = 1,
    };
    double sum = 0, weight = 0;
    for (int n = 0; n < N; n++) {
        const float *logits = figure("logits", "") + (size_t)n * CLASSES;
        float p[CLASSES], soft[CLASSES];
        double d[CLASSES];
        const Target target = target_of(c, n, as_probabilities ? soft : NULL);
        const double log_sum = softmax(logits, CLASSES, p);
        const double loss = settings.loss->image(&settings, CLASSES, logits, p, log_sum, &target, d);
        near(c, "the loss", n, loss, (double)figure(c->name, "/loss")[n]);
        for (int k = 0; k < CLASSES; k++)
            near(c, "the gradient", n, d[k], (double)figure(c->name, "/d")[(size_t)n * CLASSES + (size_t)k]);
        assert_true(settings.loss->image(&settings, CLASSES, logits, p, log_sum, &target, NULL) == loss);
        sum += loss;
        weight += settings.loss->weight(&settings, CLASSES, &target);
    }
    /* Of soft targets the framework has another mean: over images, whatever their weights. */
    if (!c->mixed) near(c, "the mean", -1, sum / weight, (double)figure(c->name, "/mean")[0]);
}

static void by_labels(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) check(&cases[i], false);
}

static void by_probabilities(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) check(&cases[i], true);
}

/* An image of weight 3 counts as three of weight 1. */
static void weights_of_images(void **state) {
    (void)state;
    const float *logits = figure("logits", "");
    float p[CLASSES];
    double d[CLASSES], threefold[CLASSES];
    const LossSettings settings = {
        .loss = &cross_entropy, .class_weights = figure("class_weights", ""), .smoothing = 0.1, .scale = 1};
    const Target one = {.label = 2, .partner = -1, .share = 1, .weight = 1};
    Target three = one;
    three.weight = 3;
    const double log_sum = softmax(logits, CLASSES, p);
    const double loss = cross_entropy.image(&settings, CLASSES, logits, p, log_sum, &one, d);
    near(&cases[3], "three times the loss", 0,
         cross_entropy.image(&settings, CLASSES, logits, p, log_sum, &three, threefold), 3 * loss);
    for (int k = 0; k < CLASSES; k++) near(&cases[3], "three times the gradient", 0, threefold[k], 3 * d[k]);
    near(&cases[3], "three times the weight", 0, cross_entropy.weight(&settings, CLASSES, &three),
         3 * cross_entropy.weight(&settings, CLASSES, &one));
}

static int read_golden(void **state) {
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/losses.safetensors", getenv("CIFRA_SOURCE"));
    return safetensors_read(path, &golden) == CF_OK ? 0 : -1;
}

static int free_golden(void **state) {
    (void)state;
    safetensors_free(&golden);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_labels),
        cmocka_unit_test(by_probabilities),
        cmocka_unit_test(weights_of_images),
    };
    return cmocka_run_group_tests(tests, read_golden, free_golden);
}
