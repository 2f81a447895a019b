/* What is frozen stays to the bit, whatever steps the rest; what is not has the gradients of a whole training; what is computed once for
 * all epochs gives the same bits as anew in each; and threads, kills and the epoch in which all thaws change none. */
#include "small_set.h"

#include "base/limits.h"
#include "base/memory.h"
#include "data/split.h"
#include "nn/features.h"
#include "nn/optimizer.h"
#include "train/fit.h"
#include "train/freezing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IMAGES = 120, CLASSES = 3, SIDE = 9, BATCH = 20 }; /* 84 of 120 train: five steps */

static cf_set *set;
static cf_split *split;

static void paint_noise(int image, unsigned char *pixels, uint16_t *label) {
    static uint64_t random = 5;
    *label = (uint16_t)(image % CLASSES);
    for (int p = 0; p < 2 * SIDE * SIDE; p++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        pixels[p] = (unsigned char)(random >> 56);
    }
}

static int set_up(void **state) {
    (void)state;
    set = small_set("noise", IMAGES, 2, SIDE, CLASSES, paint_noise);
    split = pooled_split(set);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cf_split_free(split);
    cf_set_free(set);
    return 0;
}

/* Dropout and norms before and behind what is frozen, a shortcut, what only names can freeze. */
static const char line[] =
    "dropout 0.1 | conv 4 3x3 | bn | relu | res( conv 6 3x3 stride 2 | bn | droppath 0.3 ) as first | relu | "
    "conv 5 3x3 nobias | bn | relu | conv 4 1x1 | groupnorm 2 | globalavgpool | dropout 0.2 | dense classes";

static cf_model *model(const char *of) {
    return small_model(of, split, 3);
}

static cf_train_options options_for(const char *freeze) {
    cf_train_options o = cf_train_defaults();
    o.epochs = 4, o.batch = BATCH, o.learning_rate = 0.05, o.patience = 0, o.threads = 1;
    snprintf(o.freeze, sizeof o.freeze, "%s", freeze);
    return o;
}

/* ---- Which layers ---- */

static void expect_frozen(const cf_train_options *o, const char *of, int epoch, const char *names, int first) {
    cf_model *m = model(of);
    Freezing f;
    char found[400] = "";
    assert_ok(freezing_new(o, m, &f));
    const bool *frozen = freezing_layers(&f, epoch);
    for (int i = 0; frozen && i < m->layers.count; i++)
        if (frozen[i]) strcat(strcat(found, m->layers.layers[i].name), " ");
    assert_string_equal(found, names);
    assert_int_equal(freezing_first(&f, epoch, IMAGES), first);
    freezing_free(&f);
    cf_model_free(m);
}

static void the_layers_that_are_asked_for(void **state) {
    (void)state;
    static const char all[] =
        "dropout1 conv1 bn1 relu1 first.0 first.1 conv2 bn2 droppath1 first relu2 conv3 bn3 relu3 "
        "conv4 groupnorm1 ";
    cf_train_options o = options_for("none");
    expect_frozen(&o, line, 0, "", 0);
    snprintf(o.freeze, sizeof o.freeze, "backbone");
    expect_frozen(&o, line, 0, all, 17); /* the pool is computed once, too; the dropout behind it stays on */
    snprintf(o.freeze, sizeof o.freeze, "first");
    expect_frozen(&o, line, 0, "dropout1 conv1 bn1 relu1 first.0 first.1 conv2 bn2 droppath1 first ", 11);
    snprintf(o.freeze, sizeof o.freeze,
             "conv2"); /* in the middle of a group: what is read behind it begins before it */
    expect_frozen(&o, line, 0, "dropout1 conv1 bn1 relu1 first.0 first.1 conv2 ", 4);
    snprintf(o.augment, sizeof o.augment, "flip");
    expect_frozen(&o, line, 0, "dropout1 conv1 bn1 relu1 first.0 first.1 conv2 ", 0); /* another image each time */
    o = options_for("backbone");
    o.sample = CF_SMOTE;
    expect_frozen(&o, line, 0, all, 0);
    o = options_for("bn1");
    o.head_epochs = 2;
    expect_frozen(&o, line, 1, all, 17);
    expect_frozen(&o, line, 2, "dropout1 conv1 bn1 ", 4);
    o = options_for("backbone"); /* the head is the convolution: nothing behind it has weights */
    expect_frozen(&o, "conv 4 3x3 | relu | conv 3 1x1 | relu | globalavgpool", 0, "conv1 ", 2);
    expect_frozen(&o, "dense classes", 0, "", 0);
}

