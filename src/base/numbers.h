/* Two things that every floor needs of numbers. */
#ifndef BASE_NUMBERS_H
#define BASE_NUMBERS_H

#include <time.h>

/* Seconds since some point in the past; goes forward whatever is done to the date. */
static inline double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The index of the largest value, the first of equals: the class that probabilities or logits predict. count >= 1. */
static inline int first_largest(const float *values, int count) {
    int best = 0;
    for (int k = 1; k < count; k++)
        if (values[k] > values[best]) best = k;
    return best;
}

#endif
