#include "tune/trial.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/ranks.h"
#include "base/slices.h"
#include "train/fit.h"
#include "train/freezing.h"
#include "train/train_options.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const checkpoint_names[] = {"checkpoint.safetensors", "checkpoint.previous.safetensors"};

typedef struct TrialFiles {
    char *checkpoint, *history, *best;
} TrialFiles;

static void trial_files_free(TrialFiles *files) {
    free(files->checkpoint);
    free(files->history);
    free(files->best);
}

static cf_status name_files(const char *folder, TrialFiles *files) {
    FORWARD(file_join(folder, checkpoint_names[0], &files->checkpoint));
    FORWARD(file_join(folder, "history.csv", &files->history));
    return file_join(folder, "model.safetensors", &files->best);
}

typedef struct Work {
    Worker *worker;
    const Job *job;
    const Trial *trial;
    char *folder, *line;
    TrialFiles files;
    cf_train_options options;
    double last;      /* when the time was last put down */
    bool paused;      /* its epochs are done, more may come */
    cf_status status; /* of the store, from within the fit loop */
    char message[2048];
} Work;

/* Since it was called last. */
static double seconds_passed(Work *work) {
    const double before = work->last;
    work->last = clock_seconds();
    return work->last - before;
}

/* ---- Within the fit loop ---- */

static bool record_epoch(Work *work, const cf_progress *p) {
    const TrialEpoch epoch = {p->epoch,
                              p->learning_rate,
                              p->loss,
                              p->accuracy,
                              p->validation_loss,
                              p->validation_accuracy,
                              seconds_passed(work)};
    work->status = store_record_epoch(work->worker->store, work->trial->id, &epoch, p->best);
    if (work->status) snprintf(work->message, sizeof work->message, "%s", cf_error());
    return !work->status;
}

static bool on_progress(const cf_progress *p, void *context) {
    Work *work = context;
    Tune *tune = work->worker->tune;
    /* A checkpoint from behind the last epoch of this job: its worker died between that and the store. */
    if (p->epoch > work->job->budget) {
        work->paused = true;
        return false;
    }
    if (p->epoch_done && !record_epoch(work, p)) return false;
    tune_tell(tune, &(TuneProgress){.event = p->epoch_done ? TUNE_EPOCH : TUNE_STEP,
                                    .trial = work->trial->id,
                                    .point = &work->trial->point,
                                    .step = p});
    work->paused = p->epoch_done && p->epoch == work->job->budget && p->epoch < p->epochs;
    return !work->paused && !atomic_load(&tune->stop);
}

static int choose_threads(void *context) {
    const Work *work = context;
    return worker_threads(work->worker);
}

/* ---- Around it ---- */

