#include "nn/model.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "nn/int8/int8.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

cf_status model_new(const char *name_or_line, Shape data, const char *const *class_names, int classes, uint64_t seed,
                    cf_model **model) {
    cf_model *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    FORWARD_TO(failed, model_line_parse(name_or_line, data, classes, &made->layers));
    FORWARD_TO(failed, parameters_new(&made->layers, &made->parameters));
    if (!made->parameters.trainable) {
        status =
            FAIL(CF_BAD_USE,
                 "the model \"%s\" has no weights, so there is nothing that it could learn: a layer of dense, conv "
                 "or bn is needed",
                 made->layers.line);
        goto failed;
    }
    FORWARD_TO(failed, parameters_initialise(&made->parameters, seed));
    FORWARD_TO(failed, memory_new((size_t)classes, sizeof *made->class_names, &made->class_names));
    for (; made->classes < classes; made->classes++)
        FORWARD_TO(failed, memory_copy_string(class_names[made->classes], &made->class_names[made->classes]));
    *model = made;
    return CF_OK;
failed:
    cf_model_free(made);
    return status;
}

void cf_model_free(cf_model *model) {
    if (!model) return;
    for (int c = 0; c < model->classes; c++) free(model->class_names[c]);
    free(model->class_names);
    parameters_free(&model->parameters);
    layer_list_free(&model->layers);
    free(model);
}

void cf_model_describe(const cf_model *model, cf_model_description *description) {
    const LayerList *layers = &model->layers;
    *description = (cf_model_description){.line = layers->line,
                                          .channels = layers->input.C,
                                          .height = layers->input.H,
                                          .width = layers->input.W,
                                          .classes = model->classes,
                                          .class_names = (const char *const *)model->class_names,
                                          .parameters = layer_list_parameters(layers),
                                          .mflop = layer_list_flops(layers) / 1e6};
}

cf_status cf_model_new(const char *name_or_line, const cf_split *split, uint64_t seed, cf_model **model) {
    const cf_subset *all = cf_split_part(split, CF_ALL);
    const char **names;
    const Shape shape = {all->set->channels, all->set->height, all->set->width};
    FORWARD(memory_new((size_t)all->classes, sizeof *names, &names));
    for (int c = 0; c < all->classes; c++) names[c] = all->set->class_names[all->class_labels[c]];
    const cf_status status = model_new(name_or_line, shape, names, all->classes, seed, model);
    free(names);
    return status;
}

cf_status engine_choose(cf_engine engine, cf_precision *precision, const Engine **chosen) {
    FAIL_IF(engine == CF_ENGINE_REFERENCE && *precision == CF_BF16, CF_BAD_USE,
            "the reference engine computes in f32 only; leave bf16 out");
    *chosen = engine == CF_ENGINE_REFERENCE ? &reference_engine
              : *precision == CF_BF16       ? cpu_engine_bf16()
                                            : cpu_engine();
    if (*chosen) return CF_OK;
    notice("this processor has no instructions for bf16 (AVX512_BF16), or they are switched off: f32 is used");
    *precision = CF_F32;
    *chosen = cpu_engine();
    return CF_OK;
}

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
    StepResult sum = {0}, score;
    double *losses; /* of all images, correct, weight */
    cf_status status = CF_OK;
    FORWARD(memory_new(count + 2, sizeof *losses, &losses));
    for (size_t first = from; first < to && !status; first += batch) {
        const int n = (int)(to - first < batch ? to - first : batch);
        status = plan_infer(plan, feed, images + first, n, NULL);
        for (int i = 0; i < n && !status; i++) {
            score = (StepResult){0};
            add_score(plan, i, classes, feed_label(feed, images[first + (size_t)i]), &score);
            losses[first + (size_t)i] = score.loss;
            losses[count] += (double)score.correct;
            losses[count + 1] += score.weight;
        }
    }
    if (!status) status = plan_sum_ranks(plan, losses, count + 2);
    for (size_t i = 0; i < count; i++) sum.loss += losses[i];
    sum.correct = (int64_t)losses[count];
    sum.weight = losses[count + 1];
    free(losses);
    *result = sum;
    return status;
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
    double *sum = NULL;
    cf_status status;
    FAIL_IF(!view_count, CF_BAD_USE, "%s has no fixed views to average over", word);
    FORWARD(memory_new(count, sizeof *sum, &sum));
    FORWARD_TO(done, feed_augment(feed, views, 0));
    for (feed->view = 0; feed->view < view_count; feed->view++) {
        const double weight = augmentation_view_weight(views, feed->view);
        FORWARD_TO(done, classify_with(plan, feed, subset->images, subset->count, classes, probabilities, result));
        for (size_t i = 0; i < count; i++) sum[i] += weight * (double)probabilities[i];
    }
    for (size_t i = 0; i < count; i++) probabilities[i] = (float)sum[i];
    score_probabilities(feed, subset, classes, probabilities, result);
done:
    free(sum);
    return status;
}

cf_status classify(const cf_model *model, const cf_subset *subset, const ClassifyOptions *options, float *probabilities,
                   StepResult *result) {
    enum { BATCH = 128 };
    Plan *plan = NULL;
    Feed feed = {0};
    Parameters borrowed = model->parameters; /* a forward plan does not write to them */
    cf_status status;
    int threads = slices_threads(options->threads);
    PlanOptions plan_options = {.engine = options->engine, .batch = BATCH, .threads = threads};
    float *own = NULL;
    if (!probabilities && (options->int8 || options->views)) {
        FORWARD(memory_new(subset->count * (size_t)model->classes, sizeof *own, &own));
        probabilities = own;
    }
    if (options->int8) {
        FORWARD_TO(done, int8_classify(options->int8, subset, threads, probabilities, result));
        goto done;
    }
    FORWARD_TO(done, plan_new(&model->layers, &borrowed, &plan_options, &plan));
    FORWARD_TO(done, feed_new(subset->set, model->layers.input, (const char *const *)model->class_names, model->classes,
                              threads, &feed));
    FORWARD_TO(done, plan_use_parameters(plan));
    FORWARD_TO(done,
               options->views
                   ? classify_views(plan, &feed, subset, options->views, model->classes, probabilities, result)
                   : classify_with(plan, &feed, subset->images, subset->count, model->classes, probabilities, result));
done:
    free(own);
    feed_free(&feed);
    plan_free(plan);
    return status;
}
