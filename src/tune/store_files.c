/* What SQLite may touch: tune.db, its journals, and nothing else.
 *
 * A rollback journal may name another file, the super-journal of a change to several databases, and SQLite removes that file
 * once it has played the journal back. Whoever makes a folder with a tune could so have any file removed. A store is changed
 * alone, so it has no such journal: for SQLite none is there, and none is opened. */
#include "tune/store_inside.h"

#include <pthread.h>
#include <string.h>

static sqlite3_vfs *below; /* the system's */

static bool is_own(const char *path) {
    static const char *const names[] = {"tune.db", "tune.db-journal", "tune.db-wal", NULL};
    for (int i = 0; names[i]; i++)
        if (strcmp(file_base_name(path), names[i]) == 0) return true;
    return false;
}

/* No path: a temporary file of SQLite's own. */
static int open_own(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *opened) {
    file->pMethods = NULL;
    if (flags & SQLITE_OPEN_SUPER_JOURNAL || (path && !is_own(path))) return SQLITE_CANTOPEN;
    return below->xOpen(vfs, path, file, flags, opened);
}

static int remove_own(sqlite3_vfs *vfs, const char *path, int synchronize) {
    return is_own(path) ? below->xDelete(vfs, path, synchronize) : SQLITE_IOERR_DELETE;
}

static int look_at_own(sqlite3_vfs *vfs, const char *path, int flags, int *there) {
    *there = 0;
    return is_own(path) ? below->xAccess(vfs, path, flags, there) : SQLITE_OK;
}

static sqlite3_vfs own;
static int registered = SQLITE_ERROR;

static void register_own(void) {
    below = sqlite3_vfs_find(NULL);
    if (!below) return;
    store_do_without_locks(below);
    own = *below;
    own.pNext = NULL;
    own.zName = "cifra-tune";
    own.xOpen = open_own;
    own.xDelete = remove_own;
    own.xAccess = look_at_own;
    registered = sqlite3_vfs_register(&own, false);
}

cf_status store_files(const char **vfs) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_own);
    FAIL_IF(registered != SQLITE_OK, CF_IO, "SQLite has no way to files: %s", sqlite3_errstr(registered));
    *vfs = own.zName;
    return CF_OK;
}
