#include "tune/decide.h"

#include "tune/sampler.h"

bool tune_is_adaptive(const TuneOptions *options) {
    return options->sampler == SAMPLER_TPE || options->pruner == PRUNER_ASHA;
}

int tune_search_trials(const TuneOptions *options) {
    int64_t points = space_points(options->space);
    if (options->sampler == SAMPLER_GRID || (points && points < options->trials)) return (int)points;
    return options->trials;
}

/* The trials of the search as the sampler may see them; they come first in the list. */
static void observe(const DecideInput *input, int visible, int count, Observation *seen) {
    for (int i = 0; i < count; i++) seen[i] = (Observation){.point = input->trials->trials[i].point};
    for (int j = 0; j < visible; j++) {
        const Job *job = &input->jobs[j];
        if (!job->trial || job->trial > count) continue;
        seen[job->trial - 1].known = true;
        seen[job->trial - 1].budget = job->budget;
        seen[job->trial - 1].loss = job->loss;
    }
}

static cf_status new_trial(const DecideInput *input, int visible, Decision *decision) {
    const TuneOptions *o = input->options;
    int count = 0;
    AUTO_FREE Observation *seen = NULL;
    for (size_t i = 0; i < input->trials->count; i++) count += !input->trials->trials[i].repeats;
    if (count >= tune_search_trials(o)) return CF_OK;
    FORWARD(memory_new((size_t)count, sizeof *seen, &seen));
    observe(input, visible, count, seen);
    const SamplerInput sampling = {o->space, o->sampler, o->train.seed, o->startup, seen, count};
    bool found;
    FORWARD(sampler_next(&sampling, &decision->point, &found));
    if (!found) return CF_OK;
    decision->kind = DECIDE_NEW;
    decision->budget = o->pruner == PRUNER_ASHA ? asha_budget(o, 0) : o->train.epochs;
    return CF_OK;
}

/* The W-1 jobs before this one, which it may not look at, did nothing. */
static bool nothing_is_open(const DecideInput *input) {
    int first = input->count - input->options->lookback + 1;
    for (int j = first > 0 ? first : 0; j < input->count; j++)
        if (input->jobs[j].trial) return false;
    return true;
}

static cf_status decide_adaptively(const DecideInput *input, Decision *decision) {
    const TuneOptions *o = input->options;
    int visible = input->count - o->lookback + 1;
    if (visible < 0) visible = 0;
    for (int j = 0; j < visible; j++) {
        if (input->jobs[j].done) continue;
        decision->kind = DECIDE_WAIT;
        return CF_OK;
    }
    if (o->pruner == PRUNER_ASHA && asha_promote(input, visible, decision)) return CF_OK;
    FORWARD(new_trial(input, visible, decision));
    if (decision->kind != DECIDE_NOTHING || !nothing_is_open(input)) return CF_OK;
    if (o->pruner == PRUNER_ASHA && asha_carry_on(input, decision)) return CF_OK;
    decision->kind = DECIDE_OVER;
    return CF_OK;
}

cf_status decide(const DecideInput *input, Decision *decision) {
    *decision = (Decision){.kind = DECIDE_NOTHING};
    if (tune_is_adaptive(input->options)) return decide_adaptively(input, decision);
    FORWARD(new_trial(input, 0, decision));
    if (decision->kind != DECIDE_NOTHING) return CF_OK;
    decision->kind = DECIDE_OVER;
    for (int j = 0; j < input->count; j++)
        if (!input->jobs[j].done) decision->kind = DECIDE_WAIT;
    return CF_OK;
}
