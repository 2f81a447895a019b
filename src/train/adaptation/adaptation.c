#include "train/adaptation/adaptation.h"

#include "base/memory.h"
#include "base/slices.h"
#include "train/adaptation/adaptation_losses.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Target images are augmented and drop out by random numbers of their own; a teacher's view of one is another copy of it. */
static const uint64_t target_seed = 0x7461726765740000, teacher_seed = 0x7465616368657200;
enum { TEACHER_COPY = 1, DOMAIN_HEAD = 1, MOST_FEATURES = 4096, ADD_PIECE = 65536 };

struct Adaptation {
    const cf_train_options *options;
    cf_model *model;
    int threads, classes, features, feature_layer; /* features: of the layer that coral looks at */
    double weight;
    /* the target, without labels */
    cf_set set;
    uint16_t *no_labels;
    char *class_names[1];
    cf_subset images, judged;
    Batches *batches;
    Feed feed;                       /* not augmented */
    float *labels;                   /* [images of the set] pseudo-labels, -1: none; of self-train */
    float *label_of, *probabilities; /* [images]; [images][classes] */
    /* plans */
    Plan *plan, *teacher; /* teacher: forward alone; of coral with the network's own weights */
    Parameters teacher_weights;
    LossSettings heads[MOST_HEADS];
    OutsideLoss source_loss, target_loss;
    float *statistics;                                  /* saved ones */
    Sample *source_samples, *samples, *teacher_samples; /* [batch] */
    /* a step */
    int64_t source_epoch;
    double loss;
    double *mean, *covariance, *target_covariance; /* coral */
    float *tapped;                                 /* [batch][features] */
};

bool adaptation_measures_only(const Adaptation *a) {
    return a->options->adapt == CF_ADABN;
}

/* ---- Checks ---- */

void adaptation_usual_average(cf_train_options *o) {
    if (o->adapt == CF_MEAN_TEACHER && o->ema <= 0) o->ema = 0.99; /* French et al. 2018 */
}

cf_status adaptation_check(const cf_train_options *o) {
    AUTO(augmentation_free_at) Augmentation *augmentation = NULL;
    if (o->adapt == CF_ADAPT_NONE) return CF_OK;
    FAIL_IF(o->adapt == CF_MEAN_TEACHER && o->ema <= 0, CF_BAD_USE,
            "adapt mean-teacher: its teacher is the moving average of the weights: ema 0.99, say, expected, found 0");
    FAIL_IF(o->adapt == CF_ADABN && (o->ema > 0 || o->head_epochs), CF_BAD_USE,
            "adapt adabn trains nothing: ema 0 and head_epochs 0 expected");
    FAIL_IF(o->swa_from < 1, CF_BAD_USE,
            "adapt: no mean over epochs (swa_from 1) expected, found %g; ema averages weights", o->swa_from);
    FAIL_IF(o->sample == CF_SMOTE_FEATURES, CF_BAD_USE, "adapt: sample smote-features is not for it; smote is");
    const bool taught = strcmp(o->teacher, "none") != 0;
    FAIL_IF(taught || o->quantize, CF_BAD_USE,
            "adapt: no %s beside it is possible; adapt first, and train again --from that run",
            taught ? "teacher" : "quantize");
    FORWARD(augmentation_new(o->augment, &augmentation));
    FAIL_IF(augmentation_mixes(augmentation), CF_BAD_USE,
            "adapt: images without labels are not mixed; leave mixup and cutmix out of the augmentation");
    return CF_OK;
}

/* ---- The target ---- */

/* All labels are 0, of one class, which is the network's first: nothing that reads the set can tell one label from another. */
static cf_status hide_labels(Adaptation *a) {
    const cf_subset *train = cf_split_part(a->options->target, CF_TRAIN),
                    *validation = cf_split_part(a->options->target, CF_VALIDATION);
    const size_t count = train->count + validation->count;
    FAIL_IF(!count, CF_BAD_USE, "%s: images to adapt to expected in the target's training part, found none",
            train->set->name);
    FORWARD(memory_new(train->set->count, sizeof *a->no_labels, &a->no_labels));
    a->set = *train->set;
    a->class_names[0] = a->model->class_names[0];
    a->set.labels = a->no_labels;
    a->set.class_names = a->class_names;
    a->set.classes = 1;
    FORWARD(memory_new(count, sizeof(uint32_t), &a->images.images));
    memcpy(a->images.images, train->images, train->count * sizeof(uint32_t));
    memcpy(a->images.images + train->count, validation->images, validation->count * sizeof(uint32_t));
    a->images.count = count;
    a->judged = validation->count ? *validation : a->images;
    a->images.set = a->judged.set = &a->set;
    a->images.classes = a->judged.classes = 0;
    return CF_OK;
}

