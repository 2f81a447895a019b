/* Several models as one: the mean of their probabilities. */
#pragma once

#include "eval/evaluate.h"

typedef struct EnsembleModel { /* borrowed */
    const cf_model *model;
    const Engine *engine;      /* that it was trained with */
    const Augmentation *views; /* as in ClassifyOptions */
} EnsembleModel;

typedef struct EnsembleMember {
    double accuracy, loss;
    unsigned char *right; /* [count of the evaluation] 1: called by its name by this model alone */
} EnsembleMember;

typedef struct Ensemble {
    Evaluation
        evaluation; /* of the mean of the probabilities; classes in the order of the first model, which names them */
    EnsembleMember *members; /* [count] */
    size_t count;
} Ensemble;

/* Each model takes the images as its own input wants them (nn/feed.h). The mean is formed in double, model by model in order. All
 * models must know the same classes, by name, in any order: CF_BAD_USE. Of one model it is that model's evaluation. */
cf_status ensemble_evaluate(const EnsembleModel *models, size_t count, const cf_subset *subset, int threads,
                            Ensemble *ensemble);
void ensemble_free(Ensemble *ensemble);

/* The member with the highest accuracy, of equals the one with the lower loss. */
size_t ensemble_best(const Ensemble *ensemble);
/* Images that only the ensemble, and only that member, calls by their name. */
void ensemble_discordant(const Ensemble *ensemble, size_t member, size_t *only_ensemble, size_t *only_member);
