/* What a search has found: configurations in order, what parameters do, and how the trials went. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>

const char *const figures_tune_names[] = {"tune-configurations", "tune-parallel", "tune-effects",
                                          "tune-curves",         "tune-slices",   NULL};

static bool by_errors(const TuneResults *r) {
    return r->objective == OBJECTIVE_ACCURACY; /* the lowest is the best, as of losses */
}

static void csv_parameter_names(FILE *out, const TuneResults *r) {
    for (int p = 0; p < r->space.count; p++) csv_print(out, ",%s", r->space.parameters[p].name);
}

static void csv_parameters(FILE *out, const TuneResults *r, const Configuration *c) {
    for (int p = 0; p < r->space.count; p++) csv_print(out, ",%s", c->values[p]);
}

/* Rows with a loss and an accuracy, and the two panels that show them. */
static void loss_panels(const DotRows *rows, double reach, DotPanel panels[2]) {
    const Axis loss = {.label = "validation loss", .kind = axis_kind_of(rows->numbers, (size_t)rows->count)},
               accuracy = {.label = "validation accuracy, %", .percent = true};
    panels[0] = dot_rows_panel(rows, 0, loss, reach);
    panels[1] = dot_rows_panel(rows, 1, accuracy, reach);
}

/* ---- Configurations in order ---- */

enum { MOST_ROWS = 48 };

static void add_configuration(const TuneResults *r, int i, DotRows *rows) {
    const Configuration *c = &r->configurations[i];
    const Trial *first = c->trials[0];
    const bool shown = c->loss.count && c->loss.mean <= r->far;
    char loss[32];
    dot_rows_point(rows, i, 0, shown ? c->loss.mean : NAN, c->loss.low, c->loss.high);
    dot_rows_point(rows, i, 1, shown ? c->accuracy.mean : NAN, c->accuracy_low, c->accuracy_high);
    dot_rows_cell(rows, i, 0, "%d", i + 1);
    for (int p = 0; p < r->space.count; p++) dot_rows_cell(rows, i, 1 + p, "%s", configuration_label(r, c, p));
    if (!c->done) dot_rows_cell(rows, i, rows->columns - 1, "%s", trial_state_words[first->state]);
    if (shown) return;
    if (c->loss.count)
        dot_rows_note(rows, i, "loss %s, accuracy %.2f %%: it diverged, and is left out", text_loss(c->loss.mean, loss),
                      100 * c->accuracy.mean);
    else if (first->state == TRIAL_FAILED)
        dot_rows_note(rows, i, "%s", first->reason ? first->reason : "no reason was recorded");
    else
        dot_rows_note(rows, i, "no epoch is done yet");
}

static cf_status write_configurations(const FigureBook *book, const TuneResults *r) {
    FileDraft csv;
    FORWARD(book_csv(book, "tune-configurations", &csv));
    fputs("rank,trial", csv.stream);
    csv_parameter_names(csv.stream, r);
    fputs(",state,seeds,loss,loss_low,loss_high,accuracy,accuracy_low,accuracy_high,reason\n", csv.stream);
    for (size_t i = 0; i < r->count; i++) {
        const Configuration *c = &r->configurations[i];
        const double numbers[] = {c->loss.mean,     c->loss.low,     c->loss.high,
                                  c->accuracy.mean, c->accuracy_low, c->accuracy_high};
        fprintf(csv.stream, "%zu,%d", i + 1, c->trials[0]->id);
        csv_parameters(csv.stream, r, c);
        fprintf(csv.stream, ",%s,%zu", trial_state_words[c->trials[0]->state], c->done);
        csv_numbers(csv.stream, numbers, COUNT_OF(numbers));
        csv_print(csv.stream, ",%s\n", c->trials[0]->reason ? c->trials[0]->reason : "");
    }
    return file_commit(&csv);
}

