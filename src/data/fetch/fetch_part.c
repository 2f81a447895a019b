/* The partial file is locked while it is worked on, and only renamed or removed by who has the lock. A process that waited
 * for it therefore looks anew: most often the file is then there. */
#include "base/files.h"
#include "base/lock.h"
#include "base/memory.h"
#include "data/fetch/fetch_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

cf_status job_is_there(Job *job, const char *path) {
    struct stat info;
    FAIL_IF(stat(path, &info) != 0, CF_IO, "cannot read %s: %s", path, strerror(errno));
    free(job->result->path);
    job->result->path = NULL;
    FORWARD(memory_copy_string(path, &job->result->path));
    job->result->bytes = (uint64_t)info.st_size;
    job->result->state = FETCH_THERE;
    return CF_OK;
}

static bool tell_progress(const Job *job, FetchStage stage) {
    const FetchOptions *o = job->options;
    const FetchProgress progress = {job->set, job->file, stage, 0, 0};
    return !o->progress || o->progress(&progress, o->context);
}

cf_status job_sleep(const Job *job, int milliseconds) {
    const struct timespec piece = {.tv_nsec = 50 * 1000000L};
    for (int slept = 0; slept < milliseconds; slept += 50) {
        FAIL_IF(!tell_progress(job, FETCH_WAITS), CF_INTERRUPTED, "stopped while waiting to fetch %s", job->file->name);
        nanosleep(&piece, NULL);
    }
    return CF_OK;
}

static cf_status make_folder(Job *job) {
    char why[512], *made;
    const cf_status status = file_make_folders(job->folder, &made);
    if (!status && !job->made)
        job->made = made;
    else if (!status)
        free(made);
    if (status != CF_IO) return status;
    snprintf(why, sizeof why, "%s", cf_error());
    return FAIL(status, "%s; choose another folder with --data-dir", why);
}

cf_status part_try(Job *job, bool *taken) {
    *taken = false;
    FORWARD(make_folder(job));
    const int descriptor = open(job->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor < 0 && errno == ENOENT) return part_try(job, taken); /* another process removed the empty folder */
    FAIL_IF(descriptor < 0, CF_IO, "cannot write %s: %s; choose another folder with --data-dir", job->part,
            strerror(errno));
    const bool held = lock_hold(descriptor, job->part);
    if (held && file_is_still(descriptor, job->part)) {
        job->descriptor = descriptor;
        *taken = true;
        return CF_OK;
    }
    close(descriptor);
    return held ? part_try(job, taken) : CF_OK;
}

cf_status part_take(Job *job) {
    bool taken;
    FORWARD(part_try(job, &taken));
    if (!taken) notice("another process is fetching %s; waiting for it", job->name);
    while (!taken) {
        FORWARD(job_sleep(job, 200));
        FORWARD(part_try(job, &taken));
    }
    return CF_OK;
}

uint64_t part_size(const Job *job) {
    struct stat info;
    return fstat(job->descriptor, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
}

cf_status part_empty(Job *job) {
    FAIL_IF(ftruncate(job->descriptor, 0) != 0, CF_IO, "cannot write %s: %s", job->part, strerror(errno));
    return CF_OK;
}

/* One without a byte is no use to anyone, nor is a folder without a file. */
void part_leave(Job *job) {
    if (job->descriptor < 0) return;
    if (part_size(job) == 0 && file_is_still(job->descriptor, job->part)) unlink(job->part);
    close(job->descriptor);
    job->descriptor = -1;
    rmdir(job->folder);
    file_unmake_folders(job->folder, job->made);
}

/* The verified part gets its name: on disk first, then renamed. */
cf_status part_keep(Job *job, ContentKind kind, const char *url) {
    const char *path = kind == CONTENT_UNPACKED ? job->bare : job->name;
    FileDraft draft = {0};
    FORWARD(memory_copy_string(path, &draft.path));
    cf_status status = memory_copy_string(job->part, &draft.aside);
    const int copy = status ? -1 : fcntl(job->descriptor, F_DUPFD_CLOEXEC, 0);
    draft.stream = copy < 0 ? NULL : fdopen(copy, "r+b");
    if (!status && !draft.stream) status = FAIL(CF_IO, "cannot write %s: %s", path, strerror(errno));
    if (status) {
        if (copy >= 0) close(copy);
        free(draft.path);
        free(draft.aside);
        return status;
    }
    FORWARD(file_commit(&draft));
    content_record(path, job->file);
    /* What the other name has is older, and damaged, or it would have been found. */
    if (job->bare && file_exists(path == job->bare ? job->name : job->bare))
        content_remove(path == job->bare ? job->name : job->bare);
    FORWARD(job_is_there(job, path));
    job->result->state = FETCH_FETCHED;
    return memory_copy_string(url, &job->result->url);
}
