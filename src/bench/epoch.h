/* A whole epoch (shuffling, preparation, steps, validation, history) against the steps it consists of. */
#pragma once

#include "bench/bench.h"

typedef struct EpochBench {
    StepBench step;
    size_t train, validation; /* images of an epoch */
    double seconds;           /* of a whole epoch: mean over two */
    double steps_seconds;     /* its training steps and validation batches at their median time */
    double
        augmented_seconds; /* of a whole epoch with the augmentation, timed in turn with the others; 0: without one */
} EpochBench;

/* On `images` random images, a tenth of which validate. `augment`: an augmentation line; NULL: none. */
cf_status epoch_bench(const char *model, Shape input, int batch, int threads, cf_precision precision, size_t images,
                      const char *augment, EpochBench *result);
