/* The plan: its gradient against finite differences, fused layers against the same ones apart, the same bits at any number of
 * threads, bfloat16 near float32, filling images that count nowhere, dropout keyed by place, inference by running statistics. */
#include "nn/instruction_sets.h"
#include "nn/problems.h"

#include "nn/model.h"
#include "nn/planner.h"

#include <stdio.h>
#include <unistd.h>

enum { IMAGES = 48, CLASSES = 3, C = 2, H = 7, W = 6 };

static const char *const names[CLASSES] = {"a", "b", "c"};

/* Between them: every kind of layer, with and without bias, strides, paddings, overlapping pools, batch norm after both; blocks
 * with and without activation and pool, behind convolutions cheap enough to do again and others; dense layers of one tile and
 * of several; a last layer that is not dense. */
static const char *const lines[] = {
    "conv 5 3x3 | leakyrelu 0.2 | maxpool 3x3 stride 1 pad 1 | conv 6 3x2 stride 2 | bn | relu | dropout 0.3 | avgpool "
    "2 "
    "stride 1 | dense 9 | bn | leakyrelu 0.1 | dense classes",
    "bn | conv 4 3x3 nobias | avgpool 2 | leakyrelu 0.3 | conv 7 2x2 | bn | globalavgpool | dense 35 | dropout 0.2 | "
    "dense classes",
    "dropout 0.1 | dense classes nobias",
    "conv 6 3x3 | bn | leakyrelu 0.1 | maxpool 2 | conv 18 3x3 | bn | maxpool 2 | dense 40 | leakyrelu 0.2 | "
    "dense "
    "classes",
    "conv 5 5x5 | bn | relu | maxpool 3x3 stride 3 | dense 34 | bn | relu | dense classes | leakyrelu 0.2",
    "relu | dropout 0.1 | dense classes", /* what works in place has no place of its own here */
    "dropout 0.2 | conv 3 3x2 | leakyrelu 0.4 | leakyrelu 0.5 | dropout 0.1 | globalavgpool | relu",
    "relu | bn | leakyrelu 0.1 | leakyrelu 0.2 | conv 3 5x5 pad 6 | relu | bn | globalavgpool | dropout 0.1",
    "bn | leakyrelu 0.3 | maxpool 2 | conv 5 1x1 | bn | relu | maxpool 1 | conv 4 2x2 | bn | relu | dense 33 | relu | "
    "dropout 0.2 | dense classes",
    "conv 17 3x3 pad 0 | bn | leakyrelu 0.2 | conv 4 2x2 | bn | relu | dense classes",
    "dropout 0.2 | conv 33 5x3 | bn | maxpool 2 | dense classes",
    /* groups with and without a projection, what two read, norms of images, attention, windows of groups */
    "conv 4 3x3 | bn | relu | res( conv 5 3x3 stride 2 | bn | relu | conv 6 3x3 | bn ) | relu | "
    "res( dwconv 3x3 | bn | silu | se 2 ) | bn | res( conv 6 1x1 nobias | bn ) | leakyrelu 0.1 | dense classes",
    "patch 2 6 | position | 2x( res( layernorm | attention 2 | droppath 0.2 ) | res( layernorm | conv 8 1x1 | gelu | "
    "conv 6 1x1 ) ) | layernorm | globalavgpool | dense classes",
    "standardize | conv 6 3x3 groups 2 as a | groupnorm 3 | hardswish | conv 6 3x3 dilation 2 nobias | instancenorm | add a | "
    "sigmoid as b | concat a | globalmaxpool | dense classes",
    /* what the way back of a layer needs is not worked on in place by the next one */
    "conv 4 3x3 nobias | sigmoid | position | conv 4 3x3 | sigmoid | dropout 0.2 | dense classes",
};
enum { LINES = (int)COUNT_OF(lines) };

/* Pictures so large that a slice has 2 images, and 1; dense layers of several tiles and of one, whose rows are eight all the
 * same, and dropout of images whose values are no multiple of what a random block has. */
static const char *const large_lines[] = {
    "input 2x96x96 | conv 32 3x3 | leakyrelu 0.2 | maxpool 8 | dense 40 | relu | dense classes",
    "input 2x129x131 | dropout 0.1 | conv 32 3x2 | bn | relu | maxpool 9x9 stride 9 | conv 3 3x3 stride 2 | bn | dense "
    "9 | "
    "dropout 0.2 | dense classes",
};

typedef struct Bench {
    cf_set *set;
    cf_model *model;
    Plan *plan;
    Feed feed;
    uint32_t images[IMAGES];
} Bench;

static Bench bench_new(const char *line, const Engine *engine, int batch, int threads) {
    Bench b = {0};
    uint64_t random = 5;
    assert_ok(set_new("noise", "noise", IMAGES, C, H, W, CLASSES, &b.set));
    assert_ok(set_name_classes(b.set, names));
    for (size_t i = 0; i < (size_t)IMAGES * C * H * W; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        b.set->pixels[i] = (unsigned char)(random >> 56);
    }
    for (uint32_t i = 0; i < IMAGES; i++) {
        b.set->labels[i] = (unsigned char)(i * 7 % 5 % CLASSES);
        b.images[i] = (i * 11 + 3) % IMAGES; /* every image once, in some order */
    }
    assert_ok(model_new(line, (Shape){C, H, W}, names, CLASSES, 4, &b.model));
    PlanOptions options = {.engine = engine, .batch = batch, .threads = threads, .mode = PLAN_TRAINING, .seed = 9};
    assert_ok(plan_new(&b.model->layers, &b.model->parameters, &options, &b.plan));
    assert_ok(feed_new(b.set, b.model->layers.input, names, CLASSES, threads, &b.feed));
    return b;
}

/* The engines that this processor has; then NULL. */
static const Engine *const *engines(void) {
    static const Engine *all[4];
    all[0] = &reference_engine;
    all[1] = cpu_engine();
    all[2] = cpu_engine_bf16();
    return all;
}

/* A layer's values of n images, or their gradient, from a plan with that tap; release with free(). */
static float *tapped(const Bench *b, int layer, int n, bool gradient) {
    float *values = calloc((size_t)n * shape_size(b->model->layers.layers[layer].out), sizeof *values);
    assert_non_null(values);
    (gradient ? plan_read_tap_gradient : plan_read_tap)(b->plan, layer, values);
    return values;
}

/* Another plan of the same network, with taps. */
static void tap(Bench *b, const int *layers, int count) {
    PlanOptions options = b->plan->options;
    options.taps = layers;
    options.tap_count = count;
    plan_free(b->plan);
    assert_ok(plan_new(&b->model->layers, &b->model->parameters, &options, &b->plan));
}

/* Nodes behind that of the images. */
static int node_count(const Bench *b) {
    int count = -1;
    for (const Node *node = b->plan->nodes; node; node = node->next) count++;
    return count;
}

static const Node *node_at(const Bench *b, int number) {
    const Node *node = b->plan->nodes->next;
    while (number--) node = node->next;
    return node;
}

static const char *not_finite(const Bench *b) {
    const char *layer;
    assert_ok(plan_first_not_finite(b->plan, &layer));
    return layer;
}

static void assert_node(const Bench *b, int number, const char *type) {
    assert_string_equal(node_at(b, number)->type->name, type);
}

static void bench_end(Bench *b) {
    feed_free(&b->feed);
    plan_free(b->plan);
    cf_model_free(b->model);
    cf_set_free(b->set);
}

static StepResult train(Bench *b, int n, int64_t number) {
    StepResult result;
    assert_ok(plan_train(b->plan, &b->feed, b->images, n, number, &result));
    return result;
}

static size_t trainable(const Bench *b) {
    return b->model->parameters.trainable;
}

/* Weights of batch norm and biases begin as 1 and 0: give them values that show a mistake. */
static void vary_parameters(Bench *b) {
    Parameters *p = &b->model->parameters;
    for (int i = 0; i < p->count; i++)
        for (size_t k = 0; p->table[i].trainable && p->table[i].dims == 1 && k < p->table[i].count; k++)
            p->values[p->table[i].offset + k] += (float)((int)(k * 5 % 7) - 3) * 0.1f;
}

