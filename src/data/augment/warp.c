/* All in runs of pixels of one row: places, what the border makes of them, taps and weights, and the sum. Each but the last is a loop
 * over floats that compilers turn into vectors. A border is a matter of places alone: bilinear between pixels that repeat the edge is the
 * edge, and between mirrored pixels it is the mirrored place; zeros are the edge of an image with a ring of zeros. */
#include "data/augment/warp.h"

#include "base/numbers.h"

#include <stdlib.h>
#include <string.h>

enum { RUN = 64 };

/* What is sampled. */
typedef struct Source {
    const float *x;
    int channels, height, width;
    Border border; /* edge or reflect */
} Source;

typedef struct Places {
    float x[RUN], y[RUN]; /* in pixels of the source */
} Places;

/* ---- Pictures ---- */

size_t picture_scratch(int channels, int height, int width) {
    const size_t C = (size_t)channels, H = (size_t)height, W = (size_t)width;
    const size_t images = PICTURE_SCRATCH * C * H * W, with_ring = C * (H + 2) * (W + 2);
    return images > with_ring ? images : with_ring;
}

void picture_clamp(Picture *picture) {
    const size_t count = picture_size(picture);
    for (size_t i = 0; i < count; i++) {
        const float value = picture->x[i] > 0 ? picture->x[i] : 0;
        picture->x[i] = value < 1 ? value : 1;
    }
}

float picture_ground(const Picture *picture, int channel) {
    const int H = picture->height, W = picture->width;
    float *ring = picture->other;
    int count = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x += y == 0 || y == H - 1 || W == 1 ? 1 : W - 1)
            ring[count++] = picture->x[(y * W + x) * picture->channels + channel];
    qsort(ring, (size_t)count, sizeof *ring, compare_floats);
    return ring[count / 2];
}

/* ---- Sampling ---- */

static void stay_within(float *places, int count, int size) {
    const float most = (float)(size - 1);
    for (int i = 0; i < count; i++) {
        const float place = places[i] > 0 ? places[i] : 0; /* NaN is 0 */
        places[i] = place < most ? place : most;
    }
}

static void reflect(float *places, int count, int size) {
    const float most = (float)(size - 1), period = size > 1 ? 2 * most : 1;
    for (int i = 0; i < count; i++) {
        float place = places[i] < 0 ? -places[i] : places[i];
        place = place < 1e6f ? place : 1e6f;
        place -= (float)(int)(place / period) * period;
        places[i] = place > most ? period - place : place;
    }
}

static inline void sum_taps(const Source *source, const int *at, const Places *weights, int count, int channels,
                            float *out) {
    const int right = source->width > 1 ? channels : 0;
    const int below = source->height > 1 ? source->width * channels : 0;
    for (int i = 0; i < count; i++) {
        const float *x = source->x + at[i], u = weights->x[i], v = weights->y[i];
        for (int c = 0; c < channels; c++) {
            const float top = x[c] + u * (x[right + c] - x[c]);
            const float bottom = x[below + c] + u * (x[below + right + c] - x[below + c]);
            out[i * channels + c] = top + v * (bottom - top);
        }
    }
}

/* `count` pixels of a row; the places are worked on. */
static void sample(const Source *source, Places *places, int count, float *out) {
    const int W = source->width, H = source->height, C = source->channels;
    const float last_x = (float)(W > 1 ? W - 2 : 0), last_y = (float)(H > 1 ? H - 2 : 0);
    int at[RUN];
    if (source->border == BORDER_REFLECT) {
        reflect(places->x, count, W);
        reflect(places->y, count, H);
    }
    stay_within(places->x, count, W);
    stay_within(places->y, count, H);
    for (int i = 0; i < count; i++) {
        /* No place is negative: to cut it off is its floor. The last pixel is the right one of its pair. */
        const int x = (int)(places->x[i] < last_x ? places->x[i] : last_x);
        const int y = (int)(places->y[i] < last_y ? places->y[i] : last_y);
        places->x[i] -= (float)x;
        places->y[i] -= (float)y;
        at[i] = (y * W + x) * C;
    }
    if (C == 1)
        sum_taps(source, at, places, count, 1, out);
    else if (C == 3)
        sum_taps(source, at, places, count, 3, out);
    else
        sum_taps(source, at, places, count, C, out);
}

