/* Where pixels come from: shift, crop, flip, rotate, scale, aspect, shear, perspective, elastic. */
#include "data/augment/operation.h"
#include "data/augment/warp.h"

#include <math.h>

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

static double draw(const OperationValues *values, Drawing *drawing) {
    return drawing_between(drawing, values->low[0], values->high[0]);
}

/* Middle, low and high of a range as views. */
static int range_views(const OperationValues *values) {
    return values->low[0] < values->high[0] ? 3 : 1;
}

static double range_view(const OperationValues *values, int view, double *value) {
    const double low = values->low[0], high = values->high[0];
    *value = view == 0 ? 0.5 * (low + high) : view == 1 ? low : high;
    return range_views(values) == 1 ? 1 : view == 0 ? 0.5 : 0.25;
}

/* ---- Shift, crop, flip ---- */

static void shift_map(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]) {
    (void)height, (void)width;
    const int most = (int)values->low[0];
    const int across = drawing_below(drawing, 2 * most + 1) - most;
    move(map, across, drawing_below(drawing, 2 * most + 1) - most);
}

static void shift_magnitude(double magnitude, OperationValues *values) {
    values->low[0] = values->high[0] = round(10 * magnitude);
}

static int shift_views(const OperationValues *values) {
    return values->low[0] > 0 ? 5 : 1;
}

/* In place with half of the weight, the corners with an eighth each. */
static double shift_view(const OperationValues *values, int view, int height, int width, double map[9]) {
    (void)height, (void)width;
    const double most = values->low[0];
    if (view) move(map, view % 2 ? -most : most, view <= 2 ? -most : most);
    return most > 0 ? (view ? 0.125 : 0.5) : 1;
}

static void flip_map(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]) {
    (void)height, (void)width;
    if (drawing_uniform(drawing) < values->low[0]) turn(map, -1, 0, 0, 1);
}

static void altflip_map(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]) {
    (void)values, (void)height, (void)width;
    if ((drawing_first_epoch(drawing) < 0.5) != (drawing->key->epoch % 2 == 1)) turn(map, -1, 0, 0, 1);
}

static int flip_views(const OperationValues *values) {
    (void)values;
    return 2;
}

static double flip_view(const OperationValues *values, int view, int height, int width, double map[9]) {
    (void)values, (void)height, (void)width;
    if (view) turn(map, -1, 0, 0, 1);
    return 0.5;
}

/* ---- Rotate, scale, shear ---- */

static void rotate(double map[9], double degrees) {
    const double angle = degrees * (M_PI / 180), c = cos(angle), s = sin(angle);
    turn(map, c, s, -s, c);
}

static void rotate_map(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]) {
    (void)height, (void)width;
    rotate(map, draw(values, drawing));
}

static double rotate_view(const OperationValues *values, int view, int height, int width, double map[9]) {
    (void)height, (void)width;
    double degrees;
    const double weight = range_view(values, view, &degrees);
    rotate(map, degrees);
    return weight;
}

static void rotate_magnitude(double magnitude, OperationValues *values) {
    values->low[0] = -30 * magnitude;
    values->high[0] = 30 * magnitude;
}

static void scale_map(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]) {
    (void)height, (void)width;
    const double factor = draw(values, drawing);
    turn(map, 1 / factor, 0, 0, 1 / factor);
}

/* As wide as high times the ratio, at the same area. */
static void aspect_map(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]) {
    (void)height, (void)width;
    const double root = sqrt(draw(values, drawing));
    turn(map, 1 / root, 0, 0, root);
}

static double scale_view(const OperationValues *values, int view, int height, int width, double map[9]) {
    (void)height, (void)width;
    double factor;
    const double weight = range_view(values, view, &factor);
    turn(map, 1 / factor, 0, 0, 1 / factor);
    return weight;
}

static void shear(double map[9], double degrees) {
    turn(map, 1, tan(degrees * (M_PI / 180)), 0, 1);
}

static void shear_map(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]) {
    (void)height, (void)width;
    shear(map, draw(values, drawing));
}

static double shear_view(const OperationValues *values, int view, int height, int width, double map[9]) {
    (void)height, (void)width;
    double degrees;
    const double weight = range_view(values, view, &degrees);
    shear(map, degrees);
    return weight;
}

/* As the paper: the tangent is 0.3 at most. */
static void shear_magnitude(double magnitude, OperationValues *values) {
    values->high[0] = atan(0.3 * magnitude) * (180 / M_PI);
    values->low[0] = -values->high[0];
}

