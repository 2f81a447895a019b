/* A model of one set on the images of the other: converted to its channels and size, classes matched by name. */
#include "study/pipeline/study_inside.h"

#include "base/json_text.h"
#include "study/figures/figures.h"

#include <stdlib.h>

static cf_status draw(const Study *study, Run *run, const Evaluation *evaluation, const char *data, const char *part) {
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

/* What the work is about. */
typedef struct Crossing {
    const StudySet *from, *on;
    int seed_number;
} Crossing;

/* The official test part, or everything where there is none. Figures go to the run's folder, for the first seed. */
static cf_status cross(Study *study, const Stage *stage, void *context, json_t **result) {
    const Crossing *c = context;
    const char *data = c->on->chosen.data, *part = NULL;
    Evaluation evaluation = {0};
    char *folder;
    Run *run;
    (void)stage;
    FORWARD(study_run_folder(study, c->from, c->seed_number, &folder));
    cf_status status = run_open(folder, &run);
    free(folder);
    FORWARD(status);
    run->shelf = &study->shelf;
    status = run_evaluate(run, data, study->options->data_dir, part, study->threads, &evaluation, &part);
    if (!status) status = study_evaluation_json(study, &evaluation, data, part, result);
    if (!status) status = add_suffix(run, data, part, *result);
    if (!status && c->seed_number == 0) status = draw(study, run, &evaluation, data, part);
    evaluation_free(&evaluation);
    run_free(run);
    return status;
}

cf_status study_cross(Study *study, StudySet *from, StudySet *on, int seed_number) {
    Crossing crossing = {from, on, seed_number};
    StudyStage stage = {.work = cross, .context = &crossing};
    stage.inputs = json_pack("{s:s s:s s:i}", "model", from->trained_print[seed_number], "data", on->data_print,
                             "formats", seed_number ? 0 : (int)study->options->formats);
    snprintf(stage.name, sizeof stage.name, "cross-%s-on-%s-s%d", from->name, on->name, seed_number + 1);
    snprintf(stage.what, sizeof stage.what, "the model of %s on %s, seed %llu", from->name, on->name,
             (unsigned long long)from->chosen.train.seed + (unsigned long long)seed_number);
    snprintf(stage.path, sizeof stage.path, "cross.%s-on-%s[]", from->key, on->key);
    return study_do(study, &stage);
}