static cf_status prepare_target(Adaptation *a) {
    const cf_train_options *o = a->options;
    cf_train_options own = *o;
    const char *const *names = (const char *const *)a->model->class_names;
    FAIL_IF(!o->target, CF_BAD_USE,
            "adapt: a target set expected, whose images it adapts to (--target SET), found none");
    FORWARD(hide_labels(a));
    own.sample = CF_NATURAL;
    own.seed = o->seed ^ target_seed;
    if (adaptation_measures_only(a)) strcpy(own.augment, "none");
    FORWARD(batches_new(&a->images, a->model->layers.input, names, a->classes, &own, a->threads, &a->batches));
    return feed_new(&a->set, a->model->layers.input, names, a->classes, a->threads, &a->feed);
}

/* ---- What the method needs of the network ---- */

static cf_status find_domain_head(const Adaptation *a) {
    const LayerList *layers = &a->model->layers;
    FAIL_IF(
        layers->head_count <= DOMAIN_HEAD || strcmp(layers->head_names[DOMAIN_HEAD], "domain") != 0 ||
            shape_size(layers->layers[layers->heads[DOMAIN_HEAD]].out) != 2,
        CF_BAD_USE,
        "adapt dann: a first second output `domain` of two classes expected in the model, found none. In front of the last layer: "
        "head domain( reverse | dense 100 as domain1 | relu | dense 2 as domain2 )");
    return CF_OK;
}

static cf_status find_features(Adaptation *a) {
    const LayerList *layers = &a->model->layers;
    a->feature_layer = layers->layers[layers->heads[0]].input[0];
    FAIL_IF(a->feature_layer < 0, CF_BAD_USE,
            "adapt coral: a layer in front of the last one expected, found the image");
    a->features = (int)shape_size(layers->layers[a->feature_layer].out);
    FAIL_IF(a->features > MOST_FEATURES, CF_BAD_USE,
            "adapt coral: at most %d values expected in front of the last layer, for their covariance, found %d",
            MOST_FEATURES, a->features);
    const size_t square = (size_t)a->features * (size_t)a->features;
    FORWARD(memory_new((size_t)a->options->batch * (size_t)a->features, sizeof *a->tapped, &a->tapped));
    FORWARD(memory_new((size_t)a->features, sizeof *a->mean, &a->mean));
    FORWARD(memory_new(square, sizeof *a->covariance, &a->covariance));
    return memory_new(square, sizeof *a->target_covariance, &a->target_covariance);
}

cf_status adaptation_new(cf_model *model, const cf_train_options *options, const Batches *source, int threads,
                         LossSettings *heads, Adaptation **adaptation) {
    AUTO(adaptation_free_at) Adaptation *made = NULL;
    const Parameters *parameters = &model->parameters;
    const size_t batch = (size_t)options->batch;
    *adaptation = NULL;
    if (options->adapt == CF_ADAPT_NONE) return CF_OK;
    FAIL_IF(batch > batches_images(source), CF_BAD_USE,
            "adapt: a batch of no more than the %zu images of the source expected, found %d", batches_images(source),
            options->batch);
    FORWARD(memory_new(1, sizeof *made, &made));
    *made = (Adaptation){.options = options,
                         .model = model,
                         .threads = threads,
                         .classes = model->classes,
                         .weight = options->adapt_weight > 0           ? options->adapt_weight
                                   : options->adapt == CF_MEAN_TEACHER ? 3
                                                                       : 1,
                         .heads = {plain_cross_entropy},
                         .feature_layer = -1,
                         .source_epoch = -1};
    FORWARD(adaptation_check(options));
    if (options->adapt == CF_DANN) {
        FORWARD(find_domain_head(made));
        made->heads[DOMAIN_HEAD] = heads[DOMAIN_HEAD] = (LossSettings){.loss = &cross_entropy, .scale = made->weight};
    }
    if (options->adapt == CF_CORAL) FORWARD(find_features(made));
    FORWARD(prepare_target(made));
    FORWARD(memory_new(parameters->total - parameters->trainable + 1, sizeof(float), &made->statistics));
    FORWARD(memory_new(batch, sizeof(Sample), &made->samples));
    FORWARD(memory_new(batch, sizeof(Sample), &made->teacher_samples));
    FORWARD(memory_new(batch, sizeof(Sample), &made->source_samples));
    FORWARD(memory_new(made->images.count * (size_t)made->classes, sizeof(float), &made->probabilities));
    if (options->adapt == CF_SELF_TRAIN) {
        made->heads[0].scale = made->weight;
        FORWARD(memory_new(made->images.count, sizeof(float), &made->label_of));
        FORWARD(memory_new(made->set.count, sizeof(float), &made->labels));
    }
    *adaptation = memory_take(&made);
    return CF_OK;
}

