/* Attention rollout: a grid worked by hand, another framework's weights and products, and what may not change. */
#include "nn/formula.h"
#include "testing.h"

#include "base/memory.h"
#include "data/split.h"
#include "eval/attention_rollout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 10, MOST_POSITIONS = 64 };

#define VIT_END "layernorm | globalavgpool | dense classes"

static void near_number(const char *what, double got, double wanted, double limit) {
    if (fabs(got - wanted) <= limit) return;
    print_error("%s: %.9g, not %.9g\n", what, got, wanted);
    assert_true(false);
}

static cf_model *make_model(const char *line, Shape shape, int classes) {
    static const char *const names[CLASSES] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    cf_model *model;
    assert_ok(model_new(line, shape, names, classes, 7, &model));
    return model;
}

/* Weights by formula, in_proj_weight times 1.5, as make_attention_golden.py has them. */
static cf_model *make_golden(const char *line, Shape shape) {
    cf_model *model = make_model(line, shape, CLASSES);
    fill_by_formula(&model->parameters);
    for (int i = 0; i < model->parameters.count; i++) {
        const Parameter *p = &model->parameters.table[i];
        if (!strstr(p->name, "in_proj_weight")) continue;
        for (size_t k = 0; k < p->count; k++) model->parameters.values[p->offset + k] *= 1.5f;
    }
    return model;
}

/* The script's waves(), of any number of images. */
static cf_set *make_waves(Shape s, uint32_t images) {
    cf_set *set;
    assert_ok(set_new("waves", "waves", images, s.C, s.H, s.W, CLASSES, &set));
    assert_ok(set_name_classes_by_number(set));
    unsigned char *pixel = set->pixels;
    for (int n = 0; n < (int)images; n++)
        for (int y = 0; y < s.H; y++)
            for (int x = 0; x < s.W; x++)
                for (int c = 0; c < s.C; c++) {
                    const int wave = (x * (13 + 20 * n) + y * (22 + 7 * c) + x * y * (1 + n) + 40 * c) % 512;
                    *pixel++ = (unsigned char)(wave < 256 ? wave : 511 - wave);
                }
    for (uint32_t n = 0; n < images; n++) set->labels[n] = (uint16_t)(n % CLASSES);
    assert_ok(set_seal(set));
    return set;
}

static void maps_of(const cf_model *model, const cf_set *set, const Engine *engine, int threads,
                    AttentionRollout **rollout, size_t images, float *maps) {
    Feed feed;
    uint32_t *numbers;
    assert_ok(memory_new(images, sizeof *numbers, &numbers));
    for (size_t i = 0; i < images; i++) numbers[i] = (uint32_t)i;
    assert_ok(
        feed_new(set, model->layers.input, (const char *const *)model->class_names, model->classes, threads, &feed));
    assert_ok(attention_rollout_new(model, engine, threads, rollout));
    assert_ok(attention_rollout_maps(*rollout, &feed, numbers, images, maps));
    feed_free(&feed);
    free(numbers);
}

/* ---- By hand ---- */

static void set_values(cf_model *model, const char *layer, float query, float key) {
    for (int i = 0; i < model->layers.count; i++)
        if (strcmp(model->layers.layers[i].name, layer) == 0) {
            float *weight = parameters_find(&model->parameters, i, "in_proj_weight");
            weight[0] = query, weight[1] = key;
            parameters_find(&model->parameters, i, "out_proj.weight")[0] = 0; /* x stays as it is */
            return;
        }
    assert_true(false);
}

/* One channel, x = 0, 0, 0, sqrt(ln 3); scores x x and -x x. The queries 0 to 2 attend evenly, to a quarter each; the last to
 * 1/6, 1/6, 1/6, 1/2 in the first layer and to 0.3, 0.3, 0.3, 0.1 in the second.
 *     u B2, u = 1/4 everywhere: (3 (1/8) + 1/2 + 0.15) / 4 = 0.25625 three times, (3/8 + 0.05 + 1/2) / 4 = 0.23125
 *     times B1: 0.25625 / 2 + 0.76875 / 8 + 0.23125 / 12 three times, 0.76875 / 8 + 0.23125 (1/4 + 1/2) */
