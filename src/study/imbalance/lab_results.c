/* Means, differences, the best remedy, and how many more images it is worth. */
#include "study/imbalance/lab.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "study/ledger/ledger.h"
#include "study/ledger/study_results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rows ---- */

/* Classes of the fewest and of the most training images. */
static void find_extremes(const json_t *run, size_t *rarest, size_t *commonest) {
    const json_t *images = json_object_get(run, "images");
    *rarest = *commonest = 0;
    for (size_t k = 1; k < json_array_size(images); k++) {
        const double count = json_number_value(json_array_get(images, k));
        if (count < json_number_value(json_array_get(images, *rarest))) *rarest = k;
        if (count > json_number_value(json_array_get(images, *commonest))) *commonest = k;
    }
}

static cf_status fill_row(const json_t *runs, const json_t *nothing, size_t rarest, size_t commonest, RemedyRow *row) {
    char rare[48], common[48];
    const char *const paths[REMEDY_SCORES] = {rare, common, "balanced", "gmean", "accuracy"};
    snprintf(rare, sizeof rare, "per_class.%zu.recall", rarest);
    snprintf(common, sizeof common, "per_class.%zu.recall", commonest);
    for (int k = 0; k < REMEDY_SCORES; k++) FORWARD(runs_interval(runs, paths[k], &row->scores[k]));
    row->validation = runs_mean(runs, "validation.balanced");
    if (runs != nothing) return runs_difference(runs, nothing, "balanced", &row->gain);
    row->gain = (MeanDifference){NAN, NAN, NAN, NAN, NAN, NAN};
    return CF_OK;
}

cf_status remedy_rows_new(const json_t *remedies, RemedyRows *rows) {
    const json_t *nothing = json_object_get(remedies, "nothing"), *first = json_array_get(nothing, 0), *runs;
    const json_t *classes = json_object_get(first, "per_class");
    const char *name;
    size_t rarest, commonest;
    find_extremes(first, &rarest, &commonest);
    *rows = (RemedyRows){.seeds = json_array_size(nothing),
                         .rarest = result_text(json_array_get(classes, rarest), "class"),
                         .commonest = result_text(json_array_get(classes, commonest), "class")};
    FORWARD(memory_new(json_object_size(remedies), sizeof *rows->rows, &rows->rows));
    json_object_foreach((json_t *)(uintptr_t)remedies, name, runs) {
        RemedyRow *row = &rows->rows[rows->count];
        row->name = name;
        FORWARD(fill_row(runs, nothing, rarest, commonest, row));
        if (row->validation > rows->rows[rows->best].validation) rows->best = rows->count;
        rows->count++;
    }
    return CF_OK;
}

void remedy_rows_free(RemedyRows *rows) {
    free(rows->rows);
    *rows = (RemedyRows){0};
}

const char *remedy_verdict(const RemedyRow *row) {
    return isnan(row->gain.low) ? "" : verdict_words[difference_verdict(&row->gain)];
}

/* ---- What a remedy is worth in images ---- */

enum { WORTH_DRAWS = 2000 };

typedef struct Curve {
    size_t sizes, seeds, at; /* at: the size at which the remedy is looked at */
    double logs[LAB_SIZES];
    double *nothing; /* [sizes][seeds], and behind them best[seeds] at `at` */
    const double *best;
} Curve;

static cf_status curve_new(const json_t *json, Curve *c) {
    const json_t *points = json_object_get(json, "points");
    const double own = result_number(json, "at");
    *c = (Curve){.sizes = json_array_size(points), .at = SIZE_MAX};
    for (size_t i = 0; i < c->sizes; i++) {
        const json_t *point = json_array_get(points, i);
        c->logs[i] = log(result_number(point, "images"));
        if (result_number(point, "images") == own) c->at = i;
        c->seeds = json_array_size(json_object_get(point, "nothing"));
    }
    FORWARD(memory_new((c->sizes + 1) * c->seeds + 1, sizeof *c->nothing, &c->nothing));
    c->best = c->nothing + c->sizes * c->seeds;
    for (size_t i = 0; i <= c->sizes; i++)
        for (size_t s = 0; s < c->seeds; s++) {
            const json_t *point = json_array_get(points, i < c->sizes ? i : c->at);
            const json_t *run = json_array_get(json_object_get(point, i < c->sizes ? "nothing" : "best"), s);
            c->nothing[i * c->seeds + s] = result_number(run, "balanced");
        }
    return CF_OK;
}

static void curve_free(Curve *c) {
    free(c->nothing);
}

