/* How long a study will take, from a few training steps of each set, measured before it begins. */
#ifndef STUDY_PIPELINE_ESTIMATE_H
#define STUDY_PIPELINE_ESTIMATE_H

#include "study/pipeline/recipe.h"

typedef struct StudyEstimate {
    int sets;
    double images_per_second[RECIPE_SETS]; /* of training steps, measured */
    double expected, most; /* seconds of all trainings: when they stop early as usual, and when none does */
} StudyEstimate;

/* Training images a second of the recipe's model on the training part. Takes a second or two. */
cf_status estimate_speed(const Recipe *recipe, const cf_split *split, int threads, double *images_per_second);
/* Adds what the trainings on one set take: the search, the seeds, the cases of imbalance. `trained`: the last two, as the recipe
 * trains them; `configurations`: of the search, 0: none. */
void estimate_add(const Recipe *recipe, const cf_train_options *trained, const cf_split *split, int configurations,
                  double images_per_second, StudyEstimate *estimate);

#endif
