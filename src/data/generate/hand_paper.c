/* The line becomes ink as in MNIST's files (LeCun, Bottou, Bengio, Haffner 1998): its ink fills a box of 20 x 20 pixels, its
 * proportions kept, which lies in 28 x 28 so that the centre of mass is in the middle, by whole pixels.
 */
#include "data/generate/hand.h"
#include "data/generate/portable.h"

#include <string.h>

/* ---- The pen ---- */

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

/* ---- The paper ---- */

static void press(const GeneratedImage *image, const LinePoint *line, int count, float radius, PenPoint *way) {
    Draws draws = draws_of_image(image, HAND_STAGE_PRESSURE);
    Draws edges = draws_of_image(image, HAND_STAGE_ROUGHNESS);
    const float rough = (float)image->factor[HAND_ROUGHNESS];
    double slow = draw_between(&draws, 0.2, 0.6), fast = draw_between(&draws, 0.6, 1.5);
    double first = draw_uniform(&draws), second = draw_uniform(&draws), share = image->factor[HAND_PRESSURE];
    for (int i = 0; i < count; i++) {
        double wave = portable_sin(slow * line[i].along + first) + 0.5 * portable_sin(fast * line[i].along + second);
        way[i].radius = radius * (float)(1 + share * wave / 1.5) + rough * (float)draw_normal(&edges);
        if (way[i].radius < 0.2f) way[i].radius = 0.2f;
    }
}

/* Scales the line so that its ink fills the box, and puts the box in the middle. */
static void fit_into_box(const GeneratedImage *image, const LinePoint *line, int count, float radius, PenPoint *way) {
    const double box = HAND_BOX * portable_exp2(image->factor[HAND_SCALE]);
    const double edge = 0.7; /* by which a pixel that is touched at all goes beyond the ink, in the mean */
    double left = line[0].x, right = left, top = line[0].y, bottom = top;
    for (int i = 1; i < count; i++) {
        left = fmin(left, line[i].x), right = fmax(right, line[i].x);
        top = fmin(top, line[i].y), bottom = fmax(bottom, line[i].y);
    }
    double size = fmax(right - left, bottom - top), scale = (box - edge - 2 * (double)radius) / fmax(size, 1e-3);
    for (int i = 0; i < count; i++) {
        way[i].x = (float)(HAND_SIDE / 2 + scale * (line[i].x - (left + right) / 2));
        way[i].y = (float)(HAND_SIDE / 2 + scale * (line[i].y - (top + bottom) / 2));
    }
}

static void ink_strokes(const Pen *pen, const LinePoint *line, const PenPoint *way, int count, float *ink) {
    for (int first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && !line[end].begins;) end++;
        pen_stroke(pen, way + first, end - first, ink, HAND_SIDE, HAND_SIDE);
    }
}

/* Moves the image by whole pixels so that its centre of mass is nearest to the middle of pixel (14, 14), where it is in MNIST's
 * files, or as far off as `position` says; what leaves the image is lost. */
static void centre_by_mass(const GeneratedImage *image, float *ink) {
    Draws draws = draws_of_image(image, HAND_STAGE_POSITION);
    double off = image->factor[HAND_POSITION], middle = HAND_SIDE / 2 + 0.5;
    double to_x = middle + draw_between(&draws, -off, off), to_y = middle + draw_between(&draws, -off, off);
    double mass = 0, mx = 0, my = 0;
    for (int y = 0; y < HAND_SIDE; y++)
        for (int x = 0; x < HAND_SIDE; x++) {
            double m = (double)ink[y * HAND_SIDE + x];
            mass += m, mx += m * (x + 0.5), my += m * (y + 0.5);
        }
    if (!(mass > 0)) return;
    int dx = (int)floor(to_x - mx / mass + 0.5), dy = (int)floor(to_y - my / mass + 0.5);
    float moved[HAND_PIXELS] = {0};
    for (int y = 0; y < HAND_SIDE; y++)
        for (int x = 0; x < HAND_SIDE; x++)
            if (y - dy >= 0 && y - dy < HAND_SIDE && x - dx >= 0 && x - dx < HAND_SIDE)
                moved[y * HAND_SIDE + x] = ink[(y - dy) * HAND_SIDE + x - dx];
    memcpy(ink, moved, sizeof moved);
}

void hand_paper(const GeneratedImage *image, const LinePoint *line, int count, float *ink) {
    const double plain_width = 2.6;
    const double *f = image->factor;
    PenPoint way[HAND_LINE];
    Draws nib = draws_of_writer(image, HAND_STAGE_NIB);
    double turn = draw_uniform(&nib);
    const Pen pen = {(float)f[HAND_NIB], (float)portable_cos(turn), (float)portable_sin(turn),
                     1 + (float)f[HAND_SOFTNESS]};
    float radius = (float)(plain_width / 2 * portable_exp2(f[HAND_WEIGHT] + f[HAND_SCALE]));
    fit_into_box(image, line, count, radius, way);
    press(image, line, count, radius, way);
    ink_strokes(&pen, line, way, count, ink);
    centre_by_mass(image, ink);
}
