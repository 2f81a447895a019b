/* hand: digits as people write them, made up as MNIST is.
 *
 * A form of the digit (hand_forms.c) becomes the line of a writer's pen (hand_line.c), bent, slanted and turned, which is
 * inked into MNIST's box (hand_paper.c). A writer writes ten digits and keeps what is marked so in the list of factors.
 * The factors from `scale` on are no part of MNIST and 0 by default: with them the paper is lit, photographed and stored
 * badly (camera.c), a dial for the shift from one domain to another.
 */
#include "data/generate/hand.h"

#include "data/generate/camera.h"
#include "data/generate/portable.h"

#define FACTOR_ROW(id, ...) {__VA_ARGS__},
static const Factor factors[] = {HAND_FACTOR_LIST(FACTOR_ROW)};

/* Three waves of light and dark over the paper, which the ink covers. */
static void cloud_paper(const GeneratedImage *image, float *values) {
    enum { WAVES = 3 };
    const double strength = image->factor[HAND_BACKGROUND];
    double fx[WAVES], fy[WAVES], phase[WAVES];
    if (strength == 0) return;
    Draws draws = draws_of_image(image, HAND_STAGE_BACKGROUND);
    for (int w = 0; w < WAVES; w++) {
        fx[w] = draw_between(&draws, -4, 4) / HAND_SIDE;
        fy[w] = draw_between(&draws, -4, 4) / HAND_SIDE;
        phase[w] = draw_uniform(&draws);
    }
    for (int i = 0; i < HAND_PIXELS; i++) {
        double sum = 0;
        for (int w = 0; w < WAVES; w++)
            sum += portable_sin(fx[w] * (i % HAND_SIDE) + fy[w] * (i / HAND_SIDE) + phase[w]);
        float paper = (float)(strength * (0.5 + sum / (2 * WAVES)));
        values[i] = paper + values[i] * (1 - paper);
    }
}

static void photograph(const GeneratedImage *image, float *values, unsigned char *pixels) {
    const double *f = image->factor;
    Draws light = draws_of_image(image, HAND_STAGE_LIGHTING), jpeg = draws_of_image(image, HAND_STAGE_JPEG);
    Draws noise = draws_of_image(image, HAND_STAGE_NOISE);
    const double turn = draw_uniform(&light);
    const int jpeg_x = draw_index(&jpeg, 8), jpeg_y = draw_index(&jpeg, 8);
    const Camera camera = {.slope_x = f[HAND_LIGHTING] * portable_cos(turn),
                           .slope_y = f[HAND_LIGHTING] * portable_sin(turn),
                           .haze = f[HAND_CONTRAST],
                           .blur_x = f[HAND_BLUR],
                           .blur_y = f[HAND_BLUR],
                           .noise = f[HAND_NOISE],
                           .jpeg = f[HAND_JPEG],
                           .jpeg_x = jpeg_x,
                           .jpeg_y = jpeg_y};
    Photo picture = {.channels = 1, .height = HAND_SIDE, .width = HAND_SIDE, .values = values};
    camera_take(&camera, &noise, &picture);
    photo_to_bytes(&picture, pixels);
}

static void draw_hand(const GeneratedImage *image, unsigned char *pixels) {
    LinePoint line[HAND_LINE];
    float values[HAND_PIXELS] = {0};
    Draws polarity = draws_of_image(image, HAND_STAGE_POLARITY);
    const int count = hand_line(image, line);
    hand_bend(image, line, count);
    hand_paper(image, line, count, values);
    cloud_paper(image, values);
    if (draw_chance(&polarity, image->factor[HAND_POLARITY]))
        for (int i = 0; i < HAND_PIXELS; i++) values[i] = 1 - values[i];
    photograph(image, values, pixels);
}

const Generator generator_hand = {
    .name = "hand",
    .about = "28 x 28 grey, generated handwriting",
    .version = 1,
    .channels = 1,
    .height = HAND_SIDE,
    .width = HAND_SIDE,
    .train = 60000,
    .test = 10000,
    .factors = factors,
    .factor_count = HAND_FACTORS,
    .draw = draw_hand,
};
