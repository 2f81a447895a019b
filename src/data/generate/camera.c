#include "data/generate/camera.h"

#include "data/generate/portable.h"

#include <string.h>

enum { ROW = CAMERA_SIDE * CAMERA_CHANNELS };

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

void camera_blur(double sigma_x, double sigma_y, Photo *picture) {
    float copy[CAMERA_SIDE * ROW];
    blur_photo(sigma_x, sigma_y, picture, copy);
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
