#include "eval/metrics.h"

#include "base/json_text.h"
#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

cf_status predictions_check(const Predictions *p) {
    /* A float softmax over many classes may sum to a little more than 1; a hundred times that is a fault. */
    const float most = 1.0001f;
    FAIL_IF(p->count == 0, CF_BAD_USE, "there is no example to evaluate: the data set, or this part of it, is empty");
    FAIL_IF(p->classes < 1, CF_INTERNAL, "%d classes cannot be evaluated", p->classes);
    for (size_t i = 0; i < p->count; i++) {
        const float *row = predictions_row(p, i);
        FAIL_IF(p->labels[i] >= p->classes, CF_INTERNAL, "example %zu has label %d, and there are %d classes", i,
                p->labels[i], p->classes);
        for (int c = 0; c < p->classes; c++)
            FAIL_IF(
                !(row[c] >= 0 && row[c] <= most), CF_BAD_INPUT,
                "the probability of class number %d for example %zu is %g, not between 0 and 1: the model's weights are damaged "
                "or diverged",
                c, i, (double)row[c]);
    }
    return CF_OK;
}

/* `cells` has room for the cell of each example, as a number. */
static cf_status count_predictions(const float *probabilities, const uint16_t *labels, size_t count, Metrics *metrics,
                                   uint32_t *cells) {
    size_t classes = (size_t)metrics->classes;
    double loss = 0;
    for (size_t i = 0; i < count; i++) {
        const float *row = probabilities + i * classes;
        size_t best = 0;
        FAIL_IF(labels[i] >= classes, CF_INTERNAL, "example %zu has label %d, and there are %zu classes", i, labels[i],
                classes);
        for (size_t c = 0; c < classes; c++) {
            FAIL_IF(!(row[c] >= 0 && row[c] <= FLT_MAX), CF_BAD_INPUT,
                    "the probability of class %s for example %zu is %g: the model's weights are damaged or diverged",
                    metrics->class_names[c], i, (double)row[c]);
            if (row[c] > row[best]) best = c;
        }
        cells[i] = (uint32_t)(labels[i] * classes + best);
        metrics->per_class[labels[i]].support++;
        metrics->per_class[best].predicted++;
        metrics->per_class[best].hits += best == labels[i];
        /* A float softmax rounds the hopeless to 0, whose logarithm would make the mean infinite: at
         * most 87.3 each. */
        loss -= log(fmax((double)row[labels[i]], (double)FLT_MIN));
    }
    metrics->summary.loss = loss / (double)count;
    return CF_OK;
}

