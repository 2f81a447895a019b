#include "train/fit.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "nn/features.h"
#include "train/checkpoint.h"
#include "train/fit_resume.h"
#include "train/schedule.h"
#include "train/train_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double checkpoint_seconds = 20; /* at most so much work is lost to a kill within a long epoch */

/* ---- Building ---- */

static PlanOptions plan_options(const Fit *fit, int epoch) {
    PlanOptions options = {.engine = fit->engine,
                           .batch = fit->options->batch,
                           .threads = fit->threads,
                           .mode = PLAN_TRAINING,
                           .seed = fit->options->seed,
                           .losses = fit->loss.heads,
                           .frozen = freezing_layers(&fit->freezing, epoch),
                           .quantized = quantization_ranges(fit->quantization),
                           .ranks = fit->files->ranks,
                           .first = freezing_first(&fit->freezing, epoch, fit->train->count + fit->validation->count)};
    if (fit->adaptation) adaptation_source_options(fit->adaptation, &options);
    return options;
}

static bool is_first_phase(const Fit *fit, int epoch) {
    return epoch < fit->freezing.head_epochs;
}

static cf_status use_features(Fit *fit) {
    const LayerList *layers = &fit->model->layers;
    const Shape shape = fit->features ? layers->layers[fit->first - 1].out : layers->input;
    feed_use_ready(&fit->feed, fit->features, fit->places, shape);
    return batches_use_ready(fit->batches, fit->features, fit->places, shape);
}

/* The plan and the paces of the epoch under way. */
static cf_status lay_out(Fit *fit) {
    const PlanOptions options = plan_options(fit, fit->state.epoch);
    plan_free(fit->plan);
    free(fit->features);
    fit->plan = NULL;
    fit->features = NULL;
    fit->head_alone = is_first_phase(fit, fit->state.epoch);
    fit->frozen = options.frozen;
    fit->first = options.first;
    FORWARD(use_features(fit));
    freezing_paces(&fit->freezing, fit->state.epoch, fit->steps_per_epoch, fit->paces);
    FORWARD(optimizer_pace(&fit->optimizer, fit->options, &fit->model->parameters, fit->paces));
    if (fit->adaptation) FORWARD(adaptation_lay_out(fit->adaptation, &options, fit->average.moving));
    return plan_new(&fit->model->layers, &fit->model->parameters, &options, &fit->plan);
}

static cf_status prepare(Fit *fit) {
    const cf_train_options *o = fit->options;
    cf_model *model = fit->model;
    const char *const *names = (const char *const *)model->class_names;
    const Engine *engine;
    FORWARD(engine_choose(o->engine, &fit->precision, &engine));
    fit->engine = engine;
    FORWARD(train_loss_new(fit->train, names, model->classes, o, &fit->loss));
    FORWARD(freezing_new(o, model, &fit->freezing));
    FORWARD(distillation_new(o, model, engine, fit->threads, &fit->distillation));
    FORWARD(quantization_new(o, model, fit->train, engine, fit->threads, &fit->quantization));
    if (is_first_phase(fit, 0) && !is_first_phase(fit, o->epochs - 1)) {
        /* A training that would lack memory when the head has learnt is not begun. */
        const PlanOptions last = plan_options(fit, o->epochs - 1);
        size_t bytes;
        FORWARD(plan_measure(&model->layers, &model->parameters, &last, &bytes));
    }
    FORWARD(feed_new(fit->validation->set, model->layers.input, names, model->classes, fit->threads, &fit->feed));
    FORWARD(batches_new(fit->train, model->layers.input, names, model->classes, o, fit->threads, &fit->batches));
    FORWARD(optimizer_new(o, engine->kernels, &model->parameters, &fit->optimizer));
    FORWARD(memory_new((size_t)model->parameters.count, sizeof *fit->paces, &fit->paces));
    FORWARD(average_new(o, &model->parameters, &fit->average));
    FORWARD(memory_new(model->parameters.total, sizeof *fit->best, &fit->best));
    FORWARD(memory_new((size_t)o->epochs, sizeof *fit->state.rows, &fit->state.rows));
    FORWARD(adaptation_new(model, o, fit->batches, fit->threads, fit->loss.heads, &fit->adaptation));
    fit->paced_by = fit->adaptation ? adaptation_batches(fit->adaptation) : fit->batches;
    fit->steps_per_epoch = batches_steps(fit->paced_by);
    FORWARD(fit_describe_settings(fit));
    if (o->checkpoint) FORWARD(checkpoint_previous(o->checkpoint, &fit->previous));
    if (o->resume && o->checkpoint && file_exists(o->checkpoint)) FORWARD(fit_resume(fit));
    if (fit->files->ranks > 1) FORWARD(fit_share(fit));
    FORWARD(lay_out(fit));
    FAIL_IF(
        o->sample == CF_SMOTE_FEATURES && !fit->first, CF_BAD_USE,
        "sample smote-features: features that are the same in every epoch, and no more than a gigabyte, expected behind "
        "the frozen layers; found none");
    fit->start = fit->last_checkpoint = clock_seconds();
    return CF_OK;
}

