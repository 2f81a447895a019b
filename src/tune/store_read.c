/* Rows of a store. Whatever stands in them, numbers are in range, texts have an end, and a message names the row. */
#include "tune/store_row.h"

#include "base/json_memory.h"
#include "base/limits.h"
#include "base/memory.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows are counted first; more of them than that are left for the next look. */
static cf_status count_rows(Store *store, const char *sql, int64_t value, const char *types, size_t most,
                            size_t *count) {
    sqlite3_stmt *statement;
    bool row;
    FORWARD(store_prepare(store, &statement, sql, types, value));
    FORWARD(store_step(store, statement, &row));
    *count = row ? (size_t)sqlite3_column_int64(statement, 0) : 0;
    if (row) sqlite3_finalize(statement);
    FAIL_IF(*count > most, CF_BAD_INPUT, "%s: at most %zu rows expected, found %zu (%s)", store->path, most, *count,
            sql);
    return CF_OK;
}

/* ---- Trials ---- */

static cf_status read_point(const Row *row, const Space *space, SpacePoint *point) {
    const char *found = (const char *)sqlite3_column_text(row->s, 1);
    if (sqlite3_column_bytes(row->s, 1) > MOST_STORE_TEXT) return row_refuse(row, 1, "a shorter text");
    json_memory_begin();
    json_t *json = json_loads(found ? found : "", 0, NULL);
    cf_status status = space_point_from_json(space, json, point);
    if (json_memory_failed()) status = FAIL(CF_NO_MEMORY, "out of memory while reading a configuration");
    json_decref(json);
    return status ? status_prefix(status, "%s, %s", row->store->path, row->name) : CF_OK;
}

static cf_status read_state(const Row *row, TrialState *state) {
    const char *word = (const char *)sqlite3_column_text(row->s, 4);
    for (int i = 0; trial_state_words[i]; i++) {
        if (!word || strcmp(trial_state_words[i], word) != 0) continue;
        *state = (TrialState)i;
        return CF_OK;
    }
    return row_refuse(row, 4, "waiting, running, done, pruned or failed");
}

static cf_status read_sha256(const Row *row, char sha256[SHA256_HEX]) {
    const char *found = (const char *)sqlite3_column_text(row->s, 13);
    if (!found) return CF_OK;
    const size_t length = strlen(found);
    if (length >= SHA256_HEX || strspn(found, "0123456789abcdef") != length)
        return row_refuse(row, 13, "hexadecimal digits");
    memcpy(sha256, found, length + 1);
    return CF_OK;
}

/* How many images `correct` has; -1 stands for what is no blob. */
static cf_status read_correct_count(const Row *row, Trial *trial) {
    int count;
    FORWARD(row_whole(row, 14, MOST_STORE_VALUE, &count));
    trial->correct_count = (size_t)count;
    return CF_OK;
}

/* Trials are numbered from 1 without a gap: others find them by number. */
static cf_status read_trial(const Row *row, const Space *space, int id, Trial *t) {
    FORWARD(row_whole(row, 0, MOST_TRIALS, &t->id));
    FAIL_IF(t->id != id, CF_BAD_INPUT, "%s: trial %d expected, found trial %d", row->store->path, id, t->id);
    t->seed = (uint64_t)sqlite3_column_int64(row->s, 2);
    FORWARD(row_whole(row, 3, id - 1, &t->repeats));
    FORWARD(row_whole(row, 5, MOST_EPOCHS, &t->budget));
    FORWARD(row_whole(row, 9, MOST_EPOCHS, &t->epochs_run));
    FORWARD(row_whole(row, 8, t->epochs_run, &t->best_epoch));
    FORWARD(row_loss(row, 10, &t->validation_loss));
    if (!t->best_epoch) t->validation_loss = INFINITY;
    FORWARD(row_share(row, 11, &t->validation_accuracy));
    FORWARD(row_seconds(row, 12, &t->seconds));
    FORWARD(read_sha256(row, t->weights_sha256));
    FORWARD(read_point(row, space, &t->point));
    FORWARD(read_state(row, &t->state));
    FORWARD(row_text(row, 6, &t->worker));
    FORWARD(row_text(row, 7, &t->reason));
    return read_correct_count(row, t);
}

static cf_status read_trials(Store *store, const Space *space, sqlite3_stmt *s, size_t room, TrialList *list) {
    Row row = {.store = store, .s = s};
    bool more;
    for (;;) {
        FORWARD(store_step(store, s, &more));
        if (!more) return CF_OK;
        if (list->count == room) continue;
        const int id = (int)++list->count;
        snprintf(row.name, sizeof row.name, "trial %d", id);
        const cf_status status = read_trial(&row, space, id, &list->trials[id - 1]);
        if (!status) continue;
        sqlite3_finalize(s);
        return status;
    }
}

/* SQLite tells the length of a blob without reading it. */
cf_status store_trials(Store *store, const Space *space, TrialList *list) {
    sqlite3_stmt *statement;
    TrialList made = {0};
    size_t room = 0;
    FORWARD(count_rows(store, "SELECT count(*) FROM trials", 0, "", MOST_TRIALS, &room));
    FORWARD(memory_new(room, sizeof *made.trials, &made.trials));
    cf_status status = store_prepare(
        store, &statement,
        "SELECT id, point, seed, repeats, state, budget, worker, reason, best_epoch, epochs_run, validation_loss, "
        "validation_accuracy, seconds, weights_sha256, "
        "CASE WHEN typeof(correct) IN ('blob', 'null') THEN length(correct) ELSE -1 END AS correct FROM trials ORDER "
        "BY id",
        "");
    if (!status) status = read_trials(store, space, statement, room, &made);
    if (status)
        trial_list_free(&made);
    else
        *list = made;
    return status;
}

