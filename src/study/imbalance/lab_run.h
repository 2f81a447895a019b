/* Trainings of a lab as stages of a study. */
#ifndef STUDY_LAB_RUN_H
#define STUDY_LAB_RUN_H

#include "study/imbalance/lab.h"
#include "study/pipeline/study_inside.h"

/* Trains STUDY/`label`-REMEDY-sN, first what it begins with, and puts lab_result at `path` ("remedies.mnist.1", without the remedy and
 * "[]"). `source_print`: of the stage whose network base->from is; NULL: none is, or the configuration's checksum tells. */
cf_status lab_train(Study *study, const StudySet *set, const LabTraining *training, const char *label, const char *path);
/* Of the results at results[path], by remedy as lab_train has put them there, those of each of the list, in its order: of "moved" what
 * becomes of the trained one's with the threshold moved. A new reference. */
json_t *lab_remedies(const json_t *results, const char *path, const Remedy *list, int count);

#endif
