/* What a training's options and the images per class come to: weights against scikit-learn and the paper's formula (tests/golden/
 * make_loss_golden.py), margins and offsets by hand, what is refused; and that a training follows them. */
#include "small_set.h"

#include "base/files.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "data/split.h"
#include "train/train_loss.h"
#include "train/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLASSES = 7, SIDE = 4 };

static const char *const names[CLASSES] = {"0", "1", "2", "3", "4", "5", "6"};

/* A set with so many images of the classes, all of which train. */
typedef struct World {
    cf_set *set;
    cf_subset train;
} World;

static void world_new(World *w, const int *counts, int classes) {
    size_t all = 0, i = 0;
    memset(w, 0, sizeof *w);
    for (int k = 0; k < classes; k++) all += (size_t)counts[k];
    assert_ok(set_new("made", "made", all, 1, SIDE, SIDE, classes, &w->set));
    assert_ok(set_name_classes_by_number(w->set));
    assert_ok(memory_new(all, sizeof(uint32_t), &w->train.images));
    for (int k = 0; k < classes; k++)
        for (int n = 0; n < counts[k]; n++) w->set->labels[i++] = (unsigned char)k;
    for (i = 0; i < all; i++) {
        w->train.images[i] = (uint32_t)i;
        for (size_t p = 0; p < SIDE * SIDE; p++)
            w->set->pixels[i * SIDE * SIDE + p] = (unsigned char)((i * 31 + p * 17) % 50 + w->set->labels[i] * 25u);
    }
    assert_ok(set_seal(w->set));
    w->train.set = w->set;
    w->train.count = all;
}

static void world_free(World *w) {
    free(w->train.images);
    cf_set_free(w->set);
}

static const int golden_counts[CLASSES] = {500, 20, 7, 130, 60, 1000, 3};

static void weights_of(const char *line, const char *figure) {
    World w;
    TrainLoss loss;
    StoredFile golden;
    char path[512];
    cf_train_options o = cf_train_defaults();
    snprintf(path, sizeof path, "%s/tests/golden/class_losses.safetensors", getenv("CIFRA_SOURCE"));
    assert_ok(safetensors_read(path, &golden));
    const StoredTensor *right = safetensors_find(&golden, figure);
    assert_non_null(right);
    world_new(&w, golden_counts, CLASSES);
    snprintf(o.class_weights, sizeof o.class_weights, "%s", line);
    assert_ok(train_loss_new(&w.train, names, CLASSES, &o, &loss));
    train_loss_epoch(&loss, 0);
    for (int k = 0; k < CLASSES; k++) {
        const float got = loss.heads[0].class_weights[k];
        if (!(fabsf(got - right->values[k]) < 1e-6f * fmaxf(1, got)))
            fail_msg("%s, class %d: %.9g expected, got %.9g", line, k, (double)right->values[k], (double)got);
    }
    train_loss_free(&loss);
    world_free(&w);
    safetensors_free(&golden);
}

static void weights_are_those_of_others(void **state) {
    (void)state;
    weights_of("balanced", "balanced");
    weights_of("effective 0.9", "effective_0.9");
    weights_of("effective  0.999", "effective_0.999");
}

/* 30 and 10 images: n / (2 n_k) = 2/3 and 2; beta 0.5 nearly 1 and 1; margins 0.5 / 3^(1/4) and 0.5; priors 3/4 and 1/4. */
static void by_hand(void **state) {
    (void)state;
    static const int counts[2] = {30, 10};
    World w;
    TrainLoss loss;
    cf_train_options o = cf_train_defaults();
    world_new(&w, counts, 2);
    strcpy(o.class_weights, "balanced");
    o.logit_adjust = 2;
    o.label_smoothing = 0.1;
    assert_ok(train_loss_new(&w.train, names, 2, &o, &loss));
    assert_true(loss.weights[0] == (float)(2.0 / 3) && loss.weights[1] == 2);
    assert_true(fabs((double)loss.heads[0].offsets[0] - 2 * log(0.75)) < 1e-6);
    assert_true(fabs((double)loss.heads[0].offsets[1] - 2 * log(0.25)) < 1e-6);
    assert_true(loss.heads[0].loss == &cross_entropy && loss.heads[0].smoothing == 0.1 && !loss.heads[0].margins);
    assert_null(loss.heads[1].loss);
    train_loss_free(&loss);
    o = cf_train_defaults();
    strcpy(o.loss, "ldam");
    strcpy(o.class_weights, " 1 : 3");
    assert_fails(train_loss_new(&w.train, names, 2, &o, &loss), CF_BAD_USE, "a class of the training expected");
    strcpy(o.class_weights, "1:3");
    assert_ok(train_loss_new(&w.train, names, 2, &o, &loss));
    assert_true(loss.weights[0] == 1 && loss.weights[1] == 3);
    assert_true(fabs((double)loss.heads[0].margins[0] - 0.5 / pow(3, 0.25)) < 1e-6 && loss.margins[1] == 0.5f);
    assert_true(loss.heads[0].logit_scale == 30 && !loss.heads[0].offsets);
    train_loss_free(&loss);
    world_free(&w);
}