void adaptation_free(Adaptation *a) {
    if (!a) return;
    void *owned[] = {a->no_labels,  a->images.images,     a->labels,  a->label_of,        a->probabilities,
                     a->statistics, a->source_samples,    a->samples, a->teacher_samples, a->mean,
                     a->covariance, a->target_covariance, a->tapped};
    for (size_t i = 0; i < COUNT_OF(owned); i++) free(owned[i]);
    plan_free(a->plan);
    plan_free(a->teacher);
    batches_free(a->batches);
    feed_free(&a->feed);
    free(a);
}

/* ---- Losses of the whole batch ---- */

static cf_status consistency(void *context, int n, const float *p, const float *values, float *d, float *d_values) {
    Adaptation *a = context;
    const Consistency settings = {a->weight, a->options->adapt_threshold, a->options->adapt_balance};
    (void)values, (void)d_values;
    a->loss = consistency_loss(&settings, p, plan_probabilities(a->teacher), n, a->classes, d);
    return CF_OK;
}

static cf_status correlate_source(void *context, int n, const float *p, const float *x, float *d_logits, float *d) {
    Adaptation *a = context;
    double *const own = a->covariance, *const other = a->target_covariance;
    (void)p, (void)d_logits;
    FORWARD(covariance_of(x, n, a->features, a->threads, a->mean, own));
    FORWARD(coral_gradient(x, n, a->features, a->threads, a->mean, own, other, a->weight, d));
    a->loss = a->weight * coral_loss(own, other, a->features);
    return CF_OK;
}

static cf_status correlate_target(void *context, int n, const float *p, const float *x, float *d_logits, float *d) {
    Adaptation *a = context;
    double *const own = a->target_covariance, *const other = a->covariance;
    (void)p, (void)d_logits;
    FORWARD(covariance_of(x, n, a->features, a->threads, a->mean, own));
    return coral_gradient(x, n, a->features, a->threads, a->mean, own, other, a->weight, d);
}

/* ---- Plans ---- */

void adaptation_source_options(const Adaptation *a, PlanOptions *options) {
    options->first = 0;
    if (a->options->adapt == CF_CORAL) options->outside = &a->source_loss;
}

static cf_status lay_out_teacher(Adaptation *a, PlanOptions options, float *average) {
    const bool own = a->options->adapt == CF_CORAL;
    a->teacher_weights = a->model->parameters;
    if (!own) a->teacher_weights.values = average;
    options.forward_only = true;
    options.outside = NULL;
    options.losses = NULL;
    if (own) options.taps = &a->feature_layer, options.tap_count = 1;
    if (!own) options.seed ^= teacher_seed;
    return plan_new(&a->model->layers, &a->teacher_weights, &options, &a->teacher);
}

cf_status adaptation_lay_out(Adaptation *a, const PlanOptions *source, float *average) {
    PlanOptions options = *source;
    plan_free(a->plan);
    plan_free(a->teacher);
    a->plan = a->teacher = NULL;
    a->source_loss = (OutsideLoss){a->feature_layer, correlate_source, a};
    a->target_loss = a->options->adapt == CF_CORAL ? (OutsideLoss){a->feature_layer, correlate_target, a}
                                                   : (OutsideLoss){-1, consistency, a};
    options.seed ^= target_seed;
    options.losses = a->heads;
    options.forward_only = adaptation_measures_only(a);
    options.outside = a->options->adapt == CF_CORAL || a->options->adapt == CF_MEAN_TEACHER ? &a->target_loss : NULL;
    if (options.outside) FORWARD(lay_out_teacher(a, options, average));
    return plan_new(&a->model->layers, &a->model->parameters, &options, &a->plan);
}

