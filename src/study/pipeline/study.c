/* The kinds of a study's stages, the loop over them, and what comes of them. */
#include "study/pipeline/study_inside.h"

#include "base/memory.h"
#include "base/slices.h"
#include "study/ledger/study_results.h"
#include "study/pipeline/page.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which they are done: a stage may need what those before it have left. */
static const StageKind *const kinds[] = {&study_data_kind,       &study_search_kind,
                                         &study_train_kind,      &study_features_kind,
                                         &study_cross_kind,      &study_cross_features_kind,
                                         &study_imbalance_kind,  &study_remedies_kind,
                                         &study_transfer_kind,   &study_transfer_features_kind,
                                         &study_adaptation_kind, &study_attention_kind};

/* ---- Doing a stage ---- */

static void tell(const Study *study, const StudyStage *of, const char *result, double seconds, bool kept) {
    if (!study->options->progress) return;
    const StudyProgress progress = {.stage = study->stage,
                                    .stages = study->stages,
                                    .name = of->name,
                                    .what = of->what,
                                    .result = result,
                                    .kept = kept,
                                    .seconds = seconds};
    study->options->progress(&progress, study->options->context);
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
    else if (images && result_number(result, "official_test") > 0)
        snprintf(words, 96, "%lld and %lld images", (long long)json_integer_value(images),
                 result_whole(result, "official_test"));
    else if (images)
        snprintf(words, 96, "%lld images", (long long)json_integer_value(images));
    else if (json_object_get(result, "before"))
        snprintf(words, 96, "the class by neighbours of %.1f %%, then of %.1f %%",
                 100 * result_number(result, "before.knn_accuracy"), 100 * result_number(result, "after.knn_accuracy"));
    else if (json_object_get(result, "trustworthiness"))
        snprintf(words, 96, "%lld points, trustworthiness %.4f", (long long)json_integer_value(n),
                 json_number_value(json_object_get(result, "trustworthiness")));
}

/* Walks to `path`, making objects on the way; "[]" at its end appends to a list. */
static cf_status put(json_t *root, const char *path, json_t *value) {
    char key[160];
    for (;;) {
        const size_t length = strcspn(path, ".[");
        FAIL_IF(length >= sizeof key, CF_INTERNAL, "%s is no place among the results", path);
        memcpy(key, path, length);
        key[length] = '\0';
        json_t *next = json_object_get(root, key);
        if (path[length] == '\0')
            return json_object_set(root, key, value) ? FAIL(CF_NO_MEMORY, "out of memory") : CF_OK;
        if (!next) json_object_set_new(root, key, next = path[length] == '[' ? json_array() : json_object());
        if (path[length] == '[') return json_array_append(next, value) ? FAIL(CF_NO_MEMORY, "out of memory") : CF_OK;
        root = next;
        path += length + 1;
    }
}

static cf_status work_on(Study *study, StudyStage *of, Stage *stage) {
    json_t *result = NULL;
    tell(study, of, NULL, 0, false);
    cf_status status = of->work(study, of, stage, &result);
    if (!status) return stage_end(stage, result);
    json_decref(result);
    return status;
}

cf_status study_do(Study *study, StudyStage *of) {
    char words[96];
    Stage stage = {0};
    if (!of->work) {
        of->work = study_train;
        of->inputs = study_training_inputs(study, of);
    }
    study->stage += !of->before;
    cf_status status = stage_open(study->options->folder, of->name, of->inputs, &stage);
    const bool kept = stage.done;
    if (!status && !kept) status = work_on(study, of, &stage);
    if (!status) {
        in_words(stage.result, words);
        if (!kept || !of->before) tell(study, of, words, stage.seconds, kept);
        study->seconds += kept && of->before ? 0 : stage.seconds;
        if (of->print) memcpy(of->print, stage.fingerprint, SHA256_HEX);
        status = put(study->results, of->path, stage.result);
    }
    stage_free(&stage);
    run_config_free(&of->training.config);
    return status;
}

/* ---- The loop ---- */

void study_pair(const StudySet *from, const StudySet *on, char key[STUDY_PAIR]) {
    snprintf(key, STUDY_PAIR, "%s-on-%s", from->name, on->name);
}

const json_t *study_result(const Study *study, const char *group, const char *key) {
    return json_object_get(json_object_get(study->results, group), key);
}

bool study_place(const Study *study, bool pairs, int number, StudyPlace *place) {
    StudySet *sets_of = (StudySet *)(uintptr_t)study->sets;
    const int sets = study->set_count, others = pairs ? sets - 1 : 1, other = others ? number % others : 0;
    if (number >= sets * others) return false;
    *place = (StudyPlace){.set = &sets_of[number / others]};
    if (pairs) place->from = &sets_of[other + (other >= number / others)];
    return true;
}

