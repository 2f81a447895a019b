#include "draw/chart_bar.h"

#include <math.h>
#include <stdio.h>

enum { MOST_SERIES = 10 };
static const double widest_bar = 36; /* points */

static cf_status check(const BarChart *chart, double range[2]) {
    size_t bars = 0;
    FAIL_IF(chart->series_count > MOST_SERIES, CF_BAD_USE, "a chart of %d bars a group; at most %d",
            chart->series_count, MOST_SERIES);
    FAIL_IF(chart->y.kind != AXIS_LINEAR || chart->y.low != 0, CF_BAD_USE,
            "bars stand on 0: their axis is linear and begins there");
    for (int s = 0; s < chart->series_count; s++)
        for (int c = 0; c < chart->category_count; c++) {
            const double value = chart->series[s].values[c];
            FAIL_IF(value < 0 || isinf(value), CF_BAD_USE, "%s: a bar of %g cannot be drawn; 0 or more expected",
                    chart->categories[c], value);
            bars += range_add(range, AXIS_LINEAR, &value, 1);
        }
    FAIL_IF(bars == 0, CF_BAD_USE, "the chart%s%s has no bar to draw", chart->title ? " " : "",
            chart->title ? chart->title : "");
    return CF_OK;
}

static void number_text(const BarChart *chart, double value, char text[32]) {
    snprintf(text, 32, "%.*f", chart->decimals, chart->y.percent ? 100 * value : value);
}

/* The size at which every number fits above its bar, or 0. */
static double number_size(const BarChart *chart, double bar) {
    /* Charts of percentages side by side have numbers of one size. */
    double widest = chart->y.percent ? text_width("100", chart_small) : 1;
    if (!chart->numbers) return 0;
    for (int s = 0; s < chart->series_count; s++)
        for (int c = 0; c < chart->category_count; c++) {
            char text[32];
            if (isnan(chart->series[s].values[c])) continue;
            number_text(chart, chart->series[s].values[c], text);
            widest = fmax(widest, text_width(text, chart_small));
        }
    const double size = fmin(chart_small.size, chart_small.size * bar / widest);
    return size < 5.5 ? 0 : size;
}

static void draw_bars(Canvas *canvas, const Theme *theme, const BarChart *chart, const Frame *frame) {
    const double slot = frame->plot.width / chart->category_count,
                 group = fmin(slot * 0.78, widest_bar * chart->series_count), bar = group / chart->series_count,
                 base = frame->plot.y + frame->plot.height;
    const double size = number_size(chart, chart->series_count == 1 ? slot - 1 : bar);
    const TextStyle style = {size, false, TEXT_CENTRE};
    for (int c = 0; c < chart->category_count; c++)
        for (int s = 0; s < chart->series_count; s++) {
            const double value = chart->series[s].values[c];
            if (isnan(value)) continue;
            const double x = frame->plot.x + c * slot + (slot - group) / 2 + s * bar;
            const double y = fmax(frame->plot.y, scale_place(&frame->y, value));
            const int colour = chart->colours ? chart->colours[c] : chart->series[s].colour;
            /* A sliver between the bars of a group. */
            const double width = chart->series_count > 1 ? bar * 0.94 : bar;
            canvas_rectangle(canvas, x, y, width, base - y, chart_colour(theme, colour));
            if (size == 0) continue;
            char text[32];
            number_text(chart, value, text);
            canvas_text(canvas, x + width / 2, y - 2, style, theme->muted, text);
        }
}

cf_status bar_chart_draw(Canvas *canvas, const Theme *theme, Box box, const BarChart *chart) {
    LegendEntry legend[MOST_SERIES] = {0};
    double range[2] = {INFINITY, -INFINITY};
    Frame frame;
    FORWARD(check(chart, range));
    FrameSpec spec = {.title = chart->title,
                      .x = {.label = chart->category_label},
                      .y = chart->y,
                      .categories = chart->categories,
                      .category_count = chart->category_count,
                      .legend = legend,
                      .legend_count = chart->series_count};
    /* Room above the highest bar for its number. */
    if (!(spec.y.high > 0)) spec.y.high = range[1] > 0 ? range[1] * (chart->numbers ? 1.12 : 1.05) : 1;
    for (int s = 0; s < chart->series_count; s++)
        legend[s] = (LegendEntry){.name = chart->series[s].name, .colour = chart->series[s].colour};
    frame_draw(canvas, theme, box, &spec, &frame);
    draw_bars(canvas, theme, chart, &frame);
    return CF_OK;
}
