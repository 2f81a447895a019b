#include "nn/loss.h"

#include <math.h>

double softmax(const float *logits, int classes, float *p) {
    double largest = (double)logits[0], sum = 0;
    for (int k = 1; k < classes; k++)
        if ((double)logits[k] > largest) largest = (double)logits[k];
    for (int k = 0; k < classes; k++) {
        const double e = exp((double)logits[k] - largest);
        p[k] = (float)e;
        sum += e;
    }
    for (int k = 0; k < classes; k++) p[k] = (float)((double)p[k] / sum);
    return log(sum) + largest;
}

static double class_weight(const LossSettings *settings, int k) {
    return settings->class_weights ? (double)settings->class_weights[k] : 1;
}

/* The target's share of class k, without smoothing. */
static double target_share(const Target *target, int k) {
    if (target->soft) return (double)target->soft[k];
    return (k == target->label ? (double)target->share : 0) + (k == target->partner ? 1 - (double)target->share : 0);
}

static bool has_target(const Target *target) {
    return target->soft || target->label >= 0;
}

static double cross_entropy_weight(const LossSettings *settings, int classes, const Target *target) {
    double weight = 0;
    if (!has_target(target)) return 0;
    if (!settings->class_weights) return target->weight;
    if (target->soft)
        for (int k = 0; k < classes; k++) weight += target_share(target, k) * class_weight(settings, k);
    else
        weight = (double)target->share * class_weight(settings, target->label) +
                 (target->partner >= 0 ? (1 - (double)target->share) * class_weight(settings, target->partner) : 0);
    return weight * target->weight;
}

/* -sum over k of q_k log p_k, with q_k = w_k ((1 - s) t_k + s / classes), t the target, w the classes' weights, s the smoothing: as
 * PyTorch's cross_entropy. Its gradient by logit k is p_k sum(q) - q_k. */
static double cross_entropy_image(const LossSettings *settings, int classes, const float *logits, const float *p,
                                  double log_sum, const Target *target, double *d) {
    const double spread = settings->smoothing / classes, sharp = 1 - settings->smoothing;
    double loss = 0, sum = 0;
    if (!has_target(target)) {
        for (int k = 0; d && k < classes; k++) d[k] = 0;
        return 0;
    }
    for (int k = 0; k < classes; k++) {
        const double q =
            target->weight * class_weight(settings, k) * (sharp * target_share(target, k) + spread);
        if (q != 0) loss += q * (log_sum - (double)logits[k]);
        sum += q;
        if (d) d[k] = -q;
    }
    for (int k = 0; d && k < classes; k++) d[k] += sum * (double)p[k];
    return loss;
}

const Loss cross_entropy = {"ce", cross_entropy_weight, cross_entropy_image};
const Loss *const loss_table[] = {&cross_entropy, NULL};
const LossSettings plain_cross_entropy = {.loss = &cross_entropy, .scale = 1};
