#include "tune/results.h"

#include "base/memory.h"
#include "base/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Configurations of trials ---- */

/* The search's trials open configurations; repeats join the one that they name. */
static cf_status group_trials(TuneResults *r) {
    AUTO_FREE size_t *place = NULL; /* by id, which go from 1 to the list's count */
    FORWARD(memory_new(r->list.count + 1, sizeof *place, &place));
    FORWARD(memory_new(r->list.count, sizeof *r->configurations, &r->configurations));
    for (size_t i = 0; i < r->list.count; i++) {
        const Trial *t = &r->list.trials[i];
        const bool repeats = t->repeats > 0 && (size_t)t->repeats <= r->list.count && place[t->repeats];
        const size_t at = repeats ? place[t->repeats] - 1 : r->count++;
        Configuration *c = &r->configurations[at];
        if (!repeats) place[t->id] = at + 1;
        FORWARD(memory_grow(&c->trials, c->count, sizeof *c->trials));
        c->trials[c->count++] = t;
    }
    for (Configuration *c = r->configurations; c < r->configurations + r->count; c++) {
        FORWARD(memory_new((size_t)r->space.count, sizeof *c->values, &c->values));
        for (int i = 0; i < r->space.count; i++) {
            char number[SPACE_NUMBER];
            FORWARD(memory_copy_string(space_value(&r->space, &c->trials[0]->point, i, number), &c->values[i]));
        }
    }
    return CF_OK;
}

/* ---- What they reached ---- */

static void interval_of_accuracy(Configuration *c) {
    c->accuracy_low = c->accuracy.low, c->accuracy_high = c->accuracy.high;
    const Trial *t = c->trials[0];
    for (size_t i = 0; i < c->count && t->state != TRIAL_DONE; i++) t = c->trials[i];
    if (c->done > 1 || !t->correct_count || isnan(c->accuracy.mean)) return;
    const double right = t->validation_accuracy * (double)t->correct_count;
    wilson_interval((size_t)lrint(right), t->correct_count, &c->accuracy_low, &c->accuracy_high);
}

static cf_status measure(Configuration *c) {
    AUTO_FREE double *values = NULL;
    FORWARD(memory_new(2 * c->count, sizeof *values, &values));
    for (size_t i = 0; i < c->count; i++) {
        const Trial *t = c->trials[i];
        c->seconds += t->seconds;
        c->failed += t->state == TRIAL_FAILED;
        if (t->state != TRIAL_DONE || t->best_epoch == 0) continue;
        values[c->done] = t->validation_loss;
        values[c->count + c->done++] = t->validation_accuracy;
    }
    const Trial *first = c->trials[0];
    size_t known = c->done;
    if (known == 0 && first->state != TRIAL_FAILED && first->best_epoch > 0) {
        values[0] = first->validation_loss, values[c->count] = first->validation_accuracy;
        known = 1;
    }
    c->loss = mean_interval(values, known);
    c->accuracy = mean_interval(values + c->count, known);
    interval_of_accuracy(c);
    return CF_OK;
}

/* 0 repeated, 1 done, 2 with a loss so far, 3 without, 4 failed. */
static int class_of(const Configuration *c) {
    return c->done > 1 ? 0 : c->done ? 1 : c->loss.count ? 2 : c->failed ? 4 : 3;
}

/* By the objective, of equal accuracies by the loss, then by id. */
static int compare_configurations(const void *a, const void *b, void *objective) {
    const Configuration *one = a, *other = b;
    const int first = class_of(one), second = class_of(other);
    if (first != second) return first - second;
    if (one->loss.count && *(TuneObjective *)objective == OBJECTIVE_ACCURACY &&
        one->accuracy.mean != other->accuracy.mean)
        return one->accuracy.mean > other->accuracy.mean ? -1 : 1;
    if (one->loss.count && one->loss.mean != other->loss.mean) return one->loss.mean < other->loss.mean ? -1 : 1;
    return one->trials[0]->id - other->trials[0]->id;
}

