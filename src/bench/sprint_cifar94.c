/* 94 % on CIFAR-10, after Jordan 2024 ("94% on CIFAR-10 in 3.29 Seconds on a Single GPU") and his version with Muon.
 *
 * A first convolution that whitens patches of 2x2 and their negatives, and is not trained; convolutions that begin as the identity
 * on their first channels; batch norms without a trained scale; every image mirrored each other epoch; the weights of convolutions at a
 * fixed length, stepped by Muon, biases and the last layer by SGD. About 2.9e14 operations.
 *
 * His logits are divided by 256. Here the weights of the last layer are, its rate is divided by 256^2, and its decay multiplied by
 * that: the same steps.
 */
#include "bench/sprint.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "data/split.h"
#include "embed/eigen.h"
#include "nn/muon.h"
#include "train/batches.h"
#include "train/schedule.h"
#include "train/train_loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Means and deviations are those of the training images. */
const char cifar94_line[] =
    "normalize 0.4914 0.4822 0.4465 0.2470 0.2435 0.2616 | conv 24 2x2 pad 0 bias | gelu | "
    "conv 64 3x3 nobias | maxpool 2 | bn momentum 0.4 | gelu | conv 64 3x3 | bn momentum 0.4 | gelu | "
    "conv 256 3x3 nobias | maxpool 2 | bn momentum 0.4 | gelu | conv 256 3x3 | bn momentum 0.4 | gelu | "
    "conv 256 3x3 nobias | maxpool 2 | bn momentum 0.4 | gelu | conv 256 3x3 | bn momentum 0.4 | gelu | "
    "maxpool 3 | dense classes nobias";

enum { WHITENING = 1 }; /* the layer */
enum { BATCH = 2000, EPOCHS = 8, PATCH = 3 * 2 * 2, PATCH_IMAGES = 5000, BIAS_EPOCHS = 3, WIDTH = 256 };
/* His rates are of a loss summed over the batch, ours of its mean. */
static const double muon_rate = 0.24, bias_rate = 0.053 * BATCH, head_rate = 0.67 * BATCH, sgd_momentum = 0.85;
static const double decay = 2e-6 * BATCH;

typedef struct Cifar94 {
    SprintRun *run;
    Batches *batches;
    TrainLoss loss;
    cf_train_options options;
    Muon *muon;
    float *momentum;
} Cifar94;

static void cifar94_free(Cifar94 *c) {
    free(c->momentum);
    muon_free(c->muon);
    train_loss_free(&c->loss);
    batches_free(c->batches);
}

/* ---- Weights to begin with ---- */

/* Mean products of the values of all patches of the first training images, after the line's `normalize`. */
static void find_patch_moments(const Feed *feed, const cf_subset *train, const Layer *normalize, float *image,
                               double moments[PATCH * PATCH]) {
    const size_t images = train->count < PATCH_IMAGES ? train->count : PATCH_IMAGES;
    const int H = normalize->in.H, W = normalize->in.W;
    double patch[PATCH];
    memset(moments, 0, PATCH * PATCH * sizeof *moments);
    for (size_t i = 0; i < images; i++) {
        feed_image(feed, 0, train->images[i], image);
        for (int y = 0; y + 1 < H; y++)
            for (int x = 0; x + 1 < W; x++) {
                for (int k = 0; k < PATCH; k++) { /* channel, row, column */
                    const int at = ((y + k / 2 % 2) * W + x + k % 2) * 3 + k / 4;
                    patch[k] =
                        ((double)image[at] - (double)normalize->means[k / 4]) / (double)normalize->deviations[k / 4];
                }
                for (int k = 0; k < PATCH; k++)
                    for (int j = 0; j <= k; j++) moments[k * PATCH + j] += patch[k] * patch[j];
            }
    }
    const double patches = (double)images * (H - 1) * (W - 1);
    for (int k = 0; k < PATCH; k++)
        for (int j = 0; j <= k; j++) moments[j * PATCH + k] = moments[k * PATCH + j] /= patches;
}

