/* report.html: a run in one file that needs no network and nothing beside it. */
#pragma once

#include "data/image_set.h"

/* Larger pages are slow to open; what does not fit (images first) is left out, and the page says so. */
enum { REPORT_LARGEST = 10000000 };

/* Writes RUN/report.html from what the folder holds: config.json must be there, a section whose file is missing says
 * so, and a damaged file is an error. `set` is the run's data, when they are at hand; NULL: they are loaded, and a page
 * without images is made where that fails. `data_dir` as in cf_set_load; NULL: the run's own. */
cf_status report_write(const char *folder, const cf_set *set, const char *data_dir);
/* Whether the folder is one that report_write takes: before figures are drawn for it. */
cf_status report_check(const char *folder);
