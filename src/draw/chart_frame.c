#include "draw/chart_frame.h"

#include <math.h>
#include <string.h>

const TextStyle chart_title = {9.5, true, TEXT_LEFT}, chart_label = {8, false, TEXT_LEFT},
                chart_small = {7, false, TEXT_LEFT};

/* Lengths in points. */
static const double title_height = 16, legend_height = 12, swatch = 8, tick_gap = 4;

static TextStyle aligned(TextStyle style, TextAlign align) {
    style.align = align;
    return style;
}

Colour chart_colour(const Theme *theme, int colour) {
    return colour == CHART_FAINT ? theme->faint : colour < 0 ? theme->muted : theme_class(theme, colour);
}

double chart_widest(const char *const *names, int count) {
    double width = 0;
    for (int i = 0; i < count; i++) width = fmax(width, text_width(names[i], chart_label));
    return width;
}

void chart_name_below(Canvas *canvas, const Theme *theme, double x, double y, bool turned, const char *name) {
    char room[512];
    name = text_fit(name, chart_label, CHART_LONGEST_NAME, room);
    if (turned)
        canvas_text_up(canvas, x + CHART_MIDDLE * chart_label.size, y, aligned(chart_label, TEXT_RIGHT), theme->text, name);
    else
        canvas_text(canvas, x, y + chart_label.size - 1, aligned(chart_label, TEXT_CENTRE), theme->text, name);
}

/* ---- Scales ---- */

double scale_place(const Scale *scale, double value) {
    double low = scale->low, high = scale->high;
    if (scale->kind == AXIS_LOG) {
        if (!(value > 0)) return NAN;
        low = log(low), high = log(high), value = log(value);
    }
    return scale->from + (value - low) / (high - low) * (scale->to - scale->from);
}

size_t range_add(double range[2], AxisKind kind, const double *values, size_t count) {
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]) || (kind == AXIS_LOG && values[i] <= 0)) continue;
        range[0] = fmin(range[0], values[i]);
        range[1] = fmax(range[1], values[i]);
        used++;
    }
    return used;
}

void scale_choose(const Axis *axis, const double data[2], Scale *scale) {
    const double room = 0.04;
    scale->kind = axis->kind;
    scale->low = axis->low, scale->high = axis->high;
    if (axis->low < axis->high) return;
    double low = data[0], high = data[1];
    if (axis->kind == AXIS_LOG) {
        double times = high > low ? pow(high / low, room) : 2;
        scale->low = low / times, scale->high = high * times;
    } else {
        double more = high > low ? room * (high - low) : axis->whole ? 0.5 : fmax(fabs(low) / 10, 1e-3);
        scale->low = low - more, scale->high = high + more;
    }
}

/* ---- Layout ---- */

typedef struct Layout {
    const FrameSpec *spec;
    Ticks x, y;
    double inner_width;
    int legend_rows;
    bool turned; /* category names */
    int stride;  /* every so manieth category has its name */
} Layout;

static double entry_width(const LegendEntry *entry) {
    return (entry->line ? 2 : 1) * swatch + 4 + text_width(entry->name, chart_label) + 12;
}

/* Draws the entries in rows of `width`, or, with canvas NULL, only counts the rows. */
static int draw_legend(Canvas *canvas, const Theme *theme, const FrameSpec *spec, double x0, double y, double width) {
    int rows = 0;
    double x = x0;
    for (int i = 0; i < spec->legend_count; i++) {
        const LegendEntry *entry = &spec->legend[i];
        if (!entry->name) continue;
        const double wide = entry_width(entry);
        if (rows == 0 || x + wide - 12 > x0 + width) rows++, x = x0;
        if (canvas) {
            const double base = y + (rows - 1) * legend_height + 8, long_swatch = (entry->line ? 2 : 1) * swatch;
            const Colour colour = chart_colour(theme, entry->colour);
            const Point line[2] = {{x, base - 2.8}, {x + long_swatch, base - 2.8}};
            if (entry->line)
                canvas_line(canvas, line, 2, (LineStyle){1.6, entry->dash, 1}, colour);
            else
                canvas_rectangle(canvas, x, base - 6.5, swatch, 7, colour);
            canvas_text(canvas, x + long_swatch + 4, base, chart_label, theme->text, entry->name);
        }
        x += wide;
    }
    return rows;
}

/* At least four digits' width, so that charts one below the other mostly begin at the same place. */
static double widest(const Ticks *ticks) {
    double width = text_width("0000", chart_label);
    for (int i = 0; i < ticks->count; i++) width = fmax(width, text_width(ticks->labels[i], chart_label));
    return width;
}

/* Whether names stand upright, which are left out, and the height they take. */
static double lay_categories(const FrameSpec *spec, double width, Layout *layout) {
    const double slot = width / spec->category_count;
    const double longest = chart_widest(spec->categories, spec->category_count);
    layout->turned = longest > slot - 2;
    layout->stride = layout->turned ? (int)ceil(9 / slot) : 1;
    return layout->turned ? fmin(longest, CHART_LONGEST_NAME) + 2 : chart_label.size + 1;
}

static int most_ticks(double length, double each) {
    return (int)fmax(2, fmin(9, floor(length / each)));
}

