/* Rows that are equal to the bit.
 *
 * Thousands of equal rows (dead features, empty images) would make every one of them a tie of all others. They are
 * taken as one point with several members.
 */
#ifndef EMBED_DUPLICATES_H
#define EMBED_DUPLICATES_H

#include "embed/points.h"

typedef struct Duplicates {
    size_t groups;
    uint32_t *group;   /* [n] of a row; numbered by their first rows */
    uint32_t *members; /* [n] rows, group after group, ascending within */
    size_t *first;     /* [groups + 1] where a group's members begin */
} Duplicates;

/* `alone` [n], if not NULL: rows that form groups of their own. */
cf_status duplicates_find(const Points *points, const bool *alone, int threads, Duplicates *duplicates);
void duplicates_free(Duplicates *duplicates);

#endif
