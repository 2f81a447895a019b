#include "embed/quality_inside.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/slices.h"

#include <math.h>
#include <stdlib.h>

cf_status plane_new(const Points *embedding, const uint32_t *rows, size_t n, Plane *plane) {
    Plane made = {.n = n, .components = embedding->dim, .scale = 1};
    int exponent;
    FORWARD(memory_new(n * (size_t)embedding->dim, sizeof(float), &made.values));
    frexp(largest_magnitude(embedding->values, embedding->n * (size_t)embedding->dim), &exponent);
    made.scale = ldexp(1, -exponent);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < made.components; c++) {
            float value = points_row(embedding, rows ? rows[i] : i)[c];
            made.values[(size_t)c * n + i] = (float)((double)value * made.scale);
        }
    *plane = made;
    return CF_OK;
}

void plane_free(Plane *plane) {
    free(plane->values);
    *plane = (Plane){0};
}

static int compare_rows(const void *left, const void *right) {
    const uint32_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

cf_status sample_rows(size_t n, size_t wanted, uint64_t seed, uint32_t **rows, size_t *count) {
    uint32_t *made;
    FORWARD(memory_new(n, sizeof *made, &made));
    for (size_t i = 0; i < n; i++) made[i] = (uint32_t)i;
    *count = n;
    if (n > QUALITY_EXACT) {
        RngStream stream = rng_stream(seed, RNG_QUALITY, 0, 0);
        rng_shuffle(&stream, made, n);
        qsort(made, wanted, sizeof *made, compare_rows);
        *count = wanted;
    }
    *rows = made;
    return CF_OK;
}

static cf_status measure_correlated(const Points *points, const Points *embedding, const QualityOptions *options,
                                    Quality *quality) {
    QualityOptions cosine = *options;
    Points centered;
    float *values;
    FORWARD(points_centered(points, &centered, &values));
    cosine.metric = METRIC_COSINE;
    const cf_status status = measure_ranks(&centered, embedding, &cosine, quality);
    free(values);
    return status;
}

cf_status quality_measure(const Points *points, const Points *embedding, const int *labels,
                          const QualityOptions *options, Quality *quality) {
    Quality made = {.trustworthiness = NAN, .continuity = NAN, .knn_accuracy = NAN, .silhouette = NAN};
    QualityOptions own = *options;
    FAIL_IF(points->n != embedding->n, CF_BAD_USE, "%zu points and %zu embedded ones cannot be compared", points->n,
            embedding->n);
    FAIL_IF(embedding->dim > QUALITY_MOST_COMPONENTS, CF_BAD_USE,
            "an embedding of %d components; at most %d are measured", embedding->dim, QUALITY_MOST_COMPONENTS);
    own.threads = slices_threads(options->threads);
    size_t half = (points->n - 1) / 2;
    made.k = half < QUALITY_K ? (int)half : QUALITY_K;
    if (made.k > 0) {
        FORWARD((own.metric == METRIC_CORRELATION ? measure_correlated : measure_ranks)(points, embedding, &own, &made));
        if (labels) FORWARD(measure_labels(embedding, labels, &own, &made));
    }
    *quality = made;
    return CF_OK;
}

size_t quality_memory(size_t n, int dim, int threads) {
    double strips = 4.0 * fmin(1 << 23, 256.0 * (double)n), rows = n > QUALITY_EXACT ? QUALITY_RANK_SAMPLE : (double)n;
    double total = (strips + 8.0 * (double)n) * slices_threads(threads) + 4.0 * (dim + 1.0) * ((double)n + rows) +
                   64.0 * (double)n;
    return total < 9e18 ? (size_t)total : SIZE_MAX;
}