/* Forward; of what learns its weights' gradient, and that of what arrives where something before it learns. */
static void operations_of_a_step(void **state) {
    (void)state;
    cf_model *m = model("conv 4 3x3 | conv 5 3x3 | relu | conv 6 3x3 | dense classes");
    const LayerList *list = &m->layers;
    const double a = list->layers[0].flops, b = list->layers[1].flops, c = list->layers[3].flops,
                 d = list->layers[4].flops;
    const bool frozen[] = {true, true, true, false, false};
    assert_true(a > 0 && b > 0 && c > 0 && d > 0);
    assert_true(layer_list_training_flops(list, NULL, 0) == 2 * a + 3 * (b + c + d));
    assert_true(layer_list_training_flops(list, frozen, 0) == a + b + 2 * c + 3 * d);
    assert_true(layer_list_training_flops(list, frozen, 3) == 2 * c + 3 * d);
    cf_model_free(m);
}

static void what_cannot_be_frozen(void **state) {
    (void)state;
    cf_model *m = model(line);
    cf_train_options o = options_for("conv9");
    Freezing f;
    assert_fails(freezing_new(&o, m, &f), CF_BAD_USE, "freeze: the model has no layer \"conv9\"");
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "freeze: the model has no layer \"conv9\"");
    o = options_for("dense1");
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "freeze: with all frozen up to dense1 nothing learns");
    o = options_for("res( conv");
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "freeze: none, backbone or the name of a layer expected");
    cf_model_free(m);
}

/* ---- What is frozen stays ---- */

/* Compares tensor by tensor: those of layers in `frozen` must be equal, all others must have changed. */
static void assert_moved(const cf_model *before, const cf_model *after, const bool *frozen) {
    const Parameters *p = &before->parameters;
    for (int i = 0; i < p->count; i++) {
        const Parameter *entry = &p->table[i];
        const size_t bytes = entry->count * sizeof(float);
        const bool same = memcmp(p->values + entry->offset, after->parameters.values + entry->offset, bytes) == 0;
        if (same != (frozen && frozen[entry->layer])) fail_msg("%s has %s", entry->name, same ? "stayed" : "changed");
    }
}

static void frozen_tensors_stay_to_the_bit(void **state) {
    (void)state;
    static const char *const freezes[] = {"backbone", "first", "bn1", "conv1"};
    for (size_t k = 0; k < 4 * COUNT_OF(freezes); k++) {
        cf_train_options o = options_for(freezes[k / 4]);
        cf_model *before = model(line), *after = model(line);
        Freezing f;
        size_t bias = (size_t)before->parameters.table[1].offset;
        before->parameters.values[bias] = after->parameters.values[bias] = -0.0f;
        o.optimizer = (cf_optimizer)(k % 4);
        o.weight_decay = 0.1, o.clip = 0.5;
        o.ema = k % 2 ? 0.7 : 0, o.swa_from = k % 3 ? 1 : 0.5;
        if (k / 4 > 0 && k % 2) snprintf(o.augment, sizeof o.augment, "flip");
        o.engine = k % 5 == 0 ? CF_ENGINE_REFERENCE : CF_ENGINE_FAST;
        assert_ok(freezing_new(&o, after, &f));
        assert_ok(cf_train(after, split, &o, NULL));
        assert_moved(before, after, freezing_layers(&f, 0));
        freezing_free(&f);
        cf_model_free(before), cf_model_free(after);
    }
}

/* ---- Gradients of the rest ---- */

typedef struct Step {
    float *gradient;
    StepResult result;
    size_t memory;
} Step;

static void assert_gradients(const cf_model *m, const Step *whole, const Step *part, const bool *frozen) {
    for (int i = 0; i < m->parameters.count; i++) {
        const Parameter *p = &m->parameters.table[i];
        if (!p->trainable) continue;
        const float *a = whole->gradient + p->offset, *b = part->gradient + p->offset;
        bool zero = true, other = false;
        for (size_t n = 0; n < p->count; n++) zero &= b[n] == 0, other |= a[n] != 0;
        assert_true(other);
        if (frozen[p->layer])
            assert_true(zero);
        else
            assert_memory_equal(a, b, p->count * sizeof *a);
    }
}

