/* Bars, also in groups: one group for each category. */
#pragma once

#include "draw/chart_frame.h"

typedef struct BarSeries {
    const char *name;     /* for the legend; NULL: not there */
    const double *values; /* [category_count], 0 or more; NaN: no bar */
    int colour;           /* a class colour, or CHART_MUTED, CHART_FAINT */
} BarSeries;

typedef struct BarChart {
    const char *title;          /* NULL: none */
    const char *category_label; /* below the names; NULL: none */
    Axis y;                     /* from 0, so linear, with low 0; high 0: the highest bar's */
    int category_count;
    const char *const *categories;
    int series_count;
    const BarSeries *series;
    const int *colours; /* [category_count] instead of the series' own, for one series; NULL: none */
    bool numbers;       /* above each bar its value, where all of them fit */
    int decimals;       /* of those numbers */
} BarChart;

/* Fails (CF_BAD_USE) without a bar to draw, and for values below 0 or infinite. */
cf_status bar_chart_draw(Canvas *canvas, const Theme *theme, Box box, const BarChart *chart);

/* An image above the bars of its classes' probabilities. */
typedef struct ProbabilityBars {
    const char *title, *about; /* above the image, the second line smaller; NULL: none */
    CanvasImage image;
    int classes;
    const char *const *class_names;
    const float *probabilities; /* [classes] */
    int predicted, truth;       /* their bars are coloured as classes; truth -1: not known */
} ProbabilityBars;

/* Of more than 12 classes the 12 likeliest are shown, the likeliest first. Fails (CF_BAD_USE) on what is no probability. */
cf_status probability_bars_draw(Canvas *canvas, const Theme *theme, Box box, const ProbabilityBars *bars);