static void fit_free(Fit *fit) {
    plan_free(fit->plan);
    feed_free(&fit->feed);
    batches_free(fit->batches);
    adaptation_free(fit->adaptation);
    train_loss_free(&fit->loss);
    distillation_free(fit->distillation);
    quantization_free(fit->quantization);
    freezing_free(&fit->freezing);
    free(fit->paces);
    free(fit->features);
    free(fit->places);
    optimizer_free(&fit->optimizer);
    average_free(&fit->average);
    free(fit->state.rows);
    free(fit->best);
    free(fit->settings);
    free(fit->previous);
}

/* ---- An epoch ---- */

static double rate_of_step(const Fit *fit, int64_t step) {
    return schedule_rate(fit->options, step, fit->steps_per_epoch);
}

/* The sign of a NaN says nothing. */
static double without_sign_of_nan(double value) {
    return isnan(value) ? (double)NAN : value;
}

/* "the loss", or a tensor, is not finite; `where` and `layer`: more about it. */
static cf_status fail_diverged(const Fit *fit, double rate, const char *what, double value, const char *where,
                               const char *layer) {
    return FAIL(
        CF_DIVERGED,
        "%s became %g in epoch %d, step %lld (step %lld in all), %s%s, at learning rate %g; a lower rate (try %.2g) or a batch "
        "norm (bn) before the activations usually helps",
        what, without_sign_of_nan(value), fit->state.epoch + 1, (long long)fit->state.step + 1,
        (long long)fit->state.steps_done + 1, where, layer, rate, rate / 10);
}

static cf_status check_loss(const Fit *fit, double loss, double rate) {
    const char *layer = NULL;
    if (isfinite(loss)) return CF_OK;
    FORWARD(plan_first_not_finite(fit->plan, &layer));
    return fail_diverged(fit, rate, "the loss", loss, "first in the output of ", layer ? layer : "the loss itself");
}

/* Names the first tensor in the model's order, whatever thread met it first. Finite losses do not show that batch norm's statistics are
 * not: it divides by an infinite variance and goes on with zeros. */
static cf_status check_tensors(const Fit *fit, double rate, bool statistics_alone) {
    const Parameters *parameters = &fit->model->parameters;
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *parameter = &parameters->table[i];
        const float *values = parameters->values + parameter->offset;
        if (statistics_alone && parameter->trainable) continue;
        const size_t unsound = parameter_first_unsound(parameter, values);
        if (unsound < parameter->count)
            return fail_diverged(fit, rate, parameter->name, (double)values[unsound],
                                 "though the loss was still finite", "");
    }
    return CF_OK;
}

static cf_status update_weights(Fit *fit, double rate) {
    if (fit->adaptation && adaptation_measures_only(fit->adaptation)) {
        fit->optimizer.steps++;
        return CF_OK;
    }
    const cf_status status = optimizer_step(&fit->optimizer, fit->model->parameters.values, plan_gradient(fit->plan),
                                            rate, fit->threads_now);
    if (status != CF_DIVERGED) return status;
    FORWARD(check_tensors(fit, rate, false));
    return FAIL(
        CF_DIVERGED,
        "the squares of the gradients, of which Adam keeps a mean, became infinite in epoch %d, step %lld (step %lld in all), "
        "at learning rate %g; a batch norm (bn) before the activations or another optimizer usually helps",
        fit->state.epoch + 1, (long long)fit->state.step + 1, (long long)fit->state.steps_done + 1, rate);
}

static void choose_threads(Fit *fit) {
    const int wanted = fit->files->threads ? fit->files->threads(fit->files->context) : fit->threads;
    fit->threads_now = wanted < 1 ? 1 : wanted > fit->threads ? fit->threads : wanted;
    plan_use_threads(fit->plan, fit->threads_now);
}

