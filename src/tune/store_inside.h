/* What the files of the store share. */
#pragma once

#include "tune/store.h"

#include <sqlite3.h>

enum { STORE_BUSY_MILLISECONDS = 60000 };

struct Store {
    sqlite3 *db;
    char *folder, *path;
};

/* Records SQLite's own message. */
cf_status store_fail(Store *store, const char *doing);
/* One statement with its values: `types` has a letter for each (i: int64_t, d: double, t: text or NULL, b: pointer and size_t; a
 * NULL pointer is NULL). The caller's, for its rows: AUTO(statement_free) sqlite3_stmt *statement = NULL. */
cf_status store_prepare(Store *store, sqlite3_stmt **statement, const char *sql, const char *types, ...);
void statement_free(sqlite3_stmt **statement);
/* *row: there is another one. */
cf_status store_step(Store *store, sqlite3_stmt *statement, bool *row);
/* Of statements whose rows are of no interest. */
cf_status store_run(Store *store, const char *sql, const char *types, ...);

/* store_files.c: the name of a VFS that opens and removes a store's own files only. */
cf_status store_files(const char **vfs);
