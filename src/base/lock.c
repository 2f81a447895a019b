#include "base/lock.h"

#include "base/files.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { OWNER = 160 };

bool lock_hold(int descriptor, const char *path) {
    bool held;
    if (file_try_lock(descriptor, &held)) return held;
    notice("%s: this file system has no locks (%s); nothing keeps a second process out", path, strerror(errno));
    return true;
}

/* The date is for people alone. What cannot be written on a full disk is left out: the lock holds without it. */
static void tell_owner(int descriptor) {
    char host[64] = "", date[32] = "", text[OWNER];
    const time_t now = time(NULL);
    struct tm local;
    gethostname(host, sizeof host - 1);
    if (localtime_r(&now, &local)) strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
    const int length = snprintf(text, sizeof text, "process %ld on %s since %s\n", (long)getpid(), host, date);
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, (size_t)length, 0) != length) errno = 0;
}

static cf_status fail_held(int descriptor, const char *path) {
    char owner[OWNER];
    const ssize_t got = pread(descriptor, owner, sizeof owner - 1, 0);
    owner[got > 0 ? got : 0] = '\0';
    owner[strcspn(owner, "\n")] = '\0';
    const size_t folder = (size_t)(file_base_name(path) - path);
    return FAIL(CF_IO, "%.*s is in use by another process (%s); wait until that has ended, or stop it",
                folder > 1 ? (int)folder - 1 : (int)strlen(path), folder > 1 ? path : "this folder",
                owner[0] ? owner : "it has not said which");
}

/* `descriptor` is closed where this fails. *again: the file was removed by who had the lock until now. */
static cf_status take_open(int descriptor, const char *path, bool *again) {
    enum { TRIES = 5 };
    static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    bool held = lock_hold(descriptor, path);
    for (int n = 1; n < TRIES && !held; n++) { /* lock_folder_is_held may look at it just now */
        nanosleep(&pause, NULL);
        held = lock_hold(descriptor, path);
    }
    *again = held && !file_is_still(descriptor, path);
    if (held && !*again) {
        tell_owner(descriptor);
        return CF_OK;
    }
    cf_status status = held ? CF_OK : fail_held(descriptor, path);
    close(descriptor);
    return status;
}

cf_status lock_take(const char *path, Lock *lock) {
    AUTO_FREE char *own = NULL;
    int descriptor;
    bool again;
    FORWARD(memory_copy_string(path, &own));
    do {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        FAIL_IF(descriptor < 0, CF_IO, "cannot write %s: %s", path, strerror(errno));
        FORWARD(take_open(descriptor, path, &again));
    } while (again);
    *lock = (Lock){memory_take(&own), descriptor};
    return CF_OK;
}

cf_status lock_folder(const char *folder, Lock *lock) {
    AUTO_FREE char *path = NULL;
    FORWARD(file_join(folder, "lock", &path));
    return lock_take(path, lock);
}

/* A shared lock, for a moment: who comes for the folder just then tries again (take_open). */
bool lock_folder_is_held(const char *folder) {
    AUTO_FREE char *path = NULL;
    if (file_join(folder, "lock", &path)) return false;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) return false;
    int result;
    do result = flock(descriptor, LOCK_SH | LOCK_NB);
    while (result != 0 && errno == EINTR);
    const bool held = result != 0 && errno == EWOULDBLOCK;
    close(descriptor);
    return held;
}

void lock_release(Lock *lock) {
    if (!lock->path) return;
    /* While it is still held: afterwards the file might be another's. */
    unlink(lock->path);
    close(lock->descriptor);
    free(lock->path);
    *lock = (Lock){0};
}
