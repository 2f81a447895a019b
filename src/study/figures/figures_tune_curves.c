/* What parameters do, and how the trials went. */
#include "study/figures/figures_tune.h"

#include "base/memory.h"
#include "base/text.h"
#include "draw/chart_dot.h"
#include "draw/chart_line.h"

#include <math.h>
#include <stdlib.h>

/* ---- Effects ---- */

typedef struct EffectRows {
    int count;
    double *loss, *loss_low, *loss_high, *accuracy, *low, *high; /* [count] in one piece that begins with `loss` */
    const char **cells;                                          /* [count][3]: parameter, value, how many */
    char (*counts)[16];
    bool *opens;
} EffectRows;

static void effect_rows_free(EffectRows *rows) {
    free(rows->loss);
    free(rows->cells);
    free(rows->counts);
    free(rows->opens);
}

static cf_status effect_rows_new(const Effect *effects, int parameters, EffectRows *rows) {
    size_t n = 0, at = 0;
    for (int p = 0; p < parameters; p++) n += effects[p].count;
    *rows = (EffectRows){.count = (int)n};
    FORWARD(memory_new(6 * n, sizeof *rows->loss, &rows->loss));
    double **all[] = {&rows->loss_low, &rows->loss_high, &rows->accuracy, &rows->low, &rows->high};
    for (size_t i = 0; i < COUNT_OF(all); i++) *all[i] = rows->loss + (i + 1) * n;
    FORWARD(memory_new(3 * n, sizeof *rows->cells, &rows->cells));
    FORWARD(memory_new(n, sizeof *rows->counts, &rows->counts));
    FORWARD(memory_new(n, sizeof *rows->opens, &rows->opens));
    for (int p = 0; p < parameters; p++)
        for (size_t g = 0; g < effects[p].count; g++, at++) {
            const EffectGroup *group = &effects[p].groups[g];
            rows->loss[at] = group->loss.mean, rows->loss_low[at] = group->loss.low,
            rows->loss_high[at] = group->loss.high;
            rows->accuracy[at] = group->accuracy.mean;
            rows->low[at] = group->accuracy.low, rows->high[at] = group->accuracy.high;
            snprintf(rows->counts[at], sizeof rows->counts[at], "%zu", group->loss.count);
            rows->opens[at] = g == 0;
            rows->cells[3 * at] = g == 0 ? effects[p].name : "";
            rows->cells[3 * at + 1] = group->text;
            rows->cells[3 * at + 2] = rows->counts[at];
        }
    return CF_OK;
}

static cf_status write_effects(const FigureBook *book, const Effect *effects, int parameters) {
    FileDraft csv;
    FORWARD(book_csv(book, "tune-effects", &csv));
    fputs("parameter,value,trials,loss,loss_low,loss_high,accuracy,accuracy_low,accuracy_high\n", csv.stream);
    for (int p = 0; p < parameters; p++)
        for (size_t g = 0; g < effects[p].count; g++) {
            const EffectGroup *group = &effects[p].groups[g];
            const double numbers[] = {group->loss.mean,     group->loss.low,     group->loss.high,
                                      group->accuracy.mean, group->accuracy.low, group->accuracy.high};
            csv_text(csv.stream, effects[p].name);
            fputc(',', csv.stream);
            csv_text(csv.stream, group->text);
            fprintf(csv.stream, ",%zu", group->loss.count);
            for (size_t k = 0; k < COUNT_OF(numbers); k++) csv_number(csv.stream, numbers[k]);
            fputc('\n', csv.stream);
        }
    return file_commit(&csv);
}

typedef struct EffectsChart {
    DotChart dots;
    char note[160];
} EffectsChart;

static cf_status draw_effects(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const EffectsChart *effects = content;
    const Box above = {box.x, box.y, box.width, box.height - 14};
    FORWARD(dot_chart_draw(canvas, theme, above, &effects->dots));
    canvas_text(canvas, box.x, box.y + box.height - 1, chart_small, theme->muted, effects->note);
    return CF_OK;
}

/* ", each after its first 3 epochs", or "" after all of theirs. */
static void epochs_text(const TuneResults *r, char text[48]) {
    const int epochs = results_effect_epochs(r);
    text[0] = '\0';
    if (epochs == 1) snprintf(text, 48, ", each after its first epoch");
    if (epochs > 1) snprintf(text, 48, ", each after its first %d epochs", epochs);
}

