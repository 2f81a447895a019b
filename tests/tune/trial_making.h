/* Trials made up by hand, as a store would give them. */
#pragma once

#include "base/memory.h"
#include "testing.h"
#include "tune/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct MadeTrials {
    Space space;
    TrialList list;
    TrialCurve *curves;
} MadeTrials;

static inline void add_parameter(Space *space, const char *name, const char *const *texts, int count) {
    SpaceParameter *p = &space->parameters[space->count++];
    p->kind = PARAMETER_LIST;
    assert_ok(space_list(p, name, texts, count));
}

/* No parameter yet and no trial, with room for so many. */
static inline MadeTrials trials_begin(size_t room) {
    MadeTrials made = {0};
    assert_ok(memory_copy_string("made", &made.space.name));
    assert_ok(memory_copy_string("linear", &made.space.model));
    assert_ok(memory_new(SPACE_MAX_PARAMETERS, sizeof *made.space.parameters, &made.space.parameters));
    assert_ok(memory_new(room, sizeof *made.list.trials, &made.list.trials));
    assert_ok(memory_new(room, sizeof *made.curves, &made.curves));
    return made;
}

/* The next trial, done after 3 epochs, the second of which was the best. */
static inline Trial *add_trial(MadeTrials *made, TrialState state, double loss, double accuracy) {
    Trial *t = &made->list.trials[made->list.count++];
    t->id = (int)made->list.count;
    t->state = state;
    t->seed = 1;
    t->budget = t->epochs_run = 3;
    t->best_epoch = 2;
    t->validation_loss = loss;
    t->validation_accuracy = accuracy;
    t->seconds = 10;
    return t;
}

/* "1101": what the best weights get right. */
static inline void set_right(Trial *trial, const char *right) {
    trial->correct_count = strlen(right);
    assert_ok(memory_new(trial->correct_count, 1, &trial->correct));
    for (size_t i = 0; i < trial->correct_count; i++) trial->correct[i] = right[i] == '1';
}

static inline void set_reason(Trial *trial, const char *reason) {
    trial->best_epoch = 0;
    trial->validation_loss = NAN;
    assert_ok(memory_copy_string(reason, &trial->reason));
}

/* Losses that fall to the trial's own in its best epoch. */
static inline void set_curve(MadeTrials *made, const Trial *trial, int epochs) {
    TrialCurve *curve = &made->curves[trial - made->list.trials];
    assert_ok(memory_new((size_t)epochs, sizeof *curve->epochs, &curve->epochs));
    curve->count = epochs;
    for (int e = 0; e < epochs; e++) {
        const double far = fabs((double)(trial->best_epoch - e - 1));
        const double loss = trial->validation_loss * (1 + far * far * (e + 1 < trial->best_epoch ? 0.1 : 0.01));
        curve->epochs[e] = (TrialEpoch){.epoch = e + 1,
                                        .rate = 0.001,
                                        .train_loss = 0.8 * loss,
                                        .train_accuracy = 0.9,
                                        .validation_loss = loss,
                                        .validation_accuracy = trial->validation_accuracy,
                                        .seconds = 1};
    }
}

/* Takes over what was made. */
static inline TuneResults results_by(MadeTrials *made, TuneObjective objective) {
    TuneResults results = {.space = made->space, .list = made->list, .curves = made->curves};
    assert_ok(results_complete(&results, objective));
    *made = (MadeTrials){0};
    return results;
}

static inline TuneResults results_of(MadeTrials *made) {
    return results_by(made, OBJECTIVE_LOSS);
}
