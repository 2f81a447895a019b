/* Points for the tests of this folder. */
#pragma once

#include "testing.h"

#include "base/memory.h"
#include "base/rng.h"
#include "embed/points.h"

#include <stdlib.h>

static const int embed_thread_counts[] = {1, 2, 3, 8};

static inline float *floats_new(size_t count) {
    float *values;
    assert_ok(memory_new(count, sizeof *values, &values));
    return values;
}

/* Normal values from a seed. */
static inline Points normal_points(size_t n, int dim, uint64_t seed) {
    RngStream stream = rng_stream(seed, RNG_NEIGHBORS, 77, 0);
    float *values = floats_new(n * (size_t)dim);
    for (size_t i = 0; i < n * (size_t)dim; i++) values[i] = (float)rng_normal(&stream, i);
    return (Points){values, n, dim};
}

/* Whole numbers 0 .. levels - 1: distances have no rounding, and many are equal. */
static inline Points whole_points(size_t n, int dim, int levels, uint64_t seed) {
    RngStream stream = rng_stream(seed, RNG_NEIGHBORS, 78, 0);
    float *values = floats_new(n * (size_t)dim);
    for (size_t i = 0; i < n * (size_t)dim; i++) values[i] = (float)(int)(rng_uniform(&stream, i) * (float)levels);
    return (Points){values, n, dim};
}

/* For tests that change what they made. */
static inline float *values_of(const Points *points) {
    return (float *)(uintptr_t)points->values;
}

static inline void points_release(Points *points) {
    free(values_of(points));
    *points = (Points){0};
}
