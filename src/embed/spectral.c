#include "embed/spectral.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "data/generate/portable.h"
#include "embed/eigen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DENSE = 100 }; /* up to so many vertices the whole matrix is turned */

/* ---- A connected graph ---- */

/* value [edges]: D^-1/2 W D^-1/2, whose eigenvalues are 1 - lambda; known [n]: its known eigenvector to 1, the square roots of the degrees. */
static void normalise(const FuzzyGraph *graph, float *value, double *known) {
    const size_t n = graph->n;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double degree = 0;
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) degree += (double)graph->weight[e];
        known[i] = sqrt(degree);
        total += degree;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
            value[e] = (float)((double)graph->weight[e] / (known[i] * known[graph->column[e]]));
    for (size_t i = 0; i < n; i++) known[i] /= sqrt(total);
}

/* The eigenvalue 1 of the known vector is moved to -1, out of the way. */
static cf_status dense_vectors(const SpectralJob *job, const float *value, const double *known, double *values,
                               double *vectors) {
    const FuzzyGraph *graph = job->graph;
    const size_t n = graph->n;
    AUTO_FREE double *a = NULL;
    FORWARD(memory_new(2 * n * n + n, sizeof *a, &a));
    double *all = a + n * n, *found = all + n * n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) a[i * n + j] = -2 * known[i] * known[j];
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) a[i * n + graph->column[e]] += (double)value[e];
    }
    symmetric_eigen(a, (int)n, found, all);
    for (int c = 0; c < job->components; c++) {
        values[c] = found[c];
        memcpy(vectors + (size_t)c * n, all + (size_t)c * n, n * sizeof *vectors);
        make_largest_positive(vectors + (size_t)c * n, n);
    }
    return CF_OK;
}

cf_status spectral_vectors(const SpectralJob *job, double *values, double *vectors, double *residual) {
    const FuzzyGraph *graph = job->graph;
    AUTO_FREE float *value = NULL;
    AUTO_FREE double *known = NULL;
    *residual = 0;
    FAIL_IF((size_t)job->components >= graph->n, CF_INTERNAL, "%d eigenvectors of %zu vertices", job->components,
            graph->n);
    FORWARD(memory_new(graph->start[graph->n], sizeof *value, &value));
    FORWARD(memory_new(graph->n, sizeof *known, &known));
    normalise(graph, value, known);
    if (graph->n <= DENSE) {
        FORWARD(dense_vectors(job, value, known, values, vectors));
    } else {
        const SparseMatrix matrix = {graph->n, graph->start, graph->column, value};
        const EigenJob eigen = {&matrix,   known,        job->components, job->tolerance,
                                job->seed, job->threads, job->progress,   job->progress_context};
        FORWARD(eigen_largest(&eigen, values, vectors, residual));
    }
    for (int c = 0; c < job->components; c++) values[c] = 1 - values[c];
    return CF_OK;
}

/* The coordinates of a connected graph with more than components + 1 vertices. */
static cf_status connected_layout(const SpectralJob *job, float *coordinates, char *why) {
    const size_t n = job->graph->n, components = (size_t)job->components;
    AUTO_FREE double *vectors = NULL;
    double values[EIGEN_MOST], residual;
    why[0] = 0;
    FORWARD(memory_new(n * components, sizeof *vectors, &vectors));
    FORWARD(spectral_vectors(job, values, vectors, &residual));
    if (residual > job->tolerance)
        snprintf(why, 100, "the eigenvectors did not converge: residual %.1e, %.1e was wanted", residual,
                 job->tolerance);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < components; c++) coordinates[i * components + c] = (float)vectors[c * n + i];
    return CF_OK;
}

/* ---- A graph in several parts, after umap-learn's multi_component_layout: where the parts go ---- */

static void mean_points(const SpectralJob *job, const uint32_t *part, size_t parts, double *mean, size_t *size) {
    const size_t dim = (size_t)job->points->dim;
    for (size_t i = 0; i < job->graph->n; i++) {
        const float *x = points_row(job->points, i);
        for (size_t d = 0; d < dim; d++) mean[part[i] * dim + d] += (double)x[d];
        size[part[i]]++;
    }
    for (size_t p = 0; p < parts; p++)
        for (size_t d = 0; d < dim; d++) mean[p * dim + d] /= (double)size[p];
}

static double square_between(const double *a, const double *b, size_t dim) {
    double square = 0;
    for (size_t d = 0; d < dim; d++) square += (a[d] - b[d]) * (a[d] - b[d]);
    return square;
}

/* close[parts][parts] = exp(-d^2 / median d^2): umap-learn takes exp(-d^2), which is 0 for all but small distances. */
static cf_status closeness_of_parts(const double *mean, size_t parts, size_t dim, double *close) {
    size_t pairs = parts * (parts - 1) / 2, count = 0;
    AUTO_FREE double *sorted = NULL;
    FORWARD(memory_new(pairs, sizeof *sorted, &sorted));
    for (size_t p = 0; p < parts; p++)
        for (size_t q = 0; q < p; q++)
            close[p * parts + q] = sorted[count++] = square_between(mean + p * dim, mean + q * dim, dim);
    qsort(sorted, pairs, sizeof *sorted, compare_doubles);
    const double unit = sorted[pairs / 2];
    for (size_t p = 0; p < parts; p++) {
        close[p * parts + p] = 1;
        for (size_t q = 0; q < p; q++) {
            double x = unit > 0 ? close[p * parts + q] / unit * 1.4426950408889634 : 0;
            close[p * parts + q] = close[q * parts + p] = portable_exp2(x < 900 ? -x : -900);
        }
    }
    return CF_OK;
}

