#include "eval/shift.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "data/generate/generated_set.h"
#include "data/set_load.h"
#include "data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static cf_status evaluate_moved(const ShiftQuestion *q, const SourceLook *source, unsigned moves,
                                Evaluation *evaluation) {
    AUTO(cf_set_free_at) cf_set *moved = NULL;
    FORWARD(shift_move_images(q->target, q->model->layers.input, source, moves, q->threads, &moved));
    return evaluate_all(q, moved, evaluation);
}

/* ---- Moves ---- */

static cf_status measure_move(const ShiftQuestion *q, Shift *shift, unsigned moves, ShiftRow *row) {
    AUTO(evaluation_free) Evaluation moved = {0};
    FORWARD(report_factor(q, row->name));
    FORWARD(evaluate_moved(q, &shift->source, moves, &moved));
    compare_paired(&shift->plain, &moved, row);
    return CF_OK;
}

/* What is left where all but one are moved. */
static cf_status measure_without(const ShiftQuestion *q, Shift *shift, unsigned all, ShiftMove move) {
    ShiftRow others = {.name = ""}, *row = &shift->rows[move];
    snprintf(others.name, sizeof others.name, "all but %.20s", row->name);
    FORWARD(measure_move(q, shift, all & ~(1U << move), &others));
    row->without = others.accuracy;
    return CF_OK;
}