/* From 0.8 of 200 epochs on: the 160th, counted from 0. 0.07 x 100 is a trace more than 7. */
static void weights_wait(void **state) {
    (void)state;
    static const int counts[2] = {30, 10};
    static const struct {
        double share;
        int epochs, first;
    } cases[] = {{0, 10, 0},      {0.8, 200, 160}, {0.8, 10, 8},  {0.5, 3, 2},
                 {0.29, 100, 29}, {0.07, 100, 7},  {0.01, 10, 1}, {1, 10, 10}};
    World w;
    world_new(&w, counts, 2);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TrainLoss loss;
        cf_train_options o = cf_train_defaults();
        strcpy(o.class_weights, "balanced");
        o.reweight_from = cases[i].share;
        o.epochs = cases[i].epochs;
        assert_ok(train_loss_new(&w.train, names, 2, &o, &loss));
        for (int e = 0; e < cases[i].epochs; e++) {
            train_loss_epoch(&loss, e);
            assert_true((loss.heads[0].class_weights != NULL) == (e >= cases[i].first));
        }
        train_loss_free(&loss);
    }
    world_free(&w);
}

static void what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *loss, *weights;
        double smoothing, from, adjust;
        const char *part;
    } cases[] = {
        {"ldam", "none", 0.1, 0, 0, "label_smoothing: 0 expected with the loss ldam"},
        {"ldam", "none", 0, 0, 1, "logit_adjust: 0 expected with the loss ldam"},
        {"ce", "none", 0, 0.5, 0, "reweight_from: class_weights expected"},
        {"ce", "balanced", 0, 0, 0,
         "class_weights: at least one training image of each class expected, found none of 2"},
        {"ce", "effective 0.9", 0, 0, 0, "found none of 2; leave the class out"},
        {"ce", "none", 0, 0, 1, "logit_adjust: at least one training image"},
        {"ldam", "none", 0, 0, 0, "loss ldam: at least one training image"},
        {"ce", "9:2", 0, 0, 0, "class_weights: a class of the training expected (0, 1 or 2), found \"9\""},
        {"ce", "1:2,1:3", 0, 0, 0, "one weight of a class expected, found two of 1"},
    };
    static const char *const lines[][2] = {
        {"balance",
         "none, balanced, effective BETA or a list CLASS:WEIGHT,CLASS:WEIGHT expected, found balance; did you "
         "mean balanced?"},
        {"effective", "effective BETA: a number from 0 to below 1 expected, such as 0.999, found nothing"},
        {"effective 1", "from 0 to below 1 expected, such as 0.999, found 1"},
        {"1:2,x", "CLASS:WEIGHT expected, such as 1:2, found \"x\""},
        {"1:2,", "CLASS:WEIGHT expected, such as 1:2, found \"\""},
        {":2", "CLASS:WEIGHT expected"},
        {"a:b:0", "class a:b: a weight from 1e-06 to 1e+06 expected, found \"0\""},
    };
    static const int counts[3] = {30, 10, 0};
    World w;
    TrainLoss loss;
    world_new(&w, counts, 3);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_train_options o = cf_train_defaults();
        strcpy(o.loss, cases[i].loss);
        strcpy(o.class_weights, cases[i].weights);
        o.label_smoothing = cases[i].smoothing, o.reweight_from = cases[i].from, o.logit_adjust = cases[i].adjust;
        assert_fails(train_loss_new(&w.train, names, 3, &o, &loss), CF_BAD_USE, cases[i].part);
    }
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        assert_fails(class_weights_line_check(lines[i][0]), CF_BAD_USE, lines[i][1]);
    assert_ok(class_weights_line_check("a:b:0.5, c:2"));
    world_free(&w);
}

/* ---- In a training ---- */

static bool stop_in_epoch(const cf_progress *progress, void *context) {
    return !(progress->epoch == *(const int *)context && progress->step == 2);
}

static cf_status train_on(const cf_split *split, const char *line, const cf_train_options *o, FitReport *report,
                          char sha[SHA256_HEX]) {
    cf_model *model = small_model(line, split, 1);
    const FitFiles none = {.silent = true};
    const cf_status status = fit(model, split, o, &none, report);
    assert_ok(parameters_sha256(&model->parameters, sha));
    cf_model_free(model);
    return status;
}

static cf_split *unbalanced(World *w) {
    static const int counts[3] = {90, 30, 12};
    world_new(w, counts, 3);
    return pooled_split(w->set);
}