cf_status figure_tune_effects(const FigureBook *book, const TuneResults *results) {
    static const char *const headings[] = {"parameter", "value", "trials"};
    Effect *effects;
    EffectRows rows = {0};
    char title[256], after[48];
    cf_status status;
    FORWARD(results_effects(results, &effects));
    FORWARD_TO(done, effect_rows_new(effects, results->space.count, &rows));
    if (rows.count == 0) {
        notice("no trial is done yet, so there is no figure of what parameters do");
        goto done;
    }
    FORWARD_TO(done, write_effects(book, effects, results->space.count));
    snprintf(title, sizeof title, "%s: effect of each parameter", book->subject);
    const DotPanel panels[] = {
        {{.label = "validation loss", .kind = axis_kind_of(rows.loss, (size_t)rows.count)},
         rows.loss,
         rows.loss_low,
         rows.loss_high,
         2.5},
        {{.label = "validation accuracy, %", .percent = true}, rows.accuracy, rows.low, rows.high, 2.5}};
    EffectsChart chart = {.dots = {.title = title,
                                   .row_count = rows.count,
                                   .column_count = COUNT_OF(headings),
                                   .headings = headings,
                                   .cells = rows.cells,
                                   .opens = rows.opens,
                                   .best = -1,
                                   .panel_count = COUNT_OF(panels),
                                   .panels = panels}};
    epochs_text(results, after);
    snprintf(chart.note, sizeof chart.note,
             "Means over the %s with a value%s, without those that diverged; 95 %% Student t intervals",
             after[0] ? "trials" : "finished trials", after);
    FORWARD_TO(done, book_draw(book, "tune-effects", 504, dot_chart_height(&chart.dots) + 34, draw_effects, &chart));
done:
    effects_free(results, effects);
    effect_rows_free(&rows);
    return status;
}

/* ---- Slices ---- */

enum { SLICES_ACROSS = 3 };

typedef struct Slices {
    const TuneResults *results;
    const char *title;
    double *reached, *at; /* [count] results, and places on the axis of the panel under way */
    const Trial **trials; /* [count] */
    LineBehind *dots;     /* [count] */
    size_t count;
    int panels;
} Slices;

static void slices_free(Slices *slices) {
    free(slices->reached);
    free((void *)slices->trials);
    free(slices->dots);
}

static cf_status slices_new(const TuneResults *r, Slices *slices) {
    const size_t most = r->list.count;
    const int epochs = results_effect_epochs(r);
    double loss, accuracy;
    *slices = (Slices){.results = r};
    FORWARD(memory_new(2 * most, sizeof *slices->reached, &slices->reached));
    FORWARD(memory_new(most, sizeof *slices->trials, &slices->trials));
    FORWARD(memory_new(most, sizeof *slices->dots, &slices->dots));
    slices->at = slices->reached + most;
    for (size_t i = 0; i < most; i++) {
        if (!results_reached(r, &r->list.trials[i], epochs, &loss, &accuracy)) continue;
        slices->reached[slices->count] = r->objective == OBJECTIVE_ACCURACY ? 100 * (1 - accuracy) : loss;
        slices->trials[slices->count++] = &r->list.trials[i];
    }
    for (int p = 0; p < r->space.count; p++) slices->panels += r->space.parameters[p].kind != PARAMETER_LIST;
    return CF_OK;
}

static cf_status draw_slice(Canvas *canvas, const Theme *theme, Box box, const Slices *s, int parameter) {
    const SpaceParameter *p = &s->results->space.parameters[parameter];
    const bool errors = s->results->objective == OBJECTIVE_ACCURACY;
    for (size_t i = 0; i < s->count; i++) {
        s->at[i] = s->trials[i]->point.values[parameter];
        s->dots[i] = (LineBehind){&s->at[i], &s->reached[i], 1, 0.3, LINE_ENDS_RING};
    }
    const LineChart chart = {.x = {.label = p->name,
                                   .kind = p->kind == PARAMETER_LOG_UNIFORM ? AXIS_LOG : AXIS_LINEAR,
                                   .whole = p->kind == PARAMETER_INTEGER},
                             .y = {.label = errors ? "validation error, %" : "validation loss",
                                   .kind = errors ? AXIS_LINEAR : axis_kind_of(s->reached, s->count)},
                             .behind_count = (int)s->count,
                             .behind = s->dots};
    return line_chart_draw(canvas, theme, box, &chart);
}

