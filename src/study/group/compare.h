/* Whether two runs, or two groups of runs, differ by more than noise, and what differs in their configurations.
 *
 * Two runs: on the same test images, by those that only one of them gets right: McNemar's test in its exact form, and Tango's (1998)
 * score interval of the difference. It tells of these two networks; what other seeds would bring is not in it. Two groups: by the
 * accuracies of their runs. With the same seeds (or folds) in both the t test is paired, otherwise it is Welch's.
 */
#pragma once

#include "study/group/group.h"

typedef enum CompareTest { COMPARE_MCNEMAR, COMPARE_PAIRED_T, COMPARE_WELCH } CompareTest;

typedef struct RunComparison {
    CompareTest test;
    size_t images;           /* test images of a run */
    size_t only_a, only_b;   /* of two runs: images that only the one gets right */
    size_t a_count, b_count; /* of two groups: runs */
    double a, b;             /* accuracies on the test part, of groups their means */
    double difference;       /* b less a */
    double low, high;        /* its 95 % interval */
    double p;                /* two-sided */
    double t, degrees;       /* of two groups */
} RunComparison;

/* Two run folders that are done, or two groups with two runs done at least. Others, or such as were tested on other images than each
 * other: CF_BAD_USE. */
cf_status runs_compare(const char *a, const char *b, RunComparison *comparison);
/* Where the interval contains 0, or p is not below 5 %. */
bool run_comparison_is_noise(const RunComparison *comparison);
/* "McNemar's test, exact"; "Tango's score interval" */
const char *run_comparison_test(const RunComparison *comparison);
const char *run_comparison_interval(const RunComparison *comparison);

/* [{"key": "train.lr", "values": [of each folder]}] of the keys of config.json whose values are not all equal; null where a
 * configuration does not have the key. Seeds and folds within groups are left out. A new reference. */
cf_status runs_differences(const char *const *folders, size_t count, json_t **json);
