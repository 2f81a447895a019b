/* How far a few numbers can be trusted: intervals of a proportion and of a mean; tests of paired yes-or-no results and of means, with
 * intervals of the differences. */
#pragma once

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

/* 95 % score interval (Tango 1998) of the difference of two proportions over the same `pairs`, of which so many speak for one side
 * alone and for the other alone: of (for_one - for_other) / pairs. It has a width where no pair speaks for either, too. */
void paired_difference_interval(size_t for_one, size_t for_other, size_t pairs, double *low, double *high);

/* P(|T| >= |t|) of a Student t variable; degrees > 0 need not be whole. */
double student_t_p(double degrees, double t);

typedef struct MeanDifference {
    double difference; /* of the means, a less b */
    double low, high;  /* its 95 % Student t interval */
    double t, degrees; /* t: infinite where nothing varies but the means differ, 0 where they do not */
    double p;          /* two-sided */
} MeanDifference;      /* all but the difference are NaN where there are too few values */

/* Of pairs a[i], b[i]: Student's t of their differences. Two pairs at least. */
MeanDifference paired_t_test(const double *a, const double *b, size_t count);
/* Of two groups whose variances may differ (Welch 1947). Two values at least in each. */
MeanDifference welch_t_test(const double *a, size_t a_count, const double *b, size_t b_count);
