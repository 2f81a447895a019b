/* Type style, place, colours, shadow and ink of a house number. */
#include "data/generate/portable.h"
#include "data/generate/street.h"

#include <string.h>

/* ---- Type ---- */

void street_style(StreetScene *scene) {
    const GeneratedImage *image = scene->image;
    TypeStyle *style = &scene->style;
    const double *f = image->factor, neutral_weight = 0.15, neutral_width = 0.58;
    *style = (TypeStyle){.weight = neutral_weight * portable_exp2(f[STREET_WEIGHT]),
                         .width = neutral_width * portable_exp2(f[STREET_WIDTH]),
                         .stress = f[STREET_STRESS],
                         .roundness = f[STREET_ROUNDNESS],
                         .square = f[STREET_SQUARE],
                         .waver = f[STREET_WAVER]};
    Draws draws = draws_of_image(image, STAGE_SERIF);
    const double chance = draw_uniform(&draws), size = draw_between(&draws, 0.2, 1);
    if (chance < f[STREET_SERIF]) style->serif = size;
    draws = draws_of_image(image, STAGE_FORMS);
    for (int digit = 0; digit < DIGITS; digit++) {
        const bool other = draw_chance(&draws, f[STREET_FORMS]);
        const int form = 1 + draw_index(&draws, digit_forms(digit) - 1);
        style->form[digit] = other ? form : 0;
    }
    if (!(style->waver > 0)) return;
    draws = draws_of_image(image, STAGE_WAVER);
    for (int i = 0; i < WARPS; i++) style->warp[i] = draw_either_way(&draws);
    for (int i = 0; i < JITTERS; i++)
        for (int axis = 0; axis < 2; axis++) style->jitter[i][axis] = draw_either_way(&draws);
}

void street_map(StreetScene *scene) {
    const GeneratedImage *image = scene->image;
    const double *f = image->factor, middle = STREET_SIDE / 2.0, neutral_height = 23;
    Draws draws = draws_of_image(image, STAGE_PLACE);
    const double away_x = draw_either_way(&draws), away_y = draw_either_way(&draws);
    draws = draws_of_image(image, STAGE_PERSPECTIVE);
    const double tilt_x = f[STREET_PERSPECTIVE] * draw_either_way(&draws),
                 tilt_y = f[STREET_PERSPECTIVE] * draw_either_way(&draws),
                 rise = f[STREET_PERSPECTIVE] * draw_either_way(&draws);
    const double height = neutral_height * portable_exp2(f[STREET_SCALE]), turns = f[STREET_ROTATION] / 360;
    const double c = height * portable_cos(turns), s = height * portable_sin(turns);
    const double at_x = middle + STREET_SIDE * f[STREET_POSITION] * away_x,
                 at_y = middle + STREET_SIDE * f[STREET_POSITION] * away_y;
    /* Slant, then the rising line of a wall seen from the side, then rotation, then perspective with the digit's middle
     * kept in its place. */
    const double lean = -portable_tan(f[STREET_SLANT] / 360), upright = 1 + rise * lean;
    const double rows[3][3] = {{c - s * rise + at_x * tilt_x, c * lean - s * upright + at_x * tilt_y, at_x},
                               {s + c * rise + at_y * tilt_x, s * lean + c * upright + at_y * tilt_y, at_y},
                               {tilt_x, tilt_y, 1}};
    memcpy(scene->map, rows, sizeof rows);
}

enum { NEIGHBOURS = 2 }; /* on each side, as far as the frame can show */

static void cover_number(const StreetScene *scene, const TypeStyle *style, StreetMask mask) {
    const GeneratedImage *image = scene->image;
    Coverage coverage;
    coverage_clear(&coverage, STREET_SIDE, STREET_SIDE);
    memcpy(coverage.map, scene->map, sizeof coverage.map);
    digit_draw(style, image->label, (Point){0, 0}, &coverage);
    Draws draws = draws_of_image(image, STAGE_NEIGHBOURS);
    const double gap = draw_between(&draws, 0, 0.28);
    for (int side = -1; side <= 1; side += 2) {
        double edge = 0.5 * digit_width(style, image->label);
        bool there = true;
        for (int i = 0; i < NEIGHBOURS; i++) {
            there &= draw_chance(&draws, image->factor[STREET_NEIGHBOURS]);
            const int digit = draw_index(&draws, DIGITS);
            const double step = 0.03 * draw_either_way(&draws), width = digit_width(style, digit);
            if (there) digit_draw(style, digit, (Point){side * (edge + gap + 0.5 * width), step}, &coverage);
            edge += gap + width;
        }
    }
    coverage_shares(&coverage, mask);
    for (int i = 0; i < STREET_PIXELS; i++) mask[i] = (float)(int)(mask[i] * 255 + 0.5f) / 255;
}

void street_mask(StreetScene *scene) {
    cover_number(scene, &scene->style, scene->mask);
}

/* ---- Colours ---- */

/* Colours differ from grey towards orange or blue, as the light of sun and sky does and as most paint and brick, and
 * less towards green or violet. `warmth` and `green` are steps along these two axes. */
static void tint(double level, double warmth, double green, double rgb[3]) {
    static const double weights[3] = {0.299, 0.587, 0.114}; /* of brightness, ITU-R BT.601 */
    const double steps[3] = {warmth - green, green, -warmth - green};
    double mean = 0;
    for (int c = 0; c < 3; c++) mean += weights[c] * steps[c];
    for (int c = 0; c < 3; c++) {
        const double value = level + steps[c] - mean;
        rgb[c] = value < 0 ? 0 : value > 1 ? 1 : value;
    }
}