/* Eigenvectors of the normalised Laplacian of the closeness, divided by the roots of the degrees; the largest value is 1. */
static cf_status place_by_vectors(double *close, size_t parts, size_t components, double *place) {
    AUTO_FREE double *degree = NULL;
    double largest = 0;
    FORWARD(memory_new(parts * (parts + 2), sizeof *degree, &degree));
    double *values = degree + parts, *vectors = values + parts;
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
    return CF_OK;
}

static cf_status place_parts(const double *mean, size_t parts, size_t dim, size_t components, double *place) {
    AUTO_FREE double *close = NULL;
    if (parts <= 2 * components) { /* at 1 on the first axes, then at -1 */
        const size_t half = (parts + 1) / 2;
        for (size_t p = 0; p < parts; p++) place[p * components + p % half] = p < half ? 1 : -1;
        return CF_OK;
    }
    FORWARD(memory_new(parts * parts, sizeof *close, &close));
    FORWARD(closeness_of_parts(mean, parts, dim, close));
    return place_by_vectors(close, parts, components, place);
}

/* Half the way to the nearest other place that is not the same. */
static double room_around(const double *place, size_t parts, size_t components, size_t p) {
    double nearest = INFINITY;
    for (size_t q = 0; q < parts; q++) {
        const double square = square_between(place + p * components, place + q * components, components);
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
    FORWARD(connected_layout(&own, part->coordinates, why));
    const double largest = largest_magnitude(part->coordinates, count);
    for (size_t e = 0; e < count; e++) part->coordinates[e] = (float)((double)part->coordinates[e] * room / largest);
    return CF_OK;
}

/* part[n] in 0 .. parts - 1, 2 <= parts <= SPECTRAL_MOST_PARTS. Up to twice as many parts as components lie on the axes, at 1
 * and -1; more are placed by the eigenvectors of the closeness of their mean points. Each part is then drawn around its place,
 * half as large as the way to the nearest other. */
static cf_status place_all_parts(const SpectralJob *job, const uint32_t *part, size_t parts, float *coordinates,
                                 char *why) {
    const size_t n = job->graph->n, dim = (size_t)job->points->dim, components = (size_t)job->components;
    AUTO_FREE double *mean = NULL, *place = NULL;
    AUTO_FREE size_t *size = NULL, *seen = NULL;
    AUTO_FREE uint32_t *number = NULL;
    FORWARD(memory_new(parts * dim, sizeof *mean, &mean));
    FORWARD(memory_new(parts * components, sizeof *place, &place));
    FORWARD(memory_new(parts, sizeof *size, &size));
    FORWARD(memory_new(parts, sizeof *seen, &seen));
    FORWARD(memory_new(n, sizeof *number, &number));
    for (size_t i = 0; i < n; i++) number[i] = (uint32_t)seen[part[i]]++;
    mean_points(job, part, parts, mean, size);
    FORWARD(place_parts(mean, parts, dim, components, place));
    for (uint32_t p = 0; p < parts && !why[0]; p++) {
        AUTO(part_free) Part own = {0};
        FORWARD(take_part(job, part, p, size[p], number, &own));
        FORWARD(draw_part(job, p, room_around(place, parts, components, p), &own, why));
        for (size_t v = 0; v < own.graph.n; v++)
            for (size_t c = 0; c < components; c++)
                coordinates[own.vertex[v] * components + c] =
                    own.coordinates[v * components + c] + (float)place[p * components + c];
    }
    return CF_OK;
}

/* ---- Any graph ---- */

cf_status spectral_layout(const SpectralJob *job, float *coordinates, char *why) {
    const size_t n = job->graph->n;
    AUTO_FREE uint32_t *part = NULL;
    size_t parts;
    why[0] = 0;
    FORWARD(memory_new(n, sizeof *part, &part));
    FORWARD(fuzzy_graph_parts(job->graph, part, &parts));
    if (parts > 1 && parts <= SPECTRAL_MOST_PARTS) return place_all_parts(job, part, parts, coordinates, why);
    if (parts == 1 && n > (size_t)job->components + 1) return connected_layout(job, coordinates, why);
    if (parts > 1)
        snprintf(why, 100, "the graph is in %zu parts", parts);
    else
        snprintf(why, 100, "%zu points are too few for eigenvectors", n);
    return CF_OK;
}

size_t spectral_memory(size_t n, int others, int components) {
    const size_t values = 2 * n * (size_t)others * sizeof(float), known = n * sizeof(double);
    /* A graph in parts has a part's copy beside it. */
    return fuzzy_graph_size(n, others) + values + known + n * (size_t)components * sizeof(double) +
           eigen_memory(n, components);
}