static float *kept(const float *values, size_t count) {
    float *copy = malloc(count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static double relative_error(const float *a, const float *b, size_t count) {
    double difference = 0, size = 1e-30;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)a[i] - (double)b[i], 2);
        size += pow((double)b[i], 2);
    }
    return sqrt(difference / size);
}

static void assert_close(const char *what, const float *a, const float *b, size_t count, double limit) {
    double error = relative_error(a, b, count);
    if (!(error < limit)) print_error("%s: relative error %g, at most %g expected\n", what, error, limit);
    assert_true(error < limit);
}

/* ---- The gradient ---- */

static double mean_loss(Bench *b, int n) {
    return train(b, n, 3).loss / n;
}

/* The slopes of the loss along `direction` on both sides of where the weights stand, by differences. */
static void slopes(Bench *b, int n, float *weights, const float *direction, size_t count, double step, double both[2]) {
    float *start = kept(weights, count);
    double here = mean_loss(b, n);
    for (int side = 0; side < 2; side++) {
        double signed_step = side ? step : -step;
        for (size_t k = 0; k < count; k++) weights[k] = (float)((double)start[k] + signed_step * (double)direction[k]);
        both[side] = (mean_loss(b, n) - here) / signed_step;
    }
    memcpy(weights, start, count * sizeof *weights);
    free(start);
}

/* A tensor's gradient along itself (no part of it may be wrong by much) and along random directions (any part shows). */
static void check_tensor(Bench *b, int n, const Parameter *entry, const float *gradient) {
    float *weights = b->model->parameters.values + entry->offset, *direction = malloc(entry->count * sizeof *direction);
    const float *g = gradient + entry->offset;
    double size = 0;
    for (size_t k = 0; k < entry->count; k++) size += (double)g[k] * (double)g[k];
    size = sqrt(size);
    assert_true(size > 1e-5);
    for (int turn = 0; turn < 4; turn++) {
        double length = 0, expected = 0;
        for (size_t k = 0; k < entry->count; k++) {
            direction[k] = turn == 0 ? g[k] : (float)next_number() * 0x1p-31f - 1;
            length += (double)direction[k] * (double)direction[k];
        }
        for (size_t k = 0; k < entry->count; k++) {
            direction[k] = (float)((double)direction[k] / sqrt(length));
            expected += (double)direction[k] * (double)g[k];
        }
        /* The loss is float inside, so a small step is noisy; a large one may cross a kink of an activation or a pool. On a kink
         * the two sides differ, and the gradient is one of them or between. A wrong gradient fits at no step. */
        static const double steps[] = {2e-3, 1e-3, 3e-4};
        double limit = 0.01 * size + 2e-4, both[2] = {0};
        bool fits = false;
        for (size_t k = 0; k < COUNT_OF(steps) && !fits; k++) {
            slopes(b, n, weights, direction, entry->count, steps[k], both);
            fits = expected > fmin(both[0], both[1]) - limit && expected < fmax(both[0], both[1]) + limit;
        }
        if (!fits)
            print_error("%s, direction %d: slopes %g and %g by differences, %g by the gradient\n", entry->name, turn,
                        both[0], both[1], expected);
        assert_true(fits);
    }
    free(direction);
}

static void gradient_of_the_loss(void **state) {
    (void)state;
    for (int i = 0; i < LINES; i++) {
        Bench b = bench_new(lines[i], &reference_engine, 16, 1);
        vary_parameters(&b);
        train(&b, 13, 3);
        float *gradient = kept(plan_gradient(b.plan), trainable(&b));
        const Parameters *p = &b.model->parameters;
        for (int k = 0; k < p->count; k++)
            if (p->table[k].trainable) check_tensor(&b, 13, &p->table[k], gradient);
        free(gradient);
        bench_end(&b);
    }
}

/* Without batch norm and dropout images are independent: the gradient of a batch is the mean of its images' gradients. */
static void check_mean(const char *line, const Engine *engine, int n) {
    Bench b = bench_new(line, engine, 24, 1);
    vary_parameters(&b);
    StepResult whole = train(&b, n, 0), sum = {0};
    float *gradient = kept(plan_gradient(b.plan), trainable(&b)), *mean = calloc(trainable(&b), sizeof *mean);
    for (int i = 0; i < n; i++) {
        StepResult one;
        assert_ok(plan_train(b.plan, &b.feed, b.images + i, 1, 0, &one));
        sum.loss += one.loss;
        sum.correct += one.correct;
        for (size_t k = 0; k < trainable(&b); k++) mean[k] += plan_gradient(b.plan)[k] / (float)n;
    }
    assert_near_number("loss", whole.loss, sum.loss, 1e-5);
    assert_int_equal(whole.correct, sum.correct);
    assert_close("gradient", gradient, mean, trainable(&b), 1e-5);
    free(gradient);
    free(mean);
    bench_end(&b);
}

static void gradient_is_a_mean(void **state) {
    (void)state;
    static const char line[] =
        "conv 5 3x3 | relu | maxpool 2 | conv 4 3x3 | leakyrelu | avgpool 3x2 stride 3 | dense 40 | relu | dense "
        "classes";
    check_mean(line, &reference_engine, 21);
    check_mean(line, cpu_engine(), 21);
    check_mean(large_lines[0], cpu_engine(), 11);
}

/* ---- Samples and heads ---- */

static Sample sample_of(const Bench *b, int i, int target) {
    Sample sample;
    samples_of_feed(&b->feed, b->images + i, 1, &sample);
    sample.target[0] = target;
    return sample;
}

static StepResult train_samples(Bench *b, const Sample *samples, int n) {
    StepResult result;
    assert_ok(plan_train_samples(b->plan, samples, n, 0, &result));
    return result;
}

static const char of_samples[] = "conv 5 3x3 | relu | maxpool 2 | dense 9 | relu | dense classes";

/* An image of weight 2 is that image twice; one without a target, or of another feed with nothing to say, is not there. */
static void samples_have_weights(void **state) {
    (void)state;
    for (int e = 0; e < 2; e++) {
        Bench b = bench_new(of_samples, engines()[e], 16, 1);
        Feed second = b.feed; /* two feeds in one batch */
        Sample weighted[4], twice[4];
        for (int i = 0; i < 3; i++) weighted[i] = twice[i] = sample_of(&b, i, i % CLASSES);
        weighted[1].weight = 2;
        weighted[2].feed = twice[2].feed = &second;
        weighted[3] = sample_of(&b, 5, -1);
        twice[3] = twice[1];
        const StepResult w = train_samples(&b, weighted, 4);
        float *gradient = kept(plan_gradient(b.plan), trainable(&b));
        const StepResult t = train_samples(&b, twice, 4);
        assert_near_number("loss", w.loss, t.loss, 1e-6);
        assert_near_number("weight", w.weight, 4, 0);
        assert_close("gradient", gradient, plan_gradient(b.plan), trainable(&b), 1e-6);
        free(gradient);
        bench_end(&b);
    }
}

/* An image mixed with itself has a target of two classes: its loss and gradient are the mixture of theirs. The same from
 * probabilities. */
