/* Parity with an independent framework: the scripts in tests/golden made the figures. Every engine must agree with them, the
 * one of bfloat16 as nearly as its eight digits allow. */
#include "nn/instruction_sets.h"
#include "testing.h"

#include "base/memory.h"
#include "nn/model.h"
#include "nn/optimizer.h"
#include "train/average.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 12, C = 3, H = 12, W = 10, BATCHES = 4, STEPS = 20, CLASSES = 10 };

/* A network, and the prefix of its figures in network_steps.safetensors; the first one's have paper_step.safetensors. */
typedef struct Case {
    const char *name, *line;
} Case;

static const Case cases[] = {
    {"paper", "conv 8 3x3 | bn | relu | maxpool 2 | conv 12 3x3 | bn | relu | maxpool 2 | dense 16 | relu | dense 10"},
    {"resnet8",
     "conv 4 3x3 | bn | relu | res( conv 4 3x3 | bn | relu | conv 4 3x3 | bn ) | relu | "
     "res( conv 6 3x3 stride 2 | bn | relu | conv 6 3x3 | bn ) | relu | "
     "res( conv 8 3x3 stride 2 | bn | relu | conv 8 3x3 | bn ) as last | relu | globalavgpool | dense classes"},
    {"preactivated",
     "conv 4 3x3 nobias | res( bn | relu | conv 4 3x3 | bn | relu | conv 4 3x3 nobias ) | bn | relu | "
     "res( conv 8 3x3 stride 2 | bn | relu | conv 8 3x3 nobias ) | bn | relu | globalavgpool | dense classes"},
    {"se", "conv 8 3x3 | bn | hardswish | se 2 | res( dwconv 3x3 | bn | relu6 | se 4 | conv 8 1x1 | bn ) | "
           "conv 8 3x3 stride 2 | bn | silu | se 4 | globalavgpool | dense classes"},
    {"groupnorm", "conv 8 3x3 | groupnorm 2 | relu | res( conv 8 3x3 | groupnorm 4 | silu ) | maxpool 2 | conv 6 3x3 | "
                  "groupnorm 1 | leakyrelu 0.1 | globalavgpool | dense classes"},
    {"instancenorm",
     "conv 6 3x3 nobias | instancenorm | relu | conv 8 3x3 stride 2 nobias | instancenorm | relu | dense classes"},
    {"layernorm",
     "patch 2 8 | layernorm | conv 12 1x1 | gelu | conv 8 1x1 | layernorm | conv 8 3x3 | sigmoid | globalavgpool | "
     "dense classes"},
    {"dwconv",
     "normalize 0.5 0.4 0.3 0.2 0.3 0.4 | conv 8 3x3 stride 2 pad tf | bn | relu | dwconv 3x3 dilation 2 | relu6 | "
     "conv 12 3x3 groups 4 dilation 2 pad 2 | bn eps 0.001 | relu | dwconv 5x5 stride 2 pad tf | bn | relu | "
     "dense classes"},
    {"vit", "patch 2 12 | position | 2x( res( layernorm | attention 3 ) | res( layernorm | conv 16 1x1 | gelu | "
            "conv 12 1x1 ) ) | layernorm | globalavgpool | dense classes"},
    {"joined",
     "conv 4 3x3 | bn | relu as early | conv 4 3x3 | bn | relu | add early | conv 3 3x3 | bn | relu | concat early | "
     "maxpool 2 | conv 8 3x3 | bn | relu | globalmaxpool | dense classes"},
    {"standardize", "standardize | conv 6 3x3 stride 2 | relu | dense classes"},
    {"reverse", "conv 6 3x3 stride 2 | relu | reverse 0.5 | dense classes"},
};

typedef struct Bench {
    const Case *a_case;
    StoredFile images, golden;
    cf_set *set; /* the batches one after the other */
    cf_model *model;
    Plan *plan;
    Feed feed;
} Bench;

static const char *const *class_names(void) {
    static char texts[1000][4];
    static const char *names[1000];
    for (int k = 0; k < 1000; k++) {
        snprintf(texts[k], sizeof texts[k], "%d", k);
        names[k] = texts[k];
    }
    return names;
}

