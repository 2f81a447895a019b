/* Sums over ranks in the tree of all sums over a batch (docs/design.md).
 *
 * The batch is dealt out in units. Each rank's units are one whole subtree of the tree over all units (neighbours, then pairs of
 * pairs), so the sum of its own is a node of that tree, and what is left are the nodes above: the same additions as in one
 * process. Short vectors go from everyone to everyone, and each rank adds for itself. Long ones are cut into a piece per rank:
 * at each node of the tree one of its ranks adds a piece, and at the end each rank sends the sum of its own piece to all. Every
 * rank then has sent 2 (R - 1) / R times the vector: no tree of sums that all are to have can do with less.
 */
#pragma once

#include "base/memory.h"
#include "base/ranks.h"

typedef struct RankTree RankTree;
typedef struct RankJoin RankJoin;

/* The tree for `units` over so many ranks at most; with fewer units than ranks some have none, and take part in nothing. */
cf_status rank_tree_new(int64_t units, int ranks, RankTree **tree);
void rank_tree_free(RankTree *tree);
AUTO_HANDLE(RankTree, rank_tree_free)
/* How many ranks have units: the first ones. */
int rank_tree_ranks(const RankTree *tree);
void rank_tree_units(const RankTree *tree, int rank, int64_t *first, int64_t *count);

/* all[r] = rank r's `bytes` bytes, for every rank. */
cf_status rank_tree_gather(RankTree *tree, const void *own, size_t bytes, void *all);
/* Calls `join` for the inner nodes in the order of the tree's sums: `to` is the first rank of the left part and where the sum
 * stays, `from` that of the right one; `end` is behind its last rank. */
void rank_tree_fold(const RankTree *tree, void (*join)(void *context, int to, int from, int end), void *context);
/* values = the sum of all ranks' values; `all` has room for those of every rank. */
cf_status rank_tree_sum(RankTree *tree, double *values, size_t count, double *all);

/* A sum of `count` floats or doubles (element 4 or 8) that can go on while something else is computed. */
cf_status rank_join_new(RankTree *tree, size_t count, size_t element, RankJoin **join);
void rank_join_free(RankJoin *join);
AUTO_HANDLE(RankJoin, rank_join_free)
/* Sums `values` in place, begun in the same order on all ranks. */
cf_status rank_join_begin(RankJoin *join, void *values);
/* Does what can be done without waiting. */
cf_status rank_join_advance(RankJoin *join);
cf_status rank_join_finish(RankJoin *join);
