/* The mean of several models' probabilities: by hand from each model's own evaluation, classes in another order, other inputs. */
#include "data/split.h"
#include "eval/ensemble.h"
#include "golden.h"
#include "testing.h"

#include <math.h>
#include <string.h>

enum { IMAGES = 60, CLASSES = 3, SIZE = 6, CHANNELS = 1 };

static cf_set *make_set(void) {
    static const char *const names[] = {"a", "b", "c"};
    cf_set *set;
    assert_ok(set_new("the set", "nowhere", IMAGES, CHANNELS, SIZE, SIZE, CLASSES, &set));
    assert_ok(set_name_classes(set, names));
    for (size_t i = 0; i < IMAGES; i++) {
        set->labels[i] = (uint16_t)(i % CLASSES);
        for (size_t k = 0; k < SIZE * SIZE; k++)
            set->pixels[i * SIZE * SIZE + k] = (unsigned char)((i * 37 + k * (11 + i % CLASSES) * 13) % 251);
    }
    set->official_train = IMAGES;
    assert_ok(set_seal(set));
    return set;
}

static cf_model *make_model(const char *line, const char *const *names, uint64_t seed) {
    cf_model *model;
    const Shape shape = {.C = CHANNELS, .H = SIZE, .W = SIZE};
    assert_ok(model_new(line, shape, names, CLASSES, seed, &model));
    return model;
}

static const char *const in_order[] = {"a", "b", "c"}, *const turned[] = {"c", "a", "b"};

static void test_mean(void **state) {
    (void)state;
    cf_set *set = make_set();
    cf_split *split;
    cf_metrics summary;
    assert_ok(split_uncut(set, NULL, &split));
    const cf_subset *all = cf_split_part(split, CF_ALL);
    cf_model *models[] = {make_model("dense 8 | relu | dense classes", in_order, 1),
                          make_model("dense classes", turned, 2),
                          make_model("input 1x3x3 | dense classes", in_order, 3)};
    const int places[3][CLASSES] = {{0, 1, 2}, {2, 0, 1}, {0, 1, 2}}; /* where the first has this model's class */
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = 1};
    double mean[IMAGES][CLASSES] = {{0}};
    Evaluation alone[3];
    Ensemble ensemble, threaded;
    for (int m = 0; m < 3; m++) {
        assert_ok(evaluate(models[m], all, &options, &alone[m]));
        for (size_t i = 0; i < IMAGES; i++)
            for (int c = 0; c < CLASSES; c++)
                mean[i][places[m][c]] += (double)alone[m].probabilities[i * CLASSES + (size_t)c] / 3;
    }
    const EnsembleModel members[] = {{.model = models[0], .engine = cpu_engine()},
                                     {.model = models[1], .engine = cpu_engine()},
                                     {.model = models[2], .engine = cpu_engine()}};
    assert_ok(ensemble_evaluate(members, 3, all, 1, &ensemble));
    const Evaluation *e = &ensemble.evaluation;
    size_t hits = 0, only_ensemble = 0, only_member = 0;
    double loss = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        int best = 0;
        assert_int_equal(e->labels[i], i % CLASSES);
        for (int c = 0; c < CLASSES; c++) {
            assert_near((double)e->probabilities[i * CLASSES + (size_t)c], mean[i][c], 1e-7);
            if (e->probabilities[i * CLASSES + (size_t)c] > e->probabilities[i * CLASSES + (size_t)best]) best = c;
        }
        const bool right = best == e->labels[i];
        hits += right;
        loss -= log(mean[i][e->labels[i]]) / IMAGES;
        only_ensemble += right && !ensemble.members[1].right[i];
        only_member += !right && ensemble.members[1].right[i];
    }
    assert_near(e->metrics.summary.accuracy, (double)hits / IMAGES, 1e-12);
    assert_near(e->metrics.summary.loss, loss, 1e-6);
    size_t one, other;
    ensemble_discordant(&ensemble, 1, &one, &other);
    assert_int_equal(one, only_ensemble);
    assert_int_equal(other, only_member);
    for (int m = 0; m < 3; m++) {
        size_t right = 0;
        for (size_t i = 0; i < IMAGES; i++) right += ensemble.members[m].right[i];
        assert_near(ensemble.members[m].accuracy, alone[m].metrics.summary.accuracy, 0);
        assert_near((double)right / IMAGES, alone[m].metrics.summary.accuracy, 1e-12);
        assert_true(ensemble.members[ensemble_best(&ensemble)].accuracy >= ensemble.members[m].accuracy);
        evaluation_free(&alone[m]);
    }
    assert_ok(ensemble_evaluate(members, 3, all, 3, &threaded));
    assert_memory_equal(threaded.evaluation.probabilities, e->probabilities, IMAGES * CLASSES * sizeof(float));
    assert_ok(cf_evaluate_ensemble((const cf_model *const *)models, 3, all, 2, &summary));
    assert_true(summary.accuracy == e->metrics.summary.accuracy && summary.loss == e->metrics.summary.loss);
    ensemble_free(&threaded);
    ensemble_free(&ensemble);
    for (int m = 0; m < 3; m++) cf_model_free(models[m]);
    cf_split_free(split);
    cf_set_free(set);
}

static void test_refusals(void **state) {
    static const char *const others[] = {"a", "b", "d"};
    (void)state;
    cf_set *set = make_set();
    cf_split *split;
    cf_metrics summary, alone;
    assert_ok(split_uncut(set, NULL, &split));
    const cf_subset *all = cf_split_part(split, CF_ALL);
    cf_model *one = make_model("dense classes", in_order, 1), *other = make_model("dense classes", others, 1), *few;
    assert_ok(model_new("dense classes", (Shape){.C = 1, .H = SIZE, .W = SIZE}, in_order, 2, 1, &few));
    const cf_model *unlike[] = {one, other}, *fewer[] = {one, few};
    assert_fails(cf_evaluate_ensemble(unlike, 2, all, 1, &summary), CF_BAD_USE, "knows a class \"d\"");
    assert_fails(cf_evaluate_ensemble(fewer, 2, all, 1, &summary), CF_BAD_USE, "model 2 knows 2 classes");
    assert_fails(cf_evaluate_ensemble(unlike, 0, all, 1, &summary), CF_BAD_USE, "no model");
    /* Of one model it is that model's evaluation. */
    assert_ok(cf_evaluate_ensemble(unlike, 1, all, 1, &summary));
    assert_ok(cf_evaluate(one, all, 1, &alone));
    assert_true(summary.loss == alone.loss && summary.accuracy == alone.accuracy);
    cf_model_free(one);
    cf_model_free(other);
    cf_model_free(few);
    cf_split_free(split);
    cf_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
