#include "data/prepare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One axis of a resize: new position i is the sum over t < count[i] of weight[i * taps + t] x old position
 * start[i] + t. */
typedef struct Axis {
    int from, to, taps; /* taps: the most that a position has */
    int *start, *count;
    float *weight;
} Axis;

struct Preparation {
    int from_channels, channels, to_channels; /* `channels` while resizing: the fewer of both */
    Axis x, y;
    bool same_size;
    float divisor; /* what a byte is divided by */
};

static void axis_free(Axis *axis) {
    free(axis->start);
    free(axis->count);
    free(axis->weight);
}

/* The share of the new pixel that each old pixel covers. In whole numbers, an old pixel being `to` long and a new one `from`, so
 * that no edge is rounded past the one that it falls on. */
static void average_taps(Axis *axis, int i) {
    const int64_t from = axis->from, to = axis->to, begin = i * from, end = begin + from;
    int count = 0;
    axis->start[i] = (int)(begin / to);
    for (int64_t old = axis->start[i]; old * to < end; old++) {
        const int64_t low = old * to > begin ? old * to : begin, high = (old + 1) * to < end ? (old + 1) * to : end;
        axis->weight[(size_t)i * (size_t)axis->taps + (size_t)count++] = (float)((double)(high - low) / (double)from);
    }
    axis->count[i] = count;
}

/* Between the two old centres around the new one; beyond the outermost centre, its value. */
static void linear_taps(Axis *axis, int i) {
    double centre = (i + 0.5) * axis->from / axis->to - 0.5;
    if (centre < 0) centre = 0;
    int first = (int)floor(centre);
    double fraction = centre - first;
    if (first >= axis->from - 1) first = axis->from - 1, fraction = 0;
    axis->start[i] = first;
    axis->count[i] = fraction > 0 ? 2 : 1;
    axis->weight[2 * i] = (float)(1 - fraction);
    if (fraction > 0) axis->weight[2 * i + 1] = (float)fraction;
}

static cf_status axis_new(int from, int to, Axis *axis) {
    *axis = (Axis){.from = from, .to = to, .taps = from > to ? from / to + 2 : 2};
    FORWARD(memory_new((size_t)to, sizeof *axis->start, &axis->start));
    FORWARD(memory_new((size_t)to, sizeof *axis->count, &axis->count));
    FORWARD(memory_new((size_t)to * (size_t)axis->taps, sizeof *axis->weight, &axis->weight));
    for (int i = 0; i < to; i++) {
        if (from > to)
            average_taps(axis, i);
        else
            linear_taps(axis, i);
    }
    return CF_OK;
}

static cf_status check_shapes(const int from[3], const int to[3]) {
    for (int i = 0; i < 3; i++)
        FAIL_IF(from[i] < 1 || to[i] < 1 || from[i] > LONGEST_SIDE || to[i] > LONGEST_SIDE, CF_BAD_USE,
                "images of %d x %d x %d cannot become %d x %d x %d (channels, height, width)", from[0], from[1],
                from[2], to[0], to[1], to[2]);
    FAIL_IF(from[0] != to[0] && !((from[0] == 1 && to[0] == 3) || (from[0] == 3 && to[0] == 1)), CF_BAD_USE,
            "images of %d channels cannot become images of %d; only 1 (grey) and 3 (RGB) are converted", from[0],
            to[0]);
    return CF_OK;
}

/* `full` is what byte 255 becomes. */
static cf_status new_with_scale(const int from_chw[3], const int to_chw[3], float full, Preparation **preparation) {
    AUTO(preparation_free_at) Preparation *made = NULL;
    FORWARD(check_shapes(from_chw, to_chw));
    FORWARD(memory_new(1, sizeof *made, &made));
    made->from_channels = from_chw[0];
    made->to_channels = to_chw[0];
    made->channels = from_chw[0] < to_chw[0] ? from_chw[0] : to_chw[0];
    made->same_size = from_chw[1] == to_chw[1] && from_chw[2] == to_chw[2];
    made->divisor = 255.0f / full;
    FORWARD(axis_new(from_chw[1], to_chw[1], &made->y));
    FORWARD(axis_new(from_chw[2], to_chw[2], &made->x));
    *preparation = memory_take(&made);
    return CF_OK;
}

cf_status preparation_new(const int from_chw[3], const int to_chw[3], Preparation **preparation) {
    return new_with_scale(from_chw, to_chw, 1.0f, preparation);
}

cf_status preparation_new_bytes(const int from_chw[3], const int to_chw[3], Preparation **preparation) {
    return new_with_scale(from_chw, to_chw, 255.0f, preparation);
}

