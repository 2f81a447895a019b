/* A group of runs: one configuration trained with several seeds, or on the folds of a cross-validation.
 *
 * GROUP/group.json tells what belongs to it, and keeps its results; GROUP/s1, s2 .. (by seed) or f1, f2 .. (by fold) are run folders
 * as any other; GROUP/figures and GROUP/report.html are of all of them. What is done is read from the run folders.
 */
#pragma once

#include "base/statistics.h"
#include "study/figures/figures.h"
#include "study/run/run_files.h"

typedef enum GroupKind { GROUP_SEEDS, GROUP_FOLDS } GroupKind;
enum { MOST_GROUP_RUNS = 1000 };

typedef struct GroupPlan {
    GroupKind kind;
    int count;
    uint64_t first_seed; /* of seeds: first_seed, first_seed + 1 ..; folds all have it */
} GroupPlan;

typedef struct GroupRun {
    char name[32];   /* "s3", "f1": of the folder, and in tables */
    uint64_t number; /* the seed, or the fold */
    char *folder;
    RunFiles files; /* zeroed: not begun */
    bool done;
    double validation, test; /* accuracies; NaN: not done */
    double low, high;        /* of test: 95 %, Wilson; NaN: not done */
    double target;           /* accuracy on the target of an adaptation; NaN: there is none */
} GroupRun;

typedef struct Group {
    char *folder;
    GroupPlan plan;
    RunConfig config; /* of the first run */
    GroupRun *runs;   /* [plan.count] */
    size_t done;
    MeanInterval validation, test, target; /* of the accuracies of what is done; target.count 0: there is none */
} Group;

/* The seed or the fold of the run at a place, and the name of its folder. */
uint64_t group_run_number(const GroupPlan *plan, int place);
void group_run_name(const GroupPlan *plan, int place, char name[32]);
/* Whether there is a group.json in it. */
bool folder_is_group(const char *folder);
cf_status group_read(const char *folder, Group *group);
void group_free(Group *group);

/* "5 seeds", "10 folds". */
void group_title(const Group *group, char title[32]);
/* What the interval does not know of folds, in a sentence; "" for seeds. */
const char *group_caveat(const Group *group);
/* A row per run; mean, 95 % interval (Student's t) and standard deviation. */
void group_print(const Group *group, FILE *out);
/* {"group", "kind", "count", "done", "accuracy" {"mean", "low", "high", "deviation", "n"} of the test part, "validation" {"accuracy"
 * of the same form}, of an adaptation "target" likewise, "runs" [metrics.json of each that is done, with its seed or fold]}; a new reference. */
cf_status group_json(const Group *group, json_t **json);

/* Writes group.json; `results` NULL: none yet. */
cf_status group_write(const char *folder, const GroupPlan *plan, const RunConfig *config, const Group *results);

/* ---- group_train.c ---- */

typedef struct GroupWork {
    const char *folder;
    GroupPlan plan;
    RunConfig *config; /* borrowed; of all runs but for seed and fold */
    bool resume;       /* resume the group in the folder, to which plan and configuration belong */
    FigureOptions figures;
    /* Before a run is trained, with its place in the plan; and of one that is done already, with `run` NULL. */
    cf_status (*begins)(Run *run, int place, void *context);
    cf_progress_fn progress;
    void *context;
} GroupWork;

/* Trains what is missing, each run as cifra train does; writes group.json, figures and report.html. A killed group leaves a folder that
 * a later call goes on with, to the same end. A run that diverges ends the work: CF_DIVERGED. */
cf_status group_train(const GroupWork *work);
/* The figures of a trained and tested run, and its page. */
cf_status run_write_report(const Run *run, const FigureOptions *figures);
/* Figures of the group into GROUP/figures, and GROUP/report.html. */
cf_status group_show(const char *folder, const FigureOptions *figures);

/* ---- figures_group.c ---- */

enum { GROUP_FIGURES = 2 };
extern const char *const figures_group_names[]; /* group-accuracy, group-curves; ends with NULL */
cf_status figures_group_make(const Group *group, const FigureOptions *options, FigureList *list);

/* ---- report_group.c ---- */

/* Writes GROUP/report.html from the folder; also of a group that is not finished. */
cf_status report_group_write(const char *folder);
