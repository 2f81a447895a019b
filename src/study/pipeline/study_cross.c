/* What trained networks make of images: a model of one set on another one, converted to its channels and size, classes matched by
 * name; and UMAP of the features, whose files and figures go to the run's folder, as with cifra umap. */
#include "study/pipeline/study_inside.h"

#include "data/set_files.h"
#include "study/figures/figures.h"
#include "study/pipeline/study_figures.h"
#include "study/report/report.h"
#include "study/run/embedding.h"

#include <math.h>

/* ---- A model on another set ---- */

/* The official test part, or everything where there is none. Figures go to the run's folder, for the first seed; the result has what
 * their names end with. */
static cf_status do_cross(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    const FigureOptions options = {.formats = study->options->formats};
    const char *data = of->place.set->chosen.data, *part = NULL;
    AUTO(run_free_at) Run *run = NULL;
    AUTO(evaluation_free) Evaluation evaluation = {0};
    AUTO(figure_list_free) FigureList list = {0};
    AUTO_FREE char *suffix = NULL;
    (void)stage;
    FORWARD(study_open_run(study, of->place.from, of->place.number, &run));
    FORWARD(run_evaluate(run, data, study->options->data_dir, part, study->threads, &evaluation, &part));
    FORWARD(study_evaluation_json(study, &evaluation, data, part, result));
    FORWARD(figures_suffix(run, data, part, true, &suffix));
    json_object_set_new(*result, "suffix", json_text(suffix));
    return of->place.number ? CF_OK : figures_make(run, &evaluation, data, part, &options, &list);
}

static int count_cross(const Study *study) {
    return study->recipe->cross ? study->recipe->seeds : 0;
}

static cf_status prepare_cross(Study *study, StudyStage *stage) {
    const StudySet *from = stage->place.from, *on = stage->place.set;
    const int seed = stage->place.number;
    stage->work = do_cross;
    stage->inputs = json_pack("{s:s s:s s:i}", "model", from->trained_print[seed], "data", on->data_print, "formats",
                              seed ? 0 : (int)study->options->formats);
    snprintf(stage->name, sizeof stage->name, "cross-%s-s%d", stage->place.key, seed + 1);
    snprintf(stage->what, sizeof stage->what, "the model of %s on %s, seed %llu", from->name, on->name,
             (unsigned long long)from->chosen.train.seed + (unsigned long long)seed);
    snprintf(stage->path, sizeof stage->path, "cross.%s[]", stage->place.key);
    return CF_OK;
}

/* The model's recall on its own set and on the other. */
static cf_status draw_cross(const Study *study, const FigureBook *book, const char *name, const StudyPlace *place) {
    const char *from = place->from->name;
    char title[200];
    RecallSeries series[] = {{.runs = study_result(study, "test", from)},
                             {.runs = study_result(study, "cross", place->key)}};
    snprintf(series[0].name, sizeof series[0].name, "on %s", from);
    snprintf(series[1].name, sizeof series[1].name, "on %s", place->set->name);
    snprintf(title, sizeof title, "The model of %s", from);
    return figure_recalls(book, name, title, series, 2);
}

const StageKind study_cross_kind = {
    .key = "cross", .pairs = true, .shared = true, .count = count_cross, .prepare = prepare_cross, .draw = draw_cross};

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

cf_status study_embed_run(const Study *study, Run *run, const char *data, json_t **result) {
    const QualityOptions judge = {METRIC_EUCLIDEAN, study->recipe->base.train.seed, study->threads};
    const UmapOptions options = study_umap_options(study);
    AUTO(embed_input_free) EmbedInput input = {0};
    AUTO(embedding_free) Embedding embedding = {.input = &input, .method = "umap", .density_correlation = NAN};
    AUTO(figure_list_free) FigureList files = {0};
    AUTO_FREE char *suffix = NULL;
    const char *part = NULL;
    FORWARD(embed_input_from_run(run, data, study->options->data_dir, part, NULL, study->threads, &input, &part));
    FORWARD(embedding_fit(&embedding, &options));
    FORWARD(embedding_judge(&embedding, &judge));
    FORWARD(figures_suffix(run, data, part, true, &suffix));
    FORWARD(embedding_write(&embedding, &(EmbeddingPlace){run->folder, suffix, study->options->formats}, &files));
    FORWARD(embedding_json(&embedding, result));
    json_object_del(*result, "seconds"); /* a result is the same whenever it is measured */
    return CF_OK;
}

/* Of the first seed's model. */
static cf_status embed_features(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    const StudySet *on = of->place.set, *from = of->place.from;
    AUTO(run_free_at) Run *run = NULL;
    (void)stage;
    FORWARD(study_open_run(study, from ? from : on, 0, &run));
    FORWARD(study_embed_run(study, run, on->chosen.data, result));
    /* The run's page shows the points of its own images. */
    return from ? CF_OK : report_write(run->folder, on->set, NULL);
}

static int count_features(const Study *study) {
    return study->recipe->features;
}

static int count_cross_features(const Study *study) {
    return study->recipe->features && study->recipe->cross;
}

static cf_status prepare_features(Study *study, StudyStage *stage) {
    const StudySet *on = stage->place.set, *from = stage->place.from;
    stage->work = embed_features;
    stage->inputs = json_pack("{s:s s:s}", "model", (from ? from : on)->trained_print[0], "data", on->data_print);
    study_umap_inputs(study, stage->inputs);
    snprintf(stage->name, sizeof stage->name, "features-%s", stage->place.key);
    snprintf(stage->path, sizeof stage->path, "features.%s", stage->place.key);
    if (from)
        snprintf(stage->what, sizeof stage->what, "UMAP of the features of %s in the model of %s", on->name,
                 from->name);
    else
        snprintf(stage->what, sizeof stage->what, "%s: UMAP of the test images' features", on->name);
    return CF_OK;
}

/* The model has a layer whose values are looked at. */
static cf_status check_features(const Study *study, const StudyPlace *place) {
    const RunConfig *chosen = &place->set->chosen;
    if (study->recipe->grid) return CF_OK;
    const cf_status status = study_try(place->set, &chosen->split, chosen->model, true);
    return status ? status_prefix(status, "features") : CF_OK;
}

const StageKind study_features_kind = {.key = "features",
                                       .count = count_features,
                                       .check = check_features,
                                       .prepare = prepare_features},
                study_cross_features_kind = {
                    .key = "cross", .pairs = true, .count = count_cross_features, .prepare = prepare_features};
