#include "eval/shift.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "data/generate/generated_set.h"
#include "data/set_load.h"
#include "data/split.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Shares of the classes, estimated without labels; how far predictions have collapsed ---- */

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

/* ---- One row ---- */

/* What is known of the images with something moved: whether each is right. */
static void compare_paired(const Evaluation *plain, const Evaluation *moved, ShiftRow *row) {
    size_t gained = 0, lost = 0;
    const int classes = plain->metrics.classes;
    for (size_t i = 0; i < plain->count; i++) {
        const size_t at = i * (size_t)classes;
        const bool before = first_largest(plain->probabilities + at, classes) == plain->labels[i];
        const bool after = first_largest(moved->probabilities + at, classes) == moved->labels[i];
        gained += after && !before, lost += before && !after;
    }
    row->accuracy = moved->metrics.summary.accuracy;
    row->gain = ((double)gained - (double)lost) / (double)plain->count;
    paired_difference_interval(gained, lost, plain->count, &row->low, &row->high);
}

static ShiftRow *next_row(Shift *shift, ShiftKind kind, const char *name, const char *about) {
    ShiftRow *row = &shift->rows[shift->row_count++];
    *row = (ShiftRow){.kind = kind, .without = NAN};
    snprintf(row->name, sizeof row->name, "%s", name);
    snprintf(row->about, sizeof row->about, "%s", about);
    return row;
}

static cf_status report_factor(const ShiftQuestion *q, const char *factor) {
    FAIL_IF(q->progress && !q->progress(factor, q->context), CF_INTERRUPTED, "stopped before %s", factor);
    return CF_OK;
}

static cf_status evaluate_all(const ShiftQuestion *q, const cf_set *set, Evaluation *evaluation) {
    const ClassifyOptions options = {.engine = q->engine, .threads = q->threads};
    AUTO(cf_split_free_at) cf_split *split = NULL;
    FORWARD(split_uncut(set, NULL, &split));
    return evaluate(q->model, cf_split_part(split, CF_ALL), &options, evaluation);
}

/* ---- Changes of the images ---- */

/* Moves, or dials of the target's generator. */
typedef struct Changes {
    const ShiftQuestion *question;
    Shift *shift;
    char (*dials)[96]; /* [count] "blur=0"; NULL: moves */
    int count;
    ShiftRow *rows; /* [count] */
} Changes;

/* The same images with those changes (1 << i), in a set of their own. */
static cf_status load_changed(const Changes *c, unsigned which, cf_set **images) {
    const ShiftQuestion *q = c->question;
    const Shape input = q->model->layers.input;
    AUTO_FREE char *text = NULL;
    AUTO(cf_set_free_at) cf_set *whole = NULL;
    char items[MAX_FACTORS * 96] = "";
    size_t used = 0;
    if (!c->dials) return shift_move_images(q->target, input, &c->shift->source, which, q->threads, images);
    for (int i = 0; i < c->count; i++)
        if (which >> i & 1)
            used += (size_t)snprintf(items + used, sizeof items - used, "%s%s", used ? "," : "", c->dials[i]);
    FORWARD(generated_text_with(q->target->set->name, items, &text));
    FORWARD(cf_set_load(text, NULL, &whole));
    cf_subset same = *q->target;
    same.set = whole;
    return shift_move_images(&same, input, NULL, 0, q->threads, images);
}

static cf_status measure_changed(const Changes *c, unsigned which, ShiftRow *row) {
    const Evaluation *plain = &c->shift->plain;
    AUTO(cf_set_free_at) cf_set *images = NULL;
    AUTO(evaluation_free) Evaluation changed = {0};
    FORWARD(report_factor(c->question, row->name));
    FORWARD(load_changed(c, which, &images));
    FORWARD(evaluate_all(c->question, images, &changed));
    if (changed.count == plain->count &&
        memcmp(changed.labels, plain->labels, changed.count * sizeof *changed.labels) == 0)
        compare_paired(plain, &changed, row);
    else
        snprintf(row->cannot, sizeof row->cannot, "the images become others: their labels differ");
    return CF_OK;
}