static void samples_are_mixed(void **state) {
    (void)state;
    Bench b = bench_new(of_samples, &reference_engine, 8, 1);
    const float share = 0.7f, soft[CLASSES] = {0.7f, 0, 0.3f};
    Sample one = sample_of(&b, 0, 0), other = sample_of(&b, 0, 2), mixed = one, given = one;
    mixed.partner = mixed.image;
    mixed.share = share;
    mixed.partner_target[0] = 2;
    given.soft[0] = soft;
    double loss = (double)share * train_samples(&b, &one, 1).loss;
    float *first = kept(plan_gradient(b.plan), trainable(&b)), *expected = calloc(trainable(&b), sizeof *expected);
    loss += (1 - (double)share) * train_samples(&b, &other, 1).loss;
    for (size_t k = 0; k < trainable(&b); k++) expected[k] = share * first[k] + (1 - share) * plan_gradient(b.plan)[k];
    assert_near_number("loss of a mixture", train_samples(&b, &mixed, 1).loss, loss, 1e-6);
    assert_close("gradient of a mixture", plan_gradient(b.plan), expected, trainable(&b), 1e-5);
    assert_near_number("loss by probabilities", train_samples(&b, &given, 1).loss, loss, 1e-6);
    assert_close("gradient by probabilities", plan_gradient(b.plan), expected, trainable(&b), 1e-6);
    /* Two images: the network sees their mean by shares. */
    tap(&b, (const int[]){0}, 1);
    mixed.partner = b.images[1];
    float *values[3];
    Sample second = sample_of(&b, 1, 0);
    const Sample *const three[] = {&one, &second, &mixed};
    for (int i = 0; i < 3; i++) train_samples(&b, three[i], 1), values[i] = tapped(&b, 0, 1, false);
    for (size_t k = 0; k < shape_size(b.model->layers.layers[0].out); k++)
        assert_near_number("a mixed image", (double)values[2][k],
                           (double)share * (double)values[0][k] + (1 - (double)share) * (double)values[1][k], 1e-5);
    for (int i = 0; i < 3; i++) free(values[i]);
    free(first), free(expected);
    bench_end(&b);
}

/* The gradient of two outputs is that of their losses' sum, each by its scale; a reversed one counts the other way before it. */
static void two_heads(void **state) {
    (void)state;
    static const char line[] = "conv 5 3x3 | leakyrelu 0.3 | head other ( reverse 1 | dense 2 ) | dense classes";
    const LossSettings both[] = {plain_cross_entropy, {.loss = &cross_entropy, .scale = 0.5}},
                       first[] = {plain_cross_entropy, {.loss = &cross_entropy, .scale = 0}};
    const LossSettings *const settings[] = {both, first};
    Bench b = bench_new(line, &reference_engine, 8, 1);
    Sample sample = sample_of(&b, 0, 1);
    float *gradient[2];
    double loss[2];
    sample.target[1] = 1;
    for (int i = 0; i < 2; i++) {
        PlanOptions options = b.plan->options;
        options.losses = settings[i];
        plan_free(b.plan);
        assert_ok(plan_new(&b.model->layers, &b.model->parameters, &options, &b.plan));
        loss[i] = train_samples(&b, &sample, 1).loss;
        gradient[i] = kept(plan_gradient(b.plan), trainable(&b));
    }
    /* What the second output adds to the loss, by differences along each of its parts. */
    const Parameters *p = &b.model->parameters;
    for (int t = 0; t < p->count; t++) {
        const Parameter *entry = &p->table[t];
        const bool shared = strncmp(entry->name, "conv", 4) == 0, main_one = strncmp(entry->name, "dense2", 6) == 0;
        for (size_t k = entry->offset; k < entry->offset + entry->count; k += 3) {
            float *w = &p->values[k], before = *w;
            double sides[2];
            for (int side = 0; side < 2; side++) {
                *w = before + (side ? 1e-3f : -1e-3f);
                PlanOptions options = b.plan->options;
                options.losses = both;
                plan_free(b.plan);
                assert_ok(plan_new(&b.model->layers, &b.model->parameters, &options, &b.plan));
                sides[side] = train_samples(&b, &sample, 1).loss;
                options.losses = first;
                plan_free(b.plan);
                assert_ok(plan_new(&b.model->layers, &b.model->parameters, &options, &b.plan));
                sides[side] -= train_samples(&b, &sample, 1).loss;
            }
            *w = before;
            const double slope = (sides[1] - sides[0]) / 2e-3, added = (double)gradient[0][k] - (double)gradient[1][k];
            assert_near_number(entry->name, added, shared ? -slope : slope, 2e-3);
            if (main_one) assert_near_number("the first output's own", added, 0, 1e-7);
        }
    }
    assert_true(loss[0] > loss[1]);
    free(gradient[0]), free(gradient[1]);
    bench_end(&b);
}

