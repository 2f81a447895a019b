#include "draw/charts.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 16, MOST_PANELS = 4 };

/* Points. */
static const double row_height = 13, group_gap = 7, title_height = 16, heading_height = 14, foot_height = 25, column_gap = 10,
                    panel_gap = 16, longest_cell = 110, least_panel = 90;

typedef struct Layout {
    double column[MOST_COLUMNS + 1]; /* left edges, and the end of the last */
    double top, bottom, step;        /* of the rows; a row's height */
    double panels, panel_width;      /* left edge of the first */
} Layout;

static int groups_of(const DotChart *chart) {
    int count = 0;
    for (int r = 1; r < chart->row_count && chart->opens; r++) count += chart->opens[r];
    return count;
}

double dot_chart_height(const DotChart *chart) {
    return (chart->title ? title_height : 0) + heading_height + chart->row_count * row_height +
           groups_of(chart) * group_gap + foot_height;
}

static cf_status check_chart(const DotChart *chart) {
    FAIL_IF(chart->column_count > MOST_COLUMNS || chart->panel_count > MOST_PANELS, CF_BAD_USE,
            "a chart of %d columns and %d panels; at most %d and %d are possible", chart->column_count,
            chart->panel_count, MOST_COLUMNS, MOST_PANELS);
    for (int p = 0; p < chart->panel_count; p++) {
        double range[2] = {INFINITY, -INFINITY};
        if (range_add(range, chart->panels[p].x.kind, chart->panels[p].values, (size_t)chart->row_count)) return CF_OK;
    }
    return chart_without("chart", chart->title, "no point to draw");
}

static const char *cell_at(const DotChart *chart, int row, int column) {
    return row < 0 ? chart->headings[column] : chart->cells[row * chart->column_count + column];
}

/* Columns as wide as their texts, narrower where the panels would have no room. */
static void lay_out(Box box, const DotChart *chart, Layout *layout) {
    double wide[MOST_COLUMNS] = {0}, sum = 0;
    for (int c = 0; c < chart->column_count; c++) {
        for (int r = -1; r < chart->row_count; r++)
            wide[c] = fmax(wide[c], text_width(cell_at(chart, r, c), chart_label));
        wide[c] = fmin(wide[c], longest_cell) + column_gap;
        sum += wide[c];
    }
    const double room = box.width - chart->panel_count * (least_panel + panel_gap),
                 scale = sum > room && sum > 0 ? fmax(room, 0.3 * box.width) / sum : 1;
    layout->column[0] = box.x;
    for (int c = 0; c < chart->column_count; c++) layout->column[c + 1] = layout->column[c] + scale * wide[c];
    layout->panels = layout->column[chart->column_count] + 4;
    layout->panel_width =
        (box.x + box.width - 6 - layout->panels - (chart->panel_count - 1) * panel_gap) / chart->panel_count;
    layout->top = box.y + (chart->title ? title_height : 0) + heading_height;
    layout->bottom = box.y + box.height - foot_height;
    layout->step = (layout->bottom - layout->top - groups_of(chart) * group_gap) / chart->row_count;
}

static double row_middle(const DotChart *chart, const Layout *layout, int row) {
    double y = layout->top + (row + 0.5) * layout->step;
    for (int r = 1; r <= row && chart->opens; r++) y += chart->opens[r] ? group_gap : 0;
    return y;
}

/* ---- Drawing ---- */

static void draw_table(Canvas *canvas, const Theme *theme, Box box, const DotChart *chart, const Layout *layout) {
    for (int r = -1; r < chart->row_count; r++) {
        const double y = r < 0 ? layout->top - 4 : row_middle(chart, layout, r) + CHART_MIDDLE * chart_label.size;
        TextStyle style = chart_label;
        style.bold = r >= 0 && r == chart->best;
        for (int c = 0; c < chart->column_count; c++) {
            const double width = layout->column[c + 1] - layout->column[c] - column_gap / 2;
            canvas_text_within(canvas, layout->column[c], y, width, style, r < 0 ? theme->muted : theme->text,
                               cell_at(chart, r, c));
        }
        if (r > 0 && chart->opens && chart->opens[r]) {
            const double line = row_middle(chart, layout, r) - (layout->step + group_gap) / 2;
            canvas_segment(canvas, box.x, line, box.x + box.width - 6, line, 0.6, theme->grid);
        }
    }
}

