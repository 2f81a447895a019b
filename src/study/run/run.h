/* A run: one configuration, one folder, from data to a tested model.
 *
 * The folder holds config.json (from which the run can be repeated), history.csv, model.safetensors (best weights),
 * checkpoint.safetensors (latest state) and the one before it, metrics.json, predictions.csv; failure.json where it diverged;
 * report.h adds report.html. Keys are those of the design page.
 */
#pragma once

#include "base/json_text.h"
#include "base/lock.h"
#include "eval/evaluate.h"
#include "nn/transfer.h"
#include "study/run/run_data.h"
#include "train/fit.h"

/* What a run has taken from another network; kept in config.json, so that a resumed run needs it no more. */
typedef struct SourceRecord {
    char sha256[SHA256_HEX];    /* of the file; "": nothing was taken yet */
    int counts[TRANSFER_FATES]; /* of tensors */
} SourceRecord;

typedef struct RunConfig {
    char *data;     /* name or path */
    char *data_dir; /* where names are looked for, or NULL */
    char *model;    /* name or model line; NULL: that of the source, until the run is prepared */
    char *from; /* run folder or model file whose weights it begins with, as it was asked for; NULL: they are drawn */
    SourceRecord source;
    char *target;                  /* the set whose images it adapts to, without their labels; NULL: none */
    cf_split_options target_split; /* of it: training and validation part are those images, the test part scores */
    bool target_split_given;
    cf_split_options split; /* its texts are owned here */
    bool split_given;       /* false: official, or pooled where a set has no test part */
    bool validation_given;  /* the share was asked for, which a set with validation images of its own refuses */
    cf_train_options train; /* checkpoint, resume and progress are not part of the configuration */
    DataRecord record;      /* read, never part of run_config_json: a run writes its own */
} RunConfig;

/* ---- run_config.c ---- */

cf_status run_config_new(RunConfig *config);
void run_config_free(RunConfig *config);
/* One of its own; `from` must have data. */
cf_status run_config_copy(const RunConfig *from, RunConfig *copy);
/* Replaces an owned text of a configuration; NULL is fine. */
cf_status run_config_text(char **field, const char *text);
/* The same for the texts of config->split. */
cf_status run_config_split_text(const char **field, const char *text);
cf_status run_config_read(const char *path, RunConfig *config);
/* FOLDER/config.json. */
cf_status run_config_read_in(const char *folder, RunConfig *config);
/* The same of a document in memory; a message names the key. */
cf_status run_config_from_json(const json_t *json, RunConfig *config);
/* The configuration as JSON objects "data", "split", "model", "train"; a new reference. */
cf_status run_config_json(const RunConfig *config, json_t **json);
/* What of other data a run has used: "images", without labels; "labels": it began with another network's weights and learnt the labels
 * of its data; "none". */
const char *run_config_target(const RunConfig *config);

extern const char *const split_words[]; /* by the enumeration's value; ends with NULL */
/* "official", "pooled" or "at:5000". */
cf_status split_from_text(const char *text, cf_split_options *split);
/* `text` has room for 40 characters. */
void split_to_text(const cf_split_options *split, char text[40]);

/* ---- run.c ---- */

typedef struct Run {
    RunConfig config;
    char *folder, *config_path, *model_path, *checkpoint_path, *history_path, *metrics_path, *predictions_path;
    char *failure_path; /* written where a training diverges */
    SetShelf *shelf;    /* where sets come from: own_shelf, or one that is shared */
    SetShelf own_shelf;
    Transfer transfer; /* what run_start took from config.from; of a resumed run nothing */
    const cf_set *set; /* the shelf's */
    cf_split *split;
    cf_split *target; /* of config.target; NULL: none */
    Evaluation target_test;
    bool target_tested;
    cf_model *model;
    int threads;
    const Engine *engine;
    FitReport fitted;
    Evaluation test;
    bool tested;
    bool int8;                 /* evaluated in 8-bit integers: nn/int8 */
    const Augmentation *views; /* of each image, whose predictions are averaged; NULL: the image as it is. Borrowed. */
    bool other;                /* the set is another than the one that the run was trained on */
    Overlap overlap;           /* of the images that run_choose_images chose with those that the run was trained on */
    Lock lock;                 /* of the folder, from run_start on */
    char *made_folder;         /* what run_start made, while nothing is written into it */
    double peak_gflops;        /* measured beside the training; 0: not yet */
    /* Who looks on while it trains, as FitFiles' `validated`; NULL: nobody. */
    void (*watch)(const struct Run *run, const FitState *state, int done, int epoch, void *watcher);
    void *watcher;
} Run;

