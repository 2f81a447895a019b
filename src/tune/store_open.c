/* Opening a store: also one that someone else has made.
 *
 * SQLite runs what a file says: triggers, views and expressions in its schema. Here they are off, and the schema must be ours to
 * the letter. A file's pages may name each other in a circle or a page many times, so that a few kilobytes hold rows without end:
 * a schema that takes long to read is given up, and PRAGMA quick_check goes over all pages before a row is read. From then on
 * all rows together are no larger than the file. */
#include "tune/store_inside.h"

#include "base/limits.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    APPLICATION = 0x63667475, /* "cftu" */
    VERSION = 1,
    LONGEST_SQL = 1 << 16,
    MOST_STEPS = 100000 /* of SQLite's machine until the schema is known; ours takes some hundred */
};

/* `correct` comes last: a row's other columns, and its length, are then read without it. */
static const char *const schema[] = {
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE trials (id INTEGER PRIMARY KEY, point TEXT NOT NULL, seed INTEGER NOT NULL, repeats INTEGER,"
    " state TEXT NOT NULL, budget INTEGER NOT NULL DEFAULT 0, worker TEXT, reason TEXT, best_epoch INTEGER NOT NULL DEFAULT 0,"
    " epochs_run INTEGER NOT NULL DEFAULT 0, validation_loss REAL, validation_accuracy REAL,"
    " seconds REAL NOT NULL DEFAULT 0, weights_sha256 TEXT, correct BLOB)",
    "CREATE TABLE epochs (trial INTEGER NOT NULL REFERENCES trials, epoch INTEGER NOT NULL, rate REAL, train_loss REAL,"
    " train_accuracy REAL, validation_loss REAL, validation_accuracy REAL, seconds REAL, PRIMARY KEY (trial, epoch))",
    "CREATE TABLE jobs (number INTEGER PRIMARY KEY, trial INTEGER NOT NULL, budget INTEGER NOT NULL,"
    " done INTEGER NOT NULL, loss REAL, over INTEGER NOT NULL DEFAULT 0)"};

static cf_status execute(Store *store, const char *sql, const char *doing) {
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CF_OK : store_fail(store, doing);
}

/* ---- What the file may do ---- */

static int interrupt_sqlite(void *context) {
    (void)context;
    return 1;
}

static cf_status limit_sqlite(Store *store) {
    static const struct {
        int what, most;
    } limits[] = {{SQLITE_LIMIT_LENGTH, MOST_STORE_VALUE},
                  {SQLITE_LIMIT_SQL_LENGTH, LONGEST_SQL},
                  {SQLITE_LIMIT_COLUMN, 32},
                  {SQLITE_LIMIT_EXPR_DEPTH, 32},
                  {SQLITE_LIMIT_ATTACHED, 0}};
    static const struct {
        int what, on;
    } switches[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
                    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                    {SQLITE_DBCONFIG_ENABLE_VIEW, 0}};
    for (size_t i = 0; i < COUNT_OF(limits); i++) sqlite3_limit(store->db, limits[i].what, limits[i].most);
    for (size_t i = 0; i < COUNT_OF(switches); i++)
        FAIL_IF(sqlite3_db_config(store->db, switches[i].what, switches[i].on, NULL) != SQLITE_OK, CF_IO,
                "SQLite %s is too old to read files that others have made: 3.31 or later is needed",
                sqlite3_libversion());
    sqlite3_progress_handler(store->db, MOST_STEPS, interrupt_sqlite, NULL);
    return execute(store, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", "opening");
}

/* ---- What the file is ---- */

/* The first number that a statement gives; 0 without one. */
static cf_status read_number(Store *store, const char *sql, int64_t *number) {
    AUTO(statement_free) sqlite3_stmt *statement = NULL;
    bool row;
    FORWARD(store_prepare(store, &statement, sql, ""));
    FORWARD(store_step(store, statement, &row));
    *number = row ? sqlite3_column_int64(statement, 0) : 0;
    return CF_OK;
}

static cf_status check_schema(Store *store) {
    const unsigned all = (1u << COUNT_OF(schema)) - 1;
    unsigned found = 0;
    AUTO(statement_free) sqlite3_stmt *statement = NULL;
    bool row = true;
    FORWARD(store_prepare(store, &statement, "SELECT type, name, sql FROM sqlite_master", ""));
    while (row) {
        FORWARD(store_step(store, statement, &row));
        if (!row) break;
        const char *const type = (const char *)sqlite3_column_text(statement, 0);
        const char *const name = (const char *)sqlite3_column_text(statement, 1);
        const char *const sql = (const char *)sqlite3_column_text(statement, 2);
        size_t piece = 0; /* among ours */
        while (sql && piece < COUNT_OF(schema) && strcmp(sql, schema[piece]) != 0) piece++;
        /* An index that SQLite makes of itself has no SQL. */
        FAIL_IF(sql ? piece == COUNT_OF(schema) : !type || strcmp(type, "index") != 0, CF_BAD_INPUT,
                "%s holds the %.40s %.80s, which cifra tune has not made; whoever has added it may remove it again",
                store->path, type ? type : "?", name ? name : "?");
        if (sql) found |= 1u << piece;
    }
    FAIL_IF(found != all, CF_BAD_INPUT, "%s is damaged: not all of its tables are there", store->path);
    return CF_OK;
}

static cf_status check_pages(Store *store) {
    AUTO(statement_free) sqlite3_stmt *statement = NULL;
    bool row;
    FORWARD(store_prepare(store, &statement, "PRAGMA quick_check(1)", ""));
    FORWARD(store_step(store, statement, &row));
    const char *said = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    FAIL_IF(!said || strcmp(said, "ok") != 0, CF_BAD_INPUT, "%s is damaged: %.200s", store->path,
            said ? said : "it cannot be checked");
    return CF_OK;
}

/* Makes the tables of a file that is empty. */
static cf_status check_file(Store *store, bool may_make) {
    int64_t application, version, anything;
    char pragmas[96];
    FORWARD(read_number(store, "PRAGMA application_id", &application));
    FORWARD(read_number(store, "PRAGMA user_version", &version));
    FORWARD(read_number(store, "SELECT 1 FROM sqlite_master LIMIT 1", &anything));
    if (may_make && !application && !version && !anything) {
        for (size_t i = 0; i < COUNT_OF(schema); i++) FORWARD(execute(store, schema[i], "making its tables"));
        snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION, VERSION);
        return execute(store, pragmas, "making its tables");
    }
    FAIL_IF(application != APPLICATION, CF_BAD_INPUT, "%s is an SQLite file of something else than cifra tune",
            store->path);
    FAIL_IF(version != VERSION, CF_BAD_INPUT, "%s has version %lld of its tables; this program knows version %d",
            store->path, (long long)version, VERSION);
    FORWARD(check_schema(store));
    sqlite3_progress_handler(store->db, 0, NULL, NULL);
    return check_pages(store);
}

/* ---- Opening ---- */

static cf_status new_store(const char *folder, bool may_make, Store **store) {
    AUTO(store_close_at) Store *made = NULL;
    struct stat info;
    const char *vfs;
    const int flags = SQLITE_OPEN_READWRITE | (may_make ? SQLITE_OPEN_CREATE : 0);
    FORWARD(memory_new(1, sizeof *made, &made));
    FORWARD(memory_copy_string(folder, &made->folder));
    FORWARD(file_join(folder, "tune.db", &made->path));
    const bool there = lstat(made->path, &info) == 0;
    FAIL_IF(!there && !may_make, CF_BAD_USE, "%s holds no tune: there is no %s", made->folder, made->path);
    /* SQLite would keep its journal beside what a link points to, in another folder. */
    FAIL_IF(there && !S_ISREG(info.st_mode), CF_BAD_INPUT, "%s is to be a file; found a link, or something else",
            made->path);
    if (may_make) FORWARD(file_make_folder(folder));
    FORWARD(store_files(&vfs));
    if (sqlite3_open_v2(made->path, &made->db, flags, vfs) != SQLITE_OK) return store_fail(made, "opening");
    sqlite3_busy_timeout(made->db, STORE_BUSY_MILLISECONDS);
    FORWARD(limit_sqlite(made));
    AUTO(store_rollback_at) Store *transaction = made;
    FORWARD(store_begin(transaction));
    FORWARD(check_file(made, may_make));
    FORWARD(store_commit(transaction));
    sqlite3_progress_handler(made->db, 0, NULL, NULL);
    *store = memory_take(&made);
    return CF_OK;
}

cf_status store_open(const char *folder, Store **store) {
    return new_store(folder, true, store);
}

cf_status store_open_existing(const char *folder, Store **store) {
    return new_store(folder, false, store);
}

void store_close(Store *store) {
    if (!store) return;
    sqlite3_close(store->db);
    free(store->folder);
    free(store->path);
    free(store);
}
