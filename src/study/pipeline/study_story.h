/* A study told in about ten lines of what was measured. */
#ifndef STUDY_PIPELINE_STUDY_STORY_H
#define STUDY_PIPELINE_STUDY_STORY_H

#include "study/ledger/ledger.h"
#include "study/pipeline/recipe.h"

/* A list of sentences; a new reference. `results` as in ledger.h, with "search" and "features". */
cf_status study_story(const json_t *results, const Ledger *ledger, json_t **story);

#endif
