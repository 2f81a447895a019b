#include "data/generate/resize_photo.h"

#include <math.h>
#include <string.h>

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
