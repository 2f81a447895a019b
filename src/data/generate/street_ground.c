/* What house numbers stand on: plaster, brick, wood and metal, plates and their edges, and how light lies on it.
 *
 * Not modelled: pictures of real walls, plants and doors; here the unexpected is bars, plates and noise on a lattice.
 */
#include "data/generate/portable.h"
#include "data/generate/street.h"

#include <string.h>

void street_add_gradient(StreetScene *scene, StreetStage stage, const float *mask) {
    const double strength = scene->image->factor[STREET_GRADIENT];
    if (strength == 0) return;
    Draws draws = draws_of_image(scene->image, stage);
    const double turns = draw_uniform(&draws), reach = strength / STREET_SIDE;
    const double across = reach * portable_cos(turns), down = reach * portable_sin(turns);
    const double middle = STREET_SIDE / 2.0 - 0.5;
    for (int i = 0; i < STREET_PIXELS; i++) {
        const int y = i / STREET_SIDE, x = i % STREET_SIDE;
        const float step = (float)(across * (x - middle) + down * (y - middle)) * (mask ? mask[i] : 1);
        for (int c = 0; c < 3; c++) scene->picture[i][c] += step;
    }
}

/* Values on a lattice, uniform in -1 .. 1, and smooth between them; with different steps along both axes it is anything
 * from plaster to planks and wood. */
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

void street_add_texture(StreetScene *scene, StreetStage stage, const float *mask) {
    const float strength = (float)scene->image->factor[STREET_TEXTURE];
    if (strength == 0) return;
    Draws draws = draws_of_image(scene->image, stage);
    float values[STREET_SIDE][STREET_SIDE];
    Texture t;
    /* At most 31 / 1.4 + 1 + 1 < LATTICE - 1 lattice steps; the lean adds less than a third of that where steps are
     * large. */
    t.step_x = 1.4 * portable_exp2(4 * draw_uniform(&draws));
    t.step_y = 1.4 * portable_exp2(4 * draw_uniform(&draws));
    t.from_x = draw_uniform(&draws);
    t.from_y = draw_uniform(&draws);
    t.lean = 0.3 * draw_uniform(&draws) * (t.step_x > 2);
    texture_values(&t, &draws, values);
    for (int i = 0; i < STREET_PIXELS; i++) {
        const float step = strength * values[i / STREET_SIDE][i % STREET_SIDE] * (mask ? mask[i] : 1);
        for (int c = 0; c < 3; c++) scene->picture[i][c] += step;
    }
}

/* Lays a colour on a shape given in the number's coordinates, or on everything but the shape. */
static void add_shape(StreetScene *scene, const Point *points, int count, bool outside, const float colour[3],
                      float opacity) {
    Coverage coverage;
    StreetMask mask;
    coverage_clear(&coverage, STREET_SIDE, STREET_SIDE);
    memcpy(coverage.map, scene->map, sizeof coverage.map);
    coverage_add(&coverage, points, count);
    coverage_shares(&coverage, mask);
    for (int i = 0; i < STREET_PIXELS; i++) {
        const float share = opacity * (outside ? 1 - mask[i] : mask[i]);
        for (int c = 0; c < 3; c++) scene->picture[i][c] += share * (colour[c] - scene->picture[i][c]);
    }
}

/* What a shape of the background looks like: the colour of the ink, or the ground's at another level. */
static double draw_surface(Draws *draws, const StreetColours *colours, float colour[3]) {
    const bool as_ink = draw_chance(draws, 0.3);
    const double level = draw_uniform(draws);
    for (int c = 0; c < 3; c++) {
        const double tinted = colours->ground[c] - colours->ground_level + level;
        colour[c] = (float)(as_ink ? colours->ink[c] : tinted < 0 ? 0 : tinted);
    }
    return draw_between(draws, 0.3, 1);
}

/* Bars beside, above and below the digit: edges of plates and walls where they are wide and long, lines of frames and
 * joints where narrow, and parts of letters, screws and leaves where short. */
