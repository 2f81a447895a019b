#include "data/generate/pen.h"

#include <math.h>

static float at_least(float x, float low) {
    return x > low ? x : low;
}

static float at_most(float x, float high) {
    return x < high ? x : high;
}

/* Rows or columns that [low, high] can touch, cut to the grid. */
static int first_cell(float low) {
    return low > 0 ? (int)low : 0;
}

static int end_cell(float high, int size) {
    return high >= (float)size ? size : high < 0 ? 0 : (int)high + 1;
}

/* Distances are measured after stretching the nib's narrow direction, which makes it round. */
static void segment(const Pen *pen, const PenPoint *a, const PenPoint *b, float *ink, int width, int height) {
    const float stretch = 1 / (1 - pen->squeeze) - 1;
    const float reach = (a->radius > b->radius ? a->radius : b->radius) + pen->edge;
    const int left = first_cell(at_most(a->x, b->x) - reach), right = end_cell(at_least(a->x, b->x) + reach, width);
    const int top = first_cell(at_most(a->y, b->y) - reach), bottom = end_cell(at_least(a->y, b->y) + reach, height);
    const float along = pen->cos * (b->x - a->x) + pen->sin * (b->y - a->y);
    const float ex = b->x - a->x + stretch * along * pen->cos, ey = b->y - a->y + stretch * along * pen->sin;
    const float length2 = ex * ex + ey * ey, inverse = length2 > 0 ? 1 / length2 : 0;
    const float slope = 1 / pen->edge, grow = b->radius - a->radius;
    for (int row = top; row < bottom; row++) {
        float *line = ink + row * width;
        const float dy = (float)row + 0.5f - a->y;
        for (int column = left; column < right; column++) {
            const float dx = (float)column + 0.5f - a->x;
            const float across = stretch * (pen->cos * dx + pen->sin * dy);
            const float px = dx + across * pen->cos, py = dy + across * pen->sin;
            const float t = at_most(at_least((px * ex + py * ey) * inverse, 0), 1);
            const float qx = px - t * ex, qy = py - t * ey;
            const float inside = a->radius + t * grow - sqrtf(qx * qx + qy * qy);
            line[column] = at_least(line[column], at_most(0.5f + slope * inside, 1));
        }
    }
}

void pen_stroke(const Pen *pen, const PenPoint *points, int count, float *ink, int width, int height) {
    if (count == 1) segment(pen, points, points, ink, width, height);
    for (int i = 0; i + 1 < count; i++) segment(pen, &points[i], &points[i + 1], ink, width, height);
}
