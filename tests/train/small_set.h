/* Small sets that a function paints, split and pooled, and networks for them: what the tests of training learn. */
#pragma once

#include "testing.h"

#include "data/split.h"
#include "nn/model.h"

/* Fills in an image, side x side x channels, and its class. */
typedef void (*PaintFn)(int image, unsigned char *pixels, uint16_t *label);

static inline cf_set *small_set(const char *name, int images, int channels, int side, int classes, PaintFn paint) {
    const int size = side * side * channels;
    cf_set *set;
    assert_ok(set_new(name, name, (size_t)images, channels, side, side, classes, &set));
    assert_ok(set_name_classes_by_number(set));
    for (int i = 0; i < images; i++) paint(i, set->pixels + i * size, &set->labels[i]);
    assert_ok(set_seal(set));
    return set;
}

static inline cf_split *pooled_split(const cf_set *set) {
    cf_split_options parts = cf_split_defaults();
    cf_split *split;
    parts.mode = CF_SPLIT_POOLED;
    assert_ok(cf_split_new(set, &parts, &split));
    return split;
}

static inline cf_model *small_model(const char *line, const cf_split *split, uint64_t seed) {
    cf_model *model;
    assert_ok(cf_model_new(line, split, seed, &model));
    return model;
}
