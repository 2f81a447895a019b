/* Losses against an independent framework: tests/golden/make_network_golden.py and make_loss_golden.py made the
 * figures; finite differences; and cases by hand. */
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

/* ---- Losses that know the classes' counts ---- */

static StoredFile class_golden;

static const float *class_figure(const char *name, const char *what) {
    char full[64];
    snprintf(full, sizeof full, "%s%s", name, what);
    const StoredTensor *found = safetensors_find(&class_golden, full);
    if (!found) print_error("no tensor %s\n", full);
    assert_non_null(found);
    return found->values;
}

typedef struct ClassCase {
    const char *name, *line;
    bool weights, mixed;
    double smoothing, tau;
    double teacher_share, temperature; /* 0: no teacher */
} ClassCase;

static const ClassCase class_cases[] = {
    {"focal", "focal", false, false, 0, 0, 0, 0},
    {"focal_half", "focal 0.5", true, false, 0, 0, 0, 0},
    {"focal_zero", "focal 0", false, false, 0, 0, 0, 0},
    {"focal_soft", "focal 2", false, true, 0, 0, 0, 0},
    {"focal_all", "focal 3", true, true, 0.1, 1.5, 0, 0},
    {"adjust", "ce", false, false, 0, 1, 0, 0},
    {"adjust_all", "ce", true, false, 0.1, 0.5, 0, 0},
    {"ldam", "ldam", false, false, 0, 0, 0, 0},
    {"ldam_weights", "ldam 0.8 2", true, false, 0, 0, 0, 0},
    {"ldam_soft", "ldam 0.8 2", true, true, 0, 0, 0, 0},
    {"teacher_alone", "ce", false, false, 0, 0, 1, 4},
    {"teacher_half", "ce", false, false, 0, 0, 0.5, 1},
    {"teacher_all", "focal 3", true, true, 0.1, 1.5, 0.75, 2.5},
};

/* The settings of a case; offsets and margins [CLASSES] have room. */
static LossSettings settings_of(const ClassCase *c, float *offsets, float *margins) {
    const float *counts = class_figure("counts", "");
    LossSettings settings = plain_cross_entropy;
    double all = 0, fewest = 1e9;
    assert_ok(loss_read(c->line, &settings));
    for (int k = 0; k < CLASSES; k++) all += (double)counts[k], fewest = fmin(fewest, (double)counts[k]);
    for (int k = 0; k < CLASSES; k++) {
        offsets[k] = (float)(c->tau * log((double)counts[k] / all));
        margins[k] = (float)(settings.margin * pow(fewest / (double)counts[k], 0.25));
    }
    settings.smoothing = c->smoothing;
    settings.class_weights = c->weights ? class_figure("class_weights", "") : NULL;
    settings.offsets = c->tau > 0 ? offsets : NULL;
    settings.margins = margins;
    settings.teacher_share = c->teacher_share;
    settings.temperature = c->temperature;
    return settings;
}

static Target class_target(const ClassCase *c, int n, float *soft) {
    const int label = (int)class_figure("label", "")[n], partner = (int)class_figure("partner", "")[n];
    const float *teacher = c->temperature > 0 ? class_figure("teacher", "") + (size_t)n * CLASSES : NULL;
    Target target = {.label = label, .partner = -1, .share = 1, .weight = 1, .teacher = teacher};
    if (c->mixed) target.partner = partner, target.share = class_figure("share", "")[n];
    if (!soft || label < 0) return target;
    for (int k = 0; k < CLASSES; k++)
        soft[k] = (k == label ? target.share : 0) + (k == target.partner ? 1 - target.share : 0);
    return (Target){.label = -1, .partner = -1, .soft = soft, .weight = 1, .teacher = teacher};
}

static double loss_at(const LossSettings *settings, const float *logits, const Target *target, double *d) {
    float p[CLASSES];
    const double log_sum = softmax(logits, CLASSES, p);
    const double loss = settings->loss->image(settings, CLASSES, logits, p, log_sum, target, d);
    return target->teacher ? loss_distilled(settings, CLASSES, logits, target, loss, d) : loss;
}

static void near_class(const ClassCase *c, const char *what, int image, double got, double right) {
    /* Figures, offsets and margins are floats; a scale of 30 makes their rounding larger. */
    const double error = fabs(got - right) / fmax(1, fabs(right));
    if (!(error < 4e-6)) print_error("%s, %s of image %d: %.9g expected, got %.9g\n", c->name, what, image, right, got);
    assert_true(error < 4e-6);
}

