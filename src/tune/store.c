/* Statements, and what a tune writes. */
#include "tune/store.h"

#include "base/json_memory.h"
#include "base/memory.h"
#include "tune/store_inside.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const trial_state_words[] = {"waiting", "running", "done", "pruned", "failed", NULL};

/* ---- SQLite ---- */

cf_status store_fail(Store *store, const char *doing) {
    int code = sqlite3_errcode(store->db);
    if (code == SQLITE_BUSY)
        return FAIL(CF_IO,
                    "%s: another process has held it for %d seconds (%s); is a program stopped in the middle of it?",
                    store->path, STORE_BUSY_MILLISECONDS / 1000, doing);
    /* Beyond a limit, or longer at work than any sound file takes: a file made to be so. */
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_TOOBIG || code == SQLITE_INTERRUPT ||
        code == SQLITE_ERROR)
        return FAIL(CF_BAD_INPUT, "%s is damaged, or not made by cifra tune (%s): %s", store->path, doing,
                    sqlite3_errmsg(store->db));
    /* SQLite's own message may tell of what it was at instead. */
    FAIL_IF(code == SQLITE_NOMEM, CF_NO_MEMORY, "%s: out of memory (%s)", store->path, doing);
    return FAIL(CF_IO, "%s: %s (%s)", store->path, sqlite3_errmsg(store->db), doing);
}

static int bind_values(sqlite3_stmt *statement, const char *types, va_list values) {
    int code = SQLITE_OK;
    for (int i = 1; *types && code == SQLITE_OK; types++, i++) {
        if (*types == 'i') code = sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
        if (*types == 'd') code = sqlite3_bind_double(statement, i, va_arg(values, double));
        if (*types == 't') code = sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
        if (*types == 'b') {
            const void *bytes = va_arg(values, const void *);
            size_t size = va_arg(values, size_t);
            code = sqlite3_bind_blob64(statement, i, bytes, size, SQLITE_TRANSIENT);
        }
    }
    return code;
}

static cf_status prepare_list(Store *store, sqlite3_stmt **statement, const char *sql, const char *types,
                              va_list values) {
    if (sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) != SQLITE_OK) return store_fail(store, sql);
    if (bind_values(*statement, types, values) == SQLITE_OK) return CF_OK;
    cf_status status = store_fail(store, sql);
    sqlite3_finalize(*statement);
    return status;
}

cf_status store_prepare(Store *store, sqlite3_stmt **statement, const char *sql, const char *types, ...) {
    va_list values;
    va_start(values, types);
    cf_status status = prepare_list(store, statement, sql, types, values);
    va_end(values);
    return status;
}

cf_status store_step(Store *store, sqlite3_stmt *statement, bool *row) {
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (*row) return CF_OK;
    cf_status status = code == SQLITE_DONE ? CF_OK : store_fail(store, sqlite3_sql(statement));
    sqlite3_finalize(statement);
    return status;
}

cf_status store_run(Store *store, const char *sql, const char *types, ...) {
    sqlite3_stmt *statement;
    bool row = true;
    va_list values;
    va_start(values, types);
    cf_status status = prepare_list(store, &statement, sql, types, values);
    va_end(values);
    while (!status && row) status = store_step(store, statement, &row);
    return status;
}

cf_status store_begin(Store *store) {
    return store_run(store, "BEGIN IMMEDIATE", "");
}

cf_status store_keep_still(Store *store) {
    return store_run(store, "BEGIN", "");
}

cf_status store_commit(Store *store) {
    return store_run(store, "COMMIT", "");
}