const char *results_objective(const TuneResults *results) {
    return results->objective == OBJECTIVE_ACCURACY ? "validation accuracy" : "validation loss";
}

cf_status results_complete(TuneResults *r, TuneObjective objective) {
    AUTO_FREE double *losses = NULL;
    size_t known = 0;
    r->objective = objective;
    r->far = INFINITY;
    FORWARD(group_trials(r));
    FORWARD(memory_new(r->count, sizeof *losses, &losses));
    for (Configuration *c = r->configurations; c < r->configurations + r->count; c++) {
        FORWARD(measure(c));
        if (isfinite(c->loss.mean)) losses[known++] = c->loss.mean;
        if (c->done > r->seeds) r->seeds = c->done;
    }
    for (const Trial *t = r->list.trials; t < r->list.trials + r->list.count; t++) {
        r->done += t->state == TRIAL_DONE;
        r->pruned += t->state == TRIAL_PRUNED;
        r->failed += t->state == TRIAL_FAILED;
        r->seconds += t->seconds;
        if (t->correct_count > r->images) r->images = t->correct_count;
    }
    qsort(losses, known, sizeof *losses, compare_doubles);
    if (known) r->far = FAR_AWAY * losses[(known - 1) / 2];
    if (r->count) qsort_r(r->configurations, r->count, sizeof *r->configurations, compare_configurations, &objective);
    return CF_OK;
}

void results_free(TuneResults *results) {
    for (size_t i = 0; i < results->count; i++) {
        Configuration *c = &results->configurations[i];
        for (int v = 0; v < results->space.count && c->values; v++) free(c->values[v]);
        free(c->values);
        free(c->trials);
    }
    free(results->configurations);
    for (size_t i = 0; i < results->list.count && results->curves; i++) free(results->curves[i].epochs);
    free(results->curves);
    trial_list_free(&results->list);
    space_free(&results->space);
    json_decref(results->settings);
    free(results->data);
    *results = (TuneResults){0};
}

/* ---- From a folder ---- */

cf_status results_read(const char *folder, TuneResults *results) {
    AUTO(store_close_at) Store *store = NULL;
    AUTO(results_free) TuneResults made = {0};
    FORWARD(store_open_existing(folder, &store));
    FORWARD(store_begin_reading(store));
    FORWARD(store_space(store, &made.space));
    FORWARD(store_settings(store, &made.settings));
    FORWARD(store_data_name(store, &made.data));
    FORWARD(store_trials(store, &made.space, &made.list));
    FORWARD(memory_new(made.list.count, sizeof *made.curves, &made.curves));
    for (size_t i = 0; i < made.list.count; i++)
        FORWARD(store_epochs(store, made.list.trials[i].id, &made.curves[i].epochs, &made.curves[i].count));
    FORWARD(results_complete(&made, objective_of_settings(made.settings)));
    /* Of the two that results_compare sets beside each other. */
    for (size_t c = 0; c < made.count && c < 2; c++)
        for (size_t i = 0; i < made.configurations[c].count; i++) {
            Trial *trial = &made.list.trials[made.configurations[c].trials[i]->id - 1];
            if (trial->state == TRIAL_DONE) FORWARD(store_correct(store, trial));
        }
    *results = made;
    made = (TuneResults){0};
    return CF_OK;
}

const Configuration *results_best(const TuneResults *results) {
    return results->count && results->configurations[0].done ? &results->configurations[0] : NULL;
}

const char *configuration_label(const TuneResults *results, const Configuration *configuration, int i) {
    const SpaceParameter *p = &results->space.parameters[i];
    return p->kind == PARAMETER_LIST ? p->labels[(int)configuration->trials[0]->point.values[i]]
                                     : configuration->values[i];
}

void configuration_text(const TuneResults *results, const Configuration *configuration, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < results->space.count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s %s", i ? ", " : "", results->space.parameters[i].name,
                                 configuration_label(results, configuration, i));
}
