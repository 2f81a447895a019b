#include "nn/loss.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* Class k in the target, smoothed, times the weights of class and image. */
static double weighted_share(const LossSettings *settings, int classes, const Target *target, int k) {
    const double spread = settings->smoothing / classes, sharp = 1 - settings->smoothing;
    return target->weight * class_weight(settings, k) * (sharp * target_share(target, k) + spread);
}

static double no_loss(int classes, double *d) {
    for (int k = 0; d && k < classes; k++) d[k] = 0;
    return 0;
}

/* ---- Logits with offsets ---- */

static double logit_of(const LossSettings *settings, const float *logits, int k) {
    return (double)logits[k] + (settings->offsets ? (double)settings->offsets[k] : 0);
}

/* `log_sum` is that of the logits as they are. */
static double offset_log_sum(const LossSettings *settings, int classes, const float *logits, double log_sum) {
    double largest = logit_of(settings, logits, 0), sum = 0;
    if (!settings->offsets) return log_sum;
    for (int k = 1; k < classes; k++) largest = fmax(largest, logit_of(settings, logits, k));
    for (int k = 0; k < classes; k++) sum += exp(logit_of(settings, logits, k) - largest);
    return log(sum) + largest;
}

static double probability_of(const LossSettings *settings, const float *logits, const float *p, double log_sum, int k) {
    return settings->offsets ? exp(logit_of(settings, logits, k) - log_sum) : (double)p[k];
}

/* ---- Cross-entropy ---- */

/* -sum over k of q_k log p_k, with q_k = w_k ((1 - s) t_k + s / classes), t the target, w the classes' weights, s the smoothing: as
 * PyTorch's cross_entropy. Its gradient by logit k is p_k sum(q) - q_k. */
static double cross_entropy_image(const LossSettings *settings, int classes, const float *logits, const float *p,
                                  double log_sum, const Target *target, double *d) {
    double loss = 0, sum = 0;
    if (!has_target(target)) return no_loss(classes, d);
    log_sum = offset_log_sum(settings, classes, logits, log_sum);
    for (int k = 0; k < classes; k++) {
        const double q = weighted_share(settings, classes, target, k);
        if (q != 0) loss += q * (log_sum - logit_of(settings, logits, k));
        sum += q;
        if (d) d[k] = -q;
    }
    for (int k = 0; d && k < classes; k++) d[k] += sum * probability_of(settings, logits, p, log_sum, k);
    return loss;
}

/* ---- Focal loss ---- */

/* With slope_k = p_k dloss/dp_k = q_k (gamma p_k (1 - p_k)^(gamma - 1) log p_k - (1 - p_k)^gamma), the gradient by logit k is
 * slope_k - p_k sum(slope). 1 - p_k is formed from log p_k: near 1 nothing would be left of a difference of floats. */
static double focal_image(const LossSettings *settings, int classes, const float *logits, const float *p,
                          double log_sum, const Target *target, double *d) {
    double loss = 0, sum = 0;
    (void)p;
    if (!has_target(target)) return no_loss(classes, d);
    log_sum = offset_log_sum(settings, classes, logits, log_sum);
    for (int k = 0; k < classes; k++) {
        const double q = weighted_share(settings, classes, target, k);
        const double log_p = logit_of(settings, logits, k) - log_sum, others = fmax(-expm1(log_p), 0);
        const double factor = pow(others, settings->gamma);
        /* Where nothing is left of 1 - p, gamma (1 - p)^(gamma - 1) log p has the limit 0. */
        const double bend = others > 0 ? settings->gamma * exp(log_p) * factor / others * log_p : 0;
        if (q != 0) loss -= q * factor * log_p;
        if (d) d[k] = q != 0 ? q * (bend - factor) : 0;
        sum += d ? d[k] : 0;
    }
    for (int k = 0; d && k < classes; k++) d[k] -= sum * exp(logit_of(settings, logits, k) - log_sum);
    return loss;
}

/* ---- Label-distribution-aware margins ---- */

static double margin_logit(const LossSettings *settings, const float *logits, int class, int k) {
    const double margin = k == class && settings->margins ? (double)settings->margins[k] : 0;
    return settings->logit_scale * ((double)logits[k] - margin);
}

/* The loss of one class of the target, of share q; its gradient is added to d. */
static double margin_loss(const LossSettings *settings, int classes, const float *logits, int class, double q,
                          double *d) {
    double largest = margin_logit(settings, logits, class, 0), sum = 0;
    for (int k = 1; k < classes; k++) largest = fmax(largest, margin_logit(settings, logits, class, k));
    for (int k = 0; k < classes; k++) sum += exp(margin_logit(settings, logits, class, k) - largest);
    const double log_sum = log(sum) + largest;
    for (int k = 0; d && k < classes; k++)
        d[k] += q * settings->logit_scale * (exp(margin_logit(settings, logits, class, k) - log_sum) - (k == class));
    return q * (log_sum - margin_logit(settings, logits, class, class));
}

