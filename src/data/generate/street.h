/* The factors, the stages and the scene of the street generator, shared by its files.
 *
 * A stage is a stream of random numbers of its own. Within a stage everything is drawn in a fixed order and number whatever the factors
 * are, so that no factor shifts what another one gets.
 */
#pragma once

#include "data/generate/generator.h"
#include "data/generate/outline.h"

enum { STREET_SIDE = 32, STREET_PIXELS = STREET_SIDE * STREET_SIDE };

/* A row is a factor: name, unit, what it is; its default range; what may be asked for; whether a writer keeps it. */
/* clang-format off */
#define STREET_FACTOR_LIST(factor) \
    factor(WEIGHT, "weight", "octaves", "width of strokes: 1 is twice as wide", -0.8, 0.8, -1.5, 1, false) \
    factor(WIDTH, "width", "octaves", "width of digits: 1 is twice as wide", -0.5, 0.4, -1, 1, false) \
    factor(STRESS, "stress", "share", "by which level strokes are thinner than upright ones", -0.15, 0.6, -0.5, 0.8, false) \
    factor(SERIF, "serif", "chance", "of serifs and ball ends", 0.3, 0.3, 0, 1, false) \
    factor(SLANT, "slant", "degrees", "lean of the stems to the right", -8, 16, -30, 30, false) \
    factor(ROUNDNESS, "roundness", "share", "of ends and corners: 0 square, 1 round", 0, 1, 0, 1, false) \
    factor(SQUARE, "square", "share", "of bowls: 0 elliptic, 1 nearly rectangular", 0, 0.7, 0, 1, false) \
    factor(FORMS, "forms", "chance", "of a less plain form: open 4, flat 3, straight 6, curved 7 ..", 0.6, 0.6, 0, 1, false) \
    factor(WAVER, "waver", "share", "of half the digit's size by which its shape is irregular", 0, 0.2, 0, 0.6, false) \
    factor(RELIEF, "relief", "levels", "of light and dark sides of raised digits, 1 is black to white", 0, 0.3, 0, 1, false) \
    factor(RIM, "rim", "chance", "of a line of another colour around the digits", 0.15, 0.15, 0, 1, false) \
    factor(SCALE, "scale", "octaves", "size of digits: 1 is twice as high", -0.45, 0.3, -2, 1, false) \
    factor(POSITION, "position", "share", "of the picture's side by which a digit may be off-centre", 0, 0.12, 0, 0.5, false) \
    factor(ROTATION, "rotation", "degrees", "clockwise", -10, 10, -180, 180, false) \
    factor(PERSPECTIVE, "perspective", "share", "by which size and the line's height may change over one digit", 0, 0.25, 0, 0.4, false) \
    factor(NEIGHBOURS, "neighbours", "chance", "of a digit on each side, and of one behind it", 0.6, 0.6, 0, 1, false) \
    factor(CONTRAST, "contrast", "share", "of the contrast between digit and ground that is lost", 0.2, 0.9, 0, 1, false) \
    factor(POLARITY, "polarity", "chance", "of dark digits on light ground", 0.5, 0.5, 0, 1, false) \
    factor(COLOUR, "colour", "share", "of the colour that digits, ground and light may have", 0, 1, 0, 1, false) \
    factor(BACKGROUND, "background", "share", "opacity of edges, frames and joints behind", 0, 1, 0, 1, false) \
    factor(TEXTURE, "texture", "levels", "of the ground's roughness, 1 is black to white", 0, 0.1, 0, 1, false) \
    factor(GRADIENT, "gradient", "levels", "over the ground, 1 is black to white", 0, 0.3, 0, 1, false) \
    factor(SHADOW, "shadow", "share", "of light lost in the digits' shadow on the ground", 0, 0.6, 0, 1, false) \
    factor(LIGHTING, "lighting", "share", "unevenness of light: exposure, fall-off, a shadow's edge", 0, 1, 0, 2, false) \
    factor(HAZE, "haze", "share", "of the picture's contrast that is lost", 0, 0.3, 0, 1, false) \
    factor(BLUR, "blur", "pixels", "standard deviation of the lens's blur", 0, 1.5, 0, 4, false) \
    factor(MOTION, "motion", "pixels", "standard deviation of further blur along one axis", 0, 0.8, 0, 4, false) \
    factor(ENLARGING, "enlarging", "octaves", "by which the picture was made larger: 1 is twice", 0, 1.3, 0, 2, false) \
    factor(SHARPENING, "sharpening", "share", "of lost detail put back, with light seams", 0, 0.8, 0, 4, false) \
    factor(NOISE, "noise", "levels", "standard deviation of the sensor's noise, 1 is black to white", 0, 0.03, 0, 1, false) \
    factor(JPEG, "jpeg", "steps", "quantisation over that of JPEG quality 50", 0, 1.3, 0, 8, false)
