#include "data/generate/outline.h"

#include <stdbool.h>

void coverage_clear(Coverage *coverage, int height, int width) {
    *coverage = (Coverage){.height = height, .width = width, .map = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
}

Point coverage_to_pixels(const Coverage *coverage, Point p) {
    const double(*m)[3] = coverage->map, depth = m[2][0] * p.x + m[2][1] * p.y + m[2][2];
    /* Behind the eye or nearly: far outside the picture is near enough. */
    const double near = 0.05, share = 1 / (depth < near ? near : depth);
    return (Point){(m[0][0] * p.x + m[0][1] * p.y + m[0][2]) * share,
                   (m[1][0] * p.x + m[1][1] * p.y + m[1][2]) * share};
}

/* The piece of an edge within one row, from `a` to `b` (either way in x), of which `height` counts with its sign. It is
 * cut at the sides of pixels; left of the picture it counts for whole pixels from the first on, right of it for none.
 * */
static void add_in_row(float *row, int width, double a, double b, double height) {
    if (a > b) {
        const double kept = a;
        a = b, b = kept;
    }
    const double slope = b > a ? height / (b - a) : 0;
    if (b <= 0) {
        row[0] += (float)height;
        return;
    }
    if (a < 0) {
        row[0] += (float)(slope * -a);
        height += slope * a;
        a = 0;
    }
    if (a >= width) return;
    if (b > width) {
        height -= slope * (b - width);
        b = width;
    }
    for (int x = (int)a; height != 0; x++) {
        const double end = b < x + 1 ? b : x + 1, part = b <= x + 1 ? height : slope * (end - a);
        const double beside = part * (0.5 * (a + end) - x);
        row[x] += (float)(part - beside);
        row[x + 1] += (float)beside;
        if (b <= x + 1) return;
        height -= part;
        a = end;
    }
}

static void add_edge(Coverage *coverage, Point from, Point to) {
    double sign = 1;
    if (from.y > to.y) {
        const Point kept = from;
        from = to, to = kept, sign = -1;
    }
    if (from.y == to.y || to.y <= 0 || from.y >= coverage->height) return;
    const double slope = (to.x - from.x) / (to.y - from.y);
    double y = from.y, x = from.x;
    if (y < 0) x -= y * slope, y = 0;
    for (int row = (int)y; row < coverage->height && y < to.y; row++) {
        const bool last = to.y <= row + 1;
        const double end = last ? to.y : row + 1, end_x = last ? to.x : from.x + (end - from.y) * slope;
        add_in_row(coverage->sums[row], coverage->width, x, end_x, sign * (end - y));
        y = end, x = end_x;
    }
}

void coverage_add(Coverage *coverage, const Point *points, int count) {
    if (count < 3) return;
    const Point first = coverage_to_pixels(coverage, points[0]);
    Point from = first;
    for (int i = 1; i < count; i++) {
        const Point to = coverage_to_pixels(coverage, points[i]);
        add_edge(coverage, from, to);
        from = to;
    }
    add_edge(coverage, from, first);
}

void coverage_shares(const Coverage *coverage, float *shares) {
    for (int y = 0; y < coverage->height; y++) {
        float sum = 0;
        for (int x = 0; x < coverage->width; x++) {
            sum += coverage->sums[y][x];
            const float share = sum < 0 ? -sum : sum;
            *shares++ = share < 1 ? share : 1;
        }
    }
}
