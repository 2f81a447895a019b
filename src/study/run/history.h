/* history.csv, read back: what figures and reports of a run draw, also of one that another process trained. */
#pragma once

#include "train/checkpoint.h"

/* The rows of what history_write wrote; release with free(). A file of another form is an error that names the line. */
cf_status history_read(const char *path, EpochRow **rows, int *count);
/* The place of the best row, as training chooses; -1 without rows. */
int history_best(const EpochRow *rows, int count, cf_stop_on stop_on);
