#include "draw/charts.h"

#include <math.h>

enum { MOST_AXES = 24, CURVE_POINTS = 24, STRIP_STEPS = 48 };

/* Points. */
static const double title_height = 16, name_height = 16, strip_width = 7, label_gap = 5,
                    bundle = 0.56; /* of a category's height that its lines may take */

typedef struct Layout {
    double x[MOST_AXES];
    double top, bottom;
    Scale result, scales[MOST_AXES]; /* of axes of numbers */
    const int *order;                /* [line_count] lines from the best to those without a result */
} Layout;

static const ParallelAxis *result_of(const ParallelChart *chart) {
    return &chart->axes[chart->axis_count - 1];
}

static cf_status check_chart(const ParallelChart *chart) {
    double range[2] = {INFINITY, -INFINITY};
    FAIL_IF(chart->axis_count < 2 || chart->axis_count > MOST_AXES, CF_BAD_USE,
            "parallel coordinates of %d axes; 2 to %d are possible", chart->axis_count, MOST_AXES);
    const ParallelAxis *result = result_of(chart);
    FAIL_IF(result->categories, CF_INTERNAL, "the last of parallel axes must be one of numbers");
    const bool any = range_add(range, result->numbers.kind, result->values, (size_t)chart->line_count);
    return any ? CF_OK : chart_without("chart", chart->title, "no line with a result to draw");
}

/* ---- Layout ---- */

/* Room for the first axis's labels, which stand left of it, and for the marks right of the last. */
static void lay_out(Box box, const ParallelChart *chart, Layout *layout) {
    const double left =
                     fmin(70, fmax(24, chart_widest(chart->axes[0].categories, chart->axes[0].category_count))) + label_gap + 2,
                 right = 44;
    const double step = (box.width - left - right) / (chart->axis_count - 1);
    layout->top = box.y + (chart->title ? title_height : 0) + name_height + 4;
    layout->bottom = box.y + box.height - 6;
    for (int a = 0; a < chart->axis_count; a++) {
        const ParallelAxis *axis = &chart->axes[a];
        double range[2] = {INFINITY, -INFINITY};
        layout->x[a] = box.x + left + a * step;
        if (axis->categories) continue;
        range_add(range, axis->numbers.kind, axis->values, (size_t)chart->line_count);
        if (range[0] > range[1]) range[0] = range[1] = 1;
        scale_choose(&axis->numbers, range, &layout->scales[a]);
        layout->scales[a].from = layout->bottom, layout->scales[a].to = layout->top;
    }
    layout->result = layout->scales[chart->axis_count - 1];
}

/* 0 for the lowest place of the last axis, 1 for its highest; NaN without a result. */
static double share_of(const ParallelChart *chart, const Layout *layout, int line) {
    const double y = scale_place(&layout->result, result_of(chart)->values[line]);
    return (layout->bottom - y) / (layout->bottom - layout->top);
}

