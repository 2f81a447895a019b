#include "embed/spectral_parts.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "data/generate/portable.h"
#include "embed/symmetric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Where the parts go ---- */

static cf_status mean_points(const SpectralJob *job, const uint32_t *part, size_t parts, double *mean, size_t *size) {
    const size_t dim = (size_t)job->points->dim;
    for (size_t i = 0; i < job->graph->n; i++) {
        const float *x = points_row(job->points, i);
        for (size_t d = 0; d < dim; d++) mean[part[i] * dim + d] += (double)x[d];
        size[part[i]]++;
    }
    for (size_t p = 0; p < parts; p++)
        for (size_t d = 0; d < dim; d++) mean[p * dim + d] /= (double)size[p];
    return CF_OK;
}

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* close[parts][parts] = exp(-d^2 / median d^2): umap-learn takes exp(-d^2), which is 0 for all but small distances. */
static cf_status closeness(const double *mean, size_t parts, size_t dim, double *close) {
    size_t pairs = parts * (parts - 1) / 2, count = 0;
    double *sorted, unit;
    FORWARD(memory_new(pairs, sizeof *sorted, &sorted));
    for (size_t p = 0; p < parts; p++)
        for (size_t q = 0; q < p; q++) {
            double square = 0;
            for (size_t d = 0; d < dim; d++) {
                double off = mean[p * dim + d] - mean[q * dim + d];
                square += off * off;
            }
            close[p * parts + q] = sorted[count++] = square;
        }
    qsort(sorted, pairs, sizeof *sorted, by_value);
    unit = sorted[pairs / 2];
    for (size_t p = 0; p < parts; p++) {
        close[p * parts + p] = 1;
        for (size_t q = 0; q < p; q++) {
            double x = unit > 0 ? close[p * parts + q] / unit * 1.4426950408889634 : 0;
            close[p * parts + q] = close[q * parts + p] = portable_exp2(x < 900 ? -x : -900);
        }
    }
    free(sorted);
    return CF_OK;
}

/* Eigenvectors of the normalised Laplacian of the closeness, divided by the roots of the degrees; the largest value is 1. */
static cf_status place_by_vectors(double *close, size_t parts, size_t components, double *place) {
    double *degree, *values, *vectors, largest = 0;
    FORWARD(memory_new(parts * (parts + 2), sizeof *degree, &degree));
    values = degree + parts;
    vectors = values + parts;
    for (size_t p = 0; p < parts; p++)
        for (size_t q = 0; q < parts; q++) degree[p] += close[p * parts + q];
    for (size_t p = 0; p < parts; p++)
        for (size_t q = 0; q < parts; q++) close[p * parts + q] /= sqrt(degree[p] * degree[q]);
    symmetric_eigen(close, (int)parts, values, vectors);
    for (size_t p = 0; p < parts; p++)
        for (size_t c = 0; c < components; c++) {
            place[p * components + c] = vectors[(c + 1) * parts + p] / sqrt(degree[p]);
            largest = fmax(largest, fabs(place[p * components + c]));
        }
    for (size_t e = 0; e < parts * components; e++) place[e] /= largest;
    free(degree);
    return CF_OK;
}

static cf_status place_parts(const double *mean, size_t parts, size_t dim, size_t components, double *place) {
    double *close;
    cf_status status;
    if (parts <= 2 * components) { /* at 1 on the first axes, then at -1 */
        const size_t half = (parts + 1) / 2;
        for (size_t p = 0; p < parts; p++) place[p * components + p % half] = p < half ? 1 : -1;
        return CF_OK;
    }
    FORWARD(memory_new(parts * parts, sizeof *close, &close));
    FORWARD_TO(done, closeness(mean, parts, dim, close));
    FORWARD_TO(done, place_by_vectors(close, parts, components, place));
done:
    free(close);
    return status;
}

/* Half the way to the nearest other place that is not the same. */
static double room_around(const double *place, size_t parts, size_t components, size_t p) {
    double nearest = INFINITY;
    for (size_t q = 0; q < parts; q++) {
        double square = 0;
        for (size_t c = 0; c < components; c++) {
            double off = place[p * components + c] - place[q * components + c];
            square += off * off;
        }
        if (square > 0) nearest = fmin(nearest, square);
    }
    return nearest < INFINITY ? sqrt(nearest) / 2 : 1;
}

/* ---- Each part ---- */

typedef struct Part {
    FuzzyGraph graph;
    uint32_t *vertex; /* [graph.n] of the whole graph */
    float *coordinates;
} Part;

