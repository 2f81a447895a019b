#include "study/run/run_files.h"

#include "base/files.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- history.csv ---- */

static cf_status read_history_row(const char *path, int line, const char *text, EpochRow *row) {
    double values[8];
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char *end;
        values[i] = strtod(text, &end);
        const char after = i + 1 < COUNT_OF(values) ? ',' : '\0';
        FAIL_IF(end == text || (*end != after && !(after == '\0' && *end == '\r')), CF_BAD_INPUT,
                "%s, line %d: %zu numbers between commas expected", path, line, COUNT_OF(values));
        text = end + 1;
    }
    FAIL_IF(!(values[0] >= 1 && values[0] <= 1e6), CF_BAD_INPUT, "%s, line %d: %g is no epoch", path, line, values[0]);
    *row = (EpochRow){(int)values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7]};
    return CF_OK;
}

cf_status history_read(const char *path, EpochRow **rows, int *count) {
    static const char head[] = "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,";
    AUTO_FREE unsigned char *bytes = NULL;
    AUTO_FREE EpochRow *made = NULL;
    size_t size, lines = 1;
    int line = 0, found = 0;
    FORWARD(file_read(path, MOST_CSV_BYTES, &bytes, &size));
    char *const text = (char *)bytes;
    FAIL_IF(strncmp(text, head, strlen(head)) != 0, CF_BAD_INPUT, "%s, line 1: \"%s...\" expected", path, head);
    for (const char *p = text; *p; p++) lines += *p == '\n';
    FORWARD(memory_new(lines, sizeof *made, &made));
    for (char *rest = text, *one; (one = strsep(&rest, "\n"));)
        if (++line > 1 && *one) FORWARD(read_history_row(path, line, one, &made[found++]));
    *rows = memory_take(&made);
    *count = found;
    return CF_OK;
}

int history_best(const EpochRow *rows, int count, cf_stop_on stop_on) {
    FitState state = {0};
    int best = -1;
    for (int i = 0; i < count; i++)
        if (early_stopping_note(&state, &rows[i], stop_on)) best = i;
    return best;
}

/* ---- All of them ---- */

void run_files_free(RunFiles *files) {
    json_decref(files->config);
    json_decref(files->metrics);
    json_decref(files->failure);
    *files = (RunFiles){0};
}

/* NULL where there is no such file. */
static cf_status read_optional(const char *folder, const char *name, json_t **json) {
    AUTO_FREE char *path = NULL;
    FORWARD(file_join(folder, name, &path));
    return file_exists(path) ? json_read(path, json) : CF_OK;
}

/* A history that cannot be read, or is not there, tells of no epoch. */
static cf_status count_epochs(const char *folder, int *epochs) {
    AUTO_FREE char *path = NULL;
    AUTO_FREE EpochRow *rows = NULL;
    FORWARD(file_join(folder, "history.csv", &path));
    return file_exists(path) && history_read(path, &rows, epochs) == CF_NO_MEMORY ? CF_NO_MEMORY : CF_OK;
}

/* Who works in the folder holds its lock, whatever lies in it. Results of fewer epochs than were trained since are not the last. */
static const char *state_of(const char *folder, const RunFiles *files) {
    const bool resumable = file_exists_in(folder, "checkpoint.safetensors");
    const json_int_t tested = json_integer_value(json_object_get(files->metrics, "epochs_run"));
    if (lock_folder_is_held(folder)) return "training";
    if (files->failure) return "diverged";
    if (files->metrics && (!resumable || files->epochs <= tested)) return "done";
    return resumable ? "stopped" : "begun";
}

cf_status run_files_read(const char *folder, RunFiles *files) {
    AUTO(run_files_free) RunFiles made = {0};
    FORWARD(read_optional(folder, "config.json", &made.config));
    FAIL_IF(!made.config, CF_BAD_USE, "%s is no run folder: there is no config.json in it", folder);
    FORWARD(read_optional(folder, "metrics.json", &made.metrics));
    FORWARD(read_optional(folder, "failure.json", &made.failure));
    FORWARD(count_epochs(folder, &made.epochs));
    made.state = state_of(folder, &made);
    *files = made;
    made = (RunFiles){0};
    return CF_OK;
}
