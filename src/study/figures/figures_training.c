/* How the training went: losses and accuracies, rates and speed. */
#include "study/figures/figures.h"

#include "study/run/run_files.h"

#include <math.h>
#include <stdlib.h>

enum { EPOCH, TRAIN_LOSS, VALIDATION_LOSS, TRAIN_ACCURACY, VALIDATION_ACCURACY, RATE, SPEED, COLUMNS };

/* history.csv by columns. */
typedef struct Training {
    size_t count;
    int best;
    bool adapted;
    double *column[COLUMNS]; /* [count], in one piece of memory that begins with the first */
} Training;

static void training_free(Training *t) {
    free(t->column[0]);
}

static cf_status training_read(const char *history_path, cf_stop_on stop_on, Training *t) {
    AUTO_FREE EpochRow *rows = NULL;
    int count;
    FORWARD(history_read(history_path, &rows, &count));
    t->count = (size_t)count;
    t->best = count ? history_best(rows, count, stop_on) : 0;
    FORWARD(memory_new(COLUMNS * t->count, sizeof(double), &t->column[0]));
    for (size_t c = 1; c < COLUMNS; c++) t->column[c] = t->column[0] + c * t->count;
    for (size_t i = 0; i < t->count; i++) {
        const double values[COLUMNS] = {
            rows[i].epoch, rows[i].train_loss,       rows[i].validation_loss, rows[i].train_accuracy, rows[i].validation_accuracy,
            rows[i].rate,  rows[i].images_per_second};
        for (size_t c = 0; c < COLUMNS; c++) t->column[c][i] = values[c];
    }
    return CF_OK;
}

/* ---- Losses and accuracies ---- */

/* Training and validation, from column `first` on, with the best epoch marked. */
static cf_status draw_curve(Canvas *canvas, const Theme *theme, Box box, const Training *t, const char *title, Axis axis,
                            int first, const char *const names[2]) {
    double *const *column = t->column;
    const LineSeries series[] = {{names[0], column[EPOCH], column[first], t->count, 0, 0},
                                 {names[1], column[EPOCH], column[first + 1], t->count, 6, 0}};
    char label[40];
    snprintf(label, sizeof label, "best, epoch %.0f", column[EPOCH][t->best]);
    const LineMark mark = {column[EPOCH][t->best], column[first + 1][t->best], label, 6};
    const LineChart chart = {.title = title,
                             .x = {.label = "epoch", .whole = true},
                             .y = axis,
                             .series_count = COUNT_OF(series),
                             .mark_count = 1,
                             .series = series,
                             .marks = &mark};
    return line_chart_draw(canvas, theme, box, &chart);
}

static cf_status draw_curves(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    static const char *const plain[] = {"train", "validation"}, *const losses[] = {"training loss", "score without labels"},
                             *const shares[] = {"training accuracy", "validation confidence"};
    const Training *t = content;
    const bool adapted = t->adapted;
    const Axis loss = {.label = adapted ? "loss, score" : "cross-entropy",
                       .kind = axis_kind_of(t->column[TRAIN_LOSS], 2 * t->count)},
               accuracy = {.label = adapted ? "%" : "accuracy, %", .percent = true};
    FORWARD(draw_curve(canvas, theme, box_of_grid(box, 1, 2, 14, 0, 0), t, adapted ? "Loss and score" : "Loss", loss, TRAIN_LOSS,
                       adapted ? losses : plain));
    return draw_curve(canvas, theme, box_of_grid(box, 1, 2, 14, 0, 1), t, adapted ? "Accuracy and confidence" : "Accuracy",
                      accuracy, TRAIN_ACCURACY, adapted ? shares : plain);
}

cf_status figure_curves(const FigureBook *book, const char *history_path, cf_stop_on stop_on, bool adapted) {
    AUTO(training_free) Training t = {.adapted = adapted};
    FileDraft csv;
    FORWARD(training_read(history_path, stop_on, &t));
    if (!t.count) {
        notice("%s has no epoch yet, so there is no figure of the training", history_path);
        return CF_OK;
    }
    FORWARD(book_table(book, "curves", "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,best", &csv));
    for (size_t i = 0; i < t.count; i++)
        fprintf(csv.stream, "%.0f,%.9g,%.9g,%.9g,%.9g,%d\n", t.column[EPOCH][i], t.column[TRAIN_LOSS][i],
                t.column[TRAIN_ACCURACY][i], t.column[VALIDATION_LOSS][i], t.column[VALIDATION_ACCURACY][i], (int)i == t.best);
    FORWARD(file_commit(&csv));
    return book_draw(book, "curves", 504, 200, draw_curves, &t);
}

/* ---- Rates and speed ---- */

/* From 0, so that a few per cent look like a few per cent. */
static cf_status draw_rate(Canvas *canvas, const Theme *theme, Box box, const Training *t, int column, const char *title,
                           const char *label) {
    const LineSeries series = {NULL, t->column[EPOCH], t->column[column], t->count, 0, 0};
    double highest = 0;
    for (size_t i = 0; i < t->count; i++) highest = fmax(highest, t->column[column][i]);
    const LineChart chart = {.title = title,
                             .x = {.label = "epoch", .whole = true},
                             .y = {.label = label, .high = highest > 0 ? 1.08 * highest : 1},
                             .series_count = 1,
                             .series = &series};
    return line_chart_draw(canvas, theme, box, &chart);
}

static cf_status draw_rates(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    FORWARD(draw_rate(canvas, theme, box_of_grid(box, 1, 2, 14, 0, 0), content, RATE, "Learning rate", "at the epoch's end"));
    return draw_rate(canvas, theme, box_of_grid(box, 1, 2, 14, 0, 1), content, SPEED, "Speed", "images per second");
}

cf_status figure_rates(const FigureBook *book, const char *history_path) {
    AUTO(training_free) Training t = {0};
    FileDraft csv;
    FORWARD(training_read(history_path, CF_STOP_ON_LOSS, &t));
    if (!t.count) return CF_OK; /* figure_curves has said so */
    FORWARD(book_table(book, "rates", "epoch,learning_rate,images_per_second", &csv));
    for (size_t i = 0; i < t.count; i++)
        fprintf(csv.stream, "%.0f,%.9g,%.9g\n", t.column[EPOCH][i], t.column[RATE][i], t.column[SPEED][i]);
    FORWARD(file_commit(&csv));
    return book_draw(book, "rates", 504, 180, draw_rates, &t);
}
