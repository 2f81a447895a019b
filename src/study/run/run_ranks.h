/* What the ranks of a job (base/ranks.h) do for its first one, which runs the command: it sends them jobs, each a JSON text. */
#pragma once

#include "study/run/run.h"

/* Joins the ranks, where there are several: builds and instruction sets are compared. */
cf_status ranks_meet(void);
typedef cf_status (*RanksJobFn)(json_t *job);
/* Of a rank but the first: does what it is asked for, until it is let go. `other` has the jobs of the floors above. */
cf_status ranks_serve(RanksJobFn other);
cf_status ranks_send_job(int to, json_t *job);
/* Of the first: lets the others go. */
cf_status ranks_dismiss(void);

/* A configuration for jobs, and with it where other ranks of this machine find its set: they have it from this one. */
cf_status ranks_describe_data(const RunConfig *config, const cf_set *set, json_t **described);

/* Calls those that can take a part of this run's training, which begins next: *ranks of them and this one, for FitFiles; alone 0. */
cf_status ranks_call_to_train(const Run *run, int *ranks);