/* Little colour is the rule; the third power of a uniform number leaves room for the plates that have much. */
static double draw_step(Draws *draws, double most) {
    const double u = draw_either_way(draws);
    return most * u * u * u;
}

void street_colours(StreetScene *scene) {
    const GeneratedImage *image = scene->image;
    StreetColours *made = &scene->colours;
    const double *f = image->factor, kept = 1 - f[STREET_CONTRAST], colour = f[STREET_COLOUR];
    Draws draws = draws_of_image(image, STAGE_LEVELS);
    const bool dark_on_light = draw_chance(&draws, f[STREET_POLARITY]);
    const double low = (1 - kept) * draw_uniform(&draws), high = low + kept;
    made->ground_level = dark_on_light ? high : low;
    made->ink_level = dark_on_light ? low : high;
    draws = draws_of_image(image, STAGE_COLOUR);
    const double ground_warmth = draw_step(&draws, 0.35 * colour), ground_green = draw_step(&draws, 0.15 * colour);
    const double ink_warmth = draw_step(&draws, 0.35 * colour), ink_green = draw_step(&draws, 0.15 * colour);
    tint(made->ground_level, ground_warmth, ground_green, made->ground);
    tint(made->ink_level, ink_warmth, ink_green, made->ink);
    /* Light has a colour too; shade on a clear day is blue. */
    const double red = draw_between(&draws, -0.2, 0.08), green = draw_between(&draws, -0.06, 0.02),
                 blue = draw_between(&draws, -0.08, 0.2);
    const double light[3] = {red, green, blue};
    for (int c = 0; c < 3; c++) {
        made->ground[c] *= 1 + colour * light[c];
        made->ink[c] *= 1 + colour * light[c];
    }
}

/* ---- Shadow and ink ---- */

/* The mask moved by a distance in pixels; nothing comes in from outside. */
static void moved_mask(const StreetMask mask, double right, double down, StreetMask moved) {
    const int whole_x = (int)floor(right), whole_y = (int)floor(down);
    const float u = (float)(right - whole_x), v = (float)(down - whole_y);
    const float weights[2][2] = {{(1 - v) * (1 - u), (1 - v) * u}, {v * (1 - u), v * u}};
    memset(moved, 0, sizeof(StreetMask));
    for (int part = 0; part < 4; part++) {
        const int dy = whole_y + part / 2, dx = whole_x + part % 2;
        const int first_x = dx > 0 ? dx : 0, end_x = dx < 0 ? STREET_SIDE + dx : STREET_SIDE;
        for (int y = dy > 0 ? dy : 0; y < STREET_SIDE && y - dy < STREET_SIDE; y++)
            for (int x = first_x; x < end_x; x++)
                moved[y * STREET_SIDE + x] += weights[part / 2][part % 2] * mask[(y - dy) * STREET_SIDE + x - dx];
    }
}

void street_shadow(StreetScene *scene) {
    const float strength = (float)scene->image->factor[STREET_SHADOW];
    if (strength == 0) return;
    Draws draws = draws_of_image(scene->image, STAGE_SHADOW);
    const double right = 2.5 * draw_either_way(&draws), down = draw_between(&draws, -0.5, 3);
    StreetMask moved;
    moved_mask(scene->mask, right, down, moved);
    for (int i = 0; i < STREET_PIXELS; i++)
        for (int c = 0; c < 3; c++) scene->picture[i][c] *= 1 - strength * moved[i];
}

/* Raised or sunk digits: one side catches light, the other does not. */
static void add_relief(StreetScene *scene) {
    const float strength = (float)scene->image->factor[STREET_RELIEF];
    if (strength == 0) return;
    Draws draws = draws_of_image(scene->image, STAGE_RELIEF);
    const double right = 1.2 * draw_either_way(&draws), down = 1.2 * draw_either_way(&draws);
    StreetMask lit, dark;
    moved_mask(scene->mask, right, down, lit);
    moved_mask(scene->mask, -right, -down, dark);
    for (int i = 0; i < STREET_PIXELS; i++)
        for (int c = 0; c < 3; c++) scene->picture[i][c] += strength * (lit[i] - dark[i]);
}

static void lay_on(StreetScene *scene, const StreetMask mask, const float colour[3]) {
    for (int i = 0; i < STREET_PIXELS; i++)
        for (int c = 0; c < 3; c++) scene->picture[i][c] += mask[i] * (colour[c] - scene->picture[i][c]);
}

/* A line of another colour around the digits: painted, or the side of a raised digit. */
static void draw_rim(StreetScene *scene) {
    const StreetColours *colours = &scene->colours;
    Draws draws = draws_of_image(scene->image, STAGE_RIM);
    const bool there = draw_chance(&draws, scene->image->factor[STREET_RIM]);
    const double width = draw_between(&draws, 0.02, 0.08), level = draw_uniform(&draws);
    if (!there) return;
    TypeStyle grown = scene->style;
    StreetMask mask;
    float colour[3];
    grown.grow = width;
    for (int c = 0; c < 3; c++) colour[c] = (float)(level + 0.5 * (colours->ink[c] - colours->ink_level));
    cover_number(scene, &grown, mask);
    lay_on(scene, mask, colour);
}

void street_ink(StreetScene *scene) {
    const double *ink = scene->colours.ink;
    draw_rim(scene);
    lay_on(scene, scene->mask, (const float[]){(float)ink[0], (float)ink[1], (float)ink[2]});
    street_add_gradient(scene, STAGE_INK_GRADIENT, scene->mask);
    street_add_texture(scene, STAGE_INK_TEXTURE, scene->mask);
    add_relief(scene);
}
