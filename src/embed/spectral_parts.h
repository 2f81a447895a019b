/* First coordinates for a graph in several parts, after umap-learn's multi_component_layout. */
#ifndef EMBED_SPECTRAL_PARTS_H
#define EMBED_SPECTRAL_PARTS_H

#include "embed/spectral.h"

/* The coordinates of a connected graph with more than components + 1 vertices. */
cf_status spectral_connected(const SpectralJob *job, float *coordinates, char *why);

/* part[n] in 0 .. parts - 1, 2 <= parts <= SPECTRAL_MOST_PARTS. Up to twice as many parts as components lie on the axes, at 1
 * and -1; more are placed by the eigenvectors of the closeness of their mean points. Each part is then drawn around its place,
 * half as large as the way to the nearest other. */
cf_status spectral_place_parts(const SpectralJob *job, const uint32_t *part, size_t parts, float *coordinates,
                               char *why);

#endif
