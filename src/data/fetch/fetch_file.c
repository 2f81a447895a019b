/* One file onto the disk: what is there already, the partial file, the mirrors.
 *
 * The partial file is locked while it is worked on, and only renamed or removed by who has the lock. A process that waited for it
 * therefore looks anew: most often the file is then there.
 *
 * Mirrors are asked in order. One whose transfer breaks off is asked again where it broke off, so long as something came; one that
 * refuses, or has something else, is left for the next, which goes on with what is there. If bytes of two transfers do not make the
 * right file, what is there is thrown away and that mirror is asked once for the whole. */
#include "base/lock.h"
#include "data/fetch/fetch_steps.h"
#include "data/set_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A try that brings so much costs nothing: a bad line still ends with the file. */
enum { WORTH_ANOTHER_TRY = 1 << 20, FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 8000 };

/* One file being fetched. */
typedef struct Job {
    FetchTask task;
    FetchResult *result;
    char *folder, *name, *bare, *part; /* bare: without .gz, NULL where the name has none */
    char *made;                        /* what had to be made for the folder (file_make_folders) */
    int descriptor;                    /* of the partial file, locked; -1: none */
} Job;

FetchOptions fetch_defaults(void) {
    return (FetchOptions){.stall = 30, .tries = 3};
}

bool fetch_goes_on(const FetchTask *task, FetchStage stage, uint64_t done, uint64_t total) {
    const FetchOptions *o = task->options;
    const FetchProgress progress = {task->set, task->file, stage, done, total};
    return !o->progress || o->progress(&progress, o->context);
}

cf_status fetch_folder(const char *data_dir, char **folder) {
    AUTO(data_folders_free) DataFolders folders = {0};
    FORWARD(data_folders(data_dir, &folders));
    FAIL_IF(folders.count == 0, CF_BAD_USE, "no folder to fetch into: give --data-dir, or set $CIFRA_DATA or $HOME");
    *folder = memory_take(&folders.paths[0]);
    return CF_OK;
}

void fetch_result_free(FetchResult *result) {
    for (size_t i = 0; i < result->fault_count; i++) free(result->faults[i]);
    free(result->faults);
    free(result->path);
    free(result->url);
    *result = (FetchResult){0};
}

/* ---- What is there ---- */

/* The file is there as `path`: notes so in the result. */
static cf_status is_there(Job *job, const char *path) {
    struct stat info;
    FAIL_IF(stat(path, &info) != 0, CF_IO, "cannot read %s: %s", path, strerror(errno));
    free(memory_take(&job->result->path));
    FORWARD(memory_copy_string(path, &job->result->path));
    job->result->bytes = (uint64_t)info.st_size;
    job->result->state = FETCH_THERE;
    return CF_OK;
}

/* *right: `path` is there and holds what it should. One that does not is told of once, and left where it is. */
static cf_status look_at(Job *job, const char *path, bool tell, bool *right) {
    const FetchFile *file = job->task.file;
    ContentCheck check;
    *right = false;
    if (!file_exists(path)) return CF_OK;
    *right = !job->task.options->verify && content_is_recorded(path, file);
    if (*right) return CF_OK;
    FAIL_IF(file_is_folder(path), CF_IO, "%s is a folder, where a file is to be; move it away", path);
    FORWARD(content_check(path, &job->task, &check));
    *right = check.kind != CONTENT_WRONG;
    if (*right)
        content_record(path, file);
    else if (tell)
        notice("%s is damaged: %s; it is fetched anew, and stays until the new one is verified", path, check.why);
    return CF_OK;
}

/* Under either name. A wrong one without .gz would be read in place of the right one, so it has to go. */
static cf_status look(Job *job, bool tell) {
    bool right = false, bare_right = false;
    if (job->bare) FORWARD(look_at(job, job->bare, tell, &bare_right));
    if (bare_right) return is_there(job, job->bare);
    FORWARD(look_at(job, job->name, tell, &right));
    if (!right) return CF_OK;
    if (job->bare && file_exists(job->bare)) {
        notice("%s, which is damaged, is removed: %s has what it should have", job->bare, job->name);
        content_remove(job->bare);
    }
    return is_there(job, job->name);
}

/* ---- The partial file ---- */

/* With the progress told. */
static cf_status wait_for(const Job *job, int milliseconds) {
    const struct timespec piece = {.tv_nsec = 50 * 1000000L};
    for (int slept = 0; slept < milliseconds; slept += 50) {
        FAIL_IF(!fetch_goes_on(&job->task, FETCH_WAITS, 0, 0), CF_INTERRUPTED, "stopped while waiting to fetch %s",
                job->task.file->name);
        nanosleep(&piece, NULL);
    }
    return CF_OK;
}