static bool knows_a_loss(const TuneResults *r) {
    for (size_t i = 0; i < r->count; i++)
        if (r->configurations[i].loss.count && isfinite(r->configurations[i].loss.mean)) return true;
    notice("no trial has a validation loss yet, so there is no figure of them");
    return false;
}

static cf_status figure_configurations(const FigureBook *book, const TuneResults *r) {
    const size_t count = r->count < MOST_ROWS ? r->count : MOST_ROWS;
    AUTO(dot_rows_free) DotRows rows = {0};
    const char *headings[SPACE_MAX_PARAMETERS + 2] = {""};
    char title[256], more[64] = "";
    DotPanel panels[2];
    if (!knows_a_loss(r)) return CF_OK;
    FORWARD(write_configurations(book, r));
    FORWARD(dot_rows_new(count, r->space.count + 2, COUNT_OF(panels), &rows));
    for (int i = 0; i < rows.count; i++) add_configuration(r, i, &rows);
    for (int p = 0; p < r->space.count; p++) headings[1 + p] = r->space.parameters[p].name;
    headings[rows.columns - 1] = "";
    if (count < r->count) snprintf(more, sizeof more, ", the first %zu of %zu", count, r->count);
    snprintf(title, sizeof title, "%s: configurations by %s%s", book->subject, results_objective(r), more);
    loss_panels(&rows, 0, panels);
    DotChart chart = dot_rows_chart(&rows, title, headings, COUNT_OF(panels), panels);
    chart.best = 0;
    return book_dots(book, "tune-configurations", 540, dot_chart_height(&chart) + 20, &chart);
}

/* ---- Parallel coordinates ---- */