static cf_status compute_step(Fit *fit, const Sample *samples, int n, int64_t number, StepResult *result) {
    quantization_begin(fit->quantization, &fit->model->parameters);
    const cf_status status = plan_train_samples(fit->plan, samples, n, number, result);
    quantization_end(fit->quantization, &fit->model->parameters);
    return status;
}

static cf_status forward_and_back(Fit *fit, StepResult *result, int *n) {
    const FitState *s = &fit->state;
    const AdaptationStep now = {fit->plan, fit->batches, s->step, s->steps_done, fit->threads_now};
    if (fit->adaptation) return adaptation_step(fit->adaptation, &now, result, n);
    const Sample *samples = batches_step(fit->batches, s->step, n);
    FORWARD(distillation_teach(fit->distillation, &samples, *n, fit->threads_now));
    return compute_step(fit, samples, *n, s->steps_done, result);
}

static cf_status train_step(Fit *fit, bool *stop) {
    FitState *s = &fit->state;
    StepResult result;
    choose_threads(fit);
    if (fit->stop_wanted) plan_ask_stop(fit->plan);
    int n;
    double rate = rate_of_step(fit, s->steps_done), begin = clock_seconds();
    FORWARD(forward_and_back(fit, &result, &n));
    FORWARD(check_loss(fit, result.loss, rate));
    FORWARD(check_tensors(fit, rate, true));
    FORWARD(update_weights(fit, rate));
    FORWARD(average_step(&fit->average, fit->model->parameters.values, s->steps_done + 1, fit->threads_now));
    double seconds = clock_seconds() - begin;
    s->loss_sum += result.loss;
    s->weight_sum += result.weight;
    s->correct += result.correct;
    s->seen += n;
    s->step++;
    s->steps_done++;
    s->step_seconds += seconds;
    fit->training_seconds += seconds;
    fit->steps_here++;
    fit->images_here += n;
    fit->flops_here += layer_list_training_flops(&fit->model->layers, fit->frozen, fit->first) * n;
    if (fit->adaptation) fit->flops_here += adaptation_flops(fit->adaptation, fit->frozen, n);
    *stop = result.stop;
    return CF_OK;
}

/* The caller's wish to stop. Several ranks do so together, one step later. */
static bool note_wish(Fit *fit, bool wish) {
    fit->stop_wanted |= !wish;
    return wish || fit->files->ranks > 1;
}

/* Reports; false when the caller wants to stop. */
static bool report_progress(const Fit *fit, const EpochRow *done, bool best) {
    const FitState *s = &fit->state;
    if (!fit->options->progress) return true;
    /* Resumed behind an epoch's last step, nothing was done here yet: the speed is that of the epoch so far. */
    bool worked = fit->steps_here > 0;
    double a_step =
        worked ? (clock_seconds() - fit->start) / (double)fit->steps_here : s->step_seconds / (double)s->step;
    int64_t left = fit->steps_per_epoch * fit->options->epochs - s->steps_done;
    cf_progress p = {.epoch = s->epoch + 1,
                     .epochs = fit->options->epochs,
                     .step = s->step,
                     .steps = fit->steps_per_epoch,
                     .loss = s->loss_sum / s->weight_sum,
                     .accuracy = (double)s->correct / (double)s->seen,
                     .images_per_second =
                         worked ? (double)fit->images_here / fit->training_seconds : (double)s->seen / s->step_seconds,
                     .seconds_left = a_step * (double)left,
                     .learning_rate = rate_of_step(fit, s->steps_done - 1),
                     .best = best};
    if (done) {
        p.epoch_done = true;
        p.validation_loss = done->validation_loss;
        p.validation_accuracy = done->validation_accuracy;
    }
    return fit->options->progress(&p, fit->options->progress_context);
}

static cf_status fail_interrupted(Fit *fit) {
    FORWARD(fit_save(fit));
    return FAIL(CF_INTERRUPTED, "stopped in epoch %d after step %lld of %lld; %s", fit->state.epoch + 1,
                (long long)fit->state.step, (long long)fit->steps_per_epoch,
                fit->options->checkpoint ? "the checkpoint holds everything" : "nothing was kept");
}

