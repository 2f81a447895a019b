/* The pages that programs write: report.html of a run, in one file that needs no network and nothing beside it, and smaller ones. That of a
 * group is in study/group/group.h. */
#pragma once

#include "data/folder/folder.h"
#include "study/run/embedding.h"

/* Larger pages are slow to open; what does not fit (images first) is left out, and the page says so. */
enum { REPORT_LARGEST = 10000000 };

/* Writes RUN/report.html from what the folder holds: config.json must be there, a section whose file is missing says
 * so, and a damaged file is an error. `set` is the run's data, when they are at hand; NULL: they are loaded, and a page
 * without images is made where that fails. `data_dir` as in cf_set_load; NULL: the run's own. */
cf_status report_write(const char *folder, const cf_set *set, const char *data_dir);
/* Whether the folder is one that report_write takes: before figures are drawn for it. */
cf_status report_check(const char *folder);

/* A page of what was done with each file of a set of pictures. */
cf_status report_files_write(const char *path, const FolderListing *listing);
/* FOLDER/embedding.html from FOLDER/embedding.csv: the rows of the file `features`, in which the row under the pointer is told, of CSV
 * with its fields. *path: a new string. */
cf_status report_points_write(const Embedding *embedding, const char *folder, const char *features, char **path);

/* Writes FOLDER/report.html from a tune's tune.db and figures/tune-*.svg; a figure that is missing is left out. Also of a tune that is
 * not finished. */
cf_status report_tune_write(const char *folder);
