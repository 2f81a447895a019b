/* House numbers in a street, after SVHN (Netzer, Wang, Coates, Bissacco, Wu, Ng: "Reading digits in natural images with
 * unsupervised feature learning", 2011): one digit of a number, cut out with what stands beside it.
 *
 * Style and place -> coverage of the number -> ground, shadow, ink -> camera -> bytes. The factors' default ranges were
 * set by training on generated digits and reading real ones.
 */
#include "data/generate/street.h"
#include "data/generate/camera.h"
#include "data/generate/portable.h"

#define FACTOR_ROW(id, ...) {__VA_ARGS__},
static const Factor factors[] = {STREET_FACTOR_LIST(FACTOR_ROW)};

static Camera camera_of(const GeneratedImage *image) {
    const double *f = image->factor, light = f[STREET_LIGHTING];
    Camera camera = {.sharpening = f[STREET_SHARPENING],
                     .noise = f[STREET_NOISE],
                     .jpeg = f[STREET_JPEG],
                     .enlarging = f[STREET_ENLARGING],
                     .haze = f[STREET_HAZE]};
    Draws draws = draws_of_image(image, STAGE_LIGHTING);
    camera.exposure = light * 0.6 * draw_either_way(&draws);
    camera.slope_x = light * 0.8 * draw_either_way(&draws);
    camera.slope_y = light * 0.8 * draw_either_way(&draws);
    const bool shaded = draw_chance(&draws, 0.25);
    const double shade = light * draw_between(&draws, 0.1, 0.6), turns = draw_uniform(&draws);
    camera.shade = shaded ? shade < 0.9 ? shade : 0.9 : 0;
    camera.shade_x = portable_cos(turns);
    camera.shade_y = portable_sin(turns);
    camera.shade_at = 0.4 * draw_either_way(&draws);
    camera.shade_soft = draw_between(&draws, 0.02, 0.3);
    draws = draws_of_image(image, STAGE_HAZE);
    camera.haze_level = draw_uniform(&draws);
    /* Variances of blurs one after the other add. */
    draws = draws_of_image(image, STAGE_MOTION);
    const double along_x = draw_uniform(&draws), lens = f[STREET_BLUR] * f[STREET_BLUR],
                 motion = f[STREET_MOTION] * f[STREET_MOTION];
    camera.blur_x = sqrt(lens + along_x * motion);
    camera.blur_y = sqrt(lens + (1 - along_x) * motion);
    draws = draws_of_image(image, STAGE_JPEG);
    camera.jpeg_x = draw_index(&draws, 8);
    camera.jpeg_y = draw_index(&draws, 8);
    return camera;
}

static void draw_street(const GeneratedImage *image, unsigned char *pixels) {
    StreetScene scene = {.image = image};
    street_style(&scene);
    street_map(&scene);
    street_mask(&scene);
    street_colours(&scene);
    street_ground(&scene);
    street_shadow(&scene);
    street_ink(&scene);
    const Camera camera = camera_of(image);
    Draws noise = draws_of_image(image, STAGE_NOISE);
    Photo picture = {.channels = 3, .height = STREET_SIDE, .width = STREET_SIDE, .values = scene.picture[0]};
    camera_take(&camera, &noise, &picture);
    photo_to_bytes(&picture, pixels);
}

const Generator generator_street = {
    .name = "street",
    .about = "32 x 32 RGB, generated house numbers",
    .version = 1,
    .channels = 3,
    .height = STREET_SIDE,
    .width = STREET_SIDE,
    .train = 73257,
    .test = 26032,
    /* Of SVHN's training images, 0 to 9. */
    .frequencies = {4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659},
    .factors = factors,
    .factor_count = STREET_FACTORS,
    .draw = draw_street,
};
