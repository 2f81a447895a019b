#include "draw/charts.h"

#include <math.h>
#include <stdio.h>

enum { MOST_SERIES = 10 };
static const double widest_bar = 36; /* points */

static cf_status check_chart(const BarChart *chart, double range[2]) {
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
    return bars ? CF_OK : chart_without("chart", chart->title, "no bar to draw");
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
    FORWARD(check_chart(chart, range));
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

/* ---- Probabilities ---- */

enum { MOST_BARS = 12 };

/* The classes that are shown, in their own order, or the likeliest first where there are too many. */
static int choose_bars(const ProbabilityBars *bars, int shown[MOST_BARS]) {
    int count = 0;
    if (bars->classes <= MOST_BARS) {
        for (; count < bars->classes; count++) shown[count] = count;
        return count;
    }
    for (int c = 0; c < bars->classes; c++) {
        int at = count;
        while (at > 0 && bars->probabilities[shown[at - 1]] < bars->probabilities[c]) at--;
        if (at == MOST_BARS) continue;
        for (int i = count < MOST_BARS ? count : MOST_BARS - 1; i > at; i--) shown[i] = shown[i - 1];
        shown[at] = c;
        if (count < MOST_BARS) count++;
    }
    return count;
}

cf_status probability_bars_draw(Canvas *canvas, const Theme *theme, Box box, const ProbabilityBars *bars) {
    double values[MOST_BARS];
    const char *names[MOST_BARS];
    int shown[MOST_BARS], colours[MOST_BARS], count = choose_bars(bars, shown);
    const TextStyle title = {chart_title.size, true, TEXT_CENTRE}, about = {chart_small.size, false, TEXT_CENTRE};
    for (int i = 0; i < count; i++) {
        const int c = shown[i];
        values[i] = (double)bars->probabilities[c];
        FAIL_IF(!(values[i] >= 0 && values[i] <= 1), CF_BAD_USE, "class %s: %g is no probability", bars->class_names[c],
                values[i]);
        names[i] = bars->class_names[c];
        colours[i] = c == bars->predicted || c == bars->truth ? c : CHART_FAINT;
    }
    const double side = fmin(64, box.width), head = (bars->title ? 14 : 0) + (bars->about ? 11 : 0);
    const double centre = box.x + box.width / 2;
    canvas_text_within(canvas, centre, box.y + 10, box.width, title, theme->text, bars->title);
    canvas_text_within(canvas, centre, box.y + head - 4, box.width, about, theme->muted, bars->about);
    if (bars->image.pixels) {
        canvas_rectangle(canvas, centre - side / 2, box.y + head + 2, side, side, theme->empty);
        canvas_image_within(canvas, centre - side / 2, box.y + head + 2, side, &bars->image);
    }
    const double used = head + 2 + (bars->image.pixels ? side + 4 : 0);
    const BarChart chart = {.category_label = "class",
                            .y = {.label = "probability, %", .percent = true, .high = 1.1},
                            .category_count = count,
                            .categories = names,
                            .series_count = 1,
                            .series = &(BarSeries){.values = values},
                            .colours = colours,
                            .numbers = true};
    return bar_chart_draw(canvas, theme, (Box){box.x, box.y + used, box.width, box.height - used}, &chart);
}