static inline int run_at(int x, int width) {
    return width - x < RUN ? width - x : RUN;
}

/* ---- Maps ---- */

const double map_identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

void map_multiply(double a[9], const double b[9]) {
    for (int row = 0; row < 3; row++) {
        const double x = a[3 * row], y = a[3 * row + 1], w = a[3 * row + 2];
        for (int k = 0; k < 3; k++) a[3 * row + k] = x * b[k] + y * b[3 + k] + w * b[6 + k];
    }
}

/* Of pixels x .. x + count - 1 of row y; `ring` is that of the source. */
static void map_places(const double map[9], const Picture *picture, int x, int y, int count, int ring, Places *places) {
    const double middle_x = 0.5 * (picture->width - 1), middle_y = 0.5 * (picture->height - 1);
    const double Y = y - middle_y, from = x - middle_x, to_x = middle_x + ring, to_y = middle_y + ring;
    const double a = map[1] * Y + map[2], b = map[4] * Y + map[5], w = map[7] * Y + map[8];
    if (map[6] == 0 && map[7] == 0) {
        for (int i = 0; i < count; i++) {
            const double X = from + i;
            places->x[i] = (float)(map[0] * X + a + to_x);
            places->y[i] = (float)(map[3] * X + b + to_y);
        }
        return;
    }
    for (int i = 0; i < count; i++) {
        const double X = from + i, scale = 1 / (map[6] * X + w);
        places->x[i] = (float)((map[0] * X + a) * scale + to_x);
        places->y[i] = (float)((map[3] * X + b) * scale + to_y);
    }
}

static void copy_with_ring(const Picture *picture, float *to) {
    const size_t row = (size_t)(picture->width * picture->channels), one = (size_t)picture->channels;
    const size_t wide = row + 2 * one;
    memset(to, 0, wide * sizeof *to);
    for (int y = 0; y < picture->height; y++) {
        float *line = to + (size_t)(y + 1) * wide;
        memset(line, 0, one * sizeof *line);
        memcpy(line + one, picture->x + (size_t)y * row, row * sizeof *line);
        memset(line + one + row, 0, one * sizeof *line);
    }
    memset(to + (size_t)(picture->height + 1) * wide, 0, wide * sizeof *to);
}

static void sample_map(Picture *picture, const double map[9], Border border) {
    const int ring = border == BORDER_ZERO, C = picture->channels;
    const Source source = {picture->other, C, picture->height + 2 * ring, picture->width + 2 * ring,
                           ring ? BORDER_EDGE : border};
    if (ring)
        copy_with_ring(picture, picture->other);
    else
        memcpy(picture->other, picture->x, picture_size(picture) * sizeof *picture->x);
    for (int y = 0; y < picture->height; y++)
        for (int x = 0, count; x < picture->width; x += count) {
            Places places;
            count = run_at(x, picture->width);
            map_places(map, picture, x, y, count, ring, &places);
            sample(&source, &places, count, picture->x + (size_t)(y * picture->width + x) * (size_t)C);
        }
    picture_clamp(picture);
}

/* ---- Whole pixels ---- */

/* Pixel i of the new image is first + i * step of the old one. */
typedef struct WholeAxis {
    int first, step, size;
} WholeAxis;

static bool is_whole_axis(double factor, double offset, int size, WholeAxis *axis) {
    const double middle = 0.5 * (size - 1), first = offset + middle - factor * middle;
    if ((factor != 1 && factor != -1) || !(first > -1e8 && first < 1e8) || first != (double)(int)first) return false;
    *axis = (WholeAxis){(int)first, (int)factor, size};
    return true;
}

