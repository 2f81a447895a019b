/* A tune's winner as a run: the folder of its trial, with the config.json that a training of it has. */
#pragma once

#include "study/run/run.h"
#include "tune/results.h"

/* Writes config.json into the folder of the winner, behind the tune's end. `common`: what the trials share, data, split and the
 * options that the space leaves open; `set`: the data. No trial came to its end: nothing is written. */
cf_status tune_run_write(const char *tune, const TuneResults *results, const RunConfig *common, const cf_set *set);
/* The folder of a run: `path` itself, without slashes at its end, or that of the winner where `path` is a tune; a new string. */
cf_status tune_run_folder(const char *path, char **folder);