static void add_bars(Draws *draws, double strength, StreetScene *scene) {
    enum { BARS = 6, LONG_BARS = 4 };
    const double reach = 1.8; /* beyond the frame, and before the horizon that strong perspective brings near */
    for (int i = 0; i < BARS; i++) {
        const bool there = draw_chance(draws, i < LONG_BARS ? 0.3 : 0.15), wide = draw_chance(draws, 0.6);
        const double turns = 0.25 * draw_index(draws, 4), lean = (i < LONG_BARS ? 0.012 : 0.1) * draw_either_way(draws);
        const double near = draw_between(draws, 0.45, 0.8), width = draw_between(draws, 0.02, 0.12);
        const double begin = draw_between(draws, -0.8, 0.6), length = draw_between(draws, 0.05, 0.5);
        float colour[3];
        const double opacity = strength * draw_surface(draws, &scene->colours, colour);
        if (!there) continue;
        const double far = i < LONG_BARS && wide ? reach : near + width;
        const double from = i < LONG_BARS ? -reach : begin, to = i < LONG_BARS ? reach : begin + length;
        const double c = portable_cos(turns + lean), s = portable_sin(turns + lean);
        const Point corners[4] = {{near * c - from * s, near * s + from * c},
                                  {far * c - from * s, far * s + from * c},
                                  {far * c - to * s, far * s + to * c},
                                  {near * c - to * s, near * s + to * c}};
        add_shape(scene, corners, 4, false, colour, (float)opacity);
    }
}

/* A round plate: beyond its edge there is something else. */
static void add_disc(Draws *draws, double strength, StreetScene *scene) {
    enum { CORNERS = 24 };
    const bool there = draw_chance(draws, 0.1);
    const double radius = draw_between(draws, 0.58, 0.9), wider = draw_between(draws, 1, 1.5);
    const double at_x = 0.4 * draw_either_way(draws), at_y = 0.06 * draw_either_way(draws);
    float colour[3];
    const double opacity = strength * draw_surface(draws, &scene->colours, colour);
    if (!there) return;
    Point edge[CORNERS];
    for (int i = 0; i < CORNERS; i++) {
        const double turns = (double)i / CORNERS;
        edge[i] = (Point){at_x + wider * radius * portable_cos(turns), at_y + radius * portable_sin(turns)};
    }
    add_shape(scene, edge, CORNERS, true, colour, (float)opacity);
}

/* A plate with the number on it: beyond its edges there is the wall, and a line may run along them. */
static void add_plate(Draws *draws, double strength, StreetScene *scene) {
    const bool there = draw_chance(draws, 0.25), framed = draw_chance(draws, 0.35);
    const double left = draw_between(draws, -1.6, -0.36), right = draw_between(draws, 0.36, 1.6);
    const double top = draw_between(draws, -0.85, -0.54), bottom = draw_between(draws, 0.54, 0.85);
    const double in = draw_between(draws, 0.02, 0.06), line = draw_between(draws, 0.02, 0.06);
    float wall[3], frame[3];
    const double opacity = strength * draw_surface(draws, &scene->colours, wall);
    if (!there) return;
    const Point edge[4] = {{left, top}, {right, top}, {right, bottom}, {left, bottom}};
    add_shape(scene, edge, 4, true, wall, (float)opacity);
    if (!framed) return;
    /* The frame is one polygon: around outside, across, around inside the other way, and back. */
    const double out = in + line;
    const Point ring[10] = {{left + in, top + in},      {right - in, top + in},      {right - in, bottom - in},
                            {left + in, bottom - in},   {left + in, top + in},       {left + out, top + out},
                            {left + out, bottom - out}, {right - out, bottom - out}, {right - out, top + out},
                            {left + out, top + out}};
    for (int c = 0; c < 3; c++) frame[c] = (float)scene->colours.ink[c];
    add_shape(scene, ring, 10, false, frame, (float)strength);
}

void street_ground(StreetScene *scene) {
    const double strength = scene->image->factor[STREET_BACKGROUND];
    for (int i = 0; i < STREET_PIXELS; i++)
        for (int c = 0; c < 3; c++) scene->picture[i][c] = (float)scene->colours.ground[c];
    if (strength != 0) {
        Draws draws = draws_of_image(scene->image, STAGE_BACKGROUND);
        add_bars(&draws, strength, scene);
        add_disc(&draws, strength, scene);
        add_plate(&draws, strength, scene);
    }
    street_add_gradient(scene, STAGE_GRADIENT, NULL);
    street_add_texture(scene, STAGE_TEXTURE, NULL);
}
