/* Operations on the intensities of single pixels, and sharpness, the fourth of PIL's ImageEnhance. Factors and formulas are those
 * of PyTorch's torchvision (transforms functional, and ColorJitter for what a lone V means); what works on bytes there
 * (posterize, equalize: PIL's ImageOps) works on the nearest bytes here. Grey is 0.299 R + 0.587 G + 0.114 B, ITU-R BT.601.
 */
#include "data/augment/operation.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 256 };

static int pixels_of(const Picture *picture) {
    return picture->height * picture->width;
}

/* fminf and fmaxf are calls where the compiler has to think of NaN. */
static inline float smaller(float a, float b) {
    return a < b ? a : b;
}

static inline float larger(float a, float b) {
    return a > b ? a : b;
}

/* ---- Every value by itself ---- */

/* torchvision's RandAugment: 1 + 0.9 m or 1 - 0.9 m, one of the two, and nothing between. */
static double factor_magnitude(double magnitude) {
    return 0.9 * magnitude;
}

/* Nothing to set: it is as strong as it is. */
static double any_magnitude(double magnitude) {
    return magnitude;
}

/* x = (x - centre) * scale + centre + offset. */
static void scale_about(float centre, float scale, float offset, Picture *picture) {
    const int size = (int)picture_size(picture);
    for (int i = 0; i < size; i++) picture->x[i] = (picture->x[i] - centre) * scale + centre + offset;
}

static void brightness(double factor, Picture *picture) {
    scale_about(0, (float)factor, 0, picture);
}

static void gain(double factor, Picture *picture) {
    scale_about(0.5f, (float)factor, 0, picture);
}

static void offset_by(double offset, Picture *picture) {
    scale_about(0, 1, (float)offset, picture);
}

/* From 0 on it inverts all. */
static void solarize(double from, Picture *picture) {
    const float threshold = (float)from;
    const int size = (int)picture_size(picture);
    for (int i = 0; i < size; i++)
        if (picture->x[i] >= threshold) picture->x[i] = 1 - picture->x[i];
}

static double solarize_magnitude(double magnitude) {
    return 1 - magnitude;
}

/* ---- Colours ---- */

/* Mean of the whole image's grey. */
static double mean_grey(const Picture *picture) {
    const int pixels = pixels_of(picture), channels = picture->channels;
    double sum = 0;
    for (int i = 0; i < pixels; i++) {
        const float *p = picture->x + i * channels;
        sum += pixel_grey(p, channels);
    }
    return sum / pixels;
}

static void contrast(double factor, Picture *picture) {
    scale_about((float)mean_grey(picture), (float)factor, 0, picture);
}

/* By 0 there is no colour left. */
static void saturation(double by, Picture *picture) {
    const float factor = (float)by;
    if (picture->channels != 3) return;
    const int pixels = pixels_of(picture);
    for (int i = 0; i < pixels; i++) {
        float *p = picture->x + 3 * i;
        const float grey = pixel_grey(p, 3);
        for (int c = 0; c < 3; c++) p[c] = grey + factor * (p[c] - grey);
    }
}

/* Hue, saturation and value (Smith 1978), each 0 to 1. */
static void to_hsv(const float rgb[3], float hsv[3]) {
    const float r = rgb[0], g = rgb[1], b = rgb[2];
    const float most = larger(r, larger(g, b)), least = smaller(r, smaller(g, b)), range = most - least;
    float hue = 0;
    if (range > 0) {
        if (most == r)
            hue = (g - b) / range;
        else if (most == g)
            hue = 2 + (b - r) / range;
        else
            hue = 4 + (r - g) / range;
    }
    hsv[0] = hue / 6;
    hsv[1] = range > 0 ? range / most : 0;
    hsv[2] = most;
}

/* hue may lie up to 1 outside 0 to 1: it is an angle. */
static void to_rgb(const float hsv[3], float rgb[3]) {
    /* The share of the range that a channel loses grows from 0 to 1 over a sixth of the circle on both sides of its own third. */
    static const float own[3] = {0, 2, 4};
    const float whole = hsv[0] < 0 ? hsv[0] + 1 : hsv[0] < 1 ? hsv[0] : hsv[0] - 1, turn = 6 * whole;
    for (int c = 0; c < 3; c++) {
        float away = fabsf(turn - own[c]);
        if (away > 3) away = 6 - away;
        const float lost = smaller(larger(away - 1, 0), 1);
        rgb[c] = hsv[2] * (1 - hsv[1] * lost);
    }
}

static void hue(double turns, Picture *picture) {
    if (picture->channels != 3) return;
    const float shift = (float)turns;
    const int pixels = pixels_of(picture);
    for (int i = 0; i < pixels; i++) {
        float hsv[3];
        to_hsv(picture->x + 3 * i, hsv);
        hsv[0] += shift;
        to_rgb(hsv, picture->x + 3 * i);
    }
}

/* ---- Sharpness ---- */

/* The 3 x 3 mean whose middle counts five times (PIL's SMOOTH); the outermost pixels have none and stay. */
static void smooth(const Picture *picture, float *to) {
    const int channels = picture->channels, row = picture->width * channels;
    memcpy(to, picture->x, (size_t)(picture->height * row) * sizeof *to);
    for (int y = 1; y < picture->height - 1; y++)
        for (int i = channels; i < row - channels; i++) {
            const float *middle = picture->x + y * row + i;
            float sum = 4 * *middle;
            for (int dy = -1; dy <= 1; dy++)
                sum += middle[dy * row - channels] + middle[dy * row] + middle[dy * row + channels];
            to[y * row + i] = sum / 13;
        }
}

