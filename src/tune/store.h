/* OUT/tune.db: everything that a tune knows, in one SQLite file.
 *
 *     settings  key, value (JSON): what must be equal to go on, and the space
 *     trials    one configuration with one seed, and where it stands
 *     epochs    its learning curve
 *     jobs      the work in the order in which it was decided: a trial and the epochs to which it is trained
 *
 * Every change is one transaction that begins as a writer (BEGIN IMMEDIATE), with a rollback journal: safe under kill -9,
 * for several processes, and one file when nobody writes. A trial under way is locked by its worker (flock on its folder's
 * file `lock`); the kernel gives the lock back whatever ends the worker, so the dead are known without clocks. Where a file system has no
 * locks, a notice says so, and the tune is for one process at a time.
 *
 * Every thread opens a store of its own.
 */
#pragma once

#include "base/memory.h"
#include "tune/space.h"

typedef enum TrialState {
    TRIAL_WAITING, /* paused after some epochs, may go on */
    TRIAL_RUNNING,
    TRIAL_DONE,   /* all its epochs, or stopped early for want of a lower validation loss */
    TRIAL_PRUNED, /* left at fewer epochs */
    TRIAL_FAILED  /* diverged, or cannot be built: `reason` */
} TrialState;

/* "waiting", "running", "done", "pruned", "failed"; ends with NULL. */
extern const char *const trial_state_words[];

/* What trials are ranked, pruned and sampled by: what chooses a trial's best epoch, too (cf_stop_on; CF_STOP_ON_LAST: the loss). */
typedef enum TuneObjective { OBJECTIVE_LOSS, OBJECTIVE_ACCURACY } TuneObjective;

typedef struct Trial {
    int id; /* from 1; its folder is OUT/trials/0001 */
    SpacePoint point;
    uint64_t seed;
    int repeats; /* the trial whose configuration this repeats with another seed; 0: one of the search */
    TrialState state;
    int budget;   /* epochs to which it is or was last trained, at most */
    char *worker; /* who works or worked on it last: host, process, thread */
    char *reason; /* of a failure, else NULL */
    /* Of the best epoch so far; best_epoch 0: none yet. */
    int best_epoch, epochs_run;
    double validation_loss, validation_accuracy;
    double seconds;                  /* of all work on it */
    char weights_sha256[SHA256_HEX]; /* "": not yet */
    unsigned char *correct;          /* [validation images] 1 where the best weights are right, in the order of the
                                       validation part; NULL: not yet, or not read (store_correct) */
    size_t correct_count;            /* also of one that was not read */
} Trial;

typedef struct TrialEpoch {
    int epoch; /* 1-based */
    double rate, train_loss, train_accuracy, validation_loss, validation_accuracy;
    double seconds; /* its validation included */
} TrialEpoch;

typedef struct TrialList {
    Trial *trials; /* by id */
    size_t count;
} TrialList;

typedef struct Store Store;

/* Whether a folder is one of a tune: there is a tune.db in it. */
bool folder_is_tune(const char *folder);
/* Opens FOLDER/tune.db, made if it is not there. */
cf_status store_open(const char *folder, Store **store);
/* The same of one that must be there, for reading. */
cf_status store_open_existing(const char *folder, Store **store);
void store_close(Store *store);
AUTO_HANDLE(Store, store_close)

/* ---- Reading ---- */

/* What is read from now on is of one moment, whatever others write; until the store is closed. */
cf_status store_keep_still(Store *store);
/* The space and the settings that were stored; `settings` is a new reference. */
cf_status store_space(Store *store, Space *space);
cf_status store_settings(Store *store, json_t **settings);
/* What the data were called when the tune began, in a new string; NULL: not known. */
cf_status store_data_name(Store *store, char **name);
/* Without `correct`, which is most of a store; how many images it has is told. */
cf_status store_trials(Store *store, const Space *space, TrialList *list);
/* Reads a trial's `correct`, where there is one. */
cf_status store_correct(Store *store, Trial *trial);
void trial_list_free(TrialList *list);
/* The learning curve of a trial, in a new array. */
cf_status store_epochs(Store *store, int trial, TrialEpoch **epochs, int *count);
TuneObjective objective_of(cf_stop_on stop_on);
/* Of a tune's settings (store_settings); the loss where they do not say. */
TuneObjective objective_of_settings(const json_t *settings);
/* Orders by the objective, of equal accuracies by the loss, then by id: below 0 where `a` is the better one. */
int trial_compare(const Trial *a, const Trial *b, TuneObjective objective);
/* The search's done trial that is the best one, or NULL. Points into the list. */
const Trial *trial_best(const TrialList *list, TuneObjective objective);

/* ---- Working (tune.c, worker.c) ---- */

/* Stores the settings of a new tune; refuses others than those stored, and names what differs. */
cf_status store_settle(Store *store, const json_t *settings);
/* The instruction set is that of the first worker; refuses another. A store without one takes this one. */
cf_status store_settle_kernels(Store *store, const char *kernels);
/* Keeps the first name: data are the same by their checksum, whatever they are called. */
cf_status store_name_data(Store *store, const char *name);

/* A transaction; work between the two is seen by others all at once or not at all. */
cf_status store_begin(Store *store);
cf_status store_commit(Store *store);
void store_rollback(Store *store);

/* One piece of work, decided in the order of its number. */
typedef struct Job {
    int number; /* from 0 */
    int trial;  /* 0: nothing was to be done */
    int budget; /* epochs */
    bool done;
    double loss; /* done: what is minimised, of the best epoch so far: the validation loss, or 1 - the accuracy; INFINITY: failed */
    bool over;   /* done: the trial will not be trained on, whatever its loss */
} Job;

cf_status store_jobs(Store *store, Job **jobs, int *count);
cf_status store_add_trial(Store *store, const Space *space, const Trial *trial);
cf_status store_add_job(Store *store, const Job *job);
/* The trial is running under `worker` from now on, to the job's budget. */
cf_status store_mark_running(Store *store, const Job *job, const char *worker);
/* Takes the lock of a trial's folder, which is made; *lock is -1 while someone else has it. */
cf_status store_lock_trial(Store *store, int trial, int *lock);
/* Gives it back; -1 is fine. */
void store_unlock_trial(int lock);

/* Each of these is a transaction of its own. */
/* best: it is the best of the trial so far, as training chooses. */
cf_status store_record_epoch(Store *store, int trial, const TrialEpoch *epoch, bool best);
/* Ends a job: the trial takes over state, reason, weights_sha256 and `correct` from `trial`, whose seconds are added. */
cf_status store_finish(Store *store, const Job *job, const Trial *trial, TuneObjective objective);
/* The trial waits for a worker to go on with its job. */
cf_status store_pause(Store *store, int trial);
/* Trials that wait become pruned: the search is over. */
cf_status store_prune_waiting(Store *store);

/* "FOLDER/trials/0007" in a new string. */
cf_status store_trial_folder(const Store *store, int trial, char **folder);
