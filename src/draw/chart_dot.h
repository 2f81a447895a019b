/* Points with intervals in rows, beside a table of what the rows are: configurations in order, means of groups. */
#pragma once

#include "draw/chart_frame.h"

/* All rows on one axis. */
typedef struct DotPanel {
    Axis x;
    const double *values;     /* [row_count]; NaN: no point */
    const double *low, *high; /* [row_count] ends of the interval, NaN: none; both NULL: none anywhere */
    /* How far intervals may widen the axis at each end, in spans of the points, so that one of two wild values does not press
     * all points together; what goes on is cut at the edge. 0: half a span. */
    double reach;
} DotPanel;

typedef struct DotChart {
    const char *title; /* NULL: none */
    int row_count, column_count;
    const char *const *headings; /* [column_count] of the table */
    const char *const *cells;    /* [row_count][column_count] */
    const char *const *notes;    /* [row_count] instead of points: why there is none; may be NULL, each and all */
    const bool *opens;           /* [row_count]: opens a group, with a line above; NULL: none does */
    int best;                    /* the row that is drawn in a class colour; -1: all are */
    int panel_count;             /* side by side */
    const DotPanel *panels;
} DotChart;

/* Fails (CF_BAD_USE) where no panel has a point to show. Cells that are too long end with an ellipsis. */
cf_status dot_chart_draw(Canvas *canvas, const Theme *theme, Box box, const DotChart *chart);
/* The height at which rows have room for their text and a little more. */
double dot_chart_height(const DotChart *chart);

/* What a chart's rows point into: texts are printed into it, points begin as none. */
enum { DOT_TEXT = 160 };
typedef struct DotRows {
    int count, columns;
    double *numbers;             /* [panels][point, low, high][count] */
    const char **cells, **notes; /* as a chart has them */
    bool *opens;
    char (*texts)[DOT_TEXT]; /* [count][columns], then of the notes */
} DotRows;

cf_status dot_rows_new(size_t count, int columns, int panels, DotRows *rows);
void dot_rows_free(DotRows *rows);
void dot_rows_cell(DotRows *rows, int row, int column, const char *format, ...) __attribute__((format(printf, 4, 5)));
void dot_rows_note(DotRows *rows, int row, const char *format, ...) __attribute__((format(printf, 3, 4)));
void dot_rows_point(DotRows *rows, int row, int panel, double value, double low, double high);
/* A panel of them. */
DotPanel dot_rows_panel(const DotRows *rows, int panel, Axis x, double reach);
/* A chart of them, but for what is not in them. */
DotChart dot_rows_chart(const DotRows *rows, const char *title, const char *const *headings, int panel_count,
                        const DotPanel *panels);
