/* A house number before a camera sees it: type style, place, colours, shadow and ink.
 *
 * The scene is flat and seen through one projective map, in coordinates whose unit is the digit's height and whose
 * origin is its middle. Everything is in display values, 0 black to 1 white.
 */
#pragma once

#include "data/generate/street_factors.h"
#include "data/generate/street_type.h"

/* Type style of the image's number. */
void street_style(const GeneratedImage *image, TypeStyle *style);
/* From the number's coordinates to pixels. */
void street_map(const GeneratedImage *image, double map[3][3]);
/* The digit and its neighbours; what is covered, in shares of 1 / 255, so that exchanging ink and ground is exact. */
void street_number(const GeneratedImage *image, const TypeStyle *style, const double map[3][3], StreetMask mask);
StreetColours street_colours(const GeneratedImage *image);
/* The dark copy of the number beside it. */
void street_shadow(const GeneratedImage *image, const StreetMask mask, float picture[STREET_PIXELS][3]);
/* The number itself, with its rim. */
void street_ink(const GeneratedImage *image, const StreetColours *colours, const TypeStyle *style,
                const double map[3][3], const StreetMask mask, float picture[STREET_PIXELS][3]);