static Step take_step(const cf_model *m, const bool *frozen, const Engine *engine, int threads) {
    const PlanOptions options = {
        .engine = engine, .batch = BATCH, .threads = threads, .mode = PLAN_TRAINING, .seed = 1, .frozen = frozen};
    Parameters p = m->parameters;
    Plan *plan;
    Feed feed;
    Step step;
    uint32_t images[BATCH];
    for (uint32_t i = 0; i < BATCH; i++) images[i] = i;
    assert_ok(memory_new(p.total, sizeof(float), &p.values));
    memcpy(p.values, m->parameters.values, p.total * sizeof(float));
    assert_ok(plan_measure(&m->layers, &p, &options, &step.memory));
    assert_ok(plan_new(&m->layers, &p, &options, &plan));
    assert_ok(feed_new(set, m->layers.input, (const char *const *)m->class_names, CLASSES, threads, &feed));
    assert_ok(plan_train(plan, &feed, images, BATCH, 0, &step.result));
    assert_ok(memory_new(p.trainable, sizeof(float), &step.gradient));
    memcpy(step.gradient, plan_gradient(plan), p.trainable * sizeof(float));
    feed_free(&feed);
    plan_free(plan);
    free(p.values);
    return step;
}

/* Without batch norm in the frozen part, whose statistics would be others, and where it drops nothing. */
static void the_rest_has_the_gradients_of_a_whole_training(void **state) {
    (void)state;
    static const char *const lines[] = {"conv 4 3x3 | relu | conv 6 3x3 stride 2 | silu | conv 5 3x3 | bn | relu | "
                                        "maxpool 2 | dense 12 | relu | dense classes",
                                        "conv 4 3x3 | res( conv 4 3x3 | groupnorm 2 | maxpool 3x3 stride 1 pad 1 ) | "
                                        "relu as last | conv 6 3x3 | dense classes",
                                        "patch 3 6 | position | res( layernorm | attention 2 ) | res( layernorm | conv "
                                        "6 1x1 | gelu ) as last | layernorm | "
                                        "globalavgpool | dropout 0.2 | dense classes"};
    static const char *const last[] = {"silu1", "last", "last"};
    for (size_t k = 0; k < COUNT_OF(lines); k++) {
        cf_model *m = model(lines[k]);
        const cf_train_options o = options_for(last[k]);
        Freezing f;
        assert_ok(freezing_new(&o, m, &f));
        const Engine *const engines[] = {&reference_engine, cpu_engine()};
        for (int e = 0; e < 2; e++) {
            Step whole = take_step(m, NULL, engines[e], 2), part = take_step(m, freezing_layers(&f, 0), engines[e], 3);
            assert_true(whole.result.loss == part.result.loss);
            assert_true(part.memory < whole.memory);
            assert_gradients(m, &whole, &part, f.kept);
            free(part.gradient);
            for (int i = 0; i < m->layers.count; i++) { /* one alone, in the middle */
                bool one[MOST_LAYERS] = {false};
                if (!m->layers.layers[i].parameter_count || m->layers.layers[i].type == &bn_type) continue;
                one[i] = true;
                part = take_step(m, one, engines[e], 1);
                assert_gradients(m, &whole, &part, one);
                free(part.gradient);
            }
            free(whole.gradient);
        }
        freezing_free(&f);
        cf_model_free(m);
    }
}

/* Nothing is kept for a way back that there is not: a step takes what a pass takes, and for the same head as much more everywhere. */
static void a_frozen_part_is_as_cheap_as_inference(void **state) {
    (void)state;
    static const char *const lines[] = {
        "conv 32 3x3 | globalavgpool | dense classes",
        "conv 32 3x3 | bn | relu | maxpool 2 | globalavgpool | dense classes",
        "dwconv 3x3 | bn | relu | maxpool 3 | conv 32 3x3 | bn | relu | maxpool 3 | dense classes",
        "conv 64 3x3 | groupnorm 64 | relu | globalavgpool | dense 32 | dense classes",
        "patch 1 32 | res( layernorm | attention 8 ) | globalavgpool | dense classes",
        "conv 32 3x3 | sigmoid | silu | sigmoid | globalavgpool | dense classes"};
    size_t more = 0;
    for (size_t k = 0; k < COUNT_OF(lines); k++) {
        cf_model *m = model(lines[k]);
        const cf_train_options o = options_for("backbone");
        PlanOptions options = {.engine = cpu_engine(), .batch = 64, .threads = 1};
        size_t pass, step;
        Freezing f;
        assert_ok(freezing_new(&o, m, &f));
        assert_ok(plan_measure(&m->layers, &m->parameters, &options, &pass));
        options.mode = PLAN_TRAINING, options.frozen = freezing_layers(&f, 0);
        assert_ok(plan_measure(&m->layers, &m->parameters, &options, &step));
        if (!k) more = step - pass;
        if (step != pass + more)
            fail_msg("%s: %zu, where a pass takes %zu and the head %zu", lines[k], step, pass, more);
        freezing_free(&f);
        cf_model_free(m);
    }
}

