#include "eval/calibration.h"

#include "base/memory.h"
#include "base/numbers.h"

#include <float.h>
#include <math.h>

/* Logits up to a shift, which a softmax does not see: log-probabilities. A float softmax keeps small probabilities to
 * full relative precision down to FLT_MIN; what it rounded to 0 counts as FLT_MIN. The largest becomes 0. */
static void logits_of(const float *row, int classes, double *logits) {
    double largest = log(fmax((double)row[first_largest(row, classes)], (double)FLT_MIN));
    for (int c = 0; c < classes; c++) logits[c] = log(fmax((double)row[c], (double)FLT_MIN)) - largest;
}

/* Softmax of beta x logits, the largest of which is 0; returns the logarithm of the sum it divides by. */
static double softmax(const double *logits, int classes, double beta, double *q) {
    double sum = q[0] = exp(beta * logits[0]);
    for (int c = 1; c < classes; c++) sum += q[c] = exp(beta * logits[c]);
    for (int c = 0; c < classes; c++) q[c] /= sum;
    return log(sum);
}

/* ---- Measuring ---- */

/* The first bin whose upper edge the confidence does not pass. */
static int bin_of(double confidence, int bins) {
    int b = (int)(confidence * bins);
    if (b >= bins) return bins - 1; /* 1, and what rounding puts above it */
    return b > 0 && confidence <= (double)b / bins ? b - 1 : b;
}

/* From sums to means. */
static void means_of_sums(Calibration *sum, double count) {
    for (int b = 0; b < sum->bins; b++) {
        ReliabilityBin *bin = &sum->bin[b];
        if (!bin->count) continue;
        bin->confidence /= (double)bin->count;
        bin->accuracy /= (double)bin->count;
        sum->ece += (double)bin->count / count * fabs(bin->accuracy - bin->confidence);
    }
    sum->brier /= count;
    sum->loss /= count;
}

cf_status calibration_measure(const Predictions *p, double temperature, int bins, Calibration *calibration) {
    Calibration sum = {.bins = bins};
    AUTO_FREE double *logits = NULL;
    FAIL_IF(bins < 1 || bins > CALIBRATION_BINS_MAX, CF_INTERNAL, "%d bins: 1 to %d are possible", bins,
            CALIBRATION_BINS_MAX);
    FAIL_IF(!(temperature > 0 && temperature <= DBL_MAX), CF_INTERNAL, "temperature %g is not positive", temperature);
    FORWARD(predictions_check(p));
    FORWARD(memory_new(2 * (size_t)p->classes, sizeof *logits, &logits));
    double *const q = logits + p->classes;
    for (size_t i = 0; i < p->count; i++) {
        const float *row = predictions_row(p, i);
        int best = first_largest(row, p->classes), label = p->labels[i];
        if (temperature == 1) { /* the very probabilities, not what a second softmax makes of them */
            for (int c = 0; c < p->classes; c++) q[c] = (double)row[c];
            sum.loss -= log(fmax(q[label], (double)FLT_MIN));
        } else {
            logits_of(row, p->classes, logits);
            sum.loss += softmax(logits, p->classes, 1 / temperature, q) - logits[label] / temperature;
        }
        ReliabilityBin *bin = &sum.bin[bin_of(q[best], bins)];
        bin->count++;
        bin->confidence += q[best];
        bin->accuracy += best == label;
        for (int c = 0; c < p->classes; c++) {
            const double off = q[c] - (c == label);
            sum.brier += off * off;
        }
    }
    means_of_sums(&sum, (double)p->count);
    *calibration = sum;
    return CF_OK;
}

/* ---- Fitting ---- */

/* The slope of the loss, summed over the examples, in beta = 1 / T: the mean logit under the softmax less the label's. The
 * loss is convex in beta (a log-sum-exp less a linear term), so the slope never falls. */
static double slope(const Predictions *p, const double *logits, double beta, double *q) {
    double sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        const double *row = logits + i * (size_t)p->classes;
        double mean = 0;
        softmax(row, p->classes, beta, q);
        for (int c = 0; c < p->classes; c++) mean += q[c] * row[c];
        sum += mean - row[p->labels[i]];
    }
    return sum;
}

/* Halves the interval in log T until its ends are equal to ten digits; the slope's sign cannot mislead as comparing losses
 * can, which are flat around their minimum. */
static Temperature search(const Predictions *p, const double *logits, double *q) {
    const double widest = log(20), precision = 1e-10;
    double low = -widest, high = widest; /* of log T */
    if (slope(p, logits, exp(-low), q) <= 0)
        return (Temperature){
            0, "the loss on the validation part falls down to temperature 1/20, as it does where every image there is "
               "classified correctly"};
    if (slope(p, logits, exp(-high), q) >= 0)
        return (Temperature){0, "the loss on the validation part falls up to temperature 20: the probabilities tell "
                                "nothing about the classes there"};
    while (high - low > precision) {
        double middle = (low + high) / 2;
        if (slope(p, logits, exp(-middle), q) > 0)
            low = middle; /* beta is too large, T too small */
        else
            high = middle;
    }
    return (Temperature){exp((low + high) / 2), NULL};
}

cf_status temperature_fit(const Predictions *p, Temperature *temperature) {
    AUTO_FREE double *logits = NULL;
    AUTO_FREE uint16_t *labels = NULL;
    const size_t classes = (size_t)p->classes, step = (p->count * classes + MOST_FITTED - 1) / MOST_FITTED;
    FORWARD(predictions_check(p));
    Predictions fitted = {.count = (p->count + step - 1) / step, .classes = p->classes};
    FORWARD(memory_new(fitted.count, sizeof *labels, &labels));
    FORWARD(memory_new((fitted.count + 1) * classes, sizeof *logits, &logits));
    fitted.labels = labels;
    for (size_t i = 0; i < fitted.count; i++) {
        labels[i] = p->labels[i * step];
        logits_of(predictions_row(p, i * step), p->classes, logits + i * classes);
    }
    *temperature = search(&fitted, logits, logits + fitted.count * classes);
    return CF_OK;
}
