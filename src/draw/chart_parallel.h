/* Parallel coordinates (Inselberg 1985): a line for each trial through one upright axis per parameter to its result. */
#pragma once

#include "draw/chart_frame.h"

typedef struct ParallelAxis {
    const char *name;
    const double *values; /* [line_count]; of categories their index. NaN: the line ends before this axis */
    /* Categories from top to bottom, or numbers (NULL), on an axis of their own kind. */
    const char *const *categories;
    int category_count;
    Axis numbers;
} ParallelAxis;

typedef struct ParallelChart {
    const char *title; /* NULL: none */
    int axis_count, line_count;
    const ParallelAxis *axes; /* the last one is of numbers and gives the lines' colours, the lowest the strongest */
    int best;                 /* the line that is drawn broad, over the others; -1: none */
} ParallelChart;

/* Lines through one category go side by side, the better ones above, so that each can be followed. A line without a result is
 * dashed and faint. Fails (CF_BAD_USE) with fewer than two axes, or where no line has a result. */
cf_status parallel_chart_draw(Canvas *canvas, const Theme *theme, Box box, const ParallelChart *chart);
