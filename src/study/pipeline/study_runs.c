/* The trainings of a study, each a run folder like that of cifra train; those with the set's own configuration, of all classes and of
 * few images of one. */
#include "study/pipeline/study_inside.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "study/figures/figures.h"
#include "study/imbalance/lab.h"
#include "study/pipeline/study_figures.h"
#include "study/report/report.h"

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
    EvaluationIntervals intervals;
    json_t *root, *ends;
    FORWARD(evaluation_intervals(evaluation, study->threads, &intervals));
    cf_status status = evaluation_intervals_json(&intervals, &ends);
    evaluation_intervals_free(&intervals);
    FORWARD(status);
    status = evaluation_json(evaluation, data, part, &root);
    if (status) {
        json_decref(ends);
        return status;
    }
    json_object_set_new(root, "intervals", ends);
    json_object_set_new(root, "most_predicted", most_predicted(&evaluation->metrics));
    *json = root;
    return CF_OK;
}

static cf_status validation_json(const Study *study, const Run *run, json_t **json) {
    const ClassifyOptions options = {.engine = run->engine, .threads = study->threads};
    Evaluation validation;
    FORWARD(evaluate(run->model, cf_split_part(run->split, CF_VALIDATION), &options, &validation));
    cf_status status = study_evaluation_json(study, &validation, run->config.data, "validation", json);
    evaluation_free(&validation);
    return status;
}

/* ---- A training ---- */

static cf_status show(const Study *study, const Run *run) {
    const FigureOptions options = {.formats = study->options->formats};
    FigureList list = {0};
    cf_status status = figures_make(run, &run->test, run->config.data, "test", &options, &list);
    figure_list_free(&list);
    FORWARD(status);
    return report_write(run->folder, run->set, NULL);
}

/* The evaluation of the test part, with that of the validation part in it. */
static cf_status result_json(const Study *study, const Run *run, json_t **result) {
    const cf_train_result *r = &run->fitted.result;
    json_t *test, *validation;
    FORWARD(study_evaluation_json(study, &run->test, run->config.data, "test", &test));
    cf_status status = validation_json(study, run, &validation);
    if (!status) {
        json_object_set_new(test, "seed", json_integer((json_int_t)run->config.train.seed));
        json_object_set_new(test, "epochs_run", json_integer(r->epochs_run));
        json_object_set_new(test, "best_epoch", json_integer(r->best_epoch));
        json_object_set_new(test, "validation", validation);
        *result = test;
    } else
        json_decref(test);
    return status;
}

/* What sections compare. The seconds of training steps are known of each epoch, also of those before a kill. */
static cf_status brief_json(const Run *run, json_t **result) {
    const cf_metrics *m = &run->test.metrics.summary;
    const LayerList *layers = &run->model->layers;
    double seconds = 0;
    for (int e = 0; e < run->fitted.result.epochs_run; e++) seconds += run->fitted.rows[e].seconds;
    *result = json_pack("{s:I s:I s:f s:f s:I s:i s:I s:f s:f}", "seed", (json_int_t)run->config.train.seed, "n",
                        (json_int_t)m->count, "accuracy", m->accuracy, "loss", m->loss, "images",
                        (json_int_t)cf_subset_count(cf_split_part(run->split, CF_TRAIN)), "epochs_run",
                        run->fitted.result.epochs_run, "parameters", (json_int_t)layer_list_parameters(layers), "mflop",
                        layer_list_flops(layers) / 1e6, "seconds", seconds);
    return CF_OK;
}

/* On the target's test part, by the network as it is now and as it was before. */
static cf_status adapted_json(const Study *study, const Run *run, json_t **result) {
    const ClassifyOptions options = {.engine = run->engine, .threads = study->threads};
    Evaluation before;
    cf_model *model;
    FAIL_IF(!run->target_tested, CF_BAD_USE, "%s has no test images of classes that the model knows", run->config.target);
    FORWARD(model_open(run->config.from, &model));
    const cf_status status = evaluate(model, cf_split_part(run->target, CF_TEST), &options, &before);
    cf_model_free(model);
    FORWARD(status);
    const cf_metrics *m = &run->target_test.metrics.summary;
    *result = json_pack("{s:I s:I s:f s:f s:f}", "seed", (json_int_t)run->config.train.seed, "n", (json_int_t)m->count,
                        "accuracy", m->accuracy, "loss", m->loss, "before", before.metrics.summary.accuracy);
    evaluation_free(&before);
    return CF_OK;
}

