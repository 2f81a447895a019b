/* The factors and stages of the hand generator, shared by its files. */
#pragma once

#include "data/generate/generator.h"

enum { HAND_SIDE = 28, HAND_BOX = 20, HAND_PIXELS = HAND_SIDE * HAND_SIDE };

/* A row is a factor: name, unit, what it is; its default range; what may be asked for; whether a writer keeps it. */
/* clang-format off */
#define HAND_FACTOR_LIST(factor) \
    factor(FORMS, "forms", "chance", "that a digit may have any of its forms, not the plainest", 1, 1, 0, 1, false) \
    factor(SHAPE, "shape", "heights", "departure of the points that make a form", 0.01, 0.03, 0, 0.2, true) \
    factor(REACH, "reach", "heights", "by which a stroke may be too long or too short at either end", 0, 0.08, 0, 0.3, false) \
    factor(JOINS, "joins", "share", "rounding of corners", 0, 1, 0, 1, true) \
    factor(PROPORTIONS, "proportions", "share", "larger upper or lower part, wider above or below", 0, 0.3, 0, 0.8, false) \
    factor(BEND, "bend", "heights", "smooth warp of the whole digit", 0, 0.05, 0, 0.3, false) \
    factor(TREMOR, "tremor", "heights", "unsteadiness of the hand", 0, 0.008, 0, 0.1, true) \
    factor(WIDTH, "width", "octaves", "width of digits: 1 is twice as wide", -0.4, 0.4, -2, 2, true) \
    factor(SLANT, "slant", "degrees", "lean to the right", -15, 32, -60, 60, true) \
    factor(ROTATION, "rotation", "degrees", "clockwise", -8, 8, -180, 180, false) \
    factor(WEIGHT, "weight", "octaves", "width of strokes: 1 is twice 2.6 pixels", -0.6, 0.95, -1.5, 1.5, true) \
    factor(PRESSURE, "pressure", "share", "change of the stroke's width along its way", 0, 0.3, 0, 0.9, true) \
    factor(NIB, "nib", "share", "by which the pen draws narrower one way than the other", 0, 0.35, 0, 0.8, true) \
    factor(ROUGHNESS, "roughness", "pixels", "unevenness of the stroke's edges", 0, 0.3, 0, 2, true) \
    factor(SOFTNESS, "softness", "pixels", "by which the ramp from ink to paper is wider", 0, 0.5, 0, 4, true) \
    factor(POSITION, "position", "pixels", "off the middle, either way", 0, 1, 0, 14, false) \
    factor(SCALE, "scale", "octaves", "size of digits: 1 is twice as high", 0, 0, -2, 1, false) \
    factor(CONTRAST, "contrast", "share", "of the contrast between ink and paper that is lost", 0, 0, 0, 1, false) \
    factor(POLARITY, "polarity", "chance", "of dark ink on light paper", 0, 0, 0, 1, false) \
    factor(BACKGROUND, "background", "levels", "of the paper's cloudiness, 1 is black to white", 0, 0, 0, 1, false) \
    factor(LIGHTING, "lighting", "stops", "by which the light differs over the paper", 0, 0, 0, 4, false) \
    factor(BLUR, "blur", "pixels", "standard deviation of the lens's blur", 0, 0, 0, 4, false) \
    factor(NOISE, "noise", "levels", "standard deviation of the sensor's noise, 1 is black to white", 0, 0, 0, 1, false) \
    factor(JPEG, "jpeg", "steps", "quantisation over that of JPEG quality 50", 0, 0, 0, 8, false)
#define FACTOR_NUMBER(id, ...) HAND_##id,
typedef enum HandFactor { HAND_FACTOR_LIST(FACTOR_NUMBER) HAND_FACTORS } HandFactor;
#undef FACTOR_NUMBER
/* clang-format on */

/* The values are part of every image: add, never renumber. */
typedef enum HandStage {
    HAND_STAGE_FORM = 1,
    HAND_STAGE_MIX,
    HAND_STAGE_POINTS,
    HAND_STAGE_SPLINE,
    HAND_STAGE_REACH,
    HAND_STAGE_PROPORTIONS,
    HAND_STAGE_BEND,
    HAND_STAGE_TREMOR,
    HAND_STAGE_PRESSURE,
    HAND_STAGE_NIB,
    HAND_STAGE_ROUGHNESS,
    HAND_STAGE_POSITION,
    HAND_STAGE_POLARITY,
    HAND_STAGE_BACKGROUND,
    HAND_STAGE_LIGHTING,
    HAND_STAGE_NOISE,
    HAND_STAGE_JPEG
} HandStage;

/* ---- hand_forms.c: how people write the ten digits, forms as strokes of the pen ---- */

enum { HAND_POINTS = 20, HAND_TAKES = 3 };

/* A take is a text: points "x,y" in hundredths of the digit's height, y downwards, in the order of the pen. "s" before a point:
 * a stroke begins there; "c": a corner; else the line passes smoothly. All takes of a form have the same letters. */
typedef struct HandForm {
    int digit;
    double share;                  /* of the digit's writers who use it, relative to the other forms */
    const char *takes[HAND_TAKES]; /* ways of the same form, between which a writer's lies; NULL behind the last */
} HandForm;

/* All forms, ordered by digit; the first of a digit is its plainest. */
extern const HandForm hand_forms[];
extern const int hand_form_count;

typedef struct HandPoint {
    double x, y; /* heights */
    char join;   /* 's', 'c' or '.' */
} HandPoint;

/* Reads a take into `points` (room for HAND_POINTS) and returns how many, or 0 if the text is wrong. */
int hand_take_read(const char *take, HandPoint *points);

/* ---- hand_line.c ---- */

typedef struct LinePoint {
    double x, y;  /* heights of the form, y downwards */
    double along; /* length of the pen's way over the paper up to here */
    bool begins;  /* a stroke begins */
} LinePoint;

/* Points of a line from one point of its form to the next, and at most. */
enum { HAND_SAMPLES = 8, HAND_LINE = HAND_POINTS * HAND_SAMPLES };

/* The digit as the writer has it in mind, before it is put on paper. Fills `line` (room for HAND_LINE points)
 * and returns how many. */
int hand_line(const GeneratedImage *image, LinePoint *line);
/* What the hand makes of it: proportions, warp, tremor, width, slant, turn. */
void hand_bend(const GeneratedImage *image, LinePoint *line, int count);

/* ---- hand_paper.c ---- */

typedef struct PenPoint {
    float x, y;   /* pixels; pixel (column, row) covers [column, column + 1) x [row, row + 1) */
    float radius; /* of the nib there, pixels */
} PenPoint;

typedef struct Pen {
    float squeeze;  /* how much narrower the nib is one way than the other: 0 round, 0.5 half as wide */
    float cos, sin; /* the direction in which it is narrower */
    float edge;     /* width of the ramp from ink to paper, pixels; 1 is what area sampling gives */
} Pen;

/* Lays the ink of a stroke on `ink` [height][width], 0 paper to 1 full; where strokes meet the stronger one stays. The
 * stroke is the union of its segments, each a capsule whose radius runs from one end's to the other's; a pixel's ink falls
 * linearly over `edge` around the outline's distance from its centre. One point makes a dot. */
void pen_stroke(const Pen *pen, const PenPoint *points, int count, float *ink, int width, int height);
/* Ink on paper, in MNIST's box. `ink` [HAND_SIDE][HAND_SIDE], 0 none to 1 full. */
void hand_paper(const GeneratedImage *image, const LinePoint *line, int count, float *ink);