static void read_golden(const char *name, StoredFile *file) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s.safetensors", getenv("CIFRA_SOURCE"), name);
    assert_ok(safetensors_read(path, file));
}

static const StoredTensor *tensor(const StoredFile *file, const char *name) {
    const StoredTensor *found = safetensors_find(file, name);
    if (!found) print_error("no tensor %s\n", name);
    assert_non_null(found);
    return found;
}

static const char *prefix(const Bench *b) {
    static char text[32];
    snprintf(text, sizeof text, "%s/", b->a_case == cases ? "" : b->a_case->name);
    return b->a_case == cases ? "" : text;
}

/* The case's tensor "what" or "whatNAME". */
static const StoredTensor *figure(const Bench *b, const char *what, const char *name) {
    char full[160];
    snprintf(full, sizeof full, "%s%s%s", prefix(b), what, name);
    return tensor(&b->golden, full);
}

static void make_set(Bench *b) {
    const StoredTensor *images = tensor(&b->images, "images"), *labels = tensor(&b->images, "labels");
    assert_int_equal(images->count, BATCHES * N * C * H * W);
    assert_ok(set_new("golden", "golden", BATCHES * N, C, H, W, CLASSES, &b->set));
    assert_ok(set_name_classes_by_number(b->set));
    for (int n = 0; n < BATCHES * N; n++) {
        b->set->labels[n] = (unsigned char)labels->values[n];
        for (int c = 0; c < C; c++)
            for (int i = 0; i < H * W; i++)
                b->set->pixels[(n * H * W + i) * C + c] = (unsigned char)images->values[(n * C + c) * H * W + i];
    }
}

static void set_up(Bench *b, const Case *a_case, const Engine *engine, int threads) {
    char init[48];
    *b = (Bench){.a_case = a_case};
    read_golden("paper_step", &b->images);
    read_golden(a_case == cases ? "paper_step" : "network_steps", &b->golden);
    make_set(b);
    assert_ok(model_new(a_case->line, (Shape){C, H, W}, class_names(), CLASSES, 1, &b->model));
    snprintf(init, sizeof init, "%sinit/", prefix(b));
    assert_ok(bag_take(&b->golden, &b->model->parameters, init, b->model->parameters.values, false));
    PlanOptions options = {.engine = engine, .batch = N, .threads = threads, .mode = PLAN_TRAINING, .seed = 1};
    assert_ok(plan_new(&b->model->layers, &b->model->parameters, &options, &b->plan));
    assert_ok(feed_new(b->set, (Shape){C, H, W}, class_names(), CLASSES, threads, &b->feed));
}

static void tear_down(Bench *b) {
    feed_free(&b->feed);
    plan_free(b->plan);
    cf_model_free(b->model);
    cf_set_free(b->set);
    safetensors_free(&b->images);
    safetensors_free(&b->golden);
}

static void step(Bench *b, int batch, StepResult *result) {
    uint32_t images[N];
    for (uint32_t i = 0; i < N; i++) images[i] = (uint32_t)batch * N + i;
    assert_ok(plan_train(b->plan, &b->feed, images, N, 0, result));
}

static void infer(Plan *plan, const Feed *feed, int n) {
    uint32_t images[N];
    for (uint32_t i = 0; i < N; i++) images[i] = i;
    assert_ok(plan_use_parameters(plan));
    assert_ok(plan_infer(plan, feed, images, n, NULL));
}

static double largest(const float *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)values[i]));
    return most;
}

/* The largest difference, relative to the larger of `scale` and the largest of the values that are right; also fails on NaN. */
static void assert_near_scaled(const Bench *b, const char *what, const char *name, const float *got,
                               const StoredTensor *right, double scale, double limit) {
    const double size = fmax(largest(right->values, right->count), scale);
    double worst = 0;
    for (size_t i = 0; i < right->count; i++) {
        const double error = fabs((double)got[i] - (double)right->values[i]) / size;
        if (!(error <= worst)) worst = error;
        if (worst != worst) break;
    }
    if (!(worst < limit))
        print_error("%s, %s%s: relative error %g, at most %g expected\n", b ? b->a_case->name : "", what, name, worst,
                    limit);
    assert_true(worst < limit);
}

