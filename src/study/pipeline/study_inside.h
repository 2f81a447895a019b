/* What the files of the study share. study_run.c has the table of the kinds of stages and the loop over it; study_data.c, study_search.c,
 * study_runs.c, study_cross.c, study_transfer.c and study_sections.c have the kinds. */
#pragma once

#include "base/lock.h"
#include "embed/umap.h"
#include "eval/bootstrap.h"
#include "study/figures/figure_book.h"
#include "study/pipeline/stage.h"
#include "study/pipeline/study.h"

typedef struct StudySet {
    char name[64]; /* for people, in names of folders, and among the results: "street" */
    const cf_set *set;
    RunConfig chosen; /* the configuration that all its trainings have */
    char data_print[SHA256_HEX];
    char trained_print[RECIPE_MOST_SEEDS][SHA256_HEX]; /* fingerprints of the stages before */
    char tuned_print[RECIPE_MOST_SETS]
                    [SHA256_HEX]; /* of the fine-tuning that is looked at, by the set that it comes from */
} StudySet;

typedef struct Study {
    const Recipe *recipe;
    const StudyOptions *options;
    int threads;
    SetShelf shelf;
    Lock lock; /* of the study's folder */
    StudySet sets[RECIPE_MOST_SETS];
    int set_count;
    json_t *results;   /* as ledger.h has them */
    bool fresh;        /* nothing was done before this call */
    int stage, stages; /* the one under way, how many in all */
    double seconds;
} Study;

/* ---- Doing a stage (study_run.c) ---- */

/* What a stage is of. */
typedef struct StudyPlace {
    StudySet *set, *from; /* the images; whose model, where the kind is of pairs */
    char key[132];        /* "street"; "hand-on-street": among the results, and in names of folders */
    int number;           /* from 0: of the kind's stages at this place */
} StudyPlace;

typedef enum TrainingResult {
    RESULT_WHOLE,
    RESULT_BRIEF,   /* what sections compare */
    RESULT_LAB,     /* as the imbalance lab has it */
    RESULT_ADAPTED, /* on the target, by the network as it is and as it was before */
} TrainingResult;

typedef struct Training {
    RunConfig config;
    char source_print
        [SHA256_HEX]; /* of the stage that made the network it begins with; "": drawn weights, or the recipe's */
    bool shown;       /* makes the figures and the page of the run as well */
    bool embedded;    /* "features" of the result is UMAP of the features */
    bool target;      /* it trains on the images of place.from, with those of place.set as its target */
    TrainingResult result;
} Training;

typedef struct StudyStage StudyStage;
struct StudyStage {
    char name[200]; /* of its record and its folder: "train-street-s1" */
    char what[240]; /* for people: "street: training, seed 1" */
    char path[240]; /* of its result among the results: "data.street" is put there, "test.street[]" appended */
    StudyPlace place;
    json_t *inputs;    /* what it depends on; taken over. NULL: those of `training` */
    Training training; /* in the stage's folder, on the images of place.set */
    cf_status (*work)(Study *study, StudyStage *of, const Stage *stage, json_t **result); /* NULL: the training */
    char *print; /* [SHA256_HEX] where its fingerprint goes; NULL: not wanted */
    bool before; /* another stage of this call needs it first: it is not counted, and told only where it is worked on */
};

/* Makes the study's folder and locks it. */
cf_status study_take_folder(Study *study);
/* Opens the stage, does its work unless that is done, keeps the result, and tells about it. */
cf_status study_do(Study *study, StudyStage *stage);
void study_stage_free(StudyStage *stage);
/* Gives up what is the study's. */
void study_end(Study *study);

/* ---- How long it will take (estimate.c) ---- */

/* Training images a second of the recipe's model on the training part. Takes a second or two. */
cf_status estimate_speed(const Recipe *recipe, const cf_split *split, int threads, double *images_per_second);
/* Images that are trained on for one set: when trainings stop early as usual, and when none does. */
typedef struct StudyLoad {
    double train, validation;        /* images of the set */
    const cf_train_options *trained; /* of the trainings after the search */
    double expected, most;
} StudyLoad;