static void images_of_a_slice(void **state) {
    (void)state;
    const struct {
        const char *line;
        int images;
    } cases[] = {
        {lines[3], 8},
        {"input 2x28x28 | conv 128 3x3 | bn | relu | globalavgpool | dense classes", 8},
        {"input 2x32x32 | conv 128 3x3 | bn | relu | globalavgpool | dense classes", 8},
        {"input 2x64x64 | conv 32 3x3 | bn | relu | globalavgpool | dense classes", 8},
        {"input 2x128x128 | conv 32 3x3 | bn | relu | globalavgpool | dense classes", 2},
        {large_lines[0], 2},
        {large_lines[1], 1},
        /* 3.3 million weights of convolutions, 1.4 million values of an image */
        {"input 2x200x200 | conv 32 3x3 | maxpool 50 | conv 4096 3x3 | conv 512 1x1 | globalavgpool | dense classes",
         4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Bench b = bench_new(cases[i].line, cpu_engine(), 13, 1);
        assert_int_equal(b.plan->slice, cases[i].images);
        assert_int_equal(b.plan->batch, 16);
        bench_end(&b);
    }
}

/* Images of classes that the network does not know: no loss, no gradient, not counted, wherever they stand in the batch. */
static void unknown_labels(void **state) {
    (void)state;
    static const char line[] = "conv 5 3x3 | relu | maxpool 2 | dense 40 | relu | dense classes";
    enum { N = 21 };
    for (int e = 0; e < 2; e++) {
        Bench b = bench_new(line, e ? cpu_engine() : &reference_engine, 24, 1);
        Feed some = b.feed; /* the model knows a and c alone */
        uint32_t known[N];
        int count = 0;
        some.class_of[1] = -1;
        vary_parameters(&b);
        for (int i = 0; i < N; i++)
            if (b.set->labels[b.images[i]] != 1) known[count++] = b.images[i];
        assert_in_range(count, 5, N - 5);
        StepResult alone, mixed, inferred;
        assert_ok(plan_train(b.plan, &some, known, count, 0, &alone));
        float *gradient = kept(plan_gradient(b.plan), trainable(&b));
        assert_ok(plan_train(b.plan, &some, b.images, N, 0, &mixed));
        assert_near_number("loss", mixed.loss, alone.loss, 1e-6);
        assert_int_equal(mixed.correct, alone.correct);
        assert_close("gradient", plan_gradient(b.plan), gradient, trainable(&b), 1e-5);
        assert_ok(classify_with(b.plan, &some, b.images, (size_t)N, CLASSES, NULL, &inferred));
        assert_near_number("loss inferred", inferred.loss, alone.loss, 1e-5);
        assert_int_equal(inferred.correct, alone.correct);
        /* None known: nothing is learnt. */
        some.class_of[0] = some.class_of[2] = -1;
        assert_ok(plan_train(b.plan, &some, b.images, N, 0, &mixed));
        assert_true(mixed.loss == 0 && mixed.correct == 0);
        for (size_t k = 0; k < trainable(&b); k++) assert_true(plan_gradient(b.plan)[k] == 0);
        free(gradient);
        bench_end(&b);
    }
}

/* Softmax and cross-entropy by hand: weights and bias 0 give log(classes) and (1/classes - target) on the bias. */
static void loss_by_hand(void **state) {
    (void)state;
    Bench b = bench_new("dense classes", cpu_engine(), 8, 1);
    Parameters *p = &b.model->parameters;
    memset(p->values, 0, p->total * sizeof *p->values);
    StepResult result = train(&b, 5, 0);
    assert_near_number("loss", result.loss, 5 * log(3), 1e-6);
    const float *bias = plan_gradient(b.plan) + p->table[1].offset;
    for (int k = 0; k < CLASSES; k++) {
        double share = 0;
        for (int i = 0; i < 5; i++) share += b.set->labels[b.images[i]] == k ? 0.2 : 0;
        assert_near_number("bias", (double)bias[k], 1.0 / 3 - share, 1e-6);
    }
    /* One sure class: the loss is the distance of the logits, not infinity. */
    parameters_find(p, 0, "bias")[0] = 200;
    result = train(&b, 5, 0);
    double expected = 0;
    for (int i = 0; i < 5; i++) expected += b.set->labels[b.images[i]] == 0 ? 0 : 200;
    assert_near_number("sure loss", result.loss, expected, 1e-4);
    assert_null(not_finite(&b));
    bench_end(&b);
}

static void fast_is_near_reference(void **state) {
    (void)state;
    for (int i = 0; i < LINES; i++) {
        Bench a = bench_new(lines[i], &reference_engine, 40, 1), b = bench_new(lines[i], cpu_engine(), 40, 1);
        vary_parameters(&a), vary_parameters(&b);
        size_t rest = a.model->parameters.total - trainable(&a);
        double loss = train(&a, 37, 1).loss;
        assert_near_number("loss", train(&b, 37, 1).loss, loss, 1e-4);
        assert_close("logits", plan_logits(b.plan), plan_logits(a.plan), (size_t)37 * CLASSES, 1e-5);
        assert_close("gradient", plan_gradient(b.plan), plan_gradient(a.plan), trainable(&a), 1e-4);
        assert_close("running statistics", b.model->parameters.values + trainable(&a),
                     a.model->parameters.values + trainable(&a), rest, 1e-5);
        bench_end(&a), bench_end(&b);
    }
}

/* A step with elements of eight significant bits is the float32 step but for their rounding. On kinks and in pools that changes
 * which way a gradient goes: on so few images it moves by up to a tenth, as it does in float32 when only the weights are
 * rounded. Without them it stays. */
static void check_bf16(const char *line, double gradient_limit) {
    Bench a = bench_new(line, cpu_engine(), 40, 1), b = bench_new(line, cpu_engine_bf16(), 40, 1);
    vary_parameters(&a), vary_parameters(&b);
    size_t rest = a.model->parameters.total - trainable(&a);
    StepResult infer_a, infer_b;
    double loss = train(&a, 37, 1).loss;
    assert_near_number("bfloat16 loss", train(&b, 37, 1).loss, loss, 0.01 * loss);
    assert_close("bfloat16 logits", plan_logits(b.plan), plan_logits(a.plan), (size_t)37 * CLASSES, 0.03);
    assert_close("bfloat16 gradient", plan_gradient(b.plan), plan_gradient(a.plan), trainable(&a), gradient_limit);
    assert_close("bfloat16 running statistics", b.model->parameters.values + trainable(&a),
                 a.model->parameters.values + trainable(&a), rest, 0.005);
    assert_ok(plan_use_parameters(a.plan));
    assert_ok(plan_use_parameters(b.plan));
    assert_ok(classify_with(a.plan, &a.feed, a.images, (size_t)37, CLASSES, NULL, &infer_a));
    assert_ok(classify_with(b.plan, &b.feed, b.images, (size_t)37, CLASSES, NULL, &infer_b));
    assert_near_number("bfloat16 inference", infer_b.loss, infer_a.loss, 0.01 * infer_a.loss);
    bench_end(&a), bench_end(&b);
}

static void bf16_is_near_float(void **state) {
    (void)state;
    static const char *const smooth[] = {
        "conv 6 3x3 | bn | leakyrelu 0.9 | avgpool 2 | conv 18 3x3 | bn | dense 40 | leakyrelu 0.9 | dense classes",
        "dense 256 | leakyrelu 0.9 | dense 80 | dense classes", /* weights that are rounded in several pieces */
        "bn | leakyrelu 0.8 | conv 5 5x5 | leakyrelu 0.9 | avgpool 3 stride 1 | dense 33 | bn | dense classes",
    };
    if (!cpu_engine_bf16()) return;
    for (size_t i = 0; i < COUNT_OF(smooth); i++) check_bf16(smooth[i], 0.02);
    for (int i = 0; i < LINES; i++) check_bf16(lines[i], 0.12);
    check_bf16("paper", 0.06);
}

/* ---- Fused layers ---- */

/* The same network twice; in the second a dropout of nothing stands between layers and keeps them from being fused. */
static const char *const apart[][2] = {
    {"conv 5 3x3 nobias | bn | relu | maxpool 2 | dense classes",
     "conv 5 3x3 nobias | bn | dropout 0 | relu | maxpool 2 | dense classes"},
    {"conv 5 3x3 bias | bn | leakyrelu 0.3 | maxpool 2 | conv 6 3x3 nobias | bn | maxpool 3 | dense classes",
     "conv 5 3x3 bias | dropout 0 | bn | leakyrelu 0.3 | dropout 0 | maxpool 2 | conv 6 3x3 nobias | dropout 0 | bn "
     "| "
     "dropout 0 | maxpool 3 | dense classes"},
    {"conv 4 3x3 bias | bn | leakyrelu 0.2 | dense 40 | bn | relu | dense classes",
     "conv 4 3x3 bias | dropout 0 | bn | dropout 0 | leakyrelu 0.2 | dense 40 | bn | dropout 0 | relu | dense classes"},
    {"bn | maxpool 2 | dense 9 | relu | dense 33 | leakyrelu 0.2 | dense classes",
     "bn | dropout 0 | maxpool 2 | dense 9 | dropout 0 | relu | dense 33 | dropout 0 | leakyrelu 0.2 | dense classes"},
    {"conv 3 2x2 bias | bn | relu | maxpool 2x2 stride 1 | dense classes | relu",
     "conv 3 2x2 bias | dropout 0 | bn | dropout 0 | relu | maxpool 2x2 stride 1 | dense classes | dropout 0 | relu"},
};

static void fused_is_near_apart(void **state) {
    (void)state;
    for (size_t e = 0; e < 2; e++)
        for (size_t i = 0; i < COUNT_OF(apart); i++) {
            Bench a = bench_new(apart[i][1], engines()[e], 40, 1), b = bench_new(apart[i][0], engines()[e], 40, 1);
            size_t total = a.model->parameters.total;
            StepResult infer_a, infer_b;
            vary_parameters(&a);
            for (int k = 0; k < a.model->parameters.count; k++) /* the pool must look for the smallest, too */
                if (strstr(a.model->parameters.table[k].name, "bn1.weight"))
                    a.model->parameters.values[a.model->parameters.table[k].offset + 1] *= -1;
            assert_int_equal(total, b.model->parameters.total);
            assert_true(node_count(&a) > node_count(&b));
            memcpy(b.model->parameters.values, a.model->parameters.values, total * sizeof(float));
            double loss = train(&a, 37, 1).loss;
            assert_near_number("fused loss", train(&b, 37, 1).loss, loss, 1e-5 * loss);
            assert_close("fused logits", plan_logits(b.plan), plan_logits(a.plan), (size_t)37 * CLASSES, 1e-5);
            assert_close("fused gradient", plan_gradient(b.plan), plan_gradient(a.plan), trainable(&a), 1e-5);
            assert_close("running statistics", b.model->parameters.values, a.model->parameters.values, total, 1e-6);
            assert_ok(plan_use_parameters(a.plan));
            assert_ok(plan_use_parameters(b.plan));
            assert_ok(classify_with(a.plan, &a.feed, a.images, (size_t)37, CLASSES, NULL, &infer_a));
            assert_ok(classify_with(b.plan, &b.feed, b.images, (size_t)37, CLASSES, NULL, &infer_b));
            assert_close("fused inference", plan_logits(b.plan), plan_logits(a.plan), (size_t)37 * CLASSES, 1e-5);
            bench_end(&a), bench_end(&b);
        }
}

static bool in_thread(const Buffer *buffer) {
    assert_true(buffer->first >= 0);
    return buffer->per_thread;
}

/* What is fused, what is kept: the cases that the tests of meaning are to cover. */
static void what_is_fused(void **state) {
    (void)state;
    Bench b = bench_new(lines[3], &reference_engine, 16, 3);
    assert_int_equal(node_count(&b), 6);
    assert_node(&b, 0, "convolution"), assert_node(&b, 1, "block"), assert_node(&b, 2, "convolution");
    assert_node(&b, 3, "block"), assert_node(&b, 4, "dense"), assert_node(&b, 5, "dense");
    /* What a convolution gives stays for the way back; its gradient, and what inference knows of it, do not leave the thread. */
    for (int i = 0; i < 3; i += 2) {
        const Tensor *y = node_at(&b, i)->y;
        assert_true(!in_thread(y->value[LIST_TRAINING]) && in_thread(y->gradient) && in_thread(y->value[LIST_INFERENCE]));
    }
    assert_true(node_at(&b, 1)->extra[0] && node_at(&b, 1)->extra[1]); /* a pool is in it */
    bench_end(&b);
    b = bench_new(lines[3], cpu_engine(), 16, 3);
    assert_int_equal(node_count(&b), 5);
    assert_node(&b, 0, "stem"), assert_node(&b, 1, "convolution");
    assert_true(!node_at(&b, 0)->extra[0] && node_at(&b, 2)->extra[0]);
    bench_end(&b);
    b = bench_new(lines[4], cpu_engine(), 16, 1);
    assert_node(&b, 0, "convolution"); /* a pool of 3: no stem */
    assert_node(&b, node_count(&b) - 1, "activation"); /* the outputs are the dense layer's own */
    assert_node(&b, node_count(&b) - 2, "dense");
    bench_end(&b);
    b = bench_new("bn | relu | maxpool 2 stride 1 | dense classes", &reference_engine, 16, 1);
    assert_int_equal(node_count(&b), 3);
    assert_node(&b, 1, "maxpool");
    assert_null(node_at(&b, 0)->extra[0]);
    bench_end(&b);
    b = bench_new("bn | maxpool 2x2 stride 2 pad 1 | relu | dense classes", &reference_engine, 16, 1);
    assert_int_equal(node_count(&b), 4);
    assert_node(&b, 1, "maxpool"), assert_node(&b, 2, "activation");
    bench_end(&b);
    /* What two read is not taken into the node of one of them. */
    b = bench_new("conv 4 3x3 | bn | relu as r | conv 4 3x3 | bn as n | relu | add n | add r | dense classes",
                  &reference_engine, 16, 1);
    assert_int_equal(node_count(&b), 8);
    assert_node(&b, 3, "block"), assert_node(&b, 4, "activation"), assert_node(&b, 5, "add");
    bench_end(&b);
    /* The addition and the activation behind a norm are its node. */
    b = bench_new("conv 4 3x3 | res( conv 4 3x3 | bn | relu | conv 4 3x3 | bn ) | relu | dense classes",
                  &reference_engine, 16, 1);
    assert_int_equal(node_count(&b), 6);
    assert_node(&b, 4, "block");
    assert_non_null(node_at(&b, 4)->x[1]);
    bench_end(&b);
}

/* From 0 they are the momentum's share of the batch's statistics, and nothing else is another number. */
static void momentum_of_running_statistics(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"conv 4 3x3 | bn | relu | dense classes", "conv 4 3x3 | bn momentum 0.4 | relu | dense classes"},
        {"conv 4 3x3 | bn | relu | maxpool 2 | dense classes",
         "conv 4 3x3 | bn momentum 0.4 | relu | maxpool 2 | dense classes"}};
    for (size_t e = 0; e < 2; e++)
        for (size_t i = 0; i < COUNT_OF(pairs); i++) {
            Bench a = bench_new(pairs[i][0], engines()[e], 16, 1), b = bench_new(pairs[i][1], engines()[e], 16, 1);
            assert_true(train(&a, 16, 1).loss == train(&b, 16, 1).loss);
            assert_memory_equal(plan_gradient(a.plan), plan_gradient(b.plan), trainable(&a) * sizeof(float));
            const float *mean = parameters_find(&a.model->parameters, 1, "running_mean"),
                        *other = parameters_find(&b.model->parameters, 1, "running_mean"),
                        *variance = parameters_find(&a.model->parameters, 1, "running_var"),
                        *other_variance = parameters_find(&b.model->parameters, 1, "running_var");
            for (int c = 0; c < 4; c++) {
                assert_true(mean[c] != 0);
                assert_near_number("running mean", (double)other[c], 4 * (double)mean[c], 1e-6 * fabs((double)mean[c]));
                assert_near_number("running variance", (double)other_variance[c], 0.6 + 4 * ((double)variance[c] - 0.9),
                                   1e-5);
            }
            bench_end(&a), bench_end(&b);
        }
}

