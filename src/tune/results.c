#include "tune/results.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Configurations of trials ---- */

static cf_status name_values(const TuneResults *r, Configuration *c) {
    FORWARD(memory_new((size_t)r->space.count, sizeof *c->values, &c->values));
    for (int i = 0; i < r->space.count; i++) {
        char number[SPACE_NUMBER];
        FORWARD(memory_copy_string(space_value(&r->space, &c->trials[0]->point, i, number), &c->values[i]));
    }
    return CF_OK;
}

/* The search's trials open configurations; repeats join the one that they name. */
static cf_status group(TuneResults *r) {
    size_t *place; /* by id */
    cf_status status = CF_OK;
    int most = 0;
    for (size_t i = 0; i < r->list.count; i++)
        if (r->list.trials[i].id > most) most = r->list.trials[i].id;
    FORWARD(memory_new((size_t)most + 1, sizeof *place, &place));
    FORWARD_TO(done, memory_new(r->list.count, sizeof *r->configurations, &r->configurations));
    for (size_t i = 0; i < r->list.count; i++) {
        const Trial *t = &r->list.trials[i];
        const bool repeats = t->repeats > 0 && t->repeats <= most && place[t->repeats];
        const size_t at = repeats ? place[t->repeats] - 1 : r->count++;
        Configuration *c = &r->configurations[at];
        if (!repeats) place[t->id] = at + 1;
        const Trial **grown = realloc(c->trials, (c->count + 1) * sizeof *grown);
        if (!grown) {
            status = FAIL(CF_NO_MEMORY, "out of memory while sorting %zu trials", r->list.count);
            goto done;
        }
        c->trials = grown;
        c->trials[c->count++] = t;
    }
    for (size_t i = 0; i < r->count; i++) FORWARD_TO(done, name_values(r, &r->configurations[i]));
done:
    free(place);
    return status;
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
    double *values;
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
    free(values);
    return CF_OK;
}

/* 0 repeated, 1 done, 2 with a loss so far, 3 without, 4 failed. */
static int class_of(const Configuration *c) {
    return c->done > 1 ? 0 : c->done ? 1 : c->loss.count ? 2 : c->failed ? 4 : 3;
}

/* By the objective, of equal accuracies by the loss, then by id. */
static int compare(const void *a, const void *b, void *objective) {
    const Configuration *one = a, *other = b;
    const int first = class_of(one), second = class_of(other);
    if (first != second) return first - second;
    if (one->loss.count && *(TuneObjective *)objective == OBJECTIVE_ACCURACY &&
        one->accuracy.mean != other->accuracy.mean)
        return one->accuracy.mean > other->accuracy.mean ? -1 : 1;
    if (one->loss.count && one->loss.mean != other->loss.mean) return one->loss.mean < other->loss.mean ? -1 : 1;
    return one->trials[0]->id - other->trials[0]->id;
}

static int by_number(const void *a, const void *b) {
    const double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static cf_status find_far(TuneResults *r) {
    double *losses;
    size_t n = 0;
    r->far = INFINITY;
    FORWARD(memory_new(r->count, sizeof *losses, &losses));
    for (size_t i = 0; i < r->count; i++)
        if (isfinite(r->configurations[i].loss.mean)) losses[n++] = r->configurations[i].loss.mean;
    qsort(losses, n, sizeof *losses, by_number);
    if (n) r->far = FAR_AWAY * losses[(n - 1) / 2];
    free(losses);
    return CF_OK;
}

static void count_all(TuneResults *r) {
    for (size_t i = 0; i < r->list.count; i++) {
        const Trial *t = &r->list.trials[i];
        r->done += t->state == TRIAL_DONE;
        r->pruned += t->state == TRIAL_PRUNED;
        r->failed += t->state == TRIAL_FAILED;
        r->seconds += t->seconds;
        if (t->correct_count > r->images) r->images = t->correct_count;
    }
    for (size_t i = 0; i < r->count; i++)
        if (r->configurations[i].done > r->seeds) r->seeds = r->configurations[i].done;
}

const char *results_objective(const TuneResults *results) {
    return results->objective == OBJECTIVE_ACCURACY ? "validation accuracy" : "validation loss";
}

cf_status results_new(Space *space, TrialList *list, TrialCurve *curves, TuneObjective objective,
                      TuneResults *results) {
    TuneResults made = {.space = *space, .objective = objective, .list = *list, .curves = curves};
    cf_status status;
    *space = (Space){0}, *list = (TrialList){0};
    FORWARD_TO(failed, group(&made));
    for (size_t i = 0; i < made.count; i++) FORWARD_TO(failed, measure(&made.configurations[i]));
    if (made.count) qsort_r(made.configurations, made.count, sizeof *made.configurations, compare, &objective);
    FORWARD_TO(failed, find_far(&made));
    count_all(&made);
    *results = made;
    return CF_OK;
failed:
    results_free(&made);
    return status;
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

static cf_status read_curves(Store *store, const TrialList *list, TrialCurve **curves) {
    TrialCurve *made;
    FORWARD(memory_new(list->count, sizeof *made, &made));
    for (size_t i = 0; i < list->count; i++) {
        cf_status status = store_epochs(store, list->trials[i].id, &made[i].epochs, &made[i].count);
        if (status) {
            while (i) free(made[--i].epochs);
            free(made);
            return status;
        }
    }
    *curves = made;
    return CF_OK;
}

/* Of the two that results_compare sets beside each other. */
static cf_status read_correct(Store *store, TuneResults *results) {
    for (size_t c = 0; c < results->count && c < 2; c++)
        for (size_t i = 0; i < results->configurations[c].count; i++) {
            Trial *trial = &results->list.trials[results->configurations[c].trials[i]->id - 1];
            if (trial->state == TRIAL_DONE) FORWARD(store_correct(store, trial));
        }
    return CF_OK;
}

cf_status results_read(const char *folder, TuneResults *results) {
    Store *store = NULL;
    Space space = {0};
    TrialList list = {0};
    TrialCurve *curves = NULL;
    TuneResults made = {0};
    json_t *settings = NULL;
    char *data = NULL;
    cf_status status;
    FORWARD(store_open_existing(folder, &store));
    FORWARD_TO(done, store_keep_still(store));
    FORWARD_TO(done, store_space(store, &space));
    FORWARD_TO(done, store_settings(store, &settings));
    FORWARD_TO(done, store_data_name(store, &data));
    FORWARD_TO(done, store_trials(store, &space, &list));
    FORWARD_TO(done, read_curves(store, &list, &curves));
    FORWARD_TO(done, results_new(&space, &list, curves, objective_of_settings(settings), &made));
    made.settings = settings;
    made.data = data;
    settings = NULL, data = NULL;
    FORWARD_TO(done, read_correct(store, &made));
    *results = made;
    made = (TuneResults){0};
done:
    results_free(&made);
    free(data);
    json_decref(settings);
    store_close(store);
    trial_list_free(&list);
    space_free(&space);
    return status;
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
