/* What SQLite may touch: tune.db, its journals, and nothing else; and the locks of a tune.
 *
 * A rollback journal may name another file, the super-journal of a change to several databases, and SQLite removes that file
 * once it has played the journal back. Whoever makes a folder with a tune could so have any file removed. A store is changed
 * alone, so it has no such journal: for SQLite none is there, and none is opened.
 *
 * Locks are SQLite's on tune.db (fcntl), and that of each trial under way (flock). A file system without them cannot keep a second
 * process out. A notice says so, and the work goes on, as that of a single process: among its own threads SQLite counts what it has
 * locked by itself, as the system's locks are those of a process, and trials are counted here. */
#include "tune/store_inside.h"

#include "base/memory.h"
#include "base/slices.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static bool told;
static struct Held { /* trials locked by this process where there are no locks; a worker has one at a time */
    int descriptor;
    dev_t device;
    ino_t file;
} held[SLICES_MAX_THREADS];
static int held_count;

static void tell_missing_locks(const char *path, int reason) {
    pthread_mutex_lock(&guard);
    if (!told)
        notice("%s: this file system has no locks (%s); nothing keeps a second process out", path, strerror(reason));
    told = true;
    pthread_mutex_unlock(&guard);
}

/* ---- SQLite's locks ---- */

static bool is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK;
}

static bool are_missing(int reason) {
    return reason == ENOLCK || reason == ENOSYS || reason == EOPNOTSUPP || reason == EINVAL;
}

/* fcntl as SQLite calls it; where there are no locks, each is granted. */
static int lock_or_do_without(int descriptor, int command, ...) {
    va_list values;
    va_start(values, command);
    if (!is_lock(command)) {
        const int value = command == F_SETFD ? va_arg(values, int) : 0;
        va_end(values);
        return fcntl(descriptor, command, value);
    }
    struct flock *lock = va_arg(values, struct flock *);
    va_end(values);
    const int result = fcntl(descriptor, command, lock);
    if (result == 0 || !are_missing(errno)) return result;
    tell_missing_locks("tune.db", errno);
    if (command == F_GETLK) lock->l_type = F_UNLCK;
    return 0;
}

/* ---- SQLite's files ---- */

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
    if (below->iVersion >= 3 && below->xSetSystemCall)
        below->xSetSystemCall(below, "fcntl", (sqlite3_syscall_ptr)lock_or_do_without);
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

/* ---- The trials' locks ---- */

/* Among the threads of this process. */
static bool hold_alone(int descriptor) {
    struct stat info;
    if (fstat(descriptor, &info) != 0) return false;
    pthread_mutex_lock(&guard);
    bool free_yet = held_count < SLICES_MAX_THREADS;
    for (int i = 0; i < held_count; i++)
        if (held[i].device == info.st_dev && held[i].file == info.st_ino) free_yet = false;
    if (free_yet) held[held_count++] = (struct Held){descriptor, info.st_dev, info.st_ino};
    pthread_mutex_unlock(&guard);
    return free_yet;
}

cf_status store_lock_trial(Store *store, int trial, int *lock) {
    AUTO_FREE char *folder = NULL, *path = NULL;
    FORWARD(store_trial_folder(store, trial, &folder));
    FORWARD(file_make_folder(folder));
    FORWARD(file_join(folder, "lock", &path));
    const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    FAIL_IF(descriptor < 0, CF_IO, "cannot open %s: %s", path, strerror(errno));
    bool ours;
    if (!file_try_lock(descriptor, &ours)) {
        tell_missing_locks(path, errno);
        ours = hold_alone(descriptor);
    }
    if (!ours) close(descriptor);
    *lock = ours ? descriptor : -1;
    return CF_OK;
}

void store_unlock_trial(int lock) {
    if (lock < 0) return;
    pthread_mutex_lock(&guard);
    for (int i = 0; i < held_count; i++)
        if (held[i].descriptor == lock) held[i] = held[--held_count];
    pthread_mutex_unlock(&guard);
    close(lock);
}
