#include "data/generate/camera.h"

#include "data/generate/jpeg_loss.h"
#include "data/generate/portable.h"
#include "data/generate/resize_photo.h"

#include <string.h>

enum { ROW = CAMERA_SIDE * CAMERA_CHANNELS, MAX_RADIUS = 12 };

/* ---- Light ---- */

static double share_in_shade(const Camera *camera, double u, double v) {
    const double depth = camera->shade_x * u + camera->shade_y * v - camera->shade_at;
    if (!(camera->shade_soft > 0)) return depth > 0;
    const double share = 0.5 + depth / camera->shade_soft;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

void camera_light(const Camera *camera, Photo *picture) {
    const int channels = picture->channels, height = picture->height, width = picture->width;
    float across[CAMERA_SIDE];
    if (camera->exposure == 0 && camera->slope_x == 0 && camera->slope_y == 0 && camera->shade == 0) return;
    for (int x = 0; x < width; x++)
        across[x] = (float)portable_exp2(camera->exposure + camera->slope_x * ((x + 0.5) / width - 0.5));
    for (int y = 0; y < height; y++) {
        const double v = (y + 0.5) / height - 0.5;
        const float down = (float)portable_exp2(camera->slope_y * v);
        float *p = picture->values + y * width * channels;
        for (int x = 0; x < width; x++) {
            float gain = across[x] * down;
            if (camera->shade > 0)
                gain *= (float)(1 - camera->shade * share_in_shade(camera, (x + 0.5) / width - 0.5, v));
            for (int c = 0; c < channels; c++) *p++ *= gain;
        }
    }
}

static void add_haze(double share, double level, Photo *picture) {
    if (share == 0) return;
    const float kept = (float)(1 - share), added = (float)(share * level);
    for (int i = 0; i < photo_size(picture); i++) picture->values[i] = picture->values[i] * kept + added;
}

/* ---- Blur and its opposite ---- */

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

/* Beyond its edges a picture goes on as its own mirror image, so that blur moves no light in or out. */
static int mirrored(int i, int count) {
    return i < 0 ? -1 - i : i < count ? i : 2 * count - 1 - i;
}

static void blur_across(double sigma, Photo *picture) {
    const int channels = picture->channels, width = picture->width;
    float weights[MAX_RADIUS + 1], padded[ROW + 2 * MAX_RADIUS * CAMERA_CHANNELS];
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

static void blur_down(double sigma, Photo *picture) {
    const int count = picture->width * picture->channels, height = picture->height;
    float weights[MAX_RADIUS + 1], copy[CAMERA_SIDE][ROW];
    const int radius = half_kernel(sigma, height < MAX_RADIUS ? height : MAX_RADIUS, weights);
    const float *rows[2 * MAX_RADIUS + 1];
    for (int y = 0; y < height; y++)
        memcpy(copy[y], picture->values + y * count, (size_t)count * sizeof *picture->values);
    for (int y = 0; y < height; y++) {
        for (int r = -radius; r <= radius; r++) rows[radius + r] = copy[mirrored(y + r, height)];
        sum_rows(rows, radius, weights, count, picture->values + y * count);
    }
}

void camera_blur(double sigma_x, double sigma_y, Photo *picture) {
    /* Narrower kernels than this leave less than a thousandth of a byte's step beside the middle. */
    const double least = 0.15;
    if (sigma_x > least) blur_across(sigma_x, picture);
    if (sigma_y > least) blur_down(sigma_y, picture);
}

void camera_sharpen(double amount, Photo *picture) {
    if (amount == 0) return;
    float before[CAMERA_SIDE * ROW];
    const int size = photo_size(picture);
    memcpy(before, picture->values, (size_t)size * sizeof *before);
    camera_blur(1, 1, picture);
    for (int i = 0; i < size; i++) picture->values[i] = before[i] + (float)amount * (before[i] - picture->values[i]);
}

/* ---- Noise ---- */

/* Near enough to normal: the sum of the four bytes of one random word, so a picture costs a quarter of the words that
 * draw_normal would. A byte's variance is (256^2 - 1) / 12. */
void camera_add_noise(double deviation, Draws *draws, Photo *picture) {
    if (deviation == 0) return;
    const float scale = (float)(deviation / 147.80054127099806);
    for (int i = 0; i < photo_size(picture); i++) {
        const uint32_t word = draw_word(draws);
        const uint32_t sum = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24);
        picture->values[i] += scale * ((float)sum - 510);
    }
}

/* ---- All of it ---- */

static void develop(const Camera *camera, Draws *noise, Photo *picture) {
    camera_sharpen(camera->sharpening, picture);
    if (noise) camera_add_noise(camera->noise, noise, picture);
    jpeg_loss(camera->jpeg, camera->jpeg_x, camera->jpeg_y, picture);
}

void camera_take(const Camera *camera, Draws *noise, Photo *picture) {
    camera_light(camera, picture);
    add_haze(camera->haze, camera->haze_level, picture);
    camera_blur(camera->blur_x, camera->blur_y, picture);
    const double octaves = camera->enlarging < MAX_ENLARGING ? camera->enlarging : MAX_ENLARGING;
    const double share = portable_exp2(-octaves);
    float values[CAMERA_SIDE * ROW];
    Photo small = {picture->channels, (int)(picture->height * share + 0.5), (int)(picture->width * share + 0.5),
                   values};
    if (small.height == picture->height && small.width == picture->width) {
        develop(camera, noise, picture);
        return;
    }
    photo_resize(picture, &small);
    develop(camera, noise, &small);
    photo_resize(&small, picture);
}

void photo_to_bytes(const Photo *picture, unsigned char *bytes) {
    for (int i = 0; i < photo_size(picture); i++) {
        const float value = picture->values[i];
        bytes[i] = (unsigned char)((value < 0 ? 0 : value > 1 ? 1 : value) * 255 + 0.5f);
    }
}
