/* Does a classifier know how sure it may be?
 *
 * Confidence is the largest probability. The examples are put into bins of equal width by confidence, and in each the mean
 * confidence is set against the share that is right (reliability diagram). The expected calibration error is the mean of
 * the distances, weighted by the examples in the bins (Naeini, Cooper, Hauskrecht 2015; Guo, Pleiss, Sun, Weinberger 2017).
 *
 * Temperature scaling (Guo et al.) divides the logits by one number T, which leaves every prediction as it is. T is fitted
 * on examples that are neither trained nor tested on.
 */
#pragma once

#include "eval/metrics.h"

enum { CALIBRATION_BINS = 15, CALIBRATION_BINS_MAX = 100 };

typedef struct ReliabilityBin { /* confidences in (b / bins, (b + 1) / bins]; the first holds 0 too */
    size_t count;
    double confidence, accuracy; /* means; 0 in an empty bin */
} ReliabilityBin;

typedef struct Calibration {
    double ece;   /* expected calibration error, 0 .. 1 */
    double brier; /* mean over the examples of sum over the classes of (p - truth)^2, 0 .. 2 (Brier 1950) */
    double loss;  /* mean of -log p(label); a probability that was rounded to 0 counts as FLT_MIN */
    int bins;
    ReliabilityBin bin[CALIBRATION_BINS_MAX];
} Calibration;

/* `temperature` 1 takes the probabilities as they are; another one scales them first. `bins` up to CALIBRATION_BINS_MAX. */
cf_status calibration_measure(const Predictions *predictions, double temperature, int bins, Calibration *calibration);

/* A fitted temperature, or why there is none. */
typedef struct Temperature {
    double value;        /* 0: none */
    const char *missing; /* why, in a few words, where value is 0; static */
} Temperature;

/* The temperature between 1/20 and 20 with the lowest mean loss. There is none where the loss has no minimum there: above
 * all where every example is right, since then the loss falls for ever as T goes to 0. Of examples with more than MOST_FITTED
 * probabilities, evenly spaced ones are taken. */
enum { MOST_FITTED = 1 << 24 };
cf_status temperature_fit(const Predictions *predictions, Temperature *temperature);
