/* A model over many images: in batches, over ranks, with views that are averaged, or in integers. */
#include "nn/model.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "nn/int8/int8.h"

#include <float.h>
#include <math.h>

/* Cross-entropy of image i of the batch, and whether its class is found; nothing of one whose label is unknown. */
static void add_score(const Plan *plan, int i, int classes, int label, StepResult *sum) {
    const size_t first = (size_t)i * (size_t)classes;
    if (label < 0) return;
    sum->loss += plan_log_sums(plan)[i] - (double)plan_logits(plan)[first + (size_t)label];
    sum->weight++;
    sum->correct += first_largest(plan_probabilities(plan) + first, classes) == label;
}

/* Each rank has its share of the images, and all add what all images gave in their order. */
static cf_status classify_spread(Plan *plan, const Feed *feed, const uint32_t *images, size_t count, int classes,
                                 int rank, int ranks, StepResult *result) {
    const size_t from = count * (size_t)rank / (size_t)ranks, to = count * ((size_t)rank + 1) / (size_t)ranks,
                 batch = (size_t)plan_batch(plan);
    StepResult sum = {0};
    AUTO_FREE double *losses = NULL; /* of all images, correct, weight */
    FORWARD(memory_new(count + 2, sizeof *losses, &losses));
    for (size_t first = from; first < to; first += batch) {
        const int n = (int)(to - first < batch ? to - first : batch);
        FORWARD(plan_infer(plan, feed, images + first, n, NULL));
        for (int i = 0; i < n; i++) {
            StepResult score = {0};
            add_score(plan, i, classes, feed_label(feed, images[first + (size_t)i]), &score);
            losses[first + (size_t)i] = score.loss;
            losses[count] += (double)score.correct;
            losses[count + 1] += score.weight;
        }
    }
    FORWARD(plan_sum_ranks(plan, losses, count + 2));
    for (size_t i = 0; i < count; i++) sum.loss += losses[i];
    sum.correct = (int64_t)losses[count];
    sum.weight = losses[count + 1];
    *result = sum;
    return CF_OK;
}

cf_status classify_with(Plan *plan, const Feed *feed, const uint32_t *images, size_t count, int classes,
                        float *probabilities, StepResult *result) {
    StepResult sum = {0};
    int rank, ranks;
    plan_ranks(plan, &rank, &ranks);
    if (ranks > 1 && !probabilities) return classify_spread(plan, feed, images, count, classes, rank, ranks, result);
    size_t batch = (size_t)plan_batch(plan);
    for (size_t first = 0; first < count; first += batch) {
        int n = (int)(count - first < batch ? count - first : batch);
        FORWARD(
            plan_infer(plan, feed, images + first, n, probabilities ? probabilities + first * (size_t)classes : NULL));
        for (int i = 0; i < n; i++) add_score(plan, i, classes, feed_label(feed, images[first + (size_t)i]), &sum);
    }
    *result = sum;
    return CF_OK;
}

/* Scores of mean probabilities; one that was rounded to 0 counts as FLT_MIN. */
static void score_probabilities(const Feed *feed, const cf_subset *subset, int classes, const float *p,
                                StepResult *result) {
    *result = (StepResult){0};
    for (size_t i = 0; i < subset->count; i++, p += classes) {
        const int label = feed_label(feed, subset->images[i]);
        if (label < 0) continue;
        result->loss -= log(fmax((double)p[label], (double)FLT_MIN));
        result->weight++;
        result->correct += first_largest(p, classes) == label;
    }
}

/* One pass over all images per view. */
static cf_status classify_views(Plan *plan, Feed *feed, const cf_subset *subset, const Augmentation *views, int classes,
                                float *probabilities, StepResult *result) {
    const size_t count = subset->count * (size_t)classes;
    const char *word;
    const int view_count = augmentation_views(views, &word);
    AUTO_FREE double *sum = NULL;
    FAIL_IF(!view_count, CF_BAD_USE, "%s has no fixed views to average over", word);
    FORWARD(memory_new(count, sizeof *sum, &sum));
    FORWARD(feed_augment(feed, views, 0));
    for (feed->view = 0; feed->view < view_count; feed->view++) {
        const double weight = augmentation_view_weight(views, feed->view);
        FORWARD(classify_with(plan, feed, subset->images, subset->count, classes, probabilities, result));
        for (size_t i = 0; i < count; i++) sum[i] += weight * (double)probabilities[i];
    }
    for (size_t i = 0; i < count; i++) probabilities[i] = (float)sum[i];
    score_probabilities(feed, subset, classes, probabilities, result);
    return CF_OK;
}

cf_status predictor_new(const cf_model *model, const cf_set *set, const PlanOptions *options, Predictor *predictor) {
    predictor->parameters = model->parameters;
    FORWARD(plan_new(&model->layers, &predictor->parameters, options, &predictor->plan));
    FORWARD(feed_new(set, model->layers.input, (const char *const *)model->class_names, model->classes,
                     options->threads, &predictor->feed));
    return plan_use_parameters(predictor->plan);
}

void predictor_free(Predictor *predictor) {
    feed_free(&predictor->feed);
    plan_free(predictor->plan);
    *predictor = (Predictor){0};
}

cf_status classify(const cf_model *model, const cf_subset *subset, const ClassifyOptions *options, float *probabilities,
                   StepResult *result) {
    const int threads = slices_threads(options->threads), classes = model->classes;
    const PlanOptions plan_options = {.engine = options->engine, .batch = PREDICTION_BATCH, .threads = threads};
    AUTO(predictor_free) Predictor p = {0};
    AUTO_FREE float *own = NULL;
    if (!probabilities && (options->int8 || options->views)) {
        FORWARD(memory_new(subset->count * (size_t)classes, sizeof *own, &own));
        probabilities = own;
    }
    if (options->int8) return int8_classify(options->int8, subset, threads, probabilities, result);
    FORWARD(predictor_new(model, subset->set, &plan_options, &p));
    return options->views
               ? classify_views(p.plan, &p.feed, subset, options->views, classes, probabilities, result)
               : classify_with(p.plan, &p.feed, subset->images, subset->count, classes, probabilities, result);
}
