#include "draw/chart_probability.h"

#include "draw/chart_bar.h"

#include <math.h>

enum { MOST_BARS = 12 };

/* The classes that are shown, in their own order, or the likeliest first where there are too many. */
static int choose(const ProbabilityBars *bars, int shown[MOST_BARS]) {
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

static void draw_image(Canvas *canvas, const Theme *theme, double x, double y, double side, const CanvasImage *image) {
    const double longest = fmax(image->height, image->width);
    const double width = side * image->width / longest, height = side * image->height / longest;
    canvas_rectangle(canvas, x, y, side, side, theme->empty);
    canvas_image(canvas, x + (side - width) / 2, y + (side - height) / 2, width, height, image);
}

cf_status probability_bars_draw(Canvas *canvas, const Theme *theme, Box box, const ProbabilityBars *bars) {
    double values[MOST_BARS];
    const char *names[MOST_BARS];
    int shown[MOST_BARS], colours[MOST_BARS], count = choose(bars, shown);
    const TextStyle title = {chart_title.size, true, TEXT_CENTRE}, about = {chart_small.size, false, TEXT_CENTRE};
    char room[512];
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
    if (bars->title)
        canvas_text(canvas, centre, box.y + 10, title, theme->text, text_fit(bars->title, title, box.width, room));
    if (bars->about)
        canvas_text(canvas, centre, box.y + head - 4, about, theme->muted,
                    text_fit(bars->about, about, box.width, room));
    if (bars->image.pixels) draw_image(canvas, theme, centre - side / 2, box.y + head + 2, side, &bars->image);
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
