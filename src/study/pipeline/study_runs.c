/* The trainings of a study, each a run folder like that of cifra train; those with the set's own configuration, of all classes and of
 * few images of one. */
#include "study/pipeline/study_inside.h"

#include "study/group/group.h"
#include "study/imbalance/lab.h"
#include "study/pipeline/study_figures.h"

#include <stdlib.h>
#include <string.h>

cf_status study_run_folder(const Study *study, const StudySet *set, int seed_number, char **folder) {
    return memory_print(folder, "%s/train-%s-s%d", study->options->folder, set->name, seed_number + 1);
}

cf_status study_open_run(Study *study, const StudySet *set, int seed_number, Run **run) {
    AUTO_FREE char *folder = NULL;
    FORWARD(study_run_folder(study, set, seed_number, &folder));
    FORWARD(run_open(folder, run));
    (*run)->shelf = &study->shelf;
    return CF_OK;
}

/* ---- What an evaluation leaves ---- */

/* A model that has collapsed calls nearly everything one class: how large the largest share of predictions is, and that of
 * the images that are of this class. */
static json_t *most_predicted(const Metrics *m) {
    const size_t classes = (size_t)m->classes;
    size_t best = 0, most = 0;
    for (size_t c = 0; c < classes; c++) {
        const size_t predicted = m->per_class[c].predicted;
        if (predicted <= most) continue;
        most = predicted;
        best = c;
    }
    const double n = (double)m->summary.count;
    return json_pack("{s:o s:f s:f}", "class", json_text(m->class_names[best]), "share", (double)most / n, "true_share",
                     (double)m->per_class[best].support / n);
}

cf_status study_evaluation_json(const Study *study, const Evaluation *evaluation, const char *data, const char *part,
                                json_t **json) {
    AUTO(evaluation_intervals_free) EvaluationIntervals intervals = {0};
    json_auto_t *ends = NULL;
    FORWARD(evaluation_intervals(evaluation, study->threads, &intervals));
    FORWARD(evaluation_intervals_json(&intervals, &ends));
    FORWARD(evaluation_json(evaluation, data, part, json));
    json_object_set(*json, "intervals", ends);
    json_object_set_new(*json, "most_predicted", most_predicted(&evaluation->metrics));
    return CF_OK;
}

/* ---- A training ---- */

/* The evaluation of the test part, with that of the validation part in it. */
static cf_status whole_json(const Study *study, const Run *run, json_t **result) {
    const ClassifyOptions options = {.engine = run->engine, .threads = study->threads};
    const cf_train_result *r = &run->fitted.result;
    AUTO(evaluation_free) Evaluation evaluation = {0};
    json_auto_t *test = NULL, *validation = NULL;
    FORWARD(study_evaluation_json(study, &run->test, run->config.data, "test", &test));
    FORWARD(evaluate(run->model, cf_split_part(run->split, CF_VALIDATION), &options, &evaluation));
    FORWARD(study_evaluation_json(study, &evaluation, run->config.data, "validation", &validation));
    json_object_set_new(test, "seed", json_integer((json_int_t)run->config.train.seed));
    json_object_set_new(test, "epochs_run", json_integer(r->epochs_run));
    json_object_set_new(test, "best_epoch", json_integer(r->best_epoch));
    json_object_set(test, "validation", validation);
    *result = memory_take(&test);
    return CF_OK;
}

/* What sections compare. */
static cf_status brief_json(const Run *run, json_t **result) {
    const cf_metrics *m = &run->test.metrics.summary;
    const LayerList *layers = &run->model->layers;
    *result = json_pack("{s:I s:I s:f s:f s:I s:i s:I s:f s:f}", "seed", (json_int_t)run->config.train.seed, "n",
                        (json_int_t)m->count, "accuracy", m->accuracy, "loss", m->loss, "images",
                        (json_int_t)cf_subset_count(cf_split_part(run->split, CF_TRAIN)), "epochs_run",
                        run->fitted.result.epochs_run, "parameters", (json_int_t)layer_list_parameters(layers), "mflop",
                        layer_list_flops(layers) / 1e6, "seconds", run_step_seconds(run));
    return CF_OK;
}

