#include "tune/store_inside.h"

#include "base/json_memory.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static cf_status count_rows(Store *store, const char *sql, int64_t value, const char *types, size_t *count) {
    sqlite3_stmt *statement;
    bool row;
    FORWARD(store_prepare(store, &statement, sql, types, value));
    FORWARD(store_step(store, statement, &row));
    *count = row ? (size_t)sqlite3_column_int64(statement, 0) : 0;
    if (row) sqlite3_finalize(statement);
    return CF_OK;
}

/* ---- Trials ---- */

static cf_status copy_column(sqlite3_stmt *s, int column, char **text) {
    const char *value = (const char *)sqlite3_column_text(s, column);
    if (!value) return CF_OK;
    return memory_copy_string(value, text);
}

static cf_status read_point(Store *store, const Space *space, sqlite3_stmt *s, Trial *trial) {
    const char *text = (const char *)sqlite3_column_text(s, 1);
    json_memory_begin();
    json_t *json = json_loads(text ? text : "", 0, NULL);
    cf_status status = space_point_from_json(space, json, &trial->point);
    if (json_memory_failed()) status = FAIL(CF_NO_MEMORY, "out of memory while reading a configuration");
    json_decref(json);
    return status ? status_prefix(status, "%s, trial %d", store->path, trial->id) : CF_OK;
}

static cf_status read_state(Store *store, sqlite3_stmt *s, Trial *trial) {
    const char *word = (const char *)sqlite3_column_text(s, 4);
    for (int i = 0; trial_state_words[i]; i++) {
        if (!word || strcmp(trial_state_words[i], word) != 0) continue;
        trial->state = (TrialState)i;
        return CF_OK;
    }
    return FAIL(CF_BAD_INPUT, "%s, trial %d: unknown state %s", store->path, trial->id, word ? word : "NULL");
}

static cf_status read_correct(sqlite3_stmt *s, Trial *trial) {
    const void *bytes = sqlite3_column_blob(s, 14);
    if (!bytes) return CF_OK;
    trial->correct_count = (size_t)sqlite3_column_bytes(s, 14);
    FORWARD(memory_new(trial->correct_count, 1, &trial->correct));
    memcpy(trial->correct, bytes, trial->correct_count);
    return CF_OK;
}

static cf_status read_trial(Store *store, const Space *space, sqlite3_stmt *s, Trial *t) {
    t->id = sqlite3_column_int(s, 0);
    t->seed = (uint64_t)sqlite3_column_int64(s, 2);
    t->repeats = sqlite3_column_int(s, 3);
    t->budget = sqlite3_column_int(s, 5);
    t->best_epoch = sqlite3_column_int(s, 8);
    t->epochs_run = sqlite3_column_int(s, 9);
    t->validation_loss = t->best_epoch ? sqlite3_column_double(s, 10) : INFINITY;
    t->validation_accuracy = sqlite3_column_double(s, 11);
    t->seconds = sqlite3_column_double(s, 12);
    const char *sha256 = (const char *)sqlite3_column_text(s, 13);
    snprintf(t->weights_sha256, sizeof t->weights_sha256, "%s", sha256 ? sha256 : "");
    FORWARD(read_point(store, space, s, t));
    FORWARD(read_state(store, s, t));
    FORWARD(copy_column(s, 6, &t->worker));
    FORWARD(copy_column(s, 7, &t->reason));
    return read_correct(s, t);
}

static cf_status read_trials(Store *store, const Space *space, sqlite3_stmt *s, size_t room, TrialList *list) {
    bool row;
    for (;;) {
        FORWARD(store_step(store, s, &row));
        if (!row) return CF_OK;
        /* Trials that came between the counting and now are left for the next look. */
        cf_status status = list->count < room ? read_trial(store, space, s, &list->trials[list->count++]) : CF_OK;
        if (status) {
            sqlite3_finalize(s);
            return status;
        }
    }
}

/* The last column is `correct`, or NULL. */
static cf_status select_trials(Store *store, const Space *space, const char *sql, TrialList *list) {
    sqlite3_stmt *statement;
    TrialList made = {0};
    size_t room;
    FORWARD(count_rows(store, "SELECT count(*) FROM trials", 0, "", &room));
    FORWARD(memory_new(room, sizeof *made.trials, &made.trials));
    cf_status status = store_prepare(store, &statement, sql, "");
    if (!status) status = read_trials(store, space, statement, room, &made);
    if (status)
        trial_list_free(&made);
    else
        *list = made;
    return status;
}

#define SELECT_TRIALS(last)                                                                                            \
    "SELECT id, point, seed, repeats, state, budget, worker, reason, best_epoch, epochs_run, validation_loss, "        \
    "validation_accuracy, seconds, weights_sha256, " last " FROM trials ORDER BY id"

cf_status store_trials(Store *store, const Space *space, TrialList *list) {
    return select_trials(store, space, SELECT_TRIALS("correct"), list);
}

cf_status store_trials_brief(Store *store, const Space *space, TrialList *list) {
    return select_trials(store, space, SELECT_TRIALS("NULL"), list);
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

const Trial *trial_best(const TrialList *list) {
    const Trial *best = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const Trial *t = &list->trials[i];
        if (t->state == TRIAL_DONE && !t->repeats && (!best || t->validation_loss < best->validation_loss)) best = t;
    }
    return best;
}

/* ---- Epochs and jobs ---- */

cf_status store_epochs(Store *store, int trial, TrialEpoch **epochs, int *count) {
    sqlite3_stmt *s;
    TrialEpoch *made;
    size_t room;
    bool row = true;
    int n = 0;
    FORWARD(count_rows(store, "SELECT count(*) FROM epochs WHERE trial = ?", trial, "i", &room));
    FORWARD(memory_new(room, sizeof *made, &made));
    cf_status status = store_prepare(store, &s,
                                     "SELECT epoch, rate, train_loss, train_accuracy, validation_loss, "
                                     "validation_accuracy, seconds FROM epochs WHERE trial = ? ORDER BY epoch",
                                     "i", (int64_t)trial);
    while (!status && row) {
        status = store_step(store, s, &row);
        if (status || !row || (size_t)n >= room) continue;
        made[n++] = (TrialEpoch){sqlite3_column_int(s, 0),    sqlite3_column_double(s, 1), sqlite3_column_double(s, 2),
                                 sqlite3_column_double(s, 3), sqlite3_column_double(s, 4), sqlite3_column_double(s, 5),
                                 sqlite3_column_double(s, 6)};
    }
    if (status) {
        free(made);
        return status;
    }
    *epochs = made;
    *count = n;
    return CF_OK;
}

cf_status store_jobs(Store *store, Job **jobs, int *count) {
    sqlite3_stmt *s;
    Job *made;
    size_t room;
    bool row = true;
    int n = 0;
    FORWARD(count_rows(store, "SELECT count(*) FROM jobs", 0, "", &room));
    FORWARD(memory_new(room, sizeof *made, &made));
    cf_status status =
        store_prepare(store, &s, "SELECT number, trial, budget, done, loss, over FROM jobs ORDER BY number", "");
    while (!status && row) {
        status = store_step(store, s, &row);
        if (status || !row || (size_t)n >= room) continue;
        made[n++] = (Job){sqlite3_column_int(s, 0),      sqlite3_column_int(s, 1),    sqlite3_column_int(s, 2),
                          sqlite3_column_int(s, 3) != 0, sqlite3_column_double(s, 4), sqlite3_column_int(s, 5) != 0};
    }
    if (status) {
        free(made);
        return status;
    }
    *jobs = made;
    *count = n;
    return CF_OK;
}
