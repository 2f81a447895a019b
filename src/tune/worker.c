/* A worker: claims jobs from the store, one after the other, until there are none. */
#include "tune/decide.h"
#include "tune/trial.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIRST_WAIT = 25, LONGEST_WAIT = 400 }; /* milliseconds */

typedef struct Claim {
    enum { CLAIM_JOB, CLAIM_WAIT, CLAIM_END } kind;
    Job job;
    Trial trial; /* its point and seed */
    int lock;    /* of its folder; -1: none */
} Claim;

/* ---- Claiming, within a transaction ---- */

static cf_status claim_trial(Worker *worker, const Job *job, const Trial *trial, Claim *claim) {
    FORWARD(store_lock_trial(worker->store, job->trial, &claim->lock));
    if (claim->lock < 0) return CF_OK;
    FORWARD(store_mark_running(worker->store, job, worker->name));
    claim->kind = CLAIM_JOB;
    claim->job = *job;
    claim->trial = (Trial){.id = trial->id, .point = trial->point, .seed = trial->seed, .repeats = trial->repeats};
    return CF_OK;
}

static cf_status begin_trial(Worker *worker, const TuneView *view, const Trial *trial, int budget, Claim *claim) {
    const Job job = {.number = view->count, .trial = trial->id, .budget = budget};
    FORWARD(store_add_trial(worker->store, worker->tune->options.space, trial));
    FORWARD(store_add_job(worker->store, &job));
    return claim_trial(worker, &job, trial, claim);
}

/* Its lock may still be held for a moment by who worked on it last; the job is then left to be decided again. */
static cf_status continue_trial(Worker *worker, const TuneView *view, const Decision *decision, Claim *claim) {
    const Job job = {.number = view->count, .trial = decision->trial, .budget = decision->budget};
    FORWARD(claim_trial(worker, &job, view_trial(view, job.trial), claim));
    return claim->kind == CLAIM_JOB ? store_add_job(worker->store, &job) : CF_OK;
}

static int compare_trials(const void *a, const void *b, void *objective) {
    return trial_compare(*(const Trial *const *)a, *(const Trial *const *)b, *(TuneObjective *)objective);
}

static bool has_repeat(const TuneView *view, const Trial *trial, uint64_t seed) {
    for (size_t i = 0; i < view->list.count; i++)
        if (view->list.trials[i].repeats == trial->id && view->list.trials[i].seed == seed) return true;
    return false;
}

/* The leading configurations with further seeds, once the search is over. */
static cf_status begin_repeat(Worker *worker, const TuneView *view, Claim *claim) {
    const TuneOptions *o = &worker->tune->options;
    AUTO_FREE const Trial **done = NULL;
    TuneObjective objective = objective_of(o->train.stop_on);
    int count = 0;
    FORWARD(memory_new(view->list.count, sizeof(const Trial *), &done));
    for (size_t i = 0; i < view->list.count; i++)
        if (view->list.trials[i].state == TRIAL_DONE && !view->list.trials[i].repeats)
            done[count++] = &view->list.trials[i];
    qsort_r(done, (size_t)count, sizeof(const Trial *), compare_trials, &objective);
    for (int s = 1; s < o->seeds; s++)
        for (int i = 0; i < count && i < o->leading; i++) {
            uint64_t seed = o->train.seed + (uint64_t)s;
            if (has_repeat(view, done[i], seed)) continue;
            const Trial repeat = {
                .id = (int)view->list.count + 1, .point = done[i]->point, .seed = seed, .repeats = done[i]->id};
            claim->kind = CLAIM_WAIT;
            return begin_trial(worker, view, &repeat, o->train.epochs, claim);
        }
    return CF_OK;
}

static cf_status after_search(Worker *worker, const TuneView *view, Claim *claim) {
    claim->kind = CLAIM_END;
    FORWARD(store_prune_waiting(worker->store));
    FORWARD(begin_repeat(worker, view, claim));
    /* Others work on the last ones: when they die, somebody must go on. */
    for (int j = 0; j < view->count; j++)
        if (claim->kind == CLAIM_END && !view->jobs[j].done) claim->kind = CLAIM_WAIT;
    return CF_OK;
}

static cf_status claim_next(Worker *worker, const TuneView *view, Claim *claim, bool *again) {
    const TuneOptions *o = &worker->tune->options;
    const DecideInput input = {o, &view->list, view->jobs, view->search};
    Decision decision;
    FORWARD(decide(&input, &decision));
    if (decision.kind == DECIDE_OVER) return after_search(worker, view, claim);
    if (decision.kind == DECIDE_GO_ON) return continue_trial(worker, view, &decision, claim);
    if (decision.kind == DECIDE_NEW) {
        const Trial trial = {.id = (int)view->list.count + 1, .point = decision.point, .seed = o->train.seed};
        return begin_trial(worker, view, &trial, decision.budget, claim);
    }
    if (decision.kind == DECIDE_WAIT) return CF_OK;
    /* Nothing to do by what this job may look at: it is put down as done, and the next one may look further. */
    const Job nothing = {.number = view->count, .done = true};
    *again = true;
    return store_add_job(worker->store, &nothing);
}

