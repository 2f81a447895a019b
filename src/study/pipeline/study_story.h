/* A study told in about ten lines of what was measured. */
#ifndef STUDY_PIPELINE_STUDY_STORY_H
#define STUDY_PIPELINE_STUDY_STORY_H

#include "study/ledger/ledger.h"
#include "study/pipeline/recipe.h"

/* A list of sentences; a new reference. `results` as in ledger.h, with "search" and "features". */
cf_status study_story(const json_t *results, const Ledger *ledger, json_t **story);

/* Mean over a list of runs of the number at `group`.`key` of each (group NULL: of the run itself); NaN without runs. */
double runs_mean(const json_t *runs, const char *group, const char *key);
/* Of the recall of class `c`. */
double runs_mean_recall(const json_t *runs, size_t c);
/* Nearly everything is called one class: half of the images or more, and at least twice as many as belong to it. */
bool run_has_collapsed(const json_t *run);

#endif
