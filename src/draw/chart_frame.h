/* What charts share: a title, a legend, axes with marks, and the place that is left for the data.
 *
 * Charts draw into a box of a canvas, so that a figure can hold several. Each checks its data before it draws.
 */
#pragma once

#include "draw/canvas.h"
#include "draw/ticks.h"

/* Of names beside or below a chart; longer ones end with an ellipsis. From a text's middle down to its base line, in sizes. */
#define CHART_LONGEST_NAME 64.0
#define CHART_MIDDLE       0.36
/* The width of the longest of some texts, as labels. */
double chart_widest(const char *const *names, int count);
/* A name below a chart, its middle at x: turned, so that it is read from the right, where it has no room. */
void chart_name_below(Canvas *canvas, const Theme *theme, double x, double y, bool turned, const char *name);

extern const TextStyle chart_title, chart_label, chart_small; /* bold 9.5, 8, 7 points; left */

/* As a series' colour: the theme's muted one, for lines, or faint one, for bars, of what is only compared with. */
enum { CHART_MUTED = -1, CHART_FAINT = -2 };
Colour chart_colour(const Theme *theme, int colour);

typedef struct LegendEntry {
    const char *name; /* NULL: not in the legend */
    int colour;       /* a class colour, CHART_MUTED or CHART_FAINT */
    bool line;        /* a line of `dash` instead of a square */
    double dash;
} LegendEntry;

typedef struct FrameSpec {
    const char *title; /* NULL: none */
    Axis x, y;
    double x_data[2], y_data[2];   /* least and largest of the data, where an axis has no range of its own */
    const char *const *categories; /* names along x instead of marks; NULL: none */
    int category_count;
    const LegendEntry *legend;
    int legend_count;
} FrameSpec;

typedef struct Scale {
    AxisKind kind;
    double low, high; /* values */
    double from, to;  /* points on the canvas */
} Scale;

typedef struct Frame {
    Box plot;
    Scale x, y; /* x: categories 0 .. count, each one wide */
} Frame;

/* The axis's own range, or that of the data (least and largest) with room at both ends; around a single value something to
 * see. Leaves `from` and `to`. */
void scale_choose(const Axis *axis, const double data[2], Scale *scale);
/* The place of a value; NaN where the scale has none. */
double scale_place(const Scale *scale, double value);
/* Draws all of it and tells where the data belong. */
void frame_draw(Canvas *canvas, const Theme *theme, Box box, const FrameSpec *spec, Frame *frame);

/* Widens `range` ({INFINITY, -INFINITY} to begin with) by the values that an axis of the kind can show, and returns how
 * many those are. */
size_t range_add(double range[2], AxisKind kind, const double *values, size_t count);

/* Logarithmic for values that span more than an order of magnitude, such as losses: what is small would be flat on a linear axis. */
AxisKind axis_kind_of(const double *values, size_t count);

/* Why a chart is refused (CF_BAD_USE): "the chart TITLE has no point to draw"; `title` may be NULL. */
cf_status chart_without(const char *kind, const char *title, const char *lacks);

/* Equal boxes side by side and one below the other, `gap` points apart. */
Box box_of_grid(Box box, int rows, int columns, double gap, int row, int column);