static void losses_of_classes(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(class_cases); i++)
        for (int n = 0; n < 2 * N; n++) {
            const ClassCase *c = &class_cases[i];
            const float *logits = class_figure("logits", "") + (size_t)(n % N) * CLASSES;
            float offsets[CLASSES], margins[CLASSES], soft[CLASSES];
            double d[CLASSES];
            const LossSettings settings = settings_of(c, offsets, margins);
            const Target target = class_target(c, n % N, n < N ? NULL : soft);
            const double loss = loss_at(&settings, logits, &target, d);
            near_class(c, "the loss", n, loss, (double)class_figure(c->name, "/loss")[n % N]);
            for (int k = 0; k < CLASSES; k++)
                near_class(c, "the gradient", n, d[k],
                           (double)class_figure(c->name, "/d")[(size_t)(n % N) * CLASSES + (size_t)k]);
            assert_true(loss_at(&settings, logits, &target, NULL) == loss);
        }
}

/* At logits that are multiples of 1/8, with steps of 1/512: floats hold both sides exactly. */
static void gradients_are_differences(void **state) {
    (void)state;
    const double step = 1.0 / 512;
    for (size_t i = 0; i < COUNT_OF(class_cases); i++) {
        const ClassCase *c = &class_cases[i];
        float offsets[CLASSES], margins[CLASSES], logits[CLASSES] = {0.5f, -1.25f, 2, 0.125f, -0.5f, 1, 0};
        double d[CLASSES];
        const LossSettings settings = settings_of(c, offsets, margins);
        for (int k = 0; k < CLASSES; k++) {
            const Target target = {.label = (int)i % CLASSES,
                                   .partner = c->mixed ? 4 : -1,
                                   .share = c->mixed ? 0.75f : 1,
                                   .weight = 2,
                                   .teacher = c->temperature > 0 ? class_figure("teacher", "") : NULL};
            const float here = logits[k];
            loss_at(&settings, logits, &target, d);
            logits[k] = here + (float)step;
            const double above = loss_at(&settings, logits, &target, NULL);
            logits[k] = here - (float)step;
            const double below = loss_at(&settings, logits, &target, NULL), slope = (above - below) / (2 * step);
            logits[k] = here;
            if (!(fabs(slope - d[k]) < 2e-3 * fmax(1, fabs(slope))))
                fail_msg("%s, logit %d: slope %g, gradient %g", c->name, k, slope, d[k]);
        }
    }
}

/* Two classes of probability 1/2: focal 2 is log 2 / 4; offsets log 3, 0 make it 3/4 and 1/4; a margin of 1 at scale 2 is that
 * of logits -2 and 0. */
/* Two classes at temperature 2: the teacher says 3/4 and 1/4, the network 1/2 each. KL = 3/4 log 3/2 + 1/4 log 1/2; labels aside,
 * the loss is 4 KL, and its gradient 2 (1/2 - 3/4) and 2 (1/2 - 1/4). */
static void teacher_by_hand(void **state) {
    LossSettings s = plain_cross_entropy;
    const float logits[] = {1, 1}, teacher[] = {(float)(2 * log(3)), 0};
    const Target target = {.label = 0, .partner = -1, .share = 1, .weight = 1, .teacher = teacher};
    double d[] = {7, 7};
    (void)state;
    s.teacher_share = 1, s.temperature = 2;
    const double loss = loss_distilled(&s, 2, logits, &target, 99, d);
    assert_true(fabs(loss - 4 * (0.75 * log(1.5) + 0.25 * log(0.5))) < 1e-7);
    assert_true(fabs(d[0] + 0.5) < 1e-7 && fabs(d[1] - 0.5) < 1e-7);
    s.teacher_share = 0;
    assert_true(loss_distilled(&s, 2, logits, &target, 99, d) == 99);
}

