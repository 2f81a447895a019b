/* What the files of the study share. study.c has the order of the stages; study_data.c, study_search.c, study_runs.c,
 * study_cross.c and study_features.c do them. */
#ifndef STUDY_PIPELINE_STUDY_INSIDE_H
#define STUDY_PIPELINE_STUDY_INSIDE_H

#include "eval/bootstrap.h"
#include "study/pipeline/stage.h"
#include "study/pipeline/study.h"

/* A set in its place. */
typedef struct StudySet {
    const char *key; /* of its place: "mnist", "svhn" */
    char name[64];   /* in names of folders: "street" */
    const cf_set *set;
    RunConfig chosen; /* the configuration that all its trainings have */
    char data_print[SHA256_HEX], chosen_print[SHA256_HEX];
    char trained_print[RECIPE_MOST_SEEDS][SHA256_HEX]; /* fingerprints of the stages before */
} StudySet;

typedef struct Study {
    const Recipe *recipe;
    const StudyOptions *options;
    int threads;
    SetShelf shelf;
    StudySet sets[RECIPE_SETS];
    int set_count;
    json_t *results;    /* as ledger.h has them, and "search", "features" */
    int stage, stages;  /* the one under way, how many in all */
    bool kept;          /* it was done already */
    double seconds;
} Study;

/* Each opens its stage, does its work unless it is done, and puts the result into study->results. */
cf_status study_data(Study *study, StudySet *set);
cf_status study_search(Study *study, StudySet *set);
cf_status study_train(Study *study, StudySet *set, int seed_number);
cf_status study_features(Study *study, StudySet *set);
/* The models of `from` on the images of `on`. */
cf_status study_cross(Study *study, StudySet *from, StudySet *on, int seed_number);
cf_status study_cross_features(Study *study, StudySet *from, StudySet *on);
cf_status study_imbalance(Study *study, StudySet *set, int case_number, int seed_number);

/* ---- study.c: around a stage ---- */

/* Says that it begins, opens it. Takes over `inputs`. */
cf_status study_open(Study *study, const char *name, const char *what, json_t *inputs, Stage *stage);
/* Says how it ended. Puts its result to `path` among the results: "data.mnist" is put, "test.mnist[]" appended to. Frees it. */
cf_status study_close(Study *study, Stage *stage, const char *what, const char *path);
void study_abandon(Stage *stage, cf_status status);

/* evaluation_json with "intervals", and for how its predictions spread: "most_predicted" {"class", "share", "true_share"}. */
cf_status study_evaluation_json(const Study *study, const Evaluation *evaluation, const char *data, const char *part,
                                json_t **json);
/* The run's folder of a stage that trained. */
cf_status study_run_folder(const Study *study, const StudySet *set, int seed_number, char **folder);

#endif