static cf_status claim_once(Worker *worker, Claim *claim, bool *again) {
    AUTO(store_rollback_at) Store *transaction = worker->store;
    AUTO(view_free) TuneView view = {0};
    *again = false;
    FORWARD(store_begin(transaction));
    FORWARD(store_view(worker->store, worker->tune->options.space, &view));
    /* A job that was begun and that nobody works on: its lock is free. */
    for (int j = 0; j < view.count && claim->kind != CLAIM_JOB; j++)
        if (!view.jobs[j].done)
            FORWARD(claim_trial(worker, &view.jobs[j], view_trial(&view, view.jobs[j].trial), claim));
    if (claim->kind != CLAIM_JOB) FORWARD(claim_next(worker, &view, claim, again));
    return store_commit(transaction);
}

static cf_status claim_job(Worker *worker, Claim *claim) {
    bool again = true;
    *claim = (Claim){.kind = CLAIM_WAIT, .lock = -1};
    while (again) {
        const cf_status status = claim_once(worker, claim, &again);
        if (status) store_unlock_trial(claim->lock);
        FORWARD(status);
    }
    return CF_OK;
}

/* ---- Working ---- */

/* With the store's trials counted, and how long the rest will take at the pace of those that have ended. */
static cf_status tell_ended(Worker *worker, int id) {
    Tune *tune = worker->tune;
    AUTO(trial_list_free) TrialList list = {0};
    double seconds = 0, spent = 0;
    int over = 0, failed = 0;
    FORWARD(store_trials(worker->store, tune->options.space, &list));
    for (const Trial *t = list.trials; t < list.trials + list.count; t++) {
        const bool has_ended = t->state >= TRIAL_DONE;
        over += has_ended;
        failed += t->state == TRIAL_FAILED;
        if (has_ended) seconds += t->seconds;
        if (t->state == TRIAL_RUNNING) spent += t->seconds;
    }
    pthread_mutex_lock(&tune->lock);
    tune->trials = (int)list.count;
    tune->ended = over;
    tune->failed = failed;
    const double left = over ? seconds / over * (tune->wanted - over) - spent : -1;
    const bool steady = over && tune->options.pruner == PRUNER_NONE;
    tune->seconds_left = steady ? (left > 0 ? left : 0) / tune->options.jobs : -1;
    pthread_mutex_unlock(&tune->lock);
    const Trial *ended = &list.trials[id - 1];
    tune_tell(tune, &(TuneProgress){.event = TUNE_ENDED, .trial = id, .point = &ended->point, .ended = ended});
    return CF_OK;
}

int worker_most_threads(const Worker *worker) {
    const Tune *tune = worker->tune;
    if (tune->ranks > 1) return tune->threads;
    const int share = tune->threads / tune->jobs, most = 4 * (share < 1 ? 1 : share);
    return most < tune->threads ? most : tune->threads;
}

int worker_threads(const Worker *worker) {
    const Tune *tune = worker->tune;
    int working = 0, before = 0;
    if (tune->ranks > 1) return tune->threads;
    for (int j = 0; j < tune->jobs; j++) {
        if (j != worker->number && !atomic_load(&tune->working[j])) continue;
        working++;
        before += j < worker->number;
    }
    const int threads = tune->threads / working + (before < tune->threads % working),
              most = worker_most_threads(worker);
    return threads < 1 ? 1 : threads < most ? threads : most;
}

static cf_status work_on(Worker *worker, const Claim *claim) {
    tune_tell(worker->tune,
              &(TuneProgress){.event = TUNE_BEGUN, .trial = claim->trial.id, .point = &claim->trial.point});
    atomic_bool *working = &worker->tune->working[worker->number];
    atomic_store(working, true);
    cf_status status = trial_work(worker, &claim->job, &claim->trial);
    atomic_store(working, false);
    store_unlock_trial(claim->lock);
    FORWARD(status);
    return tell_ended(worker, claim->trial.id);
}

cf_status worker_run(Worker *worker) {
    AUTO(trial_list_free) TrialList list = {0};
    int milliseconds = FIRST_WAIT;
    Claim claim = {.kind = CLAIM_WAIT};
    while (claim.kind != CLAIM_END) {
        FAIL_IF(atomic_load(&worker->tune->stop), CF_INTERRUPTED, "stopped; what was done is kept");
        FORWARD(claim_job(worker, &claim));
        if (claim.kind == CLAIM_JOB) {
            milliseconds = FIRST_WAIT;
            FORWARD(work_on(worker, &claim));
        }
        if (claim.kind == CLAIM_WAIT) { /* longer each time, until there is a job again */
            const struct timespec pause = {0, milliseconds * 1000000L};
            tune_tell(worker->tune, &(TuneProgress){.event = TUNE_IDLE});
            nanosleep(&pause, NULL);
            if (milliseconds < LONGEST_WAIT) milliseconds *= 2;
        }
    }
    FORWARD(store_trials(worker->store, worker->tune->options.space, &list));
    for (size_t i = 0; i < list.count; i++)
        if (list.trials[i].state >= TRIAL_DONE) FORWARD(trial_tidy(worker->store, list.trials[i].id));
    return CF_OK;
}
