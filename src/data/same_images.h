/* Images that occur in two places, by their pixels: of one set, or of two of the same shape. */
#pragma once

#include "data/image_set.h"

/* How many of `images` have the very pixels of an image in parts[p]: found[p], each counted for the first part that has it. All
 * parts are of one set, and sets have one shape. Takes time as the number of images does, and eight bytes for each. */
cf_status same_images_count(const cf_subset *images, const cf_subset *const *parts, int count, size_t *found);
