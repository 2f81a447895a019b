/* The factors and the stages of the street generator, shared by its files.
 *
 * A stage is a stream of random numbers of its own. Within a stage everything is drawn in a fixed order and number
 * whatever the factors are, so that no factor shifts what another one gets.
 */
#pragma once

#include "data/generate/generator.h"

enum { STREET_SIDE = 32, STREET_PIXELS = STREET_SIDE * STREET_SIDE };

/* In the order of the table in street.c. */
typedef enum StreetFactor {
    STREET_WEIGHT,
    STREET_WIDTH,
    STREET_STRESS,
    STREET_SERIF,
    STREET_SLANT,
    STREET_ROUNDNESS,
    STREET_SQUARE,
    STREET_FORMS,
    STREET_WAVER,
    STREET_RELIEF,
    STREET_RIM,
    STREET_SCALE,
    STREET_POSITION,
    STREET_ROTATION,
    STREET_PERSPECTIVE,
    STREET_NEIGHBOURS,
    STREET_CONTRAST,
    STREET_POLARITY,
    STREET_COLOUR,
    STREET_BACKGROUND,
    STREET_TEXTURE,
    STREET_GRADIENT,
    STREET_SHADOW,
    STREET_LIGHTING,
    STREET_HAZE,
    STREET_BLUR,
    STREET_MOTION,
    STREET_ENLARGING,
    STREET_SHARPENING,
    STREET_NOISE,
    STREET_JPEG,
    STREET_FACTORS
} StreetFactor;

/* Uniform in [-1, 1). */
static inline double draw_either_way(Draws *draws) {
    return draw_between(draws, -1, 1);
}

/* The values are part of every image: add, never renumber. */
typedef enum StreetStage {
    STAGE_FORMS = 1,
    STAGE_SERIF,
    STAGE_WAVER,
    STAGE_RIM,
    STAGE_PLACE,
    STAGE_PERSPECTIVE,
    STAGE_NEIGHBOURS,
    STAGE_LEVELS,
    STAGE_COLOUR,
    STAGE_BACKGROUND,
    STAGE_TEXTURE,
    STAGE_GRADIENT,
    STAGE_SHADOW,
    STAGE_LIGHTING,
    STAGE_HAZE,
    STAGE_MOTION,
    STAGE_NOISE,
    STAGE_JPEG,
    STAGE_RELIEF,
    STAGE_INK_GRADIENT,
    STAGE_INK_TEXTURE
} StreetStage;

typedef float StreetMask[STREET_PIXELS];

typedef struct StreetColours {
    double ground_level, ink_level;
    double ground[3], ink[3];
} StreetColours;
