#include "draw/charts.h"

#include <math.h>

enum { MOST_SERIES = 32, MOST_DOTS = 24 };

static size_t add_range(const LineChart *chart, const double *xs, const double *ys, size_t n, double x[2],
                        double y[2]) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        double own_x[2] = {INFINITY, -INFINITY}, own_y[2] = {INFINITY, -INFINITY};
        /* Only points that have both. */
        if (!range_add(own_x, chart->x.kind, &xs[i], 1) || !range_add(own_y, chart->y.kind, &ys[i], 1)) continue;
        range_add(x, chart->x.kind, own_x, 1);
        range_add(y, chart->y.kind, own_y, 1);
        count++;
    }
    return count;
}

static size_t find_ranges(const LineChart *chart, double x[2], double y[2]) {
    size_t count = 0;
    for (int s = 0; s < chart->series_count; s++) {
        const LineSeries *series = &chart->series[s];
        count += add_range(chart, series->x, series->y, series->count, x, y);
        if (!chart->intervals) continue;
        add_range(chart, series->x, chart->intervals[s].low, series->count, x, y);
        add_range(chart, series->x, chart->intervals[s].high, series->count, x, y);
    }
    for (int b = 0; b < chart->behind_count; b++)
        count += add_range(chart, chart->behind[b].x, chart->behind[b].y, chart->behind[b].count, x, y);
    return count;
}

static bool inside(const Frame *frame, Point p) {
    const Box plot = frame->plot;
    return isfinite(p.x) && isfinite(p.y) && p.x >= plot.x - 0.01 && p.x <= plot.x + plot.width + 0.01 &&
           p.y >= plot.y - 0.01 && p.y <= plot.y + plot.height + 0.01;
}

static Point place_of(const Frame *frame, double x, double y) {
    return (Point){scale_place(&frame->x, x), scale_place(&frame->y, y)};
}

/* Stretches between gaps; a point outside the axes' own range is a gap as well. *last is the last point that was drawn. */
static cf_status draw_stretches(Canvas *canvas, const Frame *frame, const double *x, const double *y, size_t count,
                                LineStyle style, Colour colour, double dots, Point *last) {
    AUTO_FREE Point *points = NULL;
    size_t run = 0;
    FORWARD(memory_new(count, sizeof *points, &points));
    for (size_t i = 0; i < count; i++) {
        const Point p = place_of(frame, x[i], y[i]);
        if (inside(frame, p)) {
            points[run++] = *last = p;
            if (dots > 0) canvas_disc(canvas, p, dots, colour);
        } else {
            canvas_line(canvas, points, run, style, colour);
            run = 0;
        }
    }
    canvas_line(canvas, points, run, style, colour);
    return CF_OK;
}

static cf_status draw_series(Canvas *canvas, const Theme *theme, const LineSeries *series, const LineInterval *interval,
                             const Frame *frame) {
    Point last;
    const Colour colour = chart_colour(theme, series->colour);
    for (size_t i = 0; interval && i < series->count; i++) {
        const Point ends[2] = {place_of(frame, series->x[i], interval->low[i]),
                               place_of(frame, series->x[i], interval->high[i])};
        if (inside(frame, ends[0]) && inside(frame, ends[1])) canvas_line(canvas, ends, 2, (LineStyle){1, 0, 1}, colour);
    }
    return draw_stretches(canvas, frame, series->x, series->y, series->count, (LineStyle){1.6, series->dash, 1}, colour,
                          series->count <= MOST_DOTS ? 1.9 : 0, &last);
}

static cf_status draw_behind(Canvas *canvas, const Theme *theme, const LineBehind *line, const Frame *frame) {
    const Colour colour = isnan(line->shade) ? theme->muted : theme_sequence(theme, line->shade);
    const LineStyle thin = {0.9, 0, 0.9};
    const double r = 2.4;
    Point p = {NAN, NAN};
    FORWARD(draw_stretches(canvas, frame, line->x, line->y, line->count, thin, colour, 0, &p));
    if (line->end == LINE_ENDS || isnan(p.x)) return CF_OK;
    if (line->end == LINE_ENDS_CROSS) {
        canvas_segment(canvas, p.x - r, p.y + r, p.x + r, p.y - r, 1.2, colour);
        canvas_segment(canvas, p.x - r, p.y - r, p.x + r, p.y + r, 1.2, colour);
    } else {
        canvas_disc(canvas, p, 2, theme->background);
        canvas_ring(canvas, p, 2, 1, colour);
    }
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
            const Point a = place_of(frame, series->x[i - 1], series->y[i - 1]);
            const Point b = place_of(frame, series->x[i], series->y[i]);
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
    const Point centre = place_of(frame, mark->x, mark->y);
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
    if (!find_ranges(chart, spec.x_data, spec.y_data))
        return chart_without("chart", chart->title,
                             "no point to draw: all values are missing, not finite, or not above 0 on a logarithmic axis");
    for (int s = 0; s < chart->series_count; s++)
        legend[s] = (LegendEntry){chart->series[s].name, chart->series[s].colour, true, chart->series[s].dash};
    frame_draw(canvas, theme, box, &spec, &frame);
    for (int b = 0; b < chart->behind_count; b++) FORWARD(draw_behind(canvas, theme, &chart->behind[b], &frame));
    for (int s = 0; s < chart->series_count; s++)
        FORWARD(draw_series(canvas, theme, &chart->series[s], chart->intervals ? &chart->intervals[s] : NULL, &frame));
    for (int m = 0; m < chart->mark_count; m++) draw_mark(canvas, theme, chart, &chart->marks[m], &frame);
    return CF_OK;
}
