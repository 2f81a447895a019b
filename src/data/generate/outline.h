/* Polygons to coverage: how much of each pixel a shape covers, exactly, after a projective map.
 *
 * Each edge adds to the pixels it crosses the signed area between itself and the pixel's right side, and its height to
 * the next pixel; the running sum along a row is then the winding number averaged over each pixel, which is the covered
 * share where shapes do not overlap. Clamping it to 1 makes the union of shapes that do. What the clamp cannot see:
 * within one pixel, two shapes that cover the same half count as the whole.
 */
#pragma once

enum { OUTLINE_SIDE = 32 };

typedef struct Point {
    double x, y;
} Point;

typedef struct Coverage {
    int height, width; /* at most OUTLINE_SIDE */
    double map[3][3];  /* (x, y, 1) to pixels (X / W, Y / W); pixel (0, 0) is the square from 0 to 1 */
    float sums[OUTLINE_SIDE][OUTLINE_SIDE + 2];
} Coverage;

/* Empty, with the identity as map. */
void coverage_clear(Coverage *coverage, int height, int width);
Point coverage_to_pixels(const Coverage *coverage, Point point);
/* Adds a closed polygon. Polygons that overlap must turn the same way round, or they take from each other. */
void coverage_add(Coverage *coverage, const Point *points, int count);
/* [height][width] shares from 0 to 1. */
void coverage_shares(const Coverage *coverage, float *shares);
