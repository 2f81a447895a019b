/* A set of noisy images, a part of which is bright by their class, and its split: what the tests of training learn. */
#pragma once

#include "testing.h"

#include "data/split.h"

#include <unistd.h>

/* Whether a pixel is bright in images of a class. */
typedef bool (*BrightFn)(int row, int column, int label);

/* `images` of side x side in grey, class by class in turn, pooled; with the scratch folder as the working one. */
static inline void bright_set_new(int images, int side, int classes, int light, BrightFn bright, cf_set **set,
                                  cf_split **split) {
    cf_split_options parts = cf_split_defaults();
    assert_int_equal(chdir(scratch_folder()), 0);
    assert_ok(set_new("bright", "bright", (size_t)images, 1, side, side, classes, set));
    assert_ok(set_name_classes_by_number(*set));
    for (int i = 0; i < images; i++) {
        (*set)->labels[i] = (unsigned char)(i % classes);
        for (int p = 0; p < side * side; p++)
            (*set)->pixels[i * side * side + p] =
                (unsigned char)((i * 37 + p * 11) % 97 + (bright(p / side, p % side, i % classes) ? light : 0));
    }
    assert_ok(set_seal(*set));
    parts.mode = CF_SPLIT_POOLED;
    assert_ok(cf_split_new(*set, &parts, split));
}
