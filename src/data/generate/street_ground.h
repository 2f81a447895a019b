/* What house numbers stand on: plaster, brick, wood and metal, plates and their edges, and how light lies on it.
 *
 * Not modelled: pictures of real walls, plants and doors; here the unexpected is bars, plates and noise on a lattice.
 */
#pragma once

#include "data/generate/street_factors.h"

/* Fills [pixels][3] with the ground: colour, things behind the number, gradient, texture. */
void street_ground(const GeneratedImage *image, const StreetColours *colours, const double map[3][3],
                   float picture[STREET_PIXELS][3]);
/* Brightness that changes along some direction, all over (mask NULL) or where the mask is. */
void street_add_gradient(const GeneratedImage *image, StreetStage stage, const float *mask,
                         float picture[STREET_PIXELS][3]);
/* Roughness, likewise. */
void street_add_texture(const GeneratedImage *image, StreetStage stage, const float *mask,
                        float picture[STREET_PIXELS][3]);