static cf_status validate(Fit *fit, EpochRow *row) {
    StepResult result;
    choose_threads(fit);
    if (fit->adaptation)
        return adaptation_judge(fit->adaptation, fit->threads_now, &row->validation_loss, &row->validation_accuracy);
    FORWARD(quantization_measure(fit->quantization));
    quantization_begin(fit->quantization, &fit->model->parameters);
    cf_status status = plan_use_parameters(fit->plan);
    if (!status)
        status = classify_with(fit->plan, &fit->feed, fit->validation->images, fit->validation->count,
                               fit->model->classes, NULL, &result);
    quantization_end(fit->quantization, &fit->model->parameters);
    FORWARD(status);
    row->validation_loss = result.loss / (double)fit->validation->count;
    row->validation_accuracy = (double)result.correct / (double)fit->validation->count;
    FAIL_IF(!isfinite(row->validation_loss), CF_DIVERGED,
            "the validation loss became %g after epoch %d at learning rate %g; a lower rate (try %.2g) usually helps",
            without_sign_of_nan(row->validation_loss), fit->state.epoch + 1, row->rate, row->rate / 10);
    return CF_OK;
}

/* What stands for the weights is in their place until it is called again. */
static void exchange(Fit *fit, float *average) {
    Parameters *p = &fit->model->parameters;
    for (size_t i = 0; average && i < p->total; i++) {
        const float value = p->values[i];
        p->values[i] = average[i];
        average[i] = value;
    }
}

/* The mean of weights of several epochs has other activations than any of them: batch norm's running statistics are run on, at
 * these weights, over batches of the epoch: as many as it has, at least so many that a hundredth is left of those that were there. */
static cf_status measure_statistics(Fit *fit) {
    enum { LEAST = 44, MOST = 132 };
    const Parameters *p = &fit->model->parameters;
    const int64_t steps = fit->steps_per_epoch;
    const int64_t wanted = steps < LEAST ? LEAST : steps > MOST ? MOST : steps;
    for (int64_t k = 0; k < wanted && p->total > p->trainable; k++) {
        StepResult result;
        int n;
        const Sample *samples = batches_step(fit->batches, k % steps, &n);
        FORWARD(compute_step(fit, samples, n, fit->state.steps_done - steps + k % steps, &result));
    }
    return CF_OK;
}

static void show_validated(const Fit *fit, int done, int epoch) {
    if (fit->files->validated) fit->files->validated(&fit->state, done, epoch, fit->files->context);
}

/* What a resumed training has come to. */
static void show_best(Fit *fit) {
    if (!fit->state.best_epoch) return;
    exchange(fit, fit->best);
    show_validated(fit, fit->state.epoch, fit->state.best_epoch);
    exchange(fit, fit->best);
}

/* Validates what stands for the weights after this epoch, and keeps it where it is the best. */
static cf_status judge(Fit *fit, EpochRow *row, bool *best) {
    FitState *s = &fit->state;
    average_epoch(&fit->average, fit->model->parameters.values, s->epoch);
    float *average = average_after(&fit->average, s->epoch);
    exchange(fit, average);
    if (average && average == fit->average.mean) FORWARD(measure_statistics(fit));
    FORWARD(validate(fit, row));
    *best = early_stopping_note(s, row, fit->options->stop_on);
    if (*best) {
        memcpy(fit->best, fit->model->parameters.values, fit->model->parameters.total * sizeof *fit->best);
        if (fit->files->best) FORWARD(cf_model_save(fit->model, fit->files->best));
    }
    show_validated(fit, s->epoch + 1, s->epoch + 1);
    exchange(fit, average);
    return average ? quantization_measure(fit->quantization) : CF_OK;
}

static cf_status finish_epoch(Fit *fit, bool *wish) {
    FitState *s = &fit->state;
    EpochRow *row = &s->rows[s->epoch];
    row->epoch = s->epoch + 1;
    row->rate = rate_of_step(fit, s->steps_done - 1);
    row->train_loss = s->loss_sum / s->weight_sum;
    row->train_accuracy = (double)s->correct / (double)s->seen;
    row->seconds = s->step_seconds;
    row->images_per_second = (double)s->seen / s->step_seconds;
    bool best = false;
    FORWARD(judge(fit, row, &best));
    *wish = note_wish(fit, report_progress(fit, row, best));
    if (fit->files->history) FORWARD(history_write(fit->files->history, s->rows, s->epoch + 1));
    s->epoch++;
    s->step = s->seen = s->correct = 0;
    s->loss_sum = s->weight_sum = s->step_seconds = 0;
    return fit_save(fit);
}

static bool is_finished(const Fit *fit) {
    const cf_train_options *o = fit->options;
    /* Patience begins when all learn. */
    const int patience = fit->state.epoch - o->head_epochs < o->patience ? 0 : o->patience;
    return early_stopping_ends(&fit->state, o->epochs, patience);
}

/* ---- What the frozen part gives, once for all epochs ---- */

