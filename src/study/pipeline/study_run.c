/* The kinds of a study's stages, the loop over them, and what comes of them. */
#include "study/pipeline/study_inside.h"

#include "base/slices.h"
#include "data/set_files.h"
#include "nn/features.h"
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

static void tell_progress(const Study *study, const StudyStage *of, const char *result, double seconds, bool kept) {
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
    const bool measured = json_is_number(json_object_get(result, "accuracy"));
    const double percent = 100 * result_number(result, "accuracy");
    const long long images = result_whole(result, "official_train"), test = result_whole(result, "official_test"),
                    n = result_whole(result, "n");
    words[0] = '\0';
    if (measured && json_object_get(result, "trials"))
        snprintf(words, 96, "%lld trials, the best %.2f %% of the validation images", result_whole(result, "trials"),
                 percent);
    else if (measured)
        snprintf(words, 96, "%.2f %% of %lld images", percent, n);
    else if (json_object_get(result, "official_train") && test > 0)
        snprintf(words, 96, "%lld and %lld images", images, test);
    else if (json_object_get(result, "official_train"))
        snprintf(words, 96, "%lld images", images);
    else if (json_object_get(result, "before"))
        snprintf(words, 96, "the class by neighbours of %.1f %%, then of %.1f %%",
                 100 * result_number(result, "before.knn_accuracy"), 100 * result_number(result, "after.knn_accuracy"));
    else if (json_object_get(result, "trustworthiness"))
        snprintf(words, 96, "%lld points, trustworthiness %.4f", n, result_number(result, "trustworthiness"));
}

cf_status study_put_result(Study *study, const char *path, json_t *value) {
    json_t *root = study->results;
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

void study_stage_free(StudyStage *stage) {
    json_decref(stage->inputs);
    run_config_free(&stage->training.config);
}

cf_status study_do(Study *study, StudyStage *of) {
    AUTO(stage_free) Stage stage = {0};
    char words[96];
    if (!of->work) {
        of->work = study_train;
        of->inputs = study_training_inputs(study, of);
    }
    study->stage += !of->before;
    FORWARD(stage_open(study->options->folder, of->name, memory_take(&of->inputs), &stage));
    const bool kept = stage.done;
    if (!kept) {
        json_auto_t *result = NULL;
        tell_progress(study, of, NULL, 0, false);
        FORWARD(of->work(study, of, &stage, &result));
        FORWARD(stage_end(&stage, memory_take(&result)));
    }
    in_words(stage.result, words);
    if (!kept || !of->before) tell_progress(study, of, words, stage.seconds, kept);
    study->seconds += kept && of->before ? 0 : stage.seconds;
    if (of->print) memcpy(of->print, stage.fingerprint, SHA256_HEX);
    return study_put_result(study, of->path, stage.result);
}

/* ---- The loop ---- */

json_t *study_result(const Study *study, const char *group, const char *key) {
    return json_object_get(json_object_get(study->results, group), key);
}

json_t *study_case(const json_t *cases, int case_number) {
    char key[16];
    snprintf(key, sizeof key, "%d", case_number + 1);
    return json_object_get(cases, key);
}

bool study_place(const Study *study, bool pairs, int number, StudyPlace *place) {
    StudySet *sets_of = (StudySet *)(uintptr_t)study->sets;
    const int sets = study->set_count, others = pairs ? sets - 1 : 1, other = others ? number % others : 0;
    if (number >= sets * others) return false;
    *place = (StudyPlace){.set = &sets_of[number / others]};
    if (pairs) place->from = &sets_of[other + (other >= number / others)];
    snprintf(place->key, sizeof place->key, "%s%s%s", pairs ? place->from->name : "", pairs ? "-on-" : "",
             place->set->name);
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
        AUTO(study_stage_free) StudyStage stage = {.place = *place};
        stage.place.number = i;
        FORWARD(kind->prepare(study, &stage));
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
    AUTO(run_config_free) RunConfig trained = {0};
    AUTO(cf_split_free_at) cf_split *split = NULL;
    StudyPlace place;
    double speed;
    FORWARD(run_config_copy(&set->chosen, &trained));
    FORWARD(recipe_lay(study->recipe->final, &trained.train));
    FORWARD(cf_split_new(set->set, &set->chosen.split, &split));
    StudyLoad load = {.train = (double)cf_subset_count(cf_split_part(split, CF_TRAIN)),
                      .validation = (double)cf_subset_count(cf_split_part(split, CF_VALIDATION)),
                      .trained = &trained.train};
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int p = 0; study_place(study, kinds[k]->pairs, p, &place); p++)
            if (place.set == set && kinds[k]->load && kinds[k]->count(study)) kinds[k]->load(study, &place, &load);
    FORWARD(estimate_speed(study->recipe, split, study->threads, &speed));
    estimate->images_per_second[estimate->sets++] = speed;
    estimate->expected += load.expected / speed;
    estimate->most += load.most / speed;
    return CF_OK;
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
    AUTO_FREE char *data = NULL;
    FORWARD(recipe_set_text(study->recipe, place, &data));
    config.data = data;
    config.data_dir = (char *)(uintptr_t)study->options->data_dir;
    study->set_count = place + 1;
    FORWARD(run_config_copy(&config, &set->chosen));
    FORWARD(name_set(study, set, data));
    /* Behind a search, this is laid over what was found. */
    if (!study->recipe->grid) FORWARD(recipe_lay(study->recipe->final, &set->chosen.train));
    return shelf_take(&study->shelf, set->chosen.data, study->options->data_dir, &set->set);
}

