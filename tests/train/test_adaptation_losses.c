/* Losses of images without labels: against PyTorch (tests/golden/make_adaptation_golden.py), by differences, by hand. */
#include "testing.h"

#include "base/safetensors.h"
#include "train/adaptation/adaptation_losses.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 20, OTHERS = 14, CLASSES = 7, SIZE = 5 };

static StoredFile golden;

static int open_golden(void **state) {
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/adaptation_losses.safetensors", getenv("CIFRA_SOURCE"));
    return safetensors_read(path, &golden);
}

static int close_golden(void **state) {
    (void)state;
    safetensors_free(&golden);
    return 0;
}

static const float *tensor(const char *name) {
    const StoredTensor *found = safetensors_find(&golden, name);
    assert_non_null(found);
    return found->values;
}

static void assert_all_near(const float *got, const float *right, size_t count, double tolerance) {
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - (double)right[i]) <= tolerance))
            fail_msg("value %zu: %.9g expected, got %.9g", i, (double)right[i], (double)got[i]);
}

static void consistency_is_torchs(void **state) {
    const Consistency settings = {3, 0.6, 0.05};
    float d[N * CLASSES];
    (void)state;
    const double loss = consistency_loss(&settings, tensor("consistency/p"), tensor("consistency/q"), N, CLASSES, d);
    assert_true(fabs(loss - (double)tensor("consistency/loss")[0]) < 1e-6);
    assert_all_near(d, tensor("consistency/d"), N * CLASSES, 1e-8);
}

static double consistency_of_logits(const double *z, const float *q) {
    const Consistency settings = {3, 0.6, 0.05};
    float p[N * CLASSES], d[N * CLASSES];
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int k = 0; k < CLASSES; k++) sum += exp(z[i * CLASSES + k]);
        for (int k = 0; k < CLASSES; k++) p[i * CLASSES + k] = (float)(exp(z[i * CLASSES + k]) / sum);
    }
    return consistency_loss(&settings, p, q, N, CLASSES, d);
}

static void consistency_by_differences(void **state) {
    const Consistency settings = {3, 0.6, 0.05};
    const float *p = tensor("consistency/p"), *q = tensor("consistency/q");
    double z[N * CLASSES];
    float d[N * CLASSES];
    (void)state;
    consistency_loss(&settings, p, q, N, CLASSES, d);
    for (int i = 0; i < N * CLASSES; i++) z[i] = log((double)p[i]);
    for (int i = 0; i < N * CLASSES; i++) {
        const double before = z[i], step = 1e-2;
        z[i] = before + step;
        const double up = consistency_of_logits(z, q);
        z[i] = before - step;
        const double down = consistency_of_logits(z, q);
        z[i] = before;
        assert_true(fabs((up - down) / (2 * step) - (double)d[i]) < 2e-5);
    }
}

/* Two images of two classes, weight 2: the teacher is believed of the first alone. (0.6 - 0.9)^2 and (0.4 - 0.1)^2 have the mean
 * 0.09, half of it counts; the mean prediction is 0.5, 0.5, whose cross-entropies are log 2 each. */
static void consistency_by_hand(void **state) {
    static const float p[] = {0.6f, 0.4f, 0.4f, 0.6f}, q[] = {0.9f, 0.1f, 0.5f, 0.5f};
    const Consistency settings = {2, 0.8, 0.1}, doubtful = {2, 0.95, 0.1};
    float d[4];
    (void)state;
    const double loss = consistency_loss(&settings, p, q, 2, 2, d);
    assert_true(fabs(loss - 2 * (0.045 + 0.1 * 0.5 * 2 * log(2))) < 1e-6);
    /* g = 2 x 2 x -0.3 / 4 = -0.3 and 0.3; d = p (g - sum g p) = 0.6 (-0.3 + 0.06); the balance is at its best. */
    assert_true(fabs((double)d[0] + 0.144) < 1e-6 && fabs((double)d[1] - 0.144) < 1e-6);
    assert_true(fabs((double)d[2]) < 1e-7 && fabs((double)d[3]) < 1e-7);
    assert_true(consistency_loss(&doubtful, p, q, 2, 2, d) == 0);
    for (int i = 0; i < 4; i++) assert_true(d[i] == 0);
}