/* Sizes depend on each other only through the widths of numbers, so one pass in this order is enough. */
static void lay_out(Box box, Layout *layout, Frame *frame) {
    const FrameSpec *spec = layout->spec;
    double left = spec->y.label ? 13 : 0, top = spec->title ? title_height : 4, bottom = spec->x.label ? 13 : 0;
    layout->inner_width = box.width - left - 34; /* about what the plot gets */
    layout->legend_rows = draw_legend(NULL, NULL, spec, 0, 0, layout->inner_width);
    top += layout->legend_rows * legend_height + (layout->legend_rows ? 3 : 0);
    bottom += tick_gap + (spec->categories ? lay_categories(spec, layout->inner_width, layout) : chart_label.size);
    scale_choose(&spec->y, spec->y_data, &frame->y);
    const double height = box.height - top - bottom;
    ticks_choose(&spec->y, frame->y.low, frame->y.high, most_ticks(height, 17), &layout->y);
    left += widest(&layout->y) + tick_gap;
    frame->plot = (Box){box.x + left, box.y + top, box.width - left - 6, height};
    frame->y.from = box.y + top + height, frame->y.to = box.y + top;
    if (spec->categories) {
        frame->x = (Scale){AXIS_LINEAR, 0, spec->category_count, 0, 0};
    } else {
        scale_choose(&spec->x, spec->x_data, &frame->x);
        ticks_choose(&spec->x, frame->x.low, frame->x.high, most_ticks(frame->plot.width, 26), &layout->x);
    }
    frame->x.from = frame->plot.x, frame->x.to = frame->plot.x + frame->plot.width;
}

/* ---- Drawing ---- */

static void draw_y(Canvas *canvas, const Theme *theme, Box box, const Layout *layout, const Frame *frame) {
    const Box plot = frame->plot;
    for (int i = 0; i < layout->y.count; i++) {
        const double y = scale_place(&frame->y, layout->y.at[i]);
        const bool small = !layout->y.labels[i][0];
        canvas_segment(canvas, small ? plot.x - 2 : plot.x, y, small ? plot.x : plot.x + plot.width, y, 0.6,
                       small ? theme->axis : theme->grid);
        canvas_text(canvas, plot.x - tick_gap, y + CHART_MIDDLE * chart_label.size, aligned(chart_label, TEXT_RIGHT),
                    theme->muted, layout->y.labels[i]);
    }
    char room[512];
    if (layout->spec->y.label)
        canvas_text_up(canvas, box.x + chart_label.size, plot.y + plot.height / 2, aligned(chart_label, TEXT_CENTRE),
                       theme->text, text_fit(layout->spec->y.label, chart_label, plot.height + 20, room));
}

static void draw_categories(Canvas *canvas, const Theme *theme, const Layout *layout, const Frame *frame) {
    const double y = frame->plot.y + frame->plot.height + tick_gap;
    for (int i = 0; i < layout->spec->category_count; i += layout->stride)
        chart_name_below(canvas, theme, scale_place(&frame->x, i + 0.5), y, layout->turned, layout->spec->categories[i]);
}

static void draw_x_ticks(Canvas *canvas, const Theme *theme, const Layout *layout, const Frame *frame) {
    const double y = frame->plot.y + frame->plot.height;
    for (int i = 0; i < layout->x.count; i++) {
        const double x = scale_place(&frame->x, layout->x.at[i]);
        canvas_segment(canvas, x, y, x, y + (layout->x.labels[i][0] ? 3 : 2), 0.6, theme->axis);
        canvas_text(canvas, x, y + tick_gap + chart_label.size - 1, aligned(chart_label, TEXT_CENTRE), theme->muted,
                    layout->x.labels[i]);
    }
}

void frame_draw(Canvas *canvas, const Theme *theme, Box box, const FrameSpec *spec, Frame *frame) {
    Layout layout = {.spec = spec, .stride = 1};
    lay_out(box, &layout, frame);
    const Box plot = frame->plot;
    const double top = box.y + (spec->title ? title_height : 4);
    canvas_text_within(canvas, plot.x, box.y + 10, box.x + box.width - plot.x, chart_title, theme->text, spec->title);
    draw_legend(canvas, theme, spec, plot.x, top - 2, layout.inner_width);
    draw_y(canvas, theme, box, &layout, frame);
    canvas_segment(canvas, plot.x, plot.y + plot.height, plot.x + plot.width, plot.y + plot.height, 0.8, theme->axis);
    if (spec->categories)
        draw_categories(canvas, theme, &layout, frame);
    else
        draw_x_ticks(canvas, theme, &layout, frame);
    if (spec->x.label)
        canvas_text(canvas, plot.x + plot.width / 2, box.y + box.height - 2, aligned(chart_label, TEXT_CENTRE),
                    theme->text, spec->x.label);
}

AxisKind axis_kind_of(const double *values, size_t count) {
    double range[2] = {INFINITY, -INFINITY};
    return range_add(range, AXIS_LOG, values, count) && range[1] / range[0] > 10 ? AXIS_LOG : AXIS_LINEAR;
}

cf_status chart_without(const char *kind, const char *title, const char *lacks) {
    return FAIL(CF_BAD_USE, "the %s%s%s has %s", kind, title ? " " : "", title ? title : "", lacks);
}

Box box_of_grid(Box box, int rows, int columns, double gap, int row, int column) {
    const double width = (box.width - (columns - 1) * gap) / columns, height = (box.height - (rows - 1) * gap) / rows;
    return (Box){box.x + column * (width + gap), box.y + row * (height + gap), width, height};
}
