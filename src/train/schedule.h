/* The learning rate of each step. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "cifra.h"

/* `step` counts from 0 over all epochs, of `steps` in all.
 * constant: `highest` throughout. cosine: half a cosine from `highest` to 0 (Loshchilov, Hutter 2017, without restarts).
 * one-cycle: up from highest/25 over the first 30 % and down to highest/250000, both along cosines (Smith, Topin 2018). */
double schedule_rate(cf_schedule schedule, double highest, int64_t step, int64_t steps);

#endif