static void assert_near(const Bench *b, const char *what, const char *name, const float *got, double limit) {
    assert_near_scaled(b, what, name, got, figure(b, what, name), 0, limit);
}

/* How far from the framework's figures: the gradient of dense layers, and of what lies before them. */
typedef struct Limits {
    double loss, logits, dense, before;
} Limits;

static const Limits float_limits = {1e-5, 1e-5, 1e-4, 1e-4};
/* With twelve images rounding changes the way of the gradient at kinks and in pools: in float32 it is off by 0.12 in a tensor
 * before the dense layers when nothing but the weights is rounded. */
static const Limits bf16_limits = {0.002, 0.02, 0.02, 0.2};

/* The running statistics after one step, and batch 0 with them. */
static void check_evaluation(Bench *b, const Limits *limits) {
    const Parameters *p = &b->model->parameters;
    for (int i = 0; i < p->count; i++)
        if (!p->table[i].trainable)
            assert_near(b, "stats/", p->table[i].name, p->values + p->table[i].offset, limits->logits);
    infer(b->plan, &b->feed, N);
    assert_near(b, "eval_logits", "", plan_logits(b->plan), limits->logits);
}

static void check_gradients(const Case *a_case, const Engine *engine, const Limits *limits) {
    Bench b;
    StepResult result;
    set_up(&b, a_case, engine, 2);
    step(&b, 0, &result);
    const float loss = (float)(result.loss / N);
    assert_near(&b, "loss", "", &loss, limits->loss);
    assert_near(&b, "logits", "", plan_logits(b.plan), limits->logits);
    const Parameters *p = &b.model->parameters;
    /* A shift in front of a batch norm has no gradient but rounding's: no tensor's scale is less than a part of the largest. */
    double scale = 0;
    for (int i = 0; i < p->count; i++)
        if (p->table[i].trainable) {
            const StoredTensor *right = figure(&b, "grad/", p->table[i].name);
            scale = fmax(scale, 0.01 * largest(right->values, right->count));
        }
    for (int i = 0; i < p->count; i++) {
        const Parameter *entry = &p->table[i];
        const double limit = strncmp(entry->name, "dense", 5) == 0 ? limits->dense : limits->before;
        if (!entry->trainable) continue;
        float *values = malloc(entry->count * sizeof *values);
        parameter_to_file(p, entry, plan_gradient(b.plan) + entry->offset, values);
        assert_near_scaled(&b, "grad/", entry->name, values, figure(&b, "grad/", entry->name), scale, limit);
        free(values);
    }
    if (a_case != cases) check_evaluation(&b, limits);
    tear_down(&b);
}

static void check_trajectory(const Case *a_case, const Engine *engine, cf_optimizer kind, double rate, double decay,
                             const char *losses, double limit) {
    Bench b;
    StepResult result;
    Optimizer optimizer;
    float ours[STEPS];
    set_up(&b, a_case, engine, 2);
    Parameters *p = &b.model->parameters;
    const cf_train_options options = {
        .optimizer = kind, .momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = decay};
    assert_ok(optimizer_new(&options, engine->kernels, p, &optimizer));
    for (int s = 0; s < STEPS; s++) {
        step(&b, s % BATCHES, &result);
        ours[s] = (float)(result.loss / N);
        assert_ok(optimizer_step(&optimizer, p->values, plan_gradient(b.plan), rate, 2));
    }
    assert_near(&b, losses, "", ours, limit);
    if (a_case == cases && kind == CF_SGD) {
        for (int i = 0; i < p->count; i++)
            if (!p->table[i].trainable)
                assert_near(&b, "sgd_final/", p->table[i].name, p->values + p->table[i].offset, limit);
        infer(b.plan, &b.feed, N);
        assert_near(&b, "sgd_final_logits", "", plan_logits(b.plan), 10 * limit);
    }
    optimizer_free(&optimizer);
    tear_down(&b);
}

