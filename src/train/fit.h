/* The fit loop: epochs over shuffled batches, validation, early stopping, the best weights, checkpoints.
 *
 * A run is a function of (data, split, model line, options, seed); the state after any step is in the checkpoint, so a run
 * that was stopped or killed and resumed ends with the same bits.
 */
#pragma once

#include "train/checkpoint.h"

typedef struct FitReport {
    cf_train_result result;
    EpochRow *rows; /* [result.epochs_run]; the caller frees */
} FitReport;

/* As cf_train, with files and the history. `report` may be NULL. */
cf_status fit(cf_model *model, const cf_split *split, const cf_train_options *options, const FitFiles *files,
              FitReport *report);
