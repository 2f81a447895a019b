/* What a store holds. Whatever stands in its rows, numbers are in range, texts have an end, and a message names the row, what is
 * expected and what is there. */
#include "tune/store_inside.h"

#include "base/json_text.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values of a row, column by column ---- */

typedef struct Row {
    const Store *store;
    sqlite3_stmt *statement;
    const Space *space; /* of trials */
    int column;         /* the one that was read last, from 0 */
    int number;         /* of the row, from 0 */
    char name[40];      /* "trial 7" */
} Row;

static cf_status refuse_value(const Row *row, const char *expected) {
    const char *found = (const char *)sqlite3_column_text(row->statement, row->column);
    return FAIL(CF_BAD_INPUT, "%s, %s: %s: %s expected, found %.40s", row->store->path, row->name,
                sqlite3_column_name(row->statement, row->column), expected, found ? found : "nothing");
}

/* A whole number from 0 to `most`; nothing is 0. */
static cf_status read_whole(Row *row, int most, int *value) {
    char expected[64];
    const int type = sqlite3_column_type(row->statement, ++row->column);
    const int64_t found = sqlite3_column_int64(row->statement, row->column);
    snprintf(expected, sizeof expected, "a whole number from 0 to %d", most);
    if (type != SQLITE_NULL && (type != SQLITE_INTEGER || found < 0 || found > most))
        return refuse_value(row, expected);
    *value = type == SQLITE_NULL ? 0 : (int)found;
    return CF_OK;
}

/* A number from `low` to `high`; nothing is 0. SQLite keeps no NaN. */
static cf_status read_number(Row *row, double low, double high, double *value) {
    char expected[64];
    const int type = sqlite3_column_type(row->statement, ++row->column);
    *value = sqlite3_column_double(row->statement, row->column);
    snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
    const bool right = (type == SQLITE_FLOAT || type == SQLITE_INTEGER) && *value >= low && *value <= high;
    return type == SQLITE_NULL || right ? CF_OK : refuse_value(row, expected);
}

static cf_status read_loss(Row *row, double *value) {
    return read_number(row, -LARGEST_LOSS, LARGEST_LOSS, value);
}

static cf_status read_share(Row *row, double *value) {
    return read_number(row, 0, 1, value);
}

static cf_status read_seconds(Row *row, double *value) {
    return read_number(row, 0, 1e12, value);
}

/* *found: the row's own; NULL: nothing. */
static cf_status read_bytes(Row *row, const char **found) {
    *found = (const char *)sqlite3_column_text(row->statement, ++row->column);
    return sqlite3_column_bytes(row->statement, row->column) > MOST_STORE_TEXT ? refuse_value(row, "a shorter text")
                                                                               : CF_OK;
}

/* In a new string that can go to a terminal; *value stays as it is where there is nothing. */
static cf_status read_text(Row *row, char **value) {
    const char *found;
    FORWARD(read_bytes(row, &found));
    if (!found) return CF_OK;
    FORWARD(memory_copy_string(found, value));
    text_replace_controls(*value);
    return CF_OK;
}

static cf_status read_point(Row *row, SpacePoint *point) {
    json_auto_t *json = NULL;
    const char *found;
    FORWARD(read_bytes(row, &found));
    FORWARD(json_from_text(found ? found : "", "a configuration", NULL, &json));
    const cf_status status = space_point_from_json(row->space, json, point);
    return status ? status_prefix(status, "%s, %s", row->store->path, row->name) : CF_OK;
}

static cf_status read_state(Row *row, TrialState *state) {
    const char *word;
    FORWARD(read_bytes(row, &word));
    for (int i = 0; word && trial_state_words[i]; i++) {
        if (strcmp(trial_state_words[i], word) != 0) continue;
        *state = (TrialState)i;
        return CF_OK;
    }
    return refuse_value(row, "waiting, running, done, pruned or failed");
}

static cf_status read_sha256(Row *row, char sha256[SHA256_HEX]) {
    const char *found;
    FORWARD(read_bytes(row, &found));
    const size_t length = found ? strlen(found) : 0;
    if (length >= SHA256_HEX || (found && strspn(found, "0123456789abcdef") != length))
        return refuse_value(row, "hexadecimal digits");
    if (found) memcpy(sha256, found, length + 1);
    return CF_OK;
}

/* ---- Rows ---- */

