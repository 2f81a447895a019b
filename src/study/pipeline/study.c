/* The order of a study's stages, and what comes of them. */
#include "study/pipeline/study_inside.h"

#include "base/memory.h"
#include "base/slices.h"
#include "study/imbalance/lab.h"
#include "study/ledger/study_results.h"
#include "study/pipeline/page.h"
#include "study/pipeline/study_figures.h"
#include "study/pipeline/study_story.h"

#include <stdlib.h>
#include <string.h>

static const char *const place_keys[RECIPE_SETS] = {"mnist", "svhn"};

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
    else if (images)
        snprintf(words, 96, "%lld and %lld images", (long long)json_integer_value(images),
                 (long long)json_integer_value(json_object_get(result, "official_test")));
    else if (json_object_get(result, "before"))
        snprintf(words, 96, "the class by neighbours of %.1f %%, then of %.1f %%",
                 100 * result_number(result, "before.knn_accuracy"), 100 * result_number(result, "after.knn_accuracy"));
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
        if (path[length] == '\0')
            return json_object_set(root, key, value) ? FAIL(CF_NO_MEMORY, "out of memory") : CF_OK;
        if (!next) json_object_set_new(root, key, next = path[length] == '[' ? json_array() : json_object());
        if (path[length] == '[') return json_array_append(next, value) ? FAIL(CF_NO_MEMORY, "out of memory") : CF_OK;
        root = next;
        path += length + 1;
    }
}

static cf_status work_on(Study *study, const StudyStage *of, Stage *stage) {
    json_t *result = NULL;
    tell(study, of, NULL, 0, false);
    cf_status status = of->work(study, stage, of->context, &result);
    if (!status) return stage_end(stage, result);
    json_decref(result);
    return status;
}

cf_status study_do(Study *study, const StudyStage *of) {
    char words[96];
    Stage stage;
    study->stage += !of->before;
    FORWARD(stage_open(study->options->folder, of->name, of->inputs, &stage));
    const bool kept = stage.done;
    cf_status status = kept ? CF_OK : work_on(study, of, &stage);
    if (!status) {
        in_words(stage.result, words);
        if (!kept || !of->before) tell(study, of, words, stage.seconds, kept);
        study->seconds += kept && of->before ? 0 : stage.seconds;
        if (of->print) memcpy(of->print, stage.fingerprint, SHA256_HEX);
        status = put(study->results, of->path, stage.result);
    }
    stage_free(&stage);
    return status;
}

/* ---- The stages ---- */

