/* Asynchronous successive halving, its promotions (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar: "A
 * System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2): whenever there is room for a job, the highest rung
 * is sought that holds a trial among its best 1/eta that has not gone on; where there is none, a new trial begins.
 *
 * Where we differ: "asynchronous" means jobs known at a fixed distance, not those that happen to be done. And a row of trials that
 * ends need not bring any to its last rung (24 trials at eta 3 leave 8, 2, 0): then the best of the highest rung goes on. */
#include "tune/decide.h"

#include <math.h>

int asha_budget(const TuneOptions *options, int rung) {
    int epochs = options->train.epochs;
    double budget = options->first_rung < epochs ? options->first_rung : epochs;
    for (int k = 0; k < rung; k++) {
        if (budget >= epochs) return 0;
        budget = fmin(budget * options->eta, epochs);
    }
    return (int)budget;
}

/* Whether job j has the result of its trial at `budget`, among the first `visible`. */
static bool is_result(const DecideInput *input, int j, int budget) {
    return input->jobs[j].trial && input->jobs[j].done && input->jobs[j].budget == budget;
}

/* A later job of the same trial was decided. */
static bool has_gone_on(const DecideInput *input, int j) {
    for (int later = j + 1; later < input->count; later++)
        if (input->jobs[later].trial == input->jobs[j].trial) return true;
    return false;
}

static bool is_better(const Job *a, const Job *b) {
    return a->loss < b->loss || (a->loss == b->loss && a->trial < b->trial);
}

/* How many results of the rung are better than job j's. */
static int place_in_rung(const DecideInput *input, int visible, int j) {
    int better = 0;
    for (int i = 0; i < visible; i++)
        better += is_result(input, i, input->jobs[j].budget) && is_better(&input->jobs[i], &input->jobs[j]);
    return better;
}

/* The best trial of a rung that may go on and is among its first `places`; -1: none. */
static int best_waiting(const DecideInput *input, int visible, int budget, int places) {
    int best = -1;
    for (int j = 0; j < visible; j++) {
        const Job *job = &input->jobs[j];
        if (!is_result(input, j, budget) || job->over || has_gone_on(input, j)) continue;
        if (place_in_rung(input, visible, j) >= places) continue;
        if (best < 0 || is_better(job, &input->jobs[best])) best = j;
    }
    return best;
}

static int count_results(const DecideInput *input, int visible, int budget) {
    int count = 0;
    for (int j = 0; j < visible; j++) count += is_result(input, j, budget);
    return count;
}

static int highest_rung(const TuneOptions *options) {
    int rung = 0;
    while (asha_budget(options, rung + 1)) rung++;
    return rung;
}

/* The best trial of the highest rung that has one waiting; of each rung the best 1/share may go on. */
static bool promote(const DecideInput *input, int visible, int share, Decision *decision) {
    const TuneOptions *o = input->options;
    for (int rung = highest_rung(o) - 1; rung >= 0; rung--) {
        const int budget = asha_budget(o, rung), places = count_results(input, visible, budget) / share;
        const int job = best_waiting(input, visible, budget, places);
        if (job < 0) continue;
        *decision =
            (Decision){.kind = DECIDE_GO_ON, .trial = input->jobs[job].trial, .budget = asha_budget(o, rung + 1)};
        return true;
    }
    return false;
}

bool asha_promote(const DecideInput *input, int visible, Decision *decision) {
    return promote(input, visible, input->options->eta, decision);
}

bool asha_carry_on(const DecideInput *input, Decision *decision) {
    for (int j = 0; j < input->count; j++)
        if (input->jobs[j].over && isfinite(input->jobs[j].loss)) return false;
    return promote(input, input->count, 1, decision);
}