/* Neighbours that fall are pooled into their mean (Ayer et al. 1955), all sizes alike. */
static void make_rising(double *values, size_t count) {
    double means[LAB_SIZES];
    size_t weights[LAB_SIZES], blocks = 0;
    for (size_t i = 0; i < count; i++) {
        means[blocks] = values[i], weights[blocks++] = 1;
        while (blocks > 1 && means[blocks - 2] > means[blocks - 1]) {
            const size_t w = weights[blocks - 2] + weights[blocks - 1];
            means[blocks - 2] =
                (means[blocks - 2] * (double)weights[blocks - 2] + means[blocks - 1] * (double)weights[blocks - 1]) /
                (double)w;
            weights[--blocks - 1] = w;
        }
    }
    for (size_t b = 0, i = 0; b < blocks; b++)
        for (size_t k = 0; k < weights[b]; k++) values[i++] = means[b];
}

/* Images that nothing needs for the remedy's mean, of the seeds chosen; the smallest size where it is below that. */
static double images_needed(const Curve *c, const size_t *chosen) {
    double values[LAB_SIZES] = {0}, wanted = 0;
    for (size_t i = 0; i < c->sizes; i++)
        for (size_t s = 0; s < c->seeds; s++) values[i] += c->nothing[i * c->seeds + chosen[s]] / (double)c->seeds;
    for (size_t s = 0; s < c->seeds; s++) wanted += c->best[chosen[s]] / (double)c->seeds;
    make_rising(values, c->sizes);
    if (wanted <= values[0]) return exp(c->logs[0]);
    for (size_t i = 1; i < c->sizes; i++)
        if (wanted <= values[i])
            return exp(c->logs[i - 1] +
                       (c->logs[i] - c->logs[i - 1]) * (wanted - values[i - 1]) / (values[i] - values[i - 1]));
    return INFINITY;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Percentiles of what seeds drawn anew with replacement give (Efron 1979): a seed has its draw of images in all points. */
static cf_status bootstrap_ends(const Curve *c, Worth *worth) {
    AUTO_FREE double *draws = NULL;
    size_t chosen[LAB_MOST_SEEDS];
    FORWARD(memory_new(WORTH_DRAWS, sizeof *draws, &draws));
    for (uint64_t d = 0; d < WORTH_DRAWS; d++) {
        const RngStream stream = rng_stream(0, RNG_BOOTSTRAP, d, 1);
        for (size_t s = 0; s < c->seeds; s++) chosen[s] = (size_t)((double)rng_uniform(&stream, s) * (double)c->seeds);
        draws[d] = images_needed(c, chosen);
    }
    qsort(draws, WORTH_DRAWS, sizeof *draws, by_value);
    worth->low = draws[WORTH_DRAWS / 40];
    worth->high = draws[WORTH_DRAWS - 1 - WORTH_DRAWS / 40];
    return CF_OK;
}

cf_status lab_worth(const json_t *curve, Worth *worth) {
    AUTO(curve_free) Curve c = {0};
    size_t all[LAB_MOST_SEEDS];
    *worth = (Worth){NAN, NAN, NAN, NAN, NAN};
    if (!json_array_size(json_object_get(curve, "points"))) return CF_OK;
    FORWARD(curve_new(curve, &c));
    if (c.at == SIZE_MAX || !c.seeds) return CF_OK;
    for (size_t s = 0; s < c.seeds; s++) all[s] = s;
    worth->at = exp(c.logs[c.at]);
    worth->largest = exp(c.logs[c.sizes - 1]);
    worth->images = images_needed(&c, all);
    return bootstrap_ends(&c, worth);
}

/* "130", "more than 400" */
static void images_text(double images, double largest, char text[40]) {
    if (isfinite(images))
        snprintf(text, 40, "%.0f", images);
    else
        snprintf(text, 40, "more than %.0f", largest);
}

void worth_text(const json_t *curve, const Worth *worth, char text[400]) {
    char needed[40], low[40], high[40], more[64] = "";
    if (isnan(worth->at)) {
        snprintf(text, 400,
                 "The curve has not the %lld images of the case: nothing can be said of what its best remedy is worth.",
                 result_whole(curve, "at"));
        return;
    }
    images_text(worth->images, worth->largest, needed);
    images_text(worth->low, worth->largest, low);
    images_text(worth->high, worth->largest, high);
    if (worth->low <= worth->at)
        snprintf(more, sizeof more, "this is noise");
    else if (isfinite(worth->images))
        snprintf(more, sizeof more, "worth %.0f more images", worth->images - worth->at);
    else
        snprintf(more, sizeof more, "worth more than %.0f more images", worth->largest - worth->at);
    snprintf(text, 400,
             "What %.60s reaches with %.0f images of class %.60s takes %s without it (95 %% interval %s to %s, "
             "bootstrap over the seeds): %s.",
             result_text(curve, "best"), worth->at, result_text(curve, "class"), needed, low, high, more);
}

/* ---- Text and CSV ---- */

static void print_share(FILE *out, const MeanInterval *m) {
    char interval[32] = "";
    if (!isnan(m->low)) snprintf(interval, sizeof interval, "%.2f..%.2f", 100 * m->low, 100 * m->high);
    fprintf(out, "  %6.2f %-13s", 100 * m->mean, interval);
}

static void print_case(const json_t *c, const RemedyRows *rows, FILE *out) {
    fprintf(out, "%s: %zu seed%s; recall, %% (95 %% interval)\n", result_text(c, "name"), rows->seeds,
            rows->seeds == 1 ? "" : "s");
    fprintf(out, "  %-22s  %-20.20s  %-20.20s  %-20s  %6s  %6s  %s\n", "", rows->rarest, rows->commonest,
            "mean of all classes", "gmean", "valid.", "against nothing, points");
    for (int i = 0; i < rows->count; i++) {
        const RemedyRow *row = &rows->rows[i];
        fprintf(out, "%c %-22s", i == rows->best ? '*' : ' ', row->name);
        for (int k = RAREST; k <= BALANCED; k++) print_share(out, &row->scores[k]);
        fprintf(out, "  %6.2f  %6.2f", 100 * row->scores[GMEAN].mean, 100 * row->validation);
        if (!isnan(row->gain.low))
            fprintf(out, "  %+.2f (%+.2f to %+.2f) %s", 100 * row->gain.difference, 100 * row->gain.low,
                    100 * row->gain.high, remedy_verdict(row));
        fputc('\n', out);
    }
    fputc('\n', out);
}

cf_status lab_print(const json_t *results, FILE *out) {
    const json_t *cases = json_object_get(results, "cases"), *curve = json_object_get(results, "curve");
    char text[400];
    Worth worth;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        AUTO(remedy_rows_free) RemedyRows rows = {0};
        const json_t *c = json_array_get(cases, i);
        FORWARD(remedy_rows_new(json_object_get(c, "remedies"), &rows));
        print_case(c, &rows, out);
    }
    fputs(
        "*: the best by the mean of the classes' recalls on the validation images. Noise: 0 lies in the interval of the "
        "difference, paired by seed.\n",
        out);
    if (json_is_null(curve)) return CF_OK;
    FORWARD(lab_worth(curve, &worth));
    worth_text(curve, &worth, text);
    fprintf(out, "%s\n", text);
    return CF_OK;
}

