/* The recipe of a study: which data, which search, which experiments.
 *
 * A recipe is a YAML file (recipes/ has those that come with cifra; their texts are in the program too), read by
 * recipe_yaml.c. A section is there when its key is: search (grid), features, cross, imbalance, transfer, adaptation, attention, and a
 * ledger (claims). Data, trainings and their evaluation always are.
 */
#pragma once

#include "base/embedded.h"
#include "study/run/run.h"
#include "tune/space.h"

extern const EmbeddedFile recipe_files[]; /* recipes/, as the library carries it */

enum {
    RECIPE_MOST_SETS = 8,
    RECIPE_CASES = 8,
    RECIPE_MOST_SEEDS = 50,
    RECIPE_SIZES = 12,
    RECIPE_MODELS = 8,
    RECIPE_METHODS = 4
};

/* An experiment with trainings of its own: seed by seed they differ in one thing, which is compared. All take their last epoch. */
typedef struct RecipeSection {
    int seeds;     /* base.train.seed, + 1 ..; 0: there is no such section */
    int steps; /* of remedies each training's, as in imbalance/lab.h; of transfer as many at least, by as many epochs as that takes */
    json_t *train; /* as `final`, laid over the options that the study's trainings have; NULL: nothing */
} RecipeSection;

typedef struct Recipe {
    char *name;
    char *data[RECIPE_MOST_SETS + 1]; /* one or more; ends with NULL */
    char *
        claims; /* of a report, which the study is held against: "report", or a file (ledger/claims.h); NULL: no ledger */
    int64_t images;       /* training images of each set whose text says no number itself; 0: all */
    char *grid;           /* "paper", or a file of a search space; NULL: train as `base` says */
    Space space;          /* of the grid; a model that the recipe names itself is in the place of the grid's own line */
    bool prune;           /* leave poor trials early (ASHA) */
    RunConfig base;       /* model, split, training: what the search leaves open; its data are NULL */
    json_t *final;        /* keys of config.json's "train" that the trainings after the search have anew; NULL: none */
    int seeds;            /* trainings of every experiment, with the seeds base.train.seed, + 1 .. */
    int splits; /* they take so many splits in turn, with the seeds base.split.seed, + 1 ..; at most as many as seeds */
    bool features, cross; /* UMAP of the features; each model on the other sets */
    int neighbors;        /* UMAP's */
    double min_dist;
    char *classes;             /* of the imbalance experiment: "1,2"; NULL: there is none */
    char *cases[RECIPE_CASES]; /* limits of the training images: "1:50,2:1000", "" for all */
    int case_count;
    RecipeSection remedied;      /* what can be done about each case but "all", with other images for each seed */
    char *augment_with;          /* what the remedy augment does; NULL: mnist, or svhn for images in colour */
    char *remedies;              /* "balanced,augment+balanced" */
    RecipeSection transfer;      /* from the network of another set or from nothing, with few images */
    int64_t sizes[RECIPE_SIZES]; /* training images per class, ascending; 0: all */
    int size_count;
    RecipeSection adaptation; /* each model to other sets' images, without their labels */
    char *methods;           /* "adabn,self-train" */
    RecipeSection attention; /* networks side by side, all against the first */
    char *names[RECIPE_MODELS], *models[RECIPE_MODELS];
    int model_count;
} Recipe;

/* "10"; "all". */
void recipe_size_text(int64_t size, char text[24]);

/* One seed, no search and no section, without data. */
cf_status recipe_new(Recipe *recipe);
void recipe_free(Recipe *recipe);
/* "quick", "paper", or the path of a YAML file. */
cf_status recipe_read(const char *name_or_path, Recipe *recipe);
/* "generated", "real", or sets between commas, laid over what the recipe has. */
cf_status recipe_use_data(Recipe *recipe, const char *data);
/* The set's text with the recipe's number of images, in a new string: "mnist:n=5000". */
cf_status recipe_set_text(const Recipe *recipe, int place, char **text);
/* By how much the split's seed of the training with that number (from 0) is moved. */
static inline uint64_t recipe_split(const Recipe *recipe, int seed_number) {
    return (uint64_t)(seed_number % recipe->splits);
}
/* The line of all trainings, or of the grid's first configuration, in a new string. */
cf_status recipe_model_line(const Recipe *recipe, char **line);
/* Everything fits together: data are there, cases name classes. */
cf_status recipe_check(const Recipe *recipe);
/* Lays what is different after the search over the options of a training; NULL: nothing. */
cf_status recipe_lay(const json_t *final, cf_train_options *train);
/* For study.json; a new reference. */
cf_status recipe_json(const Recipe *recipe, json_t **json);