/* Equal weights of 4 are those of 1: same loss, gradient, weights of the network, and the mean that is told. */
static void the_mean_is_by_weights(void **state) {
    (void)state;
    World w;
    cf_split *split = unbalanced(&w);
    cf_train_options o = cf_train_defaults();
    FitReport plain, weighed, balanced;
    char sha[3][SHA256_HEX];
    o.epochs = 2, o.batch = 16, o.threads = 2;
    assert_ok(train_on(split, "dense classes", &o, &plain, sha[0]));
    strcpy(o.class_weights, "0:4,1:4,2:4");
    assert_ok(train_on(split, "dense classes", &o, &weighed, sha[1]));
    for (int e = 0; e < 2; e++) {
        assert_true(fabs(plain.rows[e].train_loss - weighed.rows[e].train_loss) < 1e-12);
        assert_true(plain.rows[e].validation_loss == weighed.rows[e].validation_loss);
    }
    assert_string_equal(sha[0], sha[1]);
    /* Weights that differ change the network, and the validation loss stays that of cross-entropy: with a rate of nearly 0, all
     * logits are those of the first weights, whatever is trained. */
    o.learning_rate = 1e-12;
    strcpy(o.class_weights, "none");
    free(plain.rows);
    assert_ok(train_on(split, "dense classes", &o, &plain, sha[0]));
    strcpy(o.class_weights, "balanced"), strcpy(o.loss, "focal"), o.logit_adjust = 1;
    assert_ok(train_on(split, "dense classes", &o, &balanced, sha[2]));
    assert_true(fabs(plain.rows[1].validation_loss - balanced.rows[1].validation_loss) < 1e-6);
    assert_true(fabs(plain.rows[1].train_loss - balanced.rows[1].train_loss) > 1e-3);
    free(plain.rows), free(weighed.rows), free(balanced.rows);
    cf_split_free(split);
    world_free(&w);
}

/* Stopped before, in, and after the epoch in which weights begin, and at other threads: the same end. */
static void resumed_to_the_same_bits(void **state) {
    (void)state;
    static const char *const losses[] = {"ce", "ldam 0.5 4"};
    const char *path = path_in(scratch_folder(), "weights.safetensors");
    World w;
    cf_split *split = unbalanced(&w);
    for (size_t l = 0; l < COUNT_OF(losses); l++) {
        cf_train_options o = cf_train_defaults();
        char whole[SHA256_HEX], parts[SHA256_HEX], unweighed[SHA256_HEX];
        FitReport first, again;
        o.epochs = 4, o.batch = 16, o.threads = 1, o.reweight_from = 0.5;
        strcpy(o.loss, losses[l]);
        strcpy(o.class_weights, "effective 0.99");
        assert_ok(train_on(split, "dense 5 | relu | dense classes", &o, &first, whole));
        o.reweight_from = 1;
        assert_ok(train_on(split, "dense 5 | relu | dense classes", &o, NULL, unweighed));
        assert_string_not_equal(whole, unweighed);
        o.reweight_from = 0.5;
        o.checkpoint = path, o.resume = true, o.progress = stop_in_epoch;
        unlink(path);
        for (int epoch = 1; epoch <= 4; epoch++) {
            o.progress_context = &epoch, o.threads = epoch;
            assert_int_equal(train_on(split, "dense 5 | relu | dense classes", &o, NULL, parts), CF_INTERRUPTED);
        }
        o.progress = NULL, o.threads = 3;
        assert_ok(train_on(split, "dense 5 | relu | dense classes", &o, &again, parts));
        assert_string_equal(whole, parts);
        for (int e = 0; e < 4; e++) assert_true(first.rows[e].train_loss == again.rows[e].train_loss);
        free(first.rows), free(again.rows);
    }
    cf_split_free(split);
    world_free(&w);
}

/* Another head has no loss, and is not even run: batch norm in it would learn its statistics. */
static void other_heads_are_left_alone(void **state) {
    (void)state;
    World w;
    cf_split *split = unbalanced(&w);
    cf_train_options o = cf_train_defaults();
    cf_model *model;
    const Parameter *other = NULL;
    float *before;
    o.epochs = 2, o.batch = 16, o.threads = 1;
    strcpy(o.loss, "focal"), strcpy(o.class_weights, "balanced");
    assert_ok(
        cf_model_new("conv 3 3x3 | relu | head side( conv 2 3x3 | bn | dense 4 ) | dense classes", split, 1, &model));
    for (int i = 0; i < model->parameters.count; i++)
        if (strstr(model->parameters.table[i].name, "bn1.running_mean")) other = &model->parameters.table[i];
    assert_non_null(other);
    before = malloc(other->count * sizeof *before);
    memcpy(before, model->parameters.values + other->offset, other->count * sizeof *before);
    assert_ok(cf_train(model, split, &o, NULL));
    assert_memory_equal(before, model->parameters.values + other->offset, other->count * sizeof *before);
    free(before);
    cf_model_free(model);
    cf_split_free(split);
    world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_others),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(weights_wait),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(the_mean_is_by_weights),
        cmocka_unit_test(resumed_to_the_same_bits),
        cmocka_unit_test(other_heads_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
