/* Where arrays lie in memory that they share, by the steps at which they are in use. */
#pragma once

#include "base/status.h"

typedef struct Placed {
    size_t bytes;
    int first, last; /* the steps at which it is in use, both included */
    size_t offset;   /* found by placement_find */
} Placed;

/* Largest first, each at the lowest place where no placed one lies that is in use at the same time (greedy by size: Pisarchyk, Lee
 * 2020). *total: the bytes that all take. */
cf_status placement_find(Placed *items, size_t count, size_t *total);