static cf_status draw_slices(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const Slices *s = content;
    const int across = s->panels < SLICES_ACROSS ? s->panels : SLICES_ACROSS, down = (s->panels + across - 1) / across;
    const Box below = {box.x, box.y + 20, box.width, box.height - 20};
    canvas_text(canvas, box.x, box.y + 9, chart_title, theme->text, s->title);
    for (int p = 0, panel = 0; p < s->results->space.count; p++) {
        if (s->results->space.parameters[p].kind == PARAMETER_LIST) continue;
        FORWARD(draw_slice(canvas, theme, box_of_grid(below, down, across, 14, panel / across, panel % across), s, p));
        panel++;
    }
    return CF_OK;
}

static cf_status write_slices(const FigureBook *book, const Slices *s) {
    FileDraft csv;
    char number[SPACE_NUMBER];
    FORWARD(book_csv(book, "tune-slices", &csv));
    fputs("trial", csv.stream);
    for (int p = 0; p < s->results->space.count; p++) {
        fputc(',', csv.stream);
        csv_text(csv.stream, s->results->space.parameters[p].name);
    }
    fputs(s->results->objective == OBJECTIVE_ACCURACY ? ",error_percent\n" : ",loss\n", csv.stream);
    for (size_t i = 0; i < s->count; i++) {
        fprintf(csv.stream, "%d", s->trials[i]->id);
        for (int p = 0; p < s->results->space.count; p++) {
            fputc(',', csv.stream);
            csv_text(csv.stream, space_value(&s->results->space, &s->trials[i]->point, p, number));
        }
        csv_number(csv.stream, s->reached[i]);
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

cf_status figure_tune_slices(const FigureBook *book, const TuneResults *results) {
    Slices slices = {0};
    char title[256], after[48];
    cf_status status;
    FORWARD_TO(done, slices_new(results, &slices));
    if (!slices.panels || !slices.count) goto done;
    FORWARD_TO(done, write_slices(book, &slices));
    epochs_text(results, after);
    snprintf(title, sizeof title, "%s: %zu trials over each range%s", book->subject, slices.count, after);
    slices.title = title;
    const int rows = (slices.panels + SLICES_ACROSS - 1) / SLICES_ACROSS;
    FORWARD_TO(done, book_draw(book, "tune-slices", 540, 30 + 190.0 * rows, draw_slices, &slices));
done:
    slices_free(&slices);
    return status;
}

/* ---- Learning curves ---- */

typedef struct TrialLines {
    double *epochs,
        *losses; /* all trials' behind each other, in one piece that begins with `epochs`; by accuracy the errors, % */
    LineBehind *lines;       /* [lines] the best comes last */
    size_t count, points;
    LineSeries best;
} TrialLines;

static cf_status write_curves(const FigureBook *book, const TuneResults *r) {
    FileDraft csv;
    FORWARD(book_csv(book, "tune-curves", &csv));
    fputs("trial,state,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n", csv.stream);
    for (size_t t = 0; t < r->list.count; t++)
        for (int e = 0; e < r->curves[t].count; e++) {
            const TrialEpoch *row = &r->curves[t].epochs[e];
            const double numbers[] = {row->train_loss, row->train_accuracy, row->validation_loss,
                                      row->validation_accuracy};
            fprintf(csv.stream, "%d,%s,%d", r->list.trials[t].id, trial_state_words[r->list.trials[t].state],
                    row->epoch);
            for (size_t k = 0; k < COUNT_OF(numbers); k++) csv_number(csv.stream, numbers[k]);
            fputc('\n', csv.stream);
        }
    return file_commit(&csv);
}

/* A trial's line; its shade goes with the place of its configuration. */
static void add_line(const TuneResults *r, const Trial *trial, double shade, TrialLines *curves) {
    const TrialCurve *curve = &r->curves[trial - r->list.trials];
    const size_t first = curves->points;
    for (int e = 0; e < curve->count; e++, curves->points++) {
        curves->epochs[curves->points] = curve->epochs[e].epoch;
        curves->losses[curves->points] = r->objective == OBJECTIVE_ACCURACY
                                             ? 100 * (1 - curve->epochs[e].validation_accuracy)
                                             : curve->epochs[e].validation_loss;
    }
    const LineEnd end = trial->state == TRIAL_PRUNED   ? LINE_ENDS_RING
                        : trial->state == TRIAL_FAILED ? LINE_ENDS_CROSS
                                                       : LINE_ENDS;
    curves->lines[curves->count++] =
        (LineBehind){curves->epochs + first, curves->losses + first, (size_t)curve->count, shade, end};
}

static cf_status trial_lines_new(const TuneResults *r, TrialLines *curves) {
    size_t points = 0;
    for (size_t t = 0; t < r->list.count; t++) points += (size_t)r->curves[t].count;
    FORWARD(memory_new(2 * points, sizeof *curves->epochs, &curves->epochs));
    FORWARD(memory_new(r->list.count, sizeof *curves->lines, &curves->lines));
    curves->losses = curves->epochs + points;
    for (size_t i = r->count; i > 0; i--) {
        const Configuration *c = &r->configurations[i - 1];
        const double shade = !c->loss.count || r->count < 2 ? NAN : (double)(i - 1) / (double)(r->count - 1);
        for (size_t k = c->count; k > 0; k--) add_line(r, c->trials[k - 1], shade, curves);
    }
    if (results_best(r)) {
        const LineBehind *last = &curves->lines[--curves->count];
        curves->best = (LineSeries){"", last->x, last->y, last->count, 0, 0};
    }
    return CF_OK;
}

static cf_status draw_curves(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return line_chart_draw(canvas, theme, box, content);
}

/* What the legend says besides the lines. */
static void legend(const TuneResults *r, const TrialLines *curves, char name[96], LineSeries series[3], int *count) {
    if (results_best(r)) {
        snprintf(name, 96, "best: trial %d", results_best(r)->trials[0]->id);
        series[*count] = curves->best;
        series[(*count)++].name = name;
    }
    if (r->pruned) series[(*count)++] = (LineSeries){"ring: pruned", NULL, NULL, 0, CHART_MUTED, 0};
    if (r->failed) series[(*count)++] = (LineSeries){"cross: failed", NULL, NULL, 0, CHART_MUTED, 0};
}

/* Of what has not diverged; lines leave the chart for the rest. */
static Axis axis_of(const TuneResults *r, const TrialLines *curves) {
    double near[2] = {INFINITY, -INFINITY}, all[2] = {INFINITY, -INFINITY};
    if (r->objective == OBJECTIVE_ACCURACY) return (Axis){.label = "validation error, %"};
    for (size_t i = 0; i < curves->points; i++) {
        range_add(all, AXIS_LOG, &curves->losses[i], 1);
        if (curves->losses[i] <= r->far) range_add(near, AXIS_LOG, &curves->losses[i], 1);
    }
    Axis axis = {.label = "validation loss", .kind = near[1] / near[0] > 10 ? AXIS_LOG : AXIS_LINEAR};
    if (near[0] < near[1] && near[1] < all[1]) axis.low = 0.95 * near[0], axis.high = 1.05 * near[1];
    return axis;
}

cf_status figure_tune_curves(const FigureBook *book, const TuneResults *results) {
    TrialLines curves = {0};
    LineSeries series[3];
    char title[256], name[96];
    int count = 0;
    double range[2] = {INFINITY, -INFINITY};
    const char *const what = results->objective == OBJECTIVE_ACCURACY ? "error" : "loss";
    cf_status status;
    FORWARD_TO(done, trial_lines_new(results, &curves));
    if (!range_add(range, AXIS_LINEAR, curves.losses, curves.points)) {
        notice("no trial has finished an epoch yet, so there is no figure of learning curves");
        goto done;
    }
    FORWARD_TO(done, write_curves(book, results));
    snprintf(title, sizeof title, "%s: validation %s of %zu trials; the better a trial, the more its line stands out",
             book->subject, what, results->list.count);
    legend(results, &curves, name, series, &count);
    const Axis y = axis_of(results, &curves);
    const LineChart chart = {.title = title,
                             .x = {.label = "epoch", .whole = true},
                             .y = y,
                             .series_count = count,
                             .series = series,
                             .behind_count = (int)curves.count,
                             .behind = curves.lines};
    FORWARD_TO(done, book_draw(book, "tune-curves", 504, 300, draw_curves, &chart));
done:
    free(curves.epochs);
    free(curves.lines);
    return status;
}