static void two_layers_on_two_by_two(void **state) {
    (void)state;
    const float image[4] = {0, 0, 0, sqrtf(logf(3))};
    const double wanted[2] = {0.25625 / 2 + 0.76875 / 8 + 0.23125 / 12, 0.76875 / 8 + 0.23125 * 0.75};
    const double first[2] = {(0.75 + 1.0 / 6) / 4, (0.75 + 0.5) / 4}, second[2] = {(0.75 + 0.3) / 4, (0.75 + 0.1) / 4};
    const Feed feed = {.ready = image, .input = {1, 2, 2}};
    const Engine *const engines[] = {&reference_engine, cpu_engine()};
    cf_model *model =
        make_model("res( attention 1 ) | res( attention 1 ) | globalavgpool | dense 2", (Shape){1, 2, 2}, 2);
    set_values(model, "attention1", 1, 1);
    set_values(model, "attention2", -1, 1);
    for (size_t e = 0; e < COUNT_OF(engines); e++) {
        AttentionRollout *rollout;
        float map[4], heads[2][4];
        assert_ok(attention_rollout_new(model, engines[e], 1, &rollout));
        assert_int_equal(attention_rollout_count(rollout), 2);
        assert_ok(attention_rollout_maps(rollout, &feed, (const uint32_t[]){0}, 1, map));
        for (int i = 0; i < 2; i++) attention_rollout_heads(rollout, i, heads[i]);
        for (int i = 0; i < 4; i++) {
            near_number("rollout", (double)map[i], wanted[i == 3], 1e-6);
            near_number("first layer", (double)heads[0][i], first[i == 3], 1e-6);
            near_number("second layer", (double)heads[1][i], second[i == 3], 1e-6);
        }
        attention_rollout_free(rollout);
    }
    cf_model_free(model);
}

/* ---- Another framework ---- */

typedef struct Case {
    const char *name, *line;
    Shape shape;
    int layers;
} Case;

#define BEHIND                                                                                                         \
    "conv 24 3x3 stride 2 | bn | relu | res( layernorm | attention 3 ) | res( layernorm | attention 6 ) | "            \
    "globalavgpool | dense classes"

static const Case cases[] = {{"grey", "vit-tiny", {1, 28, 28}, 6},
                             {"colour", "vit-tiny", {3, 32, 32}, 6},
                             {"wide", "vit-tiny", {3, 20, 36}, 6},
                             {"behind", BEHIND, {3, 12, 10}, 2}};

static void compare(const StoredFile *golden, const char *name, const float *got, size_t count, size_t positions,
                    double limit) {
    const StoredTensor *wanted = safetensors_find(golden, name);
    assert_non_null(wanted);
    assert_true(wanted->count >= count); /* of heads the first image */
    for (size_t i = 0; i < count; i++)
        near_number(name, (double)got[i], (double)wanted->values[i],
                    limit * (1 / (double)positions + (double)wanted->values[i]));
}

static void check_case(const Case *c, const Engine *engine, double limit) {
    float maps[2 * MOST_POSITIONS], heads[6 * MOST_POSITIONS];
    char name[64];
    StoredFile golden;
    AttentionRollout *rollout;
    cf_model *model = make_golden(c->line, c->shape);
    cf_set *set = make_waves(c->shape, 2);
    snprintf(name, sizeof name, "%s/tests/golden/attention_rollout.safetensors", getenv("CIFRA_SOURCE"));
    assert_ok(safetensors_read(name, &golden));
    maps_of(model, set, engine, 2, &rollout, 2, maps);
    const Shape grid = attention_rollout_layer(rollout, 0)->out;
    const size_t L = (size_t)grid.H * (size_t)grid.W;
    snprintf(name, sizeof name, "%s/rollout", c->name);
    compare(&golden, name, maps, 2 * L, L, limit);
    assert_int_equal(attention_rollout_count(rollout), c->layers);
    for (int i = 0; i < c->layers; i++) {
        snprintf(name, sizeof name, "%s/heads%d", c->name, i + 1);
        attention_rollout_heads(rollout, i, heads);
        compare(&golden, name, heads, (size_t)attention_rollout_layer(rollout, i)->number * L, L, limit);
    }
    attention_rollout_free(rollout);
    safetensors_free(&golden);
    cf_set_free(set);
    cf_model_free(model);
}

static void as_another_framework(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(&cases[i], &reference_engine, 1e-5);
        check_case(&cases[i], cpu_engine(), 1e-4);
        if (cpu_engine_bf16()) check_case(&cases[i], cpu_engine_bf16(), 0.05);
    }
    if (!cpu_engine_bf16()) print_message("SKIPPED: the bfloat16 engine (this processor has no bfloat16)\n");
}

/* ---- Bits ---- */

enum { IMAGES = 77 }; /* more than a batch, and no whole number of slices */