static int count_stages(const Recipe *r, int sets) {
    const int ways = sets == 2 && r->cross ? 2 : 0;
    int each = 1 + (r->grid != NULL) + r->seeds + r->features + (r->classes ? r->case_count * r->seeds : 0);
    return sets * each + ways * (r->seeds + r->features) + study_section_stages(r, sets);
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

static cf_status estimate_set(const Study *study, const StudySet *set, int configurations, StudyEstimate *estimate) {
    double speed;
    RunConfig trained = {0};
    cf_split *split;
    FORWARD(cf_split_new(set->set, &set->chosen.split, &split));
    cf_status status = run_config_copy(&set->chosen, &trained);
    if (!status) status = recipe_lay(study->recipe->final, &trained.train);
    if (!status) status = estimate_speed(study->recipe, split, study->threads, &speed);
    if (!status) {
        estimate_add(study->recipe, &trained.train, split, configurations, speed, estimate);
        const double more =
            study_section_images(study, set, (double)cf_subset_count(cf_split_part(split, CF_TRAIN))) / speed;
        estimate->expected += more;
        estimate->most += more;
    }
    run_config_free(&trained);
    cf_split_free(split);
    return status;
}

static cf_status tell_estimate(const Study *study) {
    StudyEstimate estimate = {0};
    Space space = {0};
    if (!study->fresh || !study->options->estimated) return CF_OK;
    if (study->recipe->grid) FORWARD(space_read(study->recipe->grid, &space));
    const int configurations = study->recipe->grid ? (int)space_points(&space) : 0;
    space_free(&space);
    for (int i = 0; i < study->set_count; i++) FORWARD(estimate_set(study, &study->sets[i], configurations, &estimate));
    study->options->estimated(&estimate, study->options->context);
    return CF_OK;
}

static cf_status do_stages(Study *study) {
    const Recipe *recipe = study->recipe;
    FORWARD(each_set(study, study_data));
    FORWARD(tell_estimate(study));
    FORWARD(each_set(study, study_search));
    FORWARD(each_set(study, train_all));
    if (recipe->features) FORWARD(each_set(study, study_features));
    if (recipe->cross && study->set_count == 2) {
        FORWARD(cross_all(study, &study->sets[1], &study->sets[0]));
        FORWARD(cross_all(study, &study->sets[0], &study->sets[1]));
    }
    if (recipe->classes) FORWARD(each_set(study, imbalance_all));
    FORWARD(each_set(study, study_remedies));
    if (study_has_transfer(recipe, study->set_count)) {
        FORWARD(study_transfer(study, &study->sets[0], &study->sets[1]));
        FORWARD(study_transfer(study, &study->sets[1], &study->sets[0]));
    }
    if (study_has_adaptation(recipe, study->set_count)) {
        FORWARD(study_adaptation(study, &study->sets[0], &study->sets[1]));
        FORWARD(study_adaptation(study, &study->sets[1], &study->sets[0]));
    }
    return each_set(study, study_attention);
}

/* ---- Beginning and end ---- */

static cf_status set_place(Study *study, int place) {
    StudySet *set = &study->sets[place];
    RunConfig config = study->recipe->base;
    FORWARD(recipe_set_text(study->recipe, place, &config.data));
    config.data_dir = (char *)(uintptr_t)study->options->data_dir;
    set->key = place_keys[place];
    cf_status status = run_config_copy(&config, &set->chosen);
    if (!status) status = data_short_name(config.data, set->name);
    free(config.data);
    FORWARD(status);
    if (place && strcmp(set->name, study->sets[0].name) == 0)
        snprintf(set->name, sizeof set->name, "%.58s-2", study->sets[0].name);
    study->set_count = place + 1;
    return CF_OK;
}

/* The cases of imbalance. */
static cf_status check_cases(const Study *study, const StudySet *set) {
    cf_split *split;
    for (int c = 0; study->recipe->classes && c < study->recipe->case_count; c++) {
        cf_split_options options = set->chosen.split;
        options.classes = study->recipe->classes;
        options.train_limit = study->recipe->cases[c][0] ? study->recipe->cases[c] : NULL;
        FORWARD(cf_split_new(set->set, &options, &split));
        cf_split_free(split);
    }
    return CF_OK;
}

/* The sets are there and can be cut, and the models can be made of them. */
static cf_status check_set(Study *study, StudySet *set) {
    cf_split *split;
    cf_model *model = NULL;
    FORWARD(shelf_take(&study->shelf, set->chosen.data, study->options->data_dir, &set->set));
    FORWARD(cf_split_new(set->set, &set->chosen.split, &split));
    cf_status status =
        study->recipe->grid ? CF_OK : cf_model_new(set->chosen.model, split, set->chosen.train.seed, &model);
    cf_model_free(model);
    cf_split_free(split);
    if (!status) status = check_cases(study, set);
    if (!status) status = study_check_sections(study, set);
    return status ? status_prefix(status, "%s", set->chosen.data) : CF_OK;
}

/* What can be refused is looked at before a folder is made, or a stage of another recipe taken away. */
static cf_status check(Study *study) {
    Space space = {0};
    for (int i = 0; i < RECIPE_SETS && study->recipe->data[i]; i++) FORWARD(set_place(study, i));
    FORWARD(each_set(study, check_set));
    if (study->recipe->grid) FORWARD(space_read(study->recipe->grid, &space));
    space_free(&space);
    return CF_OK;
}

static cf_status begin(Study *study) {
    char *stages, *made;
    FORWARD(check(study));
    FORWARD(file_make_folders(study->options->folder, &made));
    cf_status status = lock_folder(study->options->folder, &study->lock);
    if (status) file_unmake_folders(study->options->folder, made);
    free(made);
    FORWARD(status);
    FORWARD(file_join(study->options->folder, "stages", &stages));
    study->fresh = !file_exists(stages);
    free(stages);
    study->stages = count_stages(study->recipe, study->set_count);
    study->results = json_object();
    return study->results ? CF_OK : FAIL(CF_NO_MEMORY, "out of memory");
}

static void end(Study *study) {
    for (int i = 0; i < RECIPE_SETS; i++) run_config_free(&study->sets[i].chosen);
    json_decref(study->results);
    shelf_clear(&study->shelf);
    lock_release(&study->lock);
}

/* ---- What comes of them ---- */

/* Each model's recall on its own set and on the other; the cases of imbalance together. */
static cf_status draw_cross(const Study *study, const FigureBook *book, const StudySet *from, const StudySet *on) {
    char way[40], name[160], title[200];
    RecallSeries series[2];
    snprintf(way, sizeof way, "%s-on-%s", from->key, on->key);
    series[0].runs = json_object_get(json_object_get(study->results, "test"), from->key);
    series[1].runs = json_object_get(json_object_get(study->results, "cross"), way);
    if (!json_array_size(series[1].runs)) return CF_OK;
    snprintf(series[0].name, sizeof series[0].name, "on %s", from->name);
    snprintf(series[1].name, sizeof series[1].name, "on %s", on->name);
    snprintf(name, sizeof name, "cross-%s-on-%s", from->name, on->name);
    snprintf(title, sizeof title, "The model of %s", from->name);
    return figure_recalls(book, name, title, series, 2);
}

static cf_status draw_remedies(const Study *study, const FigureBook *book, const StudySet *set) {
    const json_t *cases = json_object_get(json_object_get(study->results, "remedies"), set->key);
    for (int i = 0; i < study->recipe->case_count; i++) {
        char key[16], name[96], title[200];
        snprintf(key, sizeof key, "%d", i + 1);
        snprintf(name, sizeof name, "remedies-%s-case%d", set->name, i + 1);
        snprintf(title, sizeof title, "%s, %.100s: recall, mean over the seeds", set->name, study->recipe->cases[i]);
        if (json_object_get(cases, key)) FORWARD(figure_remedies(book, name, title, json_object_get(cases, key)));
    }
    return CF_OK;
}

static cf_status draw_imbalance(const Study *study, const FigureBook *book, const StudySet *set) {
    const json_t *cases = json_object_get(json_object_get(study->results, "imbalance"), set->key);
    const int count = (int)json_object_size(cases);
    RecallSeries series[RECIPE_CASES];
    char name[96], title[120];
    for (int i = 0; i < count; i++) {
        const char *limit = study->recipe->cases[i];
        char key[16];
        snprintf(key, sizeof key, "%d", i + 1);
        series[i].runs = json_object_get(cases, key);
        snprintf(series[i].name, sizeof series[i].name, "%.70s", limit[0] ? limit : "all");
    }
    snprintf(name, sizeof name, "imbalance-%s", set->name);
    snprintf(title, sizeof title, "%s, by training images per class", set->name);
    if (count) FORWARD(figure_recalls(book, name, title, series, count));
    return draw_remedies(study, book, set);
}

/* Few images, and networks side by side. */
static cf_status draw_sections(const Study *study, const FigureBook *book, const StudySet *set, const StudySet *other) {
    const json_t *sizes = json_object_get(json_object_get(study->results, "transfer"), set->key),
                 *models = json_object_get(json_object_get(study->results, "attention"), set->key);
    char name[96], title[200];
    snprintf(name, sizeof name, "transfer-%s", set->name);
    snprintf(title, sizeof title, "%s, by training images", set->name);
    if (sizes) FORWARD(figure_transfer(book, name, title, other->name, sizes, set->set->classes));
    snprintf(name, sizeof name, "attention-%s", set->name);
    snprintf(title, sizeof title, "%s: each network, mean over the seeds with its 95 %% interval", set->name);
    return models ? figure_attention(book, name, title, models) : CF_OK;
}

static cf_status draw_all(const Study *study, FigureList *list) {
    char *folder;
    FORWARD(file_join(study->options->folder, "figures", &folder));
    const FigureBook book = {folder, "", study->recipe->name, study->options->formats, list};
    cf_status status = study->options->formats ? file_make_folder(folder) : CF_OK;
    if (study->options->formats) {
        for (int i = 0; !status && i < study->set_count; i++)
            status = draw_cross(study, &book, &study->sets[i], &study->sets[1 - i]);
        for (int i = 0; !status && i < study->set_count; i++) status = draw_imbalance(study, &book, &study->sets[i]);
        for (int i = 0; !status && i < study->set_count; i++)
            status = draw_sections(study, &book, &study->sets[i], &study->sets[1 - i]);
    }
    free(folder);
    return status;
}

static cf_status write_csv(const Study *study, const Ledger *ledger) {
    char *path;
    FORWARD(file_join(study->options->folder, "claims.csv", &path));
    cf_status status = ledger_write_csv(ledger, path);
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
    cf_status status = ledger_json(&made->ledger, &claims);
    if (!status) json_object_set_new(root, "claims", claims);
    if (!status) status = file_join(study->options->folder, "study.json", &path);
    if (!status) {
        status = json_write(path, root);
        free(path);
    }
    json_decref(root);
    return status;
}

static cf_status conclude(const Study *study, StudyOutcome *made) {
    FigureList list = {0};
    made->seconds = study->seconds;
    FORWARD(ledger_new(study->results, &made->ledger));
    FORWARD(study_story(study->results, &made->ledger, &made->story));
    cf_status status = draw_all(study, &list);
    figure_list_free(&list);
    FORWARD(status);
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
    if (!status) status = do_stages(&study);
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
