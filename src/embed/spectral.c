#include "embed/spectral.h"

#include "base/memory.h"
#include "base/rng.h"
#include "embed/eigen.h"
#include "embed/spectral_parts.h"
#include "embed/symmetric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DENSE = 100 }; /* up to so many vertices the whole matrix is turned */

/* ---- A connected graph ---- */

/* D^-1/2 W D^-1/2, whose eigenvalues are 1 - lambda, and its known eigenvector to 1, the square roots of the degrees. */
typedef struct Normalised {
    float *value;
    double *known;
} Normalised;

static void normalised_free(Normalised *normalised) {
    free(normalised->value);
    free(normalised->known);
}

static cf_status normalise(const FuzzyGraph *graph, Normalised *normalised) {
    const size_t n = graph->n;
    double *known, total = 0;
    FORWARD(memory_new(graph->start[n], sizeof(float), &normalised->value));
    FORWARD(memory_new(n, sizeof(double), &normalised->known));
    known = normalised->known;
    for (size_t i = 0; i < n; i++) {
        double degree = 0;
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) degree += (double)graph->weight[e];
        known[i] = sqrt(degree);
        total += degree;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
            normalised->value[e] = (float)((double)graph->weight[e] / (known[i] * known[graph->column[e]]));
    for (size_t i = 0; i < n; i++) known[i] /= sqrt(total);
    return CF_OK;
}

static void make_largest_positive(double *vector, size_t n) {
    size_t largest = 0;
    for (size_t i = 1; i < n; i++)
        if (fabs(vector[i]) > fabs(vector[largest])) largest = i;
    if (vector[largest] < 0)
        for (size_t i = 0; i < n; i++) vector[i] = -vector[i];
}

/* The eigenvalue 1 of the known vector is moved to -1, out of the way. */
static cf_status dense_vectors(const SpectralJob *job, const Normalised *normalised, double *values, double *vectors) {
    const FuzzyGraph *graph = job->graph;
    const size_t n = graph->n;
    double *a, *all, *found;
    FORWARD(memory_new(2 * n * n + n, sizeof *a, &a));
    all = a + n * n;
    found = all + n * n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) a[i * n + j] = -2 * normalised->known[i] * normalised->known[j];
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
            a[i * n + graph->column[e]] += (double)normalised->value[e];
    }
    symmetric_eigen(a, (int)n, found, all);
    for (int c = 0; c < job->components; c++) {
        values[c] = found[c];
        for (size_t i = 0; i < n; i++) vectors[(size_t)c * n + i] = all[(size_t)c * n + i];
        make_largest_positive(vectors + (size_t)c * n, n);
    }
    free(a);
    return CF_OK;
}

cf_status spectral_vectors(const SpectralJob *job, double *values, double *vectors, double *residual) {
    const FuzzyGraph *graph = job->graph;
    Normalised normalised = {0};
    cf_status status;
    *residual = 0;
    FAIL_IF((size_t)job->components >= graph->n, CF_INTERNAL, "%d eigenvectors of %zu vertices", job->components,
            graph->n);
    FORWARD_TO(done, normalise(graph, &normalised));
    if (graph->n <= DENSE) {
        FORWARD_TO(done, dense_vectors(job, &normalised, values, vectors));
    } else {
        SparseMatrix matrix = {graph->n, graph->start, graph->column, normalised.value};
        EigenJob eigen = {&matrix,   normalised.known, job->components, job->tolerance,
                          job->seed, job->threads,     job->go_on,      job->context};
        FORWARD_TO(done, eigen_largest(&eigen, values, vectors, residual));
    }
    for (int c = 0; c < job->components; c++) values[c] = 1 - values[c];
done:
    normalised_free(&normalised);
    return status;
}

/* ---- Any graph ---- */

cf_status spectral_connected(const SpectralJob *job, float *coordinates, char *why) {
    const size_t n = job->graph->n, components = (size_t)job->components;
    double values[EIGEN_MOST], *vectors, residual;
    cf_status status;
    why[0] = 0;
    FORWARD(memory_new(n * components, sizeof *vectors, &vectors));
    FORWARD_TO(done, spectral_vectors(job, values, vectors, &residual));
    if (residual > job->tolerance)
        snprintf(why, 100, "the eigenvectors did not converge: residual %.1e, %.1e was wanted", residual,
                 job->tolerance);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < components; c++) coordinates[i * components + c] = (float)vectors[c * n + i];
done:
    free(vectors);
    return status;
}

cf_status spectral_layout(const SpectralJob *job, float *coordinates, char *why) {
    const size_t n = job->graph->n;
    uint32_t *part;
    size_t parts;
    cf_status status;
    why[0] = 0;
    FORWARD(memory_new(n, sizeof *part, &part));
    FORWARD_TO(done, fuzzy_graph_parts(job->graph, part, &parts));
    if (parts > SPECTRAL_MOST_PARTS)
        snprintf(why, 100, "the graph is in %zu parts", parts);
    else if (parts > 1)
        FORWARD_TO(done, spectral_place_parts(job, part, parts, coordinates, why));
    else if (n <= (size_t)job->components + 1)
        snprintf(why, 100, "%zu points are too few for eigenvectors", n);
    else
        FORWARD_TO(done, spectral_connected(job, coordinates, why));
done:
    free(part);
    return status;
}

size_t spectral_memory(size_t n, int others, int components) {
    const size_t values = 2 * n * (size_t)others * sizeof(float), known = n * sizeof(double);
    /* A graph in parts has a part's copy beside it. */
    return fuzzy_graph_size(n, others) + values + known + n * (size_t)components * sizeof(double) +
           eigen_memory(n, components);
}