static void any_threads(void **state) {
    (void)state;
    const Case *c = &cases[3];
    static const int threads[] = {1, 2, 3, 8};
    static float maps[COUNT_OF(threads)][IMAGES * 30];
    cf_model *model = make_golden(c->line, c->shape);
    cf_set *set = make_waves(c->shape, IMAGES);
    for (size_t t = 0; t < COUNT_OF(threads); t++) {
        AttentionRollout *rollout;
        maps_of(model, set, cpu_engine(), threads[t], &rollout, IMAGES, maps[t]);
        attention_rollout_free(rollout);
        assert_memory_equal(maps[t], maps[0], sizeof maps[0]);
    }
    for (int i = 0; i < IMAGES; i++) {
        double sum = 0;
        for (int k = 0; k < 30; k++) {
            sum += (double)maps[0][30 * i + k];
            assert_true(maps[0][30 * i + k] > 0);
        }
        near_number("the sum of a map", sum, 1, 1e-6);
    }
    cf_set_free(set);
    cf_model_free(model);
}

static void run_plan(Plan *plan, PlanMode mode, const Feed *feed, float *logits, float *gradient, size_t weights) {
    uint32_t numbers[20];
    StepResult result;
    for (uint32_t i = 0; i < 20; i++) numbers[i] = i;
    if (mode == PLAN_TRAINING) {
        assert_ok(plan_train(plan, feed, numbers, 20, 1, &result));
        memcpy(gradient, plan_gradient(plan), weights * sizeof *gradient);
    } else {
        assert_ok(plan_use_parameters(plan));
        assert_ok(plan_infer(plan, feed, numbers, 20, NULL));
    }
    memcpy(logits, plan_logits(plan), 20 * CLASSES * sizeof *logits);
}

/* Whoever asks for weights gets the same outputs and gradients as who does not, and the same weights in training. */
static void taps_change_nothing(void **state) {
    (void)state;
    const Case *c = &cases[3];
    const Engine *const engines[] = {&reference_engine, cpu_engine(), cpu_engine_bf16()};
    cf_set *set = make_waves(c->shape, 20);
    cf_model *model = make_golden("conv 24 3x3 stride 2 | layernorm | relu | res( attention 3 ) | res( attention 6 ) | "
                                  "globalavgpool | dense classes",
                                  c->shape);
    const size_t count = model->parameters.trainable, size = 20 * 6 * 30 * 30;
    float logits[2][20 * CLASSES], *gradients[2], *weights[2];
    int taps[2], found = 0;
    for (int i = 0; i < model->layers.count; i++)
        if (model->layers.layers[i].type == &attention_type) taps[found++] = i;
    assert_int_equal(found, 2);
    for (int i = 0; i < 2; i++) {
        assert_ok(memory_new(count, sizeof(float), &gradients[i]));
        assert_ok(memory_new(size, sizeof(float), &weights[i]));
    }
    for (size_t e = 0; e < COUNT_OF(engines) && engines[e]; e++)
        for (int mode = PLAN_INFERENCE; mode <= PLAN_TRAINING; mode++) {
            for (int asked = 0; asked < 2; asked++) {
                Feed feed;
                Plan *plan;
                const PlanOptions options = {.engine = engines[e],
                                             .batch = 20,
                                             .threads = 2,
                                             .mode = (PlanMode)mode,
                                             .taps = taps,
                                             .tap_count = asked ? 2 : 0,
                                             .attention_weights = asked};
                assert_ok(plan_new(&model->layers, &model->parameters, &options, &plan));
                assert_ok(feed_new(set, c->shape, (const char *const *)model->class_names, CLASSES, 2, &feed));
                run_plan(plan, (PlanMode)mode, &feed, logits[asked], gradients[asked], count);
                if (asked) memcpy(weights[mode], plan_attention_weights(plan, taps[1]), size * sizeof(float));
                feed_free(&feed);
                plan_free(plan);
            }
            assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
            if (mode == PLAN_TRAINING) {
                assert_memory_equal(gradients[0], gradients[1], count * sizeof(float));
                assert_memory_equal(weights[0], weights[1], size * sizeof(float));
            }
        }
    for (int i = 0; i < 2; i++) free(gradients[i]), free(weights[i]);
    cf_model_free(model);
    cf_set_free(set);
}

/* ---- What is taken, and what is refused ---- */

