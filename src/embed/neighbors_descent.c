#include "embed/neighbors_inside.h"

cf_status nearest_descent(const Side *a, const NeighborOptions *options, int k, Nearest *nearest) {
    return nearest_exact(a, a, options, k, nearest);
}