/* The first network's steps by the optimizers of optimizer_steps.safetensors, and their average. */
static void check_optimizer(const Engine *engine, const cf_train_options *o, const char *losses) {
    Bench b;
    StepResult result;
    Optimizer optimizer;
    StoredFile right;
    Average average;
    float ours[STEPS];
    set_up(&b, cases, engine, 2);
    read_golden("optimizer_steps", &right);
    Parameters *p = &b.model->parameters;
    assert_ok(optimizer_new(o, engine->kernels, p, &optimizer));
    assert_ok(average_new(o, p, &average));
    for (int s = 0; s < STEPS; s++) {
        step(&b, s % BATCHES, &result);
        ours[s] = (float)(result.loss / N);
        assert_ok(optimizer_step(&optimizer, p->values, plan_gradient(b.plan), o->learning_rate, 2));
        assert_ok(average_step(&average, p->values, s + 1, 2));
    }
    assert_near_scaled(&b, losses, "", ours, tensor(&right, losses), 0, 1e-3);
    if (average.moving) {
        static const char *const names[] = {"bn1.running_var", "bn2.bias", "dense2.weight"};
        memcpy(p->values, average.moving, p->total * sizeof *p->values);
        for (size_t k = 0; k < COUNT_OF(names); k++)
            for (int i = 0; i < p->count; i++) {
                char full[64];
                snprintf(full, sizeof full, "ema/%s", names[k]);
                if (strcmp(p->table[i].name, names[k]) == 0)
                    assert_near_scaled(&b, full, "", p->values + p->table[i].offset, tensor(&right, full), 0, 1e-3);
            }
        infer(b.plan, &b.feed, N);
        assert_near_scaled(&b, "ema_logits", "", plan_logits(b.plan), tensor(&right, "ema_logits"), 0, 1e-3);
    }
    average_free(&average);
    optimizer_free(&optimizer);
    safetensors_free(&right);
    tear_down(&b);
}

static void check_optimizers(const Engine *engine) {
    cf_train_options o = cf_train_defaults();
    o.learning_rate = 0.05, o.nesterov = true, o.weight_decay = 0.001, o.clip = 0.5, o.ema = 0.9;
    check_optimizer(engine, &o, "nesterov_clip_losses");
    o = cf_train_defaults();
    o.optimizer = CF_ADAMW, o.learning_rate = 0.01, o.beta1 = 0.8, o.beta2 = 0.95;
    o.weight_decay = 0.5, o.decay_on = CF_DECAY_WEIGHTS;
    check_optimizer(engine, &o, "adamw_weights_losses");
    o = cf_train_defaults();
    o.optimizer = CF_MUON, o.learning_rate = 0.02, o.weight_decay = 0.1, o.decay_on = CF_DECAY_WEIGHTS;
    check_optimizer(engine, &o, "muon_losses");
}

static void all_gradients(const Engine *engine) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) check_gradients(&cases[i], engine, &float_limits);
}

static void all_trajectories(const Engine *engine) {
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_trajectory(&cases[i], engine, CF_SGD, 0.05, 0.001, "sgd_losses", i ? 1e-3 : 1e-4);
        check_trajectory(&cases[i], engine, CF_ADAM, 0.01, 0, "adam_losses", 1e-3);
        check_trajectory(&cases[i], engine, CF_ADAMW, 0.01, 0.05, "adamw_losses", 1e-3);
    }
    check_optimizers(engine);
}

static void gradients_fast(void **state) {
    (void)state;
    all_gradients(cpu_engine());
}

static void gradients_reference(void **state) {
    (void)state;
    all_gradients(&reference_engine);
}

static void gradients_bf16(void **state) {
    (void)state;
    if (cpu_engine_bf16())
        check_gradients(&cases[0], cpu_engine_bf16(), &bf16_limits);
    else
        print_message("SKIPPED: the bfloat16 engine (this processor has no bfloat16)\n");
}

static void trajectories_fast(void **state) {
    (void)state;
    all_trajectories(cpu_engine());
}

