/* Lines over an axis: training curves, ROC, rates. */
#ifndef DRAW_CHART_LINE_H
#define DRAW_CHART_LINE_H

#include "draw/chart_frame.h"

typedef struct LineSeries {
    const char *name;    /* for the legend; NULL: not there */
    const double *x, *y; /* [count]; a point that is not finite (or not above 0 on a logarithmic axis) leaves a gap */
    size_t count;
    int colour;  /* a class colour, or CHART_MUTED, CHART_FAINT */
    double dash; /* length of dashes in points; 0: solid */
} LineSeries;

/* A ring with a thin line through it from top to bottom, and a text beside that. */
typedef struct LineMark {
    double x, y;
    const char *label; /* NULL: none */
    int colour;
} LineMark;

typedef struct LineChart {
    const char *title; /* NULL: none */
    Axis x, y;
    int series_count, mark_count;
    const LineSeries *series;
    const LineMark *marks;
} LineChart;

/* Up to 24 points of a series are drawn as dots, too: what was measured is then told from what joins it. Fails
 * (CF_BAD_USE) where no series has a point to show. */
cf_status line_chart_draw(Canvas *canvas, const Theme *theme, Box box, const LineChart *chart);

#endif
