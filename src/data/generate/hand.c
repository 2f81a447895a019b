/* hand: digits as people write them, made up as MNIST is.
 *
 * A form of the digit (hand_forms.c) becomes the line of a writer's pen (hand_line.c), which is bent, slanted and turned
 * (hand_bend.c) and inked into MNIST's box (hand_paper.c). A writer writes ten digits and keeps what is marked so below.
 * The factors from `scale` on are no part of MNIST and 0 by default: with them the paper is lit, photographed and stored
 * badly (camera.c), a dial for the shift from one domain to another.
 */
#include "data/generate/hand.h"

#include "data/generate/camera.h"
#include "data/generate/portable.h"

static const Factor factors[HAND_FACTORS] = {
    [HAND_FORMS] = {"forms", "chance", "that a digit may have any of its forms, not the plainest", 1, 1, 0, 1, false},
    [HAND_SHAPE] = {"shape", "heights", "departure of the points that make a form", 0.01, 0.03, 0, 0.2, true},
    [HAND_REACH] = {"reach", "heights", "by which a stroke may be too long or too short at either end", 0, 0.08, 0, 0.3,
                    false},
    [HAND_JOINS] = {"joins", "share", "rounding of corners", 0, 1, 0, 1, true},
    [HAND_PROPORTIONS] = {"proportions", "share", "larger upper or lower part, wider above or below", 0, 0.3, 0, 0.8,
                          false},
    [HAND_BEND] = {"bend", "heights", "smooth warp of the whole digit", 0, 0.05, 0, 0.3, false},
    [HAND_TREMOR] = {"tremor", "heights", "unsteadiness of the hand", 0, 0.008, 0, 0.1, true},
    [HAND_WIDTH] = {"width", "octaves", "width of digits: 1 is twice as wide", -0.4, 0.4, -2, 2, true},
    [HAND_SLANT] = {"slant", "degrees", "lean to the right", -15, 32, -60, 60, true},
    [HAND_ROTATION] = {"rotation", "degrees", "clockwise", -8, 8, -180, 180, false},
    [HAND_WEIGHT] = {"weight", "octaves", "width of strokes: 1 is twice 2.6 pixels", -0.6, 0.95, -1.5, 1.5, true},
    [HAND_PRESSURE] = {"pressure", "share", "change of the stroke's width along its way", 0, 0.3, 0, 0.9, true},
    [HAND_NIB] = {"nib", "share", "by which the pen draws narrower one way than the other", 0, 0.35, 0, 0.8, true},
    [HAND_ROUGHNESS] = {"roughness", "pixels", "unevenness of the stroke's edges", 0, 0.3, 0, 2, true},
    [HAND_SOFTNESS] = {"softness", "pixels", "by which the ramp from ink to paper is wider", 0, 0.5, 0, 4, true},
    [HAND_POSITION] = {"position", "pixels", "off the middle, either way", 0, 1, 0, 14, false},
    [HAND_SCALE] = {"scale", "octaves", "size of digits: 1 is twice as high", 0, 0, -2, 1, false},
    [HAND_CONTRAST] = {"contrast", "share", "of the contrast between ink and paper that is lost", 0, 0, 0, 1, false},
    [HAND_POLARITY] = {"polarity", "chance", "of dark ink on light paper", 0, 0, 0, 1, false},
    [HAND_BACKGROUND] = {"background", "levels", "of the paper's cloudiness, 1 is black to white", 0, 0, 0, 1, false},
    [HAND_LIGHTING] = {"lighting", "stops", "by which the light differs over the paper", 0, 0, 0, 4, false},
    [HAND_BLUR] = {"blur", "pixels", "standard deviation of the lens's blur", 0, 0, 0, 4, false},
    [HAND_NOISE] = {"noise", "levels", "standard deviation of the sensor's noise, 1 is black to white", 0, 0, 0, 1,
                    false},
    [HAND_JPEG] = {"jpeg", "steps", "quantisation over that of JPEG quality 50", 0, 0, 0, 8, false},
};

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