/* ---- Once for all epochs ---- */

static void bits_of(const cf_train_options *o, char sha[SHA256_HEX], double losses[8]) {
    static const FitFiles none;
    cf_model *m = model(line);
    FitReport report;
    assert_ok(fit(m, split, o, &none, &report));
    assert_ok(parameters_sha256(&m->parameters, sha));
    for (int e = 0; e < o->epochs && e < 4; e++)
        losses[2 * e] = report.rows[e].train_loss, losses[2 * e + 1] = report.rows[e].validation_loss;
    free(report.rows);
    cf_model_free(m);
}

/* An augmentation that never does anything is one all the same: then every layer is computed in every step. */
static void once_or_in_every_epoch(void **state) {
    (void)state;
    for (int k = 0; k < 8; k++) {
        cf_train_options o = options_for(k % 2 ? "backbone" : "first");
        char once[SHA256_HEX], each[SHA256_HEX];
        double a[8], b[8];
        o.engine = k & 2 ? CF_ENGINE_REFERENCE : CF_ENGINE_FAST;
        if (!(k & 2) && (k & 4)) o.precision = CF_BF16;
        o.ema = k & 4 ? 0.9 : 0;
        o.sample = k & 4 ? CF_BALANCED : CF_NATURAL;
        bits_of(&o, once, a);
        snprintf(o.augment, sizeof o.augment, "flip p 0");
        bits_of(&o, each, b);
        assert_string_equal(once, each);
        assert_memory_equal(a, b, sizeof a);
    }
}

/* ---- Threads, kills, and the edge ---- */

typedef struct Stop {
    int calls, at;
} Stop;

static bool stop(const cf_progress *p, void *context) {
    Stop *s = context;
    (void)p;
    return ++s->calls != s->at;
}

static cf_train_options thawing(void) {
    cf_train_options o = options_for("conv1");
    o.head_epochs = 2, o.lr_backbone = 0.3, o.optimizer = CF_ADAMW, o.learning_rate = 0.01, o.weight_decay = 0.05;
    o.ema = 0.8;
    return o;
}

static void the_same_bits_on_any_threads(void **state) {
    (void)state;
    static const int threads[] = {2, 3, 8};
    for (int k = 0; k < 2; k++) {
        cf_train_options o = k ? options_for("backbone") : thawing();
        char one[SHA256_HEX], more[SHA256_HEX];
        double a[8], b[8];
        if (k) o.optimizer = CF_MUON;
        bits_of(&o, one, a);
        for (size_t i = 0; i < COUNT_OF(threads); i++) {
            o.threads = threads[i];
            bits_of(&o, more, b);
            assert_string_equal(one, more);
            assert_memory_equal(a, b, sizeof a);
        }
    }
}

/* Stopped at each call of the progress function in turn, also while features are computed and at the edge. */
static void stopped_anywhere_and_resumed(void **state) {
    (void)state;
    const cf_train_options whole = thawing();
    char sha[SHA256_HEX], resumed[SHA256_HEX];
    double losses[8];
    int stops = 0;
    bits_of(&whole, sha, losses);
    for (int at = 1;; at++) {
        cf_train_options o = whole;
        Stop s = {0, at};
        cf_model *m = model(line), *other = model(line);
        const char *path = path_in(scratch_folder(), "edge.safetensors");
        unlink(path);
        o.checkpoint = path, o.progress = stop, o.progress_context = &s;
        const cf_status status = cf_train(m, split, &o, NULL);
        if (!status) {
            cf_model_free(m), cf_model_free(other);
            break;
        }
        assert_int_equal(status, CF_INTERRUPTED);
        stops++;
        o.resume = true, o.progress = NULL, o.threads = 1 + at % 3;
        assert_ok(cf_train(other, split, &o, NULL));
        assert_ok(parameters_sha256(&other->parameters, resumed));
        assert_string_equal(sha, resumed);
        cf_model_free(m), cf_model_free(other);
    }
    assert_true(stops >= 4 * 6 + 2); /* steps and ends of epochs, and two parts' features */
}