/* Trials are numbered from 1 without a gap: others find them by number. */
static cf_status read_trial(Row *row, void *to) {
    Trial *t = to;
    const int id = row->number + 1;
    int images;
    snprintf(row->name, sizeof row->name, "trial %d", id);
    FORWARD(read_whole(row, MOST_TRIALS, &t->id));
    FAIL_IF(t->id != id, CF_BAD_INPUT, "%s: trial %d expected, found trial %d", row->store->path, id, t->id);
    FORWARD(read_point(row, &t->point));
    t->seed = (uint64_t)sqlite3_column_int64(row->statement, ++row->column);
    FORWARD(read_whole(row, id - 1, &t->repeats));
    FORWARD(read_state(row, &t->state));
    FORWARD(read_whole(row, MOST_EPOCHS, &t->budget));
    FORWARD(read_text(row, &t->worker));
    FORWARD(read_text(row, &t->reason));
    FORWARD(read_whole(row, MOST_EPOCHS, &t->epochs_run));
    FORWARD(read_whole(row, t->epochs_run, &t->best_epoch));
    FORWARD(read_loss(row, &t->validation_loss));
    if (!t->best_epoch) t->validation_loss = INFINITY;
    FORWARD(read_share(row, &t->validation_accuracy));
    FORWARD(read_seconds(row, &t->seconds));
    FORWARD(read_sha256(row, t->weights_sha256));
    FORWARD(read_whole(row, MOST_STORE_VALUE, &images));
    t->correct_count = (size_t)images;
    return CF_OK;
}

static cf_status read_epoch(Row *row, void *to) {
    TrialEpoch *e = to;
    snprintf(row->name + strcspn(row->name, ","), 20, ", row %d", row->number + 1);
    FORWARD(read_whole(row, MOST_EPOCHS, &e->epoch));
    FORWARD(read_number(row, 0, LARGEST_LOSS, &e->rate));
    FORWARD(read_loss(row, &e->train_loss));
    FORWARD(read_share(row, &e->train_accuracy));
    FORWARD(read_loss(row, &e->validation_loss));
    FORWARD(read_share(row, &e->validation_accuracy));
    return read_seconds(row, &e->seconds);
}

static cf_status read_job(Row *row, void *to) {
    Job *job = to;
    int done, over;
    snprintf(row->name, sizeof row->name, "job %d", row->number);
    FORWARD(read_whole(row, MOST_JOBS, &job->number));
    FORWARD(read_whole(row, INT_MAX, &job->trial));
    FORWARD(read_whole(row, MOST_EPOCHS, &job->budget));
    FORWARD(read_whole(row, 1, &done));
    FORWARD(read_number(row, -LARGEST_LOSS, INFINITY, &job->loss));
    FORWARD(read_whole(row, 1, &over));
    job->done = done, job->over = over;
    return CF_OK;
}

/* What is read of a table, and into what. */
typedef struct RowKind {
    const char *columns, *from, *order;
    size_t size; /* of a row read */
    int most;
    cf_status (*read)(Row *row, void *to);
} RowKind;

/* SQLite tells the length of a blob without reading it; -1 stands for what is no blob. */
static const RowKind trial_rows = {
    "id, point, seed, repeats, state, budget, worker, reason, epochs_run, best_epoch, validation_loss, "
    "validation_accuracy, seconds, weights_sha256, "
    "CASE WHEN typeof(correct) IN ('blob', 'null') THEN length(correct) ELSE -1 END AS correct",
    "trials",
    "id",
    sizeof(Trial),
    MOST_TRIALS,
    read_trial};
static const RowKind epoch_rows = {
    "epoch, rate, train_loss, train_accuracy, validation_loss, validation_accuracy, seconds",
    "epochs WHERE trial = ?",
    "epoch",
    sizeof(TrialEpoch),
    MOST_EPOCHS,
    read_epoch};
static const RowKind job_rows = {
    "number, trial, budget, done, loss, over", "jobs", "number", sizeof(Job), MOST_JOBS, read_job};

/* Rows are counted first; more of them than that are left for the next look. `types` and `value` are those of store_prepare. *count grows
 * with *rows, so that the caller can release them after a failure, too. */
static cf_status read_rows(Store *store, const RowKind *kind, Row *row, const char *types, int64_t value, void **rows,
                           int *count) {
    AUTO(statement_free) sqlite3_stmt *counting = NULL, *reading = NULL;
    char sql[480];
    bool more;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", kind->from);
    FORWARD(store_prepare(store, &counting, sql, types, value));
    FORWARD(store_step(store, counting, &more));
    const int64_t there = sqlite3_column_int64(counting, 0);
    FAIL_IF(there > kind->most, CF_BAD_INPUT, "%s: at most %d rows expected, found %lld (%s)", store->path, kind->most,
            (long long)there, sql);
    FORWARD(memory_new((size_t)there, kind->size, rows));
    snprintf(sql, sizeof sql, "SELECT %s FROM %s ORDER BY %s", kind->columns, kind->from, kind->order);
    FORWARD(store_prepare(store, &reading, sql, types, value));
    row->store = store, row->statement = reading;
    while (*count < there) {
        FORWARD(store_step(store, reading, &more));
        if (!more) break;
        row->number = (*count)++;
        row->column = -1;
        FORWARD(kind->read(row, (char *)*rows + (size_t)row->number * kind->size));
    }
    return CF_OK;
}

