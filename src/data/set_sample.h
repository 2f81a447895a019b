/* A part of a set that stands for all of it, by its name: "mnist:n=5000" has 5000 of the training images, and test images in
 * proportion; "mnist:n=5000,test=100" and "mnist:test=100" say how many. (Generated sets know these items themselves.)
 *
 * Of each official part the classes keep their shares, and the images are the same ones each time.
 */
#ifndef DATA_SET_SAMPLE_H
#define DATA_SET_SAMPLE_H

#include "data/image_set.h"
#include "data/set_text.h"

/* Leaves the sample's images in the set, which must be sealed (again) after it; all of them where none is asked for. The
 * validation part follows the training part. */
cf_status set_take_sample(cf_set *set, const SetSample *sample);

#endif
