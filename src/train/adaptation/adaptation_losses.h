/* What images without labels add to a training: losses of whole batches with their gradients, pseudo-labels, and how good
 * predictions look without a label. Pure functions of arrays; probabilities are [n][classes]; sums are formed in double, in order.
 */
#pragma once

#include "base/status.h"

#include <stdint.h>

/* Self-ensembling (French, Mackiewicz, Fisher 2018). With student p, teacher q, mask_i = max_k q_ik > threshold, K classes and u = 1/K:
 *     weight x (mean_i mask_i mean_k (p_ik - q_ik)^2
 *               + balance x mean_i mask_i x sum_k -(u log a_k + (1 - u) log(1 - a_k))),   a = mean_i p_i
 * and its gradient by the student's logits. The teacher's probabilities and the mask are constants. */
typedef struct Consistency {
    double weight, threshold, balance;
} Consistency;
double consistency_loss(const Consistency *settings, const float *p, const float *q, int n, int classes,
                        float *d_logits);

/* c [size][size] = sum_i (x_i - mean)(x_i - mean)^T / (n - 1), x [n][size], 0 of a single image; mean [size]. The same bits at any number
 * of threads. */
cf_status covariance_of(const float *x, int n, int size, int threads, double *mean, double *c);
/* Deep CORAL (Sun, Saenko 2016): |c - other|^2 / (4 size^2), Frobenius. */
double coral_loss(const double *c, const double *other, int size);
/* d [n][size] = weight x its gradient by x, of which c is the covariance; of a single image d stays. */
cf_status coral_gradient(const float *x, int n, int size, int threads, const double *mean, const double *c,
                         const double *other, double weight, float *d);

/* Pseudo-labels with a threshold per class, as class-balanced self-training has them (Zou et al. 2018): of the images whose largest
 * probability is that of class k the surest `share` get the label k, one at least, and those that are as sure as the last of them; all
 * others -1. Returns how many have one. CF_NO_MEMORY. */
cf_status pseudo_labels(const float *p, size_t n, int classes, double share, float *labels, size_t *count);

/* Judging without labels: log K - I, where I = H(mean_i p_i) - mean_i H(p_i) is the mutual information of image and predicted class
 * (Krause, Perona, Gomes 2010). 0: every prediction is certain and all classes are equally frequent; log K: all images look alike, be it
 * that each is uncertain or that all are of one class. *confidence: the mean largest probability. */
double unlabelled_score(const float *p, size_t n, int classes, double *confidence);