/* Adds a search of so many configurations; so many trainings of the whole set; images. */
void estimate_search(const Recipe *recipe, int configurations, StudyLoad *load);
void estimate_trainings(double count, StudyLoad *load);
void estimate_images(double images, StudyLoad *load);

/* ---- The kinds of stages ---- */

/* A row of the table in study_run.c: for each set, or each set with the model of each other one, so many stages. */
typedef struct StageKind {
    const char *key;                  /* of its section of the page, and of the recipe where that has one */
    bool pairs, shared;               /* shared: the two sets of a pair must have a class of the same name */
    int (*count)(const Study *study); /* of stages at a place; 0: the recipe leaves it out */
    /* What a place could be refused for; before anything is made or done. NULL: nothing. */
    cf_status (*check)(const Study *study, const StudyPlace *place);
    void (*load)(const Study *study, const StudyPlace *place, StudyLoad *load); /* adds to it; NULL: no trainings */
    cf_status (*prepare)(Study *study, StudyStage *stage);      /* fills it, but for `place`, which is there */
    cf_status (*finish)(Study *study, const StudyPlace *place); /* behind the last one of a place; NULL */
    /* The figure of a place, "cross-hand-on-street", when all is done; NULL: it has none. */
    cf_status (*draw)(const Study *study, const FigureBook *book, const char *name, const StudyPlace *place);
} StageKind;

extern const StageKind study_data_kind, study_search_kind, study_train_kind, study_features_kind, study_cross_kind,
    study_cross_features_kind, study_imbalance_kind, study_remedies_kind, study_transfer_kind,
    study_transfer_features_kind, study_adaptation_kind, study_attention_kind;

/* Whether the study has stages of the section. */
bool study_has(const Study *study, const char *key);
/* The place with that number, from 0 on: a set, or a set and another one; false: there are no more. */
bool study_place(const Study *study, bool pairs, int number, StudyPlace *place);
/* Puts a result at "data.street", making objects on the way; "test.street[]" appends to a list. */
cf_status study_put_result(Study *study, const char *path, json_t *value);
/* results[group][key]; NULL: it is not there. */
json_t *study_result(const Study *study, const char *group, const char *key);
/* Of {"1": .., "2": ..} that of the case with that number (from 0); NULL: it is not there. */
json_t *study_case(const json_t *cases, int case_number);

/* ---- What comes of them ---- */

/* The study told in about ten sentences, of its results alone; a new reference. */
cf_status study_story(const json_t *results, const Ledger *ledger, json_t **story);
/* "3 seeds", or that they have other splits, too: "5 seeds, each with a split of its own". */
void study_seeds_text(size_t seeds, long long splits, char text[80]);

/* ---- What they share ---- */

/* The work of a stage that is a training, and what it depends on. */
cf_status study_train(Study *study, StudyStage *of, const Stage *stage, json_t **result);
json_t *study_training_inputs(const Study *study, const StudyStage *stage);

/* What cannot be cut so, or a network that cannot be made for it, is refused. `line` NULL: no network; `features`: it must have a layer
 * whose values are looked at. */
cf_status study_try(const StudySet *set, const cf_split_options *options, const char *line, bool features);
/* The set's own configuration for the training with that number, its seed and its split, with a section's options and its last epoch. */
cf_status study_configure_section(const Study *study, const StudySet *set, const RecipeSection *section,
                                  int seed_number, RunConfig *config);
/* evaluation_json with "intervals", and for how its predictions spread: "most_predicted" {"class", "share", "true_share"}. */
cf_status study_evaluation_json(const Study *study, const Evaluation *evaluation, const char *data, const char *part,
                                json_t **json);
/* The recipe's, for all of the study's embeddings. */
UmapOptions study_umap_options(const Study *study);
/* What an embedding depends on besides network and data, added to a stage's inputs. */
void study_umap_inputs(const Study *study, json_t *inputs);
/* UMAP of the run's model on the test images of `data`; no data must have been loaded into the run yet. */
cf_status study_embed_run(const Study *study, Run *run, const char *data, json_t **result);
/* The run's folder of a stage that trained. */
cf_status study_run_folder(const Study *study, const StudySet *set, int seed_number, char **folder);
/* That run, which takes its sets from the shelf. */
cf_status study_open_run(Study *study, const StudySet *set, int seed_number, Run **run);
