/* One file onto the disk: what is there already, and the order of the work. */
#include "base/files.h"
#include "base/memory.h"
#include "data/fetch/fetch_job.h"
#include "data/set_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FetchOptions fetch_defaults(void) {
    return (FetchOptions){.stall = 30, .tries = 3};
}

cf_status fetch_folder(const char *data_dir, char **folder) {
    char *folders[MAX_DATA_FOLDERS];
    int count;
    FORWARD(data_folders(data_dir, folders, &count));
    FAIL_IF(count == 0, CF_BAD_USE, "no folder to fetch into: give --data-dir, or set $CIFRA_DATA or $HOME");
    *folder = folders[0];
    for (int i = 1; i < count; i++) free(folders[i]);
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

/* *right: `path` is there and holds what it should. One that does not is told of once, and left where it is. */
static cf_status look_at(Job *job, const char *path, bool tell, bool *right) {
    ContentCheck check = {job->set, job->file, job->options, CONTENT_WRONG, ""};
    *right = false;
    if (!file_exists(path)) return CF_OK;
    *right = !job->options->verify && content_is_recorded(path, job->file);
    if (*right) return CF_OK;
    FAIL_IF(file_is_folder(path), CF_IO, "%s is a folder, where a file is to be; move it away", path);
    FORWARD(content_check(path, &check));
    *right = check.kind != CONTENT_WRONG;
    if (*right)
        content_record(path, job->file);
    else if (tell)
        notice("%s is damaged: %s; it is fetched anew, and stays until the new one is verified", path, check.why);
    return CF_OK;
}

/* Under either name. A wrong one without .gz would be read in place of the right one, so it has to go. */
static cf_status look(Job *job, bool tell) {
    bool right = false, bare_right = false;
    if (job->bare) FORWARD(look_at(job, job->bare, tell, &bare_right));
    if (bare_right) return job_is_there(job, job->bare);
    FORWARD(look_at(job, job->name, tell, &right));
    if (!right) return CF_OK;
    if (job->bare && file_exists(job->bare)) {
        notice("%s, which is damaged, is removed: %s has what it should have", job->bare, job->name);
        content_remove(job->bare);
    }
    return job_is_there(job, job->name);
}

/* ---- The whole ---- */

static cf_status name_all(Job *job, const char *data_folder) {
    const char *name = job->file->name;
    FORWARD(file_join(data_folder, job->set->folder, &job->folder));
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

static cf_status fetch(Job *job) {
    FORWARD(look(job, true));
    if (job->result->state == FETCH_THERE) {
        drop_left_over(job);
        return CF_OK;
    }
    FORWARD(part_take(job));
    /* Who had it until now may have been quicker. */
    FORWARD(look(job, false));
    if (job->result->state == FETCH_THERE) return part_empty(job);
    return mirrors_ask(job);
}

cf_status fetch_file(const FetchSet *set, const FetchFile *file, const char *data_folder, const FetchOptions *options,
                     FetchResult *result) {
    Job job = {.set = set, .file = file, .options = options, .result = result, .descriptor = -1};
    *result = (FetchResult){0};
    cf_status status = name_all(&job, data_folder);
    if (!status) status = fetch(&job);
    part_leave(&job);
    free(job.folder);
    free(job.made);
    free(job.name);
    free(job.bare);
    free(job.part);
    return status;
}
