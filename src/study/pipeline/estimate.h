/* How long a study will take, from a few training steps of each set, measured before it begins. */
#pragma once

#include "study/pipeline/recipe.h"

typedef struct StudyEstimate {
    int sets;
    double images_per_second[RECIPE_MOST_SETS]; /* of training steps, measured */
    double expected, most; /* seconds of all trainings: when they stop early as usual, and when none does */
} StudyEstimate;

/* Training images a second of the recipe's model on the training part. Takes a second or two. */
cf_status estimate_speed(const Recipe *recipe, const cf_split *split, int threads, double *images_per_second);
/* Images that are trained on for one set: when trainings stop early as usual, and when none does. */
typedef struct StudyLoad {
    double train, validation;        /* images of the set */
    const cf_train_options *trained; /* of the trainings after the search */
    double expected, most;
} StudyLoad;

/* Adds a search of so many configurations; so many trainings of the whole set. */
void estimate_search(const Recipe *recipe, int configurations, StudyLoad *load);
void estimate_trainings(double count, StudyLoad *load);
static inline void estimate_images(double images, StudyLoad *load) {
    load->expected += images;
    load->most += images;
}