/* A row per case and remedy. */
static cf_status write_rows(const json_t *cases, FILE *out) {
    static const char *const names[] = {"rarest", "commonest", "balanced", "gmean", "accuracy", "gain"};
    fputs("case,remedy,seeds,best,validation", out);
    for (size_t i = 0; i < COUNT_OF(names); i++) fprintf(out, ",%s,%s_low,%s_high", names[i], names[i], names[i]);
    fputs(",verdict\n", out);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        AUTO(remedy_rows_free) RemedyRows rows = {0};
        const json_t *c = json_array_get(cases, i);
        FORWARD(remedy_rows_new(json_object_get(c, "remedies"), &rows));
        for (int r = 0; r < rows.count; r++) {
            const RemedyRow *row = &rows.rows[r];
            const MeanDifference *gain = &row->gain;
            csv_print(out, "%s,%s,%zu,%d,%.9g", result_text(c, "name"), row->name, rows.seeds, r == rows.best,
                      row->validation);
            for (const MeanInterval *m = row->scores; m < row->scores + REMEDY_SCORES; m++)
                csv_numbers(out, (const double[]){m->mean, m->low, m->high}, 3);
            csv_numbers(out, (const double[]){gain->difference, gain->low, gain->high}, 3);
            fprintf(out, ",%s\n", remedy_verdict(row));
        }
    }
    return CF_OK;
}

cf_status lab_write_csv(const json_t *results, const char *path) {
    AUTO(file_abandon) FileDraft draft = {0};
    FORWARD(file_draft(path, &draft));
    FORWARD(write_rows(json_object_get(results, "cases"), draft.stream));
    return file_commit(&draft);
}
