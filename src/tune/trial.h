/* The workers of a tune; one job of one trial: trained, its result in the store. */
#pragma once

#include "tune/tune.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct Tune { /* what the workers of a process share */
    const cf_split *split;
    TuneOptions options;  /* completed: jobs, precision in use */
    int ranks;            /* that work on trials; 1: this process alone */
    int threads;          /* of all workers together; at least one of each */
    int jobs;             /* workers, at most: options.jobs has those that could be made */
    atomic_bool *working; /* [jobs]: who has a trial */
    atomic_bool stop;     /* the caller asked for it, or a worker failed */
    pthread_mutex_t lock; /* of what follows, and of calls of options.progress */
    int trials, ended, failed, wanted;
    double seconds_left;
    cf_status status; /* of the first worker that failed */
    char message[2048];
} Tune;

typedef struct Worker {
    Tune *tune;
    int number;   /* from 0 */
    int rank;     /* that trains for it (base/ranks.h); 0: this process itself */
    Store *store; /* its own */
    char name[96];
    pthread_t thread;
} Worker;

/* Claims jobs from the store, one after the other, until there are none: CF_OK; CF_INTERRUPTED when tune->stop was set. */
cf_status worker_run(Worker *worker);

/* The threads of a worker that has a trial, as things stand: all are shared out among those that have one. At most
 * worker_most_threads, for which its arrays are laid out: four times what it has when all have one. */
int worker_threads(const Worker *worker);
int worker_most_threads(const Worker *worker);

/* Works on a job whose trial is locked by this worker. CF_INTERRUPTED: the rest is for another time. */
cf_status trial_work(Worker *worker, const Job *job, const Trial *trial);
/* On another rank: trains as it is asked to, telling the first one of each epoch and now and then of a step; that decides when to stop. Its
 * files lie beside `checkpoint`. Fails only where the messages do. */
cf_status trial_serve(cf_model *model, const cf_split *split, const cf_train_options *options, const char *checkpoint);

/* Removes what a trial that has ended needs no more: a worker that died right behind its end has left it. */
cf_status trial_tidy(Store *store, int trial);

/* Calls options.progress under the lock, with the counters filled in. */
void tune_tell(Tune *tune, TuneProgress *progress);