static cf_status write_parallel(const FigureBook *book, const TuneResults *r) {
    FileDraft csv;
    FORWARD(book_csv(book, "tune-parallel", &csv));
    fputs("trial", csv.stream);
    csv_parameter_names(csv.stream, r);
    fputs(",loss,accuracy\n", csv.stream);
    for (size_t i = 0; i < r->count; i++) {
        const Configuration *c = &r->configurations[i];
        fprintf(csv.stream, "%d", c->trials[0]->id);
        csv_parameters(csv.stream, r, c);
        csv_numbers(csv.stream, (const double[]){c->loss.mean, c->accuracy.mean}, 2);
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

static Axis range_axis(const SpaceParameter *p) {
    return (Axis){.kind = p->kind == PARAMETER_LOG_UNIFORM ? AXIS_LOG : AXIS_LINEAR, .whole = p->kind == PARAMETER_INTEGER};
}

static ParallelAxis parallel_axis(const SpaceParameter *p, const double *values) {
    if (p->kind == PARAMETER_LIST) return (ParallelAxis){p->name, values, (const char *const *)p->labels, p->count, {0}};
    return (ParallelAxis){.name = p->name, .values = values, .numbers = range_axis(p)};
}

static cf_status draw_parallel(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return parallel_chart_draw(canvas, theme, box, content);
}

static cf_status figure_parallel(const FigureBook *book, const TuneResults *r) {
    const size_t n = r->count, P = (size_t)r->space.count;
    ParallelAxis axes[SPACE_MAX_PARAMETERS + 1];
    AUTO_FREE double *values = NULL;
    char title[256];
    if (!knows_a_loss(r)) return CF_OK;
    FORWARD(write_parallel(book, r));
    FORWARD(memory_new((P + 1) * n, sizeof *values, &values));
    for (size_t i = 0; i < n; i++) {
        const Configuration *c = &r->configurations[i];
        for (size_t p = 0; p < P; p++) values[p * n + i] = c->trials[0]->point.values[p];
        values[P * n + i] = c->loss.mean > r->far ? NAN /* as a failed one */
                            : by_errors(r)        ? 100 * (1 - c->accuracy.mean)
                                                  : c->loss.mean;
    }
    for (size_t p = 0; p < P; p++) axes[p] = parallel_axis(&r->space.parameters[p], values + p * n);
    axes[P] = (ParallelAxis){.name = by_errors(r) ? "validation error, %" : "validation loss",
                             .values = values + P * n,
                             .numbers.kind = by_errors(r) ? AXIS_LINEAR : axis_kind_of(values + P * n, n)};
    snprintf(title, sizeof title, "%s: parameters and %s", book->subject, results_objective(r));
    const ParallelChart chart = {title, (int)P + 1, (int)n, axes, 0};
    return book_draw(book, "tune-parallel", fmax(504, 110.0 * (double)(P + 1)), 300, draw_parallel, &chart);
}

/* ---- Effects ---- */

static cf_status write_effects(const FigureBook *book, const Effect *effects, int parameters) {
    FileDraft csv;
    FORWARD(book_table(book, "tune-effects", "parameter,value,trials,loss,loss_low,loss_high,accuracy,accuracy_low,accuracy_high",
                       &csv));
    for (int p = 0; p < parameters; p++)
        for (size_t g = 0; g < effects[p].count; g++) {
            const EffectGroup *group = &effects[p].groups[g];
            const double numbers[] = {group->loss.mean,     group->loss.low,     group->loss.high,
                                      group->accuracy.mean, group->accuracy.low, group->accuracy.high};
            csv_print(csv.stream, "%s,%s,%zu", effects[p].name, group->text, group->loss.count);
            csv_numbers(csv.stream, numbers, COUNT_OF(numbers));
            fputc('\n', csv.stream);
        }
    return file_commit(&csv);
}

static void add_effect(const Effect *effect, int *at, DotRows *rows) {
    for (size_t g = 0; g < effect->count; g++, ++*at) {
        const EffectGroup *group = &effect->groups[g];
        dot_rows_point(rows, *at, 0, group->loss.mean, group->loss.low, group->loss.high);
        dot_rows_point(rows, *at, 1, group->accuracy.mean, group->accuracy.low, group->accuracy.high);
        if (g == 0) dot_rows_cell(rows, *at, 0, "%s", effect->name);
        dot_rows_cell(rows, *at, 1, "%s", group->text);
        dot_rows_cell(rows, *at, 2, "%zu", group->loss.count);
        rows->opens[*at] = g == 0;
    }
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

static cf_status draw_effect_rows(const FigureBook *book, const TuneResults *r, const Effect *effects) {
    static const char *const headings[] = {"parameter", "value", "trials"};
    AUTO(dot_rows_free) DotRows rows = {0};
    char title[256], after[48];
    DotPanel panels[2];
    size_t count = 0;
    int at = 0;
    for (int p = 0; p < r->space.count; p++) count += effects[p].count;
    if (!count) {
        notice("no trial is done yet, so there is no figure of what parameters do");
        return CF_OK;
    }
    FORWARD(dot_rows_new(count, COUNT_OF(headings), COUNT_OF(panels), &rows));
    for (int p = 0; p < r->space.count; p++) add_effect(&effects[p], &at, &rows);
    FORWARD(write_effects(book, effects, r->space.count));
    snprintf(title, sizeof title, "%s: effect of each parameter", book->subject);
    loss_panels(&rows, 2.5, panels);
    EffectsChart chart = {.dots = dot_rows_chart(&rows, title, headings, COUNT_OF(panels), panels)};
    epochs_text(r, after);
    snprintf(chart.note, sizeof chart.note,
             "Means over the %s with a value%s, without those that diverged; 95 %% Student t intervals",
             after[0] ? "trials" : "finished trials", after);
    return book_draw(book, "tune-effects", 504, dot_chart_height(&chart.dots) + 34, draw_effects, &chart);
}

static cf_status figure_effects(const FigureBook *book, const TuneResults *r) {
    Effect *effects;
    FORWARD(results_effects(r, &effects));
    cf_status status = draw_effect_rows(book, r, effects);
    effects_free(r, effects);
    return status;
}

/* ---- Slices: every trial over each parameter that has a range; there is no such figure where all are lists ---- */

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

static cf_status slices_fill(const TuneResults *r, Slices *slices) {
    const size_t most = r->list.count;
    const int epochs = results_effect_epochs(r);
    double loss, accuracy;
    FORWARD(memory_new(2 * most, sizeof *slices->reached, &slices->reached));
    FORWARD(memory_new(most, sizeof *slices->trials, &slices->trials));
    FORWARD(memory_new(most, sizeof *slices->dots, &slices->dots));
    slices->at = slices->reached + most;
    for (size_t i = 0; i < most; i++) {
        if (!results_reached(r, &r->list.trials[i], epochs, &loss, &accuracy)) continue;
        slices->reached[slices->count] = by_errors(r) ? 100 * (1 - accuracy) : loss;
        slices->trials[slices->count++] = &r->list.trials[i];
    }
    for (int p = 0; p < r->space.count; p++) slices->panels += r->space.parameters[p].kind != PARAMETER_LIST;
    return CF_OK;
}

static cf_status draw_slice(Canvas *canvas, const Theme *theme, Box box, const Slices *s, int parameter) {
    const bool errors = by_errors(s->results);
    for (size_t i = 0; i < s->count; i++) {
        s->at[i] = s->trials[i]->point.values[parameter];
        s->dots[i] = (LineBehind){&s->at[i], &s->reached[i], 1, 0.3, LINE_ENDS_RING};
    }
    LineChart chart = {.x = range_axis(&s->results->space.parameters[parameter]),
                       .y = {.label = errors ? "validation error, %" : "validation loss",
                             .kind = errors ? AXIS_LINEAR : axis_kind_of(s->reached, s->count)},
                       .behind_count = (int)s->count,
                       .behind = s->dots};
    chart.x.label = s->results->space.parameters[parameter].name;
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
    csv_parameter_names(csv.stream, s->results);
    fputs(by_errors(s->results) ? ",error_percent\n" : ",loss\n", csv.stream);
    for (size_t i = 0; i < s->count; i++) {
        fprintf(csv.stream, "%d", s->trials[i]->id);
        for (int p = 0; p < s->results->space.count; p++)
            csv_print(csv.stream, ",%s", space_value(&s->results->space, &s->trials[i]->point, p, number));
        csv_number(csv.stream, s->reached[i]);
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

static cf_status figure_slices(const FigureBook *book, const TuneResults *r) {
    AUTO(slices_free) Slices slices = {.results = r};
    char title[256], after[48];
    FORWARD(slices_fill(r, &slices));
    if (!slices.panels || !slices.count) return CF_OK;
    FORWARD(write_slices(book, &slices));
    epochs_text(r, after);
    snprintf(title, sizeof title, "%s: %zu trials over each range%s", book->subject, slices.count, after);
    slices.title = title;
    const int rows = (slices.panels + SLICES_ACROSS - 1) / SLICES_ACROSS;
    return book_draw(book, "tune-slices", 540, 30 + 190.0 * rows, draw_slices, &slices);
}

/* ---- Learning curves ---- */

typedef struct TrialLines {
    double *epochs,
        *losses;       /* all trials' behind each other, in one piece that begins with `epochs`; by accuracy the errors, % */
    LineBehind *lines; /* [count] the best comes last */
    size_t count, points;
    LineSeries best;
} TrialLines;

static void trial_lines_free(TrialLines *lines) {
    free(lines->epochs);
    free(lines->lines);
}

static cf_status write_curves(const FigureBook *book, const TuneResults *r) {
    FileDraft csv;
    FORWARD(
        book_table(book, "tune-curves", "trial,state,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy", &csv));
    for (size_t t = 0; t < r->list.count; t++)
        for (int e = 0; e < r->curves[t].count; e++) {
            const TrialEpoch *row = &r->curves[t].epochs[e];
            fprintf(csv.stream, "%d,%s,%d", r->list.trials[t].id, trial_state_words[r->list.trials[t].state], row->epoch);
            csv_numbers(csv.stream,
                        (const double[]){row->train_loss, row->train_accuracy, row->validation_loss, row->validation_accuracy},
                        4);
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
        curves->losses[curves->points] =
            by_errors(r) ? 100 * (1 - curve->epochs[e].validation_accuracy) : curve->epochs[e].validation_loss;
    }
    const LineEnd end = trial->state == TRIAL_PRUNED   ? LINE_ENDS_RING
                        : trial->state == TRIAL_FAILED ? LINE_ENDS_CROSS
                                                       : LINE_ENDS;
    curves->lines[curves->count++] =
        (LineBehind){curves->epochs + first, curves->losses + first, (size_t)curve->count, shade, end};
}

static cf_status trial_lines_fill(const TuneResults *r, TrialLines *curves) {
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

/* What the legend says besides the lines; how many entries. */
static int add_legend(const TuneResults *r, const TrialLines *curves, char name[96], LineSeries series[3]) {
    int count = 0;
    if (results_best(r)) {
        snprintf(name, 96, "best: trial %d", results_best(r)->trials[0]->id);
        series[count] = curves->best;
        series[count++].name = name;
    }
    if (r->pruned) series[count++] = (LineSeries){"ring: pruned", NULL, NULL, 0, CHART_MUTED, 0};
    if (r->failed) series[count++] = (LineSeries){"cross: failed", NULL, NULL, 0, CHART_MUTED, 0};
    return count;
}

/* Of what has not diverged; lines leave the chart for the rest. */
static Axis curves_axis(const TuneResults *r, const TrialLines *curves) {
    double near[2] = {INFINITY, -INFINITY}, all[2] = {INFINITY, -INFINITY};
    if (by_errors(r)) return (Axis){.label = "validation error, %"};
    for (size_t i = 0; i < curves->points; i++) {
        range_add(all, AXIS_LOG, &curves->losses[i], 1);
        if (curves->losses[i] <= r->far) range_add(near, AXIS_LOG, &curves->losses[i], 1);
    }
    Axis axis = {.label = "validation loss", .kind = near[1] / near[0] > 10 ? AXIS_LOG : AXIS_LINEAR};
    if (near[0] < near[1] && near[1] < all[1]) axis.low = 0.95 * near[0], axis.high = 1.05 * near[1];
    return axis;
}

static cf_status figure_trial_curves(const FigureBook *book, const TuneResults *r) {
    AUTO(trial_lines_free) TrialLines curves = {0};
    LineSeries series[3];
    char title[256], name[96];
    double range[2] = {INFINITY, -INFINITY};
    FORWARD(trial_lines_fill(r, &curves));
    if (!range_add(range, AXIS_LINEAR, curves.losses, curves.points)) {
        notice("no trial has finished an epoch yet, so there is no figure of learning curves");
        return CF_OK;
    }
    FORWARD(write_curves(book, r));
    snprintf(title, sizeof title, "%s: validation %s of %zu trials; the better a trial, the more its line stands out",
             book->subject, by_errors(r) ? "error" : "loss", r->list.count);
    const LineChart chart = {.title = title,
                             .x = {.label = "epoch", .whole = true},
                             .y = curves_axis(r, &curves),
                             .series_count = add_legend(r, &curves, name, series),
                             .series = series,
                             .behind_count = (int)curves.count,
                             .behind = curves.lines};
    return book_lines(book, "tune-curves", 504, 300, &chart);
}

/* ---- All of them ---- */

cf_status figures_tune_draw(const FigureBook *book, const TuneResults *results) {
    FORWARD(figure_configurations(book, results));
    FORWARD(figure_parallel(book, results));
    FORWARD(figure_effects(book, results));
    FORWARD(figure_trial_curves(book, results));
    return figure_slices(book, results);
}

static cf_status draw_all(const FigureBook *book, const void *results) {
    return figures_tune_draw(book, results);
}

cf_status figures_tune_make(const char *folder, const TuneResults *results, const FigureOptions *options, FigureList *list) {
    return figures_of_folder(folder, options->formats, list, draw_all, results);
}
