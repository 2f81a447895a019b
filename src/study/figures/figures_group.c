/* The figures of a group of runs: accuracies with their intervals, and all learning curves in one chart. */
#include "study/group/group.h"

#include "base/memory.h"
#include "base/text.h"
#include "study/run/run_files.h"

#include <math.h>
#include <stdlib.h>

const char *const figures_group_names[] = {"group-accuracy", "group-curves", NULL};

/* ---- Accuracies: a row per run, and one of the mean ---- */

enum { MOST_DOTS = 60 };

static void add_accuracy(DotRows *rows, int row, const char *name, const MeanInterval *validation, const MeanInterval *test) {
    dot_rows_point(rows, row, 0, validation->mean, validation->low, validation->high);
    dot_rows_point(rows, row, 1, test->mean, test->low, test->high);
    dot_rows_cell(rows, row, 0, "%s", name);
    if (isfinite(test->mean)) dot_rows_cell(rows, row, 1, "%.2f", 100 * test->mean);
}

static cf_status write_accuracies(const FigureBook *book, const Group *group) {
    FileDraft csv;
    FORWARD(book_table(book, "group-accuracy", "run,validation,test,test_low,test_high", &csv));
    for (int i = 0; i <= group->plan.count; i++) {
        const GroupRun *run = i < group->plan.count ? &group->runs[i] : NULL;
        const MeanInterval *test = &group->test;
        fputs(run ? run->name : "mean", csv.stream);
        csv_numbers(csv.stream,
                    run ? (const double[]){run->validation, run->test, run->low, run->high}
                        : (const double[]){group->validation.mean, test->mean, test->low, test->high},
                    4);
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

static cf_status figure_accuracy(const FigureBook *book, const Group *group) {
    const char *headings[] = {group->plan.kind == GROUP_SEEDS ? "seed" : "fold", "test, %"};
    const int shown = group->plan.count < MOST_DOTS ? group->plan.count : MOST_DOTS;
    AUTO(dot_rows_free) DotRows rows = {0};
    char title[256], more[64] = "";
    FORWARD(write_accuracies(book, group));
    FORWARD(dot_rows_new((size_t)shown + 1, COUNT_OF(headings), 2, &rows));
    for (int i = 0; i < shown; i++) {
        const GroupRun *run = &group->runs[i];
        add_accuracy(&rows, i, run->name, &(MeanInterval){.mean = run->validation, .low = NAN, .high = NAN},
                     &(MeanInterval){.mean = run->test, .low = run->low, .high = run->high});
        if (!run->done) dot_rows_note(&rows, i, "%s", run->files.state);
    }
    add_accuracy(&rows, shown, "mean", &group->validation, &group->test);
    rows.opens[shown] = true;
    if (shown < group->plan.count) snprintf(more, sizeof more, ", the first %d of %d", shown, group->plan.count);
    snprintf(title, sizeof title, "%s: accuracy of each run%s, and the mean", book->subject, more);
    /* No end is cut: over few test images an interval is many times as wide as what seeds differ by. */
    const DotPanel panels[] = {dot_rows_panel(&rows, 0, (Axis){.label = "validation accuracy, %", .percent = true}, 1e6),
                               dot_rows_panel(&rows, 1, (Axis){.label = "test accuracy, %", .percent = true}, 1e6)};
    DotChart chart = dot_rows_chart(&rows, title, headings, COUNT_OF(panels), panels);
    chart.best = shown;
    return book_dots(book, "group-accuracy", 504, dot_chart_height(&chart) + 20, &chart);
}

/* ---- Learning curves ---- */

enum { LOSS, ACCURACY, PANELS };

typedef struct GroupCurves {
    EpochRow **rows;  /* [count of runs] */
    int *epochs;      /* [count of runs]; 0: there is no history */
    int count, runs, shared; /* runs; those with a history; epochs that all of them have, of which there is a mean */
    size_t points;
    double *epoch, *values[PANELS]; /* of all runs, one behind the other, in one piece that begins with `epoch` */
    double *mean[PANELS];           /* [shared] */
    LineBehind *lines[PANELS];      /* [runs] */
} GroupCurves;

static void group_curves_free(GroupCurves *c) {
    for (int i = 0; c->rows && i < c->count; i++) free(c->rows[i]);
    free(c->rows);
    free(c->epochs);
    free(c->epoch);
    free(c->lines[LOSS]);
}

static cf_status read_histories(const Group *group, GroupCurves *c) {
    const size_t n = (size_t)group->plan.count;
    FORWARD(memory_new(n, sizeof *c->rows, &c->rows));
    FORWARD(memory_new(n, sizeof *c->epochs, &c->epochs));
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *path = NULL;
        FORWARD(file_join(group->runs[i].folder, "history.csv", &path));
        if (file_exists(path)) FORWARD(history_read(path, &c->rows[i], &c->epochs[i]));
        if (!c->epochs[i]) continue;
        c->shared = c->runs++ ? (c->epochs[i] < c->shared ? c->epochs[i] : c->shared) : c->epochs[i];
        c->points += (size_t)c->epochs[i];
    }
    return CF_OK;
}

static void add_run(GroupCurves *c, const EpochRow *rows, int count, size_t first, int line) {
    for (int e = 0; e < count; e++) {
        c->epoch[first + (size_t)e] = rows[e].epoch;
        c->values[LOSS][first + (size_t)e] = rows[e].validation_loss;
        c->values[ACCURACY][first + (size_t)e] = rows[e].validation_accuracy;
        if (e >= c->shared) continue;
        c->mean[LOSS][e] += rows[e].validation_loss / c->runs;
        c->mean[ACCURACY][e] += rows[e].validation_accuracy / c->runs;
    }
    for (int p = 0; p < PANELS; p++)
        c->lines[p][line] = (LineBehind){c->epoch + first, c->values[p] + first, (size_t)count, NAN, LINE_ENDS};
}

static cf_status lay_curves(GroupCurves *c) {
    const size_t n = c->points, shared = (size_t)c->shared;
    size_t first = 0;
    int line = 0;
    FORWARD(memory_new(3 * n + 2 * shared, sizeof *c->epoch, &c->epoch));
    FORWARD(memory_new(2 * (size_t)c->runs, sizeof *c->lines[0], &c->lines[LOSS]));
    c->lines[ACCURACY] = c->lines[LOSS] + c->runs;
    for (int p = 0; p < PANELS; p++) {
        c->values[p] = c->epoch + (size_t)(1 + p) * n;
        c->mean[p] = c->epoch + 3 * n + (size_t)p * shared;
    }
    for (int i = 0; i < c->count; i++) {
        if (!c->epochs[i]) continue;
        add_run(c, c->rows[i], c->epochs[i], first, line++);
        first += (size_t)c->epochs[i];
    }
    return CF_OK;
}

/* The mean reads the first `shared` epochs of the first run for x: every history begins with epoch 1. */
static cf_status draw_panel(Canvas *canvas, const Theme *theme, Box box, const GroupCurves *c, int panel) {
    const Axis axes[] = {{.label = "cross-entropy", .kind = axis_kind_of(c->values[LOSS], c->points)},
                         {.label = "accuracy, %", .percent = true}};
    char mean[48];
    snprintf(mean, sizeof mean, "mean of %d", c->runs);
    const LineSeries series[] = {{mean, c->epoch, c->mean[panel], (size_t)c->shared, 0, 0},
                                 {"each run", NULL, NULL, 0, CHART_MUTED, 0}};
    const LineChart chart = {.title = panel == LOSS ? "Validation loss" : "Validation accuracy",
                             .x = {.label = "epoch", .whole = true},
                             .y = axes[panel],
                             .series_count = COUNT_OF(series),
                             .series = series,
                             .behind_count = c->runs,
                             .behind = c->lines[panel]};
    return line_chart_draw(canvas, theme, box, &chart);
}

static cf_status draw_curves(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    for (int p = 0; p < PANELS; p++)
        FORWARD(draw_panel(canvas, theme, box_of_grid(box, 1, PANELS, 14, 0, p), content, p));
    return CF_OK;
}

static cf_status write_curves(const FigureBook *book, const Group *group, const GroupCurves *c) {
    FileDraft csv;
    FORWARD(book_table(book, "group-curves", "run,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy", &csv));
    for (int i = 0; i < c->count; i++)
        for (int e = 0; e < c->epochs[i]; e++) {
            const EpochRow *row = &c->rows[i][e];
            fprintf(csv.stream, "%s,%d", group->runs[i].name, row->epoch);
            csv_numbers(csv.stream,
                        (const double[]){row->train_loss, row->train_accuracy, row->validation_loss, row->validation_accuracy},
                        4);
            fputc('\n', csv.stream);
        }
    return file_commit(&csv);
}

static cf_status figure_group_curves(const FigureBook *book, const Group *group) {
    AUTO(group_curves_free) GroupCurves curves = {.count = group->plan.count};
    FORWARD(read_histories(group, &curves));
    if (!curves.runs) return book_leave_out(book, "group-curves", "no epoch is done yet");
    FORWARD(lay_curves(&curves));
    FORWARD(write_curves(book, group, &curves));
    return book_draw(book, "group-curves", 504, 210, draw_curves, &curves);
}

/* ---- Both ---- */

static cf_status draw_both(const FigureBook *book, const void *group) {
    FORWARD(book_unless_undrawable(book, figures_group_names[0], figure_accuracy(book, group)));
    return book_unless_undrawable(book, figures_group_names[1], figure_group_curves(book, group));
}

cf_status figures_group_make(const Group *group, const FigureOptions *options, FigureList *list) {
    return figures_of_folder(group->folder, options->formats, list, draw_both, group);
}