static int by_number(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Sorts the examples' cells and counts the equal ones. */
static cf_status count_cells(uint32_t *cells, size_t count, Metrics *metrics) {
    size_t different = 0;
    qsort(cells, count, sizeof *cells, by_number);
    for (size_t i = 0; i < count; i++) different += i == 0 || cells[i] != cells[i - 1];
    FORWARD(memory_new(different, sizeof *metrics->cells, &metrics->cells));
    for (size_t i = 0; i < count; i++) {
        const uint32_t classes = (uint32_t)metrics->classes;
        if (i == 0 || cells[i] != cells[i - 1])
            metrics->cells[metrics->cell_count++] =
                (ConfusionCell){(int)(cells[i] / classes), (int)(cells[i] % classes), 0};
        metrics->cells[metrics->cell_count - 1].count++;
    }
    return CF_OK;
}

static int by_place(const void *left, const void *right) {
    const ConfusionCell *a = left, *b = right;
    return a->truth != b->truth ? (a->truth > b->truth) - (a->truth < b->truth)
                                : (a->predicted > b->predicted) - (a->predicted < b->predicted);
}

size_t confusion_at(const ConfusionCell *cells, size_t cell_count, int truth, int predicted) {
    const ConfusionCell key = {truth, predicted, 0},
                        *cell = cell_count ? bsearch(&key, cells, cell_count, sizeof key, by_place) : NULL;
    return cell ? cell->count : 0;
}

int metrics_worst(const Metrics *metrics, int most, int *classes) {
    int count = 0;
    for (int c = 0; c < metrics->classes; c++) {
        const ClassScore *own = &metrics->per_class[c], *other;
        int at = count;
        for (; at > 0; at--) {
            other = &metrics->per_class[classes[at - 1]];
            if (other->f1 < own->f1 || (other->f1 == own->f1 && other->support >= own->support)) break;
        }
        if (at == most) continue;
        if (count < most) count++;
        for (int i = count - 1; i > at; i--) classes[i] = classes[i - 1];
        classes[at] = c;
    }
    return count;
}

/* part / whole; 0/0 is 0 and counted. */
static double share(size_t part, size_t whole, size_t *undefined) {
    if (whole) return (double)part / (double)whole;
    ++*undefined;
    return 0;
}

void metrics_score(Metrics *metrics) {
    cf_metrics *sum = &metrics->summary;
    const double equal = 1.0 / (double)metrics->classes;
    size_t hits = 0, harmless = 0;
    for (int c = 0; c < metrics->classes; c++) {
        ClassScore *score = &metrics->per_class[c];
        const double weight = (double)score->support / (double)sum->count;
        score->precision = share(score->hits, score->predicted, &metrics->undefined);
        score->recall = share(score->hits, score->support, &metrics->undefined);
        /* The harmonic mean, written so that it is 0/0 only for a class neither predicted nor there. */
        score->f1 = share(2 * score->hits, score->predicted + score->support, &harmless);
        hits += score->hits;
        sum->macro_precision += equal * score->precision;
        sum->macro_recall += equal * score->recall;
        sum->macro_f1 += equal * score->f1;
        sum->weighted_precision += weight * score->precision;
        sum->weighted_recall += weight * score->recall;
        sum->weighted_f1 += weight * score->f1;
    }
    sum->accuracy = (double)hits / (double)sum->count;
    wilson_interval(hits, sum->count, &sum->accuracy_low, &sum->accuracy_high);
}

cf_status metrics_new(const float *probabilities, const uint16_t *labels, size_t count, int classes,
                      const char *const *class_names, Metrics *metrics) {
    AUTO(metrics_free) Metrics made = {.summary = {.count = count}, .classes = classes, .class_names = class_names};
    AUTO_FREE uint32_t *cells = NULL;
    FAIL_IF(count == 0, CF_BAD_USE, "there is no example to evaluate: the data set, or this part of it, is empty");
    FAIL_IF(classes < 1, CF_INTERNAL, "%d classes cannot be evaluated", classes);
    FORWARD(memory_new((size_t)classes, sizeof *made.per_class, &made.per_class));
    FORWARD(memory_new(count, sizeof *cells, &cells));
    FORWARD(count_predictions(probabilities, labels, count, &made, cells));
    FORWARD(count_cells(cells, count, &made));
    metrics_score(&made);
    *metrics = made;
    made = (Metrics){0};
    return CF_OK;
}

void metrics_free(Metrics *metrics) {
    free(metrics->per_class);
    free(metrics->cells);
    *metrics = (Metrics){0};
}

static json_t *averages(double precision, double recall, double f1) {
    return json_pack("{s:f, s:f, s:f}", "precision", precision, "recall", recall, "f1", f1);
}

static json_t *class_list(const Metrics *metrics) {
    json_t *list = json_array();
    for (int c = 0; c < metrics->classes; c++) {
        const ClassScore *score = &metrics->per_class[c];
        json_array_append_new(list, json_pack("{s:o, s:f, s:f, s:f, s:I}", "class", json_text(metrics->class_names[c]),
                                              "precision", score->precision, "recall", score->recall, "f1", score->f1,
                                              "support", (json_int_t)score->support));
    }
    return list;
}

static json_t *confusion_rows(const Metrics *metrics) {
    if (metrics->classes > WIDE_CLASSES) return json_null();
    json_t *rows = json_array();
    for (int truth = 0; truth < metrics->classes; truth++) {
        json_t *row = json_array();
        for (int c = 0; c < metrics->classes; c++)
            json_array_append_new(
                row, json_integer((json_int_t)confusion_at(metrics->cells, metrics->cell_count, truth, c)));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *cell_list(const Metrics *metrics) {
    if (metrics->cell_count > MOST_JSON_CELLS) return json_null();
    json_t *list = json_array();
    for (size_t i = 0; i < metrics->cell_count; i++) {
        const ConfusionCell *cell = &metrics->cells[i];
        json_array_append_new(list, json_pack("[i, i, I]", cell->truth, cell->predicted, (json_int_t)cell->count));
    }
    return list;
}

cf_status metrics_json(const Metrics *metrics, json_t **json) {
    const cf_metrics *sum = &metrics->summary;
    json_t *classes = class_list(metrics);
    json_auto_t *made =
        json_pack("{s:I, s:f, s:f, s:[f, f], s:o, s:o, s:o, s:o}", "n", (json_int_t)sum->count, "loss", sum->loss,
                  "accuracy", sum->accuracy, "accuracy_interval", sum->accuracy_low, sum->accuracy_high, "macro",
                  averages(sum->macro_precision, sum->macro_recall, sum->macro_f1), "weighted",
                  averages(sum->weighted_precision, sum->weighted_recall, sum->weighted_f1), "per_class", classes,
                  "confusion", confusion_rows(metrics));
    /* An append that failed leaves the list short. */
    FAIL_IF(
        !made || json_array_size(classes) != (size_t)metrics->classes ||
            (metrics->classes > WIDE_CLASSES && json_object_set_new(made, "confusion_cells", cell_list(metrics)) != 0),
        CF_NO_MEMORY, "out of memory while making JSON of the metrics");
    *json = memory_take(&made);
    return CF_OK;
}
