/* Where pixels come from: shift, crop, flip, rotate, scale, aspect, shear, perspective, elastic. */
#include "data/augment/operation.h"

#include <math.h>
#include <string.h>

#define BORDERS_EDGE_FIRST                                                                                             \
    { "edge", "zero", "reflect" }
#define BORDERS_ZERO_FIRST                                                                                             \
    { "zero", "edge", "reflect" }

static void move(double map[9], double across, double down) {
    map_multiply(map, (const double[9]){1, 0, across, 0, 1, down, 0, 0, 1});
}

/* In the plane, about the image's centre. */
static void turn(double map[9], double xx, double xy, double yx, double yy) {
    map_multiply(map, (const double[9]){xx, xy, 0, yx, yy, 0, 0, 0, 1});
}

/* Middle, low and high. */
static int range_views(const OperationValues *values) {
    return values->low[0] < values->high[0] ? 3 : 1;
}

/* ---- Shift, crop, flip ---- */

static void shift_map(const OperationValues *values, Drawing *drawing, double map[9]) {
    const int most = (int)values->low[0];
    const int across = drawing_below(drawing, 2 * most + 1) - most;
    move(map, across, drawing_below(drawing, 2 * most + 1) - most);
}

static double shift_magnitude(double magnitude) {
    return round(10 * magnitude);
}

static int shift_views(const OperationValues *values) {
    return values->low[0] > 0 ? 5 : 1;
}

/* In place, and to the corners. */
static void shift_view(const OperationValues *values, int view, double map[9]) {
    const double most = values->low[0];
    if (view) move(map, view % 2 ? -most : most, view <= 2 ? -most : most);
}

static void flip_map(const OperationValues *values, Drawing *drawing, double map[9]) {
    if (drawing_uniform(drawing) < values->low[0]) turn(map, -1, 0, 0, 1);
}

static void altflip_map(const OperationValues *values, Drawing *drawing, double map[9]) {
    (void)values;
    if ((drawing_first_epoch(drawing) < 0.5) != (drawing->key->epoch % 2 == 1)) turn(map, -1, 0, 0, 1);
}

static int flip_views(const OperationValues *values) {
    (void)values;
    return 2;
}

static void flip_view(const OperationValues *values, int view, double map[9]) {
    (void)values;
    if (view) turn(map, -1, 0, 0, 1);
}

/* ---- Rotate, scale, shear ---- */

static void rotate(double degrees, double map[9]) {
    const double angle = degrees * (M_PI / 180), c = cos(angle), s = sin(angle);
    turn(map, c, s, -s, c);
}

static double rotate_magnitude(double magnitude) {
    return 30 * magnitude;
}

static void scale(double factor, double map[9]) {
    turn(map, 1 / factor, 0, 0, 1 / factor);
}

/* As wide as high times the ratio, at the same area. */
static void aspect(double ratio, double map[9]) {
    const double root = sqrt(ratio);
    turn(map, 1 / root, 0, 0, root);
}

static void shear(double degrees, double map[9]) {
    turn(map, 1, tan(degrees * (M_PI / 180)), 0, 1);
}

/* As the paper: the tangent is 0.3 at most. */
static double shear_magnitude(double magnitude) {
    return atan(0.3 * magnitude) * (180 / M_PI);
}

/* ---- Perspective ---- */

/* From the square with the corners (0, 0), (1, 0), (1, 1), (0, 1) to those given: Heckbert, "Fundamentals of texture mapping and image
 * warping", 1989, section 2.2.3. */
static void map_of_square(const double q[8], double map[9]) {
    const double dx1 = q[2] - q[4], dx2 = q[6] - q[4], dx3 = q[0] - q[2] + q[4] - q[6];
    const double dy1 = q[3] - q[5], dy2 = q[7] - q[5], dy3 = q[1] - q[3] + q[5] - q[7];
    const double area = dx1 * dy2 - dx2 * dy1;
    const double g = (dx3 * dy2 - dx2 * dy3) / area, h = (dx1 * dy3 - dx3 * dy1) / area;
    const double square[3][3] = {{q[2] - q[0] + g * q[2], q[6] - q[0] + h * q[6], q[0]},
                                 {q[3] - q[1] + g * q[3], q[7] - q[1] + h * q[7], q[1]},
                                 {g, h, 1}};
    memcpy(map, square, sizeof square);
}

/* The inverse but for a factor, which maps do not see. */
static void adjugate(const double m[9], double a[9]) {
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++) {
            const int r1 = (column + 1) % 3, r2 = (column + 2) % 3, c1 = (row + 1) % 3, c2 = (row + 2) % 3;
            a[3 * row + column] = m[3 * r1 + c1] * m[3 * r2 + c2] - m[3 * r1 + c2] * m[3 * r2 + c1];
        }
}

void map_of_corners(const double corners[8], int height, int width, double map[9]) {
    const double right = 0.5 * (width - 1), bottom = 0.5 * (height - 1);
    double centred[8], from_square[9], to_square[9];
    for (int i = 0; i < 8; i++) centred[i] = corners[i] - (i % 2 ? bottom : right);
    map_of_square(centred, from_square);
    adjugate(from_square, to_square);
    map_multiply(map, (const double[9]){2 * right, 0, -right, 0, 2 * bottom, -bottom, 0, 0, 1});
    map_multiply(map, to_square);
}

