/* What a tune has found: configurations in order, how far their figures can be trusted, whether the first is really better
 * than the second, and what each parameter does.
 *
 * A configuration is a point of the space with all trials of it: the search's own, and its repeats with other seeds. Order:
 * those with a done trial by the tune's objective, validation loss or accuracy, then those that were pruned or are under way by
 * theirs, then the failed ones; of equals the lower id. Where leading configurations were repeated they come before all others, by their mean: of the
 * others one lucky seed is all that is known.
 */
#pragma once

#include "base/statistics.h"
#include "tune/store.h"

#include <stdio.h>

typedef struct Configuration {
    const Trial **trials; /* [count] the search's own first, then its repeats by id; point into the list */
    size_t count;
    size_t done, failed; /* of them */
    MeanInterval loss,
        accuracy; /* on the validation part, of the done ones; without one: the first trial's best so far */
    double accuracy_low, accuracy_high; /* 95 %: Student t over two or more seeds, of one Wilson's; NaN: not known */
    double seconds;                     /* of all its trials */
    char **values;                      /* [space.count] texts, whole */
} Configuration;

typedef struct TrialCurve {
    TrialEpoch *epochs;
    int count;
} TrialCurve;

typedef struct TuneResults { /* owns all of it */
    Space space;
    json_t *settings; /* as stored; NULL: not known */
    TuneObjective objective;
    char *data;       /* what they were called; NULL: not known */
    TrialList list;
    TrialCurve *curves; /* [list.count] */
    Configuration *configurations;
    size_t count, done, pruned, failed; /* configurations; trials of each state */
    size_t images;                      /* of the validation part; 0: not known */
    size_t seeds;                       /* the most done trials of one configuration */
    double seconds;                     /* of all trials */
    /* A loss above FAR_AWAY times the configurations' median: the trial diverged without becoming infinite. Such a loss would
     * swallow every mean and every axis, so these leave it out and say so. INFINITY where none is known. */
    double far;
} TuneResults;

enum { FAR_AWAY = 100 };

/* Of a folder's tune.db, also of a tune that is not finished. */
cf_status results_read(const char *folder, TuneResults *results);
/* All the rest of what has space, list and curves and is else zeroed. */
cf_status results_complete(TuneResults *results, TuneObjective objective);
/* "validation loss" or "validation accuracy". */
const char *results_objective(const TuneResults *results);
/* Fine on a zeroed one. */
void results_free(TuneResults *results);
/* The best configuration, or NULL while no trial is done. */
const Configuration *results_best(const TuneResults *results);
/* A value for tables (SPACE_LABEL). */
const char *configuration_label(const TuneResults *results, const Configuration *configuration, int parameter);
/* "optimizer adam, lr 0.001, batch 64" of the parameters' labels; as much as fits. */
void configuration_text(const TuneResults *results, const Configuration *configuration, char *text, size_t size);

/* ---- Is the best one better? (results_compare.c) ----
 *
 * On the same validation images: those that only one of the two gets right (McNemar 1947), by the exact sign test. With
 * several seeds an image still counts once, for the configuration that got it right in more of its trials: the same image's
 * results under different seeds are not independent, so adding them up would make p too small. The test takes the trained
 * networks as they are; what another seed would do is in the interval of the mean difference of the losses, seed by seed.
 * Both say nothing of the choice among many configurations on these very images, which flatters the first. */
typedef struct Comparison {
    const Configuration *best, *other; /* NULL: there are no two to compare */
    size_t seeds;                      /* pairs of trials with the same seed */
    size_t images;
    size_t only_best, only_other; /* images that speak for one of them */
    double p;                     /* two-sided */
    TuneObjective objective;
    MeanInterval ahead; /* over the pairs: the other's loss less the best's, or the best's accuracy less the other's */
} Comparison;

enum { NOISE_PERCENT = 5 }; /* a p of so many percent and more is called noise */

/* The first two configurations, the only ones whose `correct` results_read reads; pairs without the images' results (`correct`) are left out. */
cf_status results_compare(const TuneResults *results, Comparison *comparison);
bool comparison_is_noise(const Comparison *comparison);
/* Sentences that say it plainly, ending with a newline each; nothing where there is nothing to compare. */
void comparison_print(const TuneResults *results, const Comparison *comparison, FILE *out);
/* {"best", "other", "seeds", "images", "only_best", "only_other", "p", "noise", "loss_difference" (or "accuracy_difference",
 * by the objective) {"mean", "interval"}}, or null; a new reference. */
cf_status comparison_json(const Comparison *comparison, json_t **json);

/* ---- What does a parameter do? (results_effects.c) ---- */

typedef struct EffectGroup {
    const char *text; /* "adam", a label of the space; of ranges "0.001 to 0.004", in `range` */
    char range[2 * SPACE_NUMBER];
    MeanInterval loss, accuracy;
} EffectGroup;

typedef struct Effect { /* of one parameter */
    const char *name;   /* points into the space */
    EffectGroup *groups;
    size_t count;
} Effect;

/* After so many epochs trials are set beside each other: 0, after all of theirs, where none was pruned; else as many as every pruned
 * trial had, since results of other numbers of epochs do not compare. */
int results_effect_epochs(const TuneResults *results);
/* [space.count] means over the trials of the search after results_effect_epochs (0: over the done ones), with Student t intervals
 * over the configurations of a group; without repeats, which would weigh the leaders twice, and without losses beyond
 * results->far. Values of a list in the list's order, without those that no trial has; those of a range in up to EFFECT_BINS
 * groups of equal size. Release with effects_free. */
enum { EFFECT_BINS = 4 };
/* What a trial of the search had reached then, by the objective; false: it does not count. */
bool results_reached(const TuneResults *results, const Trial *trial, int epochs, double *loss, double *accuracy);
cf_status results_effects(const TuneResults *results, Effect **effects);
void effects_free(const TuneResults *results, Effect *effects);

/* ---- As text and as a file (results_table.c) ---- */

/* The first `rows` configurations (0: all), the winner marked; then how many are left out. */
cf_status results_print(const TuneResults *results, size_t rows, FILE *out);
/* CSV: a line per trial, by id. */
cf_status results_write(const TuneResults *results, const char *path);
