/* A table of numbers on coloured cells: confusion matrices. */
#pragma once

#include "draw/chart_frame.h"

typedef struct HeatMap {
    const char *title;                    /* NULL: none */
    const char *row_label, *column_label; /* what rows and columns are; NULL: none */
    int rows, columns;
    const char *const *row_names, *const *column_names;
    const double *values; /* [rows][columns]; NaN: an empty cell */
    const double *shades; /* [rows][columns], 0 to 1: how far a cell's colour goes; NULL: value over the largest */
    int decimals;         /* of the numbers */
} HeatMap;

/* Cells are squares. A 0 is written as a point, so that the others are seen; where the numbers do not fit, none is
 * written. Fails (CF_BAD_USE) without cells, or where none is a number of 0 or more. */
cf_status heat_map_draw(Canvas *canvas, const Theme *theme, Box box, const HeatMap *map);
/* The height at which a map of this width fills its box. */
double heat_map_height(const HeatMap *map, double width);
