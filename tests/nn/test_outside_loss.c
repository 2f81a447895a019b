/* What a training adds to a plan from outside: a loss of the whole batch by its gradients, by differences on the reference and with the
 * same bits at any number of threads; a forward pass alone; a reversal that changes. */
#include "testing.h"

#include "base/memory.h"
#include "nn/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 13, CLASSES = 3, C = 2, H = 8, W = 6 };

static const char *const names[CLASSES] = {"a", "b", "c"};

/* mean_i (sum_k a_k p_ik^2 / 2 + sum_j b_j v_ij^2 / 2), a_k = 1, 2, 3, b_j = 0.1 (j + 1). */
typedef struct Squares {
    OutsideLoss outside;
    size_t size; /* values of an image; 0: none */
    double loss;
} Squares;

static cf_status squares(void *context, int n, const float *p, const float *v, float *d_logits, float *d_v) {
    Squares *s = context;
    s->loss = 0;
    for (int i = 0; i < n; i++, p += CLASSES, d_logits += CLASSES) {
        double mean = 0;
        for (int k = 0; k < CLASSES; k++) {
            s->loss += (k + 1) * (double)p[k] * (double)p[k] / 2;
            mean += (k + 1) * (double)p[k] * (double)p[k];
        }
        for (int k = 0; k < CLASSES; k++) d_logits[k] = (float)((double)p[k] * ((k + 1) * (double)p[k] - mean) / n);
        for (size_t j = 0; j < s->size; j++) {
            const double value = (double)v[(size_t)i * s->size + j], b = 0.1 * (double)(j + 1);
            s->loss += b * value * value / 2;
            d_v[(size_t)i * s->size + j] = (float)(b * value / n);
        }
    }
    s->loss /= n;
    return CF_OK;
}

typedef struct Bench {
    cf_set *set;
    cf_model *model;
    Feed feed;
    Squares squares;
    PlanOptions options;
    uint32_t images[IMAGES];
} Bench;

static void bench_new(Bench *b, const char *line, int layer, const Engine *engine, int threads) {
    uint64_t random = 5;
    memset(b, 0, sizeof *b);
    assert_ok(set_new("noise", "noise", IMAGES, C, H, W, CLASSES, &b->set));
    assert_ok(set_name_classes(b->set, names));
    for (size_t i = 0; i < (size_t)IMAGES * C * H * W; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        b->set->pixels[i] = (unsigned char)(random >> 56);
    }
    for (uint32_t i = 0; i < IMAGES; i++) b->set->labels[i] = (uint16_t)(i % CLASSES), b->images[i] = i;
    assert_ok(model_new(line, (Shape){C, H, W}, names, CLASSES, 4, &b->model));
    assert_ok(feed_new(b->set, b->model->layers.input, names, CLASSES, threads, &b->feed));
    b->squares = (Squares){.outside = {layer, squares, &b->squares}};
    if (layer >= 0) b->squares.size = shape_size(b->model->layers.layers[layer].out);
    b->options = (PlanOptions){.engine = engine,
                               .batch = IMAGES + 3,
                               .threads = threads,
                               .mode = PLAN_TRAINING,
                               .seed = 3,
                               .outside = &b->squares.outside};
}

static void bench_end(Bench *b) {
    feed_free(&b->feed);
    cf_model_free(b->model);
    cf_set_free(b->set);
}

/* The mean cross-entropy and the squares. */
static double run(Bench *b, Plan *plan) {
    StepResult result;
    assert_ok(plan_train(plan, &b->feed, b->images, IMAGES, 7, &result));
    return result.loss / result.weight + b->squares.loss;
}

static void by_differences(const char *line, int layer) {
    enum { DIRECTIONS = 12 };
    Bench b;
    Plan *plan;
    float *before, *gradient;
    bench_new(&b, line, layer, &reference_engine, 1);
    Parameters *p = &b.model->parameters;
    assert_ok(plan_new(&b.model->layers, p, &b.options, &plan));
    assert_ok(memory_new(p->trainable, sizeof *before, &before));
    assert_ok(memory_new(p->trainable, sizeof *gradient, &gradient));
    memcpy(before, p->values, p->trainable * sizeof *before);
    run(&b, plan);
    memcpy(gradient, plan_gradient(plan), p->trainable * sizeof *gradient);
    for (uint64_t direction = 1; direction <= DIRECTIONS; direction++) {
        double slope = 0, both[2], largest = 0;
        for (int side = 0; side < 2; side++) {
            uint64_t random = direction;
            slope = 0;
            for (size_t i = 0; i < p->trainable; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                const double d = (double)(int8_t)(random >> 56) / 128;
                slope += d * (double)gradient[i];
                p->values[i] = before[i] + (float)((side ? 1 : -1) * 2e-3 * d);
            }
            both[side] = run(&b, plan);
            memcpy(p->values, before, p->trainable * sizeof *before);
        }
        largest = fmax(0.05, fabs(slope));
        if (!(fabs((both[1] - both[0]) / 4e-3 - slope) < 0.02 * largest))
            fail_msg("%s, direction %d: slope %g, by the gradient %g", line, (int)direction, (both[1] - both[0]) / 4e-3,
                     slope);
    }
    free(before);
    free(gradient);
    plan_free(plan);
    bench_end(&b);
}

