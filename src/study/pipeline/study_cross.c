/* What trained networks make of images: a model of one set on another one, converted to its channels and size, classes matched by
 * name; and UMAP of the features, whose files and figures go to the run's folder, as with cifra umap. */
#include "study/pipeline/study_inside.h"

#include "base/json_text.h"
#include "data/set_files.h"
#include "nn/features.h"
#include "study/figures/figures.h"
#include "study/pipeline/study_figures.h"
#include "study/report/report.h"
#include "study/run/embedding.h"

#include <math.h>
#include <stdlib.h>

/* ---- A model on another set ---- */

static cf_status draw_evaluation(const Study *study, Run *run, const Evaluation *evaluation, const char *data,
                                 const char *part) {
    const FigureOptions options = {.formats = study->options->formats};
    FigureList list = {0};
    cf_status status = figures_make(run, evaluation, data, part, &options, &list);
    figure_list_free(&list);
    return status;
}

/* What the names of the figures end with. */
static cf_status add_suffix(const Run *run, const char *data, const char *part, json_t *result) {
    char *suffix;
    FORWARD(figures_suffix(run, data, part, true, &suffix));
    json_object_set_new(result, "suffix", json_text(suffix));
    free(suffix);
    return CF_OK;
}

/* The official test part, or everything where there is none. Figures go to the run's folder, for the first seed. */
static cf_status cross(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    const char *data = of->place.set->chosen.data, *part = NULL;
    Evaluation evaluation = {0};
    Run *run;
    (void)stage;
    FORWARD(study_open_run(study, of->place.from, of->place.number, &run));
    cf_status status = run_evaluate(run, data, study->options->data_dir, part, study->threads, &evaluation, &part);
    if (!status) status = study_evaluation_json(study, &evaluation, data, part, result);
    if (!status) status = add_suffix(run, data, part, *result);
    if (!status && of->place.number == 0) status = draw_evaluation(study, run, &evaluation, data, part);
    evaluation_free(&evaluation);
    run_free(run);
    return status;
}

static int count_cross(const Study *study) {
    return study->recipe->cross ? study->recipe->seeds : 0;
}

bool study_shares_classes(const StudySet *a, const StudySet *b) {
    for (int c = 0; c < a->set->classes; c++)
        if (set_find_class(b->set, a->set->class_names[c]) >= 0) return true;
    return false;
}

static cf_status check_cross(const Study *study, const StudyPlace *place) {
    (void)study;
    FAIL_IF(!study_shares_classes(place->from, place->set), CF_BAD_USE,
            "cross: no class of %s has the name of one of %s; leave cross out of the recipe, or one of the sets",
            place->from->name, place->set->name);
    return CF_OK;
}

static cf_status prepare_cross(Study *study, StudyStage *stage) {
    const StudySet *from = stage->place.from, *on = stage->place.set;
    const int seed = stage->place.number;
    char pair[STUDY_PAIR];
    study_pair(from, on, pair);
    stage->work = cross;
    stage->inputs = json_pack("{s:s s:s s:i}", "model", from->trained_print[seed], "data", on->data_print, "formats",
                              seed ? 0 : (int)study->options->formats);
    snprintf(stage->name, sizeof stage->name, "cross-%s-s%d", pair, seed + 1);
    snprintf(stage->what, sizeof stage->what, "the model of %s on %s, seed %llu", from->name, on->name,
             (unsigned long long)from->chosen.train.seed + (unsigned long long)seed);
    snprintf(stage->path, sizeof stage->path, "cross.%s[]", pair);
    return CF_OK;
}

/* The model's recall on its own set and on the other. */
static cf_status draw_cross(const Study *study, const FigureBook *book, const StudyPlace *place) {
    const StudySet *from = place->from, *on = place->set;
    char pair[STUDY_PAIR], name[160], title[200];
    RecallSeries series[2];
    study_pair(from, on, pair);
    series[0].runs = study_result(study, "test", from->name);
    series[1].runs = study_result(study, "cross", pair);
    snprintf(series[0].name, sizeof series[0].name, "on %s", from->name);
    snprintf(series[1].name, sizeof series[1].name, "on %s", on->name);
    snprintf(name, sizeof name, "cross-%s", pair);
    snprintf(title, sizeof title, "The model of %s", from->name);
    return figure_recalls(book, name, title, series, 2);
}

const StageKind study_cross_kind = {.key = "cross",
                                    .pairs = true,
                                    .count = count_cross,
                                    .check = check_cross,
                                    .prepare = prepare_cross,
                                    .draw = draw_cross};

/* ---- UMAP of the features ---- */

UmapOptions study_umap_options(const Study *study) {
    UmapOptions options = umap_options_defaults();
    options.neighbors = study->recipe->neighbors;
    options.min_dist = study->recipe->min_dist;
    options.seed = study->recipe->base.train.seed;
    options.threads = study->threads;
    return options;
}

