/* A run as the files in its folder tell it. They are always right: no index has to be kept. */
#pragma once

#include "train/checkpoint.h"

#include <jansson.h>

typedef struct RunFiles {
    json_t *config, *metrics, *failure; /* NULL where there is no such file */
    const char *state;                  /* done; training; stopped: --resume goes on; diverged; begun */
    int epochs;                         /* done, by history.csv */
} RunFiles;

/* A folder without config.json is none of a run: CF_BAD_USE. */
cf_status run_files_read(const char *folder, RunFiles *files);
void run_files_free(RunFiles *files);

/* The rows of a history.csv, as history_write wrote them, also of a run that another process trains; release with free(). A file of
 * another form is an error that names the line. */
cf_status history_read(const char *path, EpochRow **rows, int *count);
/* The place of the best row, as training chooses; -1 without rows. */
int history_best(const EpochRow *rows, int count, cf_stop_on stop_on);