/* A bias in front of batch norm moves nothing but the running mean: the outputs are the reference's, its gradient is nothing. */
static void bias_before_norm(void **state) {
    (void)state;
    const char *line = "conv 17 3x3 pad 0 bias | bn | leakyrelu 0.2 | maxpool 2 | dense classes";
    Bench a = bench_new(line, &reference_engine, 16, 1), b = bench_new(line, cpu_engine(), 16, 1);
    assert_node(&b, 0, "stem");
    vary_parameters(&a), vary_parameters(&b);
    train(&a, 16, 0), train(&b, 16, 0);
    assert_close("logits", plan_logits(b.plan), plan_logits(a.plan), (size_t)16 * CLASSES, 1e-5);
    assert_close("running statistics", b.model->parameters.values, a.model->parameters.values,
                 b.model->parameters.total, 1e-6);
    const float *dbias = plan_gradient(b.plan) + (parameters_find(&b.model->parameters, 0, "bias") - b.model->parameters.values);
    for (size_t k = 0; k < 17; k++) assert_true(fabsf(dbias[k]) < 1e-6f);
    assert_ok(plan_use_parameters(a.plan));
    assert_ok(plan_use_parameters(b.plan));
    StepResult unused;
    assert_ok(classify_with(a.plan, &a.feed, a.images, (size_t)16, CLASSES, NULL, &unused));
    assert_ok(classify_with(b.plan, &b.feed, b.images, (size_t)16, CLASSES, NULL, &unused));
    assert_close("inference", plan_logits(b.plan), plan_logits(a.plan), (size_t)16 * CLASSES, 1e-5);
    bench_end(&a), bench_end(&b);
}

/* A last layer `dense | relu`: no logit below 0, none rounded away that float32 has, no gradient through the others. */
static void activation_last(void **state) {
    (void)state;
    for (int e = 0; engines()[e]; e++) {
        Bench b = bench_new("dense classes | relu", engines()[e], 16, 1);
        memcpy(parameters_find(&b.model->parameters, 0, "bias"), (const float[]){1, -900, 2}, 3 * sizeof(float));
        train(&b, 13, 0);
        const float *logits = plan_logits(b.plan), *dbias = plan_gradient(b.plan) + b.model->parameters.table[1].offset;
        double expected[CLASSES] = {0};
        for (int n = 0; n < 13; n++) {
            const float *v = logits + n * CLASSES;
            double sum = exp((double)v[0]) + exp((double)v[1]) + exp((double)v[2]);
            assert_true(v[0] >= 0 && v[1] == 0 && v[2] >= 0);
            for (int k = 0; k < CLASSES; k++)
                if (v[k] > 0) expected[k] += (exp((double)v[k]) / sum - (b.set->labels[b.images[n]] == k)) / 13;
        }
        double limit = engines()[e]->kernels->element == 2 ? 2e-3 : 1e-6;
        for (int k = 0; k < CLASSES; k++) assert_near_number("bias", (double)dbias[k], expected[k], limit);
        assert_true(dbias[1] == 0);
        bench_end(&b);
    }
}

/* ---- The same bits ---- */

/* Everything that a few steps leave behind. */
typedef struct Trace {
    float *gradient, *parameters, *logits, *probabilities;
    StepResult train, infer;
    size_t trainable, total;
} Trace;

