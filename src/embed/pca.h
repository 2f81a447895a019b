/* Principal components: the directions along which points spread most. */
#pragma once

#include "embed/points.h"

/* The coordinates of the points along their first components, column means subtracted: `scores` [n][components], and
 * `explained` [components], each component's share of the whole variance (0 where there is none); NULL: not wanted.
 * The sign of a component is the one in which its largest loading is positive, the first of equals. Components beyond
 * min(n - 1, dim), and those without variance, are 0. components >= 1; threads 0: all processors, changes no numbers. */
cf_status pca_fit(const Points *points, int components, int threads, float *scores, double *explained);
