/* How far a few numbers can be trusted: intervals of a proportion and of a mean, and a test of paired yes-or-no results. */
#ifndef BASE_STATISTICS_H
#define BASE_STATISTICS_H

#include <stddef.h>

/* 95 % score interval of a proportion (Wilson 1927), z = 1.959964. */
void wilson_interval(size_t successes, size_t trials, double *low, double *high);

/* The t for which a Student t variable (Student 1908) of `degrees` degrees of freedom lies within -t .. t with probability
 * `confidence`: t_interval's multiple of the standard error. degrees >= 1, 0 < confidence < 1. */
double student_t_multiple(int degrees, double confidence);

typedef struct MeanInterval {
    size_t count;
    double mean;      /* NaN without a value */
    double deviation; /* sample standard deviation, n - 1; NaN below two values */
    double low, high; /* 95 % Student t interval of the mean; NaN below two values */
} MeanInterval;

/* Of values taken for independent draws of one normal distribution. */
MeanInterval mean_interval(const double *values, size_t count);

/* Two-sided p of the exact sign test: so many pairs speak for one side and so many for the other, where each would fall to
 * either side with probability 1/2 if there were no difference. With the images that only one of two classifiers gets right
 * it is McNemar's test (1947) in its exact form; exact also for many, so that no approximation is to be chosen. 1 without a
 * pair. */
double sign_test_p(size_t for_one, size_t for_other);

#endif