static Trace trace_of(const char *line, const Engine *engine, int threads, int n) {
    Bench b = bench_new(line, engine, 40, threads);
    Trace t = {.trainable = trainable(&b), .total = b.model->parameters.total};
    vary_parameters(&b);
    for (int step = 0; step < 2; step++) {
        t.train = train(&b, n, step);
        const float *gradient = plan_gradient(b.plan);
        for (size_t k = 0; k < t.trainable; k++) b.model->parameters.values[k] -= 0.1f * gradient[k];
    }
    t.gradient = kept(plan_gradient(b.plan), t.trainable);
    t.logits = kept(plan_logits(b.plan), (size_t)n * CLASSES);
    t.parameters = kept(b.model->parameters.values, t.total);
    t.probabilities = calloc((size_t)n * CLASSES, sizeof(float));
    assert_ok(plan_use_parameters(b.plan));
    assert_ok(classify_with(b.plan, &b.feed, b.images, (size_t)n, CLASSES, t.probabilities, &t.infer));
    bench_end(&b);
    return t;
}

static void trace_end(Trace *t) {
    free(t->gradient), free(t->parameters), free(t->logits), free(t->probabilities);
}

static void same_bits_on(const Engine *engine, const char *line, int n) {
    static const int threads[] = {2, 3, 8};
    Trace one = trace_of(line, engine, 1, n);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        Trace t = trace_of(line, engine, threads[i], n);
        size_t outputs = (size_t)n * CLASSES * sizeof(float);
        assert_same_bits("gradient", t.gradient, one.gradient, one.trainable * sizeof(float));
        assert_same_bits("weights and running statistics", t.parameters, one.parameters, one.total * sizeof(float));
        assert_same_bits("logits", t.logits, one.logits, outputs);
        assert_same_bits("probabilities", t.probabilities, one.probabilities, outputs);
        assert_same_bits("training loss", &t.train.loss, &one.train.loss, sizeof(double));
        assert_same_bits("inference loss", &t.infer.loss, &one.infer.loss, sizeof(double));
        assert_int_equal(t.train.correct, one.train.correct);
        assert_int_equal(t.infer.correct, one.infer.correct);
        trace_end(&t);
    }
    trace_end(&one);
}

static void same_bits_at_any_threads(void **state) {
    (void)state;
    for (int e = 1; engines()[e]; e++)
        for (int i = 0; i < LINES; i++) {
            same_bits_on(engines()[e], lines[i], 40);
            same_bits_on(engines()[e], lines[i], 37);
        }
    for (int e = 1; engines()[e]; e++)
        for (size_t i = 0; i < COUNT_OF(large_lines); i++) same_bits_on(engines()[e], large_lines[i], 11);
    same_bits_on(&reference_engine, lines[0], 37);
    same_bits_on(&reference_engine, lines[3], 37);
}

/* Large enough for several sums' pieces and dense tiles. */
static void same_bits_on_the_study_network(void **state) {
    (void)state;
    for (int e = 1; engines()[e]; e++) same_bits_on(engines()[e], "paper", 37);
}

/* ---- Filling images ---- */

static void filling_counts_nowhere(void **state) {
    (void)state;
    static const int counts[] = {24, 21, 8, 3};
    for (int e = 0; engines()[e]; e++)
        for (int i = 0; i < LINES; i++)
            for (size_t k = 0; k < COUNT_OF(counts); k++) {
                int n = counts[k];
                Bench exact = bench_new(lines[i], engines()[e], n, 1), wide = bench_new(lines[i], engines()[e], 40, 1);
                vary_parameters(&exact), vary_parameters(&wide);
                train(&wide, 40, 0); /* leaves values behind where the next batch has filling */
                memcpy(wide.model->parameters.values, exact.model->parameters.values,
                       exact.model->parameters.total * sizeof(float));
                StepResult a = train(&exact, n, 1), b = train(&wide, n, 1);
                size_t rest = exact.model->parameters.total - trainable(&exact);
                assert_near_number("loss", b.loss / n, a.loss / n, 1e-6);
                assert_int_equal(a.correct, b.correct);
                assert_close("gradient", plan_gradient(wide.plan), plan_gradient(exact.plan), trainable(&exact), 1e-5);
                assert_close("running statistics", wide.model->parameters.values + trainable(&wide),
                             exact.model->parameters.values + trainable(&exact), rest, 1e-6);
                bench_end(&exact), bench_end(&wide);
            }
}

/* ---- Dropout ---- */

/* A white image through "dropout RATE": the mask stands in the network's input. */
static float *mask_of(const char *line, int threads, uint64_t seed, int64_t number, size_t *count) {
    Bench b = bench_new(line, cpu_engine(), 40, threads);
    memset(b.set->pixels, 255, (size_t)IMAGES * C * H * W);
    plan_free(b.plan);
    const int last = b.model->layers.count - 2;
    PlanOptions options = {.engine = cpu_engine(), .batch = 40, .threads = threads, .mode = PLAN_TRAINING, .seed = seed,
                           .taps = &last, .tap_count = 1};
    assert_ok(plan_new(&b.model->layers, &b.model->parameters, &options, &b.plan));
    train(&b, 40, number);
    *count = (size_t)40 * C * H * W;
    float *mask = tapped(&b, last, 40, false);
    bench_end(&b);
    return mask;
}

static double share_kept(const float *mask, size_t count, float value) {
    size_t ones = 0;
    for (size_t i = 0; i < count; i++) {
        if (mask[i] != 0) assert_near_number("kept value", (double)mask[i], (double)value, 1e-6);
        ones += mask[i] != 0;
    }
    return (double)ones / (double)count;
}

static size_t differences(const float *a, const float *b, size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) found += a[i] != b[i];
    return found;
}

static void dropout_masks(void **state) {
    (void)state;
    static const char line[] = "dropout 0.3 | dense classes", twice[] = "dropout 0.5 | dropout 0.5 | dense classes";
    size_t count;
    float *mask = mask_of(line, 1, 9, 4, &count);
    double share = share_kept(mask, count, 1 / 0.7f), deviation = sqrt(0.3 * 0.7 / (double)count);
    assert_near_number("share kept", share, 0.7, 4 * deviation);
    static const int threads[] = {2, 3, 8};
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        float *other = mask_of(line, threads[i], 9, 4, &count);
        assert_same_bits("mask", other, mask, count * sizeof *mask);
        free(other);
    }
    /* Another step, another seed, another image, another layer: other masks. Independent ones differ in 2 * 0.3 * 0.7. */
    float *step = mask_of(line, 1, 9, 5, &count), *seed = mask_of(line, 1, 10, 4, &count),
          *both = mask_of(twice, 1, 9, 4, &count);
    double expected = 0.42 * (double)count, room = 5 * sqrt(0.42 * 0.58 * (double)count);
    assert_near_number("another step", (double)differences(step, mask, count), expected, room);
    assert_near_number("another seed", (double)differences(seed, mask, count), expected, room);
    size_t half = count / 2;
    assert_near_number("other images", (double)differences(mask, mask + half, half), expected / 2, room);
    assert_near_number("two layers", share_kept(both, count, 4), 0.25, 4 * sqrt(0.1875 / (double)count));
    free(mask), free(step), free(seed), free(both);
}

/* The mask is keyed by a value's place in the batch, however many images a slice has: here 8 and 1 of 2 * 129 * 131 values. */
static void dropout_in_any_slices(void **state) {
    (void)state;
    enum { N = 7 };
    const char *const both[] = {"input 2x129x131 | dropout 0.3 | globalavgpool | dense classes",
                                "input 2x129x131 | dropout 0.3 | conv 32 3x3 | globalavgpool | dense classes"};
    float *masks[2];
    const size_t count = (size_t)N * 2 * 129 * 131;
    for (size_t i = 0; i < 2; i++) {
        Bench b = bench_new(both[i], cpu_engine(), 8, 1);
        memset(b.set->pixels, 255, (size_t)IMAGES * C * H * W);
        assert_int_equal(b.plan->slice, i ? 1 : 8);
        tap(&b, (const int[]){0}, 1);
        train(&b, N, 4);
        masks[i] = tapped(&b, 0, N, false);
        bench_end(&b);
    }
    assert_same_bits("masks", masks[1], masks[0], count * sizeof(float));
    assert_near_number("share kept", share_kept(masks[0], count, 1 / 0.7f), 0.7, 5 * sqrt(0.21 / (double)count));
    free(masks[0]), free(masks[1]);
}

