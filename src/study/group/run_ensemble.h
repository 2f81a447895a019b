/* Runs as one classifier: the mean of the probabilities of their networks, over the images of one evaluation.
 *
 * A folder for it holds predictions.csv, ensemble.json (the document of `eval --json`) and figures; of other data than the runs' own
 * test part all names have "-SET" in them, as in a run folder.
 */
#pragma once

#include "eval/ensemble.h"
#include "study/group/group.h"

typedef struct RunEnsemble {
    Run **runs; /* [count], opened */
    size_t count;
    Ensemble ensemble;
    char *data;                      /* what is evaluated, as asked for */
    const char *part;                /* "test", "official-test", "all" */
    size_t best;                     /* the best member */
    size_t only_ensemble, only_best; /* images that only the one calls by their name */
} RunEnsemble;

/* Opens runs; a group stands for its runs, which must be done. Two members at least. */
cf_status run_ensemble_open(const char *const *folders, size_t count, RunEnsemble *ensemble);
/* As run_evaluate, of all. The part "test" must be the same images for all. A temperature is fitted where all have one validation part. */
cf_status run_ensemble_evaluate(RunEnsemble *ensemble, const char *data, const char *data_dir, const char *part,
                                int threads);
void run_ensemble_free(RunEnsemble *ensemble);
/* As `eval --json`, with "members" [{"run", "accuracy", "loss"}] and "against_best" {"run", "only_ensemble", "only_member",
 * "difference", "interval", "p", "noise"}; a new reference. */
cf_status run_ensemble_json(const RunEnsemble *ensemble, json_t **json);
/* Into `folder`, which is made. *predictions: the path of predictions.csv; release with free(). */
cf_status run_ensemble_write(const RunEnsemble *ensemble, const char *folder, const FigureOptions *options,
                             FigureList *list, char **predictions);
