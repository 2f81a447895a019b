#include "train/adaptation/adaptation_losses.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"

#include <stdlib.h>
#include <string.h>

/* ---- Self-ensembling ---- */

static bool is_sure(const float *q, int classes, double threshold) {
    return (double)q[first_largest(q, classes)] > threshold;
}

static double mean_of_class(const float *p, int n, int classes, int k) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)p[(size_t)i * (size_t)classes + (size_t)k];
    return sum / n;
}

/* A probability whose logarithm is wanted. */
static double inside(double p) {
    return fmin(fmax(p, 1e-6), 1 - 1e-6);
}

/* From the gradient by probabilities to that by logits: d_k = p_k (g_k - sum_j g_j p_j). `g` is in `d`. */
static void behind_softmax(const float *p, int classes, float *d) {
    double sum = 0;
    for (int k = 0; k < classes; k++) sum += (double)d[k] * (double)p[k];
    for (int k = 0; k < classes; k++) d[k] = (float)((double)p[k] * ((double)d[k] - sum));
}

/* The class k's part of the gradient by a probability, the same for all images. */
static double balance_slope(double mean, double uniform) {
    const double a = inside(mean);
    return mean == a ? (1 - uniform) / (1 - a) - uniform / a : 0; /* cut off: a constant */
}

double consistency_loss(const Consistency *s, const float *p, const float *q, int n, int classes, float *d_logits) {
    const double uniform = 1.0 / classes;
    double squares = 0, sure = 0, balance = 0;
    for (int i = 0; i < n; i++) sure += is_sure(q + (size_t)i * (size_t)classes, classes, s->threshold);
    sure /= n;
    for (int k = 0; k < classes; k++) {
        const double mean = mean_of_class(p, n, classes, k), a = inside(mean);
        const double slope = s->weight * s->balance * sure * balance_slope(mean, uniform) / n;
        balance -= uniform * log(a) + (1 - uniform) * log(1 - a);
        for (int i = 0; i < n; i++) d_logits[(size_t)i * (size_t)classes + (size_t)k] = (float)slope;
    }
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * (size_t)classes;
        const bool counts = is_sure(q + at, classes, s->threshold);
        for (size_t k = at; counts && k < at + (size_t)classes; k++) {
            const double difference = (double)p[k] - (double)q[k];
            squares += difference * difference;
            d_logits[k] = (float)((double)d_logits[k] + s->weight * 2 * difference / ((double)n * classes));
        }
        behind_softmax(p + at, classes, d_logits + at);
    }
    return s->weight * (squares / ((double)n * classes) + s->balance * sure * balance);
}

/* ---- CORAL ---- */

typedef struct Product {
    const float *x;
    int n, size;
    const double *mean, *c, *other;
    double weight;
    double *to; /* covariance */
    float *d;   /* gradient */
} Product;

/* A row of the covariance. */
static cf_status covariance_row(void *context, int64_t row, int thread) {
    const Product *p = context;
    double *to = p->to + (size_t)row * (size_t)p->size;
    (void)thread;
    for (int j = 0; j < p->size; j++) to[j] = 0;
    for (int i = 0; i < p->n; i++) {
        const float *x = p->x + (size_t)i * (size_t)p->size;
        const double left = (double)x[row] - p->mean[row];
        for (int j = 0; j < p->size; j++) to[j] += left * ((double)x[j] - p->mean[j]);
    }
    for (int j = 0; j < p->size; j++) to[j] /= p->n - 1;
    return CF_OK;
}

cf_status covariance_of(const float *x, int n, int size, int threads, double *mean, double *c) {
    Product product = {.x = x, .n = n, .size = size, .mean = mean, .to = c};
    if (n < 2) {
        memset(c, 0, (size_t)size * (size_t)size * sizeof *c);
        return CF_OK;
    }
    for (int j = 0; j < size; j++) mean[j] = mean_of_class(x, n, size, j);
    return slices_run(threads, size, covariance_row, &product);
}

double coral_loss(const double *c, const double *other, int size) {
    double sum = 0;
    for (size_t i = 0; i < (size_t)size * (size_t)size; i++) sum += (c[i] - other[i]) * (c[i] - other[i]);
    return sum / (4.0 * size * size);
}

/* An image: (C - C') (x - mean) / (size^2 (n - 1)), C being symmetric. */
static cf_status coral_image(void *context, int64_t image, int thread) {
    const Product *p = context;
    const float *x = p->x + (size_t)image * (size_t)p->size;
    float *d = p->d + (size_t)image * (size_t)p->size;
    const double scale = p->weight / ((double)p->size * p->size * (p->n - 1));
    (void)thread;
    for (int i = 0; i < p->size; i++) {
        const double *c = p->c + (size_t)i * (size_t)p->size, *other = p->other + (size_t)i * (size_t)p->size;
        double sum = 0;
        for (int j = 0; j < p->size; j++) sum += (c[j] - other[j]) * ((double)x[j] - p->mean[j]);
        d[i] = (float)(scale * sum);
    }
    return CF_OK;
}

cf_status coral_gradient(const float *x, int n, int size, int threads, const double *mean, const double *c,
                         const double *other, double weight, float *d) {
    Product product = {.x = x, .n = n, .size = size, .mean = mean, .c = c, .other = other, .weight = weight, .d = d};
    return n < 2 ? CF_OK : slices_run(threads, n, coral_image, &product);
}

/* ---- Pseudo-labels ---- */

static int larger_first(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The least confidence of class k that is enough. `room` has n floats. */
static float threshold_of(const float *p, size_t n, int classes, int k, double share, float *room) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++, p += classes)
        if (first_largest(p, classes) == k) room[count++] = p[k];
    if (!count) return 0;
    qsort(room, count, sizeof *room, larger_first);
    const double wanted = ceil(share * (double)count - 1e-9);
    return room[wanted < 1 ? 0 : (size_t)wanted > count ? count - 1 : (size_t)wanted - 1];
}

cf_status pseudo_labels(const float *p, size_t n, int classes, double share, float *labels, size_t *count) {
    AUTO_FREE float *room = NULL;
    FORWARD(memory_new(n, sizeof *room, &room));
    *count = 0;
    for (size_t i = 0; i < n; i++) labels[i] = -1;
    for (int k = 0; k < classes; k++) {
        const float threshold = threshold_of(p, n, classes, k, share, room);
        const float *q = p;
        for (size_t i = 0; i < n; i++, q += classes)
            if (first_largest(q, classes) == k && q[k] >= threshold) {
                labels[i] = (float)k;
                ++*count;
            }
    }
    return CF_OK;
}

/* ---- Judging ---- */

static double entropy_part(double p) {
    return p > 0 ? -p * log(p) : 0;
}

double unlabelled_score(const float *p, size_t n, int classes, double *confidence) {
    double own = 0, shared = 0, largest = 0;
    for (int k = 0; k < classes; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            const double value = (double)p[i * (size_t)classes + (size_t)k];
            own += entropy_part(value);
            sum += value;
        }
        shared += entropy_part(sum / (double)n);
    }
    for (size_t i = 0; i < n; i++) {
        const float *row = p + i * (size_t)classes;
        largest += (double)row[first_largest(row, classes)];
    }
    *confidence = largest / (double)n;
    return fmax(log(classes) - shared + own / (double)n, 0);
}