/* Takes over `config`, loads its data, splits, and makes the model. Makes no folder yet. `shelf` NULL: the data are the
 * run's own. */
cf_status run_prepare(RunConfig *config, SetShelf *shelf, Run **run);
/* A finished run, or one under way, of a folder that is no tune (run_open): its configuration and best weights; no data. Before these
 * are loaded, `shelf` may be set to a shared one. */
cf_status run_open_folder(const char *folder, Run **run);
/* The same, or a tune's winner (tune_run.c). */
cf_status run_open(const char *path, Run **run);
/* Writes its config.json. */
cf_status run_config_write(const Run *run);
void run_free(Run *run);
AUTO_HANDLE(Run, run_free)

/* Names the files, makes the folder, locks it until run_free, and takes weights from another network where that is asked for. A folder
 * that already holds a run is refused unless resuming, and one that another process works in. Nothing is written: a folder that was made
 * goes with run_free. */
cf_status run_start(Run *run, const char *folder, bool resume);
/* A network from elsewhere as a run: its folder with config.json and model.safetensors. Takes over both; config->data NULL: it has no
 * data of its own. */
#define RUN_WITHOUT_DATA "none" /* in config.json */
cf_status run_import(RunConfig *config, cf_model *model, const char *folder, Run **run);
/* The model becomes the own network of a source (a run, a model file), for images of so many channels, as transfer_line has it. */
cf_status run_config_take_line(RunConfig *config, const char *source, int channels);
/* A configuration less what changes no weight, nor which images it is tested on: "split", "model", "train"; a new reference. */
cf_status run_config_essence(const RunConfig *config, json_t **json);

/* ---- run_train.c ---- */

/* Trains into the folder. config.json is written when all that can be refused was looked at: settings, data, the checkpoint. */
cf_status run_train(Run *run, bool resume, cf_progress_fn progress, void *context);
/* Evaluates on the test part; writes predictions.csv and metrics.json. */
cf_status run_evaluate_test(Run *run);
/* The document of `train --json` and metrics.json; a new reference. */
cf_status run_json(const Run *run, json_t **json);
/* Seconds of all training steps: of each epoch they are known, also of those before a kill. */
double run_step_seconds(const Run *run);
/* The document of `eval --json`; a new reference. */
cf_status evaluation_json(const Evaluation *evaluation, const char *data, const char *part, json_t **json);

/* ---- run_evaluate.c: an opened run ---- */

/* Loads the data into run->set and splits them; the images live as long as the run. `data` NULL: the run's own. A set is the run's
 * own by its checksum, however it is named. `part`: "test", "official-test", "all", "at:N" (those from number N on), or
 * NULL: the run's own test part; for other data the official test part, or everything where there is none. `*used_part` is the word
 * of what was taken. How many of the images the run was trained on is told, and kept in run->overlap. */
cf_status run_choose_images(Run *run, const char *data, const char *data_dir, const char *part,
                            const cf_subset **images, const char **used_part);
/* The test part of the run's own split, which was made, with the temperature that fits its validation part. */
cf_status run_evaluate_own(const Run *run, const ClassifyOptions *options, Evaluation *evaluation);
/* run_choose_images, and the model over these images. */
cf_status run_evaluate(Run *run, const char *data, const char *data_dir, const char *part, int threads,
                       Evaluation *evaluation, const char **used_part);
/* Another opened run on the images that run_choose_images chose for `first`, whose set and shelf it borrows: it takes them as its
 * own input wants them. Where `part` is "test" these must be its own test images, too. run->overlap is of this run. */
cf_status run_adopt_images(Run *run, const Run *first, const cf_subset *images, const char *part);