/* The scaled eigenvectors and their negatives: what they give of a patch is uncorrelated, of variance 1. */
static cf_status whiten(const Layer *normalize, const Feed *feed, const cf_subset *train, float *weights) {
    double moments[PATCH * PATCH], values[PATCH], vectors[PATCH * PATCH];
    float *image;
    FORWARD(memory_new(shape_size(normalize->in), sizeof *image, &image));
    find_patch_moments(feed, train, normalize, image, moments);
    free(image);
    symmetric_eigen(moments, PATCH, values, vectors);
    for (int k = 0; k < PATCH; k++)
        for (int j = 0; j < PATCH; j++) {
            const float value = (float)(vectors[k * PATCH + j] / sqrt(values[k] + 5e-4));
            weights[k * PATCH + j] = value;
            weights[(k + PATCH) * PATCH + j] = -value;
        }
    return CF_OK;
}

/* The first channels pass through; the others as PyTorch draws them, uniform with a deviation of 1 / sqrt(3 fan-in): ours are
 * normal, with sqrt(2 / fan-in). */
static void begin_as_identity(const Parameter *conv, float *weights) {
    const size_t taps = conv->shape[2] * conv->shape[3], fan_in = conv->shape[1] * taps;
    for (size_t k = 0; k < conv->shape[0]; k++) {
        float *filter = weights + k * fan_in;
        const bool passes = k < conv->shape[1];
        for (size_t i = 0; i < fan_in; i++) filter[i] = passes ? 0 : filter[i] * sqrtf(1.0f / 6);
        if (passes) filter[k * taps + taps / 2] = 1;
    }
}

/* Deviation 1 / WIDTH. */
static void begin_head(const Parameter *head, float *weights) {
    double squares = 0, mean = 0, count = (double)head->count;
    for (size_t i = 0; i < head->count; i++) mean += (double)weights[i] / count;
    for (size_t i = 0; i < head->count; i++) squares += ((double)weights[i] - mean) * ((double)weights[i] - mean);
    const float scale = (float)(1 / (WIDTH * sqrt(squares / (count - 1))));
    for (size_t i = 0; i < head->count; i++) weights[i] *= scale;
}

static bool is_head(const Parameters *p, const Parameter *entry) {
    return p->layers->layers[entry->layer].readers == 0;
}

cf_status cifar94_begin(const Feed *feed, const cf_subset *train, Parameters *p) {
    for (int i = 0; i < p->count; i++) {
        const Parameter *entry = &p->table[i];
        float *weights = p->values + entry->offset;
        if (entry->spec->kind != PARAMETER_WEIGHT) continue;
        if (entry->layer == WHITENING)
            FORWARD(whiten(&p->layers->layers[0], feed, train, weights));
        else if (is_head(p, entry))
            begin_head(entry, weights);
        else
            begin_as_identity(entry, weights);
    }
    return CF_OK;
}

/* ---- Steps ---- */

static cf_status prepare(Cifar94 *c) {
    SprintRun *r = c->run;
    cf_model *model = r->model;
    const cf_subset *train = cf_split_part(r->split, CF_TRAIN);
    const char *const *names = (const char *const *)model->class_names;
    cf_train_options *o = &c->options;
    *o = cf_train_defaults();
    o->optimizer = CF_MUON;
    o->momentum = 0.6;
    o->muon_steps = 3;
    o->batch = BATCH;
    o->epochs = EPOCHS;
    o->schedule = CF_LINEAR;
    o->learning_rate = 1;
    o->label_smoothing = 0.2;
    o->seed = r->seed;
    snprintf(o->augment, sizeof o->augment, "shift 2 reflect | altflip");
    FORWARD(train_loss_new(train, names, model->classes, o, &c->loss));
    FORWARD(sprint_plan(r, BATCH, c->loss.heads));
    FORWARD(batches_new(train, model->layers.input, names, model->classes, o, r->threads, &c->batches));
    FORWARD(muon_new(o, r->engine->kernels, &model->parameters, NULL, &c->muon));
    FORWARD(augmentation_new("flip | shift 1 reflect", &r->views));
    FORWARD(memory_new(model->parameters.trainable, sizeof *c->momentum, &c->momentum));
    return cifar94_begin(&r->feed, train, &model->parameters);
}