/* Of `all`: each alone, what is left where all but one are changed, and all together, whose row is the next. */
static cf_status measure_changes(const Changes *c, unsigned all, ShiftKind kind, const char *name, const char *about) {
    for (int i = 0; i < c->count; i++) {
        ShiftRow others = {.name = ""}, *row = &c->rows[i];
        if (!(all >> i & 1)) continue;
        FORWARD(measure_changed(c, 1U << i, row));
        snprintf(others.name, sizeof others.name, "all but %.20s", row->name);
        FORWARD(measure_changed(c, all & ~(1U << i), &others));
        if (!*others.cannot) row->without = others.accuracy;
    }
    return measure_changed(c, all, next_row(c->shift, kind, name, about));
}

static cf_status measure_moves(const ShiftQuestion *q, Shift *shift) {
    const Changes moves = {.question = q, .shift = shift, .count = SHIFT_MOVES, .rows = &shift->rows[shift->row_count]};
    unsigned all = 0;
    char about[160] = "", why[160];
    for (int move = 0; move < SHIFT_MOVES; move++) {
        ShiftRow *row = next_row(shift, SHIFT_MOVED, shift_move_names[move], shift_move_about[move]);
        if (shift_cannot_move(&shift->source, (ShiftMove)move, why)) {
            snprintf(row->cannot, sizeof row->cannot, "%s", why);
            continue;
        }
        all |= 1U << move;
        const size_t used = strlen(about);
        snprintf(about + used, sizeof about - used, "%s%s", used ? ", " : "", row->name);
    }
    return measure_changes(&moves, all, SHIFT_ALL, "all of these", about);
}

/* A dial moves to the source's range, where one generator made both, else to 0. False: it lies there already. */
static bool dial_text(const GeneratedSpec *target, const GeneratedSpec *source, int factor, char text[96]) {
    const double low = source ? source->low[factor] : 0, high = source ? source->high[factor] : 0;
    const size_t used = (size_t)snprintf(text, 96, "%s=%.9g", target->generator->factors[factor].name, low);
    if (low != high) snprintf(text + used, 96 - used, ":%.9g", high);
    return target->low[factor] != low || target->high[factor] != high;
}

static cf_status measure_dials(const ShiftQuestion *q, Shift *shift) {
    GeneratedSpec target, source;
    char texts[MAX_FACTORS][96];
    Changes dials = {.question = q, .shift = shift, .dials = texts, .rows = &shift->rows[shift->row_count]};
    if (!generator_named(q->target->set->name)) return CF_OK;
    FORWARD(generated_spec_read(q->target->set->name, &target));
    const bool alike = q->source_text && generator_named(q->source_text) == target.generator;
    if (alike) FORWARD(generated_spec_read(q->source_text, &source));
    for (int f = 0; f < target.generator->factor_count; f++) {
        if (!dial_text(&target, alike ? &source : NULL, f, texts[dials.count])) continue;
        next_row(shift, SHIFT_DIAL, target.generator->factors[f].name, texts[dials.count++]);
    }
    return dials.count ? measure_changes(&dials, UINT_MAX >> (32 - dials.count), SHIFT_ALL_DIALS, "all dials", "")
                       : CF_OK;
}

/* ---- Label shares ---- */

/* The accuracy that the recalls of the classes would give with the source's shares: images count by source / target. The variance is that
 * of the recalls, the shares taken as they are. */
static void measure_labels(Shift *shift) {
    ShiftRow *row = next_row(shift, SHIFT_LABELS, "label shares",
                             "images count so that classes have the shares of the training images");
    const Metrics *metrics = &shift->plain.metrics;
    double variance = 0;
    for (int c = 0; c < metrics->classes; c++) {
        const ClassScore *score = &metrics->per_class[c];
        const double by = shift->source_shares[c] - shift->label_shares[c];
        if (!score->support && shift->source_shares[c] > 0) {
            snprintf(row->cannot, sizeof row->cannot,
                     "there is no image of class %.60s, of which the source has %.1f %%", metrics->class_names[c],
                     100 * shift->source_shares[c]);
            return;
        }
        row->gain += by * score->recall;
        if (score->support) variance += by * by * score->recall * (1 - score->recall) / (double)score->support;
    }
    row->accuracy = metrics->summary.accuracy + row->gain;
    row->low = row->gain - 1.959964 * sqrt(variance), row->high = row->gain + 1.959964 * sqrt(variance);
}