/* Insertion: charts have hundreds of lines at most. */
static void sort_lines(const ParallelChart *chart, int *order) {
    const double *values = result_of(chart)->values;
    for (int i = 0; i < chart->line_count; i++) {
        int at = i;
        const double own = isnan(values[i]) ? INFINITY : values[i];
        while (at > 0 && (isnan(values[order[at - 1]]) ? INFINITY : values[order[at - 1]]) > own) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}

/* Where each line crosses an axis; NaN where it does not. Through a category they go side by side in their order. */
static void find_places(const ParallelChart *chart, const Layout *layout, int a, double *places) {
    const ParallelAxis *axis = &chart->axes[a];
    const double slot = (layout->bottom - layout->top) / (axis->categories ? axis->category_count : 1);
    for (int i = 0; i < chart->line_count; i++)
        places[i] = axis->categories ? NAN : scale_place(&layout->scales[a], axis->values[i]);
    for (int c = 0; axis->categories && c < axis->category_count; c++) {
        int count = 0, number = 0;
        for (int i = 0; i < chart->line_count; i++) count += axis->values[i] == c;
        const double gap = count > 1 ? fmin(4, bundle * slot / (count - 1)) : 0;
        for (int i = 0; i < chart->line_count; i++) {
            const int line = layout->order[i];
            if (axis->values[line] != c) continue;
            places[line] = layout->top + (c + 0.5) * slot + (number++ - (count - 1) / 2.0) * gap;
        }
    }
}

/* ---- Drawing ---- */

/* From one axis to the next with level ends, as smoothstep goes. */
static void draw_link(Canvas *canvas, Point from, Point to, LineStyle style, Colour colour) {
    Point points[CURVE_POINTS + 1];
    for (int i = 0; i <= CURVE_POINTS; i++) {
        const double t = (double)i / CURVE_POINTS, s = t * t * (3 - 2 * t);
        points[i] = (Point){from.x + t * (to.x - from.x), from.y + s * (to.y - from.y)};
    }
    canvas_line(canvas, points, CURVE_POINTS + 1, style, colour);
}

static void draw_line(Canvas *canvas, const Theme *theme, const ParallelChart *chart, const Layout *layout,
                      const double *places, int line, double width, const Colour *over) {
    const double share = share_of(chart, layout, line);
    const bool known = isfinite(share);
    const Colour colour = over ? *over : known ? theme_sequence(theme, share) : theme->muted;
    const LineStyle style = {width, known ? 0 : 2.5, known ? 1 : 0.8};
    for (int a = 1; a < chart->axis_count; a++) {
        const Point from = {layout->x[a - 1], places[(a - 1) * chart->line_count + line]},
                    to = {layout->x[a], places[a * chart->line_count + line]};
        if (isfinite(from.y) && isfinite(to.y)) draw_link(canvas, from, to, style, colour);
    }
}

/* Right of an axis, over a little of the ground so that lines do not run through the text; of the first, left of it. */
static void draw_label(Canvas *canvas, const Theme *theme, double x, double y, bool left, const char *text) {
    const TextStyle style = {chart_label.size, false, left ? TEXT_RIGHT : TEXT_LEFT};
    char room[512];
    text = text_fit(text, style, 70, room);
    const double width = text_width(text, style), base = y + CHART_MIDDLE * chart_label.size;
    if (!left)
        canvas_rectangle(canvas, x + label_gap - 1.5, base - chart_label.size + 0.5, width + 3, chart_label.size + 2,
                         theme->background);
    canvas_text(canvas, left ? x - label_gap : x + label_gap, base, style, theme->text, text);
}

static void draw_axis(Canvas *canvas, const Theme *theme, const ParallelChart *chart, const Layout *layout, int a) {
    const ParallelAxis *axis = &chart->axes[a];
    const double x = layout->x[a], height = layout->bottom - layout->top;
    canvas_segment(canvas, x, layout->top, x, layout->bottom, 1, theme->axis);
    for (int c = 0; axis->categories && c < axis->category_count; c++)
        draw_label(canvas, theme, x, layout->top + (c + 0.5) * height / axis->category_count, a == 0,
                   axis->categories[c]);
    if (axis->categories) return;
    Ticks ticks;
    const bool last = a == chart->axis_count - 1;
    const double beside = last ? x + strip_width : x;
    ticks_choose(&axis->numbers, layout->scales[a].low, layout->scales[a].high, (int)fmax(2, fmin(9, height / 22)),
                 &ticks);
    for (int i = 0; i < ticks.count; i++) {
        const double y = scale_place(&layout->scales[a], ticks.at[i]);
        canvas_segment(canvas, a == 0 ? x - 3 : beside, y, a == 0 ? x : beside + 3, y, 0.8, theme->axis);
        if (ticks.labels[i][0]) draw_label(canvas, theme, beside, y, a == 0, ticks.labels[i]);
    }
}

static void draw_names(Canvas *canvas, const Theme *theme, Box box, const ParallelChart *chart, const Layout *layout) {
    const double y = layout->top - 8, step = layout->x[1] - layout->x[0];
    char room[512];
    for (int a = 0; a < chart->axis_count; a++) {
        const bool last = a == chart->axis_count - 1;
        TextStyle style = {chart_label.size, true, last ? TEXT_RIGHT : TEXT_CENTRE};
        const char *text = text_fit(chart->axes[a].name, style, last ? 1.2 * step : step - 6, room);
        double x = last ? fmin(layout->x[a] + text_width(text, style) / 2, box.x + box.width) : layout->x[a];
        if (a == 0 && x - text_width(text, style) / 2 < box.x) x = box.x + text_width(text, style) / 2;
        canvas_text(canvas, x, y, style, theme->text, text);
    }
}

/* The colours of the lines along the last axis. */
static void draw_strip(Canvas *canvas, const Theme *theme, const ParallelChart *chart, const Layout *layout) {
    const double step = (layout->bottom - layout->top) / STRIP_STEPS;
    for (int i = 0; i < STRIP_STEPS; i++)
        canvas_rectangle(canvas, layout->x[chart->axis_count - 1] + 1, layout->bottom - (i + 1) * step, strip_width - 1,
                         step + 0.3, theme_sequence(theme, (i + 0.5) / STRIP_STEPS));
}

cf_status parallel_chart_draw(Canvas *canvas, const Theme *theme, Box box, const ParallelChart *chart) {
    Layout layout;
    AUTO_FREE int *order = NULL;
    AUTO_FREE double *places = NULL;
    FORWARD(check_chart(chart));
    const size_t lines = (size_t)chart->line_count;
    FORWARD(memory_new(lines, sizeof *order, &order));
    FORWARD(memory_new(lines * (size_t)chart->axis_count, sizeof *places, &places));
    lay_out(box, chart, &layout);
    sort_lines(chart, order);
    layout.order = order;
    for (int a = 0; a < chart->axis_count; a++) find_places(chart, &layout, a, places + (size_t)a * lines);
    canvas_text_within(canvas, box.x, box.y + 10, box.width, chart_title, theme->text, chart->title);
    for (int i = chart->line_count - 1; i >= 0; i--) { /* the best come last, on top */
        if (layout.order[i] == chart->best) continue;
        draw_line(canvas, theme, chart, &layout, places, layout.order[i], 1.1, NULL);
    }
    if (chart->best >= 0) {
        draw_line(canvas, theme, chart, &layout, places, chart->best, 5, &theme->background);
        draw_line(canvas, theme, chart, &layout, places, chart->best, 2.8, NULL);
    }
    draw_strip(canvas, theme, chart, &layout); /* over the lines' round ends */
    for (int a = 0; a < chart->axis_count; a++) draw_axis(canvas, theme, chart, &layout, a);
    draw_names(canvas, theme, box, chart, &layout);
    return CF_OK;
}
