/* What sets a subject off from what lies behind it: stroke, ink, background. They know the subject by its distance from the ground, the
 * median of the image's outermost pixels, whichever of the two is lighter: digits as a scanner has them, any subject on plain ground.
 * Where there is no plain ground, what they do has no such meaning.
 */
#include "data/augment/operation.h"

#include <math.h>
#include <string.h>

enum { MOST_CHANNELS = 4, CELLS = 8, MOST_RADIUS = 4 };

/* ---- Strokes ---- */

/* The distance from the ground that is largest, or smallest, among pixels no farther than `radius`; those outside are ground. */
static float extreme_near(const Picture *picture, int channel, int y, int x, int radius, bool largest, float ground) {
    const int H = picture->height, W = picture->width, C = picture->channels;
    float found = picture->x[(y * W + x) * C + channel] - ground;
    for (int dy = -radius; dy <= radius; dy++)
        for (int dx = -radius; dx <= radius; dx++) {
            if (dy * dy + dx * dx > radius * radius) continue;
            const bool inside = y + dy >= 0 && y + dy < H && x + dx >= 0 && x + dx < W;
            const float d = inside ? picture->x[((y + dy) * W + x + dx) * C + channel] - ground : 0;
            if (largest ? fabsf(d) > fabsf(found) : fabsf(d) < fabsf(found)) found = d;
        }
    return found;
}

/* Between two whole radii both are mixed. */
static void stroke(double by, Picture *picture) {
    const int radius = (int)floor(fabs(by)), C = picture->channels, size = (int)picture_size(picture);
    const float share = (float)(fabs(by) - radius);
    for (int c = 0; c < C; c++) {
        const float ground = picture_ground(picture, c);
        for (int i = 0; i < size / C; i++) {
            const int y = i / picture->width, x = i % picture->width;
            const float inner = extreme_near(picture, c, y, x, radius, by > 0, ground);
            const float outer = share > 0 ? extreme_near(picture, c, y, x, radius + 1, by > 0, ground) : inner;
            picture->other[i] = ground + inner + share * (outer - inner);
        }
        for (int i = 0; i < size / C; i++) picture->x[i * C + c] = picture->other[i];
    }
}

/* ---- Ink and ground ---- */

/* Black becomes one drawn colour, white another; either is the lighter one. */
static void ink(const OperationValues *values, Drawing *drawing, Picture *picture) {
    const int C = picture->channels, pixels = picture->height * picture->width;
    const double contrast = drawing_between(drawing, values->low[0], values->high[0]),
                 tint = C == 3 ? values->low[1] : 0;
    const bool dark = drawing_uniform(drawing) < 0.5;
    const double black = dark ? drawing_between(drawing, contrast, 1) : drawing_between(drawing, 0, 1 - contrast);
    const double white = dark ? black - contrast : black + contrast;
    float from[MOST_CHANNELS], to[MOST_CHANNELS];
    for (int c = 0; c < C && c < MOST_CHANNELS; c++) {
        from[c] = (float)(black + drawing_between(drawing, -tint, tint));
        to[c] = (float)(white + drawing_between(drawing, -tint, tint));
    }
    for (int i = 0; i < pixels; i++) {
        float *p = picture->x + i * C;
        const float grey = pixel_grey(p, C);
        for (int c = 0; c < C && c < MOST_CHANNELS; c++) p[c] = from[c] + grey * (to[c] - from[c]);
    }
}

/* ---- Backgrounds ---- */

/* A field over the image, -1 to 1: a slope, a smooth texture, and a plate. Places are 0 to 1. */
typedef struct Field {
    double across, down;  /* of the slope */
    double texture;       /* its weight */
    int cells;            /* of it, a side */
    double plate, box[4]; /* its weight; top, left, bottom, right */
    float knots[(CELLS + 1) * (CELLS + 1)];
} Field;

