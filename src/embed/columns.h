/* Means of columns. */
#ifndef EMBED_COLUMNS_H
#define EMBED_COLUMNS_H

#include "embed/points.h"

/* means[dim] of the points, summed in double in fixed pieces;
 * *largest, if not NULL, is the largest absolute value. */
cf_status column_means(const Points *points, int threads, double *means, double *largest);

#endif
