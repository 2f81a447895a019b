/* Statements, and what a tune writes. */
#include "tune/store_inside.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <stdarg.h>

const char *const trial_state_words[] = {"waiting", "running", "done", "pruned", "failed", NULL};

/* ---- SQLite ---- */

cf_status store_fail(Store *store, const char *doing) {
    const int code = sqlite3_errcode(store->db);
    FAIL_IF(code == SQLITE_BUSY, CF_IO,
            "%s: another process has held it for %d seconds (%s); is a program stopped in the middle of it?",
            store->path, STORE_BUSY_MILLISECONDS / 1000, doing);
    /* Beyond a limit, or longer at work than any sound file takes: a file made to be so. */
    FAIL_IF(code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_TOOBIG || code == SQLITE_INTERRUPT ||
                code == SQLITE_ERROR,
            CF_BAD_INPUT, "%s is damaged, or not made by cifra tune (%s): %s", store->path, doing,
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
            const size_t size = va_arg(values, size_t);
            code = sqlite3_bind_blob64(statement, i, bytes, size, SQLITE_TRANSIENT);
        }
    }
    return code;
}

static cf_status prepare_list(Store *store, sqlite3_stmt **statement, const char *sql, const char *types,
                              va_list values) {
    if (sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) != SQLITE_OK) return store_fail(store, sql);
    return bind_values(*statement, types, values) == SQLITE_OK ? CF_OK : store_fail(store, sql);
}

cf_status store_prepare(Store *store, sqlite3_stmt **statement, const char *sql, const char *types, ...) {
    va_list values;
    va_start(values, types);
    const cf_status status = prepare_list(store, statement, sql, types, values);
    va_end(values);
    return status;
}

void statement_free(sqlite3_stmt **statement) {
    sqlite3_finalize(*statement);
}

cf_status store_step(Store *store, sqlite3_stmt *statement, bool *row) {
    const int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return *row || code == SQLITE_DONE ? CF_OK : store_fail(store, sqlite3_sql(statement));
}

cf_status store_run(Store *store, const char *sql, const char *types, ...) {
    AUTO(statement_free) sqlite3_stmt *statement = NULL;
    bool row = true;
    va_list values;
    va_start(values, types);
    const cf_status status = prepare_list(store, &statement, sql, types, values);
    va_end(values);
    FORWARD(status);
    while (row) FORWARD(store_step(store, statement, &row));
    return CF_OK;
}

cf_status store_begin(Store *store) {
    return store_run(store, "BEGIN IMMEDIATE", "");
}

cf_status store_begin_reading(Store *store) {
    return store_run(store, "BEGIN", "");
}

cf_status store_commit(Store *store) {
    return store_run(store, "COMMIT", "");
}

void store_rollback(Store *store) {
    if (!sqlite3_get_autocommit(store->db)) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- Writing ---- */

cf_status store_add_trial(Store *store, const Space *space, const Trial *trial) {
    json_auto_t *json = NULL;
    AUTO_FREE char *text = NULL;
    json_memory_begin();
    FORWARD(space_point_json(space, &trial->point, &json));
    FORWARD(json_to_text(json, 15, "a configuration", &text));
    return store_run(store, "INSERT INTO trials (id, point, seed, repeats, state) VALUES (?, ?, ?, ?, ?)", "itiit",
                     (int64_t)trial->id, text, (int64_t)trial->seed, (int64_t)trial->repeats,
                     trial_state_words[trial->state]);
}

cf_status store_add_job(Store *store, const Job *job) {
    return store_run(store, "INSERT INTO jobs (number, trial, budget, done) VALUES (?, ?, ?, ?)", "iiii",
                     (int64_t)job->number, (int64_t)job->trial, (int64_t)job->budget, (int64_t)job->done);
}

cf_status store_mark_running(Store *store, const Job *job, const char *worker) {
    return store_run(store, "UPDATE trials SET state = 'running', budget = ?, worker = ? WHERE id = ?", "iti",
                     (int64_t)job->budget, worker, (int64_t)job->trial);
}

cf_status store_record_epoch(Store *store, int trial, const TrialEpoch *e, bool best) {
    AUTO(store_rollback_at) Store *transaction = store;
    FORWARD(store_begin(transaction));
    FORWARD(store_run(store, "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "iidddddd",
                      (int64_t)trial, (int64_t)e->epoch, e->rate, e->train_loss, e->train_accuracy, e->validation_loss,
                      e->validation_accuracy, e->seconds));
    if (best)
        FORWARD(store_run(store,
                          "UPDATE trials SET best_epoch = ?, validation_loss = ?, validation_accuracy = ? WHERE id = ?",
                          "iddi", (int64_t)e->epoch, e->validation_loss, e->validation_accuracy, (int64_t)trial));
    FORWARD(store_run(store,
                      "UPDATE trials SET epochs_run = (SELECT max(epoch) FROM epochs WHERE trial = id), "
                      "seconds = seconds + ? WHERE id = ?",
                      "di", e->seconds, (int64_t)trial));
    return store_commit(transaction);
}

/* What the trial reached stands in its row already, epoch by epoch. */
cf_status store_finish(Store *store, const Job *job, const Trial *t, TuneObjective objective) {
    const char *const loss = t->state == TRIAL_FAILED ? "9e999" /* infinite */
                             : objective == OBJECTIVE_ACCURACY
                                 ? "(SELECT 1 - validation_accuracy FROM trials WHERE id = trial)"
                                 : "(SELECT validation_loss FROM trials WHERE id = trial)";
    char sql[160];
    AUTO(store_rollback_at) Store *transaction = store;
    FORWARD(store_begin(transaction));
    FORWARD(store_run(
        store,
        "UPDATE trials SET state = ?, reason = ?, weights_sha256 = ?, correct = ?, seconds = seconds + ? WHERE id = ?",
        "tttbdi", trial_state_words[t->state], t->reason, t->weights_sha256[0] ? t->weights_sha256 : NULL, t->correct,
        t->correct_count, t->seconds, (int64_t)job->trial));
    snprintf(sql, sizeof sql, "UPDATE jobs SET done = 1, over = ?, loss = %s WHERE number = ?", loss);
    FORWARD(store_run(store, sql, "ii", (int64_t)(t->state != TRIAL_WAITING), (int64_t)job->number));
    return store_commit(transaction);
}

cf_status store_pause(Store *store, int trial) {
    return store_run(store, "UPDATE trials SET state = 'waiting' WHERE id = ?", "i", (int64_t)trial);
}

cf_status store_prune_waiting(Store *store) {
    return store_run(store, "UPDATE trials SET state = 'pruned' WHERE state = 'waiting'", "");
}

/* ---- Folders ---- */

bool folder_is_tune(const char *folder) {
    return file_exists_in(folder, "tune.db");
}

cf_status store_trial_folder(const Store *store, int trial, char **folder) {
    return memory_print(folder, "%s/trials/%04d", store->folder, trial);
}
