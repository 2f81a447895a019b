/* Trainings of a lab as stages of a study. */
#pragma once

#include "study/imbalance/lab.h"
#include "study/pipeline/study_inside.h"

/* Describes the stage of one training, STUDY/`label`-REMEDY-sN, whose lab_result goes into the list of the remedy at results[path]
 * ("remedies.street.1"); what it begins with is trained before, as results["before"]. stage->place.set is there; nothing is freed on
 * failure. */
cf_status lab_prepare(Study *study, const LabTraining *training, const char *label, const char *path,
                      StudyStage *stage);
/* Those of the remedies that are trainings, each once: what "moved" moves. Returns how many. */
int lab_trained(const Remedy *remedies, int count, Remedy trained[MOST_REMEDIES]);
/* What they could be refused for. */
cf_status lab_check_remedies(const LabTraining *training, const cf_set *set, const Remedy *remedies, int count);
/* Of the results at results[path], by remedy as lab_prepare's stages have put them there, those of each of the list, in its order: of "moved" what
 * becomes of the trained one's with the threshold moved. A new reference. */
json_t *lab_remedies(const json_t *results, const char *path, const Remedy *list, int count);
