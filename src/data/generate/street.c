/* House numbers in a street, after SVHN (Netzer, Wang, Coates, Bissacco, Wu, Ng: "Reading digits in natural images with
 * unsupervised feature learning", 2011): one digit of a number, cut out with what stands beside it.
 *
 * Style and place -> coverage of the number -> ground, shadow, ink -> camera -> bytes. The factors' default ranges were
 * set by training on generated digits and reading real ones.
 */
#include "data/generate/camera.h"
#include "data/generate/portable.h"
#include "data/generate/street_ground.h"
#include "data/generate/street_scene.h"

static const Factor factors[STREET_FACTORS] = {
    [STREET_WEIGHT] = {"weight", "octaves", "width of strokes: 1 is twice as wide", -0.8, 0.8, -1.5, 1, false},
    [STREET_WIDTH] = {"width", "octaves", "width of digits: 1 is twice as wide", -0.5, 0.4, -1, 1, false},
    [STREET_STRESS] = {"stress", "share", "by which level strokes are thinner than upright ones", -0.15, 0.6, -0.5, 0.8,
                       false},
    [STREET_SERIF] = {"serif", "chance", "of serifs and ball ends", 0.3, 0.3, 0, 1, false},
    [STREET_SLANT] = {"slant", "degrees", "lean of the stems to the right", -8, 16, -30, 30, false},
    [STREET_ROUNDNESS] = {"roundness", "share", "of ends and corners: 0 square, 1 round", 0, 1, 0, 1, false},
    [STREET_SQUARE] = {"square", "share", "of bowls: 0 elliptic, 1 nearly rectangular", 0, 0.7, 0, 1, false},
    [STREET_FORMS] = {"forms", "chance", "of a less plain form: open 4, flat 3, straight 6, curved 7 ..", 0.6, 0.6, 0,
                      1, false},
    [STREET_WAVER] = {"waver", "share", "of half the digit's size by which its shape is irregular", 0, 0.2, 0, 0.6,
                      false},
    [STREET_RELIEF] = {"relief", "levels", "of light and dark sides of raised digits, 1 is black to white", 0, 0.3, 0,
                       1, false},
    [STREET_RIM] = {"rim", "chance", "of a line of another colour around the digits", 0.15, 0.15, 0, 1, false},
    [STREET_SCALE] = {"scale", "octaves", "size of digits: 1 is twice as high", -0.45, 0.3, -2, 1, false},
    [STREET_POSITION] = {"position", "share", "of the picture's side by which a digit may be off-centre", 0, 0.12, 0,
                         0.5, false},
    [STREET_ROTATION] = {"rotation", "degrees", "clockwise", -10, 10, -180, 180, false},
    [STREET_PERSPECTIVE] = {"perspective", "share", "by which size and the line's height may change over one digit", 0,
                            0.25, 0, 0.4, false},
    [STREET_NEIGHBOURS] = {"neighbours", "chance", "of a digit on each side, and of one behind it", 0.6, 0.6, 0, 1,
                           false},
    [STREET_CONTRAST] = {"contrast", "share", "of the contrast between digit and ground that is lost", 0.2, 0.9, 0, 1,
                         false},
    [STREET_POLARITY] = {"polarity", "chance", "of dark digits on light ground", 0.5, 0.5, 0, 1, false},
    [STREET_COLOUR] = {"colour", "share", "of the colour that digits, ground and light may have", 0, 1, 0, 1, false},
    [STREET_BACKGROUND] = {"background", "share", "opacity of edges, frames and joints behind", 0, 1, 0, 1, false},
    [STREET_TEXTURE] = {"texture", "levels", "of the ground's roughness, 1 is black to white", 0, 0.1, 0, 1, false},
    [STREET_GRADIENT] = {"gradient", "levels", "over the ground, 1 is black to white", 0, 0.3, 0, 1, false},
    [STREET_SHADOW] = {"shadow", "share", "of light lost in the digits' shadow on the ground", 0, 0.6, 0, 1, false},
    [STREET_LIGHTING] = {"lighting", "share", "unevenness of light: exposure, fall-off, a shadow's edge", 0, 1, 0, 2,
                         false},
    [STREET_HAZE] = {"haze", "share", "of the picture's contrast that is lost", 0, 0.3, 0, 1, false},
    [STREET_BLUR] = {"blur", "pixels", "standard deviation of the lens's blur", 0, 1.5, 0, 4, false},
    [STREET_MOTION] = {"motion", "pixels", "standard deviation of further blur along one axis", 0, 0.8, 0, 4, false},
    [STREET_ENLARGING] = {"enlarging", "octaves", "by which the picture was made larger: 1 is twice", 0, 1.3, 0, 2,
                          false},
    [STREET_SHARPENING] = {"sharpening", "share", "of lost detail put back, with light seams", 0, 0.8, 0, 4, false},
    [STREET_NOISE] = {"noise", "levels", "standard deviation of the sensor's noise, 1 is black to white", 0, 0.03, 0, 1,
                      false},
    [STREET_JPEG] = {"jpeg", "steps", "quantisation over that of JPEG quality 50", 0, 1.3, 0, 8, false},
};

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
    TypeStyle style;
    double map[3][3];
    StreetMask mask;
    float values[STREET_PIXELS][3];
    street_style(image, &style);
    street_map(image, map);
    street_number(image, &style, (const double(*)[3])map, mask);
    const StreetColours colours = street_colours(image);
    street_ground(image, &colours, (const double(*)[3])map, values);
    street_shadow(image, mask, values);
    street_ink(image, &colours, &style, (const double(*)[3])map, mask, values);
    const Camera camera = camera_of(image);
    Draws noise = draws_of_image(image, STAGE_NOISE);
    Photo picture = {.channels = 3, .height = STREET_SIDE, .width = STREET_SIDE, .values = values[0]};
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
