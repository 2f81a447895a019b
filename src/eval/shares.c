/* Shares of the classes: estimated without labels, and how far predictions have collapsed. */
#include "eval/shift.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* What the images' posteriors become with these shares, summed: one round. */
static void round_of(const Predictions *p, const double *source, const double *shares, double *sums) {
    for (int c = 0; c < p->classes; c++) sums[c] = 0;
    for (size_t i = 0; i < p->count; i++) {
        const float *row = p->probabilities + i * (size_t)p->classes;
        double all = 0;
        for (int c = 0; c < p->classes; c++)
            if (source[c] > 0) all += (double)row[c] * shares[c] / source[c];
        for (int c = 0; c < p->classes; c++)
            if (all > 0 && source[c] > 0) sums[c] += (double)row[c] * shares[c] / source[c] / all;
    }
}

cf_status shares_estimate(const Predictions *p, const double *source, int most, double *estimated, int *rounds) {
    AUTO_FREE double *sums = NULL;
    double change = 1;
    int round = 0;
    FORWARD(memory_new((size_t)p->classes, sizeof *sums, &sums));
    memcpy(estimated, source, (size_t)p->classes * sizeof *estimated);
    for (; round < most && change > 1e-9; round++) {
        double all = 0;
        round_of(p, source, estimated, sums);
        for (int c = 0; c < p->classes; c++) all += sums[c];
        if (!(all > 0)) break; /* no image has a class that the source has: nothing is learned */
        change = 0;
        for (int c = 0; c < p->classes; c++) {
            change = fmax(change, fabs(sums[c] / all - estimated[c]));
            estimated[c] = sums[c] / all;
        }
    }
    if (rounds) *rounds = round;
    return CF_OK;
}

int shares_corrected_class(const float *p, const double *source, const double *target, int classes) {
    double most = -1;
    int best = 0;
    for (int c = 0; c < classes; c++) {
        const double value = source[c] > 0 ? (double)p[c] * target[c] / source[c] : 0;
        if (value > most) most = value, best = c;
    }
    return best;
}

static double effective_number(const double *shares, int classes) {
    double entropy = 0;
    for (int c = 0; c < classes; c++)
        if (shares[c] > 0) entropy -= shares[c] * log(shares[c]);
    return exp(entropy);
}

Collapse collapse_of(const double *predicted, const double *labels, int classes) {
    Collapse collapse = {effective_number(predicted, classes), effective_number(labels, classes), 0, false};
    for (int c = 0; c < classes; c++) collapse.distance += 0.5 * fabs(predicted[c] - labels[c]);
    collapse.collapsed = collapse.predicted < 0.5 * collapse.labels;
    return collapse;
}
