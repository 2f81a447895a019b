/* What the files of the study share. study.c has the order of the stages; study_data.c, study_search.c, study_runs.c,
 * study_cross.c, study_features.c and study_sections.c do them. */
#ifndef STUDY_PIPELINE_STUDY_INSIDE_H
#define STUDY_PIPELINE_STUDY_INSIDE_H

#include "base/lock.h"
#include "embed/umap.h"
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
    char tuned_print[SHA256_HEX]; /* of the fine-tuning that is looked at: the first seed's of the last size */
} StudySet;

typedef struct Study {
    const Recipe *recipe;
    const StudyOptions *options;
    int threads;
    SetShelf shelf;
    Lock lock; /* of the study's folder */
    StudySet sets[RECIPE_SETS];
    int set_count;
    json_t *results;   /* as ledger.h has them, and "search", "features" */
    bool fresh;        /* nothing was done before this call */
    int stage, stages; /* the one under way, how many in all */
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
/* On images of `set`, from the network of `other` and from nothing; then what that network and the fine-tuned one make of the test images. */
cf_status study_transfer(Study *study, StudySet *set, const StudySet *other);
cf_status study_transfer_features(Study *study, StudySet *set, const StudySet *other);
/* The network of `other` adapted to images of `set`, by each method. */
cf_status study_adaptation(Study *study, StudySet *set, const StudySet *other);
cf_status study_attention(Study *study, StudySet *set);
/* Remedies for the cases of imbalance. */
cf_status study_remedies(Study *study, StudySet *set);
/* What these could be refused for. */
cf_status study_check_sections(const Study *study, const StudySet *set);
bool study_has_transfer(const Recipe *recipe, int sets);
bool study_has_adaptation(const Recipe *recipe, int sets);
int study_section_stages(const Recipe *recipe, int sets);
/* Images that they train on, as often as they do. */
double study_section_images(const Study *study, const StudySet *set, double train_images);

/* ---- study.c: doing a stage ---- */

typedef struct StudyStage {
    char name[160]; /* of its record and its folder: "train-street-s1" */
    char what[200]; /* for people: "street: training, seed 1" */
    char path[96];  /* of its result among the results: "data.mnist" is put there, "test.mnist[]" appended */
    json_t *inputs; /* what it depends on; taken over */
    cf_status (*work)(Study *study, const Stage *stage, void *context, json_t **result);
    void *context;
    char *print; /* [SHA256_HEX] where its fingerprint goes; NULL: not wanted */
    bool before; /* another stage of this call needs it first: it is not counted, and told only where it is worked on */
} StudyStage;

/* Opens the stage, does its work unless that is done, keeps the result, and tells about it. */
cf_status study_do(Study *study, const StudyStage *stage);

typedef enum TrainingResult {
    RESULT_WHOLE,
    RESULT_BRIEF,   /* what sections compare */
    RESULT_LAB,     /* as the imbalance lab has it */
    RESULT_ADAPTED, /* on the target, by the network as it is and as it was before */
} TrainingResult;

typedef struct Training {
    RunConfig config;
    const char
        *source_print; /* of the stage that made the network it begins with; NULL: weights are drawn, or the recipe's */
    bool shown;        /* makes the figures and the page of the run as well */
    TrainingResult result;
} Training;

/* Trains in the stage's folder unless that is done; stage->work NULL: no more than that. Frees the configuration. */
cf_status study_do_training(Study *study, const StudySet *set, Training *training, StudyStage *stage);
/* evaluation_json with "intervals", and for how its predictions spread: "most_predicted" {"class", "share", "true_share"}. */
cf_status study_evaluation_json(const Study *study, const Evaluation *evaluation, const char *data, const char *part,
                                json_t **json);
/* The recipe's, for all of the study's embeddings. */
UmapOptions study_umap_options(const Study *study);
/* UMAP of the run's model on the test images of `data`; no data must have been loaded into the run yet. */
cf_status study_embed_run(Study *study, Run *run, const char *data, json_t **result);
/* The run's folder of a stage that trained. */
cf_status study_run_folder(const Study *study, const StudySet *set, int seed_number, char **folder);

#endif
