/* Charts in boxes of a canvas. Each checks its data before it draws; what they share is in chart_frame.h. */
#pragma once

#include "draw/chart_frame.h"

/* ---- Lines over an axis: training curves, ROC, rates ---- */

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

/* ---- Bars, also in groups: one group for each category ---- */

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

/* ---- Points with intervals in rows, beside a table of what the rows are: configurations in order, means of groups ---- */

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

/* ---- A table of numbers on coloured cells: confusion matrices ---- */

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

/* ---- Many points of classes in the plane: features after UMAP ---- */

/* Classes that colours and shapes of marks tell apart; of more, colours begin again. */
enum { SCATTER_CLASSES = CLASS_COLOURS * MARK_SHAPES };
/* The mark of a class: a disc for the first ten, another shape for each ten more. */
MarkShape scatter_shape(int label);

typedef struct ScatterPlot {
    const char *title; /* NULL: none */
    size_t count;
    const float *points;         /* [count][2]; points that are not finite are left out */
    const unsigned char *labels; /* [count] classes, which choose the colours */
    int classes;
    const char *const *class_names; /* [classes] for the legend */
    double radius;                  /* of a point; 0: chosen by their number */
    double alpha;                   /* 0 to 1 of each point; 0: chosen by their number */
    bool names_inside;              /* each class also has its name at the median of its points, or near it: no two of
                                     * them touch, and a class for whose name there is no room has none there */
} ScatterPlot;

/* Both axes have one scale and no marks: only distances mean something. The order of points is mixed, so that no class lies on top. A
 * legend that would take more than a third of the box is left out where names are inside. Fails (CF_BAD_USE) without a finite point. */
cf_status scatter_plot_draw(Canvas *canvas, const Theme *theme, Box box, const ScatterPlot *plot);

/* ---- Parallel coordinates (Inselberg 1985): a line for each trial through one upright axis per parameter to its result ---- */

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