static cf_status estimate_labels(Shift *shift) {
    const Predictions p = evaluation_predictions(&shift->plain);
    size_t gained = 0, lost = 0, right = 0;
    FORWARD(shares_estimate(&p, shift->source_shares, 10000, shift->estimated_shares, &shift->rounds));
    for (size_t i = 0; i < p.count; i++) {
        const float *row = p.probabilities + i * (size_t)p.classes;
        const int plain = first_largest(row, p.classes);
        const int corrected = shares_corrected_class(row, shift->source_shares, shift->estimated_shares, p.classes);
        shift->label_shares[p.labels[i]] += 1 / (double)p.count;
        shift->predicted_shares[plain] += 1 / (double)p.count;
        right += corrected == p.labels[i];
        gained += corrected == p.labels[i] && plain != p.labels[i];
        lost += corrected != p.labels[i] && plain == p.labels[i];
    }
    ShiftRow *row = &shift->corrected;
    row->accuracy = (double)right / (double)p.count;
    row->gain = ((double)gained - (double)lost) / (double)p.count;
    paired_difference_interval(gained, lost, p.count, &row->low, &row->high);
    shift->collapse = collapse_of(shift->predicted_shares, shift->label_shares, p.classes);
    return CF_OK;
}

/* ---- All of it ---- */

static cf_status measure(const ShiftQuestion *q, Shift *shift) {
    const size_t classes = (size_t)q->model->classes;
    const Shape input = q->model->layers.input;
    AUTO(cf_set_free_at) cf_set *plain = NULL;
    FORWARD(memory_new(4 * classes, sizeof *shift->source_shares, &shift->source_shares));
    shift->label_shares = shift->source_shares + classes;
    shift->predicted_shares = shift->label_shares + classes;
    shift->estimated_shares = shift->predicted_shares + classes;
    FORWARD(report_factor(q, "the images as they are"));
    FORWARD(source_look(q->train, input, q->threads, &shift->source));
    FORWARD(source_look(q->target, input, q->threads, &shift->target));
    FORWARD(shift_move_images(q->target, input, NULL, 0, q->threads, &plain));
    FORWARD(evaluate_all(q, plain, &shift->plain));
    for (size_t i = 0; i < q->train->count; i++) {
        const cf_set *set = q->train->set;
        const char *name = set->class_names[set->labels[q->train->images[i]]];
        for (size_t c = 0; c < classes; c++)
            if (strcmp(name, q->model->class_names[c]) == 0) shift->source_shares[c] += 1 / (double)q->train->count;
    }
    FORWARD(estimate_labels(shift));
    FORWARD(measure_moves(q, shift));
    measure_labels(shift);
    return measure_dials(q, shift);
}

cf_status shift_new(const ShiftQuestion *given, Shift *shift) {
    ShiftQuestion question = *given;
    AUTO(shift_free)
    Shift made = {
        .model = given->model, .source_accuracy = given->source_accuracy, .source_count = given->source_count};
    question.threads = slices_threads(given->threads);
    FORWARD(measure(&question, &made));
    *shift = made;
    made = (Shift){0};
    return CF_OK;
}

void shift_free(Shift *shift) {
    evaluation_free(&shift->plain);
    free(shift->source_shares);
    shift->source_shares = NULL;
}

double shift_explains(const Shift *shift, const ShiftRow *row) {
    const double drop = shift->source_accuracy - shift->plain.metrics.summary.accuracy;
    return drop > 0 ? row->gain / drop : NAN;
}
