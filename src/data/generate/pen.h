/* A pen on paper: a line of points with a radius each becomes ink on a grid of pixels. */
#pragma once

typedef struct PenPoint {
    float x, y;   /* pixels; pixel (column, row) covers [column, column + 1) x [row, row + 1) */
    float radius; /* of the nib there, pixels */
} PenPoint;

typedef struct Pen {
    float squeeze;  /* how much narrower the nib is one way than the other: 0 round, 0.5 half as wide */
    float cos, sin; /* the direction in which it is narrower */
    float edge;     /* width of the ramp from ink to paper, pixels; 1 is what area sampling gives */
} Pen;

/* Lays the ink of a stroke on `ink` [height][width], 0 paper to 1 full; where strokes meet the stronger one stays. The
 * stroke is the union of its segments, each a capsule whose radius runs from one end's to the other's; a pixel's ink falls
 * linearly over `edge` around the outline's distance from its centre. One point makes a dot. */
void pen_stroke(const Pen *pen, const PenPoint *points, int count, float *ink, int width, int height);