/* The old image's index, -1: none. */
static int whole_place(WholeAxis axis, int i, Border border) {
    int place = axis.first + i * axis.step;
    const int period = axis.size > 1 ? 2 * (axis.size - 1) : 1;
    if (place >= 0 && place < axis.size) return place;
    if (border == BORDER_ZERO) return -1;
    if (border == BORDER_EDGE) return place < 0 ? 0 : axis.size - 1;
    place = (place < 0 ? -place : place) % period;
    return place < axis.size ? place : period - place;
}

/* The new image's pixels from *from to *to - 1 are pixels of the old one. */
static void whole_span(WholeAxis axis, int *from, int *to) {
    const int first = axis.step > 0 ? -axis.first : axis.first - axis.size + 1;
    *from = first < 0 ? 0 : first < axis.size ? first : axis.size;
    *to = first + axis.size < *from ? *from : first + axis.size < axis.size ? first + axis.size : axis.size;
}

static inline void copy_mirrored(const float *last, int count, int channels, float *to) {
    for (int i = 0; i < count; i++)
        for (int c = 0; c < channels; c++) to[i * channels + c] = last[c - i * channels];
}

static void copy_edge(const float *row, WholeAxis axis, Border border, int from, int to, int channels, float *out) {
    for (int x = from; x < to; x++) {
        const int place = whole_place(axis, x, border);
        for (int c = 0; c < channels; c++) out[x * channels + c] = place < 0 ? 0 : row[place * channels + c];
    }
}

static void copy_whole(Picture *picture, WholeAxis across, WholeAxis down, Border border) {
    const int C = picture->channels, W = picture->width, row = W * C;
    int from, to;
    memcpy(picture->other, picture->x, picture_size(picture) * sizeof *picture->x);
    whole_span(across, &from, &to);
    for (int y = 0; y < picture->height; y++) {
        const int line = whole_place(down, y, border);
        const float *old = picture->other + (size_t)(line < 0 ? 0 : line) * (size_t)row;
        float *new = picture->x + (size_t)y *(size_t)row;
        if (line < 0) {
            memset(new, 0, (size_t)row * sizeof *new);
            continue;
        }
        copy_edge(old, across, border, 0, from, C, new);
        copy_edge(old, across, border, to, W, C, new);
        if (from == to) continue;
        const float *first = old + (across.first + from * across.step) * C;
        if (across.step > 0)
            memcpy(new + from *C, first, (size_t)((to - from) * C) * sizeof *new);
        else if (C == 3)
            copy_mirrored(first, to - from, 3, new + from *C);
        else
            copy_mirrored(first, to - from, C, new + from *C);
    }
}

void warp_by_map(Picture *picture, const double map[9], Border border) {
    WholeAxis across, down;
    const bool keeps_axes = map[1] == 0 && map[3] == 0 && map[6] == 0 && map[7] == 0;
    double divided[9];
    for (int i = 0; i < 9; i++)
        divided[i] = map[i] / map[8]; /* not finite where it is 0: such places are the border's */
    if (keeps_axes && is_whole_axis(divided[0], divided[2], picture->width, &across) &&
        is_whole_axis(divided[4], divided[5], picture->height, &down)) {
        const bool stays = across.step == 1 && across.first == 0 && down.step == 1 && down.first == 0;
        if (!stays) copy_whole(picture, across, down, border);
    } else
        sample_map(picture, divided, border);
}

void warp_by_field(Picture *picture, const float *across, const float *down, float *source) {
    const int W = picture->width, C = picture->channels;
    const Source from = {source, C, picture->height, W, BORDER_EDGE};
    memcpy(source, picture->x, picture_size(picture) * sizeof *source);
    for (int y = 0; y < picture->height; y++)
        for (int x = 0, count; x < W; x += count) {
            Places places;
            count = run_at(x, W);
            for (int i = 0; i < count; i++) {
                places.x[i] = (float)(x + i) + across[y * W + x + i];
                places.y[i] = (float)y + down[y * W + x + i];
            }
            sample(&from, &places, count, picture->x + (size_t)(y * W + x) * (size_t)C);
        }
}