static cf_status embed(const Study *study, const Stage *stage, SetShelf *shelf, json_t *result) {
    json_t *features;
    Run *run;
    FORWARD(run_open(stage->folder, &run));
    run->shelf = shelf;
    const cf_status status = study_embed_run(study, run, run->config.data, &features);
    if (!status) json_object_set_new(result, "features", features);
    run_free(run);
    return status;
}

cf_status study_train(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    const StudyOptions *o = study->options;
    Training *training = &of->training;
    Run *run;
    FORWARD(run_prepare(&training->config, &study->shelf, &run));
    run->threads = study->threads;
    cf_status status = run_start(run, stage->folder, true);
    if (!status) status = run_train(run, true, o->training, o->context);
    if (!status) status = run_test(run);
    if (!status && training->shown) status = show(study, run);
    if (!status)
        status = training->result == RESULT_LAB       ? lab_result(run, result)
                 : training->result == RESULT_ADAPTED ? adapted_json(study, run, result)
                 : training->result == RESULT_BRIEF   ? brief_json(run, result)
                                                      : result_json(study, run, result);
    run_free(run);
    return status || !training->embedded ? status : embed(study, stage, &study->shelf, *result);
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

cf_status study_configure(const Study *study, const StudySet *set, int seed_number, RunConfig *config) {
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
    FORWARD(study_configure(study, set, number, &stage->training.config));
    snprintf(stage->name, sizeof stage->name, "train-%s-s%d", set->name, number + 1);
    snprintf(stage->what, sizeof stage->what, "%s: training, seed %llu", set->name,
             (unsigned long long)stage->training.config.train.seed);
    snprintf(stage->path, sizeof stage->path, "test.%s[]", set->name);
    return CF_OK;
}

const StageKind study_train_kind = {
    .key = "training", .count = count_trainings, .load = load_trainings, .prepare = prepare_training};

/* ---- Few images of one class ---- */

static cf_status restrict_classes(const Recipe *recipe, int case_number, cf_split_options *split) {
    const char *limit = recipe->cases[case_number];
    char *classes = NULL, *limits = NULL;
    cf_status status = run_config_text(&classes, recipe->classes);
    if (!status) status = run_config_text(&limits, limit[0] ? limit : NULL);
    split->classes = classes;
    split->train_limit = limits;
    return status;
}

static int count_cases(const Study *study) {
    return study->recipe->classes ? study->recipe->case_count * study->recipe->seeds : 0;
}

static cf_status check_cases(const Study *study, const StudyPlace *place) {
    cf_split *split;
    for (int c = 0; c < study->recipe->case_count; c++) {
        cf_split_options options = place->set->chosen.split;
        options.classes = study->recipe->classes;
        options.train_limit = study->recipe->cases[c][0] ? study->recipe->cases[c] : NULL;
        FORWARD(cf_split_new(place->set->set, &options, &split));
        cf_split_free(split);
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
    const char *limit = recipe->cases[case_number];
    stage->training.embedded = recipe->features && seed_number == 0;
    FORWARD(study_configure(study, set, seed_number, &stage->training.config));
    FORWARD(restrict_classes(recipe, case_number, &stage->training.config.split));
    snprintf(stage->name, sizeof stage->name, "imbalance-%s-case%d-s%d", set->name, case_number + 1, seed_number + 1);
    snprintf(stage->what, sizeof stage->what, "%s: classes %.40s, %.60s, seed %llu", set->name, recipe->classes,
             limit[0] ? limit : "all images", (unsigned long long)stage->training.config.train.seed);
    snprintf(stage->path, sizeof stage->path, "imbalance.%s.%d[]", set->name, case_number + 1);
    return CF_OK;
}

/* For the ledger: "1,2 1:50,2:1000". */
static cf_status note_conditions(Study *study, const StudyPlace *place) {
    json_t *conditions = json_object_get(study->results, "conditions"), *of_set = json_object();
    if (!conditions) json_object_set_new(study->results, "conditions", conditions = json_object());
    for (int c = 0; c < study->recipe->case_count; c++) {
        const char *limit = study->recipe->cases[c];
        char number[16];
        snprintf(number, sizeof number, "%d", c + 1);
        json_object_set_new(of_set, number, json_sprintf("%s %s", study->recipe->classes, limit[0] ? limit : "all"));
    }
    json_object_set_new(conditions, place->set->name, of_set);
    return CF_OK;
}

static cf_status draw_cases(const Study *study, const FigureBook *book, const StudyPlace *place) {
    const json_t *cases = study_result(study, "imbalance", place->set->name);
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
    snprintf(name, sizeof name, "imbalance-%s", place->set->name);
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