static void by_hand(void **state) {
    (void)state;
    const float logits[2] = {0, 0}, offsets[2] = {1.0986123f, 0}, margins[2] = {1, 0.5f};
    float p[2];
    double d[2];
    const Target first = {.label = 0, .partner = -1, .share = 1, .weight = 1};
    const double log_sum = softmax(logits, 2, p);
    LossSettings settings = plain_cross_entropy;
    assert_ok(loss_read("focal", &settings));
    assert_true(fabs(focal_loss.image(&settings, 2, logits, p, log_sum, &first, d) - log(2) / 4) < 1e-12);
    /* p dL/dp = 2 p (1 - p) log p - (1 - p)^2 = -log(2) / 2 - 1/4, times 1 - p and -p. */
    assert_true(fabs(d[0] + log(2) / 4 + 0.125) < 1e-12 && fabs(d[1] - log(2) / 4 - 0.125) < 1e-12);
    settings = plain_cross_entropy;
    settings.offsets = offsets;
    assert_true(fabs(cross_entropy.image(&settings, 2, logits, p, log_sum, &first, d) - log(4.0 / 3)) < 1e-7);
    assert_true(fabs(d[0] + 0.25) < 1e-7 && fabs(d[1] - 0.25) < 1e-7);
    assert_ok(loss_read("ldam 1 2", &settings));
    settings.margins = margins;
    assert_true(fabs(ldam_loss.image(&settings, 2, logits, p, log_sum, &first, d) - log(1 + exp(2))) < 1e-12);
    assert_true(fabs(d[1] - 2 / (1 + exp(-2))) < 1e-12 && fabs(d[0] + d[1]) < 1e-12);
}

/* Far logits: neither NaN nor infinity, and no gradient of what is known. */
static void far_logits(void **state) {
    (void)state;
    static const char *const lines[] = {"ce", "focal", "focal 0.5", "focal 0", "focal 1", "ldam"};
    const float logits[3] = {900, -900, 0};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        for (int label = 0; label < 3; label++) {
            LossSettings settings = plain_cross_entropy;
            float p[3];
            double d[3];
            const Target target = {.label = label, .partner = -1, .share = 1, .weight = 1};
            assert_ok(loss_read(lines[i], &settings));
            const double log_sum = softmax(logits, 3, p);
            const double loss = settings.loss->image(&settings, 3, logits, p, log_sum, &target, d);
            assert_true(isfinite(loss) && isfinite(d[0]) && isfinite(d[1]) && isfinite(d[2]));
            assert_true(label != 0 || (loss == 0 && d[0] == 0 && d[1] == 0 && d[2] == 0));
        }
}

static void lines_of_losses(void **state) {
    (void)state;
    LossSettings s = plain_cross_entropy;
    assert_ok(loss_read("  ldam  0.25 ", &s));
    assert_true(s.loss == &ldam_loss && s.margin == 0.25 && s.logit_scale == 30);
    assert_ok(loss_read("focal", &s));
    assert_true(s.loss == &focal_loss && s.gamma == 2);
    assert_fails(loss_read("focl 2", &s), CF_BAD_USE,
                 "ce, focal [GAMMA] or ldam [MARGIN] [SCALE] expected, found focl 2; did you mean focal?");
    assert_fails(loss_read("", &s), CF_BAD_USE, "ce, focal [GAMMA] or ldam [MARGIN] [SCALE] expected, found ");
    assert_fails(loss_read("focal x", &s), CF_BAD_USE,
                 "focal [GAMMA], gamma: a number from 0 to 100 expected, found x");
    assert_fails(loss_read("focal 101", &s), CF_BAD_USE, "expected, found 101");
    assert_fails(loss_read("ldam 1 0", &s), CF_BAD_USE, "logit_scale: a number from 0.001 to 1000 expected, found 0");
    assert_fails(loss_read("ce 1", &s), CF_BAD_USE, "ce and nothing behind it expected, found ce 1");
}

static int read_golden(void **state) {
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/losses.safetensors", getenv("CIFRA_SOURCE"));
    if (safetensors_read(path, &golden)) return -1;
    snprintf(path, sizeof path, "%s/tests/golden/class_losses.safetensors", getenv("CIFRA_SOURCE"));
    return safetensors_read(path, &class_golden) == CF_OK ? 0 : -1;
}

static int free_golden(void **state) {
    (void)state;
    safetensors_free(&golden);
    safetensors_free(&class_golden);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_labels),
        cmocka_unit_test(by_probabilities),
        cmocka_unit_test(weights_of_images),
        cmocka_unit_test(losses_of_classes),
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(teacher_by_hand),
        cmocka_unit_test(far_logits),
        cmocka_unit_test(lines_of_losses),
    };
    return cmocka_run_group_tests(tests, read_golden, free_golden);
}
