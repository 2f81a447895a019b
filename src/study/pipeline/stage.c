#include "study/pipeline/stage.h"

#include "base/json_memory.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "study/ledger/study_results.h"
#include "study/run/run.h"

#include <stdlib.h>
#include <string.h>

static cf_status take_fingerprint(const json_t *inputs, char fingerprint[SHA256_HEX]) {
    char *text = json_dumps(inputs, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(12));
    if (json_memory_failed() || !text) {
        free(text);
        return FAIL(CF_NO_MEMORY, "out of memory for what a stage depends on");
    }
    cf_status status = sha256_text(text, fingerprint);
    free(text);
    return status;
}

static cf_status name_files(const char *study, const char *name, Stage *stage) {
    FORWARD(memory_copy_string(name, &stage->name));
    FORWARD(file_join(study, name, &stage->folder));
    return memory_print(&stage->record, "%s/stages/%s.json", study, name);
}

static cf_status read_record(Stage *stage, bool *same) {
    json_t *root;
    *same = false;
    if (!file_exists(stage->record)) return CF_OK;
    FORWARD(json_read(stage->record, &root));
    const char *fingerprint = json_string_value(json_object_get(root, "fingerprint"));
    json_t *result = json_object_get(root, "result");
    *same = fingerprint && strcmp(fingerprint, stage->fingerprint) == 0;
    cf_status status = *same && result ? result_check(result) : CF_OK;
    if (*same && result && !status) {
        stage->done = true;
        json_decref(stage->result);
        stage->result = json_incref(result);
        stage->seconds = json_number_value(json_object_get(root, "seconds"));
    }
    json_decref(root);
    return status ? status_prefix(status, "%s is not as a study leaves it; remove it, and the stage is done anew",
                                  stage->record)
                  : CF_OK;
}

/* The inputs stand in the record for people: what the fingerprint is of. */
static cf_status write_record(const Stage *stage, json_t *result) {
    json_t *root = json_pack("{s:s s:O}", "fingerprint", stage->fingerprint, "inputs", stage->inputs);
    if (result) {
        json_object_set_new(root, "seconds", json_real(stage->seconds));
        json_object_set(root, "result", result);
    }
    cf_status status = json_write(stage->record, root);
    json_decref(root);
    return status;
}

/* What another process works on is not removed from under it. */
static cf_status remove_folder(const char *folder) {
    Lock lock = {0};
    if (!file_is_folder(folder)) return file_remove_tree(folder);
    FORWARD(lock_folder(folder, &lock));
    cf_status status = file_remove_tree(folder);
    lock_release(&lock);
    return status;
}

static cf_status open_record(const char *study, const char *name, Stage *stage) {
    char *folder;
    bool same;
    FORWARD(name_files(study, name, stage));
    FORWARD(take_fingerprint(stage->inputs, stage->fingerprint));
    FORWARD(read_record(stage, &same));
    stage->began = clock_seconds();
    if (same) return CF_OK;
    FORWARD(file_join(study, "stages", &folder));
    cf_status status = file_make_folder(folder);
    free(folder);
    FORWARD(status);
    FORWARD(remove_folder(stage->folder));
    return write_record(stage, NULL);
}

cf_status stage_open(const char *study, const char *name, json_t *inputs, Stage *stage) {
    Stage made = {.inputs = inputs};
    FAIL_IF(!inputs, CF_NO_MEMORY, "out of memory for what a stage depends on");
    cf_status status = open_record(study, name, &made);
    if (status)
        stage_free(&made);
    else
        *stage = made;
    return status;
}

cf_status stage_end(Stage *stage, json_t *result) {
    bool same;
    FAIL_IF(!result, CF_NO_MEMORY, "out of memory for the result of %s", stage->name);
    stage->seconds = clock_seconds() - stage->began;
    cf_status status = write_record(stage, result);
    json_decref(result);
    FORWARD(status);
    FORWARD(read_record(stage, &same));
    FAIL_IF(!same || !stage->done, CF_IO, "%s was changed while the study wrote it", stage->record);
    return CF_OK;
}

void stage_free(Stage *stage) {
    json_decref(stage->inputs);
    json_decref(stage->result);
    free(stage->name);
    free(stage->record);
    free(stage->folder);
    *stage = (Stage){0};
}
