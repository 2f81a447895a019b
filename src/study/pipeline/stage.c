#include "study/pipeline/stage.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "study/ledger/study_results.h"

#include <stdlib.h>
#include <string.h>

static cf_status take_fingerprint(const json_t *inputs, char fingerprint[SHA256_HEX]) {
    AUTO_FREE char *text = json_dumps(inputs, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(12));
    FAIL_IF(json_memory_failed() || !text, CF_NO_MEMORY, "out of memory for what a stage depends on");
    return sha256_text(text, fingerprint);
}

static cf_status read_record(Stage *stage, bool *same) {
    json_auto_t *root = NULL;
    *same = false;
    if (!file_exists(stage->record)) return CF_OK;
    FORWARD(json_read(stage->record, &root));
    const char *fingerprint = json_string_value(json_object_get(root, "fingerprint"));
    json_t *result = json_object_get(root, "result");
    *same = fingerprint && strcmp(fingerprint, stage->fingerprint) == 0;
    if (!*same || !result) return CF_OK;
    const cf_status status = result_check(result);
    if (status)
        return status_prefix(status, "%s is not as a study leaves it; remove it, and the stage is done anew",
                             stage->record);
    stage->done = true;
    json_decref(stage->result);
    stage->result = json_incref(result);
    stage->seconds = json_number_value(json_object_get(root, "seconds"));
    return CF_OK;
}

/* The inputs stand in the record for people: what the fingerprint is of. */
static cf_status write_record(const Stage *stage, json_t *result) {
    json_auto_t *root = json_pack("{s:s s:O}", "fingerprint", stage->fingerprint, "inputs", stage->inputs);
    if (result) {
        json_object_set_new(root, "seconds", json_real(stage->seconds));
        json_object_set(root, "result", result);
    }
    return json_write(stage->record, root);
}

/* What another process works on is not removed from under it. */
static cf_status remove_folder(const char *folder) {
    AUTO(lock_release) Lock lock = {0};
    if (file_is_folder(folder)) FORWARD(lock_folder(folder, &lock));
    return file_remove_tree(folder);
}

cf_status stage_open(const char *study, const char *name, json_t *inputs, Stage *stage) {
    AUTO(stage_free) Stage made = {.inputs = inputs};
    AUTO_FREE char *records = NULL;
    bool same;
    FAIL_IF(!inputs, CF_NO_MEMORY, "out of memory for what a stage depends on");
    FORWARD(memory_copy_string(name, &made.name));
    FORWARD(file_join(study, name, &made.folder));
    FORWARD(memory_print(&made.record, "%s/stages/%s.json", study, name));
    FORWARD(take_fingerprint(made.inputs, made.fingerprint));
    FORWARD(read_record(&made, &same));
    made.began = clock_seconds();
    if (!same) {
        FORWARD(file_join(study, "stages", &records));
        FORWARD(file_make_folder(records));
        FORWARD(remove_folder(made.folder));
        FORWARD(write_record(&made, NULL));
    }
    *stage = made;
    made = (Stage){0};
    return CF_OK;
}

cf_status stage_end(Stage *stage, json_t *result) {
    json_auto_t *owned = result;
    bool same;
    FAIL_IF(!result, CF_NO_MEMORY, "out of memory for the result of %s", stage->name);
    stage->seconds = clock_seconds() - stage->began;
    FORWARD(write_record(stage, owned));
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