static double ldam_image(const LossSettings *settings, int classes, const float *logits, const float *p, double log_sum,
                         const Target *target, double *d) {
    double loss = no_loss(classes, d);
    (void)p, (void)log_sum;
    if (!has_target(target)) return 0;
    for (int k = 0; k < classes; k++) {
        const double q = target->weight * class_weight(settings, k) * target_share(target, k);
        if (q != 0) loss += margin_loss(settings, classes, logits, k, q, d);
    }
    return loss;
}

/* ---- Distillation ---- */

/* The logarithm of the sum of the exponentials of logits / T. */
static double log_sum_at(const float *logits, int classes, double temperature) {
    double largest = (double)logits[0], sum = 0;
    for (int k = 1; k < classes; k++) largest = fmax(largest, (double)logits[k]);
    for (int k = 0; k < classes; k++) sum += exp(((double)logits[k] - largest) / temperature);
    return log(sum) + largest / temperature;
}

/* The divergence's gradient by logit k is (q_k - p_k) / T. */
double loss_distilled(const LossSettings *settings, int classes, const float *logits, const Target *target, double loss,
                      double *d) {
    const double T = settings->temperature, share = settings->teacher_share;
    const double weight = share * settings->loss->weight(settings, classes, target);
    const double log_sum = log_sum_at(logits, classes, T), teachers = log_sum_at(target->teacher, classes, T);
    double divergence = 0;
    for (int k = 0; k < classes; k++) {
        const double log_p = (double)target->teacher[k] / T - teachers, log_q = (double)logits[k] / T - log_sum;
        const double p = exp(log_p);
        divergence += p * (log_p - log_q);
        if (d) d[k] = (1 - share) * d[k] + weight * T * (exp(log_q) - p);
    }
    return (1 - share) * loss + weight * T * T * divergence;
}

/* ---- The table ---- */

#define NUMBER(field) #field, offsetof(LossSettings, field)

const Loss cross_entropy = {"ce", "ce", {{0}}, cross_entropy_weight, cross_entropy_image};
const Loss focal_loss = {"focal", "focal [GAMMA]", {{NUMBER(gamma), 2, 0, 100}}, cross_entropy_weight, focal_image};
const Loss ldam_loss = {"ldam",
                        "ldam [MARGIN] [SCALE]",
                        {{NUMBER(margin), 0.5, 0, 1000}, {NUMBER(logit_scale), 30, 1e-3, 1000}},
                        cross_entropy_weight,
                        ldam_image};
const Loss *const loss_table[] = {&cross_entropy, &focal_loss, &ldam_loss, NULL};
const LossSettings plain_cross_entropy = {.loss = &cross_entropy, .scale = 1};

enum { MOST_LOSSES = 16 };
_Static_assert(COUNT_OF(loss_table) <= MOST_LOSSES, "a list has room for all losses");

static cf_status fail_loss(const char *line, const char *word) {
    const char *words[MOST_LOSSES], *forms[MOST_LOSSES];
    char list[200];
    size_t count = 0;
    for (; loss_table[count]; count++) words[count] = loss_table[count]->word, forms[count] = loss_table[count]->form;
    words[count] = forms[count] = NULL;
    text_list(forms, list, sizeof list);
    return FAIL(CF_BAD_USE, "%s expected, found %.60s%s", list, line, text_hint(word, words));
}

/* The next word, between blanks; "" at the end. One that is too long is none of ours. */
static const char *next_word(const char *line, char word[32]) {
    line += strspn(line, " ");
    const size_t length = strcspn(line, " ");
    snprintf(word, 32, "%.*s", (int)(length < 32 ? length : 31), line);
    return line + length;
}

cf_status loss_read(const char *line, LossSettings *settings) {
    char word[32];
    const char *rest = next_word(line, word);
    const Loss *const *row = loss_table;
    while (*row && strcmp((*row)->word, word) != 0) row++;
    if (!*row) return fail_loss(line, word);
    settings->loss = *row;
    for (size_t i = 0; i < COUNT_OF((*row)->numbers) && (*row)->numbers[i].name; i++) {
        const LossNumber *number = &(*row)->numbers[i];
        double value = number->usual;
        rest = next_word(rest, word);
        FAIL_IF(*word && (!text_to_number(word, &value) || value < number->low || value > number->high), CF_BAD_USE,
                "%s, %s: a number from %g to %g expected, found %s", (*row)->form, number->name, number->low,
                number->high, word);
        *(double *)(void *)((char *)settings + number->offset) = value;
    }
    rest = next_word(rest, word);
    FAIL_IF(*word, CF_BAD_USE, "%s and nothing behind it expected, found %.60s", (*row)->form, line);
    return CF_OK;
}
