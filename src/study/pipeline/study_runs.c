/* The trainings of a study, each a run folder like that of cifra train. */
#include "study/pipeline/study_inside.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "study/figures/figures.h"
#include "study/imbalance/lab.h"
#include "study/report/report.h"

#include <stdlib.h>
#include <string.h>

cf_status study_run_folder(const Study *study, const StudySet *set, int seed_number, char **folder) {
    return memory_print(folder, "%s/train-%s-s%d", study->options->folder, set->name, seed_number + 1);
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

static cf_status train(Study *study, const Stage *stage, void *context, json_t **result) {
    const StudyOptions *o = study->options;
    Training *training = context;
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
    return status;
}

/* The same of few images of one class: the first seed's features are looked at as well. */
static cf_status train_and_embed(Study *study, const Stage *stage, void *context, json_t **result) {
    json_t *features;
    Run *run;
    FORWARD(train(study, stage, context, result));
    FORWARD(run_open(stage->folder, &run));
    run->shelf = &study->shelf;
    cf_status status = study_embed_run(study, run, run->config.data, &features);
    if (!status) json_object_set_new(*result, "features", features);
    run_free(run);
    return status;
}

/* Folders do not matter: the checksum of the data is among the inputs, and the fingerprint of the stage of another network. */
static json_t *inputs_of(const Training *training, const char *data_print, unsigned formats) {
    json_t *json;
    if (run_config_json(&training->config, &json)) return NULL;
    json_object_del(json, "data_dir");
    if (training->source_print) json_object_set_new(json, "from", json_string(training->source_print));
    return json_pack("{s:o s:s s:i}", "config", json, "data", data_print, "formats",
                     training->shown ? (int)formats : 0);
}

static void add_embedding(const Study *study, json_t *inputs) {
    json_object_set_new(inputs, "neighbors", json_integer(study->recipe->neighbors));
    json_object_set_new(inputs, "min_dist", json_real(study->recipe->min_dist));
    json_object_set_new(inputs, "formats", json_integer((json_int_t)study->options->formats));
}

cf_status study_do_training(Study *study, const StudySet *set, Training *training, StudyStage *stage) {
    if (!stage->work) stage->work = train;
    stage->context = training;
    stage->inputs = inputs_of(training, set->data_print, study->options->formats);
    if (stage->work == train_and_embed) add_embedding(study, stage->inputs);
    cf_status status = study_do(study, stage);
    run_config_free(&training->config);
    return status;
}

cf_status study_train(Study *study, StudySet *set, int seed_number) {
    StudyStage stage = {.print = set->trained_print[seed_number]};
    Training training = {.shown = seed_number == 0};
    FORWARD(run_config_copy(&set->chosen, &training.config));
    training.config.train.seed += (uint64_t)seed_number;
    snprintf(stage.name, sizeof stage.name, "train-%s-s%d", set->name, seed_number + 1);
    snprintf(stage.what, sizeof stage.what, "%s: training, seed %llu", set->name,
             (unsigned long long)training.config.train.seed);
    snprintf(stage.path, sizeof stage.path, "test.%s[]", set->key);
    return study_do_training(study, set, &training, &stage);
}

static cf_status restrict_classes(const Recipe *recipe, int case_number, cf_split_options *split) {
    const char *limit = recipe->cases[case_number];
    char *classes = NULL, *limits = NULL;
    cf_status status = run_config_text(&classes, recipe->classes);
    if (!status) status = run_config_text(&limits, limit[0] ? limit : NULL);
    split->classes = classes;
    split->train_limit = limits;
    return status;
}

/* For the ledger: "1,2 1:50,2:1000". */
static void note_condition(Study *study, const StudySet *set, int case_number) {
    const char *limit = study->recipe->cases[case_number];
    char list[48], condition[200];
    json_t *conditions = json_object_get(study->results, "conditions");
    if (!conditions) json_object_set_new(study->results, "conditions", conditions = json_object());
    snprintf(list, sizeof list, "imbalance.%s.%d", set->key, case_number + 1);
    snprintf(condition, sizeof condition, "%.90s %.90s", study->recipe->classes, limit[0] ? limit : "all");
    json_object_set_new(conditions, list, json_string(condition));
}

cf_status study_imbalance(Study *study, StudySet *set, int case_number, int seed_number) {
    const char *limit = study->recipe->cases[case_number];
    const bool embedded = study->recipe->features && seed_number == 0;
    StudyStage stage = {.work = embedded ? train_and_embed : NULL};
    Training training = {0};
    FORWARD(run_config_copy(&set->chosen, &training.config));
    training.config.train.seed += (uint64_t)seed_number;
    cf_status status = restrict_classes(study->recipe, case_number, &training.config.split);
    if (status) {
        run_config_free(&training.config);
        return status;
    }
    snprintf(stage.name, sizeof stage.name, "imbalance-%s-case%d-s%d", set->name, case_number + 1, seed_number + 1);
    snprintf(stage.what, sizeof stage.what, "%s: classes %.40s, %.60s, seed %llu", set->name, study->recipe->classes,
             limit[0] ? limit : "all images", (unsigned long long)training.config.train.seed);
    snprintf(stage.path, sizeof stage.path, "imbalance.%s.%d[]", set->key, case_number + 1);
    note_condition(study, set, case_number);
    return study_do_training(study, set, &training, &stage);
}
