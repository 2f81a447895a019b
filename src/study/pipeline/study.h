/* The whole study: data, search, training, evaluation, features, the other set, imbalance, ledger, report.
 *
 * STUDY/ holds study.json (recipe, results, ledger), claims.csv, report.html, figures/, stages/ (what is done), and a folder
 * per stage: tune-mnist, train-mnist-s1 .. are tunes and runs like any other. Each stage is kept when it is done: a study that
 * was killed goes on where it was and ends with the same ledger; a changed recipe does anew what depends on the change.
 */
#pragma once

#include "study/ledger/ledger.h"
#include "study/pipeline/recipe.h"
#include "tune/tune.h"

/* How long it will take, from a few training steps of each set, measured before it begins. */
typedef struct StudyEstimate {
    int sets;
    double images_per_second[RECIPE_MOST_SETS]; /* of training steps, measured */
    double expected, most; /* seconds of all trainings: when they stop early as usual, and when none does */
} StudyEstimate;

typedef struct StudyProgress {
    int stage, stages;  /* 1-based */
    const char *name;   /* "train-mnist-s1" */
    const char *what;   /* "MNIST: training, seed 1" */
    const char *result; /* NULL: it begins; else it is done, in a few words */
    bool kept;          /* it was done already */
    double seconds;     /* of its work */
} StudyProgress;

typedef struct StudyOptions {
    const char *folder;
    const char *data_dir; /* as in cf_set_load */
    int threads;          /* 0: all processors; changes speed, never numbers */
    unsigned formats;     /* of figures: FIGURE_SVG | .. */
    void (*estimated)(const StudyEstimate *estimate, void *context); /* once, of a study that begins */
    void (*progress)(const StudyProgress *progress, void *context);
    cf_progress_fn training; /* within a training; false stops: CF_INTERRUPTED, everything is kept */
    TuneProgressFn tuning;   /* the same within a search */
    void *context;           /* of the four */
} StudyOptions;

typedef struct StudyOutcome {
    Ledger ledger;
    char *report;   /* the path of report.html */
    json_t *story;  /* the study in about ten lines of text */
    double seconds; /* of all stages, also of earlier processes */
} StudyOutcome;

cf_status study_run(const Recipe *recipe, const StudyOptions *options, StudyOutcome *outcome);
void study_outcome_free(StudyOutcome *outcome);