/* ---- Synthetic features ---- */

/* Few images of one class, for whom features are made: other weights than without, and than with mixtures of images; the same bits at any
 * threads, and stopped and resumed. */
static void synthetic_features(void **state) {
    (void)state;
    cf_split *whole = split, *few;
    cf_split_options parts = cf_split_defaults();
    char sha[3][SHA256_HEX], more[SHA256_HEX];
    double losses[8], again[8];
    parts.mode = CF_SPLIT_POOLED;
    parts.train_limit = "1:7";
    assert_ok(cf_split_new(set, &parts, &few));
    split = few;
    static const cf_sample samples[] = {CF_NATURAL, CF_SMOTE, CF_SMOTE_FEATURES};
    cf_train_options o = options_for("backbone");
    for (int k = 0; k < 3; k++) {
        o.sample = samples[k];
        bits_of(&o, sha[k], losses);
    }
    assert_string_not_equal(sha[0], sha[1]);
    assert_string_not_equal(sha[0], sha[2]);
    assert_string_not_equal(sha[1], sha[2]);
    for (o.threads = 2; o.threads <= 8; o.threads += 3) {
        bits_of(&o, more, again);
        assert_string_equal(sha[2], more);
        assert_memory_equal(losses, again, sizeof losses);
    }
    for (int at = 2; at < 14; at += 5) {
        Stop s = {0, at};
        cf_model *m = model(line);
        o.threads = 1, o.resume = false;
        o.checkpoint = path_in(scratch_folder(), "features.safetensors");
        unlink(o.checkpoint);
        o.progress = stop, o.progress_context = &s;
        assert_int_equal(cf_train(m, split, &o, NULL), CF_INTERRUPTED);
        o.resume = true, o.progress = NULL, o.threads = 3;
        assert_ok(cf_train(m, split, &o, NULL));
        assert_ok(parameters_sha256(&m->parameters, more));
        assert_string_equal(sha[2], more);
        cf_model_free(m);
    }
    split = whole;
    cf_split_free(few);
}

static void features_that_change_are_refused(void **state) {
    (void)state;
    cf_model *m = model(line);
    cf_train_options o = options_for("none");
    o.sample = CF_SMOTE_FEATURES;
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "sample smote-features is of features that stay the same");
    o = options_for("backbone");
    o.sample = CF_SMOTE_FEATURES;
    snprintf(o.augment, sizeof o.augment, "flip");
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "found freeze backbone, augment flip");
    o = options_for("bn1");
    o.sample = CF_SMOTE_FEATURES, o.head_epochs = 2;
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "head_epochs 2");
    o = options_for("dropout1"); /* nothing is computed by weights there */
    o.sample = CF_SMOTE_FEATURES;
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "expected behind the frozen layers; found none");
    cf_model_free(m);
}

static bool look_for_checkpoint(const cf_progress *p, void *context) {
    const cf_train_options *o = context;
    (void)p;
    return file_exists(o->checkpoint);
}

/* Where the first weights are needed no more. */
static void a_checkpoint_before_the_first_step(void **state) {
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        cf_train_options o = options_for("none");
        const FitFiles files = {.keeps_start = keeps};
        cf_model *m = model(line);
        o.checkpoint = path_in(scratch_folder(), "start.safetensors");
        unlink(o.checkpoint);
        o.progress = look_for_checkpoint, o.progress_context = &o;
        assert_int_equal(fit(m, split, &o, &files, NULL), keeps ? CF_OK : CF_INTERRUPTED);
        cf_model_free(m);
    }
}

/* A checkpoint of another freezing is none of this training. */
static void other_freezing_is_refused_on_resuming(void **state) {
    (void)state;
    cf_train_options o = thawing();
    Stop s = {0, 9};
    cf_model *m = model(line);
    o.checkpoint = path_in(scratch_folder(), "other.safetensors");
    o.progress = stop, o.progress_context = &s;
    assert_int_equal(cf_train(m, split, &o, NULL), CF_INTERRUPTED);
    o.resume = true, o.head_epochs = 3;
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "head_epochs=2, now head_epochs=3");
    cf_model_free(m);
}