/* Backward draws the mask again: what was dropped gets no gradient, the rest is scaled. */
static void dropout_backward(void **state) {
    (void)state;
    Bench b = bench_new("conv 4 1x1 | dropout 0.4 | dense classes", &reference_engine, 16, 1);
    tap(&b, (const int[]){0, 1}, 2);
    train(&b, 16, 2);
    float *values = tapped(&b, 1, 16, false), *gradient = tapped(&b, 0, 16, true);
    size_t count = 16 * shape_size(b.model->layers.layers[1].out), dropped = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true((values[i] == 0) == (gradient[i] == 0));
        dropped += gradient[i] == 0;
    }
    free(values), free(gradient);
    assert_near_number("share dropped", (double)dropped / (double)count, 0.4, 4 * sqrt(0.24 / (double)count));
    bench_end(&b);
}

static void inference_drops_nothing(void **state) {
    (void)state;
    Bench with = bench_new("dropout 0.4 | dense classes", cpu_engine(), 16, 1),
          without = bench_new("dense classes", cpu_engine(), 16, 1);
    StepResult result;
    memcpy(with.model->parameters.values, without.model->parameters.values,
           without.model->parameters.total * sizeof(float));
    assert_ok(classify_with(with.plan, &with.feed, with.images, (size_t)16, CLASSES, NULL, &result));
    assert_ok(classify_with(without.plan, &without.feed, without.images, (size_t)16, CLASSES, NULL, &result));
    assert_same_bits("logits", plan_logits(with.plan), plan_logits(without.plan), (size_t)16 * CLASSES * sizeof(float));
    bench_end(&with), bench_end(&without);
}

/* ---- Batch norm and inference ---- */

/* Running statistics move a tenth of the way, the variance unbiased; worked from the images themselves. */
static void running_statistics(void **state) {
    (void)state;
    Bench b = bench_new("bn | dense classes", cpu_engine(), 40, 2);
    enum { N = 37 };
    tap(&b, (const int[]){0}, 1);
    train(&b, N, 0);
    float *y = tapped(&b, 0, N, false);
    for (size_t c = 0; c < C; c++) {
        double sum = 0, squares = 0, count = (double)N * H * W;
        for (int i = 0; i < N; i++)
            for (size_t k = 0; k < (size_t)H * W; k++)
                sum += b.set->pixels[(b.images[i] * (size_t)H * W + k) * C + c] / 255.0;
        for (int i = 0; i < N; i++)
            for (size_t k = 0; k < (size_t)H * W; k++)
                squares += pow(b.set->pixels[(b.images[i] * (size_t)H * W + k) * C + c] / 255.0 - sum / count, 2);
        const Parameters *p = &b.model->parameters;
        assert_near_number("running mean", (double)parameters_find(p, 0, "running_mean")[c], 0.1 * sum / count, 1e-6);
        /* 0.9 and not 1 for the biased one: they differ by 6e-5 of it; so a tight limit. */
        assert_near_number("running variance", (double)parameters_find(p, 0, "running_var")[c],
                           0.9 + 0.1 * squares / (count - 1), 2e-7);
        /* The batch itself is normalised with the biased one. */
        double mean = 0, variance = 0;
        for (size_t i = 0; i < (size_t)N * H * W; i++) mean += (double)y[i * C + c] / count;
        for (size_t i = 0; i < (size_t)N * H * W; i++)
            variance += pow((double)y[i * C + c] - mean, 2) / count;
        assert_near_number("normalised mean", mean, 0, 1e-6);
        assert_near_number("normalised variance", variance, (squares / count) / (squares / count + 1e-5), 1e-6);
    }
    free(y);
    bench_end(&b);
}

/* With 2 values a channel, biased and unbiased variance are a factor 2 apart. */
static void running_variance_is_unbiased(void **state) {
    (void)state;
    Bench b = bench_new("dense 4 nobias | bn | dense classes", &reference_engine, 8, 1);
    tap(&b, (const int[]){0}, 1);
    train(&b, 2, 0);
    float *x = tapped(&b, 0, 2, false);
    for (size_t c = 0; c < 4; c++) {
        double half = ((double)x[c] - (double)x[4 + c]) / 2;
        assert_near_number("running variance", (double)parameters_find(&b.model->parameters, 1, "running_var")[c],
                           0.9 + 0.1 * 2 * half * half, 1e-5);
    }
    free(x);
    bench_end(&b);
}

static void inference_by_hand(void **state) {
    (void)state;
    Bench b = bench_new("bn | globalavgpool | dense classes", cpu_engine(), 8, 1);
    Parameters *p = &b.model->parameters;
    StepResult result;
    const float mean[] = {0.25f, 0.5f}, variance[] = {4, 0.25f}, weight[] = {2, 3}, bias[] = {1, -1};
    memcpy(parameters_find(p, 0, "running_mean"), mean, sizeof mean);
    memcpy(parameters_find(p, 0, "running_var"), variance, sizeof variance);
    memcpy(parameters_find(p, 0, "weight"), weight, sizeof weight);
    memcpy(parameters_find(p, 0, "bias"), bias, sizeof bias);
    memcpy(parameters_find(p, 2, "weight"), (const float[]){1, 0, 0, 1, 1, 1}, 6 * sizeof(float));
    train(&b, 8, 0); /* batch statistics in use... */
    memcpy(parameters_find(p, 0, "running_mean"), mean, sizeof mean);
    memcpy(parameters_find(p, 0, "running_var"), variance, sizeof variance);
    assert_ok(plan_use_parameters(b.plan)); /* ... and now not */
    float probabilities[CLASSES];
    assert_ok(classify_with(b.plan, &b.feed, b.images, (size_t)1, CLASSES, probabilities, &result));
    double y[2] = {0};
    for (size_t i = 0; i < (size_t)H * W; i++)
        for (size_t c = 0; c < C; c++) {
            double x = b.set->pixels[(b.images[0] * (size_t)H * W + i) * C + c] / 255.0;
            y[c] += ((x - (double)mean[c]) / sqrt((double)variance[c] + 1e-5) * (double)weight[c] + (double)bias[c]) /
                    (H * W);
        }
    const double expected[] = {y[0], y[1], y[0] + y[1]};
    double sum = exp(y[0]) + exp(y[1]) + exp(y[0] + y[1]);
    for (int k = 0; k < CLASSES; k++) {
        assert_near_number("logit", (double)plan_logits(b.plan)[k], expected[k], 1e-5);
        assert_near_number("probability", (double)probabilities[k], exp(expected[k]) / sum, 1e-6);
    }
    assert_near_number("loss", result.loss, log(sum) - expected[b.set->labels[b.images[0]]], 1e-5);
    bench_end(&b);
}

/* An image's outputs are its own: whatever else is in the batch. And wherever it stands in it, but for AVX2, where oneDNN's product
 * of a slice adds in another order in its last rows. */
static void check_one_image(Bench *b, int k, const float *expected, bool any_place) {
    float alone[CLASSES], among[SLICE * CLASSES];
    uint32_t others[SLICE];
    StepResult result;
    for (uint32_t i = 0; i < SLICE; i++) others[i] = (b->images[k] + 17 * i + 1) % IMAGES;
    others[k % SLICE] = b->images[k];
    assert_ok(classify_with(b->plan, &b->feed, others, (size_t)SLICE, CLASSES, among, &result));
    assert_same_bits("among others", among + k % SLICE * CLASSES, expected, sizeof alone);
    assert_ok(classify_with(b->plan, &b->feed, b->images + k, (size_t)1, CLASSES, alone, &result));
    if (any_place)
        assert_same_bits("alone", alone, expected, sizeof alone);
    else
        assert_near_floats("alone", alone, expected, CLASSES, 1e-6);
}

