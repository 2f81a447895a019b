/* The figures of a group of runs: accuracies with their intervals, and all learning curves in one chart. */
#include "study/group/group.h"

#include "base/memory.h"
#include "base/text.h"
#include "draw/chart_dot.h"
#include "draw/chart_line.h"
#include "study/run/run_files.h"

#include <math.h>
#include <stdlib.h>

const char *const figures_group_names[] = {"group-accuracy", "group-curves", NULL};

/* ---- Accuracies ---- */

enum { MOST_DOTS = 60, DOT_COLUMNS = 2 };

/* A row per run, and one of the mean. */
typedef struct AccuracyRows {
    int count;
    double *validation, *low, *high, *test, *test_low,
        *test_high;              /* [count] in one piece that begins with `validation` */
    const char **cells, **notes; /* [count][DOT_COLUMNS], [count] */
    char (*texts)[16];
    bool *opens;
} AccuracyRows;

static void accuracy_rows_free(AccuracyRows *rows) {
    free(rows->validation);
    free(rows->cells);
    free(rows->notes);
    free(rows->texts);
    free(rows->opens);
}

static void fill_rows(const Group *group, AccuracyRows *rows) {
    const size_t last = (size_t)rows->count - 1;
    for (size_t i = 0; i < last; i++) {
        const GroupRun *run = &group->runs[i];
        rows->validation[i] = run->validation, rows->test[i] = run->test;
        rows->low[i] = rows->high[i] = NAN;
        rows->test_low[i] = run->low, rows->test_high[i] = run->high;
        rows->cells[DOT_COLUMNS * i] = run->name;
        if (!run->done) rows->notes[i] = run->files.state;
    }
    rows->validation[last] = group->validation.mean, rows->low[last] = group->validation.low,
    rows->high[last] = group->validation.high;
    rows->test[last] = group->test.mean, rows->test_low[last] = group->test.low,
    rows->test_high[last] = group->test.high;
    rows->cells[DOT_COLUMNS * last] = "mean";
    rows->opens[last] = true;
    for (size_t i = 0; i <= last; i++) {
        if (isfinite(rows->test[i])) snprintf(rows->texts[i], sizeof rows->texts[i], "%.2f", 100 * rows->test[i]);
        rows->cells[DOT_COLUMNS * i + 1] = rows->texts[i];
    }
}

static cf_status accuracy_rows_new(const Group *group, AccuracyRows *rows) {
    const size_t n = (size_t)(group->plan.count < MOST_DOTS ? group->plan.count : MOST_DOTS) + 1;
    *rows = (AccuracyRows){.count = (int)n};
    FORWARD(memory_new(6 * n, sizeof *rows->validation, &rows->validation));
    double **all[] = {&rows->low, &rows->high, &rows->test, &rows->test_low, &rows->test_high};
    for (size_t i = 0; i < COUNT_OF(all); i++) *all[i] = rows->validation + (i + 1) * n;
    FORWARD(memory_new(DOT_COLUMNS * n, sizeof *rows->cells, &rows->cells));
    FORWARD(memory_new(n, sizeof *rows->notes, &rows->notes));
    FORWARD(memory_new(n, sizeof *rows->texts, &rows->texts));
    FORWARD(memory_new(n, sizeof *rows->opens, &rows->opens));
    fill_rows(group, rows);
    return CF_OK;
}

static cf_status write_accuracies(const FigureBook *book, const Group *group) {
    FileDraft csv;
    FORWARD(book_csv(book, "group-accuracy", &csv));
    fputs("run,validation,test,test_low,test_high\n", csv.stream);
    for (int i = 0; i < group->plan.count; i++) {
        const GroupRun *run = &group->runs[i];
        const double numbers[] = {run->validation, run->test, run->low, run->high};
        fputs(run->name, csv.stream);
        for (size_t k = 0; k < COUNT_OF(numbers); k++) csv_number(csv.stream, numbers[k]);
        fputc('\n', csv.stream);
    }
    const double mean[] = {group->validation.mean, group->test.mean, group->test.low, group->test.high};
    fputs("mean", csv.stream);
    for (size_t k = 0; k < COUNT_OF(mean); k++) csv_number(csv.stream, mean[k]);
    fputc('\n', csv.stream);
    return file_commit(&csv);
}

static cf_status draw_dots(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return dot_chart_draw(canvas, theme, box, content);
}

