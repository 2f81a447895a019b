/* Which epoch is the best, and when training ends. */
#ifndef TRAIN_EARLY_STOPPING_H
#define TRAIN_EARLY_STOPPING_H

#include "train/checkpoint.h"

/* Takes the validation of the epoch that is done (row->epoch: 1-based) into the state; true where it is the best so far: the first
 * one, or one of lower loss or higher accuracy than all before. Of equals the first stays. */
bool early_stopping_note(FitState *state, const EpochRow *row, cf_stop_on stop_on);
/* Whether no epoch follows those that are done: all are, or the last `patience` (0: any number) were no better. */
bool early_stopping_ends(const FitState *state, int epochs, int patience);

#endif
