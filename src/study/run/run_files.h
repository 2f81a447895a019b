/* A run as the files in its folder tell it. They are always right: no index has to be kept. */
#pragma once

#include "base/status.h"

#include <jansson.h>

typedef struct RunFiles {
    json_t *config, *metrics, *failure; /* NULL where there is no such file */
    const char *state;                  /* done; training; stopped: --resume goes on; diverged; begun */
    int epochs;                         /* done, by history.csv */
} RunFiles;

/* A folder without config.json is none of a run: CF_BAD_USE. */
cf_status run_files_read(const char *folder, RunFiles *files);
void run_files_free(RunFiles *files);
