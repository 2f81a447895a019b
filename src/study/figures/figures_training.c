/* How the training went. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "draw/chart_line.h"
#include "study/run/run_files.h"

#include <math.h>
#include <stdlib.h>

enum { TRAIN, VALIDATION, PARTS };

/* history.csv by columns. */
typedef struct TrainingCurves {
    int count, best;
    bool adapted;
    double *epoch, *loss[PARTS], *accuracy[PARTS]; /* [count], in one piece of memory that begins with `epoch` */
} TrainingCurves;

static cf_status training_curves_new(const EpochRow *rows, int count, cf_stop_on stop_on, TrainingCurves *curves) {
    const size_t n = (size_t)count;
    *curves = (TrainingCurves){.count = count, .best = history_best(rows, count, stop_on)};
    FORWARD(memory_new(n * 5, sizeof *curves->epoch, &curves->epoch));
    for (int p = 0; p < PARTS; p++) {
        curves->loss[p] = curves->epoch + (size_t)(1 + p) * n;
        curves->accuracy[p] = curves->epoch + (size_t)(3 + p) * n;
    }
    for (int i = 0; i < count; i++) {
        curves->epoch[i] = rows[i].epoch;
        curves->loss[TRAIN][i] = rows[i].train_loss;
        curves->loss[VALIDATION][i] = rows[i].validation_loss;
        curves->accuracy[TRAIN][i] = rows[i].train_accuracy;
        curves->accuracy[VALIDATION][i] = rows[i].validation_accuracy;
    }
    return CF_OK;
}

static cf_status draw_panel(Canvas *canvas, const Theme *theme, Box box, const TrainingCurves *curves,
                            const char *title, Axis axis, double *const values[PARTS], const char *const names[PARTS]) {
    const size_t count = (size_t)curves->count;
    const LineSeries series[PARTS] = {{names[TRAIN], curves->epoch, values[TRAIN], count, 0, 0},
                                      {names[VALIDATION], curves->epoch, values[VALIDATION], count, 6, 0}};
    char label[40];
    snprintf(label, sizeof label, "best, epoch %.0f", curves->epoch[curves->best]);
    const LineMark mark = {curves->epoch[curves->best], values[VALIDATION][curves->best], label, 6};
    const LineChart chart = {.title = title,
                             .x = {.label = "epoch", .whole = true},
                             .y = axis,
                             .series_count = PARTS,
                             .mark_count = 1,
                             .series = series,
                             .marks = &mark};
    return line_chart_draw(canvas, theme, box, &chart);
}

static cf_status draw_curves(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const TrainingCurves *curves = content;
    static const char *const plain[PARTS] = {"train", "validation"}, *const losses[PARTS] = {"training loss", "score without labels"},
                            *const shares[PARTS] = {"training accuracy", "validation confidence"};
    const bool adapted = curves->adapted;
    const Axis loss = {.label = adapted ? "loss, score" : "cross-entropy", .kind = axis_kind_of(curves->loss[TRAIN], PARTS * (size_t)curves->count)},
               accuracy = {.label = adapted ? "%" : "accuracy, %", .percent = true};
    FORWARD(draw_panel(canvas, theme, box_of_grid(box, 1, 2, 14, 0, 0), curves, adapted ? "Loss and score" : "Loss", loss, curves->loss,
                       adapted ? losses : plain));
    return draw_panel(canvas, theme, box_of_grid(box, 1, 2, 14, 0, 1), curves, adapted ? "Accuracy and confidence" : "Accuracy",
                      accuracy, curves->accuracy, adapted ? shares : plain);
}

static cf_status write_curves(const FigureBook *book, const TrainingCurves *c) {
    FileDraft csv;
    FORWARD(book_csv(book, "curves", &csv));
    fputs("epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,best\n", csv.stream);
    for (int i = 0; i < c->count; i++)
        fprintf(csv.stream, "%.0f,%.9g,%.9g,%.9g,%.9g,%d\n", c->epoch[i], c->loss[TRAIN][i], c->accuracy[TRAIN][i],
                c->loss[VALIDATION][i], c->accuracy[VALIDATION][i], i == c->best);
    return file_commit(&csv);
}

cf_status figure_curves(const FigureBook *book, const char *history_path, cf_stop_on stop_on, bool adapted) {
    EpochRow *rows;
    int count;
    TrainingCurves curves;
    FORWARD(history_read(history_path, &rows, &count));
    if (count == 0) {
        free(rows);
        notice("%s has no epoch yet, so there is no figure of the training", history_path);
        return CF_OK;
    }
    cf_status status = training_curves_new(rows, count, stop_on, &curves);
    free(rows);
    FORWARD(status);
    curves.adapted = adapted;
    status = write_curves(book, &curves);
    if (!status) status = book_draw(book, "curves", 504, 200, draw_curves, &curves);
    free(curves.epoch);
    return status;
}