/* In the first epochs only the head moves, then all; and patience begins with the thaw. */
static void the_head_first(void **state) {
    (void)state;
    cf_train_options o = options_for("none");
    cf_model *before = model(line), *head = model(line), *all = model(line);
    cf_train_result result;
    Freezing f;
    o.head_epochs = o.epochs = 2;
    assert_ok(freezing_new(&o, head, &f));
    assert_ok(cf_train(head, split, &o, NULL));
    assert_moved(before, head, freezing_layers(&f, 0));
    o.epochs = 8, o.patience = 1, o.learning_rate = 2; /* so high that no epoch is better than the first */
    o.clip = 1;
    assert_ok(cf_train(all, split, &o, &result));
    assert_true(result.epochs_run >= 3);
    freezing_free(&f);
    o.epochs = 3, o.patience = 0, o.learning_rate = 0.05, o.ema = 0.5; /* the average of all steps is kept */
    cf_model *thawed = model(line);
    assert_ok(cf_train(thawed, split, &o, &result));
    if (result.best_epoch == 3) assert_moved(before, thawed, NULL);
    cf_model_free(before), cf_model_free(head), cf_model_free(all), cf_model_free(thawed);
}

/* ---- Paces ---- */

static void fill(float *values, size_t count, uint64_t random) {
    for (size_t i = 0; i < count; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)((int)(random >> 50) - 8192) / 8192;
    }
}

/* Tensors at a factor are those of an optimizer at that rate; those that began later are those of one that begins then. */
static void a_pace_is_a_rate_and_a_beginning(void **state) {
    (void)state;
    enum { STEPS = 3 };
    for (int kind = 0; kind < 4; kind++) {
        cf_model *mixed = model(line), *slow = model(line), *whole = model(line);
        Parameters *p = &mixed->parameters;
        Pace *paces = calloc((size_t)p->count, sizeof *paces);
        float *gradient = calloc(p->trainable, sizeof *gradient);
        cf_train_options o = options_for("none");
        Optimizer a, b, c;
        o.optimizer = (cf_optimizer)kind, o.weight_decay = 0.1;
        assert_ok(optimizer_new(&o, cpu_engine()->kernels, p, &a));
        assert_ok(optimizer_new(&o, cpu_engine()->kernels, p, &b));
        assert_ok(optimizer_new(&o, cpu_engine()->kernels, p, &c));
        a.steps = 7; /* of the head alone */
        for (int i = 0; i < p->count; i++)
            paces[i] = (Pace){.learns = i % 3 != 0, .factor = i % 3 == 1 ? 0.25 : 1, .since = 7};
        assert_ok(optimizer_pace(&a, &o, p, paces));
        for (int s = 0; s < STEPS; s++) {
            fill(gradient, p->trainable, (uint64_t)s + 1);
            assert_ok(optimizer_step(&a, p->values, gradient, 0.01, 2));
            fill(gradient, p->trainable, (uint64_t)s + 1);
            assert_ok(optimizer_step(&b, slow->parameters.values, gradient, 0.0025, 1));
            assert_ok(optimizer_step(&c, whole->parameters.values, gradient, 0.01, 3));
        }
        cf_model *drawn = model(line);
        for (int i = 0; i < p->count; i++) {
            const cf_model *like = i % 3 == 0 ? drawn : i % 3 == 1 ? slow : whole;
            const Parameter *entry = &p->table[i];
            if (entry->trainable)
                assert_memory_equal(p->values + entry->offset, like->parameters.values + entry->offset,
                                    entry->count * sizeof(float));
        }
        optimizer_free(&a), optimizer_free(&b), optimizer_free(&c);
        cf_model_free(mixed), cf_model_free(slow), cf_model_free(whole), cf_model_free(drawn);
        free(paces), free(gradient);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layers_that_are_asked_for),
        cmocka_unit_test(operations_of_a_step),
        cmocka_unit_test(what_cannot_be_frozen),
        cmocka_unit_test(frozen_tensors_stay_to_the_bit),
        cmocka_unit_test(the_rest_has_the_gradients_of_a_whole_training),
        cmocka_unit_test(a_frozen_part_is_as_cheap_as_inference),
        cmocka_unit_test(once_or_in_every_epoch),
        cmocka_unit_test(the_same_bits_on_any_threads),
        cmocka_unit_test(stopped_anywhere_and_resumed),
        cmocka_unit_test(synthetic_features),
        cmocka_unit_test(features_that_change_are_refused),
        cmocka_unit_test(a_checkpoint_before_the_first_step),
        cmocka_unit_test(other_freezing_is_refused_on_resuming),
        cmocka_unit_test(the_head_first),
        cmocka_unit_test(a_pace_is_a_rate_and_a_beginning),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
