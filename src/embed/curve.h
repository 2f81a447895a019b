/* The curve that stands for closeness in the embedding, 1 / (1 + a d^(2b)), fitted to what min_dist and spread ask for. */
#ifndef EMBED_CURVE_H
#define EMBED_CURVE_H

#include "base/status.h"

/* Least squares against 1 up to min_dist and exp(-(d - min_dist) / spread) beyond, on 300 distances from 0 to 3 spread, as
 * umap-learn does. spread > 0, 0 <= min_dist <= 3 spread. */
cf_status curve_fit(double min_dist, double spread, double *a, double *b);

#endif
