#include "bench/sprint.h"

static cf_status check_set(const Sprint *sprint, const cf_set *set) {
    const int *s = sprint->input;
    const size_t test = set->count - set_test_begin(set);
    FAIL_IF(
        set->official_train != sprint->train || test != sprint->test || set->channels != s[0] || set->height != s[1] ||
            set->width != s[2] || set->classes != 10,
        CF_BAD_INPUT,
        "%s: %zu training and %zu test images of %dx%dx%d in 10 classes expected, found %zu and %zu of %dx%dx%d in %d",
        set->source, sprint->train, sprint->test, s[0], s[1], s[2], set->official_train, test, set->channels,
        set->height, set->width, set->classes);
    return CF_OK;
}

cf_status sprint_run(const Sprint *sprint, const SprintJob *job, SprintResult *result) {
    const char *data = job->data ? job->data : sprint->data;
    cf_set *set;
    FAIL_IF(!data, CF_BAD_USE, "--data: the folder of the set expected, found nothing");
    FORWARD(cf_set_load(data, job->data_dir, &set));
    cf_status status = check_set(sprint, set);
    if (!status) status = sprint->run(job, set, result);
    cf_set_free(set);
    return status;
}

cf_status sprint_test(const cf_model *model, const cf_subset *test, const ClassifyOptions *options, double *accuracy) {
    StepResult score;
    FORWARD(classify(model, test, options, NULL, &score));
    *accuracy = (double)score.correct / (double)test->count;
    return CF_OK;
}