static void gradients_by_differences(void **state) {
    (void)state;
    static const char smooth[] = "conv 4 3x3 | silu | avgpool 2 | dense 5 | silu | dense classes";
    by_differences(smooth, -1);
    by_differences(smooth, 4); /* what the last layer reads */
    by_differences(smooth, 0); /* between a convolution and its activation */
    by_differences("conv 4 3x3 | bn | silu | res( conv 4 3x3 | silu ) | globalavgpool | dense classes",
                   2); /* read twice more */
    by_differences("dense 6 | silu | dense classes", 1);
}

static void same_bits_at_any_threads(void **state) {
    (void)state;
    static const char line[] = "conv 4 3x3 | bn | relu | maxpool 2 | dense 5 | relu | dropout 0.3 | dense classes";
    for (int e = 0; e < 2; e++) {
        const Engine *engine = e ? cpu_engine_bf16() : cpu_engine();
        float *first = NULL;
        for (int threads = 1; engine && threads <= 8; threads += threads < 3 ? 1 : 5) {
            Bench b;
            Plan *plan;
            bench_new(&b, line, 6, engine, threads);
            const size_t count = b.model->parameters.trainable;
            assert_ok(plan_new(&b.model->layers, &b.model->parameters, &b.options, &plan));
            run(&b, plan);
            if (!first) {
                assert_ok(memory_new(count, sizeof *first, &first));
                memcpy(first, plan_gradient(plan), count * sizeof *first);
            }
            assert_memory_equal(first, plan_gradient(plan), count * sizeof *first);
            plan_free(plan);
            bench_end(&b);
        }
        free(first);
    }
}

/* Probabilities and statistics of a step, and nothing that goes back. */
static void forward_alone_is_a_step(void **state) {
    (void)state;
    Bench b;
    Plan *plan, *forward;
    StepResult result;
    float statistics[2 * 4];
    bench_new(&b, "conv 4 3x3 | bn | relu | maxpool 2 | dropout 0.3 | dense classes", -1, cpu_engine(), 2);
    Parameters *p = &b.model->parameters;
    float *mean = parameters_find(p, 1, "running_mean");
    assert_ok(plan_new(&b.model->layers, p, &b.options, &plan));
    b.options.outside = NULL;
    b.options.forward_only = true;
    assert_ok(plan_new(&b.model->layers, p, &b.options, &forward));
    assert_ok(plan_train(plan, &b.feed, b.images, IMAGES, 7, &result));
    memcpy(statistics, mean, 4 * sizeof *mean);
    memset(mean, 0, 4 * sizeof *mean);
    assert_ok(plan_train(forward, &b.feed, b.images, IMAGES, 7, &result));
    assert_memory_equal(plan_probabilities(plan), plan_probabilities(forward), IMAGES * CLASSES * sizeof(float));
    assert_memory_equal(statistics, mean, 4 * sizeof *mean);
    plan_free(plan);
    plan_free(forward);
    bench_end(&b);
}

/* The gradient is linear in the reversal's factor in front of it, and the head itself does not see the factor. */
static void reversal_changes(void **state) {
    (void)state;
    static const LossSettings losses[MOST_HEADS] = {{.loss = &cross_entropy, .scale = 0},
                                                    {.loss = &cross_entropy, .scale = 1}};
    Bench b;
    Plan *plan;
    StepResult result;
    Sample samples[IMAGES];
    float g[3][200];
    bench_new(&b, "conv 4 3x3 | silu | globalavgpool | head domain( reverse 2 | dense 2 ) | dense classes", -1,
              &reference_engine, 1);
    const Parameters *p = &b.model->parameters;
    b.options.outside = NULL;
    b.options.losses = losses;
    assert_true(p->trainable <= 200);
    assert_ok(plan_new(&b.model->layers, (Parameters *)(uintptr_t)p, &b.options, &plan));
    samples_of_feed(&b.feed, b.images, IMAGES, samples);
    for (int i = 0; i < IMAGES; i++) samples[i].target[1] = i % 2;
    for (int f = 0; f < 3; f++) {
        if (f != 1) plan_reverse_by(plan, f ? 0.25 : 0);
        if (f == 1) plan_reverse_by(plan, 1);
        assert_ok(plan_train_samples(plan, samples, IMAGES, 1, &result));
        memcpy(g[f], plan_gradient(plan), p->trainable * sizeof(float));
    }
    const float *conv = parameters_find(p, 0, "weight");
    bool some = false;
    for (size_t i = 0; i < p->trainable; i++) {
        const size_t at = (size_t)(conv - p->values);
        const bool before = i >= at && i < at + (size_t)4 * C * 9;
        if (before) assert_true(g[0][i] == 0 && fabsf(g[2][i] - 0.25f * g[1][i]) <= 1e-6f * fabsf(g[1][i]));
        some |= before && g[1][i] != 0;
        if (!before && i > at + (size_t)4 * C * 9 + 16) assert_true(g[0][i] == g[1][i]);
    }
    assert_true(some);
    plan_free(plan);
    bench_end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_by_differences),
        cmocka_unit_test(same_bits_at_any_threads),
        cmocka_unit_test(forward_alone_is_a_step),
        cmocka_unit_test(reversal_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