static void sharpness(double by, Picture *picture) {
    const int size = (int)picture_size(picture);
    const float factor = (float)by, *smoothed = picture->other;
    smooth(picture, picture->other);
    for (int i = 0; i < size; i++) picture->x[i] = smoothed[i] + factor * (picture->x[i] - smoothed[i]);
}

/* ---- Bytes ---- */

static int byte_of(float value) {
    return (int)(smaller(larger(value, 0), 1) * 255 + 0.5f);
}

/* Replaces every byte of a channel. */
static void look_up(const int table[LEVELS], int channel, Picture *picture) {
    const int size = (int)picture_size(picture);
    for (int i = channel; i < size; i += picture->channels) picture->x[i] = (float)table[byte_of(picture->x[i])] / 255;
}

static void posterize(double bits, Picture *picture) {
    const int kept = 0xff & ~((1 << (8 - (int)bits)) - 1);
    int table[LEVELS];
    for (int v = 0; v < LEVELS; v++) table[v] = v & kept;
    for (int c = 0; c < picture->channels; c++) look_up(table, c, picture);
}

static double posterize_magnitude(double magnitude) {
    return 8 - floor(4 * magnitude + 0.5);
}

static void count_bytes(const Picture *picture, int channel, int counts[LEVELS]) {
    const int size = (int)picture_size(picture);
    memset(counts, 0, LEVELS * sizeof *counts);
    for (int i = channel; i < size; i += picture->channels) counts[byte_of(picture->x[i])]++;
}

/* Every byte becomes its share of darker ones, in whole steps, as PIL rounds them; a channel of one level stays. */
static void equalize(double unused, Picture *picture) {
    (void)unused;
    for (int c = 0; c < picture->channels; c++) {
        int counts[LEVELS], table[LEVELS], last = LEVELS - 1;
        count_bytes(picture, c, counts);
        while (counts[last] == 0) last--;
        const int step = (pixels_of(picture) - counts[last]) / 255;
        if (step == 0) continue;
        int sum = step / 2;
        for (int v = 0; v < LEVELS; sum += counts[v++]) table[v] = sum / step < 255 ? sum / step : 255;
        look_up(table, c, picture);
    }
}

/* Each channel's darkest value becomes 0, its lightest 1. */
static void autocontrast(double unused, Picture *picture) {
    (void)unused;
    const int size = (int)picture_size(picture), channels = picture->channels;
    for (int c = 0; c < channels; c++) {
        float least = picture->x[c], most = least;
        for (int i = c; i < size; i += channels) {
            least = smaller(least, picture->x[i]);
            most = larger(most, picture->x[i]);
        }
        if (!(most > least)) continue;
        const float scale = 1 / (most - least);
        for (int i = c; i < size; i += channels) picture->x[i] = (picture->x[i] - least) * scale;
    }
}

/* ---- The rows ---- */

#define FACTOR RANGE("factor", 0, 10, NAN, AROUND_ONE)

const Operation colour_operations[] = {
    {"invert", "light becomes dark: 1 - x", .change = solarize},
    {"brightness",
     "multiplies all values: 0 is black, 1 the image as it is (torchvision's ColorJitter)",
     {FACTOR},
     .change = brightness,
     .magnitude = factor_magnitude},
    {"contrast",
     "multiplies distances from the image's mean grey: 0 is grey, 1 the image as it is (torchvision's ColorJitter)",
     {FACTOR},
     .change = contrast,
     .magnitude = factor_magnitude},
    {"saturation",
     "multiplies distances from each pixel's grey: 0 is without colour, 1 the image as it is (torchvision's "
     "ColorJitter); nothing is done to grey images",
     {FACTOR},
     .change = saturation,
     .magnitude = factor_magnitude},
    {"sharpness",
     "multiplies distances from the image smoothed 3 x 3: 0 is smooth, 1 the image as it is, 2 sharper (PIL's "
     "ImageEnhance)",
     {FACTOR},
     .change = sharpness,
     .magnitude = factor_magnitude},
    {"hue",
     "turns the hue of all pixels by a share of the colour circle (torchvision's ColorJitter); nothing is done to grey "
     "images",
     {RANGE("turns", -0.5, 0.5, NAN, AROUND_ZERO)},
     .change = hue},
    {"grey", "takes the colour away; nothing is done to grey images", .change = saturation},
    {"gain",
     "multiplies distances from middle grey, 0.5 (the intensity scale of French et al. 2018, whose images have mean 0)",
     {FACTOR},
     .change = gain},
    {"offset",
     "adds a number to all values (the intensity offset of French et al. 2018); 1 is from black to white",
     {RANGE("offset", -1, 1, NAN, AROUND_ZERO)},
     .change = offset_by},
    {"solarize",
     "inverts the values from a threshold up (PIL's ImageOps)",
     {NUMBER("threshold", 0, 1, 0.5)},
     .change = solarize,
     .magnitude = solarize_magnitude},
    {"posterize",
     "keeps so many bits of each value's 8 (PIL's ImageOps)",
     {WHOLE("bits", 1, 8, 4)},
     .change = posterize,
     .magnitude = posterize_magnitude},
    {"equalize", "spreads each channel's values so that all are about as frequent (PIL's ImageOps)", .change = equalize,
     .magnitude = any_magnitude},
    {"autocontrast", "stretches each channel from black to white (PIL's ImageOps)", .change = autocontrast,
     .magnitude = any_magnitude},
    {0},
};