static cf_status make_folder(Job *job) {
    AUTO_FREE char *made = NULL;
    char why[512];
    const cf_status status = file_make_folders(job->folder, &made);
    if (!status && !job->made) job->made = memory_take(&made);
    if (status != CF_IO) return status;
    snprintf(why, sizeof why, "%s", cf_error());
    return FAIL(status, "%s; choose another folder with --data-dir", why);
}

/* Opens and locks it, made where it is not there; *taken false: another process works on it. */
static cf_status part_try(Job *job, bool *taken) {
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

/* The same, waiting for who has it. */
static cf_status part_take(Job *job) {
    bool taken;
    FORWARD(part_try(job, &taken));
    if (!taken) notice("another process is fetching %s; waiting for it", job->name);
    while (!taken) {
        FORWARD(wait_for(job, 200));
        FORWARD(part_try(job, &taken));
    }
    return CF_OK;
}

static uint64_t part_size(const Job *job) {
    struct stat info;
    return fstat(job->descriptor, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
}

static cf_status part_empty(Job *job) {
    FAIL_IF(ftruncate(job->descriptor, 0) != 0, CF_IO, "cannot write %s: %s", job->part, strerror(errno));
    return CF_OK;
}

/* Lets go of it. One without a byte is no use to anyone, nor is a folder without a file. */
static void part_leave(Job *job) {
    if (job->descriptor < 0) return;
    if (part_size(job) == 0 && file_is_still(job->descriptor, job->part)) unlink(job->part);
    close(job->descriptor);
    job->descriptor = -1;
    rmdir(job->folder);
    file_unmake_folders(job->folder, job->made);
}

/* The verified part gets its name: on disk first, then renamed. `url`: where it came from. */
static cf_status part_keep(Job *job, ContentKind kind, const char *url) {
    const char *path = kind == CONTENT_UNPACKED ? job->bare : job->name;
    const char *other = path == job->bare ? job->name : job->bare;
    FileDraft draft = {0};
    cf_status status = memory_copy_string(path, &draft.path);
    if (!status) status = memory_copy_string(job->part, &draft.aside);
    const int copy = status ? -1 : fcntl(job->descriptor, F_DUPFD_CLOEXEC, 0);
    draft.stream = copy < 0 ? NULL : fdopen(copy, "r+b");
    if (!status && !draft.stream) status = FAIL(CF_IO, "cannot write %s: %s", path, strerror(errno));
    if (status) { /* not abandoned, which would remove the part */
        if (copy >= 0) close(copy);
        free(draft.path);
        free(draft.aside);
        return status;
    }
    FORWARD(file_commit(&draft));
    content_record(path, job->task.file);
    /* What the other name has is older, and damaged, or it would have been found. */
    if (job->bare && file_exists(other)) content_remove(other);
    FORWARD(is_there(job, path));
    job->result->state = FETCH_FETCHED;
    return memory_copy_string(url, &job->result->url);
}

/* ---- Mirrors ---- */

static cf_status add_fault(FetchResult *result, const char *text) {
    FORWARD(memory_grow(&result->faults, result->fault_count, sizeof *result->faults));
    FORWARD(memory_copy_string(text, &result->faults[result->fault_count]));
    result->fault_count++;
    return CF_OK;
}

/* What is known of the partial file while one mirror is asked. */
typedef struct Attempt {
    Transfer transfer;
    bool spliced;   /* of several transfers, of which some may be of another file */
    bool restarted; /* once thrown away already for not making the right file */
    int tries_left, wait;
} Attempt;

/* The most that a file can have: packed data that cannot be packed grow by 5 bytes in 16 KB, and gzip's header has a name. */
static uint64_t most_bytes(const FetchFile *file) {
    return fetch_is_packed(file->name) ? file->size + file->size / 1000 + (64 << 10) : file->size;
}

/* The transfer says that this is all. *done: it was the file, or this mirror has another. */
static cf_status verify(Job *job, Attempt *a, bool *done) {
    Transfer *t = &a->transfer;
    ContentCheck check;
    char fault[1024];
    *done = true;
    FORWARD(content_check(job->part, &job->task, &check));
    if (check.kind != CONTENT_WRONG) return part_keep(job, check.kind, t->shown);
    FORWARD(part_empty(job));
    if (a->spliced && !a->restarted) {
        a->restarted = true;
        *done = false;
        return CF_OK;
    }
    snprintf(fault, sizeof fault, "not the file: %s, from %s", check.why, t->shown);
    return add_fault(job->result, fault);
}

static cf_status again_or_give_up(Job *job, Attempt *a, uint64_t gained, bool *done) {
    *done = gained == 0 || (gained < WORTH_ANOTHER_TRY && --a->tries_left <= 0);
    if (*done) return add_fault(job->result, a->transfer.why);
    if (gained >= WORTH_ANOTHER_TRY) a->wait = FIRST_WAIT_MS;
    FORWARD(wait_for(job, a->wait));
    a->wait = 2 * a->wait < LONGEST_WAIT_MS ? 2 * a->wait : LONGEST_WAIT_MS;
    return CF_OK;
}

static cf_status attempt(Job *job, Attempt *a, bool *done) {
    Transfer *t = &a->transfer;
    t->size = part_size(job);
    if (t->size > t->most) FORWARD(part_empty(job));
    if (t->size > t->most) t->size = 0;
    const uint64_t before = t->size;
    if (before == 0) a->spliced = false;
    if (t->exact && before == t->most) { /* all of it came in an earlier call */
        a->spliced = true;
        return verify(job, a, done);
    }
    FORWARD(http_transfer(t));
    a->spliced = t->continued && before > 0;
    switch (t->end) {
    case TRANSFER_WHOLE:
        return verify(job, a, done);
    case TRANSFER_NO_MORE:
        a->spliced = true;
        return verify(job, a, done);
    case TRANSFER_OTHER:
        FORWARD(part_empty(job));
        *done = a->restarted;
        a->restarted = true;
        return *done ? add_fault(job->result, t->why) : CF_OK;
    case TRANSFER_BROKEN:
        return again_or_give_up(job, a, t->continued ? t->size - before : t->size, done);
    case TRANSFER_REFUSED:
        /* What such a server sent is nothing to go on with. */
        if (t->size != before) FORWARD(part_empty(job));
        break;
    }
    *done = true;
    return add_fault(job->result, t->why);
}

static cf_status ask_mirror(Job *job, const char *mirror) {
    AUTO_FREE char *url = NULL, *shown = NULL;
    const FetchTask *task = &job->task;
    bool done = false;
    FORWARD(fetch_url(mirror, task->set, task->file, &url));
    FORWARD(fetch_shown_url(url, &shown));
    Attempt a = {.tries_left = task->options->tries, .wait = FIRST_WAIT_MS};
    a.transfer = (Transfer){.task = task,
                            .url = url,
                            .shown = shown,
                            .descriptor = job->descriptor,
                            .path = job->part,
                            .most = most_bytes(task->file),
                            .exact = !fetch_is_packed(task->file->name)};
    while (!done) FORWARD(attempt(job, &a, &done));
    return CF_OK;
}

/* One after the other until the file is there; the partial file is held. */
static cf_status ask_mirrors(Job *job) {
    const FetchSet *set = job->task.set;
    const char *first = job->task.options->mirror, *name = job->task.file->name;
    if (first) FORWARD(ask_mirror(job, first));
    for (size_t m = 0; m < set->mirror_count && job->result->state == FETCH_MISSING; m++)
        FORWARD(ask_mirror(job, set->mirrors[m]));
    if (job->result->state != FETCH_MISSING) return CF_OK;
    FAIL_IF(!job->result->fault_count, CF_BAD_INPUT,
            "there is no mirror to ask for %s of %s: give --mirror URL, or name one in a mirrors file", name,
            set->name);
    return FAIL(CF_BAD_INPUT, "no mirror gave %s of %s", name, set->name);
}

/* ---- The whole ---- */

static cf_status name_all(Job *job, const char *data_folder) {
    const char *name = job->task.file->name;
    FORWARD(file_join(data_folder, job->task.set->folder, &job->folder));
    FORWARD(file_join(job->folder, name, &job->name));
    FORWARD(memory_print(&job->part, "%s.part", job->name));
    if (fetch_is_packed(name)) FORWARD(memory_print(&job->bare, "%.*s", (int)(strlen(job->name) - 3), job->name));
    return memory_copy_string(job->name, &job->result->path);
}

/* A part that somebody left, when the file came in another way. That it cannot be removed is no failure. */
static void drop_left_over(Job *job) {
    bool taken = false;
    if (!file_exists(job->part)) return;
    cf_status status = part_try(job, &taken);
    if (!status && taken) status = part_empty(job);
    if (status) status_clear();
}

static void job_end(Job *job) {
    part_leave(job);
    char *owned[] = {job->folder, job->made, job->name, job->bare, job->part};
    for (size_t i = 0; i < COUNT_OF(owned); i++) free(owned[i]);
}

cf_status fetch_file(const FetchSet *set, const FetchFile *file, const char *data_folder, const FetchOptions *options,
                     FetchResult *result) {
    AUTO(job_end) Job job = {.task = {set, file, options}, .result = result, .descriptor = -1};
    *result = (FetchResult){0};
    FORWARD(name_all(&job, data_folder));
    FORWARD(look(&job, true));
    if (result->state == FETCH_THERE) {
        drop_left_over(&job);
        return CF_OK;
    }
    FORWARD(part_take(&job));
    /* Who had it until now may have been quicker. */
    FORWARD(look(&job, false));
    return result->state == FETCH_THERE ? part_empty(&job) : ask_mirrors(&job);
}