static void from_the_last_grid(void **state) {
    (void)state;
    cf_model *model = make_model(
        "attention 1 | maxpool 2 | res( attention 3 ) | attention 1 | head turn( attention 1 | dense 4 ) | " VIT_END,
        (Shape){3, 8, 6}, CLASSES);
    AttentionRollout *rollout;
    int hw[2];
    assert_ok(attention_rollout_new(model, &reference_engine, 1, &rollout));
    assert_int_equal(attention_rollout_count(rollout), 2);
    assert_string_equal(attention_rollout_layer(rollout, 0)->name, "attention2");
    assert_string_equal(attention_rollout_layer(rollout, 1)->name, "attention3");
    assert_ok(cf_attention_grid(model, hw));
    assert_true(hw[0] == 4 && hw[1] == 3);
    attention_rollout_free(rollout);
    cf_model_free(model);
}

static void refusals(void **state) {
    (void)state;
    cf_model *none = make_model("conv 4 3x3 | head turn( attention 2 | dense 4 ) | dense classes", (Shape){1, 4, 4},
                                CLASSES),
             *beside = make_model(
                 "conv 4 1x1 | head turn( attention 2 as y | dense 4 ) | attention 1 | add y | dense classes",
                 (Shape){1, 4, 4}, CLASSES),
             *large = make_model("attention 1 | globalavgpool | dense classes", (Shape){1, 80, 80}, CLASSES),
             *wild = make_model("attention 1 | dense classes", (Shape){1, 2, 2}, CLASSES);
    const float image[4] = {1, 1, 1, 1};
    const Feed feed = {.ready = image, .input = {1, 2, 2}};
    AttentionRollout *rollout = NULL;
    float map[4];
    int hw[2] = {7, 7};
    assert_false(attention_rollout_possible(none));
    assert_true(attention_rollout_possible(beside));
    assert_fails(attention_rollout_new(none, &reference_engine, 1, &rollout), CF_BAD_USE,
                 "this model has none: conv 4 3x3");
    assert_fails(attention_rollout_new(beside, &reference_engine, 1, &rollout), CF_BAD_USE,
                 "attention2 reads nothing of y");
    assert_fails(attention_rollout_new(large, &reference_engine, 1, &rollout), CF_BAD_USE,
                 "between 6400 positions take 1.3 GB");
    assert_fails(cf_attention_grid(none, hw), CF_BAD_USE, "has none");
    assert_true(hw[0] == 7 && hw[1] == 7);
    assert_null(rollout);
    parameters_find(&wild->parameters, 0, "in_proj_bias")[0] = NAN;
    assert_ok(attention_rollout_new(wild, &reference_engine, 1, &rollout));
    assert_fails(attention_rollout_maps(rollout, &feed, (const uint32_t[]){0}, 1, map), CF_BAD_INPUT, "not finite");
    attention_rollout_free(rollout);
    attention_rollout_free(NULL);
    cf_model_free(none), cf_model_free(beside), cf_model_free(large), cf_model_free(wild);
}

/* The public functions, over a part of a set whose images have another size. */
static void over_a_subset(void **state) {
    (void)state;
    cf_set *set = make_waves((Shape){1, 14, 30}, 40);
    cf_model *model = make_golden("patch 4 8 | res( attention 2 ) | globalavgpool | dense classes", (Shape){1, 12, 20});
    cf_split_options parts = cf_split_defaults();
    cf_split *split;
    int hw[2];
    parts.mode = CF_SPLIT_POOLED;
    assert_ok(cf_split_new(set, &parts, &split));
    const cf_subset *test = cf_split_part(split, CF_TEST);
    assert_ok(cf_attention_grid(model, hw));
    assert_true(hw[0] == 3 && hw[1] == 5);
    float maps[40 * 15], all[40 * 15];
    AttentionRollout *rollout;
    assert_ok(cf_attention_rollout(model, test, 3, maps));
    maps_of(model, set, cpu_engine(), 1, &rollout, 40, all);
    assert_true(test->count > 1);
    for (size_t i = 0; i < test->count; i++)
        assert_memory_equal(maps + 15 * i, all + 15 * test->images[i], 15 * sizeof(float));
    attention_rollout_free(rollout);
    cf_model_free(model);
    cf_split_free(split);
    cf_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_layers_on_two_by_two),
        cmocka_unit_test(as_another_framework),
        cmocka_unit_test(any_threads),
        cmocka_unit_test(taps_change_nothing),
        cmocka_unit_test(from_the_last_grid),
        cmocka_unit_test(refusals),
        cmocka_unit_test(over_a_subset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