void study_umap_inputs(const Study *study, json_t *inputs) {
    json_object_set_new(inputs, "neighbors", json_integer(study->recipe->neighbors));
    json_object_set_new(inputs, "min_dist", json_real(study->recipe->min_dist));
    json_object_set_new(inputs, "formats", json_integer((json_int_t)study->options->formats));
}

static cf_status judge_and_write(const Study *study, const Run *run, const char *data, const char *part,
                                 Embedding *embedding, json_t **result) {
    const QualityOptions judge = {METRIC_EUCLIDEAN, study->recipe->base.train.seed, study->threads};
    FigureList files = {0};
    char *suffix;
    FORWARD(embedding_judge(embedding, &judge));
    FORWARD(figures_suffix(run, data, part, true, &suffix));
    const EmbeddingPlace place = {run->folder, suffix, study->options->formats};
    cf_status status = embedding_write(embedding, &place, &files);
    figure_list_free(&files);
    free(suffix);
    FORWARD(status);
    FORWARD(embedding_json(embedding, result));
    json_object_del(*result, "seconds"); /* a result is the same whenever it is measured */
    return CF_OK;
}

static cf_status embed(const Study *study, const Run *run, const char *data, const char *part, const EmbedInput *input,
                       json_t **result) {
    Embedding embedding = {.input = input, .method = "umap", .density_correlation = NAN};
    const UmapOptions options = study_umap_options(study);
    Umap *umap;
    FORWARD(points_check(&input->points, input->subject));
    FORWARD(umap_fit(&input->points, &options, &umap));
    cf_status status = embedding_take(&embedding, umap);
    umap_free(umap);
    if (!status) status = judge_and_write(study, run, data, part, &embedding, result);
    free(embedding.coordinates);
    return status;
}

cf_status study_embed_run(const Study *study, Run *run, const char *data, json_t **result) {
    const char *part = NULL;
    EmbedInput input;
    FORWARD(embed_input_from_run(run, data, study->options->data_dir, part, NULL, study->threads, &input, &part));
    cf_status status = embed(study, run, data, part, &input, result);
    embed_input_free(&input);
    return status;
}

/* Of the first seed's model. */
static cf_status look(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    const StudySet *on = of->place.set, *from = of->place.from;
    Run *run;
    (void)stage;
    FORWARD(study_open_run(study, from ? from : on, 0, &run));
    cf_status status = study_embed_run(study, run, on->chosen.data, result);
    /* The run's page shows the points of its own images. */
    if (!status && !from) status = report_write(run->folder, on->set, NULL);
    run_free(run);
    return status;
}

static int count_features(const Study *study) {
    return study->recipe->features;
}

static int count_cross_features(const Study *study) {
    return study->recipe->features && study->recipe->cross;
}

static cf_status prepare_features(Study *study, StudyStage *stage) {
    const StudySet *on = stage->place.set, *from = stage->place.from;
    char pair[STUDY_PAIR];
    stage->work = look;
    stage->inputs = json_pack("{s:s s:s}", "model", (from ? from : on)->trained_print[0], "data", on->data_print);
    study_umap_inputs(study, stage->inputs);
    if (!from) {
        snprintf(stage->name, sizeof stage->name, "features-%s", on->name);
        snprintf(stage->what, sizeof stage->what, "%s: UMAP of the test images' features", on->name);
        snprintf(stage->path, sizeof stage->path, "features.%s", on->name);
        return CF_OK;
    }
    study_pair(from, on, pair);
    snprintf(stage->name, sizeof stage->name, "features-%s", pair);
    snprintf(stage->what, sizeof stage->what, "UMAP of the features of %s in the model of %s", on->name, from->name);
    snprintf(stage->path, sizeof stage->path, "features.%s", pair);
    return CF_OK;
}

/* The model has a layer whose values are looked at. */
static cf_status check_features(const Study *study, const StudyPlace *place) {
    const RunConfig *chosen = &place->set->chosen;
    cf_split *split;
    cf_model *model = NULL;
    int layer;
    if (study->recipe->grid) return CF_OK;
    FORWARD(cf_split_new(place->set->set, &chosen->split, &split));
    cf_status status = cf_model_new(chosen->model, split, chosen->train.seed, &model);
    if (!status) status = features_layer(model, NULL, &layer);
    cf_model_free(model);
    cf_split_free(split);
    return status ? status_prefix(status, "features") : CF_OK;
}

const StageKind study_features_kind = {.key = "features",
                                       .count = count_features,
                                       .check = check_features,
                                       .prepare = prepare_features},
                study_cross_features_kind = {
                    .key = "cross", .pairs = true, .count = count_cross_features, .prepare = prepare_features};