static cf_status take_correct(const Row *row, Trial *trial) {
    const unsigned char *bytes = sqlite3_column_blob(row->s, 0);
    const size_t count = (size_t)sqlite3_column_bytes(row->s, 0);
    if (!bytes) return CF_OK;
    for (size_t i = 0; i < count; i++)
        FAIL_IF(bytes[i] > 1, CF_BAD_INPUT, "%s, %s: correct: 0 or 1 for each image expected, found %d for image %zu",
                row->store->path, row->name, bytes[i], i);
    FORWARD(memory_new(count, 1, &trial->correct));
    memcpy(trial->correct, bytes, count);
    trial->correct_count = count;
    return CF_OK;
}

cf_status store_correct(Store *store, Trial *trial) {
    Row row = {.store = store};
    bool there;
    if (trial->correct) return CF_OK;
    snprintf(row.name, sizeof row.name, "trial %d", trial->id);
    FORWARD(store_prepare(store, &row.s, "SELECT correct FROM trials WHERE id = ?", "i", (int64_t)trial->id));
    FORWARD(store_step(store, row.s, &there));
    if (!there) return CF_OK;
    const cf_status status = take_correct(&row, trial);
    sqlite3_finalize(row.s);
    return status;
}

void trial_list_free(TrialList *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->trials[i].worker);
        free(list->trials[i].reason);
        free(list->trials[i].correct);
    }
    free(list->trials);
    *list = (TrialList){0};
}

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

/* ---- Epochs and jobs ---- */

static cf_status read_epoch(const Row *row, TrialEpoch *e) {
    FORWARD(row_whole(row, 0, MOST_EPOCHS, &e->epoch));
    FORWARD(row_number(row, 1, 0, LARGEST_LOSS, &e->rate));
    FORWARD(row_loss(row, 2, &e->train_loss));
    FORWARD(row_share(row, 3, &e->train_accuracy));
    FORWARD(row_loss(row, 4, &e->validation_loss));
    FORWARD(row_share(row, 5, &e->validation_accuracy));
    return row_seconds(row, 6, &e->seconds);
}

static cf_status read_job(const Row *row, Job *job) {
    int done, over;
    FORWARD(row_whole(row, 0, MOST_JOBS, &job->number));
    FORWARD(row_whole(row, 1, INT_MAX, &job->trial));
    FORWARD(row_whole(row, 2, MOST_EPOCHS, &job->budget));
    FORWARD(row_whole(row, 3, 1, &done));
    FORWARD(row_number(row, 4, -LARGEST_LOSS, INFINITY, &job->loss));
    FORWARD(row_whole(row, 5, 1, &over));
    job->done = done, job->over = over;
    return CF_OK;
}

/* Rows of one kind into an array; exactly one of the two is there. */
typedef struct Rows {
    TrialEpoch *epochs;
    Job *jobs;
    size_t room, count;
} Rows;

static cf_status read_rows(Store *store, const char *sql, const char *types, int64_t value, Rows *rows) {
    Row row = {.store = store};
    bool more = true;
    FORWARD(store_prepare(store, &row.s, sql, types, value));
    while (more) {
        FORWARD(store_step(store, row.s, &more));
        if (!more || rows->count == rows->room) continue;
        if (rows->jobs)
            snprintf(row.name, sizeof row.name, "job %zu", rows->count);
        else
            snprintf(row.name, sizeof row.name, "trial %lld, row %zu", (long long)value, rows->count + 1);
        cf_status status =
            rows->jobs ? read_job(&row, &rows->jobs[rows->count]) : read_epoch(&row, &rows->epochs[rows->count]);
        rows->count++;
        if (!status) continue;
        sqlite3_finalize(row.s);
        return status;
    }
    return CF_OK;
}

cf_status store_epochs(Store *store, int trial, TrialEpoch **epochs, int *count) {
    Rows rows = {0};
    FORWARD(count_rows(store, "SELECT count(*) FROM epochs WHERE trial = ?", trial, "i", MOST_EPOCHS, &rows.room));
    FORWARD(memory_new(rows.room, sizeof *rows.epochs, &rows.epochs));
    const cf_status status = read_rows(store,
                                       "SELECT epoch, rate, train_loss, train_accuracy, validation_loss, "
                                       "validation_accuracy, seconds FROM epochs WHERE trial = ? ORDER BY epoch",
                                       "i", trial, &rows);
    if (status) {
        free(rows.epochs);
        return status;
    }
    *epochs = rows.epochs;
    *count = (int)rows.count;
    return CF_OK;
}

cf_status store_jobs(Store *store, Job **jobs, int *count) {
    Rows rows = {0};
    FORWARD(count_rows(store, "SELECT count(*) FROM jobs", 0, "", MOST_JOBS, &rows.room));
    FORWARD(memory_new(rows.room, sizeof *rows.jobs, &rows.jobs));
    const cf_status status =
        read_rows(store, "SELECT number, trial, budget, done, loss, over FROM jobs ORDER BY number", "", 0, &rows);
    if (status) {
        free(rows.jobs);
        return status;
    }
    *jobs = rows.jobs;
    *count = (int)rows.count;
    return CF_OK;
}