/* ---- Sizes ---- */

const Batches *adaptation_batches(const Adaptation *a) {
    return a->batches;
}

double adaptation_flops(const Adaptation *a, const bool *frozen, int n) {
    const LayerList *layers = &a->model->layers;
    const double forward = layer_list_flops(layers) * n;
    if (adaptation_measures_only(a))
        return forward - layer_list_training_flops(layers, frozen, 0) * n; /* in its place */
    return layer_list_training_flops(layers, frozen, 0) * n + (a->teacher ? forward : 0);
}

float *adaptation_state(const Adaptation *a, size_t *count) {
    *count = a && a->labels ? a->set.count : 0;
    return a ? a->labels : NULL;
}

cf_status adaptation_sha256(const Adaptation *a, char hex[SHA256_HEX]) {
    const size_t bytes = set_image_size(&a->set);
    AUTO(sha256_free_at) Sha256 *sha = NULL;
    FORWARD(sha256_new(&sha));
    for (size_t i = 0; i < a->images.count; i++)
        FORWARD(sha256_add(sha, a->set.pixels + (size_t)a->images.images[i] * bytes, bytes));
    FORWARD(sha256_add(sha, a->judged.images, a->judged.count * sizeof *a->judged.images));
    return sha256_finish(memory_take(&sha), hex);
}

/* ---- Predictions without a label ---- */

static cf_status predict(Adaptation *a, const cf_subset *images) {
    StepResult unused;
    FORWARD(plan_use_parameters(a->plan));
    return classify_with(a->plan, &a->feed, images->images, images->count, a->classes, a->probabilities, &unused);
}

cf_status adaptation_judge(Adaptation *a, int threads, double *score, double *confidence) {
    plan_use_threads(a->plan, threads);
    FORWARD(predict(a, &a->judged));
    *score = unlabelled_score(a->probabilities, a->judged.count, a->classes, confidence);
    return CF_OK;
}

cf_status adaptation_epoch(Adaptation *a, int epoch, int64_t step) {
    const cf_train_options *o = a->options;
    size_t count;
    batches_epoch(a->batches, epoch);
    if (!a->labels || step != 0 || epoch % o->adapt_round != 0) return CF_OK;
    /* The share of a class's images that get their label grows by a tenth a round, to nine tenths at most. */
    const double share = fmin(o->adapt_share + 0.1 * (epoch / o->adapt_round), fmax(o->adapt_share, 0.9));
    FORWARD(predict(a, &a->images));
    FORWARD(pseudo_labels(a->probabilities, a->images.count, a->classes, share, a->label_of, &count));
    for (size_t i = 0; i < a->images.count; i++) a->labels[a->images.images[i]] = a->label_of[i];
    return CF_OK;
}

/* ---- A step ---- */

static void save_statistics(const Adaptation *a, const Parameters *p) {
    memcpy(a->statistics, p->values + p->trainable, (p->total - p->trainable) * sizeof(float));
}

static void restore_statistics(const Adaptation *a, const Parameters *p) {
    memcpy(p->values + p->trainable, a->statistics, (p->total - p->trainable) * sizeof(float));
}

static int lay_target(Adaptation *a, int64_t step) {
    int n;
    const Sample *next = batches_step(a->batches, step, &n);
    memcpy(a->samples, next, (size_t)n * sizeof *next);
    for (int i = 0; i < n; i++) {
        a->samples[i].target[0] = a->labels ? (int)a->labels[a->samples[i].image] : -1;
        a->samples[i].target[DOMAIN_HEAD] = 1;
        a->teacher_samples[i] = a->samples[i];
        if (a->options->adapt == CF_MEAN_TEACHER) a->teacher_samples[i].copy += TEACHER_COPY;
    }
    return n;
}

