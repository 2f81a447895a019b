/* Where a training stands, and the files that keep it. */
#pragma once

#include "nn/model.h"
#include "nn/optimizer.h"
#include "train/average.h"

typedef struct EpochRow { /* one line of history.csv */
    int epoch;            /* 1-based */
    double rate;          /* of its last step */
    double train_loss, train_accuracy, validation_loss, validation_accuracy;
    double seconds, images_per_second; /* of its training steps */
} EpochRow;

/* Where a run stands: what a checkpoint holds besides tensors. */
typedef struct FitState {
    int epoch;          /* under way or next, 0-based */
    int64_t step;       /* done in it */
    int64_t steps_done; /* since training began */
    double loss_sum, weight_sum; /* of this epoch so far: the mean training loss is their quotient */
    int64_t correct, seen;
    double step_seconds;               /* of this epoch so far */
    int best_epoch, epochs_since_best; /* best_epoch is 1-based, 0: none yet */
    double best_loss, best_accuracy;
    EpochRow *rows; /* [epoch] */
} FitState;

typedef struct FitFiles { /* NULL: not written. Borrowed. */
    const char *history;  /* CSV, after each epoch */
    const char *best;     /* model with the best weights, after each better epoch */
    bool keeps_start; /* a checkpoint is there before the first step, so that the first weights are needed no more */
    bool silent;          /* no notice when a training is resumed from a checkpoint: the caller does that all the time */
    /* Called when nothing is refused any more, settings, data and checkpoint, and before anything is written. NULL: nobody waits. */
    cf_status (*accepted)(void *context);
    /* Called after each validation, and of a resumed training before its first step, with the rows of the epochs that are done: until it
     * returns, the model has the weights that were validated after `epoch`, 1-based. NULL: nobody looks. */
    void (*validated)(const FitState *state, int done, int epoch, void *context);
    /* How many ranks train this together (base/ranks.h), each by the same call: the first one decides when to stop, and has the files; 0: this
     * process alone. */
    int ranks;
    /* How many of the threads to use for the next step, or validation: asked before each. NULL: all. */
    int (*threads)(void *context);
    void *context;
} FitFiles;

cf_status history_write(const char *path, const EpochRow *rows, int count);

typedef struct Checkpoint { /* what is saved and restored; borrows everything */
    cf_model *model;
    Optimizer *optimizer;
    float *best; /* as model->parameters.values */
    FitState *state;
    int epochs;           /* room in state->rows */
    const char *settings; /* what must be equal to go on: "batch=128 optimizer=sgd ..." */
    const char *kernels;  /* the engine's name: other kernels are told */
    Average *average;     /* NULL: none */
    float *adaptation;    /* [adaptation_count] */
    size_t adaptation_count;
    FakeRange *ranges;    /* [layers] of quantization; NULL: none */
} Checkpoint;

/* What is saved of the model's tensors, restored, and shared among ranks: sets of values, each as the parameters, or the trainable ones
 * of them, lie; NULL where there are none. */
typedef struct SavedTensors {
    const char *prefix; /* of the tensors' names in the file */
    float *values;
    bool trainable;
} SavedTensors;
enum { SAVED_TENSORS = 6 };
void checkpoint_tensors(const Checkpoint *checkpoint, SavedTensors saved[SAVED_TENSORS]);

/* The checkpoint that was there gets the name `previous`; NULL: it is not kept. */
cf_status checkpoint_write(const char *path, const Checkpoint *checkpoint, const char *previous);
/* "RUN/checkpoint.previous.safetensors", where the one before "RUN/checkpoint.safetensors" is kept; release with free(). */
cf_status checkpoint_previous(const char *path, char **previous);
cf_status checkpoint_read(const char *path, Checkpoint *checkpoint);

/* ---- Which epoch is the best, and when training ends ---- */

/* Takes the validation of the epoch that is done (row->epoch: 1-based) into the state; true where it is the best so far: the first
 * one, or one of lower loss or higher accuracy than all before. Of equals the first stays. */
bool early_stopping_note(FitState *state, const EpochRow *row, cf_stop_on stop_on);
/* Whether no epoch follows those that are done: all are, or the last `patience` (0: any number) were no better. */
bool early_stopping_ends(const FitState *state, int epochs, int patience);
