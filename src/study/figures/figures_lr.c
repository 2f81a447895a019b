/* The learning-rate range test. */
#include "study/figures/figures.h"

#include "base/memory.h"

#include <math.h>

/* Where the loss runs away it would press all else flat: as high as the smoothed loss was until it was lowest, with some room. */
static double top_of_range(const LrRange *r) {
    double top = 0;
    for (int i = 0; i <= r->lowest; i++) top = fmax(top, r->points[i].smoothed);
    return 1.25 * top;
}

cf_status figure_lr_range(const FigureBook *book, const char *name, const LrRange *r) {
    const size_t n = (size_t)r->count;
    AUTO_FREE char *title = NULL;
    AUTO_FREE double *rate = NULL; /* and behind it the losses, and those smoothed */
    char labels[2][60];
    LineMark marks[2];
    int mark_count = 0;
    FileDraft csv;
    FORWARD(book_table(book, name, "step,learning_rate,loss,smoothed", &csv));
    for (int i = 0; i < r->count; i++)
        fprintf(csv.stream, "%d,%.9g,%.9g,%.9g\n", i + 1, r->points[i].rate, r->points[i].loss, r->points[i].smoothed);
    FORWARD(file_commit(&csv));
    FORWARD(memory_new(3 * n, sizeof *rate, &rate));
    for (size_t i = 0; i < n; i++) {
        rate[i] = r->points[i].rate;
        rate[n + i] = r->points[i].loss;
        rate[2 * n + i] = r->points[i].smoothed;
    }
    FORWARD(memory_print(&title, "Loss over the learning rate: %s", book->subject));
    if (r->steepest >= 0) {
        const LrRangePoint *p = &r->points[r->steepest];
        snprintf(labels[0], sizeof labels[0], "steepest, %.2g", p->rate);
        marks[mark_count++] = (LineMark){p->rate, p->smoothed, labels[0], 6};
    }
    const LrRangePoint *lowest = &r->points[r->lowest];
    snprintf(labels[1], sizeof labels[1], "lowest, %.2g", lowest->rate);
    marks[mark_count++] = (LineMark){lowest->rate, lowest->smoothed, labels[1], 2};
    const LineChart chart = {.title = title,
                             .x = {.label = "learning rate", .kind = AXIS_LOG},
                             .y = {.label = "cross-entropy", .high = top_of_range(r)},
                             .series_count = 1,
                             .mark_count = mark_count,
                             .behind_count = 1,
                             .series = &(LineSeries){"smoothed", rate, rate + 2 * n, n, 0, 0},
                             .marks = marks,
                             .behind = &(LineBehind){rate, rate + n, n, NAN, LINE_ENDS}};
    return book_lines(book, name, 400, 240, &chart);
}
