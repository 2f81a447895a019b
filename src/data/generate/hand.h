/* The factors and stages of the hand generator, shared by its files. */
#pragma once

#include "data/generate/generator.h"

enum { HAND_SIDE = 28, HAND_BOX = 20, HAND_PIXELS = HAND_SIDE * HAND_SIDE };

/* In the order of the table in hand.c. */
typedef enum HandFactor {
    HAND_FORMS,
    HAND_SHAPE,
    HAND_REACH,
    HAND_JOINS,
    HAND_PROPORTIONS,
    HAND_BEND,
    HAND_TREMOR,
    HAND_WIDTH,
    HAND_SLANT,
    HAND_ROTATION,
    HAND_WEIGHT,
    HAND_PRESSURE,
    HAND_NIB,
    HAND_ROUGHNESS,
    HAND_SOFTNESS,
    HAND_POSITION,
    HAND_SCALE,
    HAND_CONTRAST,
    HAND_POLARITY,
    HAND_BACKGROUND,
    HAND_LIGHTING,
    HAND_BLUR,
    HAND_NOISE,
    HAND_JPEG,
    HAND_FACTORS
} HandFactor;

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

typedef struct LinePoint {
    double x, y;  /* heights of the form, y downwards */
    double along; /* length of the pen's way over the paper up to here */
    bool begins;  /* a stroke begins */
} LinePoint;

/* Points of a line from one point of its form to the next, and at most. */
enum { HAND_SAMPLES = 8, HAND_LINE = 20 * HAND_SAMPLES };

/* hand_line.c: the digit as the writer has it in mind, before it is put on paper. Fills `line` (room for HAND_LINE points)
 * and returns how many. */
int hand_line(const GeneratedImage *image, LinePoint *line);
/* hand_bend.c: what the hand makes of it: proportions, warp, tremor, width, slant, turn. */
void hand_bend(const GeneratedImage *image, LinePoint *line, int count);
/* hand_paper.c: ink on paper, in MNIST's box. `ink` [HAND_SIDE][HAND_SIDE], 0 none to 1 full. */
void hand_paper(const GeneratedImage *image, const LinePoint *line, int count, float *ink);