void store_rollback(Store *store) {
    if (!sqlite3_get_autocommit(store->db)) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

cf_status store_end_with(Store *store, cf_status status) {
    if (!status) status = store_commit(store);
    if (status) store_rollback(store);
    return status;
}

/* ---- Writing ---- */

cf_status store_add_trial(Store *store, const Space *space, const Trial *trial) {
    json_t *json;
    json_memory_begin();
    FORWARD(space_point_json(space, &trial->point, &json));
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(json);
    if (json_memory_failed() || !text) {
        free(text);
        return FAIL(CF_NO_MEMORY, "out of memory while writing a configuration");
    }
    cf_status status = store_run(store, "INSERT INTO trials (id, point, seed, repeats, state) VALUES (?, ?, ?, ?, ?)",
                                 "itiit", (int64_t)trial->id, text, (int64_t)trial->seed, (int64_t)trial->repeats,
                                 trial_state_words[trial->state]);
    free(text);
    return status;
}

cf_status store_add_job(Store *store, const Job *job) {
    return store_run(store, "INSERT INTO jobs (number, trial, budget, done) VALUES (?, ?, ?, ?)", "iiii",
                     (int64_t)job->number, (int64_t)job->trial, (int64_t)job->budget, (int64_t)job->done);
}

cf_status store_mark_running(Store *store, const Job *job, const char *worker) {
    return store_run(store, "UPDATE trials SET state = 'running', budget = ?, worker = ? WHERE id = ?", "iti",
                     (int64_t)job->budget, worker, (int64_t)job->trial);
}

static cf_status record_epoch(Store *store, int trial, const TrialEpoch *e, bool best) {
    FORWARD(store_run(store, "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "iidddddd",
                      (int64_t)trial, (int64_t)e->epoch, e->rate, e->train_loss, e->train_accuracy, e->validation_loss,
                      e->validation_accuracy, e->seconds));
    if (best)
        FORWARD(store_run(store,
                          "UPDATE trials SET best_epoch = ?, validation_loss = ?, validation_accuracy = ? WHERE id = ?",
                          "iddi", (int64_t)e->epoch, e->validation_loss, e->validation_accuracy, (int64_t)trial));
    return store_run(store,
                     "UPDATE trials SET epochs_run = (SELECT max(epoch) FROM epochs WHERE trial = id), "
                     "seconds = seconds + ? WHERE id = ?",
                     "di", e->seconds, (int64_t)trial);
}

cf_status store_record_epoch(Store *store, int trial, const TrialEpoch *epoch, bool best) {
    FORWARD(store_begin(store));
    return store_end_with(store, record_epoch(store, trial, epoch, best));
}

/* What the trial reached stands in its row already, epoch by epoch. */
static cf_status finish(Store *store, const Job *job, const Trial *t, TuneObjective objective) {
    FORWARD(store_run(store,
                      "UPDATE trials SET state = ?, reason = ?, weights_sha256 = ?, correct = ?, seconds = seconds + ? "
                      "WHERE id = ?",
                      "tttbdi", trial_state_words[t->state], t->reason, t->weights_sha256[0] ? t->weights_sha256 : NULL,
                      t->correct, t->correct_count, t->seconds, (int64_t)job->trial));
    if (t->state == TRIAL_FAILED)
        return store_run(store, "UPDATE jobs SET done = 1, over = 1, loss = ? WHERE number = ?", "di", INFINITY,
                         (int64_t)job->number);
    return store_run(
        store,
        objective == OBJECTIVE_ACCURACY
            ? "UPDATE jobs SET done = 1, over = ?, loss = (SELECT 1 - validation_accuracy FROM trials WHERE "
              "id = trial) WHERE number = ?"
            : "UPDATE jobs SET done = 1, over = ?, loss = (SELECT validation_loss FROM trials WHERE id = "
              "trial) WHERE number = ?",
        "ii", (int64_t)(t->state != TRIAL_WAITING), (int64_t)job->number);
}

cf_status store_finish(Store *store, const Job *job, const Trial *trial, TuneObjective objective) {
    FORWARD(store_begin(store));
    return store_end_with(store, finish(store, job, trial, objective));
}

cf_status store_pause(Store *store, int trial) {
    return store_run(store, "UPDATE trials SET state = 'waiting' WHERE id = ?", "i", (int64_t)trial);
}

cf_status store_prune_waiting(Store *store) {
    return store_run(store, "UPDATE trials SET state = 'pruned' WHERE state = 'waiting'", "");
}

/* ---- Folders ---- */

cf_status store_trial_folder(const Store *store, int trial, char **folder) {
    return memory_print(folder, "%s/trials/%04d", store->folder, trial);
}
