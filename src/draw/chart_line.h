/* Lines over an axis: training curves, ROC, rates. */
#pragma once

#include "draw/chart_frame.h"

typedef struct LineSeries {
    const char *name;    /* for the legend; NULL: not there */
    const double *x, *y; /* [count]; a point that is not finite (or not above 0 on a logarithmic axis) leaves a gap */
    size_t count;
    int colour;  /* a class colour, or CHART_MUTED, CHART_FAINT */
    double dash; /* length of dashes in points; 0: solid */
} LineSeries;

/* Ends of an interval at each point of a series, [its count]. */
typedef struct LineInterval {
    const double *low, *high;
} LineInterval;

/* A ring with a thin line through it from top to bottom, and a text beside that. */
typedef struct LineMark {
    double x, y;
    const char *label; /* NULL: none */
    int colour;
} LineMark;

typedef enum LineEnd { LINE_ENDS, LINE_ENDS_RING, LINE_ENDS_CROSS } LineEnd; /* how a last point is marked */

/* One of many thin lines behind the series, without dots. */
typedef struct LineBehind {
    const double *x, *y; /* [count] */
    size_t count;
    double shade; /* 0 to 1 of the theme's sequence; NaN: the muted colour */
    LineEnd end;
} LineBehind;

typedef struct LineChart {
    const char *title; /* NULL: none */
    Axis x, y;
    int series_count, mark_count, behind_count;
    const LineSeries *series;
    const LineInterval *intervals; /* [series_count]; NULL: none */
    const LineMark *marks;
    const LineBehind *behind; /* the last is drawn over the first */
} LineChart;

/* Up to 24 points of a series are drawn as dots, too: what was measured is then told from what joins it. A series
 * without points is only named in the legend. Fails (CF_BAD_USE) where no line has a point to show. */
cf_status line_chart_draw(Canvas *canvas, const Theme *theme, Box box, const LineChart *chart);
