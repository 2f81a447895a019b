/* Many points of classes in the plane: features after UMAP. */
#pragma once

#include "draw/chart_frame.h"

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
