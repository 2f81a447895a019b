#include "eval/bootstrap.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/slices.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* What is drawn: each example's class, prediction and loss. A draw's results are a row of numbers: loss, six
 * averages, then F1 of each class. */
enum { AVERAGES = 6, LOSS = 0, MACRO, F1 = MACRO + AVERAGES };

typedef struct Draws {
    size_t count;
    int classes;
    uint16_t *labels, *predicted;
    double *losses;
    double *results; /* [F1 + classes][BOOTSTRAP_DRAWS] */
} Draws;

static void draws_free(Draws *d) {
    free(d->labels);
    free(d->predicted);
    free(d->losses);
    free(d->results);
}

static cf_status draw_resample(void *context, int64_t index, int thread) {
    const Draws *d = context;
    const RngStream stream = rng_stream(0, RNG_BOOTSTRAP, (uint64_t)index, 0);
    AUTO(metrics_free) Metrics metrics = {.summary = {.count = d->count}, .classes = d->classes};
    const size_t classes = (size_t)d->classes;
    double loss = 0;
    (void)thread;
    FORWARD(memory_new(classes, sizeof *metrics.per_class, &metrics.per_class));
    for (size_t i = 0; i < d->count; i += 4) {
        uint32_t words[4];
        rng_block(&stream, i / 4, words);
        for (size_t k = 0; k < 4 && i + k < d->count; k++) {
            const size_t example = (size_t)(((uint64_t)words[k] * d->count) >> 32);
            const int label = d->labels[example], predicted = d->predicted[example];
            metrics.per_class[label].support++;
            metrics.per_class[predicted].predicted++;
            metrics.per_class[predicted].hits += label == predicted;
            loss += d->losses[example];
        }
    }
    metrics_score(&metrics);
    const cf_metrics *sum = &metrics.summary;
    const double averages[AVERAGES] = {sum->macro_precision,    sum->macro_recall,    sum->macro_f1,
                                       sum->weighted_precision, sum->weighted_recall, sum->weighted_f1};
    d->results[LOSS * BOOTSTRAP_DRAWS + index] = loss / (double)d->count;
    for (int i = 0; i < AVERAGES; i++) d->results[(MACRO + i) * BOOTSTRAP_DRAWS + index] = averages[i];
    for (size_t c = 0; c < classes; c++)
        d->results[(F1 + c) * BOOTSTRAP_DRAWS + (size_t)index] = metrics.per_class[c].f1;
    return CF_OK;
}

static void note_outcomes(const Evaluation *evaluation, Draws *d) {
    const Predictions predictions = evaluation_predictions(evaluation);
    for (size_t i = 0; i < d->count; i++) {
        const float *row = predictions_row(&predictions, i);
        const int label = predictions.labels[i];
        d->labels[i] = (uint16_t)label;
        d->predicted[i] = (uint16_t)first_largest(row, d->classes);
        d->losses[i] = -log(fmax((double)row[label], (double)FLT_MIN));
    }
}

/* The 2.5 and 97.5 percentiles, between neighbours by their distance. */
static Interval percentiles(double *values) {
    const double places[2] = {0.025 * (BOOTSTRAP_DRAWS - 1), 0.975 * (BOOTSTRAP_DRAWS - 1)};
    double ends[2];
    qsort(values, BOOTSTRAP_DRAWS, sizeof *values, compare_doubles);
    for (int i = 0; i < 2; i++) {
        const size_t below = (size_t)places[i];
        const double part = places[i] - (double)below;
        ends[i] = values[below] + part * (values[below + 1] - values[below]);
    }
    return (Interval){ends[0], ends[1]};
}

static Interval share_interval(size_t part, size_t whole) {
    Interval made;
    wilson_interval(part, whole, &made.low, &made.high);
    return made;
}

static void make_intervals(const Metrics *metrics, const Draws *d, EvaluationIntervals *made) {
    Interval *const averages[AVERAGES] = {&made->macro.precision,    &made->macro.recall,    &made->macro.f1,
                                          &made->weighted.precision, &made->weighted.recall, &made->weighted.f1};
    made->accuracy = (Interval){metrics->summary.accuracy_low, metrics->summary.accuracy_high};
    made->loss = percentiles(d->results + LOSS * BOOTSTRAP_DRAWS);
    for (size_t i = 0; i < AVERAGES; i++) *averages[i] = percentiles(d->results + (MACRO + i) * BOOTSTRAP_DRAWS);
    for (size_t c = 0; c < (size_t)metrics->classes; c++) {
        const ClassScore *score = &metrics->per_class[c];
        made->per_class[c] = (ClassIntervals){.precision = share_interval(score->hits, score->predicted),
                                              .recall = share_interval(score->hits, score->support),
                                              .f1 = percentiles(d->results + (F1 + c) * BOOTSTRAP_DRAWS)};
    }
}

cf_status evaluation_intervals(const Evaluation *evaluation, int threads, EvaluationIntervals *intervals) {
    AUTO(evaluation_intervals_free) EvaluationIntervals made = {.classes = evaluation->metrics.classes};
    AUTO(draws_free) Draws d = {.count = evaluation->count, .classes = made.classes};
    FORWARD(memory_new((size_t)made.classes, sizeof *made.per_class, &made.per_class));
    FORWARD(memory_new(d.count, sizeof *d.labels, &d.labels));
    FORWARD(memory_new(d.count, sizeof *d.predicted, &d.predicted));
    FORWARD(memory_new(d.count, sizeof *d.losses, &d.losses));
    FORWARD(memory_new((size_t)(F1 + d.classes) * BOOTSTRAP_DRAWS, sizeof *d.results, &d.results));
    note_outcomes(evaluation, &d);
    FORWARD(slices_run(threads, BOOTSTRAP_DRAWS, draw_resample, &d));
    make_intervals(&evaluation->metrics, &d, &made);
    *intervals = made;
    made.per_class = NULL;
    return CF_OK;
}

void evaluation_intervals_free(EvaluationIntervals *intervals) {
    free(intervals->per_class);
    *intervals = (EvaluationIntervals){0};
}

static json_t *class_json(const ClassIntervals *c) {
    return json_pack("{s:[f f] s:[f f] s:[f f]}", "precision", c->precision.low, c->precision.high, "recall",
                     c->recall.low, c->recall.high, "f1", c->f1.low, c->f1.high);
}

cf_status evaluation_intervals_json(const EvaluationIntervals *intervals, json_t **json) {
    json_t *classes = json_array();
    for (int c = 0; c < intervals->classes; c++) json_array_append_new(classes, class_json(&intervals->per_class[c]));
    json_t *root =
        json_pack("{s:[f f] s:[f f] s:o s:o s:o}", "loss", intervals->loss.low, intervals->loss.high, "accuracy",
                  intervals->accuracy.low, intervals->accuracy.high, "macro", class_json(&intervals->macro), "weighted",
                  class_json(&intervals->weighted), "per_class", classes);
    FAIL_IF(!root, CF_NO_MEMORY, "out of memory for the intervals of %d classes", intervals->classes);
    *json = root;
    return CF_OK;
}
