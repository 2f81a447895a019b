/* The order of a study's stages, and what comes of them. */
#include "study/pipeline/study_inside.h"

#include "base/memory.h"
#include "base/slices.h"

#include <stdlib.h>
#include <string.h>

static const char *const place_keys[RECIPE_SETS] = {"mnist", "svhn"};

/* ---- Around a stage ---- */

static void tell(const Study *study, const char *name, const char *what, const char *result, const Stage *stage,
                 bool kept) {
    if (!study->options->progress) return;
    const StudyProgress progress = {.stage = study->stage,
                                    .stages = study->stages,
                                    .name = name,
                                    .what = what,
                                    .result = result,
                                    .kept = kept,
                                    .seconds = stage ? stage->seconds : 0};
    study->options->progress(&progress, study->options->context);
}

cf_status study_open(Study *study, const char *name, const char *what, json_t *inputs, Stage *stage) {
    study->stage++;
    FORWARD(stage_open(study->options->folder, name, inputs, stage));
    study->kept = stage->done;
    if (!stage->done) tell(study, name, what, NULL, NULL, false);
    return CF_OK;
}

/* A stage's result in a few words. */
static void in_words(const json_t *result, char words[96]) {
    const json_t *accuracy = json_object_get(result, "accuracy"), *n = json_object_get(result, "n");
    const json_t *trials = json_object_get(result, "trials"), *images = json_object_get(result, "official_train");
    words[0] = '\0';
    if (json_is_number(accuracy) && trials)
        snprintf(words, 96, "%lld trials, the best %.2f %% of the validation images",
                 (long long)json_integer_value(trials), 100 * json_number_value(accuracy));
    else if (json_is_number(accuracy))
        snprintf(words, 96, "%.2f %% of %lld images", 100 * json_number_value(accuracy),
                 (long long)json_integer_value(n));
    else if (images)
        snprintf(words, 96, "%lld and %lld images", (long long)json_integer_value(images),
                 (long long)json_integer_value(json_object_get(result, "official_test")));
    else if (json_object_get(result, "trustworthiness"))
        snprintf(words, 96, "%lld points, trustworthiness %.4f", (long long)json_integer_value(n),
                 json_number_value(json_object_get(result, "trustworthiness")));
}

/* Walks to `path`, making objects on the way; "[]" at its end appends to a list. */
static cf_status put(json_t *root, const char *path, json_t *value) {
    char key[64];
    for (;;) {
        const size_t length = strcspn(path, ".[");
        FAIL_IF(length >= sizeof key, CF_INTERNAL, "%s is no place among the results", path);
        memcpy(key, path, length);
        key[length] = '\0';
        json_t *next = json_object_get(root, key);
        if (path[length] == '\0') return json_object_set(root, key, value) ? FAIL(CF_NO_MEMORY, "out of memory") : CF_OK;
        if (!next) json_object_set_new(root, key, next = path[length] == '[' ? json_array() : json_object());
        if (path[length] == '[') return json_array_append(next, value) ? FAIL(CF_NO_MEMORY, "out of memory") : CF_OK;
        root = next;
        path += length + 1;
    }
}

cf_status study_close(Study *study, Stage *stage, const char *what, const char *path) {
    char words[96];
    in_words(stage->result, words);
    tell(study, stage->name, what, words, stage, study->kept);
    study->seconds += stage->seconds;
    cf_status status = put(study->results, path, stage->result);
    stage_free(stage);
    return status;
}

/* ---- The stages ---- */

static int count_stages(const Recipe *r, int sets) {
    const int ways = sets == 2 && r->cross ? 2 : 0;
    int each = 1 + (r->grid != NULL) + r->seeds + r->features + (r->classes ? r->case_count * r->seeds : 0);
    return sets * each + ways * (r->seeds + r->features);
}

static cf_status each_set(Study *study, cf_status (*stage)(Study *study, StudySet *set)) {
    for (int i = 0; i < study->set_count; i++) FORWARD(stage(study, &study->sets[i]));
    return CF_OK;
}

static cf_status train_all(Study *study, StudySet *set) {
    for (int s = 0; s < study->recipe->seeds; s++) FORWARD(study_train(study, set, s));
    return CF_OK;
}

static cf_status imbalance_all(Study *study, StudySet *set) {
    for (int c = 0; c < study->recipe->case_count; c++)
        for (int s = 0; s < study->recipe->seeds; s++) FORWARD(study_imbalance(study, set, c, s));
    return CF_OK;
}

static cf_status cross_all(Study *study, StudySet *from, StudySet *on) {
    for (int s = 0; s < study->recipe->seeds; s++) FORWARD(study_cross(study, from, on, s));
    return study->recipe->features ? study_cross_features(study, from, on) : CF_OK;
}

static cf_status do_stages(Study *study) {
    const Recipe *recipe = study->recipe;
    FORWARD(each_set(study, study_data));
    FORWARD(each_set(study, study_search));
    FORWARD(each_set(study, train_all));
    if (recipe->features) FORWARD(each_set(study, study_features));
    if (recipe->cross && study->set_count == 2) {
        FORWARD(cross_all(study, &study->sets[1], &study->sets[0]));
        FORWARD(cross_all(study, &study->sets[0], &study->sets[1]));
    }
    return recipe->classes ? each_set(study, imbalance_all) : CF_OK;
}

/* ---- Beginning and end ---- */

static cf_status set_place(Study *study, int place) {
    StudySet *set = &study->sets[place];
    RunConfig config = study->recipe->base;
    config.data = study->recipe->data[place];
    config.data_dir = (char *)(uintptr_t)study->options->data_dir;
    set->key = place_keys[place];
    FORWARD(run_config_copy(&config, &set->chosen));
    FORWARD(data_short_name(config.data, set->name));
    if (place && strcmp(set->name, study->sets[0].name) == 0) snprintf(set->name, sizeof set->name, "%.60s-2", study->sets[0].name);
    study->set_count = place + 1;
    return CF_OK;
}

static cf_status begin(Study *study) {
    FORWARD(file_make_folder(study->options->folder));
    for (int i = 0; i < RECIPE_SETS && study->recipe->data[i]; i++) FORWARD(set_place(study, i));
    study->stages = count_stages(study->recipe, study->set_count);
    study->results = json_object();
    return study->results ? CF_OK : FAIL(CF_NO_MEMORY, "out of memory");
}

static void end(Study *study) {
    for (int i = 0; i < RECIPE_SETS; i++) run_config_free(&study->sets[i].chosen);
    json_decref(study->results);
    shelf_clear(&study->shelf);
}

static cf_status write_all(const Study *study, StudyOutcome *made) {
    char *path;
    FORWARD(ledger_new(study->results, &made->ledger));
    FORWARD(file_join(study->options->folder, "claims.csv", &path));
    cf_status status = ledger_write_csv(&made->ledger, path);
    free(path);
    return status;
}

cf_status study_run(const Recipe *recipe, const StudyOptions *options, StudyOutcome *outcome) {
    Study study = {.recipe = recipe, .options = options, .threads = slices_threads(options->threads)};
    StudyOutcome made = {0};
    FORWARD(recipe_check(recipe));
    cf_status status = begin(&study);
    if (!status) status = do_stages(&study);
    if (!status) status = write_all(&study, &made);
    made.seconds = study.seconds;
    end(&study);
    if (status)
        study_outcome_free(&made);
    else
        *outcome = made;
    return status;
}

void study_outcome_free(StudyOutcome *outcome) {
    ledger_free(&outcome->ledger);
    free(outcome->report);
    json_decref(outcome->story);
    *outcome = (StudyOutcome){0};
}
