/* A folder for one process at a time.
 *
 * The lock is the kernel's (flock on a small file that tells who holds it): whatever ends the process gives it back, so none
 * is ever left behind, and no clock or process number decides. A file system without locks cannot guard; a notice says so, and the
 * work goes on.
 */
#pragma once

#include "base/status.h"

typedef struct Lock { /* zeroed: none */
    char *path;
    int descriptor;
} Lock;

/* Locks with the file `path`, which is made. Held by somebody else, also in this process: CF_IO, told
 * who and since when. */
cf_status lock_take(const char *path, Lock *lock);
/* lock_take of FOLDER/lock. */
cf_status lock_folder(const char *folder, Lock *lock);
/* Whether some process holds the lock of FOLDER/lock. Makes no file; without locks in the file system: false. */
bool lock_folder_is_held(const char *folder);
/* Gives it back and removes the file. Fine on a zeroed one. */
void lock_release(Lock *lock);

/* For files that are locked under other rules: as file_try_lock, but where there are no locks, a notice says so, and it counts as held. */
bool lock_hold(int descriptor, const char *path);
