#include "draw/chart_line.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_SERIES = 32, MOST_DOTS = 24 };

static size_t find_ranges(const LineChart *chart, double x[2], double y[2]) {
    size_t count = 0;
    for (int s = 0; s < chart->series_count; s++) {
        const LineSeries *series = &chart->series[s];
        for (size_t i = 0; i < series->count; i++) {
            double own_x[2] = {INFINITY, -INFINITY}, own_y[2] = {INFINITY, -INFINITY};
            /* Only points that have both. */
            if (!range_add(own_x, chart->x.kind, &series->x[i], 1) ||
                !range_add(own_y, chart->y.kind, &series->y[i], 1))
                continue;
            range_add(x, chart->x.kind, own_x, 1);
            range_add(y, chart->y.kind, own_y, 1);
            count++;
        }
    }
    return count;
}

static bool inside(const Frame *frame, Point p) {
    const Box plot = frame->plot;
    return isfinite(p.x) && isfinite(p.y) && p.x >= plot.x - 0.01 && p.x <= plot.x + plot.width + 0.01 &&
           p.y >= plot.y - 0.01 && p.y <= plot.y + plot.height + 0.01;
}

static Point place(const Frame *frame, double x, double y) {
    return (Point){scale_place(&frame->x, x), scale_place(&frame->y, y)};
}

/* Stretches between gaps; a point outside the axes' own range is a gap as well. */
static cf_status draw_series(Canvas *canvas, const Theme *theme, const LineSeries *series, const Frame *frame) {
    const Colour colour = chart_colour(theme, series->colour);
    const LineStyle style = {1.6, series->dash, 1};
    Point *points;
    size_t run = 0;
    FORWARD(memory_new(series->count, sizeof *points, &points));
    for (size_t i = 0; i < series->count; i++) {
        const Point p = place(frame, series->x[i], series->y[i]);
        if (inside(frame, p)) {
            points[run++] = p;
            if (series->count <= MOST_DOTS) canvas_disc(canvas, p, 1.9, colour);
        } else {
            canvas_line(canvas, points, run, style, colour);
            run = 0;
        }
    }
    canvas_line(canvas, points, run, style, colour);
    free(points);
    return CF_OK;
}

/* ---- Marks ---- */

/* How much of the lines goes through a box, in samples. */
static int crossings(const LineChart *chart, const Frame *frame, Box box) {
    enum { SAMPLES = 32 };
    int count = 0;
    for (int s = 0; s < chart->series_count; s++)
        for (size_t i = 1; i < chart->series[s].count; i++) {
            const LineSeries *series = &chart->series[s];
            const Point a = place(frame, series->x[i - 1], series->y[i - 1]);
            const Point b = place(frame, series->x[i], series->y[i]);
            for (int k = 0; k <= SAMPLES; k++) {
                const double x = a.x + (b.x - a.x) * k / SAMPLES, y = a.y + (b.y - a.y) * k / SAMPLES;
                count += x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
            }
        }
    return count;
}

/* At the upper or lower end of the mark's line, right or left of it: where the fewest lines are in the way. */
static void draw_label(Canvas *canvas, const Theme *theme, const LineChart *chart, const Frame *frame, double x,
                       const char *label) {
    const double width = text_width(label, chart_label), height = chart_label.size + 2, beside = 7; /* of the ring */
    const Box plot = frame->plot;
    Box best = {0};
    int fewest = 0;
    for (int corner = 0; corner < 4; corner++) {
        const Box box = {corner % 2 ? x - beside - width : x + beside,
                         corner / 2 ? plot.y + plot.height - height - 2 : plot.y, width, height};
        int count = crossings(chart, frame, box);
        if (box.x < plot.x || box.x + width > plot.x + plot.width) count += 10000;
        if (corner == 0 || count < fewest) best = box, fewest = count;
    }
    /* Over lines of the grid, never over a series. */
    if (fewest == 0) canvas_rectangle(canvas, best.x, best.y + 1, width, height, theme->background);
    canvas_text(canvas, best.x, best.y + chart_label.size, chart_label, theme->muted, label);
}

static void draw_mark(Canvas *canvas, const Theme *theme, const LineChart *chart, const LineMark *mark,
                      const Frame *frame) {
    const Point centre = place(frame, mark->x, mark->y);
    const Box plot = frame->plot;
    if (!inside(frame, centre)) return;
    const Point line[2] = {{centre.x, plot.y}, {centre.x, plot.y + plot.height}};
    canvas_line(canvas, line, 2, (LineStyle){0.8, 2, 1}, theme->axis);
    canvas_disc(canvas, centre, 3.4, theme->background);
    canvas_ring(canvas, centre, 3.4, 1.6, chart_colour(theme, mark->colour));
    if (mark->label) draw_label(canvas, theme, chart, frame, centre.x, mark->label);
}

cf_status line_chart_draw(Canvas *canvas, const Theme *theme, Box box, const LineChart *chart) {
    LegendEntry legend[MOST_SERIES] = {0};
    FrameSpec spec = {.title = chart->title,
                      .x = chart->x,
                      .y = chart->y,
                      .x_data = {INFINITY, -INFINITY},
                      .y_data = {INFINITY, -INFINITY},
                      .legend = legend,
                      .legend_count = chart->series_count};
    Frame frame;
    FAIL_IF(chart->series_count > MOST_SERIES, CF_BAD_USE, "a chart of %d lines; at most %d can be told apart",
            chart->series_count, MOST_SERIES);
    FAIL_IF(
        !find_ranges(chart, spec.x_data, spec.y_data), CF_BAD_USE,
        "the chart%s%s has no point to draw: all values are missing, not finite, or not above 0 on a logarithmic axis",
        chart->title ? " " : "", chart->title ? chart->title : "");
    for (int s = 0; s < chart->series_count; s++)
        legend[s] = (LegendEntry){chart->series[s].name, chart->series[s].colour, true, chart->series[s].dash};
    frame_draw(canvas, theme, box, &spec, &frame);
    for (int s = 0; s < chart->series_count; s++) FORWARD(draw_series(canvas, theme, &chart->series[s], &frame));
    for (int m = 0; m < chart->mark_count; m++) draw_mark(canvas, theme, chart, &chart->marks[m], &frame);
    return CF_OK;
}