cf_status study_try(const StudySet *set, const cf_split_options *options, const char *line, bool features) {
    AUTO(cf_split_free_at) cf_split *split = NULL;
    AUTO(cf_model_free_at) cf_model *model = NULL;
    int layer;
    FORWARD(cf_split_new(set->set, options, &split));
    if (line) FORWARD(cf_model_new(line, split, set->chosen.train.seed, &model));
    return features ? features_layer(model, NULL, &layer) : CF_OK;
}

static cf_status check_shared(const StageKind *kind, const StudyPlace *place) {
    const cf_set *a = place->from->set, *b = place->set->set;
    for (int c = 0; c < a->classes; c++)
        if (set_find_class(b, a->class_names[c]) >= 0) return CF_OK;
    return FAIL(CF_BAD_USE,
                "%s: no class of %s has the name of one of %s; leave %s out of the recipe, or one of the sets",
                kind->key, place->from->name, place->set->name, kind->key);
}

static cf_status check_place(const Study *study, const StageKind *kind, const StudyPlace *place) {
    if (!kind->count(study)) return CF_OK;
    cf_status status = kind->shared ? check_shared(kind, place) : CF_OK;
    if (!status && kind->check) status = kind->check(study, place);
    return status ? status_prefix(status, "%s", place->set->chosen.data) : CF_OK;
}

/* What can be refused is looked at before a folder is made, or a stage of another recipe taken away. */
static cf_status check_all(Study *study) {
    ClaimFile *claims = NULL;
    StudyPlace place;
    if (study->recipe->claims) FORWARD(claims_read(study->recipe->claims, &claims));
    claims_free(claims);
    for (int i = 0; study->recipe->data[i]; i++) FORWARD(add_set(study, i));
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int p = 0; study_place(study, kinds[k]->pairs, p, &place); p++)
            FORWARD(check_place(study, kinds[k], &place));
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
    AUTO_FREE char *made = NULL;
    FORWARD(file_make_folders(study->options->folder, &made));
    const cf_status status = lock_folder(study->options->folder, &study->lock);
    if (status) file_unmake_folders(study->options->folder, made);
    return status;
}

static cf_status begin_study(Study *study) {
    FORWARD(check_all(study));
    FORWARD(study_take_folder(study));
    study->fresh = !file_exists_in(study->options->folder, "stages");
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        study->stages += count_places(study, kinds[k]) * kinds[k]->count(study);
    study->results = results_new(study);
    return study->results ? CF_OK : FAIL(CF_NO_MEMORY, "out of memory");
}

void study_end(Study *study) {
    for (int i = 0; i < study->set_count; i++) run_config_free(&study->sets[i].chosen);
    json_decref(study->results);
    shelf_clear(&study->shelf);
    lock_release(&study->lock);
}

/* ---- What comes of them ---- */

static cf_status draw_all(Study *study) {
    AUTO_FREE char *folder = NULL;
    AUTO(figure_list_free) FigureList list = {0};
    StudyPlace place;
    if (!study->options->formats) return CF_OK;
    FORWARD(file_join(study->options->folder, "figures", &folder));
    const FigureBook book = {folder, "", study->recipe->name, study->options->formats, &list};
    FORWARD(file_make_folder(folder));
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int p = 0; study_place(study, kinds[k]->pairs, p, &place); p++)
            if (kinds[k]->draw && kinds[k]->count(study)) {
                char name[160];
                snprintf(name, sizeof name, "%s-%s", kinds[k]->key, place.key);
                FORWARD(kinds[k]->draw(study, &book, name, &place));
            }
    return CF_OK;
}

/* One of before, when the recipe had claims, goes. */
static cf_status write_csv(const Study *study, const Ledger *ledger) {
    AUTO_FREE char *path = NULL;
    FORWARD(file_join(study->options->folder, "claims.csv", &path));
    return ledger->file ? ledger_write_csv(ledger, path) : file_remove_tree(path);
}

/* study.json: the recipe, every result, the story and the ledger. */
static cf_status write_json(const Study *study, const StudyOutcome *made) {
    json_auto_t *recipe = NULL, *claims = NULL;
    AUTO_FREE char *path = NULL;
    FORWARD(recipe_json(study->recipe, &recipe));
    json_auto_t *root = json_pack("{s:s s:O s:O s:O s:f}", "version", cf_version(), "recipe", recipe, "results",
                                  study->results, "story", made->story, "seconds", made->seconds);
    if (made->ledger.file) {
        FORWARD(ledger_json(&made->ledger, &claims));
        json_object_set(root, "claims", claims);
    }
    FORWARD(file_join(study->options->folder, "study.json", &path));
    return json_write(path, root);
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
    AUTO(study_end) Study study = {.recipe = recipe, .options = options, .threads = slices_threads(options->threads)};
    AUTO(study_outcome_free) StudyOutcome made = {0};
    FORWARD(recipe_check(recipe));
    FORWARD(begin_study(&study));
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        FORWARD(do_kind(&study, kinds[k]));
        if (k == 0) FORWARD(tell_estimate(&study));
    }
    FORWARD(conclude(&study, &made));
    *outcome = made;
    made = (StudyOutcome){0};
    return CF_OK;
}

void study_outcome_free(StudyOutcome *outcome) {
    ledger_free(&outcome->ledger);
    free(outcome->report);
    json_decref(outcome->story);
    *outcome = (StudyOutcome){0};
}
