/* A worker: claims jobs from the store, one after the other, until there are none. */
#pragma once

#include "tune/trial.h"

/* Returns CF_OK at the end of the tune, CF_INTERRUPTED when tune->stop was set. */
cf_status worker_run(Worker *worker);
