/* classes.txt, beside files whose labels are numbers: what the classes are called. One class a line, either
 *
 *   NAME                 of the label that is the line's number, from 0 on
 *   LABEL <tab> NAME     of this label
 *
 * Empty lines at the end are fine; a name as text_is_name wants it. The set's classes are those of the list, in its order.
 */
#pragma once

#include "data/image_set.h"

#define CLASS_LIST_NAME "classes.txt"

/* Gives the set, whose labels are those in its files, the classes of a list. A label that the list lacks is an error. */
cf_status class_list_apply(const char *path, cf_set *set);

/* The number that stands in a file for each class, [classes]: a class called 3 is 3, where all are called by a digit; else they are counted
 * from 0. Returns whether a reader of such files needs a list to know the classes again. */
bool class_list_values(const cf_set *set, uint16_t *values);
cf_status class_list_write(const char *path, const cf_set *set, const uint16_t *values);