static void coral_of(int threads, float *d, float *d_other, double *loss) {
    double mean[SIZE], mean_other[SIZE], c[SIZE * SIZE], other[SIZE * SIZE];
    const float *x = tensor("coral/x"), *y = tensor("coral/other");
    assert_ok(covariance_of(x, N, SIZE, threads, mean, c));
    assert_ok(covariance_of(y, OTHERS, SIZE, threads, mean_other, other));
    *loss = 2 * coral_loss(c, other, SIZE);
    assert_ok(coral_gradient(x, N, SIZE, threads, mean, c, other, 2, d));
    assert_ok(coral_gradient(y, OTHERS, SIZE, threads, mean_other, other, c, 2, d_other));
}

static void coral_is_torchs(void **state) {
    float d[N * SIZE], d_other[OTHERS * SIZE], again[N * SIZE], again_other[OTHERS * SIZE];
    double loss, second;
    (void)state;
    coral_of(1, d, d_other, &loss);
    assert_true(fabs(loss - (double)tensor("coral/loss")[0]) < 1e-5 * loss);
    assert_all_near(d, tensor("coral/d"), N * SIZE, 1e-6);
    assert_all_near(d_other, tensor("coral/d_other"), OTHERS * SIZE, 1e-6);
    for (int threads = 2; threads <= 8; threads += threads == 2 ? 1 : 5) {
        coral_of(threads, again, again_other, &second);
        assert_true(loss == second && !memcmp(d, again, sizeof d) && !memcmp(d_other, again_other, sizeof d_other));
    }
}

/* Class 0: confidences 0.9, 0.8, 0.7 and 0.7; class 1: 0.6 alone; class 2: none. */
static void labels_by_hand(void **state) {
    static const float p[] = {0.7f, 0.3f, 0, 0.8f, 0.1f, 0.1f, 0.4f, 0.6f, 0, 0.9f, 0.05f, 0.05f, 0.7f, 0.2f, 0.1f};
    static const float half[] = {-1, 0, 1, 0, -1}, more[] = {0, 0, 1, 0, 0};
    float labels[5];
    size_t count;
    (void)state;
    assert_ok(pseudo_labels(p, 5, 3, 0.5, labels, &count));
    assert_true(count == 3 && !memcmp(labels, half, sizeof half));
    assert_ok(pseudo_labels(p, 5, 3, 0.75, labels, &count)); /* the third is as sure as the fourth */
    assert_true(count == 5 && !memcmp(labels, more, sizeof more));
    assert_ok(pseudo_labels(p, 5, 3, 0.001, labels, &count));
    assert_true(count == 2);
}

static void score_says_what_it_should(void **state) {
    static const float sure[] = {1, 0, 0, 1}, one[] = {1, 0, 1, 0}, none[] = {0.5f, 0.5f, 0.5f, 0.5f};
    double confidence;
    (void)state;
    assert_true(fabs(unlabelled_score(tensor("score/p"), N, CLASSES, &confidence) - (double)tensor("score/loss")[0]) <
                1e-6);
    assert_true(unlabelled_score(sure, 2, 2, &confidence) == 0 && confidence == 1);
    assert_true(fabs(unlabelled_score(one, 2, 2, &confidence) - log(2)) < 1e-12 && confidence == 1);
    assert_true(fabs(unlabelled_score(none, 2, 2, &confidence) - log(2)) < 1e-12 && confidence == 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consistency_is_torchs), cmocka_unit_test(consistency_by_differences),
        cmocka_unit_test(consistency_by_hand),   cmocka_unit_test(coral_is_torchs),
        cmocka_unit_test(labels_by_hand),        cmocka_unit_test(score_says_what_it_should),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