/* Filters of length 1 on the mean: sqrt(K) in all. */
static void fix_length(float *weights, const Parameter *conv) {
    double squares = 0;
    for (size_t i = 0; i < conv->count; i++) squares += (double)weights[i] * (double)weights[i];
    const float scale = (float)(sqrt((double)conv->shape[0]) / sqrt(squares));
    for (size_t i = 0; i < conv->count; i++) weights[i] *= scale;
}

/* Biases and the last layer. Their decay is per step of rate 1, whatever the tensor's own rate. */
static void step_by_sgd(const Cifar94 *c, const Parameter *entry, float *gradient, double rate, double scale) {
    const Parameters *p = &c->run->model->parameters;
    float *weights = p->values + entry->offset;
    const double own = (is_head(p, entry) ? head_rate : bias_rate) / scale;
    c->run->engine->kernels->sgd(weights, gradient + entry->offset, c->momentum + entry->offset, entry->count,
                                 (float)(own * rate), (float)sgd_momentum, (float)(decay / own), true);
}

static cf_status step(Cifar94 *c, int64_t number, int64_t steps) {
    const Parameters *p = &c->run->model->parameters;
    float *gradient = plan_gradient(c->run->plan);
    const double left = schedule_rate(&c->options, number, steps / EPOCHS);
    const double bias_left = 1 - (double)number / ((double)steps / EPOCHS * BIAS_EPOCHS);
    bool finite;
    for (int i = 0; i < p->count; i++) {
        const Parameter *entry = &p->table[i];
        if (!entry->trainable) continue;
        if (entry->spec->kind == PARAMETER_BIAS && entry->layer == WHITENING)
            step_by_sgd(c, entry, gradient, bias_left > 0 ? bias_left : 0, 1);
        else if (entry->spec->kind == PARAMETER_BIAS)
            step_by_sgd(c, entry, gradient, left, 1);
        else if (entry->layer == WHITENING) /* Muon makes nothing of nothing */
            memset(gradient + entry->offset, 0, entry->count * sizeof *gradient);
        else if (is_head(p, entry))
            step_by_sgd(c, entry, gradient, left, WIDTH * WIDTH);
        else if (entry->spec->kind == PARAMETER_WEIGHT)
            fix_length(p->values + entry->offset, entry);
    }
    FORWARD(muon_step(c->muon, p->values, gradient, c->momentum, muon_rate * left, c->run->threads, &finite));
    FAIL_IF(!finite, CF_DIVERGED, "the weights are not finite any more after step %lld", (long long)number + 1);
    return CF_OK;
}

static cf_status train_cifar94(SprintRun *r) {
    AUTO(cifar94_free) Cifar94 c = {.run = r};
    FORWARD(prepare(&c));
    const int64_t each = batches_steps(c.batches), steps = each * EPOCHS;
    for (int64_t number = 0; number < steps; number++) {
        int n;
        StepResult result;
        if (number % each == 0) batches_epoch(c.batches, (int)(number / each));
        const Sample *samples = batches_step(c.batches, number % each, &n);
        FORWARD(plan_train_samples(r->plan, samples, n, number, &result));
        FAIL_IF(!isfinite(result.loss), CF_DIVERGED, "the loss became %g in step %lld", result.loss,
                (long long)number + 1);
        FORWARD(step(&c, number, steps));
        if (number == 0) r->first_step = clock_seconds();
    }
    return CF_OK;
}

const Sprint sprint_cifar94 = {
    .model = cifar94_line,
    .settings = "8 epochs, batch 2,000, muon up to 0.24, shift 2 and altflip, label smoothing 0.2, mean of 10 views",
    .target = 0.94,
    .train_images = 50000,
    .test_images = 10000,
    .input = {3, 32, 32},
    .train = train_cifar94};
