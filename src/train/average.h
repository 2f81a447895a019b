/* Averages of weights over a training, which validate, are kept and are the result in place of the weights.
 *
 * ema (Polyak, Juditsky 1992), after each step t = 1, 2, ..: average += (1 - d) (weights - average), d = min(ema, (1 + t) / (10 + t)) as
 * tf.train.ExponentialMovingAverage(num_updates=t) has it, so that the first weights are soon forgotten. It begins as the first
 * weights. Batch norm's running statistics are averaged alike (timm's ModelEma).
 *
 * swa_from (Izmailov et al. 2018): the mean of what was reached at the ends of the epochs from that share of the training on, of the
 * weights, or of ema's average of them. Batch norm's statistics are measured anew for it (fit.c).
 */
#pragma once

#include "nn/parameters.h"

typedef struct Average {
    double ema; /* 0: none */
    int first;  /* the epoch, 0-based, from which on epochs are averaged; as many as there are: none */
    size_t count;
    float *moving; /* [count] of ema; NULL: none */
    float *mean;   /* [count] over epochs; NULL: none */
} Average;

/* Of `options` it reads ema, swa_from and epochs. Averages lie as parameters->values and begin as these. */
cf_status average_new(const cf_train_options *options, const Parameters *parameters, Average *average);
void average_free(Average *average);
/* After step `steps` (1-based, since training began). The same bits at any number of threads. */
cf_status average_step(Average *average, const float *values, int64_t steps, int threads);
/* After the last step of an epoch (0-based). */
void average_epoch(Average *average, const float *values, int epoch);
/* What stands for the weights after that epoch; NULL: the weights themselves. */
float *average_after(const Average *average, int epoch);
