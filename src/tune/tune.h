/* A search over a space: trials chosen by a sampler, some left early by a pruner, all of it in a store.
 *
 * The work is a row of jobs 0, 1, 2 ..: a trial, and the epochs to which it is trained. Where results are looked at (TPE, ASHA), job
 * m is decided from the results of jobs 0 .. m-W alone, W = `lookback`, a setting of the tune. Up to W jobs run at once, and
 * what is decided depends neither on their number nor on time, workers or kills: a tune that was killed and resumed
 * ends with the same trials to the bit. Only the training and the validation part of the split are used.
 */
#pragma once

#include "tune/store.h"

enum { TUNE_MOST_POINTS = 100000 }; /* configurations of one search */

typedef enum TuneSampler { SAMPLER_GRID, SAMPLER_RANDOM, SAMPLER_TPE } TuneSampler;
typedef enum TunePruner { PRUNER_NONE, PRUNER_ASHA } TunePruner;
/* End with NULL; the index is the enumeration's value. */
extern const char *const sampler_words[], *const pruner_words[];

typedef enum TuneEvent { TUNE_STEP, TUNE_EPOCH, TUNE_BEGUN, TUNE_ENDED, TUNE_IDLE } TuneEvent;

typedef struct TuneProgress {
    TuneEvent event;                  /* TUNE_IDLE: nothing to do until others are done; no trial then */
    int trial;                        /* of which */
    const SpacePoint *point;          /* its configuration */
    const Trial *ended;               /* TUNE_ENDED: as it stands now, without `correct`; else NULL */
    const cf_progress *step;          /* TUNE_STEP, TUNE_EPOCH; else NULL */
    int trials, trials_ended, failed; /* so far, of all workers on the store; as of the last TUNE_ENDED here */
    int trials_wanted;                /* of the search and its repeats, as far as known */
    double seconds_left;              /* an estimate; below 0: not known yet */
} TuneProgress;

/* Called by the workers, one at a time. Return false to stop: everything is kept, and tune_run returns CF_INTERRUPTED. */
typedef bool (*TuneProgressFn)(const TuneProgress *progress, void *context);

typedef struct TuneOptions {
    const Space *space;
    const char *out;  /* the folder: tune.db, trials/ */
    const char *data; /* as asked for, for the record */
    const char *split_text;
    cf_train_options train; /* what the space leaves open: epochs, patience, seed, precision ...; threads: in all */
    TuneSampler sampler;
    TunePruner pruner;
    int trials;          /* random, tpe: how many of the search; grid: 0, all */
    int jobs;            /* trials at once in this process; 0: chosen (see docs/design.md) */
    int lookback;        /* W */
    int startup;         /* tpe: so many random trials first */
    int eta, first_rung; /* asha: reduction factor, epochs of the first rung */
    int seeds;           /* seeds of each leading configuration, its first included; 1: no repeats */
    int leading;         /* how many configurations are repeated */
    TuneProgressFn progress;
    void *context;
    /* Data and split as a run's configuration has them (run_config_json), for the other ranks of a job (base/ranks.h), each of which
     * then works on trials in `out`, a folder that all see; only the first reaches the store. NULL: this process alone. Borrowed. */
    json_t *source;
} TuneOptions;

TuneOptions tune_defaults(void);
/* Goes on with what OUT holds, or begins. */
cf_status tune_run(const cf_split *split, const TuneOptions *options);