/* ---- Perspective ---- */

/* From the square with the corners (0, 0), (1, 0), (1, 1), (0, 1) to those given: Heckbert, "Fundamentals of texture mapping and image
 * warping", 1989, section 2.2.3. */
static void map_of_square(const double q[8], double map[9]) {
    const double dx1 = q[2] - q[4], dx2 = q[6] - q[4], dx3 = q[0] - q[2] + q[4] - q[6];
    const double dy1 = q[3] - q[5], dy2 = q[7] - q[5], dy3 = q[1] - q[3] + q[5] - q[7];
    const double area = dx1 * dy2 - dx2 * dy1;
    const double g = (dx3 * dy2 - dx2 * dy3) / area, h = (dx1 * dy3 - dx3 * dy1) / area;
    const double square[9] = {q[2] - q[0] + g * q[2],
                              q[6] - q[0] + h * q[6],
                              q[0],
                              q[3] - q[1] + g * q[3],
                              q[7] - q[1] + h * q[7],
                              q[1],
                              g,
                              h,
                              1};
    for (int i = 0; i < 9; i++) map[i] = square[i];
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
static void perspective_map(const OperationValues *values, Drawing *drawing, int height, int width, double map[9]) {
    static const int side[8] = {0, 0, 1, 0, 1, 1, 0, 1}; /* left, top; right, top; .. */
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
     {{.what = "pixels", .low = 0, .high = 1024, .usual = NAN, .is_whole = true}},
     BORDERS_EDGE_FIRST,
     .map = shift_map,
     .magnitude = shift_magnitude,
     .views = shift_views,
     .view = shift_view},
    {"crop",
     "pads the image by so many pixels and cuts its size out of that at random (He et al. 2016)",
     {{.what = "pixels", .low = 0, .high = 1024, .usual = NAN, .is_whole = true}},
     BORDERS_ZERO_FIRST,
     .map = shift_map,
     .views = shift_views,
     .view = shift_view},
    {"flip",
     "mirrors the image left to right, with this probability",
     {{.what = "a probability", .low = 0, .high = 1, .usual = 0.5}},
     .map = flip_map,
     .views = flip_views,
     .view = flip_view},
    {"altflip", "mirrors half of the images in the first epoch, and then each one every other time (Jordan 2024)",
     .map = altflip_map, .views = flip_views, .view = flip_view},
    {"rotate",
     "turns the image about its centre, clockwise if positive",
     {{.what = "degrees", .low = -180, .high = 180, .usual = NAN, .is_range = true, .alone = AROUND_ZERO}},
     BORDERS_EDGE_FIRST,
     .map = rotate_map,
     .magnitude = rotate_magnitude,
     .views = range_views,
     .view = rotate_view},
    {"scale",
     "makes what is in the image larger by this factor, about its centre",
     {{.what = "a factor", .low = 0.05, .high = 20, .usual = NAN, .is_range = true, .alone = AROUND_ONE}},
     BORDERS_EDGE_FIRST,
     .map = scale_map,
     .views = range_views,
     .view = scale_view},
    {"aspect",
     "makes what is in the image wider by the root of this ratio and lower by as much, about its centre",
     {{.what = "a ratio", .low = 0.05, .high = 20, .usual = NAN, .is_range = true, .alone = AROUND_ONE}},
     BORDERS_EDGE_FIRST,
     .map = aspect_map},
    {"shear",
     "leans the image to the right, if positive, by this angle",
     {{.what = "degrees", .low = -60, .high = 60, .usual = NAN, .is_range = true, .alone = AROUND_ZERO}},
     BORDERS_EDGE_FIRST,
     .map = shear_map,
     .magnitude = shear_magnitude,
     .views = range_views,
     .view = shear_view},
    {"perspective",
     "moves each corner inwards by up to this share of the half width and height",
     {{.what = "a share", .low = 0, .high = 0.9, .usual = 0.5}},
     BORDERS_EDGE_FIRST,
     .map = perspective_map},
    {"elastic",
     "moves each pixel by a random field times the first number, in pixels, smoothed with the second's standard "
     "deviation (Simard et "
     "al. 2003)",
     {{.what = "a factor", .low = 0, .high = 1000, .usual = 34},
      {.what = "pixels", .low = 0.5, .high = MOST_SIGMA, .usual = 4}},
     .apply = elastic_apply},
    {0}};