/* Files that a killed worker had under way. Nobody else writes here: this worker has the trial's lock. */
static void remove_drafts(const char *folder) {
    static const char ending[] = ".part";
    DIR *entries = opendir(folder);
    struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        size_t length = strlen(entry->d_name);
        if (length >= sizeof ending && strcmp(entry->d_name + length - (sizeof ending - 1), ending) == 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    if (entries) closedir(entries);
}

static cf_status prepare(Work *work) {
    const Tune *tune = work->worker->tune;
    FORWARD(store_trial_folder(work->worker->store, work->trial->id, &work->folder));
    FORWARD(name_files(work->folder, &work->files));
    work->options = tune->options.train;
    FORWARD(space_apply(tune->options.space, &work->trial->point, &work->options, &work->line));
    work->options.seed = work->trial->seed;
    work->options.threads = worker_most_threads(work->worker);
    work->options.checkpoint = work->files.checkpoint;
    work->options.resume = true;
    work->options.progress = on_progress;
    work->options.progress_context = work;
    work->last = clock_seconds();
    remove_drafts(work->folder);
    return CF_OK;
}

static void work_free(Work *work) {
    trial_files_free(&work->files);
    free(work->folder);
    free(work->line);
}

/* Which validation images the best weights get right. */
static cf_status look_at_validation(const Work *work, const cf_model *model, Trial *result) {
    const cf_subset *subset = cf_split_part(work->worker->tune->split, CF_VALIDATION);
    cf_precision precision = work->options.precision;
    ClassifyOptions how = {.threads = worker_threads(work->worker)};
    StepResult sums;
    AUTO_FREE float *probabilities = NULL;
    AUTO_FREE int *class_of = NULL;
    FORWARD(engine_choose(work->options.engine, &precision, &how.engine));
    FORWARD(memory_new(subset->count * (size_t)model->classes, sizeof *probabilities, &probabilities));
    FORWARD(classify(model, subset, &how, probabilities, &sums));
    FORWARD(memory_new(subset->count, 1, &result->correct));
    result->correct_count = subset->count;
    FORWARD(classes_match(subset->set, (const char *const *)model->class_names, model->classes, &class_of));
    for (size_t i = 0; i < subset->count; i++) {
        const int predicted = first_largest(probabilities + i * (size_t)model->classes, model->classes);
        result->correct[i] = predicted == class_of[subset->set->labels[subset->images[i]]];
    }
    return parameters_sha256(&model->parameters, result->weights_sha256);
}

static cf_status fail_trial(Trial *result) {
    result->state = TRIAL_FAILED;
    return memory_copy_string(cf_error(), &result->reason);
}

/* ---- On another rank ---- */

typedef struct TrialReport { /* of the rank that trains; both sides are the same build */
    bool ended;
    cf_progress progress;
    cf_status status; /* of the training that ended */
    char message[2048];
} TrialReport;

/* As fit, by the worker's rank. */
static cf_status fit_elsewhere(Work *work) {
    const TuneOptions *o = &work->worker->tune->options;
    const int rank = work->worker->rank;
    TrialReport report;
    AUTO_FREE char *text = NULL;
    json_memory_begin();
    json_t *config = json_deep_copy(o->source);
    json_object_set_new(config, "model", json_text(work->line));
    json_object_set_new(config, "train", train_options_json(&work->options));
    json_auto_t *job = json_pack("{s:s s:o s:i s:s s:o}", "job", "trial", "config", config, "threads", o->train.threads,
                                 "sha256", cf_split_part(work->worker->tune->split, CF_TRAIN)->set->sha256,
                                 "checkpoint", json_text(work->files.checkpoint));
    FORWARD(json_to_text(job, 17, "a rank's trial", &text));
    FORWARD(ranks_send(rank, TAG_JOB, text, strlen(text)));
    for (;;) {
        FORWARD(ranks_receive(rank, TAG_ANSWER, &report, sizeof report));
        if (report.ended) break;
        const bool go_on = on_progress(&report.progress, work);
        FORWARD(ranks_send(rank, TAG_STATE, &go_on, sizeof go_on));
    }
    if (report.status) status_set_message(report.message);
    return report.status;
}

typedef struct Serving {
    double told;
    cf_status status; /* of messages */
} Serving;

static bool tell_first_rank(const cf_progress *p, void *context) {
    const double often = 0.25; /* seconds */
    Serving *serving = context;
    const TrialReport report = {.progress = *p};
    bool go_on = false;
    if (!p->epoch_done && clock_seconds() - serving->told < often) return true;
    serving->told = clock_seconds();
    serving->status = ranks_send(0, TAG_ANSWER, &report, sizeof report);
    if (!serving->status) serving->status = ranks_receive(0, TAG_STATE, &go_on, sizeof go_on);
    return !serving->status && go_on;
}

cf_status trial_serve(cf_model *model, const cf_split *split, const cf_train_options *options, const char *checkpoint) {
    TrialReport report = {.ended = true};
    Serving serving = {0};
    cf_train_options now = *options;
    AUTO(trial_files_free) TrialFiles names = {0};
    AUTO_FREE char *folder = NULL;
    FORWARD(memory_copy_string(checkpoint, &folder));
    char *const name = strrchr(folder, '/');
    if (name) *name = '\0';
    report.status = name_files(name ? folder : ".", &names);
    const FitFiles files = {.history = names.history, .best = names.best, .silent = true};
    now.checkpoint = checkpoint;
    now.resume = true;
    now.progress = tell_first_rank;
    now.progress_context = &serving;
    if (!report.status) report.status = fit(model, split, &now, &files, NULL);
    if (report.status) snprintf(report.message, sizeof report.message, "%s", cf_error());
    FORWARD(serving.status);
    return ranks_send(0, TAG_ANSWER, &report, sizeof report);
}

/* A configuration that diverges, cannot be built or contradicts itself is a result; any other failure is one of the tune. */
static cf_status train(Work *work, Trial *result) {
    const Tune *tune = work->worker->tune;
    const FitFiles files = {.history = work->files.history,
                            .best = work->files.best,
                            .silent = true,
                            .threads = choose_threads,
                            .context = work};
    AUTO(cf_model_free_at) cf_model *model = NULL;
    AUTO(freezing_free) Freezing freezing = {0};
    cf_status status = train_options_check_together(&work->options);
    if (!status) status = cf_model_new(work->line, tune->split, work->trial->seed, &model);
    if (!status) status = freezing_new(&work->options, model, &freezing);
    if (status == CF_BAD_USE) return fail_trial(result);
    FORWARD(status);
    status = work->worker->rank ? fit_elsewhere(work) : fit(model, tune->split, &work->options, &files, NULL);
    if (!status && work->worker->rank) { /* the best weights are where that rank has written them */
        cf_model_free(model);
        model = NULL;
        status = cf_model_load(work->files.best, &model);
    }
    if (work->status) {
        status_set_message(work->message);
        return work->status;
    }
    if (status == CF_DIVERGED) return fail_trial(result);
    result->state = status == CF_INTERRUPTED && work->paused ? TRIAL_WAITING : TRIAL_DONE;
    if (result->state == TRIAL_WAITING) return CF_OK;
    FORWARD(status);
    return look_at_validation(work, model, result);
}

cf_status trial_work(Worker *worker, const Job *job, const Trial *trial) {
    AUTO(work_free) Work work = {.worker = worker, .job = job, .trial = trial};
    AUTO(trial_free) Trial result = {.id = trial->id};
    FORWARD(prepare(&work));
    const cf_status status = train(&work, &result);
    if (status == CF_INTERRUPTED) {
        FORWARD(store_pause(worker->store, trial->id));
        return FAIL(CF_INTERRUPTED, "trial %d was stopped; it goes on where it is", trial->id);
    }
    if (status) return status_prefix(status, "trial %d", trial->id);
    result.seconds = seconds_passed(&work);
    FORWARD(store_finish(worker->store, job, &result, objective_of(worker->tune->options.train.stop_on)));
    return result.state == TRIAL_WAITING ? CF_OK : trial_tidy(worker->store, trial->id);
}

cf_status trial_tidy(Store *store, int trial) {
    AUTO_FREE char *folder = NULL;
    FORWARD(store_trial_folder(store, trial, &folder));
    for (size_t i = 0; i < COUNT_OF(checkpoint_names); i++) {
        AUTO_FREE char *path = NULL;
        FORWARD(file_join(folder, checkpoint_names[i], &path));
        unlink(path);
    }
    return CF_OK;
}

void tune_tell(Tune *tune, TuneProgress *progress) {
    if (!tune->options.progress) return;
    pthread_mutex_lock(&tune->lock);
    progress->trials = tune->trials;
    progress->trials_ended = tune->ended;
    progress->failed = tune->failed;
    progress->trials_wanted = tune->wanted;
    progress->seconds_left = tune->seconds_left;
    if (!tune->options.progress(progress, tune->options.context)) atomic_store(&tune->stop, true);
    pthread_mutex_unlock(&tune->lock);
}
