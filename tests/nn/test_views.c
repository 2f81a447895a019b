/* Test-time augmentation: probabilities are means over fixed views of each image, here of an image and its mirror image, which
 * another set holds as images of its own. */
#include "testing.h"

#include "data/augment/augment.h"
#include "data/split.h"
#include "nn/model.h"

#include <math.h>
#include <stdlib.h>

enum { IMAGES = 300, CLASSES = 4, SIDE = 8, SIZE = SIDE * SIDE };

static cf_set *set_of(const unsigned char *pixels, bool mirrored) {
    cf_set *made;
    assert_ok(set_new("views", "views", IMAGES, 1, SIDE, SIDE, CLASSES, &made));
    assert_ok(set_name_classes_by_number(made));
    for (int i = 0; i < IMAGES; i++) {
        for (int p = 0; p < SIZE; p++)
            made->pixels[i * SIZE + p] = pixels[i * SIZE + (mirrored ? p / SIDE * SIDE + SIDE - 1 - p % SIDE : p)];
        made->labels[i] = (unsigned char)(i % CLASSES);
    }
    assert_ok(set_seal(made));
    return made;
}

static cf_split *all_of(const cf_set *set) {
    cf_split_options parts = cf_split_defaults();
    cf_split *split;
    parts.mode = CF_SPLIT_POOLED;
    assert_ok(cf_split_new(set, &parts, &split));
    return split;
}

static float *probabilities_of(const cf_model *model, const cf_set *set, const char *line, int threads,
                               StepResult *result) {
    cf_split *split = all_of(set);
    Augmentation *views = NULL;
    float *p = calloc((size_t)IMAGES * CLASSES, sizeof *p);
    if (line) assert_ok(augmentation_new(line, &views));
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = threads, .views = views};
    assert_ok(classify(model, cf_split_part(split, CF_ALL), &options, p, result));
    augmentation_free(views);
    cf_split_free(split);
    return p;
}

static cf_set *plain, *mirrored;
static cf_model *model;

static int set_up(void **state) {
    static unsigned char pixels[IMAGES * SIZE];
    uint64_t random = 5;
    (void)state;
    for (int i = 0; i < IMAGES * SIZE; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        pixels[i] = (unsigned char)(random >> 40);
    }
    plain = set_of(pixels, false);
    mirrored = set_of(pixels, true);
    cf_split *split = all_of(plain);
    assert_ok(cf_model_new("conv 6 3x3 | relu | maxpool 2 | dense classes", split, 9, &model));
    cf_split_free(split);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cf_model_free(model);
    cf_set_free(plain);
    cf_set_free(mirrored);
    return 0;
}

static void the_mean_of_an_image_and_its_mirror_image(void **state) {
    (void)state;
    StepResult of_plain, of_mirrored, of_views;
    float *a = probabilities_of(model, plain, NULL, 1, &of_plain),
          *b = probabilities_of(model, mirrored, NULL, 1, &of_mirrored),
          *mean = probabilities_of(model, plain, "flip", 1, &of_views);
    double loss = 0;
    int64_t correct = 0, changed = 0;
    for (int i = 0; i < IMAGES; i++) {
        int largest = 0;
        for (int k = 0; k < CLASSES; k++) {
            const float expected = (float)(0.5 * (double)a[i * CLASSES + k] + 0.5 * (double)b[i * CLASSES + k]);
            assert_true(fabsf(mean[i * CLASSES + k] - expected) <= 1e-7f);
            changed += mean[i * CLASSES + k] != a[i * CLASSES + k];
            if (mean[i * CLASSES + k] > mean[i * CLASSES + largest]) largest = k;
        }
        loss -= log((double)mean[i * CLASSES + i % CLASSES]);
        correct += largest == i % CLASSES;
    }
    assert_true(changed > IMAGES);
    assert_true(fabs(of_views.loss - loss) < 1e-9 * loss);
    assert_int_equal(of_views.correct, correct);
    assert_int_equal((int)of_views.weight, IMAGES);
    free(a), free(b), free(mean);
}

static void a_score_without_probabilities(void **state) {
    (void)state;
    StepResult with, without;
    Augmentation *views;
    cf_split *split = all_of(plain);
    free(probabilities_of(model, plain, "flip", 1, &with));
    assert_ok(augmentation_new("flip", &views));
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = 2, .views = views};
    assert_ok(classify(model, cf_split_part(split, CF_ALL), &options, NULL, &without));
    assert_true(with.loss == without.loss && with.weight == without.weight && with.correct == without.correct);
    augmentation_free(views);
    cf_split_free(split);
}

static void the_library_says_the_same(void **state) {
    (void)state;
    StepResult of_views;
    cf_metrics metrics;
    cf_split *split = all_of(plain);
    free(probabilities_of(model, plain, "flip", 1, &of_views));
    assert_ok(cf_evaluate_views(model, cf_split_part(split, CF_ALL), "flip", 1, &metrics));
    assert_true(fabs(metrics.loss - of_views.loss / IMAGES) < 1e-12);
    assert_true(fabs(metrics.accuracy - (double)of_views.correct / IMAGES) < 1e-12);
    assert_fails(cf_evaluate_views(model, cf_split_part(split, CF_ALL), "flop", 1, &metrics), CF_BAD_USE,
                 "did you mean flip?");
    cf_split_free(split);
}

static void one_view_is_the_image(void **state) {
    (void)state;
    StepResult without, with;
    float *a = probabilities_of(model, plain, NULL, 1, &without), *b = probabilities_of(model, plain, "none", 1, &with);
    assert_memory_equal(a, b, sizeof *a * IMAGES * CLASSES);
    assert_int_equal(without.correct, with.correct);
    assert_true(fabs(without.loss - with.loss) < 1e-5 * without.loss); /* of probabilities as floats */
    free(a), free(b);
}

static void the_same_bits_at_any_threads(void **state) {
    (void)state;
    StepResult one, other;
    float *a = probabilities_of(model, plain, "flip | shift 1 | rotate 5", 1, &one),
          *b = probabilities_of(model, plain, "flip | shift 1 | rotate 5", 3, &other);
    assert_memory_equal(a, b, sizeof *a * IMAGES * CLASSES);
    assert_memory_equal(&one.loss, &other.loss, sizeof one.loss);
    free(a), free(b);
}

static void lines_without_views_are_refused(void **state) {
    (void)state;
    cf_split *split = all_of(plain);
    Augmentation *views;
    StepResult result;
    float *p = calloc((size_t)IMAGES * CLASSES, sizeof *p);
    assert_ok(augmentation_new("flip | noise 0.1", &views));
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = 1, .views = views};
    assert_fails(classify(model, cf_split_part(split, CF_ALL), &options, p, &result), CF_BAD_USE,
                 "noise has no fixed views");
    free(p);
    augmentation_free(views);
    cf_split_free(split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_of_an_image_and_its_mirror_image),
        cmocka_unit_test(a_score_without_probabilities),
        cmocka_unit_test(the_library_says_the_same),
        cmocka_unit_test(one_view_is_the_image),
        cmocka_unit_test(the_same_bits_at_any_threads),
        cmocka_unit_test(lines_without_views_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
