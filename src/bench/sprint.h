/* Sprints: time to an accuracy on an official test set.
 *
 * The rules: wall time of the whole process, from its start to its end, the decoding of the files included; the official
 * training images and nothing else are trained on, and all that is learned comes from them; the official test images are looked at once, after
 * training; the mean accuracy over the seeds must reach the target, every seed counts, and the time is the mean over them.
 */
#pragma once

#include "nn/model.h"

typedef struct SprintJob {
    const char *data, *data_dir; /* NULL: the usual ones */
    uint64_t seed;
    int threads;
    cf_precision precision;
} SprintJob;

typedef struct SprintResult {
    double accuracy;
    double first_step; /* clock_seconds() after the first training step */
} SprintResult;

/* A run under way. */
typedef struct SprintRun {
    uint64_t seed;
    int threads;
    const Engine *engine;
    cf_set *set;
    cf_split *split;
    cf_model *model;
    Plan *plan; /* by sprint_plan, as the feed */
    Feed feed;
    Augmentation *views; /* that the test images are looked at through; NULL: as they are */
    double first_step;
} SprintRun;

typedef struct Sprint {
    const char *data;                 /* the usual set; NULL: it must be said */
    const char *model, *settings;     /* the model line, the rest in words */
    double target;                    /* accuracy */
    size_t train_images, test_images; /* that the set must have */
    int input[3];                     /* and their shape: channels, height, width */
    cf_status (*train)(SprintRun *run);
} Sprint;

extern const Sprint sprint_mnist99, sprint_cifar94;

extern const char cifar94_line[];
/* The weights that cifar94 begins with, from those of parameters_initialise and the training images; `feed` is of their set. */
cf_status cifar94_begin(const Feed *feed, const cf_subset *train, Parameters *parameters);

/* One run, in this process. CF_BAD_INPUT where the set is another one. */
cf_status sprint_run(const Sprint *sprint, const SprintJob *job, SprintResult *result);

/* The plan and the feed of a training in batches of so many images; `losses` as PlanOptions.losses. */
cf_status sprint_plan(SprintRun *run, int batch, const LossSettings *losses);
