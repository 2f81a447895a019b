/* What the next job is: a function of the settings and of the jobs that may be looked at, never of time. */
#pragma once

#include "tune/tune.h"

typedef enum DecisionKind {
    DECIDE_NEW,     /* a new trial: point, budget */
    DECIDE_GO_ON,   /* a trial that waits: trial, budget */
    DECIDE_NOTHING, /* nothing is worth doing by what is known */
    DECIDE_WAIT,    /* a result that must be looked at is not there yet */
    DECIDE_OVER     /* the search has ended */
} DecisionKind;

typedef struct Decision {
    DecisionKind kind;
    SpacePoint point;
    int trial, budget;
} Decision;

typedef struct DecideInput {
    const TuneOptions *options;
    const TrialList *trials;
    const Job *jobs; /* the search's, [count] */
    int count;
} DecideInput;

/* Job number `input->count` of the search. */
cf_status decide(const DecideInput *input, Decision *decision);

/* Results are looked at. */
bool tune_is_adaptive(const TuneOptions *options);
/* Trials of the search, its repeats left out. */
int tune_search_trials(const TuneOptions *options);

/* ---- asha.c ---- */

/* Epochs of rung k: first_rung x eta^k, at most all; 0 behind the last. */
int asha_budget(const TuneOptions *options, int rung);
/* A waiting trial that belongs to the best 1/eta of its rung, by the first `visible` jobs. */
bool asha_promote(const DecideInput *input, int visible, Decision *decision);
/* When nothing else is left and no trial has all its epochs: the best of the highest rung goes on. */
bool asha_carry_on(const DecideInput *input, Decision *decision);