static void part_free(Part *part) {
    fuzzy_graph_free(&part->graph);
    free(part->vertex);
    free(part->coordinates);
}

/* `number` [n] is each vertex's place within its part. */
static cf_status take_part(const SpectralJob *job, const uint32_t *part, uint32_t wanted, size_t size,
                           const uint32_t *number, Part *taken) {
    const FuzzyGraph *graph = job->graph;
    size_t entries = 0, vertex = 0, entry = 0;
    for (size_t i = 0; i < graph->n; i++)
        if (part[i] == wanted) entries += graph->start[i + 1] - graph->start[i];
    taken->graph.n = size;
    FORWARD(memory_new(size, sizeof(uint32_t), &taken->vertex));
    FORWARD(memory_new(size * (size_t)job->components, sizeof(float), &taken->coordinates));
    FORWARD(memory_new(size + 1, sizeof(size_t), &taken->graph.start));
    FORWARD(memory_new(entries, sizeof(uint32_t), &taken->graph.column));
    FORWARD(memory_new(entries, sizeof(float), &taken->graph.weight));
    for (size_t i = 0; i < graph->n; i++) {
        if (part[i] != wanted) continue;
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++, entry++) {
            taken->graph.column[entry] = number[graph->column[e]];
            taken->graph.weight[entry] = graph->weight[e];
        }
        taken->vertex[vertex++] = (uint32_t)i;
        taken->graph.start[vertex] = entry;
    }
    return CF_OK;
}

/* Coordinates within -room .. room: eigenvectors, or for a few points chance. */
static cf_status draw_part(const SpectralJob *job, uint32_t which, double room, Part *part, char *why) {
    const size_t components = (size_t)job->components, count = part->graph.n * components;
    if (part->graph.n < 2 * components || part->graph.n <= components + 1) {
        RngStream stream = rng_stream(job->seed, RNG_EMBED_INIT, 2, which);
        for (size_t e = 0; e < count; e++)
            part->coordinates[e] = (float)(room * (2 * (double)rng_uniform(&stream, e) - 1));
        return CF_OK;
    }
    SpectralJob own = *job;
    own.graph = &part->graph;
    FORWARD(spectral_connected(&own, part->coordinates, why));
    const double largest = largest_magnitude(part->coordinates, count);
    for (size_t e = 0; e < count; e++) part->coordinates[e] = (float)((double)part->coordinates[e] * room / largest);
    return CF_OK;
}

static cf_status draw_parts(const SpectralJob *job, const uint32_t *part, size_t parts, const size_t *size,
                            const uint32_t *number, const double *place, float *coordinates, char *why) {
    const size_t components = (size_t)job->components;
    cf_status status = CF_OK;
    for (uint32_t p = 0; p < parts && !status && !why[0]; p++) {
        Part own = {0};
        FORWARD_TO(next, take_part(job, part, p, size[p], number, &own));
        FORWARD_TO(next, draw_part(job, p, room_around(place, parts, components, p), &own, why));
        for (size_t v = 0; v < own.graph.n; v++)
            for (size_t c = 0; c < components; c++)
                coordinates[own.vertex[v] * components + c] =
                    own.coordinates[v * components + c] + (float)place[p * components + c];
    next:
        part_free(&own);
    }
    return status;
}

cf_status spectral_place_parts(const SpectralJob *job, const uint32_t *part, size_t parts, float *coordinates,
                               char *why) {
    const size_t n = job->graph->n, dim = (size_t)job->points->dim, components = (size_t)job->components;
    double *mean = NULL, *place = NULL;
    size_t *size = NULL, *seen = NULL;
    uint32_t *number = NULL;
    cf_status status;
    FORWARD_TO(done, memory_new(parts * dim, sizeof *mean, &mean));
    FORWARD_TO(done, memory_new(parts * components, sizeof *place, &place));
    FORWARD_TO(done, memory_new(parts, sizeof *size, &size));
    FORWARD_TO(done, memory_new(parts, sizeof *seen, &seen));
    FORWARD_TO(done, memory_new(n, sizeof *number, &number));
    for (size_t i = 0; i < n; i++) number[i] = (uint32_t)seen[part[i]]++;
    FORWARD_TO(done, mean_points(job, part, parts, mean, size));
    FORWARD_TO(done, place_parts(mean, parts, dim, components, place));
    FORWARD_TO(done, draw_parts(job, part, parts, size, number, place, coordinates, why));
done:
    free(mean);
    free(place);
    free(size);
    free(seen);
    free(number);
    return status;
}