/* On the target's test part, by the network as it is now and as it was before. */
static cf_status adapted_json(const Study *study, const Run *run, json_t **result) {
    const ClassifyOptions options = {.engine = run->engine, .threads = study->threads};
    AUTO(evaluation_free) Evaluation before = {0};
    AUTO(cf_model_free_at) cf_model *model = NULL;
    FAIL_IF(!run->target_tested, CF_BAD_USE, "%s has no test images of classes that the model knows",
            run->config.target);
    FORWARD(model_open(run->config.from, &model));
    FORWARD(evaluate(model, cf_split_part(run->target, CF_TEST), &options, &before));
    const cf_metrics *m = &run->target_test.metrics.summary;
    *result = json_pack("{s:I s:I s:f s:f s:f}", "seed", (json_int_t)run->config.train.seed, "n", (json_int_t)m->count,
                        "accuracy", m->accuracy, "loss", m->loss, "before", before.metrics.summary.accuracy);
    return CF_OK;
}

static cf_status add_features(Study *study, const Stage *stage, json_t *result) {
    AUTO(run_free_at) Run *run = NULL;
    json_t *features;
    FORWARD(run_open(stage->folder, &run));
    run->shelf = &study->shelf;
    FORWARD(study_embed_run(study, run, run->config.data, &features));
    json_object_set_new(result, "features", features);
    return CF_OK;
}

static cf_status train_and_test(Study *study, Training *training, const Stage *stage, json_t **result) {
    const StudyOptions *o = study->options;
    AUTO(run_free_at) Run *run = NULL;
    FORWARD(run_prepare(&training->config, &study->shelf, &run));
    run->threads = study->threads;
    FORWARD(run_start(run, stage->folder, true));
    FORWARD(run_train(run, true, o->training, o->context));
    FORWARD(run_evaluate_test(run));
    if (training->shown) FORWARD(run_write_report(run, &(FigureOptions){.formats = o->formats}));
    switch (training->result) {
    case RESULT_LAB:
        return lab_result(run, result);
    case RESULT_ADAPTED:
        return adapted_json(study, run, result);
    case RESULT_BRIEF:
        return brief_json(run, result);
    case RESULT_WHOLE:
        break;
    }
    return whole_json(study, run, result);
}

cf_status study_train(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    FORWARD(train_and_test(study, &of->training, stage, result));
    return of->training.embedded ? add_features(study, stage, *result) : CF_OK;
}

/* Folders do not matter: the checksum of the data is among the inputs, and the fingerprint of the stage of another network. */
json_t *study_training_inputs(const Study *study, const StudyStage *stage) {
    const Training *training = &stage->training;
    const StudySet *trained = training->target ? stage->place.from : stage->place.set;
    json_t *json;
    if (run_config_json(&training->config, &json)) return NULL;
    json_object_del(json, "data_dir");
    if (training->source_print[0]) json_object_set_new(json, "from", json_string(training->source_print));
    json_t *inputs = json_pack("{s:o s:s s:i}", "config", json, "data", trained->data_print, "formats",
                               training->shown ? (int)study->options->formats : 0);
    if (training->target) json_object_set_new(inputs, "target", json_string(stage->place.set->data_print));
    if (training->embedded) study_umap_inputs(study, inputs);
    return inputs;
}

/* ---- The set's own trainings ---- */

/* The set's own configuration for the training with that number: its seed, its split. */
static cf_status configure(const Study *study, const StudySet *set, int seed_number, RunConfig *config) {
    FORWARD(run_config_copy(&set->chosen, config));
    config->train.seed += (uint64_t)seed_number;
    config->split.seed += recipe_split(study->recipe, seed_number);
    return CF_OK;
}

static int count_trainings(const Study *study) {
    return study->recipe->seeds;
}

static void load_trainings(const Study *study, const StudyPlace *place, StudyLoad *load) {
    (void)place;
    estimate_trainings(study->recipe->seeds, load);
}