static Field draw_field(Drawing *drawing) {
    Field field;
    const double angle = 2 * 3.14159265358979323846 * drawing_uniform(drawing), slope = drawing_uniform(drawing);
    field.across = slope * cos(angle), field.down = slope * sin(angle);
    field.texture = drawing_uniform(drawing);
    field.cells = 2 + drawing_below(drawing, CELLS - 1);
    field.plate = drawing_uniform(drawing) < 0.5 ? drawing_between(drawing, -1, 1) : 0;
    for (int axis = 0; axis < 2; axis++) {
        const double middle = drawing_uniform(drawing), half = drawing_between(drawing, 0.1, 0.6);
        field.box[axis] = middle - half, field.box[axis + 2] = middle + half;
    }
    drawing_fill(drawing, field.knots, sizeof field.knots / sizeof *field.knots);
    return field;
}

static double smooth_step(double t) {
    return t * t * (3 - 2 * t);
}

static double texture_at(const Field *field, double y, double x) {
    const int row = (int)(y * field->cells), column = (int)(x * field->cells);
    const double v = smooth_step(y * field->cells - row), u = smooth_step(x * field->cells - column);
    const float *knot = field->knots + row * (CELLS + 1) + column;
    return (1 - v) * ((1 - u) * (double)knot[0] + u * (double)knot[1]) +
           v * ((1 - u) * (double)knot[CELLS + 1] + u * (double)knot[CELLS + 2]);
}

/* y and x in [0, 1). */
static float field_at(const Field *field, double y, double x) {
    const bool on_plate = y >= field->box[0] && x >= field->box[1] && y < field->box[2] && x < field->box[3];
    const double value = field->across * (2 * x - 1) + field->down * (2 * y - 1) +
                         field->texture * texture_at(field, y, x) + (on_plate ? field->plate : 0);
    return (float)fmin(fmax(value, -1), 1);
}

/* How much of a pixel is subject: its largest distance from the ground among channels, as a share of the image's largest. */
static float subject_at(const float *p, const float *ground, int channels) {
    float most = 0;
    for (int c = 0; c < channels; c++) most = fmaxf(most, fabsf(p[c] - ground[c]));
    return most;
}

static void background(const OperationValues *values, Drawing *drawing, Picture *picture) {
    const int C = picture->channels, W = picture->width, pixels = picture->height * W;
    const float strength = (float)drawing_between(drawing, values->low[0], values->high[0]);
    float ground[MOST_CHANNELS], weight[MOST_CHANNELS], most = 0;
    if (C > MOST_CHANNELS) return;
    for (int c = 0; c < C; c++) {
        ground[c] = picture_ground(picture, c);
        weight[c] = strength * (float)(C > 1 ? drawing_between(drawing, 0.4, 1) : 1);
    }
    const Field field = draw_field(drawing);
    for (int i = 0; i < pixels; i++) most = fmaxf(most, subject_at(picture->x + i * C, ground, C));
    for (int i = 0; i < pixels; i++) {
        float *p = picture->x + i * C;
        const float behind = most > 0 ? 1 - subject_at(p, ground, C) / most : 1;
        const float value = behind * field_at(&field, (i / W + 0.5) / picture->height, (i % W + 0.5) / W);
        for (int c = 0; c < C; c++) p[c] += weight[c] * value;
    }
}

/* ---- The rows ---- */

const Operation backdrop_operations[] = {
    {"stroke",
     "makes what stands out from plain ground wider by so many pixels on each side, or narrower; the ground is the "
     "median of the outermost pixels",
     {RANGE("pixels", -MOST_RADIUS, MOST_RADIUS, NAN, AROUND_ZERO)},
     .change = stroke},
    {"ink",
     "redraws the image in two drawn colours, so far apart, for black and for white, either the lighter one; each "
     "channel of theirs is moved by up to the tint",
     {RANGE("contrast", 0, 1, NAN, FROM_ZERO), NUMBER("a tint", 0, 1, 0.2)},
     .apply = ink},
    {"background",
     "lays a drawn slope, smooth texture and plate of up to this strength behind a subject on plain ground",
     {RANGE("strength", 0, 1, 0.3, FROM_ZERO)},
     .apply = background},
    {0},
};
