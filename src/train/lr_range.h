/* The learning-rate range test (Smith 2017): a training whose rate grows geometrically from step to step; the loss over the rate tells
 * which rates learn and which diverge.
 *
 * The loss of step i is smoothed as fastai does: s = 0.98 s + 0.02 loss, shown as s / (1 - 0.98^i). The test ends where that is more
 * than 4 times the lowest so far, or a value is not finite any more. Two suggestions come of it (fastai's "steep" and "minimum"),
 * looked for without the first tenth of the steps and the last five: the rate of the steepest descent of the smoothed loss over the
 * rate's logarithm, and a tenth of the rate where it was lowest.
 */
#pragma once

#include "base/status.h"

typedef struct LrRangeOptions {
    double from, to; /* rates of the first and the last step; from < to */
    int steps;
    bool (*progress)(double share,
                     void *context); /* after each step; false stops the test (CF_INTERRUPTED). NULL: none */
    void *context;
} LrRangeOptions;

typedef struct LrRangePoint {
    double rate, loss, smoothed; /* loss: the mean of the step's batch, before its update */
} LrRangePoint;

typedef struct LrRange {
    LrRangePoint *points; /* [count] */
    int count;
    bool ended_early;  /* the loss grew too large, or was not finite: before `steps` */
    int first, last;   /* where suggestions are looked for: points first .. last - 1 */
    int steepest;      /* the point; -1: the loss falls nowhere there */
    int lowest;        /* the point of the lowest smoothed loss there */
    double suggestion; /* a tenth of its rate */
} LrRange;

/* Of `options` what a step follows: batch, optimizer and what belongs to it, augmentation, sampling, the loss, seed, threads, engine,
 * precision; not the rate, its schedule, averages, stopping, and epochs for reweight_from alone. The images are those of a training's
 * first epochs, in the same order. Leaves the model with weights that are of no use. The same bits at any number of threads. CF_BAD_USE
 * where the test ends before there is anything to see. */
cf_status lr_range_test(cf_model *model, const cf_split *split, const cf_train_options *options,
                        const LrRangeOptions *range, LrRange *result);
void lr_range_free(LrRange *range);
/* Rate number `step` of the test. */
double lr_range_rate(const LrRangeOptions *range, int step);
/* Smooths the losses of the points in order and sets all but `points`, `count` and `ended_early`; false: too few points. `steps`: of
 * the whole test. */
bool lr_range_judge(LrRange *range, int steps);
