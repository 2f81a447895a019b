/* A training under way: fit.c trains, fit_resume.c keeps what it can be resumed from. */
#pragma once

#include "train/adaptation/adaptation.h"
#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/train_loss.h"
#include "train/distillation.h"
#include "train/freezing.h"
#include "train/quantization.h"

typedef struct Fit {
    cf_model *model;
    const cf_subset *train, *validation;
    const cf_train_options *options;
    const FitFiles *files;
    int threads, threads_now;
    cf_precision precision; /* in use */
    Plan *plan;
    Batches *batches; /* of the training part */
    const Batches *paced_by; /* of which an epoch is made: these, or those of the images that it adapts to */
    Adaptation *adaptation; /* NULL: none */
    Feed feed;        /* of the validation part */
    bool head_alone;  /* learns, by the plan */
    const bool *frozen; /* of the plan, as is `first` */
    int first;
    float *
        features; /* what reaches layer `first` of the plan, of both parts' images one behind the other; NULL: not computed yet */
    uint32_t *places; /* [images of the set] of an image among these */
    TrainLoss loss;
    Distillation *distillation; /* NULL: no teacher */
    Quantization *quantization; /* NULL: none */
    Freezing freezing;
    Pace *paces; /* [tensors] */
    Optimizer optimizer;
    Average average;
    FitState state;
    float *best;
    char *settings, *previous; /* previous: where the checkpoint before the latest is kept */
    bool keep;                 /* the latest is known to be good */
    bool stop_wanted;          /* of several ranks' first one: it tells the others with the next step */
    const Engine *engine;
    int64_t steps_per_epoch;
    /* this process's part */
    double start, last_checkpoint, training_seconds;
    int64_t steps_here, images_here;
    double flops_here;
} Fit;

/* What another process must have in common to go on, as text in fit->settings. */
cf_status fit_describe_settings(Fit *fit);
/* Writes a checkpoint where one is wanted; the one before it is kept. */
cf_status fit_save(Fit *fit);
/* Where several ranks train together: all begin with what the first one has, which the others' settings and data must fit. */
cf_status fit_share(Fit *fit);
/* Reads the last checkpoint, or, where that is damaged, the one before it. */
cf_status fit_resume(Fit *fit);
