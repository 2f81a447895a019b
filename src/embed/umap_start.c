#include "embed/umap_start.h"

#include "base/numbers.h"
#include "base/rng.h"
#include "base/slices.h"
#include "embed/pca.h"
#include "embed/spectral.h"

#include <stdio.h>

static const double extent = 10, noise = 1e-4; /* umap-learn's */
static const double eigen_tolerance = 1e-4;

static void draw_uniform(const UmapStart *start, float *coordinates) {
    RngStream stream = rng_stream(start->options->seed, RNG_EMBED_INIT, 3, 0);
    size_t values = start->graph->n * (size_t)start->options->components;
    for (size_t v = 0; v < values; v++) coordinates[v] = (float)(extent * (2 * (double)rng_uniform(&stream, v) - 1));
}

/* The largest coordinate becomes 10; then each a little off, so that no two points begin at one place. */
static void scale_and_part(const UmapStart *start, float *coordinates) {
    RngStream stream = rng_stream(start->options->seed, RNG_EMBED_INIT, 4, 0);
    size_t values = start->graph->n * (size_t)start->options->components;
    const double largest = largest_magnitude(coordinates, values);
    double factor = largest > 0 ? extent / largest : 0;
    for (size_t v = 0; v < values; v++)
        coordinates[v] = (float)(factor * (double)coordinates[v] + noise * rng_normal(&stream, v));
}

/* Each coordinate from 0 to 10; one that is noise alone is left so. */
static void fill_extent(const UmapStart *start, float *coordinates) {
    const size_t n = start->graph->n, components = (size_t)start->options->components;
    for (size_t c = 0; c < components; c++) {
        float low = coordinates[c], high = low;
        for (size_t i = 0; i < n; i++) {
            float y = coordinates[i * components + c];
            low = y < low ? y : low;
            high = y > high ? y : high;
        }
        double range = (double)high - (double)low, factor = range > 20 * noise ? extent / range : 1;
        for (size_t i = 0; i < n; i++) {
            float *y = &coordinates[i * components + c];
            *y = (float)(factor * ((double)*y - (double)low));
        }
    }
}

cf_status umap_start(const UmapStart *start, float *coordinates, char used[UMAP_INIT_TEXT]) {
    const UmapOptions *options = start->options;
    char why[100] = "";
    snprintf(used, UMAP_INIT_TEXT, "%s", umap_init_name(options->init));
    if (options->init == UMAP_RANDOM) {
        draw_uniform(start, coordinates);
        fill_extent(start, coordinates);
        return CF_OK;
    }
    if (options->init == UMAP_SPECTRAL) {
        SpectralJob job = {start->graph,  start->points,    options->components, eigen_tolerance,
                           options->seed, options->threads, start->go_on,        start->context};
        FORWARD(spectral_layout(&job, coordinates, why));
    }
    if (why[0]) snprintf(used, UMAP_INIT_TEXT, "pca (%s)", why);
    if (why[0] || options->init == UMAP_PCA)
        FORWARD(pca_fit(start->points, options->components, options->threads, coordinates, NULL));
    scale_and_part(start, coordinates);
    fill_extent(start, coordinates);
    return CF_OK;
}
