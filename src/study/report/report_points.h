/* A page of any matrix in the plane. */
#pragma once

#include "study/run/embedding.h"

/* FOLDER/embedding.html from FOLDER/embedding.csv: the rows of the file `features`, in which the row under the pointer is told, of CSV
 * with its fields. *path: a new string. */
cf_status report_points_write(const Embedding *embedding, const char *folder, const char *features, char **path);