void preparation_free(Preparation *preparation) {
    if (!preparation) return;
    axis_free(&preparation->x);
    axis_free(&preparation->y);
    free(preparation);
}

static size_t area(int height, int width, int channels) {
    return (size_t)height * (size_t)width * (size_t)channels;
}

/* Scratch holds, one after the other: a row of the image in floats; the same resized; what is replicated in the end. */
size_t preparation_scratch(const Preparation *p) {
    return area(1, p->x.from, p->channels) + area(1, p->x.to, p->channels) + area(p->y.to, p->x.to, p->channels);
}

/* `count` pixels, bytes to floats, RGB to grey. The weights as whole thousands make the sum exact, so that grey in RGB stays
 * what it is. */
static void to_floats(const Preparation *p, size_t count, const unsigned char *pixels, float *restrict out) {
    float divisor = p->divisor;
    if (p->channels == p->from_channels) {
        for (size_t i = 0; i < count * (size_t)p->channels; i++) out[i] = (float)pixels[i] / divisor;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const unsigned char *rgb = pixels + 3 * i;
        out[i] = (float)(299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / (1000 * divisor);
    }
}

static void resize_row(const Axis *x, int channels, const float *restrict in, float *restrict out) {
    for (int w = 0; w < x->to; w++) {
        const float *weight = x->weight + (size_t)w * (size_t)x->taps,
                    *from = in + (size_t)x->start[w] * (size_t)channels;
        for (int c = 0; c < channels; c++) {
            float sum = 0;
            for (int t = 0; t < x->count[w]; t++) sum += weight[t] * from[t * channels + c];
            *out++ = sum;
        }
    }
}

/* Adds an old row to the new row, which it is the `tap`-th of. */
static void add_row(size_t length, int tap, float weight, const float *restrict row, float *restrict out) {
    if (tap == 0)
        for (size_t i = 0; i < length; i++) out[i] = weight * row[i];
    else
        for (size_t i = 0; i < length; i++) out[i] += weight * row[i];
}

/* Row by row, each added to the new rows that it is a part of: a large picture takes no more memory than a small one. */
static void resize(const Preparation *p, const unsigned char *pixels, float *scratch, float *out) {
    const Axis *x = &p->x, *y = &p->y;
    const size_t length = area(1, x->to, p->channels);
    float *wide = scratch, *row = scratch + area(1, x->from, p->channels);
    for (int h = 0, first = 0; h < y->from; h++, pixels += area(1, x->from, p->from_channels)) {
        to_floats(p, (size_t)x->from, pixels, wide);
        resize_row(x, p->channels, wide, row);
        while (first < y->to && y->start[first] + y->count[first] <= h) first++;
        for (int to = first; to < y->to && y->start[to] <= h; to++) {
            const int tap = h - y->start[to];
            add_row(length, tap, y->weight[(size_t)to * (size_t)y->taps + (size_t)tap], row, out + (size_t)to * length);
        }
    }
}

void preparation_apply(const Preparation *p, const unsigned char *pixels, float *scratch, float *out) {
    const bool replicate = p->to_channels > p->channels;
    const size_t pixel_count = area(p->y.to, p->x.to, 1);
    float *last = replicate ? scratch + area(1, p->x.from + p->x.to, p->channels) : out;
    if (p->same_size)
        to_floats(p, pixel_count, pixels, last);
    else
        resize(p, pixels, scratch, last);
    for (size_t i = 0; replicate && i < pixel_count; i++) out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = last[i];
}

void preparation_apply_bytes(const Preparation *p, const unsigned char *pixels, float *scratch, unsigned char *out) {
    const size_t count = area(p->y.to, p->x.to, p->to_channels);
    float *values = scratch + preparation_scratch(p);
    preparation_apply(p, pixels, scratch, values);
    for (size_t i = 0; i < count; i++) {
        long rounded = lrintf(values[i]);
        out[i] = (unsigned char)(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
    }
}

cf_status resize_bytes(const unsigned char *pixels, const int from_chw[3], const int to_chw[3], unsigned char *out) {
    AUTO(preparation_free_at) Preparation *p = NULL;
    AUTO_FREE float *scratch = NULL;
    FORWARD(preparation_new_bytes(from_chw, to_chw, &p));
    FORWARD(memory_new(preparation_scratch(p) + area(to_chw[1], to_chw[2], to_chw[0]), sizeof *scratch, &scratch));
    preparation_apply_bytes(p, pixels, scratch, out);
    return CF_OK;
}
