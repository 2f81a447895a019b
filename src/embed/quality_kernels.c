/* The loops over all points. Compiled without errno for square roots; the order of every sum is fixed. */
#include "embed/quality.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, CHUNK = 64, PART = 1024 };

EVERY_ISA void plane_distances(const Plane *plane, size_t i, float *distances) {
    for (size_t from = 0; from < plane->n; from += PART) {
        size_t to = from + PART < plane->n ? from + PART : plane->n;
        for (int c = 0; c < plane->components; c++) {
            const float *values = plane->values + (size_t)c * plane->n;
            float own = values[i];
            for (size_t j = from; j < to; j++) {
                float off = values[j] - own;
                distances[j] = c ? distances[j] + off * off : off * off;
            }
        }
    }
    distances[i] = INFINITY;
}

EVERY_ISA double plane_sum(const Plane *plane, const float *x, size_t from, size_t to) {
    double sum = 0;
    for (; from < to; from += PART) {
        size_t count = to - from < PART ? to - from : PART;
        float square[PART], lanes[LANES] = {0};
        for (int c = 0; c < plane->components; c++) {
            const float *values = plane->values + (size_t)c * plane->n + from;
            for (size_t j = 0; j < count; j++) {
                float off = values[j] - x[c];
                square[j] = c ? square[j] + off * off : off * off;
            }
        }
        for (size_t j = count; j < (count + LANES - 1) / LANES * LANES; j++) square[j] = 0;
        for (size_t j = 0; j < count; j += LANES)
            for (size_t l = 0; l < LANES; l++) lanes[l] += sqrtf(square[j + l]);
        for (size_t l = 0; l < LANES; l++) sum += (double)lanes[l];
    }
    return sum;
}

/* How many of CHUNK distances are below the limit. A plain sum: compilers make vectors of it, and not of "any". */
static inline __attribute__((always_inline)) int chunk_below(const float *distances, float limit) {
    int below = 0;
    for (int l = 0; l < CHUNK; l++) below += distances[l] < limit;
    return below;
}

/* A value that at least k of the distances are below: the minima of CHUNK interleaved parts are that many of them. */
static inline __attribute__((always_inline)) float enough(const float *distances, size_t n, int k) {
    float least[CHUNK], sorted[CHUNK];
    if (n < CHUNK || k > CHUNK) return INFINITY;
    memcpy(least, distances, sizeof least);
    for (size_t from = CHUNK; from + CHUNK <= n; from += CHUNK)
        for (int l = 0; l < CHUNK; l++)
            least[l] = distances[from + (size_t)l] < least[l] ? distances[from + (size_t)l] : least[l];
    for (int l = 0; l < CHUNK; l++) {
        int at = l;
        for (; at > 0 && least[l] < sorted[at - 1]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = least[l];
    }
    return nextafterf(sorted[k - 1], INFINITY);
}

EVERY_ISA void smallest(const float *distances, size_t n, int k, float *values, uint32_t *places) {
    float limit = enough(distances, n, k);
    for (int c = 0; c < k; c++) values[c] = limit, places[c] = UINT32_MAX;
    for (size_t from = 0; from < n; from += CHUNK) {
        size_t to = from + CHUNK < n ? from + CHUNK : n;
        if (to - from == CHUNK && !chunk_below(distances + from, values[k - 1])) continue;
        for (size_t j = from; j < to; j++) {
            int at = k - 1;
            if (!(distances[j] < values[at])) continue;
            for (; at > 0 && distances[j] < values[at - 1]; at--) {
                values[at] = values[at - 1];
                places[at] = places[at - 1];
            }
            values[at] = distances[j];
            places[at] = (uint32_t)j;
        }
    }
}

EVERY_ISA void count_below(const float *distances, size_t n, const float *limits, int count, uint32_t *counts) {
    for (int t = 0; t < count; t++) counts[t] = 0;
    for (size_t from = 0; from < n; from += PART) {
        int size = n - from < PART ? (int)(n - from) : PART;
        for (int t = 0; t < count; t++) {
            const float *part = distances + from;
            float limit = limits[t];
            int below = 0;
            for (int j = 0; j < size; j++) below += part[j] < limit;
            counts[t] += (uint32_t)below;
        }
    }
}

EVERY_ISA void products_to_distances(const float *products, float norm, const float *norms, size_t n,
                                     float *distances) {
    for (size_t j = 0; j < n; j++) distances[j] = (norm + norms[j]) - 2 * products[j];
}