/* Of one kind; `number` of how many places it has. */
static int count_places(const Study *study, const StageKind *kind) {
    return study->set_count * (kind->pairs ? study->set_count - 1 : 1);
}

bool study_has(const Study *study, const char *key) {
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        if (strcmp(kinds[k]->key, key) == 0 && kinds[k]->count(study) && count_places(study, kinds[k])) return true;
    return false;
}

static cf_status do_place(Study *study, const StageKind *kind, const StudyPlace *place) {
    const int count = kind->count(study);
    for (int i = 0; i < count; i++) {
        StudyStage stage = {.place = *place};
        stage.place.number = i;
        const cf_status status = kind->prepare(study, &stage);
        if (status) {
            json_decref(stage.inputs);
            run_config_free(&stage.training.config);
            return status;
        }
        FORWARD(study_do(study, &stage));
    }
    return count && kind->finish ? kind->finish(study, place) : CF_OK;
}

static cf_status do_kind(Study *study, const StageKind *kind) {
    StudyPlace place;
    for (int p = 0; study_place(study, kind->pairs, p, &place); p++) FORWARD(do_place(study, kind, &place));
    return CF_OK;
}

/* ---- How long it will take ---- */

static cf_status estimate_set(Study *study, StudySet *set, StudyEstimate *estimate) {
    RunConfig trained;
    StudyPlace place;
    cf_split *split;
    double speed;
    FORWARD(run_config_copy(&set->chosen, &trained));
    cf_status status = recipe_lay(study->recipe->final, &trained.train);
    if (!status) status = cf_split_new(set->set, &set->chosen.split, &split);
    if (!status) {
        StudyLoad load = {.train = (double)cf_subset_count(cf_split_part(split, CF_TRAIN)),
                          .validation = (double)cf_subset_count(cf_split_part(split, CF_VALIDATION)),
                          .trained = &trained.train};
        for (size_t k = 0; k < COUNT_OF(kinds); k++)
            for (int p = 0; study_place(study, kinds[k]->pairs, p, &place); p++)
                if (place.set == set && kinds[k]->load && kinds[k]->count(study)) kinds[k]->load(study, &place, &load);
        status = estimate_speed(study->recipe, split, study->threads, &speed);
        if (!status) {
            estimate->images_per_second[estimate->sets++] = speed;
            estimate->expected += load.expected / speed;
            estimate->most += load.most / speed;
        }
        cf_split_free(split);
    }
    run_config_free(&trained);
    return status;
}

static cf_status tell_estimate(Study *study) {
    StudyEstimate estimate = {0};
    if (!study->fresh || !study->options->estimated) return CF_OK;
    for (int i = 0; i < study->set_count; i++) FORWARD(estimate_set(study, &study->sets[i], &estimate));
    study->options->estimated(&estimate, study->options->context);
    return CF_OK;
}

/* ---- Beginning and end ---- */

/* Sets of the same name are told apart by a number. */
static cf_status name_set(const Study *study, StudySet *set, const char *data) {
    char name[64];
    bool taken = true;
    FORWARD(data_short_name(data, name));
    memcpy(set->name, name, sizeof name);
    for (int copy = 2; taken && copy < RECIPE_MOST_SETS + 2; copy++) {
        taken = false;
        for (const StudySet *other = study->sets; other < set; other++) taken |= strcmp(other->name, set->name) == 0;
        if (taken) snprintf(set->name, sizeof set->name, "%.58s-%d", name, copy);
    }
    return CF_OK;
}

static cf_status add_set(Study *study, int place) {
    StudySet *set = &study->sets[place];
    RunConfig config = study->recipe->base;
    FORWARD(recipe_set_text(study->recipe, place, &config.data));
    config.data_dir = (char *)(uintptr_t)study->options->data_dir;
    cf_status status = run_config_copy(&config, &set->chosen);
    if (!status) status = name_set(study, set, config.data);
    free(config.data);
    study->set_count = place + 1;
    /* Behind a search, this is laid over what was found. */
    if (!status && !study->recipe->grid) status = recipe_lay(study->recipe->final, &set->chosen.train);
    FORWARD(status);
    return shelf_take(&study->shelf, set->chosen.data, study->options->data_dir, &set->set);
}

/* What can be refused is looked at before a folder is made, or a stage of another recipe taken away. */
static cf_status check(Study *study) {
    Ledger ledger = {0};
    StudyPlace place;
    if (study->recipe->claims) FORWARD(claims_read(study->recipe->claims, &ledger.file));
    ledger_free(&ledger);
    for (int i = 0; study->recipe->data[i]; i++) FORWARD(add_set(study, i));
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int p = 0; study_place(study, kinds[k]->pairs, p, &place); p++) {
            if (!kinds[k]->check || !kinds[k]->count(study)) continue;
            const cf_status status = kinds[k]->check(study, &place);
            if (status) return status_prefix(status, "%s", place.set->chosen.data);
        }
    return CF_OK;
}