static void check_images(const char *line, const Engine *engine, int n) {
    const bool any_place = strcmp(cpu_engine()->kernels->name, "avx2") != 0;
    Bench b = bench_new(line, engine, n, 1);
    float *all = calloc((size_t)n * CLASSES, sizeof *all);
    StepResult result;
    train(&b, n, 0);
    assert_ok(plan_use_parameters(b.plan));
    assert_ok(classify_with(b.plan, &b.feed, b.images, (size_t)n, CLASSES, all, &result));
    for (int k = 0; k < n; k++) check_one_image(&b, k, all + (size_t)k * CLASSES, any_place);
    free(all);
    bench_end(&b);
}

static void inference_of_one_image(void **state) {
    (void)state;
    for (int e = 1; engines()[e]; e++) {
        for (int i = 0; i < LINES; i++) check_images(lines[i], engines()[e], 40);
        for (size_t i = 0; i < COUNT_OF(large_lines); i++) check_images(large_lines[i], engines()[e], 13);
    }
}

/* A forward-only plan and one for training say the same, on any number of threads, and keep saying it when they take turns with
 * training; a label that the network does not know counts nowhere. */
static void compare_inference(const Engine *engine, const char *line, int threads) {
    enum { N = 37, OUTPUTS = N * CLASSES };
    Bench b = bench_new(line, engine, 40, 1);
    PlanOptions options = {.engine = engine, .batch = 40, .threads = threads};
    Plan *forward;
    StepResult a, c;
    Feed feed;
    float of_training[OUTPUTS], alone[OUTPUTS];
    vary_parameters(&b);
    assert_ok(plan_new(&b.model->layers, &b.model->parameters, &options, &forward));
    assert_ok(feed_new(b.set, (Shape){C, H, W}, names, CLASSES, threads, &feed));
    for (int step = 0; step < 2; step++) {
        train(&b, 40, step);
        assert_ok(plan_use_parameters(b.plan));
        assert_ok(plan_use_parameters(forward));
        assert_ok(classify_with(b.plan, &b.feed, b.images, (size_t)N, CLASSES, of_training, &a));
        assert_ok(classify_with(forward, &feed, b.images, (size_t)N, CLASSES, alone, &c));
        assert_same_bits("probabilities", of_training, alone, sizeof alone);
        assert_same_bits("logits", plan_logits(b.plan), plan_logits(forward), OUTPUTS * sizeof(float));
        assert_same_bits("loss", &a.loss, &c.loss, sizeof a.loss);
        assert_int_equal(a.correct, c.correct);
    }
    assert_null(plan_gradient(forward));
    feed.class_of[1] = -1;
    int known = 0;
    for (int i = 0; i < N; i++) known += b.set->labels[b.images[i]] != 1;
    assert_ok(classify_with(forward, &feed, b.images, (size_t)N, CLASSES, NULL, &c));
    assert_true(c.loss < a.loss && c.correct <= known);
    plan_free(forward);
    feed_free(&feed);
    bench_end(&b);
}

static void inference_plans(void **state) {
    (void)state;
    for (int e = 0; engines()[e]; e++)
        for (int i = 0; i < LINES; i++) compare_inference(engines()[e], lines[i], i % 3 + 1);
}

static void not_finite_is_named(void **state) {
    (void)state;
    Bench b = bench_new(lines[0], cpu_engine(), 16, 1);
    parameters_find(&b.model->parameters, 3, "weight")[7] = NAN; /* of the second convolution */
    bool finite = isfinite(train(&b, 16, 0).loss);
    assert_false(finite);
    assert_string_equal(not_finite(&b), "conv2");
    bench_end(&b);
    for (int e = 0; engines()[e]; e++) { /* a convolution whose output is not kept; and the block behind it */
        static const char *const parameters[] = {"weight", "bias"}, *const found[] = {"conv1", "bn1"};
        for (int i = 0; i < 2; i++) {
            b = bench_new(lines[3], engines()[e], 16, 1);
            train(&b, 16, 0);
            assert_null(not_finite(&b));
            parameters_find(&b.model->parameters, i, parameters[i])[2] = NAN;
            train(&b, 16, 0);
            assert_string_equal(not_finite(&b), found[i]);
            bench_end(&b);
        }
    }
}

/* A batch that takes more than the machine has is refused, with one that it has room for. */
static void too_large_a_batch(void **state) {
    (void)state;
    const double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
    const Shape input = {3, 1024, 1024};
    PlanOptions options = {.engine = &reference_engine, .batch = 65536, .threads = 1, .mode = PLAN_TRAINING};
    cf_model *model;
    size_t bytes;
    int fits;
    double said;
    assert_ok(model_new("conv 16 3x3 | bn | relu | globalavgpool | dense classes", input, names, CLASSES, 4, &model));
    assert_fails(plan_measure(&model->layers, &model->parameters, &options, &bytes), CF_NO_MEMORY, "of 65536 images");
    const char *told = strstr(cf_error(), "a batch of ");
    assert_non_null(told);
    assert_int_equal(sscanf(told, "a batch of %d (--batch) takes %lf GB", &fits, &said), 2);
    options.batch = 2 * fits;
    assert_fails(plan_measure(&model->layers, &model->parameters, &options, &bytes), CF_NO_MEMORY, "this machine has");
    options.batch = fits;
    assert_ok(plan_measure(&model->layers, &model->parameters, &options, &bytes));
    assert_true((double)bytes <= there && (double)bytes <= (said + 0.05) * 1e9 && (double)bytes > 0.8 * said * 1e9);
    cf_model_free(model);
}

/* ---- Other instruction sets ---- */

static const struct CMUnitTest some_tests[] = {
    cmocka_unit_test(gradient_is_a_mean),       cmocka_unit_test(fast_is_near_reference),
    cmocka_unit_test(same_bits_at_any_threads), cmocka_unit_test(filling_counts_nowhere),
    cmocka_unit_test(inference_of_one_image),   cmocka_unit_test(fused_is_near_apart),
    cmocka_unit_test(inference_plans),
};

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_of_the_loss),
        cmocka_unit_test(gradient_is_a_mean),
        cmocka_unit_test(samples_have_weights),
        cmocka_unit_test(samples_are_mixed),
        cmocka_unit_test(two_heads),
        cmocka_unit_test(images_of_a_slice),
        cmocka_unit_test(loss_by_hand),
        cmocka_unit_test(unknown_labels),
        cmocka_unit_test(fast_is_near_reference),
        cmocka_unit_test(bf16_is_near_float),
        cmocka_unit_test(fused_is_near_apart),
        cmocka_unit_test(what_is_fused),
        cmocka_unit_test(momentum_of_running_statistics),
        cmocka_unit_test(bias_before_norm),
        cmocka_unit_test(activation_last),
        cmocka_unit_test(same_bits_at_any_threads),
        cmocka_unit_test(same_bits_on_the_study_network),
        cmocka_unit_test(filling_counts_nowhere),
        cmocka_unit_test(dropout_masks),
        cmocka_unit_test(dropout_in_any_slices),
        cmocka_unit_test(dropout_backward),
        cmocka_unit_test(inference_drops_nothing),
        cmocka_unit_test(running_statistics),
        cmocka_unit_test(running_variance_is_unbiased),
        cmocka_unit_test(inference_by_hand),
        cmocka_unit_test(inference_of_one_image),
        cmocka_unit_test(inference_plans),
        cmocka_unit_test(too_large_a_batch),
        cmocka_unit_test(not_finite_is_named),
        cmocka_unit_test(other_instruction_sets),
    };
    if (!engines()[2]) print_message("SKIPPED: the bfloat16 engine (this processor, or $CIFRA_ISA, has no bfloat16)\n");
    if (count == 2) return run_as_child(arguments[1], some_tests);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
