/* Trainings of a lab as stages of a study. */
#ifndef STUDY_LAB_RUN_H
#define STUDY_LAB_RUN_H

#include "study/imbalance/lab.h"
#include "study/pipeline/study_inside.h"

/* Trains STUDY/`label`-REMEDY-sN of each remedy, with what it begins with, and puts lab_result at results[path] ("remedies.mnist.1")
 * into the list of the remedy. What "moved" moves is trained. training->remedy is not looked at. */
cf_status lab_train_all(Study *study, const StudySet *set, const LabTraining *training, const Remedy *remedies,
                        int count, const char *label, const char *path);
/* How many trainings these are. */
int lab_trained(const Remedy *remedies, int count);
/* What they could be refused for. */
cf_status lab_check_remedies(const LabTraining *training, const cf_set *set, const Remedy *remedies, int count);
/* Of the results at results[path], by remedy as lab_train has put them there, those of each of the list, in its order: of "moved" what
 * becomes of the trained one's with the threshold moved. A new reference. */
json_t *lab_remedies(const json_t *results, const char *path, const Remedy *list, int count);

#endif