static bool report_features(double share, void *context) {
    Fit *fit = context;
    const cf_progress p = {.epoch = fit->state.epoch + 1,
                           .epochs = fit->options->epochs,
                           .steps = fit->steps_per_epoch,
                           .prepared = share};
    return note_wish(fit, !fit->options->progress || fit->options->progress(&p, fit->options->progress_context));
}

/* The same floats that a step would compute: inference and frozen layers are the same kernels on the same slices. */
static cf_status compute_features(Fit *fit) {
    const int layer = fit->first - 1;
    const size_t size = features_size(fit->model, layer);
    const cf_subset *parts[] = {fit->train, fit->validation};
    ClassifyOptions options = {fit->engine, fit->threads, .progress = report_features, .context = fit};
    size_t place = 0;
    free(fit->places);
    fit->places = NULL;
    FORWARD(memory_new(fit->train->set->count, sizeof *fit->places, &fit->places));
    FORWARD(memory_new((fit->train->count + fit->validation->count) * size, sizeof(float), &fit->features));
    for (int p = 0; p < 2; p++) {
        const cf_status status = features_compute(fit->model, layer, parts[p], &options, fit->features + place * size);
        if (status == CF_INTERRUPTED) return fail_interrupted(fit);
        FORWARD(status);
        for (size_t i = 0; i < parts[p]->count; i++) fit->places[parts[p]->images[i]] = (uint32_t)place++;
    }
    return use_features(fit);
}

static cf_status run_epoch(Fit *fit) {
    const int epoch = fit->state.epoch;
    bool wish = true, stop;
    if (fit->head_alone != is_first_phase(fit, epoch)) FORWARD(lay_out(fit));
    if (fit->first && !fit->features) FORWARD(compute_features(fit));
    train_loss_epoch(&fit->loss, epoch);
    if (fit->adaptation) {
        exchange(fit, fit->average.moving); /* pseudo-labels are by the weights that predict */
        const cf_status status = adaptation_epoch(fit->adaptation, epoch, fit->state.step);
        exchange(fit, fit->average.moving);
        FORWARD(status);
    } else {
        batches_epoch(fit->batches, epoch);
    }
    while (fit->state.step < fit->steps_per_epoch) {
        FORWARD(train_step(fit, &stop));
        if (!note_wish(fit, report_progress(fit, NULL, false)) || stop) return fail_interrupted(fit);
        if (clock_seconds() - fit->last_checkpoint > checkpoint_seconds) FORWARD(fit_save(fit));
    }
    FORWARD(finish_epoch(fit, &wish));
    return wish || is_finished(fit) ? CF_OK : fail_interrupted(fit);
}

/* ---- The whole ---- */

static void make_report(Fit *fit, FitReport *report) {
    cf_train_result *r = &report->result;
    bool worked = fit->training_seconds > 0;
    r->epochs_run = fit->state.epoch;
    r->best_epoch = fit->state.best_epoch;
    r->validation_loss = fit->state.best_loss;
    r->validation_accuracy = fit->state.best_accuracy;
    r->seconds = clock_seconds() - fit->start;
    r->images_per_second = worked ? (double)fit->images_here / fit->training_seconds : 0;
    r->gflops = worked ? fit->flops_here / fit->training_seconds / 1e9 : 0;
    report->rows = memory_take(&fit->state.rows);
}

cf_status fit(cf_model *model, const cf_split *split, const cf_train_options *options, const FitFiles *files,
              FitReport *report) {
    AUTO(fit_free)
    Fit run = {.model = model,
               .train = cf_split_part(split, CF_TRAIN),
               .validation = cf_split_part(split, CF_VALIDATION),
               .options = options,
               .files = files,
               .threads = slices_threads(options->threads),
               .precision = options->precision};
    FORWARD(train_options_check(options));
    FORWARD(prepare(&run));
    if (files->accepted) FORWARD(files->accepted(files->context));
    show_best(&run);
    if (files->keeps_start && !run.state.steps_done) FORWARD(fit_save(&run));
    while (!is_finished(&run)) FORWARD(run_epoch(&run));
    memcpy(model->parameters.values, run.best, model->parameters.total * sizeof *run.best);
    if (report) make_report(&run, report);
    return CF_OK;
}

cf_status cf_train(cf_model *model, const cf_split *split, const cf_train_options *options, cf_train_result *result) {
    const FitFiles none = {0};
    FitReport made = {0};
    FORWARD(fit(model, split, options, &none, &made));
    if (result) *result = made.result;
    free(made.rows);
    return CF_OK;
}