/* Results begin with what they are of. */
static json_t *results_new(const Study *study) {
    char split[40];
    json_t *sets = json_array();
    split_to_text(&study->recipe->base.split, split);
    for (int i = 0; i < study->set_count; i++) json_array_append_new(sets, json_string(study->sets[i].name));
    return json_pack("{s:o s:s s:i}", "sets", sets, "split", split, "splits", study->recipe->splits);
}

cf_status study_take_folder(Study *study) {
    char *made;
    FORWARD(file_make_folders(study->options->folder, &made));
    const cf_status status = lock_folder(study->options->folder, &study->lock);
    if (status) file_unmake_folders(study->options->folder, made);
    free(made);
    return status;
}

static cf_status begin(Study *study) {
    char *stages;
    FORWARD(check(study));
    FORWARD(study_take_folder(study));
    FORWARD(file_join(study->options->folder, "stages", &stages));
    study->fresh = !file_exists(stages);
    free(stages);
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        study->stages += count_places(study, kinds[k]) * kinds[k]->count(study);
    study->results = results_new(study);
    return study->results ? CF_OK : FAIL(CF_NO_MEMORY, "out of memory");
}

static void end(Study *study) {
    for (int i = 0; i < study->set_count; i++) run_config_free(&study->sets[i].chosen);
    json_decref(study->results);
    shelf_clear(&study->shelf);
    lock_release(&study->lock);
}

/* ---- What comes of them ---- */

static cf_status draw_all(Study *study) {
    char *folder;
    StudyPlace place;
    FigureList list = {0};
    if (!study->options->formats) return CF_OK;
    FORWARD(file_join(study->options->folder, "figures", &folder));
    const FigureBook book = {folder, "", study->recipe->name, study->options->formats, &list};
    cf_status status = file_make_folder(folder);
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int p = 0; !status && study_place(study, kinds[k]->pairs, p, &place); p++)
            if (kinds[k]->draw && kinds[k]->count(study)) status = kinds[k]->draw(study, &book, &place);
    figure_list_free(&list);
    free(folder);
    return status;
}

/* One of before, when the recipe had claims, goes. */
static cf_status write_csv(const Study *study, const Ledger *ledger) {
    char *path;
    FORWARD(file_join(study->options->folder, "claims.csv", &path));
    const cf_status status = ledger->file ? ledger_write_csv(ledger, path) : file_remove_tree(path);
    free(path);
    return status;
}

/* study.json: the recipe, every result, the story and the ledger. */
static cf_status write_json(const Study *study, const StudyOutcome *made) {
    json_t *recipe, *claims;
    char *path;
    FORWARD(recipe_json(study->recipe, &recipe));
    json_t *root = json_pack("{s:s s:o s:O s:O s:f}", "version", cf_version(), "recipe", recipe, "results",
                             study->results, "story", made->story, "seconds", made->seconds);
    cf_status status = made->ledger.file ? ledger_json(&made->ledger, &claims) : CF_OK;
    if (!status && made->ledger.file) json_object_set_new(root, "claims", claims);
    if (!status) status = file_join(study->options->folder, "study.json", &path);
    if (!status) {
        status = json_write(path, root);
        free(path);
    }
    json_decref(root);
    return status;
}

static cf_status conclude(Study *study, StudyOutcome *made) {
    made->seconds = study->seconds;
    if (study->recipe->claims) FORWARD(ledger_new(study->recipe->claims, study->results, &made->ledger));
    FORWARD(study_story(study->results, &made->ledger, &made->story));
    FORWARD(draw_all(study));
    FORWARD(write_csv(study, &made->ledger));
    FORWARD(write_json(study, made));
    FORWARD(file_join(study->options->folder, "report.html", &made->report));
    return study_page_write(study, made);
}

cf_status study_run(const Recipe *recipe, const StudyOptions *options, StudyOutcome *outcome) {
    Study study = {.recipe = recipe, .options = options, .threads = slices_threads(options->threads)};
    StudyOutcome made = {0};
    FORWARD(recipe_check(recipe));
    cf_status status = begin(&study);
    for (size_t k = 0; !status && k < COUNT_OF(kinds); k++) {
        status = do_kind(&study, kinds[k]);
        if (!status && k == 0) status = tell_estimate(&study);
    }
    if (!status) status = conclude(&study, &made);
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
