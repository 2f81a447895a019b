/* Random projection trees: points that are near each other mostly end in one leaf. */
#ifndef EMBED_NEIGHBORS_TREE_H
#define EMBED_NEIGHBORS_TREE_H

#include "embed/product_rows.h"

enum { LEAF = 48 }; /* points at most */

/* One tree over all rows, from (seed, number): `order` [n] has the rows leaf after leaf, and first[leaf] .. first[leaf
 * + 1] is where one lies; first[leaves] = n. Splits are at the median along the line through two random rows, so
 * leaves are of nearly equal size whatever the rows are. */
typedef struct Forest {
    int trees;
    size_t n, leaves;
    uint32_t *order; /* [trees][n] */
    size_t *first;   /* [leaves + 1], the same for all trees */
} Forest;

cf_status forest_new(const ProductRows *rows, int trees, uint64_t seed, int threads, Forest *forest);
void forest_free(Forest *forest);

#endif
