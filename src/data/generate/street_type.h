/* Digits as type: skeletons, and a pen that turns them into outlines, in the manner of Knuth's Metafont ("The
 * METAFONTbook", 1986): one set of skeletons gives many type styles through a few parameters.
 *
 * A digit stands in a box of height 1 around its middle, y downward: top -0.5, foot 0.5. Skeletons are lines and
 * quarter turns; the pen is an ellipse of sorts, thinner for strokes along x where there is stress. Numbers below are
 * shares of the digit's height unless said otherwise. Not modelled: brackets and hairlines of real serifs, stencils,
 * segments, script.
 */
#pragma once

#include "data/generate/generator.h"
#include "data/generate/outline.h"

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
