/* The two texts of cf_split_options: "1,2" and "1:50,2:1000". */
#ifndef DATA_SPLIT_TEXT_H
#define DATA_SPLIT_TEXT_H

#include "data/image_set.h"

/* Class names, separated by commas; NULL or "": every class. Sets wanted[label], [classes]. */
cf_status split_parse_classes(const cf_set *set, const char *text, bool *wanted);

/* CLASS:COUNT, separated by commas; NULL or "": no limits. limits[label] is SIZE_MAX where there is none.
 * Only classes that are `wanted` may have one. */
cf_status split_parse_limits(const cf_set *set, const char *text, const bool *wanted, size_t *limits);

#endif
