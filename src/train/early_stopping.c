#include "train/checkpoint.h"

static bool is_better(const FitState *s, const EpochRow *row, cf_stop_on stop_on) {
    if (!s->best_epoch || stop_on == CF_STOP_ON_LAST) return true;
    return stop_on == CF_STOP_ON_ACCURACY ? row->validation_accuracy > s->best_accuracy
                                          : row->validation_loss < s->best_loss;
}

bool early_stopping_note(FitState *state, const EpochRow *row, cf_stop_on stop_on) {
    const bool better = is_better(state, row, stop_on);
    state->epochs_since_best++;
    if (!better) return false;
    state->best_epoch = row->epoch;
    state->best_loss = row->validation_loss;
    state->best_accuracy = row->validation_accuracy;
    state->epochs_since_best = 0;
    return true;
}

bool early_stopping_ends(const FitState *state, int epochs, int patience) {
    return state->epoch >= epochs || (patience && state->epochs_since_best >= patience);
}
