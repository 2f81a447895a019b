/* What every floor needs of numbers. */
#pragma once

#include <math.h>
#include <stddef.h>
#include <time.h>

/* Seconds since some point in the past; goes forward whatever is done to the date. */
static inline double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline int smaller_int(int a, int b) {
    return a < b ? a : b;
}

static inline int larger_int(int a, int b) {
    return a > b ? a : b;
}

static inline size_t smaller_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Rounded up: groups of b that a things make. */
static inline size_t quotient_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}

/* The index of the largest value, the first of equals: the class that probabilities or logits predict. count >= 1. */
static inline int first_largest(const float *values, int count) {
    int best = 0;
    for (int k = 1; k < count; k++)
        if (values[k] > values[best]) best = k;
    return best;
}

/* For qsort, the smallest first. */
static inline int compare_floats(const void *left, const void *right) {
    const float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}
static inline int compare_doubles(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The largest |value|, 0 of none; NaN is passed over. All in float: gcc 12 for ARM breaks off at fmax over floats turned into
 * doubles. */
static inline double largest_magnitude(const float *values, size_t count) {
    float largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(values[i]));
    return (double)largest;
}