/* The rows of the moves are the first ones. */
static cf_status measure_moves(const ShiftQuestion *q, Shift *shift) {
    unsigned all = 0;
    char about[160] = "";
    for (int move = 0; move < SHIFT_MOVES; move++) {
        ShiftRow *row = next_row(shift, SHIFT_MOVED, shift_move_names[move], shift_move_about[move]);
        char why[160];
        if (shift_cannot_move(&shift->source, move, why)) {
            snprintf(row->cannot, sizeof row->cannot, "%s", why);
            continue;
        }
        all |= 1U << move;
        FORWARD(measure_move(q, shift, 1U << move, row));
        const size_t used = strlen(about);
        snprintf(about + used, sizeof about - used, "%s%s", used ? ", " : "", row->name);
    }
    for (int move = 0; move < SHIFT_MOVES; move++)
        if (all & 1U << move) FORWARD(measure_without(q, shift, all, move));
    return measure_move(q, shift, all, next_row(shift, SHIFT_ALL, "all of these", about));
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

static void count_shares(const cf_subset *train, const cf_model *model, double *shares) {
    for (size_t i = 0; i < train->count; i++) {
        const char *name = train->set->class_names[train->set->labels[train->images[i]]];
        for (int c = 0; c < model->classes; c++)
            if (strcmp(name, model->class_names[c]) == 0) shares[c] += 1 / (double)train->count;
    }
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

/* ---- Dials of a generator ---- */

/* The target with more items in its text, the same images of it; a set of its own with those alone. */
static cf_status load_dialled(const ShiftQuestion *q, const char *items, cf_set **images) {
    const Shape input = q->model->layers.input;
    AUTO_FREE char *text = NULL;
    AUTO(cf_set_free_at) cf_set *whole = NULL;
    FORWARD(generated_text_with(q->target->set->name, items, &text));
    FORWARD(cf_set_load(text, NULL, &whole));
    cf_subset same = *q->target;
    same.set = whole;
    return shift_move_images(&same, input, NULL, 0, q->threads, images);
}

static cf_status measure_dial(const ShiftQuestion *q, Shift *shift, const char *items, ShiftRow *row) {
    AUTO(evaluation_free) Evaluation dialled = {0};
    AUTO(cf_set_free_at) cf_set *images = NULL;
    FORWARD(report_factor(q, row->name));
    FORWARD(load_dialled(q, items, &images));
    FORWARD(evaluate_all(q, images, &dialled));
    if (dialled.count == shift->plain.count &&
        memcmp(dialled.labels, shift->plain.labels, dialled.count * sizeof *dialled.labels) == 0)
        compare_paired(&shift->plain, &dialled, row);
    else
        snprintf(row->cannot, sizeof row->cannot, "the images become others: their labels differ");
    return CF_OK;
}

/* The range to which a factor moves: the source's, where one generator made both, else 0. False: it lies there already. */
static bool dial_goal(const GeneratedSpec *target, const GeneratedSpec *source, int factor, double goal[2]) {
    goal[0] = source ? source->low[factor] : 0, goal[1] = source ? source->high[factor] : 0;
    return target->low[factor] != goal[0] || target->high[factor] != goal[1];
}

/* A text like "blur=0", or "blur=0:1.5". */
static void dial_text(const char *name, const double goal[2], char text[96]) {
    if (goal[0] == goal[1])
        snprintf(text, 96, "%s=%.9g", name, goal[0]);
    else
        snprintf(text, 96, "%s=%.9g:%.9g", name, goal[0], goal[1]);
}

/* The items of all dials but one, or of all where `but` is none of them. */
static void join_dials(char (*texts)[96], int count, int but, char *joined, size_t size) {
    size_t used = 0;
    *joined = '\0';
    for (int i = 0; i < count; i++)
        if (i != but) used += (size_t)snprintf(joined + used, size - used, "%s%s", used ? "," : "", texts[i]);
}

static cf_status measure_each_dial(const ShiftQuestion *q, Shift *shift, char (*texts)[96], int count, ShiftRow *rows) {
    char joined[MAX_FACTORS * 96];
    for (int i = 0; i < count; i++) {
        ShiftRow others = {.name = ""};
        snprintf(others.name, sizeof others.name, "all but %.20s", rows[i].name);
        FORWARD(measure_dial(q, shift, texts[i], &rows[i]));
        join_dials(texts, count, i, joined, sizeof joined);
        FORWARD(measure_dial(q, shift, joined, &others));
        if (!*others.cannot) rows[i].without = others.accuracy;
    }
    join_dials(texts, count, -1, joined, sizeof joined);
    return measure_dial(q, shift, joined, next_row(shift, SHIFT_ALL_DIALS, "all dials", ""));
}

static cf_status measure_dials(const ShiftQuestion *q, Shift *shift) {
    GeneratedSpec target, source;
    char texts[MAX_FACTORS][96];
    int count = 0;
    ShiftRow *rows = &shift->rows[shift->row_count];
    if (!generator_named(q->target->set->name)) return CF_OK;
    FORWARD(generated_spec_read(q->target->set->name, &target));
    const bool alike = q->source_text && generator_named(q->source_text) == target.generator;
    if (alike) FORWARD(generated_spec_read(q->source_text, &source));
    for (int f = 0; f < target.generator->factor_count; f++) {
        const Factor *factor = &target.generator->factors[f];
        double goal[2];
        if (!dial_goal(&target, alike ? &source : NULL, f, goal)) continue;
        dial_text(factor->name, goal, texts[count]);
        next_row(shift, SHIFT_DIAL, factor->name, texts[count++]);
    }
    return count ? measure_each_dial(q, shift, texts, count, rows) : CF_OK;
}

/* ---- All of it ---- */

static cf_status measure(const ShiftQuestion *q, Shift *shift) {
    const size_t classes = (size_t)q->model->classes;
    FORWARD(memory_new(4 * classes, sizeof *shift->source_shares, &shift->source_shares));
    shift->label_shares = shift->source_shares + classes;
    shift->predicted_shares = shift->label_shares + classes;
    shift->estimated_shares = shift->predicted_shares + classes;
    FORWARD(report_factor(q, "the images as they are"));
    FORWARD(source_look(q->train, q->model->layers.input, q->threads, &shift->source));
    FORWARD(source_look(q->target, q->model->layers.input, q->threads, &shift->target));
    FORWARD(evaluate_moved(q, &shift->source, 0, &shift->plain));
    count_shares(q->train, q->model, shift->source_shares);
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
