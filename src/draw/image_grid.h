/* A figure of many small images: rows with labels, columns in groups with headings. */
#ifndef DRAW_IMAGE_GRID_H
#define DRAW_IMAGE_GRID_H

#include "draw/canvas.h"

typedef struct GridGroup {
    const char *heading, *about; /* above the group, the second line smaller; NULL: none */
    int columns;
    const char *const *column_captions; /* [columns] above each column, or NULL */
    const CanvasImage *images;          /* [rows][columns]; pixels NULL: an empty place */
    const char *const *captions;        /* [rows][columns] below each image, or NULL; each may be NULL */
} GridGroup;

typedef struct ImageGrid {
    const char *title, *note; /* above all, and below; NULL: none */
    int rows;
    const char *const *row_labels; /* [rows], or NULL */
    int group_count;
    const GridGroup *groups; /* side by side */
} ImageGrid;

/* Draws into a .svg, .png or .pdf file. Images keep their proportions; all of a group get places of one size. */
cf_status image_grid_draw(const ImageGrid *grid, const Theme *theme, const char *path);

#endif
