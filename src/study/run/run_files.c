#include "study/run/run_files.h"

#include "base/files.h"
#include "base/lock.h"
#include "study/run/history.h"
#include "study/run/run.h"

#include <stdlib.h>

void run_files_free(RunFiles *files) {
    json_decref(files->config);
    json_decref(files->metrics);
    json_decref(files->failure);
    *files = (RunFiles){0};
}

/* NULL where there is no such file. */
static cf_status read_optional(const char *folder, const char *name, json_t **json) {
    char *path;
    FORWARD(file_join(folder, name, &path));
    *json = NULL;
    cf_status status = file_exists(path) ? json_read(path, json) : CF_OK;
    free(path);
    return status;
}

/* A history that cannot be read, or is not there, tells of no epoch. */
static cf_status count_epochs(const char *folder, int *epochs) {
    char *path;
    EpochRow *rows = NULL;
    *epochs = 0;
    FORWARD(file_join(folder, "history.csv", &path));
    cf_status status = file_exists(path) ? history_read(path, &rows, epochs) : CF_OK;
    free(path);
    free(rows);
    return status == CF_NO_MEMORY ? status : CF_OK;
}

static cf_status has_checkpoint(const char *folder, bool *has) {
    char *path;
    FORWARD(file_join(folder, "checkpoint.safetensors", &path));
    *has = file_exists(path);
    free(path);
    return CF_OK;
}

/* Who works in the folder holds its lock, whatever lies in it. Results of fewer epochs than were trained since are not the last. */
static cf_status tell_state(const char *folder, RunFiles *files) {
    bool resumable = false;
    FORWARD(count_epochs(folder, &files->epochs));
    FORWARD(has_checkpoint(folder, &resumable));
    const json_int_t tested = json_integer_value(json_object_get(files->metrics, "epochs_run"));
    if (lock_folder_is_held(folder))
        files->state = "training";
    else if (files->failure)
        files->state = "diverged";
    else if (files->metrics && (!resumable || files->epochs <= tested))
        files->state = "done";
    else
        files->state = resumable ? "stopped" : "begun";
    return CF_OK;
}

cf_status run_files_read(const char *folder, RunFiles *files) {
    *files = (RunFiles){0};
    FORWARD(read_optional(folder, "config.json", &files->config));
    FAIL_IF(!files->config, CF_BAD_USE, "%s is no run folder: there is no config.json in it", folder);
    cf_status status = read_optional(folder, "metrics.json", &files->metrics);
    if (!status) status = read_optional(folder, "failure.json", &files->failure);
    if (!status) status = tell_state(folder, files);
    if (status) run_files_free(files);
    return status;
}
