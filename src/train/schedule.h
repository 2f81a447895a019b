/* The learning rate of each step. */
#pragma once

#include "base/status.h"

/* `step` counts from 0 over all epochs, each of so many steps. Of `options` it reads learning_rate (the highest), epochs, schedule,
 * step_at, step_factor and warmup.
 * constant: the highest throughout. cosine: half a cosine from the highest to 0 (Loshchilov, Hutter 2017, without restarts).
 * one-cycle: up from highest/25 over the first 30 % and down to highest/250000, both along cosines (Smith, Topin 2018).
 * linear: straight from the highest to 0. step: times step_factor at each share of the training in step_at, the first step behind
 * it being the first that is lower (He et al. 2016).
 * warmup (Goyal et al. 2017): over the first warmup x steps_per_epoch = W steps that rate is multiplied by (step + 1) / W; the
 * schedule itself counts all steps, so what follows the warm-up is the same without one. */
double schedule_rate(const cf_train_options *options, int64_t step, int64_t steps_per_epoch);

/* Whether a text is a list of shares as in step_at: "0.5,0.75", each between 0 and 1 and above the one before. */
cf_status schedule_check_shares(const char *line);