/* The source's batches follow each other, epoch after epoch; n: at most so many images. */
static void lay_source(Adaptation *a, const AdaptationStep *now, int n) {
    const int64_t steps = (int64_t)batches_images(now->batches) / a->options->batch;
    int count;
    if (now->steps_done / steps != a->source_epoch) {
        a->source_epoch = now->steps_done / steps;
        batches_epoch(now->batches, (int)a->source_epoch);
    }
    memcpy(a->source_samples, batches_step(now->batches, now->steps_done % steps, &count),
           (size_t)n * sizeof *a->source_samples);
    for (int i = 0; i < n; i++) a->source_samples[i].target[DOMAIN_HEAD] = 0;
}

/* Forward with the batch's statistics and nothing else. */
static cf_status run_teacher(Adaptation *a, int n, int64_t number) {
    StepResult unused;
    save_statistics(a, &a->teacher_weights);
    FORWARD(plan_train_samples(a->teacher, a->teacher_samples, n, number, &unused));
    restore_statistics(a, &a->teacher_weights);
    return CF_OK;
}

typedef struct Addition {
    float *to;
    const float *from;
    size_t count;
} Addition;

static cf_status add_piece(void *context, int64_t index, int thread) {
    const Addition *sum = context;
    const size_t from = (size_t)index * ADD_PIECE, left = sum->count - from,
                 end = from + (left < ADD_PIECE ? left : ADD_PIECE);
    (void)thread;
    for (size_t i = from; i < end; i++) sum->to[i] += sum->from[i];
    return CF_OK;
}

/* The mean of the batches' statistics so far: running ones move by `momentum` towards a batch's, from where they were saved. */
static void mean_statistics(const Adaptation *a, int64_t before, int n) {
    const Parameters *p = &a->model->parameters;
    const double share = (double)n / (double)(before + n);
    for (int t = 0; t < p->count; t++) {
        const Parameter *parameter = &p->table[t];
        if (parameter->trainable) continue;
        const double factor = share / p->layers->layers[parameter->layer].momentum;
        float *now = p->values + parameter->offset;
        const float *then = a->statistics + (parameter->offset - p->trainable);
        for (size_t i = 0; i < parameter->count; i++)
            now[i] = (float)((double)then[i] + ((double)now[i] - (double)then[i]) * factor);
    }
}

static cf_status train_step(Adaptation *a, const AdaptationStep *now, int n, StepResult *result) {
    StepResult of_target;
    lay_source(a, now, n);
    a->loss = 0;
    if (a->teacher) FORWARD(run_teacher(a, n, now->steps_done));
    if (a->options->adapt == CF_CORAL) { /* what the source wants to know of the target */
        plan_read_tap(a->teacher, a->feature_layer, a->tapped);
        FORWARD(covariance_of(a->tapped, n, a->features, a->threads, a->mean, a->target_covariance));
    }
    if (a->options->adapt == CF_DANN) {
        const double done = (double)now->steps_done / ((double)batches_steps(a->batches) * a->options->epochs);
        const double factor = 2 / (1 + exp(-10 * done)) - 1;
        plan_reverse_by(now->source, factor);
        plan_reverse_by(a->plan, factor);
    }
    save_statistics(a, &a->model->parameters);
    FORWARD(plan_train_samples(now->source, a->source_samples, n, now->steps_done, result));
    restore_statistics(a, &a->model->parameters);
    FORWARD(plan_train_samples(a->plan, a->samples, n, now->steps_done, &of_target));
    result->loss += (a->loss + of_target.loss / of_target.weight) * result->weight;
    Addition sum = {plan_gradient(now->source), plan_gradient(a->plan), a->model->parameters.trainable};
    return slices_run(now->threads, (int64_t)((sum.count + ADD_PIECE - 1) / ADD_PIECE), add_piece, &sum);
}

cf_status adaptation_step(Adaptation *a, const AdaptationStep *now, StepResult *result, int *n) {
    plan_use_threads(a->plan, now->threads);
    if (a->teacher) plan_use_threads(a->teacher, now->threads);
    *n = lay_target(a, now->step);
    if (!adaptation_measures_only(a)) return train_step(a, now, *n, result);
    save_statistics(a, &a->model->parameters);
    FORWARD(plan_train_samples(a->plan, a->samples, *n, now->steps_done, result));
    mean_statistics(a, now->step * a->options->batch, *n);
    *result = (StepResult){.weight = *n};
    return CF_OK;
}
