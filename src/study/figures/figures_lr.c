#include "study/figures/figures_lr.h"

#include "base/memory.h"
#include "draw/chart_line.h"

#include <math.h>
#include <stdlib.h>

typedef struct RangeCurves {
    const LrRange *range;
    const char *title;
    double *rate, *loss, *smoothed; /* in one piece of memory that begins with `rate` */
} RangeCurves;

/* Where the loss runs away it would press all else flat: as high as the smoothed loss was until it was lowest, with some room. */
static double top_of(const LrRange *r) {
    double top = 0;
    for (int i = 0; i <= r->lowest; i++) top = fmax(top, r->points[i].smoothed);
    return 1.25 * top;
}

static cf_status draw_range(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const RangeCurves *c = content;
    const LrRange *r = c->range;
    const size_t count = (size_t)r->count;
    const LineSeries series[] = {{"smoothed", c->rate, c->smoothed, count, 0, 0}};
    const LineBehind steps = {c->rate, c->loss, count, NAN, LINE_ENDS};
    char labels[2][60];
    LineMark marks[2];
    int mark_count = 0;
    if (r->steepest >= 0) {
        const LrRangePoint *p = &r->points[r->steepest];
        snprintf(labels[0], sizeof labels[0], "steepest, %.2g", p->rate);
        marks[mark_count++] = (LineMark){p->rate, p->smoothed, labels[0], 6};
    }
    const LrRangePoint *lowest = &r->points[r->lowest];
    snprintf(labels[1], sizeof labels[1], "lowest, %.2g", lowest->rate);
    marks[mark_count++] = (LineMark){lowest->rate, lowest->smoothed, labels[1], 2};
    const LineChart chart = {.title = c->title,
                             .x = {.label = "learning rate", .kind = AXIS_LOG},
                             .y = {.label = "cross-entropy", .high = top_of(r)},
                             .series_count = COUNT_OF(series),
                             .mark_count = mark_count,
                             .behind_count = 1,
                             .series = series,
                             .marks = marks,
                             .behind = &steps};
    return line_chart_draw(canvas, theme, box, &chart);
}

static cf_status write_range(const FigureBook *book, const char *name, const LrRange *r) {
    FileDraft csv;
    FORWARD(book_csv(book, name, &csv));
    fputs("step,learning_rate,loss,smoothed\n", csv.stream);
    for (int i = 0; i < r->count; i++)
        fprintf(csv.stream, "%d,%.9g,%.9g,%.9g\n", i + 1, r->points[i].rate, r->points[i].loss, r->points[i].smoothed);
    return file_commit(&csv);
}

cf_status figure_lr_range(const FigureBook *book, const char *name, const LrRange *range) {
    const size_t n = (size_t)range->count;
    RangeCurves curves = {.range = range};
    char *title;
    FORWARD(write_range(book, name, range));
    FORWARD(memory_new(3 * n, sizeof *curves.rate, &curves.rate));
    curves.loss = curves.rate + n, curves.smoothed = curves.rate + 2 * n;
    for (size_t i = 0; i < n; i++) {
        curves.rate[i] = range->points[i].rate;
        curves.loss[i] = range->points[i].loss;
        curves.smoothed[i] = range->points[i].smoothed;
    }
    cf_status status = memory_print(&title, "Loss over the learning rate: %s", book->subject);
    if (!status) {
        curves.title = title;
        status = book_draw(book, name, 400, 240, draw_range, &curves);
        free(title);
    }
    free(curves.rate);
    return status;
}
