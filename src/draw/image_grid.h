/* A figure of many small images: rows with labels, columns in groups with headings. */
#pragma once

#include "draw/canvas.h"

typedef struct GridGroup {
    const char *heading, *about; /* above the group, the second line smaller; NULL: none */
    int columns;
    const char *const *column_captions; /* [columns] above each column, or NULL */
    const CanvasImage *images;          /* [rows][columns]; pixels NULL: an empty place */
    bool blank;                         /* empty places show nothing */
    /* [rows][columns] below each image, or NULL; each may be NULL. Lines end with \n, the last is drawn fainter:
     * "4 to 9\n87 %". */
    const char *const *captions;
} GridGroup;

typedef struct ImageGrid {
    const char *title, *note; /* above all, and below; NULL: none */
    int rows;
    int block_rows;                /* rows that belong together, with some room between blocks; 0: 1, without */
    const char *const *row_labels; /* [rows], or NULL; of blocks only the first row's, beside the block's middle */
    double side;                   /* of a place, about, in points; 0: 46 */
    int group_count;
    const GridGroup *groups; /* side by side */
} ImageGrid;

/* Draws into a .svg, .png or .pdf file. Images keep their proportions; all of a group get places of one size. */
cf_status image_grid_draw(const ImageGrid *grid, const Theme *theme, int dpi, const char *path);
