#include "data/generate/street_scene.h"

#include "data/generate/portable.h"

#include <string.h>

/* Uniform in [-1, 1). */
static double draw_either_way(Draws *draws) {
    return draw_between(draws, -1, 1);
}

/* ---- Type ---- */

void street_style(const GeneratedImage *image, TypeStyle *style) {
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

void street_map(const GeneratedImage *image, double map[3][3]) {
    const double *f = image->factor, middle = STREET_SIDE / 2.0, neutral_height = 23;
    Draws draws = draws_of_image(image, STAGE_PLACE);
    const double away_x = draw_either_way(&draws), away_y = draw_either_way(&draws);
    draws = draws_of_image(image, STAGE_PERSPECTIVE);
    const double tilt_x = f[STREET_PERSPECTIVE] * draw_either_way(&draws),
                 tilt_y = f[STREET_PERSPECTIVE] * draw_either_way(&draws);
    const double height = neutral_height * portable_exp2(f[STREET_SCALE]), turns = f[STREET_ROTATION] / 360;
    const double c = height * portable_cos(turns), s = height * portable_sin(turns);
    const double at_x = middle + STREET_SIDE * f[STREET_POSITION] * away_x,
                 at_y = middle + STREET_SIDE * f[STREET_POSITION] * away_y;
    /* Slant, then rotation, then perspective with the digit's middle kept in its place. */
    const double slanted_c = -c * f[STREET_SLANT], slanted_s = -s * f[STREET_SLANT];
    const double rows[3][3] = {{c + at_x * tilt_x, slanted_c - s + at_x * tilt_y, at_x},
                               {s + at_y * tilt_x, slanted_s + c + at_y * tilt_y, at_y},
                               {tilt_x, tilt_y, 1}};
    memcpy(map, rows, sizeof rows);
}

enum { NEIGHBOURS = 2 }; /* on each side, as far as the frame can show */

void street_number(const GeneratedImage *image, const TypeStyle *style, const double map[3][3], StreetMask mask) {
    Canvas canvas;
    canvas_clear(&canvas, STREET_SIDE, STREET_SIDE);
    memcpy(canvas.map, map, sizeof canvas.map);
    digit_draw(style, image->label, (Point){0, 0}, &canvas);
    Draws draws = draws_of_image(image, STAGE_NEIGHBOURS);
    const double gap = draw_between(&draws, 0, 0.28);
    for (int side = -1; side <= 1; side += 2) {
        double edge = 0.5 * digit_width(style, image->label);
        bool there = true;
        for (int i = 0; i < NEIGHBOURS; i++) {
            there &= draw_chance(&draws, image->factor[STREET_NEIGHBOURS]);
            const int digit = draw_index(&draws, DIGITS);
            const double step = 0.03 * draw_either_way(&draws), width = digit_width(style, digit);
            if (there) digit_draw(style, digit, (Point){side * (edge + gap + 0.5 * width), step}, &canvas);
            edge += gap + width;
        }
    }
    canvas_coverage(&canvas, mask);
    for (int i = 0; i < STREET_PIXELS; i++) mask[i] = (float)(int)(mask[i] * 255 + 0.5f) / 255;
}

/* ---- Colours ---- */

/* Colours differ from grey towards orange or blue, as the light of sun and sky does and as most paint and brick, and less
 * towards green or violet. `warmth` and `green` are steps along these two axes. */
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

StreetColours street_colours(const GeneratedImage *image) {
    const double *f = image->factor, kept = 1 - f[STREET_CONTRAST], colour = f[STREET_COLOUR];
    StreetColours made;
    Draws draws = draws_of_image(image, STAGE_LEVELS);
    const bool dark_on_light = draw_chance(&draws, f[STREET_POLARITY]);
    const double low = (1 - kept) * draw_uniform(&draws), high = low + kept;
    made.ground_level = dark_on_light ? high : low;
    made.ink_level = dark_on_light ? low : high;
    draws = draws_of_image(image, STAGE_COLOUR);
    const double ground_warmth = draw_step(&draws, 0.35 * colour), ground_green = draw_step(&draws, 0.15 * colour);
    const double ink_warmth = draw_step(&draws, 0.35 * colour), ink_green = draw_step(&draws, 0.15 * colour);
    tint(made.ground_level, ground_warmth, ground_green, made.ground);
    tint(made.ink_level, ink_warmth, ink_green, made.ink);
    /* Light has a colour too; shade on a clear day is blue. */
    const double light[3] = {draw_between(&draws, -0.14, 0.08), draw_between(&draws, -0.03, 0.03),
                             draw_between(&draws, -0.08, 0.14)};
    for (int c = 0; c < 3; c++) {
        made.ground[c] *= 1 + colour * light[c];
        made.ink[c] *= 1 + colour * light[c];
    }
    return made;
}

/* ---- Ground ---- */

static void add_gradient(const GeneratedImage *image, float picture[STREET_PIXELS][3]) {
    const double strength = image->factor[STREET_GRADIENT];
    if (strength == 0) return;
    Draws draws = draws_of_image(image, STAGE_GRADIENT);
    const double turns = draw_uniform(&draws), reach = strength / STREET_SIDE;
    const double across = reach * portable_cos(turns), down = reach * portable_sin(turns);
    const double middle = STREET_SIDE / 2.0 - 0.5;
    for (int y = 0; y < STREET_SIDE; y++)
        for (int x = 0; x < STREET_SIDE; x++)
            for (int c = 0; c < 3; c++)
                picture[y * STREET_SIDE + x][c] += (float)(across * (x - middle) + down * (y - middle));
}

/* Values on a lattice, uniform in -1 .. 1, and smooth between them; with different steps along both axes it is anything from
 * plaster to planks and wood. `lines` > 0 adds dark joints between courses, each the share of a course that the joint is. */
typedef struct Texture {
    double step_x, step_y, from_x, from_y;
    double lean; /* rows shift so much from one pixel to the next */
} Texture;

enum { LATTICE = 26 };

static void texture_values(const Texture *t, Draws *draws, float values[STREET_SIDE][STREET_SIDE]) {
    float lattice[LATTICE][LATTICE];
    for (int y = 0; y < LATTICE; y++)
        for (int x = 0; x < LATTICE; x += 2) {
            const uint32_t word = draw_word(draws);
            lattice[y][x] = (float)(word >> 16) / 32768.0f - 1;
            lattice[y][x + 1] = (float)(word & 65535) / 32768.0f - 1;
        }
    for (int y = 0; y < STREET_SIDE; y++) {
        const double row = y / t->step_y + t->from_y;
        const int j = (int)row;
        const float v = (float)(row - j), smooth_v = v * v * (3 - 2 * v);
        for (int x = 0; x < STREET_SIDE; x++) {
            const double column = (x + t->lean * y) / t->step_x + t->from_x;
            const int i = (int)column;
            const float u = (float)(column - i), smooth_u = u * u * (3 - 2 * u);
            const float upper = lattice[j][i] + smooth_u * (lattice[j][i + 1] - lattice[j][i]),
                        lower = lattice[j + 1][i] + smooth_u * (lattice[j + 1][i + 1] - lattice[j + 1][i]);
            values[y][x] = upper + smooth_v * (lower - upper);
        }
    }
}

static void add_texture(const GeneratedImage *image, float picture[STREET_PIXELS][3]) {
    const float strength = (float)image->factor[STREET_TEXTURE];
    if (strength == 0) return;
    Draws draws = draws_of_image(image, STAGE_TEXTURE);
    float values[STREET_SIDE][STREET_SIDE];
    Texture t;
    /* At most 31 / 1.4 + 1 + 1 < LATTICE - 1 lattice steps; the lean adds less than a third of that where steps are large. */
    t.step_x = 1.4 * portable_exp2(4 * draw_uniform(&draws));
    t.step_y = 1.4 * portable_exp2(4 * draw_uniform(&draws));
    t.from_x = draw_uniform(&draws);
    t.from_y = draw_uniform(&draws);
    t.lean = 0.3 * draw_uniform(&draws) * (t.step_x > 2);
    texture_values(&t, &draws, values);
    for (int i = 0; i < STREET_PIXELS; i++)
        for (int c = 0; c < 3; c++) picture[i][c] += strength * values[i / STREET_SIDE][i % STREET_SIDE];
}

/* A bar that crosses the picture: the edge of a plate or of a wall, a frame's line, a joint between stones. */
static void add_bar(const double map[3][3], double turns, double near, double far, const float colour[3],
                    float strength, float picture[STREET_PIXELS][3]) {
    const double c = portable_cos(turns), s = portable_sin(turns), reach = 3;
    const Point corners[4] = {{near * c + reach * s, near * s - reach * c},
                              {far * c + reach * s, far * s - reach * c},
                              {far * c - reach * s, far * s + reach * c},
                              {near * c - reach * s, near * s + reach * c}};
    Canvas canvas;
    StreetMask mask;
    canvas_clear(&canvas, STREET_SIDE, STREET_SIDE);
    memcpy(canvas.map, map, sizeof canvas.map);
    canvas_add(&canvas, corners, 4);
    canvas_coverage(&canvas, mask);
    for (int i = 0; i < STREET_PIXELS; i++)
        for (int k = 0; k < 3; k++) picture[i][k] += strength * mask[i] * (colour[k] - picture[i][k]);
}

static void add_background(const GeneratedImage *image, const StreetColours *colours, const double map[3][3],
                           float picture[STREET_PIXELS][3]) {
    enum { BARS = 4 };
    const double strength = image->factor[STREET_BACKGROUND];
    if (strength == 0) return;
    Draws draws = draws_of_image(image, STAGE_BACKGROUND);
    for (int i = 0; i < BARS; i++) {
        const bool there = draw_chance(&draws, 0.3), wide = draw_chance(&draws, 0.6), as_ink = draw_chance(&draws, 0.3);
        const double turns = 0.25 * draw_index(&draws, 4) + 0.012 * draw_either_way(&draws);
        /* Off the digit, mostly: beside it, above or below. */
        const double near = draw_between(&draws, 0.4, 0.85), width = draw_between(&draws, 0.02, 0.12);
        const double level = draw_uniform(&draws), opacity = draw_between(&draws, 0.3, 1);
        float colour[3];
        for (int c = 0; c < 3; c++) {
            const double tinted = colours->ground[c] - colours->ground_level + level;
            colour[c] = (float)(as_ink ? colours->ink[c] : tinted < 0 ? 0 : tinted);
        }
        if (there) add_bar(map, turns, near, wide ? 3 : near + width, colour, (float)(strength * opacity), picture);
    }
}

void street_ground(const GeneratedImage *image, const StreetColours *colours, const double map[3][3],
                   float picture[STREET_PIXELS][3]) {
    for (int i = 0; i < STREET_PIXELS; i++)
        for (int c = 0; c < 3; c++) picture[i][c] = (float)colours->ground[c];
    add_background(image, colours, map, picture);
    add_gradient(image, picture);
    add_texture(image, picture);
}

/* ---- Shadow and ink ---- */

/* The mask's value at a place between pixels; nothing lies outside. */
static float mask_at(const StreetMask mask, int y, int x) {
    return y < 0 || x < 0 || y >= STREET_SIDE || x >= STREET_SIDE ? 0 : mask[y * STREET_SIDE + x];
}

void street_shadow(const GeneratedImage *image, const StreetMask mask, float picture[STREET_PIXELS][3]) {
    const float strength = (float)image->factor[STREET_SHADOW];
    if (strength == 0) return;
    Draws draws = draws_of_image(image, STAGE_SHADOW);
    const double right = 2.5 * draw_either_way(&draws), down = draw_between(&draws, -0.5, 3);
    const int whole_x = (int)floor(right), whole_y = (int)floor(down);
    const float u = (float)(right - whole_x), v = (float)(down - whole_y);
    for (int y = 0; y < STREET_SIDE; y++)
        for (int x = 0; x < STREET_SIDE; x++) {
            const int from_y = y - whole_y, from_x = x - whole_x;
            const float near = (1 - u) * mask_at(mask, from_y, from_x) + u * mask_at(mask, from_y, from_x - 1),
                        far = (1 - u) * mask_at(mask, from_y - 1, from_x) + u * mask_at(mask, from_y - 1, from_x - 1);
            const float light = 1 - strength * ((1 - v) * near + v * far);
            for (int c = 0; c < 3; c++) picture[y * STREET_SIDE + x][c] *= light;
        }
}

static void lay_on(const StreetMask mask, const float colour[3], float picture[STREET_PIXELS][3]) {
    for (int i = 0; i < STREET_PIXELS; i++)
        for (int c = 0; c < 3; c++) picture[i][c] += mask[i] * (colour[c] - picture[i][c]);
}

/* A line of another colour around the digits: painted, or the side of a raised digit. */
static void draw_rim(const GeneratedImage *image, const StreetColours *colours, const TypeStyle *style,
                     const double map[3][3], float picture[STREET_PIXELS][3]) {
    Draws draws = draws_of_image(image, STAGE_RIM);
    const bool there = draw_chance(&draws, image->factor[STREET_RIM]);
    const double width = draw_between(&draws, 0.02, 0.08), level = draw_uniform(&draws);
    if (!there) return;
    TypeStyle grown = *style;
    grown.grow = width;
    float colour[3];
    for (int c = 0; c < 3; c++) colour[c] = (float)(level + 0.5 * (colours->ink[c] - colours->ink_level));
    StreetMask mask;
    street_number(image, &grown, map, mask);
    lay_on(mask, colour, picture);
}

void street_ink(const GeneratedImage *image, const StreetColours *colours, const TypeStyle *style,
                const double map[3][3], const StreetMask mask, float picture[STREET_PIXELS][3]) {
    draw_rim(image, colours, style, map, picture);
    const float ink[3] = {(float)colours->ink[0], (float)colours->ink[1], (float)colours->ink[2]};
    lay_on(mask, ink, picture);
}
