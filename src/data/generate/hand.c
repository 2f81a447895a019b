/* hand: digits as people write them, made up as MNIST was (LeCun, Bottou, Bengio, Haffner 1998): a digit of any size is
 * fitted into a box of 20 x 20 pixels, its proportions kept, and laid into 28 x 28 with its centre of mass in the middle.
 *
 * A line of the pen (hand_line.c) is bent, slanted and turned, fitted into the box with the pen's width, inked (pen.c), and
 * moved by whole pixels. The factors from `contrast` on are no part of MNIST and 0 by default: the dial for domain shift.
 */
#include "data/generate/generator.h"
#include "data/generate/hand_line.h"
#include "data/generate/pen.h"
#include "data/generate/portable.h"

#include <math.h>
#include <string.h>

enum {
    SIDE = 28,
    BOX = 20,
    STAGE_BEND = 10,
    STAGE_PRESSURE,
    STAGE_TREMOR,
    STAGE_PROPORTIONS,
    STAGE_EDGES,
    STAGE_POSITION
};

enum {
    SLANT,
    ROTATION,
    ASPECT,
    WIDTH,
    PRESSURE,
    NIB,
    FORMS,
    SHAPE,
    REACH,
    PROPORTIONS,
    JOINS,
    BEND,
    TREMOR,
    ROUGHNESS,
    SOFTNESS,
    POSITION,
    FACTORS
};

static const Factor factors[FACTORS] = {
    [SLANT] = {"slant", "degrees", "lean to the right", -15, 32, -60, 60, true},
    [ROTATION] = {"rotation", "degrees", "turn clockwise", -8, 8, -180, 180, false},
    [ASPECT] = {"aspect", "octaves", "wider (above 0) or narrower digits; 1 doubles the width", -0.4, 0.4, -2, 2, true},
    [WIDTH] = {"width", "octaves", "thicker or thinner strokes than 2.6 pixels; 1 doubles them", -0.6, 0.95, -1.5, 1.5,
               true},
    [PRESSURE] = {"pressure", "share", "change of the stroke's width along its way", 0, 0.3, 0, 0.9, true},
    [NIB] = {"nib", "share", "how much narrower the pen draws one way than the other", 0, 0.35, 0, 0.8, true},
    [FORMS] = {"forms", "chance", "that a digit may have any of its forms, not the plainest", 1, 1, 0, 1, false},
    [SHAPE] = {"shape", "heights", "departure of the points that make a form", 0.012, 0.04, 0, 0.2, true},
    [REACH] = {"reach", "heights", "how much too long or too short a stroke may be at either end", 0, 0.08, 0, 0.3,
               false},
    [PROPORTIONS] = {"proportions", "share", "larger upper or lower part, wider above or below", 0, 0.3, 0, 0.8, false},
    [JOINS] = {"joins", "share", "rounding of corners", 0, 1, 0, 1, true},
    [BEND] = {"bend", "heights", "smooth warp of the whole digit", 0, 0.05, 0, 0.3, false},
    [TREMOR] = {"tremor", "heights", "unsteadiness of the hand", 0, 0.008, 0, 0.1, true},
    [ROUGHNESS] = {"roughness", "pixels", "uneven edges of the stroke", 0, 0.3, 0, 2, true},
    [SOFTNESS] = {"softness", "pixels", "wider ramp from ink to paper", 0, 0.5, 0, 4, true},
    [POSITION] = {"position", "pixels", "how far off the middle, either way", 0, 1, 0, 14, false},
};

/* ---- The digit's own coordinates ---- */

/* Three long waves through the plane; each point of the line moves with them. */
static void bend(const GeneratedImage *image, LinePoint *line, int count) {
    enum { WAVES = 3 };
    Draws draws = draws_of_image(image, STAGE_BEND);
    for (int w = 0; w < WAVES; w++) {
        double fx = draw_between(&draws, -0.9, 0.9), fy = draw_between(&draws, -0.9, 0.9), phase = draw_uniform(&draws);
        double turn = draw_uniform(&draws), size = image->factor[BEND] * draw_uniform(&draws);
        double dx = size * portable_cos(turn), dy = size * portable_sin(turn);
        for (int i = 0; i < count; i++) {
            double wave = portable_sin(fx * line[i].x + fy * line[i].y + phase);
            line[i].x += dx * wave;
            line[i].y += dy * wave;
        }
    }
}

/* The middle goes up or down, and the digit is wider above or below. Three quarters of it are the writer's. */
static void reproportion(const GeneratedImage *image, LinePoint *line, int count) {
    Draws kept = draws_of_writer(image, STAGE_PROPORTIONS), own = draws_of_image(image, STAGE_PROPORTIONS);
    double amount = image->factor[PROPORTIONS], drawn[2];
    for (int k = 0; k < 2; k++) drawn[k] = 1.5 * draw_uniform(&kept) - 0.75 + 0.5 * draw_uniform(&own) - 0.25;
    for (int i = 0; i < count; i++) {
        double y = line[i].y;
        line[i].x *= 1 + amount * drawn[0] * (2 * y - 1);
        line[i].y += amount * drawn[1] * portable_sin(y / 2) / 3.14159265;
    }
}

static void tremble(const GeneratedImage *image, LinePoint *line, int count) {
    Draws draws = draws_of_image(image, STAGE_TREMOR);
    for (int i = 0; i < count; i++) {
        line[i].x += image->factor[TREMOR] * draw_normal(&draws);
        line[i].y += image->factor[TREMOR] * draw_normal(&draws);
    }
}

