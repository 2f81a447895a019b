/* How fast the training went, and with what steps. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "draw/chart_line.h"
#include "study/run/run_files.h"

#include <stdlib.h>

typedef struct Rates {
    size_t count;
    double *epoch, *rate, *speed; /* [count], in one piece of memory that begins with `epoch` */
} Rates;

static cf_status rates_new(const EpochRow *rows, int count, Rates *rates) {
    const size_t n = (size_t)count;
    *rates = (Rates){.count = n};
    FORWARD(memory_new(3 * n, sizeof *rates->epoch, &rates->epoch));
    rates->rate = rates->epoch + n;
    rates->speed = rates->rate + n;
    for (size_t i = 0; i < n; i++) {
        rates->epoch[i] = rows[i].epoch;
        rates->rate[i] = rows[i].rate;
        rates->speed[i] = rows[i].images_per_second;
    }
    return CF_OK;
}

static cf_status write_rates(const FigureBook *book, const Rates *rates) {
    FileDraft csv;
    FORWARD(book_csv(book, "rates", &csv));
    fputs("epoch,learning_rate,images_per_second\n", csv.stream);
    for (size_t i = 0; i < rates->count; i++)
        fprintf(csv.stream, "%.0f,%.9g,%.9g\n", rates->epoch[i], rates->rate[i], rates->speed[i]);
    return file_commit(&csv);
}

/* From 0, so that a few per cent look like a few per cent. */
static cf_status draw_panel(Canvas *canvas, const Theme *theme, Box box, const Rates *rates, const double *values,
                            const char *title, const char *label) {
    const LineSeries series = {NULL, rates->epoch, values, rates->count, 0, 0};
    double highest = 0;
    for (size_t i = 0; i < rates->count; i++) highest = values[i] > highest ? values[i] : highest;
    const LineChart chart = {.title = title,
                             .x = {.label = "epoch", .whole = true},
                             .y = {.label = label, .high = highest > 0 ? 1.08 * highest : 1},
                             .series_count = 1,
                             .series = &series};
    return line_chart_draw(canvas, theme, box, &chart);
}

static cf_status draw_rates(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const Rates *rates = content;
    FORWARD(draw_panel(canvas, theme, box_of_grid(box, 1, 2, 14, 0, 0), rates, rates->rate, "Learning rate",
                       "at the epoch's end"));
    return draw_panel(canvas, theme, box_of_grid(box, 1, 2, 14, 0, 1), rates, rates->speed, "Speed",
                      "images per second");
}

cf_status figure_rates(const FigureBook *book, const char *history_path) {
    EpochRow *rows;
    int count;
    Rates rates;
    FORWARD(history_read(history_path, &rows, &count));
    if (count == 0) { /* figure_curves has said so */
        free(rows);
        return CF_OK;
    }
    cf_status status = rates_new(rows, count, &rates);
    free(rows);
    FORWARD(status);
    status = write_rates(book, &rates);
    if (!status) status = book_draw(book, "rates", 504, 180, draw_rates, &rates);
    free(rates.epoch);
    return status;
}
