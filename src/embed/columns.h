/* Means of columns. */
#ifndef EMBED_COLUMNS_H
#define EMBED_COLUMNS_H

#include "embed/points.h"

/* means[dim] of the rows `rows` [n] of the points (NULL: all of them, n their number), summed in double in fixed pieces;
 * *largest, if not NULL, is the largest absolute value. */
cf_status column_means(const Points *points, const uint32_t *rows, size_t n, int threads, double *means,
                       double *largest);

#endif
