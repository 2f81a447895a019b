/* Time to 99.0 % on MNIST's official test set.
 *
 * The rules: wall time of the whole process, from its start to its end, the decoding of the four files included; the 60,000
 * official training images and nothing else are trained on; the 10,000 official test images are looked at once, after
 * training; the mean accuracy over the seeds must be at least 99.0 %, every seed counts, and the time is the mean over them.
 */
#ifndef BENCH_MNIST99_H
#define BENCH_MNIST99_H

#include "nn/model.h"

extern const char mnist99_model[];    /* the model line */
extern const char mnist99_settings[]; /* the rest in words */

typedef struct Mnist99 {
    double accuracy, loss;
    double first_step; /* clock_seconds() after the first training step */
} Mnist99;

/* One run, in this process. CF_BF16 where the processor has it. */
cf_status mnist99_run(const char *data_dir, uint64_t seed, int threads, cf_precision precision, Mnist99 *result);

#endif