static cf_status figure_accuracy(const FigureBook *book, const Group *group) {
    const char *headings[DOT_COLUMNS] = {group->plan.kind == GROUP_SEEDS ? "seed" : "fold", "test, %"};
    AccuracyRows rows = {0};
    char title[256], more[64] = "";
    cf_status status;
    FORWARD_TO(done, write_accuracies(book, group));
    FORWARD_TO(done, accuracy_rows_new(group, &rows));
    if (rows.count - 1 < group->plan.count)
        snprintf(more, sizeof more, ", the first %d of %d", rows.count - 1, group->plan.count);
    snprintf(title, sizeof title, "%s: accuracy of each run%s, and the mean", book->subject, more);
    /* No end is cut: over few test images an interval is many times as wide as what seeds differ by. */
    const DotPanel panels[] = {
        {{.label = "validation accuracy, %", .percent = true}, rows.validation, rows.low, rows.high, 1e6},
        {{.label = "test accuracy, %", .percent = true}, rows.test, rows.test_low, rows.test_high, 1e6}};
    const DotChart chart = {.title = title,
                            .row_count = rows.count,
                            .column_count = DOT_COLUMNS,
                            .headings = headings,
                            .cells = rows.cells,
                            .notes = rows.notes,
                            .opens = rows.opens,
                            .best = rows.count - 1,
                            .panel_count = COUNT_OF(panels),
                            .panels = panels};
    FORWARD_TO(done, book_draw(book, "group-accuracy", 504, dot_chart_height(&chart) + 20, draw_dots, &chart));
done:
    accuracy_rows_free(&rows);
    return status;
}

/* ---- Learning curves ---- */

enum { LOSS, ACCURACY, PANELS };

typedef struct GroupCurves {
    EpochRow **rows;  /* [count of runs] */
    int *epochs;      /* [count of runs]; 0: there is no history */
    int runs, shared; /* runs with a history; epochs that all of them have, of which there is a mean */
    size_t points;
    double *epoch, *values[PANELS]; /* of all runs, one behind the other, in one piece that begins with `epoch` */
    double *mean[PANELS];           /* [shared] */
    LineBehind *lines[PANELS];      /* [runs] */
    char name[48];
} GroupCurves;

static void curves_drop(const Group *group, GroupCurves *c) {
    for (int i = 0; c->rows && i < group->plan.count; i++) free(c->rows[i]);
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
        char *path;
        FORWARD(file_join(group->runs[i].folder, "history.csv", &path));
        cf_status status = file_exists(path) ? history_read(path, &c->rows[i], &c->epochs[i]) : CF_OK;
        free(path);
        FORWARD(status);
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

static cf_status curves_lay(const Group *group, GroupCurves *c) {
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
    for (int i = 0; i < group->plan.count; i++) {
        if (!c->epochs[i]) continue;
        add_run(c, c->rows[i], c->epochs[i], first, line++);
        first += (size_t)c->epochs[i];
    }
    snprintf(c->name, sizeof c->name, "mean of %d", c->runs);
    return CF_OK;
}

static cf_status draw_panel(Canvas *canvas, const Theme *theme, Box box, const GroupCurves *c, int panel) {
    const Axis axes[] = {{.label = "cross-entropy", .kind = axis_kind_of(c->values[LOSS], c->points)},
                         {.label = "accuracy, %", .percent = true}};
    const LineSeries series[] = {{c->name, c->epoch, c->mean[panel], (size_t)c->shared, 0, 0},
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
    FORWARD(book_csv(book, "group-curves", &csv));
    fputs("run,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n", csv.stream);
    for (int i = 0; i < group->plan.count; i++)
        for (int e = 0; e < c->epochs[i]; e++) {
            const EpochRow *row = &c->rows[i][e];
            const double numbers[] = {row->train_loss, row->train_accuracy, row->validation_loss,
                                      row->validation_accuracy};
            fprintf(csv.stream, "%s,%d", group->runs[i].name, row->epoch);
            for (size_t k = 0; k < COUNT_OF(numbers); k++) csv_number(csv.stream, numbers[k]);
            fputc('\n', csv.stream);
        }
    return file_commit(&csv);
}

/* The mean reads the first `shared` epochs of the first run for x: every history begins with epoch 1. */
static cf_status figure_group_curves(const FigureBook *book, const Group *group) {
    GroupCurves curves = {0};
    cf_status status;
    FORWARD_TO(done, read_histories(group, &curves));
    if (!curves.runs) {
        status = book_leave_out(book, "group-curves", "no epoch is done yet");
        goto done;
    }
    FORWARD_TO(done, curves_lay(group, &curves));
    FORWARD_TO(done, write_curves(book, group, &curves));
    FORWARD_TO(done, book_draw(book, "group-curves", 504, 210, draw_curves, &curves));
done:
    curves_drop(group, &curves);
    return status;
}

/* ---- Both ---- */

static cf_status unless_undrawable(const FigureBook *book, const char *name, cf_status status) {
    return status == CF_BAD_USE ? book_leave_out(book, name, cf_error()) : status;
}

cf_status figures_group_make(const Group *group, const FigureOptions *options, FigureList *list) {
    char *folder = NULL, *real = realpath(group->folder, NULL); /* of "." too a name */
    cf_status status = CF_OK;
    if (options->formats) {
        FORWARD_TO(done, file_join(group->folder, "figures", &folder));
        FORWARD_TO(done, file_make_folder(folder));
        const FigureBook book = {folder,
                                 "",
                                 file_base_name(real ? real : group->folder),
                                 options->formats,
                                 list};
        FORWARD_TO(done, unless_undrawable(&book, figures_group_names[0], figure_accuracy(&book, group)));
        FORWARD_TO(done, unless_undrawable(&book, figures_group_names[1], figure_group_curves(&book, group)));
    }
done:
    free(folder);
    free(real);
    return status;
}