/* As torchvision's RandomPerspective: each corner moves towards the middle by up to the share of the half, on each axis. */
static void perspective_map(const OperationValues *values, Drawing *drawing, double map[9]) {
    static const int side[8] = {0, 0, 1, 0, 1, 1, 0, 1}; /* left, top; right, top; .. */
    const int height = drawing->height, width = drawing->width;
    double corners[8];
    if (height < 2 || width < 2) return;
    for (int i = 0; i < 8; i++) {
        const int size = i % 2 ? height : width;
        const double inwards = drawing_uniform(drawing) * values->low[0] * 0.5 * (size - 1);
        corners[i] = side[i] ? size - 1 - inwards : inwards;
    }
    map_of_corners(corners, height, width, map);
}

/* ---- Elastic ---- */

enum { MOST_SIGMA = 16, MOST_RADIUS = 3 * MOST_SIGMA };

typedef struct Gaussian {
    int radius; /* three standard deviations */
    float weight[2 * MOST_RADIUS + 1];
} Gaussian;

static Gaussian gaussian_of(double sigma) {
    Gaussian gaussian = {.radius = (int)ceil(3 * sigma)};
    const int R = gaussian.radius;
    double sum = 0;
    for (int k = -R; k <= R; k++) sum += exp(-0.5 * k * k / (sigma * sigma));
    for (int k = -R; k <= R; k++) gaussian.weight[k + R] = (float)(exp(-0.5 * k * k / (sigma * sigma)) / sum);
    return gaussian;
}

/* out[i] += weight * in[i + by] for the i of 0 to count - 1 for which there is one. */
static void add_moved(const float *restrict in, int count, int by, float weight, float *restrict out) {
    const int from = by < 0 ? -by : 0, to = by < 0 ? count : count - by;
    for (int i = from; i < to; i++) out[i] += weight * in[i + by];
}

/* A field of one number per pixel, with zeros around it; `other` is of its size. */
static void blur_field(const Gaussian *gaussian, int height, int width, float *field, float *other) {
    const int R = gaussian->radius, size = height * width;
    for (int i = 0; i < size; i++) other[i] = 0;
    for (int y = 0; y < height; y++)
        for (int k = -R; k <= R; k++)
            if (k > -width && k < width)
                add_moved(field + y * width, width, k, gaussian->weight[k + R], other + y * width);
    for (int i = 0; i < size; i++) field[i] = 0;
    for (int k = -R; k <= R; k++)
        if (k > -height && k < height) add_moved(other, size, k * width, gaussian->weight[k + R], field);
}

static void elastic_apply(const OperationValues *values, Drawing *drawing, Picture *picture) {
    const int H = picture->height, W = picture->width, size = H * W;
    const Gaussian gaussian = gaussian_of(values->low[1]);
    float *field[2] = {picture->other, picture->other + size}, *other = picture->other + 2 * size;
    for (int axis = 0; axis < 2; axis++) {
        drawing_fill(drawing, field[axis], (size_t)size);
        blur_field(&gaussian, H, W, field[axis], other);
        for (int i = 0; i < size; i++) field[axis][i] *= (float)values->low[0];
    }
    warp_by_field(picture, field[0], field[1], other);
}

const Operation geometry_operations[] = {
    {"shift",
     "moves the image by whole pixels, up to so many on each axis",
     {WHOLE("pixels", 0, 1024, NAN)},
     BORDERS_EDGE_FIRST,
     .map = shift_map,
     .magnitude = shift_magnitude,
     .views = shift_views,
     .view = shift_view},
    {"crop",
     "pads the image by so many pixels and cuts its size out of that at random (He et al. 2016)",
     {WHOLE("pixels", 0, 1024, NAN)},
     BORDERS_ZERO_FIRST,
     .map = shift_map,
     .views = shift_views,
     .view = shift_view},
    {"flip",
     "mirrors the image left to right, with this probability",
     {NUMBER("a probability", 0, 1, 0.5)},
     .map = flip_map,
     .views = flip_views,
     .view = flip_view},
    {"altflip", "mirrors half of the images in the first epoch, and then each one every other time (Jordan 2024)",
     .map = altflip_map, .views = flip_views, .view = flip_view},
    {"rotate",
     "turns the image about its centre, clockwise if positive",
     {RANGE("degrees", -180, 180, NAN, AROUND_ZERO)},
     BORDERS_EDGE_FIRST,
     .turn = rotate,
     .magnitude = rotate_magnitude,
     .views = range_views},
    {"scale",
     "makes what is in the image larger by this factor, about its centre",
     {RANGE("a factor", 0.05, 20, NAN, AROUND_ONE)},
     BORDERS_EDGE_FIRST,
     .turn = scale,
     .views = range_views},
    {"aspect",
     "makes what is in the image wider by the root of this ratio and lower by as much, about its centre",
     {RANGE("a ratio", 0.05, 20, NAN, AROUND_ONE)},
     BORDERS_EDGE_FIRST,
     .turn = aspect},
    {"shear",
     "leans the image to the right, if positive, by this angle",
     {RANGE("degrees", -60, 60, NAN, AROUND_ZERO)},
     BORDERS_EDGE_FIRST,
     .turn = shear,
     .magnitude = shear_magnitude,
     .views = range_views},
    {"perspective",
     "moves each corner inwards by up to this share of the half width and height",
     {NUMBER("a share", 0, 0.9, 0.5)},
     BORDERS_EDGE_FIRST,
     .map = perspective_map},
    {"elastic",
     "moves each pixel by a random field times the first number, in pixels, smoothed with the second's standard deviation (Simard et al. 2003)",
     {NUMBER("a factor", 0, 1000, 34), NUMBER("pixels", 0.5, MOST_SIGMA, 4)},
     .apply = elastic_apply},
    {0}};