/* An end of an interval as far as it widens the axis. */
static double within_reach(double end, const double points[2], const DotPanel *panel) {
    const double reach = panel->reach > 0 ? panel->reach : 0.5;
    if (points[0] == points[1]) return end;
    if (panel->x.kind == AXIS_LOG) {
        const double times = pow(points[1] / points[0], reach);
        return end > 0 ? fmin(fmax(end, points[0] / times), points[1] * times) : points[0] / times;
    }
    const double room = (points[1] - points[0]) * reach;
    return fmin(fmax(end, points[0] - room), points[1] + room);
}

static Scale scale_of(const DotChart *chart, const DotPanel *panel, double left, double width) {
    double points[2] = {INFINITY, -INFINITY}, range[2];
    const AxisKind kind = panel->x.kind;
    Scale scale;
    range_add(points, kind, panel->values, (size_t)chart->row_count);
    memcpy(range, points, sizeof range);
    for (int r = 0; r < chart->row_count && panel->low; r++) {
        double own[2] = {INFINITY, -INFINITY};
        if (!range_add(own, kind, &panel->values[r], 1) || isnan(panel->low[r]) || isnan(panel->high[r])) continue;
        const double ends[2] = {within_reach(panel->low[r], points, panel),
                                within_reach(panel->high[r], points, panel)};
        range_add(range, kind, ends, 2);
    }
    scale_choose(&panel->x, range, &scale);
    scale.from = left, scale.to = left + width;
    return scale;
}

static void draw_axis(Canvas *canvas, const Theme *theme, const DotPanel *panel, const Layout *layout,
                      const Scale *scale) {
    const TextStyle centred = {chart_label.size, false, TEXT_CENTRE};
    const double width = scale->to - scale->from, y = layout->bottom;
    Ticks ticks;
    ticks_choose(&panel->x, scale->low, scale->high, (int)fmax(2, fmin(7, width / 22)), &ticks);
    for (int i = 0; i < ticks.count; i++) {
        const double x = scale_place(scale, ticks.at[i]);
        const bool small = !ticks.labels[i][0];
        canvas_segment(canvas, x, small ? y : layout->top, x, small ? y + 2 : y, 0.6, small ? theme->axis : theme->grid);
        canvas_text(canvas, x, y + 4 + chart_label.size - 1, centred, theme->muted, ticks.labels[i]);
    }
    canvas_segment(canvas, scale->from, y, scale->to, y, 0.8, theme->axis);
    canvas_text_within(canvas, (scale->from + scale->to) / 2, y + foot_height - 2, width + panel_gap, centred, theme->text,
                       panel->x.label);
}

/* An interval's end beyond the axis is cut there. An end that is no number at all: the interval is not drawn. */
static void draw_interval(Canvas *canvas, const Scale *scale, double low, double high, double y, Colour colour) {
    double from = scale_place(scale, low), to = scale_place(scale, high);
    if (scale->kind == AXIS_LOG && low <= 0) from = scale->from;
    if (!isfinite(from) || !isfinite(to)) return;
    from = fmax(from, scale->from - 3), to = fmin(to, scale->to + 3);
    const Point line[2] = {{from, y}, {to, y}};
    canvas_line(canvas, line, 2, (LineStyle){1.3, 0, 0.75}, colour);
}

static void draw_points(Canvas *canvas, const Theme *theme, const DotChart *chart, const DotPanel *panel,
                        const Layout *layout, const Scale *scale) {
    for (int r = 0; r < chart->row_count; r++) {
        const double x = scale_place(scale, panel->values[r]), y = row_middle(chart, layout, r);
        const Colour colour = chart_colour(theme, chart->best < 0 || chart->best == r ? 0 : CHART_MUTED);
        if (!isfinite(x) || x < scale->from - 0.01 || x > scale->to + 0.01) continue;
        if (panel->low) draw_interval(canvas, scale, panel->low[r], panel->high[r], y, colour);
        canvas_disc(canvas, (Point){x, y}, chart->best == r ? 3.2 : 2.5, colour);
    }
}