cf_status store_trials(Store *store, const Space *space, TrialList *list) {
    AUTO(trial_list_free) TrialList made = {0};
    Row row = {.space = space};
    void *trials = NULL;
    int count = 0;
    const cf_status status = read_rows(store, &trial_rows, &row, "", 0, &trials, &count);
    made = (TrialList){trials, (size_t)count};
    FORWARD(status);
    *list = made;
    made = (TrialList){0};
    return CF_OK;
}

cf_status store_epochs(Store *store, int trial, TrialEpoch **epochs, int *count) {
    AUTO_FREE void *made = NULL;
    Row row = {.name = ""};
    snprintf(row.name, sizeof row.name, "trial %d", trial);
    *count = 0;
    FORWARD(read_rows(store, &epoch_rows, &row, "i", trial, &made, count));
    *epochs = memory_take(&made);
    return CF_OK;
}

cf_status store_jobs(Store *store, Job **jobs, int *count) {
    AUTO_FREE void *made = NULL;
    *count = 0;
    FORWARD(read_rows(store, &job_rows, &(Row){.name = ""}, "", 0, &made, count));
    *jobs = memory_take(&made);
    return CF_OK;
}

cf_status store_correct(Store *store, Trial *trial) {
    AUTO(statement_free) sqlite3_stmt *statement = NULL;
    bool there;
    if (trial->correct) return CF_OK;
    FORWARD(store_prepare(store, &statement, "SELECT correct FROM trials WHERE id = ?", "i", (int64_t)trial->id));
    FORWARD(store_step(store, statement, &there));
    const unsigned char *bytes = there ? sqlite3_column_blob(statement, 0) : NULL;
    const size_t count = bytes ? (size_t)sqlite3_column_bytes(statement, 0) : 0;
    if (!bytes) return CF_OK;
    for (size_t i = 0; i < count; i++)
        FAIL_IF(bytes[i] > 1, CF_BAD_INPUT,
                "%s, trial %d: correct: 0 or 1 for each image expected, found %d for image %zu", store->path, trial->id,
                bytes[i], i);
    FORWARD(memory_copy(bytes, count, 1, &trial->correct));
    trial->correct_count = count;
    return CF_OK;
}

void trial_free(Trial *trial) {
    free(trial->worker);
    free(trial->reason);
    free(trial->correct);
}

void trial_list_free(TrialList *list) {
    for (size_t i = 0; i < list->count; i++) trial_free(&list->trials[i]);
    free(list->trials);
    *list = (TrialList){0};
}

/* ---- Trials and jobs that fit together ---- */

void view_free(TuneView *view) {
    trial_list_free(&view->list);
    free(view->jobs);
    *view = (TuneView){0};
}

const Trial *view_trial(const TuneView *view, int id) {
    return id >= 1 && (size_t)id <= view->list.count ? &view->list.trials[id - 1] : NULL;
}

cf_status store_view(Store *store, const Space *space, TuneView *view) {
    AUTO(view_free) TuneView made = {0};
    FORWARD(store_trials(store, space, &made.list));
    FORWARD(store_jobs(store, &made.jobs, &made.count));
    for (int j = 0; j < made.count; j++) {
        const Job *job = &made.jobs[j];
        const Trial *trial = view_trial(&made, job->trial);
        FAIL_IF(job->number != j || (job->trial && !trial), CF_BAD_INPUT, "%s: job %d is damaged", store->path,
                job->number);
        made.search += !trial || !trial->repeats;
    }
    *view = made;
    made = (TuneView){0};
    return CF_OK;
}

/* ---- Which trial is the better one ---- */

TuneObjective objective_of(cf_stop_on stop_on) {
    return stop_on == CF_STOP_ON_ACCURACY ? OBJECTIVE_ACCURACY : OBJECTIVE_LOSS;
}

TuneObjective objective_of_settings(const json_t *settings) {
    const char *word = json_string_value(json_object_get(json_object_get(settings, "search"), "objective"));
    return word && strcmp(word, "accuracy") == 0 ? OBJECTIVE_ACCURACY : OBJECTIVE_LOSS;
}

int trial_compare(const Trial *a, const Trial *b, TuneObjective objective) {
    if (objective == OBJECTIVE_ACCURACY && a->validation_accuracy != b->validation_accuracy)
        return a->validation_accuracy > b->validation_accuracy ? -1 : 1;
    if (a->validation_loss != b->validation_loss) return a->validation_loss < b->validation_loss ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

const Trial *trial_best(const TrialList *list, TuneObjective objective) {
    const Trial *best = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const Trial *t = &list->trials[i];
        if (t->state == TRIAL_DONE && !t->repeats && (!best || trial_compare(t, best, objective) < 0)) best = t;
    }
    return best;
}