static void trajectories_reference(void **state) {
    (void)state;
    all_trajectories(&reference_engine);
}

/* ---- Whole networks by name, evaluated ---- */

enum { GIVEN_CLASSES = 1000, PICTURES = 2 };

/* u in [0, 1), 24 bits, by splitmix64 (Steele, Lea, Flood 2014) of a tensor's name (FNV-1a) and the value's index. */
static float drawn(uint64_t key, size_t index) {
    uint64_t z = key + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (float)((z ^ (z >> 31)) >> 40) * 0x1p-24f;
}

/* The weights that make_network_golden.py's formula() gives, bit for bit. */
static void fill_by_formula(Parameters *p) {
    for (int i = 0; i < p->count; i++) {
        const Parameter *entry = &p->table[i];
        const char *what = strrchr(entry->name, '.') + 1;
        float *values = malloc(entry->count * sizeof *values);
        uint64_t key = 0xCBF29CE484222325u;
        for (const char *c = entry->name; *c; c++) key = (key ^ (unsigned char)*c) * 0x100000001B3u;
        const bool around_one = strcmp(what, "running_var") == 0 || strcmp(what, "weight") == 0;
        const float bound = (float)sqrt(3.0 * (double)entry->shape[0] / (double)entry->count); /* 3 / fan-in */
        for (size_t k = 0; k < entry->count; k++) {
            const float u = drawn(key, k);
            values[k] = entry->dims > 1 ? (u * 2 - 1) * bound : around_one ? 0.75f + u * 0.5f : (u * 2 - 1) * 0.1f;
        }
        parameter_from_file(p, entry, values, p->values + entry->offset);
        free(values);
    }
}

/* Waves of triangles, as the script's picture(). */
static cf_set *make_pictures(int side) {
    cf_set *set;
    assert_ok(set_new("golden", "golden", PICTURES, C, side, side, CLASSES, &set));
    assert_ok(set_name_classes_by_number(set));
    unsigned char *pixel = set->pixels;
    for (int n = 0; n < PICTURES; n++)
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++)
                for (int c = 0; c < C; c++) {
                    const int wave = (x * (3 + 2 * n) + y * (2 + c) + (x * y >> 4) * (1 + n) + 40 * c) % 512;
                    *pixel++ = (unsigned char)(wave < 256 ? wave : 511 - wave);
                }
    return set;
}

static void resnet18_by_formula(void **state) {
    enum { SIDE = 64 };
    (void)state;
    StoredFile golden;
    Plan *plan;
    Feed feed;
    cf_model *model;
    const Shape shape = {C, SIDE, SIDE};
    cf_set *set = make_pictures(SIDE);
    read_golden("network_steps", &golden);
    assert_ok(model_new("resnet18", shape, class_names(), GIVEN_CLASSES, 1, &model));
    fill_by_formula(&model->parameters);
    PlanOptions options = {.engine = cpu_engine(), .batch = PICTURES, .threads = 2};
    assert_ok(plan_new(&model->layers, &model->parameters, &options, &plan));
    assert_ok(feed_new(set, shape, class_names(), GIVEN_CLASSES, 2, &feed));
    infer(plan, &feed, PICTURES);
    assert_near_scaled(NULL, "resnet18/", "logits", plan_logits(plan), tensor(&golden, "resnet18/logits"), 0, 1e-4);
    feed_free(&feed);
    plan_free(plan);
    cf_model_free(model);
    cf_set_free(set);
    safetensors_free(&golden);
}

/* ---- Other instruction sets ---- */

static const struct CMUnitTest fast_tests[] = {
    cmocka_unit_test(gradients_fast),
    cmocka_unit_test(trajectories_fast),
    cmocka_unit_test(resnet18_by_formula),
};

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_fast),         cmocka_unit_test(gradients_reference),
        cmocka_unit_test(gradients_bf16),         cmocka_unit_test(trajectories_fast),
        cmocka_unit_test(trajectories_reference), cmocka_unit_test(resnet18_by_formula),
        cmocka_unit_test(other_instruction_sets),
    };
    if (count == 2) return run_as_child(arguments[1], fast_tests);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