static void draw_notes(Canvas *canvas, const Theme *theme, Box box, const DotChart *chart, const Layout *layout) {
    const double width = box.x + box.width - 6 - layout->panels;
    for (int r = 0; r < chart->row_count && chart->notes; r++)
        canvas_text_within(canvas, layout->panels, row_middle(chart, layout, r) + CHART_MIDDLE * chart_small.size, width,
                           chart_small, theme->muted, chart->notes[r]);
}

cf_status dot_chart_draw(Canvas *canvas, const Theme *theme, Box box, const DotChart *chart) {
    Layout layout;
    FORWARD(check_chart(chart));
    lay_out(box, chart, &layout);
    canvas_text_within(canvas, box.x, box.y + 10, box.width, chart_title, theme->text, chart->title);
    for (int p = 0; p < chart->panel_count; p++) {
        const Scale scale = scale_of(chart, &chart->panels[p], layout.panels + p * (layout.panel_width + panel_gap),
                                     layout.panel_width);
        draw_axis(canvas, theme, &chart->panels[p], &layout, &scale);
        draw_points(canvas, theme, chart, &chart->panels[p], &layout, &scale);
    }
    draw_table(canvas, theme, box, chart, &layout);
    draw_notes(canvas, theme, box, chart, &layout);
    return CF_OK;
}

/* ---- Rows ---- */

cf_status dot_rows_new(size_t count, int columns, int panels, DotRows *rows) {
    const size_t cells = count * (size_t)columns, numbers = 3 * (size_t)panels * count;
    *rows = (DotRows){.count = (int)count, .columns = columns};
    FORWARD(memory_new(numbers, sizeof *rows->numbers, &rows->numbers));
    for (size_t i = 0; i < numbers; i++) rows->numbers[i] = NAN;
    FORWARD(memory_new(cells, sizeof *rows->cells, &rows->cells));
    FORWARD(memory_new(count, sizeof *rows->notes, &rows->notes));
    FORWARD(memory_new(count, sizeof *rows->opens, &rows->opens));
    FORWARD(memory_new(cells + count, sizeof *rows->texts, &rows->texts));
    for (size_t i = 0; i < cells; i++) rows->cells[i] = "";
    return CF_OK;
}

void dot_rows_free(DotRows *rows) {
    free(rows->numbers);
    free(rows->cells);
    free(rows->notes);
    free(rows->opens);
    free(rows->texts);
}

/* Into a text of the rows, which is returned. */
static const char *print_text(DotRows *rows, int at, const char *format, va_list arguments) {
    vsnprintf(rows->texts[at], DOT_TEXT, format, arguments);
    return rows->texts[at];
}

void dot_rows_cell(DotRows *rows, int row, int column, const char *format, ...) {
    const int at = row * rows->columns + column;
    va_list arguments;
    va_start(arguments, format);
    rows->cells[at] = print_text(rows, at, format, arguments);
    va_end(arguments);
}

void dot_rows_note(DotRows *rows, int row, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    rows->notes[row] = print_text(rows, rows->count * rows->columns + row, format, arguments);
    va_end(arguments);
}

void dot_rows_point(DotRows *rows, int row, int panel, double value, double low, double high) {
    double *place = rows->numbers + (size_t)(3 * panel * rows->count + row);
    place[0] = value, place[rows->count] = low, place[2 * rows->count] = high;
}

DotPanel dot_rows_panel(const DotRows *rows, int panel, Axis x, double reach) {
    const double *values = rows->numbers + (size_t)(3 * panel * rows->count);
    return (DotPanel){x, values, values + rows->count, values + 2 * rows->count, reach};
}

DotChart dot_rows_chart(const DotRows *rows, const char *title, const char *const *headings, int panel_count,
                        const DotPanel *panels) {
    return (DotChart){.title = title,
                      .row_count = rows->count,
                      .column_count = rows->columns,
                      .headings = headings,
                      .cells = rows->cells,
                      .notes = rows->notes,
                      .opens = rows->opens,
                      .best = -1,
                      .panel_count = panel_count,
                      .panels = panels};
}