#define FACTOR_NUMBER(id, ...) STREET_##id,
typedef enum StreetFactor { STREET_FACTOR_LIST(FACTOR_NUMBER) STREET_FACTORS } StreetFactor;
#undef FACTOR_NUMBER
/* clang-format on */

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

/* ---- street_skeleton.c: what a pen follows ---- */

typedef enum NodeKind {
    NODE_STOP,  /* behind the last one */
    NODE_START, /* a stroke begins */
    NODE_LINE,  /* a straight line to here */
    NODE_TURN   /* the corner that the quarter turn from the node before to the node behind rounds off */
} NodeKind;

/* What a serifed type has at a stroke's end. Left and right are those of someone who walks out of the stroke. */
typedef enum StrokeEnd { END_PLAIN, END_SLAB, END_LEFT, END_RIGHT, END_BALL } StrokeEnd;

typedef struct Node {
    NodeKind kind;
    double x, y;
    StrokeEnd end;
} Node;

/* x from -1 (left) to 1, y from 0 (top) to 1. */
typedef struct Skeleton {
    double width; /* of the box, 1 is usual */
    const Node *nodes;
} Skeleton;

enum { MAX_FORMS = 5 };

/* [digit][form]; the first form is the plain one, and those that do not exist have no nodes. */
extern const Skeleton skeletons[10][MAX_FORMS];

/* ---- street_type.c: digits as type ----
 *
 * A digit stands in a box of height 1 around its middle, y downward: top -0.5, foot 0.5. Skeletons are lines and
 * quarter turns; the pen is an ellipse of sorts, thinner for strokes along x where there is stress. Numbers below are
 * shares of the digit's height unless said otherwise. Not modelled: brackets and hairlines of real serifs, stencils,
 * segments, script.
 */

enum { WARPS = 6, JITTERS = 32 };

typedef struct TypeStyle {
    double weight;    /* width of an upright stroke */
    double width;     /* width of the box of a digit of usual width */
    double stress;    /* share by which a level stroke is thinner than an upright one; below 0: thicker */
    double roundness; /* 0 square ends and sharp corners .. 1 round */
    double square;    /* 0 elliptic bowls .. 1 nearly rectangular */
    double serif;     /* 0 none .. 1 large */
    double grow;      /* what is added on all sides, for a rim around the digit */
    double waver;     /* strength of the irregularity that the next two describe */
    double warp[WARPS];
    double jitter[JITTERS][2];
    int form[DIGITS]; /* which form each digit has, from 0, the plain one */
} TypeStyle;

/* How many forms a digit has. */
int digit_forms(int digit);
/* Width of a digit's box. */
double digit_width(const TypeStyle *style, int digit);
/* Draws it with its middle at `middle`, in the coverage's own coordinates. */
void digit_draw(const TypeStyle *style, int digit, Point middle, Coverage *coverage);

/* ---- street_scene.c: a house number before a camera sees it ----
 *
 * The scene is flat and seen through one projective map, in coordinates whose unit is the digit's height and whose origin is its middle.
 * Everything is in display values, 0 black to 1 white.
 */

typedef float StreetMask[STREET_PIXELS];

typedef struct StreetColours {
    double ground_level, ink_level;
    double ground[3], ink[3];
} StreetColours;

typedef struct StreetScene {
    const GeneratedImage *image;
    TypeStyle style;
    double map[3][3]; /* from the number's coordinates to pixels */
    StreetMask
        mask; /* what the digit and its neighbours cover, in shares of 1 / 255, so that exchanging ink and ground is exact */
    StreetColours colours;
    float picture[STREET_PIXELS][3];
} StreetScene;

/* Each fills its part of the scene, from those before it. */
void street_style(StreetScene *scene);
void street_map(StreetScene *scene);
void street_mask(StreetScene *scene);
void street_colours(StreetScene *scene);
/* Into the picture: the dark copy of the number beside it; the number itself, with its rim. */
void street_shadow(StreetScene *scene);
void street_ink(StreetScene *scene);

/* ---- street_ground.c: what house numbers stand on, and how light lies on it ---- */

/* Fills the picture with the ground: colour, things behind the number, gradient, texture. */
void street_ground(StreetScene *scene);
/* Brightness that changes along some direction, all over (mask NULL) or where the mask is. */
void street_add_gradient(StreetScene *scene, StreetStage stage, const float *mask);
/* Roughness, likewise. */
void street_add_texture(StreetScene *scene, StreetStage stage, const float *mask);
