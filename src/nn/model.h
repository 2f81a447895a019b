/* A model: layers, weights, class names. And its files. */
#pragma once

#include "base/safetensors.h"
#include "data/image_set.h"
#include "nn/plan.h"

AUTO_HANDLE(cf_model, cf_model_free)

struct cf_model {
    LayerList layers;
    Parameters parameters;
    int classes;
    char **class_names; /* [classes] */
};

/* Class names are copied. Weights are drawn from `seed`. */
cf_status model_new(const char *name_or_line, Shape data, const char *const *class_names, int classes, uint64_t seed,
                    cf_model **model);

/* A model's weights as PyTorch's load_state_dict(strict=True) takes them: a safetensors file with every tensor of the model under its
 * name, in PyTorch's shape and order, float32; behind each batch norm's its num_batches_tracked, an I64 of 0 (a counter that PyTorch
 * reads only where a norm has no momentum); and the texts of a model file, so that cf_model_load reads it, too. */
cf_status weights_write(const cf_model *model, const char *path);

/* `run`: a run's folder, whose model.safetensors it is, or a model file. */
cf_status model_open(const char *run, cf_model **model);

/* ---- Weights among the tensors of a file (model.safetensors, checkpoint.safetensors) ---- */

/* Tensors to be written, with their converted values. */
typedef struct TensorBag {
    StoredTensor *tensors;
    char (*names)[LAYER_NAME + 48];
    float **values;
    int count, room;
} TensorBag;

cf_status bag_new(int room, TensorBag *bag);
void bag_free(TensorBag *bag);
/* Every parameter as "prefix" + name; `values` lie as parameters->values do. CF_DIVERGED where one of them may be no model's
 * (parameter_first_unsound). */
cf_status bag_add(TensorBag *bag, const Parameters *parameters, const char *prefix, const float *values,
                  bool trainable_only);
/* Reads what bag_add wrote: every tensor must be there with its shape and with values that a model may have. */
cf_status bag_take(const StoredFile *file, const Parameters *parameters, const char *prefix, float *values,
                   bool trainable_only);

/* The texts that describe a model: "format", "model", "input", "classes" (a JSON list), "scaling", "cifra". */
enum { MODEL_TEXTS = 6 };
typedef struct ModelTexts {
    StoredText texts[MODEL_TEXTS];
    char input[48];
    char *classes;
} ModelTexts;
cf_status model_texts_new(const cf_model *model, ModelTexts *texts);
void model_texts_free(ModelTexts *texts);
/* A model, with weights zero, from the texts of a file. `path` is for messages. */
cf_status model_from_texts(const StoredFile *file, const char *path, cf_model **model);

/* ---- prune.c: a model with fewer channels ---- */

/* keep: the share of the channels that stays, above 0, at most 1; of each set at least one. CF_BAD_USE, with the layer's name, where
 * a layer does not say which of its channels belongs to which (groups, se, attention, position, concat, groupnorm, several outputs). */
cf_status model_prune(const cf_model *model, double keep, cf_model **pruned);

/* ---- classify.c: running a model over many images ---- */

typedef struct Int8Network Int8Network; /* nn/int8/int8.h */

typedef struct ClassifyOptions {
    const Engine *engine;
    int threads;
    /* Test-time augmentation: the probabilities are the weighted mean over these views of an image; NULL: the image as it is. Borrowed. */
    const Augmentation *views;
    /* features_compute: told, as a share, how far it is; false stops it: CF_INTERRUPTED. NULL: nobody is. */
    bool (*progress)(double share, void *context);
    void *context;
    const Int8Network *
        int8; /* the model in integers, which then computes in place of the engine, without views; NULL: none. Borrowed. */
} ClassifyOptions;

enum { PREDICTION_BATCH = 128 };

/* Probabilities [count][model->classes] of a subset's images in order; NULL: only their score is wanted. */
cf_status classify(const cf_model *model, const cf_subset *subset, const ClassifyOptions *options, float *probabilities,
                   StepResult *result);
/* The same with a plan at hand whose parameters are in use. */
cf_status classify_with(Plan *plan, const Feed *feed, const uint32_t *images, size_t count, int classes,
                        float *probabilities, StepResult *result);

/* A plan that only predicts, and a feed of a set's images, which are the network's classes. {0}: none. */
typedef struct Predictor {
    Parameters parameters; /* the model's: such a plan does not write to them */
    Plan *plan;
    Feed feed;
} Predictor;
cf_status predictor_new(const cf_model *model, const cf_set *set, const PlanOptions *options, Predictor *predictor);
void predictor_free(Predictor *predictor);

/* The engine for these options. Where the processor has no bfloat16, *precision becomes CF_F32 with a notice; the reference
 * knows float32 only: CF_BAD_USE. */
cf_status engine_choose(cf_engine engine, cf_precision *precision, const Engine **chosen);
