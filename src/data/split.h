/* Parts of a set, beyond what cifra.h says of them. */
#pragma once

#include "data/image_set.h"

/* Images per label of the set, [classes of the set]. */
void subset_class_counts(const cf_subset *subset, size_t *counts);

/* Shares `total` out in proportion to counts, by largest remainder: each share is within 1 of exact, and none above its count
 * while `total` is not above their sum. */
cf_status split_share_out(const size_t *counts, int classes, size_t total, size_t *shares);

/* The set as its files have it, for looking at and for evaluating whole: CF_TRAIN is the official training
 * part uncut, CF_VALIDATION is empty, CF_TEST the official test part (empty if there is none). `classes` as
 * in cf_split_options. No part has to have images. */
cf_status split_uncut(const cf_set *set, const char *classes, cf_split **split);
/* The same cut in two: CF_TEST is what lies from image number `at` on, whatever official parts there are. */
cf_status split_uncut_at(const cf_set *set, size_t at, cf_split **split);
/* How a set is split where nobody says: as its files have it, or pooled where all of it would train. */
cf_split_mode split_usual_mode(const cf_set *set);
/* Refuses a validation share that was asked for where the set has validation images of its own, which this split takes. */
cf_status split_check_validation(const cf_set *set, const cf_split_options *options);

/* ---- split_text.c: the two texts of cf_split_options, "1,2" and "1:50,2:1000" ---- */

/* Class names, separated by commas; NULL or "": every class. Sets wanted[label], [classes]. */
cf_status split_parse_classes(const cf_set *set, const char *text, bool *wanted);

/* CLASS:COUNT, separated by commas; NULL or "": no limits. limits[label] is SIZE_MAX where there is none.
 * Only classes that are `wanted` may have one. */
cf_status split_parse_limits(const cf_set *set, const char *text, const bool *wanted, size_t *limits);
