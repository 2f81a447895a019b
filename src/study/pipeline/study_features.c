/* UMAP of what a trained network makes of images: files and figures go to the run's folder, as with cifra umap. */
#include "study/pipeline/study_inside.h"

#include "study/figures/figures.h"
#include "study/report/report.h"
#include "study/run/embedding.h"

#include <stdlib.h>

UmapOptions study_umap_options(const Study *study) {
    UmapOptions options = umap_options_defaults();
    options.neighbors = study->recipe->neighbors;
    options.min_dist = study->recipe->min_dist;
    options.seed = study->recipe->base.train.seed;
    options.threads = study->threads;
    return options;
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
    Embedding embedding = {.input = input, .method = "umap"};
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

cf_status study_embed_run(Study *study, Run *run, const char *data, json_t **result) {
    const char *part = NULL;
    EmbedInput input;
    FORWARD(embed_input_from_run(run, data, study->options->data_dir, part, NULL, study->threads, &input, &part));
    cf_status status = embed(study, run, data, part, &input, result);
    embed_input_free(&input);
    return status;
}

/* ---- The stages ---- */

/* What the work is about: the first seed's model of `from` on the images of `on`. */
typedef struct Look {
    const StudySet *from, *on;
} Look;

static cf_status look(Study *study, const Stage *stage, void *context, json_t **result) {
    const Look *l = context;
    char *folder;
    Run *run;
    (void)stage;
    FORWARD(study_run_folder(study, l->from, 0, &folder));
    cf_status status = run_open(folder, &run);
    free(folder);
    FORWARD(status);
    run->shelf = &study->shelf;
    status = study_embed_run(study, run, l->on->chosen.data, result);
    /* The run's page shows the points of its own images. */
    if (!status && l->from == l->on) status = report_write(run->folder, l->on->set, NULL);
    run_free(run);
    return status;
}

static cf_status look_stage(Study *study, const StudySet *from, const StudySet *on, StudyStage *stage) {
    Look about = {from, on};
    stage->work = look;
    stage->context = &about;
    stage->inputs = json_pack("{s:s s:s s:i s:f s:i}", "model", from->trained_print[0], "data", on->data_print,
                              "neighbors", study->recipe->neighbors, "min_dist", study->recipe->min_dist, "formats",
                              (int)study->options->formats);
    return study_do(study, stage);
}

cf_status study_features(Study *study, StudySet *set) {
    StudyStage stage = {0};
    snprintf(stage.name, sizeof stage.name, "features-%s", set->name);
    snprintf(stage.what, sizeof stage.what, "%s: UMAP of the test images' features", set->name);
    snprintf(stage.path, sizeof stage.path, "features.%s", set->key);
    return look_stage(study, set, set, &stage);
}

cf_status study_cross_features(Study *study, StudySet *from, StudySet *on) {
    StudyStage stage = {0};
    snprintf(stage.name, sizeof stage.name, "features-%s-on-%s", from->name, on->name);
    snprintf(stage.what, sizeof stage.what, "UMAP of %s's features in the model of %s", on->name, from->name);
    snprintf(stage.path, sizeof stage.path, "features.%s-on-%s", from->key, on->key);
    return look_stage(study, from, on, &stage);
}
