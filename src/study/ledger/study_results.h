/* Numbers out of a study's results, which ledger.h describes: documents of runs, and lists of them over seeds. */
#pragma once

#include "base/statistics.h"
#include "base/status.h"

#include <jansson.h>

/* The value at "a.b.3.c": keys of objects, places in arrays; "" is the value itself; NULL: it is not there. */
json_t *result_at(const json_t *json, const char *path);
/* The number at a path, 0 where there is none. */
double result_number(const json_t *json, const char *path);

/* The text at a path, "?" where there is none. */
const char *result_text(const json_t *json, const char *path);
/* The number at a path as a whole one, 0 where there is none. */
long long result_whole(const json_t *json, const char *path);
/* A result that was read from a file, before it is taken among the others: no list of classes is longer than MAX_CLASSES, a
 * suffix of figures leads into no other folder. CF_BAD_INPUT. */
cf_status result_check(const json_t *result);

/* Mean over a list of runs of the number at `path` of each; NaN without runs. */
double runs_mean(const json_t *runs, const char *path);
/* The same with Student's interval over the runs that have such a number; a loss is not negative, and all else a share, which lies within
 * 0 and 1: Student's interval does not know. */
cf_status runs_interval(const json_t *runs, const char *path, MeanInterval *interval);
/* Of runs less what the same seed gave in `against`, place by place; all NaN below two pairs. */
cf_status runs_difference(const json_t *runs, const json_t *against, const char *path, MeanDifference *difference);
double runs_mean_recall(const json_t *runs, size_t class);

/* The share of the commonest class of a run's images: what always saying that one would get; 0: not known. */
double run_majority(const json_t *run);
/* One over the number of classes: what guessing would get; 0: not known. */
double run_chance(const json_t *run);
/* Nearly everything is called one class: half of the images or more, and at least twice as many as belong to it. */
bool run_has_collapsed(const json_t *run);