static cf_status prepare_training(Study *study, StudyStage *stage) {
    StudySet *set = stage->place.set;
    const int number = stage->place.number;
    stage->training.shown = number == 0;
    stage->print = set->trained_print[number];
    FORWARD(configure(study, set, number, &stage->training.config));
    snprintf(stage->name, sizeof stage->name, "train-%s-s%d", set->name, number + 1);
    snprintf(stage->what, sizeof stage->what, "%s: training, seed %llu", set->name,
             (unsigned long long)stage->training.config.train.seed);
    snprintf(stage->path, sizeof stage->path, "test.%s[]", set->name);
    return CF_OK;
}

const StageKind study_train_kind = {
    .key = "training", .count = count_trainings, .load = load_trainings, .prepare = prepare_training};

/* ---- Few images of one class ---- */

static int count_cases(const Study *study) {
    return study->recipe->classes ? study->recipe->case_count * study->recipe->seeds : 0;
}

/* The limit of a case; NULL: all images. */
static const char *case_limit(const Recipe *recipe, int case_number) {
    return recipe->cases[case_number][0] ? recipe->cases[case_number] : NULL;
}

static cf_status check_cases(const Study *study, const StudyPlace *place) {
    for (int c = 0; c < study->recipe->case_count; c++) {
        cf_split_options options = place->set->chosen.split;
        options.classes = study->recipe->classes;
        options.train_limit = case_limit(study->recipe, c);
        FORWARD(study_try(place->set, &options, NULL, false));
    }
    return CF_OK;
}

/* Two classes of ten have a fifth of the images, and the limited cases hardly any. */
static void load_cases(const Study *study, const StudyPlace *place, StudyLoad *load) {
    (void)place;
    estimate_trainings(0.2 * study->recipe->seeds, load);
}

static cf_status prepare_case(Study *study, StudyStage *stage) {
    const Recipe *recipe = study->recipe;
    const StudySet *set = stage->place.set;
    const int case_number = stage->place.number / recipe->seeds, seed_number = stage->place.number % recipe->seeds;
    const char *limit = case_limit(recipe, case_number);
    RunConfig *config = &stage->training.config;
    stage->training.embedded = recipe->features && seed_number == 0;
    FORWARD(configure(study, set, seed_number, config));
    FORWARD(run_config_split_text(&config->split.classes, recipe->classes));
    FORWARD(run_config_split_text(&config->split.train_limit, limit));
    snprintf(stage->name, sizeof stage->name, "imbalance-%s-case%d-s%d", set->name, case_number + 1, seed_number + 1);
    snprintf(stage->what, sizeof stage->what, "%s: classes %.40s, %.60s, seed %llu", set->name, recipe->classes,
             limit ? limit : "all images", (unsigned long long)config->train.seed);
    snprintf(stage->path, sizeof stage->path, "imbalance.%s.%d[]", set->name, case_number + 1);
    return CF_OK;
}

/* For the ledger: "1,2 1:50,2:1000". */
static cf_status note_conditions(Study *study, const StudyPlace *place) {
    json_auto_t *conditions = json_object();
    char path[96];
    for (int c = 0; c < study->recipe->case_count; c++) {
        const char *limit = case_limit(study->recipe, c);
        char number[16];
        snprintf(number, sizeof number, "%d", c + 1);
        json_object_set_new(conditions, number, json_sprintf("%s %s", study->recipe->classes, limit ? limit : "all"));
    }
    snprintf(path, sizeof path, "conditions.%s", place->set->name);
    return study_put_result(study, path, conditions);
}

static cf_status draw_cases(const Study *study, const FigureBook *book, const char *name, const StudyPlace *place) {
    const json_t *cases = study_result(study, "imbalance", place->key);
    const int count = (int)json_object_size(cases);
    RecallSeries series[RECIPE_CASES];
    char title[120];
    for (int i = 0; i < count; i++) {
        const char *limit = case_limit(study->recipe, i);
        series[i].runs = study_case(cases, i);
        snprintf(series[i].name, sizeof series[i].name, "%.70s", limit ? limit : "all");
    }
    snprintf(title, sizeof title, "%s, by training images per class", place->set->name);
    return count ? figure_recalls(book, name, title, series, count) : CF_OK;
}

const StageKind study_imbalance_kind = {.key = "imbalance",
                                        .count = count_cases,
                                        .check = check_cases,
                                        .load = load_cases,
                                        .prepare = prepare_case,
                                        .finish = note_conditions,
                                        .draw = draw_cases};
