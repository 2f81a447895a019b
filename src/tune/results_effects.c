#include "tune/results.h"

#include "base/memory.h"

#include <stdlib.h>

typedef struct Member { /* a trial of the search under one parameter */
    double value, loss, accuracy;
} Member;

static int by_value(const void *a, const void *b) {
    const double one = ((const Member *)a)->value, other = ((const Member *)b)->value;
    return (one > other) - (one < other);
}

int results_effect_epochs(const TuneResults *results) {
    int epochs = 0;
    for (size_t i = 0; i < results->list.count; i++) {
        const Trial *t = &results->list.trials[i];
        if (!t->repeats && t->state == TRIAL_PRUNED && t->epochs_run && (!epochs || t->epochs_run < epochs))
            epochs = t->epochs_run;
    }
    return epochs;
}

bool results_reached(const TuneResults *results, const Trial *trial, int epochs, double *loss, double *accuracy) {
    const TrialCurve *curve = &results->curves[trial - results->list.trials];
    Trial best = *trial;
    if (trial->repeats || trial->state == TRIAL_FAILED || !trial->best_epoch) return false;
    if (trial->state != TRIAL_DONE && (!epochs || curve->count < epochs)) return false;
    best.best_epoch = epochs ? 0 : trial->best_epoch;
    for (int e = 0; e < curve->count && e < epochs; e++) {
        const TrialEpoch *row = &curve->epochs[e];
        const Trial here = {.best_epoch = row->epoch,
                            .validation_loss = row->validation_loss,
                            .validation_accuracy = row->validation_accuracy};
        if (!best.best_epoch || trial_compare(&here, &best, results->objective) < 0) best = here;
    }
    *loss = best.validation_loss, *accuracy = best.validation_accuracy;
    return best.best_epoch && best.validation_loss <= results->far;
}

static size_t collect(const TuneResults *results, int parameter, Member *members) {
    const int epochs = results_effect_epochs(results);
    size_t count = 0;
    for (size_t i = 0; i < results->list.count; i++) {
        const Trial *t = &results->list.trials[i];
        Member *m = &members[count];
        m->value = t->point.values[parameter];
        count += results_reached(results, t, epochs, &m->loss, &m->accuracy);
    }
    return count;
}

/* Sorted members fall into groups: of a list one for each value; of a range bins of equal size, and equal values are never
 * torn apart. `room` has 2 x count places. */
static void form_groups(const SpaceParameter *p, const Member *members, size_t count, double *room, Effect *effect) {
    const bool listed = p->kind == PARAMETER_LIST;
    for (size_t from = 0, to; from < count; from = to) {
        const size_t wanted = listed ? from + 1 : (effect->count + 1) * count / EFFECT_BINS;
        for (to = from + 1; to < count && (to < wanted || members[to].value == members[from].value ||
                                           (!listed && members[to].value == members[to - 1].value));
             to++) {
        }
        EffectGroup *group = &effect->groups[effect->count++];
        const size_t n = to - from;
        for (size_t i = 0; i < n; i++) {
            room[i] = members[from + i].loss;
            room[n + i] = members[from + i].accuracy;
        }
        group->loss = mean_interval(room, n);
        group->accuracy = mean_interval(room + n, n);
        const double low = members[from].value, high = members[to - 1].value;
        if (low == high)
            snprintf(group->range, sizeof group->range, "%.3g", low);
        else
            snprintf(group->range, sizeof group->range, "%.3g to %.3g", low, high);
        group->text = listed ? p->labels[(int)low] : group->range;
    }
}

cf_status results_effects(const TuneResults *results, Effect **effects) {
    AUTO_FREE Member *members = NULL;
    AUTO_FREE double *room = NULL;
    Effect *made;
    FORWARD(memory_new(results->list.count + 1, sizeof *members, &members)); /* one is tried and left */
    FORWARD(memory_new(2 * results->list.count, sizeof *room, &room));
    FORWARD(memory_new((size_t)results->space.count, sizeof *made, &made));
    for (int p = 0; p < results->space.count; p++) {
        const SpaceParameter *parameter = &results->space.parameters[p];
        const size_t count = collect(results, p, members);
        const size_t most = parameter->kind == PARAMETER_LIST ? (size_t)parameter->count : EFFECT_BINS;
        const cf_status status = memory_new(most, sizeof *made[p].groups, &made[p].groups);
        if (status) effects_free(results, made);
        FORWARD(status);
        made[p].name = parameter->name;
        qsort(members, count, sizeof *members, by_value);
        form_groups(parameter, members, count, room, &made[p]);
    }
    *effects = made;
    return CF_OK;
}

void effects_free(const TuneResults *results, Effect *effects) {
    for (int p = 0; p < results->space.count && effects; p++) free(effects[p].groups);
    free(effects);
}