static void slant_and_turn(const GeneratedImage *image, LinePoint *line, int count) {
    double lean = portable_sin(image->factor[SLANT] / 360) / portable_cos(image->factor[SLANT] / 360);
    double wide = portable_exp2(image->factor[ASPECT]);
    double c = portable_cos(image->factor[ROTATION] / 360), s = portable_sin(image->factor[ROTATION] / 360);
    for (int i = 0; i < count; i++) {
        double x = wide * line[i].x - lean * line[i].y, y = line[i].y;
        line[i].x = c * x - s * y;
        line[i].y = s * x + c * y;
    }
}

/* ---- On paper ---- */

static void press(const GeneratedImage *image, const LinePoint *line, int count, float radius, PenPoint *way) {
    Draws draws = draws_of_image(image, STAGE_PRESSURE);
    Draws edges = draws_of_image(image, STAGE_EDGES);
    const float rough = (float)image->factor[ROUGHNESS];
    double slow = draw_between(&draws, 0.2, 0.6), fast = draw_between(&draws, 0.6, 1.5);
    double first = draw_uniform(&draws), second = draw_uniform(&draws), share = image->factor[PRESSURE];
    for (int i = 0; i < count; i++) {
        double wave = portable_sin(slow * line[i].along + first) + 0.5 * portable_sin(fast * line[i].along + second);
        way[i].radius = radius * (float)(1 + share * wave / 1.5) + rough * (float)draw_normal(&edges);
        if (way[i].radius < 0.2f) way[i].radius = 0.2f;
    }
}

/* Scales the line so that its ink fills the box, and puts the box in the middle. */
static void fit_into_box(const LinePoint *line, int count, float radius, PenPoint *way) {
    const double edge = 0.7; /* by which a pixel that is touched at all goes beyond the ink, in the mean */
    double left = line[0].x, right = left, top = line[0].y, bottom = top;
    for (int i = 1; i < count; i++) {
        left = fmin(left, line[i].x), right = fmax(right, line[i].x);
        top = fmin(top, line[i].y), bottom = fmax(bottom, line[i].y);
    }
    double size = fmax(right - left, bottom - top), scale = (BOX - edge - 2 * (double)radius) / fmax(size, 1e-3);
    for (int i = 0; i < count; i++) {
        way[i].x = (float)(SIDE / 2 + scale * (line[i].x - (left + right) / 2));
        way[i].y = (float)(SIDE / 2 + scale * (line[i].y - (top + bottom) / 2));
    }
}

static void ink_strokes(const Pen *pen, const LinePoint *line, const PenPoint *way, int count, float *ink) {
    for (int first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && !line[end].begins;) end++;
        pen_stroke(pen, way + first, end - first, ink, SIDE, SIDE);
    }
}

/* Moves the image by whole pixels so that its centre of mass is nearest to the middle of pixel (14, 14), where it is in MNIST's
 * files, or as far off as `position` says; what leaves the image is lost. */
static void centre_by_mass(const GeneratedImage *image, float *ink) {
    Draws draws = draws_of_image(image, STAGE_POSITION);
    double off = image->factor[POSITION], middle = SIDE / 2 + 0.5;
    double to_x = middle + draw_between(&draws, -off, off), to_y = middle + draw_between(&draws, -off, off);
    double mass = 0, mx = 0, my = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double m = (double)ink[y * SIDE + x];
            mass += m, mx += m * (x + 0.5), my += m * (y + 0.5);
        }
    int dx = (int)floor(to_x - mx / mass + 0.5), dy = (int)floor(to_y - my / mass + 0.5);
    float moved[SIDE * SIDE] = {0};
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            if (y - dy >= 0 && y - dy < SIDE && x - dx >= 0 && x - dx < SIDE)
                moved[y * SIDE + x] = ink[(y - dy) * SIDE + x - dx];
    memcpy(ink, moved, sizeof moved);
}

static void draw(const GeneratedImage *image, unsigned char *pixels) {
    const double *f = image->factor;
    LinePoint line[HAND_LINE];
    PenPoint way[HAND_LINE];
    float ink[SIDE * SIDE] = {0};
    const LineStyle style = {f[FORMS], f[SHAPE], f[REACH], f[JOINS]};
    Draws nib = draws_of_writer(image, STAGE_PRESSURE);
    double turn = draw_uniform(&nib);
    const Pen pen = {(float)f[NIB], (float)portable_cos(turn), (float)portable_sin(turn), 1 + (float)f[SOFTNESS]};
    float radius = 1.3f * (float)portable_exp2(f[WIDTH]);
    int count = hand_line(image, &style, line);
    reproportion(image, line, count);
    bend(image, line, count);
    tremble(image, line, count);
    slant_and_turn(image, line, count);
    fit_into_box(line, count, radius, way);
    press(image, line, count, radius, way);
    ink_strokes(&pen, line, way, count, ink);
    centre_by_mass(image, ink);
    for (int i = 0; i < SIDE * SIDE; i++) pixels[i] = (unsigned char)(255 * ink[i] + 0.5f);
}

const Generator generator_hand = {
    .name = "hand",
    .about = "28 x 28 grey, generated handwriting",
    .version = 1,
    .channels = 1,
    .height = SIDE,
    .width = SIDE,
    .train = 60000,
    .test = 10000,
    .factors = factors,
    .factor_count = FACTORS,
    .draw = draw,
};
