/* Nearest images of the same class, for SMOTE (Chawla, Bowyer, Hall, Kegelmeyer 2002).
 *
 * Distances are Euclidean, between images as the network gets them, in double, in a fixed order: the neighbours are exact, ties go
 * to the image that stands first, and no number of threads changes them. Images are prepared in blocks, so that a thread holds
 * some 4 MB of them, or two images where those are larger.
 */
#pragma once

#include "nn/feed.h"

enum { SMOTE_NEIGHBORS = 5 };

/* neighbors[query][k], each a place in `images` [count]: the k nearest to each of the first `queries` images, the nearest first,
 * itself left out. k < count, k <= SMOTE_NEIGHBORS. `feed` was made for `threads` or more. */
cf_status smote_neighbors(const Feed *feed, const uint32_t *images, size_t count, size_t queries, int k, int threads,
                          uint32_t *neighbors);
