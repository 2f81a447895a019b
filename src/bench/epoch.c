#include "bench/epoch.h"

#include "base/memory.h"
#include "base/slices.h"
#include "train/fit.h"

#include <stdio.h>

static cf_status run_epoch(cf_model *model, const cf_split *split, const EpochBench *e, const char *augment,
                           double *seconds) {
    cf_train_options options = cf_train_defaults();
    cf_train_result result;
    options.epochs = 1;
    options.batch = e->step.batch;
    options.threads = e->step.threads;
    options.precision = e->step.precision;
    options.patience = 0;
    if (augment) snprintf(options.augment, sizeof options.augment, "%s", augment);
    FORWARD(cf_train(model, split, &options, &result));
    *seconds += result.seconds;
    return CF_OK;
}

static cf_status time_epochs(const char *line, const cf_set *set, const char *augment, EpochBench *e) {
    enum { EPOCHS = 2 }; /* of each kind */
    cf_split_options cut = cf_split_defaults();
    cf_split *split = NULL;
    cf_model *model = NULL;
    double seconds = 0, augmented = 0;
    cf_status status;
    cut.mode = CF_SPLIT_AT;
    cut.at = set->count - (size_t)set->classes; /* a test part is asked for, and not used */
    FORWARD_TO(done, cf_split_new(set, &cut, &split));
    FORWARD_TO(done, cf_model_new(line, split, 1, &model));
    for (int i = 0; i < EPOCHS; i++) {
        FORWARD_TO(done, run_epoch(model, split, e, NULL, &seconds));
        if (augment) FORWARD_TO(done, run_epoch(model, split, e, augment, &augmented));
    }
    e->seconds = seconds / EPOCHS;
    e->augmented_seconds = augmented / EPOCHS;
    e->train = cf_subset_count(cf_split_part(split, CF_TRAIN));
    e->validation = cf_subset_count(cf_split_part(split, CF_VALIDATION));
done:
    cf_model_free(model);
    cf_split_free(split);
    return status;
}

cf_status epoch_bench(const char *model, Shape input, int batch, int threads, cf_precision precision, size_t images,
                      const char *augment, EpochBench *result) {
    EpochBench e = {0};
    cf_set *set = NULL;
    cf_status status;
    FORWARD_TO(done, step_bench(model, input, batch, threads, precision, 1, &e.step));
    FORWARD_TO(done, random_set(input, images, &set));
    FORWARD_TO(done, time_epochs(model, set, augment, &e));
    double steps = (double)((e.train + (size_t)batch - 1) / (size_t)batch);
    double batches = (double)((e.validation + (size_t)batch - 1) / (size_t)batch);
    e.steps_seconds = steps * e.step.train_seconds + batches * e.step.infer_seconds;
    *result = e;
done:
    cf_set_free(set);
    return status;
}
