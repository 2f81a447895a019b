#include "study/pipeline/study_inside.h"
cf_status study_features(Study *study, StudySet *set) {
    (void)study;
    (void)set;
    return CF_OK;
}
cf_status study_cross_features(Study *study, StudySet *from, StudySet *on) {
    (void)study;
    (void)from;
    (void)on;
    return CF_OK;
}
