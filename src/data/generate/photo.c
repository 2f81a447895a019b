#include "data/generate/camera.h"

#include "data/generate/portable.h"

#include <math.h>
#include <string.h>

enum { MAX_RADIUS = 12 };

/* Half of a Gaussian kernel of sum 1: weights[0] is its middle. Returns the radius. */
static int half_kernel(double sigma, int most, float weights[MAX_RADIUS + 1]) {
    if (sigma > MAX_BLUR) sigma = MAX_BLUR;
    int radius = (int)floor(3 * sigma) + 1;
    if (radius > most) radius = most;
    double values[MAX_RADIUS + 1], sum = 0;
    for (int i = 0; i <= radius; i++) {
        values[i] = portable_exp2(-0.72134752044448170 * i * i / (sigma * sigma)); /* exp(-(i / sigma)^2 / 2) */
        sum += i ? 2 * values[i] : values[i];
    }
    for (int i = 0; i <= radius; i++) weights[i] = (float)(values[i] / sum);
    return radius;
}

/* Sums of rows or of shifted rows, weighted symmetrically. */
static void sum_rows(const float *const rows[2 * MAX_RADIUS + 1], int radius, const float *weights, int count,
                     float *to) {
    const float *middle = rows[radius];
    for (int i = 0; i < count; i++) to[i] = weights[0] * middle[i];
    for (int r = 1; r <= radius; r++) {
        const float *a = rows[radius - r], *b = rows[radius + r], weight = weights[r];
        for (int i = 0; i < count; i++) to[i] += weight * (a[i] + b[i]);
    }
}

static int mirrored(int i, int count) {
    return i < 0 ? -1 - i : i < count ? i : 2 * count - 1 - i;
}

/* `padded`: one row and its mirrored ends, which are at most as long. */
static void blur_across(double sigma, Photo *picture, float *padded) {
    const int channels = picture->channels, width = picture->width;
    float weights[MAX_RADIUS + 1];
    const int radius = half_kernel(sigma, width < MAX_RADIUS ? width : MAX_RADIUS, weights);
    const float *rows[2 * MAX_RADIUS + 1];
    for (int r = 0; r <= 2 * radius; r++) rows[r] = padded + r * channels;
    for (int y = 0; y < picture->height; y++) {
        float *row = picture->values + y * width * channels;
        memcpy(padded + radius * channels, row, (size_t)(width * channels) * sizeof *row);
        for (int r = 1; r <= radius; r++)
            for (int c = 0; c < channels; c++) {
                padded[(radius - r) * channels + c] = row[mirrored(-r, width) * channels + c];
                padded[(radius + width - 1 + r) * channels + c] = row[mirrored(width - 1 + r, width) * channels + c];
            }
        sum_rows(rows, radius, weights, width * channels, row);
    }
}

static void blur_down(double sigma, Photo *picture, float *copy) {
    const int count = picture->width * picture->channels, height = picture->height;
    float weights[MAX_RADIUS + 1];
    const int radius = half_kernel(sigma, height < MAX_RADIUS ? height : MAX_RADIUS, weights);
    const float *rows[2 * MAX_RADIUS + 1];
    memcpy(copy, picture->values, (size_t)(height * count) * sizeof *copy);
    for (int y = 0; y < height; y++) {
        for (int r = -radius; r <= radius; r++) rows[radius + r] = copy + mirrored(y + r, height) * count;
        sum_rows(rows, radius, weights, count, picture->values + y * count);
    }
}

void blur_photo(double sigma_x, double sigma_y, Photo *picture, float *copy) {
    /* Narrower kernels than this leave less than a thousandth of a byte's step beside the middle. */
    const double least = 0.15;
    if (sigma_x > least) blur_across(sigma_x, picture, copy);
    if (sigma_y > least) blur_down(sigma_y, picture, copy);
}

/* ---- Other sizes ---- */

enum { MAX_TAPS = CAMERA_SIDE + 1, ROW = CAMERA_SIDE * CAMERA_CHANNELS };

/* New position i is the sum over t < count[i] of weight[i][t] x old position first[i] + t. */
typedef struct ResizeAxis {
    int first[CAMERA_SIDE], count[CAMERA_SIDE];
    float weight[CAMERA_SIDE][MAX_TAPS];
} ResizeAxis;

static void average(int from, int to, ResizeAxis *axis) {
    const double scale = (double)from / to;
    for (int i = 0; i < to; i++) {
        const double begin = i * scale, end = i + 1 < to ? begin + scale : from;
        axis->first[i] = (int)begin;
        axis->count[i] = 0;
        for (int old = (int)begin; old < end && old < from; old++) {
            const double low = old > begin ? old : begin, high = old + 1 < end ? old + 1 : end;
            axis->weight[i][axis->count[i]++] = (float)((high - low) / scale);
        }
    }
}

/* Keys, "Cubic convolution interpolation for digital image processing" (1981), a = -1/2. */
static double keys(double x) {
    if (x < 0) x = -x;
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* Beyond the edge the outermost pixel goes on: what falls there is added to it. */
static void interpolate(int from, int to, ResizeAxis *axis) {
    for (int i = 0; i < to; i++) {
        const double centre = (i + 0.5) * from / to - 0.5;
        const int base = (int)floor(centre) - 1;
        axis->first[i] = base < 0 ? 0 : base;
        const int end = base + 3 < from ? base + 3 : from - 1;
        axis->count[i] = end - axis->first[i] + 1;
        for (int t = 0; t < axis->count[i]; t++) axis->weight[i][t] = 0;
        for (int t = base; t < base + 4; t++) {
            const int old = t < 0 ? 0 : t < from ? t : from - 1;
            axis->weight[i][old - axis->first[i]] += (float)keys(centre - t);
        }
    }
}

static void axis_of(int from, int to, ResizeAxis *axis) {
    if (from > to)
        average(from, to, axis);
    else
        interpolate(from, to, axis);
}

void photo_resize(const Photo *from, Photo *to) {
    const int channels = from->channels, count = from->width * channels;
    ResizeAxis axis;
    float rows[CAMERA_SIDE][ROW];
    axis_of(from->height, to->height, &axis);
    memset(rows, 0, sizeof rows);
    for (int y = 0; y < to->height; y++)
        for (int t = 0; t < axis.count[y]; t++) {
            const float *old = from->values + (axis.first[y] + t) * count, weight = axis.weight[y][t];
            for (int i = 0; i < count; i++) rows[y][i] += weight * old[i];
        }
    axis_of(from->width, to->width, &axis);
    for (int y = 0; y < to->height; y++) {
        float *row = to->values + y * to->width * channels;
        for (int x = 0; x < to->width; x++)
            for (int c = 0; c < channels; c++) {
                float sum = 0;
                for (int t = 0; t < axis.count[x]; t++)
                    sum += axis.weight[x][t] * rows[y][(axis.first[x] + t) * channels + c];
                row[x * channels + c] = sum;
            }
    }
}
